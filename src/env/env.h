/* env.h - real environments: one interface, one file per family, one registry.
 *
 * An environment is a unit: a state of its own, and nothing else. It never draws random numbers by itself: reset
 * gets a generator. Observations leave as float32 (what the learner sees), dynamics run in double.
 * Actions come in the learner's scale [-1, 1] and are scaled to the actuator range inside rv_env_step:
 *   u = low + (a + 1) (high - low) / 2, clipped to [low, high].
 * A time limit is a truncation, never a termination: the two flags are kept apart.
 */
#pragma once
#include "base/field.h"
#include "base/rng.h"
#include "base/status.h"

#include <stdint.h>

/** Settings of the section "env". */
typedef struct rv_env_cfg {
    char name[RV_FIELD_STR]; /* registered task, "Pendulum-v1" */
    int64_t count;           /* real environments stepped side by side; each is one unit */
} rv_env_cfg;
extern const rv_field rv_env_cfg_fields[];

/** What a task is; constant. */
typedef struct rv_env_spec {
    const char *name;       /* "Hopper-v4" */
    const char *family;     /* "classic", "mujoco" */
    const char *help;       /* one line */
    int n_obs, n_act;       /* sizes of observation and action */
    int time_limit;         /* steps until truncation; 0 = none */
    double threshold;       /* return that counts as solved; NAN when none is registered */
    const double *act_low;  /* (n_act) actuator range */
    const double *act_high; /* (n_act) */
    /** Termination inside a learned model, from predicted next observations (MBPO; Janner et al. 2019, app. A).
     * @param[in] next_obs (n, n_obs) float32; @param[out] done (n) 1 = terminated. NULL: the task never terminates. */
    void (*terminated)(int n, const float *next_obs, unsigned char *done);
    /** The true reward where it is a function of (s, a, s'); NULL where it is not. act in [-1, 1].
     * @param[in] obs, act, next_obs (n, .) float32; @param[out] reward (n) */
    void (*reward)(int n, const float *obs, const float *act, const float *next_obs, float *reward);
} rv_env_spec;

typedef struct rv_env rv_env;

/** What one step returned. */
typedef struct rv_env_step_result {
    double reward;
    bool terminated; /* the task ended: no value beyond this state */
    bool truncated;  /* the time limit cut it: the value goes on; never together with terminated */
} rv_env_step_result;

/** All tasks; *n_out rows. */
const rv_env_spec *const *rv_env_list(int *n_out);

/** The task of that name. @return RV_OK; RV_E_CONFIG "no environment 'Hoper-v4'; did you mean 'Hopper-v4'? ..." */
rv_status rv_env_find(const char *name, const rv_env_spec **out);

/** A new environment, before its first episode; the caller owns *out.
 * @return RV_OK; RV_E_CONFIG (no such task); RV_E_NOMEM; RV_E_UNAVAILABLE (another libmujoco than it was built for) */
rv_status rv_env_create(const char *name, rv_env **out);
void rv_env_destroy(rv_env **env);
const rv_env_spec *rv_env_spec_of(const rv_env *env);

/** Start an episode. @param[out] obs (n_obs) */
rv_status rv_env_reset(rv_env *env, rv_rng *rng, float *obs);

/** One step. @param[in] act (n_act) in [-1, 1]; @param[out] obs (n_obs) the next observation.
 * @return RV_OK; RV_E_NONFINITE when act, the observation or the reward is not finite, or the simulation went out of
 * its range; RV_E_INTERNAL outside an episode: before the first reset, after its end, after a failed step. */
rv_status rv_env_step(rv_env *env, const float *act, float *obs, rv_env_step_result *out);

/** The whole state as bytes: enough to go on bit for bit in another process (position, velocity, warm start,
 * time, step in the episode). rv_env_state_size bytes; constant per task. The last observation is not part of it.
 * A load fails with RV_E_DATA when the size or a number is wrong; the environment is then as it was. */
size_t rv_env_state_size(const rv_env *env);
void rv_env_state_save(const rv_env *env, void *out);
rv_status rv_env_state_load(rv_env *env, const void *state, size_t n);
