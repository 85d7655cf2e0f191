#include "model/trust.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "math/vector.h"
#include "model/holdout.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 128 }; /* rows of a forward pass */

struct rv_trust {
    const rv_model_cfg *model;
    const rv_member_shape *shape;
    rv_gate gate;
    double *per_output;      /* (n_out) */
    double *sum, *square;    /* (n_out) of true values */
    uint32_t *split;         /* (max_rows); this and what follows only for quantiles */
    float *x, *scratch;      /* (CHUNK, n_in) */
    float *means, *logvar;   /* (members, CHUNK, n_out), (CHUNK, n_out) */
    double *variance;        /* (CHUNK, n_out) sum over the members */
    double d[RV_TRUST_ROWS]; /* of the held-out rows */
    rv_mlp_tape tape;
};

void rv_trust_destroy(rv_trust **trust)
{
    rv_trust *t = *trust;
    if (!t)
        return;
    rv_mlp_tape_clear(&t->tape);
    rv_mem_free(&t->per_output);
    rv_mem_free(&t->sum);
    rv_mem_free(&t->square);
    rv_mem_free(&t->split);
    rv_mem_free(&t->x);
    rv_mem_free(&t->scratch);
    rv_mem_free(&t->means);
    rv_mem_free(&t->logvar);
    rv_mem_free(&t->variance);
    rv_mem_free(trust);
}

static rv_status allocate(rv_trust *t, int unit, int64_t max_rows)
{
    const rv_member_shape *s = t->shape;
    RV_TRY(RV_NEW(t->per_output, s->n_out));
    RV_TRY(RV_NEW(t->sum, s->n_out));
    RV_TRY(RV_NEW(t->square, s->n_out));
    if (unit != RV_DISAGREEMENT_QUANTILE)
        return RV_OK;
    RV_TRY(RV_NEW(t->split, max_rows));
    RV_TRY(RV_NEW(t->x, CHUNK * s->n_in));
    RV_TRY(RV_NEW(t->scratch, CHUNK * s->n_in));
    RV_TRY(RV_NEW(t->means, t->model->members * CHUNK * s->n_out));
    RV_TRY(RV_NEW(t->logvar, CHUNK * s->n_out));
    RV_TRY(RV_NEW(t->variance, CHUNK * s->n_out));
    return rv_mlp_tape_create_forward(&s->mlp, CHUNK, &t->tape);
}

rv_status rv_trust_create(const rv_model_cfg *model, const rv_member_shape *shape, const rv_gate *gate, int unit,
                          int64_t max_rows, rv_trust **out)
{
    rv_trust *t = NULL;
    RV_TRY(RV_NEW(t, 1));
    t->model = model;
    t->shape = shape;
    t->gate = *gate;
    rv_status status = allocate(t, unit, max_rows);
    if (status != RV_OK)
        rv_trust_destroy(&t);
    else
        *out = t;
    return status;
}

bool rv_gate_passes(const rv_gate *gate, int length, int depth, double d)
{
    if (d <= gate->full || (isinf(gate->max) && isfinite(d)))
        return true;
    if (d >= gate->max)
        return false;
    return depth < ceil(length * (gate->max - d) / (gate->max - gate->full));
}

rv_opinion rv_trust_ask(int n_members, int n_out, int64_t stride, const float *means, const double *variance,
                        const double *per_output, double limit)
{
    rv_opinion o = {.is_finite = true};
    double most = 0;
    for (int j = 0; j < n_out; j++) {
        double middle = 0;
        double spread = 0;
        for (int m = 0; m < n_members; m++)
            middle += (double)means[m * stride + j];
        middle /= n_members;
        for (int m = 0; m < n_members; m++) {
            const double off = (double)means[m * stride + j] - middle;
            spread += off * off;
        }
        o.is_finite &= isfinite(spread) && isfinite(variance[j]);
        o.exceeds |= spread > limit * variance[j];
        most = fmax(most, spread / variance[j]);
        o.epistemic += spread / n_members * per_output[j];
        o.aleatoric += variance[j] / n_members * per_output[j];
    }
    o.d = sqrt(most);
    return o;
}

/* ---- quantiles ---- */

/* all members on the rows gathered */
static void predict(rv_trust *t, int n, const float *members)
{
    const rv_member_shape *s = t->shape;
    const int n_all = n * s->n_out;
    memset(t->variance, 0, (size_t)n_all * sizeof *t->variance);
    for (int64_t m = 0; m < t->model->members; m++) {
        rv_pulse_beat();
        rv_member_predict(s, members + m * s->n_published, n, t->x, &t->tape, t->scratch, t->means + m * n_all,
                          t->logvar);
        rv_vector_exp(n_all, t->logvar, t->logvar);
        for (int k = 0; k < n_all; k++)
            t->variance[k] += (double)t->logvar[k];
    }
}

static void measure(rv_trust *t, int n, const uint32_t *rows, const float *real, const float *members, double *d)
{
    const rv_member_shape *s = t->shape;
    for (int i = 0; i < n; i++)
        memcpy(t->x + (int64_t)i * s->n_in, real + (int64_t)rows[i] * s->row.width, (size_t)s->n_in * sizeof *real);
    predict(t, n, members);
    for (int i = 0; i < n; i++) {
        const int at = i * s->n_out;
        const rv_opinion o = rv_trust_ask((int)t->model->members, s->n_out, (int64_t)n * s->n_out, t->means + at,
                                          t->variance + at, t->per_output, 0);
        d[i] = o.is_finite ? o.d : INFINITY;
    }
}

/* by insertion: few numbers, and no memory */
static void sort(int64_t n, double *d)
{
    for (int64_t i = 1; i < n; i++) {
        const double x = d[i];
        int64_t k = i;
        for (; k > 0 && d[k - 1] > x; k--)
            d[k] = d[k - 1];
        d[k] = x;
    }
}

/* part in (0, 1] of n numbers that ascend */
static double quantile(int64_t n, const double *sorted, double part)
{
    const int64_t i = (int64_t)ceil(part * (double)n) - 1;
    return sorted[i < 0 ? 0 : i < n ? i : n - 1];
}

static rv_gate gate_of(rv_trust *t, uint64_t seed, int64_t retrain, int64_t n_rows, const float *real,
                       const float *members)
{
    int64_t n = rv_holdout_rows(t->model, n_rows);
    n = n < RV_TRUST_ROWS ? n : RV_TRUST_ROWS;
    rv_holdout_split(t->model, seed, retrain, n_rows, t->split);
    for (int64_t from = 0; from < n; from += CHUNK)
        measure(t, (int)(n - from < CHUNK ? n - from : CHUNK), t->split + from, real, members, t->d + from);
    sort(n, t->d);
    return (rv_gate){.full = quantile(n, t->d, t->gate.full), .max = quantile(n, t->d, t->gate.max)};
}

/* ---- scales ---- */

static void measure_scales(rv_trust *t, int64_t n_rows, const float *real)
{
    const rv_row *r = &t->shape->row;
    const int n_out = t->shape->n_out;
    const int64_t n = n_rows < RV_TRUST_ROWS ? n_rows : RV_TRUST_ROWS;
    memset(t->sum, 0, (size_t)n_out * sizeof *t->sum);
    memset(t->square, 0, (size_t)n_out * sizeof *t->square);
    for (int64_t i = 0; i < n; i++) {
        const float *row = real + i * n_rows / n * r->width;
        for (int j = 0; j < n_out; j++) {
            const double y = j == 0 ? (double)row[r->reward] : (double)row[r->next_obs + j - 1] - (double)row[j - 1];
            t->sum[j] += y;
            t->square[j] += y * y;
        }
    }
    int n_vary = 0;
    for (int j = 0; j < n_out; j++) {
        const double mean = t->sum[j] / (double)n;
        const double square = t->square[j] / (double)n;
        const double variance = square - mean * mean;
        const bool varies = variance > 1e-12 * square; /* less is rounding */
        t->per_output[j] = varies ? 1 / variance : 0;
        n_vary += varies;
    }
    for (int j = 0; j < n_out && n_vary > 0; j++)
        t->per_output[j] /= n_vary;
}

void rv_trust_fit(rv_trust *t, uint64_t seed, int64_t retrain, int64_t n_rows, const float *real, const float *members,
                  rv_standard *out)
{
    measure_scales(t, n_rows, real);
    *out = (rv_standard){.gate = t->gate, .per_output = t->per_output};
    if (t->split)
        out->gate = gate_of(t, seed, retrain, n_rows, real, members);
}
