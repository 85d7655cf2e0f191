#include "rv_test.h"

#include <stdint.h>

static void counted_aligned_zeroed(void)
{
    int64_t blocks = rv_mem_blocks();
    int64_t bytes = rv_mem_bytes();
    float *x = NULL;
    RV_TEST_OK(RV_NEW(x, 1000));
    CU_ASSERT_EQUAL((uintptr_t)x % RV_ALIGN, 0);
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks + 1);
    CU_ASSERT_EQUAL(rv_mem_bytes(), bytes + 4000);
    for (int i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(x[i], 0.0F);
    x[999] = 5;
    RV_TEST_OK(rv_mem_resize(1000, 2000, sizeof *x, (void **)&x));
    CU_ASSERT_EQUAL(x[999], 5.0F);
    CU_ASSERT_EQUAL(x[1999], 0.0F);
    rv_mem_free(&x);
    CU_ASSERT_PTR_NULL(x);
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
    CU_ASSERT_EQUAL(rv_mem_bytes(), bytes);
}

static void too_much_is_an_error(void)
{
    char *p = NULL;
    RV_TEST_FAILS(rv_mem_alloc(SIZE_MAX / 2, 4, (void **)&p), RV_E_NOMEM, "overflows");
    RV_TEST_FAILS(rv_mem_alloc(SIZE_MAX / 4, 2, (void **)&p), RV_E_NOMEM, "out of memory");
    CU_ASSERT_PTR_NULL(p);
}

static rv_status inner(void)
{
    return rv_raise(RV_E_DATA, "row %d is bad", 7);
}

static rv_status outer(void)
{
    RV_TRY(inner());
    return RV_OK;
}

static void errors_carry_text_and_frames(void)
{
    RV_TEST_FAILS(outer(), RV_E_DATA, "row 7 is bad");
    CU_ASSERT_EQUAL(rv_error_last()->n_frames, 2);
    CU_ASSERT_STRING_EQUAL(rv_error_last()->frames[0].func, "inner");
    CU_ASSERT_STRING_EQUAL(rv_error_last()->frames[1].func, "outer");
    CU_ASSERT_EQUAL(rv_error_prefix(RV_E_DATA, "file %s", "x.csv"), RV_E_DATA);
    CU_ASSERT_STRING_EQUAL(rv_error_last()->text, "file x.csv: row 7 is bad");
    CU_ASSERT_EQUAL(rv_status_exit_code(RV_E_DATA), 65);
    CU_ASSERT_STRING_EQUAL(rv_status_name(RV_E_CONFIG), "RV_E_CONFIG");
}

RV_TEST_MAIN("memory", {"counted, aligned, zeroed", counted_aligned_zeroed},
             {"too much is an error", too_much_is_an_error},
             {"errors carry text and frames", errors_carry_text_and_frames})
