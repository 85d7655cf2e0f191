#include "math/dense_private.h"
#include "math/gemm.h"
#include "math/vector.h"

#include <string.h>

static void forward(rv_activation act, int rows, int n_in, int n_out, const float *x, const float *w, const float *b,
                    float *h, float *slope)
{
    enum { CHUNK = 512 };
    float s[CHUNK];
    const int n = rows * n_out;
    for (int r = 0; r < rows; r++)
        memcpy(h + (ptrdiff_t)r * n_out, b, (size_t)n_out * sizeof *h);
    rv_gemm(false, false, rows, n_out, n_in, 1.0F, x, n_in, w, n_out, 1.0F, h, n_out);
    for (int i = 0; i < n && act == RV_RELU; i++)
        h[i] = h[i] < 0.0F ? 0.0F : h[i];
    for (int from = 0; from < n && act == RV_SWISH; from += CHUNK) {
        const int end = n - from < CHUNK ? n : from + CHUNK;
        rv_vector_sigmoid(end - from, h + from, s);
        for (int i = from; i < end; i++) {
            h[i] *= s[i - from];
            if (slope)
                slope[i] = s[i - from] + h[i] * (1.0F - s[i - from]);
        }
    }
}

static void weight_grad(int rows, int n_in, int n_out, const float *x, const float *d_z, float *d_w, float *d_b)
{
    rv_gemm(true, false, n_in, n_out, rows, 1.0F, x, n_in, d_z, n_out, 0.0F, d_w, n_out);
    memset(d_b, 0, (size_t)n_out * sizeof *d_b);
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < n_out; j++)
            d_b[j] += d_z[(ptrdiff_t)r * n_out + j];
}

static void input_grad(rv_activation below, int rows, int n_in, int n_out, const float *d_z, const float *w,
                       const float *gate, float *d_x)
{
    const int n = rows * n_in;
    rv_gemm(false, true, rows, n_in, n_out, 1.0F, d_z, n_out, w, n_out, 0.0F, d_x, n_in);
    for (int i = 0; i < n && below == RV_RELU; i++)
        d_x[i] = gate[i] > 0.0F ? d_x[i] : 0.0F;
    for (int i = 0; i < n && below == RV_SWISH; i++)
        d_x[i] *= gate[i];
}

const rv_dense_kernels rv_dense_openblas = {forward, weight_grad, input_grad};
