/* statistics.h - how well one list of numbers tells another: ranks, bins, coverage. All work on n finite numbers. */
#pragma once
#include "base/status.h"

#include <stdint.h>

/** Spearman's rank correlation: Pearson's of the ranks, equal numbers sharing the mean of theirs.
 * @param[out] out in [-1, 1]; NAN with fewer than 3 numbers, or when one list is constant
 * @return RV_OK; RV_E_NOMEM */
rv_status rv_spearman(int64_t n, const double *a, const double *b, double *out);

typedef struct rv_bin {
    int64_t n;
    double x, y; /* means */
} rv_bin;

/** Sort the pairs by x (equal ones stay in order) and cut them into bins that are as large as can be alike: bin i holds
 * those from i n / n_bins to (i + 1) n / n_bins - 1, and is empty (means NAN) when there are too few.
 * @param[out] bins (n_bins) @return RV_OK; RV_E_NOMEM */
rv_status rv_bins(int64_t n, const double *x, const double *y, int n_bins, rv_bin *bins);

/** The part of the z-scores z (n) that lies in the central interval of a standard normal of that probability:
 * |z| <= Phi^-1((1 + level) / 2). NAN when n is 0. */
double rv_coverage(int64_t n, const double *z, double level);
