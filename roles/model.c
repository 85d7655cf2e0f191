/* model.c - fits the ensemble. A unit is one member; it publishes its weights, input statistics and holdout loss.
 * Members fit in step, epoch by epoch, because the ensemble stops as a whole.
 */
#include "base/memory.h"
#include "base/pulse.h"
#include "model/member.h"
#include "roles/edge.h"
#include "roles/guard.h"

#include <stdio.h>

typedef struct model {
    int n_units;
    int numbers[RV_FIT_MEMBERS];
    rv_member *members[RV_FIT_MEMBERS];
    float *published; /* (n_units, n_published) in shared memory */
    size_t n_published;
} model;

static void model_destroy(void *role)
{
    model *m = role;
    for (int i = 0; i < m->n_units; i++)
        rv_member_destroy(&m->members[i]);
    rv_mem_free(&m);
}

static rv_status model_create(rv_context *ctx, void **out)
{
    rv_status status = RV_OK;
    model *m = NULL;
    RV_TRY(RV_NEW(m, 1));
    m->n_units = rv_context_units(ctx, RV_MODEL, m->numbers);
    m->n_published = (size_t)ctx->member_shape.n_published;
    RV_TRY_GOTO(RV_SHARED_NEW(ctx->shared, m->published, (size_t)m->n_units * m->n_published), fail);
    for (int i = 0; i < m->n_units; i++)
        RV_TRY_GOTO(rv_member_create(&ctx->cfg->model, &ctx->member_shape, (uint64_t)ctx->cfg->root.seed, m->numbers[i],
                                     ctx->cfg->schedule.total_steps, &m->members[i]),
                    fail);
    *out = m;
    return RV_OK;
fail:
    model_destroy(m);
    return status;
}

static rv_status report(rv_context *ctx, const model *m, int i, const rv_tick *tick, int64_t epochs, double train_loss,
                        const double *holdout)
{
    int elites[RV_FIT_MEMBERS];
    bool is_elite = false;
    rv_elites((int)ctx->cfg->model.members, (int)ctx->cfg->model.elites, holdout, elites);
    for (int k = 0; k < ctx->cfg->model.elites; k++)
        is_elite |= elites[k] == m->numbers[i];
    rv_frame frame = rv_context_frame(ctx, RV_MODEL, m->numbers[i], tick, tick->n_real);
    RV_TRY(rv_metric_add(&frame, RV_M_MODEL_TRAIN_LOSS, train_loss));
    RV_TRY(rv_metric_add(&frame, RV_M_MODEL_HOLDOUT_LOSS, holdout[m->numbers[i]]));
    if (ctx->member_shape.ends)
        RV_TRY(rv_metric_add(&frame, RV_M_MODEL_TERMINATION, rv_member_termination_error(m->members[i])));
    RV_TRY(rv_metric_add(&frame, RV_M_MODEL_EPOCHS, (double)epochs));
    RV_TRY(rv_metric_add(&frame, RV_M_MODEL_IS_ELITE, is_elite));
    RV_TRY(rv_metric_add(&frame, RV_M_MODEL_ROWS, (double)tick->n_real));
    rv_member_skipped skipped = rv_member_skips(m->members[i]);
    if (skipped.n_batches > 0)
        RV_TRY(rv_metric_add(&frame, RV_M_GUARD_BATCHES, (double)skipped.n_batches));
    if (skipped.n_epochs > 0)
        RV_TRY(rv_metric_add(&frame, RV_M_GUARD_EPOCHS, (double)skipped.n_epochs));
    return rv_feed_push_send(ctx->push, &frame);
}

static rv_status show_batch(void *unit, rv_visit visit, void *user)
{
    return rv_member_visit_batch(unit, visit, user);
}

/* a member whose batches are skipped one after the other does not come back by itself */
static rv_status check_skips(const rv_context *ctx, const model *m, int i, const rv_tick *tick)
{
    rv_member_skipped skipped = rv_member_skips(m->members[i]);
    if (skipped.n_in_row <= ctx->cfg->guard.budget)
        return RV_OK;
    rv_status status =
        rv_raise(RV_E_NONFINITE,
                 "member %d: the loss or gradient of %lld minibatches in a row was not finite, guard.budget allows "
                 "%lld (fit %lld, after %lld updates); lower model.learning_rate",
                 m->numbers[i], (long long)skipped.n_in_row, (long long)ctx->cfg->guard.budget,
                 (long long)tick->retrain, (long long)rv_member_updates(m->members[i]));
    rv_guard_dump(ctx->run_dir, tick->tick, "member", m->numbers[i], show_batch, m->members[i]);
    return status;
}

static rv_status model_work(void *role, rv_context *ctx, const rv_tick *tick)
{
    model *m = role;
    const rv_model_cfg *cfg = &ctx->cfg->model;
    double holdout[RV_FIT_MEMBERS] = {0};
    double train[RV_FIT_MEMBERS] = {0};
    int64_t epoch = 0;
    rv_fit_watch watch;
    if (!tick->fit)
        return RV_OK;
    rv_fit_watch_init(cfg, &watch);
    for (int i = 0; i < m->n_units; i++) {
        rv_pulse_at(RV_PHASE_WORK, RV_MODEL, m->numbers[i]);
        RV_TRY(rv_member_fit_begin(m->members[i], tick->retrain, tick->n_real, ctx->board.real));
    }
    for (bool over = false; !over && epoch < cfg->max_epochs; epoch++) {
        for (int i = 0; i < m->n_units; i++) {
            rv_pulse_at(RV_PHASE_WORK, RV_MODEL, m->numbers[i]);
            RV_TRY(rv_member_fit_epoch(m->members[i], epoch, &train[i], &holdout[m->numbers[i]]));
            RV_TRY(check_skips(ctx, m, i, tick));
        }
        RV_TRY(rv_edge_share(ctx, RV_MODEL, holdout));
        over = rv_fit_watch_epoch(&watch, holdout);
    }
    for (int i = 0; i < m->n_units; i++)
        RV_TRY(rv_member_fit_end(m->members[i], &holdout[m->numbers[i]]));
    RV_TRY(rv_edge_share(ctx, RV_MODEL, holdout));
    for (int i = 0; i < m->n_units; i++)
        RV_TRY(report(ctx, m, i, tick, epoch, train[i], holdout));
    return RV_OK;
}

static const void *model_offer(void *role, rv_product product, int unit, size_t *n_bytes)
{
    model *m = role;
    int i = 0;
    (void)product;
    while (m->numbers[i] != unit)
        i++;
    float *published = m->published + (size_t)i * m->n_published;
    rv_member_publish(m->members[i], published);
    *n_bytes = m->n_published * sizeof(float);
    return published;
}

static rv_status show_member(void *unit, rv_visit visit, void *user)
{
    return rv_member_visit(unit, visit, user);
}

static int model_n_states(void *role)
{
    return ((model *)role)->n_units;
}

static void model_state(void *role, int i, rv_unit_state *out)
{
    model *m = role;
    *out = (rv_unit_state){.show = show_member, .unit = m->members[i]};
    snprintf(out->name, sizeof out->name, "member_%d", m->numbers[i]);
}

const rv_role rv_role_model = {
    .id = RV_MODEL,
    .create = model_create,
    .destroy = model_destroy,
    .work = model_work,
    .offer = model_offer,
    .n_states = model_n_states,
    .state = model_state,
};
