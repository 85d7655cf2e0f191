#include "launch/chart.h"
#include "rv_test.h"

#include <stdlib.h>

static rv_chart make_chart(int n_curves, int64_t n, const char *label)
{
    rv_chart chart = {.title = "a 'title'", .x_label = "steps", .y_label = "return", .n_curves = n_curves};
    RV_TEST_OK(RV_NEW(chart.curves, n_curves));
    for (int i = 0; i < n_curves; i++) {
        rv_curve *curve = &chart.curves[i];
        curve->n = n;
        snprintf(curve->label, sizeof curve->label, "%s", label);
        RV_TEST_OK(RV_NEW(curve->x, n));
        RV_TEST_OK(RV_NEW(curve->y, n));
        RV_TEST_OK(RV_NEW(curve->band, n));
        for (int64_t k = 0; k < n; k++) {
            curve->x[k] = (double)k;
            curve->y[k] = (double)(k * k) - i;
            curve->band[k] = k == 1 ? NAN : 2;
        }
    }
    return chart;
}

static void draws_pictures(void)
{
    rv_chart chart = make_chart(2, 5, "plain");
    char *bytes = NULL;
    size_t n = 0;
    RV_TEST_OK(rv_chart_draw(&chart, RV_CHART_PNG, 300, 200, &bytes, &n));
    CU_ASSERT_FATAL(n > 100);
    CU_ASSERT_EQUAL(memcmp(bytes, "\x89PNG\r\n\x1a\n", 8), 0);
    /* the header's width and height, big-endian */
    CU_ASSERT_EQUAL(memcmp(bytes + 16, "\0\0\x01\x2c\0\0\0\xc8", 8), 0);
    rv_mem_free(&bytes);
    RV_TEST_OK(rv_chart_draw(&chart, RV_CHART_SVG, 300, 200, &bytes, &n));
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes, "<svg"));
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes, "</svg>"));
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes, "a 'title'"));
    rv_mem_free(&bytes);
    rv_chart_clear(&chart);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* labels come from folder names: gnuplot must take none of them for a command, a line or mark-up */
static void keeps_labels_as_they_are(void)
{
    const char *const labels[] = {"it's",
                                  "'; system('touch /tmp/hacked'); '",
                                  "pendulum-1",
                                  "\\",
                                  "\"; system(\"touch /tmp/hacked\"); \"",
                                  "a_{b}^2 @ & <i>",
                                  "$c0 \\n",
                                  "\xc3\xa4 @x \"q\"",
                                  "%s",
                                  ""};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        rv_chart chart = make_chart(1, 3, labels[i]);
        char *bytes = NULL;
        size_t n = 0;
        RV_TEST_OK(rv_chart_draw(&chart, RV_CHART_TEXT, 100, 24, &bytes, &n));
        CU_ASSERT_PTR_NOT_NULL(strstr(bytes, labels[i]));
        rv_mem_free(&bytes);
        rv_chart_clear(&chart);
    }
    rv_chart chart = make_chart(1, 3, "two\nEND\nlines `date`");
    char *bytes = NULL;
    size_t n = 0;
    RV_TEST_OK(rv_chart_draw(&chart, RV_CHART_TEXT, 100, 24, &bytes, &n));
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes, "two?END?lines 'date'"));
    rv_mem_free(&bytes);
    rv_chart_clear(&chart);
}

static void draws_few_and_many_points(void)
{
    const int64_t sizes[] = {1, 2, 61, 5000};
    for (int i = 0; i < 4; i++)
        for (int format = RV_CHART_PNG; format <= RV_CHART_COLOUR; format++) {
            rv_chart chart = make_chart(9, sizes[i], "curve");
            char *bytes = NULL;
            size_t n = 0;
            bool is_text = format >= RV_CHART_TEXT;
            RV_TEST_OK(
                rv_chart_draw(&chart, (rv_chart_format)format, is_text ? 80 : 400, is_text ? 24 : 300, &bytes, &n));
            CU_ASSERT(n > 100);
            rv_mem_free(&bytes);
            rv_chart_clear(&chart);
        }
}

static void says_that_gnuplot_is_missing(void)
{
    rv_chart chart = make_chart(1, 3, "curve");
    char *bytes = NULL;
    size_t n = 0;
    char path[4096];
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    RV_TEST_FAILS(rv_chart_draw(&chart, RV_CHART_PNG, 300, 200, &bytes, &n), RV_E_UNAVAILABLE, "gnuplot-nox");
    setenv("PATH", path, 1);
    CU_ASSERT_PTR_NULL(bytes);
    RV_TEST_FAILS(rv_chart_draw(&chart, RV_CHART_PNG, -5, 200, &bytes, &n), RV_E_UNAVAILABLE, "gnuplot failed");
    CU_ASSERT_PTR_NULL(bytes);
    rv_chart_clear(&chart);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void draws_svg(const rv_chart *chart, char **out)
{
    size_t n = 0;
    RV_TEST_OK(rv_chart_draw(chart, RV_CHART_SVG, 400, 300, out, &n));
    CU_ASSERT_PTR_NOT_NULL(strstr(*out, "</svg>"));
}

/* edges of a band, something to compare with, a logarithmic axis, no ground */
static void draws_what_is_asked_for(void)
{
    rv_chart chart = make_chart(2, 4, "curve");
    char *plain = NULL, *svg = NULL;
    draws_svg(&chart, &plain);
    CU_ASSERT_PTR_NOT_NULL(strstr(plain, "fill=\"#ffffff\""));
    CU_ASSERT_PTR_NULL(strstr(plain, "stroke-dasharray"));
    chart.is_bare = true;
    chart.curves[1].is_guide = true;
    draws_svg(&chart, &svg);
    CU_ASSERT_PTR_NULL(strstr(svg, "fill=\"#ffffff\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(svg, "stroke-dasharray"));
    rv_mem_free(&plain);
    rv_mem_free(&svg);
    rv_mem_free(&chart.curves[0].band);
    draws_svg(&chart, &plain);
    RV_TEST_OK(RV_NEW(chart.curves[0].low, 4));
    RV_TEST_OK(RV_NEW(chart.curves[0].high, 4));
    for (int k = 0; k < 4; k++) {
        chart.curves[0].low[k] = k == 2 ? NAN : chart.curves[0].y[k] - 1;
        chart.curves[0].high[k] = chart.curves[0].y[k] + 30;
    }
    draws_svg(&chart, &svg);
    CU_ASSERT_STRING_NOT_EQUAL(plain, svg);
    CU_ASSERT_PTR_NOT_NULL(strstr(svg, " 40<")); /* the axis reaches the upper edge */
    rv_mem_free(&plain);
    rv_mem_free(&svg);
    chart.is_log = true;
    chart.curves[0].y[1] = 1e-6;
    draws_svg(&chart, &svg);
    CU_ASSERT_PTR_NOT_NULL(strstr(svg, "1e-06<"));
    rv_mem_free(&svg);
    rv_chart_clear(&chart);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("chart", {"draws pictures", draws_pictures}, {"draws what is asked for", draws_what_is_asked_for},
             {"keeps labels as they are", keeps_labels_as_they_are},
             {"draws few and many points", draws_few_and_many_points},
             {"says that gnuplot is missing", says_that_gnuplot_is_missing})
