/* launcher.h - starts mpirun on this very program and stays with it: flags, signals, exit code. */
#pragma once

/* set for the ranks: the run directory is ready (its config.yaml is resolved); the width of the user's terminal */
#define RV_PREPARED_RUN     "REVERIE_PREPARED_RUN"
#define RV_PROGRESS_COLUMNS "REVERIE_PROGRESS_COLUMNS"

/** Ranks when the user names no number: the tasks of the Slurm allocation, else the cores that this process may use. */
int rv_launcher_default_ranks(void);

/** Start n_ranks ranks on the prepared run and wait for their end. SIGINT, SIGTERM and SIGUSR1 ask the ranks to stop
 * at the end of the tick; a second SIGINT or SIGTERM ends them at once. @return the exit code of the run */
int rv_launcher_run(int n_ranks, const char *run_dir, int resume);
