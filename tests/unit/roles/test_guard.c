#include "base/file.h"
#include "roles/guard.h"
#include "rv_test.h"

#include <stdlib.h>

static char run[] = "/tmp/reverie-guard-XXXXXX";

static rv_status show(void *unit, rv_visit visit, void *user)
{
    return visit(user, "batch", RV_F32, 3, unit);
}

static void once_and_then_no_more(void)
{
    int64_t last = 0;
    RV_TEST_OK(rv_guard_last(run, &last));
    CU_ASSERT_EQUAL(last, -1);
    CU_ASSERT_EQUAL(rv_raise(RV_E_NONFINITE, "x is nan"), RV_E_NONFINITE);
    RV_TEST_FAILS(rv_guard_answer(run, 7, last), RV_E_AGAIN, "x is nan; the run goes back");
    CU_ASSERT_EQUAL(rv_status_exit_code(RV_E_AGAIN), 75);
    RV_TEST_OK(rv_guard_last(run, &last));
    CU_ASSERT_EQUAL(last, 7);
    /* it comes again, or before it has got so far */
    for (int64_t tick = 6; tick <= 7; tick++) {
        CU_ASSERT_EQUAL(rv_raise(RV_E_NONFINITE, "x is nan"), RV_E_NONFINITE);
        RV_TEST_FAILS(rv_guard_answer(run, tick, last), RV_E_NONFINITE, "x is nan; so it was before");
    }
    /* later it is another matter */
    CU_ASSERT_EQUAL(rv_raise(RV_E_NONFINITE, "y is nan"), RV_E_NONFINITE);
    RV_TEST_FAILS(rv_guard_answer(run, 123, last), RV_E_AGAIN, "y is nan");
    RV_TEST_OK(rv_guard_last(run, &last));
    CU_ASSERT_EQUAL(last, 123);
}

static void dumps_keep_the_error(void)
{
    float batch[] = {1, NAN, 2};
    char path[RV_PATH];
    rv_state_list list;
    CU_ASSERT_EQUAL(rv_raise(RV_E_NONFINITE, "z is nan"), RV_E_NONFINITE);
    rv_guard_dump(run, 9, "shard", 2, show, batch);
    CU_ASSERT_EQUAL(rv_error_last()->status, RV_E_NONFINITE);
    CU_ASSERT_STRING_EQUAL(rv_error_last()->text, "z is nan");
    RV_TEST_OK(rv_path_join(run, "failures/batches_tick_9_shard_2.safetensors", path));
    RV_TEST_OK(rv_state_inspect(path, &list));
    CU_ASSERT_EQUAL(list.n_arrays, 1);
    rv_state_list_clear(&list);
    char *text = NULL;
    size_t n = 0;
    RV_TEST_OK(rv_path_join(run, "failures/batches_tick_9_shard_2.txt", path));
    RV_TEST_OK(rv_file_read(path, 100, &text, &n));
    CU_ASSERT_STRING_EQUAL(text, "z is nan\n");
    rv_mem_free(&text);
    /* where nothing can be written, the error is what counts */
    CU_ASSERT_EQUAL(rv_raise(RV_E_NONFINITE, "w is nan"), RV_E_NONFINITE);
    rv_guard_dump("/dev/null", 9, "shard", 2, show, batch);
    CU_ASSERT_STRING_EQUAL(rv_error_last()->text, "w is nan");
    RV_TEST_OK(rv_folder_remove(run));
}

static void make_run(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(run));
}

RV_TEST_MAIN("guard", {"make run", make_run}, {"once and then no more", once_and_then_no_more},
             {"dumps keep the error", dumps_keep_the_error})
