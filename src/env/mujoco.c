/* mujoco.c - the MuJoCo tasks of Gymnasium (v4) on libmujoco 2.2.2. Copy a row of the tables below to add a task.
 *
 * reset: mj_resetData, position and velocity, mj_forward.
 * step:  ctrl = u (the library clamps inside the forces only), frame_skip times mj_step, one mj_rnePostConstraint.
 * With position q, velocity v, primes after the step and dt = timestep frame_skip:
 *   observation  q[n_hidden..], then v clipped to +-v_clip
 *   reward       forward (q0' - q0) / dt + alive - control_cost |u|^2, also on the step that terminates
 * The library resets a state that went out of range by itself and only counts a warning: any warning counted since the
 * start is therefore an error here.
 */
#include "base/memory.h"
#include "env/env_private.h"

#include <math.h>
#include <mujoco/mujoco.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
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
    mjModel *model;
    mjData *data;
    const double *u; /* of the step being made */
} mujoco;

/* ---- errors and warnings of the library ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local jmp_buf *escape;
static _Thread_local char message[256];

static void on_warning(const char *text)
{
    snprintf(message, sizeof message, "%.255s", text);
    for (char *c = message; *c; c++)
        if (*c == '\n')
            *c = ' ';
}

/* the library must not go on after an error: leave it */
static void on_error(const char *text)
{
    on_warning(text);
    if (escape)
        longjmp(*escape, 1);
}

static void set_handlers(void)
{
    mju_user_warning = on_warning;
    mju_user_error = on_error;
}

rv_status rv_mujoco_call(const char *what, void (*call)(void *), void *arg)
{
    jmp_buf here;
    pthread_once(&once, set_handlers);
    if (setjmp(here) != 0) {
        escape = NULL;
        return rv_raise(RV_E_INTERNAL, "%s: mujoco: %s", what, message);
    }
    escape = &here;
    call(arg);
    escape = NULL;
    return RV_OK;
}

static rv_status check_warnings(const mujoco *m)
{
    const mjWarningStat *warning = m->data->warning;
    bool is_bad = warning[mjWARN_BADQPOS].number || warning[mjWARN_BADQVEL].number || warning[mjWARN_BADQACC].number ||
                  warning[mjWARN_BADCTRL].number;
    RV_CHECK(!is_bad, RV_E_NONFINITE, "%s: the simulation went out of range: %s", m->task->spec.name, message);
    for (int i = 0; i < mjNWARNING; i++)
        RV_CHECK(warning[i].number == 0, RV_E_INTERNAL, "%s: mujoco: %s", m->task->spec.name, message);
    return RV_OK;
}

/* ---- life ---- */

typedef struct load_job {
    const mujoco_task *more;
    mjVFS *vfs;
    mjModel *model;
    mjData *data;
    char error[256];
} load_job;

static void load_model(void *arg)
{
    load_job *job = arg;
    size_t n = strlen(job->more->xml);
    mj_defaultVFS(job->vfs);
    if (mj_makeEmptyFileVFS(job->vfs, "model.xml", (int)n) != 0)
        return;
    memcpy(job->vfs->filedata[0], job->more->xml, n);
    job->model = mj_loadXML("model.xml", job->vfs, job->error, (int)sizeof job->error);
    if (job->model)
        job->data = mj_makeData(job->model);
}

static void destroy(void **sim)
{
    mujoco *m = *sim;
    if (m->data)
        mj_deleteData(m->data);
    if (m->model)
        mj_deleteModel(m->model);
    rv_mem_free(sim);
}

static rv_status create(const rv_env_task *task, void **sim_out)
{
    rv_status status = RV_OK;
    void *sim = NULL;
    mujoco *m = NULL;
    load_job job = {.more = task->more};
    RV_CHECK(mj_version() == mjVERSION_HEADER, RV_E_UNAVAILABLE, "%s needs libmujoco %d, this one is %d",
             task->spec.name, mjVERSION_HEADER, mj_version());
    RV_TRY(rv_mem_alloc(1, sizeof *m, &sim));
    m = sim;
    m->task = task;
    m->more = task->more;
    RV_TRY_GOTO(RV_NEW(job.vfs, 1), fail); /* 2 MB: not for the stack */
    status = rv_mujoco_call(task->spec.name, load_model, &job);
    mj_deleteVFS(job.vfs);
    m->model = job.model;
    m->data = job.data;
    if (status != RV_OK)
        goto fail;
    RV_CHECK_GOTO(m->model, RV_E_INTERNAL, fail, "%s: the model does not compile: %s", task->spec.name, job.error);
    RV_CHECK_GOTO(m->data, RV_E_NOMEM, fail, "%s: no memory for the simulation", task->spec.name);
    RV_CHECK_GOTO(m->model->nq == task->n_pos && m->model->nv == task->n_vel && m->model->nu == task->spec.n_act,
                  RV_E_INTERNAL, fail, "%s: the model has %d positions, %d velocities and %d actuators",
                  task->spec.name, m->model->nq, m->model->nv, m->model->nu);
    rv_mem_free(&job.vfs);
    *sim_out = sim;
    return RV_OK;
fail:
    rv_mem_free(&job.vfs);
    destroy(&sim);
    return status;
}

/* ---- episodes ---- */

static void draw(const void *sim, rv_rng *rng, int64_t age, double *pos, double *vel)
{
    (void)age;
    const mujoco *m = sim;
    const mujoco_task *more = m->more;
    for (int i = 0; i < m->task->n_pos; i++)
        pos[i] = m->model->qpos0[i] + more->pos_noise * (2 * rv_rng_uniform(rng) - 1);
    for (int i = 0; i < m->task->n_vel; i++)
        vel[i] = more->vel_noise * (more->is_vel_normal ? rv_rng_normal(rng) : 2 * rv_rng_uniform(rng) - 1);
}

static void call_reset(void *sim)
{
    mujoco *m = sim;
    mj_resetData(m->model, m->data);
}

static void call_forward(void *sim)
{
    mujoco *m = sim;
    mj_forward(m->model, m->data);
}

static void call_step(void *sim)
{
    mujoco *m = sim;
    memcpy(m->data->ctrl, m->u, (size_t)m->model->nu * sizeof(double));
    for (int i = 0; i < m->more->frame_skip; i++)
        mj_step(m->model, m->data);
    mj_rnePostConstraint(m->model, m->data);
}

static rv_status place(mujoco *m, const double *pos, const double *vel)
{
    RV_TRY(rv_mujoco_call(m->task->spec.name, call_reset, m));
    memcpy(m->data->qpos, pos, (size_t)m->task->n_pos * sizeof(double));
    memcpy(m->data->qvel, vel, (size_t)m->task->n_vel * sizeof(double));
    return RV_OK;
}

static rv_status start(void *sim, const double *pos, const double *vel)
{
    mujoco *m = sim;
    RV_TRY(place(m, pos, vel));
    RV_TRY(rv_mujoco_call(m->task->spec.name, call_forward, m));
    return check_warnings(m);
}

static rv_status step(void *sim, const double *u, rv_env_step_result *out)
{
    mujoco *m = sim;
    const mujoco_task *more = m->more;
    double before = m->data->qpos[0], cost = 0;
    m->u = u;
    RV_TRY(rv_mujoco_call(m->task->spec.name, call_step, m));
    RV_TRY(check_warnings(m));
    for (int i = 0; i < m->model->nu; i++)
        cost += u[i] * u[i];
    double speed = (m->data->qpos[0] - before) / (m->model->opt.timestep * more->frame_skip);
    out->reward = more->forward * speed + more->alive - more->control_cost * cost;
    out->terminated = more->is_terminal && more->is_terminal(m->data->qpos, m->data->qvel);
    return RV_OK;
}

static void observe(const void *sim, double *obs)
{
    const mujoco *m = sim;
    int n = m->task->n_pos - m->more->n_hidden;
    double limit = m->more->v_clip;
    memcpy(obs, m->data->qpos + m->more->n_hidden, (size_t)n * sizeof(double));
    for (int i = 0; i < m->task->n_vel; i++)
        obs[n + i] = rv_env_clip(m->data->qvel[i], -limit, limit);
}

/* position, velocity, the acceleration that warm-starts the constraint solver, time */
static rv_status save(void *sim, double *state)
{
    const mujoco *m = sim;
    int n_pos = m->task->n_pos, n_vel = m->task->n_vel;
    memcpy(state, m->data->qpos, (size_t)n_pos * sizeof(double));
    memcpy(state + n_pos, m->data->qvel, (size_t)n_vel * sizeof(double));
    memcpy(state + n_pos + n_vel, m->data->qacc_warmstart, (size_t)n_vel * sizeof(double));
    state[n_pos + 2 * n_vel] = m->data->time;
    return RV_OK;
}

static rv_status load(void *sim, const double *state)
{
    mujoco *m = sim;
    int n_pos = m->task->n_pos, n_vel = m->task->n_vel;
    RV_TRY(place(m, state, state + n_pos));
    memcpy(m->data->qacc_warmstart, state + n_pos + n_vel, (size_t)n_vel * sizeof(double));
    m->data->time = state[n_pos + 2 * n_vel];
    return RV_OK;
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
