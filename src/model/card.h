/* card.h - the error card of an ensemble: how far can it see, on held-out real segments, and how far should it look?
 *
 * Open-loop prediction: from the real state at the start of a window the real actions are taken, and the imagined
 * states go on from themselves. Predictions are means; nothing is drawn.
 *   the ensemble's    shat_{k+1} = shat_k + mean over the elites of their predicted change at shat_k
 *   member m's own    the same with its own change, at its own states
 *   error[k] = sqrt(mean over windows and numbers of the observation of ((shat_k - s_k) / std)^2)
 * std: of that number in the rows that the members were fitted on.
 *
 * Guesses of error[k] from one step alone:
 *   naive[k] = (1 + e)^k - 1,  e = error[1] of the ensemble
 *   bound[k] = e (g^k - 1) / (g - 1),  g = gain: the largest singular value of d shat_1 / d s, in units of std, mean
 *              over window starts (central differences: they see the published member as rollouts do)
 *
 * What a look ahead costs in return, with V(s) = min_i Q_i(s, mean action at s), 0 where the task has ended:
 *   model_cost[k]  = RMS of sum_{j<k} d^j (rhat_j - r_j) + d^k (V(shat_k) - V(s_k))          d: discount
 *   critic_cost[k] = RMS of min_i Q_i(s_0, a_0) - sum_{j<k} d^j r_j - d^k V(s_k)
 * The first is what k imagined steps are off, the second what the critics are off that bootstrapping at once would
 * take: looking k steps ahead pays while the first is the smaller (compare Janner et al. 2019, theorem 4.3).
 *
 * Calibration over the held-out rows: of z = (y - mu) / sigma of each elite and output, y = [reward, change].
 */
#pragma once
#include "env/env.h"
#include "model/member.h"

enum { RV_CARD_STEPS = 64, RV_CARD_WINDOWS = 256, RV_CARD_GAIN_STATES = 64 };

/** An error this large, or one that is not a number, counts as this: the model has lost the state. */
#define RV_CARD_LOST 1e3

/** What it reads; borrowed. */
typedef struct rv_card_source {
    const rv_env_spec *spec; /* for its termination and reward */
    bool known_reward;       /* the task's own reward of the imagined states, not the predicted one */
    const float *members;    /* (n_members, n_published) */
    int n_elites;
    const int *elites; /* (n_elites) */
    const float *rows; /* real rows (., row.width); environments take turns: row k env_count + e is step k of e */
    int64_t env_count;
    int64_t n_held; /* whole segments */
    const uint32_t *held;
    int64_t segment; /* rows of a segment (holdout.h) */
    double discount;
    const float *policy;  /* actor weights */
    const float *critics; /* of both critics, one after the other; NULL: no costs, and the card recommends one step */
    int steps;            /* longest horizon wanted, 1..RV_CARD_STEPS */
} rv_card_source;

/** Arrays are indexed by the horizon k, from 1 on. */
typedef struct rv_card {
    int steps;                        /* horizons that some window has, at most those wanted */
    int n_windows[RV_CARD_STEPS + 1]; /* windows of at least k steps */
    double error[RV_CARD_STEPS + 1];
    double low[RV_CARD_STEPS + 1], high[RV_CARD_STEPS + 1]; /* least and largest of the members' own errors */
    double naive[RV_CARD_STEPS + 1], bound[RV_CARD_STEPS + 1];
    double model_cost[RV_CARD_STEPS + 1], critic_cost[RV_CARD_STEPS + 1]; /* 0 without critics */
    double gain;
    double within_1, within_2; /* parts of the |z| below 1 and 2: 0.683 and 0.954 when calibrated */
    double z_square;           /* mean z^2: 1 when calibrated, above it when the model is too sure */
} rv_card;

typedef struct rv_card_work rv_card_work; /* work space, so that a card allocates nothing */

/** critic: shape of one critic, inputs n_obs + n_act. */
rv_status rv_card_create(const rv_member_shape *shape, int n_members, const rv_mlp *policy_net, const rv_mlp *critic,
                         rv_card_work **out);
void rv_card_destroy(rv_card_work **work);

/** Measure. A window is a run of steps of one environment inside one segment, cut where an episode ends (terminated, or
 * the next row does not begin where this one led) and after `steps`; at most RV_CARD_WINDOWS are taken, spread evenly.
 * No window at all: steps is 0. Nothing in the card is ever infinite or NaN. */
void rv_card_measure(rv_card_work *work, const rv_card_source *source, rv_card *out);

/** The largest k with model_cost[j] <= critic_cost[j] for all j <= k, within [low, high]. */
int rv_card_horizon(const rv_card *card, int low, int high);
