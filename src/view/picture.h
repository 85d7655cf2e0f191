/* picture.h - a task, drawn: a moment of a track as a part of a canvas.
 *
 *   MuJoCo, built-in or a user's own model     a solid scene (scene.h)
 *   classic control, grids                     a plane drawing (draw_classic.h, draw_grid.h)
 *   whatever has no numbers that say anything  curves of the observation over time (draw_strip.h)
 *
 * A moment's picture depends on the track and the moment alone, so moments may be drawn in any order.
 */
#pragma once
#include "view/canvas.h"
#include "view/track.h"

typedef struct rv_picture rv_picture;

/** Pictures of that environment, of up to width x height pixels. env is borrowed for the call only.
 * @return RV_OK; RV_E_UNAVAILABLE (MuJoCo: no OSMesa); RV_E_NOMEM; RV_E_INTERNAL */
rv_status rv_picture_create(const rv_env *env, int width, int height, rv_picture **out);
void rv_picture_destroy(rv_picture **picture);

/** Draw moment t of a track of that task into the box, whose numbers are whole.
 * @return RV_OK; RV_E_NONFINITE; RV_E_INTERNAL */
rv_status rv_picture_draw(rv_picture *picture, rv_canvas *canvas, rv_box box, const rv_track *track, int64_t t);
