/* rollout.c - imagines: branches short rollouts of the policy through the ensemble off real states. A unit is a block
 * of branches; it publishes the rows that it made.
 */
#include "base/memory.h"
#include "base/pulse.h"
#include "model/branch.h"
#include "roles/role.h"

typedef struct rollout {
    int n_units;
    int *numbers;      /* (n_units) */
    rv_branch *branch; /* work space, one block after the other */
    int64_t capacity;  /* rows of a block, at most */
    int width;
    float *rows;     /* (n_units, capacity, width) in shared memory */
    int64_t *n_rows; /* (n_units) */
} rollout;

static void rollout_destroy(void *role)
{
    rollout *r = role;
    rv_branch_destroy(&r->branch);
    rv_mem_free(&r->numbers);
    rv_mem_free(&r->n_rows);
    rv_mem_free(&r);
}

static rv_status rollout_create(rv_context *ctx, void **out)
{
    rv_status status = RV_OK;
    rollout *r = NULL;
    RV_TRY(RV_NEW(r, 1));
    r->width = ctx->row.width;
    r->capacity = ctx->cfg->rollout.block * rv_schedule_length(&ctx->schedule, ctx->cfg->schedule.total_steps);
    RV_TRY_GOTO(RV_NEW(r->numbers, ctx->layout->n_units[RV_ROLLOUT]), fail);
    r->n_units = rv_context_units(ctx, RV_ROLLOUT, r->numbers);
    RV_TRY_GOTO(RV_SHARED_NEW(ctx->shared, r->rows, r->n_units * r->capacity * r->width), fail);
    RV_TRY_GOTO(RV_NEW(r->n_rows, r->n_units), fail);
    RV_TRY_GOTO(rv_branch_create(&ctx->cfg->rollout, (int)ctx->cfg->model.members, &ctx->member_shape, &ctx->actor_net,
                                 ctx->spec, ctx->cfg->model.known_reward, &r->branch),
                fail);
    *out = r;
    return RV_OK;
fail:
    rollout_destroy(r);
    return status;
}

static rv_status report(rv_context *ctx, int block, const rv_tick *tick, const rv_branch_stats *stats)
{
    double branches = (double)ctx->cfg->rollout.block;
    rv_frame frame = rv_context_frame(ctx, RV_ROLLOUT, block, tick, tick->n_real);
    RV_TRY(rv_metric_add(&frame, RV_M_IMAGINE_ROWS, (double)stats->n_rows));
    RV_TRY(rv_metric_add(&frame, RV_M_IMAGINE_LENGTH, tick->length));
    RV_TRY(rv_metric_add(&frame, RV_M_IMAGINE_LENGTH_MEAN, (double)stats->n_rows / branches));
    RV_TRY(rv_metric_add(&frame, RV_M_IMAGINE_TERMINATED, (double)stats->n_terminated / branches));
    RV_TRY(rv_metric_add(&frame, RV_M_IMAGINE_STOPPED, (double)stats->n_stopped / branches));
    if (stats->n_lost > 0)
        RV_TRY(rv_metric_add(&frame, RV_M_GUARD_ROWS, (double)stats->n_lost));
    return rv_feed_push_send(ctx->push, &frame);
}

static rv_status rollout_work(void *role, rv_context *ctx, const rv_tick *tick)
{
    rollout *r = role;
    if (!tick->imagine)
        return RV_OK;
    const rv_branch_source source = {
        .seed = (uint64_t)ctx->cfg->root.seed,
        .retrain = tick->imagine_retrain,
        .length = tick->length,
        .n_real = tick->n_real,
        .real = ctx->board.real,
        .n_members = (int)ctx->cfg->model.members,
        .members = ctx->board.members,
        .n_elites = (int)ctx->cfg->model.elites,
        .elites = ctx->board.elites,
        .policy = ctx->board.policy,
    };
    for (int i = 0; i < r->n_units; i++) {
        rv_branch_stats stats;
        rv_pulse_at(RV_PHASE_WORK, RV_ROLLOUT, r->numbers[i]);
        RV_TRY(rv_branch_run(r->branch, &source, r->numbers[i], r->rows + i * r->capacity * r->width, &stats));
        r->n_rows[i] = stats.n_rows;
        RV_TRY(report(ctx, r->numbers[i], tick, &stats));
    }
    return RV_OK;
}

static const void *rollout_offer(void *role, int unit, size_t *n_bytes)
{
    rollout *r = role;
    int i = 0;
    while (r->numbers[i] != unit)
        i++;
    *n_bytes = (size_t)(r->n_rows[i] * r->width) * sizeof(float);
    return r->rows + i * r->capacity * r->width;
}

const rv_role rv_role_rollout = {
    .id = RV_ROLLOUT,
    .create = rollout_create,
    .destroy = rollout_destroy,
    .work = rollout_work,
    .offer = rollout_offer,
};
