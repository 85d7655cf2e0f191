/* job.h - one piece of work on a thread of its own, with its error brought back: for writing to disks beside the loop.
 *
 * The thread takes no signals. What the work reads and writes is its own until rv_job_is_over or rv_job_end says so.
 */
#pragma once
#include "base/status.h"

typedef struct rv_job rv_job;

/** @return RV_OK; RV_E_OS; RV_E_NOMEM. The caller ends the job. */
rv_status rv_job_start(rv_status (*work)(void *user), void *user, rv_job **out);

/** Has the work returned? true for NULL. */
bool rv_job_is_over(const rv_job *job);

/** Wait for the work and pass its status on; its error becomes this thread's. *job becomes NULL. RV_OK when it is. */
rv_status rv_job_end(rv_job **job);
