#include "view/track.h"

#include "base/memory.h"
#include "env/env_private.h"

#include <string.h>

void rv_track_clear(rv_track *track)
{
    rv_mem_free(&track->obs);
    rv_mem_free(&track->act);
    rv_mem_free(&track->total);
    rv_mem_free(&track->numbers);
    *track = (rv_track){.n = 0};
}

static rv_status make_room(rv_track *t, int64_t room)
{
    size_t before = (size_t)t->room, n = (size_t)room;
    size_t n_obs = (size_t)t->spec->n_obs, n_act = (size_t)t->spec->n_act, n_numbers = (size_t)t->n_numbers;
    RV_TRY(rv_mem_resize(before * n_obs, n * n_obs, sizeof *t->obs, (void **)&t->obs));
    RV_TRY(rv_mem_resize(before * n_act, n * n_act, sizeof *t->act, (void **)&t->act));
    RV_TRY(rv_mem_resize(before, n, sizeof *t->total, (void **)&t->total));
    RV_TRY(rv_mem_resize(before * n_numbers, n * n_numbers, sizeof *t->numbers, (void **)&t->numbers));
    t->room = room;
    return RV_OK;
}

static void keep_numbers(rv_env *env, rv_track *t)
{
    if (t->n_numbers > 0)
        rv_env_numbers(env, t->numbers + (t->n - 1) * t->n_numbers);
}

/* one more moment; *goes_on: the episode is not over */
static rv_status take_step(rv_env *env, rv_track_policy policy, void *user, rv_track *t, bool *goes_on)
{
    size_t n_obs = (size_t)t->spec->n_obs, n_act = (size_t)t->spec->n_act;
    rv_env_step_result result = {.terminated = false};
    if (t->n == t->room)
        RV_TRY(make_room(t, 2 * t->room));
    float *act = t->act + (size_t)t->n * n_act;
    policy(user, t->n - 1, t->obs + (size_t)(t->n - 1) * n_obs, act);
    rv_status status = rv_env_step(env, act, t->obs + (size_t)t->n * n_obs, &result);
    t->failed = status == RV_E_ENV;
    *goes_on = !t->failed && !result.terminated && !result.truncated;
    if (t->failed)
        return RV_OK;
    RV_TRY(status);
    t->total[t->n] = t->total[t->n - 1] + result.reward;
    t->terminated = result.terminated;
    t->n++;
    keep_numbers(env, t);
    return RV_OK;
}

static rv_status record(rv_env *env, rv_rng *rng, int64_t age, rv_track_policy policy, void *user, int64_t most_steps,
                        rv_track *t)
{
    bool goes_on = true;
    RV_TRY(make_room(t, 256));
    RV_TRY(rv_env_reset_at(env, rng, age, t->obs));
    t->n = 1;
    keep_numbers(env, t);
    while (goes_on && t->n <= most_steps)
        RV_TRY(take_step(env, policy, user, t, &goes_on));
    return RV_OK;
}

rv_status rv_track_record(rv_env *env, rv_rng *rng, int64_t age, rv_track_policy policy, void *user, int64_t most_steps,
                          rv_track *out)
{
    const rv_env_task *task = rv_env_task_of(env);
    rv_track t = {.spec = &task->spec, .n_numbers = task->family->is_opaque ? 0 : task->n_state};
    rv_status status = record(env, rng, age, policy, user, most_steps, &t);
    if (status != RV_OK)
        rv_track_clear(&t);
    else
        *out = t;
    return status;
}

rv_status rv_track_rebuild(const rv_env *env, const rv_track *real, int64_t n, const float *obs, const double *total,
                           rv_track *out)
{
    const rv_env_task *task = rv_env_task_of(env);
    bool has_pose = task->family->pose && real->n_numbers > 0;
    rv_track t = {.spec = real->spec, .n_numbers = has_pose ? real->n_numbers : 0};
    size_t n_obs = (size_t)t.spec->n_obs, n_numbers = (size_t)t.n_numbers;
    rv_status status = make_room(&t, n);
    if (status != RV_OK) {
        rv_track_clear(&t);
        return status;
    }
    t.n = n;
    memcpy(t.obs, obs, (size_t)n * n_obs * sizeof *obs);
    memcpy(t.total, total, (size_t)n * sizeof *total);
    for (int64_t i = 0; i < n && has_pose; i++) {
        double *numbers = t.numbers + (size_t)i * n_numbers;
        memcpy(numbers, i == 0 ? real->numbers : numbers - n_numbers, n_numbers * sizeof *numbers);
        if (i > 0)
            rv_env_pose(task, obs + (size_t)(i - 1) * n_obs, obs + (size_t)i * n_obs, numbers);
    }
    *out = t;
    return RV_OK;
}
