/* branch.h - a block of imagined branches: short rollouts of the policy through the ensemble, from real states
 * (MBPO, Janner et al. 2019, algorithm 2).
 *
 * Each state and step draws one elite member i; then
 *   (mu, logvar) = member_i(obs, act);  [reward, delta] = mu + exp(logvar / 2) eps;  next_obs = obs + delta
 *   terminated = the task's own rule on next_obs; with model.learned_termination member_i's P(terminated) > 1/2
 * With deterministic members nothing is drawn: [reward, delta] = mu.
 * A branch that terminated makes no further rows. With max_disagreement > 0 a branch also stops, before the row is
 * made, where the members disagree by too much for its depth (model/trust.h).
 *
 * Where rows have a tail (data/transition.h), it is filled once the block is whole, from shallow rows to deep ones, of
 * which each still is what it was when a shallower one takes it up. With k steps of the lesson, the row at depth t of a
 * branch that made n rows comes to stand for m = min(k, n - t) steps, m = n - t for a return:
 *   reward = sum_{j<m} discount^j r_{t+j},  entropy = sum_{1<=j<m} discount^j (-log pi(a_{t+j} | s_{t+j})),
 *   discount = discount^m, 0 for a return,  next_obs and terminated: those of row t + m - 1;
 *   m = 0: reward 0, entropy 0, discount 1, next_obs = obs, not terminated
 *   weight = min over these m rows of 1 / (1 + (d / confidence)^2), 1 without confidence, or m = 0
 *
 * A block is a unit: its rows depend on (seed, block, retrain, published weights, real rows) alone. States are
 * grouped by the drawn elite, so that each costs one member's forward pass; with the gate or confidence on, all members
 * run.
 * A gate that stops nothing changes no bit (with native products, kernels.h).
 */
#pragma once
#include "env/env.h"
#include "model/trust.h"

/** Who decides how long branches are: length_start to length_end by epochs, or the error card of the last fit. */
typedef enum rv_length { RV_LENGTH_SCHEDULE, RV_LENGTH_AUTO } rv_length;

/** Settings of the section "rollout". */
typedef struct rv_rollout_cfg {
    int64_t branches;                           /* per retrain */
    int64_t block;                              /* branches per block */
    int length;                                 /* rv_length */
    int64_t length_start, length_end;           /* steps; linear between the two epochs below */
    int64_t length_from_epoch, length_to_epoch; /* epochs of schedule.epoch_steps */
    int64_t retain_epochs;                      /* imagined data are kept this long */
    double max_disagreement;                    /* 0: no gate */
    double full_disagreement;                   /* 0: as max_disagreement */
    int disagreement;                           /* rv_disagreement: what these two are */
    int64_t card;                               /* steps of the error card after each fit; 0: none (card.h) */
} rv_rollout_cfg;
extern const rv_field rv_rollout_cfg_fields[];

/** What all blocks read; borrowed. */
typedef struct rv_branch_source {
    uint64_t seed;
    int64_t retrain;   /* number of the fit whose weights are used */
    int length;        /* steps of a branch, at most */
    int64_t n_real;    /* real rows to start from */
    const float *real; /* (n_real, row.width) */
    int n_members;
    const float *members; /* (n_members, n_published) */
    int n_elites;
    const int *elites;    /* (n_elites) */
    const float *policy;  /* actor weights */
    rv_standard standard; /* where all members run */
} rv_branch_source;

/** Branches that the gate stopped, by the rows that they had: 0, 1, 2, 3 to 4, 5 to 8, 9 to 16, 17 to 32, more. */
enum { RV_BRANCH_STOPS = 8 };

/** What became of a block. */
typedef struct rv_branch_stats {
    int64_t n_rows, n_terminated, n_stopped; /* stopped: by the gate */
    int64_t n_lost;                          /* rows left out because a number in them was not finite */
    int64_t stops[RV_BRANCH_STOPS];          /* of n_stopped */
    double weight;                           /* mean over the rows; without a tail 0 */
    int64_t n_judged;                        /* rows made that all members judged; what follows is over them */
    double disagreement;                     /* mean d */
    double epistemic, aleatoric;             /* root of the mean of rv_opinion's */
} rv_branch_stats;

typedef struct rv_branch rv_branch; /* work space for one block at a time */

/** Do all members run on every state? Then blocks need a standard. */
bool rv_branch_asks_all(const rv_rollout_cfg *cfg, const rv_lesson *lesson);

/** The thresholds as they are set. */
rv_gate rv_branch_gate(const rv_rollout_cfg *cfg);

rv_status rv_branch_create(const rv_rollout_cfg *cfg, int n_members, const rv_member_shape *shape,
                           const rv_mlp *policy_net, const rv_env_spec *spec, bool known_reward,
                           const rv_lesson *lesson, rv_branch **out);
void rv_branch_destroy(rv_branch **branch);

/** Roll one block out. @param[out] rows (block * length, row.whole): stats->n_rows of them are written
 * A row that holds a number that is not finite is left out; where all members run, such a prediction stops the branch.
 * @return RV_OK; RV_E_NONFINITE when nothing is left of the block */
rv_status rv_branch_run(rv_branch *branch, const rv_branch_source *source, int block, float *rows,
                        rv_branch_stats *stats);
