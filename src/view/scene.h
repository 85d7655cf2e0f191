/* scene.h - a MuJoCo model in a pose, drawn as a solid scene.
 *
 * It works on a copy of the model: what is drawn never touches a simulation. Models come without looks, so what they
 * leave at the library's defaults is dressed: a floor of two tones, a sky, a light from above that casts shadows,
 * bodies in one colour that gets lighter along each limb. What a model says itself (colours, materials, textures,
 * lights) stays. The camera is chosen by how the body may move, and follows it: from the side where it moves in the x-z
 * plane, from above where it moves in the x-y plane, obliquely where it is free.
 */
#pragma once
#include "env/mujoco_sim.h"

typedef struct rv_scene rv_scene;

/** For pictures of up to width x height pixels. One scene at a time in a process; sim is borrowed for the call only.
 * @return RV_OK; RV_E_UNAVAILABLE (no OSMesa); RV_E_NOMEM; RV_E_INTERNAL (the library's text) */
rv_status rv_scene_create(const rv_mujoco_sim *sim, int width, int height, rv_scene **out);
void rv_scene_destroy(rv_scene **scene);

/** Draw. @param[in] pos (nq) @param[out] rgb (height, width, 3) rows from the bottom; the scene's, until the next call
 * @return RV_OK; RV_E_NONFINITE (a position); RV_E_INTERNAL */
rv_status rv_scene_draw(rv_scene *scene, const double *pos, int width, int height, const unsigned char **rgb);
