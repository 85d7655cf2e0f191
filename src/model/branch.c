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
    rv_lesson lesson;
    rv_row row;    /* with its tail, if it has one */
    bool asks_all; /* do all members run? */
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
    int *elite;                    /* (block) position in elites */
    unsigned char *done, *trusted; /* (block) */
    /* where all members run */
    float *means;         /* (members, block, n_out) of all */
    float *one_logvar;    /* (block, n_out) of one member */
    double *variance;     /* (block, n_out) sum over the members */
    rv_opinion *opinions; /* (block) */
    /* where rows have a tail */
    float *logp;                  /* (block) of the actions */
    int64_t *newest, *old_newest; /* (block) number of the branch's last row, -1: none; before the states are sorted */
    int64_t *next;                /* (block * length_end) number of the row after this one, -1: none */
};

bool rv_branch_asks_all(const rv_rollout_cfg *cfg, const rv_lesson *lesson)
{
    return cfg->max_disagreement > 0 || lesson->confidence > 0;
}

rv_gate rv_branch_gate(const rv_rollout_cfg *cfg)
{
    return (rv_gate){.full = cfg->full_disagreement > 0 ? cfg->full_disagreement : cfg->max_disagreement,
                     .max = cfg->max_disagreement};
}

/* what only some settings need */
static rv_status create_options(rv_branch *b, int n_members)
{
    const size_t n = (size_t)b->cfg.block;
    const size_t n_all = b->asks_all ? n * (size_t)b->shape.n_out : 0;
    const size_t n_tail = b->row.whole > b->row.width ? n : 0;
    RV_TRY(RV_NEW(b->means, (size_t)n_members * n_all));
    RV_TRY(RV_NEW(b->one_logvar, n_all));
    RV_TRY(RV_NEW(b->variance, n_all));
    RV_TRY(RV_NEW(b->opinions, b->asks_all ? n : 0));
    RV_TRY(RV_NEW(b->logp, n_tail));
    RV_TRY(RV_NEW(b->newest, n_tail));
    RV_TRY(RV_NEW(b->old_newest, n_tail));
    return RV_NEW(b->next, n_tail * (size_t)b->cfg.length_end);
}

rv_status rv_branch_create(const rv_rollout_cfg *cfg, int n_members, const rv_member_shape *shape,
                           const rv_mlp *policy_net, const rv_env_spec *spec, bool known_reward,
                           const rv_lesson *lesson, rv_branch **out)
{
    rv_status status = RV_OK;
    rv_branch *b = NULL;
    const rv_row *row = &shape->row;
    size_t n = (size_t)cfg->block;
    RV_TRY(RV_NEW(b, 1));
    b->cfg = *cfg;
    b->shape = *shape;
    b->lesson = *lesson;
    b->row = rv_row_for(shape->row, lesson);
    b->asks_all = rv_branch_asks_all(cfg, lesson);
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
    RV_TRY_GOTO(RV_NEW(b->elite, n), fail);
    RV_TRY_GOTO(RV_NEW(b->done, n), fail);
    RV_TRY_GOTO(RV_NEW(b->trusted, n), fail);
    RV_TRY_GOTO(create_options(b, n_members), fail);
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
    rv_mem_free(&b->opinions);
    rv_mem_free(&b->logp);
    rv_mem_free(&b->newest);
    rv_mem_free(&b->old_newest);
    rv_mem_free(&b->next);
    rv_mem_free(branch);
}

/* draw an elite per state and sort the states by it: afterwards state i belongs to elite[i], which never falls */
static void group_by_elite(rv_branch *b, rv_rng *rng, int n, int n_elites, int *start)
{
    size_t width = (size_t)b->shape.row.n_obs;
    const bool is_linked = b->row.whole > b->row.width;
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
    if (is_linked)
        memcpy(b->old_newest, b->newest, (size_t)n * sizeof *b->newest);
    for (int i = 0; i < n; i++) {
        const int to = next[b->elite[i]]++;
        memcpy(b->grouped + (size_t)to * width, b->obs + (size_t)i * width, width * sizeof *b->obs);
        if (is_linked)
            b->newest[to] = b->old_newest[i];
    }
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

/* Means and log-variances of the drawn elites. Where all members are asked, each runs on every state, and leaves its
 * means and its share of the variance. */
static void predict(rv_branch *b, const rv_branch_source *s, int n, const int *start)
{
    const size_t n_all = (size_t)n * (size_t)b->shape.n_out;
    if (!b->asks_all) {
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

/* Do the members agree on each of n states well enough to go on at this depth? */
static void judge(rv_branch *b, const rv_branch_source *s, int depth, int n, rv_branch_stats *stats)
{
    const int n_out = b->shape.n_out;
    const rv_gate *gate = &s->standard.gate;
    const bool has_gate = b->cfg.max_disagreement > 0;
    const bool is_hard = gate->full >= gate->max;
    memset(b->trusted, 1, (size_t)n);
    for (int i = 0; i < n && b->asks_all; i++) {
        const size_t at = (size_t)i * (size_t)n_out;
        rv_opinion *o = &b->opinions[i];
        *o = rv_trust_ask(s->n_members, n_out, (int64_t)n * n_out, b->means + at, b->variance + at,
                          s->standard.per_output, gate->max * gate->max);
        stats->n_lost += !o->is_finite;
        if (!o->is_finite)
            b->trusted[i] = 0;
        else if (has_gate)
            b->trusted[i] = is_hard ? !o->exceeds : rv_gate_passes(gate, s->length, depth, o->d);
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
    const bool is_linked = b->row.whole > b->row.width;
    for (int64_t i = 0; i < b->cfg.block; i++) {
        if (is_linked)
            b->newest[i] = -1;
        const float *from = s->real + (int64_t)rv_rng_below(rng, (uint32_t)s->n_real) * b->shape.row.width;
        memcpy(b->obs + (size_t)i * width, from, width * sizeof *from);
    }
}

/* the tail of a row that stands for one step, but for the entropy of its own action, which others add up */
static void fill_tail(rv_branch *b, int i, int64_t number, float *row)
{
    const double doubt = b->lesson.confidence > 0 ? b->opinions[i].d / b->lesson.confidence : 0;
    row[b->row.weight] = (float)(1 / (1 + doubt * doubt));
    row[b->row.discount] = (float)b->lesson.discount;
    row[b->row.entropy] = -b->logp[i];
    b->next[number] = -1;
    if (b->newest[i] >= 0)
        b->next[b->newest[i]] = number;
}

/* sums over the rows made; rv_branch_run divides */
static void count_opinion(const rv_opinion *o, rv_branch_stats *stats)
{
    stats->n_judged++;
    stats->disagreement += o->d;
    stats->epistemic += o->epistemic;
    stats->aleatoric += o->aleatoric;
}

/* the row of state i, which may go on */
static void make_row(rv_branch *b, int i, float *rows, rv_branch_stats *stats)
{
    const rv_row *r = &b->row;
    const int64_t number = stats->n_rows++;
    float *row = rows + number * r->whole;
    memcpy(row, b->x + (size_t)i * (size_t)b->shape.n_in, (size_t)b->shape.n_in * sizeof *row);
    memcpy(row + r->next_obs, b->next_obs + i * r->n_obs, (size_t)r->n_obs * sizeof *row);
    row[r->reward] = b->reward[i];
    row[r->terminated] = b->done[i] ? 1.0F : 0.0F;
    stats->n_terminated += b->done[i];
    if (r->whole > r->width)
        fill_tail(b, i, number, row);
    if (b->asks_all)
        count_opinion(&b->opinions[i], stats);
}

static void count_stop(int depth, rv_branch_stats *stats)
{
    int k = depth < 2 ? depth : 2;
    for (int most = 2; depth > most && k < RV_BRANCH_STOPS - 1; most *= 2)
        k++;
    stats->n_stopped++;
    stats->stops[k]++;
}

/* one step of the n living branches; the survivors' states move to the front. Returns how many there are. */
static int step(rv_branch *b, const rv_branch_source *s, rv_rng *rng, int depth, int n, float *rows,
                rv_branch_stats *stats)
{
    const rv_row *r = &b->row;
    int start[65];
    int n_alive = 0;
    group_by_elite(b, rng, n, s->n_elites, start);
    rv_vector_normal(rng, n * r->n_act, b->noise);
    rv_policy_net_act(&b->policy_net, s->policy, n, b->obs, b->noise, &b->policy_tape, b->act,
                      r->whole > r->width ? b->logp : NULL);
    for (int i = 0; i < n; i++) {
        float *x = b->x + (size_t)i * (size_t)b->shape.n_in;
        memcpy(x, b->obs + i * r->n_obs, (size_t)r->n_obs * sizeof *x);
        memcpy(x + r->n_obs, b->act + i * r->n_act, (size_t)r->n_act * sizeof *x);
    }
    predict(b, s, n, start);
    judge(b, s, depth, n, stats);
    sample(b, rng, n);
    for (int i = 0; i < n; i++) {
        if (!b->trusted[i]) {
            count_stop(depth, stats);
            continue;
        }
        make_row(b, i, rows, stats);
        if (b->done[i])
            continue;
        if (r->whole > r->width)
            b->newest[n_alive] = stats->n_rows - 1;
        memcpy(b->obs + n_alive++ * r->n_obs, b->next_obs + i * r->n_obs, (size_t)r->n_obs * sizeof *rows);
    }
    return n_alive;
}

/* ---- tails ---- */

/* no step: the state's own value */
static void take_no_step(const rv_row *r, float *row)
{
    memcpy(row + r->next_obs, row, (size_t)r->n_obs * sizeof *row);
    row[r->reward] = 0;
    row[r->terminated] = 0;
    row[r->weight] = 1;
    row[r->discount] = 1;
    row[r->entropy] = 0;
}

/* this row and up to `most` - 1 after it become one */
static void take_steps(const rv_branch *b, int64_t number, int64_t most, float *rows)
{
    const rv_row *r = &b->row;
    float *row = rows + number * r->whole;
    const float *last = row;
    float weight = row[r->weight];
    double worth = b->lesson.discount;
    double reward = (double)row[r->reward];
    double entropy = 0;
    int64_t at = b->next[number];
    for (int64_t j = 1; j < most && at >= 0; j++, at = b->next[at]) {
        last = rows + at * r->whole;
        reward += worth * (double)last[r->reward];
        entropy += worth * (double)last[r->entropy];
        worth *= b->lesson.discount;
        weight = last[r->weight] < weight ? last[r->weight] : weight;
    }
    if (last != row)
        memcpy(row + r->next_obs, last + r->next_obs, (size_t)r->n_obs * sizeof *row);
    row[r->reward] = (float)reward;
    row[r->terminated] = last[r->terminated];
    row[r->weight] = weight;
    row[r->discount] = b->lesson.is_return ? 0 : (float)worth;
    row[r->entropy] = (float)entropy;
}

/* a row is read by those before it, which are done when it changes */
static void finish_tails(const rv_branch *b, int length, int64_t n, float *rows)
{
    const int64_t most = b->lesson.is_return ? length : b->lesson.steps;
    for (int64_t i = 0; i < n; i++)
        if (most > 0)
            take_steps(b, i, most, rows);
        else
            take_no_step(&b->row, rows + i * b->row.whole);
}

/* rows that hold a number that is not finite leave, the others move up */
static void leave_out(const rv_branch *b, float *rows, rv_branch_stats *stats)
{
    const int width = b->row.whole;
    int64_t n = 0;
    for (int64_t i = 0; i < stats->n_rows; i++)
        if (rv_vector_is_finite(width, rows + i * width))
            memmove(rows + n++ * width, rows + i * width, (size_t)width * sizeof *rows);
    stats->n_lost += stats->n_rows - n;
    stats->n_rows = n;
}

/* sums become means */
static void finish_stats(const rv_branch *b, const float *rows, rv_branch_stats *stats)
{
    const double per_row = stats->n_judged > 0 ? 1 / (double)stats->n_judged : 0;
    stats->disagreement *= per_row;
    stats->epistemic = sqrt(stats->epistemic * per_row);
    stats->aleatoric = sqrt(stats->aleatoric * per_row);
    if (b->row.whole == b->row.width || stats->n_rows == 0)
        return;
    for (int64_t i = 0; i < stats->n_rows; i++)
        stats->weight += (double)rows[i * b->row.whole + b->row.weight];
    stats->weight /= (double)stats->n_rows;
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
        n = step(b, source, &rng, depth, n, rows, &total);
        rv_pulse_beat();
    }
    if (b->row.whole > b->row.width)
        finish_tails(b, source->length, total.n_rows, rows);
    if (!rv_vector_is_finite(total.n_rows * b->row.whole, rows))
        leave_out(b, rows, &total);
    RV_CHECK(total.n_rows > 0 || total.n_lost == 0, RV_E_NONFINITE,
             "block %d: all that the model imagined is not finite (fit %lld); lower model.learning_rate or "
             "rollout.length_end",
             block, (long long)source->retrain);
    finish_stats(b, rows, &total);
    *stats = total;
    return RV_OK;
}
