/* classic.c - Gymnasium's classic control tasks: Pendulum-v1, CartPole-v1, MountainCarContinuous-v0, Acrobot-v1.
 *
 * A task is a row of tasks[] and a model: how a start is drawn, what a step does to the state, what is seen of it.
 * The order of operations is Gymnasium's (NumPy 1, double actions), so that trajectories are equal bit for bit.
 * Observations are rounded to float32.
 */
#include "base/memory.h"
#include "env/env_private.h"

#include <math.h>
#include <string.h>

enum { MAX_STATE = 5 };

typedef struct model {
    void (*draw)(rv_rng *rng, double *state);
    void (*step)(double *state, double u, rv_env_step_result *out);
    void (*observe)(const double *state, double *obs);
    void (*pose)(const float *obs, double *state); /* the state that an observation shows */
} model;

typedef struct classic {
    const rv_env_task *task;
    const model *model;
    double state[MAX_STATE]; /* (n_state) position, velocity; then what a model remembers beside, 0 at the start */
} classic;

static double uniform(rv_rng *rng, double low, double high)
{
    return low + (high - low) * rv_rng_uniform(rng);
}

static double square(double x)
{
    return x * x;
}

/* ---- Pendulum: swing up a rod with a weak motor ----
 * state   theta (0 = upright, not wrapped), theta_dot
 * obs     cos theta, sin theta, theta_dot
 * step    theta_dot' = clip(theta_dot + (15 sin theta + 3 u) dt, +-8),  theta' = theta + theta_dot' dt,  dt = 0.05
 * reward  -(wrap(theta)^2 + 0.1 theta_dot^2 + 0.001 u^2), with the state before the step
 */
static const double max_torque = 2;

/* into [-pi, pi): a modulus that is never negative */
static double wrap(double x)
{
    double m = fmod(x + M_PI, 2 * M_PI);
    return (m < 0 ? m + 2 * M_PI : m) - M_PI;
}

static double pendulum_reward(double theta, double theta_dot, double u)
{
    return -(square(theta) + 0.1 * square(theta_dot) + 0.001 * square(u));
}

static void pendulum_draw(rv_rng *rng, double *s)
{
    s[0] = M_PI * (2 * rv_rng_uniform(rng) - 1);
    s[1] = 2 * rv_rng_uniform(rng) - 1;
}

static void pendulum_step(double *s, double u_in, rv_env_step_result *out)
{
    const double max_speed = 8, dt = 0.05;
    double u = rv_env_clip(u_in, -max_torque, max_torque);
    out->reward = pendulum_reward(wrap(s[0]), s[1], u);
    s[1] = rv_env_clip(s[1] + (15 * sin(s[0]) + 3 * u) * dt, -max_speed, max_speed);
    s[0] = s[0] + s[1] * dt;
}

static void pendulum_observe(const double *s, double *obs)
{
    obs[0] = (float)cos(s[0]);
    obs[1] = (float)sin(s[0]);
    obs[2] = (float)s[1];
}

static void pendulum_pose(const float *obs, double *s)
{
    s[0] = atan2((double)obs[1], (double)obs[0]);
    s[1] = (double)obs[2];
}

static void pendulum_rewards(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                             float *reward)
{
    (void)spec, (void)next_obs;
    for (int i = 0; i < n; i++) {
        const float *o = obs + 3 * i;
        double u = rv_env_clip(max_torque * (double)act[i], -max_torque, max_torque);
        reward[i] = (float)pendulum_reward(atan2((double)o[1], (double)o[0]), (double)o[2], u);
    }
}

/* ---- CartPole: keep a pole upright on a cart that is pushed left or right ----
 * state   x, x_dot, theta (0 = upright), theta_dot; is it over already?
 * obs     x, x_dot, theta, theta_dot
 * step    explicit Euler of 0.02: positions move with the old velocities
 * reward  1, on the step that terminates too; 0 for being out of bounds afterwards
 */
static const double max_x = 2.4, max_theta = 12 * 2 * M_PI / 360;

static void cart_pole_draw(rv_rng *rng, double *s)
{
    for (int i = 0; i < 4; i++)
        s[i] = uniform(rng, -0.05, 0.05);
}

static void cart_pole_step(double *s, double u, rv_env_step_result *out)
{
    const double gravity = 9.8, mass = 1.1, pole_mass = 0.1, half_length = 0.5, pole_moment = 0.05, tau = 0.02;
    double force = u == 1 ? 10 : -10;
    double cosine = cos(s[2]), sine = sin(s[2]);
    double temp = (force + pole_moment * square(s[3]) * sine) / mass;
    double theta_acc =
        (gravity * sine - cosine * temp) / (half_length * (4.0 / 3.0 - pole_mass * square(cosine) / mass));
    double x_acc = temp - pole_moment * theta_acc * cosine / mass;
    s[0] = s[0] + tau * s[1];
    s[1] = s[1] + tau * x_acc;
    s[2] = s[2] + tau * s[3];
    s[3] = s[3] + tau * theta_acc;
    out->terminated = s[0] < -max_x || s[0] > max_x || s[2] < -max_theta || s[2] > max_theta;
    out->reward = !(out->terminated && s[4] != 0);
    if (out->terminated)
        s[4] = 1;
}

static void cart_pole_observe(const double *s, double *obs)
{
    for (int i = 0; i < 4; i++)
        obs[i] = (float)s[i];
}

static void cart_pole_pose(const float *obs, double *s)
{
    for (int i = 0; i < 4; i++)
        s[i] = (double)obs[i];
}

static void cart_pole_terminated(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    (void)spec;
    for (int i = 0; i < n; i++) {
        double x = (double)next_obs[4 * i], theta = (double)next_obs[4 * i + 2];
        done[i] = !(x > -max_x && x < max_x && theta > -max_theta && theta < max_theta);
    }
}

static void cart_pole_rewards(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                              float *reward)
{
    (void)spec, (void)obs, (void)act, (void)next_obs;
    for (int i = 0; i < n; i++)
        reward[i] = 1;
}

/* ---- MountainCarContinuous: rock a weak car out of a valley ----
 * state   position, velocity: double at the start, rounded to float32 after each step
 * obs     the same
 * step    v' = clip(v + 0.0015 clip(u) - 0.0025 cos(3 x), +-0.07),  x' = clip(x + v', -1.2, 0.6); a wall at -1.2
 * reward  100 on reaching 0.45, minus 0.1 u^2 with u as it was asked for
 */
static const double goal = 0.45;

static void mountain_car_draw(rv_rng *rng, double *s)
{
    s[0] = uniform(rng, -0.6, -0.4);
    s[1] = 0;
}

static double mountain_car_reward(bool is_there, double u)
{
    return (is_there ? 100 : 0) - square(u) * 0.1;
}

static void mountain_car_step(double *s, double u, rv_env_step_result *out)
{
    const double max_speed = 0.07, low = -1.2, high = 0.6;
    double force = rv_env_clip(u, -1, 1);
    double v = rv_env_clip(s[1] + (force * 0.0015 - 0.0025 * cos(3 * s[0])), -max_speed, max_speed);
    double x = rv_env_clip(s[0] + v, low, high);
    if (x == low && v < 0)
        v = 0;
    out->terminated = x >= goal && v >= 0;
    out->reward = mountain_car_reward(out->terminated, u);
    s[0] = (float)x;
    s[1] = (float)v;
}

static void mountain_car_observe(const double *s, double *obs)
{
    obs[0] = (float)s[0];
    obs[1] = (float)s[1];
}

static void mountain_car_pose(const float *obs, double *s)
{
    s[0] = (double)obs[0];
    s[1] = (double)obs[1];
}

static void mountain_car_terminated(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    (void)spec;
    for (int i = 0; i < n; i++)
        done[i] = (double)next_obs[2 * i] >= goal && next_obs[2 * i + 1] >= 0;
}

static void mountain_car_rewards(const rv_env_spec *spec, int n, const float *obs, const float *act,
                                 const float *next_obs, float *reward)
{
    (void)obs;
    for (int i = 0; i < n; i++) {
        unsigned char is_there = 0;
        mountain_car_terminated(spec, 1, next_obs + 2 * i, &is_there);
        reward[i] = (float)mountain_car_reward(is_there, rv_env_clip((double)act[i], -1, 1));
    }
}

/* ---- Acrobot: swing the end of a double pendulum up with a motor in the elbow ----
 * state   th1 (0 = hanging down), th2 (relative to the first rod), w1, w2; rounded to float32 at the start alone
 * obs     cos th1, sin th1, cos th2, sin th2, w1, w2
 * step    one step of Runge and Kutta of 0.2 with a constant torque of -1, 0 or 1; angles wrapped into [-pi, pi]
 * reward  -1, and 0 where the end is higher than one rod's length above the joint
 */
static void acrobot_draw(rv_rng *rng, double *s)
{
    for (int i = 0; i < 4; i++)
        s[i] = (float)uniform(rng, -0.1, 0.1);
}

/* the original's squares go through pow, which now and then rounds otherwise than a product; with an exponent that it
 * can see the compiler makes a product of it */
static double power_square(double x)
{
    volatile double two = 2;
    return pow(x, two);
}

/* time derivative of the state: equations of motion for rods of mass and length 1, their centres half-way, moments of
 * inertia 1 (Sutton and Barto's book) */
static void acrobot_derivative(const double *s, double torque, double *out)
{
    const double g = 9.8;
    double th1 = s[0], th2 = s[1], w1 = s[2], w2 = s[3];
    double d1 = 0.25 + (1.25 + cos(th2)) + 1 + 1;
    double d2 = (0.25 + 0.5 * cos(th2)) + 1;
    double phi2 = 0.5 * g * cos(th1 + th2 - M_PI / 2);
    double phi1 = -0.5 * power_square(w2) * sin(th2) - w2 * w1 * sin(th2) + 1.5 * g * cos(th1 - M_PI / 2) + phi2;
    double acc2 = (torque + d2 / d1 * phi1 - 0.5 * power_square(w1) * sin(th2) - phi2) / (1.25 - power_square(d2) / d1);
    out[0] = w1;
    out[1] = w2;
    out[2] = -(d2 * acc2 + phi1) / d1;
    out[3] = acc2;
}

static void acrobot_integrate(double *s, double torque)
{
    const double dt = 0.2, ahead[] = {0, dt / 2, dt / 2, dt};
    double k[4][4], at[4];
    for (int stage = 0; stage < 4; stage++) {
        for (int i = 0; i < 4; i++)
            at[i] = stage == 0 ? s[i] : s[i] + ahead[stage] * k[stage - 1][i];
        acrobot_derivative(at, torque, k[stage]);
    }
    for (int i = 0; i < 4; i++)
        s[i] = s[i] + dt / 6 * (k[0][i] + 2 * k[1][i] + 2 * k[2][i] + k[3][i]);
}

/* a step turns by few radians; what is far outside, from a start made by hand, would take for ever */
static double turn_back(double angle)
{
    if (!(fabs(angle) < 1e3))
        angle = remainder(angle, 2 * M_PI);
    while (angle > M_PI)
        angle -= 2 * M_PI;
    while (angle < -M_PI)
        angle += 2 * M_PI;
    return angle;
}

static void acrobot_step(double *s, double u, rv_env_step_result *out)
{
    acrobot_integrate(s, u - 1);
    s[0] = turn_back(s[0]);
    s[1] = turn_back(s[1]);
    s[2] = rv_env_clip(s[2], -4 * M_PI, 4 * M_PI);
    s[3] = rv_env_clip(s[3], -9 * M_PI, 9 * M_PI);
    out->terminated = -cos(s[0]) - cos(s[1] + s[0]) > 1;
    out->reward = out->terminated ? 0 : -1;
}

static void acrobot_observe(const double *s, double *obs)
{
    for (int i = 0; i < 2; i++) {
        obs[2 * i] = (float)cos(s[i]);
        obs[2 * i + 1] = (float)sin(s[i]);
        obs[4 + i] = (float)s[2 + i];
    }
}

static void acrobot_pose(const float *obs, double *s)
{
    for (int i = 0; i < 2; i++) {
        s[i] = atan2((double)obs[2 * i + 1], (double)obs[2 * i]);
        s[2 + i] = (double)obs[4 + i];
    }
}

static void acrobot_terminated(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    (void)spec;
    for (int i = 0; i < n; i++) {
        const float *o = next_obs + 6 * i;
        double cos1 = (double)o[0], sin1 = (double)o[1], cos2 = (double)o[2], sin2 = (double)o[3];
        done[i] = -cos1 - (cos1 * cos2 - sin1 * sin2) > 1;
    }
}

static void acrobot_rewards(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                            float *reward)
{
    (void)obs, (void)act;
    for (int i = 0; i < n; i++) {
        unsigned char is_up = 0;
        acrobot_terminated(spec, 1, next_obs + 6 * i, &is_up);
        reward[i] = is_up ? 0 : -1;
    }
}

/* ---- the family ---- */

static rv_status create(const rv_env_task *task, void **sim_out)
{
    classic *sim = NULL;
    RV_TRY(RV_NEW(sim, 1));
    sim->task = task;
    sim->model = task->more;
    *sim_out = sim;
    return RV_OK;
}

static void destroy(void **sim)
{
    rv_mem_free(sim);
}

static void draw(const void *sim, rv_rng *rng, int64_t age, double *pos, double *vel)
{
    const classic *c = sim;
    double state[MAX_STATE];
    (void)age;
    c->model->draw(rng, state);
    memcpy(pos, state, (size_t)c->task->n_pos * sizeof *pos);
    memcpy(vel, state + c->task->n_pos, (size_t)c->task->n_vel * sizeof *vel);
}

static rv_status start(void *sim, const double *pos, const double *vel)
{
    classic *c = sim;
    memset(c->state, 0, sizeof c->state);
    memcpy(c->state, pos, (size_t)c->task->n_pos * sizeof *pos);
    memcpy(c->state + c->task->n_pos, vel, (size_t)c->task->n_vel * sizeof *vel);
    return RV_OK;
}

static rv_status step(void *sim, const double *u, rv_env_step_result *out)
{
    classic *c = sim;
    c->model->step(c->state, u[0], out);
    return RV_OK;
}

static void observe(const void *sim, double *obs)
{
    const classic *c = sim;
    c->model->observe(c->state, obs);
}

static rv_status save(void *sim, double *state)
{
    const classic *c = sim;
    memcpy(state, c->state, (size_t)c->task->n_state * sizeof *state);
    return RV_OK;
}

static rv_status load(void *sim, const double *state)
{
    classic *c = sim;
    memcpy(c->state, state, (size_t)c->task->n_state * sizeof *state);
    return RV_OK;
}

static void pose(const rv_env_task *task, const float *before, const float *obs, double *state)
{
    (void)before;
    ((const model *)task->more)->pose(obs, state);
}

static const model pendulum = {pendulum_draw, pendulum_step, pendulum_observe, pendulum_pose};
static const model cart_pole = {cart_pole_draw, cart_pole_step, cart_pole_observe, cart_pole_pose};
static const model mountain_car = {mountain_car_draw, mountain_car_step, mountain_car_observe, mountain_car_pose};
static const model acrobot = {acrobot_draw, acrobot_step, acrobot_observe, acrobot_pose};

static const double minus_2[] = {-2}, plus_2[] = {2}, minus_1[] = {-1}, plus_1[] = {1};

static const rv_env_task tasks[] = {
    {.spec = {.name = "Pendulum-v1",
              .family = "classic",
              .help = "swing a rod up and hold it there with a weak motor",
              .n_obs = 3,
              .n_act = 1,
              .time_limit = 200,
              .dt = 0.05,
              .threshold = NAN,
              .act_low = minus_2,
              .act_high = plus_2,
              .reward = pendulum_rewards},
     .family = &rv_env_classic,
     .n_pos = 1,
     .n_vel = 1,
     .n_state = 2,
     .more = &pendulum},
    {.spec = {.name = "CartPole-v1",
              .family = "classic",
              .help = "keep a pole upright on a cart by pushes to the left and right",
              .n_obs = 4,
              .n_act = 2,
              .n_actions = 2,
              .time_limit = 500,
              .dt = 0.02,
              .threshold = 475,
              .terminated = cart_pole_terminated,
              .reward = cart_pole_rewards},
     .family = &rv_env_classic,
     .n_pos = 4,
     .n_state = 5,
     .more = &cart_pole},
    {.spec = {.name = "MountainCarContinuous-v0",
              .family = "classic",
              .help = "rock a weak car out of a valley",
              .n_obs = 2,
              .n_act = 1,
              .time_limit = 999,
              .threshold = 90,
              .act_low = minus_1,
              .act_high = plus_1,
              .terminated = mountain_car_terminated,
              .reward = mountain_car_rewards},
     .family = &rv_env_classic,
     .n_pos = 1,
     .n_vel = 1,
     .n_state = 2,
     .more = &mountain_car},
    {.spec = {.name = "Acrobot-v1",
              .family = "classic",
              .help = "swing the end of a double pendulum up with a motor in the elbow",
              .n_obs = 6,
              .n_act = 3,
              .n_actions = 3,
              .time_limit = 500,
              .dt = 0.2,
              .threshold = -100,
              .terminated = acrobot_terminated,
              .reward = acrobot_rewards},
     .family = &rv_env_classic,
     .n_pos = 2,
     .n_vel = 2,
     .n_state = 4,
     .more = &acrobot},
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
