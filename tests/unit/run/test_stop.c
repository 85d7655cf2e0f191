#include "base/clock.h"
#include "base/file.h"
#include "run/stop.h"
#include "rv_test.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void test_limits(void)
{
    char folder[] = "/tmp/test_stop.XXXXXX";
    char path[RV_PATH];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/stop", folder);
    rv_stop_limits none = {.run_dir = folder, .step = INT64_MAX, .unix_s = (double)INFINITY};
    CU_ASSERT_EQUAL(rv_stop_look(&none, INT64_MAX - 1), RV_STOP_NO);

    rv_stop_limits steps = none;
    steps.step = 100;
    CU_ASSERT_EQUAL(rv_stop_look(&steps, 99), RV_STOP_NO);
    CU_ASSERT_EQUAL(rv_stop_look(&steps, 100), RV_STOP_STEPS);

    rv_stop_limits seconds = none;
    seconds.unix_s = rv_clock_unix() + 1000;
    CU_ASSERT_EQUAL(rv_stop_look(&seconds, 0), RV_STOP_NO);
    seconds.unix_s = rv_clock_unix() - 1;
    CU_ASSERT_EQUAL(rv_stop_look(&seconds, 0), RV_STOP_TIME);

    RV_TEST_OK(rv_file_write(path, "", 0));
    CU_ASSERT_EQUAL(rv_stop_look(&none, 0), RV_STOP_FILE);
    CU_ASSERT_EQUAL(rv_stop_look(NULL, 0), RV_STOP_NO); /* a rank that does not look */
    rv_stop_forget(&none);
    CU_ASSERT_FALSE(rv_file_exists(path));
    CU_ASSERT_EQUAL(rv_stop_look(&none, 0), RV_STOP_NO);
    rv_stop_forget(&none); /* nothing to forget is no mistake */
    RV_TEST_OK(rv_folder_remove(folder));
}

static void test_signal(void)
{
    rv_stop_watch_signals(false);
    CU_ASSERT_FALSE(rv_stop_requested());
    CU_ASSERT_EQUAL(raise(SIGUSR1), 0);
    CU_ASSERT_TRUE(rv_stop_requested());
    CU_ASSERT_EQUAL(rv_stop_look(NULL, 0), RV_STOP_SIGNAL);
}

static void test_texts(void)
{
    for (int reason = RV_STOP_STEPS; reason <= RV_STOP_SIGNAL; reason++)
        CU_ASSERT(strlen(rv_stop_text((rv_stop)reason)) > 0);
}

RV_TEST_MAIN("stop", {"limits", test_limits}, {"signal", test_signal}, {"texts", test_texts})
