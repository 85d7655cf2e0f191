#include "rv_test.h"
#include "view/draw_strip.h"

#include <stdlib.h>

static const rv_box box = {0, 0, 300, 120};

/* pixels near a colour: thin lines blend into what is behind them */
static int count(rv_canvas *c, int x, int width, rv_colour colour)
{
    int n = 0;
    for (int j = 0; j < 120; j++)
        for (int i = x; i < x + width; i++) {
            rv_colour p = rv_canvas_pixel(c, i, j);
            int distance = 0;
            for (int shift = 0; shift <= 16; shift += 8)
                distance += abs((int)(p >> shift & 255) - (int)(colour >> shift & 255));
            n += distance < 200;
        }
    return n;
}

/* what has been is blue, what is to come is not */
static void draws_up_to_the_present(void)
{
    float obs[2 * 11];
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(300, 120, &c));
    for (int i = 0; i < 11; i++) {
        obs[2 * i] = (float)i;
        obs[2 * i + 1] = -7;
    }
    /* curves lie from 36 to 238 */
    rv_draw_strips(c, box, 11, 2, obs, 5);
    CU_ASSERT(count(c, 40, 80, RV_BLUE) > 60);
    CU_ASSERT_EQUAL(count(c, 150, 80, RV_BLUE), 0);
    CU_ASSERT(count(c, 132, 12, RV_ORANGE) > 10);
    rv_draw_strips(c, box, 11, 2, obs, 10);
    CU_ASSERT(count(c, 150, 80, RV_BLUE) > 60);
    rv_canvas_destroy(&c);
}

/* one moment, many numbers, numbers that are none */
static void draws_whatever_comes(void)
{
    float obs[100];
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(300, 120, &c));
    for (int i = 0; i < 100; i++)
        obs[i] = i % 7 == 0 ? NAN : i % 5 == 0 ? 1e30F : (float)i;
    rv_draw_strips(c, box, 1, 100, obs, 0);
    rv_draw_strips(c, box, 4, 25, obs, 3);
    rv_canvas_fill_box(c, box, 0x010203);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 5, 5), 0x010203);
    rv_canvas_destroy(&c);
}

RV_TEST_MAIN("draw_strip", {"draws up to the present", draws_up_to_the_present},
             {"draws whatever comes", draws_whatever_comes})
