#include "rv_test.h"
#include "view/draw_classic.h"

static const rv_box box = {0, 0, 200, 200};

/* mean place of what is of a colour; false: there is none */
static bool find(rv_canvas *c, rv_colour colour, double *x, double *y)
{
    int n = 0;
    *x = *y = 0;
    for (int j = 0; j < 200; j++)
        for (int i = 0; i < 200; i++)
            if (rv_canvas_pixel(c, i, j) == colour) {
                n++;
                *x += i + 0.5;
                *y += j + 0.5;
            }
    *x /= n > 0 ? n : 1;
    *y /= n > 0 ? n : 1;
    return n > 20;
}

static void pendulum_turns_left(void)
{
    static const double angles[] = {0, M_PI / 2, M_PI, -M_PI / 2};
    static const int to_x[] = {0, -1, 0, 1}, to_y[] = {-1, 0, 1, 0};
    rv_canvas *c = NULL;
    double x = 0, y = 0;
    RV_TEST_OK(rv_canvas_create(200, 200, &c));
    for (int i = 0; i < 4; i++) {
        const double state[] = {angles[i], 0};
        rv_draw_pendulum(c, box, state);
        CU_ASSERT(find(c, RV_ORANGE, &x, &y));
        CU_ASSERT_DOUBLE_EQUAL(x, 100 + 100 / 1.35 * to_x[i], 1);
        CU_ASSERT_DOUBLE_EQUAL(y, 100 + 100 / 1.35 * to_y[i], 1);
    }
    rv_canvas_destroy(&c);
}

static void cart_moves_and_pole_leans(void)
{
    rv_canvas *c = NULL;
    double x0 = 0, y0 = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0;
    const double middle[] = {0, 0, 0, 0}, right[] = {1, 0, 0, 0}, leans[] = {0, 0, 0.2, 0};
    RV_TEST_OK(rv_canvas_create(200, 200, &c));
    rv_draw_cart_pole(c, box, middle);
    CU_ASSERT(find(c, RV_ORANGE, &x0, &y0));
    rv_draw_cart_pole(c, box, right);
    CU_ASSERT(find(c, RV_ORANGE, &x1, &y1));
    rv_draw_cart_pole(c, box, leans);
    CU_ASSERT(find(c, RV_ORANGE, &x2, &y2));
    CU_ASSERT_DOUBLE_EQUAL(x0, 100, 1);
    CU_ASSERT_DOUBLE_EQUAL(x1 - x0, 200 / 5.4, 1);
    CU_ASSERT_DOUBLE_EQUAL(y1, y0, 1);
    CU_ASSERT(x2 > x0 + 2 && x2 < x0 + 6);
    rv_canvas_destroy(&c);
}

/* the valley's lowest point is at -pi / 6, so that the car is higher on both sides of it */
static void car_follows_the_hill(void)
{
    rv_canvas *c = NULL;
    double x[3], y[3];
    const double states[3][2] = {{-1.1, 0}, {-M_PI / 6, 0}, {0.45, 0}};
    RV_TEST_OK(rv_canvas_create(200, 200, &c));
    for (int i = 0; i < 3; i++) {
        rv_draw_mountain_car(c, box, states[i]);
        CU_ASSERT(find(c, RV_ORANGE, &x[i], &y[i]));
    }
    CU_ASSERT(x[0] < x[1] - 30 && x[1] < x[2] - 30);
    CU_ASSERT(y[0] < y[1] - 30 && y[2] < y[1] - 60);
    rv_canvas_destroy(&c);
}

static void acrobot_hangs_and_folds(void)
{
    rv_canvas *c = NULL;
    double x = 0, y = 0;
    const double hangs[] = {0, 0, 0, 0}, folded[] = {0, M_PI, 0, 0}, right[] = {M_PI / 2, 0, 0, 0};
    const double scale = 100 / 2.3;
    RV_TEST_OK(rv_canvas_create(200, 200, &c));
    rv_draw_acrobot(c, box, hangs);
    CU_ASSERT(find(c, RV_ORANGE, &x, &y));
    CU_ASSERT_DOUBLE_EQUAL(x, 100, 1);
    CU_ASSERT_DOUBLE_EQUAL(y, 100 + 1.5 * scale, 3);
    rv_draw_acrobot(c, box, folded);
    CU_ASSERT(find(c, RV_ORANGE, &x, &y));
    CU_ASSERT_DOUBLE_EQUAL(y, 100 + 0.5 * scale, 3);
    rv_draw_acrobot(c, box, right);
    CU_ASSERT(find(c, RV_ORANGE, &x, &y));
    CU_ASSERT_DOUBLE_EQUAL(x, 100 + 1.5 * scale, 3);
    CU_ASSERT_DOUBLE_EQUAL(y, 100, 1);
    rv_canvas_destroy(&c);
}

RV_TEST_MAIN("draw_classic", {"pendulum turns left", pendulum_turns_left},
             {"cart moves and pole leans", cart_moves_and_pole_leans}, {"car follows the hill", car_follows_the_hill},
             {"acrobot hangs and folds", acrobot_hangs_and_folds})
