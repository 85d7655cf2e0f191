/* supervisor.h - starts the ranks of a run in processes of their own (mpirun on this very program; one rank without
 * it), stays with them, and starts them again when one is lost.
 *
 * Lost is what a restart can cure: a process ended by a signal, mpirun gone or failed, an error of MPI (70, which is
 * how a rank sees that another is gone), a rank that stopped by itself (75). Every other exit code is the run's end. A
 * restart goes on from the newest checkpoint: the first at once, others in a row after a pause (supervisor.backoff_s,
 * doubled each time, a minute at most). After supervisor.restarts of them without a new checkpoint the supervisor gives
 * up.
 *
 * What ranks leave on this host when they are killed is the business of launch/place.h. Ranks end when this process
 * does, however it ends.
 */
#pragma once
#include "base/file.h"
#include "roles/run.h"

/* set for the ranks: the run directory is ready (its config.yaml is resolved); the width of the user's terminal; the
 * real step and the time (seconds since 1970) at which this call of train began, for its limits */
#define RV_PREPARED_RUN     "REVERIE_PREPARED_RUN"
#define RV_PROGRESS_COLUMNS "REVERIE_PROGRESS_COLUMNS"
#define RV_CALL_BEGAN       "REVERIE_CALL_BEGAN"

/** Ranks when the user names no number: the tasks of the Slurm allocation, else the cores that this process may use. */
int rv_supervisor_default_ranks(void);

/** Whether there is an mpirun to start. @return RV_OK; RV_E_UNAVAILABLE */
rv_status rv_supervisor_check(void);

/** The path of this very program. @return RV_OK; RV_E_OS */
rv_status rv_supervisor_self(char path[RV_PATH]);

/** Start n_ranks ranks on the prepared run and stay until its end. SIGINT, SIGTERM, SIGHUP and SIGUSR1 ask the ranks to
 * stop at the end of the tick, the first three a second time end them at once. When this returns no process of the run
 * is left, and nothing of it in /dev/shm and TMPDIR.
 * @return the exit code of the run; what was wrong has been said */
int rv_supervisor_run(const rv_run_plan *plan, int n_ranks);
