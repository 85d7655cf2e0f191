/* member.h - one member of the probabilistic ensemble: a network that predicts a Gaussian over
 * [reward, next_obs - obs] from (obs, act) (PETS, Chua et al. 2018; MBPO, Janner et al. 2019).
 *
 *   x = ((obs, act) - mean) / std                      mean, std of the real buffer at the start of the fit
 *   (mu, r) = mlp(x), each n_out = 1 + n_obs wide
 *   logvar = lo + softplus((hi - softplus(hi - r)) - lo)         hi, lo learned, one per output
 *   loss   = mean over rows and outputs of ((mu - y)^2 exp(-logvar) + logvar)
 *          + sum_l decay_l |W_l|^2 / 2 + weight (sum hi - sum lo)
 *
 * Settings that change this, and that go together in any way:
 *   kind = deterministic        mu = mlp(x): no r, no hi, no lo
 *                               loss = mean over rows and outputs of (mu - y)^2 + sum_l decay_l |W_l|^2 / 2
 *                               logvar = log of the kept weights' mean squared error on the held-out part, one per
 *                               output, measured at the end of a fit; the same at every input
 *   target = next_state         y = [reward, next_obs]
 *   normalise_targets           y = ([reward, ...] - y_mean) / y_std            of the real buffer, as for the inputs
 *   learned_termination         one more output, z; loss + mean over rows of log(1 + e^z) - t z, where t is 1 in a row
 *                               that terminated: 1 / (1 + e^-z) is the predicted P(terminated)
 *   bootstrap = false           a member learns from all rows that are not held out, once each
 * Predictions (rv_member_predict) are always of [reward, next_obs - obs] and in the units of the rows. The held-out
 * error is that of mu against y alone, without the termination: with normalise_targets in units of y_std, so that one
 * large number does not rule it; without in the rows' own.
 *
 * A fit: all members share one held-out part of the buffer (holdout.h); each draws its own
 * bootstrap of the rest with replacement, once per fit, and shuffles it each epoch; after each epoch every member
 * measures its squared error on the held-out part; weights are kept whenever it fell by more than `improvement`;
 * the ensemble stops after more than `patience` epochs in which no member improved; the kept weights are restored.
 * Weights and Adam moments go on from fit to fit.
 *
 * A member is a unit: its numbers depend on (seed, member, retrain, buffer) alone. The caller runs the epochs of
 * all members in step and decides when to stop (rv_fit_watch), because that needs every member's loss.
 */
#pragma once
#include "base/field.h"
#include "base/visit.h"
#include "data/transition.h"
#include "nn/mlp.h"

enum { RV_MODEL_PROBABILISTIC, RV_MODEL_DETERMINISTIC }; /* rv_model_cfg.kind */
enum { RV_TARGET_DIFFERENCE, RV_TARGET_NEXT_STATE };     /* rv_model_cfg.target */

/** Settings of the section "model". */
typedef struct rv_model_cfg {
    int64_t members, elites;
    int kind, target;
    bool normalise_targets, learned_termination, bootstrap;
    int64_t hidden_layers, hidden;
    double learning_rate;
    int64_t batch;
    rv_f64_list weight_decay; /* per weight layer, hidden_layers + 1 entries */
    double holdout_ratio;
    int64_t holdout_max;
    int64_t holdout_segment; /* consecutive rows that are held out together (holdout.h) */
    int64_t patience;        /* epochs */
    double improvement;      /* relative */
    int64_t max_epochs;      /* per fit */
    double logvar_max, logvar_min, logvar_weight;
    bool known_reward; /* rollouts use the task's own reward function instead of the learned one */
} rv_model_cfg;
extern const rv_field rv_model_cfg_fields[];

/** What a member publishes: all that a rollout needs, in one flat buffer of floats:
 * [ mlp parameters | logvar hi (n_out) | logvar lo (n_out) | input mean (n_in) | input std (n_in) | holdout loss
 *   | logvar (n_out) | target mean (n_out) | target std (n_out) ]
 * hi and lo are those of a probabilistic member, logvar that of a deterministic one (0 before its first fit); target
 * mean and std are there with normalise_targets. Such logvar is in the units of y. */
typedef struct rv_member_shape {
    rv_row row;
    rv_mlp mlp; /* swish; inputs n_obs + n_act; outputs mu (n_out), then r (n_out), then z, where there are any */
    int n_in, n_out;
    int n_raw; /* outputs of the mlp */
    int n_y;   /* numbers of a row to learn: n_out, and with learned_termination whether it terminated */
    bool is_deterministic, predicts_state, is_normalised, ends; /* kind, target, normalise_targets, ... */
    int64_t hi, lo, mean, std, loss;                            /* offsets in the published buffer */
    int64_t logvar, y_mean, y_std;
    int64_t n_trained; /* mlp parameters and both bounds: what Adam updates */
    int64_t n_published;
} rv_member_shape;

/** @return RV_OK; RV_E_CONFIG (names the setting) */
rv_status rv_member_shape_init(const rv_model_cfg *cfg, int n_obs, int n_act, rv_member_shape *out);

typedef struct rv_member rv_member;

/** max_rows: the largest buffer it will ever be fitted on. */
rv_status rv_member_create(const rv_model_cfg *cfg, const rv_member_shape *shape, uint64_t seed, int member,
                           int64_t max_rows, rv_member **out);
void rv_member_destroy(rv_member **member);

/** Begin fit number `retrain` (from 0) on rows (n_rows, shape->row.width), borrowed until fit_end. At least one row
 * is held out, and at least one is not. Sets mean and std of the inputs, and of targets that are normalised (std below
 * 1e-12 becomes 1).
 * @return RV_OK; RV_E_INTERNAL (n_rows < 2 or > max_rows, a fit is under way); RV_E_NONFINITE (names the row) */
rv_status rv_member_fit_begin(rv_member *member, int64_t retrain, int64_t n_rows, const float *rows);

/** One epoch over the bootstrap, its last batch as small as it comes. A batch whose loss or gradient is not finite
 * changes nothing and is counted (rv_member_skips); weights with which the held-out part's error is not finite are not
 * kept.
 * @param[in]  epoch number in this fit, in [0, 2^20)
 * @param[out] train_loss mean over the batches that counted of the loss before each update; NaN when none did
 * @param[out] holdout_loss mean squared error on the held-out part; INFINITY when that is not finite
 * @return RV_OK; RV_E_INTERNAL outside a fit */
rv_status rv_member_fit_epoch(rv_member *member, int64_t epoch, double *train_loss, double *holdout_loss);

/** Restore the kept weights and measure them; those that the fit began with where none were better or finite.
 * @param[out] holdout_loss squared error of the kept weights; INFINITY when that is not finite, and then the largest
 * float in what is published
 * @return RV_OK; RV_E_INTERNAL outside a fit */
rv_status rv_member_fit_end(rv_member *member, double *holdout_loss);

/** The rows of the fit last begun, as numbers of rows of its buffer. Borrowed until the next fit_begin. */
void rv_member_rows(const rv_member *member, int64_t *n_holdout, const uint32_t **holdout, int64_t *n_bootstrap,
                    const uint32_t **bootstrap);

/** What was skipped because it was not finite. */
typedef struct rv_member_skipped {
    int64_t n_batches, n_epochs; /* of the fit last begun; epochs whose weights could not be judged */
    int64_t n_in_row;            /* batches one after the other, over fits, up to now */
} rv_member_skipped;
rv_member_skipped rv_member_skips(const rv_member *member);

/** With learned_termination: part of the held-out rows that the kept weights of the fit last ended take to end an
 * episode when they do not, or the other way round. */
double rv_member_termination_error(const rv_member *member);

/** The batch that the fit computed last, for people: shows x (n_in per row) normalised, y (n_y per row), grad.
 * @return RV_OK; RV_E_INTERNAL outside a fit */
rv_status rv_member_visit_batch(rv_member *member, rv_visit visit, void *user);

/** Mini-batch gradient steps done since creation. */
int64_t rv_member_updates(const rv_member *member);

/** Copy out what rollouts need. The holdout loss in it is that of the last fit that ended, 0 before. @param[out] out
 * (shape->n_published) */
void rv_member_publish(const rv_member *member, float *out);

/** Predict [reward, next_obs - obs] from a published buffer. @param[in] x (rows, n_obs + n_act) raw inputs
 * @param[out] mean (rows, n_out), logvar (rows, n_out) of a Gaussian; of a deterministic member what it is off by on
 * held-out rows, which is to be compared with, not drawn from; tape made for shape->mlp with at least rows rows;
 * scratch (rows, n_in) */
void rv_member_predict(const rv_member_shape *shape, const float *published, int rows, const float *x,
                       rv_mlp_tape *tape, float *scratch, float *mean, float *logvar);

/** What output j is learned, and its held-out error measured, in. */
static inline double rv_member_unit(const rv_member_shape *shape, const float *published, int j)
{
    return shape->is_normalised ? (double)published[shape->y_std + j] : 1;
}

/** The logit z of P(terminated) of the rows that were predicted last on this tape; for shape->ends only.
 * @param[out] logit (rows) */
void rv_member_ends(const rv_member_shape *shape, int rows, const rv_mlp_tape *tape, float *logit);

/** Loss and gradient of one batch at the published buffer's parameters, for tests and for the fit itself.
 * @param[in] params (n_trained), x (rows, n_in) normalised, y (rows, n_y)
 * @param[out] d_out (rows, n_raw) scratch, grad (n_trained); returns the loss */
double rv_member_loss(const rv_model_cfg *cfg, const rv_member_shape *shape, const float *params, int rows,
                      const float *x, const float *y, rv_mlp_tape *tape, float *d_out, float *grad);

/** Show everything a checkpoint must hold. Between fits only. @return RV_OK; RV_E_INTERNAL inside a fit */
rv_status rv_member_visit(rv_member *member, rv_visit visit, void *user);

/** When an ensemble fit is over, and which members are the elites. */
enum { RV_FIT_MEMBERS = 64 };

typedef struct rv_fit_watch {
    int64_t n_members, patience, epochs_without;
    double improvement;
    double best[RV_FIT_MEMBERS];
} rv_fit_watch;
void rv_fit_watch_init(const rv_model_cfg *cfg, rv_fit_watch *watch);
/** Tell it all members' holdout losses of an epoch, in member order. @return true when the fit is over */
bool rv_fit_watch_epoch(rv_fit_watch *watch, const double *holdout_loss);
/** The elites: the members of least loss, ties to the lower number. @param[out] elites (n_elites), best first */
void rv_elites(int n_members, int n_elites, const double *holdout_loss, int *elites);
