/* vector.h - elementwise functions over float arrays, eight lanes at a time (SLEEF, AVX2), 1 ulp.
 *
 * out may be the input. The result of an element does not depend on its position or on n.
 */
#pragma once
#include "base/rng.h"
#include "base/status.h"

void rv_vector_exp(int n, const float *x, float *out);
void rv_vector_tanh(int n, const float *x, float *out);
/** log(1 + e^x), without overflow */
void rv_vector_softplus(int n, const float *x, float *out);
/** 1 / (1 + e^-x) */
void rv_vector_sigmoid(int n, const float *x, float *out);

/** n standard normals (Box-Muller on pairs of 32-bit words). Draws 16 * ceil(n / 16) words of rng. */
void rv_vector_normal(rv_rng *rng, int n, float *out);

bool rv_vector_is_finite(int64_t n, const float *x);
