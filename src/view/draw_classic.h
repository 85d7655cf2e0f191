/* draw_classic.h - the classic control tasks as plane drawings, from the numbers of their states (rv_env_numbers). */
#pragma once
#include "view/canvas.h"

/** theta (0 = upright, turning left), theta_dot */
void rv_draw_pendulum(rv_canvas *canvas, rv_box box, const double *state);

/** x (the edges at +-2.4), x_dot, theta (0 = upright, leaning right), theta_dot */
void rv_draw_cart_pole(rv_canvas *canvas, rv_box box, const double *state);

/** position (-1.2 to 0.6, the flag at 0.45), velocity */
void rv_draw_mountain_car(rv_canvas *canvas, rv_box box, const double *state);

/** th1 (0 = hanging, turning right), th2 (relative to the first rod), w1, w2; the line one rod above the joint */
void rv_draw_acrobot(rv_canvas *canvas, rv_box box, const double *state);
