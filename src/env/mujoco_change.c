#include "env/mujoco_change.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { MAX_DELAY = 1000000 };

/* arrays of a model that change; from FIRST_DERIVED on those that mj_setConst computes */
enum {
    MASS,
    INERTIA,
    FRICTION,
    PAIR_FRICTION,
    DAMPING,
    GEAR,
    LENGTH_RANGE,
    FIRST_DERIVED,
    SUBTREE_MASS = FIRST_DERIVED,
    BODY_INVWEIGHT,
    DOF_INVWEIGHT,
    DOF_M,
    TENDON_INVWEIGHT,
    ACTUATOR_ACC,
    ACTUATOR_LENGTH,
    MEAN_INERTIA,
    MEAN_MASS,
    N_SPANS
};

typedef struct span {
    double *v;
    int n;
} span;

typedef struct rv_mujoco_change {
    mjModel *work;           /* a copy, where constants are derived */
    double *nominal;         /* the arrays as compiled, one after the other */
    bool is_stated[N_SPANS]; /* the model says what else would be derived */
    const mjModel *model;    /* for the call into the library */
    mjData *data;
    int delay, longest; /* time steps */
    int n_slots;        /* steps */
    double *line;       /* (n_slots, nu) controls, the latest first */
} change;

static void spans_of(mjModel *m, span out[N_SPANS])
{
    const span all[N_SPANS] = {
        [MASS] = {m->body_mass, m->nbody},
        [INERTIA] = {m->body_inertia, 3 * m->nbody},
        [FRICTION] = {m->geom_friction, 3 * m->ngeom},
        [PAIR_FRICTION] = {m->pair_friction, 5 * m->npair},
        [DAMPING] = {m->dof_damping, m->nv},
        [GEAR] = {m->actuator_gear, 6 * m->nu},
        [LENGTH_RANGE] = {m->actuator_lengthrange, 2 * m->nu},
        [SUBTREE_MASS] = {m->body_subtreemass, m->nbody},
        [BODY_INVWEIGHT] = {m->body_invweight0, 2 * m->nbody},
        [DOF_INVWEIGHT] = {m->dof_invweight0, m->nv},
        [DOF_M] = {m->dof_M0, m->nv},
        [TENDON_INVWEIGHT] = {m->tendon_invweight0, m->ntendon},
        [ACTUATOR_ACC] = {m->actuator_acc0, m->nu},
        [ACTUATOR_LENGTH] = {m->actuator_length0, m->nu},
        [MEAN_INERTIA] = {&m->stat.meaninertia, 1},
        [MEAN_MASS] = {&m->stat.meanmass, 1},
    };
    memcpy(out, all, sizeof all);
}

static void copy_model(void *arg)
{
    change *c = arg;
    c->work = mj_copyModel(NULL, c->model);
}

static void derive(void *arg)
{
    change *c = arg;
    mj_setConst(c->work, c->data);
}

void rv_mujoco_change_destroy(rv_mujoco_sim *sim)
{
    change *c = sim->change;
    if (!c)
        return;
    if (c->work)
        mj_deleteModel(c->work);
    rv_mem_free(&c->nominal);
    rv_mem_free(&c->line);
    rv_mem_free(&sim->change);
}

/* keep the numbers as compiled, and see which statistics are the model's own */
static rv_status keep_nominal(rv_mujoco_sim *sim)
{
    change *c = sim->change;
    span spans[N_SPANS], derived[N_SPANS];
    size_t n = 0;
    spans_of(sim->model, spans);
    for (int s = 0; s < N_SPANS; s++)
        n += (size_t)spans[s].n;
    RV_TRY(RV_NEW(c->nominal, n));
    double *at = c->nominal;
    for (int s = 0; s < N_SPANS; at += spans[s++].n)
        memcpy(at, spans[s].v, (size_t)spans[s].n * sizeof(double));
    RV_TRY(rv_mujoco_call(sim->name, copy_model, c));
    RV_CHECK(c->work, RV_E_NOMEM, "%s: out of memory for a copy of the model", sim->name);
    RV_TRY(rv_mujoco_call(sim->name, derive, c));
    spans_of(c->work, derived);
    for (int s = MEAN_INERTIA; s <= MEAN_MASS; s++)
        c->is_stated[s] = *derived[s].v != *spans[s].v;
    return RV_OK;
}

rv_status rv_mujoco_change_create(rv_mujoco_sim *sim, double max_delay)
{
    rv_status status = RV_OK;
    double steps = rint(max_delay / sim->model->opt.timestep);
    RV_CHECK(steps <= MAX_DELAY, RV_E_CONFIG, "%s: a delay of %g s is %g time steps, more than %d", sim->name,
             max_delay, steps, (int)MAX_DELAY);
    RV_TRY(RV_NEW(sim->change, 1));
    change *c = sim->change;
    c->model = sim->model;
    c->data = sim->data;
    RV_TRY_GOTO(keep_nominal(sim), fail);
    c->longest = (int)steps;
    if (c->longest > 0) {
        c->n_slots = (c->longest + sim->frame_skip - 1) / sim->frame_skip + 1;
        RV_TRY_GOTO(RV_NEW(c->line, c->n_slots * sim->model->nu), fail);
    }
    return RV_OK;
fail:
    rv_mujoco_change_destroy(sim);
    return status;
}

/* ---- the model ---- */

rv_status rv_mujoco_change_model(rv_mujoco_sim *sim, const rv_mujoco_factors *f)
{
    const double factor[N_SPANS] = {
        [MASS] = f->mass,       [INERTIA] = f->mass, [FRICTION] = f->friction, [PAIR_FRICTION] = f->friction,
        [DAMPING] = f->damping, [GEAR] = f->gear,    [LENGTH_RANGE] = f->gear,
    };
    change *c = sim->change;
    span spans[N_SPANS], work[N_SPANS];
    const double *nominal = c->nominal;
    spans_of(sim->model, spans);
    spans_of(c->work, work);
    for (int s = 0; s < N_SPANS; nominal += spans[s++].n)
        for (int i = 0; i < spans[s].n; i++)
            spans[s].v[i] = s < FIRST_DERIVED ? nominal[i] * factor[s] : nominal[i];
    if (f->mass == 1 && f->gear == 1)
        return RV_OK;
    for (int s = 0; s < FIRST_DERIVED; s++)
        memcpy(work[s].v, spans[s].v, (size_t)spans[s].n * sizeof(double));
    RV_TRY(rv_mujoco_call(sim->name, derive, c));
    for (int s = FIRST_DERIVED; s < N_SPANS; s++)
        if (!c->is_stated[s])
            memcpy(spans[s].v, work[s].v, (size_t)spans[s].n * sizeof(double));
    return RV_OK;
}

/* ---- the delay ---- */

double rv_mujoco_change_delay(rv_mujoco_sim *sim, double delay)
{
    double steps = rint(delay / sim->model->opt.timestep);
    sim->change->delay = (int)steps;
    return steps * sim->model->opt.timestep;
}

double rv_mujoco_change_longest(const rv_mujoco_sim *sim)
{
    return sim->change->longest * sim->model->opt.timestep;
}

int rv_mujoco_change_n_line(const rv_mujoco_sim *sim)
{
    return sim->change->n_slots * sim->model->nu;
}

double *rv_mujoco_change_line(const rv_mujoco_sim *sim)
{
    return sim->change->line;
}

void rv_mujoco_change_start(rv_mujoco_sim *sim)
{
    if (sim->change->line)
        memset(sim->change->line, 0, (size_t)rv_mujoco_change_n_line(sim) * sizeof(double));
}

void rv_mujoco_change_push(rv_mujoco_sim *sim, const double *u)
{
    const change *c = sim->change;
    size_t nu = (size_t)sim->model->nu;
    if (!c->line)
        return;
    memmove(c->line + nu, c->line, (size_t)(c->n_slots - 1) * nu * sizeof(double));
    memcpy(c->line, u, nu * sizeof(double));
}

/* what acts in time step i was the control d time steps before: so many steps ago, rounded up */
const double *rv_mujoco_change_control(const rv_mujoco_sim *sim, int i)
{
    const change *c = sim->change;
    if (!c->line)
        return sim->u;
    int age = c->delay > i ? (c->delay - i + sim->frame_skip - 1) / sim->frame_skip : 0;
    return c->line + (size_t)age * (size_t)sim->model->nu;
}
