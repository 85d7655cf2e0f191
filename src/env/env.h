/* env.h - real environments: one interface, one file per family, one registry.
 *
 * An environment is a unit: a state of its own, and nothing else. Its random numbers are a function of the generator
 * that reset gets: a task with chance in its steps draws from a stream of its own, keyed by that generator.
 * Observations leave as float32 (what the learner sees), dynamics run in double.
 *
 * Actions come in the learner's scale [-1, 1] and are scaled to the actuator range inside rv_env_step:
 *   u = low + (a + 1) (high - low) / 2, clipped to [low, high].
 * Where a task has n_actions choices, the action is a score for each, and the first of the largest is taken. Where it
 * has n_states states, the observation is their number as a vector: 1 at that place, 0 elsewhere.
 * A time limit is a truncation, never a termination: the two flags are kept apart.
 *
 * A user's own environment has a name that says what it is: FILE.so (plugin.h), "remote" (remote.h), FILE.yaml
 * (mjcf.h). rv_env_register makes it known. It may fail; that is RV_E_ENV, costs the episode, and a reset begins
 * another.
 */
#pragma once
#include "base/field.h"
#include "base/rng.h"
#include "base/status.h"
#include "env/randomise.h"

#include <stdint.h>

/** Settings of the section "env". */
typedef struct rv_env_cfg {
    char name[RV_FIELD_STR];      /* a task, "Pendulum-v1", or a user's own */
    int64_t count;                /* real environments stepped side by side; each is one unit */
    char arguments[RV_FIELD_STR]; /* for a user's own: a text that it gets as it is */
    char address[RV_FIELD_STR];   /* remote: "tcp://HOST:PORT" */
    char keys[RV_FIELD_STR];      /* remote: folder with CURVE keys; "": none, on this machine alone */
    double timeout_s;             /* a user's own that does not answer for so long has failed */
    int64_t memory_mb;            /* plug-in: what its process may take */
    int64_t failures;             /* failed episodes of one unit before the run gives up */
} rv_env_cfg;
extern const rv_field rv_env_cfg_fields[];

/** What a task is; constant. */
typedef struct rv_env_spec rv_env_spec;
struct rv_env_spec {
    const char *name;       /* "Hopper-v4" */
    const char *family;     /* "classic", "tabular", "mujoco"; "plugin", "remote", "mjcf" */
    const char *help;       /* one line */
    int n_obs, n_act;       /* sizes of observation and action as the learner sees them */
    int n_states;           /* > 0: states of a discrete observation, and n_obs = n_states */
    int n_actions;          /* > 0: choices of a discrete action, and n_act = n_actions */
    int time_limit;         /* steps until truncation; 0 = none */
    double dt;              /* seconds of one step; 0: the task has no clock */
    double threshold;       /* return that counts as solved; NAN when none is registered */
    const double *act_low;  /* (n_act) actuator range; NULL where the action is discrete */
    const double *act_high; /* (n_act) */
    const float *alive_low; /* (n_obs) what rv_env_outside reads; NULL for others */
    const float *alive_high;
    const char *note;  /* what whoever starts a run should be told; NULL: nothing */
    bool is_stateless; /* the state cannot be saved: a resume begins a new episode */
    /** Termination inside a learned model, from predicted next observations (MBPO; Janner et al. 2019, app. A).
     * @param[in] next_obs (n, n_obs) float32; @param[out] done (n) 1 = terminated. NULL: the task never terminates. */
    void (*terminated)(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done);
    /** The true reward where it is a function of (s, a, s'); NULL where it is not. act in [-1, 1].
     * @param[in] obs, act, next_obs (n, .) float32; @param[out] reward (n) */
    void (*reward)(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                   float *reward);
};

typedef struct rv_env rv_env;

/** What one step returned. */
typedef struct rv_env_step_result {
    double reward;
    bool terminated; /* the task ended: no value beyond this state */
    bool truncated;  /* the time limit cut it: the value goes on; never together with terminated */
} rv_env_step_result;

/** All built-in tasks; *n_out rows. */
const rv_env_spec *const *rv_env_list(int *n_out);

/** Is that the name of a user's own environment, which must be registered before it is found? */
bool rv_env_is_own(const char *name);

/** Make the environment of the settings known under its name: ask the user's own for its sizes. A built-in task and one
 * that is known already need nothing. Not for several threads at once.
 * @return RV_OK; RV_E_CONFIG (no such task, or the description is wrong); RV_E_NOINPUT (no such file); RV_E_ENV (it
 * failed, or the server does not answer); RV_E_UNAVAILABLE; RV_E_NOMEM */
rv_status rv_env_register(const rv_env_cfg *cfg);

/** Forget all that was registered; no environment may be left of them. */
void rv_env_forget(void);

/** The task of that name. @return RV_OK; RV_E_CONFIG "no environment 'Hoper-v4'; did you mean 'Hopper-v4'? ..." */
rv_status rv_env_find(const char *name, const rv_env_spec **out);

/** A new environment, before its first episode; the caller owns *out.
 * @return RV_OK; RV_E_CONFIG (no such task); RV_E_NOMEM; RV_E_UNAVAILABLE (another libmujoco than it was built for) */
rv_status rv_env_create(const char *name, rv_env **out);
void rv_env_destroy(rv_env **env);
const rv_env_spec *rv_env_spec_of(const rv_env *env);

/** From the next episode on, draw what the settings name (randomise.h), each from the generator that reset gets, after
 * what the task draws. Before the first episode, once; where nothing is named, nothing changes.
 * @return RV_OK; RV_E_CONFIG "randomise.mass must be empty: ... does not run on MuJoCo"; RV_E_NOMEM; RV_E_INTERNAL */
rv_status rv_env_randomise(rv_env *env, const rv_randomise_cfg *cfg);

/** What the present episode drew; NULL when nothing of it is randomised. */
const rv_random_draws *rv_env_draws(const rv_env *env);

/** rv_env_spec.terminated of a task that is alive while every number of the observation lies in
 * [alive_low, alive_high]; what is not a number does not. */
void rv_env_outside(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done);

/** Does it run on MuJoCo, so that randomise.h can change its physics? spec: as rv_env_find and rv_env_list give it */
bool rv_env_has_physics(const rv_env_spec *spec);

/** The number in a discrete observation or action of n scores: the first of the largest. */
int rv_env_choice(int n, const float *scores);

/** Start an episode. age: real steps that the unit has lived, for tasks that change in the course of a run.
 * @param[out] obs (n_obs)
 * @return RV_OK; RV_E_ENV (a user's own failed); RV_E_NONFINITE */
rv_status rv_env_reset_at(rv_env *env, rv_rng *rng, int64_t age, float *obs);

/** The same at age 0. */
rv_status rv_env_reset(rv_env *env, rv_rng *rng, float *obs);

/** Draw what rv_env_reset_at would, but start no episode: for one whose rows are known. What is randomised is then what
 * that episode has (rv_env_draws). @return RV_OK; RV_E_ENV */
rv_status rv_env_skip(rv_env *env, rv_rng *rng, int64_t age);

/** The episode is over, whatever the task says; the next thing is a reset. */
void rv_env_stop(rv_env *env);

/** Is there an episode to go on with: begun, not ended, nothing failed? */
bool rv_env_is_running(const rv_env *env);

/** One step. @param[in] act (n_act) in [-1, 1]; @param[out] obs (n_obs) the next observation.
 * @return RV_OK; RV_E_NONFINITE when act, the observation or the reward is not finite, or the simulation went out of
 * its range; RV_E_ENV when a user's own failed in any way; RV_E_INTERNAL outside an episode: before the first reset,
 * after its end, after a failed step. */
rv_status rv_env_step(rv_env *env, const float *act, float *obs, rv_env_step_result *out);

/** The same in two parts: between them the caller may begin steps of other environments, which then run side by side
 * where they are processes of their own. @return begin: RV_OK; RV_E_NONFINITE (act); RV_E_INTERNAL; end: as above */
rv_status rv_env_step_begin(rv_env *env, const float *act);
rv_status rv_env_step_end(rv_env *env, float *obs, rv_env_step_result *out);

/** The whole state as bytes: enough to go on bit for bit in another process (position, velocity, warm start,
 * time, step in the episode, what is randomised). rv_env_state_size bytes; constant per environment. The last
 * observation is not part of it. What cannot be saved (spec.is_stateless, or a user's own that failed) is a state in
 * which no episode runs. A load fails with RV_E_DATA when the size or a number is wrong; the environment is then as it
 * was (outside an episode, where its simulation refuses the state and something is randomised). A user's own may also
 * fail as in a step. */
size_t rv_env_state_size(const rv_env *env);
void rv_env_state_save(rv_env *env, void *out);
rv_status rv_env_state_load(rv_env *env, const void *state, size_t n);
