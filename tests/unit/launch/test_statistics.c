#include "launch/statistics.h"
#include "rv_test.h"

static double spearman(int64_t n, const double *a, const double *b)
{
    double rho = 0;
    RV_TEST_OK(rv_spearman(n, a, b, &rho));
    return rho;
}

static void ranks(void)
{
    const double rising[] = {1, 2, 3, 4, 5};
    const double cubes[] = {-1, 8, 27, 64, 1e9};
    const double falling[] = {5, 4, 3, 2, 1};
    const double constant[] = {7, 7, 7, 7, 7};
    CU_ASSERT_DOUBLE_EQUAL(spearman(5, rising, cubes), 1, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(spearman(5, rising, falling), -1, 1e-12);
    CU_ASSERT(isnan(spearman(5, rising, constant)));
    CU_ASSERT(isnan(spearman(2, rising, cubes)));
    CU_ASSERT(isnan(spearman(0, rising, cubes)));
    /* 1 - 6 sum d^2 / (n (n^2 - 1)), with d = (1, -1, 0, 1, -1) */
    const double other[] = {2, 1, 3, 5, 4};
    CU_ASSERT_DOUBLE_EQUAL(spearman(5, rising, other), 1 - 6.0 * 4 / 120, 1e-12);
    /* ties: ranks (0.5, 0.5, 2, 3) against (0, 1, 2.5, 2.5), Pearson's by hand */
    const double a[] = {1, 1, 2, 3};
    const double b[] = {4, 5, 6, 6};
    CU_ASSERT_DOUBLE_EQUAL(spearman(4, a, b), 4 / 4.5, 1e-12);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void bins(void)
{
    const double x[] = {5, 1, 4, 2, 3, 6, 7};
    const double y[] = {50, 10, 40, 20, 30, 60, 70};
    rv_bin bins[3];
    RV_TEST_OK(rv_bins(7, x, y, 3, bins));
    CU_ASSERT(bins[0].n == 2 && bins[1].n == 2 && bins[2].n == 3);
    const double means[] = {bins[0].x, bins[0].y, bins[1].x, bins[1].y, bins[2].x, bins[2].y};
    const double expected[] = {1.5, 15, 3.5, 35, 6, 60};
    RV_TEST_NEAR(6, means, expected, 0, 1e-12);
    RV_TEST_OK(rv_bins(1, x, y, 3, bins));
    CU_ASSERT(bins[0].n == 0 && bins[1].n == 0 && bins[2].n == 1 && isnan(bins[0].x) && isnan(bins[0].y));
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void coverage(void)
{
    /* 68.27 %, 95.45 % and 99.73 % lie within 1, 2 and 3 deviations */
    const double z[] = {-0.99, 1.01, 1.99, -2.01, 2.99, 3.01, 0, 0.5, -0.5, 0.1};
    CU_ASSERT_DOUBLE_EQUAL(rv_coverage(10, z, 0.6827), 0.5, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(rv_coverage(10, z, 0.9545), 0.7, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(rv_coverage(10, z, 0.9973), 0.9, 1e-12);
    CU_ASSERT_EQUAL(rv_coverage(10, z, 1), 1);
    CU_ASSERT(isnan(rv_coverage(0, z, 0.5)));
}

RV_TEST_MAIN("statistics", {"ranks", ranks}, {"bins", bins}, {"coverage", coverage})
