/* rv_test.h - what every unit test includes: CUnit, checks that print what they saw, and main.
 *
 * A test file defines its cases and ends with   RV_TEST_MAIN("module", {"case", function}, ...)
 * or, when they rest on kernels, with           RV_TEST_EACH_SET("module", {"case", function}, ...)
 */
#pragma once
#include "base/memory.h"
#include "base/status.h"
#include "math/kernels.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/** Use these kernels (the numbers of rv_kernels_cfg); false, with a note, when the processor lacks them. */
static inline bool rv_test_kernels(int instructions, int products)
{
    const rv_kernels_cfg cfg = {.instructions = instructions, .products = products};
    if (rv_kernels_choose(&cfg) == RV_OK)
        return true;
    printf("\n    not run: %s\n", rv_error_last()->text);
    return false;
}

/** expr must return RV_OK; prints the error record when it does not. */
#define RV_TEST_OK(expr)                                                                                               \
    do {                                                                                                               \
        rv_status s_ = (expr);                                                                                         \
        if (s_ != RV_OK)                                                                                               \
            printf("\n    %s:%d: %s: %s\n", __FILE__, __LINE__, rv_status_name(s_), rv_error_last()->text);            \
        CU_ASSERT_EQUAL_FATAL(s_, RV_OK);                                                                              \
    } while (0)

/** expr must fail with this status and a text that contains part. */
#define RV_TEST_FAILS(expr, status, part)                                                                              \
    do {                                                                                                               \
        rv_status s_ = (expr);                                                                                         \
        if (s_ != (status) || !strstr(rv_error_last()->text, (part)))                                                  \
            printf("\n    %s:%d: got %s: %s\n", __FILE__, __LINE__, rv_status_name(s_),                                \
                   s_ == RV_OK ? "" : rv_error_last()->text);                                                          \
        CU_ASSERT_EQUAL(s_, (status));                                                                                 \
        CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, (part)));                                                 \
    } while (0)

/** Arrays of n numbers must agree: |a - b| <= atol + rtol |b|; prints the worst. */
#define RV_TEST_NEAR(n, a, b, rtol, atol)                                                                              \
    do {                                                                                                               \
        double worst_ = -1;                                                                                            \
        long at_ = 0;                                                                                                  \
        for (long i_ = 0; i_ < (long)(n); i_++) {                                                                      \
            double d_ = fabs((double)(a)[i_] - (double)(b)[i_]);                                                       \
            double over_ = d_ - ((atol) + (rtol)*fabs((double)(b)[i_]));                                               \
            if (!(over_ <= 0) && !(over_ <= worst_)) {                                                                 \
                worst_ = over_;                                                                                        \
                at_ = i_;                                                                                              \
            }                                                                                                          \
        }                                                                                                              \
        if (worst_ != -1)                                                                                              \
            printf("\n    %s:%d: [%ld] %.9g against %.9g\n", __FILE__, __LINE__, at_, (double)(a)[at_],                \
                   (double)(b)[at_]);                                                                                  \
        CU_ASSERT(worst_ == -1);                                                                                       \
    } while (0)

static inline int rv_test_run(const char *name, const CU_TestInfo *cases)
{
    CU_SuiteInfo suites[2] = {{.pName = name, .pTests = (CU_TestInfo *)(size_t)cases}};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    unsigned ran = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return failures == 0 && ran > 0 ? 0 : 1;
}

#define RV_TEST_MAIN(name, ...)                                                                                        \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        const CU_TestInfo cases[] = {__VA_ARGS__, CU_TEST_INFO_NULL};                                                  \
        return rv_test_run(name, cases);                                                                               \
    }

/** All cases once with each set of kernels: AVX2, AVX-512, products by OpenBLAS. */
static inline int rv_test_run_each_set(const char *name, const CU_TestInfo *cases)
{
    static const int sets[][2] = {{1 + RV_AVX2, 0}, {1 + RV_AVX512, 0}, {0, 1}};
    int code = 0;
    for (int i = 0; i < 3; i++) {
        char kernels[RV_FIELD_TEXT], title[RV_FIELD_TEXT + 64];
        if (!rv_test_kernels(sets[i][0], sets[i][1]))
            continue;
        rv_kernels_describe(kernels);
        snprintf(title, sizeof title, "%s, %s", name, kernels);
        code |= rv_test_run(title, cases);
    }
    return code;
}

#define RV_TEST_EACH_SET(name, ...)                                                                                    \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        const CU_TestInfo cases[] = {__VA_ARGS__, CU_TEST_INFO_NULL};                                                  \
        return rv_test_run_each_set(name, cases);                                                                      \
    }
