/* card_one_step.c - one-step predictions of held-out rows against what came, for the error card. */
#include "model/card_private.h"

#include <math.h>
#include <string.h>

/* what is added up over rows and outputs */
typedef struct sums {
    double disagreement; /* over rows */
    double within_1, within_2, z_squared;
} sums;

/* x and y of n held-out rows */
static void gather(rv_card *c, const rv_card_source *s, int n, const uint32_t *held)
{
    const rv_row *r = &c->shape.row;
    for (int64_t i = 0; i < n; i++) {
        const float *row = s->rows + (int64_t)held[i] * r->width;
        float *y = c->y + i * c->shape.n_out;
        memcpy(c->x + i * c->shape.n_in, row, (size_t)c->shape.n_in * sizeof *row);
        y[0] = row[r->reward];
        for (int j = 0; j < r->n_obs; j++)
            y[1 + j] = row[r->next_obs + j] - row[j];
    }
}

/* means of every member, and the sums of their variances */
static void predict(rv_card *c, const rv_card_source *s, int n)
{
    const int64_t n_all = (int64_t)n * c->shape.n_out;
    memset(c->variance, 0, (size_t)n_all * sizeof *c->variance);
    memset(c->elite_variance, 0, (size_t)n_all * sizeof *c->elite_variance);
    for (int m = 0; m < c->setup.n_members; m++) {
        int share = 0;
        for (int e = 0; e < s->n_elites; e++)
            share += s->elites[e] == m;
        rv_card_predict(c, s, m, n, c->means + m * n_all);
        for (int64_t k = 0; k < n_all; k++) {
            const double variance = exp((double)c->logvar[k]);
            c->variance[k] += variance;
            c->elite_variance[k] += share > 0 ? share * variance : 0;
        }
    }
}

/* mean and variance of some members' means of number k of n_all; members NULL: the first n */
static double mean_of(const rv_card *c, int64_t n_all, int64_t k, int n, const int *members, double *variance)
{
    double mean = 0;
    double square = 0;
    for (int i = 0; i < n; i++)
        mean += (double)c->means[(members ? members[i] : i) * n_all + k] / n;
    for (int i = 0; i < n; i++) {
        const double off = (double)c->means[(members ? members[i] : i) * n_all + k] - mean;
        square += off * off / n;
    }
    *variance = square;
    return mean;
}

static void add_disagreement(const rv_card *c, int n, sums *sum)
{
    const int n_out = c->shape.n_out;
    const int n_members = c->setup.n_members;
    for (int64_t i = 0; i < n; i++) {
        double most = 0;
        for (int64_t k = i * n_out; k < (i + 1) * n_out; k++) {
            double spread = 0;
            (void)mean_of(c, (int64_t)n * n_out, k, n_members, NULL, &spread);
            most = fmax(most, rv_card_cap(sqrt(spread / (c->variance[k] / n_members)), RV_FORESIGHT_LOST));
        }
        sum->disagreement += most;
    }
}

static void add_errors(rv_card *c, const rv_card_source *s, int n, sums *sum)
{
    const int n_out = c->shape.n_out;
    const int64_t n_all = (int64_t)n * n_out;
    for (int64_t k = 0; k < n_all; k++) {
        const double y = (double)c->y[k];
        double spread = 0;
        const double mean = mean_of(c, n_all, k, s->n_elites, s->elites, &spread);
        const double deviation = sqrt(c->elite_variance[k] / s->n_elites + spread);
        const double z = rv_card_cap(fabs(y - mean) / deviation, RV_FORESIGHT_LOST);
        sum->within_1 += z <= 1;
        sum->within_2 += z <= 2;
        sum->z_squared += z * z;
        c->sum_y[k % n_out] += y;
        c->sum_yy[k % n_out] += y * y;
        c->sum_error[k % n_out] += (y - mean) * (y - mean);
    }
}

/* an output that does not vary, but for rounding, is none to be explained */
static double quality(const rv_card *c, int64_t n)
{
    double sum = 0;
    int n_vary = 0;
    for (int j = 0; j < c->shape.n_out; j++) {
        const double square = c->sum_yy[j] / (double)n;
        const double mean = c->sum_y[j] / (double)n;
        const double variance = square - mean * mean;
        if (variance <= 1e-12 * square)
            continue;
        n_vary++;
        sum += fmax(0, 1 - c->sum_error[j] / (double)n / variance);
    }
    return n_vary > 0 ? sum / n_vary : 0;
}

void rv_card_one_step(rv_card *c, const rv_card_source *s)
{
    const size_t bytes = (size_t)c->shape.n_out * sizeof(double);
    const int64_t n = s->n_held < RV_CARD_ROWS ? s->n_held : RV_CARD_ROWS;
    const double n_all = (double)(n * c->shape.n_out);
    sums sum = {0};
    memset(c->sum_y, 0, bytes);
    memset(c->sum_yy, 0, bytes);
    memset(c->sum_error, 0, bytes);
    for (int64_t from = 0; from < n; from += RV_CARD_WINDOWS) {
        const int n_chunk = n - from < RV_CARD_WINDOWS ? (int)(n - from) : RV_CARD_WINDOWS;
        gather(c, s, n_chunk, s->held + from);
        predict(c, s, n_chunk);
        add_disagreement(c, n_chunk, &sum);
        add_errors(c, s, n_chunk, &sum);
    }
    c->report.n_rows = n;
    c->report.quality = quality(c, n);
    c->report.disagreement = sum.disagreement / (double)n;
    c->report.within_1 = sum.within_1 / n_all;
    c->report.within_2 = sum.within_2 / n_all;
    c->report.z_squared = sum.z_squared / n_all;
}
