#include "launch/compare_view.h"

#include "base/memory.h"
#include "run/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const file_names[RV_N_AXES] = {"return_steps", "return_wall", "return_core"};
static const char *const kinds[RV_N_AXES] = {"steps", "wall_s", "core_s"};

/* ---- charts ---- */

static rv_status fill_curve(const rv_standing *s, rv_axis axis, rv_curve *curve)
{
    const rv_trace *t = &s->traces[axis];
    enum { BEHIND = 32 /* " (5 seeds)" */ };
    bool is_one = s->group->n == 1;
    snprintf(curve->label, sizeof curve->label, "%.*s (%lld seed%s)", RV_CHART_LABEL - BEHIND, s->group->label,
             (long long)s->group->n, is_one ? ": no interval" : "s");
    RV_TRY(RV_NEW(curve->x, t->n));
    RV_TRY(RV_NEW(curve->y, t->n));
    if (!is_one) {
        RV_TRY(RV_NEW(curve->low, t->n));
        RV_TRY(RV_NEW(curve->high, t->n));
    }
    curve->n = t->n;
    for (int64_t k = 0; k < t->n; k++) {
        curve->x[k] = t->x[k];
        curve->y[k] = t->at[k].iqm;
        if (!is_one) {
            curve->low[k] = t->at[k].low;
            curve->high[k] = t->at[k].high;
        }
    }
    return RV_OK;
}

/* the caller clears *out, also after a failure */
static rv_status make_chart(const rv_comparison *c, rv_axis axis, rv_chart *out)
{
    *out = (rv_chart){.n_curves = 0};
    RV_TRY(RV_NEW(out->curves, c->groups->n));
    out->n_curves = c->groups->n;
    snprintf(out->title, sizeof out->title, "%s", c->groups->groups[0].runs[0].config.env.name);
    snprintf(out->y_label, sizeof out->y_label, "return per episode: interquartile mean, 95 %% interval");
    for (int g = 0; g < c->groups->n; g++)
        RV_TRY(fill_curve(&c->standings[g], axis, &out->curves[g]));
    rv_chart_scale_x(out, axis);
    return RV_OK;
}

rv_status rv_compare_print_charts(const rv_comparison *c)
{
    for (int axis = 0; axis < RV_N_AXES; axis++) {
        rv_chart chart;
        rv_status status = make_chart(c, (rv_axis)axis, &chart);
        if (status == RV_OK)
            status = rv_chart_print(&chart);
        rv_chart_clear(&chart);
        RV_TRY(status);
    }
    return RV_OK;
}

static rv_status write_picture(const rv_chart *chart, const char *folder, const char *name, rv_chart_format format)
{
    char file[64];
    char path[RV_PATH];
    char *bytes = NULL;
    size_t n = 0;
    snprintf(file, sizeof file, "%s.%s", name, format == RV_CHART_SVG ? "svg" : "png");
    RV_TRY(rv_path_join(folder, file, path));
    RV_TRY(rv_chart_draw(chart, format, 1200, 720, &bytes, &n));
    rv_status status = rv_file_write(path, bytes, n);
    rv_mem_free(&bytes);
    RV_TRY(status);
    printf("picture: %s\n", path);
    return RV_OK;
}

static rv_status write_pictures(const rv_comparison *c, const char *folder)
{
    rv_status status = RV_OK;
    for (int axis = 0; axis < RV_N_AXES && status == RV_OK; axis++) {
        rv_chart chart;
        status = make_chart(c, (rv_axis)axis, &chart);
        if (status == RV_OK)
            status = write_picture(&chart, folder, file_names[axis], RV_CHART_PNG);
        if (status == RV_OK)
            status = write_picture(&chart, folder, file_names[axis], RV_CHART_SVG);
        rv_chart_clear(&chart);
    }
    return status;
}

/* ---- curves.csv ---- */

static void put_cell(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++)
        fprintf(out, "%s%c", *text == '"' ? "\"" : "", *text);
    fputc('"', out);
}

static void put_trace(FILE *out, const rv_standing *s, rv_axis axis)
{
    const rv_trace *t = &s->traces[axis];
    for (int64_t k = 0; k < t->n; k++) {
        const double values[] = {t->at[k].iqm, t->at[k].low, t->at[k].high};
        char number[RV_NUMBER_TEXT];
        put_cell(out, s->group->label);
        rv_number_print(t->x[k], "", number);
        fprintf(out, ",%s,%s,%lld", kinds[axis], number, (long long)s->group->n);
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            rv_number_print(values[i], "", number);
            fprintf(out, ",%s", number);
        }
        fputc('\n', out);
    }
}

static rv_status write_csv(const rv_comparison *c, const char *folder)
{
    char path[RV_PATH];
    char *text = NULL;
    size_t n = 0;
    RV_TRY(rv_path_join(folder, "curves.csv", path));
    FILE *out = open_memstream(&text, &n);
    RV_CHECK(out, RV_E_NOMEM, "cannot write '%s': out of memory", path);
    fputs("group,x_kind,x,n,iqm,low,high\n", out);
    for (int g = 0; g < c->groups->n; g++)
        for (int axis = 0; axis < RV_N_AXES; axis++)
            put_trace(out, &c->standings[g], (rv_axis)axis);
    bool is_whole = fclose(out) == 0;
    rv_status status = is_whole ? rv_file_write(path, text, n) : rv_raise(RV_E_NOMEM, "out of memory");
    free(text);
    RV_TRY(status);
    printf("curves: %s\n", path);
    return RV_OK;
}

rv_status rv_compare_write(const rv_comparison *c, const char *folder)
{
    RV_TRY(rv_folder_make(folder));
    RV_TRY(write_csv(c, folder));
    return write_pictures(c, folder);
}

/* ---- table ---- */

static void print_row(const rv_standing *s, int width)
{
    char interval[64] = "one seed";
    char seeds[32];
    if (s->group->n > 1)
        snprintf(interval, sizeof interval, "%.5g to %.5g", s->last.low, s->last.high);
    snprintf(seeds, sizeof seeds, "%lld of %lld", (long long)s->n_reach, (long long)s->group->n);
    printf("%-*s  %5lld  %9.0f  %9.5g  %-22s  %10s", width, s->group->label, (long long)s->group->n,
           s->used[RV_AXIS_STEPS], s->last.iqm, interval, seeds);
    if (s->reaches)
        printf("  %9.0f  %9.4g  %12.4g\n", s->reach[RV_AXIS_STEPS], s->reach[RV_AXIS_WALL], s->reach[RV_AXIS_CORE]);
    else
        printf("  %9s  %9s  %12s\n", "never", "-", "-");
}

static bool has_mixed_settings(const rv_group *group)
{
    for (int64_t i = 1; i < group->n; i++)
        if (group->runs[i].hash != group->runs[0].hash)
            return true;
    return false;
}

/* cases of 100 in which the interval of so few holds the true value (iqm.h) */
static const int coverages[] = {0, 0, 49, 75, 87};
enum { N_COVERAGES = sizeof coverages / sizeof *coverages };

/* what a reader of one group's row must know */
static void print_notes(const rv_standing *s)
{
    const rv_group *group = s->group;
    int64_t n_going = 0;
    bool is_cut = false;
    for (int64_t i = 0; i < group->n; i++) {
        n_going += group->runs[i].goes_on;
        is_cut |= s->n_used[i] < group->runs[i].returns.n;
    }
    if (group->n == 1)
        printf("  %s: one seed says nothing about how others fare; there is no interval\n", group->label);
    else if (group->n < N_COVERAGES)
        printf(
            "  %s: an interval over %lld seeds is too narrow: it would hold the truth in about %d cases of 100; take 5 "
            "or more\n",
            group->label, (long long)group->n, coverages[group->n]);
    if (is_cut)
        printf("  %s: compared up to step %.0f, which all its runs have reached\n", group->label,
               s->used[RV_AXIS_STEPS]);
    if (n_going > 0)
        printf("  %s: %lld of its runs go%s on, as far as known\n", group->label, (long long)n_going,
               n_going == 1 ? "es" : "");
    if (has_mixed_settings(group))
        printf("  %s: its runs differ in more than the seed\n", group->label);
}

void rv_compare_print(const rv_comparison *c)
{
    char threshold[32];
    int width = 5;
    for (int g = 0; g < c->groups->n; g++)
        width = (int)fmax(width, (double)strlen(c->groups->groups[g].label));
    snprintf(threshold, sizeof threshold, "%.5g", c->threshold);
    printf("%s: interquartile mean of the seeds' evaluations, 95 %% bootstrap interval; when it reaches %s\n\n",
           c->groups->groups[0].runs[0].config.env.name, threshold);
    printf("%-*s  %5s  %9s  %9s  %-22s  %10s  %9s  %9s  %12s\n", width, "group", "seeds", "steps", "return",
           "95 % interval", "reached by", "at step", "wall s", "core-seconds");
    for (int g = 0; g < c->groups->n; g++)
        print_row(&c->standings[g], width);
    for (int g = 0; g < c->groups->n; g++)
        print_notes(&c->standings[g]);
}
