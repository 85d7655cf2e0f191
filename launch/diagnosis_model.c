#include "launch/diagnosis_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- fits ---- */

static rv_status say_fits(const rv_diagnosis *d, rv_page *page)
{
    static const rv_diagnosis_line holdout[] = {{RV_M_MODEL_HOLDOUT_LOSS, "members' error on held-out rows"}};
    static const rv_diagnosis_line train[] = {{RV_M_MODEL_TRAIN_LOSS, "members' training loss"}};
    static const rv_diagnosis_line epochs[] = {{RV_M_MODEL_EPOCHS, "epochs"}};
    rv_page_section(page, "fits", "Fits of the model");
    rv_page_fact(page, "fits", "%lld", (long long)d->n_fits);
    rv_page_fact(page, "rows of the last", "%lld", (long long)d->n_fitted);
    char elites[RV_FIT_MEMBERS * 4] = "";
    for (int k = 0; k < d->ensemble.n_elites; k++)
        snprintf(elites + strlen(elites), sizeof elites - strlen(elites), "%s%d", k == 0 ? "" : ", ",
                 d->ensemble.elites[k]);
    rv_page_fact(page, "members", "%d, the elites are %s", d->ensemble.n_members, elites);
    rv_page_fact(page, "held-out error", "%.4g", rv_diagnosis_newest(d, RV_M_MODEL_HOLDOUT_LOSS));
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
    {"imagine/stops_2", "2 to 3"},    {"imagine/stops_4", "4 to 7"},
    {"imagine/stops_8", "8 to 15"},   {"imagine/stops_16", "16 to 31"},
    {"imagine/stops_32", "32 to 63"}, {"imagine/stops_more", "64 and more"},
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
    rv_page_table(page, "stopped after steps|of the stopped %");
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
    RV_TRY(say_branches(d, page));
    return say_fits(d, page);
}
