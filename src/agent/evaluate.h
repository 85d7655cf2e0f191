/* evaluate.h - what the policy is worth: the undiscounted return of whole episodes on the mean action tanh(m).
 *
 * An episode is a unit: its numbers depend on (seed, evaluation, episode, weights) alone, so episodes may run on any
 * rank, in any order.
 */
#pragma once
#include "env/env.h"
#include "nn/mlp.h"

enum {
    RV_EVALUATE_MAX_STEPS = 10000,   /* ends an episode of a task without a time limit */
    RV_EVALUATION_BY_HAND = 1 << 30, /* evaluation number of `reverie eval`: no training run's evaluation has it */
};

typedef struct rv_episode {
    double total;    /* return: sum of rewards */
    int64_t length;  /* steps */
    bool terminated; /* by the task; false: its time limit, or RV_EVALUATE_MAX_STEPS */
    bool failed;     /* the user's own environment failed, or a number was not finite (rv_error_last says what); the
                        rest is up to there */
} rv_episode;

/** Run episode number `episode` of evaluation number `evaluation`, reset from (seed, RV_STREAM_EVAL, episode,
 * evaluation) at that age (rv_env_reset_at).
 * @param[in] env any state, left at the end of the episode; net, params as in nn/policy_net.h; tape made for net;
 * scratch (n_obs + n_act)
 * @return RV_OK, also when the episode failed; what went wrong with more than it */
rv_status rv_evaluate_episode(rv_env *env, const rv_mlp *net, const float *params, uint64_t seed, int64_t evaluation,
                              int episode, int64_t age, rv_mlp_tape *tape, float *scratch, rv_episode *out);
