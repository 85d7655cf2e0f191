/* memory.h - the only allocator: zeroed, aligned to a cache line, sizes checked for overflow, blocks counted.
 *
 * Memory is taken at set-up and given back at the end; the loops that learn allocate nothing.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

enum { RV_ALIGN = 64 };

/** n elements of size bytes each, zeroed, 64-byte aligned; n = 0 gives a valid pointer.
 * @return RV_OK; RV_E_NOMEM (the text says how many bytes were asked for). The caller owns *out. */
rv_status rv_mem_alloc(size_t n, size_t size, void **out);

/** Grow or shrink to n elements; old content is kept, new bytes are zero. *p may be NULL (n_old = 0). */
rv_status rv_mem_resize(size_t n_old, size_t n, size_t size, void **p);

/** Give a block back and set the caller's pointer to NULL; p may point to NULL. Call it as rv_mem_free(&ptr). */
void rv_mem_free_at(void **p);
#define rv_mem_free(p) rv_mem_free_at((void **)(p))

/** Blocks and bytes now held by this process; both are 0 when everything was given back. */
int64_t rv_mem_blocks(void);
int64_t rv_mem_bytes(void);

/** Calls of the allocator since the start: unchanged over a stretch of code that allocates nothing. */
int64_t rv_mem_calls(void);

/** Allocate n elements of what ptr points to. */
#define RV_NEW(ptr, n) rv_mem_alloc((size_t)(n), sizeof *(ptr), (void **)&(ptr))
