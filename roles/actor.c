/* actor.c - steps the real environments. A unit is one environment with its own random streams; it publishes its
 * transitions of the tick.
 */
#include "base/memory.h"
#include "math/vector.h"
#include "nn/policy_net.h"
#include "roles/role.h"

#include <stdio.h>
#include <string.h>

typedef struct env_unit {
    int number;
    rv_env *env;
    unsigned char *env_state; /* (rv_env_state_size) where a checkpoint finds it */
    float *obs;               /* (n_obs) present observation */
    float *rows;              /* (tick_steps / count, row.width) transitions of the tick, in shared memory */
    int64_t n_rows;
    int64_t episode; /* episodes begun, -1 before the first */
    double episode_return;
    int64_t episode_length;
    const rv_env_spec *spec;
} env_unit;

typedef struct actor {
    rv_row row;
    int n_units;
    env_unit *units;
    rv_mlp_tape tape;
    float *noise; /* (n_act) */
} actor;

static void actor_destroy(void *role)
{
    actor *a = role;
    for (int i = 0; a->units && i < a->n_units; i++) {
        env_unit *u = &a->units[i];
        rv_env_destroy(&u->env);
        rv_mem_free(&u->env_state);
        rv_mem_free(&u->obs);
    }
    rv_mem_free(&a->units);
    rv_mem_free(&a->noise);
    rv_mlp_tape_clear(&a->tape);
    rv_mem_free(&a);
}

static rv_status create_unit(const rv_context *ctx, int number, env_unit *u)
{
    u->number = number;
    u->spec = ctx->spec;
    u->episode = -1;
    RV_TRY(rv_env_create(ctx->spec->name, &u->env));
    RV_TRY(RV_NEW(u->env_state, rv_env_state_size(u->env)));
    RV_TRY(RV_NEW(u->obs, ctx->spec->n_obs));
    return RV_SHARED_NEW(ctx->shared, u->rows, ctx->cfg->schedule.tick_steps / ctx->cfg->env.count * ctx->row.width);
}

static rv_status actor_create(rv_context *ctx, void **out)
{
    rv_status status = RV_OK;
    int *numbers = NULL;
    actor *a = NULL;
    RV_TRY(RV_NEW(a, 1));
    a->row = ctx->row;
    RV_TRY_GOTO(RV_NEW(numbers, ctx->layout->n_units[RV_ACTOR]), fail);
    a->n_units = rv_context_units(ctx, RV_ACTOR, numbers);
    RV_TRY_GOTO(RV_NEW(a->units, a->n_units), fail);
    RV_TRY_GOTO(RV_NEW(a->noise, ctx->row.n_act), fail);
    RV_TRY_GOTO(rv_mlp_tape_create_forward(&ctx->actor_net, 1, &a->tape), fail);
    for (int i = 0; i < a->n_units; i++)
        RV_TRY_GOTO(create_unit(ctx, numbers[i], &a->units[i]), fail);
    rv_mem_free(&numbers);
    *out = a;
    return RV_OK;
fail:
    rv_mem_free(&numbers);
    actor_destroy(a);
    return status;
}

static rv_status begin_episode(const rv_context *ctx, env_unit *u)
{
    u->episode++;
    u->episode_return = 0;
    u->episode_length = 0;
    rv_rng rng =
        rv_rng_at((uint64_t)ctx->cfg->root.seed, RV_STREAM_ENV_RESET, (uint32_t)u->number, (uint64_t)u->episode);
    return rv_env_reset(u->env, &rng, u->obs);
}

static void choose_action(const rv_context *ctx, actor *a, const env_unit *u, int64_t step, bool is_random, float *act)
{
    int n_act = ctx->row.n_act;
    rv_rng rng = rv_rng_at((uint64_t)ctx->cfg->root.seed, RV_STREAM_ACTION, (uint32_t)u->number, (uint64_t)step);
    if (is_random) {
        for (int j = 0; j < n_act; j++)
            act[j] = (float)(2 * rv_rng_uniform(&rng) - 1);
        return;
    }
    rv_vector_normal(&rng, n_act, a->noise);
    rv_policy_net_act(&ctx->actor_net, ctx->board.policy, 1, u->obs, a->noise, &a->tape, act, NULL);
}

static rv_status step_unit(rv_context *ctx, actor *a, env_unit *u, const rv_tick *tick)
{
    const rv_row *r = &ctx->row;
    int64_t count = ctx->cfg->env.count;
    int64_t n_finished = 0;
    double returns = 0;
    double lengths = 0;
    u->n_rows = (tick->last_step - tick->first_step) / count;
    if (u->episode < 0)
        RV_TRY(begin_episode(ctx, u));
    for (int64_t k = 0; k < u->n_rows; k++) {
        float *row = u->rows + k * r->width;
        rv_env_step_result result;
        memcpy(row, u->obs, (size_t)r->n_obs * sizeof *row);
        choose_action(ctx, a, u, tick->first_step / count + k, tick->is_random, row + r->act);
        RV_TRY(rv_env_step(u->env, row + r->act, row + r->next_obs, &result));
        row[r->reward] = (float)result.reward;
        row[r->terminated] = result.terminated ? 1.0F : 0.0F;
        memcpy(u->obs, row + r->next_obs, (size_t)r->n_obs * sizeof *row);
        u->episode_return += result.reward;
        u->episode_length++;
        if (result.terminated || result.truncated) {
            n_finished++;
            returns += u->episode_return;
            lengths += (double)u->episode_length;
            RV_TRY(begin_episode(ctx, u));
        }
    }
    rv_frame frame = rv_context_frame(ctx, RV_ACTOR, u->number, tick, tick->last_step);
    RV_TRY(rv_metric_add(&frame, RV_M_TOTAL_TIMESTEPS, (double)tick->last_step));
    if (n_finished > 0) {
        RV_TRY(rv_metric_add(&frame, RV_M_EP_REW_MEAN, returns / (double)n_finished));
        RV_TRY(rv_metric_add(&frame, RV_M_EP_LEN_MEAN, lengths / (double)n_finished));
    }
    return rv_feed_push_send(ctx->push, &frame);
}

static rv_status actor_work(void *role, rv_context *ctx, const rv_tick *tick)
{
    actor *a = role;
    for (int i = 0; i < a->n_units; i++) {
        rv_status status = step_unit(ctx, a, &a->units[i], tick);
        if (status != RV_OK)
            return rv_error_prefix(status, "env %d", a->units[i].number);
    }
    return RV_OK;
}

static const void *actor_offer(void *role, int unit, size_t *n_bytes)
{
    actor *a = role;
    int i = 0;
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
    RV_TRY(visit(user, "episode_return", RV_F64, 1, &u->episode_return));
    RV_TRY(visit(user, "obs", RV_F32, u->spec->n_obs, u->obs));
    return visit(user, "state", RV_U8, n, u->env_state);
}

static rv_status actor_restored(void *role)
{
    actor *a = role;
    for (int i = 0; i < a->n_units; i++) {
        env_unit *u = &a->units[i];
        if (u->episode >= 0)
            RV_TRY(rv_env_state_load(u->env, u->env_state, rv_env_state_size(u->env)));
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
