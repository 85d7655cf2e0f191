#include "view/picture.h"

#include "base/memory.h"
#include "env/env_private.h"
#include "view/draw_classic.h"
#include "view/draw_grid.h"
#include "view/draw_strip.h"
#include "view/scene.h"

#include <string.h>

typedef void plane_drawing(rv_canvas *canvas, rv_box box, const double *numbers);

struct rv_picture {
    const rv_env_task *task;
    rv_scene *scene;      /* of a MuJoCo task */
    plane_drawing *plane; /* of a task in drawings[] */
};

static void draw_taxi(rv_canvas *canvas, rv_box box, const double *numbers)
{
    rv_draw_taxi(canvas, box, (int)numbers[0]);
}

/* tasks whose names begin so */
static const struct {
    const char *begins;
    int n_numbers; /* that the drawing reads */
    plane_drawing *draw;
} drawings[] = {
    {"Pendulum-", 1, rv_draw_pendulum},
    {"CartPole", 3, rv_draw_cart_pole},
    {"MountainCar", 1, rv_draw_mountain_car},
    {"Acrobot-", 2, rv_draw_acrobot},
    {"Taxi-", 1, draw_taxi},
};

static plane_drawing *find_drawing(const rv_env_task *task)
{
    for (int i = 0; i < (int)(sizeof drawings / sizeof *drawings); i++)
        if (strncmp(task->spec.name, drawings[i].begins, strlen(drawings[i].begins)) == 0 &&
            task->n_state >= drawings[i].n_numbers)
            return drawings[i].draw;
    return NULL;
}

rv_status rv_picture_create(const rv_env *env, int width, int height, rv_picture **out)
{
    rv_status status = RV_OK;
    rv_picture *p = NULL;
    const rv_mujoco_sim *sim = rv_env_mujoco_sim(env);
    RV_TRY(RV_NEW(p, 1));
    p->task = rv_env_task_of(env);
    if (sim && !p->task->family->is_opaque)
        status = rv_scene_create(sim, width, height, &p->scene);
    else if (!p->task->cfg)
        p->plane = find_drawing(p->task);
    if (status != RV_OK)
        rv_picture_destroy(&p);
    else
        *out = p;
    return status;
}

void rv_picture_destroy(rv_picture **picture)
{
    if (!*picture)
        return;
    rv_scene_destroy(&(*picture)->scene);
    rv_mem_free(picture);
}

static rv_status draw_scene(rv_picture *p, rv_canvas *canvas, rv_box box, const double *numbers)
{
    const unsigned char *rgb = NULL;
    int width = (int)box.width, height = (int)box.height;
    RV_TRY(rv_scene_draw(p->scene, numbers, width, height, &rgb));
    rv_canvas_paste(canvas, (int)box.x, (int)box.y, width, height, rgb);
    return RV_OK;
}

static rv_status draw_inside(rv_picture *p, rv_canvas *canvas, rv_box box, const rv_track *track, int64_t t)
{
    const double *numbers = track->n_numbers > 0 ? track->numbers + t * track->n_numbers : NULL;
    int n_rows = 0, n_cols = 0;
    const char *cells =
        numbers && p->task->family->grid ? p->task->family->grid(p->task, numbers, &n_rows, &n_cols) : NULL;
    if (numbers && p->scene)
        return draw_scene(p, canvas, box, numbers);
    if (cells)
        rv_draw_grid(canvas, box, n_rows, n_cols, cells, (int)numbers[0]);
    else if (numbers && p->plane)
        p->plane(canvas, box, numbers);
    else
        rv_draw_strips(canvas, box, track->n, track->spec->n_obs, track->obs, t);
    return RV_OK;
}

rv_status rv_picture_draw(rv_picture *p, rv_canvas *canvas, rv_box box, const rv_track *track, int64_t t)
{
    cairo_save(canvas->cr);
    cairo_rectangle(canvas->cr, box.x, box.y, box.width, box.height);
    cairo_clip(canvas->cr);
    rv_status status = draw_inside(p, canvas, box, track, t);
    cairo_restore(canvas->cr);
    return status;
}
