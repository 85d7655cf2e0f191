#include "rv_test.h"
#include "view/canvas.h"

/* pixels of a part that are not white */
static int count_marks(rv_canvas *c, int x, int y, int width, int height)
{
    int n = 0;
    for (int j = y; j < y + height; j++)
        for (int i = x; i < x + width; i++)
            n += rv_canvas_pixel(c, i, j) != 0xffffff;
    return n;
}

static void fills_what_it_is_told(void)
{
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(40, 30, &c));
    CU_ASSERT_EQUAL(count_marks(c, 0, 0, 40, 30), 0);
    rv_canvas_fill_box(c, (rv_box){10, 5, 7, 3}, 0x123456);
    CU_ASSERT_EQUAL(count_marks(c, 0, 0, 40, 30), 21);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 10, 5), 0x123456);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 16, 7), 0x123456);
    rv_canvas_circle(c, 30, 20, 5, RV_RED);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 30, 20), RV_RED);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 36, 20), 0xffffff);
    rv_canvas_line(c, 2, 25, 8, 25, 2, RV_BLUE);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 5, 25), RV_BLUE);
    rv_canvas_destroy(&c);
    CU_ASSERT_PTR_NULL(c);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void writes_text(void)
{
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(200, 60, &c));
    double width = rv_canvas_text(c, 10, 30, 12, RV_LEFT, 0, RV_INK, "Hopper-v4");
    CU_ASSERT(width > 40 && width < 100);
    CU_ASSERT(count_marks(c, 9, 20, (int)width + 2, 20) > 100);
    CU_ASSERT_EQUAL(count_marks(c, 0, 0, 9, 60) + count_marks(c, 12 + (int)width, 0, 80, 60), 0);
    /* right: its end is where it was told */
    rv_canvas_fill_box(c, (rv_box){0, 0, 200, 60}, RV_PAPER);
    rv_canvas_text(c, 190, 30, 12, RV_RIGHT, 0, RV_INK, "Hopper-v4");
    CU_ASSERT_EQUAL(count_marks(c, 192, 0, 8, 60), 0);
    CU_ASSERT(count_marks(c, 180, 20, 12, 20) > 5);
    /* too long: cut */
    CU_ASSERT(rv_canvas_text(c, 0, 10, 12, RV_LEFT, 50, RV_INK, "a text that is longer than that") <= 50);
    CU_ASSERT(rv_canvas_text(c, 0, 10, 12, RV_LEFT, 1, RV_INK, "a text") < 20);
    rv_canvas_destroy(&c);
}

/* cairo refuses all further drawing after text that is no UTF-8 */
static void survives_any_bytes(void)
{
    static const char *const texts[] = {"\xff\xfe", "\xc3", "a\xe2\x82", "\xc0\x80", "\xf5\x80\x80\x80", "\n\x7f", ""};
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(100, 20, &c));
    for (int i = 0; i < 7; i++)
        rv_canvas_text(c, 0, 10, 12, RV_LEFT, 20, RV_INK, texts[i]);
    char long_text[1000];
    memset(long_text, 'x', sizeof long_text);
    memcpy(long_text + 252, "\xe2\x82\xac", 3);
    long_text[sizeof long_text - 1] = '\0';
    rv_canvas_text(c, 0, 10, 12, RV_LEFT, 0, RV_INK, long_text);
    rv_canvas_fill_box(c, (rv_box){0, 0, 100, 20}, 0x010203);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 50, 10), 0x010203);
    rv_canvas_destroy(&c);
}

static void pastes_rows_from_the_bottom(void)
{
    const unsigned char rgb[2 * 2 * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(4, 4, &c));
    rv_canvas_paste(c, 1, 1, 2, 2, rgb);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 1, 2), 0x010203);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 2, 2), 0x040506);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 1, 1), 0x070809);
    CU_ASSERT_EQUAL(rv_canvas_pixel(c, 2, 1), 0x0a0b0c);
    CU_ASSERT_EQUAL(count_marks(c, 0, 0, 4, 4), 4);
    rv_canvas_destroy(&c);
}

static void makes_png(void)
{
    rv_canvas *c = NULL;
    char *bytes[2] = {NULL, NULL};
    size_t n[2] = {0, 0};
    RV_TEST_OK(rv_canvas_create(300, 200, &c));
    rv_canvas_text(c, 10, 30, 30, RV_LEFT, 0, RV_INK, "the same bytes");
    for (int i = 0; i < 2; i++)
        RV_TEST_OK(rv_canvas_png(c, &bytes[i], &n[i]));
    CU_ASSERT_EQUAL(memcmp(bytes[0], "\x89PNG\r\n\x1a\n", 8), 0);
    CU_ASSERT_EQUAL(memcmp(bytes[0] + n[0] - 8, "IEND", 4), 0);
    CU_ASSERT(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0);
    rv_mem_free(&bytes[0]);
    rv_mem_free(&bytes[1]);
    rv_canvas_destroy(&c);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void refuses_sizes(void)
{
    rv_canvas *c = NULL;
    RV_TEST_FAILS(rv_canvas_create(0, 10, &c), RV_E_USAGE, "0 x 10");
    RV_TEST_FAILS(rv_canvas_create(10, 9000, &c), RV_E_USAGE, "1 to 8192");
    CU_ASSERT_PTR_NULL(c);
}

RV_TEST_MAIN("canvas", {"fills what it is told", fills_what_it_is_told}, {"writes text", writes_text},
             {"survives any bytes", survives_any_bytes}, {"pastes rows from the bottom", pastes_rows_from_the_bottom},
             {"makes PNG", makes_png}, {"refuses sizes", refuses_sizes})
