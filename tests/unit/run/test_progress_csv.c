#include "run/progress_csv.h"
#include "rv_test.h"

static rv_status parse(const char *text, rv_progress_csv *out)
{
    return rv_progress_csv_parse("p.csv", text, strlen(text), out);
}

static void reads_cells(void)
{
    rv_progress_csv p = {0};
    RV_TEST_OK(parse("step,rollout/ep_rew_mean,eval/mean_reward\n250,-1204.5,\n500,,-1.5e+2\n750,nan,inf\n", &p));
    CU_ASSERT_EQUAL_FATAL(p.n_columns, 3);
    CU_ASSERT_EQUAL_FATAL(p.n_rows, 3);
    CU_ASSERT_STRING_EQUAL(p.names[1], "rollout/ep_rew_mean");
    CU_ASSERT_EQUAL(rv_progress_csv_column(&p, "eval/mean_reward"), 2);
    CU_ASSERT_EQUAL(rv_progress_csv_column(&p, "eval"), -1);
    CU_ASSERT_EQUAL(p.cells[0], 250);
    CU_ASSERT_EQUAL(p.cells[1], -1204.5);
    CU_ASSERT_EQUAL(p.cells[5], -150);
    CU_ASSERT(isnan(p.cells[2]) && isnan(p.cells[4]) && isnan(p.cells[7]) && isinf(p.cells[8]));
    CU_ASSERT_EQUAL(rv_progress_csv_count(&p, 0, 1), 1);
    CU_ASSERT_EQUAL(rv_progress_csv_count(&p, 0, 0), 3);
    rv_progress_csv_clear(&p);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void passes_over_an_unfinished_line(void)
{
    rv_progress_csv p = {0};
    RV_TEST_OK(parse("step,x\n1,2\n3,4", &p));
    CU_ASSERT_EQUAL(p.n_rows, 1);
    rv_progress_csv_clear(&p);
    RV_TEST_OK(parse("step,x\n", &p));
    CU_ASSERT_EQUAL(p.n_rows, 0);
    rv_progress_csv_clear(&p);
    RV_TEST_FAILS(parse("step,x", &p), RV_E_NOINPUT, "nothing has been recorded");
    RV_TEST_FAILS(parse("", &p), RV_E_NOINPUT, "nothing has been recorded");
}

static void refuses(void)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"step,x\n1,2\n3\n", "p.csv:3: expected 2 cells, got 1"},
        {"step,x\n1,2,3\n", "p.csv:2: expected 2 cells, got 3"},
        {"step,x\n1,2\r\n", "p.csv:2: expected a number or an empty cell, got '2?'"},
        {"step,x\n1, 2\n", "got ' 2'"},
        {"step,x\n1,0x10\n", "got '0x10'"},
        {"step,x\n1,infinity\n", "got 'infinity'"},
        {"step,x\n1,1e999\n", "got '1e999'"},
        {"step,x\n1,1e\n", "got '1e'"},
        {"step,x\n1,-\n", "got '-'"},
        {"step,x\n1,1.2.3\n", "got '1.2.3'"},
        {"step,x\n1,\"2\"\n", "got '\"2\"'"},
        {"step,,x\n", "column 2 has a name of 0 bytes"},
        {"step,x y\n", "name of column 2 is not plain"},
        {"step,x,step\n", "columns 1 and 3 are both named 'step'"},
        {"\n\n", "column 1 has a name of 0 bytes"},
        {"step,x\n\n\n\n\n\n\n\n\n\n\n", "rows are shorter"},
        {"step,x\n1,1111111111111111111111111111111111111111111111111111111111111111\n", "1...'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_progress_csv p = {.n_rows = 999};
        RV_TEST_FAILS(parse(cases[i].text, &p), RV_E_DATA, cases[i].part);
        CU_ASSERT_EQUAL(p.n_rows, 999);
        CU_ASSERT_PTR_NULL(p.cells);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void refuses_bytes_behind_a_nul(void)
{
    rv_progress_csv p = {0};
    RV_TEST_FAILS(rv_progress_csv_parse("p.csv", "s\n1\0002\n", 7, &p), RV_E_DATA, "p.csv:2: expected a number");
    RV_TEST_FAILS(rv_progress_csv_parse("p.csv", "s\n\0\n", 4, &p), RV_E_DATA, "p.csv:2: expected a number");
    RV_TEST_FAILS(rv_progress_csv_parse("p.csv", "s\nnan\0x\n", 8, &p), RV_E_DATA, "p.csv:2: expected a number");
}

static void refuses_too_many_columns(void)
{
    static char text[2 * RV_PROGRESS_CSV_COLUMNS + 2];
    memset(text, ',', sizeof text - 2);
    text[sizeof text - 2] = '\n';
    rv_progress_csv p = {0};
    RV_TEST_FAILS(parse(text, &p), RV_E_DATA, "expected at most 1024");
}

static void reads_a_file(void)
{
    rv_progress_csv p = {0};
    RV_TEST_FAILS(rv_progress_csv_read("/nonexistent/progress.csv", &p), RV_E_NOINPUT, "/nonexistent/progress.csv");
    RV_TEST_OK(rv_progress_csv_read(RV_TEST_DIR "/fuzz/corpus/progress_csv/run.csv", &p));
    CU_ASSERT_EQUAL(p.n_columns, 4);
    CU_ASSERT_EQUAL(p.n_rows, 5);
    rv_progress_csv_clear(&p);
}

RV_TEST_MAIN("progress_csv", {"reads cells", reads_cells},
             {"passes over an unfinished line", passes_over_an_unfinished_line}, {"refuses", refuses},
             {"refuses bytes behind a NUL", refuses_bytes_behind_a_nul},
             {"refuses too many columns", refuses_too_many_columns}, {"reads a file", reads_a_file})
