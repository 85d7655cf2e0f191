/* env_private.h - what an environment family implements, and the entries that replay a trajectory bit for bit.
 *
 * To add a family: one file with its tasks and an rv_env_family, and one row in families[] of env.c.
 * To add a task to a family: one row in the family's table.
 * All numbers of a simulation are double; the generic part (env.c) scales actions, counts steps, checks that numbers
 * are finite and rounds observations to float32.
 */
#pragma once
#include "env/env.h"

typedef struct rv_env_family rv_env_family;

/** One row of a family's table; constant. */
typedef struct rv_env_task {
    rv_env_spec spec;
    const rv_env_family *family;
    int n_pos, n_vel; /* sizes of generalised position and velocity */
    int n_state;      /* numbers of the whole state; the first n_pos + n_vel are position and velocity */
    const void *more; /* what else the family wants to know */
} rv_env_task;

/** sim is one simulation, owned by the rv_env; every function sees only its own family's. */
struct rv_env_family {
    const char *name;
    const rv_env_task *tasks; /* (n_tasks) */
    int n_tasks;
    rv_status (*create)(const rv_env_task *task, void **sim_out);
    void (*destroy)(void **sim);
    /** Draw a start. @param[out] pos (n_pos), vel (n_vel) */
    void (*draw)(const void *sim, rv_rng *rng, double *pos, double *vel);
    /** Forget all history and begin in a state. */
    rv_status (*start)(void *sim, const double *pos, const double *vel);
    /** One step. @param[in] u (n_act) actuator units, may lie outside the actuator range */
    rv_status (*step)(void *sim, const double *u, double *reward, bool *terminated);
    /** @param[out] obs (n_obs), as the original returns it: rounded to float32 where that does */
    void (*observe)(const void *sim, double *obs);
    /** @param[out] state (n_state) all that the next step depends on */
    void (*save)(const void *sim, double *state);
    rv_status (*load)(void *sim, const double *state);
};

extern const rv_env_family rv_env_classic, rv_env_mujoco;

/** x limited to [low, high]; NaN stays NaN. */
static inline double rv_env_clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/** The row of the environment's task. */
const rv_env_task *rv_env_task_of(const rv_env *env);

/** Start an episode in a given state. @param[in] pos (n_pos), vel (n_vel)
 * @return RV_OK; RV_E_NONFINITE */
rv_status rv_env_start(rv_env *env, const double *pos, const double *vel);

/** One step with actuator values, handed to the simulation as they are. Goes on past a termination and past the time
 * limit; truncated is set from the time limit on. @param[in] u (n_act) */
rv_status rv_env_step_raw(rv_env *env, const double *u, rv_env_step_result *out);

/** The last observation in double (n_obs); the environment's. */
const double *rv_env_observation(const rv_env *env);

/** Position and velocity. @param[out] out (n_state); the first n_pos + n_vel are those */
void rv_env_numbers(const rv_env *env, double *out);

/** Call into libmujoco so that an error inside it comes back as a status instead of ending the process.
 * @return RV_OK; RV_E_INTERNAL "<what>: mujoco: <its text>" */
rv_status rv_mujoco_call(const char *what, void (*call)(void *), void *arg);

/* mujoco_models.c: model descriptions (MJCF) */
extern const char rv_mujoco_inverted_pendulum[], rv_mujoco_hopper[], rv_mujoco_half_cheetah[];
