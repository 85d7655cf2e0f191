#include "env/mujoco_sim.h"

#include "base/memory.h"
#include "env/mujoco_change.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

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

static rv_status check_warnings(const rv_mujoco_sim *sim)
{
    const mjWarningStat *warning = sim->data->warning;
    bool is_bad = warning[mjWARN_BADQPOS].number || warning[mjWARN_BADQVEL].number || warning[mjWARN_BADQACC].number ||
                  warning[mjWARN_BADCTRL].number;
    RV_CHECK(!is_bad, RV_E_NONFINITE, "%s: the simulation went out of range: %s", sim->name, message);
    for (int i = 0; i < mjNWARNING; i++)
        RV_CHECK(warning[i].number == 0, RV_E_INTERNAL, "%s: mujoco: %s", sim->name, message);
    return RV_OK;
}

/* ---- life ---- */

typedef struct load_job {
    const char *path, *text;
    mjVFS *vfs;
    mjModel *model;
    mjData *data;
    char error[512];
} load_job;

static void load_model(void *arg)
{
    load_job *job = arg;
    if (job->text) {
        size_t n = strlen(job->text);
        mj_defaultVFS(job->vfs);
        if (mj_makeEmptyFileVFS(job->vfs, "model.xml", (int)n) != 0)
            return;
        memcpy(job->vfs->filedata[0], job->text, n);
    }
    job->model = mj_loadXML(job->text ? "model.xml" : job->path, job->text ? job->vfs : NULL, job->error,
                            (int)sizeof job->error);
    if (job->model)
        job->data = mj_makeData(job->model);
}

void rv_mujoco_sim_clear(rv_mujoco_sim *sim)
{
    rv_mujoco_change_destroy(sim);
    if (sim->data)
        mj_deleteData(sim->data);
    if (sim->model)
        mj_deleteModel(sim->model);
    *sim = (rv_mujoco_sim){0};
}

rv_status rv_mujoco_sim_init(const char *name, const char *path, const char *text, int frame_skip, rv_mujoco_sim *out)
{
    rv_status status = RV_OK;
    load_job job = {.path = path, .text = text};
    RV_CHECK(mj_version() == mjVERSION_HEADER, RV_E_UNAVAILABLE, "%s needs libmujoco %d, this one is %d", name,
             mjVERSION_HEADER, mj_version());
    if (text)
        RV_TRY(RV_NEW(job.vfs, 1)); /* 2 MB: not for the stack */
    status = rv_mujoco_call(name, load_model, &job);
    if (job.vfs && job.vfs->nfile > 0)
        mj_deleteVFS(job.vfs);
    rv_mem_free(&job.vfs);
    rv_mujoco_sim sim = {.name = name, .model = job.model, .data = job.data, .frame_skip = frame_skip};
    if (status == RV_OK && !job.model) {
        for (char *c = job.error; *c; c++)
            if (*c == '\n')
                *c = ' ';
        status = rv_raise(RV_E_CONFIG, "%s: the model cannot be read: %s", name, job.error);
    }
    if (status == RV_OK && !job.data)
        status = rv_raise(RV_E_NOMEM, "%s: out of memory", name);
    if (status != RV_OK) {
        rv_mujoco_sim_clear(&sim);
        return status;
    }
    *out = sim;
    return RV_OK;
}

/* ---- episodes ---- */

static void call_reset(void *arg)
{
    rv_mujoco_sim *sim = arg;
    mj_resetData(sim->model, sim->data);
}

static void call_forward(void *arg)
{
    rv_mujoco_sim *sim = arg;
    mj_forward(sim->model, sim->data);
}

static void call_step(void *arg)
{
    rv_mujoco_sim *sim = arg;
    size_t n_bytes = (size_t)sim->model->nu * sizeof(double);
    memcpy(sim->data->ctrl, sim->u, n_bytes);
    for (int i = 0; i < sim->frame_skip; i++) {
        if (sim->change)
            memcpy(sim->data->ctrl, rv_mujoco_change_control(sim, i), n_bytes);
        mj_step(sim->model, sim->data);
    }
    if (!sim->has_no_contact_forces)
        mj_rnePostConstraint(sim->model, sim->data);
}

static rv_status place(rv_mujoco_sim *sim, const double *pos, const double *vel)
{
    RV_TRY(rv_mujoco_call(sim->name, call_reset, sim));
    memcpy(sim->data->qpos, pos, (size_t)sim->model->nq * sizeof(double));
    memcpy(sim->data->qvel, vel, (size_t)sim->model->nv * sizeof(double));
    return RV_OK;
}

rv_status rv_mujoco_sim_start(rv_mujoco_sim *sim, const double *pos, const double *vel)
{
    RV_TRY(place(sim, pos, vel));
    if (sim->change)
        rv_mujoco_change_start(sim);
    RV_TRY(rv_mujoco_call(sim->name, call_forward, sim));
    return check_warnings(sim);
}

rv_status rv_mujoco_sim_step(rv_mujoco_sim *sim, const double *u)
{
    sim->u = u;
    if (sim->change)
        rv_mujoco_change_push(sim, u);
    RV_TRY(rv_mujoco_call(sim->name, call_step, sim));
    return check_warnings(sim);
}

typedef struct refresh_job {
    const mjModel *m;
    mjData *d;
    rv_mujoco_part part;
} refresh_job;

/* kinematics normalises quaternions in qpos, and the solver leaves another warm start: both are put back */
static void call_refresh(void *arg)
{
    const refresh_job *job = arg;
    const mjModel *m = job->m;
    mjData *d = job->d;
    size_t n_pos = (size_t)m->nq * sizeof(double), n_vel = (size_t)m->nv * sizeof(double);
    mjMARKSTACK;
    double *pos = mj_stackAlloc(d, m->nq), *warm = mj_stackAlloc(d, m->nv);
    memcpy(pos, d->qpos, n_pos);
    memcpy(warm, d->qacc_warmstart, n_vel);
    if (job->part == RV_MUJOCO_FORCES) {
        mj_forward(m, d);
        mj_rnePostConstraint(m, d);
    } else {
        mj_kinematics(m, d);
    }
    if (job->part == RV_MUJOCO_VELOCITIES) {
        mj_comPos(m, d);
        mj_comVel(m, d);
    }
    memcpy(d->qpos, pos, n_pos);
    memcpy(d->qacc_warmstart, warm, n_vel);
    mjFREESTACK;
}

rv_status rv_mujoco_sim_refresh(rv_mujoco_sim *sim, rv_mujoco_part part)
{
    refresh_job job = {sim->model, sim->data, part};
    if (part == RV_MUJOCO_STATE)
        return RV_OK;
    RV_TRY(rv_mujoco_call(sim->name, call_refresh, &job));
    return check_warnings(sim);
}

int rv_mujoco_sim_n_state(const rv_mujoco_sim *sim)
{
    return sim->model->nq + 2 * sim->model->nv + sim->model->na + 1;
}

void rv_mujoco_sim_save(const rv_mujoco_sim *sim, double *state)
{
    const mjModel *m = sim->model;
    memcpy(state, sim->data->qpos, (size_t)m->nq * sizeof(double));
    memcpy(state + m->nq, sim->data->qvel, (size_t)m->nv * sizeof(double));
    memcpy(state + m->nq + m->nv, sim->data->qacc_warmstart, (size_t)m->nv * sizeof(double));
    memcpy(state + m->nq + 2 * m->nv, sim->data->act, (size_t)m->na * sizeof(double));
    state[m->nq + 2 * m->nv + m->na] = sim->data->time;
}

rv_status rv_mujoco_sim_load(rv_mujoco_sim *sim, const double *state)
{
    const mjModel *m = sim->model;
    RV_TRY(place(sim, state, state + m->nq));
    memcpy(sim->data->qacc_warmstart, state + m->nq + m->nv, (size_t)m->nv * sizeof(double));
    memcpy(sim->data->act, state + m->nq + 2 * m->nv, (size_t)m->na * sizeof(double));
    sim->data->time = state[m->nq + 2 * m->nv + m->na];
    return RV_OK;
}
