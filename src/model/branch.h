/* branch.h - a block of imagined branches: short rollouts of the policy through the ensemble, from real states
 * (MBPO, Janner et al. 2019, algorithm 2).
 *
 * Each state and step draws one elite member i; then
 *   (mu, logvar) = member_i(obs, act);  [reward, delta] = mu + exp(logvar / 2) eps;  next_obs = obs + delta
 *   terminated = the task's own rule on next_obs; with model.learned_termination member_i's P(terminated) > 1/2
 * With deterministic members nothing is drawn: [reward, delta] = mu.
 * A branch that terminated makes no further rows. With max_disagreement > 0 a branch also stops, before the row is
 * made, where the members disagree by more than that: the largest over the outputs of the standard deviation of the
 * members' means, divided by the root of their mean predicted variance (of deterministic members: of their mean squared
 * error on held-out rows).
 *
 * A block is a unit: its rows depend on (seed, block, retrain, published weights, real rows) alone. States are
 * grouped by the drawn elite, so that each costs one member's forward pass; with the gate on, all members run.
 * A gate that stops nothing changes no bit (with native products, kernels.h).
 */
#pragma once
#include "env/env.h"
#include "model/member.h"

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
    const int *elites;   /* (n_elites) */
    const float *policy; /* actor weights */
} rv_branch_source;

/** What became of a block. */
typedef struct rv_branch_stats {
    int64_t n_rows, n_terminated, n_stopped; /* stopped: by the gate */
    int64_t n_lost;                          /* rows left out because a number in them was not finite */
} rv_branch_stats;

typedef struct rv_branch rv_branch; /* work space for one block at a time */

rv_status rv_branch_create(const rv_rollout_cfg *cfg, int n_members, const rv_member_shape *shape,
                           const rv_mlp *policy_net, const rv_env_spec *spec, bool known_reward, rv_branch **out);
void rv_branch_destroy(rv_branch **branch);

/** Roll one block out. @param[out] rows (block * length, row.width): stats->n_rows of them are written
 * A row that holds a number that is not finite is left out; to the gate such a prediction is a disagreement.
 * @return RV_OK; RV_E_NONFINITE when nothing is left of the block */
rv_status rv_branch_run(rv_branch *branch, const rv_branch_source *source, int block, float *rows,
                        rv_branch_stats *stats);
