/* foresight.h - an episode rolled forward in the learned model, beside the real one: how far can the model see?
 *
 * Two kinds of imagined state start where the episode starts:
 *   the ensemble's   next = obs + mean over the elites of their predicted change at obs
 *   member m's own   next = obs + its predicted change at its own obs, for each of the n_members
 * Predictions are means: nothing is drawn. Rollouts (branch.h) draw an elite per step, and noise; this is what they
 * draw around. With model.learned_termination the ensemble's state is terminal where the elites' mean P(terminated) is
 * above 1/2. Actions are the caller's: those of the real episode, or the policy's on the imagined state.
 *
 * Error of a state at step t, against the real observation of that step:
 *   e = sqrt(mean over the numbers of the observation of ((imagined - real) / std)^2)
 * std: of that number in the rows that the model was fitted on. 1 is thus as far off as two states drawn from the data
 * are by chance (up to sqrt(2)). The spread is the least and the largest e of the members.
 */
#pragma once
#include "env/env.h"
#include "model/member.h"

/** An error this large, or not a number at all, counts as this: the model has lost the state. */
#define RV_FORESIGHT_LOST 1e3

/** What it reads; borrowed. */
typedef struct rv_foresight_source {
    const rv_member_shape *shape;
    const rv_env_spec *spec; /* for its termination and reward */
    bool known_reward;       /* the return counts the task's own rewards, not the predicted ones */
    int n_members;
    const float *members; /* (n_members, n_published) */
    int n_elites;
    const int *elites; /* (n_elites) */
} rv_foresight_source;

/** The action of a step (from 0) on an imagined state. @param[out] act (n_act) in [-1, 1] */
typedef void (*rv_foresight_policy)(void *user, int64_t step, const float *obs, float *act);

/** What was seen: n moments, the start included. It ends where the real episode does, where the ensemble's state is
 * terminal by the task's rule or the learned one, or where the model has lost it. */
typedef struct rv_foresight {
    int64_t n;
    float *obs;                 /* (n, n_obs) the ensemble's states */
    double *total;              /* (n) predicted return up to there */
    double *error, *low, *high; /* (n) e of the ensemble's state; least and largest of the members' */
    bool terminated, lost;
} rv_foresight;

/** Roll forward. @param[in] real (n_real, n_obs) observations of the real episode, n_real >= 1
 * @return RV_OK; RV_E_NOMEM. The caller clears *out. */
rv_status rv_foresight_run(const rv_foresight_source *source, int64_t n_real, const float *real,
                           rv_foresight_policy policy, void *user, rv_foresight *out);
void rv_foresight_clear(rv_foresight *foresight);

/** e of one state, at most RV_FORESIGHT_LOST. @param[in] published of any member; imagined, real (n_obs) */
double rv_foresight_error(const rv_member_shape *shape, const float *published, const float *imagined,
                          const float *real);
