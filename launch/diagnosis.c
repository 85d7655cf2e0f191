#include "launch/diagnosis.h"

#include "launch/diagnosis_judge.h"
#include "run/schedule.h"

#include <math.h>

/* ---- what there is ---- */

static rv_status read_table(rv_diagnosis *d)
{
    rv_journal_info info;
    const rv_env_spec *spec = rv_env_spec_of(d->trained.env);
    const rv_journal_shape shape = {.n_obs = spec->n_obs,
                                    .n_act = spec->n_act,
                                    .n_envs = (int)d->trained.config.env.count,
                                    .config_hash = d->trained.checkpoint.config_hash};
    d->table.row = rv_row_of(spec->n_obs, spec->n_act);
    RV_TRY(rv_journal_read(d->run, &shape, NULL, NULL, &info));
    rv_status status = info.n_rows > 0 ? rv_journal_table_load(d->run, &info, &d->table) : RV_OK;
    rv_journal_info_clear(&info);
    return status;
}

static rv_status read_records(rv_diagnosis *d)
{
    char path[RV_PATH];
    RV_TRY(rv_path_join(d->run, "metrics.jsonl", path));
    RV_TRY(rv_history_read(path, &d->history));
    if (d->history.n_records == 0)
        return RV_OK;
    rv_status status = rv_ledger_read(path, -1, &d->ledger);
    d->has_ledger = status == RV_OK;
    return status == RV_E_NOINPUT ? RV_OK : status;
}

static rv_status read_model(rv_diagnosis *d)
{
    const rv_point *last = rv_history_last(&d->history, RV_M_MODEL_ROWS, d->trained.checkpoint.tick);
    if (!last)
        return RV_OK;
    d->n_fits = rv_history_count(&d->history, RV_M_MODEL_ROWS, d->trained.checkpoint.tick);
    d->n_fitted = (int64_t)last->mean;
    RV_CHECK(d->n_fitted <= d->table.n_rows, RV_E_DATA,
             "%s: the last fit was on %lld real rows, the journal holds %lld", d->run, (long long)d->n_fitted,
             (long long)d->table.n_rows);
    RV_TRY(rv_ensemble_load(&d->trained, &d->ensemble));
    d->has_model = true;
    return rv_diagnosis_judge(d);
}

/* ---- numbers for the advice ---- */

static double last_of(const rv_diagnosis *d, rv_metric metric)
{
    const rv_point *p = rv_history_last(&d->history, metric, INT64_MAX);
    return p ? p->mean : (double)NAN;
}

/* updates between the first and the last record of them */
static double updates_per_step(const rv_series *updates)
{
    if (updates->n < 2)
        return (double)NAN;
    const rv_point *first = &updates->points[0];
    const rv_point *last = &updates->points[updates->n - 1];
    return (last->mean - first->mean) / (double)(last->step - first->step);
}

static void take_numbers(rv_diagnosis *d)
{
    const rv_config *cfg = &d->trained.config;
    rv_advice_numbers *n = &d->numbers;
    double updates = last_of(d, RV_M_N_UPDATES);
    n->n_updates = isnan(updates) ? 0 : updates;
    n->updates_per_step = updates_per_step(&d->history.of[RV_M_N_UPDATES]);
    n->length = last_of(d, RV_M_IMAGINE_LENGTH);
    n->imagined_share = rv_history_recent(&d->history, RV_M_IMAGINED_SHARE, RV_DIAGNOSIS_RECENT);
    n->gate = cfg->rollout.max_disagreement;
    n->stopped_share = rv_history_recent(&d->history, RV_M_IMAGINE_STOPPED, RV_DIAGNOSIS_RECENT);
    n->promised = d->values.promised;
    n->achieved = d->values.achieved;
    n->achieved_spread = d->values.spread;
}

static void take_model(rv_diagnosis *d)
{
    rv_advice_numbers *n = &d->numbers;
    const rv_card_report *c = &d->card;
    n->rank_correlation = d->rank_correlation;
    n->train_error = d->train_error;
    n->holdout_error = d->holdout_error;
    n->fresh_error = d->judged_by == RV_ROWS_FRESH ? d->judged.square : (double)NAN;
    n->explained = d->judged.explained;
    n->z_square = d->judged.z_square;
    int length = n->length >= 1 && n->length <= c->n ? (int)n->length : 0;
    if (length == 0 || c->windows[length] < RV_CARD_LEAST)
        return;
    n->model_cost = c->model_cost[length];
    n->critic_cost = c->critic_cost[length];
    n->error = c->error[length];
    n->naive = c->naive[length];
}

static rv_status make(rv_diagnosis *d)
{
    RV_TRY(rv_trained_open(d->run, 0, NULL, &d->trained));
    RV_TRY(read_records(d));
    RV_TRY(read_table(d));
    RV_TRY(read_model(d));
    const rv_config *cfg = &d->trained.config;
    RV_TRY(rv_values_at_starts(d->trained.learner, (uint64_t)cfg->root.seed, &d->table, cfg->schedule.warmup_steps,
                               RV_DIAGNOSIS_STARTS, &d->values));
    d->numbers = rv_advice_nothing();
    take_numbers(d);
    if (d->has_model)
        take_model(d);
    d->n_advice = rv_advise(&d->numbers, d->advice);
    return RV_OK;
}

rv_status rv_diagnosis_make(const char *run, rv_diagnosis *out)
{
    out->run = run;
    return make(out);
}

bool rv_diagnosis_is_model_free(const rv_diagnosis *d)
{
    const rv_config *cfg = &d->trained.config;
    const rv_schedule schedule = {&cfg->schedule, &cfg->rollout, &cfg->policy, cfg->eval.every_steps};
    return !rv_schedule_imagines(&schedule);
}

void rv_diagnosis_clear(rv_diagnosis *d)
{
    rv_values_clear(&d->values);
    rv_card_destroy(&d->card_work);
    rv_judgement_clear(&d->judged);
    rv_ensemble_clear(&d->ensemble);
    rv_ledger_clear(&d->ledger);
    rv_journal_table_clear(&d->table);
    rv_history_clear(&d->history);
    rv_trained_close(&d->trained);
}
