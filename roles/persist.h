/* persist.h - all units of a loop to a checkpoint and back, whatever rank hosts them (run/checkpoint.h).
 *
 * Between two ticks the ranks only copy their units' states; a thread of each writes the copies to the disk while the
 * loop goes on. At the end of a tick in which all are written, rank 0 learns what everybody wrote, and a thread of its
 * own commits. So a checkpoint is there some ticks after the one that it is of, whole or not at all.
 */
#pragma once
#include "roles/tick.h"
#include "run/checkpoint.h"

/** Take the memory for copies of this rank's units, so that no checkpoint waits for it. Collective. */
rv_status rv_persist_create(rv_loop *loop, rv_persist **out);

/** Waits for writing that is under way; what is not committed then is no checkpoint. */
void rv_persist_destroy(rv_persist **persist);

/** Begin the checkpoint of the ticks done so far; one of the same tick that is there already is kept. Ends the one
 * before first. Collective. */
rv_status rv_persist_save(rv_loop *loop);

/** Is writing under way here? An error of it is this function's. */
rv_status rv_persist_is_busy(rv_loop *loop, int64_t *is_busy);

/** Go on with a checkpoint for which no rank is busy any more. Collective. */
rv_status rv_persist_advance(rv_loop *loop);

/** Wait until the checkpoint that was begun is committed. Collective. */
rv_status rv_persist_finish(rv_loop *loop);

/** Load the checkpoint of a tick into all units and set loop->next_tick. Collective; the same tick on all ranks. */
rv_status rv_persist_load(rv_loop *loop, int64_t tick);

/** May a run with these settings go on from this checkpoint? @return RV_OK; RV_E_CONFIG */
rv_status rv_persist_check(const rv_checkpoint *checkpoint, const rv_config *cfg);
