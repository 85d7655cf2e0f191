#include "roles/regenerate.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "roles/edge.h"
#include "roles/rollout.h"

/* ticks whose imagined rows are kept, in order: units of a manifest are in the order of their numbers */
static rv_status find_ticks(const rv_schedule *schedule, const rv_checkpoint *checkpoint, int64_t ticks[RV_GENERATIONS],
                            int *n)
{
    const int most = rv_schedule_generations(schedule);
    *n = 0;
    for (int i = 0; i < checkpoint->n_units; i++) {
        int64_t tick = 0;
        if (!rv_rollout_is_source(checkpoint->units[i].name, &tick))
            continue;
        RV_CHECK(*n < most && tick >= 0 && tick < checkpoint->tick && (*n == 0 || ticks[*n - 1] < tick), RV_E_DATA,
                 "%s: the sources of imagined rows must be of at most %d ticks before it, in their order; %s is not",
                 checkpoint->folder, most, checkpoint->units[i].name);
        ticks[(*n)++] = tick;
    }
    return RV_OK;
}

static rv_status imagine_again(rv_loop *loop, const rv_checkpoint *checkpoint, int64_t number)
{
    rv_context *ctx = loop->ctx;
    rv_tick tick = rv_schedule_tick(&ctx->schedule, number);
    void *role = loop->roles[RV_ROLLOUT];
    if (role) {
        RV_TRY(rv_rollout_again(role, ctx, &tick, checkpoint));
        RV_TRY(rv_edge_post(ctx, RV_BRANCHES, role));
    }
    RV_TRY(rv_edge_take(ctx, RV_BRANCHES, &tick));
    return rv_exchange_finish(ctx->exchange);
}

static rv_status compare(const rv_context *ctx, int shard, const rv_imagined_record *record)
{
    static const char why[] = "another processor with kernels.products: openblas, another compiler, libm or SLEEF than "
                              "the run had";
    if (rv_imagined_is(ctx->board.imagined[shard], record))
        return RV_OK;
    RV_CHECK(
        ctx->cfg->checkpoint.other_bits, RV_E_DATA,
        "shard %d: the imagined rows that were made again are not those of the run: %s? Go on where the run was, or "
        "with other bits from here on: checkpoint.other_bits=true",
        shard, why);
    rv_warn("shard %d: the imagined rows are not those that the run had (%s); going on, as checkpoint.other_bits says",
            shard, why);
    return RV_OK;
}

static rv_status fill_shards(rv_loop *loop, const rv_checkpoint *checkpoint, int n, const int64_t *ticks,
                             rv_imagined_record *records)
{
    rv_context *ctx = loop->ctx;
    int shards = ctx->layout->n_units[RV_POLICY];
    for (int s = 0; s < shards; s++)
        if (ctx->board.imagined[s])
            RV_TRY(rv_imagined_rewind(ctx->board.imagined[s], n, &records[s]));
    for (int i = 0; i < n; i++)
        RV_TRY(imagine_again(loop, checkpoint, ticks[i]));
    for (int s = 0; s < shards; s++)
        if (ctx->board.imagined[s])
            RV_TRY(compare(ctx, s, &records[s]));
    return RV_OK;
}

rv_status rv_regenerate(rv_loop *loop, const rv_checkpoint *checkpoint)
{
    rv_context *ctx = loop->ctx;
    int64_t ticks[RV_GENERATIONS];
    rv_imagined_record *records = NULL;
    double start = rv_clock_now();
    int n = 0;
    RV_TRY(find_ticks(&ctx->schedule, checkpoint, ticks, &n));
    RV_TRY(RV_NEW(records, ctx->layout->n_units[RV_POLICY]));
    rv_status status = fill_shards(loop, checkpoint, n, ticks, records);
    rv_mem_free(&records);
    double seconds = rv_clock_now() - start;
    if (status == RV_OK && ctx->world->rank == 0 && seconds > 1)
        rv_info("imagined the rows of the last %d fit%s again in %.1f s", n, n == 1 ? "" : "s", seconds);
    return status;
}
