/* track.h - an episode as pictures need it: what was seen and done, moment by moment. */
#pragma once
#include "env/env.h"

/** Moment 0 is the start, moment t comes after step t. */
typedef struct rv_track {
    const rv_env_spec *spec;
    int64_t n;       /* moments: steps + 1 */
    int n_numbers;   /* of a state; 0: the environment has none that says anything */
    float *obs;      /* (n, n_obs) */
    float *act;      /* (n, n_act) the action that led there, in [-1, 1]; moment 0: zeros */
    double *total;   /* (n) return up to there */
    double *numbers; /* (n, n_numbers) of the states (rv_env_numbers) */
    bool terminated; /* the task ended; else its time limit did, or the most steps */
    bool failed;     /* the user's own environment failed (rv_error_last says how); the rest is up to there */
    int64_t room;    /* moments that memory was taken for */
} rv_track;

/** What is done: the action of a step (from 0) on what was seen before it. @param[out] act (n_act) in [-1, 1] */
typedef void (*rv_track_policy)(void *user, int64_t step, const float *obs, float *act);

/** Run an episode of at most most_steps, reset by rng at that age (rv_env_reset_at).
 * @param[in] env any state @return RV_OK; RV_E_NONFINITE; RV_E_ENV (a user's own failed in the reset); RV_E_NOMEM. The
 * caller clears *out. */
rv_status rv_track_record(rv_env *env, rv_rng *rng, int64_t age, rv_track_policy policy, void *user, int64_t most_steps,
                          rv_track *out);

/** The track of states that a model imagined, for an episode that was recorded: its states are rebuilt from the
 * observations (rv_env_pose), beginning with the real one of moment 0. Actions are left out.
 * @param[in] obs (n, n_obs), total (n) @return RV_OK; RV_E_NOMEM. The caller clears *out. */
rv_status rv_track_rebuild(const rv_env *env, const rv_track *real, int64_t n, const float *obs, const double *total,
                           rv_track *out);

void rv_track_clear(rv_track *track);
