#include "data/imagined.h"
#include "rv_test.h"

static void put(rv_imagined *im, int n, float value)
{
    int64_t fit = 0;
    float *rows = rv_imagined_next(im, &fit);
    CU_ASSERT_FATAL(fit >= n);
    for (int i = 0; i < 2 * n; i++)
        rows[i] = value;
    rv_imagined_commit(im, n);
}

static void generations_survive_and_go(void)
{
    rv_imagined *im = NULL;
    RV_TEST_OK(rv_imagined_create(2, 3, 10, &im));
    CU_ASSERT_EQUAL(rv_imagined_rows(im), 0);
    for (int g = 0; g < 7; g++) {
        rv_imagined_begin(im);
        put(im, 2, (float)g);
        put(im, g % 3, (float)g);
        /* imagined data survive a retrain: the last three generations are all there */
        int64_t want = 0;
        for (int k = g > 1 ? g - 2 : 0; k <= g; k++)
            want += 2 + k % 3;
        CU_ASSERT_EQUAL(rv_imagined_rows(im), want);
        int seen[7] = {0};
        rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, (uint64_t)g);
        for (int i = 0; i < 3000; i++)
            seen[(int)*rv_imagined_draw(im, &rng)]++;
        for (int k = 0; k < 7; k++) {
            bool kept = k <= g && k > g - 3;
            double share = kept ? (double)(2 + k % 3) / (double)want : 0;
            CU_ASSERT(fabs(seen[k] / 3000.0 - share) < 0.05);
            CU_ASSERT(kept == (seen[k] > 0));
        }
    }
    rv_imagined_destroy(&im);
    RV_TEST_FAILS(rv_imagined_create(2, 65, 10, &im), RV_E_CONFIG, "1 to 64");
}

static void full_generation_says_so(void)
{
    rv_imagined *im = NULL;
    int64_t fit = 0;
    RV_TEST_OK(rv_imagined_create(2, 1, 4, &im));
    rv_imagined_begin(im);
    put(im, 4, 1);
    rv_imagined_next(im, &fit);
    CU_ASSERT_EQUAL(fit, 0);
    rv_imagined_destroy(&im);
}

/* the last generations again, with the same rows and with others */
static void rewinds(void)
{
    rv_imagined *im = NULL;
    rv_imagined_record record;
    RV_TEST_OK(rv_imagined_create(2, 3, 10, &im));
    for (int g = 0; g < 5; g++) {
        rv_imagined_begin(im);
        put(im, 1 + g, (float)g);
        rv_imagined_seal(im);
    }
    for (int other = 0; other < 3; other++) {
        RV_TEST_OK(rv_imagined_rewind(im, 3, &record));
        CU_ASSERT_EQUAL(rv_imagined_rows(im), 0);
        for (int g = 2; g < 5; g++) {
            rv_imagined_begin(im);
            put(im, 1 + g - (other == 2 && g == 3), other == 1 && g == 2 ? 7 : (float)g);
            rv_imagined_seal(im);
        }
        CU_ASSERT_EQUAL(im->newest, 4);
        CU_ASSERT_EQUAL(rv_imagined_is(im, &record), other == 0);
    }
    RV_TEST_FAILS(rv_imagined_rewind(im, 4, &record), RV_E_DATA, "there are no 4 before it");
    im->newest = 1;
    RV_TEST_FAILS(rv_imagined_rewind(im, 3, &record), RV_E_DATA, "there are no 3 before it");
    rv_imagined_destroy(&im);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("imagined", {"generations survive and go", generations_survive_and_go},
             {"full generation says so", full_generation_says_so}, {"rewinds", rewinds})
