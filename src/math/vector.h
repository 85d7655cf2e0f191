/* vector.h - elementwise functions over float arrays and random numbers, 8 or 16 at a time (SLEEF, 1 ulp).
 *
 * out may be the input. The result of an element does not depend on its position, on n or on the instruction set
 * (kernels.h).
 */
#pragma once
#include "base/rng.h"

#include <stdbool.h>

void rv_vector_exp(int n, const float *x, float *out);
void rv_vector_tanh(int n, const float *x, float *out);
/** log(1 + e^x), without overflow */
void rv_vector_softplus(int n, const float *x, float *out);
/** 1 / (1 + e^-x) */
void rv_vector_sigmoid(int n, const float *x, float *out);
/** softplus and its slope, the sigmoid, for little more than the first of them. @param[out] out, slope (n), apart */
void rv_vector_softplus_slope(int n, const float *x, float *out, float *slope);

/** The next n words of the generator, as rv_rng_u32 gives them one by one. */
void rv_vector_words(rv_rng *rng, int64_t n, uint32_t *words);

/** n standard normals (Box-Muller, within 4 ulp). Draws 32 * ceil(n / 32) words: of the k-th 32, word i < 16 and word
 * i + 16 give normal i, the cosine, and normal i + 16, the sine. */
void rv_vector_normal(rv_rng *rng, int n, float *out);

bool rv_vector_is_finite(int64_t n, const float *x);

/** Whether all are below 2^64 in magnitude, so that their squares are finite too: what Adam keeps of a gradient. */
bool rv_vector_squares_are_finite(int64_t n, const float *x);
