/* pendulum.c - Pendulum-v1: swing up a rod with a weak motor (Gymnasium's classic control task).
 *
 * state   theta (0 = upright, not wrapped), theta_dot
 * obs     cos theta, sin theta, theta_dot, as float32
 * step    theta_dot' = clip(theta_dot + (15 sin theta + 3 u) dt, +-8),  theta' = theta + theta_dot' dt,  dt = 0.05
 * reward  -(wrap(theta)^2 + 0.1 theta_dot^2 + 0.001 u^2), with the state before the step
 * The order of operations is Gymnasium's, so that trajectories are equal bit for bit.
 */
#include "base/memory.h"
#include "env/env_private.h"

#include <math.h>

typedef struct pendulum {
    double theta, theta_dot;
} pendulum;

static const double max_torque = 2, max_speed = 8, dt = 0.05;

/* into [-pi, pi): a modulus that is never negative */
static double wrap(double x)
{
    double m = fmod(x + M_PI, 2 * M_PI);
    return (m < 0 ? m + 2 * M_PI : m) - M_PI;
}

static double reward_of(double theta, double theta_dot, double u)
{
    return -(theta * theta + 0.1 * (theta_dot * theta_dot) + 0.001 * (u * u));
}

static rv_status create(const rv_env_task *task, void **sim_out)
{
    pendulum *sim = NULL;
    (void)task;
    RV_TRY(RV_NEW(sim, 1));
    *sim_out = sim;
    return RV_OK;
}

static void destroy(void **sim)
{
    rv_mem_free(sim);
}

static void draw(const void *sim, rv_rng *rng, int64_t age, double *pos, double *vel)
{
    (void)sim, (void)age;
    pos[0] = M_PI * (2 * rv_rng_uniform(rng) - 1);
    vel[0] = 2 * rv_rng_uniform(rng) - 1;
}

static rv_status start(void *sim, const double *pos, const double *vel)
{
    *(pendulum *)sim = (pendulum){pos[0], vel[0]};
    return RV_OK;
}

static rv_status step(void *sim, const double *u_in, rv_env_step_result *out)
{
    pendulum *p = sim;
    double u = rv_env_clip(u_in[0], -max_torque, max_torque);
    out->reward = reward_of(wrap(p->theta), p->theta_dot, u);
    p->theta_dot = rv_env_clip(p->theta_dot + (15 * sin(p->theta) + 3 * u) * dt, -max_speed, max_speed);
    p->theta = p->theta + p->theta_dot * dt;
    return RV_OK;
}

static void observe(const void *sim, double *obs)
{
    const pendulum *p = sim;
    obs[0] = (float)cos(p->theta);
    obs[1] = (float)sin(p->theta);
    obs[2] = (float)p->theta_dot;
}

static rv_status save(void *sim, double *state)
{
    const pendulum *p = sim;
    state[0] = p->theta;
    state[1] = p->theta_dot;
    return RV_OK;
}

static rv_status load(void *sim, const double *state)
{
    return start(sim, state, state + 1);
}

static void pose(const rv_env_task *task, const float *before, const float *obs, double *state)
{
    (void)task, (void)before;
    state[0] = atan2((double)obs[1], (double)obs[0]);
    state[1] = (double)obs[2];
}

static void reward_model(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                         float *reward)
{
    (void)spec, (void)next_obs;
    for (int i = 0; i < n; i++) {
        const float *o = obs + 3 * i;
        double u = rv_env_clip(max_torque * (double)act[i], -max_torque, max_torque);
        reward[i] = (float)reward_of(atan2((double)o[1], (double)o[0]), (double)o[2], u);
    }
}

static const double low[] = {-2}, high[] = {2};

static const rv_env_task tasks[] = {
    {.spec = {.name = "Pendulum-v1",
              .family = "classic",
              .help = "swing a rod up and hold it there with a weak motor",
              .n_obs = 3,
              .n_act = 1,
              .time_limit = 200,
              .dt = 0.05,
              .threshold = NAN,
              .act_low = low,
              .act_high = high,
              .reward = reward_model},
     .family = &rv_env_classic,
     .n_pos = 1,
     .n_vel = 1,
     .n_state = 2},
};

const rv_env_family rv_env_classic = {
    .name = "classic",
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
    .pose = pose,
};
