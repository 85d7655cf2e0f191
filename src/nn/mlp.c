#include "nn/mlp.h"

#include "base/memory.h"

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

static rv_status tape_create(const rv_mlp *mlp, int max_rows, bool has_backward, rv_mlp_tape *out)
{
    rv_status status = RV_OK;
    rv_mlp_tape tape = {.max_rows = max_rows};
    const int last = mlp->n_layers - 1;
    const int64_t n_hidden = last > 0 ? (int64_t)max_rows * mlp->sizes[1] : 0;
    RV_TRY_GOTO(RV_NEW(tape.scratch[0], n_hidden), fail);
    RV_TRY_GOTO(RV_NEW(tape.scratch[1], n_hidden), fail);
    RV_TRY_GOTO(RV_NEW(tape.h[last], (int64_t)max_rows * mlp->sizes[last + 1]), fail);
    for (int l = 0; l < last; l++) {
        if (!has_backward) {
            tape.h[l] = tape.scratch[l % 2];
            continue;
        }
        RV_TRY_GOTO(RV_NEW(tape.h[l], n_hidden), fail);
        if (mlp->activation == RV_SWISH)
            RV_TRY_GOTO(RV_NEW(tape.slope[l], n_hidden), fail);
    }
    *out = tape;
    return RV_OK;
fail:
    rv_mlp_tape_clear(&tape);
    return status;
}

rv_status rv_mlp_tape_create(const rv_mlp *mlp, int max_rows, rv_mlp_tape *out)
{
    return tape_create(mlp, max_rows, true, out);
}

rv_status rv_mlp_tape_create_forward(const rv_mlp *mlp, int max_rows, rv_mlp_tape *out)
{
    return tape_create(mlp, max_rows, false, out);
}

void rv_mlp_tape_clear(rv_mlp_tape *tape)
{
    for (int l = 0; l < RV_MLP_LAYERS; l++) {
        if (tape->h[l] != tape->scratch[l % 2])
            rv_mem_free(&tape->h[l]);
        tape->h[l] = NULL;
        rv_mem_free(&tape->slope[l]);
    }
    rv_mem_free(&tape->scratch[0]);
    rv_mem_free(&tape->scratch[1]);
    tape->max_rows = 0;
}

const float *rv_mlp_forward(const rv_mlp *mlp, const float *params, int rows, const float *x, rv_mlp_tape *tape)
{
    const float *in = x;
    for (int l = 0; l < mlp->n_layers; l++) {
        const rv_activation act = l + 1 < mlp->n_layers ? mlp->activation : RV_LINEAR;
        rv_dense_forward(act, rows, mlp->sizes[l], mlp->sizes[l + 1], in, params + mlp->weight[l],
                         params + mlp->bias[l], tape->h[l], tape->slope[l]);
        in = tape->h[l];
    }
    return in;
}

void rv_mlp_tape_keep(const rv_mlp *mlp, int n, const int *rows, rv_mlp_tape *tape)
{
    for (int l = 0; l < mlp->n_layers; l++) {
        const size_t width = (size_t)mlp->sizes[l + 1];
        for (int i = 0; i < n; i++) {
            if (rows[i] == i)
                continue;
            memcpy(tape->h[l] + (size_t)i * width, tape->h[l] + (size_t)rows[i] * width, width * sizeof(float));
            if (tape->slope[l])
                memcpy(tape->slope[l] + (size_t)i * width, tape->slope[l] + (size_t)rows[i] * width,
                       width * sizeof(float));
        }
    }
}

void rv_mlp_backward(const rv_mlp *mlp, const float *params, int rows, const float *x, rv_mlp_tape *tape,
                     const float *d_out, float *d_params, int first, float *d_x)
{
    const float *d_z = d_out;
    for (int l = mlp->n_layers - 1; l >= 0; l--) {
        const int n_in = mlp->sizes[l];
        const int n_out = mlp->sizes[l + 1];
        const float *in = l > 0 ? tape->h[l - 1] : x;
        const float *w = params + mlp->weight[l];
        if (d_params)
            rv_dense_weight_grad(rows, n_in, n_out, in, d_z, d_params + mlp->weight[l], d_params + mlp->bias[l]);
        if (l > 0) {
            float *d_in = tape->scratch[l % 2];
            const float *gate = mlp->activation == RV_SWISH ? tape->slope[l - 1] : in;
            rv_dense_input_grad(mlp->activation, rows, n_in, n_out, d_z, w, gate, d_in);
            d_z = d_in;
        } else if (d_x) {
            rv_dense_input_grad(RV_LINEAR, rows, n_in - first, n_out, d_z, w + (ptrdiff_t)first * n_out, NULL, d_x);
        }
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
