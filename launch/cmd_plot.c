/* cmd_plot.c - `reverie plot`: the learning curves of runs, as a picture and in the terminal. */
#include "base/file.h"
#include "base/memory.h"
#include "launch/chart.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "run/progress_csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: reverie plot RUN... [options]\n"
    "\n"
    "Draw the learning curve of each run (a run's folder) into one picture, and into the terminal.\n"
    "\n"
    "  --out FILE      the picture, .png or .svg; default RUN/curve.png, or curves.png here for several runs\n"
    "  --metric NAME   a column of progress.csv; default eval/mean_reward with a band of one standard deviation over\n"
    "                  the evaluation's episodes; of one run also its training episodes\n"
    "  --x step|wall   environment steps (default) or wall time\n"
    "  --no-terminal   the picture only\n"
    "\n"
    "examples:\n"
    "  reverie plot runs/pendulum-1\n"
    "  reverie plot runs/pendulum-1 runs/pendulum-2 --out seeds.svg\n"
    "  reverie plot runs/pendulum-1 --metric model/holdout_loss\n";

static const char evaluation[] = "eval/mean_reward";
static const char evaluation_spread[] = "eval/std_reward";
static const char training[] = "rollout/ep_rew_mean";

typedef struct plot_args {
    bool want_wall, is_picture_only;
    const char *metric; /* NULL: the default */
    const char *out;    /* NULL: the default */
    int n_runs;
    char *const *runs;
} plot_args;

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static rv_status read_arguments(const rv_words *words, const char *x, plot_args *args)
{
    args->want_wall = x && strcmp(x, "wall") == 0;
    RV_CHECK(!x || args->want_wall || strcmp(x, "step") == 0, RV_E_USAGE, "plot: --x must be step or wall, not '%s'",
             x);
    RV_TRY(rv_options_expect("plot", "RUN...", 1, RV_CHART_CURVES, words));
    args->n_runs = words->n_positional;
    args->runs = words->positional;
    RV_CHECK(!args->out || ends_with(args->out, ".png") || ends_with(args->out, ".svg"), RV_E_USAGE,
             "plot: --out must end in .png or .svg, not '%s'", args->out);
    return RV_OK;
}

/* What to call a run: the name of its folder, also when it was given as "." or with a slash behind. */
static void label_of(const char *run, char out[RV_CHART_LABEL])
{
    char *whole = realpath(run, NULL);
    const char *path = whole ? whole : run;
    const char *slash = strrchr(path, '/');
    snprintf(out, RV_CHART_LABEL, "%s", slash && slash[1] ? slash + 1 : path);
    free(whole);
}

static rv_status find_column(const rv_progress_csv *progress, const char *path, const char *name, int64_t *out)
{
    *out = rv_progress_csv_column(progress, name);
    if (*out >= 0)
        return RV_OK;
    char list[RV_ERROR_TEXT / 2] = "";
    size_t n = 0;
    for (int64_t i = 0; i < progress->n_columns && n < sizeof list - RV_PROGRESS_CSV_NAME - 8; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : ", ", progress->names[i]);
    return rv_raise(RV_E_USAGE, "%s has no column '%s'; it has: %s", path, name, list);
}

/* The rows in which both columns hold numbers, as arrays. */
static rv_status take_pairs(const rv_progress_csv *progress, int64_t column_x, int64_t column_y, int64_t *n_out,
                            double **x_out, double **y_out)
{
    const int64_t n = rv_progress_csv_count(progress, column_x, column_y);
    RV_TRY(RV_NEW(*x_out, n));
    RV_TRY(RV_NEW(*y_out, n));
    int64_t k = 0;
    for (int64_t i = 0; i < progress->n_rows; i++) {
        const double *row = progress->cells + i * progress->n_columns;
        if (isfinite(row[column_x]) && isfinite(row[column_y])) {
            (*x_out)[k] = row[column_x];
            (*y_out)[k++] = row[column_y];
        }
    }
    *n_out = n;
    return RV_OK;
}

/* The standard deviation beside each point of the evaluation's curve. */
static rv_status take_band(const rv_progress_csv *progress, int64_t column_x, int64_t column_y, rv_curve *curve)
{
    int64_t column = rv_progress_csv_column(progress, evaluation_spread);
    if (column < 0)
        return RV_OK;
    RV_TRY(RV_NEW(curve->band, curve->n));
    int64_t k = 0;
    for (int64_t i = 0; i < progress->n_rows; i++) {
        const double *row = progress->cells + i * progress->n_columns;
        if (isfinite(row[column_x]) && isfinite(row[column_y]))
            curve->band[k++] = row[column];
    }
    return RV_OK;
}

static rv_status fill_curve(const plot_args *args, const rv_progress_csv *progress, const char *path, rv_curve *curve)
{
    const char *metric = args->metric ? args->metric : evaluation;
    int64_t x = 0;
    int64_t y = 0;
    RV_TRY(find_column(progress, path, args->want_wall ? "wall" : "step", &x));
    RV_TRY(find_column(progress, path, metric, &y));
    RV_TRY(take_pairs(progress, x, y, &curve->n, &curve->x, &curve->y));
    RV_CHECK(curve->n > 0, RV_E_NOINPUT, "%s has no value of %s yet (%lld rows)", path, metric,
             (long long)progress->n_rows);
    if (strcmp(metric, evaluation) == 0)
        RV_TRY(take_band(progress, x, y, curve));
    int64_t faint = rv_progress_csv_column(progress, training);
    if (!args->metric && args->n_runs == 1 && faint >= 0)
        RV_TRY(take_pairs(progress, x, faint, &curve->n_faint, &curve->faint_x, &curve->faint_y));
    return RV_OK;
}

static rv_status load_curve(const plot_args *args, const char *run, rv_curve *curve)
{
    char path[RV_PATH];
    rv_progress_csv progress = {0};
    RV_CHECK(rv_file_exists(run), RV_E_NOINPUT, "no run '%s'; give the folder of a run", run);
    RV_TRY(rv_path_join(run, "progress.csv", path));
    RV_CHECK(rv_file_exists(path), RV_E_NOINPUT, "'%s' holds no progress.csv: it is not a run, or has just begun", run);
    RV_TRY(rv_progress_csv_read(path, &progress));
    rv_status status = fill_curve(args, &progress, path, curve);
    rv_progress_csv_clear(&progress);
    label_of(run, curve->label);
    return status;
}

/* Runs in different folders may have the same name: then the words given tell them apart. */
static void tell_apart(const plot_args *args, rv_chart *chart)
{
    for (int i = 0; i < chart->n_curves; i++)
        for (int j = 0; j < i; j++)
            if (strcmp(chart->curves[i].label, chart->curves[j].label) == 0) {
                snprintf(chart->curves[i].label, RV_CHART_LABEL, "%s", args->runs[i]);
                snprintf(chart->curves[j].label, RV_CHART_LABEL, "%s", args->runs[j]);
            }
}

static rv_status fill_chart(const plot_args *args, rv_chart *chart)
{
    RV_TRY(RV_NEW(chart->curves, args->n_runs));
    chart->n_curves = args->n_runs;
    for (int i = 0; i < args->n_runs; i++)
        RV_TRY(load_curve(args, args->runs[i], &chart->curves[i]));
    tell_apart(args, chart);
    rv_chart_scale_x(chart, args->want_wall ? RV_AXIS_WALL : RV_AXIS_STEPS);
    snprintf(chart->faint_label, RV_CHART_LABEL, "training episodes");
    if (args->metric) {
        snprintf(chart->title, RV_CHART_LABEL, "%s", args->n_runs == 1 ? chart->curves[0].label : args->metric);
        snprintf(chart->y_label, RV_CHART_LABEL, "%s", args->metric);
    } else {
        snprintf(chart->title, RV_CHART_LABEL, "%s", args->n_runs == 1 ? chart->curves[0].label : "evaluation");
        snprintf(chart->y_label, RV_CHART_LABEL, "return per episode");
    }
    if (args->n_runs == 1)
        snprintf(chart->curves[0].label, RV_CHART_LABEL, "%s",
                 args->metric            ? args->metric
                 : chart->curves[0].band ? "evaluation (mean, standard deviation)"
                                         : "evaluation (mean)");
    return RV_OK;
}

static rv_status draw_picture(const plot_args *args, const rv_chart *chart)
{
    char path[RV_PATH];
    char *bytes = NULL;
    size_t n = 0;
    const char *shown = args->out ? args->out : "curves.png";
    if (!args->out && args->n_runs == 1) {
        RV_TRY(rv_path_join(args->runs[0], "curve.png", path));
        shown = path;
    }
    RV_TRY(rv_chart_draw(chart, ends_with(shown, ".svg") ? RV_CHART_SVG : RV_CHART_PNG, 1200, 720, &bytes, &n));
    rv_status status = rv_file_write(shown, bytes, n);
    rv_mem_free(&bytes);
    RV_TRY(status);
    printf("picture: %s\n", shown);
    return RV_OK;
}

static rv_status plot(const plot_args *args)
{
    rv_chart chart = {0};
    rv_status status = RV_OK;
    RV_TRY_GOTO(fill_chart(args, &chart), done);
    if (!args->is_picture_only)
        RV_TRY_GOTO(rv_chart_print(&chart), done);
    RV_TRY_GOTO(draw_picture(args, &chart), done);
    RV_TRY_GOTO(rv_cmd_flush(), done);
done:
    rv_chart_clear(&chart);
    return status;
}

int rv_cmd_plot(int argc, char **argv)
{
    plot_args args = {.n_runs = 0};
    const char *x = NULL;
    rv_words words;
    const rv_option options[] = {{"--out", NULL, &args.out},
                                 {"--metric", NULL, &args.metric},
                                 {"--x", NULL, &x},
                                 {"--no-terminal", &args.is_picture_only, NULL},
                                 {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(usage);
    if (status == RV_OK)
        status = read_arguments(&words, x, &args);
    return rv_cmd_finish(status != RV_OK ? status : plot(&args));
}
