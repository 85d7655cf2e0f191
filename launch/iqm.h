/* iqm.h - the interquartile mean over seeds and how sure it is (Agarwal et al. 2021, "Deep Reinforcement Learning at
 * the Edge of the Statistical Precipice").
 *
 *   IQM = 2 sum_i w_i x_(i),   w_i = length of [i / n, (i + 1) / n] within [1/4, 3/4],   i = 0..n-1, x_(i) ascending
 *
 * is the mean of the middle half of n numbers, each of which stands for 1 / n: those at its edges count in part, so
 * that no number of seeds is rounded. With 1 or 2 it is the mean, with 3 it is (x_(0) + 4 x_(1) + x_(2)) / 6.
 *
 * The interval is the percentile bootstrap's: the 2.5 % and 97.5 % quantiles of the IQM of RV_RESAMPLES lists of n
 * numbers drawn from the n with replacement. With few seeds it is too narrow: of normal numbers, the interval of 2, 3,
 * 4, 5, 10 or 40 holds the true value in 49, 75, 87, 91, 93 or 94 cases of 100.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

enum { RV_RESAMPLES = 2000 };

/** The IQM of n >= 1 numbers in ascending order. */
double rv_iqm(int64_t n, const double *ascending);

/** Sort in place, ascending; numbers are finite. */
void rv_sort(int64_t n, double *x);

/** The quantile q in [0, 1] of n >= 1 numbers in ascending order, linear between neighbours: at place q (n - 1). */
double rv_quantile(int64_t n, const double *ascending, double q);

/** The lists that are drawn. They depend on n alone, so an interval depends on the numbers and nothing else. */
typedef struct rv_resamples {
    int64_t n;
    double *weights; /* (RV_RESAMPLES, n) of the ascending numbers in each list's IQM */
    double *iqms;    /* (RV_RESAMPLES) work space */
} rv_resamples;

/** @param[in] n in [1, 2^24) @return RV_OK; RV_E_NOMEM. The caller clears *out. */
rv_status rv_resamples_create(int64_t n, rv_resamples *out);
void rv_resamples_clear(rv_resamples *resamples);

/** The 95 % interval of the IQM of these numbers. @param[in] ascending (resamples->n) */
void rv_iqm_interval(rv_resamples *resamples, const double *ascending, double *low, double *high);
