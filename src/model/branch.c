#include "model/branch.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "math/vector.h"
#include "nn/policy_net.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 128 }; /* rows of a member's forward pass */

struct rv_branch {
    rv_rollout_cfg cfg;
    rv_member_shape shape;
    rv_mlp policy_net;
    const rv_env_spec *spec;
    bool known_reward;
    rv_mlp_tape member_tape, policy_tape;
    float *obs, *act;              /* (block, n_obs), (block, n_act) states of the living branches */
    float *grouped;                /* (block, n_obs) the same while they are sorted by elite */
    float *noise;                  /* (block, max(n_act, n_out)) */
    float *x, *scratch;            /* (block, n_in) */
    float *mean, *logvar;          /* (block, n_out) of the drawn elite */
    float *ends, *one_ends;        /* (block) logit of P(terminated) of the drawn elite, of one member; where learned */
    float *next_obs, *reward;      /* (block, n_obs), (block) */
    float *means;                  /* (members, block, n_out) of all; this and what follows only with the gate on */
    float *one_logvar;             /* (block, n_out) of one member */
    double *variance;              /* (block, n_out) sum over the members */
    int *elite;                    /* (block) position in elites */
    unsigned char *done, *trusted; /* (block) */
};

rv_status rv_branch_create(const rv_rollout_cfg *cfg, int n_members, const rv_member_shape *shape,
                           const rv_mlp *policy_net, const rv_env_spec *spec, bool known_reward, rv_branch **out)
{
    rv_status status = RV_OK;
    rv_branch *b = NULL;
    const rv_row *row = &shape->row;
    size_t n = (size_t)cfg->block;
    RV_TRY(RV_NEW(b, 1));
    b->cfg = *cfg;
    b->shape = *shape;
    b->policy_net = *policy_net;
    b->spec = spec;
    b->known_reward = known_reward;
    int n_noise = row->n_act > shape->n_out ? row->n_act : shape->n_out;
    RV_CHECK_GOTO(!known_reward || spec->reward, RV_E_CONFIG, fail,
                  "model.known_reward: the reward of %s is not a function of observation and action", spec->name);
    RV_TRY_GOTO(rv_mlp_tape_create_forward(&shape->mlp, (int)(n < CHUNK ? n : CHUNK), &b->member_tape), fail);
    RV_TRY_GOTO(rv_mlp_tape_create_forward(policy_net, (int)n, &b->policy_tape), fail);
    RV_TRY_GOTO(RV_NEW(b->obs, n * (size_t)row->n_obs), fail);
    RV_TRY_GOTO(RV_NEW(b->grouped, n * (size_t)row->n_obs), fail);
    RV_TRY_GOTO(RV_NEW(b->act, n * (size_t)row->n_act), fail);
    RV_TRY_GOTO(RV_NEW(b->noise, n * (size_t)n_noise), fail);
    RV_TRY_GOTO(RV_NEW(b->x, n * (size_t)shape->n_in), fail);
    RV_TRY_GOTO(RV_NEW(b->scratch, n * (size_t)shape->n_in), fail);
    RV_TRY_GOTO(RV_NEW(b->mean, n * (size_t)shape->n_out), fail);
    RV_TRY_GOTO(RV_NEW(b->logvar, n * (size_t)shape->n_out), fail);
    RV_TRY_GOTO(RV_NEW(b->ends, shape->ends ? n : 0), fail);
    RV_TRY_GOTO(RV_NEW(b->one_ends, shape->ends ? n : 0), fail);
    RV_TRY_GOTO(RV_NEW(b->next_obs, n * (size_t)row->n_obs), fail);
    RV_TRY_GOTO(RV_NEW(b->reward, n), fail);
    size_t n_gate = cfg->max_disagreement > 0 ? n * (size_t)shape->n_out : 0;
    RV_TRY_GOTO(RV_NEW(b->means, (size_t)n_members * n_gate), fail);
    RV_TRY_GOTO(RV_NEW(b->one_logvar, n_gate), fail);
    RV_TRY_GOTO(RV_NEW(b->variance, n_gate), fail);
    RV_TRY_GOTO(RV_NEW(b->elite, n), fail);
    RV_TRY_GOTO(RV_NEW(b->done, n), fail);
    RV_TRY_GOTO(RV_NEW(b->trusted, n), fail);
    *out = b;
    return RV_OK;
fail:
    rv_branch_destroy(&b);
    return status;
}

void rv_branch_destroy(rv_branch **branch)
{
    rv_branch *b = *branch;
    if (!b)
        return;
    rv_mlp_tape_clear(&b->member_tape);
    rv_mlp_tape_clear(&b->policy_tape);
    rv_mem_free(&b->obs);
    rv_mem_free(&b->grouped);
    rv_mem_free(&b->act);
    rv_mem_free(&b->noise);
    rv_mem_free(&b->x);
    rv_mem_free(&b->scratch);
    rv_mem_free(&b->mean);
    rv_mem_free(&b->logvar);
    rv_mem_free(&b->ends);
    rv_mem_free(&b->one_ends);
    rv_mem_free(&b->next_obs);
    rv_mem_free(&b->reward);
    rv_mem_free(&b->means);
    rv_mem_free(&b->one_logvar);
    rv_mem_free(&b->variance);
    rv_mem_free(&b->elite);
    rv_mem_free(&b->done);
    rv_mem_free(&b->trusted);
    rv_mem_free(branch);
}

/* draw an elite per state and sort the states by it: afterwards state i belongs to elite[i], which never falls */
static void group_by_elite(rv_branch *b, rv_rng *rng, int n, int n_elites, int *start)
{
    size_t width = (size_t)b->shape.row.n_obs;
    int next[64];
    memset(start, 0, (size_t)(n_elites + 1) * sizeof *start);
    for (int i = 0; i < n; i++) {
        b->elite[i] = (int)rv_rng_below(rng, (uint32_t)n_elites);
        start[b->elite[i] + 1]++;
    }
    for (int k = 0; k < n_elites; k++) {
        start[k + 1] += start[k];
        next[k] = start[k];
    }
    for (int i = 0; i < n; i++)
        memcpy(b->grouped + (size_t)next[b->elite[i]]++ * width, b->obs + (size_t)i * width, width * sizeof *b->obs);
    memcpy(b->obs, b->grouped, (size_t)n * width * sizeof *b->obs);
}

/* what a member predicts for states from..to-1, into their rows of mean, logvar and ends; in chunks that stay in
 * cache */
static void predict_rows(rv_branch *b, const rv_branch_source *s, int member, int from, int to, float *mean,
                         float *logvar, float *ends)
{
    const rv_member_shape *shape = &b->shape;
    const size_t n_out = (size_t)shape->n_out;
    for (int i = from; i < to; i += b->member_tape.max_rows) {
        int n = to - i < b->member_tape.max_rows ? to - i : b->member_tape.max_rows;
        rv_member_predict(shape, s->members + member * shape->n_published, n, b->x + (size_t)i * (size_t)shape->n_in,
                          &b->member_tape, b->scratch, mean + (size_t)i * n_out, logvar + (size_t)i * n_out);
        if (shape->ends)
            rv_member_ends(shape, n, &b->member_tape, ends + i);
    }
}

/* Means and log-variances of the drawn elites. With the gate on every member runs on every state, and leaves its means
 * and its share of the variance. */
static void predict(rv_branch *b, const rv_branch_source *s, int n, const int *start)
{
    const size_t n_all = (size_t)n * (size_t)b->shape.n_out;
    if (b->cfg.max_disagreement <= 0) {
        for (int k = 0; k < s->n_elites; k++)
            predict_rows(b, s, s->elites[k], start[k], start[k + 1], b->mean, b->logvar, b->ends);
        return;
    }
    memset(b->variance, 0, n_all * sizeof *b->variance);
    for (int m = 0; m < s->n_members; m++) {
        float *means = b->means + (size_t)m * n_all;
        predict_rows(b, s, m, 0, n, means, b->one_logvar, b->one_ends);
        for (int k = 0; k < s->n_elites; k++) {
            const size_t from = (size_t)start[k] * (size_t)b->shape.n_out;
            const size_t bytes = (size_t)(start[k + 1] - start[k]) * (size_t)b->shape.n_out * sizeof *means;
            if (s->elites[k] != m)
                continue;
            memcpy(b->mean + from, means + from, bytes);
            memcpy(b->logvar + from, b->one_logvar + from, bytes);
            for (int i = start[k]; i < start[k + 1] && b->shape.ends; i++)
                b->ends[i] = b->one_ends[i];
        }
        rv_vector_exp((int)n_all, b->one_logvar, b->one_logvar);
        for (size_t i = 0; i < n_all; i++)
            b->variance[i] += (double)b->one_logvar[i];
    }
}

/* Do the members agree on each of n states well enough to go on? */
static void judge(rv_branch *b, const rv_branch_source *s, int n, unsigned char *is_trusted, rv_branch_stats *stats)
{
    const int n_out = b->shape.n_out;
    const size_t n_all = (size_t)n * (size_t)n_out;
    const double limit = b->cfg.max_disagreement * b->cfg.max_disagreement;
    memset(is_trusted, 1, (size_t)n);
    for (size_t i = 0; i < n_all && b->cfg.max_disagreement > 0; i++) {
        double middle = 0;
        double spread = 0;
        for (int m = 0; m < s->n_members; m++)
            middle += (double)b->means[(size_t)m * n_all + i];
        middle /= s->n_members;
        for (int m = 0; m < s->n_members; m++) {
            const double off = (double)b->means[(size_t)m * n_all + i] - middle;
            spread += off * off;
        }
        bool is_finite = isfinite(spread) && isfinite(b->variance[i]);
        stats->n_lost += !is_finite && is_trusted[i / (size_t)n_out];
        if (!is_finite || spread > limit * b->variance[i])
            is_trusted[i / (size_t)n_out] = 0;
    }
}

/* b->mean becomes a draw from the Gaussian of each state; a deterministic member's is what comes */
static void draw(rv_branch *b, rv_rng *rng, int n_all)
{
    if (b->shape.is_deterministic)
        return;
    rv_vector_normal(rng, n_all, b->noise);
    for (int i = 0; i < n_all; i++)
        b->logvar[i] *= 0.5F;
    rv_vector_exp(n_all, b->logvar, b->logvar);
    for (int i = 0; i < n_all; i++)
        b->mean[i] += b->logvar[i] * b->noise[i];
}

/* whether each of the n next observations ends its episode */
static void judge_ends(rv_branch *b, int n)
{
    memset(b->done, 0, (size_t)n);
    for (int i = 0; i < n && b->shape.ends; i++)
        b->done[i] = b->ends[i] > 0;
    if (b->spec->terminated && !b->shape.ends)
        b->spec->terminated(b->spec, n, b->next_obs, b->done);
}

/* next observations, rewards and ends */
static void sample(rv_branch *b, rv_rng *rng, int n)
{
    int n_out = b->shape.n_out;
    int n_obs = b->shape.row.n_obs;
    draw(b, rng, n * n_out);
    for (int i = 0; i < n; i++) {
        b->reward[i] = b->mean[i * n_out];
        for (int j = 0; j < n_obs; j++)
            b->next_obs[i * n_obs + j] = b->obs[i * n_obs + j] + b->mean[i * n_out + 1 + j];
    }
    if (b->known_reward)
        b->spec->reward(b->spec, n, b->obs, b->act, b->next_obs, b->reward);
    judge_ends(b, n);
}

static void start_states(rv_branch *b, const rv_branch_source *s, rv_rng *rng)
{
    size_t width = (size_t)b->shape.row.n_obs;
    for (int64_t i = 0; i < b->cfg.block; i++) {
        const float *from = s->real + (int64_t)rv_rng_below(rng, (uint32_t)s->n_real) * b->shape.row.width;
        memcpy(b->obs + (size_t)i * width, from, width * sizeof *from);
    }
}

/* one step of the n living branches; the survivors' states move to the front. Returns how many there are. */
static int step(rv_branch *b, const rv_branch_source *s, rv_rng *rng, int n, float *rows, rv_branch_stats *stats)
{
    const rv_row *r = &b->shape.row;
    int start[65];
    int n_alive = 0;
    group_by_elite(b, rng, n, s->n_elites, start);
    rv_vector_normal(rng, n * r->n_act, b->noise);
    rv_policy_net_act(&b->policy_net, s->policy, n, b->obs, b->noise, &b->policy_tape, b->act, NULL);
    for (int i = 0; i < n; i++) {
        float *x = b->x + (size_t)i * (size_t)b->shape.n_in;
        memcpy(x, b->obs + i * r->n_obs, (size_t)r->n_obs * sizeof *x);
        memcpy(x + r->n_obs, b->act + i * r->n_act, (size_t)r->n_act * sizeof *x);
    }
    predict(b, s, n, start);
    judge(b, s, n, b->trusted, stats);
    sample(b, rng, n);
    for (int i = 0; i < n; i++) {
        if (!b->trusted[i]) {
            stats->n_stopped++;
            continue;
        }
        float *row = rows + stats->n_rows++ * r->width;
        memcpy(row, b->x + (size_t)i * (size_t)b->shape.n_in, (size_t)b->shape.n_in * sizeof *row);
        memcpy(row + r->next_obs, b->next_obs + i * r->n_obs, (size_t)r->n_obs * sizeof *row);
        row[r->reward] = b->reward[i];
        row[r->terminated] = b->done[i] ? 1.0F : 0.0F;
        stats->n_terminated += b->done[i];
        if (!b->done[i])
            memcpy(b->obs + n_alive++ * r->n_obs, b->next_obs + i * r->n_obs, (size_t)r->n_obs * sizeof *row);
    }
    return n_alive;
}

/* rows that hold a number that is not finite leave, the others move up */
static void leave_out(const rv_branch *b, float *rows, rv_branch_stats *stats)
{
    const int width = b->shape.row.width;
    int64_t n = 0;
    for (int64_t i = 0; i < stats->n_rows; i++)
        if (rv_vector_is_finite(width, rows + i * width))
            memmove(rows + n++ * width, rows + i * width, (size_t)width * sizeof *rows);
    stats->n_lost += stats->n_rows - n;
    stats->n_rows = n;
}

rv_status rv_branch_run(rv_branch *branch, const rv_branch_source *source, int block, float *rows,
                        rv_branch_stats *stats)
{
    rv_branch *b = branch;
    rv_branch_stats total = {0};
    int n = (int)b->cfg.block;
    for (int depth = 0; depth < source->length && n > 0; depth++) {
        rv_rng rng = rv_rng_at(source->seed, RV_STREAM_BRANCH, (uint32_t)block,
                               ((uint64_t)source->retrain << 20) | (unsigned)depth);
        if (depth == 0)
            start_states(b, source, &rng);
        n = step(b, source, &rng, n, rows, &total);
        rv_pulse_beat();
    }
    if (!rv_vector_is_finite(total.n_rows * b->shape.row.width, rows))
        leave_out(b, rows, &total);
    RV_CHECK(total.n_rows > 0 || total.n_lost == 0, RV_E_NONFINITE,
             "block %d: all that the model imagined is not finite (fit %lld); lower model.learning_rate or "
             "rollout.length_end",
             block, (long long)source->retrain);
    *stats = total;
    return RV_OK;
}
