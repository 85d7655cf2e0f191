#include "math/vector.h"
#include "nn/adam.h"
#include "rv_test.h"

enum { N = 1013, STEPS = 5, ARRAYS = 4 };

/* after STEPS steps: params, m, v, target (ARRAYS, N). start: elements before the first, none of which may change */
static void train(bool in_one_pass, int start, float *out)
{
    float grad[N];
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    rv_vector_normal(&rng, ARRAYS * N, out);
    float *m = out + N;
    float *v = out + 2 * N;
    float *target = out + 3 * N;
    for (int i = 0; i < N; i++)
        v[i] *= v[i];
    for (int t = 1; t <= STEPS; t++) {
        rv_vector_normal(&rng, N, grad);
        grad[t] = 0;
        grad[t + 1] *= 1e-30F; /* its square is below the smallest float */
        if (in_one_pass) {
            rv_adam_step_target(1e-3, t, N - start, grad + start, out + start, m + start, v + start, 0.005,
                                target + start);
        } else {
            rv_adam_step(1e-3, t, N - start, grad + start, out + start, m + start, v + start);
            for (int i = start; i < N; i++)
                target[i] = (float)(1 - 0.005) * target[i] + 0.005F * out[i];
        }
    }
}

static void against_double(void)
{
    float x[ARRAYS * N], start[ARRAYS * N], grad[N];
    double want[ARRAYS][N];
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    rv_vector_normal(&rng, ARRAYS * N, start);
    for (int k = 0; k < ARRAYS; k++)
        for (int i = 0; i < N; i++)
            want[k][i] = k == 2 ? (double)start[k * N + i] * (double)start[k * N + i] : (double)start[k * N + i];
    for (int t = 1; t <= STEPS; t++) {
        rv_vector_normal(&rng, N, grad);
        grad[t] = 0;
        grad[t + 1] *= 1e-30F;
        for (int i = 0; i < N; i++) {
            double g = grad[i];
            want[1][i] = 0.9 * want[1][i] + 0.1 * g;
            want[2][i] = 0.999 * want[2][i] + 0.001 * g * g;
            want[0][i] -= 1e-3 * (want[1][i] / (1 - pow(0.9, t))) / (sqrt(want[2][i] / (1 - pow(0.999, t))) + 1e-8);
            want[3][i] = 0.995 * want[3][i] + 0.005 * want[0][i];
        }
    }
    train(true, 0, x);
    RV_TEST_NEAR(ARRAYS * N, x, (&want[0][0]), 2e-6, 1e-6);
}

static void one_pass_is_step_then_polyak(void)
{
    float one[ARRAYS * N], two[ARRAYS * N];
    for (int start = 0; start < 20; start++) {
        train(true, start, one);
        train(false, start, two);
        CU_ASSERT(memcmp(one, two, sizeof one) == 0);
    }
}

static void instruction_sets_agree(void)
{
    float out[RV_N_INSTRUCTIONS][ARRAYS * N];
    if (!rv_test_kernels(1 + RV_AVX512, 0))
        return;
    for (int start = 0; start < 20; start++)
        for (int pass = 0; pass < 2; pass++) {
            for (int i = 0; i < RV_N_INSTRUCTIONS; i++) {
                CU_ASSERT(rv_test_kernels(1 + i, 0));
                train(pass, start, out[i]);
            }
            CU_ASSERT(memcmp(out[0], out[1], sizeof out[0]) == 0);
        }
    CU_ASSERT(rv_test_kernels(0, 0));
}

RV_TEST_MAIN("adam", {"against double", against_double}, {"one pass is step then polyak", one_pass_is_step_then_polyak},
             {"instruction sets agree", instruction_sets_agree})
