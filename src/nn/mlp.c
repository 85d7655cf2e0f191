#include "nn/mlp.h"

#include "base/memory.h"
#include "math/gemm.h"
#include "math/vector.h"

#include <math.h>
#include <string.h>

rv_status rv_mlp_init(int n_in, int n_hidden_layers, int n_hidden, int n_out, rv_activation activation, rv_mlp *out)
{
    RV_CHECK(n_hidden_layers >= 0 && n_hidden_layers < RV_MLP_LAYERS, RV_E_CONFIG,
             "a network of %d hidden layers: expected 0 to %d", n_hidden_layers, RV_MLP_LAYERS - 1);
    RV_CHECK(n_in > 0 && n_out > 0 && (n_hidden > 0 || n_hidden_layers == 0), RV_E_CONFIG,
             "a network of %d inputs, %d units, %d outputs: each must be at least 1", n_in, n_hidden, n_out);
    rv_mlp mlp = {.n_layers = n_hidden_layers + 1, .activation = activation};
    mlp.sizes[0] = n_in;
    for (int l = 0; l < mlp.n_layers; l++) {
        mlp.sizes[l + 1] = l + 1 < mlp.n_layers ? n_hidden : n_out;
        mlp.weight[l] = mlp.n_params;
        mlp.bias[l] = mlp.weight[l] + (int64_t)mlp.sizes[l] * mlp.sizes[l + 1];
        mlp.n_params = mlp.bias[l] + mlp.sizes[l + 1];
    }
    *out = mlp;
    return RV_OK;
}

rv_status rv_mlp_tape_create(const rv_mlp *mlp, int max_rows, rv_mlp_tape *out)
{
    rv_status status = RV_OK;
    rv_mlp_tape tape = {.max_rows = max_rows};
    int widest = 0;
    for (int l = 0; l < mlp->n_layers; l++) {
        int width = mlp->sizes[l + 1];
        widest = width > widest ? width : widest;
        RV_TRY_GOTO(RV_NEW(tape.z[l], (int64_t)max_rows * width), fail);
        if (l + 1 < mlp->n_layers)
            RV_TRY_GOTO(RV_NEW(tape.h[l], (int64_t)max_rows * width), fail);
    }
    RV_TRY_GOTO(RV_NEW(tape.dz[0], (int64_t)max_rows * widest), fail);
    RV_TRY_GOTO(RV_NEW(tape.dz[1], (int64_t)max_rows * widest), fail);
    *out = tape;
    return RV_OK;
fail:
    rv_mlp_tape_clear(&tape);
    return status;
}

void rv_mlp_tape_clear(rv_mlp_tape *tape)
{
    for (int l = 0; l < RV_MLP_LAYERS; l++) {
        rv_mem_free(&tape->z[l]);
        rv_mem_free(&tape->h[l]);
    }
    rv_mem_free(&tape->dz[0]);
    rv_mem_free(&tape->dz[1]);
    tape->max_rows = 0;
}

/* h = act(z), n elements; swish leaves sigmoid(z) in z's place, for the backward pass */
static void activate(rv_activation activation, int n, float *z, float *h)
{
    if (activation == RV_RELU) {
        for (int i = 0; i < n; i++)
            h[i] = z[i] < 0.0F ? 0.0F : z[i]; /* a NaN stays one */
    } else {
        rv_vector_sigmoid(n, z, h);
        for (int i = 0; i < n; i++) {
            float s = h[i];
            h[i] = z[i] * s;
            z[i] = s;
        }
    }
}

/* dz *= act'(z); swish: act' = s + h (1 - s) with s = sigmoid(z), h = z s */
static void activate_backward(rv_activation activation, int n, const float *z, const float *h, float *dz)
{
    if (activation == RV_RELU) {
        for (int i = 0; i < n; i++)
            dz[i] = z[i] > 0.0F ? dz[i] : 0.0F;
    } else {
        for (int i = 0; i < n; i++)
            dz[i] *= z[i] + h[i] * (1.0F - z[i]);
    }
}

const float *rv_mlp_forward(const rv_mlp *mlp, const float *params, int rows, const float *x, rv_mlp_tape *tape)
{
    const float *in = x;
    for (int l = 0; l < mlp->n_layers; l++) {
        int n_in = mlp->sizes[l];
        int n_out = mlp->sizes[l + 1];
        float *z = tape->z[l];
        for (int r = 0; r < rows; r++)
            memcpy(z + (size_t)r * (size_t)n_out, params + mlp->bias[l], (size_t)n_out * sizeof *z);
        rv_gemm(false, false, rows, n_out, n_in, 1.0F, in, n_in, params + mlp->weight[l], n_out, 1.0F, z, n_out);
        if (l + 1 < mlp->n_layers) {
            activate(mlp->activation, rows * n_out, z, tape->h[l]);
            in = tape->h[l];
        }
    }
    return tape->z[mlp->n_layers - 1];
}

/* sum over rows, in row order */
static void column_sums(int rows, int n, const float *x, float *out)
{
    memset(out, 0, (size_t)n * sizeof *out);
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < n; j++)
            out[j] += x[r * n + j];
}

void rv_mlp_backward(const rv_mlp *mlp, const float *params, int rows, const float *x, rv_mlp_tape *tape,
                     const float *d_out, float *d_params, float *d_x)
{
    const float *dz = d_out;
    for (int l = mlp->n_layers - 1; l >= 0; l--) {
        int n_in = mlp->sizes[l];
        int n_out = mlp->sizes[l + 1];
        const float *in = l > 0 ? tape->h[l - 1] : x;
        if (d_params) {
            rv_gemm(true, false, n_in, n_out, rows, 1.0F, in, n_in, dz, n_out, 0.0F, d_params + mlp->weight[l], n_out);
            column_sums(rows, n_out, dz, d_params + mlp->bias[l]);
        }
        float *d_in = l > 0 ? tape->dz[l % 2] : d_x;
        if (!d_in)
            break;
        rv_gemm(false, true, rows, n_in, n_out, 1.0F, dz, n_out, params + mlp->weight[l], n_out, 0.0F, d_in, n_in);
        if (l > 0)
            activate_backward(mlp->activation, rows * n_in, tape->z[l - 1], tape->h[l - 1], d_in);
        dz = d_in;
    }
}

void rv_mlp_init_glorot(const rv_mlp *mlp, rv_rng *rng, float *params)
{
    for (int l = 0; l < mlp->n_layers; l++) {
        double bound = sqrt(6.0 / (mlp->sizes[l] + mlp->sizes[l + 1]));
        for (int64_t i = mlp->weight[l]; i < mlp->bias[l]; i++)
            params[i] = (float)(bound * (2.0 * rv_rng_uniform(rng) - 1.0));
        memset(params + mlp->bias[l], 0, (size_t)mlp->sizes[l + 1] * sizeof *params);
    }
}

void rv_mlp_init_truncated_normal(const rv_mlp *mlp, rv_rng *rng, float *params)
{
    for (int l = 0; l < mlp->n_layers; l++) {
        double deviation = 1.0 / (2.0 * sqrt((double)mlp->sizes[l]));
        for (int64_t i = mlp->weight[l]; i < mlp->bias[l]; i++) {
            double draw = rv_rng_normal(rng);
            while (fabs(draw) > 2.0)
                draw = rv_rng_normal(rng);
            params[i] = (float)(deviation * draw);
        }
        memset(params + mlp->bias[l], 0, (size_t)mlp->sizes[l + 1] * sizeof *params);
    }
}
