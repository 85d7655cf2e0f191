#include "view/scene.h"

#include "base/memory.h"
#include "view/gl.h"

#include <math.h>
#include <string.h>

enum { SKY = 16, TILES = 256, SKY_BYTES = 3 * SKY * SKY * 6, TILE_BYTES = 3 * TILES * TILES, MAX_GEOMS = 4000 };

/* how the root body may move, which says where to look from */
typedef enum view_from { FROM_SIDE, FROM_ABOVE, FROM_OBLIQUE } view_from;

/* textures and materials that a model without any is given, in the arrays that a compiled model would have */
typedef struct looks {
    int tex_type[2], tex_height[2], tex_width[2], tex_adr[2];
    mjtByte tex_rgb[SKY_BYTES + TILE_BYTES];
    int mat_texid[1];
    mjtByte mat_texuniform[1];
    float mat_texrepeat[2], mat_emission[1], mat_specular[1], mat_shininess[1], mat_reflectance[1], mat_rgba[4];
} looks;

struct rv_scene {
    const char *name;
    rv_gl *gl;
    mjModel *model;
    mjData *data;
    looks looks;
    mjvScene scene;
    mjvOption option;
    mjvCamera camera;
    mjrContext context;
    view_from from;
    bool is_followed[2]; /* along x, y */
    bool rises;          /* jumps: leave room above */
    double middle[3];    /* what is looked at in the reference pose, relative to a followed root */
    double half[3];      /* half the size of what moves, there */
    double above;        /* its height over the floor */
    unsigned char *rgb;
    const double *pos; /* of the picture being made */
    int width, height;
};

enum { SHADES = 4 };
/* a limb, from the trunk outward; every second limb of a body is in the other colour */
static const float body_colours[2][SHADES][4] = {
    {{0.85F, 0.42F, 0.16F, 1}, {0.91F, 0.55F, 0.25F, 1}, {0.95F, 0.68F, 0.37F, 1}, {0.97F, 0.79F, 0.52F, 1}},
    {{0.22F, 0.45F, 0.62F, 1}, {0.30F, 0.54F, 0.70F, 1}, {0.42F, 0.64F, 0.78F, 1}, {0.58F, 0.75F, 0.86F, 1}}};
static const float fixed_colour[4] = {0.55F, 0.60F, 0.66F, 1};
static const unsigned char tone_light[3] = {226, 232, 238}, tone_dark[3] = {200, 210, 220};
static const unsigned char sky_low[3] = {236, 241, 246}, sky_high[3] = {198, 216, 234};

/* ---- looks ---- */

static void paint_sky(looks *l)
{
    /* sides in the order right, left, up, down, front, back; on each the first row is the highest */
    for (int side = 0; side < 6; side++)
        for (int row = 0; row < SKY; row++)
            for (int i = 0; i < SKY * 3; i++) {
                double share = side == 2 ? 1 : side == 3 ? 0 : fmax(0, 1 - 2 * (row + 0.5) / SKY);
                l->tex_rgb[(side * SKY + row) * SKY * 3 + i] =
                    (mjtByte)lround(sky_low[i % 3] + share * (sky_high[i % 3] - sky_low[i % 3]));
            }
}

static void paint_tiles(looks *l)
{
    mjtByte *rgb = l->tex_rgb + SKY_BYTES;
    for (int row = 0; row < TILES; row++)
        for (int column = 0; column < TILES; column++)
            memcpy(rgb + (row * TILES + column) * 3, (row < TILES / 2) == (column < TILES / 2) ? tone_light : tone_dark,
                   3);
}

/* Give a model that has neither textures nor materials both: the arrays of the copy are pointed at ours, which the
 * library only reads. */
static void add_looks(mjModel *m, looks *l)
{
    paint_sky(l);
    paint_tiles(l);
    *l->tex_type = mjTEXTURE_SKYBOX;
    l->tex_type[1] = mjTEXTURE_2D;
    *l->tex_width = SKY;
    *l->tex_height = 6 * SKY;
    l->tex_width[1] = l->tex_height[1] = TILES;
    l->tex_adr[1] = SKY_BYTES;
    *l->mat_texid = 1;
    *l->mat_texuniform = 1;
    l->mat_texrepeat[0] = l->mat_texrepeat[1] = 0.5F;
    l->mat_rgba[0] = l->mat_rgba[1] = l->mat_rgba[2] = l->mat_rgba[3] = 1;
    m->ntex = 2;
    m->ntexdata = SKY_BYTES + TILE_BYTES;
    m->nmat = 1;
    m->tex_type = l->tex_type;
    m->tex_height = l->tex_height;
    m->tex_width = l->tex_width;
    m->tex_adr = l->tex_adr;
    m->tex_rgb = l->tex_rgb;
    m->mat_texid = l->mat_texid;
    m->mat_texuniform = l->mat_texuniform;
    m->mat_texrepeat = l->mat_texrepeat;
    m->mat_emission = l->mat_emission;
    m->mat_specular = l->mat_specular;
    m->mat_shininess = l->mat_shininess;
    m->mat_reflectance = l->mat_reflectance;
    m->mat_rgba = l->mat_rgba;
}

static bool is_plain(const mjModel *m, int geom)
{
    const float *rgba = m->geom_rgba + 4 * geom;
    return m->geom_matid[geom] < 0 && rgba[0] == 0.5F && rgba[1] == 0.5F && rgba[2] == 0.5F && rgba[3] == 1;
}

/* is there an odd number of bodies on the same parent before it? */
static bool is_second(const mjModel *m, int body)
{
    bool is_odd = false;
    for (int i = 1; i < body; i++)
        is_odd ^= m->body_parentid[i] == m->body_parentid[body];
    return is_odd;
}

static const float *colour_of(const mjModel *m, int body)
{
    int depth = 0;
    bool is_other = false;
    if (body == 0)
        return fixed_colour;
    for (; m->body_parentid[body] != 0; body = m->body_parentid[body], depth++)
        is_other |= is_second(m, body);
    return body_colours[is_other][depth < SHADES ? depth : SHADES - 1];
}

static void dress(mjModel *m, looks *l)
{
    bool is_bare = m->ntex == 0 && m->nmat == 0;
    if (is_bare)
        add_looks(m, l);
    for (int i = 0; i < m->ngeom; i++) {
        if (!is_plain(m, i))
            continue;
        if (m->geom_type[i] == mjGEOM_PLANE && is_bare) {
            m->geom_matid[i] = 0;
            m->geom_rgba[4 * i] = m->geom_rgba[4 * i + 1] = m->geom_rgba[4 * i + 2] = 1;
            /* without end, in large pieces, which are fewer */
            m->geom_size[3 * i] = m->geom_size[3 * i + 1] = 0;
            m->geom_size[3 * i + 2] = 4;
        } else {
            memcpy(m->geom_rgba + 4 * i, colour_of(m, m->geom_bodyid[i]), 4 * sizeof(float));
        }
    }
}

/* ---- camera ---- */

/* half the size of a geom along a world axis */
static double reach_of(const mjModel *m, const mjData *d, int geom, int axis)
{
    const mjtNum *size = m->geom_size + 3 * geom, *row = d->geom_xmat + 9 * geom + 3 * axis;
    if (m->geom_type[geom] == mjGEOM_CAPSULE || m->geom_type[geom] == mjGEOM_CYLINDER)
        return fabs(row[2]) * size[1] + size[0];
    if (m->geom_type[geom] == mjGEOM_BOX)
        return fabs(row[0]) * size[0] + fabs(row[1]) * size[1] + fabs(row[2]) * size[2];
    return m->geom_rbound[geom];
}

/* sizes of all that is drawn but planes, in the reference pose */
static void measure(rv_scene *s)
{
    const mjModel *m = s->model;
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY}, floor = -INFINITY;
    for (int i = 0; i < m->ngeom; i++) {
        const mjtNum *at = s->data->geom_xpos + 3 * i;
        if (m->geom_type[i] == mjGEOM_PLANE)
            floor = fmax(floor, at[2]);
        for (int k = 0; k < 3 && m->geom_type[i] != mjGEOM_PLANE; k++) {
            low[k] = fmin(low[k], at[k] - reach_of(m, s->data, i, k));
            high[k] = fmax(high[k], at[k] + reach_of(m, s->data, i, k));
        }
    }
    for (int k = 0; k < 3; k++) {
        s->middle[k] = low[k] < high[k] ? (low[k] + high[k]) / 2 : 0;
        s->half[k] = low[k] < high[k] ? (high[k] - low[k]) / 2 : 1;
    }
    s->above = isfinite(floor) ? s->middle[2] - floor : 0;
}

static void choose_view(rv_scene *s)
{
    const mjModel *m = s->model;
    s->from = FROM_SIDE;
    for (int j = 0; j < m->njnt; j++) {
        const mjtNum *axis = m->jnt_axis + 3 * j;
        if (m->body_parentid[m->jnt_bodyid[j]] != 0)
            continue;
        if (m->jnt_type[j] == mjJNT_FREE) {
            s->from = FROM_OBLIQUE;
            s->is_followed[0] = s->is_followed[1] = true;
        } else if (m->jnt_type[j] == mjJNT_SLIDE && !m->jnt_limited[j]) {
            s->is_followed[0] |= fabs(axis[0]) > 0.5;
            s->is_followed[1] |= fabs(axis[1]) > 0.5;
            s->rises |= fabs(axis[2]) > 0.5;
            if (fabs(axis[1]) > 0.5)
                s->from = FROM_ABOVE;
        }
    }
    for (int k = 0; k < 2 && m->nbody > 1; k++)
        if (s->is_followed[k])
            s->middle[k] -= s->data->xpos[3 + k];
}

/* azimuth: 90 looks along y, so that x points to the right */
static void aim(rv_scene *s, double aspect)
{
    static const double azimuth[] = {90, 90, 125}, elevation[] = {-8, -55, -18}, margin[] = {1.35, 1.5, 1.3};
    const double *half = s->half;
    double wide = s->from == FROM_SIDE ? half[0] : sqrt(half[0] * half[0] + half[1] * half[1]);
    double tall = s->from == FROM_ABOVE ? half[1] : half[2];
    mjvCamera *c = &s->camera;
    mjv_defaultCamera(c);
    c->azimuth = azimuth[s->from];
    c->elevation = elevation[s->from];
    c->distance = margin[s->from] * fmax(tall, wide / aspect) / tan(s->model->vis.global.fovy / 2 * M_PI / 180) +
                  (s->from == FROM_SIDE ? half[1] : 0);
    for (int k = 0; k < 3; k++)
        c->lookat[k] = s->middle[k] + (k < 2 && s->is_followed[k] ? s->data->xpos[3 + k] : 0);
    if (s->rises) {
        c->distance *= 1.2;
        c->lookat[2] += 0.25 * half[2];
    }
}

/* ---- drawing ---- */

static void add_light(rv_scene *s)
{
    mjvScene *scene = &s->scene;
    if (s->model->nlight > 0 || scene->nlight >= mjMAXLIGHT)
        return;
    double reach = fmax(fmax(s->half[0], s->half[1]), s->half[2]);
    const double from[3] = {-0.35, -0.55, 1};
    mjvLight light = {.attenuation = {1, 0, 0},
                      .cutoff = 45,
                      .exponent = 10,
                      .diffuse = {0.52F, 0.52F, 0.52F},
                      .specular = {0.25F, 0.25F, 0.25F},
                      .directional = 1,
                      .castshadow = 1};
    for (int k = 0; k < 3; k++) {
        light.pos[k] = (float)(s->camera.lookat[k] + 4 * reach * from[k]);
        light.dir[k] = (float)(-from[k] / sqrt(from[0] * from[0] + from[1] * from[1] + from[2] * from[2]));
    }
    scene->lights[scene->nlight++] = light;
}

static void draw(void *user)
{
    rv_scene *s = user;
    const mjModel *m = s->model;
    mjrRect view = {0, 0, s->width, s->height};
    memcpy(s->data->qpos, s->pos, (size_t)m->nq * sizeof(double));
    mj_kinematics(m, s->data);
    mj_comPos(m, s->data);
    mj_camlight(m, s->data);
    mj_tendon(m, s->data);
    aim(s, (double)s->width / s->height);
    mjv_updateScene(m, s->data, &s->option, NULL, &s->camera, mjCAT_ALL, &s->scene);
    add_light(s);
    mjr_render(view, &s->scene, &s->context);
    mjr_readPixels(s->rgb, NULL, view, &s->context);
}

rv_status rv_scene_draw(rv_scene *s, const double *pos, int width, int height, const unsigned char **rgb)
{
    RV_CHECK(width <= s->model->vis.global.offwidth && height <= s->model->vis.global.offheight, RV_E_INTERNAL,
             "%s: a picture of %d x %d pixels, set up for %d x %d", s->name, width, height,
             s->model->vis.global.offwidth, s->model->vis.global.offheight);
    for (int i = 0; i < s->model->nq; i++)
        RV_CHECK(isfinite(pos[i]), RV_E_NONFINITE, "%s: position %d of a picture is %g", s->name, i, pos[i]);
    s->pos = pos;
    s->width = width;
    s->height = height;
    RV_TRY(rv_mujoco_call(s->name, draw, s));
    *rgb = s->rgb;
    return RV_OK;
}

/* ---- life ---- */

static void set_quality(mjModel *m, int width, int height)
{
    m->vis.global.offwidth = width;
    m->vis.global.offheight = height;
    m->vis.quality.offsamples = 4;
    m->vis.quality.shadowsize = 1024;
    m->vis.quality.numslices = 24;
    m->vis.quality.numstacks = 12;
    m->vis.quality.numquads = 1;
    m->vis.map.shadowclip = 2;
    m->vis.map.haze = 0.35F;
    for (int k = 0; k < 3; k++) {
        m->vis.rgba.haze[k] = (float)sky_low[k] / 255;
        if (m->nlight == 0) {
            m->vis.headlight.ambient[k] = 0.46F;
            m->vis.headlight.diffuse[k] = 0.1F;
            m->vis.headlight.specular[k] = 0;
        }
    }
    m->vis.rgba.haze[3] = 1;
}

static void set_up(void *user)
{
    rv_scene *s = user;
    s->data = mj_makeData(s->model);
    if (!s->data)
        return;
    mj_kinematics(s->model, s->data);
    measure(s);
    choose_view(s);
    dress(s->model, &s->looks);
    /* the library's measure of the model counts floors: ours is of what moves */
    s->model->stat.extent = 2 * fmax(fmax(s->half[0], s->half[1]), s->half[2]);
    set_quality(s->model, s->width, s->height);
    mjv_defaultOption(&s->option);
    mjv_makeScene(s->model, &s->scene, MAX_GEOMS);
    s->scene.flags[mjRND_REFLECTION] = 0;
    s->scene.flags[mjRND_HAZE] = 1;
    mjr_makeContext(s->model, &s->context, mjFONTSCALE_100);
    mjr_setBuffer(mjFB_OFFSCREEN, &s->context);
}

rv_status rv_scene_create(const rv_mujoco_sim *sim, int width, int height, rv_scene **out)
{
    rv_status status = RV_OK;
    rv_scene *s = NULL;
    RV_TRY(RV_NEW(s, 1));
    s->name = sim->name;
    s->width = width;
    s->height = height;
    mjv_defaultScene(&s->scene);
    mjr_defaultContext(&s->context);
    RV_TRY_GOTO(RV_NEW(s->rgb, (size_t)width * (size_t)height * 3), fail);
    RV_TRY_GOTO(rv_gl_create(&s->gl), fail);
    s->model = mj_copyModel(NULL, sim->model);
    RV_CHECK_GOTO(s->model, RV_E_NOMEM, fail, "%s: out of memory", sim->name);
    RV_TRY_GOTO(rv_mujoco_call(s->name, set_up, s), fail);
    RV_CHECK_GOTO(s->data, RV_E_NOMEM, fail, "%s: out of memory", sim->name);
    *out = s;
    return RV_OK;
fail:
    rv_scene_destroy(&s);
    return status;
}

void rv_scene_destroy(rv_scene **scene)
{
    rv_scene *s = *scene;
    if (!s)
        return;
    if (s->gl) {
        mjr_freeContext(&s->context);
        mjv_freeScene(&s->scene);
    }
    if (s->data)
        mj_deleteData(s->data);
    if (s->model)
        mj_deleteModel(s->model);
    rv_gl_destroy(&s->gl);
    rv_mem_free(&s->rgb);
    rv_mem_free(scene);
}
