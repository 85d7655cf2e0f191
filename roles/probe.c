#include "roles/probe.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "model/card.h"
#include "model/holdout.h"
#include "nn/policy_net.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 256 }; /* rows of a forward pass */

struct rv_probe {
    rv_card *card;
    uint32_t *split;          /* (total_steps) */
    float *x, *y, *scratch;   /* (CHUNK, n_in), (CHUNK, n_out), (CHUNK, n_in) */
    float *means, *logvar;    /* (members, CHUNK, n_out), (CHUNK, n_out) */
    double *variance;         /* (CHUNK, n_out) sum over the members */
    double *sum_loss;         /* (members) over rows and outputs */
    double sum_disagreement;  /* over rows */
    float *obs, *outputs;     /* (STATES, n_obs), (STATES, 2 n_act) */
    rv_mlp_tape tape, policy; /* for CHUNK and STATES rows */
};

void rv_probe_destroy(rv_probe **probe)
{
    rv_probe *p = *probe;
    if (!p)
        return;
    rv_mlp_tape_clear(&p->tape);
    rv_mlp_tape_clear(&p->policy);
    rv_card_destroy(&p->card);
    rv_mem_free(&p->split);
    rv_mem_free(&p->x);
    rv_mem_free(&p->y);
    rv_mem_free(&p->scratch);
    rv_mem_free(&p->means);
    rv_mem_free(&p->logvar);
    rv_mem_free(&p->variance);
    rv_mem_free(&p->sum_loss);
    rv_mem_free(&p->obs);
    rv_mem_free(&p->outputs);
    rv_mem_free(probe);
}

static rv_status allocate(const rv_context *ctx, rv_probe *p)
{
    const rv_member_shape *s = &ctx->member_shape;
    const int64_t members = ctx->cfg->model.members;
    const int steps = rv_schedule_card(&ctx->schedule);
    const rv_card_setup setup = {
        .steps = steps > 0 ? steps : 1,
        .n_members = (int)members,
        .count = (int)ctx->cfg->env.count,
        .max_rows = ctx->cfg->schedule.total_steps,
        .discount = ctx->cfg->policy.discount,
        .known_reward = ctx->cfg->model.known_reward,
        .shape = s,
        .spec = ctx->spec,
        .policy_net = &ctx->actor_net,
        .critic_net = steps > 0 ? &ctx->critic_net : NULL,
    };
    RV_TRY(rv_card_create(&setup, &p->card));
    RV_TRY(RV_NEW(p->split, ctx->cfg->schedule.total_steps));
    RV_TRY(RV_NEW(p->x, CHUNK * s->n_in));
    RV_TRY(RV_NEW(p->y, CHUNK * s->n_out));
    RV_TRY(RV_NEW(p->scratch, CHUNK * s->n_in));
    RV_TRY(RV_NEW(p->means, members * CHUNK * s->n_out));
    RV_TRY(RV_NEW(p->logvar, CHUNK * s->n_out));
    RV_TRY(RV_NEW(p->variance, CHUNK * s->n_out));
    RV_TRY(RV_NEW(p->sum_loss, members));
    RV_TRY(RV_NEW(p->obs, RV_PROBE_STATES * ctx->row.n_obs));
    RV_TRY(RV_NEW(p->outputs, RV_PROBE_STATES * 2 * ctx->row.n_act));
    RV_TRY(rv_mlp_tape_create_forward(&s->mlp, CHUNK, &p->tape));
    return rv_mlp_tape_create_forward(&ctx->actor_net, RV_PROBE_STATES, &p->policy);
}

rv_status rv_probe_create(const rv_context *ctx, rv_probe **out)
{
    rv_probe *p = NULL;
    RV_TRY(RV_NEW(p, 1));
    rv_status status = allocate(ctx, p);
    if (status != RV_OK)
        rv_probe_destroy(&p);
    else
        *out = p;
    return status;
}

/* ---- rows ---- */

static void gather(const rv_context *ctx, rv_probe *p, int n, const uint32_t *rows)
{
    const rv_row *r = &ctx->row;
    const int n_in = ctx->member_shape.n_in;
    for (int i = 0; i < n; i++) {
        const float *row = ctx->board.real + (int64_t)rows[i] * r->width;
        float *y = p->y + (int64_t)i * ctx->member_shape.n_out;
        memcpy(p->x + (int64_t)i * n_in, row, (size_t)n_in * sizeof *row);
        y[0] = row[r->reward];
        for (int j = 0; j < r->n_obs; j++)
            y[1 + j] = row[r->next_obs + j] - row[j];
    }
}

/* all members on the n rows gathered */
static void predict(const rv_context *ctx, rv_probe *p, int n)
{
    const rv_member_shape *s = &ctx->member_shape;
    const int n_all = n * s->n_out;
    memset(p->variance, 0, (size_t)n_all * sizeof *p->variance);
    for (int64_t m = 0; m < ctx->cfg->model.members; m++) {
        const float *member = ctx->board.members + m * s->n_published;
        float *mean = p->means + m * n_all;
        rv_pulse_beat();
        rv_member_predict(s, member, n, p->x, &p->tape, p->scratch, mean, p->logvar);
        for (int k = 0; k < n_all; k++) {
            const double error = ((double)mean[k] - (double)p->y[k]) / rv_member_unit(s, member, k % s->n_out);
            p->sum_loss[m] += error * error;
            p->variance[k] += exp((double)p->logvar[k]);
        }
    }
}

/* squared standard deviation of the members' means of output k, by their mean predicted variance */
static double spread(const rv_probe *p, int members, int n_all, int k)
{
    double middle = 0;
    double square = 0;
    for (int m = 0; m < members; m++)
        middle += (double)p->means[m * n_all + k];
    middle /= members;
    for (int m = 0; m < members; m++) {
        const double off = (double)p->means[m * n_all + k] - middle;
        square += off * off;
    }
    return square / p->variance[k];
}

static void add_disagreement(const rv_context *ctx, rv_probe *p, int n)
{
    const int n_out = ctx->member_shape.n_out;
    for (int i = 0; i < n; i++) {
        double most = 0;
        for (int j = 0; j < n_out; j++)
            most = fmax(most, spread(p, (int)ctx->cfg->model.members, n * n_out, i * n_out + j));
        p->sum_disagreement += sqrt(most);
    }
}

/* fill the sums from these rows of the real buffer */
static void measure(const rv_context *ctx, rv_probe *p, int n, const uint32_t *rows)
{
    memset(p->sum_loss, 0, (size_t)ctx->cfg->model.members * sizeof *p->sum_loss);
    p->sum_disagreement = 0;
    for (int from = 0; from < n; from += CHUNK) {
        const int n_chunk = n - from < CHUNK ? n - from : CHUNK;
        gather(ctx, p, n_chunk, rows + from);
        predict(ctx, p, n_chunk);
        add_disagreement(ctx, p, n_chunk);
    }
}

/* ---- signals ---- */

/* the elites' loss on held-out rows as they published it */
static double loss_at_fit(const rv_context *ctx)
{
    const rv_member_shape *s = &ctx->member_shape;
    double sum = 0;
    for (int64_t e = 0; e < ctx->cfg->model.elites; e++)
        sum += (double)ctx->board.members[ctx->board.elites[e] * s->n_published + s->loss];
    return sum / (double)ctx->cfg->model.elites;
}

static void measure_fresh(const rv_context *ctx, rv_probe *p, const rv_tick *tick, rv_signals *out)
{
    uint32_t rows[RV_PROBE_FRESH];
    const int64_t since = tick->n_real - tick->imagine_rows;
    const int n = since < RV_PROBE_FRESH ? (int)since : RV_PROBE_FRESH;
    out->n_fresh = n;
    if (n <= 0)
        return;
    for (int i = 0; i < n; i++)
        rows[i] = (uint32_t)(tick->n_real - n + i);
    measure(ctx, p, n, rows);
    for (int64_t e = 0; e < ctx->cfg->model.elites; e++)
        out->fresh_loss += p->sum_loss[ctx->board.elites[e]];
    out->fresh_loss /= (double)ctx->cfg->model.elites * n * ctx->member_shape.n_out;
    out->fresh_disagreement = p->sum_disagreement / n;
}

/* a frame per horizon */
static rv_status report(const rv_context *ctx, const rv_tick *tick, const rv_card_report *r)
{
    for (int k = 1; k <= r->n; k++) {
        rv_frame frame;
        rv_frame_init(&frame, RV_ROLE_CARD, k, tick->tick, tick->n_real);
        rv_context_sign(ctx, &frame);
        RV_TRY(rv_metric_add(&frame, RV_M_CARD_ERROR, r->error[k]));
        RV_TRY(rv_metric_add(&frame, RV_M_CARD_LOW, r->low[k]));
        RV_TRY(rv_metric_add(&frame, RV_M_CARD_HIGH, r->high[k]));
        RV_TRY(rv_metric_add(&frame, RV_M_CARD_NAIVE, r->naive[k]));
        RV_TRY(rv_metric_add(&frame, RV_M_CARD_GUESS, r->guess[k]));
        if (r->has_costs) {
            RV_TRY(rv_metric_add(&frame, RV_M_CARD_MODEL_COST, r->model_cost[k]));
            RV_TRY(rv_metric_add(&frame, RV_M_CARD_CRITIC_COST, r->critic_cost[k]));
        }
        RV_TRY(rv_feed_push_send(ctx->push, &frame));
    }
    return RV_OK;
}

static rv_status measure_held_out(const rv_context *ctx, rv_probe *p, const rv_tick *tick, rv_signals *out)
{
    const rv_model_cfg *cfg = &ctx->cfg->model;
    const rv_rollout_cfg *rollout = &ctx->cfg->rollout;
    rv_card_report r;
    const rv_card_source source = {
        .members = ctx->board.members,
        .n_elites = (int)cfg->elites,
        .elites = ctx->board.elites,
        .n_rows = tick->imagine_rows,
        .rows = ctx->board.real,
        .n_held = rv_holdout_rows(cfg, tick->imagine_rows),
        .held = p->split,
        .policy = ctx->board.policy,
        .critics = tick->first_update > 0 ? ctx->board.critics : NULL, /* they have learned something */
    };
    rv_holdout_split(cfg, (uint64_t)ctx->cfg->root.seed, tick->imagine_retrain, tick->imagine_rows, p->split);
    RV_TRY(rv_card_run(p->card, &source, &r));
    out->fit_disagreement = r.disagreement;
    out->quality = r.quality;
    if (rv_schedule_card(&ctx->schedule) == 0)
        return RV_OK;
    out->length = rv_card_horizon(&r, (int)rollout->length_start, (int)rollout->length_end);
    out->gain = r.gain;
    out->within_1 = r.within_1;
    out->within_2 = r.within_2;
    out->z_squared = r.z_squared;
    return report(ctx, tick, &r);
}

static double policy_kl(const rv_context *ctx, rv_probe *p, const rv_tick *tick, const float *policy_then)
{
    const size_t width = (size_t)ctx->row.n_obs;
    for (int64_t i = 0; i < RV_PROBE_STATES; i++)
        memcpy(p->obs + (size_t)i * width, ctx->board.real + i * tick->imagine_rows / RV_PROBE_STATES * ctx->row.width,
               width * sizeof *p->obs);
    return rv_policy_net_kl(&ctx->actor_net, ctx->board.policy, policy_then, RV_PROBE_STATES, p->obs, &p->policy,
                            p->outputs);
}

rv_status rv_probe_run(rv_probe *probe, const rv_context *ctx, const rv_tick *tick, const float *policy_then,
                       rv_signals *out)
{
    *out = (rv_signals){.retrain = (double)tick->imagine_retrain, .is_first = tick->imagine};
    out->fit_loss = loss_at_fit(ctx);
    measure_fresh(ctx, probe, tick, out);
    out->policy_kl = policy_kl(ctx, probe, tick, policy_then);
    return tick->imagine ? measure_held_out(ctx, probe, tick, out) : RV_OK;
}
