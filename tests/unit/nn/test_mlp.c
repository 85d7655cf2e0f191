#include "math/vector.h"
#include "nn/adam.h"
#include "nn/mlp.h"
#include "rv_test.h"

enum { ROWS = 9, IN = 5, HIDDEN = 11, OUT = 3 };

/* f = sum of output * weights, in double from a float forward pass */
static double value(const rv_mlp *mlp, const float *params, const float *x, const float *weights, rv_mlp_tape *tape)
{
    const float *y = rv_mlp_forward(mlp, params, ROWS, x, tape);
    double f = 0;
    for (int i = 0; i < ROWS * OUT; i++)
        f += (double)y[i] * (double)weights[i];
    return f;
}

/* An independent double-precision network. */
static double value_f64(const rv_mlp *mlp, const double *params, const double *x, const float *weights)
{
    double f = 0;
    for (int r = 0; r < ROWS; r++) {
        double in[64], out[64];
        for (int i = 0; i < IN; i++)
            in[i] = x[r * IN + i];
        for (int l = 0; l < mlp->n_layers; l++) {
            for (int j = 0; j < mlp->sizes[l + 1]; j++) {
                out[j] = params[mlp->bias[l] + j];
                for (int i = 0; i < mlp->sizes[l]; i++)
                    out[j] += in[i] * params[mlp->weight[l] + i * mlp->sizes[l + 1] + j];
                if (l + 1 < mlp->n_layers)
                    out[j] = mlp->activation == RV_RELU ? fmax(out[j], 0) : out[j] / (1 + exp(-out[j]));
            }
            memcpy(in, out, sizeof in);
        }
        for (int j = 0; j < OUT; j++)
            f += in[j] * (double)weights[r * OUT + j];
    }
    return f;
}

static void check_gradient(rv_activation activation)
{
    rv_mlp mlp;
    rv_mlp_tape tape;
    RV_TEST_OK(rv_mlp_init(IN, 3, HIDDEN, OUT, activation, &mlp));
    RV_TEST_OK(rv_mlp_tape_create(&mlp, ROWS, &tape));
    float *params, *grad, x[ROWS * IN], dx[ROWS * IN], weights[ROWS * OUT];
    double *p64, x64[ROWS * IN];
    RV_TEST_OK(RV_NEW(params, mlp.n_params));
    RV_TEST_OK(RV_NEW(grad, mlp.n_params));
    RV_TEST_OK(RV_NEW(p64, mlp.n_params));
    rv_rng rng = rv_rng_at(5, RV_STREAM_TEST, (uint32_t)activation, 0);
    rv_mlp_init_glorot(&mlp, &rng, params);
    rv_vector_normal(&rng, HIDDEN, params + mlp.bias[0]); /* biases away from zero */
    rv_vector_normal(&rng, ROWS * IN, x);
    rv_vector_normal(&rng, ROWS * OUT, weights);
    for (int64_t i = 0; i < mlp.n_params; i++)
        p64[i] = params[i];
    for (int i = 0; i < ROWS * IN; i++)
        x64[i] = x[i];

    double f = value(&mlp, params, x, weights, &tape);
    double f64 = value_f64(&mlp, p64, x64, weights);
    CU_ASSERT(fabs(f - f64) < 1e-5 * (1 + fabs(f64)));
    for (int64_t i = 0; i < mlp.n_params; i++)
        grad[i] = 999;
    rv_mlp_backward(&mlp, params, ROWS, x, &tape, weights, grad, 0, dx);

    double *want = NULL;
    RV_TEST_OK(RV_NEW(want, mlp.n_params));
    const double h = 1e-6;
    for (int64_t i = 0; i < mlp.n_params; i++) {
        double kept = p64[i];
        p64[i] = kept + h;
        double up = value_f64(&mlp, p64, x64, weights);
        p64[i] = kept - h;
        want[i] = (up - value_f64(&mlp, p64, x64, weights)) / (2 * h);
        p64[i] = kept;
    }
    RV_TEST_NEAR(mlp.n_params, grad, want, 1e-4, 2e-5);
    for (int i = 0; i < ROWS * IN; i++) {
        double kept = x64[i];
        x64[i] = kept + h;
        double up = value_f64(&mlp, p64, x64, weights);
        x64[i] = kept - h;
        want[i] = (up - value_f64(&mlp, p64, x64, weights)) / (2 * h);
        x64[i] = kept;
    }
    RV_TEST_NEAR(ROWS * IN, dx, want, 1e-4, 2e-5);
    rv_mem_free(&want);
    rv_mem_free(&p64);
    rv_mem_free(&grad);
    rv_mem_free(&params);
    rv_mlp_tape_clear(&tape);
}

static void relu_gradient(void)
{
    check_gradient(RV_RELU);
}

static void swish_gradient(void)
{
    check_gradient(RV_SWISH);
}

static void adam_by_hand(void)
{
    float p = 1, m = 0, v = 0, g = 0.5F;
    rv_adam_step(0.1, 1, 1, &g, &p, &m, &v);
    CU_ASSERT(fabsf(p - 0.9F) < 1e-6F); /* the first step has length learning_rate */
    g = -0.25F;
    rv_adam_step(0.1, 2, 1, &g, &p, &m, &v);
    double m2 = (0.9 * 0.05 + 0.1 * -0.25) / (1 - 0.81), v2 = (0.999 * 0.00025 + 0.001 * 0.0625) / (1 - 0.998001);
    CU_ASSERT(fabs((double)p - (0.9 - 0.1 * m2 / sqrt(v2))) < 1e-6);
    float target = 2;
    rv_adam_step_target(0.1, 3, 1, &g, &p, &m, &v, 0.25, &target);
    CU_ASSERT(fabsf(target - (1.5F + 0.25F * p)) < 1e-6F);
}

static void initial_weights(void)
{
    rv_mlp mlp;
    RV_TEST_OK(rv_mlp_init(100, 1, 200, 4, RV_SWISH, &mlp));
    float *p = NULL;
    RV_TEST_OK(RV_NEW(p, mlp.n_params));
    rv_rng rng = rv_rng_at(5, RV_STREAM_TEST, 9, 0);
    rv_mlp_init_truncated_normal(&mlp, &rng, p);
    double square = 0, most = 0;
    for (int i = 0; i < 100 * 200; i++) {
        square += (double)p[i] * (double)p[i];
        most = fmax(most, fabs((double)p[i]));
    }
    /* deviation 1 / (2 sqrt(100)) = 0.05; cut at two deviations, which leaves 0.7737 of the variance */
    CU_ASSERT(fabs(square / 20000 / (0.0025 * 0.7737) - 1) < 0.05);
    CU_ASSERT(most <= 0.1 && most > 0.095);
    CU_ASSERT_EQUAL(p[mlp.bias[0]], 0.0F);
    rv_mem_free(&p);
    RV_TEST_FAILS(rv_mlp_init(3, 8, 4, 1, RV_RELU, &mlp), RV_E_CONFIG, "expected 0 to 7");
}

RV_TEST_EACH_SET("mlp", {"relu gradient", relu_gradient}, {"swish gradient", swish_gradient}, {"adam", adam_by_hand},
                 {"initial weights", initial_weights})
