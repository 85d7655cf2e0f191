#include "base/memory.h"
#include "launch/diagnosis_page.h"
#include "launch/history_chart.h"
#include "run/schedule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- rows ---- */

static void print_rows(const rv_diagnosis *d, rv_diagnosis_rows which, char out[128])
{
    static const char *const texts[] = {
        [RV_ROWS_FRESH] = "rows that came after the last fit",
        [RV_ROWS_HELD_OUT] = "rows that the last fit kept out",
        [RV_ROWS_NEWEST] = "the newest rows, most of which the model has learned from",
    };
    if (which == RV_ROWS_FRESH)
        snprintf(out, 128, "the %lld %s", (long long)(d->table.n_rows - d->n_fitted), texts[which]);
    else
        snprintf(out, 128, "%s", texts[which]);
}

/* ---- the error card ---- */

/* y over the horizons 1..n; the arrays of a card begin at horizon 1 */
static rv_status set_curve(rv_curve *c, const char *label, int n, const double *y)
{
    snprintf(c->label, sizeof c->label, "%s", label);
    RV_TRY(RV_NEW(c->x, n));
    RV_TRY(RV_NEW(c->y, n));
    c->n = n;
    for (int k = 0; k < n; k++) {
        c->x[k] = k + 1;
        c->y[k] = y[k + 1];
    }
    return RV_OK;
}

static rv_status begin_chart(const char *title, const char *x_label, const char *y_label, int n_curves, rv_chart *out)
{
    *out = (rv_chart){.n_curves = n_curves};
    snprintf(out->title, sizeof out->title, "%s", title);
    snprintf(out->x_label, sizeof out->x_label, "%s", x_label);
    snprintf(out->y_label, sizeof out->y_label, "%s", y_label);
    return RV_NEW(out->curves, n_curves);
}

static rv_status draw_errors(const rv_card_report *c, rv_page *page, rv_chart *chart)
{
    RV_TRY(begin_chart("open-loop error", "steps ahead", "error (standard deviations)", 3, chart));
    chart->is_log = true;
    rv_curve *error = &chart->curves[0];
    RV_TRY(set_curve(error, "ensemble; band: members", c->n, c->error));
    RV_TRY(RV_NEW(error->low, c->n));
    RV_TRY(RV_NEW(error->high, c->n));
    for (int k = 0; k < c->n; k++) {
        error->low[k] = c->low[k + 1];
        error->high[k] = c->high[k + 1];
    }
    RV_TRY(set_curve(&chart->curves[1], "naive (1 + e)^k - 1", c->n, c->naive));
    RV_TRY(set_curve(&chart->curves[2], "from the local gain", c->n, c->guess));
    chart->curves[1].is_guide = true;
    return rv_page_figure(page, chart,
                          "Open-loop error of the newest model: from a real state the real actions are taken and the "
                          "model goes on from its own states. Below 1 it knows more than the spread of the data.");
}

static rv_status draw_costs(const rv_card_report *c, rv_page *page, rv_chart *chart)
{
    RV_TRY(begin_chart("costs", "steps ahead", "return", 2, chart));
    RV_TRY(set_curve(&chart->curves[0], "the model's error", c->n, c->model_cost));
    RV_TRY(set_curve(&chart->curves[1], "the critics' error", c->n, c->critic_cost));
    return rv_page_figure(page, chart,
                          "What so many imagined steps are off in return, and what the critics are off that "
                          "bootstrapping at once would take. Looking ahead pays while the first is the smaller.");
}

static void print_card(const rv_card_report *c, rv_page *page)
{
    rv_page_table(page, "steps|windows|error|least|largest|naive|gain bound|model cost|critic cost");
    for (int k = 1; k <= c->n; k = k < 5 ? k + 1 : k + 5 - k % 5)
        rv_page_row(page, "%d|%d|%.4g|%.4g|%.4g|%.4g|%.4g|%.4g|%.4g", k, c->windows[k], c->error[k], c->low[k],
                    c->high[k], c->naive[k], c->guess[k], c->model_cost[k], c->critic_cost[k]);
    rv_page_table_end(page);
}

/* what the run recorded after its fits; lines of one horizon each, or of one cost each */
typedef struct card_line {
    const char *label;
    int64_t horizon;
    size_t value; /* offset in rv_card_point */
    bool has_band;
} card_line;

static rv_status draw_cards(const rv_diagnosis *d, const char *title, const char *y_label, int n,
                            const card_line *lines, rv_chart *chart)
{
    const int64_t last = d->history.last_step;
    RV_TRY(rv_history_chart(title, y_label, n, last, chart));
    chart->is_log = true;
    for (int i = 0; i < n; i++) {
        rv_series series;
        RV_TRY(rv_history_card(&d->history, lines[i].horizon, lines[i].value, &series));
        rv_status status = rv_history_curve(&series, lines[i].label, last, lines[i].has_band, &chart->curves[i]);
        rv_mem_free(&series.points);
        RV_TRY(status);
    }
    return RV_OK;
}

static rv_status say_card_history(const rv_diagnosis *d, rv_page *page)
{
    enum { ERROR = offsetof(rv_card_point, error) };
    const rv_history *h = &d->history;
    const int64_t most = h->n_cards > 0 ? h->cards[h->n_cards - 1].horizon : 0;
    const int64_t length = d->numbers.length >= 1 ? (int64_t)d->numbers.length : 1;
    char at_most[64], at_length[64];
    rv_chart chart = {.n_curves = 0};
    rv_status status = RV_OK;
    if (h->n_cards == 0) {
        rv_page_say(page, "The run recorded no cards of its own, so that only the newest model is known "
                          "(rollout.card).");
        return RV_OK;
    }
    snprintf(at_most, sizeof at_most, "%lld steps ahead", (long long)most);
    snprintf(at_length, sizeof at_length, "%lld steps ahead, the length in use", (long long)length);
    const card_line errors[] = {{"one step ahead; band: members", 1, ERROR, true},
                                {at_most, most, ERROR, false},
                                {at_length, length, ERROR, false}};
    const card_line costs[] = {{"the model's error", length, offsetof(rv_card_point, model_cost), false},
                               {"the critics' error", length, offsetof(rv_card_point, critic_cost), false}};
    RV_TRY_GOTO(draw_cards(d, "error over real steps", "error (standard deviations)",
                           length > 1 && length != most ? 3 : 2, errors, &chart),
                done);
    RV_TRY_GOTO(rv_page_figure(page, &chart, "Open-loop error of each fit, as the run measured it on held-out rows."),
                done);
    rv_chart_clear(&chart);
    RV_TRY_GOTO(draw_cards(d, "costs over real steps", "return", 2, costs, &chart), done);
    RV_TRY_GOTO(rv_page_figure(page, &chart,
                               "What a look ahead of the length in use is off in return, and what the critics are."),
                done);
done:
    rv_chart_clear(&chart);
    return status;
}

static rv_status say_card(const rv_diagnosis *d, rv_page *page)
{
    char text[128];
    const rv_card_report *c = &d->card;
    rv_chart chart = {.n_curves = 0};
    rv_page_section(page, "card", "Error card: how far the model sees");
    print_rows(d, d->card_by, text);
    rv_page_fact(page, "measured on", "%d windows of %s", c->windows[1], text);
    rv_page_fact(page, "local gain",
                 "%.4g: how much a step of the model stretches a small error of the state at most, mean over states",
                 c->gain);
    rv_page_fact(page, "length in use", "%.0f steps", d->numbers.length);
    rv_page_fact(page, "recommended length", "%d of at most %d steps", rv_card_horizon(c, 1, c->n), c->n);
    print_card(c, page);
    rv_status status = draw_errors(c, page, &chart);
    rv_chart_clear(&chart);
    RV_TRY(status);
    status = draw_costs(c, page, &chart);
    rv_chart_clear(&chart);
    RV_TRY(status);
    return say_card_history(d, page);
}

/* ---- calibration ---- */

enum { N_LEVELS = 20 };

/* of elite number q */
static double coverage_of(const rv_judgement *j, int q, double level)
{
    return rv_coverage(j->n_z, j->z + q * j->n_z, level);
}

/* more would hide one another */
enum { COVERAGE_CURVES = 6 };

static rv_status set_coverage(const rv_judgement *j, int q, rv_curve *c)
{
    RV_TRY(RV_NEW(c->x, N_LEVELS + 1));
    RV_TRY(RV_NEW(c->y, N_LEVELS + 1));
    c->n = N_LEVELS + 1;
    for (int i = 0; i <= N_LEVELS; i++) {
        c->x[i] = (double)i / N_LEVELS;
        c->y[i] = c->is_guide ? c->x[i] : coverage_of(j, q, c->x[i]);
    }
    return RV_OK;
}

static rv_status draw_coverage(const rv_diagnosis *d, rv_page *page, rv_chart *chart)
{
    const rv_judgement *j = &d->judged;
    const int n_elites = j->n_elites < COVERAGE_CURVES ? j->n_elites : COVERAGE_CURVES;
    RV_TRY(begin_chart("coverage", "nominal probability of the interval", "part of the outcomes in it", n_elites + 1,
                       chart));
    for (int q = 0; q <= n_elites; q++) {
        rv_curve *c = &chart->curves[q];
        c->is_guide = q == n_elites;
        snprintf(c->label, sizeof c->label, "calibrated");
        if (!c->is_guide)
            snprintf(c->label, sizeof c->label, "member %d", d->ensemble.elites[q]);
        RV_TRY(set_coverage(j, q, c));
    }
    return rv_page_figure(page, chart,
                          "Coverage of the predicted intervals of the best elites. Below the dashed line the predicted "
                          "variance is too small, above it too large.");
}

static rv_status say_calibration(const rv_diagnosis *d, rv_page *page)
{
    static const rv_diagnosis_line z[] = {{RV_M_PACE_Z_SQUARED, "mean squared z"}};
    char text[128];
    const rv_judgement *j = &d->judged;
    rv_chart chart = {.n_curves = 0};
    print_rows(d, d->judged_by, text);
    rv_page_section(page, "calibration", "Calibration of the predicted variance");
    rv_page_fact(page, "measured on", "%lld of %s", (long long)j->n, text);
    rv_page_fact(page, "mean squared z", "%.4g: 1 when calibrated, more when the model is too sure", j->z_square);
    rv_page_table(page, "member|within 50 %|68.3 %|90 %|95.4 %|mean z^2");
    for (int q = 0; q < j->n_elites; q++) {
        double square = 0;
        for (int64_t i = 0; i < j->n_z; i++)
            square += j->z[q * j->n_z + i] * j->z[q * j->n_z + i] / (double)j->n_z;
        rv_page_row(page, "%d|%.1f|%.1f|%.1f|%.1f|%.4g", d->ensemble.elites[q], 100 * coverage_of(j, q, 0.5),
                    100 * coverage_of(j, q, 0.683), 100 * coverage_of(j, q, 0.9), 100 * coverage_of(j, q, 0.954),
                    square);
    }
    rv_page_table_end(page);
    rv_status status = draw_coverage(d, page, &chart);
    rv_chart_clear(&chart);
    RV_TRY(status);
    return rv_diagnosis_draw(d, page, "mean squared z over real steps", "mean squared z", 1, z, false,
                             "Mean squared z on held-out rows of each fit, as the run measured it: of the mixture of "
                             "the elites, which is wider than each of them.");
}

/* ---- disagreement ---- */

static rv_status draw_bins(const rv_diagnosis *d, rv_page *page, rv_chart *chart)
{
    RV_TRY(begin_chart("error by disagreement", "tenth of the rows, by disagreement", "mean error", 1, chart));
    rv_curve *c = &chart->curves[0];
    snprintf(c->label, sizeof c->label, "mean error of one step (standard deviations)");
    RV_TRY(RV_NEW(c->x, RV_DIAGNOSIS_BINS));
    RV_TRY(RV_NEW(c->y, RV_DIAGNOSIS_BINS));
    for (int i = 0; i < RV_DIAGNOSIS_BINS; i++)
        if (d->bins[i].n > 0) {
            c->x[c->n] = i + 1;
            c->y[c->n++] = d->bins[i].y;
        }
    return rv_page_figure(page, chart,
                          "Mean true error of the rows in each tenth, from those on which the members agree most to "
                          "those on which they disagree most. A rising line is what a gate needs.");
}

static rv_status say_disagreement(const rv_diagnosis *d, rv_page *page)
{
    char text[128];
    rv_chart chart = {.n_curves = 0};
    print_rows(d, d->judged_by, text);
    rv_page_section(page, "disagreement", "Disagreement against true error");
    rv_page_fact(page, "measured on", "%lld of %s", (long long)d->judged.n, text);
    if (d->ensemble.n_members < 2) {
        rv_page_say(page, "There is one member, which agrees with itself.");
        return RV_OK;
    }
    rv_page_fact(page, "rank correlation", "%.3f (Spearman; 1: the members disagree most where the error is largest)",
                 d->rank_correlation);
    rv_page_table(page, "tenth|rows|disagreement|error");
    for (int i = 0; i < RV_DIAGNOSIS_BINS; i++)
        rv_page_row(page, "%d|%lld|%.4g|%.4g", i + 1, (long long)d->bins[i].n, d->bins[i].x, d->bins[i].y);
    rv_page_table_end(page);
    rv_status status = draw_bins(d, page, &chart);
    rv_chart_clear(&chart);
    return status;
}

/* ---- fits ---- */

/* of a run that decides for itself when to fit (run/pace.h) */
static void say_reasons(const rv_diagnosis *d, rv_page *page)
{
    static const struct {
        int bit;
        const char *text;
    } reasons[] = {{RV_FIT_INTERVAL, "the interval"},
                   {RV_FIT_LOSS, "its loss on newer rows"},
                   {RV_FIT_POLICY, "how far the policy has moved"},
                   {RV_FIT_DISAGREEMENT, "disagreement on newer rows"}};
    const rv_series *s = &d->history.of[RV_M_PACE_REASON];
    for (size_t k = 0; s->n > 0 && k < sizeof reasons / sizeof *reasons; k++) {
        int n = 0;
        for (int64_t i = 0; i < s->n; i++)
            n += ((int)s->points[i].mean & reasons[k].bit) != 0;
        if (n > 0)
            rv_page_fact(page, "fits for", "%s: %d", reasons[k].text, n);
    }
}

static rv_status say_fits(const rv_diagnosis *d, rv_page *page)
{
    static const rv_diagnosis_line holdout[] = {{RV_M_MODEL_HOLDOUT_LOSS, "members' error on held-out rows"}};
    static const rv_diagnosis_line train[] = {{RV_M_MODEL_TRAIN_LOSS, "members' training loss"}};
    static const rv_diagnosis_line epochs[] = {{RV_M_MODEL_EPOCHS, "epochs"}};
    rv_page_section(page, "fits", "Fits of the model");
    rv_page_fact(page, "fits", "%lld", (long long)d->n_fits);
    say_reasons(d, page);
    rv_page_fact(page, "rows of the last", "%lld", (long long)d->n_fitted);
    char elites[RV_FIT_MEMBERS * 4] = "";
    for (int k = 0; k < d->ensemble.n_elites; k++)
        snprintf(elites + strlen(elites), sizeof elites - strlen(elites), "%s%d", k == 0 ? "" : ", ",
                 d->ensemble.elites[k]);
    rv_page_fact(page, "members", "%d, the elites are %s", d->ensemble.n_members, elites);
    rv_page_fact(page, "held-out error", "%.4g", rv_diagnosis_newest(d, RV_M_MODEL_HOLDOUT_LOSS));
    rv_page_fact(page, "in variances of the data", "%.4g on rows learned from, %.4g on rows kept out", d->train_error,
                 d->holdout_error);
    if (d->judged_by == RV_ROWS_FRESH)
        rv_page_fact(page, "on rows since then", "%.4g in variances; %.2f %% of the variance is explained",
                     d->judged.square, 100 * d->judged.explained);
    rv_page_fact(page, "training loss", "%.4g", rv_diagnosis_newest(d, RV_M_MODEL_TRAIN_LOSS));
    rv_page_fact(page, "epochs of the last", "%.0f", rv_diagnosis_newest(d, RV_M_MODEL_EPOCHS));
    RV_TRY(rv_diagnosis_draw(d, page, "held-out error", "squared error", 1, holdout, true,
                             "Squared error on the rows held out of each fit, mean over the members; the band spans "
                             "them."));
    RV_TRY(rv_diagnosis_draw(d, page, "training loss", "loss", 1, train, true,
                             "Training loss in the last epoch of each fit: a log likelihood, so it can be below 0 and "
                             "is no error."));
    return rv_diagnosis_draw(d, page, "epochs of a fit", "epochs", 1, epochs, false, "Epochs of each fit.");
}

/* ---- branches ---- */

enum { N_STOPS = 8 };

/* branches that the gate stopped after so many steps, by metric */
static const struct {
    const char *metric, *label;
} stops[N_STOPS] = {
    {"imagine/stops_0", "0"},         {"imagine/stops_1", "1"},
    {"imagine/stops_2", "2"},         {"imagine/stops_4", "3 to 4"},
    {"imagine/stops_8", "5 to 8"},    {"imagine/stops_16", "9 to 16"},
    {"imagine/stops_32", "17 to 32"}, {"imagine/stops_more", "33 and more"},
};

/* mean of a metric per unit lately; NAN when there is no such metric */
static double recent(const rv_diagnosis *d, const char *name)
{
    for (int i = 0; i < RV_N_METRICS; i++)
        if (strcmp(rv_metric_get((rv_metric)i)->name, name) == 0)
            return rv_history_recent(&d->history, (rv_metric)i, RV_DIAGNOSIS_RECENT);
    return (double)NAN;
}

static void say_stops(const rv_diagnosis *d, rv_page *page)
{
    double counts[N_STOPS];
    double all = 0;
    for (int i = 0; i < N_STOPS; i++)
        all += counts[i] = fmax(recent(d, stops[i].metric), 0);
    if (!(all > 0)) {
        rv_page_say(page, "%s",
                    d->numbers.gate > 0 ? "At which depths the gate stops branches was not recorded."
                                        : "No gate stops branches.");
        return;
    }
    rv_page_table(page, "stopped after rows|of the stopped %");
    for (int i = 0; i < N_STOPS; i++)
        rv_page_row(page, "%s|%.1f", stops[i].label, 100 * counts[i] / all);
    rv_page_table_end(page);
}

static rv_status say_branches(const rv_diagnosis *d, rv_page *page)
{
    static const rv_diagnosis_line length[] = {{RV_M_IMAGINE_LENGTH, "longest allowed"},
                                               {RV_M_IMAGINE_LENGTH_MEAN, "mean"}};
    static const rv_diagnosis_line ends[] = {{RV_M_IMAGINE_STOPPED, "stopped for disagreement"},
                                             {RV_M_IMAGINE_TERMINATED, "terminated"}};
    rv_page_section(page, "branches", "Imagined branches and where they stop");
    if (d->history.of[RV_M_IMAGINE_LENGTH].n == 0) {
        rv_page_say(page, "Nothing was imagined yet.");
        return RV_OK;
    }
    rv_page_fact(page, "length", "%.3g steps of %.0f allowed", rv_diagnosis_newest(d, RV_M_IMAGINE_LENGTH_MEAN),
                 d->numbers.length);
    rv_page_fact(page, "terminated", "%.1f %% of the branches",
                 100 * rv_history_recent(&d->history, RV_M_IMAGINE_TERMINATED, RV_DIAGNOSIS_RECENT));
    if (d->numbers.gate > 0)
        rv_page_fact(page, "stopped by the gate", "%.1f %% of the branches", 100 * d->numbers.stopped_share);
    say_stops(d, page);
    RV_TRY(rv_diagnosis_draw(d, page, "length of branches", "imagined steps", 2, length, false,
                             "Length of the branches of each fit."));
    return rv_diagnosis_draw(d, page, "ends of branches", "part of the branches", 2, ends, false,
                             "How branches end before their full length.");
}

rv_status rv_diagnosis_model_sections(const rv_diagnosis *d, rv_page *page)
{
    if (!d->has_model) {
        rv_page_section(page, "model", "Model");
        rv_page_say(page, "%s",
                    rv_diagnosis_is_model_free(d) ? "This run learns from real rows alone: it has no model."
                                                  : "The model was not fitted yet.");
        return RV_OK;
    }
    RV_TRY(say_card(d, page));
    RV_TRY(say_calibration(d, page));
    RV_TRY(say_disagreement(d, page));
    RV_TRY(say_branches(d, page));
    return say_fits(d, page);
}
