#include "view/film.h"

#include <math.h>
#include <stdio.h>

enum { HEAD = 30, CAPTION = 22, GAP = 6, CHART = 150, SHEET_COLS = 4 };

/* ---- captions ---- */

static void write_head(const rv_film *film, rv_canvas *canvas, const char *right)
{
    double middle = HEAD / 2.0;
    rv_canvas_fill_box(canvas, (rv_box){0, 0, canvas->width, HEAD}, RV_PAPER);
    double used =
        rv_canvas_text(canvas, canvas->width - 10, middle, 12, RV_RIGHT, canvas->width * 0.6, RV_FAINT, right);
    rv_canvas_text(canvas, 10, middle, 13, RV_LEFT, fmax(canvas->width - used - 30, 1), RV_INK, film->title);
}

/* what became of the imagined track by moment t */
static const char *end_of_imagined(const rv_film *film, int64_t t)
{
    if (!film->foresight || t < film->foresight->n - (film->foresight->terminated ? 1 : 0))
        return "";
    return film->foresight->terminated ? ", terminated" : film->foresight->lost ? ", lost" : "";
}

static void write_caption(const rv_film *film, rv_canvas *canvas, double x, double y, bool is_real, int64_t t)
{
    char text[96];
    rv_colour colour = is_real ? RV_BLUE : RV_PURPLE;
    const rv_track *track = is_real ? film->real : film->imagined;
    int64_t at = t < track->n ? t : track->n - 1;
    double width = film->width, middle = y + CAPTION / 2.0;
    rv_canvas_fill_box(canvas, (rv_box){x, y, width, CAPTION}, RV_PAPER);
    rv_canvas_fill_box(canvas, (rv_box){x + 8, middle - 5, 10, 10}, colour);
    snprintf(text, sizeof text, "return %.1f", track->total[at]);
    double used = rv_canvas_text(canvas, x + width - 8, middle, 12, RV_RIGHT, width / 2, RV_FAINT, text);
    snprintf(text, sizeof text, "%s%s", is_real ? "real" : "imagined", is_real ? "" : end_of_imagined(film, t));
    rv_canvas_text(canvas, x + 24, middle, 12, RV_LEFT, fmax(width - used - 40, 1), colour, text);
}

/* ---- the error over time ---- */

typedef struct chart {
    const rv_film *film;
    rv_canvas *canvas;
    rv_box box; /* of the curves */
    double top; /* of the error's axis */
} chart;

static double chart_x(const chart *c, int64_t t)
{
    int64_t last = c->film->real->n - 1;
    return c->box.x + c->box.width * (double)t / (double)(last > 0 ? last : 1);
}

static double chart_y(const chart *c, double error)
{
    return c->box.y + c->box.height * (1 - fmin(error, c->top) / c->top);
}

/* a round number: 1, 2 or 5 times a power of ten, at least x */
static double round_up(double x)
{
    double power = pow(10, floor(log10(fmax(x, 1e-9)))), share = x / power;
    return (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10) * power;
}

static void draw_band(const chart *c)
{
    const rv_foresight *f = c->film->foresight;
    cairo_t *cr = c->canvas->cr;
    cairo_new_path(cr);
    for (int64_t t = 0; t < f->n; t++)
        cairo_line_to(cr, chart_x(c, t), chart_y(c, f->high[t]));
    for (int64_t t = f->n - 1; t >= 0; t--)
        cairo_line_to(cr, chart_x(c, t), chart_y(c, f->low[t]));
    cairo_close_path(cr);
    rv_canvas_colour(c->canvas, RV_PURPLE, 0.18);
    cairo_fill(cr);
}

static void draw_error(const chart *c, int64_t last, rv_colour colour, double width)
{
    const rv_foresight *f = c->film->foresight;
    cairo_t *cr = c->canvas->cr;
    cairo_new_path(cr);
    for (int64_t t = 0; t <= last && t < f->n; t++)
        cairo_line_to(cr, chart_x(c, t), chart_y(c, f->error[t]));
    cairo_set_line_width(cr, width);
    rv_canvas_colour(c->canvas, colour, 1);
    cairo_stroke(cr);
}

static void draw_axes(const chart *c)
{
    const rv_box *b = &c->box;
    char text[32];
    for (int i = 0; i <= 2; i++) {
        double error = c->top * i / 2, y = chart_y(c, error);
        rv_canvas_line(c->canvas, b->x, y, b->x + b->width, y, 1, RV_GRID);
        snprintf(text, sizeof text, "%g", error);
        rv_canvas_text(c->canvas, b->x - 6, y, 10, RV_RIGHT, 0, RV_FAINT, text);
    }
    int64_t last = c->film->real->n - 1;
    double step = round_up(fmax((double)last / 6, 1));
    for (int64_t t = 0; t <= last; t += (int64_t)step) {
        snprintf(text, sizeof text, "%lld", (long long)t);
        rv_canvas_text(c->canvas, chart_x(c, t), b->y + b->height + 9, 10, RV_CENTRE, 0, RV_FAINT, text);
    }
    rv_canvas_text(c->canvas, b->x + b->width, b->y + b->height + 23, 10, RV_RIGHT, 0, RV_FAINT, "step");
}

/* t: the present moment; below 0: none */
static void draw_chart(const rv_film *film, rv_canvas *canvas, rv_box box, int64_t t)
{
    const rv_foresight *f = film->foresight;
    chart c = {film, canvas, {box.x + 44, box.y + 28, box.width - 44 - 16, box.height - 28 - 34}, 0};
    double largest = 0, highest = 0;
    for (int64_t i = 0; i < f->n; i++) {
        largest = fmax(largest, f->error[i]);
        highest = fmax(highest, f->high[i]);
    }
    /* a member that got lost must not flatten the curve */
    c.top = round_up(fmax(fmax(1.1 * largest, fmin(highest, 3 * largest)), 1e-3));
    rv_canvas_fill_box(canvas, box, RV_PAPER);
    rv_canvas_text(canvas, box.x + 10, box.y + 14, 11, RV_LEFT, box.width - 20, RV_INK,
                   "error of the imagined state, in standard deviations of the data; band: the members one by one");
    draw_axes(&c);
    draw_band(&c);
    draw_error(&c, f->n - 1, t < 0 ? RV_PURPLE : 0xcdb4d8, t < 0 ? 2 : 1.5);
    if (t < 0)
        return;
    draw_error(&c, t, RV_PURPLE, 2);
    rv_canvas_line(canvas, chart_x(&c, t), c.box.y, chart_x(&c, t), c.box.y + c.box.height, 1, RV_FAINT);
    if (t < f->n)
        rv_canvas_circle(canvas, chart_x(&c, t), chart_y(&c, f->error[t]), 3.5, RV_PURPLE);
}

/* ---- frames ---- */

static rv_status draw_track(const rv_film *film, rv_canvas *canvas, double x, double y, bool is_real, int64_t t)
{
    const rv_track *track = is_real ? film->real : film->imagined;
    rv_box box = {x, y, film->width, film->height};
    return rv_picture_draw(film->picture, canvas, box, track, t < track->n ? t : track->n - 1);
}

void rv_film_size(const rv_film *film, int *width, int *height)
{
    bool is_both = film->imagined != NULL;
    *width = film->width * (is_both ? 2 : 1) + (is_both ? GAP : 0);
    *height = HEAD + film->height + (is_both ? CAPTION + CHART : 0);
    *width += *width % 2; /* even sides suit every format */
    *height += *height % 2;
}

rv_status rv_film_frame(const rv_film *film, rv_canvas *canvas, int64_t t)
{
    char text[96];
    int right = film->width + GAP;
    if (film->imagined)
        snprintf(text, sizeof text, "step %lld of %lld", (long long)t, (long long)(film->real->n - 1));
    else
        snprintf(text, sizeof text, "step %lld   return %.1f", (long long)t, film->real->total[t]);
    rv_canvas_fill_box(canvas, (rv_box){0, 0, canvas->width, canvas->height}, RV_PAPER);
    write_head(film, canvas, text);
    if (!film->imagined)
        return draw_track(film, canvas, 0, HEAD, true, t);
    write_caption(film, canvas, 0, HEAD, true, t);
    write_caption(film, canvas, right, HEAD, false, t);
    RV_TRY(draw_track(film, canvas, 0, HEAD + CAPTION, true, t));
    RV_TRY(draw_track(film, canvas, right, HEAD + CAPTION, false, t));
    draw_chart(film, canvas, (rv_box){0, HEAD + CAPTION + film->height, canvas->width, CHART}, t);
    return RV_OK;
}

/* ---- sheets ---- */

static int sheet_cols(const rv_film *film)
{
    return film->imagined ? RV_SHEET_BOTH : SHEET_COLS;
}

static int64_t sheet_moment(const rv_film *film, int k)
{
    int n = film->imagined ? RV_SHEET_BOTH : RV_SHEET_REAL;
    return llround((double)k * (double)(film->real->n - 1) / (n - 1));
}

void rv_film_sheet_size(const rv_film *film, int *width, int *height)
{
    int cols = sheet_cols(film), tile = film->height + CAPTION;
    *width = cols * film->width + (cols - 1) * GAP;
    *height = HEAD + 2 * tile + GAP + (film->imagined ? CHART + 20 : 0);
}

static void write_moment(const rv_film *film, rv_canvas *canvas, double x, double y, bool is_real, int64_t t)
{
    char text[64];
    const rv_track *track = is_real ? film->real : film->imagined;
    int64_t at = t < track->n ? t : track->n - 1;
    double middle = y + CAPTION / 2.0, most = film->width / 2.0;
    snprintf(text, sizeof text, "step %lld%s", (long long)at, is_real ? "" : end_of_imagined(film, t));
    rv_canvas_text(canvas, x + 8, middle, 12, RV_LEFT, most, RV_INK, text);
    snprintf(text, sizeof text, "return %.1f", track->total[at]);
    rv_canvas_text(canvas, x + film->width - 8, middle, 12, RV_RIGHT, most, RV_FAINT, text);
}

/* one moment below its caption; the first of a row says which row it is */
static rv_status draw_tile(const rv_film *film, rv_canvas *canvas, int col, int row, bool is_real, int64_t t)
{
    double x = col * (film->width + GAP), y = HEAD + row * (film->height + CAPTION + GAP);
    if (film->imagined && col == 0)
        write_caption(film, canvas, x, y, is_real, t);
    else
        write_moment(film, canvas, x, y, is_real, t);
    return draw_track(film, canvas, x, y + CAPTION, is_real, t);
}

rv_status rv_film_sheet(const rv_film *film, rv_canvas *canvas)
{
    char text[96];
    int cols = sheet_cols(film);
    snprintf(text, sizeof text, "%lld steps, return %.1f%s", (long long)(film->real->n - 1),
             film->real->total[film->real->n - 1], film->real->terminated ? ", terminated" : "");
    rv_canvas_fill_box(canvas, (rv_box){0, 0, canvas->width, canvas->height}, RV_PAPER);
    write_head(film, canvas, text);
    for (int k = 0; k < (film->imagined ? RV_SHEET_BOTH : RV_SHEET_REAL); k++) {
        RV_TRY(draw_tile(film, canvas, k % cols, k / cols, true, sheet_moment(film, k)));
        if (film->imagined)
            RV_TRY(draw_tile(film, canvas, k, 1, false, sheet_moment(film, k)));
    }
    if (film->imagined) {
        double y = HEAD + 2 * (film->height + CAPTION) + GAP;
        draw_chart(film, canvas, (rv_box){0, y, canvas->width, canvas->height - y}, -1);
    }
    return RV_OK;
}
