/* tick.h - the loop that every rank runs, written once: stages, edges, clocks, checkpoints, stopping.
 *
 *   lockstep:   for each stage A, M, I, P: work, then its edge          then E
 *   pipelined:  work of all stages that this rank hosts, each posting what it made, then all edges
 *
 * At the end of a tick the ranks agree whether somebody was asked to stop, and whether somebody still writes; a
 * checkpoint is begun when it is due, on a stop, and at the end of the run.
 */
#pragma once
#include "roles/ledger.h"
#include "roles/role.h"

/** A point in time of this rank: the clock, and its waiting and moving of data so far. */
typedef struct rv_moment {
    double now, wait, exchange;
} rv_moment;

typedef struct rv_persist rv_persist; /* persist.h */

/** The roles of this rank and where the run is. */
typedef struct rv_loop {
    rv_context *ctx;
    void *roles[RV_N_ROLES];      /* state of each hosted role, NULL for others */
    int64_t next_tick;            /* ticks done */
    rv_pace pace;                 /* what they left to decide from; the same on all ranks */
    rv_persist *persist;          /* the checkpoint under way */
    rv_moment ledger_at;          /* when this rank's last time ledger ended */
    double checkpoint_s;          /* for checkpoints, since then */
    rv_times of_role[RV_N_ROLES]; /* in the work of each role, since then */
} rv_loop;

/** Set up the units of this rank; then, collectively, publish what a first tick reads. resume_tick: go on
 * from the checkpoint of that tick (collective); -1: from the beginning. The caller destroys the loop, also after a
 * failure. */
rv_status rv_loop_create(rv_context *ctx, int64_t resume_tick, rv_loop *out);
void rv_loop_destroy(rv_loop *loop);

/** Run to the end, evaluate the final policy and write the last checkpoint. Collective.
 * @return RV_OK; RV_E_STOPPED after a checkpoint, when some rank was asked to stop; any error of the work: then
 * other ranks still wait, and the caller must end the job (rv_world_abort) */
rv_status rv_loop_run(rv_loop *loop);

/** The role of a stage, 0 to RV_N_ROLES - 1, in the order of a tick. */
const rv_role *rv_loop_role(int stage);
