#include "view/draw_classic.h"

#include <math.h>

static const rv_colour wood = 0xcf8a4b, metal = 0x5b6b7a;

/* where a task's own lengths go: (x, y) of the task, y upward, at (left + x scale, base - y scale) */
typedef struct frame {
    rv_canvas *canvas;
    double left, base, scale;
} frame;

static double at_x(const frame *f, double x)
{
    return f->left + x * f->scale;
}

static double at_y(const frame *f, double y)
{
    return f->base - y * f->scale;
}

static void line(const frame *f, double x1, double y1, double x2, double y2, double width, rv_colour colour)
{
    rv_canvas_line(f->canvas, at_x(f, x1), at_y(f, y1), at_x(f, x2), at_y(f, y2), width * f->scale, colour);
}

static void circle(const frame *f, double x, double y, double radius, rv_colour colour)
{
    rv_canvas_circle(f->canvas, at_x(f, x), at_y(f, y), radius * f->scale, colour);
}

/* the middle of the box is (0, 0); reach fits in any direction */
static frame centred(rv_canvas *canvas, rv_box box, double reach)
{
    rv_canvas_fill_box(canvas, box, RV_GROUND);
    return (frame){canvas, box.x + box.width / 2, box.y + box.height / 2, fmin(box.width, box.height) / 2 / reach};
}

void rv_draw_pendulum(rv_canvas *canvas, rv_box box, const double *state)
{
    frame f = centred(canvas, box, 1.35);
    double x = -sin(state[0]), y = cos(state[0]);
    cairo_new_path(canvas->cr);
    cairo_arc(canvas->cr, f.left, f.base, f.scale, 0, 2 * M_PI);
    cairo_set_line_width(canvas->cr, 1);
    rv_canvas_colour(canvas, RV_GRID, 1);
    cairo_stroke(canvas->cr);
    line(&f, 0, 0.93, 0, 1.07, 0.02, RV_FAINT);
    line(&f, 0, 0, x, y, 0.2, wood);
    circle(&f, x, y, 0.1, RV_ORANGE);
    circle(&f, 0, 0, 0.05, RV_INK);
}

void rv_draw_cart_pole(rv_canvas *canvas, rv_box box, const double *state)
{
    double scale = fmin(box.width / 5.4, box.height / 2.6);
    frame f = {canvas, box.x + box.width / 2, box.y + box.height / 2 + 0.6 * scale, scale};
    double x = state[0], theta = state[2];
    rv_canvas_fill_box(canvas, box, RV_GROUND);
    line(&f, -2.4, 0, 2.4, 0, 0.02, RV_FAINT);
    line(&f, -2.4, -0.08, -2.4, 0.08, 0.03, RV_RED);
    line(&f, 2.4, -0.08, 2.4, 0.08, 0.03, RV_RED);
    rv_box cart = {at_x(&f, x - 0.3), at_y(&f, 0.15), 0.6 * scale, 0.3 * scale};
    rv_canvas_fill_box(canvas, cart, metal);
    line(&f, x, 0.1, x + sin(theta), 0.1 + cos(theta), 0.11, RV_ORANGE);
    circle(&f, x, 0.1, 0.045, RV_INK);
}

static double hill(double x)
{
    return 0.45 * sin(3 * x) + 0.55;
}

void rv_draw_mountain_car(rv_canvas *canvas, rv_box box, const double *state)
{
    const double low = -1.2, high = 0.6, goal = 0.45;
    const int n_points = 90;
    double scale = fmin(box.width / 2.0, box.height / 1.5);
    frame f = {canvas, box.x + box.width / 2 + 0.3 * scale, box.y + box.height / 2 + 0.6 * scale, scale};
    double x = state[0], slope = atan(0.45 * 3 * cos(3 * x));
    rv_canvas_fill_box(canvas, box, RV_GROUND);
    cairo_t *cr = canvas->cr;
    cairo_new_path(cr);
    cairo_move_to(cr, at_x(&f, low), at_y(&f, -0.1));
    for (int i = 0; i <= n_points; i++) {
        double at = low + (high - low) * i / n_points;
        cairo_line_to(cr, at_x(&f, at), at_y(&f, hill(at)));
    }
    cairo_line_to(cr, at_x(&f, high), at_y(&f, -0.1));
    cairo_close_path(cr);
    rv_canvas_colour(canvas, 0xd5dde0, 1);
    cairo_fill(cr);
    line(&f, low, hill(low), low, hill(low) + 0.12, 0.015, RV_FAINT);
    line(&f, goal, hill(goal), goal, hill(goal) + 0.22, 0.012, RV_INK);
    cairo_move_to(cr, at_x(&f, goal), at_y(&f, hill(goal) + 0.22));
    cairo_line_to(cr, at_x(&f, goal + 0.1), at_y(&f, hill(goal) + 0.18));
    cairo_line_to(cr, at_x(&f, goal), at_y(&f, hill(goal) + 0.14));
    cairo_close_path(cr);
    rv_canvas_colour(canvas, RV_GREEN, 1);
    cairo_fill(cr);
    cairo_save(cr);
    cairo_translate(cr, at_x(&f, x), at_y(&f, hill(x)));
    cairo_rotate(cr, -slope);
    frame car = {canvas, 0, 0, scale};
    rv_canvas_fill_box(canvas, (rv_box){-0.085 * scale, -0.095 * scale, 0.17 * scale, 0.06 * scale}, RV_ORANGE);
    rv_canvas_fill_box(canvas, (rv_box){-0.045 * scale, -0.14 * scale, 0.09 * scale, 0.06 * scale}, RV_ORANGE);
    circle(&car, -0.05, 0.025, 0.025, RV_INK);
    circle(&car, 0.05, 0.025, 0.025, RV_INK);
    cairo_restore(cr);
}

void rv_draw_acrobot(rv_canvas *canvas, rv_box box, const double *state)
{
    frame f = centred(canvas, box, 2.3);
    double x1 = sin(state[0]), y1 = -cos(state[0]);
    double x2 = x1 + sin(state[0] + state[1]), y2 = y1 - cos(state[0] + state[1]);
    line(&f, -2.2, 1, 2.2, 1, 0.02, RV_GREEN);
    line(&f, 0, 0, x1, y1, 0.18, metal);
    line(&f, x1, y1, x2, y2, 0.18, RV_ORANGE);
    circle(&f, 0, 0, 0.06, RV_INK);
    circle(&f, x1, y1, 0.06, RV_INK);
}
