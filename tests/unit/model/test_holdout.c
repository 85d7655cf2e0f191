#include "model/holdout.h"
#include "rv_test.h"

#include <string.h>

enum { MAX_ROWS = 3000, SEED = 5 };

static rv_model_cfg make_cfg(int64_t rows_together)
{
    return (rv_model_cfg){.holdout_ratio = 0.2, .holdout_max = 400, .holdout_segment = rows_together};
}

/* a permutation, whose held-out part is whole segments at multiples of their length */
static void check_split(const rv_model_cfg *cfg, int64_t n_rows, int64_t of)
{
    static uint32_t split[MAX_ROWS];
    static bool is_seen[MAX_ROWS];
    int64_t held = rv_holdout_rows(cfg, n_rows);
    memset(is_seen, 0, sizeof is_seen);
    rv_holdout_split(cfg, SEED, 3, n_rows, split);
    for (int64_t i = 0; i < n_rows; i++) {
        CU_ASSERT_FATAL(split[i] < n_rows);
        CU_ASSERT_FALSE(is_seen[split[i]]);
        is_seen[split[i]] = true;
    }
    CU_ASSERT_EQUAL(held % of, 0);
    CU_ASSERT(held >= 1 && held < n_rows);
    for (int64_t i = 0; i < held; i++) {
        CU_ASSERT_EQUAL(split[i] % of, (uint32_t)(i % of));
        CU_ASSERT(i % of == 0 || split[i] == split[i - 1] + 1);
    }
}

static void segments(void)
{
    const rv_model_cfg one = make_cfg(1);
    const rv_model_cfg ten = make_cfg(10);
    CU_ASSERT_EQUAL(rv_holdout_rows(&one, 1000), 200);
    CU_ASSERT_EQUAL(rv_holdout_rows(&one, 3000), 400);
    CU_ASSERT_EQUAL(rv_holdout_rows(&one, 2), 1);
    CU_ASSERT_EQUAL(rv_holdout_rows(&ten, 1009), 200);
    CU_ASSERT_EQUAL(rv_holdout_rows(&ten, 30), 10);
    CU_ASSERT_EQUAL(rv_holdout_rows(&ten, 20), 10);
    CU_ASSERT_EQUAL(rv_holdout_rows(&ten, 19), 3); /* too few for a segment */
    check_split(&one, 2, 1);
    check_split(&one, 1000, 1);
    check_split(&ten, 20, 10);
    check_split(&ten, 1009, 10);
    check_split(&ten, 3000, 10);
    check_split(&ten, 19, 1);
}

/* which segments are held out changes from fit to fit and with the seed */
static void draws_differ(void)
{
    enum { ROWS = 500 };
    const rv_model_cfg cfg = make_cfg(5);
    uint32_t split[3][ROWS];
    rv_holdout_split(&cfg, SEED, 0, ROWS, split[0]);
    rv_holdout_split(&cfg, SEED, 1, ROWS, split[1]);
    rv_holdout_split(&cfg, SEED + 1, 0, ROWS, split[2]);
    CU_ASSERT_NOT_EQUAL(memcmp(split[0], split[1], sizeof split[0]), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(split[0], split[2], sizeof split[0]), 0);
    rv_holdout_split(&cfg, SEED, 0, ROWS, split[1]);
    CU_ASSERT_EQUAL(memcmp(split[0], split[1], sizeof split[0]), 0);
}

RV_TEST_MAIN("holdout", {"segments", segments}, {"draws differ", draws_differ})
