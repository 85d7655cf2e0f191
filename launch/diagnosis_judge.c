#include "launch/diagnosis_judge.h"

#include "base/memory.h"
#include "model/holdout.h"

#include <math.h>

/* rows in lists of their numbers */
typedef struct rows {
    int64_t n;
    uint32_t *at; /* (n) */
} rows;

/* the split of the last fit: what it kept out, then what it learned from */
typedef struct split {
    int64_t n_held;
    uint32_t *at; /* (n_fitted) */
} split;

static rv_status make_split(const rv_diagnosis *d, split *out)
{
    const rv_config *cfg = &d->trained.config;
    RV_TRY(RV_NEW(out->at, d->n_fitted));
    out->n_held = rv_holdout_rows(&cfg->model, d->n_fitted);
    rv_holdout_split(&cfg->model, (uint64_t)cfg->root.seed, d->n_fits - 1, d->n_fitted, out->at);
    return RV_OK;
}

/* ---- one step ---- */

/* Of n numbers (at; NULL: from `first` on), RV_DIAGNOSIS_ROWS spread evenly. */
static rv_status spread(int64_t n, const uint32_t *at, int64_t first, rows *out)
{
    out->n = n < RV_DIAGNOSIS_ROWS ? n : RV_DIAGNOSIS_ROWS;
    RV_TRY(RV_NEW(out->at, out->n));
    for (int64_t i = 0; i < out->n; i++) {
        int64_t k = i * n / out->n;
        out->at[i] = at ? at[k] : (uint32_t)(first + k);
    }
    return RV_OK;
}

static rv_status judge(const rv_diagnosis *d, int64_t n, const uint32_t *at, int64_t first, rv_judgement *out)
{
    rows judged = {.n = 0};
    RV_TRY(spread(n, at, first, &judged));
    const rv_judgement_source source = {.ensemble = &d->ensemble,
                                        .known_reward = d->trained.config.model.known_reward,
                                        .rows = d->table.rows,
                                        .n = judged.n,
                                        .at = judged.at,
                                        .n_reference = d->n_fitted};
    rv_status status = rv_judgement_make(&source, out);
    rv_mem_free(&judged.at);
    return status;
}

static rv_status square_on(const rv_diagnosis *d, int64_t n, const uint32_t *at, double *out)
{
    rv_judgement judged = {.n = 0};
    RV_TRY(judge(d, n, at, 0, &judged));
    *out = judged.square;
    rv_judgement_clear(&judged);
    return RV_OK;
}

static rv_status judge_steps(rv_diagnosis *d, const split *s)
{
    const int64_t n_fresh = d->table.n_rows - d->n_fitted;
    d->judged_by = n_fresh >= RV_DIAGNOSIS_FRESH ? RV_ROWS_FRESH : RV_ROWS_HELD_OUT;
    if (d->judged_by == RV_ROWS_FRESH)
        RV_TRY(judge(d, n_fresh, NULL, d->n_fitted, &d->judged));
    else
        RV_TRY(judge(d, s->n_held, s->at, 0, &d->judged));
    RV_TRY(square_on(d, s->n_held, s->at, &d->holdout_error));
    RV_TRY(square_on(d, d->n_fitted - s->n_held, s->at + s->n_held, &d->train_error));
    RV_TRY(rv_spearman(d->judged.n, d->judged.disagreement, d->judged.error, &d->rank_correlation));
    return rv_bins(d->judged.n, d->judged.disagreement, d->judged.error, RV_DIAGNOSIS_BINS, d->bins);
}

/* ---- many steps ---- */

/* rows of steps that all environments have made: there they take turns */
static int64_t whole_rows(const rv_diagnosis *d)
{
    const int64_t n_envs = d->trained.config.env.count;
    int64_t n = 0;
    while (n < d->table.n_rows && d->table.labels[n].env == n % n_envs)
        n++;
    return n / n_envs * n_envs;
}

/* the length in use alone would show too little */
static int steps_wanted(const rv_diagnosis *d)
{
    const rv_point *length = rv_history_last(&d->history, RV_M_IMAGINE_LENGTH, INT64_MAX);
    int steps = length ? (int)length->mean : 1;
    return steps > RV_DIAGNOSIS_STEPS ? steps : RV_DIAGNOSIS_STEPS;
}

static rv_status run_card(rv_diagnosis *d, int64_t n_held, const uint32_t *held)
{
    const rv_config *cfg = &d->trained.config;
    const rv_sac *sac = d->trained.learner;
    const rv_card_setup setup = {.steps = steps_wanted(d),
                                 .n_members = d->ensemble.n_members,
                                 .count = (int)cfg->env.count,
                                 .max_rows = d->table.n_rows,
                                 .discount = cfg->policy.discount,
                                 .known_reward = cfg->model.known_reward,
                                 .shape = &d->ensemble.shape,
                                 .spec = rv_env_spec_of(d->trained.env),
                                 .policy_net = &sac->actor,
                                 .critic_net = &sac->critic};
    const rv_card_source source = {.members = d->ensemble.members,
                                   .n_elites = d->ensemble.n_elites,
                                   .elites = d->ensemble.elites,
                                   .n_rows = whole_rows(d),
                                   .rows = d->table.rows,
                                   .n_held = n_held,
                                   .held = held,
                                   .policy = sac->params,
                                   .critics = sac->params + sac->n_actor};
    RV_TRY(rv_card_create(&setup, &d->card_work));
    return rv_card_run(d->card_work, &source, &d->card);
}

/* on the rows from that one on */
static rv_status run_card_from(rv_diagnosis *d, int64_t from)
{
    rows held = {.n = whole_rows(d) - from};
    RV_TRY(RV_NEW(held.at, held.n));
    for (int64_t i = 0; i < held.n; i++)
        held.at[i] = (uint32_t)(from + i);
    rv_status status = run_card(d, held.n, held.at);
    rv_mem_free(&held.at);
    return status;
}

static rv_status judge_horizons(rv_diagnosis *d, const split *s)
{
    const rv_config *cfg = &d->trained.config;
    const int64_t n = whole_rows(d);
    d->card_by = n - d->n_fitted >= RV_DIAGNOSIS_FRESH              ? RV_ROWS_FRESH
                 : cfg->model.holdout_segment >= 2 * cfg->env.count ? RV_ROWS_HELD_OUT
                                                                    : RV_ROWS_NEWEST;
    if (d->card_by == RV_ROWS_HELD_OUT)
        return run_card(d, s->n_held, s->at);
    int64_t newest = n > RV_DIAGNOSIS_NEWEST ? n - RV_DIAGNOSIS_NEWEST : 0;
    return run_card_from(d, d->card_by == RV_ROWS_FRESH ? d->n_fitted : newest);
}

rv_status rv_diagnosis_judge(rv_diagnosis *d)
{
    split s = {.n_held = 0};
    rv_status status = make_split(d, &s);
    if (status == RV_OK)
        status = judge_steps(d, &s);
    if (status == RV_OK)
        status = judge_horizons(d, &s);
    rv_mem_free(&s.at);
    return status;
}
