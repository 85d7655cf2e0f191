/* dense.h - the three matrix products of a dense layer, h = act(x w + b), each in one pass with what surrounds it.
 *
 * Arrays are float32, row-major and contiguous; w is (n_in, n_out). Outputs never overlap inputs. Sizes are at least 1.
 *
 * Every output element is one chain of fused multiply-adds over the inner index in rising order, begun at its bias
 * (or 0). So a row's bits do not depend on how many rows there are, and AVX2 and AVX-512 give the same. Layers of one
 * output (n_out = 1) add 16 interleaved chains in a fixed tree instead. With OpenBLAS in their place (kernels.h) none
 * of this holds: bits then depend on the number of rows and on the processor.
 */
#pragma once
#include "math/kernels.h"

#include <stddef.h>

/** linear: z; relu: max(z, 0); swish: z sigmoid(z) (Ramachandran et al. 2017) */
typedef enum rv_activation { RV_LINEAR, RV_RELU, RV_SWISH } rv_activation;

/** h (rows, n_out) = act(x w + b).
 * @param[out] slope (rows, n_out) act'(x w + b), written for swish alone; NULL: not wanted. relu needs none: its slope
 * is 1 where h > 0. */
void rv_dense_forward(rv_activation act, int rows, int n_in, int n_out, const float *x, const float *w, const float *b,
                      float *h, float *slope);

/** d_w (n_in, n_out) = x^T d_z, d_b (n_out) = sum over rows of d_z, in row order. */
void rv_dense_weight_grad(int rows, int n_in, int n_out, const float *x, const float *d_z, float *d_w, float *d_b);

/** d_x (rows, n_in) = (d_z w^T) times the slope of the layer below.
 * @param[in] below activation that made x; linear: no factor
 * @param[in] gate (rows, n_in): for relu its output h, for swish its slope; NULL for linear */
void rv_dense_input_grad(rv_activation below, int rows, int n_in, int n_out, const float *d_z, const float *w,
                         const float *gate, float *d_x);
