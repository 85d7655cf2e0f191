#include "env/env.h"

#include "base/memory.h"
#include "env/env_private.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

struct rv_env {
    const rv_env_task *task;
    rv_randomiser *randomiser; /* NULL: nothing is randomised */
    void *sim;
    int64_t n_steps; /* in the episode */
    uint64_t key;    /* seed of the episode's own random numbers */
    bool is_running; /* between a start and the end of the episode */
    bool is_begun;   /* a step is under way */
    double *obs;     /* (raw obs) the last observation */
    double *u;       /* (raw act + n_random) of the step under way */
    double *scratch; /* (n_state) */
};

/* ---- registry ---- */

static const rv_env_family *const families[] = {&rv_env_classic, &rv_env_tabular, &rv_env_mujoco,
                                                &rv_env_mjcf,    &rv_env_plugin,  &rv_env_remote};

enum { MAX_TASKS = 64, MAX_OWN = 16, N_FAMILIES = (int)(sizeof families / sizeof *families) };

static const rv_env_spec *specs[MAX_TASKS];
static const rv_env_task *tasks[MAX_TASKS];
static int n_specs;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct {
    rv_env_cfg cfg;
    rv_env_task *task;
} own[MAX_OWN]; /* users' own, registered */
static int n_own;

static void list_tasks(void)
{
    for (int f = 0; f < N_FAMILIES; f++)
        for (int i = 0; i < families[f]->n_tasks && n_specs < MAX_TASKS; i++) {
            tasks[n_specs] = &families[f]->tasks[i];
            specs[n_specs++] = &families[f]->tasks[i].spec;
        }
}

const rv_env_spec *const *rv_env_list(int *n_out)
{
    pthread_once(&once, list_tasks);
    *n_out = n_specs;
    return specs;
}

static const rv_env_family *own_family(const char *name)
{
    for (int f = 0; f < N_FAMILIES; f++)
        if (families[f]->claims && families[f]->claims(name))
            return families[f];
    return NULL;
}

bool rv_env_is_own(const char *name)
{
    return own_family(name) != NULL;
}

static rv_status find_task(const char *name, const rv_env_task **out)
{
    const char *nearest = NULL;
    int least = INT_MAX;
    pthread_once(&once, list_tasks);
    for (int i = 0; i < n_own; i++) {
        if (strcmp(name, own[i].cfg.name) == 0) {
            *out = own[i].task;
            return RV_OK;
        }
    }
    for (int i = 0; i < n_specs; i++) {
        if (strcmp(name, specs[i]->name) == 0) {
            *out = tasks[i];
            return RV_OK;
        }
        if (rv_field_nearer(name, specs[i]->name, &least))
            nearest = specs[i]->name;
    }
    char shown[RV_FIELD_SHOWN];
    rv_field_shown(name, shown);
    return rv_raise(RV_E_CONFIG, "no environment '%s'%s%s%s; 'reverie envs' shows all %d", shown,
                    nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "", n_specs);
}

rv_status rv_env_find(const char *name, const rv_env_spec **out)
{
    const rv_env_task *task = NULL;
    RV_TRY(find_task(name, &task));
    *out = &task->spec;
    return RV_OK;
}

rv_status rv_env_register(const rv_env_cfg *cfg)
{
    const rv_env_family *family = own_family(cfg->name);
    const rv_env_task *task = NULL;
    if (!family)
        return find_task(cfg->name, &task);
    for (int i = 0; i < n_own; i++)
        if (strcmp(cfg->name, own[i].cfg.name) == 0)
            return RV_OK;
    RV_CHECK(n_own < MAX_OWN, RV_E_CONFIG, "more than %d environments of the user's own", (int)MAX_OWN);
    own[n_own].cfg = *cfg;
    RV_TRY(family->describe(&own[n_own].cfg, &own[n_own].task));
    n_own++;
    return RV_OK;
}

rv_status rv_env_no_file(const char *name)
{
    return rv_raise(RV_E_NOINPUT, "env.name: there is no file '%s'%s", name,
                    name[0] == '/' ? "" : ", seen from the folder that reverie was started in");
}

rv_status rv_env_check_ranges(const rv_env_spec *spec)
{
    for (int i = 0; spec->act_low && i < spec->n_act; i++) {
        double low = spec->act_low[i], high = spec->act_high[i];
        RV_CHECK(low < high && isfinite(high - low), RV_E_CONFIG,
                 "action %d has the range [%g, %g]; expected finite numbers that ascend", i, low, high);
    }
    for (int i = 0; spec->alive_low && i < spec->n_obs; i++)
        RV_CHECK(spec->alive_low[i] <= spec->alive_high[i], RV_E_CONFIG,
                 "observation %d is alive in [%g, %g]; expected numbers that ascend", i, (double)spec->alive_low[i],
                 (double)spec->alive_high[i]);
    return RV_OK;
}

void rv_env_forget(void)
{
    while (n_own > 0) {
        n_own--;
        own[n_own].task->family->forget(&own[n_own].task);
    }
}

/* ---- life ---- */

rv_status rv_env_create(const char *name, rv_env **out)
{
    rv_status status = RV_OK;
    rv_env *env = NULL;
    const rv_env_task *task = NULL;
    RV_TRY(find_task(name, &task));
    RV_TRY(RV_NEW(env, 1));
    env->task = task;
    RV_TRY_GOTO(RV_NEW(env->obs, rv_env_raw_obs(&task->spec)), fail);
    RV_TRY_GOTO(RV_NEW(env->u, rv_env_raw_act(&task->spec) + task->n_random), fail);
    RV_TRY_GOTO(RV_NEW(env->scratch, task->n_state), fail);
    RV_TRY_GOTO(task->family->create(task, &env->sim), fail);
    *out = env;
    return RV_OK;
fail:
    rv_env_destroy(&env);
    return status;
}

void rv_env_destroy(rv_env **env)
{
    if (!*env)
        return;
    if ((*env)->sim)
        (*env)->task->family->destroy(&(*env)->sim);
    rv_randomiser_destroy(&(*env)->randomiser);
    rv_mem_free(&(*env)->obs);
    rv_mem_free(&(*env)->u);
    rv_mem_free(&(*env)->scratch);
    rv_mem_free(env);
}

rv_status rv_env_randomise(rv_env *env, const rv_randomise_cfg *cfg)
{
    const rv_env_task *task = env->task;
    if (!rv_randomise_is_on(cfg))
        return RV_OK;
    RV_CHECK(!env->randomiser && !env->is_running, RV_E_INTERNAL, "%s is randomised %s", task->spec.name,
             env->randomiser ? "already" : "within an episode");
    RV_CHECK(!cfg->obs_noise[0] || !task->spec.n_states, RV_E_CONFIG,
             "randomise.obs_noise must be empty: what is observed of %s is discrete", task->spec.name);
    return rv_randomiser_create(cfg, task->spec.name, task->family->physics ? task->family->physics(env->sim) : NULL,
                                &env->randomiser);
}

const rv_random_draws *rv_env_draws(const rv_env *env)
{
    return env->randomiser ? rv_randomiser_draws(env->randomiser) : NULL;
}

const rv_env_spec *rv_env_spec_of(const rv_env *env)
{
    return &env->task->spec;
}

const rv_env_task *rv_env_task_of(const rv_env *env)
{
    return env->task;
}

const double *rv_env_observation(const rv_env *env)
{
    return env->obs;
}

void rv_env_numbers(rv_env *env, double *out)
{
    env->task->family->save(env->sim, out);
}

bool rv_env_pose(const rv_env_task *task, const float *before, const float *obs, double *numbers)
{
    if (!task->family->pose)
        return false;
    task->family->pose(task, before, obs, numbers);
    return true;
}

const struct rv_mujoco_sim *rv_env_mujoco_sim(const rv_env *env)
{
    return env->task->family->physics ? env->task->family->physics(env->sim) : NULL;
}

bool rv_env_has_physics(const rv_env_spec *spec)
{
    return ((const rv_env_task *)spec)->family->physics != NULL; /* the spec is its row's first member */
}

void rv_env_stop(rv_env *env)
{
    env->is_running = env->is_begun = false;
}

bool rv_env_is_running(const rv_env *env)
{
    return env->is_running;
}

int rv_env_choice(int n, const float *scores)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

void rv_env_outside(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    for (int i = 0; i < n; i++) {
        const float *o = next_obs + (size_t)i * (size_t)spec->n_obs;
        bool is_alive = true;
        for (int j = 0; j < spec->n_obs; j++)
            is_alive = is_alive && o[j] >= spec->alive_low[j] && o[j] <= spec->alive_high[j];
        done[i] = !is_alive;
    }
}

/* ---- episodes ---- */

/* whatever goes wrong in a user's own environment is a failure of that: it costs the episode */
static rv_status blame(const rv_env *env, rv_status status)
{
    bool is_own = env->task->cfg != NULL;
    if (!is_own || status == RV_OK || status == RV_E_ENV || status == RV_E_NOMEM)
        return status;
    return rv_raise(RV_E_ENV, "%s", rv_error_last()->text);
}

/* the simulation's observation goes to env->obs, and as the learner sees it to obs; all of it must be finite as
 * float32 */
static rv_status observe(rv_env *env, float *obs)
{
    const rv_env_spec *spec = &env->task->spec;
    int n = rv_env_raw_obs(spec);
    env->task->family->observe(env->sim, env->obs);
    for (int i = 0; i < n; i++)
        RV_CHECK(isfinite((float)env->obs[i]), RV_E_NONFINITE, "%s: observation[%d] is %g at step %lld of the episode",
                 spec->name, i, env->obs[i], (long long)env->n_steps);
    RV_CHECK(!spec->n_states || rv_env_is_below(env->obs[0], spec->n_states), RV_E_DATA,
             "%s: the observation is %g, expected a whole number below %d", spec->name, env->obs[0], spec->n_states);
    if (!obs)
        return RV_OK;
    if (spec->n_states) {
        memset(obs, 0, (size_t)spec->n_obs * sizeof *obs);
        obs[(int)env->obs[0]] = 1;
        return RV_OK;
    }
    for (int i = 0; i < n; i++)
        obs[i] = (float)env->obs[i];
    if (env->randomiser)
        rv_randomiser_noise(env->randomiser, env->key, env->n_steps, n, obs);
    for (int i = 0; i < n && env->randomiser; i++)
        RV_CHECK(isfinite(obs[i]), RV_E_NONFINITE, "%s: observation[%d] is %g with its noise", spec->name, i,
                 (double)obs[i]);
    return RV_OK;
}

static rv_status start(rv_env *env, const double *pos, const double *vel, float *obs)
{
    const rv_env_task *task = env->task;
    for (int i = 0; i < task->n_pos + task->n_vel; i++) {
        double x = i < task->n_pos ? pos[i] : vel[i - task->n_pos];
        RV_CHECK(isfinite(x), RV_E_NONFINITE, "%s: number %d of the start state is %g", task->spec.name, i, x);
    }
    RV_TRY(task->family->start(env->sim, pos, vel));
    return observe(env, obs);
}

static void begin_episode(rv_env *env, uint64_t key)
{
    env->is_running = env->is_begun = false;
    env->n_steps = 0;
    env->key = key;
}

rv_status rv_env_start(rv_env *env, const double *pos, const double *vel)
{
    begin_episode(env, 0);
    RV_TRY(start(env, pos, vel, NULL));
    env->is_running = true;
    return RV_OK;
}

rv_status rv_env_skip(rv_env *env, rv_rng *rng, int64_t age)
{
    const rv_env_task *task = env->task;
    double *pos = env->scratch, *vel = pos + task->n_pos;
    if (task->family->draw)
        task->family->draw(env->sim, rng, age, pos, vel);
    begin_episode(env, rv_rng_u64(rng));
    return env->randomiser ? blame(env, rv_randomiser_draw(env->randomiser, rng)) : RV_OK;
}

rv_status rv_env_reset_at(rv_env *env, rv_rng *rng, int64_t age, float *obs)
{
    const rv_env_task *task = env->task;
    double *pos = env->scratch, *vel = pos + task->n_pos;
    RV_TRY(rv_env_skip(env, rng, age));
    if (task->family->reset)
        RV_TRY(blame(env, task->family->reset(env->sim, env->key)));
    RV_TRY(blame(env, task->family->reset ? observe(env, obs) : start(env, pos, vel, obs)));
    env->is_running = true;
    return RV_OK;
}

rv_status rv_env_reset(rv_env *env, rv_rng *rng, float *obs)
{
    return rv_env_reset_at(env, rng, 0, obs);
}

static rv_status step(rv_env *env, const double *u, float *obs, rv_env_step_result *out)
{
    const rv_env_spec *spec = &env->task->spec;
    rv_env_step_result result = {0};
    RV_TRY(env->task->family->step(env->sim, u, &result));
    env->n_steps++;
    RV_CHECK(isfinite((float)result.reward), RV_E_NONFINITE, "%s: the reward is %g at step %lld of the episode",
             spec->name, result.reward, (long long)env->n_steps);
    RV_TRY(observe(env, obs));
    result.truncated =
        !result.terminated && (result.truncated || (spec->time_limit > 0 && env->n_steps >= spec->time_limit));
    *out = result;
    return RV_OK;
}

rv_status rv_env_step_raw(rv_env *env, const double *u, rv_env_step_result *out)
{
    const rv_env_spec *spec = &env->task->spec;
    RV_CHECK(!spec->n_actions || rv_env_is_below(u[0], spec->n_actions), RV_E_DATA,
             "%s: action %g, expected a whole number below %d", spec->name, u[0], spec->n_actions);
    if (env->task->family->begin)
        env->task->family->begin(env->sim, u);
    return blame(env, step(env, u, NULL, out));
}

/* what the family gets for the learner's action: env->u */
static rv_status scale_action(rv_env *env, const float *act)
{
    const rv_env_task *task = env->task;
    const rv_env_spec *spec = &task->spec;
    for (int i = 0; i < spec->n_act; i++) {
        RV_CHECK(isfinite(act[i]), RV_E_NONFINITE, "%s: action[%d] is %g at step %lld of the episode", spec->name, i,
                 (double)act[i], (long long)env->n_steps);
        if (spec->n_actions)
            continue;
        double low = spec->act_low[i], high = spec->act_high[i];
        env->u[i] = rv_env_clip(low + ((double)act[i] + 1) * (high - low) / 2, low, high);
    }
    if (spec->n_actions)
        env->u[0] = rv_env_choice(spec->n_actions, act);
    if (task->n_random > 0) {
        rv_rng rng = rv_rng_at(env->key, RV_STREAM_ENV_STEP, 0, (uint64_t)env->n_steps);
        for (int i = 0; i < task->n_random; i++)
            env->u[rv_env_raw_act(spec) + i] = rv_rng_uniform(&rng);
    }
    return RV_OK;
}

rv_status rv_env_step_begin(rv_env *env, const float *act)
{
    const rv_env_spec *spec = &env->task->spec;
    RV_CHECK(env->is_running && !env->is_begun, RV_E_INTERNAL, "%s: a step %s", spec->name,
             env->is_running ? "before the last one has ended" : "outside an episode; reset it first");
    RV_TRY(scale_action(env, act));
    env->is_begun = true;
    if (env->task->family->begin)
        env->task->family->begin(env->sim, env->u);
    return RV_OK;
}

rv_status rv_env_step_end(rv_env *env, float *obs, rv_env_step_result *out)
{
    RV_CHECK(env->is_begun, RV_E_INTERNAL, "%s: the end of a step that was not begun", env->task->spec.name);
    env->is_begun = env->is_running = false; /* stays so when the step fails */
    RV_TRY(blame(env, step(env, env->u, obs, out)));
    env->is_running = !out->terminated && !out->truncated;
    return RV_OK;
}

rv_status rv_env_step(rv_env *env, const float *act, float *obs, rv_env_step_result *out)
{
    RV_TRY(rv_env_step_begin(env, act));
    return rv_env_step_end(env, obs, out);
}

/* ---- state: a head, the family's n_state doubles, then what is randomised ---- */

typedef struct state_head {
    int64_t n_steps, is_running;
    uint64_t key;
} state_head;

size_t rv_env_state_size(const rv_env *env)
{
    return sizeof(state_head) + (size_t)env->task->n_state * sizeof(double) +
           (env->randomiser ? rv_randomiser_state_size(env->randomiser) : 0);
}

void rv_env_state_save(rv_env *env, void *out)
{
    const rv_env_task *task = env->task;
    state_head head = {env->n_steps, env->is_running, env->key};
    memset(env->scratch, 0, (size_t)task->n_state * sizeof(double));
    if (task->spec.is_stateless || (env->is_running && task->family->save(env->sim, env->scratch) != RV_OK))
        head = (state_head){0};
    else if (!env->is_running && !task->cfg)
        task->family->save(env->sim, env->scratch);
    memcpy(out, &head, sizeof head);
    memcpy((char *)out + sizeof head, env->scratch, (size_t)task->n_state * sizeof(double));
    if (env->randomiser)
        rv_randomiser_state_save(env->randomiser, (char *)out + sizeof head + (size_t)task->n_state * sizeof(double));
}

rv_status rv_env_state_load(rv_env *env, const void *state, size_t n)
{
    const rv_env_task *task = env->task;
    state_head head;
    RV_CHECK(n == rv_env_state_size(env), RV_E_DATA, "%s: a state has %zu bytes, got %zu", task->spec.name,
             rv_env_state_size(env), n);
    memcpy(&head, state, sizeof head);
    memcpy(env->scratch, (const char *)state + sizeof head, (size_t)task->n_state * sizeof(double));
    RV_CHECK(head.n_steps >= 0 && (head.is_running == 0 || head.is_running == 1), RV_E_DATA,
             "%s: the state is corrupt: %lld steps, running %lld", task->spec.name, (long long)head.n_steps,
             (long long)head.is_running);
    for (int i = 0; i < task->n_state && !task->family->is_opaque; i++)
        RV_CHECK(isfinite(env->scratch[i]), RV_E_DATA, "%s: the state is corrupt: number %d is %g", task->spec.name, i,
                 env->scratch[i]);
    if (env->randomiser)
        RV_TRY(rv_randomiser_state_load(env->randomiser,
                                        (const char *)state + sizeof head + (size_t)task->n_state * sizeof(double)));
    if (head.is_running || !task->cfg) {
        rv_status status = task->family->load(env->sim, env->scratch);
        if (env->randomiser && status != RV_OK)
            env->is_running = false; /* its draws are the state's by now */
        RV_TRY(status);
        task->family->observe(env->sim, env->obs);
    }
    env->n_steps = head.n_steps;
    env->key = head.key;
    env->is_running = head.is_running != 0;
    env->is_begun = false;
    return RV_OK;
}
