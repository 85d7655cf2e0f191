#include "base/file.h"
#include "launch/returns.h"
#include "rv_test.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/test_returns.XXXXXX";

static void ledger(FILE *out, int tick, int rank, double work, double wait, double exchange)
{
    fprintf(out,
            "{\"tick\":%d,\"step\":%d,\"role\":\"rank\",\"unit\":%d,\"rank\":%d,\"wall\":1,\"time/work_s\":%g,"
            "\"time/wait_s\":%g,\"time/exchange_s\":%g}\n",
            tick, 50 * (tick + 1), rank, rank, work, wait, exchange);
}

static void evaluation(FILE *out, int tick, int step, const char *value)
{
    fprintf(out,
            "{\"tick\":%d,\"step\":%d,\"role\":\"evaluator\",\"unit\":0,\"rank\":1,\"wall\":2,"
            "\"eval/mean_reward\":%s,\"eval/std_reward\":1}\n",
            tick, step, value);
}

/* ticks 0 to 2 on two ranks, then one; then what the caller adds */
static FILE *begin(void)
{
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    ledger(out, 0, 0, 1, 0.5, 0.25);
    ledger(out, 0, 1, 9, 9, 9); /* another rank's seconds are rank 0's */
    evaluation(out, 1, 50, "-7.5");
    ledger(out, 1, 0, 2, 0, 0);
    ledger(out, 1, 1, 0, 0, 0);
    evaluation(out, 2, 100, "3");
    ledger(out, 2, 0, 0.5, 0.25, 0.25);
    return out;
}

static void adds_up(void)
{
    rv_returns r;
    FILE *out = begin();
    evaluation(out, 3, 150, "null"); /* not finite: no evaluation */
    ledger(out, 3, 0, 1, 0, 0);
    evaluation(out, 4, 200, "5");
    ledger(out, 4, 0, 1, 0, 0);
    evaluation(out, 5, 250, "6"); /* its tick is not whole */
    fputs("{\"tick\":5,\"step\"", out);
    fclose(out);
    RV_TEST_OK(rv_returns_read(path, &r));
    CU_ASSERT_EQUAL_FATAL(r.n, 3);
    const double expected[][4] = {{50, 3.75, 7.5, -7.5}, {100, 4.75, 8.5, 3}, {200, 6.75, 10.5, 5}};
    for (int i = 0; i < 3; i++) {
        for (int axis = 0; axis < RV_N_AXES; axis++)
            CU_ASSERT_DOUBLE_EQUAL(r.x[axis][i], expected[i][axis], 1e-12);
        CU_ASSERT_EQUAL(r.y[i], expected[i][3]);
    }
    const double places[] = {49, 50, 99, 100, 1e9};
    const int64_t at[] = {-1, 0, 0, 1, 2};
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(rv_returns_at(&r, r.n, RV_AXIS_STEPS, places[i]), at[i]);
    CU_ASSERT_EQUAL(rv_returns_at(&r, 2, RV_AXIS_STEPS, 1e9), 1);
    CU_ASSERT_EQUAL(rv_returns_at(&r, r.n, RV_AXIS_WALL, 4.75), 1);
    rv_returns_clear(&r);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void many(void)
{
    rv_returns r;
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    for (int t = 0; t < 500; t++) {
        evaluation(out, t, 50 * (t + 1), "1");
        ledger(out, t, 0, 1, 0, 0);
    }
    fclose(out);
    RV_TEST_OK(rv_returns_read(path, &r));
    CU_ASSERT_EQUAL(r.n, 500);
    CU_ASSERT_EQUAL(r.x[RV_AXIS_CORE][499], 500);
    rv_returns_clear(&r);
}

static void refuses(void)
{
    rv_returns r;
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    ledger(out, 0, 0, 1, 0, 0);
    fclose(out);
    RV_TEST_FAILS(rv_returns_read(path, &r), RV_E_NOINPUT, "holds no evaluation yet");
    out = begin();
    fputs("{\"tick\":3,\"step\":200,\"role\":\"rank\",\"unit\":0,\"rank\":0,\"wall\":1,\"time/work_s\":1}\n", out);
    fclose(out);
    RV_TEST_FAILS(rv_returns_read(path, &r), RV_E_DATA, "tick 3, rank 0: expected seconds in time/work_s");
    out = begin();
    evaluation(out, 3, 100, "1");
    fclose(out);
    RV_TEST_FAILS(rv_returns_read(path, &r), RV_E_DATA, "tick 3: an evaluation at step 100, which is not after");
    RV_TEST_FAILS(rv_returns_read("/nonexistent/metrics.jsonl", &r), RV_E_NOINPUT, "cannot open");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
    unlink(path);
}

static void set_up(void)
{
    int file = mkstemp(path);
    CU_ASSERT_FATAL(file >= 0);
    close(file);
}

RV_TEST_MAIN("returns", {"set up", set_up}, {"adds up", adds_up}, {"many", many}, {"refuses", refuses})
