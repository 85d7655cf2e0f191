/* launcher.h - starts mpirun on this very program and stays with it: flags, signals, exit code. */
#pragma once
#include "base/file.h"

/* set for the ranks: the run directory is ready (its config.yaml is resolved); the width of the user's terminal */
#define RV_PREPARED_RUN     "REVERIE_PREPARED_RUN"
#define RV_PROGRESS_COLUMNS "REVERIE_PROGRESS_COLUMNS"

/** Ranks when the user names no number: the tasks of the Slurm allocation, else the cores that this process may use. */
int rv_launcher_default_ranks(void);

/** Whether there is an mpirun to start. @return RV_OK; RV_E_UNAVAILABLE */
rv_status rv_launcher_check(void);

/** The path of this very program. @return RV_OK; RV_E_OS */
rv_status rv_launcher_self(char path[RV_PATH]);

/** Start n_ranks ranks on the prepared run and wait for their end. SIGINT, SIGTERM, SIGHUP and SIGUSR1 ask the ranks to
 * stop at the end of the tick, the first three a second time end them at once. Ranks end when this process does.
 * @return the exit code of the run; what was wrong has been said */
int rv_launcher_run(int n_ranks, const char *run_dir, int resume);
