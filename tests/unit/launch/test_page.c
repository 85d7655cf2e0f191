#include "launch/page.h"
#include "rv_test.h"

static const char *html, *text;

static void has(const char *where, const char *part)
{
    if (!strstr(where, part))
        printf("\n    not there: %s\n    in: %.2000s\n", part,
               strstr(where, "<main>") ? strstr(where, "<main>") : where);
    CU_ASSERT_PTR_NOT_NULL(strstr(where, part));
}

/* whatever stands in a name or text, it stays text */
static void escapes(void)
{
    rv_page *page = NULL;
    const char bad[] = "<script>alert('1')</script> & \"x\" \033[31m \xff\xc0\xaf \xe2\x80\xae \xc2\x9b \xc3\xa4 \n";
    RV_TEST_OK(rv_page_create(bad, false, &page));
    rv_page_section(page, "s", bad);
    rv_page_say(page, "%s", bad);
    rv_page_fact(page, bad, "%s", bad);
    rv_page_note(page, RV_PAGE_WARN, bad, "%s", bad);
    rv_page_table(page, bad);
    rv_page_row(page, "%s", bad);
    rv_page_table_end(page);
    RV_TEST_OK(rv_page_end(page, &html, &text));
    CU_ASSERT_PTR_NULL(strstr(html, "<script"));
    const char escaped[] = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot; ?[31m ??? ??? ??";
    int n = 0;
    for (const char *at = html; (at = strstr(at, "&lt;script&gt;")) != NULL; at++)
        n += strncmp(at, escaped, strlen("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;")) == 0;
    CU_ASSERT_EQUAL(n, 10);
    has(html, escaped);
    has(html, " \xc3\xa4 ?");
    CU_ASSERT_PTR_NULL(strchr(html, '\033'));
    CU_ASSERT_PTR_NULL(strchr(text, '\033'));
    CU_ASSERT_PTR_NULL(strchr(text, '\xff'));
    CU_ASSERT_PTR_NULL(strstr(text, "\xc2\x9b"));
    has(text, "<script>alert('1')</script> & \"x\" ?[31m ??? ??? ?? \xc3\xa4 ?");
    rv_page_destroy(&page);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void lays_out(void)
{
    rv_page *page = NULL;
    RV_TEST_OK(rv_page_create("page", true, &page));
    rv_page_section(page, "one", "1. One");
    rv_page_fact(page, "name", "%d steps", 3);
    rv_page_fact(page, "other", "x");
    rv_page_note(page, RV_PAGE_GOOD, "all is well", "because");
    rv_page_section(page, "two", "2. Two");
    rv_page_table(page, "what|a|number");
    rv_page_row(page, "first|%d|%g", 1, 2.5);
    rv_page_row(page, "second|22");
    for (int i = 0; i < 100; i++)
        rv_page_row(page, "%d|%d|%d|%d", i, i, i, i);
    rv_page_table_end(page);
    rv_page_say(page, "%s", "twelve bytes twelve bytes twelve bytes twelve bytes twelve bytes twelve bytes, and more");
    RV_TEST_OK(rv_page_end(page, &html, &text));
    has(html,
        "<section id=\"one\">\n<h2>1. One</h2>\n<dl>\n<dt>name</dt><dd>3 steps</dd>\n<dt>other</dt><dd>x</dd>\n</dl>\n"
        "<div class=\"note good\"><strong>all is well</strong><p>because</p></div>\n</section>\n");
    has(html, "<tr><th>what</th><th>a</th><th>number</th></tr>\n<tr><td>first</td><td>1</td><td>2.5</td></tr>\n"
              "<tr><td>second</td><td>22</td><td></td></tr>\n");
    has(html, "<tr><td>99</td><td>99</td><td>99</td></tr>\n</table>");
    has(text, "2. Two\n------\nwhat     a  number\nfirst    1     2.5\nsecond  22\n0        0       0\n");
    has(text, "\n+ all is well\n  because\n");
    has(text, "twelve bytes,\nand more\n");
    rv_page_destroy(&page);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void draws(void)
{
    rv_page *page = NULL;
    double x[] = {1, 2, 3}, y[] = {1, 4, 9};
    rv_curve curves[] = {{.label = "a < b", .n = 3, .x = x, .y = y}, {.label = "guide", .n = 3, .x = x, .y = x}};
    rv_chart chart = {.title = "name & so on", .n_curves = 2, .curves = curves};
    curves[1].is_guide = true;
    RV_TEST_OK(rv_page_create("page", true, &page));
    RV_TEST_OK(rv_page_figure(page, &chart, "caption %d", 1));
    RV_TEST_OK(rv_page_figure(page, &chart, "caption %d", 2));
    curves[0].n = 0;
    RV_TEST_OK(rv_page_figure(page, &chart, "nothing to see"));
    RV_TEST_OK(rv_page_end(page, &html, &text));
    has(html, "<title>name &amp; so on</title>");
    has(html, "<figcaption>caption 2</figcaption>");
    has(html, "a &lt; b");
    has(html, "id='f1-gpPt5'");
    has(html, "id='f2-gpPt5'");
    has(html, "href='#f2-gpPt5'");
    CU_ASSERT_PTR_NULL(strstr(html, "'#gp"));
    CU_ASSERT_PTR_NULL(strstr(html, "<?xml"));
    CU_ASSERT_PTR_NULL(strstr(html, "nothing to see"));
    CU_ASSERT_PTR_NULL(strstr(text, "caption"));
    rv_page_destroy(&page);
    curves[0].n = 3;
    RV_TEST_OK(rv_page_create("page", false, &page));
    RV_TEST_OK(rv_page_figure(page, &chart, "caption"));
    RV_TEST_OK(rv_page_end(page, &html, &text));
    CU_ASSERT_PTR_NULL(strstr(html, "<figcaption"));
    rv_page_destroy(&page);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("page", {"escapes", escapes}, {"lays out", lays_out}, {"draws", draws})
