/* run.h - one rank's whole life in a run: from an agreed configuration to the last checkpoint. */
#pragma once
#include "base/file.h"
#include "comm/world.h"
#include "roles/layout.h"
#include "run/config.h"
#include "run/stop.h"

typedef struct rv_run_plan {
    rv_config cfg;
    char run_dir[RV_PATH]; /* exists, with config.yaml */
    bool resume;           /* from the checkpoint of first_tick */
    int64_t first_tick;
    rv_stop_limits limits; /* run_dir is not set */
    int64_t rolled_back;   /* tick whose failure was answered with a new try last (roles/guard.h); -1: none */
    int columns;           /* width of the terminal that shows progress; 0: not a terminal */
} rv_run_plan;

/** Run. plan is the same on all ranks. Collective. After an error the job is ended here (rv_world_abort): the rank that
 * has it says so, with its number, roles and host, and asks no other.
 * @return RV_OK; RV_E_STOPPED, on all ranks alike */
rv_status rv_run(rv_world *world, const rv_run_plan *plan);

/** Where a resumed run starts: finds the newest good checkpoint, checks its settings, its place and the journal, loads
 * nothing, sets first_tick. Rank 0 does this for all, so that all load the same one. A run that has no checkpoint yet
 * starts from the beginning (resume becomes false); one whose checkpoints are all bad does not.
 * @param[in] is_loud say which checkpoints are bad, and that there is none
 * @return RV_OK; RV_E_DATA; RV_E_CONFIG */
rv_status rv_run_find_start(rv_run_plan *plan, bool is_loud);
