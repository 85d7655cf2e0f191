/* chart.h - draw curves with gnuplot, as a picture or as text.
 *
 * gnuplot gets numbers and quoted labels, never a path: what it draws comes back as bytes.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

enum { RV_CHART_LABEL = 128, RV_CHART_CURVES = 64 };

typedef enum rv_chart_format {
    RV_CHART_PNG,
    RV_CHART_SVG,
    RV_CHART_TEXT,   /* characters; UTF-8 when the locale has it */
    RV_CHART_COLOUR, /* the same with terminal colours */
} rv_chart_format;

/** One curve; x ascending. The arrays belong to the curve (rv_chart_clear). */
typedef struct rv_curve {
    char label[RV_CHART_LABEL];
    int64_t n;
    double *x, *y;      /* (n) */
    double *band;       /* (n) half width of the band around y; NULL: none */
    double *low, *high; /* (n) edges of the band, where they do not lie alike; both NULL: band */
    bool is_guide;      /* something to compare with: thin, grey and dashed; pictures only */
    /* a second, faint line under the curve; pictures only */
    int64_t n_faint;
    double *faint_x, *faint_y; /* (n_faint) */
} rv_curve;

typedef struct rv_chart {
    char title[RV_CHART_LABEL], x_label[RV_CHART_LABEL], y_label[RV_CHART_LABEL];
    char faint_label[RV_CHART_LABEL]; /* what the faint lines are; shown when there is one */
    bool is_log;                      /* y is logarithmic; points at 0 and below are left out */
    bool is_bare;                     /* a picture without a ground of its own */
    int n_curves;
    rv_curve *curves; /* (n_curves) */
} rv_chart;

/** Draw. @param[in] width, height pixels, or characters of text.
 * @param[out] out n_out bytes and a NUL; the caller frees (rv_mem_free)
 * @return RV_OK; RV_E_UNAVAILABLE (gnuplot is missing or failed: its own words); RV_E_OS; RV_E_NOMEM */
rv_status rv_chart_draw(const rv_chart *chart, rv_chart_format format, int width, int height, char **out,
                        size_t *n_out);

/** What x counts. */
typedef enum rv_axis { RV_AXIS_STEPS, RV_AXIS_WALL, RV_AXIS_CORE, RV_N_AXES } rv_axis;

/** Divide x, in real steps, seconds or core-seconds, by a round unit so that its numbers stay short; names the axis. */
void rv_chart_scale_x(rv_chart *chart, rv_axis axis);

/** Draw as text, as wide as the terminal, to standard output; with colours when it is one that has them.
 * @return what rv_chart_draw returns */
rv_status rv_chart_print(const rv_chart *chart);

void rv_chart_clear(rv_chart *chart);
