#include "base/rng.h"
#include "launch/iqm.h"
#include "rv_test.h"

#include <math.h>

static void takes_hand_values(void)
{
    const double one[] = {3};
    const double two[] = {1, 4};
    const double three[] = {1, 2, 9};
    const double four[] = {-100, 1, 2, 1000};
    const double five[] = {0, 1, 2, 4, 1000};
    const double eight[] = {0, 0, 1, 2, 3, 4, 99, 99};
    CU_ASSERT_DOUBLE_EQUAL(rv_iqm(1, one), 3, 0);
    CU_ASSERT_DOUBLE_EQUAL(rv_iqm(2, two), 2.5, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(rv_iqm(3, three), (1 + 4 * 2 + 9) / 6.0, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(rv_iqm(4, four), 1.5, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(rv_iqm(5, five), (0.75 * 1 + 2 + 0.75 * 4) / 2.5, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(rv_iqm(8, eight), 2.5, 1e-15);
}

/* each of n numbers written down 4 times makes 4 n, of which the middle half is the n-th to the 3 n-th: no fractions */
static void is_the_mean_of_the_middle_half(void)
{
    for (int64_t n = 1; n <= 23; n++) {
        double x[23];
        double sum = 0;
        rv_rng rng = rv_rng_at(7, RV_STREAM_TEST, (uint32_t)n, 0);
        for (int64_t i = 0; i < n; i++)
            x[i] = rv_rng_normal(&rng);
        rv_sort(n, x);
        for (int64_t i = n; i < 3 * n; i++)
            sum += x[i / 4];
        CU_ASSERT_DOUBLE_EQUAL(rv_iqm(n, x), sum / (double)(2 * n), 1e-14);
    }
}

/* numpy.quantile of the same */
static void quantiles(void)
{
    const double x[] = {1, 2, 4, 8};
    CU_ASSERT_DOUBLE_EQUAL(rv_quantile(4, x, 0), 1, 0);
    CU_ASSERT_DOUBLE_EQUAL(rv_quantile(4, x, 1), 8, 0);
    CU_ASSERT_DOUBLE_EQUAL(rv_quantile(4, x, 0.5), 3, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(rv_quantile(4, x, 0.025), 1.075, 1e-14);
    CU_ASSERT_DOUBLE_EQUAL(rv_quantile(4, x, 0.975), 7.7, 1e-14);
    CU_ASSERT_DOUBLE_EQUAL(rv_quantile(1, x, 0.3), 1, 0);
}

static void interval_of(int64_t n, const double *x, double *low, double *high)
{
    rv_resamples resamples;
    RV_TEST_OK(rv_resamples_create(n, &resamples));
    rv_iqm_interval(&resamples, x, low, high);
    rv_resamples_clear(&resamples);
}

static void intervals_of_few(void)
{
    const double same[] = {5, 5, 5};
    const double two[] = {1, 4};
    double low = 0;
    double high = 0;
    interval_of(3, same, &low, &high);
    CU_ASSERT_DOUBLE_EQUAL(low, 5, 1e-14);
    CU_ASSERT_DOUBLE_EQUAL(high, 5, 1e-14);
    /* a list of two is {1, 1}, {1, 4} or {4, 4}, with 1/4, 1/2, 1/4 */
    interval_of(2, two, &low, &high);
    CU_ASSERT_DOUBLE_EQUAL(low, 1, 1e-14);
    CU_ASSERT_DOUBLE_EQUAL(high, 4, 1e-14);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* the same numbers have the same interval, and units do not matter */
static void intervals_are_repeated(void)
{
    const double x[] = {-3, -1, 0, 2, 7};
    double y[5];
    double a[2];
    double b[2];
    double c[2];
    for (int i = 0; i < 5; i++)
        y[i] = 10 + 4 * x[i];
    interval_of(5, x, &a[0], &a[1]);
    interval_of(5, x, &b[0], &b[1]);
    interval_of(5, y, &c[0], &c[1]);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(a[i], b[i]);
        CU_ASSERT_DOUBLE_EQUAL(c[i], 10 + 4 * a[i], 1e-12);
    }
    CU_ASSERT(a[0] < rv_iqm(5, x) && rv_iqm(5, x) < a[1]);
}

/* how often the interval of n normal numbers holds their true IQM, which is 0 */
static double coverage(int64_t n)
{
    enum { TRIALS = 400, MOST = 40 };
    rv_resamples resamples;
    int hits = 0;
    RV_TEST_OK(rv_resamples_create(n, &resamples));
    for (int t = 0; t < TRIALS; t++) {
        double x[MOST];
        double low = 0;
        double high = 0;
        rv_rng rng = rv_rng_at(11, RV_STREAM_TEST, (uint32_t)n, (uint64_t)t);
        for (int64_t i = 0; i < n; i++)
            x[i] = rv_rng_normal(&rng);
        rv_sort(n, x);
        rv_iqm_interval(&resamples, x, &low, &high);
        hits += low <= 0 && 0 <= high;
    }
    rv_resamples_clear(&resamples);
    return (double)hits / TRIALS;
}

/* by numpy 94.5 % of 40 and 90.7 % of 5, here with a standard deviation of 1.1 % and 1.5 % */
static void intervals_hold_the_truth(void)
{
    double of_40 = coverage(40);
    double of_5 = coverage(5);
    printf("coverage: %.3f of 40 numbers, %.3f of 5 ", of_40, of_5);
    CU_ASSERT(of_40 > 0.91 && of_40 < 0.98);
    CU_ASSERT(of_5 > 0.86 && of_5 < 0.95);
}

RV_TEST_MAIN("iqm", {"takes hand values", takes_hand_values},
             {"is the mean of the middle half", is_the_mean_of_the_middle_half}, {"quantiles", quantiles},
             {"intervals of few", intervals_of_few}, {"intervals are repeated", intervals_are_repeated},
             {"intervals hold the truth", intervals_hold_the_truth})
