/* canvas.h - a picture under construction: pixels, and cairo to draw on them with.
 *
 * Lengths are in pixels from the top left corner, angles in radians clockwise. The same drawing gives the same bytes on
 * the same machine; another version of cairo or of the font may differ.
 */
#pragma once
#include "base/status.h"

#include <cairo.h>
#include <stdint.h>

typedef struct rv_canvas {
    int width, height;
    cairo_surface_t *surface; /* CAIRO_FORMAT_RGB24: 4 bytes a pixel: blue, green, red, unused */
    cairo_t *cr;
} rv_canvas;

/** A part of a canvas. */
typedef struct rv_box {
    double x, y, width, height;
} rv_box;

/** 0xRRGGBB. */
typedef uint32_t rv_colour;

/* what all pictures are painted with; told apart also by people who see fewer colours */
enum {
    RV_INK = 0x26323d,    /* words, outlines */
    RV_FAINT = 0x7a8794,  /* what is said by the way */
    RV_GRID = 0xd9dfe5,   /* lines to measure by */
    RV_PAPER = 0xffffff,  /* behind words */
    RV_GROUND = 0xf3f5f7, /* behind things */
    RV_ORANGE = 0xe07b39, /* what acts */
    RV_BLUE = 0x2f6fa8,   /* what is real */
    RV_PURPLE = 0x8e4ea8, /* what is imagined */
    RV_GREEN = 0x3d9970,  /* goals */
    RV_RED = 0xc8423b,    /* what ends an episode badly */
};

enum { RV_CANVAS_MOST = 8192 /* pixels a side */ };

/** A white canvas. @return RV_OK; RV_E_USAGE (a side outside 1 to RV_CANVAS_MOST); RV_E_NOMEM */
rv_status rv_canvas_create(int width, int height, rv_canvas **out);
void rv_canvas_destroy(rv_canvas **canvas);

/** Set the colour of what is drawn next. alpha: 1 covers, 0 shows nothing. */
void rv_canvas_colour(rv_canvas *canvas, rv_colour colour, double alpha);

void rv_canvas_fill_box(rv_canvas *canvas, rv_box box, rv_colour colour);
void rv_canvas_circle(rv_canvas *canvas, double x, double y, double radius, rv_colour colour);
void rv_canvas_line(rv_canvas *canvas, double x1, double y1, double x2, double y2, double width, rv_colour colour);

typedef enum rv_align { RV_LEFT, RV_CENTRE, RV_RIGHT } rv_align;

/** Write a line of text, its middle at height y and x where align says; cut with "..." where it is wider than most
 * (0: any width). Bytes that are no UTF-8 are shown as '?'. @return its width in pixels */
double rv_canvas_text(rv_canvas *canvas, double x, double y, double size, rv_align align, double most, rv_colour colour,
                      const char *text);

/** Lay RGB rows, the first one lowest, over the part of that size whose corner is at (x, y).
 * @param[in] rgb (height, width, 3); the part lies inside the canvas */
void rv_canvas_paste(rv_canvas *canvas, int x, int y, int width, int height, const unsigned char *rgb);

/** The pixels: rows from the top, 4 bytes a pixel. Valid until the next drawing. @param[out] n bytes */
const unsigned char *rv_canvas_pixels(rv_canvas *canvas, size_t *n);

/** 0xRRGGBB of a pixel. */
rv_colour rv_canvas_pixel(rv_canvas *canvas, int x, int y);

/** As a PNG file's bytes; the caller frees *out (rv_mem_free). @return RV_OK; RV_E_NOMEM */
rv_status rv_canvas_png(rv_canvas *canvas, char **out, size_t *n_out);
