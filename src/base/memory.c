#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Each block is preceded by one cache line that remembers its size. */
typedef struct block_header {
    size_t n_bytes;
} block_header;

static atomic_int_fast64_t n_blocks, n_bytes, n_calls;

rv_status rv_mem_alloc(size_t n, size_t size, void **out)
{
    size_t bytes = 0;
    size_t total = 0;
    bool overflow = __builtin_mul_overflow(n, size, &bytes) || __builtin_add_overflow(bytes, 2 * RV_ALIGN, &total);
    RV_CHECK(!overflow, RV_E_NOMEM, "cannot allocate %zu elements of %zu bytes: the size overflows", n, size);
    total &= ~(size_t)(RV_ALIGN - 1);
    char *p = aligned_alloc(RV_ALIGN, total);
    RV_CHECK(p, RV_E_NOMEM, "cannot allocate %zu bytes: out of memory", bytes);
    memset(p, 0, total);
    ((block_header *)(void *)p)->n_bytes = bytes;
    atomic_fetch_add(&n_blocks, 1);
    atomic_fetch_add(&n_bytes, (int_fast64_t)bytes);
    atomic_fetch_add(&n_calls, 1);
    *out = p + RV_ALIGN;
    return RV_OK;
}

rv_status rv_mem_resize(size_t n_old, size_t n, size_t size, void **p)
{
    void *fresh = NULL;
    RV_TRY(rv_mem_alloc(n, size, &fresh));
    if (*p)
        memcpy(fresh, *p, (n_old < n ? n_old : n) * size);
    rv_mem_free(p);
    *p = fresh;
    return RV_OK;
}

void rv_mem_free_at(void **p)
{
    if (!*p)
        return;
    char *block = (char *)*p - RV_ALIGN;
    atomic_fetch_sub(&n_blocks, 1);
    atomic_fetch_sub(&n_bytes, (int_fast64_t)((block_header *)(void *)block)->n_bytes);
    free(block);
    *p = NULL;
}

int64_t rv_mem_blocks(void)
{
    return atomic_load(&n_blocks);
}

int64_t rv_mem_bytes(void)
{
    return atomic_load(&n_bytes);
}

int64_t rv_mem_calls(void)
{
    return atomic_load(&n_calls);
}
