#include "base/job.h"
#include "rv_test.h"

#include <stdatomic.h>
#include <unistd.h>

static atomic_int gate;

static rv_status wait_and_fail(void *user)
{
    while (!atomic_load(&gate))
        usleep(100);
    *(int *)user = 7;
    return rv_raise(RV_E_IO, "the disk of %d is full", *(int *)user);
}

static rv_status succeed(void *user)
{
    *(int *)user = 3;
    return RV_OK;
}

static void brings_its_error(void)
{
    rv_job *job = NULL;
    int value = 0;
    rv_raise(RV_E_USAGE, "of this thread");
    RV_TEST_OK(rv_job_start(wait_and_fail, &value, &job));
    CU_ASSERT_FALSE(rv_job_is_over(job));
    CU_ASSERT_STRING_EQUAL(rv_error_last()->text, "of this thread");
    atomic_store(&gate, 1);
    RV_TEST_FAILS(rv_job_end(&job), RV_E_IO, "the disk of 7 is full");
    CU_ASSERT_PTR_NULL(job);
    CU_ASSERT_EQUAL(value, 7);
    RV_TEST_OK(rv_job_start(succeed, &value, &job));
    while (!rv_job_is_over(job))
        usleep(100);
    RV_TEST_OK(rv_job_end(&job));
    CU_ASSERT_EQUAL(value, 3);
    CU_ASSERT(rv_job_is_over(job));
    RV_TEST_OK(rv_job_end(&job));
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("job", {"brings its error", brings_its_error})
