/* film.h - what a rendered episode looks like: the pictures with their captions, one by one or on a sheet.
 *
 *   a head with the task, the moment and the return
 *   the picture of the real episode; with a model's foresight, that beside it
 *   with foresight, the error over time, and the present moment on it
 */
#pragma once
#include "model/foresight.h"
#include "view/picture.h"

/** One episode; all borrowed. */
typedef struct rv_film {
    const char *title; /* the task, and whose episode it is */
    rv_picture *picture;
    int width, height; /* of one picture */
    const rv_track *real;
    const rv_track *imagined;      /* NULL: none; the last moment stays where it is shorter */
    const rv_foresight *foresight; /* NULL: none */
} rv_film;

/** Sides of a frame. */
void rv_film_size(const rv_film *film, int *width, int *height);

/** Draw moment t of the real track. @param[out] canvas of that size @return RV_OK; what rv_picture_draw returns */
rv_status rv_film_frame(const rv_film *film, rv_canvas *canvas, int64_t t);

enum { RV_SHEET_REAL = 8, RV_SHEET_BOTH = 6 }; /* moments on a sheet, without and with foresight */

/** Sides of a sheet: moments spread evenly over the episode, first and last among them. */
void rv_film_sheet_size(const rv_film *film, int *width, int *height);
rv_status rv_film_sheet(const rv_film *film, rv_canvas *canvas);
