#include "math/dense.h"

#include "math/dense_private.h"

static const rv_dense_kernels *kernels(void)
{
    if (rv_kernels_openblas())
        return &rv_dense_openblas;
    return rv_kernels_instructions() == RV_AVX512 ? &rv_dense_avx512 : &rv_dense_avx2;
}

void rv_dense_forward(rv_activation act, int rows, int n_in, int n_out, const float *x, const float *w, const float *b,
                      float *h, float *slope)
{
    kernels()->forward(act, rows, n_in, n_out, x, w, b, h, slope);
}

void rv_dense_weight_grad(int rows, int n_in, int n_out, const float *x, const float *d_z, float *d_w, float *d_b)
{
    kernels()->weight_grad(rows, n_in, n_out, x, d_z, d_w, d_b);
}

void rv_dense_input_grad(rv_activation below, int rows, int n_in, int n_out, const float *d_z, const float *w,
                         const float *gate, float *d_x)
{
    kernels()->input_grad(below, rows, n_in, n_out, d_z, w, gate, d_x);
}
