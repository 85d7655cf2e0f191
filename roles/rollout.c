/* rollout.c - imagines: branches short rollouts of the policy through the ensemble off real states. A unit is a block
 * of branches; it publishes the rows that it made.
 */
#include "roles/rollout.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "model/branch.h"
#include "roles/edge.h"
#include "roles/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* what the blocks of a tick read, but for the real rows */
typedef struct source_copy {
    int64_t tick;
    bool is_paced; /* what follows was decided in the run (run/pace.h); else it follows from the tick's number */
    int64_t retrain, n_real, fit_rows, length; /* as in rv_tick */
    int64_t n_members, n_policy;
    float *members; /* (n_members) */
    float *policy;  /* (n_policy) */
} source_copy;

typedef struct rollout {
    int n_units;
    int *numbers;      /* (n_units) */
    rv_branch *branch; /* work space, one block after the other */
    rv_trust *trust;   /* where all members run, else NULL */
    int64_t capacity;  /* rows of a block, at most */
    int width;
    float *rows;          /* (n_units, capacity, width) in shared memory */
    int64_t *n_rows;      /* (n_units) */
    int n_sources;        /* ticks whose rows are kept: on the rank of block 0 alone, else 0 */
    source_copy *sources; /* (n_sources) a ring */
    int64_t n_taken;      /* since the start of this process; source k is at [k % n_sources] */
    rv_probe *probe;      /* on the rank of block 0, when something is measured; else NULL */
    rv_signals *signals;  /* (1) in shared memory, there */
} rollout;

static void rollout_destroy(void *role)
{
    rollout *r = role;
    rv_branch_destroy(&r->branch);
    rv_trust_destroy(&r->trust);
    rv_probe_destroy(&r->probe);
    for (int i = 0; r->sources && i < r->n_sources; i++) {
        rv_mem_free(&r->sources[i].members);
        rv_mem_free(&r->sources[i].policy);
    }
    rv_mem_free(&r->sources);
    rv_mem_free(&r->numbers);
    rv_mem_free(&r->n_rows);
    rv_mem_free(&r);
}

static source_copy source_of(const rv_context *ctx)
{
    return (source_copy){.is_paced = rv_schedule_probes(&ctx->schedule),
                         .n_members = ctx->cfg->model.members * ctx->member_shape.n_published,
                         .n_policy = ctx->actor_net.n_params};
}

static rv_status create_probe(rv_context *ctx, rollout *r)
{
    if (r->n_units == 0 || r->numbers[0] != 0 || !rv_schedule_probes(&ctx->schedule))
        return RV_OK;
    RV_TRY(RV_SHARED_NEW(ctx->shared, r->signals, 1));
    return rv_probe_create(ctx, &r->probe);
}

static rv_status create_sources(const rv_context *ctx, rollout *r)
{
    bool has_first = r->n_units > 0 && r->numbers[0] == 0;
    r->n_sources = has_first && rv_schedule_imagines(&ctx->schedule) ? rv_schedule_generations(&ctx->schedule) : 0;
    RV_TRY(RV_NEW(r->sources, r->n_sources));
    for (int i = 0; i < r->n_sources; i++) {
        source_copy *s = &r->sources[i];
        *s = source_of(ctx);
        RV_TRY(RV_NEW(s->members, s->n_members));
        RV_TRY(RV_NEW(s->policy, s->n_policy));
    }
    return RV_OK;
}

static rv_status create_trust(const rv_context *ctx, rollout *r)
{
    const rv_rollout_cfg *cfg = &ctx->cfg->rollout;
    const rv_gate gate = rv_branch_gate(cfg);
    if (!rv_branch_asks_all(cfg, &ctx->lesson))
        return RV_OK;
    return rv_trust_create(&ctx->cfg->model, &ctx->member_shape, &gate, cfg->disagreement,
                           ctx->cfg->schedule.total_steps, &r->trust);
}

static rv_status rollout_create(rv_context *ctx, void **out)
{
    rv_status status = RV_OK;
    rollout *r = NULL;
    RV_TRY(RV_NEW(r, 1));
    r->width = ctx->row.whole;
    r->capacity = ctx->cfg->rollout.block * rv_schedule_longest(&ctx->schedule);
    RV_TRY_GOTO(RV_NEW(r->numbers, ctx->layout->n_units[RV_ROLLOUT]), fail);
    r->n_units = rv_context_units(ctx, RV_ROLLOUT, r->numbers);
    RV_TRY_GOTO(RV_SHARED_NEW(ctx->shared, r->rows, r->n_units * r->capacity * r->width), fail);
    RV_TRY_GOTO(RV_NEW(r->n_rows, r->n_units), fail);
    RV_TRY_GOTO(rv_branch_create(&ctx->cfg->rollout, (int)ctx->cfg->model.members, &ctx->member_shape, &ctx->actor_net,
                                 ctx->spec, ctx->cfg->model.known_reward, &ctx->lesson, &r->branch),
                fail);
    RV_TRY_GOTO(create_trust(ctx, r), fail);
    RV_TRY_GOTO(create_sources(ctx, r), fail);
    RV_TRY_GOTO(create_probe(ctx, r), fail);
    *out = r;
    return RV_OK;
fail:
    rollout_destroy(r);
    return status;
}

/* what all members said, where they were asked */
static rv_status report_trust(const rv_context *ctx, const rv_branch_stats *stats, rv_frame *frame)
{
    static const rv_metric stops[RV_BRANCH_STOPS] = {
        RV_M_IMAGINE_STOPS_0, RV_M_IMAGINE_STOPS_1,  RV_M_IMAGINE_STOPS_2,  RV_M_IMAGINE_STOPS_4,
        RV_M_IMAGINE_STOPS_8, RV_M_IMAGINE_STOPS_16, RV_M_IMAGINE_STOPS_32, RV_M_IMAGINE_STOPS_MORE};
    if (stats->n_judged > 0) {
        RV_TRY(rv_metric_add(frame, RV_M_IMAGINE_DISAGREEMENT, stats->disagreement));
        RV_TRY(rv_metric_add(frame, RV_M_IMAGINE_EPISTEMIC, stats->epistemic));
        RV_TRY(rv_metric_add(frame, RV_M_IMAGINE_ALEATORIC, stats->aleatoric));
    }
    if (ctx->lesson.confidence > 0 && stats->n_rows > 0)
        RV_TRY(rv_metric_add(frame, RV_M_IMAGINE_WEIGHT, stats->weight));
    for (int i = 0; i < RV_BRANCH_STOPS && ctx->cfg->rollout.max_disagreement > 0; i++)
        RV_TRY(rv_metric_add(frame, stops[i], (double)stats->stops[i]));
    return RV_OK;
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
    RV_TRY(report_trust(ctx, stats, &frame));
    if (stats->n_lost > 0)
        RV_TRY(rv_metric_add(&frame, RV_M_GUARD_ROWS, (double)stats->n_lost));
    return rv_feed_push_send(ctx->push, &frame);
}

static void keep_source(const rv_context *ctx, rollout *r, const rv_tick *tick)
{
    if (r->n_sources == 0)
        return;
    source_copy *s = &r->sources[r->n_taken++ % r->n_sources];
    s->tick = tick->tick;
    s->retrain = tick->imagine_retrain;
    s->n_real = tick->n_real;
    s->fit_rows = tick->imagine_rows;
    s->length = tick->length;
    memcpy(s->members, ctx->board.members, (size_t)s->n_members * sizeof *s->members);
    memcpy(s->policy, ctx->board.policy, (size_t)s->n_policy * sizeof *s->policy);
}

/* the blocks of this rank; is_new: for the first time */
static rv_status imagine(rollout *r, rv_context *ctx, const rv_tick *tick, bool is_new)
{
    rv_branch_source source = {
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
    keep_source(ctx, r, tick);
    if (r->trust)
        rv_trust_fit(r->trust, source.seed, source.retrain, tick->imagine_rows, source.real, source.members,
                     &source.standard);
    for (int i = 0; i < r->n_units; i++) {
        rv_branch_stats stats;
        rv_pulse_at(RV_PHASE_WORK, RV_ROLLOUT, r->numbers[i]);
        RV_TRY(rv_branch_run(r->branch, &source, r->numbers[i], r->rows + i * r->capacity * r->width, &stats));
        r->n_rows[i] = stats.n_rows;
        if (is_new)
            RV_TRY(report(ctx, r->numbers[i], tick, &stats));
    }
    return RV_OK;
}

static rv_status rollout_work(void *role, rv_context *ctx, const rv_tick *tick)
{
    rollout *r = role;
    if (tick->imagine)
        RV_TRY(imagine(r, ctx, tick, true));
    if (!tick->probe || !r->probe)
        return RV_OK;
    /* a fit whose members are read has branches, and they have a source */
    return rv_probe_run(r->probe, ctx, tick, r->sources[(r->n_taken - 1) % r->n_sources].policy, r->signals);
}

static const void *rollout_offer(void *role, rv_product product, int unit, size_t *n_bytes)
{
    rollout *r = role;
    int i = 0;
    if (product == RV_SIGNALS) {
        *n_bytes = sizeof *r->signals;
        return r->signals;
    }
    while (r->numbers[i] != unit)
        i++;
    *n_bytes = (size_t)(r->n_rows[i] * r->width) * sizeof(float);
    return r->rows + i * r->capacity * r->width;
}

/* ---- sources ---- */

static rv_status show_source(void *unit, rv_visit visit, void *user)
{
    source_copy *s = unit;
    if (s->is_paced) {
        RV_TRY(visit(user, "retrain", RV_I64, 1, &s->retrain));
        RV_TRY(visit(user, "n_real", RV_I64, 1, &s->n_real));
        RV_TRY(visit(user, "fit_rows", RV_I64, 1, &s->fit_rows));
        RV_TRY(visit(user, "length", RV_I64, 1, &s->length));
    }
    RV_TRY(visit(user, "members", RV_F32, s->n_members, s->members));
    return visit(user, "policy", RV_F32, s->n_policy, s->policy);
}

static const char source_name[] = "source_";

static void name_source(int64_t tick, char out[32])
{
    snprintf(out, 32, "%s%lld", source_name, (long long)tick);
}

bool rv_rollout_is_source(const char *unit, int64_t *tick)
{
    char name[32];
    if (strncmp(unit, source_name, sizeof source_name - 1) != 0)
        return false;
    *tick = strtoll(unit + sizeof source_name - 1, NULL, 10);
    name_source(*tick, name);
    return strcmp(name, unit) == 0;
}

/* after a resume none, until rv_rollout_again brings them */
static int rollout_n_states(void *role)
{
    const rollout *r = role;
    return r->n_taken < r->n_sources ? (int)r->n_taken : r->n_sources;
}

static int rollout_most_states(void *role)
{
    return ((rollout *)role)->n_sources;
}

static void rollout_state(void *role, int i, rv_unit_state *out)
{
    rollout *r = role;
    *out = (rv_unit_state){.show = show_source, .unit = &r->sources[i]};
    name_source(r->sources[i].tick, out->name);
}

/* what a checkpoint says was decided must fit the buffers of this run */
static rv_status check_source(const rv_schedule *schedule, const char *name, const rv_tick *t)
{
    RV_CHECK(t->n_real >= 1 && t->n_real <= schedule->schedule->total_steps && t->length >= 1 &&
                 t->length <= rv_schedule_longest(schedule),
             RV_E_DATA, "%s of the checkpoint: branches of %d steps from %lld real rows are none of this run's", name,
             t->length, (long long)t->n_real);
    RV_CHECK(t->imagine_rows >= 2 && t->imagine_rows <= t->n_real, RV_E_DATA,
             "%s of the checkpoint: a fit on %lld of %lld real rows is none of this run's, expected at least 2", name,
             (long long)t->imagine_rows, (long long)t->n_real);
    return RV_OK;
}

rv_status rv_rollout_again(void *role, rv_context *ctx, const rv_tick *tick, const rv_checkpoint *checkpoint)
{
    char name[32];
    rv_tick t = *tick;
    source_copy board = source_of(ctx);
    board.members = ctx->board.members;
    board.policy = ctx->board.policy;
    name_source(t.tick, name);
    RV_TRY(rv_checkpoint_load_unit(checkpoint, name, show_source, &board));
    if (board.is_paced) {
        t.imagine_retrain = board.retrain;
        t.n_real = board.n_real;
        t.imagine_rows = board.fit_rows;
        t.length = (int)board.length;
    }
    RV_TRY(check_source(&ctx->schedule, name, &t));
    rv_edge_choose_elites(ctx);
    return imagine(role, ctx, &t, false);
}

const rv_role rv_role_rollout = {
    .id = RV_ROLLOUT,
    .create = rollout_create,
    .destroy = rollout_destroy,
    .work = rollout_work,
    .offer = rollout_offer,
    .n_states = rollout_n_states,
    .most_states = rollout_most_states,
    .state = rollout_state,
};
