/* world.h - the ranks of a run: who they are, which share a node, and how they wait.
 *
 * One MPI thread per rank. Every wait looks again and again, and yields or sleeps in between, so that a waiting rank
 * leaves its core to others. Errors of MPI come back as status (RV_E_INTERNAL with MPI's own text).
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

enum { RV_WORLD_HOST = 64 };

typedef struct rv_world {
    int rank, size;
    int node; /* nodes are numbered by their lowest rank */
    int n_nodes;
    int node_rank, node_size;
    int *node_of;      /* (size) */
    int *node_rank_of; /* (size) number of a rank among those of its node, in rank order */
    int *leader_of;    /* (n_nodes) lowest rank of each node: it writes the node's real rows */
    bool has_cores;    /* the node has a core for each of its ranks, so a short wait may spin */
    char host[RV_WORLD_HOST];
    double wait_s; /* seconds spent waiting for others, for the time ledger */
    struct rv_world_mpi *mpi;
} rv_world;

/** True when this process was started as a rank (by mpirun, or by srun --mpi=pmix). */
bool rv_world_is_rank(void);

/** Collective over all ranks. From here on a rank ends when who started it does, however that ends. */
rv_status rv_world_create(rv_world **out);

/** Collective over all ranks; after it no MPI call is allowed. */
void rv_world_destroy(rv_world **world);

/** End the whole job now with this exit code; calls no collective, does not return. */
void rv_world_abort(const rv_world *world, int exit_code) __attribute__((noreturn));

/** values (n) become the maximum over all ranks. Collective. */
rv_status rv_world_max(rv_world *world, int n, int64_t *values);

/** bytes of rank 0 reach all ranks. Collective. */
rv_status rv_world_broadcast(rv_world *world, void *bytes, size_t n);

/** n bytes of each rank, in rank order, at rank 0: out (size * n); elsewhere out is not touched. Collective. */
rv_status rv_world_gather(rv_world *world, const void *bytes, size_t n, void *out);

/** All ranks of this node have come here, and see what the others wrote to shared memory before. */
rv_status rv_world_node_barrier(rv_world *world);

/** Memory that all ranks of a node see, zeroed: this rank asks for some bytes (0 is fine, on every node rank its own
 * number), and bases[r], at a cache line, is what the node's rank r asked for. It lives as long as the world.
 * Collective over the node. @param[out] bases (node_size) */
rv_status rv_world_share(rv_world *world, size_t bytes, void **bases);
