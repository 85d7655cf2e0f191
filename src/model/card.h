/* card.h - the error card of an ensemble: how well it predicts real steps that were kept out of its fit, how its error
 * grows when it goes on from its own predictions, and how far ahead that is still worth more than the critics' guess.
 *
 * A window is a stretch of up to `steps` consecutive real steps of one environment, all of them held out (holdout.h):
 * rows i, i + count, i + 2 count, ... of the real buffer. It ends with a terminated row, and where next_obs of a row
 * differs in any bit from obs of the next one (a cut). Windows begin at every held-out row and overlap. Of more than
 * RV_CARD_WINDOWS the longest are kept, those of equal length spread evenly over the held-out rows, so that long
 * horizons rest on as many windows as there are. A window of n steps counts at horizons 1..n.
 *
 * Open loop, with the real actions; predictions are means (foresight.h), e is its error of a state:
 *   error[k]       sqrt(mean over windows of e^2) after k steps, of the ensemble's state; of each member's own state
 *   naive[k]       (1 + error[1])^k - 1
 *   guess[k]       error[1] (gain^k - 1) / (gain - 1)
 *   gain           mean over up to RV_CARD_GAINS starts of the largest singular value of D^-1 J D, J the Jacobian
 *                  d next_obs / d obs of the elites' mean prediction, D = diag(std). Exact, backwards through the
 *                  networks: a difference quotient of float32 predictions would lose half of the digits.
 * With critics, and V(s) = min_i Q_i(s, tanh m(s)), over windows:
 *   real[k]        sum_{j<k} discount^j r_j + discount^k V(s_k), without V where row k - 1 terminated
 *   imagined[k]    the same of the ensemble's rewards and states; nothing more once the task's rule, or what the elites
 *                  have learned (foresight.h), says that its state is terminal
 *   model_cost[k]  root mean square of imagined[k] - real[k]
 *   critic_cost[k] root mean square of min_i Q_i(s_0, a_0) - real[k]
 *   Real actions are those of older policies, and Q counts a reward for entropy that real[k] has not: both make
 *   critic_cost[k] larger, the more so the larger k is.
 * One step, on the first of the held-out rows, at most RV_CARD_ROWS; outputs y = [reward, next_obs - obs]:
 *   quality        mean over the outputs that vary of max(0, 1 - mean squared error of the elites' mean / variance)
 *   disagreement   mean over rows of what branch.h gates by, over all members
 *   z              (y - mu) / sqrt(v); mu, v: mean and variance of the elites' mixture, from which branches draw
 *   within_1, _2   parts of all |z| up to 1, up to 2: 0.683 and 0.954 when the predicted deviations are right
 *   z_squared      mean z^2: 1 when they are, larger when they are too small
 *
 * The held-out rows have chosen the elites and the epoch at which the fit stopped: all this is a little too good.
 * Nothing is drawn: a card is a function of the weights and the rows. No number in it is NaN or infinite: an e, a
 * disagreement or |z| of one row beyond RV_FORESIGHT_LOST, or no number, counts as that, as do naive, guess and gain.
 * A cost beyond RV_CARD_LOST, or no number, counts as that; so does model_cost once the ensemble has lost a state of
 * any window before the task's rule said that it is terminal.
 */
#pragma once
#include "env/env.h"
#include "model/foresight.h"

enum { RV_CARD_WINDOWS = 512, RV_CARD_GAINS = 64, RV_CARD_ROWS = 2048 };
/** A horizon is not recommended from fewer windows. */
enum { RV_CARD_LEAST = 8 };
#define RV_CARD_LOST 1e9

/** What stays as it is in a run. */
typedef struct rv_card_setup {
    int steps;     /* the longest horizon, at least 1 */
    int n_members; /* at most RV_FIT_MEMBERS */
    int count;     /* environments: row k * count + e is step k of environment e */
    int64_t max_rows;
    double discount;
    bool known_reward; /* imagined rewards are the task's own, not the predicted ones */
    const rv_member_shape *shape;
    const rv_env_spec *spec;
    const rv_mlp *policy_net; /* unused, and may be NULL, without critics */
    const rv_mlp *critic_net; /* n_obs + n_act -> 1; NULL: there will be no critics */
} rv_card_setup;

/** What one card reads; borrowed. */
typedef struct rv_card_source {
    const float *members; /* (n_members, n_published) */
    int n_elites;
    const int *elites; /* (n_elites) */
    int64_t n_rows;
    const float *rows; /* (n_rows, row.width) the real buffer */
    int64_t n_held;
    const uint32_t *held; /* (n_held) the held-out rows, as rv_holdout_split puts them */
    const float *policy;  /* actor weights */
    const float *critics; /* (2, n_params of critic_net); NULL: not yet, then there are no costs */
} rv_card_source;

/** The card; arrays belong to the work space and hold until its next run. Horizon k is at [k]; 0 beyond n. */
typedef struct rv_card_report {
    int n;                    /* the longest horizon that a window reaches, 1 to steps */
    int steps;                /* as in the setup: arrays are (steps + 1) */
    const int *windows;       /* how many reach it, never rising */
    const double *error;      /* of the ensemble */
    const double *members;    /* (n_members, steps + 1) of each member */
    const double *low, *high; /* least and largest of the members' */
    const double *naive, *guess;
    double gain;
    bool has_costs;
    const double *model_cost, *critic_cost; /* in rewards; 0 without critics */
    int64_t n_rows;                         /* held-out rows that what follows is of */
    double quality, disagreement, within_1, within_2, z_squared;
} rv_card_report;

typedef struct rv_card rv_card; /* work space */

/** @return RV_OK; RV_E_CONFIG (known_reward where the task has no such function); RV_E_NOMEM. The caller destroys it.
 */
rv_status rv_card_create(const rv_card_setup *setup, rv_card **out);
void rv_card_destroy(rv_card **card);

/** Make a card; allocates nothing. @return RV_OK; RV_E_INTERNAL (no held-out row, rows or members out of range) */
rv_status rv_card_run(rv_card *card, const rv_card_source *source, rv_card_report *out);

/** The horizon that it recommends, within [low, high]: the largest k such that at all j = 1..k
 * model_cost[j] <= critic_cost[j], from at least RV_CARD_LEAST windows and with nothing lost; 1 when that fails at
 * once. Without critics: low. */
int rv_card_horizon(const rv_card_report *report, int low, int high);
