#include "math/gemm.h"
#include "math/vector.h"
#include "rv_test.h"

enum { N = 1003 };

/* run a check with each instruction set of this processor */
static void with_each_set(void (*check)(void))
{
    for (int i = 0; i < RV_N_INSTRUCTIONS; i++) {
        if (rv_test_kernels(1 + i, 0))
            check();
    }
    CU_ASSERT(rv_test_kernels(0, 0));
}

static void check_functions(void)
{
    float x[N], y[N], slope[N];
    double want[4][N];
    for (int i = 0; i < N; i++) {
        x[i] = -30.0F + 60.0F * (float)i / (float)N;
        want[0][i] = exp((double)x[i]);
        want[1][i] = tanh((double)x[i]);
        want[2][i] = x[i] > 0 ? x[i] + log1p(exp(-(double)x[i])) : log1p(exp((double)x[i]));
        want[3][i] = 1 / (1 + exp(-(double)x[i]));
    }
    rv_vector_exp(N, x, y);
    RV_TEST_NEAR(N, y, want[0], 3e-7, 1e-30);
    rv_vector_tanh(N, x, y);
    RV_TEST_NEAR(N, y, want[1], 3e-7, 1e-30);
    rv_vector_softplus(N, x, y);
    RV_TEST_NEAR(N, y, want[2], 4e-7, 1e-30);
    rv_vector_sigmoid(N, x, y);
    RV_TEST_NEAR(N, y, want[3], 4e-7, 1e-30);
    rv_vector_softplus_slope(N, x, y, slope);
    RV_TEST_NEAR(N, y, want[2], 4e-7, 1e-30);
    RV_TEST_NEAR(N, slope, want[3], 4e-7, 1e-30);
}

static void functions_match_libm(void)
{
    with_each_set(check_functions);
}

enum { FUNCTIONS = 6 };

/* every function of n numbers: out (FUNCTIONS, n) */
static void all_functions(int n, const float *x, float *out)
{
    rv_vector_exp(n, x, out);
    rv_vector_tanh(n, x, out + n);
    rv_vector_softplus(n, x, out + 2 * n);
    rv_vector_sigmoid(n, x, out + 3 * n);
    rv_vector_softplus_slope(n, x, out + 4 * n, out + 5 * n);
}

static void check_places(void)
{
    float x[N], whole[FUNCTIONS * N], part[FUNCTIONS * N + 1];
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    rv_vector_normal(&rng, N, x);
    all_functions(N, x, whole);
    for (int start = 0; start < 35; start++)
        for (int n = 1; n <= N - start; n += n < 40 ? 1 : 501) {
            part[FUNCTIONS * n] = 999;
            all_functions(n, x + start, part);
            for (int f = 0; f < FUNCTIONS; f++)
                CU_ASSERT(memcmp(part + f * n, whole + f * N + start, sizeof *x * (size_t)n) == 0);
            CU_ASSERT(part[FUNCTIONS * n] == 999);
        }
    memcpy(part, x, sizeof x);
    rv_vector_exp(N, part, part);
    CU_ASSERT(memcmp(part, whole, sizeof x) == 0);
}

static void place_does_not_matter(void)
{
    with_each_set(check_places);
}

/* bit patterns from all over the range of float: every exponent and sign, what is not finite, and the smallest */
static void every_kind_of_float(int n, uint32_t *x)
{
    static const uint32_t special[] = {0,          0x80000000, 1,          0x80000001, 0x007fffff, 0x00800000,
                                       0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000,
                                       0x3f800000, 0xbf800000, 0x42b17218, 0xc2aeac50, 0xc2cff1b5, 0x33000000};
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 4, 0);
    for (int i = 0; i < n; i++)
        x[i] = i < (int)(sizeof special / sizeof *special) ? special[i] : rv_rng_u32(&rng);
}

static void instruction_sets_agree(void)
{
    enum { MANY = 1000003 };
    if (!rv_test_kernels(1 + RV_AVX512, 0))
        return;
    float *x = NULL;
    float *out[RV_N_INSTRUCTIONS] = {NULL};
    RV_TEST_OK(RV_NEW(x, MANY));
    every_kind_of_float(MANY, (uint32_t *)(void *)x);
    for (int i = 0; i < RV_N_INSTRUCTIONS; i++) {
        RV_TEST_OK(RV_NEW(out[i], (FUNCTIONS + 1) * MANY));
        CU_ASSERT(rv_test_kernels(1 + i, 0));
        all_functions(MANY, x, out[i]);
        rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 5, 0);
        rv_vector_normal(&rng, MANY, out[i] + FUNCTIONS * MANY);
    }
    CU_ASSERT(memcmp(out[0], out[1], (FUNCTIONS + 1) * sizeof *x * MANY) == 0);
    for (int i = 0; i < RV_N_INSTRUCTIONS; i++)
        rv_mem_free(&out[i]);
    rv_mem_free(&x);
    CU_ASSERT(rv_test_kernels(0, 0));
}

static void check_words(void)
{
    static const int parts[] = {1, 31, 32, 33, 0, 3, 100, 64, 5, 1000};
    uint32_t some[1000];
    rv_rng one_by_one = rv_rng_at(0x123456789abcdefULL, RV_STREAM_TEST, 77, 0xfedcba987654321ULL);
    one_by_one.counter[0] = UINT32_MAX - 20; /* the number of the block goes round */
    rv_rng in_parts = one_by_one;
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        rv_vector_words(&in_parts, parts[p], some);
        int wrong = 0;
        for (int i = 0; i < parts[p]; i++)
            wrong += some[i] != rv_rng_u32(&one_by_one);
        CU_ASSERT_EQUAL(wrong, 0);
    }
}

static void words_are_those_of_the_generator(void)
{
    with_each_set(check_words);
}

/* the definition in vector.h, in double; and the first numbers of a draw do not depend on how many are drawn */
static void normals_as_defined(void)
{
    float x[N], few[N];
    double want[64];
    rv_rng rng = rv_rng_at(9, RV_STREAM_TEST, 0, 0);
    rv_rng words = rng;
    const rv_rng start = rng;
    rv_vector_normal(&rng, N, x);
    for (int group = 0; group < 2; group++) {
        uint32_t w[32];
        for (int i = 0; i < 32; i++)
            w[i] = rv_rng_u32(&words);
        for (int i = 0; i < 16; i++) {
            double radius = sqrt(-2 * log(((w[i] >> 8) + 1.0) * 0x1p-24));
            double angle = 2 * M_PI * (w[i + 16] >> 8) * 0x1p-24;
            want[group * 32 + i] = radius * cos(angle);
            want[group * 32 + i + 16] = radius * sin(angle);
        }
    }
    RV_TEST_NEAR(64, x, want, 6e-7, 1e-7);
    for (int n = 1; n <= N; n += n < 70 ? 1 : 311) {
        rng = start;
        rv_vector_normal(&rng, n, few);
        CU_ASSERT(memcmp(few, x, (size_t)n * sizeof *x) == 0);
        words = start;
        for (int i = 0; i < (n + 31) / 32 * 32; i++)
            rv_rng_u32(&words);
        CU_ASSERT_EQUAL(rv_rng_u32(&rng), rv_rng_u32(&words));
    }
}

static void extremes(void)
{
    float x[] = {-200, 200, -1e30F, 1e30F, 0};
    float y[5];
    rv_vector_softplus(5, x, y);
    CU_ASSERT(y[0] == 0 && y[1] == 200 && y[2] == 0 && y[3] == 1e30F && fabsf(y[4] - 0.6931472F) < 1e-6F);
    rv_vector_sigmoid(5, x, y);
    CU_ASSERT(y[0] == 0 && y[1] == 1 && y[2] == 0 && y[3] == 1 && y[4] == 0.5F);
    CU_ASSERT(rv_vector_is_finite(5, x));
    x[3] = NAN;
    CU_ASSERT_FALSE(rv_vector_is_finite(5, x));
    x[3] = -INFINITY;
    CU_ASSERT_FALSE(rv_vector_is_finite(5, x));
}

static void normals(void)
{
    enum { M = 400000 };
    static float x[M];
    rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 0, 0);
    rv_vector_normal(&rng, M, x);
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0;
    for (int i = 0; i < M; i++) {
        double v = x[i];
        m1 += v;
        m2 += v * v;
        m3 += v * v * v;
        m4 += v * v * v * v;
        lag += i + 16 < M ? v * (double)x[i + 16] : 0;
    }
    CU_ASSERT(fabs(m1 / M) < 0.006 && fabs(m2 / M - 1) < 0.01 && fabs(m3 / M) < 0.02 && fabs(m4 / M - 3) < 0.06);
    CU_ASSERT(fabs(lag / M) < 0.006);
}

static void squares(void)
{
    enum { MOST = 100 };
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY, 1e20F, -1e20F, 0x1p64F};
    const float good[] = {0, -0.0F, 1e-40F, 1e19F, -1.8e19F};
    float x[MOST];
    for (int n = 1; n <= MOST; n++)
        for (int at = 0; at < n; at++) {
            for (int i = 0; i < MOST; i++)
                x[i] = i < n ? (float)(i - 50) : NAN;
            for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
                x[at] = good[k];
                CU_ASSERT(rv_vector_squares_are_finite(n, x));
            }
            for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
                x[at] = bad[k];
                CU_ASSERT_FALSE(rv_vector_squares_are_finite(n, x));
            }
        }
    CU_ASSERT(rv_vector_squares_are_finite(0, x));
}

static void gemm_matches_loops(void)
{
    enum { M = 7, K = 13, P = 5 };
    float a[M * K], b[K * P], c[M * P], want[M * P];
    rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 1, 0);
    for (int form = 0; form < 4; form++) {
        bool ta = form & 1, tb = form & 2;
        rv_vector_normal(&rng, M * K, a);
        rv_vector_normal(&rng, K * P, b);
        rv_vector_normal(&rng, M * P, c);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < P; j++) {
                double s = 0;
                for (int k = 0; k < K; k++)
                    s += (double)(ta ? a[k * M + i] : a[i * K + k]) * (double)(tb ? b[j * K + k] : b[k * P + j]);
                want[i * P + j] = (float)(2 * s + 0.5 * (double)c[i * P + j]);
            }
        rv_gemm(ta, tb, M, P, K, 2.0F, a, ta ? M : K, b, tb ? K : P, 0.5F, c, P);
        RV_TEST_NEAR(M * P, c, want, 1e-5, 1e-5);
    }
}

RV_TEST_MAIN("vector", {"functions match libm", functions_match_libm}, {"place does not matter", place_does_not_matter},
             {"instruction sets agree", instruction_sets_agree}, {"words", words_are_those_of_the_generator},
             {"normals as defined", normals_as_defined}, {"extremes", extremes}, {"normals", normals},
             {"squares", squares}, {"gemm matches loops", gemm_matches_loops})
