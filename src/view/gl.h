/* gl.h - OpenGL without a display: Mesa's software renderer (OSMesa), loaded when the first context is made, so that a
 * program that draws nothing neither waits for it nor needs it.
 */
#pragma once
#include "base/status.h"

typedef struct rv_gl rv_gl;

/** A context, made the present one of this thread. One at a time in a process. What is drawn must go to buffers of its
 * own: the context's own surface is one pixel.
 * @return RV_OK; RV_E_UNAVAILABLE (the library is not installed, or refuses); RV_E_NOMEM */
rv_status rv_gl_create(rv_gl **out);
void rv_gl_destroy(rv_gl **gl);
