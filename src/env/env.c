#include "env/env.h"

#include "base/memory.h"
#include "env/env_private.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

struct rv_env {
    const rv_env_task *task;
    void *sim;
    int64_t n_steps; /* in the episode */
    bool is_running; /* between a start and the end of the episode */
    double *obs;     /* (n_obs) the last observation */
    double *scratch; /* (max of n_act and n_state) */
};

/* ---- registry ---- */

static const rv_env_family *const families[] = {&rv_env_classic, &rv_env_mujoco};

enum { MAX_TASKS = 64, N_FAMILIES = (int)(sizeof families / sizeof *families) };

static const rv_env_spec *specs[MAX_TASKS];
static const rv_env_task *tasks[MAX_TASKS];
static int n_specs;
static pthread_once_t once = PTHREAD_ONCE_INIT;

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

static rv_status find_task(const char *name, const rv_env_task **out)
{
    const char *nearest = NULL;
    int least = INT_MAX;
    pthread_once(&once, list_tasks);
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
    return rv_raise(RV_E_CONFIG, "no environment '%s'%s%s%s; 'reverie envs list' shows all %d", shown,
                    nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "", n_specs);
}

rv_status rv_env_find(const char *name, const rv_env_spec **out)
{
    const rv_env_task *task = NULL;
    RV_TRY(find_task(name, &task));
    *out = &task->spec;
    return RV_OK;
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
    RV_TRY_GOTO(RV_NEW(env->obs, task->spec.n_obs), fail);
    RV_TRY_GOTO(RV_NEW(env->scratch, task->n_state > task->spec.n_act ? task->n_state : task->spec.n_act), fail);
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
    rv_mem_free(&(*env)->obs);
    rv_mem_free(&(*env)->scratch);
    rv_mem_free(env);
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

void rv_env_numbers(const rv_env *env, double *out)
{
    env->task->family->save(env->sim, out);
}

/* ---- episodes ---- */

/* the simulation's observation goes to env->obs, and as float32 to obs; all of it must be finite as float32 */
static rv_status observe(rv_env *env, float *obs)
{
    const rv_env_spec *spec = &env->task->spec;
    env->task->family->observe(env->sim, env->obs);
    for (int i = 0; i < spec->n_obs; i++)
        RV_CHECK(isfinite((float)env->obs[i]), RV_E_NONFINITE, "%s: observation[%d] is %g at step %lld of the episode",
                 spec->name, i, env->obs[i], (long long)env->n_steps);
    for (int i = 0; i < spec->n_obs && obs; i++)
        obs[i] = (float)env->obs[i];
    return RV_OK;
}

static rv_status start(rv_env *env, const double *pos, const double *vel, float *obs)
{
    const rv_env_task *task = env->task;
    env->is_running = false;
    for (int i = 0; i < task->n_pos + task->n_vel; i++) {
        double x = i < task->n_pos ? pos[i] : vel[i - task->n_pos];
        RV_CHECK(isfinite(x), RV_E_NONFINITE, "%s: number %d of the start state is %g", task->spec.name, i, x);
    }
    RV_TRY(task->family->start(env->sim, pos, vel));
    env->n_steps = 0;
    RV_TRY(observe(env, obs));
    env->is_running = true;
    return RV_OK;
}

rv_status rv_env_start(rv_env *env, const double *pos, const double *vel)
{
    return start(env, pos, vel, NULL);
}

rv_status rv_env_reset(rv_env *env, rv_rng *rng, float *obs)
{
    double *pos = env->scratch, *vel = pos + env->task->n_pos;
    env->task->family->draw(env->sim, rng, pos, vel);
    return start(env, pos, vel, obs);
}

static rv_status step(rv_env *env, const double *u, float *obs, rv_env_step_result *out)
{
    const rv_env_spec *spec = &env->task->spec;
    rv_env_step_result result = {0};
    RV_TRY(env->task->family->step(env->sim, u, &result.reward, &result.terminated));
    env->n_steps++;
    RV_CHECK(isfinite(result.reward), RV_E_NONFINITE, "%s: the reward is %g at step %lld of the episode", spec->name,
             result.reward, (long long)env->n_steps);
    RV_TRY(observe(env, obs));
    result.truncated = !result.terminated && spec->time_limit > 0 && env->n_steps >= spec->time_limit;
    *out = result;
    return RV_OK;
}

rv_status rv_env_step_raw(rv_env *env, const double *u, rv_env_step_result *out)
{
    return step(env, u, NULL, out);
}

rv_status rv_env_step(rv_env *env, const float *act, float *obs, rv_env_step_result *out)
{
    const rv_env_spec *spec = &env->task->spec;
    RV_CHECK(env->is_running, RV_E_INTERNAL, "%s: a step outside an episode; reset it first", spec->name);
    for (int i = 0; i < spec->n_act; i++) {
        double low = spec->act_low[i], high = spec->act_high[i];
        RV_CHECK(isfinite(act[i]), RV_E_NONFINITE, "%s: action[%d] is %g at step %lld of the episode", spec->name, i,
                 (double)act[i], (long long)env->n_steps);
        env->scratch[i] = rv_env_clip(low + ((double)act[i] + 1) * (high - low) / 2, low, high);
    }
    env->is_running = false; /* stays so when the step fails */
    RV_TRY(step(env, env->scratch, obs, out));
    env->is_running = !out->terminated && !out->truncated;
    return RV_OK;
}

/* ---- state: n_steps, is_running (int64 each), then the family's n_state doubles ---- */

size_t rv_env_state_size(const rv_env *env)
{
    return 2 * sizeof(int64_t) + (size_t)env->task->n_state * sizeof(double);
}

void rv_env_state_save(const rv_env *env, void *out)
{
    int64_t head[2] = {env->n_steps, env->is_running};
    env->task->family->save(env->sim, env->scratch);
    memcpy(out, head, sizeof head);
    memcpy((char *)out + sizeof head, env->scratch, (size_t)env->task->n_state * sizeof(double));
}

rv_status rv_env_state_load(rv_env *env, const void *state, size_t n)
{
    const rv_env_task *task = env->task;
    int64_t head[2];
    RV_CHECK(n == rv_env_state_size(env), RV_E_DATA, "%s: a state has %zu bytes, got %zu", task->spec.name,
             rv_env_state_size(env), n);
    memcpy(head, state, sizeof head);
    memcpy(env->scratch, (const char *)state + sizeof head, (size_t)task->n_state * sizeof(double));
    RV_CHECK(head[0] >= 0 && (head[1] == 0 || head[1] == 1), RV_E_DATA,
             "%s: the state is corrupt: %lld steps, running %lld", task->spec.name, (long long)head[0],
             (long long)head[1]);
    for (int i = 0; i < task->n_state; i++)
        RV_CHECK(isfinite(env->scratch[i]), RV_E_DATA, "%s: the state is corrupt: number %d is %g", task->spec.name, i,
                 env->scratch[i]);
    RV_TRY(task->family->load(env->sim, env->scratch));
    env->n_steps = head[0];
    env->is_running = head[1] != 0;
    task->family->observe(env->sim, env->obs);
    return RV_OK;
}
