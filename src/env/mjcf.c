#include "env/mjcf.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "env/env_private.h"
#include "env/mjcf_terms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_MODEL_BYTES = 1 << 26 };

/* what all simulations of a task share */
typedef struct mjcf_task {
    rv_env_task task; /* first: a pointer to it is one to this */
    rv_mjcf_terms terms;
    char model[RV_PATH];
    char help[RV_FIELD_STR], note[RV_ERROR_TEXT];
    int frame_skip, n_data; /* a sum over sizes of the model: is it still the one that was described? */
    double print;           /* a hash of description and model, which a state carries: 52 bits, so a whole number */
    double *act;            /* (2, n_act) the low ends of the action box, then the high ends */
    float *alive;           /* (2, n_obs) */
} mjcf_task;

/* state: the simulation's, then the observation, the marks, the task's print: nothing has to be computed anew */
typedef struct mjcf {
    const mjcf_task *task;
    rv_mujoco_sim sim;
    double *u;      /* (n_act) of the last step */
    double *values; /* (n_numbers) the first n_obs are the observation */
    double *marks;  /* (n_marks) */
} mjcf;

/* ---- description ---- */

static bool claims(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* the model's path: as given when it begins with '/', else from the description's folder */
static rv_status find_model(const rv_mjcf_desc *desc, char out[RV_PATH])
{
    char folder[RV_PATH];
    const char *slash = strrchr(desc->name, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - desc->name) : 1, slash ? desc->name : ".");
    if (desc->model[0] == '/')
        snprintf(out, RV_PATH, "%s", desc->model);
    else
        RV_TRY(rv_path_join(folder[0] ? folder : "/", desc->model, out));
    RV_CHECK(rv_file_exists(out), RV_E_CONFIG, "%s:%zu:%zu: there is no file '%s'", desc->name, desc->model_at.line,
             desc->model_at.column, out);
    return RV_OK;
}

static int sizes(const mjModel *m)
{
    return m->nq + 3 * m->nv + 5 * m->na + 7 * m->nu + 11 * m->nbody + 13 * m->nsite + 17 * m->nsensordata;
}

static void forget(rv_env_task **task)
{
    mjcf_task *t = (mjcf_task *)*task;
    if (!t)
        return;
    rv_mjcf_terms_clear(&t->terms);
    rv_mem_free(&t->act);
    rv_mem_free(&t->alive);
    rv_mem_free(task);
}

/* conditions as far as they are observed; a note about the others */
static rv_status set_termination(const rv_env_cfg *cfg, mjcf_task *t)
{
    rv_env_spec *spec = &t->task.spec;
    int unseen = -1;
    RV_TRY(RV_NEW(t->alive, 2 * t->terms.n_obs));
    if (rv_mjcf_terms_alive(&t->terms, t->alive, t->alive + t->terms.n_obs, &unseen) > 0) {
        spec->alive_low = t->alive;
        spec->alive_high = t->alive + t->terms.n_obs;
        spec->terminated = rv_env_outside;
    }
    if (unseen < 0)
        return RV_OK;
    const rv_mjcf_number *n = &t->terms.numbers[unseen];
    snprintf(t->note, sizeof t->note,
             "%s:%zu: '%s' ends an episode in its range [%g, %g] but is not observed as far as that: imagined branches "
             "will not end there",
             cfg->name, n->line, rv_mjcf_quantity_key(n->quantity), n->low, n->high);
    spec->note = t->note;
    return RV_OK;
}

static rv_status set_spec(const rv_env_cfg *cfg, const rv_mjcf_desc *desc, const rv_mujoco_sim *sim, mjcf_task *t)
{
    const mjModel *m = sim->model;
    RV_TRY(RV_NEW(t->act, 2 * m->nu));
    for (int i = 0; i < m->nu; i++) {
        t->act[i] = m->actuator_ctrlrange[2 * i];
        t->act[m->nu + i] = m->actuator_ctrlrange[2 * i + 1];
    }
    snprintf(t->help, sizeof t->help, "%s", desc->help[0] ? desc->help : desc->model);
    t->task = (rv_env_task){
        .spec = {.name = cfg->name,
                 .family = rv_env_mjcf.name,
                 .help = t->help,
                 .n_obs = t->terms.n_obs,
                 .n_act = m->nu,
                 .time_limit = (int)desc->time_limit,
                 .dt = m->opt.timestep * t->frame_skip,
                 .threshold = NAN,
                 .act_low = t->act,
                 .act_high = t->act + m->nu},
        .family = &rv_env_mjcf,
        .n_pos = m->nq,
        .n_vel = m->nv,
        .n_state = rv_mujoco_sim_n_state(sim) + t->terms.n_obs + t->terms.n_marks + 1,
        .cfg = cfg,
    };
    t->n_data = sizes(m);
    return set_termination(cfg, t);
}

/* load the model of a description, put the place of its name before what is wrong with it */
static rv_status load_model(const rv_mjcf_desc *desc, mjcf_task *t, rv_mujoco_sim *sim)
{
    char where[RV_FIELD_STR + 64];
    RV_TRY(find_model(desc, t->model));
    t->frame_skip = (int)desc->frame_skip;
    snprintf(where, sizeof where, "%s:%zu:%zu", desc->name, desc->model_at.line, desc->model_at.column);
    rv_status status = rv_mujoco_sim_init(where, t->model, NULL, t->frame_skip, sim);
    sim->name = desc->name;
    return status == RV_E_INTERNAL ? rv_raise(RV_E_CONFIG, "%s", rv_error_last()->text) : status;
}

/* the print of the description's text and the model's file */
static rv_status set_print(const char *text, size_t n, mjcf_task *t)
{
    char *model = NULL;
    size_t n_model = 0;
    RV_TRY(rv_file_read(t->model, MAX_MODEL_BYTES, &model, &n_model));
    const uint64_t hashes[2] = {rv_hash_u64(text, n), rv_hash_u64(model, n_model)};
    t->print = (double)(rv_hash_u64(hashes, sizeof hashes) >> 12);
    rv_mem_free(&model);
    return RV_OK;
}

static rv_status describe(const rv_env_cfg *cfg, rv_env_task **out)
{
    rv_status status = RV_OK;
    char *text = NULL;
    size_t n = 0;
    rv_mjcf_desc *desc = NULL;
    rv_mujoco_sim sim = {0};
    mjcf_task *t = NULL;
    rv_env_task *task = NULL;
    if (!rv_file_exists(cfg->name))
        return rv_env_no_file(cfg->name);
    RV_TRY(rv_file_read(cfg->name, RV_MJCF_MAX_BYTES, &text, &n));
    RV_TRY_GOTO(rv_mjcf_parse(cfg->name, text, n, &desc), done);
    RV_TRY_GOTO(RV_NEW(t, 1), done);
    task = &t->task;
    RV_TRY_GOTO(load_model(desc, t, &sim), done);
    RV_TRY_GOTO(rv_mjcf_terms_init(desc, sim.model, &t->terms), done);
    RV_TRY_GOTO(set_spec(cfg, desc, &sim, t), done);
    RV_TRY_GOTO(set_print(text, n, t), done);
    *out = task;
    task = NULL;
done:
    forget(&task);
    rv_mujoco_sim_clear(&sim);
    rv_mem_free(&desc);
    rv_mem_free(&text);
    return status;
}

/* ---- life ---- */

static void destroy(void **sim)
{
    mjcf *m = *sim;
    rv_mujoco_sim_clear(&m->sim);
    rv_mem_free(&m->u);
    rv_mem_free(&m->values);
    rv_mem_free(&m->marks);
    rv_mem_free(sim);
}

static rv_status create(const rv_env_task *task, void **sim_out)
{
    rv_status status = RV_OK;
    void *sim = NULL;
    mjcf *m = NULL;
    RV_TRY(rv_mem_alloc(1, sizeof *m, &sim));
    m = sim;
    m->task = (const mjcf_task *)task;
    const rv_mjcf_terms *terms = &m->task->terms;
    RV_TRY_GOTO(RV_NEW(m->u, terms->n_act), fail);
    RV_TRY_GOTO(RV_NEW(m->values, terms->n_numbers), fail);
    RV_TRY_GOTO(RV_NEW(m->marks, terms->n_marks), fail);
    RV_TRY_GOTO(rv_mujoco_sim_init(task->spec.name, m->task->model, NULL, m->task->frame_skip, &m->sim), fail);
    RV_CHECK_GOTO(sizes(m->sim.model) == m->task->n_data, RV_E_CONFIG, fail,
                  "%s: the model '%s' was changed while the run began; start it again", task->spec.name,
                  m->task->model);
    *sim_out = sim;
    return RV_OK;
fail:
    destroy(&sim);
    return status;
}

/* ---- episodes ---- */

static void draw(const void *sim, rv_rng *rng, int64_t age, double *pos, double *vel)
{
    (void)age;
    rv_mjcf_terms_draw(&((const mjcf *)sim)->task->terms, rng, pos, vel);
}

static rv_status measure(mjcf *m, bool is_start)
{
    const rv_mjcf_terms *terms = &m->task->terms;
    RV_TRY(rv_mujoco_sim_refresh(&m->sim, terms->needs));
    rv_mjcf_terms_measure(terms, &m->sim, m->u, is_start, m->marks, m->values);
    return RV_OK;
}

static rv_status start(void *sim, const double *pos, const double *vel)
{
    mjcf *m = sim;
    memset(m->u, 0, (size_t)m->task->terms.n_act * sizeof *m->u);
    RV_TRY(rv_mujoco_sim_start(&m->sim, pos, vel));
    return measure(m, true);
}

static rv_status step(void *sim, const double *u, rv_env_step_result *out)
{
    mjcf *m = sim;
    const rv_mjcf_terms *terms = &m->task->terms;
    memcpy(m->u, u, (size_t)terms->n_act * sizeof *u);
    RV_TRY(rv_mujoco_sim_step(&m->sim, u));
    RV_TRY(measure(m, false));
    out->terminated = rv_mjcf_terms_is_terminated(terms, m->values);
    out->reward = rv_mjcf_terms_reward(terms, m->values, out->terminated);
    return RV_OK;
}

static void observe(const void *sim, double *obs)
{
    const mjcf *m = sim;
    memcpy(obs, m->values, (size_t)m->task->terms.n_obs * sizeof *obs);
}

static rv_status save(void *sim, double *state)
{
    const mjcf *m = sim;
    const rv_mjcf_terms *terms = &m->task->terms;
    double *obs = state + rv_mujoco_sim_n_state(&m->sim);
    rv_mujoco_sim_save(&m->sim, state);
    memcpy(obs, m->values, (size_t)terms->n_obs * sizeof *obs);
    memcpy(obs + terms->n_obs, m->marks, (size_t)terms->n_marks * sizeof *obs);
    obs[terms->n_obs + terms->n_marks] = m->task->print;
    return RV_OK;
}

static rv_status load(void *sim, const double *state)
{
    mjcf *m = sim;
    const rv_mjcf_terms *terms = &m->task->terms;
    const double *obs = state + rv_mujoco_sim_n_state(&m->sim);
    RV_CHECK(obs[terms->n_obs + terms->n_marks] == m->task->print, RV_E_DATA,
             "%s: this state is of another task: the description or '%s' was changed since; put back what it was, or "
             "begin a new run",
             m->task->task.spec.name, m->task->model);
    RV_TRY(rv_mujoco_sim_load(&m->sim, state));
    memcpy(m->values, obs, (size_t)terms->n_obs * sizeof *obs);
    memcpy(m->marks, obs + terms->n_obs, (size_t)terms->n_marks * sizeof *obs);
    return RV_OK;
}

static rv_mujoco_sim *physics(void *sim)
{
    return &((mjcf *)sim)->sim;
}

const rv_env_family rv_env_mjcf = {
    .name = "mjcf",
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .start = start,
    .step = step,
    .observe = observe,
    .save = save,
    .load = load,
    .physics = physics,
    .claims = claims,
    .describe = describe,
    .forget = forget,
};
