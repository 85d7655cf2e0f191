#include "launch/diagnosis_page.h"

#include "base/memory.h"
#include "launch/history_chart.h"
#include "run/feed_file.h"
#include "run/starts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- head ---- */

/* the name of the folder, also when it was given as "." or with a slash behind */
static void name_of(const char *run, char out[RV_PATH])
{
    char *whole = realpath(run, NULL);
    const char *path = whole ? whole : run;
    const char *slash = strrchr(path, '/');
    snprintf(out, RV_PATH, "%s", slash && slash[1] ? slash + 1 : path);
    free(whole);
}

static void say_advice(const rv_diagnosis *d, rv_page *page)
{
    if (d->n_advice == 0)
        rv_page_note(page, RV_PAGE_GOOD, "nothing to complain about",
                     "No number of this run is beyond its threshold; what was not measured is named below.");
    for (int i = 0; i < d->n_advice; i++)
        rv_page_note(page, RV_PAGE_WARN, d->advice[i].title, "%s", d->advice[i].text);
}

static void say_state(const rv_diagnosis *d, rv_page *page)
{
    char ended[RV_STARTS_TEXT];
    rv_feed_file feed;
    int64_t starts = rv_starts_last(d->run, ended);
    if (*ended)
        rv_page_fact(page, "ended", "%s (start %lld)", ended, (long long)starts);
    else if (rv_feed_file_read(d->run, &feed) == RV_OK && rv_feed_file_is_alive(&feed))
        rv_page_fact(page, "ended", "not yet: it is going on (start %lld)", (long long)starts);
    else
        rv_page_fact(page, "ended", "nobody was left to say how");
}

static void say_head(const rv_diagnosis *d, rv_page *page)
{
    const rv_config *cfg = &d->trained.config;
    const rv_checkpoint *c = &d->trained.checkpoint;
    rv_page_fact(page, "task", "%s", cfg->env.name);
    rv_page_fact(page, "seed", "%lld", (long long)cfg->root.seed);
    rv_page_fact(page, "real steps", "%lld of %lld", (long long)d->history.last_step,
                 (long long)cfg->schedule.total_steps);
    rv_page_fact(page, "real rows", "%lld of %lld environment%s", (long long)d->table.n_rows, (long long)cfg->env.count,
                 cfg->env.count == 1 ? "" : "s");
    rv_page_fact(page, "policy updates", "%.0f", d->numbers.n_updates);
    if (d->has_model)
        rv_page_fact(page, "fits of the model", "%lld, the last on %lld rows", (long long)d->n_fits,
                     (long long)d->n_fitted);
    rv_page_fact(page, "judged by", "the checkpoint of step %lld", (long long)c->step);
    say_state(d, page);
}

static void say_setting(const rv_section *s, const rv_field *f, const rv_config *cfg, const rv_config *defaults,
                        rv_page *page)
{
    char value[RV_FIELD_TEXT], usual[RV_FIELD_TEXT], key[RV_FIELD_TEXT];
    rv_field_print(f, (const char *)cfg + s->offset, value);
    rv_field_print(f, (const char *)defaults + s->offset, usual);
    if (strcmp(value, usual) == 0)
        return;
    snprintf(key, sizeof key, "%s%s%s", s->name, *s->name ? "." : "", f->name);
    rv_page_fact(page, key, "%s (default %s)", value, usual);
}

static rv_status say_settings(const rv_diagnosis *d, rv_page *page)
{
    rv_config defaults;
    RV_TRY(rv_config_defaults(&defaults));
    rv_page_section(page, "settings", "Settings that are not the defaults");
    for (const rv_section *s = rv_config_sections; s->fields; s++)
        for (const rv_field *f = s->fields; f->name; f++)
            say_setting(s, f, &d->trained.config, &defaults, page);
    return RV_OK;
}

/* ---- return ---- */

/* the evaluations' standard deviation as the curve's band */
static rv_status add_spread(const rv_diagnosis *d, rv_curve *curve)
{
    const rv_series *spread = &d->history.of[RV_M_EVAL_STD];
    if (spread->n != d->history.of[RV_M_EVAL_REWARD].n || curve->n != spread->n)
        return RV_OK;
    RV_TRY(RV_NEW(curve->band, curve->n));
    for (int64_t i = 0; i < curve->n; i++)
        curve->band[i] = spread->points[i].mean;
    return RV_OK;
}

static rv_status draw_return(const rv_diagnosis *d, rv_page *page, rv_chart *chart)
{
    const rv_history *h = &d->history;
    const bool is_evaluated = h->of[RV_M_EVAL_REWARD].n > 0;
    RV_TRY(rv_history_chart("return over real steps", "return per episode", 1, h->last_step, chart));
    rv_curve *curve = &chart->curves[0];
    if (!is_evaluated) {
        RV_TRY(rv_history_curve(&h->episodes, "training episodes", h->last_step, false, curve));
        return rv_page_figure(page, chart, "Return of training episodes; the run was never evaluated.");
    }
    RV_TRY(rv_history_curve(&h->of[RV_M_EVAL_REWARD], "evaluation (mean, standard deviation)", h->last_step, false,
                            curve));
    RV_TRY(add_spread(d, curve));
    RV_TRY(rv_history_faint(&h->episodes, h->last_step, curve));
    snprintf(chart->faint_label, sizeof chart->faint_label, "training episodes");
    return rv_page_figure(page, chart,
                          "Return over real steps: evaluation on the mean action, with one standard deviation over its "
                          "episodes, and training episodes.");
}

static const rv_point *best_of(const rv_series *s)
{
    const rv_point *best = s->points;
    for (int64_t i = 1; i < s->n; i++)
        if (s->points[i].mean > best->mean)
            best = &s->points[i];
    return best;
}

static rv_status say_return(const rv_diagnosis *d, rv_page *page)
{
    rv_chart chart = {.n_curves = 0};
    const rv_series *eval = &d->history.of[RV_M_EVAL_REWARD];
    const rv_series *training = &d->history.episodes;
    rv_page_section(page, "return", "Return");
    if (eval->n > 0) {
        const rv_point *last = &eval->points[eval->n - 1];
        const rv_point *best = best_of(eval);
        rv_page_fact(page, "last evaluation", "%.5g at step %lld", last->mean, (long long)last->step);
        rv_page_fact(page, "best evaluation", "%.5g at step %lld", best->mean, (long long)best->step);
    }
    if (training->n > 0)
        rv_page_fact(page, "last training episode", "%.5g at step %lld, of %lld episodes",
                     training->points[training->n - 1].mean, (long long)training->points[training->n - 1].step,
                     (long long)training->n);
    if (eval->n + training->n == 0)
        rv_page_say(page, "No episode has ended yet, and nothing was evaluated.");
    rv_status status = draw_return(d, page, &chart);
    rv_chart_clear(&chart);
    return status;
}

/* ---- shares and counts ---- */

rv_status rv_diagnosis_draw(const rv_diagnosis *d, rv_page *page, const char *title, const char *y_label, int n,
                            const rv_diagnosis_line *lines, bool has_band, const char *caption)
{
    rv_status status = RV_OK;
    rv_chart chart = {.n_curves = 0};
    const rv_history *h = &d->history;
    RV_TRY_GOTO(rv_history_chart(title, y_label, n, h->last_step, &chart), done);
    chart.n_curves = 0;
    for (int i = 0; i < n; i++)
        if (h->of[lines[i].metric].n > 0)
            RV_TRY_GOTO(rv_history_curve(&h->of[lines[i].metric], lines[i].label, h->last_step, has_band,
                                         &chart.curves[chart.n_curves++]),
                        done);
    RV_TRY_GOTO(rv_page_figure(page, &chart, "%s", caption), done);
done:
    rv_chart_clear(&chart);
    return status;
}

double rv_diagnosis_newest(const rv_diagnosis *d, rv_metric metric)
{
    const rv_point *p = rv_history_last(&d->history, metric, INT64_MAX);
    return p ? p->mean : (double)NAN;
}

static rv_status say_shares(const rv_diagnosis *d, rv_page *page)
{
    static const rv_diagnosis_line share[] = {{RV_M_IMAGINED_SHARE, "imagined part of a minibatch"}};
    static const rv_diagnosis_line rows[] = {{RV_M_REAL_ROWS, "real rows"}, {RV_M_IMAGINED_ROWS, "imagined rows"}};
    rv_page_section(page, "share", "Real and imagined data");
    if (d->history.of[RV_M_IMAGINED_SHARE].n == 0) {
        rv_page_say(page, "The policy has made no update yet.");
        return RV_OK;
    }
    rv_page_fact(page, "imagined share", "%.1f %% of a minibatch", 100 * rv_diagnosis_newest(d, RV_M_IMAGINED_SHARE));
    rv_page_fact(page, "real rows", "%.0f", rv_diagnosis_newest(d, RV_M_REAL_ROWS));
    rv_page_fact(page, "imagined rows", "%.0f", rv_diagnosis_newest(d, RV_M_IMAGINED_ROWS));
    RV_TRY(rv_diagnosis_draw(d, page, "imagined share", "part of a minibatch", 1, share, false,
                             "Part of each minibatch that is imagined."));
    return rv_diagnosis_draw(d, page, "rows", "rows", 2, rows, false, "Rows that the policy can draw from.");
}

/* ---- values ---- */

static rv_status draw_values(const rv_diagnosis *d, rv_page *page, rv_chart *chart)
{
    const rv_values *v = &d->values;
    const int64_t last = d->history.last_step;
    RV_TRY(rv_history_chart("promised and achieved return", "discounted return", 2, last, chart));
    for (int k = 0; k < 2; k++) {
        rv_curve *c = &chart->curves[k];
        snprintf(c->label, sizeof c->label, "%s", k == 0 ? "promised: min Q(s, a)" : "achieved");
        RV_TRY(RV_NEW(c->x, v->n));
        RV_TRY(RV_NEW(c->y, v->n));
        c->n = v->n;
        for (int i = 0; i < v->n; i++) {
            c->x[i] = (double)v->values[i].at / rv_history_step_unit(last);
            c->y[i] = k == 0 ? v->values[i].promised : v->values[i].achieved;
        }
    }
    return rv_page_figure(page, chart,
                          "Starts of the newest training episodes: what the newest critics promise, and the discounted "
                          "return that came, with what entropy pays; episodes that were cut go on with the critics' "
                          "value of their last state.");
}

static const char *verdict(const rv_diagnosis *d)
{
    static const struct {
        rv_advice_id id;
        const char *text;
    } verdicts[] = {{RV_ADVICE_CRITIC_HIGH, "The critics over-estimate."},
                    {RV_ADVICE_CRITIC_LOW, "The critics under-estimate."},
                    {RV_ADVICE_CRITIC_LATE, "The critics have not caught up with the returns yet."}};
    for (int i = 0; i < d->n_advice; i++)
        for (size_t k = 0; k < sizeof verdicts / sizeof *verdicts; k++)
            if (d->advice[i].id == verdicts[k].id)
                return verdicts[k].text;
    return "The critics promise about what comes.";
}

static rv_status say_values(const rv_diagnosis *d, rv_page *page)
{
    static const rv_diagnosis_line q[] = {{RV_M_Q_MEAN, "mean Q over minibatches"}};
    const rv_values *v = &d->values;
    rv_status status = RV_OK;
    rv_page_section(page, "values", "Q-values against returns");
    if (v->n == 0) {
        rv_page_say(page, "There is no training episode yet that began after the warm-up and is long enough to be "
                          "judged by.");
    } else {
        rv_chart chart = {.n_curves = 0};
        rv_page_fact(page, "starts", "of %d episodes", v->n);
        rv_page_fact(page, "promised", "%.5g (mean of min Q)", v->promised);
        rv_page_fact(page, "achieved", "%.5g (standard deviation %.3g)", v->achieved, v->spread);
        rv_page_fact(page, "promised less achieved", "%+.5g", v->promised - v->achieved);
        rv_page_fact(page, "of which critics' word", "%.5g of the achieved return is the value at a cut", v->bootstrap);
        rv_page_say(page, "%s The actions were those of the policy of that time.", verdict(d));
        status = draw_values(d, page, &chart);
        rv_chart_clear(&chart);
    }
    RV_TRY(status);
    return rv_diagnosis_draw(
        d, page, "mean Q", "reward", 1, q, false,
        "Mean Q over the minibatches of each tick. What rises without end, and faster than returns, is "
        "inflated.");
}

/* ---- learner ---- */

static rv_status say_learner(const rv_diagnosis *d, rv_page *page)
{
    static const rv_diagnosis_line losses[] = {{RV_M_CRITIC_LOSS, "critics' loss"}};
    static const rv_diagnosis_line entropy[] = {{RV_M_ENTROPY, "entropy (nats)"}, {RV_M_ENT_COEF, "temperature"}};
    rv_page_section(page, "learner", "Policy");
    if (d->history.of[RV_M_CRITIC_LOSS].n == 0) {
        rv_page_say(page, "The policy has made no update yet.");
        return RV_OK;
    }
    rv_page_fact(page, "critics' loss", "%.4g", rv_diagnosis_newest(d, RV_M_CRITIC_LOSS));
    rv_page_fact(page, "actor's loss", "%.4g", rv_diagnosis_newest(d, RV_M_ACTOR_LOSS));
    rv_page_fact(page, "temperature", "%.4g", rv_diagnosis_newest(d, RV_M_ENT_COEF));
    rv_page_fact(page, "entropy", "%.4g nats (target %g)", rv_diagnosis_newest(d, RV_M_ENTROPY),
                 d->trained.learner->target_entropy);
    rv_page_fact(page, "updates per real step", "%.3g", d->numbers.updates_per_step);
    RV_TRY(rv_diagnosis_draw(d, page, "critics' loss", "reward squared", 1, losses, false, "Loss of the critics."));
    return rv_diagnosis_draw(d, page, "entropy and temperature", "", 2, entropy, false,
                             "Entropy of the policy, and the temperature that holds it at its target.");
}

/* ---- time ---- */

static double seconds_of(const rv_times *t)
{
    return t->work + t->wait + t->exchange;
}

static void add_times(const rv_times *from, double sign, rv_times *to)
{
    to->work += sign * from->work;
    to->wait += sign * from->wait;
    to->exchange += sign * from->exchange;
}

static void say_time(const rv_diagnosis *d, rv_page *page)
{
    rv_times all = {0};
    rv_times of[RV_N_ROLES + 1] = {{0}};
    rv_page_section(page, "time", "Time");
    if (!d->has_ledger) {
        rv_page_say(page, "No tick is recorded yet.");
        return;
    }
    for (int r = 0; r < d->ledger.n_ranks; r++) {
        const rv_ledger_rank *rank = &d->ledger.ranks[r];
        add_times(&rank->all, 1, &all);
        add_times(&rank->all, 1, &of[RV_N_ROLES]);
        for (int role = 0; role < RV_N_ROLES; role++) {
            add_times(&rank->of_role[role], 1, &of[role]);
            add_times(&rank->of_role[role], -1, &of[RV_N_ROLES]); /* what is left is between */
        }
    }
    rv_page_fact(page, "ticks", "%lld to %lld", (long long)d->ledger.first_tick, (long long)d->ledger.last_tick);
    rv_page_fact(page, "time of all ranks", "%.1f s on %d rank%s", seconds_of(&all), d->ledger.n_ranks,
                 d->ledger.n_ranks == 1 ? "" : "s");
    rv_page_table(page, "role|work s|waiting s|moving data s|all s|part %");
    for (int role = 0; role <= RV_N_ROLES; role++)
        rv_page_row(page, "%s|%.2f|%.2f|%.2f|%.2f|%.1f", role < RV_N_ROLES ? rv_role_names[role] : "between",
                    of[role].work, of[role].wait, of[role].exchange, seconds_of(&of[role]),
                    100 * seconds_of(&of[role]) / fmax(seconds_of(&all), 1e-9));
    rv_page_table_end(page);
    rv_page_say(page, "\"Between\" is what is no role's work: edges, the end of each tick, checkpoints.");
}

/* ---- the page ---- */

static rv_status write_page(const rv_diagnosis *d, rv_page *page)
{
    say_advice(d, page);
    say_head(d, page);
    RV_TRY(say_return(d, page));
    RV_TRY(rv_diagnosis_model_sections(d, page));
    RV_TRY(say_shares(d, page));
    RV_TRY(say_values(d, page));
    RV_TRY(say_learner(d, page));
    say_time(d, page);
    return say_settings(d, page);
}

rv_status rv_diagnosis_page(const rv_diagnosis *d, bool has_pictures, rv_page **out)
{
    char name[RV_PATH], title[RV_PATH + 64];
    rv_page *page = NULL;
    name_of(d->run, name);
    snprintf(title, sizeof title, "Diagnosis of %s", name);
    RV_TRY(rv_page_create(title, has_pictures, &page));
    rv_status status = write_page(d, page);
    if (status != RV_OK)
        rv_page_destroy(&page);
    *out = page;
    return status;
}
