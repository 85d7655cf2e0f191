#include "env/plugin.h"

#include "base/file.h"
#include "base/memory.h"
#include "env/plugin_private.h"
#include "env/reverie_env.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* what a child says its task is, and room for what the spec points to */
typedef struct plugin_task {
    rv_env_task task;
    rv_plugin_description said;
    char help[RV_PLUGIN_NAME + RV_PLUGIN_HELP + 2];
    double *act_low, *act_high;
    float *alive_low, *alive_high;
} plugin_task;

typedef struct plugin_sim {
    const plugin_task *of;
    int n_obs, n_act;
    rv_plugin_process process;
    bool is_under_way;       /* a step was begun and not waited for */
    bool is_spoilt;          /* what it returned will be refused: the next episode gets another child */
    double *obs;             /* (n_obs) copied, so that it stays what was checked */
    char why[RV_ERROR_TEXT]; /* the last failure */
} plugin_sim;

/* ---- description ---- */

static bool is_size(int32_t n)
{
    return n >= 0 && n <= RV_PLUGIN_MOST;
}

static rv_status check_sizes(const char *file, const rv_plugin_description *d)
{
    RV_CHECK(is_size(d->n_obs) && is_size(d->n_states) && !d->n_obs != !d->n_states, RV_E_CONFIG,
             "%s: the plug-in has n_obs %d and n_states %d; one must be in [1, %d], the other 0", file, d->n_obs,
             d->n_states, (int)RV_PLUGIN_MOST);
    RV_CHECK(is_size(d->n_act) && is_size(d->n_actions) && !d->n_act != !d->n_actions, RV_E_CONFIG,
             "%s: the plug-in has n_act %d and n_actions %d; one must be in [1, %d], the other 0", file, d->n_act,
             d->n_actions, (int)RV_PLUGIN_MOST);
    RV_CHECK(d->time_limit >= 0, RV_E_CONFIG, "%s: the plug-in's time_limit is %d, expected 0 (none) or more", file,
             d->time_limit);
    RV_CHECK(isfinite(d->dt) && d->dt >= 0, RV_E_CONFIG, "%s: the plug-in's dt is %g, expected 0 (none) or more", file,
             d->dt);
    RV_CHECK(d->state_size >= 0 && d->state_size <= RV_PLUGIN_STATE && (d->has_state || d->state_size == 0),
             RV_E_CONFIG, "%s: the plug-in's state_size is %d; expected at most %d, and 0 without save and load", file,
             d->state_size, (int)RV_PLUGIN_STATE);
    RV_CHECK(!d->has_alive || d->n_obs, RV_E_CONFIG,
             "%s: the plug-in has alive_low and a discrete observation; leave one out", file);
    return RV_OK;
}

static rv_status copy_bounds(const rv_plugin_shared *shared, plugin_task *t)
{
    int n_act = t->said.n_act, n_obs = t->said.has_alive ? t->said.n_obs : 0;
    RV_TRY(RV_NEW(t->act_low, n_act));
    RV_TRY(RV_NEW(t->act_high, n_act));
    RV_TRY(RV_NEW(t->alive_low, n_obs));
    RV_TRY(RV_NEW(t->alive_high, n_obs));
    memcpy(t->act_low, shared->act_low, (size_t)n_act * sizeof *t->act_low);
    memcpy(t->act_high, shared->act_high, (size_t)n_act * sizeof *t->act_high);
    memcpy(t->alive_low, shared->alive_low, (size_t)n_obs * sizeof *t->alive_low);
    memcpy(t->alive_high, shared->alive_high, (size_t)n_obs * sizeof *t->alive_high);
    return RV_OK;
}

/* the task that was described; nothing in it points into shared memory */
static void fill(const rv_env_cfg *cfg, plugin_task *t)
{
    const rv_plugin_description *d = &t->said;
    char name[RV_PLUGIN_NAME], help[RV_PLUGIN_HELP];
    rv_plugin_text(d->name, sizeof name, name);
    rv_plugin_text(d->help, sizeof help, help);
    snprintf(t->help, sizeof t->help, "%s%s%s", name, *help ? ": " : "", help);
    t->task = (rv_env_task){
        .spec = {.name = cfg->name,
                 .family = rv_env_plugin.name,
                 .help = t->help,
                 .n_obs = d->n_states ? d->n_states : d->n_obs,
                 .n_act = d->n_actions ? d->n_actions : d->n_act,
                 .n_states = d->n_states,
                 .n_actions = d->n_actions,
                 .time_limit = d->time_limit,
                 .dt = d->dt,
                 .threshold = NAN,
                 .act_low = d->n_act ? t->act_low : NULL,
                 .act_high = d->n_act ? t->act_high : NULL,
                 .alive_low = d->has_alive ? t->alive_low : NULL,
                 .alive_high = d->has_alive ? t->alive_high : NULL,
                 .is_stateless = !d->has_state,
                 .terminated = d->has_alive ? rv_env_outside : NULL},
        .family = &rv_env_plugin,
        .n_state = (int)(((size_t)d->state_size + sizeof(double) - 1) / sizeof(double)),
        .cfg = cfg,
    };
}

void rv_plugin_forget(rv_env_task **task)
{
    plugin_task *t = (plugin_task *)*task;
    if (!t)
        return;
    rv_mem_free(&t->act_low);
    rv_mem_free(&t->act_high);
    rv_mem_free(&t->alive_low);
    rv_mem_free(&t->alive_high);
    rv_mem_free(task);
}

rv_status rv_plugin_accept(const rv_env_cfg *cfg, const rv_plugin_shared *shared, rv_env_task **out)
{
    rv_status status = RV_OK;
    plugin_task *t = NULL;
    RV_TRY(RV_NEW(t, 1));
    memcpy(&t->said, &shared->description, sizeof t->said);
    RV_TRY_GOTO(check_sizes(cfg->name, &t->said), fail);
    RV_TRY_GOTO(copy_bounds(shared, t), fail);
    fill(cfg, t);
    status = rv_env_check_ranges(&t->task.spec);
    if (status != RV_OK) {
        rv_error_prefix(status, "%s: the plug-in", cfg->name);
        goto fail;
    }
    *out = &t->task;
    return RV_OK;
fail:
    rv_plugin_forget((rv_env_task **)&t);
    return status;
}

static bool claims(const char *name)
{
    size_t n = strlen(name);
    return n > 3 && strcmp(name + n - 3, ".so") == 0;
}

static rv_status describe(const rv_env_cfg *cfg, rv_env_task **out)
{
    rv_plugin_process process = {0};
    if (!rv_file_exists(cfg->name))
        return rv_env_no_file(cfg->name);
    RV_TRY(rv_plugin_start(cfg, &process));
    rv_status status = rv_plugin_accept(cfg, process.shared, out);
    rv_plugin_stop(&process);
    return status;
}

/* ---- life ---- */

static const rv_env_cfg *cfg_of(const plugin_sim *sim)
{
    return sim->of->task.cfg;
}

static rv_status create(const rv_env_task *task, void **sim_out)
{
    plugin_sim *sim = NULL;
    RV_TRY(RV_NEW(sim, 1));
    sim->of = (const plugin_task *)task;
    sim->n_obs = rv_env_raw_obs(&task->spec);
    sim->n_act = rv_env_raw_act(&task->spec);
    rv_status status = RV_NEW(sim->obs, sim->n_obs);
    if (status != RV_OK)
        rv_mem_free(&sim);
    else
        *sim_out = sim;
    return status;
}

static void destroy(void **at)
{
    plugin_sim *sim = *at;
    rv_plugin_stop(&sim->process);
    rv_mem_free(&sim->obs);
    rv_mem_free(at);
}

/* ---- guards: bytes behind the buffers that only a plug-in which writes too much changes ---- */

static const unsigned char guard_byte = 0xA5;

static unsigned char *guard_of(const plugin_sim *sim, bool is_state)
{
    rv_plugin_shared *s = sim->process.shared;
    return is_state ? s->state + sim->of->said.state_size : (unsigned char *)(s->obs + sim->n_obs);
}

static void set_guards(const plugin_sim *sim)
{
    for (int is_state = 0; is_state < 2; is_state++)
        memset(guard_of(sim, is_state), guard_byte, RV_PLUGIN_GUARD * sizeof(double));
}

static bool is_guard_whole(const plugin_sim *sim, bool is_state)
{
    const unsigned char *guard = guard_of(sim, is_state);
    bool is_whole = true;
    for (size_t i = 0; i < RV_PLUGIN_GUARD * sizeof(double); i++)
        is_whole = is_whole && guard[i] == guard_byte;
    return is_whole;
}

/* ---- calls ---- */

/* the child has done what it should not: no other call reaches it */
static rv_status reject(plugin_sim *sim, rv_status status)
{
    rv_plugin_kill(&sim->process);
    return status;
}

/* the caller may not pass this failure on: the next step will */
static rv_status keep(plugin_sim *sim, rv_status status)
{
    if (status != RV_OK)
        snprintf(sim->why, sizeof sim->why, "%s", rv_error_last()->text);
    return status;
}

static rv_status check_count(plugin_sim *sim, const char *call, int n, const char *what)
{
    rv_plugin_shared *s = sim->process.shared;
    const char *file = cfg_of(sim)->name;
    int got = s->n;
    char text[RV_PLUGIN_TEXT];
    rv_plugin_text(s->text, sizeof text, text);
    if (got < 0)
        return reject(sim, rv_raise(RV_E_ENV, "%s: the plug-in's %s failed: %s", file, call,
                                    *text ? text : "it does not say why"));
    if (got != n)
        return reject(
            sim, rv_raise(RV_E_ENV, "%s: the plug-in's %s returned %d, expected %d (%s)", file, call, got, n, what));
    return RV_OK;
}

static rv_status check_guard(plugin_sim *sim, const char *call, bool is_state)
{
    if (is_guard_whole(sim, is_state))
        return RV_OK;
    return reject(
        sim, rv_raise(RV_E_ENV, "%s: the plug-in's %s wrote beyond the end of its buffer", cfg_of(sim)->name, call));
}

/* the observation of a reset or step */
static rv_status take_observation(plugin_sim *sim, const char *call)
{
    RV_TRY(check_count(sim, call, sim->n_obs, "numbers of observation"));
    memcpy(sim->obs, sim->process.shared->obs, (size_t)sim->n_obs * sizeof *sim->obs);
    RV_TRY(check_guard(sim, call, false));
    int n_states = sim->of->said.n_states;
    for (int i = 0; i < sim->n_obs; i++)
        sim->is_spoilt |= !isfinite((float)sim->obs[i]) || (n_states > 0 && !rv_env_is_below(sim->obs[i], n_states));
    return RV_OK;
}

static rv_status call(plugin_sim *sim, rv_plugin_call kind)
{
    rv_plugin_begin(&sim->process, kind);
    return rv_plugin_wait(&sim->process, cfg_of(sim));
}

/* a child that is ready for a reset or load */
static rv_status make_ready(plugin_sim *sim)
{
    char text[RV_PLUGIN_TEXT];
    if (sim->is_under_way && sim->process.pid != 0)
        (void)rv_plugin_wait(&sim->process, cfg_of(sim)); /* of a step that nobody wants any more */
    sim->is_under_way = false;
    if (sim->is_spoilt)
        rv_plugin_kill(&sim->process);
    sim->is_spoilt = false;
    if (sim->process.pid != 0)
        return RV_OK;
    RV_TRY(rv_plugin_start(cfg_of(sim), &sim->process));
    rv_plugin_shared *s = sim->process.shared;
    if (memcmp(&s->description, &sim->of->said, sizeof s->description) != 0)
        return reject(sim,
                      rv_raise(RV_E_ENV, "%s: the plug-in is not the one that the run began with", cfg_of(sim)->name));
    set_guards(sim);
    RV_TRY(call(sim, RV_PLUGIN_CREATE));
    if (!s->is_refused)
        return RV_OK;
    rv_plugin_text(s->text, sizeof text, text);
    return reject(sim, rv_raise(RV_E_ENV, "%s: the plug-in's create failed: %s", cfg_of(sim)->name,
                                *text ? text : "it does not say why"));
}

static rv_status run_reset(plugin_sim *sim, uint64_t seed)
{
    RV_TRY(make_ready(sim));
    sim->process.shared->seed = seed;
    RV_TRY(call(sim, RV_PLUGIN_RESET));
    return take_observation(sim, "reset");
}

static rv_status reset(void *at, uint64_t seed)
{
    plugin_sim *sim = at;
    return keep(sim, run_reset(sim, seed));
}

static void begin(void *at, const double *u)
{
    plugin_sim *sim = at;
    if (sim->process.pid == 0)
        return;
    memcpy(sim->process.shared->u, u, (size_t)sim->n_act * sizeof *u);
    rv_plugin_begin(&sim->process, RV_PLUGIN_STEP);
    sim->is_under_way = true;
}

static rv_status end_step(plugin_sim *sim, rv_env_step_result *out)
{
    RV_CHECK(sim->is_under_way, RV_E_ENV, "%s", sim->why);
    sim->is_under_way = false;
    RV_TRY(rv_plugin_wait(&sim->process, cfg_of(sim)));
    double reward = sim->process.shared->reward;
    uint32_t flags = sim->process.shared->flags;
    RV_TRY(take_observation(sim, "step"));
    sim->is_spoilt |= !isfinite(reward);
    out->reward = reward;
    out->terminated = flags & REVERIE_ENV_TERMINATED;
    out->truncated = flags & REVERIE_ENV_TRUNCATED;
    return RV_OK;
}

static rv_status step(void *at, const double *u, rv_env_step_result *out)
{
    plugin_sim *sim = at;
    (void)u; /* begin has it */
    return keep(sim, end_step(sim, out));
}

static void observe(const void *at, double *obs)
{
    const plugin_sim *sim = at;
    memcpy(obs, sim->obs, (size_t)sim->n_obs * sizeof *obs);
}

/* ---- state ---- */

static rv_status save_state(plugin_sim *sim, double *state)
{
    int size = sim->of->said.state_size;
    RV_CHECK(sim->process.pid != 0, RV_E_ENV, "%s", sim->why);
    RV_TRY(call(sim, RV_PLUGIN_SAVE));
    RV_TRY(check_count(sim, "save", size, "bytes of state"));
    RV_TRY(check_guard(sim, "save", true));
    memset(state, 0, (size_t)sim->of->task.n_state * sizeof *state);
    memcpy(state, sim->process.shared->state, (size_t)size);
    return RV_OK;
}

static rv_status save(void *at, double *state)
{
    plugin_sim *sim = at;
    RV_CHECK(!sim->is_under_way, RV_E_INTERNAL, "%s: a state in the middle of a step", cfg_of(sim)->name);
    return keep(sim, save_state(sim, state));
}

static rv_status load_state(plugin_sim *sim, const double *state)
{
    char text[RV_PLUGIN_TEXT];
    RV_TRY(make_ready(sim));
    memcpy(sim->process.shared->state, state, (size_t)sim->of->said.state_size);
    RV_TRY(call(sim, RV_PLUGIN_LOAD));
    if (sim->process.shared->n == 0)
        return RV_OK;
    rv_plugin_text(sim->process.shared->text, sizeof text, text);
    return rv_raise(RV_E_DATA, "%s: the plug-in's load refused the state: %s", cfg_of(sim)->name,
                    *text ? text : "it does not say why");
}

static rv_status load(void *at, const double *state)
{
    plugin_sim *sim = at;
    return keep(sim, load_state(sim, state));
}

const rv_env_family rv_env_plugin = {
    .name = "plugin",
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .begin = begin,
    .step = step,
    .observe = observe,
    .save = save,
    .load = load,
    .claims = claims,
    .describe = describe,
    .forget = rv_plugin_forget,
    .is_opaque = true,
};
