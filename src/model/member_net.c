#include "math/vector.h"
#include "model/member_private.h"

#include <limits.h>
#include <math.h>

enum {
    TILE = 512, /* outputs of several rows handled at once by the loss */
    DECAY_BLOCK = 512,
    DECAY_LANES = 8, /* partial sums of |W|^2 */
};

/* ---- shape --------------------------------------------------------------------------------------------------- */

/* the published buffer, and what the network gives */
static rv_status lay_out(const rv_model_cfg *cfg, int n_obs, int n_act, rv_member_shape *out)
{
    rv_member_shape s = {.row = rv_row_of(n_obs, n_act),
                         .n_in = n_obs + n_act,
                         .n_out = 1 + n_obs,
                         .is_deterministic = cfg->kind == RV_MODEL_DETERMINISTIC,
                         .predicts_state = cfg->target == RV_TARGET_NEXT_STATE,
                         .is_normalised = cfg->normalise_targets,
                         .ends = cfg->learned_termination};
    s.n_y = s.n_out + s.ends;
    s.n_raw = (s.is_deterministic ? 1 : 2) * s.n_out + s.ends;
    RV_TRY(rv_mlp_init(s.n_in, (int)cfg->hidden_layers, (int)cfg->hidden, s.n_raw, RV_SWISH, &s.mlp));
    const int n_bound = s.is_deterministic ? 0 : s.n_out;
    const int n_scale = s.is_normalised ? s.n_out : 0;
    s.hi = s.mlp.n_params;
    s.lo = s.hi + n_bound;
    s.n_trained = s.lo + n_bound;
    s.mean = s.n_trained;
    s.std = s.mean + s.n_in;
    s.loss = s.std + s.n_in;
    s.logvar = s.loss + 1;
    s.y_mean = s.logvar + (s.n_out - n_bound);
    s.y_std = s.y_mean + n_scale;
    s.n_published = s.y_std + n_scale;
    *out = s;
    return RV_OK;
}

rv_status rv_member_shape_init(const rv_model_cfg *cfg, int n_obs, int n_act, rv_member_shape *out)
{
    RV_CHECK(cfg->members >= 1 && cfg->members <= RV_FIT_MEMBERS, RV_E_CONFIG,
             "model.members is %lld, expected a whole number in [1, %d]", (long long)cfg->members, RV_FIT_MEMBERS);
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

    return lay_out(cfg, n_obs, n_act, out);
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
 * outputs: d_out (rows, n_raw), grad at hi and lo. */
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
        const int64_t at = (int64_t)i * shape->n_raw + t->from;
        take(n_rows, t->n, out + at, shape->n_raw, mu);
        take(n_rows, t->n, out + at + n_out, shape->n_raw, r);
        take(n_rows, t->n, y + (int64_t)i * shape->n_y + t->from, shape->n_y, target);
        tile_loss(n_rows * t->n, t, scale, mu, r, target, &sums);
        put(n_rows, t->n, mu, shape->n_raw, d_out + at);
        put(n_rows, t->n, r, shape->n_raw, d_out + at + n_out);
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

/* Mean of (mu - y)^2 exp(-logvar) + logvar over rows and outputs, its gradient in d_out and at the bounds. */
static double mean_likelihood(const rv_member_shape *shape, const float *params, int rows, const float *out,
                              const float *y, float *d_out, float *grad)
{
    double loss = 0;
    for (int from = 0; from < shape->n_out; from += TILE) {
        tile t;
        tile_init(shape, params, from, &t);
        loss += likelihood(shape, &t, rows, out, y, d_out, grad);
    }
    return loss / ((double)rows * shape->n_out);
}

/* Mean of (mu - y)^2 over rows and outputs, its gradient in d_out. */
static double mean_square(const rv_member_shape *shape, int rows, const float *out, const float *y, float *d_out)
{
    const float scale = (float)(1.0 / ((double)rows * shape->n_out));
    double loss = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int j = 0; j < shape->n_out; j++) {
            const float error = out[i * shape->n_raw + j] - y[i * shape->n_y + j];
            loss += (double)error * (double)error;
            d_out[i * shape->n_raw + j] = 2 * scale * error;
        }
    return loss / ((double)rows * shape->n_out);
}

/* Mean of log(1 + e^z) - t z over rows, its gradient in d_out; z is the last output, t the last number to learn. */
static double mean_cross_entropy(const rv_member_shape *shape, int rows, const float *out, const float *y, float *d_out)
{
    const int last = shape->n_raw - 1;
    const float scale = (float)(1.0 / rows);
    float z[TILE] = {0};
    float t[TILE] = {0};
    float entropy[TILE];
    float chance[TILE];
    double loss = 0;
    for (int64_t from = 0; from < rows; from += TILE) {
        const int n = rows - from < TILE ? (int)(rows - from) : TILE;
        take(n, 1, out + from * shape->n_raw + last, shape->n_raw, z);
        take(n, 1, y + from * shape->n_y + shape->n_out, shape->n_y, t);
        rv_vector_softplus_slope(n, z, entropy, chance);
        for (int k = 0; k < n; k++) {
            loss += (double)entropy[k] - (double)t[k] * (double)z[k];
            chance[k] = scale * (chance[k] - t[k]);
        }
        put(n, 1, chance, shape->n_raw, d_out + from * shape->n_raw + last);
    }
    return loss / rows;
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
    double loss = shape->is_deterministic ? mean_square(shape, rows, out, y, d_out)
                                          : mean_likelihood(shape, params, rows, out, y, d_out, grad);
    if (shape->ends)
        loss += mean_cross_entropy(shape, rows, out, y, d_out);
    rv_mlp_backward(mlp, params, rows, x, tape, d_out, grad, 0, NULL);

    for (int l = 0; l < mlp->n_layers; l++) {
        int64_t n = (int64_t)mlp->sizes[l] * mlp->sizes[l + 1];
        double decay = cfg->weight_decay.v[l];
        loss += decay / 2 * add_decay(decay, n, params + mlp->weight[l], grad + mlp->weight[l]);
    }
    const float weight = (float)cfg->logvar_weight;
    for (int j = 0; j < shape->n_out && !shape->is_deterministic; j++) {
        loss += cfg->logvar_weight * ((double)params[shape->hi + j] - (double)params[shape->lo + j]);
        grad[shape->hi + j] += weight;
        grad[shape->lo + j] -= weight;
    }
    return loss;
}

/* (rows, n_out) of what the network gave (rows, n_raw) */
static void predict_logvar(const rv_member_shape *shape, const float *published, int rows, const float *out,
                           float *logvar)
{
    const int n_out = shape->n_out;
    float r[TILE] = {0};
    for (int from = 0; from < n_out; from += TILE) {
        tile t;
        tile_init(shape, published, from, &t);
        for (int i = 0; i < rows; i += t.rows) {
            const int n_rows = rows - i < t.rows ? rows - i : t.rows;
            take(n_rows, t.n, out + (int64_t)i * shape->n_raw + n_out + from, shape->n_raw, r);
            bound_logvar(n_rows * t.n, r, t.hi, t.lo, NULL, NULL, r);
            put(n_rows, t.n, r, n_out, logvar + (int64_t)i * n_out + from);
        }
    }
}

/* from units of y to those of the rows */
static void denormalise(const rv_member_shape *shape, const float *published, int rows, float *mean, float *logvar)
{
    for (int64_t j = 0; j < shape->n_out; j++) {
        const float middle = published[shape->y_mean + j];
        const float scale = published[shape->y_std + j];
        const float log_square = (float)(2 * log((double)scale));
        for (int64_t i = j; i < (int64_t)rows * shape->n_out; i += shape->n_out) {
            mean[i] = middle + scale * mean[i];
            logvar[i] += log_square;
        }
    }
}

void rv_member_predict(const rv_member_shape *shape, const float *published, int rows, const float *x,
                       rv_mlp_tape *tape, float *scratch, float *mean, float *logvar)
{
    const int n_in = shape->n_in;
    const int n_out = shape->n_out;
    for (int64_t i = 0; i < rows; i++)
        rv_member_normalise(n_in, x + i * n_in, published + shape->mean, published + shape->std, scratch + i * n_in);
    const float *out = rv_mlp_forward(&shape->mlp, published, rows, scratch, tape);
    take(rows, n_out, out, shape->n_raw, mean);
    if (shape->is_deterministic)
        take(rows, n_out, published + shape->logvar, 0, logvar);
    else
        predict_logvar(shape, published, rows, out, logvar);
    if (shape->is_normalised)
        denormalise(shape, published, rows, mean, logvar);
    for (int64_t i = 0; i < rows && shape->predicts_state; i++)
        for (int j = 0; j < shape->row.n_obs; j++)
            mean[i * n_out + 1 + j] -= x[i * n_in + j];
}

void rv_member_ends(const rv_member_shape *shape, int rows, const rv_mlp_tape *tape, float *logit)
{
    take(rows, 1, tape->h[shape->mlp.n_layers - 1] + shape->n_raw - 1, shape->n_raw, logit);
}
