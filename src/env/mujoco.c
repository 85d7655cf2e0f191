/* mujoco.c - the MuJoCo tasks of Gymnasium (v4) on libmujoco 2.2.2. Copy a row of the tables below to add a task.
 *
 * With position q, velocity v, primes after the step and dt = timestep frame_skip:
 *   observation  q[n_hidden..], then v clipped to +-v_clip
 *   reward       forward (q0' - q0) / dt + alive - control_cost |u|^2, also on the step that terminates
 */
#include "base/memory.h"
#include "env/env_private.h"
#include "env/mujoco_sim.h"

#include <math.h>
#include <string.h>

typedef struct mujoco_task {
    const char *xml;
    int frame_skip;
    double pos_noise; /* start: uniform in +-pos_noise around the model's reference position */
    double vel_noise; /* uniform in +-vel_noise, or that many standard normals */
    bool is_vel_normal;
    int n_hidden;
    double v_clip;
    double forward, alive, control_cost;
    bool (*is_terminal)(const double *q, const double *v); /* NULL: never */
} mujoco_task;

typedef struct mujoco {
    const rv_env_task *task;
    const mujoco_task *more;
    rv_mujoco_sim sim;
} mujoco;

static void destroy(void **sim)
{
    mujoco *m = *sim;
    rv_mujoco_sim_clear(&m->sim);
    rv_mem_free(sim);
}

static rv_status create(const rv_env_task *task, void **sim_out)
{
    rv_status status = RV_OK;
    void *sim = NULL;
    mujoco *m = NULL;
    RV_TRY(rv_mem_alloc(1, sizeof *m, &sim));
    m = sim;
    m->task = task;
    m->more = task->more;
    RV_TRY_GOTO(rv_mujoco_sim_init(task->spec.name, NULL, m->more->xml, m->more->frame_skip, &m->sim), fail);
    const mjModel *model = m->sim.model;
    RV_CHECK_GOTO(model->nq == task->n_pos && model->nv == task->n_vel && model->nu == task->spec.n_act, RV_E_INTERNAL,
                  fail, "%s: the model has %d positions, %d velocities and %d actuators", task->spec.name, model->nq,
                  model->nv, model->nu);
    *sim_out = sim;
    return RV_OK;
fail:
    destroy(&sim);
    return status;
}

static void draw(const void *sim, rv_rng *rng, int64_t age, double *pos, double *vel)
{
    (void)age;
    const mujoco *m = sim;
    const mujoco_task *more = m->more;
    for (int i = 0; i < m->task->n_pos; i++)
        pos[i] = m->sim.model->qpos0[i] + more->pos_noise * (2 * rv_rng_uniform(rng) - 1);
    for (int i = 0; i < m->task->n_vel; i++)
        vel[i] = more->vel_noise * (more->is_vel_normal ? rv_rng_normal(rng) : 2 * rv_rng_uniform(rng) - 1);
}

static rv_status start(void *sim, const double *pos, const double *vel)
{
    return rv_mujoco_sim_start(&((mujoco *)sim)->sim, pos, vel);
}

static rv_status step(void *sim, const double *u, rv_env_step_result *out)
{
    mujoco *m = sim;
    const mujoco_task *more = m->more;
    const mjData *data = m->sim.data;
    double before = data->qpos[0], cost = 0;
    RV_TRY(rv_mujoco_sim_step(&m->sim, u));
    for (int i = 0; i < m->sim.model->nu; i++)
        cost += u[i] * u[i];
    double speed = (data->qpos[0] - before) / (m->sim.model->opt.timestep * more->frame_skip);
    out->reward = more->forward * speed + more->alive - more->control_cost * cost;
    out->terminated = more->is_terminal && more->is_terminal(data->qpos, data->qvel);
    return RV_OK;
}

static void observe(const void *sim, double *obs)
{
    const mujoco *m = sim;
    int n = m->task->n_pos - m->more->n_hidden;
    double limit = m->more->v_clip;
    memcpy(obs, m->sim.data->qpos + m->more->n_hidden, (size_t)n * sizeof(double));
    for (int i = 0; i < m->task->n_vel; i++)
        obs[n + i] = rv_env_clip(m->sim.data->qvel[i], -limit, limit);
}

static rv_status save(void *sim, double *state)
{
    rv_mujoco_sim_save(&((mujoco *)sim)->sim, state);
    return RV_OK;
}

static rv_status load(void *sim, const double *state)
{
    return rv_mujoco_sim_load(&((mujoco *)sim)->sim, state);
}

/* ---- tasks ---- */

static bool inverted_pendulum_is_terminal(const double *q, const double *v)
{
    (void)v;
    return !(fabs(q[1]) <= 0.2);
}

static bool hopper_is_terminal(const double *q, const double *v)
{
    for (int i = 2; i < 6; i++)
        if (!(fabs(q[i]) < 100))
            return true;
    for (int i = 0; i < 6; i++)
        if (!(fabs(v[i]) < 100))
            return true;
    return !(q[1] > 0.7 && fabs(q[2]) < 0.2);
}

static bool all_finite(int n, const float *x)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static void inverted_pendulum_terminated(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    (void)spec;
    for (int i = 0; i < n; i++) {
        const float *o = next_obs + 4 * i;
        done[i] = !all_finite(4, o) || fabsf(o[1]) > 0.2F;
    }
}

/* as in MBPO, only the upper side of the bound 100 is tested; the environment tests both */
static void hopper_terminated(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    (void)spec;
    for (int i = 0; i < n; i++) {
        const float *o = next_obs + 11 * i;
        bool is_done = !all_finite(11, o) || !(o[0] > 0.7F) || !(fabsf(o[1]) < 0.2F);
        for (int j = 1; j < 11; j++)
            is_done = is_done || o[j] >= 100;
        done[i] = is_done;
    }
}

static void reward_one(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                       float *reward)
{
    (void)spec, (void)obs, (void)act, (void)next_obs;
    for (int i = 0; i < n; i++)
        reward[i] = 1;
}

static const mujoco_task inverted_pendulum = {
    .xml = rv_mujoco_inverted_pendulum,
    .frame_skip = 2,
    .pos_noise = 0.01,
    .vel_noise = 0.01,
    .v_clip = INFINITY,
    .alive = 1,
    .is_terminal = inverted_pendulum_is_terminal,
};

static const mujoco_task hopper = {
    .xml = rv_mujoco_hopper,
    .frame_skip = 4,
    .pos_noise = 0.005,
    .vel_noise = 0.005,
    .n_hidden = 1,
    .v_clip = 10,
    .forward = 1,
    .alive = 1,
    .control_cost = 1e-3,
    .is_terminal = hopper_is_terminal,
};

static const mujoco_task half_cheetah = {
    .xml = rv_mujoco_half_cheetah,
    .frame_skip = 5,
    .pos_noise = 0.1,
    .vel_noise = 0.1,
    .is_vel_normal = true,
    .n_hidden = 1,
    .v_clip = INFINITY,
    .forward = 1,
    .control_cost = 0.1,
};

static const double minus_three[] = {-3}, three[] = {3};
static const double minus_one[] = {-1, -1, -1, -1, -1, -1}, one[] = {1, 1, 1, 1, 1, 1};

static const rv_env_task tasks[] = {
    {.spec = {.name = "InvertedPendulum-v4",
              .family = "mujoco",
              .help = "keep a pole on a cart upright",
              .dt = 0.04,
              .n_obs = 4,
              .n_act = 1,
              .time_limit = 1000,
              .threshold = 950,
              .act_low = minus_three,
              .act_high = three,
              .terminated = inverted_pendulum_terminated,
              .reward = reward_one},
     .family = &rv_env_mujoco,
     .n_pos = 2,
     .n_vel = 2,
     .n_state = 7,
     .more = &inverted_pendulum},
    {.spec = {.name = "Hopper-v4",
              .family = "mujoco",
              .help = "hop forward on one leg without falling",
              .dt = 0.008,
              .n_obs = 11,
              .n_act = 3,
              .time_limit = 1000,
              .threshold = 3800,
              .act_low = minus_one,
              .act_high = one,
              .terminated = hopper_terminated},
     .family = &rv_env_mujoco,
     .n_pos = 6,
     .n_vel = 6,
     .n_state = 19,
     .more = &hopper},
    {.spec = {.name = "HalfCheetah-v4",
              .family = "mujoco",
              .help = "run forward on two legs; never terminates",
              .dt = 0.05,
              .n_obs = 17,
              .n_act = 6,
              .time_limit = 1000,
              .threshold = 4800,
              .act_low = minus_one,
              .act_high = one},
     .family = &rv_env_mujoco,
     .n_pos = 9,
     .n_vel = 9,
     .n_state = 28,
     .more = &half_cheetah},
};

const rv_env_family rv_env_mujoco = {
    .name = "mujoco",
    .tasks = tasks,
    .n_tasks = sizeof tasks / sizeof *tasks,
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .start = start,
    .step = step,
    .observe = observe,
    .save = save,
    .load = load,
};
