#include "math/gemm.h"
#include "math/vector.h"
#include "rv_test.h"

enum { N = 1003 };

static void functions_match_libm(void)
{
    float x[N], y[N];
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
}

static void place_does_not_matter(void)
{
    float x[N], whole[N], part[N];
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    rv_vector_normal(&rng, N, x);
    rv_vector_tanh(N, x, whole);
    for (int start = 0; start < 17; start++) {
        rv_vector_tanh(N - start, x + start, part);
        CU_ASSERT(memcmp(part, whole + start, sizeof *x * (size_t)(N - start)) == 0);
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
        lag += i + 8 < M ? v * (double)x[i + 8] : 0;
    }
    CU_ASSERT(fabs(m1 / M) < 0.006 && fabs(m2 / M - 1) < 0.01 && fabs(m3 / M) < 0.02 && fabs(m4 / M - 3) < 0.06);
    CU_ASSERT(fabs(lag / M) < 0.006);
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
             {"extremes", extremes}, {"normals", normals}, {"gemm matches loops", gemm_matches_loops})
