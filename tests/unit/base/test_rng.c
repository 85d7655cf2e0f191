#include "base/rng.h"
#include "rv_test.h"

#include <stdlib.h>

static void known_answer(void)
{
    /* Random123's published vector: philox4x32-10 of a zero counter and key */
    rv_rng rng = rv_rng_at(0, (rv_stream)0, 0, 0);
    CU_ASSERT_EQUAL(rv_rng_u32(&rng), 0x6627e8d5U);
    CU_ASSERT_EQUAL(rv_rng_u32(&rng), 0xe169c58dU);
    CU_ASSERT_EQUAL(rv_rng_u32(&rng), 0xbc57ac4cU);
    CU_ASSERT_EQUAL(rv_rng_u32(&rng), 0x9b00dbd8U);
}

static void streams_differ(void)
{
    rv_rng base = rv_rng_at(1, RV_STREAM_TEST, 3, 5);
    rv_rng others[] = {rv_rng_at(2, RV_STREAM_TEST, 3, 5), rv_rng_at(1, RV_STREAM_INIT, 3, 5),
                       rv_rng_at(1, RV_STREAM_TEST, 4, 5), rv_rng_at(1, RV_STREAM_TEST, 3, 6),
                       rv_rng_at(1, RV_STREAM_TEST, 3, 5 + (1ULL << 32))};
    uint64_t first = rv_rng_u64(&base);
    for (int i = 0; i < 5; i++)
        CU_ASSERT_NOT_EQUAL(rv_rng_u64(&others[i]), first);
}

static void moments(void)
{
    enum { N = 200000 };
    rv_rng rng = rv_rng_at(7, RV_STREAM_TEST, 0, 0);
    double sum = 0, square = 0, uniform = 0;
    for (int i = 0; i < N; i++) {
        double x = rv_rng_normal(&rng);
        sum += x;
        square += x * x;
        double u = rv_rng_uniform(&rng);
        CU_ASSERT(u >= 0 && u < 1);
        uniform += u;
    }
    CU_ASSERT(fabs(sum / N) < 0.01);
    CU_ASSERT(fabs(square / N - 1) < 0.02);
    CU_ASSERT(fabs(uniform / N - 0.5) < 0.005);
}

static void permutation_holds_each_once(void)
{
    enum { N = 1000 };
    uint32_t p[N];
    char seen[N] = {0};
    rv_rng rng = rv_rng_at(7, RV_STREAM_TEST, 1, 0);
    rv_rng_permutation(&rng, N, p);
    int fixed = 0;
    for (uint32_t i = 0; i < N; i++) {
        CU_ASSERT_FATAL(p[i] < N);
        seen[p[i]]++;
        fixed += p[i] == i;
    }
    for (int i = 0; i < N; i++)
        CU_ASSERT_EQUAL(seen[i], 1);
    CU_ASSERT(fixed < 10);
}

RV_TEST_MAIN("rng", {"known answer", known_answer}, {"streams differ", streams_differ}, {"moments", moments},
             {"permutation", permutation_holds_each_once})
