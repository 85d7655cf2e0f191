#include "rv_test.h"
#include "view/draw_grid.h"

enum { SIDE = 100, CELL = 46 }; /* a box of 100, two cells of 46 a side from 4 on */

static const rv_box box = {0, 0, SIDE, SIDE};

static rv_colour cell_middle(rv_canvas *c, int row, int col)
{
    return rv_canvas_pixel(c, 4 + col * CELL + CELL / 2, 4 + row * CELL + CELL / 2);
}

static rv_colour cell_edge(rv_canvas *c, int row, int col)
{
    return rv_canvas_pixel(c, 4 + col * CELL + 4, 4 + row * CELL + 4);
}

static void draws_cells(void)
{
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(SIDE, SIDE, &c));
    rv_draw_grid(c, box, 2, 2, "#.GH", -1);
    rv_colour wall = cell_edge(c, 0, 0), nothing = cell_edge(c, 0, 1), goal = cell_edge(c, 1, 0),
              hole = cell_middle(c, 1, 1);
    CU_ASSERT_EQUAL(nothing, RV_PAPER);
    CU_ASSERT_EQUAL(cell_middle(c, 0, 1), RV_PAPER);
    CU_ASSERT(wall != nothing && goal != nothing && goal != wall && hole != nothing && hole != wall && hole != goal);
    CU_ASSERT_EQUAL(cell_middle(c, 0, 0), wall);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 1, 1), RV_GROUND);
    rv_draw_grid(c, box, 2, 2, "CCCC", 4);
    CU_ASSERT(cell_middle(c, 0, 0) != nothing && cell_middle(c, 0, 0) != wall);
    CU_ASSERT_EQUAL(cell_middle(c, 1, 1), cell_middle(c, 0, 0));
    rv_canvas_destroy(&c);
}

/* orange a quarter of a cell beside the middle */
static bool has_agent(rv_canvas *c, int row, int col)
{
    return rv_canvas_pixel(c, 4 + col * CELL + CELL / 2 + CELL / 5, 4 + row * CELL + CELL / 2) == RV_ORANGE;
}

static void shows_where_the_agent_is(void)
{
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(SIDE, SIDE, &c));
    for (int at = -1; at <= 4; at++) {
        rv_draw_grid(c, box, 2, 2, "S..G", at);
        for (int i = 0; i < 4; i++)
            CU_ASSERT_EQUAL(has_agent(c, i / 2, i % 2), i == at);
    }
    rv_canvas_destroy(&c);
}

static void draws_more_columns_than_rows(void)
{
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(SIDE, SIDE, &c));
    rv_draw_grid(c, box, 1, 4, "...#", 0);
    /* cells of 23, in the middle of the height */
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 50, 20), RV_GROUND);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 50, 80), RV_GROUND);
    CU_ASSERT(rv_canvas_pixel(c, 4 + 3 * 23 + 11, 50) != RV_PAPER);
    rv_canvas_destroy(&c);
}

/* pixels of a colour in a cell of a taxi's world of 5 x 5, in a box of 200: cells of 36 from 10 on */
static int count_in(rv_canvas *c, int row, int col, rv_colour colour)
{
    int n = 0;
    for (int y = 0; y < 36; y++)
        for (int x = 0; x < 36; x++)
            n += rv_canvas_pixel(c, 10 + col * 36 + x, 10 + row * 36 + y) == colour;
    return n;
}

static int state_of(int row, int col, int passenger, int destination)
{
    return ((row * 5 + col) * 5 + passenger) * 4 + destination;
}

static void draws_a_taxi(void)
{
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(200, 200, &c));
    const rv_box all = {0, 0, 200, 200};
    /* at (2, 3); the passenger waits at Y (4, 0) for B (4, 3) */
    rv_draw_taxi(c, all, state_of(2, 3, 2, 3));
    CU_ASSERT(count_in(c, 2, 3, RV_ORANGE) > 100);
    CU_ASSERT_EQUAL(count_in(c, 2, 2, RV_ORANGE), 0);
    CU_ASSERT(count_in(c, 4, 0, RV_BLUE) > 5);
    CU_ASSERT_EQUAL(count_in(c, 2, 3, RV_BLUE), 0);
    CU_ASSERT(count_in(c, 4, 3, RV_GREEN) > 20);
    CU_ASSERT_EQUAL(count_in(c, 0, 0, RV_GREEN), 0);
    /* aboard */
    rv_draw_taxi(c, all, state_of(2, 3, 4, 0));
    CU_ASSERT(count_in(c, 2, 3, RV_BLUE) > 5);
    CU_ASSERT_EQUAL(count_in(c, 4, 0, RV_BLUE), 0);
    CU_ASSERT(count_in(c, 0, 0, RV_GREEN) > 20);
    rv_canvas_destroy(&c);
}

RV_TEST_MAIN("draw_grid", {"draws cells", draws_cells}, {"shows where the agent is", shows_where_the_agent_is},
             {"draws more columns than rows", draws_more_columns_than_rows}, {"draws a taxi", draws_a_taxi})
