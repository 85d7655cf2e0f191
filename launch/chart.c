#include "launch/chart.h"

#include "base/memory.h"
#include "base/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_OUTPUT = 1 << 26 };

/* told apart also by people who see fewer colours (Okabe and Ito 2008) */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555"};
static const char *const marks[] = {"*", "o", "+", "x", "#", "@", "%"};
enum { N_STYLES = sizeof colours / sizeof colours[0] };

/* A gnuplot string: no quote ends it early, no backquote runs a command (there is no way to escape one), no line ends.
 * Single quotes will not do: gnuplot 5.4 takes '''a' for '' and a'. */
static void put_quoted(FILE *script, const char *text)
{
    fputc('"', script);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', script);
        fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text == '`' ? '\'' : *text, script);
    }
    fputc('"', script);
}

static void put_label(FILE *script, const char *command, const char *text)
{
    fprintf(script, "set %s ", command);
    put_quoted(script, text);
    fputs(" noenhanced\n", script);
}

/* A curve's points as a block named $c0, $c1, ... of x, y, low, high. */
static void put_curve(FILE *script, const rv_curve *curve, int i)
{
    fprintf(script, "$c%d << END\n", i);
    for (int64_t k = 0; k < curve->n; k++) {
        double band = curve->band && isfinite(curve->band[k]) ? curve->band[k] : 0;
        double low = curve->low ? curve->low[k] : curve->y[k] - band;
        double high = curve->high ? curve->high[k] : curve->y[k] + band;
        fprintf(script, "%.17g %.17g %.17g %.17g\n", curve->x[k], curve->y[k], low, high);
    }
    fputs("END\n", script);
    if (curve->n_faint > 0) {
        fprintf(script, "$f%d << END\n", i);
        for (int64_t k = 0; k < curve->n_faint; k++)
            fprintf(script, "%.17g %.17g\n", curve->faint_x[k], curve->faint_y[k]);
        fputs("END\n", script);
    }
}

/* The same as a dense row of points, because characters joined by lines are hard to read. */
static void put_dense_curve(FILE *script, const rv_curve *curve, int i)
{
    const int64_t n_between = curve->n > 1 ? 1 + 4000 / curve->n : 1;
    fprintf(script, "$c%d << END\n", i);
    for (int64_t k = 0; k < curve->n; k++)
        for (int64_t j = 0; j < (k + 1 < curve->n ? n_between : 1); j++) {
            double share = (double)j / (double)n_between;
            double next_x = k + 1 < curve->n ? curve->x[k + 1] : curve->x[k];
            double next_y = k + 1 < curve->n ? curve->y[k + 1] : curve->y[k];
            fprintf(script, "%.17g %.17g\n", curve->x[k] + share * (next_x - curve->x[k]),
                    curve->y[k] + share * (next_y - curve->y[k]));
        }
    fputs("END\n", script);
}

static void put_picture(FILE *script, const rv_chart *chart)
{
    fputs("set border 3 lc rgb '#888888'\n"
          "set tics nomirror out scale 0.5 textcolor rgb '#333333'\n"
          "set grid lc rgb '#e4e4e4' lt 1 lw 1\n"
          "set lmargin 11\n"
          "set rmargin 4\n",
          script);
    fprintf(script, "set key %s center horizontal noenhanced textcolor rgb '#333333' samplen 3\n",
            chart->is_bare ? "tmargin" : "bmargin height 2");
    int n_faint = 0;
    const char *comma = "plot ";
    for (int i = 0; i < chart->n_curves; i++)
        if (chart->curves[i].band || chart->curves[i].low) {
            fprintf(script,
                    "%s$c%d using 1:3:4 with filledcurves fs transparent solid 0.15 noborder lc rgb '%s' notitle",
                    comma, i, colours[i % N_STYLES]);
            comma = ", ";
        }
    for (int i = 0; i < chart->n_curves; i++)
        if (chart->curves[i].n_faint > 0) {
            fprintf(script, "%s$f%d using 1:2 with lines lw 1.5 lc rgb '#90%s' ", comma, i, colours[i % N_STYLES] + 1);
            comma = ", ";
            if (n_faint++ == 0 && chart->n_curves == 1) {
                fputs("title ", script);
                put_quoted(script, chart->faint_label);
            } else {
                fputs("notitle", script);
            }
        }
    for (int i = 0; i < chart->n_curves; i++) {
        const rv_curve *curve = &chart->curves[i];
        if (curve->is_guide) {
            fprintf(script, "%s$c%d using 1:2 with lines lw 1.5 dt 2 lc rgb '#888888' title ", comma, i);
            put_quoted(script, curve->label);
            comma = ", ";
            continue;
        }
        /* points show where the curve was measured, as long as they can be told apart */
        fprintf(script, "%s$c%d using 1:2 with %s lw 2.5 pt 7 ps 0.6 dt %d lc rgb '%s' title ", comma, i,
                curve->n <= 60 ? "linespoints" : "lines", 1 + i / N_STYLES, colours[i % N_STYLES]);
        put_quoted(script, curve->label);
        comma = ", ";
    }
    fputc('\n', script);
}

static bool has_utf8_locale(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static void put_text(FILE *script, const rv_chart *chart, bool has_colour)
{
    bool is_utf8 = has_utf8_locale();
    fputs("set border 3\nset tics nomirror\nset key outside bottom center horizontal noenhanced\n", script);
    for (int i = 0; i < chart->n_curves; i++) {
        /* with colours, or with one curve, one mark does for all */
        bool is_dot = is_utf8 && (has_colour || chart->n_curves == 1);
        fprintf(script, "%s$c%d using 1:2 with points pt '%s' lc rgb '%s' title ", i == 0 ? "plot " : ", ", i,
                is_dot ? "•" : marks[i % N_STYLES], colours[i % N_STYLES]);
        put_quoted(script, chart->curves[i].label);
    }
    fputc('\n', script);
}

static void put_script(FILE *script, const rv_chart *chart, rv_chart_format format, int width, int height)
{
    bool is_text = format == RV_CHART_TEXT || format == RV_CHART_COLOUR;
    if (format == RV_CHART_PNG)
        fprintf(script, "set terminal pngcairo size %d,%d font 'sans,13' noenhanced background rgb 'white'\n", width,
                height);
    else if (format == RV_CHART_SVG)
        fprintf(script, "set terminal svg size %d,%d font 'sans,16' noenhanced%s\n", width, height,
                chart->is_bare ? "" : " background rgb 'white'");
    else
        fprintf(script, "set terminal dumb size %d,%d %s noenhanced\n", width, height,
                format == RV_CHART_COLOUR ? "ansi256" : "mono");
    fputs("set encoding utf8\n", script);
    if (chart->is_log)
        fputs("set logscale y\nset format y '%g'\n", script);
    put_label(script, "title", chart->title);
    put_label(script, "xlabel", chart->x_label);
    put_label(script, "ylabel", chart->y_label);
    if (!is_text)
        fputs("set title font ',16' textcolor rgb '#222222'\n"
              "set xlabel textcolor rgb '#333333'\nset ylabel textcolor rgb '#333333'\n",
              script);
    for (int i = 0; i < chart->n_curves; i++) {
        if (is_text)
            put_dense_curve(script, &chart->curves[i], i);
        else
            put_curve(script, &chart->curves[i], i);
    }
    if (is_text)
        put_text(script, chart, format == RV_CHART_COLOUR);
    else
        put_picture(script, chart);
}

/* Run gnuplot on these three files. */
static rv_status run_gnuplot(int in, int out, int err)
{
    /* -d: no settings of the machine or the user */
    char *words[] = {(char[]){"gnuplot"}, (char[]){"-d"}, NULL};
    const int files[RV_PROGRAM_FILES] = {in, out, err, -1};
    pid_t gnuplot = 0;
    RV_TRY(rv_program_start("gnuplot-nox", words, files, &gnuplot));
    return rv_program_wait("gnuplot", gnuplot, err);
}

rv_status rv_chart_draw(const rv_chart *chart, rv_chart_format format, int width, int height, char **out, size_t *n_out)
{
    rv_status status = RV_OK;
    char *text = NULL;
    size_t n_text = 0;
    int in = -1;
    int drawn = -1;
    int said = -1;
    FILE *script = open_memstream(&text, &n_text);
    RV_CHECK(script, RV_E_NOMEM, "cannot make the chart's script: out of memory");
    put_script(script, chart, format, width, height);
    bool is_written = fclose(script) == 0;
    RV_CHECK_GOTO(is_written, RV_E_NOMEM, done, "cannot make the chart's script: out of memory");
    RV_TRY_GOTO(rv_memory_file(text, n_text, &in), done);
    RV_TRY_GOTO(rv_memory_file(NULL, 0, &drawn), done);
    RV_TRY_GOTO(rv_memory_file(NULL, 0, &said), done);
    RV_TRY_GOTO(run_gnuplot(in, drawn, said), done);
    RV_TRY_GOTO(rv_memory_file_read(drawn, MAX_OUTPUT, out, n_out), done);
done:
    if (in >= 0)
        close(in);
    if (drawn >= 0)
        close(drawn);
    if (said >= 0)
        close(said);
    free(text);
    return status;
}

void rv_chart_scale_x(rv_chart *chart, rv_axis axis)
{
    enum { UNITS = 3 };
    static const struct {
        double from, unit;
        const char *label;
    } units[RV_N_AXES][UNITS] = {
        [RV_AXIS_STEPS] = {{5e6, 1e6, "environment steps (millions)"},
                           {5e3, 1e3, "environment steps (thousands)"},
                           {0, 1, "environment steps"}},
        [RV_AXIS_WALL] = {{3 * 3600, 3600, "wall time (hours)"},
                          {180, 60, "wall time (minutes)"},
                          {0, 1, "wall time (s)"}},
        [RV_AXIS_CORE] = {{3 * 3600, 3600, "core-hours"}, {180, 60, "core-minutes"}, {0, 1, "core-seconds"}},
    };
    double last = 0;
    for (int i = 0; i < chart->n_curves; i++)
        last = fmax(last, chart->curves[i].x[chart->curves[i].n - 1]);
    int k = 0;
    while (k < UNITS - 1 && last < units[axis][k].from)
        k++;
    snprintf(chart->x_label, RV_CHART_LABEL, "%s", units[axis][k].label);
    for (int i = 0; i < chart->n_curves; i++) {
        for (int64_t j = 0; j < chart->curves[i].n; j++)
            chart->curves[i].x[j] /= units[axis][k].unit;
        for (int64_t j = 0; j < chart->curves[i].n_faint; j++)
            chart->curves[i].faint_x[j] /= units[axis][k].unit;
    }
}

/* ---- on the terminal ---- */

static int terminal_width(void)
{
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    long width = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    else if (columns)
        width = strtol(columns, NULL, 10);
    return width < 40 ? 40 : width > 160 ? 160 : (int)width;
}

/* Length of a line without the blanks and colour switches behind its last visible character. */
static size_t visible_length(const char *line, size_t n)
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        if (line[i] == '\033')
            while (i < n && line[i] != 'm')
                i++;
        else if (line[i] != ' ' && line[i] != '\f')
            length = i + 1;
    }
    return length;
}

/* gnuplot sets a page: a form feed before it, blanks behind its lines, empty lines around it. */
static void print_page(const char *page, bool has_colour)
{
    while (*page) {
        size_t n = strcspn(page, "\n");
        size_t shown = visible_length(page, n);
        if (shown > 0)
            printf("%.*s\n", (int)shown - (*page == '\f'), page + (*page == '\f'));
        page += n + (page[n] == '\n');
    }
    fputs(has_colour ? "\033[0m\n" : "\n", stdout);
}

rv_status rv_chart_print(const rv_chart *chart)
{
    char *page = NULL;
    size_t n = 0;
    bool has_colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    RV_TRY(rv_chart_draw(chart, has_colour ? RV_CHART_COLOUR : RV_CHART_TEXT, terminal_width(), 24, &page, &n));
    print_page(page, has_colour);
    rv_mem_free(&page);
    return RV_OK;
}

void rv_chart_clear(rv_chart *chart)
{
    for (int i = 0; i < chart->n_curves; i++) {
        rv_curve *curve = &chart->curves[i];
        rv_mem_free(&curve->x);
        rv_mem_free(&curve->y);
        rv_mem_free(&curve->band);
        rv_mem_free(&curve->low);
        rv_mem_free(&curve->high);
        rv_mem_free(&curve->faint_x);
        rv_mem_free(&curve->faint_y);
    }
    rv_mem_free(&chart->curves);
    chart->n_curves = 0;
}
