/* policy.c - learns Soft Actor-Critic from batches that mix real and imagined rows. A unit is a shard: a slice of the
 * batch and of the imagined buffer. Every policy rank holds the same learner and applies the same summed gradient; the
 * owner of shard 0 publishes the actor's weights.
 */
#include "agent/sac.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "math/vector.h"
#include "roles/edge.h"
#include "roles/guard.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct policy {
    const rv_context *ctx;
    rv_sac *sac;
    rv_sac_shard *work; /* work space, one shard after the other */
    int n_units;
    int *numbers;        /* (n_units) shards of this rank */
    int rows;            /* of one shard's batch */
    const float **drawn; /* (rows) one shard's batch before it is gathered */
    float *batch;        /* (n_units, rows, row.whole) */
    float *noise;        /* (n_units, 2, rows, n_act) of the critic's and the actor's step */
    rv_tree_sum *sum;    /* of the shards' gradients */
    float *published;    /* (n_actor + n_critics) in shared memory */
    double *imagined;    /* (shards) rows in all shards' imagined buffers, in this tick */
    int64_t n_skipped;   /* updates of the tick left out */
} policy;

static void policy_destroy(void *role)
{
    policy *p = role;
    rv_sac_destroy(&p->sac);
    rv_sac_shard_destroy(&p->work);
    rv_mem_free(&p->numbers);
    rv_mem_free(&p->drawn);
    rv_mem_free(&p->batch);
    rv_mem_free(&p->noise);
    rv_tree_sum_destroy(&p->sum);
    rv_mem_free(&p->imagined);
    rv_mem_free(&p);
}

static rv_status policy_create(rv_context *ctx, void **out)
{
    rv_status status = RV_OK;
    const rv_sac_cfg *cfg = &ctx->cfg->policy;
    policy *p = NULL;
    RV_TRY(RV_NEW(p, 1));
    p->ctx = ctx;
    p->rows = (int)(cfg->batch / cfg->shards);
    RV_TRY_GOTO(rv_sac_create(cfg, ctx->row.n_obs, ctx->row.n_act, (uint64_t)ctx->cfg->root.seed, &p->sac), fail);
    RV_TRY_GOTO(rv_sac_shard_create(p->sac, &p->work), fail);
    RV_TRY_GOTO(RV_NEW(p->numbers, cfg->shards), fail);
    p->n_units = rv_context_units(ctx, RV_POLICY, p->numbers);
    RV_TRY_GOTO(RV_NEW(p->drawn, p->rows), fail);
    RV_TRY_GOTO(RV_NEW(p->batch, p->n_units * p->rows * ctx->row.whole), fail);
    RV_TRY_GOTO(RV_NEW(p->noise, p->n_units * 2 * p->rows * ctx->row.n_act), fail);
    int64_t critic = rv_sac_critic_grad_size(p->sac);
    int64_t actor = rv_sac_actor_grad_size(p->sac);
    RV_TRY_GOTO(rv_edge_sum_create(ctx, RV_POLICY, critic > actor ? critic : actor, &p->sum), fail);
    if (p->numbers[0] == 0)
        RV_TRY_GOTO(RV_SHARED_NEW(ctx->shared, p->published, p->sac->n_actor + p->sac->n_critics), fail);
    RV_TRY_GOTO(RV_NEW(p->imagined, cfg->shards), fail);
    *out = p;
    return RV_OK;
fail:
    policy_destroy(p);
    return status;
}

/* real rows in a shard's batch. rows 0..n of the whole batch are real, cut into shards so that every shard count draws
 * the same number in all; a shard without imagined rows has nothing else to draw from */
static int real_rows(const rv_context *ctx, const policy *p, int shard, double share)
{
    if (p->imagined[shard] == 0)
        return p->rows;
    int64_t n = llround(share * (double)ctx->cfg->policy.batch);
    int64_t shards = ctx->cfg->policy.shards;
    return (int)((shard + 1) * n / shards - shard * n / shards);
}

/* the tail of a real row */
static void teach_one_step(const rv_context *ctx, float *row)
{
    row[ctx->row.weight] = 1;
    row[ctx->row.discount] = (float)ctx->lesson.discount;
    row[ctx->row.entropy] = 0;
}

static void draw(const rv_context *ctx, policy *p, int i, int64_t update, const rv_tick *tick)
{
    const rv_row *r = &ctx->row;
    uint64_t seed = (uint64_t)ctx->cfg->root.seed;
    int shard = p->numbers[i];
    const rv_imagined *imagined = ctx->board.imagined[shard];
    rv_rng rng = rv_rng_at(seed, RV_STREAM_BATCH, (uint32_t)shard, (uint64_t)update);
    int n_real = real_rows(ctx, p, shard, tick->real_share);
    for (int k = 0; k < p->rows; k++)
        p->drawn[k] = k < n_real ? ctx->board.real + (int64_t)rv_rng_below(&rng, (uint32_t)tick->n_real) * r->width
                                 : rv_imagined_draw(imagined, &rng);
    float *batch = p->batch + i * p->rows * r->whole;
    rv_row_gather(n_real, r->width, p->drawn, r->whole, batch);
    rv_row_gather(p->rows - n_real, r->whole, p->drawn + n_real, r->whole, batch + (int64_t)n_real * r->whole);
    for (int k = 0; r->whole > r->width && k < n_real; k++)
        teach_one_step(ctx, batch + (int64_t)k * r->whole);
    rv_rng noise = rv_rng_at(seed, RV_STREAM_LEARN, (uint32_t)shard, (uint64_t)update);
    rv_vector_normal(&noise, 2 * p->rows * r->n_act, p->noise + i * 2 * p->rows * r->n_act);
}

static void draw_batches(const rv_context *ctx, policy *p, int64_t update, const rv_tick *tick)
{
    for (int i = 0; i < p->n_units; i++)
        draw(ctx, p, i, update, tick);
}

/* A batch that holds a number that is not finite may give a gradient that is, since relu can swallow one. This rank
 * alone knows; through its part of the sum all do. */
static void mark_bad_batch(const policy *p, int i, float *grad)
{
    int64_t n = (int64_t)p->rows * p->ctx->row.whole;
    if (!rv_vector_is_finite(n, p->batch + i * n))
        grad[0] = NAN;
}

static rv_status critic_grads(policy *p)
{
    int width = p->ctx->row.whole;
    int n_act = p->ctx->row.n_act;
    float *grad = NULL;
    for (int i = 0; i < p->n_units; i++) {
        rv_pulse_at(RV_PHASE_WORK, RV_POLICY, p->numbers[i]);
        RV_TRY(rv_tree_sum_part(p->sum, p->numbers[i], &grad));
        rv_sac_critic_grad(p->sac, p->work, p->batch + i * p->rows * width, p->noise + 2 * i * p->rows * n_act, grad);
        mark_bad_batch(p, i, grad);
    }
    return rv_tree_sum_begin(p->sum, rv_sac_critic_grad_size(p->sac));
}

static rv_status actor_grads(policy *p)
{
    int width = p->ctx->row.whole;
    int n_act = p->ctx->row.n_act;
    float *grad = NULL;
    for (int i = 0; i < p->n_units; i++) {
        RV_TRY(rv_tree_sum_part(p->sum, p->numbers[i], &grad));
        rv_sac_actor_grad(p->sac, p->work, p->batch + i * p->rows * width, p->noise + (2 * i + 1) * p->rows * n_act,
                          grad);
        mark_bad_batch(p, i, grad);
    }
    return rv_tree_sum_begin(p->sum, rv_sac_actor_grad_size(p->sac));
}

typedef struct shard_dump {
    policy *p;
    int i;
} shard_dump;

static rv_status show_dump(void *unit, rv_visit visit, void *user)
{
    const shard_dump *d = unit;
    policy *p = d->p;
    int64_t n = (int64_t)p->rows * p->ctx->row.whole;
    int64_t n_noise = (int64_t)2 * p->rows * p->ctx->row.n_act;
    RV_TRY(visit(user, "batch", RV_F32, n, p->batch + d->i * n));
    RV_TRY(visit(user, "noise", RV_F32, n_noise, p->noise + d->i * n_noise));
    return visit(user, "params", RV_F32, p->sac->n_params, p->sac->params);
}

/* Every rank writes down the batches of its shards, then one speaks for all: the others wait for a word that never
 * comes, until that one has ended the job. */
static rv_status give_up(rv_context *ctx, policy *p, const rv_tick *tick, rv_status status)
{
    for (int i = 0; i < p->n_units; i++) {
        shard_dump d = {p, i};
        rv_guard_dump(ctx->run_dir, tick->tick, "shard", p->numbers[i], show_dump, &d);
    }
    RV_TRY(rv_edge_share(ctx, RV_POLICY, p->imagined));
    if (p->numbers[0] != 0)
        RV_TRY(rv_edge_share(ctx, RV_POLICY, p->imagined));
    return status;
}

static rv_status skip(rv_context *ctx, policy *p, int64_t number, const rv_tick *tick, const char *whose)
{
    p->n_skipped++;
    p->sac->n_skipped++;
    if (p->sac->n_skipped <= ctx->cfg->guard.budget)
        return RV_OK;
    rv_status status = rv_raise(RV_E_NONFINITE,
                                "learner: %lld updates in a row had no finite gradient, guard.budget allows %lld; the "
                                "last one is update %lld (step %lld), in the %s; lower policy.learning_rate",
                                (long long)p->sac->n_skipped, (long long)ctx->cfg->guard.budget, (long long)number,
                                (long long)tick->n_real, whose);
    return give_up(ctx, p, tick, status);
}

static void add_losses(double *to, const float *extra, int n)
{
    for (int k = 0; k < n; k++)
        to[k] += (double)extra[k];
}

/* The critics' half of an update. The sum has the same bits at all ranks, so that they agree on what to leave out
 * without a message. */
static rv_status update_critics(rv_context *ctx, policy *p, double *losses, bool *is_good)
{
    const float *grad = NULL;
    int64_t n = rv_sac_critic_grad_size(p->sac);
    RV_TRY(critic_grads(p));
    RV_TRY(rv_edge_sum_end(ctx, p->sum, &grad));
    *is_good = rv_vector_squares_are_finite(n, grad);
    if (!*is_good)
        return RV_OK;
    rv_sac_critic_apply(p->sac, grad);
    add_losses(losses, grad + n - RV_SAC_CRITIC_EXTRA, RV_SAC_CRITIC_EXTRA);
    return RV_OK;
}

/* the rest of it */
static rv_status update_actor(rv_context *ctx, policy *p, double *losses, bool *is_good)
{
    const float *grad = NULL;
    int64_t n = rv_sac_actor_grad_size(p->sac);
    RV_TRY(rv_edge_sum_end(ctx, p->sum, &grad));
    *is_good = rv_vector_squares_are_finite(n, grad);
    if (!*is_good)
        return RV_OK;
    rv_sac_actor_apply(p->sac, grad);
    add_losses(losses + RV_SAC_CRITIC_EXTRA, grad + n - RV_SAC_ACTOR_EXTRA, RV_SAC_ACTOR_EXTRA);
    p->sac->n_skipped = 0;
    return RV_OK;
}

/* One update, from batches that are drawn already. The next ones are drawn while other ranks finish the actor's
 * gradient, when this update needs its own no more. */
static rv_status update(rv_context *ctx, policy *p, int64_t number, const rv_tick *tick, double *losses)
{
    bool is_good = false;
    bool has_next = number + 1 < tick->first_update + tick->n_updates;
    /* what may spend the budget keeps its batches, to be written down */
    bool is_safe = p->sac->n_skipped < ctx->cfg->guard.budget;
    RV_TRY(update_critics(ctx, p, losses, &is_good));
    if (!is_good) {
        RV_TRY(skip(ctx, p, number, tick, "critics"));
        if (has_next)
            draw_batches(ctx, p, number + 1, tick);
        return RV_OK;
    }
    RV_TRY(actor_grads(p));
    if (has_next && is_safe)
        draw_batches(ctx, p, number + 1, tick);
    RV_TRY(update_actor(ctx, p, losses, &is_good));
    if (!is_good)
        RV_TRY(skip(ctx, p, number, tick, "actor"));
    if (has_next && !is_safe)
        draw_batches(ctx, p, number + 1, tick);
    return RV_OK;
}

static rv_status report(rv_context *ctx, const policy *p, const rv_tick *tick, const double *losses)
{
    double n = (double)(tick->n_updates - p->n_skipped); /* none: means of nothing, which are not finite */
    double imagined = 0;
    int n_real = 0;
    for (int s = 0; s < ctx->layout->n_units[RV_POLICY]; s++) {
        imagined += p->imagined[s];
        n_real += real_rows(ctx, p, s, tick->real_share);
    }
    rv_frame frame = rv_context_frame(ctx, RV_POLICY, 0, tick, tick->n_real);
    RV_TRY(rv_metric_add(&frame, RV_M_CRITIC_LOSS, losses[0] / n));
    RV_TRY(rv_metric_add(&frame, RV_M_Q_MEAN, losses[1] / n));
    RV_TRY(rv_metric_add(&frame, RV_M_ACTOR_LOSS, losses[2] / n));
    RV_TRY(rv_metric_add(&frame, RV_M_ENTROPY, losses[4] / n));
    RV_TRY(rv_metric_add(&frame, RV_M_ENT_COEF, rv_sac_alpha(p->sac)));
    RV_TRY(rv_metric_add(&frame, RV_M_N_UPDATES, (double)p->sac->n_updates));
    RV_TRY(rv_metric_add(&frame, RV_M_IMAGINED_SHARE, 1 - n_real / (double)ctx->cfg->policy.batch));
    RV_TRY(rv_metric_add(&frame, RV_M_REAL_ROWS, (double)tick->n_real));
    RV_TRY(rv_metric_add(&frame, RV_M_IMAGINED_ROWS, imagined));
    if (p->n_skipped > 0)
        RV_TRY(rv_metric_add(&frame, RV_M_GUARD_UPDATES, (double)p->n_skipped));
    return rv_feed_push_send(ctx->push, &frame);
}

/* the imagined buffers change at edges only, so that this holds for all updates of a tick */
static rv_status count_imagined(rv_context *ctx, policy *p)
{
    for (int i = 0; i < p->n_units; i++)
        p->imagined[p->numbers[i]] = (double)rv_imagined_rows(ctx->board.imagined[p->numbers[i]]);
    return rv_edge_share(ctx, RV_POLICY, p->imagined);
}

static rv_status policy_work(void *role, rv_context *ctx, const rv_tick *tick)
{
    policy *p = role;
    double losses[RV_SAC_CRITIC_EXTRA + RV_SAC_ACTOR_EXTRA] = {0};
    if (tick->n_updates == 0)
        return RV_OK;
    p->n_skipped = 0;
    RV_TRY(count_imagined(ctx, p));
    draw_batches(ctx, p, tick->first_update, tick);
    for (int64_t k = 0; k < tick->n_updates; k++)
        RV_TRY(update(ctx, p, tick->first_update + k, tick, losses));
    if (!rv_vector_is_finite(p->sac->n_params, p->sac->params) ||
        !rv_vector_is_finite(p->sac->n_critics, p->sac->target))
        return give_up(ctx, p, tick,
                       rv_raise(RV_E_NONFINITE,
                                "learner: weights are not finite after update %lld (step %lld); lower "
                                "policy.learning_rate",
                                (long long)(tick->first_update + tick->n_updates), (long long)tick->n_real));
    return p->numbers[0] == 0 ? report(ctx, p, tick, losses) : RV_OK;
}

static const void *policy_offer(void *role, rv_product product, int unit, size_t *n_bytes)
{
    policy *p = role;
    int64_t first = product == RV_CRITICS ? p->sac->n_actor : 0;
    (void)unit;
    *n_bytes = (size_t)(product == RV_CRITICS ? p->sac->n_critics : p->sac->n_actor) * sizeof(float);
    memcpy(p->published + first, p->sac->params + first, *n_bytes);
    return p->published + first;
}

static rv_status show_learner(void *unit, rv_visit visit, void *user)
{
    return rv_sac_visit(unit, visit, user);
}

static rv_status show_shard(void *unit, rv_visit visit, void *user)
{
    return rv_imagined_visit(unit, visit, user);
}

/* every policy rank shows the learner, shard 0's owner saves it */
static int policy_n_states(void *role)
{
    return 1 + ((policy *)role)->n_units;
}

static void policy_state(void *role, int i, rv_unit_state *out)
{
    policy *p = role;
    if (i == 0) {
        *out = (rv_unit_state){.name = "learner", .show = show_learner, .unit = p->sac, .is_copy = p->numbers[0] != 0};
        return;
    }
    int shard = p->numbers[i - 1];
    *out = (rv_unit_state){.show = show_shard, .unit = p->ctx->board.imagined[shard]};
    snprintf(out->name, sizeof out->name, "shard_%d", shard);
}

const rv_role rv_role_policy = {
    .id = RV_POLICY,
    .create = policy_create,
    .destroy = policy_destroy,
    .work = policy_work,
    .offer = policy_offer,
    .n_states = policy_n_states,
    .state = policy_state,
};
