#include "model/member.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "math/vector.h"
#include "model/holdout.h"
#include "nn/adam.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum {
    MAX_MEMBERS = sizeof(((rv_fit_watch *)0)->best) / sizeof(double),
    INIT_UNIT = 100, /* RV_STREAM_INIT: member m draws its weights as unit INIT_UNIT + m */
    EVAL_ROWS = 256, /* rows of one forward pass over the held-out part */
    AHEAD = 8,       /* rows: a gathered row is asked for that early */
    CACHE_LINE = 16, /* floats */
    TILE = 512,      /* outputs of several rows handled at once by the loss */
    EPOCH_BITS = 20, /* RV_STREAM_SHUFFLE: step = retrain * 2^EPOCH_BITS + epoch */
    DECAY_BLOCK = 512,
    DECAY_LANES = 8, /* partial sums of |W|^2 */
};

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
    int n_last; /* rows of the batch in x and y */

    /* scratch, for tape.max_rows rows */
    double *moments; /* (2, n_in) */
    float *x;        /* (rows, n_in) normalised */
    float *y;        /* (rows, n_out) */
    float *d_out;    /* (rows, 2 n_out) */
    rv_mlp_tape tape;
};

/* ---- shape and life ------------------------------------------------------------------------------------------ */

rv_status rv_member_shape_init(const rv_model_cfg *cfg, int n_obs, int n_act, rv_member_shape *out)
{
    RV_CHECK(cfg->members >= 1 && cfg->members <= MAX_MEMBERS, RV_E_CONFIG,
             "model.members is %lld, expected a whole number in [1, %d]", (long long)cfg->members, MAX_MEMBERS);
    RV_CHECK(cfg->elites >= 1 && cfg->elites <= cfg->members, RV_E_CONFIG,
             "model.elites is %lld, expected a whole number in [1, model.members = %lld]", (long long)cfg->elites,
             (long long)cfg->members);
    RV_CHECK(cfg->hidden_layers >= 1 && cfg->hidden_layers < RV_MLP_LAYERS, RV_E_CONFIG,
             "model.hidden_layers is %lld, expected a whole number in [1, %d]", (long long)cfg->hidden_layers,
             RV_MLP_LAYERS - 1);
    RV_CHECK(cfg->hidden >= 1 && cfg->hidden <= INT_MAX, RV_E_CONFIG, "model.hidden is %lld, expected at least 1",
             (long long)cfg->hidden);
    RV_CHECK(cfg->batch >= 1 && cfg->batch <= INT_MAX, RV_E_CONFIG, "model.batch is %lld, expected at least 1",
             (long long)cfg->batch);
    RV_CHECK(cfg->weight_decay.n == cfg->hidden_layers + 1, RV_E_CONFIG,
             "model.weight_decay has %lld entries, expected model.hidden_layers + 1 = %lld, one per weight layer",
             (long long)cfg->weight_decay.n, (long long)cfg->hidden_layers + 1);

    rv_member_shape s = {.row = rv_row_of(n_obs, n_act), .n_in = n_obs + n_act, .n_out = 1 + n_obs};
    RV_TRY(rv_mlp_init(s.n_in, (int)cfg->hidden_layers, (int)cfg->hidden, 2 * s.n_out, RV_SWISH, &s.mlp));
    s.hi = s.mlp.n_params;
    s.lo = s.hi + s.n_out;
    s.n_trained = s.lo + s.n_out;
    s.mean = s.n_trained;
    s.std = s.mean + s.n_in;
    s.loss = s.std + s.n_in;
    s.n_published = s.loss + 1;
    *out = s;
    return RV_OK;
}

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
    RV_TRY(RV_NEW(m->moments, 2 * (size_t)s->n_in));
    RV_TRY(RV_NEW(m->x, (size_t)n_rows * (size_t)s->n_in));
    RV_TRY(RV_NEW(m->y, (size_t)n_rows * (size_t)s->n_out));
    RV_TRY(RV_NEW(m->d_out, (size_t)n_rows * (size_t)(2 * s->n_out)));
    RV_TRY(rv_mlp_tape_create(&s->mlp, n_rows, &m->tape));
    return RV_OK;
}

rv_status rv_member_create(const rv_model_cfg *cfg, const rv_member_shape *shape, uint64_t seed, int member,
                           int64_t max_rows, rv_member **out)
{
    RV_CHECK(member >= 0 && member < MAX_MEMBERS, RV_E_INTERNAL, "member %d: expected a number in [0, %d]", member,
             MAX_MEMBERS - 1);
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
    for (int j = 0; j < shape->n_out; j++) {
        m->params[shape->hi + j] = (float)cfg->logvar_max;
        m->params[shape->lo + j] = (float)cfg->logvar_min;
    }
    for (int j = 0; j < shape->n_in; j++)
        m->params[shape->std + j] = 1;
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

/* ---- loss and prediction ------------------------------------------------------------------------------------- */

/* logvar = lo + softplus(a), a = (hi - softplus(hi - r)) - lo, of n outputs with these bounds (n).
 * below = sigmoid(hi - r) and above = sigmoid(a) are its slopes; both NULL: not computed. */
static void bound_logvar(int n, const float *r, const float *hi, const float *lo, float *below, float *above,
                         float *logvar)
{
    for (int k = 0; k < n; k++)
        logvar[k] = hi[k] - r[k];
    if (below)
        rv_vector_softplus_slope(n, logvar, logvar, below);
    else
        rv_vector_softplus(n, logvar, logvar);
    for (int k = 0; k < n; k++)
        logvar[k] = (hi[k] - logvar[k]) - lo[k];
    if (above)
        rv_vector_softplus_slope(n, logvar, logvar, above);
    else
        rv_vector_softplus(n, logvar, logvar);
    for (int k = 0; k < n; k++)
        logvar[k] += lo[k];
}

/* Vector code wants long arrays and a row has few outputs, so those of several rows are laid end to end:
 * a tile is (rows, n), the n outputs from number `from` on. */
typedef struct tile {
    int from, n, rows;
    float hi[TILE], lo[TILE]; /* (rows, n) the bounds, the same in every row */
} tile;

static void tile_init(const rv_member_shape *shape, const float *params, int from, tile *out)
{
    out->from = from;
    out->n = shape->n_out - from < TILE ? shape->n_out - from : TILE;
    out->rows = TILE / out->n;
    int j = 0;
    for (int k = 0; k < TILE; k++) {
        out->hi[k] = params[shape->hi + from + j];
        out->lo[k] = params[shape->lo + from + j];
        j = j + 1 < out->n ? j + 1 : 0;
    }
}

/* x (rows, n) from rows of `width` */
static void take(int rows, int n, const float *restrict from, int width, float *restrict x)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++)
            x[(int64_t)i * n + j] = from[(int64_t)i * width + j];
}

static void put(int rows, int n, const float *restrict x, int width, float *restrict to)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++)
            to[(int64_t)i * width + j] = x[(int64_t)i * n + j];
}

/* sums over the tiles of a batch, in the order of the rows */
typedef struct tile_sums {
    double loss[TILE], d_hi[TILE], d_lo[TILE];
} tile_sums;

/* What a tile adds to the sums, and the gradient in place of mu and r, (n) each. */
static void tile_loss(int n, const tile *t, float scale, float *mu, float *r, const float *y, tile_sums *sums)
{
    float logvar[TILE];
    float inverse[TILE];
    float below[TILE];
    float above[TILE];
    bound_logvar(n, r, t->hi, t->lo, below, above, logvar);
    for (int k = 0; k < n; k++)
        inverse[k] = -logvar[k];
    rv_vector_exp(n, inverse, inverse);
    for (int k = 0; k < n; k++) {
        float error = mu[k] - y[k];
        float weighted = error * inverse[k];
        float d_logvar = scale * (1 - error * weighted);
        float d_a = d_logvar * above[k];
        float d_r = d_a * below[k];
        sums->loss[k] += (double)error * (double)weighted + (double)logvar[k];
        sums->d_hi[k] += (double)(d_a - d_r);
        sums->d_lo[k] += (double)(d_logvar - d_a);
        mu[k] = 2 * scale * weighted;
        r[k] = d_r;
    }
}

/* Sum of (mu - y)^2 exp(-logvar) + logvar over the rows of the outputs of a tile, and the gradient of its mean over all
 * outputs: d_out (rows, 2 n_out), grad at hi and lo. */
static double likelihood(const rv_member_shape *shape, const tile *t, int rows, const float *out, const float *y,
                         float *d_out, float *grad)
{
    const int n_out = shape->n_out;
    const float scale = (float)(1.0 / ((double)rows * n_out));
    tile_sums sums = {{0}, {0}, {0}};
    float mu[TILE] = {0};
    float r[TILE] = {0};
    float target[TILE] = {0};
    for (int i = 0; i < rows; i += t->rows) {
        const int n_rows = rows - i < t->rows ? rows - i : t->rows;
        const int64_t at = (int64_t)i * n_out + t->from;
        const int64_t at_mu = at + (int64_t)i * n_out;
        take(n_rows, t->n, out + at_mu, 2 * n_out, mu);
        take(n_rows, t->n, out + at_mu + n_out, 2 * n_out, r);
        take(n_rows, t->n, y + at, n_out, target);
        tile_loss(n_rows * t->n, t, scale, mu, r, target, &sums);
        put(n_rows, t->n, mu, 2 * n_out, d_out + at_mu);
        put(n_rows, t->n, r, 2 * n_out, d_out + at_mu + n_out);
    }
    double loss = 0;
    for (int j = 0; j < t->n; j++) {
        double d_hi = 0;
        double d_lo = 0;
        for (int k = j; k < t->rows * t->n; k += t->n) {
            loss += sums.loss[k];
            d_hi += sums.d_hi[k];
            d_lo += sums.d_lo[k];
        }
        grad[shape->hi + t->from + j] = (float)d_hi;
        grad[shape->lo + t->from + j] = (float)d_lo;
    }
    return loss;
}

/* Adds decay w to grad; returns the sum of squares: DECAY_LANES partial sums over DECAY_BLOCK entries in float,
 * the rest in double. */
static double add_decay(double decay, int64_t n, const float *restrict w, float *restrict grad)
{
    const float rate = (float)decay;
    double sum = 0;
    for (int64_t from = 0; from < n; from += DECAY_BLOCK) {
        const int64_t end = n - from < DECAY_BLOCK ? n : from + DECAY_BLOCK;
        float lanes[DECAY_LANES] = {0};
        int64_t i = from;
        for (; i + DECAY_LANES <= end; i += DECAY_LANES) {
            for (int k = 0; k < DECAY_LANES; k++)
                grad[i + k] += rate * w[i + k];
            for (int k = 0; k < DECAY_LANES; k++)
                lanes[k] += w[i + k] * w[i + k];
        }
        for (int k = 0; i < end; i++, k++) {
            grad[i] += rate * w[i];
            lanes[k] += w[i] * w[i];
        }
        for (int k = 0; k < DECAY_LANES; k++)
            sum += (double)lanes[k];
    }
    return sum;
}

double rv_member_loss(const rv_model_cfg *cfg, const rv_member_shape *shape, const float *params, int rows,
                      const float *x, const float *y, rv_mlp_tape *tape, float *d_out, float *grad)
{
    const rv_mlp *mlp = &shape->mlp;
    const float *out = rv_mlp_forward(mlp, params, rows, x, tape);
    double loss = 0;
    for (int from = 0; from < shape->n_out; from += TILE) {
        tile t;
        tile_init(shape, params, from, &t);
        loss += likelihood(shape, &t, rows, out, y, d_out, grad);
    }
    loss /= (double)rows * shape->n_out;
    rv_mlp_backward(mlp, params, rows, x, tape, d_out, grad, 0, NULL);

    for (int l = 0; l < mlp->n_layers; l++) {
        int64_t n = (int64_t)mlp->sizes[l] * mlp->sizes[l + 1];
        double decay = cfg->weight_decay.v[l];
        loss += decay / 2 * add_decay(decay, n, params + mlp->weight[l], grad + mlp->weight[l]);
    }
    const float weight = (float)cfg->logvar_weight;
    for (int j = 0; j < shape->n_out; j++) {
        loss += cfg->logvar_weight * ((double)params[shape->hi + j] - (double)params[shape->lo + j]);
        grad[shape->hi + j] += weight;
        grad[shape->lo + j] -= weight;
    }
    return loss;
}

static void normalise(int n, const float *x, const float *mean, const float *std, float *out)
{
    for (int j = 0; j < n; j++)
        out[j] = (x[j] - mean[j]) / std[j];
}

void rv_member_predict(const rv_member_shape *shape, const float *published, int rows, const float *x,
                       rv_mlp_tape *tape, float *scratch, float *mean, float *logvar)
{
    const int n_in = shape->n_in;
    const int n_out = shape->n_out;
    for (int64_t i = 0; i < rows; i++)
        normalise(n_in, x + i * n_in, published + shape->mean, published + shape->std, scratch + i * n_in);
    const float *out = rv_mlp_forward(&shape->mlp, published, rows, scratch, tape);
    float r[TILE] = {0};
    take(rows, n_out, out, 2 * n_out, mean);
    for (int from = 0; from < n_out; from += TILE) {
        tile t;
        tile_init(shape, published, from, &t);
        for (int i = 0; i < rows; i += t.rows) {
            const int n_rows = rows - i < t.rows ? rows - i : t.rows;
            take(n_rows, t.n, out + 2 * (int64_t)i * n_out + n_out + from, 2 * n_out, r);
            bound_logvar(n_rows * t.n, r, t.hi, t.lo, NULL, NULL, r);
            put(n_rows, t.n, r, n_out, logvar + (int64_t)i * n_out + from);
        }
    }
}

/* ---- fit ----------------------------------------------------------------------------------------------------- */

/* Mean and standard deviation of the inputs of all rows. */
static void measure_inputs(rv_member *m)
{
    const rv_member_shape *s = &m->shape;
    const int n_in = s->n_in;
    const double n = (double)m->n_rows;
    double *mean = m->moments;
    double *square = m->moments + n_in;
    memset(m->moments, 0, 2 * (size_t)n_in * sizeof *m->moments);
    for (int64_t i = 0; i < m->n_rows; i++)
        for (int j = 0; j < n_in; j++)
            mean[j] += (double)m->rows[i * s->row.width + j];
    for (int j = 0; j < n_in; j++)
        mean[j] /= n;
    for (int64_t i = 0; i < m->n_rows; i++)
        for (int j = 0; j < n_in; j++) {
            double d = (double)m->rows[i * s->row.width + j] - mean[j];
            square[j] += d * d;
        }
    for (int j = 0; j < n_in; j++) {
        double std = sqrt(square[j] / n);
        m->params[s->mean + j] = (float)mean[j];
        m->params[s->std + j] = std < 1e-12 ? 1 : (float)std;
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
    measure_inputs(m);

    rv_holdout_split(&m->cfg, m->seed, retrain, n_rows, m->split);
    const uint32_t n_train = (uint32_t)(n_rows - m->n_holdout);
    const uint32_t *train = m->split + m->n_holdout;
    rv_rng rng = rv_rng_at(m->seed, RV_STREAM_BOOTSTRAP, (uint32_t)m->member, (uint64_t)retrain);
    for (uint32_t i = 0; i < n_train; i++)
        m->bootstrap[i] = train[rv_rng_below(&rng, n_train)];
    return RV_OK;
}

/* x (n, n_in) and y (n, n_out) = [reward, next_obs - obs] of the rows named by index (n). */
static void gather(rv_member *m, int n, const uint32_t *index)
{
    const rv_row *r = &m->shape.row;
    const int n_in = m->shape.n_in;
    const int n_out = m->shape.n_out;
    for (int64_t i = 0; i < n; i++) {
        const float *row = m->rows + (int64_t)index[i] * r->width;
        const float *ahead = m->rows + (int64_t)index[i + AHEAD < n ? i + AHEAD : n - 1] * r->width;
        for (int j = 0; j < r->width; j += CACHE_LINE)
            __builtin_prefetch(ahead + j);
        float *y = m->y + i * n_out;
        normalise(n_in, row, m->params + m->shape.mean, m->params + m->shape.std, m->x + i * n_in);
        y[0] = row[r->reward];
        for (int j = 0; j < r->n_obs; j++)
            y[1 + j] = row[r->next_obs + j] - row[j];
    }
}

/* Mean squared error of the current weights on the held-out part; INFINITY when it is not finite. */
static double measure_holdout(rv_member *m)
{
    const int n_out = m->shape.n_out;
    double sum = 0;
    for (int64_t from = 0; from < m->n_holdout; from += EVAL_ROWS) {
        int n = m->n_holdout - from < EVAL_ROWS ? (int)(m->n_holdout - from) : EVAL_ROWS;
        gather(m, n, m->split + from);
        rv_pulse_beat();
        const float *mu = rv_mlp_forward(&m->shape.mlp, m->params, n, m->x, &m->tape);
        for (int64_t i = 0; i < n; i++)
            for (int j = 0; j < n_out; j++) {
                double error = (double)mu[2 * i * n_out + j] - (double)m->y[i * n_out + j];
                sum += error * error;
            }
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

rv_status rv_member_fit_end(rv_member *member, double *holdout_loss)
{
    rv_member *m = member;
    RV_CHECK(m->rows, RV_E_INTERNAL, "member %d: a fit ends that did not begin", m->member);
    memcpy(m->params, m->best, (size_t)m->shape.n_trained * sizeof *m->best);
    double error = measure_holdout(m);
    m->params[m->shape.loss] = error < (double)FLT_MAX ? (float)error : FLT_MAX;
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
    RV_TRY(visit(user, "x", RV_F32, (int64_t)m->n_last * m->shape.n_in, m->x));
    RV_TRY(visit(user, "y", RV_F32, (int64_t)m->n_last * m->shape.n_out, m->y));
    return visit(user, "grad", RV_F32, m->shape.n_trained, m->grad);
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
