/* sac.h - Soft Actor-Critic with twin critics, target networks and automatic temperature
 * (Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications").
 *
 *   policy:  (m, log s) = mlp(obs), log s clamped to [-20, 2];  u = m + s eps;  a = tanh(u)
 *            log pi = sum_j [ -eps_j^2 / 2 - log s_j - log(2 pi) / 2 - 2 (log 2 - u_j - softplus(-2 u_j)) ]
 *   target:  y = r + discount (1 - terminated) (min_i Q'_i(s', a') - alpha log pi(a' | s')),  a' ~ pi(. | s')
 *   critic:  L_Q = sum_i mean w (Q_i(s, a) - y)^2 / 2,  w = 1
 *   actor:   L_pi = mean (alpha log pi(a | s) - min_i Q_i(s, a)),  a ~ pi(. | s) reparameterised, updated critics
 *   alpha:   L_alpha = -log_alpha mean (log pi(a | s) + target_entropy), the log pi of the actor's step
 *   targets: Q' = (1 - tau) Q' + tau Q
 *
 * What is imagined can teach the critics otherwise, which the tails of rows say (data/transition.h, model/branch.h):
 *   confidence  w = 1 / (1 + (d / confidence)^2), d the members' disagreement: a row of doubt pulls less (as in UWAC,
 *               Wu et al. 2021, and SUNRISE, Lee et al. 2021). Real rows have w = 1; mean divides by the rows.
 *   expansion   m = min(target_steps, rows left in the branch) imagined rewards before the bootstrap (MVE, Feinberg et
 *               al. 2018; Buckman et al. 2018, STEVE, weigh several m against one another), at row t of the branch:
 *               y = sum_{j<m} discount^j r_{t+j} + alpha sum_{1<=j<m} discount^j (-log pi(a_{t+j} | s_{t+j}))
 *                   + discount^m (1 - terminated) (min_i Q'_i(s_{t+m}, a') - alpha log pi(a' | s_{t+m}))
 *               log pi(a_{t+j} | s_{t+j}) is that of the policy which made the branch, alpha and a' are today's.
 *               m = 1 is td. m = 0 would be y = V'(s_t), in which no reward is: nothing is learned from it.
 *   return      m: all rows left in the branch, and no bootstrap: what comes after the branch counts nothing, so that
 *               the critics learn values of a task that ends there.
 *
 * One update goes critics and their targets -> actor and temperature (the actor does not read the targets). It is cut
 * for data-parallel learning: a shard computes the gradient of its rows, already divided by the whole batch; the
 * caller sums the shards in a fixed order; every rank then applies the same sum to its own copy of the learner. The
 * loss values ride at the end of the gradients, so that they are summed the same way.
 */
#pragma once
#include "base/field.h"
#include "base/visit.h"
#include "data/transition.h"
#include "nn/mlp.h"

/** What the real share follows: real steps, or how well the model predicts held-out rows (run/pace.h). */
typedef enum rv_share { RV_SHARE_SCHEDULE, RV_SHARE_HOLDOUT } rv_share;

/** What the critics are led towards on imagined rows. */
typedef enum rv_target { RV_TARGET_TD, RV_TARGET_EXPANSION, RV_TARGET_RETURN } rv_target;

/** Settings of the section "policy". */
typedef struct rv_sac_cfg {
    int64_t hidden_layers, hidden;
    double learning_rate; /* of actor, critics and temperature */
    double tau, discount;
    int64_t batch;            /* rows of one update, over all shards */
    int64_t shards;           /* slices of the batch and of the imagined buffer; a number that changes the result */
    int share;                /* rv_share */
    double real_share;        /* part of the batch drawn from the real buffer, at the start, or for a useless model */
    double real_share_end;    /* and after real_share_steps real steps, linear between, or for a perfect model */
    int64_t real_share_steps; /* 0: real_share throughout */
    double confidence;        /* disagreement (model/trust.h) at which an imagined row counts half; 0: all count 1 */
    int target;               /* rv_target */
    int64_t target_steps;     /* of the expansion */
    double initial_alpha;
    char target_entropy[RV_FIELD_STR]; /* a number of nats, or "auto" = -n_act */
} rv_sac_cfg;
extern const rv_field rv_sac_cfg_fields[];

/** What these settings make of imagined rows. */
rv_lesson rv_sac_lesson(const rv_sac_cfg *cfg);

/** The learner: same numbers on every policy rank. One flat buffer per kind:
 * params = [ actor | critic 1 | critic 2 | log_alpha ] */
typedef struct rv_sac {
    rv_sac_cfg cfg;
    rv_row row;    /* with a tail where imagined rows have one */
    rv_mlp actor;  /* n_obs -> 2 n_act: means, then log deviations; relu */
    rv_mlp critic; /* n_obs + n_act -> 1; relu */
    double target_entropy;
    int64_t n_actor, n_critics, n_params; /* n_critics: both; n_params = n_actor + n_critics + 1 */
    float *params, *adam_m, *adam_v;      /* (n_params) */
    float *target;                        /* (n_critics) */
    int64_t n_updates;
    int64_t n_skipped; /* updates left out by the caller since the last that was not, for its budget */
} rv_sac;

/** Loss values that ride behind the gradients. */
enum { RV_SAC_CRITIC_EXTRA = 2, RV_SAC_ACTOR_EXTRA = 3 };
/* critic_grad: [ d params of both critics (n_critics) | L_Q, mean Q_1 ]
 * actor_grad:  [ d params of the actor (n_actor) | d log_alpha | L_pi, mean log pi, mean -log pi (entropy) ] */
int64_t rv_sac_critic_grad_size(const rv_sac *sac); /* n_critics + RV_SAC_CRITIC_EXTRA */
int64_t rv_sac_actor_grad_size(const rv_sac *sac);  /* n_actor + 1 + RV_SAC_ACTOR_EXTRA */

/** Work space of one shard: everything an update needs, so that updates allocate nothing. */
typedef struct rv_sac_shard {
    int rows;               /* batch / shards */
    float *obs;             /* (rows, n_obs) what the actor sees: s' in the critic's step, s in the actor's */
    float *obs_act;         /* (rows, n_obs + n_act) what the critics see */
    float *act, *logp;      /* (rows, n_act), (rows) the actor's sample */
    float *y;               /* (rows) target of the critics */
    float *d_q;             /* (rows) gradient at a critic's output */
    int *smaller[2];        /* (rows) the rows where this critic is the smaller */
    float *d_critic;        /* (rows, n_act) gradient at the action, of these rows */
    float *d_act;           /* (rows, n_act) gradient at the sampled action */
    float *d_out;           /* (rows, 2 n_act) gradient at the actor's output */
    rv_mlp_tape actor_tape; /* of rows rows, as are the critics' */
    rv_mlp_tape critic_tape[2];
} rv_sac_shard;

/** Weights from (seed, RV_STREAM_INIT): unit 0 the actor, 1 and 2 the critics; targets equal critics.
 * @return RV_OK; RV_E_CONFIG (batch not a multiple of shards, bad target_entropy); RV_E_NOMEM. The caller owns *out. */
rv_status rv_sac_create(const rv_sac_cfg *cfg, int n_obs, int n_act, uint64_t seed, rv_sac **out);
void rv_sac_destroy(rv_sac **sac);

rv_status rv_sac_shard_create(const rv_sac *sac, rv_sac_shard **out);
void rv_sac_shard_destroy(rv_sac_shard **shard);

/** Gradient of this shard's part of L_Q. @param[in] batch (rows, row.whole); eps (rows, n_act) standard normal
 * noise of a'. @param[out] grad (rv_sac_critic_grad_size) */
void rv_sac_critic_grad(const rv_sac *sac, rv_sac_shard *shard, const float *batch, const float *eps, float *grad);
/** Adam on both critics with the summed gradient, then their targets. Counts the update. */
void rv_sac_critic_apply(rv_sac *sac, const float *grad);
/** Gradient of this shard's part of L_pi and L_alpha; eps (rows, n_act) noise of a. */
void rv_sac_actor_grad(const rv_sac *sac, rv_sac_shard *shard, const float *batch, const float *eps, float *grad);
/** Adam on the actor and the temperature. */
void rv_sac_actor_apply(rv_sac *sac, const float *grad);

/** The temperature, exp(log_alpha). */
double rv_sac_alpha(const rv_sac *sac);

/** Show everything a checkpoint must hold: params, adam_m, adam_v, target, n_updates, skipped_in_row. */
rv_status rv_sac_visit(rv_sac *sac, rv_visit visit, void *user);
