#include "roles/context.h"

#include "base/clock.h"
#include "base/memory.h"
#include "nn/policy_net.h"
#include "roles/coordinator.h"
#include "roles/edge.h"
#include "roles/replay.h"

#include <stdio.h>

int rv_context_units(const rv_context *ctx, rv_role_id role, int *units)
{
    int n = 0;
    for (int u = 0; u < ctx->layout->n_units[role]; u++)
        if (ctx->layout->owner[role][u] == ctx->world->rank)
            units[n++] = u;
    return n;
}

void rv_context_sign(const rv_context *ctx, rv_frame *frame)
{
    frame->rank = ctx->world->rank;
    frame->wall = rv_clock_now() - ctx->start;
}

rv_frame rv_context_frame(const rv_context *ctx, rv_role_id role, int unit, const rv_tick *tick, int64_t step)
{
    rv_frame frame;
    rv_frame_init(&frame, rv_role_names[role], unit, tick->tick, step);
    rv_context_sign(ctx, &frame);
    return frame;
}

/* the node's leader takes the memory; all see it */
static rv_status share_real(rv_context *ctx, size_t n_bytes)
{
    rv_world *w = ctx->world;
    void **bases = NULL;
    RV_TRY(RV_NEW(bases, w->node_size));
    rv_status status = rv_world_share(w, w->node_rank == 0 ? n_bytes : 0, bases);
    if (status == RV_OK)
        ctx->board.real = bases[0];
    rv_mem_free(&bases);
    return status;
}

static rv_status create_board(rv_context *ctx)
{
    const rv_config *cfg = ctx->cfg;
    const rv_layout *l = ctx->layout;
    rv_board *b = &ctx->board;
    int me = ctx->world->rank;
    size_t row_bytes = (size_t)ctx->row.width * sizeof(float);
    bool acts = rv_layout_hosts(l, RV_ACTOR, me) || rv_layout_hosts(l, RV_EVALUATOR, me);
    bool imagines = rv_layout_hosts(l, RV_ROLLOUT, me);
    RV_TRY(share_real(ctx, (size_t)cfg->schedule.total_steps * row_bytes));
    RV_TRY(rv_mem_alloc((size_t)cfg->schedule.tick_steps, row_bytes, (void **)&b->incoming));
    if (acts || imagines)
        RV_TRY(RV_NEW(b->policy, ctx->actor_net.n_params));
    if (imagines)
        RV_TRY(RV_NEW(b->members, cfg->model.members * ctx->member_shape.n_published));
    if (l->owner[RV_ROLLOUT][0] == me && rv_schedule_card(&ctx->schedule) > 0)
        RV_TRY(RV_NEW(b->critics, 2 * ctx->critic_net.n_params));
    RV_TRY(RV_NEW(b->imagined, l->n_units[RV_POLICY]));
    for (int s = 0; s < l->n_units[RV_POLICY]; s++) {
        if (l->owner[RV_POLICY][s] != me)
            continue;
        int blocks = (l->n_units[RV_ROLLOUT] - s + l->n_units[RV_POLICY] - 1) / l->n_units[RV_POLICY];
        int64_t rows = (int64_t)blocks * cfg->rollout.block * rv_schedule_longest(&ctx->schedule);
        RV_TRY(rv_imagined_create(ctx->row.whole, rv_schedule_generations(&ctx->schedule),
                                  rv_schedule_imagines(&ctx->schedule) ? rows : 0, &b->imagined[s]));
    }
    return RV_OK;
}

rv_status rv_context_create(const rv_config *cfg, const rv_layout *layout, rv_world *world,
                            struct rv_coordinator *coordinator, const char *run_dir, rv_context **out)
{
    rv_status status = RV_OK;
    rv_context *ctx = NULL;
    RV_TRY(RV_NEW(ctx, 1));
    ctx->cfg = cfg;
    ctx->layout = layout;
    ctx->world = world;
    ctx->coordinator = coordinator;
    ctx->push = rv_coordinator_push(coordinator);
    ctx->start = rv_clock_now();
    ctx->schedule = (rv_schedule){&cfg->schedule, &cfg->rollout, &cfg->policy, cfg->eval.every_steps};
    snprintf(ctx->run_dir, sizeof ctx->run_dir, "%s", run_dir);
    RV_TRY_GOTO(rv_env_find(cfg->env.name, &ctx->spec), fail);
    ctx->lesson = rv_sac_lesson(&cfg->policy);
    ctx->row = rv_row_for(rv_row_of(ctx->spec->n_obs, ctx->spec->n_act), &ctx->lesson);
    RV_TRY_GOTO(rv_member_shape_init(&cfg->model, ctx->row.n_obs, ctx->row.n_act, &ctx->member_shape), fail);
    RV_TRY_GOTO(rv_policy_net_init(ctx->row.n_obs, ctx->row.n_act, (int)cfg->policy.hidden_layers,
                                   (int)cfg->policy.hidden, &ctx->actor_net),
                fail);
    RV_TRY_GOTO(rv_mlp_init(ctx->row.n_obs + ctx->row.n_act, (int)cfg->policy.hidden_layers, (int)cfg->policy.hidden, 1,
                            RV_RELU, &ctx->critic_net),
                fail);
    RV_TRY_GOTO(rv_shared_create(world, &ctx->shared), fail);
    RV_TRY_GOTO(rv_exchange_create(world, ctx->shared, rv_edge_posts(layout, world), 0, &ctx->exchange), fail);
    RV_TRY_GOTO(rv_exchange_create(world, ctx->shared, rv_edge_posts_within(layout, world), rv_edge_most_units(layout),
                                   &ctx->within),
                fail);
    RV_TRY_GOTO(create_board(ctx), fail);
    *out = ctx;
    return RV_OK;
fail:
    rv_context_destroy(&ctx);
    return status;
}

void rv_context_destroy(rv_context **context)
{
    rv_context *ctx = *context;
    if (!ctx)
        return;
    rv_replay_close(ctx);
    rv_mem_free(&ctx->board.incoming);
    rv_mem_free(&ctx->board.policy);
    rv_mem_free(&ctx->board.members);
    rv_mem_free(&ctx->board.critics);
    for (int s = 0; ctx->board.imagined && s < ctx->layout->n_units[RV_POLICY]; s++)
        rv_imagined_destroy(&ctx->board.imagined[s]);
    rv_mem_free(&ctx->board.imagined);
    rv_exchange_destroy(&ctx->exchange);
    rv_exchange_destroy(&ctx->within);
    rv_shared_destroy(&ctx->shared);
    rv_mem_free(context);
}
