#include "rv_test.h"
#include "view/film.h"

enum { N = 21, N_OBS = 2 };

/* an episode of a task that is drawn as curves, and what a model made of it */
typedef struct rig {
    rv_env *env;
    rv_track real, imagined;
    rv_foresight foresight;
    rv_film film;
    double error[N], low[N], high[N];
} rig;

static void act(void *user, int64_t step, const float *obs, float *out)
{
    (void)user, (void)step, (void)obs;
    out[0] = 0.5F;
}

static void set_up(rig *r, bool is_both)
{
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    *r = (rig){.env = NULL};
    RV_TEST_OK(rv_env_create("Pendulum-v1", &r->env));
    RV_TEST_OK(rv_track_record(r->env, &rng, 0, act, NULL, N - 1, &r->real));
    RV_TEST_OK(rv_track_rebuild(r->env, &r->real, 11, r->real.obs, r->real.total, &r->imagined));
    for (int i = 0; i < N; i++) {
        r->error[i] = 0.1 * i;
        r->low[i] = 0.05 * i;
        r->high[i] = 0.12 * i;
    }
    r->foresight = (rv_foresight){.n = 11, .error = r->error, .low = r->low, .high = r->high, .terminated = true};
    r->film = (rv_film){.title = "Pendulum-v1, a test", .width = 161, .height = 121, .real = &r->real};
    if (is_both) {
        r->film.imagined = &r->imagined;
        r->film.foresight = &r->foresight;
    }
    RV_TEST_OK(rv_picture_create(r->env, 161, 121, &r->film.picture));
}

static void tear_down(rig *r)
{
    rv_picture_destroy(&r->film.picture);
    rv_track_clear(&r->real);
    rv_track_clear(&r->imagined);
    rv_env_destroy(&r->env);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static int count(rv_canvas *c, int y, int height, rv_colour colour)
{
    int n = 0;
    for (int j = y; j < y + height && j < c->height; j++)
        for (int x = 0; x < c->width; x++)
            n += rv_canvas_pixel(c, x, j) == colour;
    return n;
}

static void draws_frames(void)
{
    for (int is_both = 0; is_both < 2; is_both++) {
        rig r;
        rv_canvas *c = NULL;
        int width = 0, height = 0;
        set_up(&r, is_both);
        rv_film_size(&r.film, &width, &height);
        CU_ASSERT(width % 2 == 0 && height % 2 == 0);
        CU_ASSERT(width >= 161 * (1 + is_both) && height > 121);
        RV_TEST_OK(rv_canvas_create(width, height, &c));
        for (int t = 0; t < N; t += 10) {
            RV_TEST_OK(rv_film_frame(&r.film, c, t));
            CU_ASSERT(count(c, 0, 30, RV_PAPER) < 30 * width - 50); /* the title */
            CU_ASSERT(count(c, 30, 121 + 22, RV_ORANGE) > 20 * (1 + is_both));
        }
        /* the error's curve grows with the moment: it is drawn strongly up to there */
        if (is_both) {
            RV_TEST_OK(rv_film_frame(&r.film, c, 1));
            int early = count(c, 175, height - 175, RV_PURPLE);
            RV_TEST_OK(rv_film_frame(&r.film, c, 10));
            CU_ASSERT(count(c, 175, height - 175, RV_PURPLE) > early + 20);
        }
        rv_canvas_destroy(&c);
        tear_down(&r);
    }
}

static void draws_sheets(void)
{
    for (int is_both = 0; is_both < 2; is_both++) {
        rig r;
        rv_canvas *c = NULL;
        int width = 0, height = 0;
        set_up(&r, is_both);
        rv_film_sheet_size(&r.film, &width, &height);
        RV_TEST_OK(rv_canvas_create(width, height, &c));
        RV_TEST_OK(rv_film_sheet(&r.film, c));
        /* each tile holds a pendulum */
        int cols = is_both ? RV_SHEET_BOTH : RV_SHEET_REAL / 2;
        for (int row = 0; row < 2; row++)
            for (int col = 0; col < cols; col++) {
                int n = 0;
                for (int y = 0; y < 121; y++)
                    for (int x = 0; x < 161; x++)
                        n += rv_canvas_pixel(c, col * 167 + x, 30 + row * (121 + 22 + 6) + 22 + y) == RV_ORANGE;
                CU_ASSERT(n > 20);
            }
        CU_ASSERT_EQUAL(count(c, 30, height - 30, RV_PURPLE) > 50, is_both);
        rv_canvas_destroy(&c);
        tear_down(&r);
    }
}

/* an episode that ends at once is its start alone */
static void draws_a_single_moment(void)
{
    rig r;
    rv_canvas *c = NULL;
    int width = 0, height = 0;
    set_up(&r, true);
    r.real.n = r.imagined.n = r.foresight.n = 1;
    rv_film_sheet_size(&r.film, &width, &height);
    RV_TEST_OK(rv_canvas_create(width, height, &c));
    RV_TEST_OK(rv_film_sheet(&r.film, c));
    RV_TEST_OK(rv_film_frame(&r.film, c, 0));
    rv_canvas_destroy(&c);
    tear_down(&r);
}

RV_TEST_MAIN("film", {"draws frames", draws_frames}, {"draws sheets", draws_sheets},
             {"draws a single moment", draws_a_single_moment})
