#include "launch/statistics.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

typedef struct place {
    double value;
    int64_t at; /* in the list */
} place;

static int compare_places(const void *a, const void *b)
{
    const place *x = a;
    const place *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static rv_status sort_places(int64_t n, const double *values, place **out)
{
    RV_TRY(RV_NEW(*out, n));
    for (int64_t i = 0; i < n; i++)
        (*out)[i] = (place){values[i], i};
    qsort(*out, (size_t)n, sizeof **out, compare_places);
    return RV_OK;
}

/* ranks (n) about their mean, which is (n - 1) / 2 */
static rv_status rank(int64_t n, const double *values, double *ranks)
{
    place *sorted = NULL;
    RV_TRY(sort_places(n, values, &sorted));
    for (int64_t i = 0, end = 0; i < n; i = end) {
        end = i + 1;
        while (end < n && sorted[end].value == sorted[i].value)
            end++;
        for (int64_t k = i; k < end; k++)
            ranks[sorted[k].at] = (double)(i + end - 1) / 2 - (double)(n - 1) / 2;
    }
    rv_mem_free(&sorted);
    return RV_OK;
}

rv_status rv_spearman(int64_t n, const double *a, const double *b, double *out)
{
    rv_status status = RV_OK;
    double *ranks = NULL;
    double ab = 0, aa = 0, bb = 0;
    RV_TRY(RV_NEW(ranks, 2 * n));
    RV_TRY_GOTO(rank(n, a, ranks), done);
    RV_TRY_GOTO(rank(n, b, ranks + n), done);
    for (int64_t i = 0; i < n; i++) {
        ab += ranks[i] * ranks[n + i];
        aa += ranks[i] * ranks[i];
        bb += ranks[n + i] * ranks[n + i];
    }
    *out = n >= 3 && aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : (double)NAN;
done:
    rv_mem_free(&ranks);
    return status;
}

rv_status rv_bins(int64_t n, const double *x, const double *y, int n_bins, rv_bin *bins)
{
    place *sorted = NULL;
    RV_TRY(sort_places(n, x, &sorted));
    for (int i = 0; i < n_bins; i++) {
        int64_t from = i * n / n_bins;
        int64_t to = (i + 1) * n / n_bins;
        rv_bin bin = {.n = to - from};
        for (int64_t k = from; k < to; k++) {
            bin.x += sorted[k].value;
            bin.y += y[sorted[k].at];
        }
        bin.x = bin.n > 0 ? bin.x / (double)bin.n : (double)NAN;
        bin.y = bin.n > 0 ? bin.y / (double)bin.n : (double)NAN;
        bins[i] = bin;
    }
    rv_mem_free(&sorted);
    return RV_OK;
}

double rv_coverage(int64_t n, const double *z, double level)
{
    int64_t inside = 0;
    for (int64_t i = 0; i < n; i++)
        inside += erf(fabs(z[i]) / sqrt(2)) <= level;
    return n > 0 ? (double)inside / (double)n : (double)NAN;
}
