/* shared.h - memory of this rank that the other ranks of its node can read.
 *
 * Set-up has two steps, because a node takes its memory at once: every rank reserves what it needs, in any order, then
 * all open. What lies there is sent without a copy in between (exchange.h) and summed where it is (tree_sum.h). A rank
 * alone on its node gets ordinary memory.
 */
#pragma once
#include "comm/world.h"

typedef struct rv_shared rv_shared;

/** The caller destroys it, after the last use of its memory and before the world. */
rv_status rv_shared_create(rv_world *world, rv_shared **out);
void rv_shared_destroy(rv_shared **shared);

/** n elements of size bytes, at a cache line: *at is set by rv_shared_open and must still exist then; until then it
 * is NULL. @return RV_OK; RV_E_NOMEM; RV_E_INTERNAL after rv_shared_open */
rv_status rv_shared_reserve(rv_shared *shared, size_t n, size_t size, void **at);
#define RV_SHARED_NEW(shared, ptr, n) rv_shared_reserve((shared), (size_t)(n), sizeof *(ptr), (void **)&(ptr))

/** All that was reserved is there from here on, zeroed. Collective over the node's ranks. */
rv_status rv_shared_open(rv_shared *shared);

/* ---- for the files of this folder: how ranks of a node find each other's memory ---- */

enum { RV_SHARED_NAMES = 32 };

/** The next reservation gets a name, below RV_SHARED_NAMES, under which other ranks find it. */
rv_status rv_shared_name_next(rv_shared *shared, int name);

/** The lowest name from here on that this rank has not given yet. */
int rv_shared_free_name(const rv_shared *shared, int from);

/** What a rank of this node reserved under a name; NULL when it reserved nothing, or memory is not open. */
void *rv_shared_find(const rv_shared *shared, int node_rank, int name);

/** Do n bytes lie in this rank's memory, for others to read? Then *offset is where. */
bool rv_shared_contains(const rv_shared *shared, const void *bytes, size_t n, uint64_t *offset);

/** n bytes of a rank of this node at an offset that it sent; NULL when they do not lie in its memory. */
const void *rv_shared_at(const rv_shared *shared, int node_rank, uint64_t offset, uint64_t n);
