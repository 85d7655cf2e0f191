/* dense_private.h - the kernel sets behind dense.h. */
#pragma once
#include "math/dense.h"

typedef struct rv_dense_kernels {
    void (*forward)(rv_activation act, int rows, int n_in, int n_out, const float *x, const float *w, const float *b,
                    float *h, float *slope);
    void (*weight_grad)(int rows, int n_in, int n_out, const float *x, const float *d_z, float *d_w, float *d_b);
    void (*input_grad)(rv_activation below, int rows, int n_in, int n_out, const float *d_z, const float *w,
                       const float *gate, float *d_x);
} rv_dense_kernels;

extern const rv_dense_kernels rv_dense_avx2, rv_dense_avx512, rv_dense_openblas;
