#include "launch/history_chart.h"
#include "rv_test.h"

/* n points: step 10 i, mean i, low -i, high 2 i */
static rv_series make(int64_t n)
{
    rv_series s = {.n = n, .room = n};
    RV_TEST_OK(RV_NEW(s.points, n));
    for (int64_t i = 0; i < n; i++)
        s.points[i] = (rv_point){i, 10 * i, 1, (double)i, -(double)i, 2 * (double)i};
    return s;
}

static void keeps_few_points(void)
{
    rv_chart chart;
    rv_series s = make(300);
    RV_TEST_OK(rv_history_chart("title", "y", 2, 2990, &chart));
    CU_ASSERT_STRING_EQUAL(chart.x_label, "real steps");
    RV_TEST_OK(rv_history_curve(&s, "curve", 2990, true, &chart.curves[0]));
    RV_TEST_OK(rv_history_faint(&s, 2990, &chart.curves[0]));
    const rv_curve *c = &chart.curves[0];
    CU_ASSERT_EQUAL_FATAL(c->n, 300);
    CU_ASSERT(c->x[7] == 70 && c->y[7] == 7 && c->low[7] == -7 && c->high[7] == 14);
    CU_ASSERT(c->n_faint == 300 && c->faint_x[7] == 70 && c->faint_y[7] == 7);
    rv_mem_free(&s.points);
    s = make(0);
    RV_TEST_OK(rv_history_curve(&s, "nothing", 2990, false, &chart.curves[1]));
    CU_ASSERT(chart.curves[1].n == 0 && !chart.curves[1].low);
    rv_mem_free(&s.points);
    rv_chart_clear(&chart);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* the mean of all stays, in thousands of steps */
static void puts_many_together(void)
{
    rv_curve c = {.n = 0};
    rv_series s = make(901);
    RV_TEST_OK(rv_history_curve(&s, "curve", 9000, true, &c));
    CU_ASSERT_EQUAL_FATAL(c.n, 300);
    CU_ASSERT(c.y[0] == 1 && c.x[0] == 0.01 && c.low[0] == -2 && c.high[0] == 4);
    CU_ASSERT(c.y[299] == 898.5 && c.high[299] == 1800); /* points 897 to 900 */
    for (int i = 1; i < 300; i++)
        CU_ASSERT(c.x[i] > c.x[i - 1] && c.y[i] > c.y[i - 1]);
    rv_chart chart = {.n_curves = 1};
    RV_TEST_OK(RV_NEW(chart.curves, 1));
    chart.curves[0] = c;
    rv_chart_clear(&chart);
    rv_mem_free(&s.points);
    CU_ASSERT_EQUAL(rv_history_step_unit(4999), 1);
    CU_ASSERT_EQUAL(rv_history_step_unit(5000), 1000);
    CU_ASSERT_EQUAL(rv_history_step_unit(5000000), 1000000);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("history_chart", {"keeps few points", keeps_few_points}, {"puts many together", puts_many_together})
