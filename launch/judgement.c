#include "launch/judgement.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { ROWS = 256 }; /* of one forward pass */

typedef struct judge {
    const rv_judgement_source *source;
    const rv_member_shape *shape;
    rv_mlp_tape tape;
    float *x, *scratch;   /* (ROWS, n_in) */
    float *y;             /* (ROWS, n_out) */
    float *mean, *logvar; /* (n_members, ROWS, n_out) */
    double *middle, *std; /* (n_out) of the reference rows; std 0: the output is left out */
    double *square;       /* (n_out) sum over rows of the squared error of the elites' mean, in units of std */
    int n_used;           /* outputs that are not left out */
} judge;

static void clear_judge(judge *j)
{
    rv_mlp_tape_clear(&j->tape);
    rv_mem_free(&j->x);
    rv_mem_free(&j->scratch);
    rv_mem_free(&j->y);
    rv_mem_free(&j->mean);
    rv_mem_free(&j->logvar);
    rv_mem_free(&j->middle);
    rv_mem_free(&j->std);
    rv_mem_free(&j->square);
}

static rv_status make_judge(judge *j)
{
    const rv_member_shape *s = j->shape;
    const int64_t n_members = j->source->ensemble->n_members;
    RV_TRY(rv_mlp_tape_create_forward(&s->mlp, ROWS, &j->tape));
    RV_TRY(RV_NEW(j->x, ROWS * s->n_in));
    RV_TRY(RV_NEW(j->scratch, ROWS * s->n_in));
    RV_TRY(RV_NEW(j->y, ROWS * s->n_out));
    RV_TRY(RV_NEW(j->mean, n_members * ROWS * s->n_out));
    RV_TRY(RV_NEW(j->logvar, n_members * ROWS * s->n_out));
    RV_TRY(RV_NEW(j->middle, s->n_out));
    RV_TRY(RV_NEW(j->std, s->n_out));
    return RV_NEW(j->square, s->n_out);
}

/* ---- what came ---- */

static void target_of(const rv_row *r, const float *row, float *y)
{
    y[0] = row[r->reward];
    for (int i = 0; i < r->n_obs; i++)
        y[1 + i] = row[r->next_obs + i] - row[i];
}

/* Welford's recurrence; std holds the sum of squares until the end */
static void measure_reference(judge *j)
{
    const rv_judgement_source *s = j->source;
    for (int64_t i = 0; i < s->n_reference; i++) {
        target_of(&j->shape->row, s->rows + i * j->shape->row.width, j->y);
        for (int k = 0; k < j->shape->n_out; k++) {
            double off = (double)j->y[k] - j->middle[k];
            j->middle[k] += off / (double)(i + 1);
            j->std[k] += off * ((double)j->y[k] - j->middle[k]);
        }
    }
    for (int k = 0; k < j->shape->n_out; k++) {
        j->std[k] = sqrt(j->std[k] / (double)s->n_reference);
        if (j->std[k] < 1e-12 || (k == 0 && s->known_reward))
            j->std[k] = 0;
        j->n_used += j->std[k] > 0;
    }
}

/* ---- what was predicted ---- */

/* all members on rows first to first + n - 1 */
static void predict(judge *j, int64_t first, int n)
{
    const rv_member_shape *s = j->shape;
    const rv_judgement_source *from = j->source;
    for (int i = 0; i < n; i++) {
        const float *row = from->rows + (int64_t)from->at[first + i] * s->row.width;
        memcpy(j->x + i * s->n_in, row, (size_t)s->n_in * sizeof *row);
        target_of(&s->row, row, j->y + i * s->n_out);
    }
    for (int m = 0; m < from->ensemble->n_members; m++)
        rv_member_predict(s, from->ensemble->members + m * s->n_published, n, j->x, &j->tape, j->scratch,
                          j->mean + m * ROWS * s->n_out, j->logvar + m * ROWS * s->n_out);
}

/* of output k of row i of the chunk, by member m */
static double mean_at(const judge *j, int m, int i, int k)
{
    return (double)j->mean[(m * ROWS + i) * j->shape->n_out + k];
}

static double variance_at(const judge *j, int m, int i, int k)
{
    return exp((double)j->logvar[(m * ROWS + i) * j->shape->n_out + k]);
}

static double disagreement_of(const judge *j, int i)
{
    const int n_members = j->source->ensemble->n_members;
    double most = 0;
    for (int k = 0; k < j->shape->n_out; k++) {
        double middle = 0, spread = 0, variance = 0;
        for (int m = 0; m < n_members; m++) {
            middle += mean_at(j, m, i, k) / n_members;
            variance += variance_at(j, m, i, k);
        }
        for (int m = 0; m < n_members; m++)
            spread += (mean_at(j, m, i, k) - middle) * (mean_at(j, m, i, k) - middle);
        most = fmax(most, spread / variance);
    }
    return sqrt(most);
}

static double error_of(judge *j, int i)
{
    const rv_ensemble *e = j->source->ensemble;
    double sum = 0;
    for (int k = 0; k < j->shape->n_out; k++) {
        double off = -(double)j->y[i * j->shape->n_out + k];
        if (!(j->std[k] > 0))
            continue;
        for (int q = 0; q < e->n_elites; q++)
            off += mean_at(j, e->elites[q], i, k) / e->n_elites;
        off /= j->std[k];
        j->square[k] += off * off;
        sum += off * off;
    }
    return sqrt(sum / j->n_used);
}

/* z-scores of a row, from number `to` on in each elite's list */
static void score(const judge *j, int i, int64_t to, rv_judgement *out)
{
    const rv_ensemble *e = j->source->ensemble;
    for (int k = 0; k < j->shape->n_out; k++) {
        if (!(j->std[k] > 0))
            continue;
        for (int q = 0; q < e->n_elites; q++) {
            double off = (double)j->y[i * j->shape->n_out + k] - mean_at(j, e->elites[q], i, k);
            out->z[q * out->n_z + to] = off / sqrt(variance_at(j, e->elites[q], i, k));
        }
        to++;
    }
}

/* ---- together ---- */

static void summarise(const judge *j, rv_judgement *out)
{
    out->z_square = out->square = out->explained = (double)NAN;
    if (out->n == 0 || j->n_used == 0)
        return;
    double n = (double)out->n;
    out->z_square = out->square = out->explained = 0;
    for (int64_t i = 0; i < out->n_elites * out->n_z; i++)
        out->z_square += out->z[i] * out->z[i] / (double)(out->n_elites * out->n_z);
    for (int k = 0; k < j->shape->n_out; k++) {
        out->square += j->square[k] / n / j->n_used;
        if (j->std[k] > 0)
            out->explained += fmax(0, 1 - j->square[k] / n) / j->n_used;
    }
}

static rv_status judge_rows(judge *j, rv_judgement *out)
{
    RV_TRY(make_judge(j));
    measure_reference(j);
    out->n = j->n_used > 0 ? j->source->n : 0;
    out->n_elites = j->source->ensemble->n_elites;
    out->n_z = out->n * j->n_used;
    RV_TRY(RV_NEW(out->z, out->n_elites * out->n_z));
    RV_TRY(RV_NEW(out->disagreement, out->n));
    RV_TRY(RV_NEW(out->error, out->n));
    for (int64_t first = 0; first < out->n; first += ROWS) {
        int n = out->n - first < ROWS ? (int)(out->n - first) : ROWS;
        predict(j, first, n);
        for (int i = 0; i < n; i++) {
            out->disagreement[first + i] = disagreement_of(j, i);
            out->error[first + i] = error_of(j, i);
            score(j, i, (first + i) * j->n_used, out);
            RV_CHECK(isfinite(out->disagreement[first + i]) && isfinite(out->error[first + i]), RV_E_NONFINITE,
                     "the model's prediction from real row %lld is not finite", (long long)j->source->at[first + i]);
        }
    }
    summarise(j, out);
    return RV_OK;
}

rv_status rv_judgement_make(const rv_judgement_source *source, rv_judgement *out)
{
    judge j = {.source = source, .shape = &source->ensemble->shape};
    rv_judgement made = {.n = 0};
    rv_status status = judge_rows(&j, &made);
    if (status == RV_OK)
        *out = made;
    else
        rv_judgement_clear(&made);
    clear_judge(&j);
    return status;
}

void rv_judgement_clear(rv_judgement *judgement)
{
    rv_mem_free(&judgement->z);
    rv_mem_free(&judgement->disagreement);
    rv_mem_free(&judgement->error);
    judgement->n = judgement->n_z = 0;
}
