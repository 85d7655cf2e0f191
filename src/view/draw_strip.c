#include "view/draw_strip.h"

#include <math.h>
#include <stdio.h>

/* one number over time */
typedef struct strip {
    rv_canvas *canvas;
    rv_box box;
    int64_t n;
    int stride;
    const float *values; /* value of moment i at i * stride */
    double low, high;
} strip;

static void find_range(strip *s)
{
    s->low = INFINITY;
    s->high = -INFINITY;
    for (int64_t i = 0; i < s->n; i++) {
        s->low = fmin(s->low, (double)s->values[i * s->stride]);
        s->high = fmax(s->high, (double)s->values[i * s->stride]);
    }
    if (!(s->high - s->low > 1e-9)) {
        s->low -= 0.5;
        s->high += 0.5;
    }
}

static double x_of(const strip *s, int64_t i)
{
    return s->box.x + s->box.width * (double)i / (double)(s->n > 1 ? s->n - 1 : 1);
}

static double y_of(const strip *s, int64_t i)
{
    double share = ((double)s->values[i * s->stride] - s->low) / (s->high - s->low);
    return s->box.y + s->box.height * (0.9 - 0.8 * share);
}

static void draw_curve(const strip *s, int64_t first, int64_t last, rv_colour colour, double width)
{
    cairo_t *cr = s->canvas->cr;
    cairo_new_path(cr);
    cairo_move_to(cr, x_of(s, first), y_of(s, first));
    for (int64_t i = first + 1; i <= last; i++)
        cairo_line_to(cr, x_of(s, i), y_of(s, i));
    cairo_set_line_width(cr, width);
    rv_canvas_colour(s->canvas, colour, 1);
    cairo_stroke(cr);
}

static void draw_strip(strip *s, int number, int64_t t)
{
    char text[32];
    double size = fmin(11, s->box.height * 0.6), middle = s->box.y + s->box.height / 2;
    find_range(s);
    rv_canvas_line(s->canvas, s->box.x, s->box.y + s->box.height, s->box.x + s->box.width, s->box.y + s->box.height, 1,
                   RV_GRID);
    draw_curve(s, t, s->n - 1, RV_GRID, 1);
    draw_curve(s, 0, t, RV_BLUE, 1.5);
    rv_canvas_circle(s->canvas, x_of(s, t), y_of(s, t), 2.5, RV_ORANGE);
    snprintf(text, sizeof text, "o%d", number);
    rv_canvas_text(s->canvas, s->box.x - 8, middle, size, RV_RIGHT, 0, RV_FAINT, text);
    snprintf(text, sizeof text, "%.3g", (double)s->values[t * s->stride]);
    rv_canvas_text(s->canvas, s->box.x + s->box.width + 8, middle, size, RV_LEFT, 0, RV_INK, text);
}

void rv_draw_strips(rv_canvas *canvas, rv_box box, int64_t n, int n_obs, const float *obs, int64_t t)
{
    int shown = n_obs < RV_STRIPS ? n_obs : RV_STRIPS;
    double left = 36, right = 62, foot = n_obs > shown ? 18 : 6;
    double height = (box.height - 6 - foot) / shown;
    rv_canvas_fill_box(canvas, box, RV_PAPER);
    for (int k = 0; k < shown; k++) {
        strip s = {.canvas = canvas,
                   .box = {box.x + left, box.y + 6 + k * height, box.width - left - right, height},
                   .n = n,
                   .stride = n_obs,
                   .values = obs + k};
        draw_strip(&s, k, t);
    }
    if (n_obs > shown) {
        char text[64];
        snprintf(text, sizeof text, "the first %d of %d numbers of the observation", shown, n_obs);
        rv_canvas_text(canvas, box.x + box.width / 2, box.y + box.height - 9, 10, RV_CENTRE, box.width - 12, RV_FAINT,
                       text);
    }
}
