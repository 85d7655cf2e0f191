/* evaluator.c - measures the policy: episodes on the mean action. A unit is one episode; unit 0 reports for all. */
#include "agent/evaluate.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "roles/edge.h"

#include <math.h>

typedef struct evaluator {
    int n_units;
    int *numbers;    /* (n_units) */
    double *returns; /* (episodes) */
    double *lengths; /* (episodes) */
    rv_env *env;
    int64_t n_failures;
    rv_mlp_tape tape;
    float *scratch; /* (n_obs + n_act) */
} evaluator;

static void evaluator_destroy(void *role)
{
    evaluator *e = role;
    rv_env_destroy(&e->env);
    rv_mlp_tape_clear(&e->tape);
    rv_mem_free(&e->numbers);
    rv_mem_free(&e->returns);
    rv_mem_free(&e->lengths);
    rv_mem_free(&e->scratch);
    rv_mem_free(&e);
}

static rv_status evaluator_create(rv_context *ctx, void **out)
{
    rv_status status = RV_OK;
    evaluator *e = NULL;
    RV_TRY(RV_NEW(e, 1));
    RV_TRY_GOTO(RV_NEW(e->numbers, ctx->layout->n_units[RV_EVALUATOR]), fail);
    RV_TRY_GOTO(RV_NEW(e->returns, ctx->layout->n_units[RV_EVALUATOR]), fail);
    RV_TRY_GOTO(RV_NEW(e->lengths, ctx->layout->n_units[RV_EVALUATOR]), fail);
    e->n_units = rv_context_units(ctx, RV_EVALUATOR, e->numbers);
    RV_TRY_GOTO(rv_env_create(ctx->spec->name, &e->env), fail);
    if (ctx->cfg->randomise.in_evaluation)
        RV_TRY_GOTO(rv_env_randomise(e->env, &ctx->cfg->randomise), fail);
    RV_TRY_GOTO(rv_mlp_tape_create_forward(&ctx->actor_net, 1, &e->tape), fail);
    RV_TRY_GOTO(RV_NEW(e->scratch, ctx->row.n_obs + ctx->row.n_act), fail);
    *out = e;
    return RV_OK;
fail:
    evaluator_destroy(e);
    return status;
}

static rv_status report(rv_context *ctx, const evaluator *e, const rv_tick *tick)
{
    int n = ctx->layout->n_units[RV_EVALUATOR];
    double mean = 0;
    double square = 0;
    double length = 0;
    for (int i = 0; i < n; i++) {
        mean += e->returns[i] / n;
        length += e->lengths[i] / n;
    }
    for (int i = 0; i < n; i++)
        square += (e->returns[i] - mean) * (e->returns[i] - mean) / n;
    rv_frame frame = rv_context_frame(ctx, RV_EVALUATOR, 0, tick, tick->evaluate_step);
    RV_TRY(rv_metric_add(&frame, RV_M_EVAL_REWARD, mean));
    RV_TRY(rv_metric_add(&frame, RV_M_EVAL_STD, sqrt(square)));
    RV_TRY(rv_metric_add(&frame, RV_M_EVAL_LENGTH, length));
    return rv_feed_push_send(ctx->push, &frame);
}

/* an environment of the user's own failed, or one gave a number that is not finite: the episode counts up to there */
static rv_status count_failure(const rv_context *ctx, evaluator *e, int episode)
{
    e->n_failures++;
    RV_CHECK(e->n_failures <= ctx->cfg->env.failures, rv_error_last()->status,
             "evaluation: %s; that was failure %lld, and env.failures allows %lld: the run gives up",
             rv_error_last()->text, (long long)e->n_failures, (long long)ctx->cfg->env.failures);
    rv_warn("evaluation, episode %d: %s; the episode is cut there, failure %lld of at most %lld", episode,
            rv_error_last()->text, (long long)e->n_failures, (long long)ctx->cfg->env.failures);
    return RV_OK;
}

static rv_status evaluator_work(void *role, rv_context *ctx, const rv_tick *tick)
{
    evaluator *e = role;
    if (!tick->evaluate)
        return RV_OK;
    for (int i = 0; i < e->n_units; i++) {
        int number = e->numbers[i];
        rv_episode episode;
        rv_pulse_at(RV_PHASE_STEP, RV_EVALUATOR, number);
        RV_TRY(rv_evaluate_episode(e->env, &ctx->actor_net, ctx->board.policy, (uint64_t)ctx->cfg->root.seed,
                                   tick->evaluate_step, number, tick->evaluate_step / ctx->cfg->env.count, &e->tape,
                                   e->scratch, &episode));
        if (episode.failed)
            RV_TRY(count_failure(ctx, e, number));
        e->returns[number] = episode.total;
        e->lengths[number] = (double)episode.length;
    }
    rv_pulse_at(RV_PHASE_WORK, RV_EVALUATOR, -1);
    RV_TRY(rv_edge_share(ctx, RV_EVALUATOR, e->returns));
    RV_TRY(rv_edge_share(ctx, RV_EVALUATOR, e->lengths));
    return e->numbers[0] == 0 ? report(ctx, e, tick) : RV_OK;
}

const rv_role rv_role_evaluator = {
    .id = RV_EVALUATOR,
    .create = evaluator_create,
    .destroy = evaluator_destroy,
    .work = evaluator_work,
};
