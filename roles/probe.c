#include "roles/probe.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "model/holdout.h"
#include "nn/policy_net.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 256 }; /* rows of a forward pass */

struct rv_probe {
    uint32_t *split;          /* (total_steps) */
    float *x, *y, *scratch;   /* (CHUNK, n_in), (CHUNK, n_out), (CHUNK, n_in) */
    float *means, *logvar;    /* (members, CHUNK, n_out), (CHUNK, n_out) */
    double *variance;         /* (CHUNK, n_out) sum over the members */
    double *sum_y, *sum_yy;   /* (n_out) over rows */
    double *sum_error;        /* (n_out) over rows: square of what the elites' mean is off */
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
    rv_mem_free(&p->split);
    rv_mem_free(&p->x);
    rv_mem_free(&p->y);
    rv_mem_free(&p->scratch);
    rv_mem_free(&p->means);
    rv_mem_free(&p->logvar);
    rv_mem_free(&p->variance);
    rv_mem_free(&p->sum_y);
    rv_mem_free(&p->sum_yy);
    rv_mem_free(&p->sum_error);
    rv_mem_free(&p->sum_loss);
    rv_mem_free(&p->obs);
    rv_mem_free(&p->outputs);
    rv_mem_free(probe);
}

static rv_status allocate(const rv_context *ctx, rv_probe *p)
{
    const rv_member_shape *s = &ctx->member_shape;
    const int64_t members = ctx->cfg->model.members;
    RV_TRY(RV_NEW(p->split, ctx->cfg->schedule.total_steps));
    RV_TRY(RV_NEW(p->x, CHUNK * s->n_in));
    RV_TRY(RV_NEW(p->y, CHUNK * s->n_out));
    RV_TRY(RV_NEW(p->scratch, CHUNK * s->n_in));
    RV_TRY(RV_NEW(p->means, members * CHUNK * s->n_out));
    RV_TRY(RV_NEW(p->logvar, CHUNK * s->n_out));
    RV_TRY(RV_NEW(p->variance, CHUNK * s->n_out));
    RV_TRY(RV_NEW(p->sum_y, s->n_out));
    RV_TRY(RV_NEW(p->sum_yy, s->n_out));
    RV_TRY(RV_NEW(p->sum_error, s->n_out));
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
        float *mean = p->means + m * n_all;
        rv_pulse_beat();
        rv_member_predict(s, ctx->board.members + m * s->n_published, n, p->x, &p->tape, p->scratch, mean, p->logvar);
        for (int k = 0; k < n_all; k++) {
            const double error = (double)mean[k] - (double)p->y[k];
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

static void add_errors(const rv_context *ctx, rv_probe *p, int n)
{
    const int n_out = ctx->member_shape.n_out;
    const int n_all = n * n_out;
    const int n_elites = (int)ctx->cfg->model.elites;
    for (int k = 0; k < n_all; k++) {
        const double y = p->y[k];
        double middle = 0;
        for (int e = 0; e < n_elites; e++)
            middle += (double)p->means[ctx->board.elites[e] * n_all + k];
        middle /= n_elites;
        p->sum_error[k % n_out] += (middle - y) * (middle - y);
        p->sum_y[k % n_out] += y;
        p->sum_yy[k % n_out] += y * y;
    }
}

/* fill the sums from these rows of the real buffer */
static void measure(const rv_context *ctx, rv_probe *p, int n, const uint32_t *rows)
{
    const size_t n_out = (size_t)ctx->member_shape.n_out;
    memset(p->sum_y, 0, n_out * sizeof *p->sum_y);
    memset(p->sum_yy, 0, n_out * sizeof *p->sum_yy);
    memset(p->sum_error, 0, n_out * sizeof *p->sum_error);
    memset(p->sum_loss, 0, (size_t)ctx->cfg->model.members * sizeof *p->sum_loss);
    p->sum_disagreement = 0;
    for (int from = 0; from < n; from += CHUNK) {
        const int n_chunk = n - from < CHUNK ? n - from : CHUNK;
        gather(ctx, p, n_chunk, rows + from);
        predict(ctx, p, n_chunk);
        add_disagreement(ctx, p, n_chunk);
        add_errors(ctx, p, n_chunk);
    }
}

static double quality(const rv_context *ctx, const rv_probe *p, int n)
{
    const int n_out = ctx->member_shape.n_out;
    double sum = 0;
    int n_vary = 0;
    for (int j = 0; j < n_out; j++) {
        const double mean = p->sum_y[j] / n;
        const double variance = p->sum_yy[j] / n - mean * mean;
        if (variance <= 1e-12 * p->sum_yy[j] / n)
            continue;
        n_vary++;
        sum += fmax(0, 1 - p->sum_error[j] / n / variance);
    }
    return n_vary > 0 ? sum / n_vary : 0;
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

static void measure_held_out(const rv_context *ctx, rv_probe *p, const rv_tick *tick, rv_signals *out)
{
    const rv_model_cfg *cfg = &ctx->cfg->model;
    int64_t n = rv_holdout_rows(cfg, tick->imagine_rows);
    n = n < RV_PROBE_HELD ? n : RV_PROBE_HELD;
    rv_holdout_split(cfg, (uint64_t)ctx->cfg->root.seed, tick->imagine_retrain, tick->imagine_rows, p->split);
    measure(ctx, p, (int)n, p->split);
    out->fit_disagreement = p->sum_disagreement / (double)n;
    out->quality = quality(ctx, p, (int)n);
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
    if (tick->imagine)
        measure_held_out(ctx, probe, tick, out);
    return RV_OK;
}
