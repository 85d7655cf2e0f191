/* draw_strip.h - an episode as curves over time: for tasks of which nothing else is known. */
#pragma once
#include "view/canvas.h"

#include <stdint.h>

enum { RV_STRIPS = 12 }; /* shown at most */

/** One strip per number of the observation, each in its own range over the whole episode; what is not yet is faint.
 * @param[in] obs (n, n_obs); t: the present moment, below n */
void rv_draw_strips(rv_canvas *canvas, rv_box box, int64_t n, int n_obs, const float *obs, int64_t t);
