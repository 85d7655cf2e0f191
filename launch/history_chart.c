#include "launch/history_chart.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

static const struct {
    int64_t from;
    double unit;
    const char *label;
} step_units[] = {{5000000, 1e6, "real steps (millions)"}, {5000, 1e3, "real steps (thousands)"}, {0, 1, "real steps"}};

static int unit_of(int64_t last_step)
{
    int k = 0;
    while (last_step < step_units[k].from)
        k++;
    return k;
}

double rv_history_step_unit(int64_t last_step)
{
    return step_units[unit_of(last_step)].unit;
}

rv_status rv_history_chart(const char *title, const char *y_label, int n_curves, int64_t last_step, rv_chart *out)
{
    rv_chart chart = {.n_curves = n_curves};
    snprintf(chart.title, sizeof chart.title, "%s", title);
    snprintf(chart.y_label, sizeof chart.y_label, "%s", y_label);
    snprintf(chart.x_label, sizeof chart.x_label, "%s", step_units[unit_of(last_step)].label);
    RV_TRY(RV_NEW(chart.curves, n_curves));
    *out = chart;
    return RV_OK;
}

/* points from i n / n_out to (i + 1) n / n_out - 1 put together */
static rv_point merged(const rv_series *s, int64_t i, int64_t n_out)
{
    int64_t from = i * s->n / n_out;
    int64_t to = (i + 1) * s->n / n_out;
    rv_point p = s->points[from];
    double step = 0;
    p.mean = 0;
    for (int64_t k = from; k < to; k++) {
        step += (double)s->points[k].step / (double)(to - from);
        p.mean += s->points[k].mean / (double)(to - from);
        p.low = fmin(p.low, s->points[k].low);
        p.high = fmax(p.high, s->points[k].high);
    }
    p.step = llround(step);
    return p;
}

static int64_t points_of(const rv_series *s)
{
    return s->n < RV_HISTORY_POINTS ? s->n : RV_HISTORY_POINTS;
}

rv_status rv_history_curve(const rv_series *series, const char *label, int64_t last_step, bool has_band, rv_curve *out)
{
    const double unit = rv_history_step_unit(last_step);
    snprintf(out->label, sizeof out->label, "%s", label);
    out->n = points_of(series);
    RV_TRY(RV_NEW(out->x, out->n));
    RV_TRY(RV_NEW(out->y, out->n));
    if (has_band) {
        RV_TRY(RV_NEW(out->low, out->n));
        RV_TRY(RV_NEW(out->high, out->n));
    }
    for (int64_t i = 0; i < out->n; i++) {
        rv_point p = merged(series, i, out->n);
        out->x[i] = (double)p.step / unit;
        out->y[i] = p.mean;
        if (has_band) {
            out->low[i] = p.low;
            out->high[i] = p.high;
        }
    }
    return RV_OK;
}

rv_status rv_history_faint(const rv_series *series, int64_t last_step, rv_curve *out)
{
    const double unit = rv_history_step_unit(last_step);
    out->n_faint = points_of(series);
    RV_TRY(RV_NEW(out->faint_x, out->n_faint));
    RV_TRY(RV_NEW(out->faint_y, out->n_faint));
    for (int64_t i = 0; i < out->n_faint; i++) {
        rv_point p = merged(series, i, out->n_faint);
        out->faint_x[i] = (double)p.step / unit;
        out->faint_y[i] = p.mean;
    }
    return RV_OK;
}
