/* member.h - one member of the probabilistic ensemble: a network that predicts a Gaussian over
 * [reward, next_obs - obs] from (obs, act) (PETS, Chua et al. 2018; MBPO, Janner et al. 2019).
 *
 *   x = ((obs, act) - mean) / std                      mean, std of the real buffer at the start of the fit
 *   (mu, r) = mlp(x), each n_out = 1 + n_obs wide
 *   logvar = lo + softplus((hi - softplus(hi - r)) - lo)         hi, lo learned, one per output
 *   loss   = mean over rows and outputs of ((mu - y)^2 exp(-logvar) + logvar)
 *          + sum_l decay_l |W_l|^2 / 2 + weight (sum hi - sum lo)
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

/** Settings of the section "model". */
typedef struct rv_model_cfg {
    int64_t members, elites;
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
 * [ mlp parameters | logvar hi (n_out) | logvar lo (n_out) | input mean (n_in) | input std (n_in) | holdout loss ] */
typedef struct rv_member_shape {
    rv_row row;
    rv_mlp mlp; /* inputs n_obs + n_act, outputs 2 (1 + n_obs), swish */
    int n_in, n_out;
    int64_t hi, lo, mean, std, loss; /* offsets in the published buffer */
    int64_t n_trained;               /* mlp parameters and both bounds: what Adam updates */
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
 * is held out, and at least one is not. Sets mean and std of the inputs (std below 1e-12 becomes 1).
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

/** The batch that the fit computed last, for people: shows x (n_in per row) normalised, y (n_out per row), grad. */
rv_status rv_member_visit_batch(rv_member *member, rv_visit visit, void *user);

/** Mini-batch gradient steps done since creation. */
int64_t rv_member_updates(const rv_member *member);

/** Copy out what rollouts need. The holdout loss in it is that of the last fit that ended, 0 before. @param[out] out
 * (shape->n_published) */
void rv_member_publish(const rv_member *member, float *out);

/** Predict from a published buffer. @param[in] x (rows, n_obs + n_act) raw inputs
 * @param[out] mean (rows, n_out), logvar (rows, n_out); tape made for shape->mlp with at least rows rows;
 * scratch (rows, n_in) */
void rv_member_predict(const rv_member_shape *shape, const float *published, int rows, const float *x,
                       rv_mlp_tape *tape, float *scratch, float *mean, float *logvar);

/** Loss and gradient of one batch at the published buffer's parameters, for tests and for the fit itself.
 * @param[in] params (n_trained), x (rows, n_in) normalised, y (rows, n_out)
 * @param[out] d_out (rows, 2 n_out) scratch, grad (n_trained); returns the loss */
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
