/* persist.h - all units of a loop to a checkpoint and back, whatever rank hosts them (run/checkpoint.h). */
#pragma once
#include "roles/tick.h"
#include "run/checkpoint.h"

/** Write the checkpoint of the ticks done so far; a checkpoint of the same tick that is there already is kept.
 * Collective. */
rv_status rv_persist_save(rv_loop *loop);

/** Load the checkpoint of a tick into all units and set loop->next_tick. Collective; the same tick on all ranks. */
rv_status rv_persist_load(rv_loop *loop, int64_t tick);

/** May a run with these settings go on from this checkpoint? @return RV_OK; RV_E_CONFIG */
rv_status rv_persist_check(const rv_checkpoint *checkpoint, const rv_config *cfg);
