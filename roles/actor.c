/* actor.c - steps the real environments. A unit is one environment with its own random streams; it publishes its
 * transitions of the tick. The units of a rank take a step together: one forward pass of the policy for all of them,
 * then their steps side by side, then one write of their rows to the journal.
 *
 * Steps whose rows are in the journal already, after a kill, are not made again: the rows are taken from there, and an
 * environment whose state a checkpoint could restore goes through them too, to be where it was. A row is all that is
 * known of a step, so whatever happens to an episode between two rows is recorded where the second one is made.
 */
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "math/kernels.h"
#include "math/vector.h"
#include "nn/policy_net.h"
#include "roles/replay.h"
#include "roles/role.h"

#include <stdio.h>
#include <string.h>

typedef struct env_unit {
    int number;
    rv_env *env;
    unsigned char *env_state; /* (rv_env_state_size) where a checkpoint finds it */
    float *obs;               /* (n_obs) present observation, in the actor's obs */
    float *act;               /* (n_act) its action, in the actor's act */
    float *rows;              /* (tick_steps / count, row.width) transitions of the tick, in shared memory */
    int64_t n_rows;
    int64_t episode; /* episodes begun, -1 before the first */
    int64_t is_open; /* it has not ended yet, even when the environment has lost it */
    double episode_return;
    int64_t episode_length;
    int64_t n_failures;
    rv_status begun; /* of the step under way */
    int64_t n_cut;   /* episodes of the tick, for a number that is not finite */
    struct {
        int n;       /* episodes ended in this tick */
        int n_lived; /* those that had a step, and their sums */
        double returns, lengths;
    } ended;
    bool is_replayed; /* the row of the step under way is in the journal: */
    rv_journal_record record;
    const rv_env_spec *spec;
} env_unit;

typedef struct actor {
    rv_row row;
    int n_units;
    env_unit *units;
    rv_mlp_tape tape;
    float *obs;         /* (n_units, n_obs) */
    float *noise;       /* (n_units, n_act) */
    float *act;         /* (n_units, n_act) */
    bool is_one_by_one; /* products whose bits depend on the number of rows get one row */
} actor;

static void actor_destroy(void *role)
{
    actor *a = role;
    for (int i = 0; a->units && i < a->n_units; i++) {
        rv_env_destroy(&a->units[i].env);
        rv_mem_free(&a->units[i].env_state);
    }
    rv_mem_free(&a->units);
    rv_mem_free(&a->obs);
    rv_mem_free(&a->noise);
    rv_mem_free(&a->act);
    rv_mlp_tape_clear(&a->tape);
    rv_mem_free(&a);
}

static rv_status create_unit(const rv_context *ctx, int number, env_unit *u)
{
    u->number = number;
    u->spec = ctx->spec;
    u->episode = -1;
    RV_TRY(rv_env_create(ctx->spec->name, &u->env));
    RV_TRY(rv_env_randomise(u->env, &ctx->cfg->randomise));
    RV_TRY(RV_NEW(u->env_state, rv_env_state_size(u->env)));
    return RV_SHARED_NEW(ctx->shared, u->rows, ctx->cfg->schedule.tick_steps / ctx->cfg->env.count * ctx->row.width);
}

static rv_status actor_create(rv_context *ctx, void **out)
{
    rv_status status = RV_OK;
    int *numbers = NULL;
    actor *a = NULL;
    RV_TRY(RV_NEW(a, 1));
    a->row = ctx->row;
    a->is_one_by_one = rv_kernels_openblas();
    RV_TRY_GOTO(RV_NEW(numbers, ctx->layout->n_units[RV_ACTOR]), fail);
    a->n_units = rv_context_units(ctx, RV_ACTOR, numbers);
    RV_TRY_GOTO(RV_NEW(a->units, a->n_units), fail);
    RV_TRY_GOTO(RV_NEW(a->obs, a->n_units * ctx->row.n_obs), fail);
    RV_TRY_GOTO(RV_NEW(a->noise, a->n_units * ctx->row.n_act), fail);
    RV_TRY_GOTO(RV_NEW(a->act, a->n_units * ctx->row.n_act), fail);
    RV_TRY_GOTO(rv_mlp_tape_create_forward(&ctx->actor_net, a->n_units, &a->tape), fail);
    for (int i = 0; i < a->n_units; i++) {
        a->units[i].obs = a->obs + i * ctx->row.n_obs;
        a->units[i].act = a->act + i * ctx->row.n_act;
        RV_TRY_GOTO(create_unit(ctx, numbers[i], &a->units[i]), fail);
    }
    rv_mem_free(&numbers);
    *out = a;
    return RV_OK;
fail:
    rv_mem_free(&numbers);
    actor_destroy(a);
    return status;
}

/* ---- episodes ---- */

/* does the episode fail, and not the run? */
static bool is_failure(rv_status status)
{
    return status == RV_E_ENV || status == RV_E_NONFINITE;
}

/* an environment of the user's own failed, or one gave a number that is not finite; may the run go on? */
static rv_status count_failure(const rv_context *ctx, env_unit *u, rv_status status)
{
    if (!is_failure(status))
        return status;
    u->n_failures++;
    u->n_cut += status == RV_E_NONFINITE;
    RV_CHECK(u->n_failures <= ctx->cfg->env.failures, status,
             "%s; that was failure %lld, and env.failures allows %lld: the run gives up", rv_error_last()->text,
             (long long)u->n_failures, (long long)ctx->cfg->env.failures);
    rv_warn("env %d, episode %lld: %s; the episode is cut there, failure %lld of at most %lld", u->number,
            (long long)u->episode, rv_error_last()->text, (long long)u->n_failures, (long long)ctx->cfg->env.failures);
    return RV_OK;
}

static rv_status add_draws(const rv_random_draws *draws, rv_frame *frame)
{
    static const rv_metric metrics[RV_N_RANDOM] = {
        [RV_RANDOM_MASS] = RV_M_RANDOM_MASS,       [RV_RANDOM_FRICTION] = RV_M_RANDOM_FRICTION,
        [RV_RANDOM_DAMPING] = RV_M_RANDOM_DAMPING, [RV_RANDOM_GEAR] = RV_M_RANDOM_GEAR,
        [RV_RANDOM_DELAY] = RV_M_RANDOM_DELAY,     [RV_RANDOM_OBS_NOISE] = RV_M_RANDOM_OBS_NOISE,
    };
    for (int i = 0; draws && i < RV_N_RANDOM; i++)
        if (draws->is_on[i])
            RV_TRY(rv_metric_add(frame, metrics[i], draws->value[i]));
    return RV_OK;
}

/* age: steps that the unit has made */
static rv_status end_episode(rv_context *ctx, env_unit *u, const rv_tick *tick, int64_t age, bool terminated,
                             bool failed)
{
    int count = (int)ctx->cfg->env.count;
    rv_frame frame;
    rv_frame_init(&frame, RV_ROLE_EPISODE, u->number + (int64_t)u->ended.n * count, tick->tick, age * count);
    rv_context_sign(ctx, &frame);
    RV_TRY(rv_metric_add(&frame, RV_M_EPISODE_NUMBER, (double)u->episode));
    RV_TRY(rv_metric_add(&frame, RV_M_EPISODE_RETURN, u->episode_return));
    RV_TRY(rv_metric_add(&frame, RV_M_EPISODE_LENGTH, (double)u->episode_length));
    RV_TRY(rv_metric_add(&frame, RV_M_EPISODE_TERMINATED, terminated));
    RV_TRY(rv_metric_add(&frame, RV_M_EPISODE_FAILED, failed));
    RV_TRY(add_draws(rv_env_draws(u->env), &frame));
    u->is_open = false;
    u->ended.n++;
    u->ended.n_lived += u->episode_length > 0;
    u->ended.returns += u->episode_return;
    u->ended.lengths += (double)u->episode_length;
    return rv_feed_push_send(ctx->push, &frame);
}

/* number the next episode; @return the generator of its reset */
static rv_rng next_episode(const rv_context *ctx, env_unit *u)
{
    u->episode++;
    u->episode_return = 0;
    u->episode_length = 0;
    u->is_open = true;
    return rv_rng_at((uint64_t)ctx->cfg->root.seed, RV_STREAM_ENV_RESET, (uint32_t)u->number, (uint64_t)u->episode);
}

static rv_status begin_episode(rv_context *ctx, env_unit *u, const rv_tick *tick, int64_t age)
{
    for (;;) {
        rv_rng rng = next_episode(ctx, u);
        rv_pulse_at(RV_PHASE_RESET, RV_ACTOR, u->number);
        rv_status status = rv_env_reset_at(u->env, &rng, age, u->obs);
        if (status == RV_OK)
            return RV_OK;
        RV_TRY(count_failure(ctx, u, status));
        RV_TRY(end_episode(ctx, u, tick, age, false, true));
    }
}

/* ---- steps that are in the journal ---- */

/* an environment does not do what the journal says it did. A user's own may: it has lost the episode then */
static rv_status lose_track(env_unit *u, const char *what)
{
    RV_CHECK(rv_env_is_own(u->spec->name), RV_E_DATA,
             "step %llu: %s: the journal is not of this program and these settings", (unsigned long long)u->record.step,
             what);
    rv_warn(
        "env %d, episode %lld: step %llu is in the journal, but %s; its rows are used, and the episode is cut behind "
        "the last one",
        u->number, (long long)u->episode, (unsigned long long)u->record.step, what);
    rv_env_stop(u->env);
    return RV_OK;
}

static rv_status lose_track_of(env_unit *u, const char *name, int i, double now, double then)
{
    char what[128];
    snprintf(what, sizeof what, "%s[%d] is %.17g, the journal says %.17g", name, i, now, then);
    return lose_track(u, what);
}

/* status: what the environment returned. Else it observes, or does not observe, what the journal says */
static rv_status compare_obs(env_unit *u, rv_status status, const float *now, const float *then)
{
    if (status == RV_E_ENV && rv_env_is_own(u->spec->name))
        return lose_track(u, rv_error_last()->text);
    RV_TRY(status);
    for (int i = 0; i < u->spec->n_obs; i++)
        if (memcmp(&now[i], &then[i], sizeof *now) != 0)
            return lose_track_of(u, "observation", i, (double)now[i], (double)then[i]);
    return RV_OK;
}

static rv_status compare_result(env_unit *u, const rv_env_step_result *now, const rv_env_step_result *then)
{
    if (memcmp(&now->reward, &then->reward, sizeof now->reward) != 0)
        return lose_track_of(u, "reward", 0, now->reward, then->reward);
    if (now->terminated != then->terminated)
        return lose_track_of(u, "terminated", 0, now->terminated, then->terminated);
    if (now->truncated != then->truncated)
        return lose_track_of(u, "truncated", 0, now->truncated, then->truncated);
    return RV_OK;
}

/* The row begins an episode. Those that failed since the row before it are as many as failures: the first of them is
 * the open one, unless that was cut when the run went on without it; the others had no row. */
static rv_status replay_begin(rv_context *ctx, env_unit *u, const rv_tick *tick, int64_t age)
{
    const rv_journal_record *record = &u->record;
    int64_t n_failed = record->failures - u->n_failures;
    int64_t n_begun = record->episode - u->episode;
    bool has_failed = u->is_open && n_failed > 0 && n_begun == n_failed;
    RV_CHECK(
        n_failed >= 0 && (has_failed || n_begun == n_failed + 1), RV_E_DATA,
        "step %lld is in the journal with episode %u after %u failures, the state is at episode %lld after %lld: the "
        "journal is not the one of this checkpoint",
        (long long)age, record->episode, record->failures, (long long)u->episode, (long long)u->n_failures);
    if (u->is_open)
        RV_TRY(end_episode(ctx, u, tick, age, false, has_failed));
    rv_rng rng = next_episode(ctx, u);
    while (u->episode < record->episode) {
        RV_TRY(rv_env_skip(u->env, &rng, age));
        RV_TRY(end_episode(ctx, u, tick, age, false, true));
        rng = next_episode(ctx, u);
    }
    u->n_failures = record->failures;
    if (u->spec->is_stateless)
        RV_TRY(rv_env_skip(u->env, &rng, age));
    else
        RV_TRY(compare_obs(u, rv_env_reset_at(u->env, &rng, age, u->obs), u->obs, record->row));
    memcpy(u->obs, record->row, (size_t)u->spec->n_obs * sizeof *u->obs);
    return RV_OK;
}

/* before the step of that number: there is an episode to make it in */
static rv_status open_step(rv_context *ctx, env_unit *u, const rv_tick *tick, int64_t age)
{
    const rv_journal_record *record = &u->record;
    u->is_replayed = rv_replay_find(ctx->replay, u->number, age, &u->record);
    if (u->is_replayed && (record->flags & RV_ROW_BEGINS))
        return replay_begin(ctx, u, tick, age);
    RV_CHECK(!u->is_replayed || (u->is_open && record->episode == u->episode && record->failures == u->n_failures &&
                                 memcmp(u->obs, record->row, (size_t)u->spec->n_obs * sizeof *u->obs) == 0),
             RV_E_DATA,
             "step %lld is in the journal, but does not follow the state of the environment, episode %lld after %lld "
             "failures: the journal is not the one of this checkpoint",
             (long long)age, (long long)u->episode, (long long)u->n_failures);
    if (u->is_replayed || rv_env_is_running(u->env))
        return RV_OK;
    if (u->is_open) /* it could not be brought back */
        RV_TRY(end_episode(ctx, u, tick, age, false, false));
    return begin_episode(ctx, u, tick, age);
}

/* ---- steps ---- */

/* actions of units first to first + n - 1 for the step of that number */
static void choose_actions(const rv_context *ctx, actor *a, int first, int n, int64_t step, bool is_random)
{
    int n_act = ctx->row.n_act;
    for (int i = first; i < first + n; i++) {
        rv_rng rng =
            rv_rng_at((uint64_t)ctx->cfg->root.seed, RV_STREAM_ACTION, (uint32_t)a->units[i].number, (uint64_t)step);
        for (int j = 0; j < n_act && is_random; j++)
            a->units[i].act[j] = (float)(2 * rv_rng_uniform(&rng) - 1);
        if (!is_random)
            rv_vector_normal(&rng, n_act, a->noise + i * n_act);
    }
    int rows = a->is_one_by_one ? 1 : n;
    for (int i = first; i < first + n && !is_random; i += rows)
        rv_policy_net_act(&ctx->actor_net, ctx->board.policy, rows, a->units[i].obs, a->noise + i * n_act, &a->tape,
                          a->units[i].act, NULL);
}

/* a row is complete: go on from where it ends */
static rv_status go_on(rv_context *ctx, env_unit *u, const rv_tick *tick, int64_t age, const float *row,
                       const rv_env_step_result *result)
{
    memcpy(u->obs, row + ctx->row.next_obs, (size_t)ctx->row.n_obs * sizeof *row);
    u->episode_return += result->reward;
    u->episode_length++;
    if (!result->terminated && !result->truncated)
        return RV_OK;
    return end_episode(ctx, u, tick, age + 1, result->terminated, false);
}

/* the row, which ends in what the step returned, is for the journal */
static rv_status keep_row(rv_context *ctx, const env_unit *u, int64_t age, float *row, const rv_env_step_result *result)
{
    const rv_row *r = &ctx->row;
    memcpy(row, u->obs, (size_t)r->n_obs * sizeof *row);
    memcpy(row + r->act, u->act, (size_t)r->n_act * sizeof *row);
    row[r->reward] = (float)result->reward;
    row[r->terminated] = result->terminated ? 1.0F : 0.0F;
    const rv_journal_record record = {.env = (uint32_t)u->number,
                                      .flags = (u->episode_length == 0 ? RV_ROW_BEGINS : 0U) |
                                               (result->terminated ? RV_ROW_TERMINATED : 0U) |
                                               (result->truncated ? RV_ROW_TRUNCATED : 0U),
                                      .step = (uint64_t)age,
                                      .episode = (uint32_t)u->episode,
                                      .failures = (uint32_t)u->n_failures,
                                      .reward = result->reward,
                                      .row = row};
    return rv_journal_add(ctx->journal, &record);
}

/* end the step that unit i began; where that fails, cut the episode and make the step in the next one */
static rv_status end_step(rv_context *ctx, actor *a, int i, const rv_tick *tick, int64_t age, float *row)
{
    env_unit *u = &a->units[i];
    float *next_obs = row + ctx->row.next_obs;
    rv_env_step_result result = {0};
    rv_pulse_at(RV_PHASE_STEP, RV_ACTOR, u->number);
    rv_status status = u->begun == RV_OK ? rv_env_step_end(u->env, next_obs, &result)
                                         : rv_env_step_begin(u->env, u->act); /* fails again, and says why */
    while (is_failure(status)) {
        RV_TRY(count_failure(ctx, u, status));
        RV_TRY(end_episode(ctx, u, tick, age, false, true));
        RV_TRY(begin_episode(ctx, u, tick, age));
        choose_actions(ctx, a, i, 1, age, tick->is_random);
        status = rv_env_step(u->env, u->act, next_obs, &result);
    }
    RV_TRY(status);
    RV_TRY(keep_row(ctx, u, age, row, &result));
    return go_on(ctx, u, tick, age, row, &result);
}

/* the same where the row is in the journal; the environment has begun the step when it is there */
static rv_status end_replayed(rv_context *ctx, env_unit *u, const rv_tick *tick, int64_t age, float *row)
{
    const rv_journal_record *record = &u->record;
    const rv_env_step_result result = {.reward = record->reward,
                                       .terminated = record->flags & RV_ROW_TERMINATED,
                                       .truncated = record->flags & RV_ROW_TRUNCATED};
    rv_pulse_at(RV_PHASE_STEP, RV_ACTOR, u->number);
    if (rv_env_is_running(u->env)) {
        float *next_obs = row + ctx->row.next_obs;
        rv_env_step_result now = result;
        rv_status status = rv_env_step_end(u->env, next_obs, &now);
        RV_TRY(compare_obs(u, status, next_obs, record->row + ctx->row.next_obs));
        if (status == RV_OK)
            RV_TRY(compare_result(u, &now, &result));
    }
    memcpy(row, record->row, (size_t)ctx->row.width * sizeof *row);
    return go_on(ctx, u, tick, age, row, &result);
}

static rv_status report(rv_context *ctx, const env_unit *u, const rv_tick *tick)
{
    rv_frame frame = rv_context_frame(ctx, RV_ACTOR, u->number, tick, tick->last_step);
    RV_TRY(rv_metric_add(&frame, RV_M_TOTAL_TIMESTEPS, (double)tick->last_step));
    if (u->ended.n_lived > 0) {
        RV_TRY(rv_metric_add(&frame, RV_M_EP_REW_MEAN, u->ended.returns / u->ended.n_lived));
        RV_TRY(rv_metric_add(&frame, RV_M_EP_LEN_MEAN, u->ended.lengths / u->ended.n_lived));
    }
    if (u->n_cut > 0)
        RV_TRY(rv_metric_add(&frame, RV_M_GUARD_EPISODES, (double)u->n_cut));
    return rv_feed_push_send(ctx->push, &frame);
}

static rv_status name_unit(const env_unit *u, rv_status status)
{
    return status == RV_OK ? RV_OK : rv_error_prefix(status, "env %d", u->number);
}

/* step k of the tick, of all units */
static rv_status step_units(rv_context *ctx, actor *a, const rv_tick *tick, int64_t k)
{
    const rv_row *r = &ctx->row;
    int64_t age = tick->first_step / ctx->cfg->env.count + k;
    int n_live = 0;
    for (int i = 0; i < a->n_units; i++) {
        RV_TRY(name_unit(&a->units[i], open_step(ctx, &a->units[i], tick, age)));
        n_live += !a->units[i].is_replayed;
    }
    if (n_live > 0)
        choose_actions(ctx, a, 0, a->n_units, age, tick->is_random);
    for (int i = 0; i < a->n_units; i++) {
        env_unit *u = &a->units[i];
        if (u->is_replayed)
            memcpy(u->act, u->record.row + r->act, (size_t)r->n_act * sizeof *u->act);
        u->begun = rv_env_is_running(u->env) ? rv_env_step_begin(u->env, u->act) : RV_OK;
        if (u->is_replayed)
            RV_TRY(name_unit(u, u->begun));
    }
    for (int i = 0; i < a->n_units; i++) {
        env_unit *u = &a->units[i];
        float *row = u->rows + k * r->width;
        RV_TRY(
            name_unit(u, u->is_replayed ? end_replayed(ctx, u, tick, age, row) : end_step(ctx, a, i, tick, age, row)));
    }
    return n_live > 0 ? rv_journal_write(ctx->journal) : RV_OK;
}

static rv_status actor_work(void *role, rv_context *ctx, const rv_tick *tick)
{
    actor *a = role;
    int64_t n_rows = (tick->last_step - tick->first_step) / ctx->cfg->env.count;
    rv_replay_trim(ctx, tick->first_step / ctx->cfg->env.count);
    for (int i = 0; i < a->n_units; i++) {
        a->units[i].n_rows = n_rows;
        a->units[i].n_cut = 0;
        memset(&a->units[i].ended, 0, sizeof a->units[i].ended);
    }
    for (int64_t k = 0; k < n_rows; k++)
        RV_TRY(step_units(ctx, a, tick, k));
    for (int i = 0; i < a->n_units; i++)
        RV_TRY(report(ctx, &a->units[i], tick));
    return rv_journal_commit(ctx->journal); /* nobody reads the rows before this returns */
}

static const void *actor_offer(void *role, rv_product product, int unit, size_t *n_bytes)
{
    actor *a = role;
    int i = 0;
    (void)product;
    while (a->units[i].number != unit)
        i++;
    *n_bytes = (size_t)(a->units[i].n_rows * a->row.width) * sizeof(float);
    return a->units[i].rows;
}

static rv_status show_env(void *unit, rv_visit visit, void *user)
{
    env_unit *u = unit;
    int64_t n = (int64_t)rv_env_state_size(u->env);
    if (u->episode >= 0)
        rv_env_state_save(u->env, u->env_state);
    RV_TRY(visit(user, "episode", RV_I64, 1, &u->episode));
    RV_TRY(visit(user, "episode_length", RV_I64, 1, &u->episode_length));
    RV_TRY(visit(user, "episode_open", RV_I64, 1, &u->is_open));
    RV_TRY(visit(user, "episode_return", RV_F64, 1, &u->episode_return));
    RV_TRY(visit(user, "failures", RV_I64, 1, &u->n_failures));
    RV_TRY(visit(user, "obs", RV_F32, u->spec->n_obs, u->obs));
    return visit(user, "state", RV_U8, n, u->env_state);
}

static rv_status actor_restored(void *role)
{
    actor *a = role;
    for (int i = 0; i < a->n_units; i++) {
        env_unit *u = &a->units[i];
        if (u->episode < 0)
            continue;
        rv_status status = rv_env_state_load(u->env, u->env_state, rv_env_state_size(u->env));
        if (status != RV_E_ENV)
            RV_TRY(status);
        else
            rv_warn("env %d: %s; a new episode begins", u->number, rv_error_last()->text);
    }
    return RV_OK;
}

static int actor_n_states(void *role)
{
    return ((actor *)role)->n_units;
}

static void actor_state(void *role, int i, rv_unit_state *out)
{
    env_unit *u = &((actor *)role)->units[i];
    *out = (rv_unit_state){.show = show_env, .unit = u};
    snprintf(out->name, sizeof out->name, "env_%d", u->number);
}

const rv_role rv_role_actor = {
    .id = RV_ACTOR,
    .create = actor_create,
    .destroy = actor_destroy,
    .work = actor_work,
    .offer = actor_offer,
    .n_states = actor_n_states,
    .state = actor_state,
    .restored = actor_restored,
};
