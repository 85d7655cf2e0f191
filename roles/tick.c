#include "roles/tick.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/pulse.h"
#include "roles/coordinator.h"
#include "roles/edge.h"
#include "roles/persist.h"
#include "roles/replay.h"

enum { OF_STAGE = 2 };

/* a stage: who works, and what changes hands after it */
static const struct {
    const rv_role *role;
    int n_products;
    rv_product products[OF_STAGE];
} stages[RV_N_ROLES] = {
    {&rv_role_actor, 1, {RV_REAL}},
    {&rv_role_model, 1, {RV_MEMBERS}},
    {&rv_role_rollout, 2, {RV_BRANCHES, RV_SIGNALS}},
    {&rv_role_policy, 2, {RV_POLICY_WEIGHTS, RV_CRITICS}},
    {&rv_role_evaluator, 0, {RV_N_PRODUCTS}},
};

static rv_moment moment(const rv_context *ctx)
{
    return (rv_moment){rv_clock_now(), ctx->world->wait_s, ctx->exchange_s};
}

static rv_times times(const rv_moment *from, const rv_moment *to)
{
    rv_times t = {.wait = to->wait - from->wait, .exchange = to->exchange - from->exchange};
    t.work = to->now - from->now - t.wait - t.exchange;
    return t;
}

/* post what this rank made in a stage, or take what it reads */
static rv_status post(rv_loop *loop, const rv_tick *tick, int stage)
{
    for (int i = 0; i < stages[stage].n_products; i++)
        if (rv_edge_due(loop->ctx, stages[stage].products[i], tick))
            RV_TRY(rv_edge_post(loop->ctx, stages[stage].products[i], loop->roles[stages[stage].role->id]));
    return RV_OK;
}

static rv_status take(rv_loop *loop, const rv_tick *tick, int stage)
{
    for (int i = 0; i < stages[stage].n_products; i++)
        if (rv_edge_due(loop->ctx, stages[stage].products[i], tick))
            RV_TRY(rv_edge_take(loop->ctx, stages[stage].products[i], tick));
    return RV_OK;
}

/* what this rank made in a stage is on its way; with `takes`, products of the stages from `first` on change hands */
static rv_status edge(rv_loop *loop, const rv_tick *tick, int first, int stage, bool takes)
{
    rv_context *ctx = loop->ctx;
    rv_moment start = moment(ctx);
    rv_pulse_at(RV_PHASE_EDGE, (int)stages[stage].role->id, -1);
    RV_TRY(post(loop, tick, stage));
    for (int s = first; s <= stage && takes; s++)
        RV_TRY(take(loop, tick, s));
    if (takes)
        RV_TRY(rv_exchange_finish(ctx->exchange));
    rv_moment end = moment(ctx);
    ctx->exchange_s += times(&start, &end).work; /* all that an edge does is moving data */
    return RV_OK;
}

static rv_status work(rv_loop *loop, const rv_tick *tick, int stage)
{
    const rv_role *role = stages[stage].role;
    if (!loop->roles[role->id])
        return RV_OK;
    rv_moment start = moment(loop->ctx);
    rv_pulse_at(RV_PHASE_WORK, (int)role->id, -1);
    rv_status status = role->work(loop->roles[role->id], loop->ctx, tick);
    if (status != RV_OK)
        return rv_error_prefix(status, "%s, steps %lld to %lld", rv_role_names[role->id], (long long)tick->first_step,
                               (long long)tick->last_step);
    rv_moment end = moment(loop->ctx);
    loop->of_role[role->id] = times(&start, &end);
    return RV_OK;
}

/* where this rank's time went since its last ledger; every rank sends one such frame per tick, so that the recorder
 * knows when a tick is whole */
static rv_status report_ledger(rv_loop *loop, const rv_tick *tick)
{
    rv_context *ctx = loop->ctx;
    rv_frame frame;
    rv_moment now = moment(ctx);
    rv_times all = times(&loop->ledger_at, &now);
    rv_frame_init(&frame, RV_ROLE_RANK, ctx->world->rank, tick->tick, tick->last_step);
    frame.rank = ctx->world->rank;
    frame.wall = now.now - ctx->start;
    RV_TRY(rv_metric_add(&frame, RV_M_WORK_S, all.work));
    RV_TRY(rv_metric_add(&frame, RV_M_WAIT_S, all.wait));
    RV_TRY(rv_metric_add(&frame, RV_M_EXCHANGE_S, all.exchange));
    RV_TRY(rv_metric_add(&frame, RV_M_TIME_ELAPSED, frame.wall));
    RV_TRY(rv_metric_add(&frame, RV_M_FPS,
                         (double)(tick->last_step - tick->first_step) / (now.now - loop->ledger_at.now)));
    for (int role = 0; role < RV_N_ROLES; role++) {
        if (!loop->roles[role])
            continue;
        RV_TRY(rv_metric_add(&frame, rv_role_times[role].work, loop->of_role[role].work));
        RV_TRY(rv_metric_add(&frame, rv_role_times[role].wait, loop->of_role[role].wait));
        RV_TRY(rv_metric_add(&frame, rv_role_times[role].exchange, loop->of_role[role].exchange));
    }
    RV_TRY(rv_metric_add(&frame, RV_M_CHECKPOINT_S, loop->checkpoint_s));
    loop->checkpoint_s = 0;
    loop->ledger_at = now;
    return rv_feed_push_send(ctx->push, &frame);
}

/* what was measured in a tick, and what was decided for it */
static rv_status report_pace(rv_loop *loop, const rv_tick *tick)
{
    const rv_signals *signals = &loop->pace.signals;
    rv_frame frame;
    rv_frame_init(&frame, RV_ROLE_PACE, 0, tick->tick, tick->n_real);
    rv_context_sign(loop->ctx, &frame);
    if (tick->fit)
        RV_TRY(rv_metric_add(&frame, RV_M_PACE_REASON, tick->fit_reasons));
    RV_TRY(rv_metric_add(&frame, RV_M_PACE_LENGTH, tick->length));
    RV_TRY(rv_metric_add(&frame, RV_M_PACE_REAL_SHARE, tick->real_share));
    if (tick->probe)
        RV_TRY(rv_metric_add(&frame, RV_M_PACE_KL, signals->policy_kl));
    if (tick->probe && signals->n_fresh > 0) {
        RV_TRY(rv_metric_add(&frame, RV_M_PACE_LOSS_RATIO, rv_pace_loss_ratio(&loop->pace)));
        RV_TRY(rv_metric_add(&frame, RV_M_PACE_DISAGREEMENT_RATIO, rv_pace_disagreement_ratio(&loop->pace)));
    }
    if (tick->probe && signals->is_first > 0)
        RV_TRY(rv_metric_add(&frame, RV_M_PACE_QUALITY, signals->quality));
    if (tick->probe && signals->is_first > 0 && rv_schedule_card(&loop->ctx->schedule) > 0) {
        RV_TRY(rv_metric_add(&frame, RV_M_PACE_GAIN, signals->gain));
        RV_TRY(rv_metric_add(&frame, RV_M_PACE_WITHIN_1, signals->within_1));
        RV_TRY(rv_metric_add(&frame, RV_M_PACE_WITHIN_2, signals->within_2));
        RV_TRY(rv_metric_add(&frame, RV_M_PACE_Z_SQUARED, signals->z_squared));
    }
    return rv_feed_push_send(loop->ctx->push, &frame);
}

/* the tick is over for what the run decides from */
static rv_status end_pace(rv_loop *loop, const rv_tick *tick)
{
    rv_pace_end(&loop->pace, tick, &loop->ctx->board.signals);
    if (loop->ctx->world->rank != 0 || !(tick->fit || tick->probe))
        return RV_OK;
    return rv_schedule_probes(&loop->ctx->schedule) ? report_pace(loop, tick) : RV_OK;
}

/* rank 0 says why a fit comes before its time */
static void announce(const rv_loop *loop, const rv_tick *tick)
{
    char why[RV_PACE_TEXT] = "";
    if (loop->ctx->world->rank != 0 || !tick->fit)
        return;
    rv_pace_words(&loop->pace, &loop->ctx->schedule, tick, why);
    if (why[0])
        rv_info("fit %lld at step %lld: %s", (long long)tick->retrain, (long long)tick->n_real, why);
}

static rv_status run_tick(rv_loop *loop, const rv_tick *tick)
{
    bool lockstep = loop->ctx->cfg->schedule.mode == RV_LOCKSTEP;
    rv_pulse_tick(tick->tick);
    for (int s = 0; s < RV_N_ROLES; s++) {
        RV_TRY(work(loop, tick, s));
        RV_TRY(edge(loop, tick, lockstep ? s : 0, s, lockstep || s == RV_N_ROLES - 1));
    }
    RV_TRY(end_pace(loop, tick));
    return report_ledger(loop, tick);
}

static rv_status create_roles(rv_loop *loop)
{
    rv_context *ctx = loop->ctx;
    for (int s = 0; s < RV_N_ROLES; s++) {
        const rv_role *role = stages[s].role;
        if (rv_layout_hosts(ctx->layout, role->id, ctx->world->rank))
            RV_TRY(role->create(ctx, &loop->roles[role->id]));
    }
    return RV_OK;
}

rv_status rv_loop_create(rv_context *ctx, int64_t resume_tick, rv_loop *out)
{
    /* a tick in which nothing was acted or imagined: weights alone change hands */
    const rv_tick weights = {.fit = true, .n_updates = 1};
    *out = (rv_loop){.ctx = ctx};
    RV_TRY(create_roles(out));
    RV_TRY(rv_shared_open(ctx->shared));
    RV_TRY(resume_tick >= 0 ? rv_persist_load(out, resume_tick) : rv_replay_load(ctx, 0, NULL));
    RV_TRY(rv_persist_create(out, &out->persist));
    for (int s = 0; s < RV_N_ROLES; s++)
        if (stages[s].role->id == RV_MODEL || stages[s].role->id == RV_POLICY)
            RV_TRY(edge(out, &weights, s, s, true));
    return RV_OK;
}

void rv_loop_destroy(rv_loop *loop)
{
    rv_persist_destroy(&loop->persist);
    for (int s = 0; s < RV_N_ROLES; s++) {
        const rv_role *role = stages[s].role;
        if (loop->roles[role->id])
            role->destroy(loop->roles[role->id]);
        loop->roles[role->id] = NULL;
    }
}

const rv_role *rv_loop_role(int stage)
{
    return stages[stage].role;
}

/* what the ranks agree on between two ticks: stop: the strongest reason that somebody knows */
static rv_status end_tick(rv_loop *loop, int64_t step, rv_stop *stop)
{
    int64_t any[2] = {(int64_t)rv_coordinator_look(loop->ctx->coordinator, step), 0}; /* and: still writing */
    RV_TRY(rv_persist_is_busy(loop, &any[1]));
    RV_TRY(rv_world_max(loop->ctx->world, 2, any));
    *stop = (rv_stop)any[0];
    double start = rv_clock_now();
    if (!any[1])
        RV_TRY(rv_persist_advance(loop));
    loop->checkpoint_s += rv_clock_now() - start;
    return RV_OK;
}

static rv_status save(rv_loop *loop)
{
    double start = rv_clock_now();
    RV_TRY(rv_persist_save(loop));
    loop->checkpoint_s += rv_clock_now() - start;
    return RV_OK;
}

rv_status rv_loop_run(rv_loop *loop)
{
    rv_context *ctx = loop->ctx;
    int64_t n_ticks = rv_schedule_ticks(&ctx->schedule);
    int64_t every = ctx->cfg->checkpoint.every_ticks;
    rv_stop stop = RV_STOP_NO;
    loop->ledger_at = moment(ctx);
    while (loop->next_tick < n_ticks) {
        rv_tick tick = rv_pace_tick(&loop->pace, &ctx->schedule, loop->next_tick);
        announce(loop, &tick);
        RV_TRY(run_tick(loop, &tick));
        rv_pulse_at(RV_PHASE_TICK_END, -1, -1);
        RV_TRY(rv_coordinator_check(ctx->coordinator));
        loop->next_tick++;
        RV_TRY(end_tick(loop, tick.last_step, &stop));
        bool is_due = every > 0 && loop->next_tick % every == 0 && loop->next_tick < n_ticks;
        if (stop || is_due)
            RV_TRY(save(loop));
        if (stop) {
            RV_TRY(rv_persist_finish(loop));
            RV_TRY(rv_coordinator_ended(ctx->coordinator, stop));
        }
        RV_CHECK(!stop, RV_E_STOPPED, "stopped at step %lld %s; go on with: reverie train --resume %s",
                 (long long)tick.last_step, rv_stop_text(stop), ctx->run_dir);
    }
    rv_tick closing = rv_pace_tick(&loop->pace, &ctx->schedule, n_ticks);
    RV_TRY(run_tick(loop, &closing));
    RV_TRY(rv_persist_save(loop));
    RV_TRY(rv_persist_finish(loop));
    return rv_coordinator_ended(ctx->coordinator, RV_STOP_NO);
}
