#include "base/job.h"

#include "base/memory.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct rv_job {
    rv_status (*work)(void *user);
    void *user;
    pthread_t thread;
    atomic_bool is_over;
    rv_status status;
    char text[RV_ERROR_TEXT];
};

static void *run(void *user)
{
    rv_job *job = user;
    job->status = job->work(job->user);
    if (job->status != RV_OK)
        snprintf(job->text, sizeof job->text, "%s", rv_error_last()->text);
    atomic_store(&job->is_over, true);
    return NULL;
}

rv_status rv_job_start(rv_status (*work)(void *user), void *user, rv_job **out)
{
    rv_job *job = NULL;
    sigset_t all;
    sigset_t old;
    RV_TRY(RV_NEW(job, 1));
    job->work = work;
    job->user = user;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&job->thread, NULL, run, job);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (e != 0) {
        rv_mem_free(&job);
        return rv_raise(RV_E_OS, "cannot start a thread: %s", strerror(e));
    }
    *out = job;
    return RV_OK;
}

bool rv_job_is_over(const rv_job *job)
{
    return !job || atomic_load(&job->is_over);
}

rv_status rv_job_end(rv_job **at)
{
    rv_job *job = *at;
    rv_status status = RV_OK;
    if (!job)
        return RV_OK;
    pthread_join(job->thread, NULL);
    if (job->status != RV_OK)
        status = rv_raise(job->status, "%s", job->text);
    rv_mem_free(at);
    return status;
}
