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

/** One row of a family's table; constant. The spec comes first: a pointer to it is one to its task. */
typedef struct rv_env_task {
    rv_env_spec spec;
    const rv_env_family *family;
    int n_pos, n_vel;      /* sizes of generalised position and velocity; both 0 for a family with reset */
    int n_state;           /* numbers of the whole state; the first n_pos + n_vel are position and velocity */
    int n_random;          /* random numbers that a step wants */
    const void *more;      /* what else the family wants to know */
    const rv_env_cfg *cfg; /* of a user's own; NULL for others */
} rv_env_task;

/** sim is one simulation, owned by the rv_env; every function sees only its own family's. */
struct rv_env_family {
    const char *name;
    const rv_env_task *tasks; /* (n_tasks) the built-in ones */
    int n_tasks;
    rv_status (*create)(const rv_env_task *task, void **sim_out);
    void (*destroy)(void **sim);
    /** Draw a start. @param[out] pos (n_pos), vel (n_vel) */
    void (*draw)(const void *sim, rv_rng *rng, int64_t age, double *pos, double *vel);
    /** Forget all history and begin in a state. */
    rv_status (*start)(void *sim, const double *pos, const double *vel);
    /** In place of draw and start, where an episode begins by itself: all its chance comes from the seed. */
    rv_status (*reset)(void *sim, uint64_t seed);
    /** Set a step going and return at once; step then gets the same u, waits for the end and says what failed. NULL:
     * step does it all. */
    void (*begin)(void *sim, const double *u);
    /** One step. @param[in] u (n_act) actuator units, may lie outside the actuator range; where the action is discrete
     * its number alone; then n_random numbers, uniform in [0, 1). @param[out] out zero before; truncated only by a
     * family that has limits of its own */
    rv_status (*step)(void *sim, const double *u, rv_env_step_result *out);
    /** @param[out] obs (n_obs), as the original returns it: rounded to float32 where that does; a discrete one is its
     * number alone */
    void (*observe)(const void *sim, double *obs);
    /** @param[out] state (n_state) all that the next step depends on */
    rv_status (*save)(void *sim, double *state);
    rv_status (*load)(void *sim, const double *state);
    /** The simulation of libmujoco behind it, for randomise.h to change. NULL: there is none. */
    struct rv_mujoco_sim *(*physics)(void *sim);

    /* what pictures are made from; NULL where the family has no such thing */
    /** Go on from the numbers of a state, as save gives them, to those that the learner's next observation tells of:
     * what it does not show stays, or is integrated where its velocity shows.
     * @param[in] before, obs (n_obs) the observation of the state, and the next one
     * @param[in,out] numbers (n_state) */
    void (*pose)(const rv_env_task *task, const float *before, const float *obs, double *numbers);
    /** The cells of a task on a grid, row by row, in the characters of view/draw_grid.h; the first of the numbers is
     * the cell that the agent is on. NULL for a task that is on none. @param[in] numbers (n_state) of the state */
    const char *(*grid)(const rv_env_task *task, const double *numbers, int *n_rows, int *n_cols);

    /* a family of users' own environments; NULL for others */
    /** Does this name belong to the family? */
    bool (*claims)(const char *name);
    /** Ask what is behind the settings; cfg stays as long as the task. Its state may be any bytes: is_opaque. */
    rv_status (*describe)(const rv_env_cfg *cfg, rv_env_task **out);
    void (*forget)(rv_env_task **task);
    bool is_opaque;
};

extern const rv_env_family rv_env_classic, rv_env_tabular, rv_env_mujoco, rv_env_mjcf, rv_env_plugin, rv_env_remote;

/** x limited to [low, high]; NaN stays NaN. */
static inline double rv_env_clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/** Is it one of the whole numbers from 0 to n - 1? */
static inline bool rv_env_is_below(double x, int n)
{
    return x >= 0 && x < n && x == (int)x;
}

/** Numbers of an observation and of an action as the family has them: 1 where they are discrete. */
static inline int rv_env_raw_obs(const rv_env_spec *spec)
{
    return spec->n_states ? 1 : spec->n_obs;
}
static inline int rv_env_raw_act(const rv_env_spec *spec)
{
    return spec->n_actions ? 1 : spec->n_act;
}

/** Raise RV_E_NOINPUT about the file of a user's own environment. */
rv_status rv_env_no_file(const char *name);

/** Are the ranges in the description of a user's own environment what the rest relies on: those of the action finite,
 * of finite width and ascending, those of what is alive ascending? @return RV_OK; RV_E_CONFIG */
rv_status rv_env_check_ranges(const rv_env_spec *spec);

/** The row of the environment's task. */
const rv_env_task *rv_env_task_of(const rv_env *env);

/** Start an episode in a given state. @param[in] pos (n_pos), vel (n_vel)
 * @return RV_OK; RV_E_NONFINITE */
rv_status rv_env_start(rv_env *env, const double *pos, const double *vel);

/** One step with actuator values, handed to the simulation as they are. Goes on past a termination and past the time
 * limit; truncated is set from the time limit on. @param[in] u (rv_env_raw_act, then n_random)
 * @return as rv_env_step_end; RV_E_DATA (no such number of an action) */
rv_status rv_env_step_raw(rv_env *env, const double *u, rv_env_step_result *out);

/** The last observation in double (rv_env_raw_obs); the environment's. */
const double *rv_env_observation(const rv_env *env);

/** Position and velocity. @param[out] out (n_state); the first n_pos + n_vel are those */
void rv_env_numbers(rv_env *env, double *out);

/** family->pose. @return false where it has none: then numbers is as it was */
bool rv_env_pose(const rv_env_task *task, const float *before, const float *obs, double *numbers);

/** The MuJoCo simulation behind the environment, NULL where there is none. The environment's. */
const struct rv_mujoco_sim *rv_env_mujoco_sim(const rv_env *env);

/* mujoco_models.c: model descriptions (MJCF) */
extern const char rv_mujoco_inverted_pendulum[], rv_mujoco_inverted_double_pendulum[], rv_mujoco_swimmer[],
    rv_mujoco_hopper[], rv_mujoco_walker[], rv_mujoco_half_cheetah[], rv_mujoco_ant[], rv_mujoco_humanoid[];
