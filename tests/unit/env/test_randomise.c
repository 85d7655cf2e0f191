#include "env/randomise.h"
#include "env_test.h"

#include <math.h>

/* ---- distributions ---- */

static void forms(void)
{
    const struct {
        const char *text;
        rv_distribution_kind kind;
        double a, b;
    } good[] = {
        {"uniform(0.8, 1.2)", RV_DISTRIBUTION_UNIFORM, 0.8, 1.2},
        {"uniform(1,1)", RV_DISTRIBUTION_UNIFORM, 1, 1},
        {"log_uniform( 0.5 ,2e0 )", RV_DISTRIBUTION_LOG_UNIFORM, 0.5, 2},
        {"normal(1, 0)", RV_DISTRIBUTION_NORMAL, 1, 0},
        {"normal(0.125, 1.5)", RV_DISTRIBUTION_NORMAL, 0.125, 1.5},
        {"", RV_DISTRIBUTION_NONE, 0, 0},
    };
    rv_distribution d;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        RV_TEST_OK(rv_distribution_parse(good[i].text, 0.1, 2, &d));
        CU_ASSERT(d.kind == good[i].kind && d.a == good[i].a && d.b == good[i].b && d.min == 0.1 && d.max == 2);
    }
    const char *const bad[] = {"uniform",
                               "uniform(1)",
                               "uniform(1, 2",
                               "uniform(1, 2) ",
                               " uniform(1, 2)",
                               "uniform (1, 2)",
                               "uniform(1, 2,)",
                               "uniform(1, 2, 3)",
                               "uniform(1; 2)",
                               "(1, 2)",
                               ", (1)",
                               "uniform(, 1)",
                               "uniform(nan, 1)",
                               "normal(1, inf)",
                               "beta(1, 2)",
                               "unifor(1, 2)",
                               "uniforms(1, 2)",
                               "uniform(1e999, 2)",
                               "1",
                               "uniform(0x1, 2)",
                               "Uniform(1, 2)",
                               "normal(1,)",
                               "uniform(1 1, 2)"};
    d.kind = RV_DISTRIBUTION_NORMAL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        RV_TEST_FAILS(rv_distribution_parse(bad[i], 0, 10, &d), RV_E_CONFIG, "expected uniform(LOW, HIGH), log_");
        CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, bad[i]));
        CU_ASSERT_EQUAL(d.kind, RV_DISTRIBUTION_NORMAL);
    }
}

static void ranges(void)
{
    const struct {
        const char *text, *part;
    } bad[] = {
        {"uniform(2, 1)", "uniform(2, 1): LOW must be at most HIGH"},
        {"log_uniform(2, 1)", "LOW must be at most HIGH"},
        {"uniform(-0.1, 1)", "uniform(-0.1, 1) must lie in [0, 10]"},
        {"uniform(0, 10.1)", "must lie in [0, 10]"},
        {"log_uniform(0, 1)", "log_uniform(0, 1): LOW must be above 0"},
        {"normal(-1, 1)", "the mean of normal(-1, 1) must lie in [0, 10]"},
        {"normal(11, 1)", "the mean of"},
        {"normal(1, -1)", "the standard deviation of normal(1, -1) must lie in [0, 10]"},
        {"normal(1, 10.5)", "the standard deviation of"},
    };
    rv_distribution d;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        RV_TEST_FAILS(rv_distribution_parse(bad[i].text, 0, 10, &d), RV_E_CONFIG, bad[i].part);
    RV_TEST_OK(rv_distribution_parse("uniform(0, 10)", 0, 10, &d));
    RV_TEST_OK(rv_distribution_parse("normal(0, 10)", 0, 10, &d));
}

/* mean and variance of many draws, against the integrals, within 4 standard errors (the fourth moment is taken as that
 * of a normal, which is more than that of the others); all in [low, high] */
static void check_moments(const char *text, double mean, double variance, double low, double high)
{
    enum { N = 40000 };
    rv_distribution d;
    double sum = 0, square = 0, least = INFINITY, most = -INFINITY;
    RV_TEST_OK(rv_distribution_parse(text, 0, 10, &d));
    for (unsigned i = 0; i < N; i++) {
        rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, i);
        double x = rv_distribution_draw(&d, &rng);
        sum += x;
        square += (x - mean) * (x - mean);
        least = fmin(least, x);
        most = fmax(most, x);
    }
    CU_ASSERT_DOUBLE_EQUAL(sum / N, mean, 4 * sqrt(variance / N));
    CU_ASSERT_DOUBLE_EQUAL(square / N, variance, 4 * variance * sqrt(2.0 / N));
    CU_ASSERT(least >= low && most <= high);
}

static void moments(void)
{
    double l = log(4);
    check_moments("uniform(0.5, 2.5)", 1.5, 4.0 / 12, 0.5, 2.5);
    check_moments("log_uniform(0.5, 2)", 1.5 / l, 3.75 / 2 / l - 1.5 / l * 1.5 / l, 0.5, 2);
    check_moments("normal(3, 0.25)", 3, 0.0625, 0, 10);
    /* half of them are redrawn: a half-normal */
    check_moments("normal(0, 0.5)", 0.5 * sqrt(2 / M_PI), 0.25 * (1 - 2 / M_PI), 0, 10);
    rv_distribution d;
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    const char *const points[] = {"uniform(0.7, 0.7)", "log_uniform(0.7, 0.7)", "normal(0.7, 0)"};
    for (int i = 0; i < 3; i++) {
        RV_TEST_OK(rv_distribution_parse(points[i], 0, 10, &d));
        CU_ASSERT_EQUAL(rv_distribution_draw(&d, &rng), 0.7);
    }
}

RV_TEST_MAIN("randomise", {"what a text may be", forms}, {"what its numbers may be", ranges}, {"moments", moments})
