#include "env/env_private.h"
#include "rv_test.h"
#include "view/picture.h"
#include "view/track.h"

#include <stdlib.h>

static void act_at_random(void *user, int64_t step, const float *obs, float *act)
{
    const rv_env_spec *spec = user;
    rv_rng rng = rv_rng_at(3, RV_STREAM_ACTION, 0, (uint64_t)step);
    (void)obs;
    for (int i = 0; i < spec->n_act; i++)
        act[i] = (float)(0.4 * (2 * rv_rng_uniform(&rng) - 1));
}

static rv_status record(const char *name, int64_t most, rv_env **env, rv_track *track)
{
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    RV_TRY(rv_env_create(name, env));
    return rv_track_record(*env, &rng, 0, act_at_random, (void *)(size_t)rv_env_spec_of(*env), most, track);
}

/* an episode of 200 steps outgrows what was taken first; its numbers are those of the environment itself */
static void records_an_episode(void)
{
    rv_env *env = NULL, *again = NULL;
    rv_track t = {.n = 0};
    float obs[3], act[1];
    double total = 0, numbers[2];
    rv_env_step_result result;
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    RV_TEST_OK(record("Pendulum-v1", 1000, &env, &t));
    CU_ASSERT_EQUAL_FATAL(t.n, 201);
    CU_ASSERT_EQUAL(t.terminated, false);
    CU_ASSERT_EQUAL(t.failed, false);
    RV_TEST_OK(rv_env_create("Pendulum-v1", &again));
    RV_TEST_OK(rv_env_reset(again, &rng, obs));
    for (int i = 1; i <= 200; i++) {
        act_at_random((void *)(size_t)t.spec, i - 1, obs, act);
        CU_ASSERT_EQUAL(act[0], t.act[i]);
        RV_TEST_OK(rv_env_step(again, act, obs, &result));
        total += result.reward;
    }
    rv_env_numbers(again, numbers);
    CU_ASSERT_EQUAL(memcmp(obs, t.obs + 200 * 3, sizeof obs), 0);
    CU_ASSERT_EQUAL(memcmp(numbers, t.numbers + 200 * 2, sizeof numbers), 0);
    CU_ASSERT_EQUAL(total, t.total[200]);
    rv_track_clear(&t);
    rv_env_destroy(&again);
    RV_TEST_OK(rv_track_record(env, &rng, 0, act_at_random, (void *)(size_t)rv_env_spec_of(env), 7, &t));
    CU_ASSERT_EQUAL(t.n, 8);
    rv_track_clear(&t);
    rv_env_destroy(&env);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* as angles where they turn freely: the difference, which must be small, is taken modulo a turn */
static double difference(double a, double b)
{
    return fabs(remainder(a - b, 2 * M_PI));
}

/* coordinates in front that an observation does not show */
static int hidden_of(const char *name)
{
    static const struct {
        const char *begins;
        int n;
    } tasks[] = {{"Swimmer", 2}, {"Hopper", 1}, {"Walker", 1}, {"HalfCheetah", 1}, {"Ant", 2}, {"Humanoid", 2}};
    for (int i = 0; i < 6; i++)
        if (strncmp(name, tasks[i].begins, strlen(tasks[i].begins)) == 0)
            return tasks[i].n;
    return 0;
}

/* Positions rebuilt from what the learner saw are those of the simulation: to the precision of float32 where they show,
 * and near where they are integrated from their velocities. */
static void check_rebuilt(const rv_env_task *task, const rv_track *real, const rv_track *built)
{
    int n_hidden = hidden_of(task->spec.name);
    double worst = 0, drift = 0;
    for (int64_t t = 0; t < real->n; t++)
        for (int i = 0; i < task->n_pos; i++) {
            int64_t at = t * real->n_numbers + i;
            double d = difference(real->numbers[at], built->numbers[at]);
            if (i < n_hidden)
                drift = fmax(drift, d);
            else
                worst = fmax(worst, d);
        }
    if (!(worst < 1e-5) || !(drift < 0.3))
        printf("\n    %s: %d hidden, worst %g, drift %g\n", task->spec.name, n_hidden, worst, drift);
    CU_ASSERT(worst < 1e-5);
    CU_ASSERT(drift < 0.3);
}

static void rebuilds_states_of_every_task(void)
{
    int n = 0, n_rebuilt = 0;
    const rv_env_spec *const *specs = rv_env_list(&n);
    for (int i = 0; i < n; i++) {
        rv_env *env = NULL;
        rv_track real = {.n = 0}, built = {.n = 0};
        RV_TEST_OK(record(specs[i]->name, 40, &env, &real));
        RV_TEST_OK(rv_track_rebuild(env, &real, real.n, real.obs, real.total, &built));
        CU_ASSERT_EQUAL(built.n, real.n);
        /* every built-in task can be rebuilt, so that what its model imagines can be drawn */
        CU_ASSERT_EQUAL(built.n_numbers, real.n_numbers);
        CU_ASSERT(built.n_numbers > 0);
        if (built.n_numbers > 0) {
            check_rebuilt(rv_env_task_of(env), &real, &built);
            n_rebuilt++;
        }
        rv_track_clear(&real);
        rv_track_clear(&built);
        rv_env_destroy(&env);
    }
    CU_ASSERT_EQUAL(n_rebuilt, n);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* pixels unlike the one in the corner */
static int count_marks(rv_canvas *c)
{
    int n = 0;
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++)
            n += rv_canvas_pixel(c, x, y) != rv_canvas_pixel(c, 0, 0);
    return n;
}

/* Of every built-in task there is a drawing of its own: not curves, not one colour, and another one later. */
static void draws_every_task(void)
{
    int n = 0;
    const rv_env_spec *const *specs = rv_env_list(&n);
    const rv_box box = {0, 0, 120, 90};
    const size_t n_bytes = (size_t)120 * 90 * 4;
    for (int i = 0; i < n; i++) {
        rv_env *env = NULL;
        rv_track t = {.n = 0}, bare;
        rv_picture *picture = NULL;
        rv_canvas *c = NULL;
        unsigned char *kept = NULL;
        size_t size = 0;
        RV_TEST_OK(record(specs[i]->name, 12, &env, &t));
        RV_TEST_OK(rv_picture_create(env, 120, 90, &picture));
        RV_TEST_OK(rv_canvas_create(120, 90, &c));
        RV_TEST_OK(RV_NEW(kept, n_bytes));
        RV_TEST_OK(rv_picture_draw(picture, c, box, &t, 0));
        memcpy(kept, rv_canvas_pixels(c, &size), n_bytes);
        CU_ASSERT_EQUAL(size, n_bytes);
        CU_ASSERT(count_marks(c) > 100);
        int64_t later = t.n - 1;
        while (later > 1 && memcmp(t.numbers, t.numbers + later * t.n_numbers, sizeof(double)) == 0)
            later--;
        RV_TEST_OK(rv_picture_draw(picture, c, box, &t, later));
        bool is_moved = memcmp(kept, rv_canvas_pixels(c, &size), n_bytes) != 0;
        bool has_moved = memcmp(t.obs, t.obs + later * t.spec->n_obs, (size_t)t.spec->n_obs * sizeof *t.obs) != 0;
        if (is_moved != has_moved)
            printf("\n    %s: the picture of moment %lld is that of moment 0\n", t.spec->name, (long long)later);
        CU_ASSERT_EQUAL(is_moved, has_moved);
        /* without its numbers it would be curves */
        bare = t;
        bare.n_numbers = 0;
        RV_TEST_OK(rv_picture_draw(picture, c, box, &bare, 0));
        CU_ASSERT(memcmp(kept, rv_canvas_pixels(c, &size), n_bytes) != 0);
        rv_mem_free(&kept);
        rv_canvas_destroy(&c);
        rv_picture_destroy(&picture);
        rv_track_clear(&t);
        rv_env_destroy(&env);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("track", {"records an episode", records_an_episode},
             {"rebuilds states of every task", rebuilds_states_of_every_task}, {"draws every task", draws_every_task})
