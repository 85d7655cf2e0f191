#include "launch/values.h"

#include "base/memory.h"
#include "math/vector.h"
#include "nn/policy_net.h"

#include <math.h>
#include <string.h>

enum { ROWS = RV_VALUE_SAMPLES }; /* of one forward pass */

typedef struct judge {
    const rv_sac *sac;
    const rv_journal_table *table;
    uint64_t seed;
    double alpha;
    rv_mlp_tape actor_tape, critic_tape;
    float *obs, *act, *noise, *logp; /* (ROWS, n_obs), (ROWS, n_act) twice, (ROWS) */
    float *obs_act;                  /* (ROWS, n_obs + n_act) */
    double *q;                       /* (ROWS) */
    int64_t *next;                   /* (n_rows) the environment's next row; -1: there is none */
    int64_t *last_of;                /* (environments) */
} judge;

static void clear_judge(judge *j)
{
    rv_mlp_tape_clear(&j->actor_tape);
    rv_mlp_tape_clear(&j->critic_tape);
    rv_mem_free(&j->obs);
    rv_mem_free(&j->act);
    rv_mem_free(&j->noise);
    rv_mem_free(&j->logp);
    rv_mem_free(&j->obs_act);
    rv_mem_free(&j->q);
    rv_mem_free(&j->next);
    rv_mem_free(&j->last_of);
}

static rv_status make_judge(judge *j)
{
    const rv_row *r = &j->table->row;
    RV_TRY(rv_mlp_tape_create_forward(&j->sac->actor, ROWS, &j->actor_tape));
    RV_TRY(rv_mlp_tape_create_forward(&j->sac->critic, ROWS, &j->critic_tape));
    RV_TRY(RV_NEW(j->obs, ROWS * r->n_obs));
    RV_TRY(RV_NEW(j->act, ROWS * r->n_act));
    RV_TRY(RV_NEW(j->noise, ROWS * r->n_act));
    RV_TRY(RV_NEW(j->logp, ROWS));
    RV_TRY(RV_NEW(j->obs_act, ROWS * (r->n_obs + r->n_act)));
    RV_TRY(RV_NEW(j->q, ROWS));
    return RV_NEW(j->next, j->table->n_rows);
}

/* ---- the learner's word ---- */

/* j->q of the first n of j->obs and j->act */
static void judge_actions(judge *j, int n)
{
    const rv_row *r = &j->table->row;
    for (int i = 0; i < n; i++) {
        float *x = j->obs_act + i * (r->n_obs + r->n_act);
        memcpy(x, j->obs + i * r->n_obs, (size_t)r->n_obs * sizeof *x);
        memcpy(x + r->n_obs, j->act + i * r->n_act, (size_t)r->n_act * sizeof *x);
    }
    for (int k = 0; k < 2; k++) {
        const float *params = j->sac->params + j->sac->n_actor + k * j->sac->critic.n_params;
        const float *q = rv_mlp_forward(&j->sac->critic, params, n, j->obs_act, &j->critic_tape);
        for (int i = 0; i < n; i++)
            j->q[i] = k == 0 ? (double)q[i] : fmin(j->q[i], (double)q[i]);
    }
}

/* j->act and j->logp of the first n of j->obs */
static void draw_actions(judge *j, rv_rng *rng, int n)
{
    rv_vector_normal(rng, n * j->table->row.n_act, j->noise);
    rv_policy_net_act(&j->sac->actor, j->sac->params, n, j->obs, j->noise, &j->actor_tape, j->act, j->logp);
}

static void set_obs(judge *j, int i, const float *obs)
{
    size_t n = (size_t)j->table->row.n_obs;
    memcpy(j->obs + (size_t)i * n, obs, n * sizeof *obs);
}

static double promised_at(judge *j, const float *row)
{
    set_obs(j, 0, row);
    memcpy(j->act, row + j->table->row.act, (size_t)j->table->row.n_act * sizeof *row);
    judge_actions(j, 1);
    return j->q[0];
}

static double value_of(judge *j, rv_rng *rng, const float *obs)
{
    double sum = 0;
    for (int i = 0; i < RV_VALUE_SAMPLES; i++)
        set_obs(j, i, obs);
    draw_actions(j, rng, RV_VALUE_SAMPLES);
    judge_actions(j, RV_VALUE_SAMPLES);
    for (int i = 0; i < RV_VALUE_SAMPLES; i++)
        sum += j->q[i] - j->alpha * (double)j->logp[i];
    return sum / RV_VALUE_SAMPLES;
}

/* ---- what came of it ---- */

static const float *row_at(const judge *j, int64_t at)
{
    return j->table->rows + at * j->table->row.width;
}

/* the row after this one in its episode; -1 when it is the last */
static int64_t next_in_episode(const judge *j, int64_t at)
{
    int64_t next = j->next[at];
    return next >= 0 && j->table->labels[next].episode == j->table->labels[at].episode ? next : -1;
}

/* what entropy pays over the episode's later rows, before alpha */
static double entropy_paid(judge *j, rv_rng *rng, int64_t first)
{
    double factor = 1;
    double sum = 0;
    int64_t at = next_in_episode(j, first);
    while (at >= 0) {
        int n = 0;
        for (; at >= 0 && n < ROWS; at = next_in_episode(j, at))
            set_obs(j, n++, row_at(j, at));
        draw_actions(j, rng, n);
        for (int i = 0; i < n; i++) {
            factor *= j->sac->cfg.discount;
            sum -= factor * (double)j->logp[i];
        }
    }
    return sum;
}

/* Judge the episode that begins at that row. @return false when it has too few rows to be judged */
static bool judge_episode(judge *j, int64_t first, rv_value *out)
{
    const double discount = j->sac->cfg.discount;
    const int reward = j->table->row.reward;
    rv_value v = {.at = first};
    rv_rng rng = rv_rng_at(j->seed, RV_STREAM_DIAGNOSE, 0, (uint64_t)first);
    double factor = 1;
    int64_t last = first;
    for (int64_t at = first; at >= 0; at = next_in_episode(j, at)) {
        v.rewards += factor * (double)row_at(j, at)[reward];
        factor *= discount;
        v.length++;
        last = at;
    }
    bool is_cut = !j->table->labels[last].terminated;
    if (is_cut && (double)v.length * (1 - discount) < 1 - 1e-9)
        return false;
    v.promised = promised_at(j, row_at(j, first));
    v.bootstrap = is_cut ? factor * value_of(j, &rng, row_at(j, last) + j->table->row.next_obs) : 0;
    v.achieved = v.rewards + j->alpha * entropy_paid(j, &rng, first) + v.bootstrap;
    *out = v;
    return true;
}

/* from the newest back, then in the order of time */
static void judge_starts(judge *j, int64_t from, int most, rv_values *out)
{
    for (int64_t at = j->table->n_rows - 1; at >= from && out->n < most; at--)
        if (j->table->labels[at].begins && judge_episode(j, at, &out->values[out->n]))
            out->n++;
    for (int i = 0; i < out->n / 2; i++) {
        rv_value v = out->values[i];
        out->values[i] = out->values[out->n - 1 - i];
        out->values[out->n - 1 - i] = v;
    }
}

static rv_status link_rows(judge *j)
{
    int64_t n_envs = 0;
    for (int64_t i = 0; i < j->table->n_rows; i++)
        n_envs = j->table->labels[i].env < n_envs ? n_envs : j->table->labels[i].env + 1;
    RV_TRY(RV_NEW(j->last_of, n_envs));
    for (int64_t e = 0; e < n_envs; e++)
        j->last_of[e] = -1;
    for (int64_t i = j->table->n_rows - 1; i >= 0; i--) {
        int64_t *last = &j->last_of[j->table->labels[i].env];
        j->next[i] = *last;
        *last = i;
    }
    return RV_OK;
}

static void summarise(rv_values *v)
{
    double square = 0;
    v->promised = v->achieved = v->bootstrap = 0;
    for (int i = 0; i < v->n; i++) {
        v->promised += v->values[i].promised / v->n;
        v->achieved += v->values[i].achieved / v->n;
        v->bootstrap += v->values[i].bootstrap / v->n;
    }
    for (int i = 0; i < v->n; i++)
        square += (v->values[i].achieved - v->achieved) * (v->values[i].achieved - v->achieved) / v->n;
    v->spread = sqrt(square);
    if (v->n == 0)
        v->promised = v->achieved = v->bootstrap = v->spread = (double)NAN;
}

rv_status rv_values_at_starts(const rv_sac *sac, uint64_t seed, const rv_journal_table *table, int64_t from, int most,
                              rv_values *out)
{
    rv_status status = RV_OK;
    rv_values values = {.n = 0};
    judge j = {.sac = sac, .table = table, .seed = seed, .alpha = rv_sac_alpha(sac)};
    RV_TRY_GOTO(make_judge(&j), done);
    RV_TRY_GOTO(link_rows(&j), done);
    RV_TRY_GOTO(RV_NEW(values.values, most), done);
    judge_starts(&j, from, most, &values);
    summarise(&values);
    *out = values;
done:
    if (status != RV_OK)
        rv_values_clear(&values);
    clear_judge(&j);
    return status;
}

void rv_values_clear(rv_values *values)
{
    rv_mem_free(&values->values);
    values->n = 0;
}
