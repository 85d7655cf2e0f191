/* run.h - one rank's whole life in a run: from an agreed configuration to the last checkpoint. */
#pragma once
#include "base/file.h"
#include "comm/world.h"
#include "roles/layout.h"
#include "run/config.h"

typedef struct rv_run_plan {
    rv_config cfg;
    char run_dir[RV_PATH]; /* exists, with config.yaml */
    bool resume;           /* from the newest checkpoint, which is at first_tick */
    int64_t first_tick;
    int columns; /* width of the terminal that shows progress; 0: not a terminal */
} rv_run_plan;

/** Run. plan is the same on all ranks. Collective. After an error the job is ended here (rv_world_abort): the rank that
 * has it says so, with its number, roles and host, and asks no other.
 * @return RV_OK; RV_E_STOPPED, on all ranks alike */
rv_status rv_run(rv_world *world, const rv_run_plan *plan);

/** Where a resumed run starts: checks the newest checkpoint's settings and place, loads nothing, sets first_tick. A run
 * that has no checkpoint yet starts from the beginning (resume becomes false).
 * @param[in] verify whether to compare the files with their hashes, and to read the journal: what is corrupt is then
 * found before ranks start
 * @return RV_OK; RV_E_DATA; RV_E_CONFIG */
rv_status rv_run_find_start(rv_run_plan *plan, bool verify);
