#include "view/canvas.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 256 };

rv_status rv_canvas_create(int width, int height, rv_canvas **out)
{
    rv_canvas *c = NULL;
    RV_CHECK(width >= 1 && height >= 1 && width <= RV_CANVAS_MOST && height <= RV_CANVAS_MOST, RV_E_USAGE,
             "a picture of %d x %d pixels cannot be made; a side has 1 to %d", width, height, (int)RV_CANVAS_MOST);
    RV_TRY(RV_NEW(c, 1));
    c->width = width;
    c->height = height;
    c->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    c->cr = cairo_create(c->surface);
    if (cairo_status(c->cr) != CAIRO_STATUS_SUCCESS) {
        rv_status status = rv_raise(RV_E_NOMEM, "a picture of %d x %d pixels: %s", width, height,
                                    cairo_status_to_string(cairo_status(c->cr)));
        rv_canvas_destroy(&c);
        return status;
    }
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(c->cr, options);
    cairo_font_options_destroy(options);
    cairo_select_font_face(c->cr, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_line_cap(c->cr, CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(c->cr, CAIRO_LINE_JOIN_ROUND);
    rv_canvas_fill_box(c, (rv_box){0, 0, width, height}, RV_PAPER);
    *out = c;
    return RV_OK;
}

void rv_canvas_destroy(rv_canvas **canvas)
{
    if (!*canvas)
        return;
    cairo_destroy((*canvas)->cr);
    cairo_surface_destroy((*canvas)->surface);
    rv_mem_free(canvas);
}

/* ---- shapes ---- */

void rv_canvas_colour(rv_canvas *canvas, rv_colour colour, double alpha)
{
    cairo_set_source_rgba(canvas->cr, (double)(colour >> 16 & 255) / 255, (double)(colour >> 8 & 255) / 255,
                          (double)(colour & 255) / 255, alpha);
}

void rv_canvas_fill_box(rv_canvas *canvas, rv_box box, rv_colour colour)
{
    rv_canvas_colour(canvas, colour, 1);
    cairo_rectangle(canvas->cr, box.x, box.y, box.width, box.height);
    cairo_fill(canvas->cr);
}

void rv_canvas_circle(rv_canvas *canvas, double x, double y, double radius, rv_colour colour)
{
    rv_canvas_colour(canvas, colour, 1);
    cairo_new_path(canvas->cr);
    cairo_arc(canvas->cr, x, y, radius, 0, 2 * M_PI);
    cairo_fill(canvas->cr);
}

void rv_canvas_line(rv_canvas *canvas, double x1, double y1, double x2, double y2, double width, rv_colour colour)
{
    rv_canvas_colour(canvas, colour, 1);
    cairo_set_line_width(canvas->cr, width);
    cairo_move_to(canvas->cr, x1, y1);
    cairo_line_to(canvas->cr, x2, y2);
    cairo_stroke(canvas->cr);
}

/* ---- text ---- */

/* bytes of the UTF-8 character that begins at text, 0 where none does */
static size_t utf8_length(const char *text)
{
    unsigned char c = (unsigned char)text[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
    return c < ' ' || c == 127 ? 0 : n;
}

/* what cairo can draw of a text: it takes no more calls after text that is no UTF-8 */
static void make_drawable(const char *text, char out[TEXT])
{
    size_t n = 0;
    while (*text && n + 5 < TEXT) {
        size_t length = utf8_length(text);
        if (length == 0) {
            out[n++] = '?';
            text++;
        }
        for (size_t i = 0; i < length; i++)
            out[n++] = *text++;
    }
    out[n] = '\0';
}

static double width_of(rv_canvas *canvas, const char *text)
{
    cairo_text_extents_t e;
    cairo_text_extents(canvas->cr, text, &e);
    return e.x_advance;
}

/* take characters from the end until "..." fits behind them */
static void shorten(rv_canvas *canvas, double most, char text[TEXT])
{
    size_t n = strlen(text);
    while (n > 0 && width_of(canvas, text) > most) {
        do
            n--;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80);
        snprintf(text + n, TEXT - n, "%.3s", "...");
    }
}

double rv_canvas_text(rv_canvas *canvas, double x, double y, double size, rv_align align, double most, rv_colour colour,
                      const char *text)
{
    char shown[TEXT];
    make_drawable(text, shown);
    cairo_set_font_size(canvas->cr, size);
    if (most > 0)
        shorten(canvas, most, shown);
    double width = width_of(canvas, shown);
    rv_canvas_colour(canvas, colour, 1);
    /* 0.36 of the size: half the height of a capital */
    cairo_move_to(canvas->cr, align == RV_LEFT ? x : align == RV_CENTRE ? x - width / 2 : x - width, y + 0.36 * size);
    cairo_show_text(canvas->cr, shown);
    cairo_new_path(canvas->cr);
    return width;
}

/* ---- pixels ---- */

void rv_canvas_paste(rv_canvas *canvas, int x, int y, int width, int height, const unsigned char *rgb)
{
    cairo_surface_flush(canvas->surface);
    unsigned char *pixels = cairo_image_surface_get_data(canvas->surface);
    int stride = cairo_image_surface_get_stride(canvas->surface);
    for (int row = 0; row < height; row++) {
        const unsigned char *from = rgb + (size_t)(height - 1 - row) * (size_t)width * 3;
        unsigned char *to = pixels + (size_t)(y + row) * (size_t)stride + (size_t)x * 4;
        for (int column = 0; column < width; column++, from += 3, to += 4) {
            to[0] = from[2];
            to[1] = from[1];
            to[2] = from[0];
        }
    }
    cairo_surface_mark_dirty(canvas->surface);
}

const unsigned char *rv_canvas_pixels(rv_canvas *canvas, size_t *n)
{
    cairo_surface_flush(canvas->surface);
    /* rows of 4-byte pixels have no gaps between them */
    *n = (size_t)cairo_image_surface_get_stride(canvas->surface) * (size_t)canvas->height;
    return cairo_image_surface_get_data(canvas->surface);
}

rv_colour rv_canvas_pixel(rv_canvas *canvas, int x, int y)
{
    size_t n = 0;
    const unsigned char *p = rv_canvas_pixels(canvas, &n) + ((size_t)y * (size_t)canvas->width + (size_t)x) * 4;
    return (rv_colour)p[2] << 16 | (rv_colour)p[1] << 8 | p[0];
}

typedef struct png_bytes {
    char *bytes;
    size_t n, capacity;
    rv_status status;
} png_bytes;

static cairo_status_t take_png(void *user, const unsigned char *data, unsigned length)
{
    png_bytes *png = user;
    if (png->n + length > png->capacity) {
        size_t capacity = 2 * (png->n + length);
        png->status = rv_mem_resize(png->capacity, capacity, 1, (void **)&png->bytes);
        if (png->status != RV_OK)
            return CAIRO_STATUS_WRITE_ERROR;
        png->capacity = capacity;
    }
    memcpy(png->bytes + png->n, data, length);
    png->n += length;
    return CAIRO_STATUS_SUCCESS;
}

rv_status rv_canvas_png(rv_canvas *canvas, char **out, size_t *n_out)
{
    png_bytes png = {.status = RV_OK};
    cairo_status_t done = cairo_surface_write_to_png_stream(canvas->surface, take_png, &png);
    if (done != CAIRO_STATUS_SUCCESS) {
        rv_mem_free(&png.bytes);
        RV_TRY(png.status);
        return rv_raise(RV_E_NOMEM, "the picture cannot be made a PNG: %s", cairo_status_to_string(done));
    }
    *out = png.bytes;
    *n_out = png.n;
    return RV_OK;
}
