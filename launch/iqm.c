#include "launch/iqm.h"

#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

/* the seed of what is drawn: an interval is the same today and tomorrow */
static const uint64_t seed = 20210830;

/* w_i of n, doubled, so that all add up to 1 */
static double weight(int64_t n, int64_t i)
{
    double from = fmax((double)i / (double)n, 0.25);
    double to = fmin((double)(i + 1) / (double)n, 0.75);
    return to > from ? 2 * (to - from) : 0;
}

double rv_iqm(int64_t n, const double *ascending)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += weight(n, i) * ascending[i];
    return sum;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void rv_sort(int64_t n, double *x)
{
    qsort(x, (size_t)n, sizeof *x, compare);
}

double rv_quantile(int64_t n, const double *ascending, double q)
{
    double place = q * (double)(n - 1);
    int64_t i = (int64_t)place;
    if (i >= n - 1)
        return ascending[n - 1];
    return ascending[i] + (place - (double)i) * (ascending[i + 1] - ascending[i]);
}

/* A list drawn is known by how often each number is in it. The k-th smallest number, drawn c times after `before`
 * smaller ones, stands at places before .. before + c - 1 of the list. */
static void weigh(int64_t n, const double *counts, double *weights)
{
    int64_t place = 0;
    for (int64_t k = 0; k < n; k++) {
        weights[k] = 0;
        for (int64_t c = 0; c < (int64_t)counts[k]; c++)
            weights[k] += weight(n, place++);
    }
}

rv_status rv_resamples_create(int64_t n, rv_resamples *out)
{
    rv_status status = RV_OK;
    double *counts = NULL;
    rv_resamples made = {.n = n};
    RV_TRY_GOTO(RV_NEW(made.weights, RV_RESAMPLES * n), fail);
    RV_TRY_GOTO(RV_NEW(made.iqms, RV_RESAMPLES), fail);
    RV_TRY_GOTO(RV_NEW(counts, n), fail);
    for (int64_t r = 0; r < RV_RESAMPLES; r++) {
        rv_rng rng = rv_rng_at(seed, RV_STREAM_BOOTSTRAP, (uint32_t)n, (uint64_t)r);
        for (int64_t k = 0; k < n; k++)
            counts[k] = 0;
        for (int64_t k = 0; k < n; k++)
            counts[rv_rng_below(&rng, (uint32_t)n)]++;
        weigh(n, counts, made.weights + r * n);
    }
    rv_mem_free(&counts);
    *out = made;
    return RV_OK;
fail:
    rv_mem_free(&counts);
    rv_resamples_clear(&made);
    return status;
}

void rv_resamples_clear(rv_resamples *resamples)
{
    rv_mem_free(&resamples->weights);
    rv_mem_free(&resamples->iqms);
}

void rv_iqm_interval(rv_resamples *resamples, const double *ascending, double *low, double *high)
{
    for (int64_t r = 0; r < RV_RESAMPLES; r++) {
        const double *w = resamples->weights + r * resamples->n;
        double sum = 0;
        for (int64_t k = 0; k < resamples->n; k++)
            sum += w[k] * ascending[k];
        resamples->iqms[r] = sum;
    }
    rv_sort(RV_RESAMPLES, resamples->iqms);
    *low = rv_quantile(RV_RESAMPLES, resamples->iqms, 0.025);
    *high = rv_quantile(RV_RESAMPLES, resamples->iqms, 0.975);
}
