#include "base/rng.h"
#include "env/env_private.h"
#include "rv_test.h"
#include "view/scene.h"

#include <stdlib.h>

enum { WIDTH = 120, HEIGHT = 90 };

/* an environment at a start, and its scene */
static void set_up(const char *name, rv_env **env, rv_scene **scene, double *numbers)
{
    float obs[400];
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    RV_TEST_OK(rv_env_create(name, env));
    RV_TEST_OK(rv_env_reset(*env, &rng, obs));
    rv_env_numbers(*env, numbers);
    RV_TEST_OK(rv_scene_create(rv_env_mujoco_sim(*env), WIDTH, HEIGHT, scene));
}

static int count_warm(const unsigned char *rgb, int first, int last)
{
    int n = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = first; x < last; x++) {
            const unsigned char *p = rgb + (y * WIDTH + x) * 3;
            n += p[0] > p[2] + 60;
        }
    return n;
}

static void draws_the_body_where_it_is(void)
{
    rv_env *env = NULL;
    rv_scene *s = NULL;
    double q[64] = {0};
    const unsigned char *rgb = NULL;
    unsigned char first[WIDTH * HEIGHT * 3];
    set_up("Hopper-v4", &env, &s, q);
    RV_TEST_OK(rv_scene_draw(s, q, WIDTH, HEIGHT, &rgb));
    memcpy(first, rgb, sizeof first);
    CU_ASSERT(count_warm(rgb, 0, WIDTH) > 100);
    CU_ASSERT_EQUAL(count_warm(rgb, 0, WIDTH / 4) + count_warm(rgb, 3 * WIDTH / 4, WIDTH), 0);
    /* above the body there is sky, below it floor, and they differ */
    CU_ASSERT(memcmp(rgb + (WIDTH * (HEIGHT - 1) + 10) * 3, rgb + (WIDTH * 5 + 10) * 3, 3) != 0);
    /* the camera follows: two tiles of the floor further the picture is the same */
    q[0] += 2;
    RV_TEST_OK(rv_scene_draw(s, q, WIDTH, HEIGHT, &rgb));
    int n_far = 0;
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        n_far += abs(rgb[i] - first[i]) > 24;
    CU_ASSERT(n_far < WIDTH * HEIGHT / 50);
    /* another pose is another picture */
    q[3] -= 1;
    RV_TEST_OK(rv_scene_draw(s, q, WIDTH, HEIGHT, &rgb));
    CU_ASSERT(memcmp(rgb, first, sizeof first) != 0);
    rv_scene_destroy(&s);
    rv_env_destroy(&env);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void draws_the_same_again(void)
{
    double q[64] = {0};
    unsigned char first[WIDTH * HEIGHT * 3];
    for (int i = 0; i < 2; i++) {
        rv_env *env = NULL;
        rv_scene *s = NULL;
        const unsigned char *rgb = NULL;
        set_up("HalfCheetah-v4", &env, &s, q);
        RV_TEST_OK(rv_scene_draw(s, q, WIDTH, HEIGHT, &rgb));
        if (i == 0)
            memcpy(first, rgb, sizeof first);
        CU_ASSERT_EQUAL(memcmp(first, rgb, sizeof first), 0);
        rv_scene_destroy(&s);
        rv_env_destroy(&env);
    }
}

/* drawing must not reach the simulation */
static void leaves_the_simulation_alone(void)
{
    rv_env *env = NULL;
    rv_scene *s = NULL;
    double q[64] = {0}, before[64], after[64];
    const unsigned char *rgb = NULL;
    set_up("Hopper-v4", &env, &s, q);
    const mjModel *model = rv_env_mujoco_sim(env)->model;
    CU_ASSERT_EQUAL(model->ntex, 0);
    CU_ASSERT_EQUAL(model->geom_rgba[0], 0.5F);
    memcpy(before, q, sizeof before);
    q[3] -= 1;
    RV_TEST_OK(rv_scene_draw(s, q, WIDTH, HEIGHT, &rgb));
    rv_env_numbers(env, after);
    CU_ASSERT_EQUAL(memcmp(before, after, (size_t)rv_env_task_of(env)->n_state * sizeof *after), 0);
    rv_scene_destroy(&s);
    rv_env_destroy(&env);
}

static void refuses_what_cannot_be_drawn(void)
{
    rv_env *env = NULL;
    rv_scene *s = NULL;
    double q[64] = {0};
    const unsigned char *rgb = NULL;
    set_up("InvertedPendulum-v4", &env, &s, q);
    RV_TEST_FAILS(rv_scene_draw(s, q, WIDTH + 1, HEIGHT, &rgb), RV_E_INTERNAL, "set up for 120 x 90");
    q[1] = NAN;
    RV_TEST_FAILS(rv_scene_draw(s, q, WIDTH, HEIGHT, &rgb), RV_E_NONFINITE, "position 1");
    CU_ASSERT_PTR_NULL(rgb);
    rv_scene_destroy(&s);
    rv_env_destroy(&env);
}

RV_TEST_MAIN("scene", {"draws the body where it is", draws_the_body_where_it_is},
             {"draws the same again", draws_the_same_again},
             {"leaves the simulation alone", leaves_the_simulation_alone},
             {"refuses what cannot be drawn", refuses_what_cannot_be_drawn})
