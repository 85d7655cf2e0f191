#include "base/memory.h"
#include "base/pulse.h"
#include "math/vector.h"
#include "model/holdout.h"
#include "model/member_private.h"
#include "nn/adam.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    INIT_UNIT = 100, /* RV_STREAM_INIT: member m draws its weights as unit INIT_UNIT + m */
    EVAL_ROWS = 256, /* rows of one forward pass over the held-out part */
    AHEAD = 8,       /* rows: a gathered row is asked for that early */
    CACHE_LINE = 16, /* floats */
    EPOCH_BITS = 20, /* RV_STREAM_SHUFFLE: step = retrain * 2^EPOCH_BITS + epoch */
};

#define LEAST_VARIANCE   1e-30
#define LARGEST_VARIANCE 1e30

struct rv_member {
    rv_model_cfg cfg;
    rv_member_shape shape;
    uint64_t seed;
    int member;
    int64_t max_rows;

    float *params;                 /* (n_published) */
    float *grad, *adam_m, *adam_v; /* (n_trained) */
    int64_t n_updates;

    /* the fit under way; rows is NULL outside one */
    const float *rows; /* (n_rows, row.width), borrowed */
    int64_t n_rows, retrain, n_holdout;
    uint32_t *split;     /* (max_rows) a permutation of the rows: n_holdout held out, then the training part */
    uint32_t *bootstrap; /* (max_rows) n_rows - n_holdout rows of the training part */
    uint32_t *order;     /* (max_rows) the bootstrap in the order of this epoch */
    float *best;         /* (n_trained) the kept weights */
    double best_loss;    /* INFINITY before the first epoch */
    rv_member_skipped skipped;
    int64_t last; /* the last batch: where it begins in order, */
    int n_last;   /* and its rows */
    int64_t n_wrong_ends;

    /* scratch, for tape.max_rows rows */
    double *moments; /* (2, max(n_in, n_out)) */
    double *squares; /* (n_out) sums of squared errors on the held-out part */
    float *x;        /* (rows, n_in) normalised */
    float *y;        /* (rows, n_y) */
    float *d_out;    /* (rows, n_raw) */
    rv_mlp_tape tape;
};

/* ---- life ---------------------------------------------------------------------------------------------------- */

static rv_status allocate(rv_member *m)
{
    const rv_member_shape *s = &m->shape;
    int n_rows = m->cfg.batch > EVAL_ROWS ? (int)m->cfg.batch : EVAL_ROWS;
    RV_TRY(RV_NEW(m->params, s->n_published));
    RV_TRY(RV_NEW(m->grad, s->n_trained));
    RV_TRY(RV_NEW(m->adam_m, s->n_trained));
    RV_TRY(RV_NEW(m->adam_v, s->n_trained));
    RV_TRY(RV_NEW(m->best, s->n_trained));
    RV_TRY(RV_NEW(m->split, m->max_rows));
    RV_TRY(RV_NEW(m->bootstrap, m->max_rows));
    RV_TRY(RV_NEW(m->order, m->max_rows));
    RV_TRY(RV_NEW(m->moments, 2 * (size_t)(s->n_in > s->n_out ? s->n_in : s->n_out)));
    RV_TRY(RV_NEW(m->squares, s->n_out));
    RV_TRY(RV_NEW(m->x, (size_t)n_rows * (size_t)s->n_in));
    RV_TRY(RV_NEW(m->y, (size_t)n_rows * (size_t)s->n_y));
    RV_TRY(RV_NEW(m->d_out, (size_t)n_rows * (size_t)s->n_raw));
    RV_TRY(rv_mlp_tape_create(&s->mlp, n_rows, &m->tape));
    return RV_OK;
}

static void fill(float *params, int64_t from, int64_t to, float with)
{
    for (int64_t i = from; i < to; i++)
        params[i] = with;
}

rv_status rv_member_create(const rv_model_cfg *cfg, const rv_member_shape *shape, uint64_t seed, int member,
                           int64_t max_rows, rv_member **out)
{
    RV_CHECK(member >= 0 && member < RV_FIT_MEMBERS, RV_E_INTERNAL, "member %d: expected a number in [0, %d]", member,
             RV_FIT_MEMBERS - 1);
    RV_CHECK(max_rows >= 2 && max_rows <= UINT32_MAX, RV_E_INTERNAL,
             "member %d: room for %lld rows asked for, expected 2 to %u", member, (long long)max_rows, UINT32_MAX);
    rv_member *m = NULL;
    RV_TRY(RV_NEW(m, 1));
    m->cfg = *cfg;
    m->shape = *shape;
    m->seed = seed;
    m->member = member;
    m->max_rows = max_rows;
    rv_status status = RV_OK;
    RV_TRY_GOTO(allocate(m), fail);

    rv_rng rng = rv_rng_at(seed, RV_STREAM_INIT, INIT_UNIT + (uint32_t)member, 0);
    rv_mlp_init_truncated_normal(&shape->mlp, &rng, m->params);
    fill(m->params, shape->hi, shape->lo, (float)cfg->logvar_max);
    fill(m->params, shape->lo, shape->n_trained, (float)cfg->logvar_min);
    fill(m->params, shape->std, shape->loss, 1);
    fill(m->params, shape->y_std, shape->n_published, 1);
    *out = m;
    return RV_OK;
fail:
    rv_member_destroy(&m);
    return status;
}

void rv_member_destroy(rv_member **member)
{
    rv_member *m = *member;
    if (!m)
        return;
    rv_mlp_tape_clear(&m->tape);
    rv_mem_free(&m->d_out);
    rv_mem_free(&m->y);
    rv_mem_free(&m->x);
    rv_mem_free(&m->squares);
    rv_mem_free(&m->moments);
    rv_mem_free(&m->order);
    rv_mem_free(&m->bootstrap);
    rv_mem_free(&m->split);
    rv_mem_free(&m->best);
    rv_mem_free(&m->adam_v);
    rv_mem_free(&m->adam_m);
    rv_mem_free(&m->grad);
    rv_mem_free(&m->params);
    rv_mem_free(member);
}

/* ---- fit ----------------------------------------------------------------------------------------------------- */

/* what is learned of a row before it is normalised: (n_out) */
static void read_target(const rv_member_shape *shape, const float *row, float *y)
{
    const rv_row *r = &shape->row;
    y[0] = row[r->reward];
    for (int j = 0; j < r->n_obs; j++)
        y[1 + j] = row[r->next_obs + j] - (shape->predicts_state ? 0 : row[j]);
}

/* the numbers of row i of the fit whose moments are taken */
typedef const float *(*row_numbers)(rv_member *m, int64_t i);

static const float *inputs_of(rv_member *m, int64_t i)
{
    return m->rows + i * m->shape.row.width;
}

static const float *targets_of(rv_member *m, int64_t i)
{
    read_target(&m->shape, m->rows + i * m->shape.row.width, m->y);
    return m->y;
}

/* Mean and standard deviation over all rows, (n) each. */
static void measure(rv_member *m, int n, row_numbers numbers_of, float *mean, float *std)
{
    const double n_rows = (double)m->n_rows;
    double *middle = m->moments;
    double *square = m->moments + n;
    memset(m->moments, 0, 2 * (size_t)n * sizeof *m->moments);
    for (int64_t i = 0; i < m->n_rows; i++) {
        const float *x = numbers_of(m, i);
        for (int j = 0; j < n; j++)
            middle[j] += (double)x[j];
    }
    for (int j = 0; j < n; j++)
        middle[j] /= n_rows;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const float *x = numbers_of(m, i);
        for (int j = 0; j < n; j++) {
            double d = (double)x[j] - middle[j];
            square[j] += d * d;
        }
    }
    for (int j = 0; j < n; j++) {
        double deviation = sqrt(square[j] / n_rows);
        mean[j] = (float)middle[j];
        std[j] = deviation < 1e-12 ? 1 : (float)deviation;
    }
}

/* The held-out part, which is never empty and never all. */
rv_status rv_member_fit_begin(rv_member *member, int64_t retrain, int64_t n_rows, const float *rows)
{
    rv_member *m = member;
    const int width = m->shape.row.width;
    RV_CHECK(!m->rows, RV_E_INTERNAL, "member %d: fit %lld begins before fit %lld has ended", m->member,
             (long long)retrain, (long long)m->retrain);
    RV_CHECK(retrain >= 0, RV_E_INTERNAL, "member %d: fit number %lld, expected at least 0", m->member,
             (long long)retrain);
    RV_CHECK(n_rows >= 2 && n_rows <= m->max_rows, RV_E_INTERNAL, "member %d: a fit on %lld rows, expected 2 to %lld",
             m->member, (long long)n_rows, (long long)m->max_rows);
    if (!rv_vector_is_finite(n_rows * width, rows)) {
        int64_t i = 0;
        while (rv_vector_is_finite(1, rows + i))
            i++;
        return rv_raise(RV_E_NONFINITE, "member %d: row %lld of the real buffer holds %g at column %lld", m->member,
                        (long long)(i / width), (double)rows[i], (long long)(i % width));
    }

    m->rows = rows;
    m->n_rows = n_rows;
    m->retrain = retrain;
    m->n_holdout = rv_holdout_rows(&m->cfg, n_rows);
    m->best_loss = INFINITY;
    m->skipped.n_batches = m->skipped.n_epochs = 0;
    memcpy(m->best, m->params, (size_t)m->shape.n_trained * sizeof *m->best);
    measure(m, m->shape.n_in, inputs_of, m->params + m->shape.mean, m->params + m->shape.std);
    if (m->shape.is_normalised)
        measure(m, m->shape.n_out, targets_of, m->params + m->shape.y_mean, m->params + m->shape.y_std);

    rv_holdout_split(&m->cfg, m->seed, retrain, n_rows, m->split);
    const uint32_t n_train = (uint32_t)(n_rows - m->n_holdout);
    const uint32_t *train = m->split + m->n_holdout;
    rv_rng rng = rv_rng_at(m->seed, RV_STREAM_BOOTSTRAP, (uint32_t)m->member, (uint64_t)retrain);
    for (uint32_t i = 0; i < n_train; i++)
        m->bootstrap[i] = train[m->cfg.bootstrap ? rv_rng_below(&rng, n_train) : i];
    return RV_OK;
}

/* x (n, n_in) and y (n, n_y) of the rows named by index (n) */
static void gather(rv_member *m, int n, const uint32_t *index)
{
    const rv_member_shape *s = &m->shape;
    const rv_row *r = &s->row;
    for (int64_t i = 0; i < n; i++) {
        const float *row = m->rows + (int64_t)index[i] * r->width;
        const float *ahead = m->rows + (int64_t)index[i + AHEAD < n ? i + AHEAD : n - 1] * r->width;
        for (int j = 0; j < r->width; j += CACHE_LINE)
            __builtin_prefetch(ahead + j);
        float *y = m->y + i * s->n_y;
        rv_member_normalise(s->n_in, row, m->params + s->mean, m->params + s->std, m->x + i * s->n_in);
        read_target(s, row, y);
        if (s->is_normalised)
            rv_member_normalise(s->n_out, y, m->params + s->y_mean, m->params + s->y_std, y);
        if (s->ends)
            y[s->n_out] = row[r->terminated];
    }
}

/* Mean squared error of the current weights on the held-out part; INFINITY when it is not finite. Leaves the sums of
 * the outputs in squares, and how many ends it gets wrong. */
static double measure_holdout(rv_member *m)
{
    const int n_out = m->shape.n_out;
    const int n_raw = m->shape.n_raw;
    const int n_y = m->shape.n_y;
    double sum = 0;
    memset(m->squares, 0, (size_t)n_out * sizeof *m->squares);
    m->n_wrong_ends = 0;
    for (int64_t from = 0; from < m->n_holdout; from += EVAL_ROWS) {
        int n = m->n_holdout - from < EVAL_ROWS ? (int)(m->n_holdout - from) : EVAL_ROWS;
        gather(m, n, m->split + from);
        rv_pulse_beat();
        const float *mu = rv_mlp_forward(&m->shape.mlp, m->params, n, m->x, &m->tape);
        for (int64_t i = 0; i < n; i++)
            for (int j = 0; j < n_out; j++) {
                double error = (double)mu[i * n_raw + j] - (double)m->y[i * n_y + j];
                sum += error * error;
                m->squares[j] += error * error;
            }
        for (int64_t i = 0; i < n && m->shape.ends; i++)
            m->n_wrong_ends += (mu[i * n_raw + n_raw - 1] > 0) != (m->y[i * n_y + n_out] > 0);
    }
    sum /= (double)m->n_holdout * n_out;
    return isfinite(sum) ? sum : (double)INFINITY;
}

/* best = INFINITY: there is none yet, and every finite loss is better. */
static bool improves(double best, double loss, double improvement)
{
    return isfinite(loss) && (isinf(best) || (best - loss) / best > improvement);
}

/* an update by a gradient that is not finite would spoil the weights for good */
static bool is_good(const rv_member *m, double loss)
{
    return isfinite(loss) && rv_vector_squares_are_finite(m->shape.n_trained, m->grad);
}

rv_status rv_member_fit_epoch(rv_member *member, int64_t epoch, double *train_loss, double *holdout_loss)
{
    rv_member *m = member;
    RV_CHECK(m->rows, RV_E_INTERNAL, "member %d: an epoch outside a fit", m->member);
    RV_CHECK(epoch >= 0 && epoch < (1 << EPOCH_BITS), RV_E_INTERNAL, "member %d: epoch %lld, expected 0 to %d",
             m->member, (long long)epoch, (1 << EPOCH_BITS) - 1);
    const int64_t n_train = m->n_rows - m->n_holdout;
    rv_rng rng = rv_rng_at(m->seed, RV_STREAM_SHUFFLE, (uint32_t)m->member,
                           ((uint64_t)m->retrain << EPOCH_BITS) + (uint64_t)epoch);
    rv_rng_permutation(&rng, (uint32_t)n_train, m->order);
    for (int64_t i = 0; i < n_train; i++)
        m->order[i] = m->bootstrap[m->order[i]];

    double sum = 0;
    int64_t n_counted = 0;
    for (int64_t from = 0; from < n_train; from += m->cfg.batch) {
        int n = (int)(n_train - from < m->cfg.batch ? n_train - from : m->cfg.batch);
        gather(m, n, m->order + from);
        double loss = rv_member_loss(&m->cfg, &m->shape, m->params, n, m->x, m->y, &m->tape, m->d_out, m->grad);
        rv_pulse_beat();
        m->last = from;
        m->n_last = n;
        if (!is_good(m, loss)) {
            m->skipped.n_batches++;
            m->skipped.n_in_row++;
            continue;
        }
        m->skipped.n_in_row = 0;
        n_counted += n;
        sum += loss * n;
        m->n_updates++;
        rv_adam_step(m->cfg.learning_rate, m->n_updates, m->shape.n_trained, m->grad, m->params, m->adam_m, m->adam_v);
    }
    double error = measure_holdout(m);
    if (!rv_vector_is_finite(m->shape.n_trained, m->params))
        error = INFINITY;
    m->skipped.n_epochs += isinf(error);
    if (improves(m->best_loss, error, m->cfg.improvement)) {
        m->best_loss = error;
        memcpy(m->best, m->params, (size_t)m->shape.n_trained * sizeof *m->best);
    }
    *train_loss = n_counted > 0 ? sum / (double)n_counted : (double)NAN;
    *holdout_loss = error;
    return RV_OK;
}

/* log of the mean squared error of each output on the held-out part, bounded so that its exponential and the sum over
 * the members are finite and above 0 */
static void publish_logvar(rv_member *m)
{
    for (int j = 0; j < m->shape.n_out; j++) {
        const double square = m->squares[j] / (double)m->n_holdout;
        m->params[m->shape.logvar + j] =
            (float)log(square < LARGEST_VARIANCE ? fmax(square, LEAST_VARIANCE) : LARGEST_VARIANCE);
    }
}

rv_status rv_member_fit_end(rv_member *member, double *holdout_loss)
{
    rv_member *m = member;
    RV_CHECK(m->rows, RV_E_INTERNAL, "member %d: a fit ends that did not begin", m->member);
    memcpy(m->params, m->best, (size_t)m->shape.n_trained * sizeof *m->best);
    double error = measure_holdout(m);
    m->params[m->shape.loss] = error < (double)FLT_MAX ? (float)error : FLT_MAX;
    if (m->shape.is_deterministic)
        publish_logvar(m);
    m->rows = NULL;
    *holdout_loss = error;
    return RV_OK;
}

void rv_member_rows(const rv_member *member, int64_t *n_holdout, const uint32_t **holdout, int64_t *n_bootstrap,
                    const uint32_t **bootstrap)
{
    *n_holdout = member->n_holdout;
    *holdout = member->split;
    *n_bootstrap = member->n_rows - member->n_holdout;
    *bootstrap = member->bootstrap;
}

rv_member_skipped rv_member_skips(const rv_member *member)
{
    return member->skipped;
}

rv_status rv_member_visit_batch(rv_member *member, rv_visit visit, void *user)
{
    rv_member *m = member;
    RV_CHECK(m->rows, RV_E_INTERNAL, "member %d: its batch was asked for outside a fit", m->member);
    gather(m, m->n_last, m->order + m->last); /* the held-out part went through the same memory */
    RV_TRY(visit(user, "x", RV_F32, (int64_t)m->n_last * m->shape.n_in, m->x));
    RV_TRY(visit(user, "y", RV_F32, (int64_t)m->n_last * m->shape.n_y, m->y));
    return visit(user, "grad", RV_F32, m->shape.n_trained, m->grad);
}

double rv_member_termination_error(const rv_member *member)
{
    return (double)member->n_wrong_ends / (double)member->n_holdout;
}

int64_t rv_member_updates(const rv_member *member)
{
    return member->n_updates;
}

void rv_member_publish(const rv_member *member, float *out)
{
    memcpy(out, member->params, (size_t)member->shape.n_published * sizeof *out);
}

rv_status rv_member_visit(rv_member *member, rv_visit visit, void *user)
{
    rv_member *m = member;
    RV_CHECK(!m->rows, RV_E_INTERNAL, "member %d: its state was asked for inside fit %lld", m->member,
             (long long)m->retrain);
    RV_TRY(visit(user, "params", RV_F32, m->shape.n_published, m->params));
    RV_TRY(visit(user, "adam_m", RV_F32, m->shape.n_trained, m->adam_m));
    RV_TRY(visit(user, "adam_v", RV_F32, m->shape.n_trained, m->adam_v));
    RV_TRY(visit(user, "updates", RV_I64, 1, &m->n_updates));
    RV_TRY(visit(user, "skipped_in_row", RV_I64, 1, &m->skipped.n_in_row));
    return RV_OK;
}

/* ---- ensemble ------------------------------------------------------------------------------------------------ */

void rv_fit_watch_init(const rv_model_cfg *cfg, rv_fit_watch *watch)
{
    *watch = (rv_fit_watch){.n_members = cfg->members, .patience = cfg->patience, .improvement = cfg->improvement};
    for (int64_t m = 0; m < cfg->members; m++)
        watch->best[m] = INFINITY;
}

bool rv_fit_watch_epoch(rv_fit_watch *watch, const double *holdout_loss)
{
    watch->epochs_without++;
    for (int64_t m = 0; m < watch->n_members; m++)
        if (improves(watch->best[m], holdout_loss[m], watch->improvement)) {
            watch->best[m] = holdout_loss[m];
            watch->epochs_without = 0;
        }
    return watch->epochs_without > watch->patience;
}

void rv_elites(int n_members, int n_elites, const double *holdout_loss, int *elites)
{
    for (int m = 0; m < n_members; m++) {
        int n_better = 0;
        for (int k = 0; k < n_members; k++)
            n_better += holdout_loss[k] < holdout_loss[m] || (holdout_loss[k] == holdout_loss[m] && k < m);
        if (n_better < n_elites)
            elites[n_better] = m;
    }
}
