/* vector_lanes.h - the code of vector.h, included by one file for each instruction set and compiled for it. */
#pragma once
#include "math/lanes.h"
#include "math/vector_private.h"

#include <Random123/philox.h>

/* ---- elementwise functions ----------------------------------------------------------------------------------- */

/* exp(-|x|), which never overflows */
static inline lanes exp_minus_abs(lanes x)
{
    return lanes_exp(lanes_minus_abs(x));
}

/* max(x, 0) + log(1 + e), e = exp(-|x|) */
static inline lanes softplus_of(lanes x, lanes e)
{
    return lanes_relu(x) + lanes_log1p(e);
}

static inline lanes softplus(lanes x)
{
    return softplus_of(x, exp_minus_abs(x));
}

/* The tail goes through the same code, padded with zeros: an element's bits do not depend on its place. */
static inline __attribute__((always_inline)) void map(int n, const float *x, float *out, lanes (*function)(lanes))
{
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes_store(out + i, function(lanes_load(x + i)));
    if (i < n)
        lanes_store_first(n - i, out + i, function(lanes_load_first(n - i, x + i)));
}

static void map_exp(int n, const float *x, float *out)
{
    map(n, x, out, lanes_exp);
}

static void map_tanh(int n, const float *x, float *out)
{
    map(n, x, out, lanes_tanh);
}

static void map_softplus(int n, const float *x, float *out)
{
    map(n, x, out, softplus);
}

static void map_sigmoid(int n, const float *x, float *out)
{
    map(n, x, out, lanes_sigmoid);
}

static void map_softplus_slope(int n, const float *x, float *out, float *slope)
{
    const lanes one = lanes_set(1.0F);
    for (int i = 0; i < n; i += LANES) {
        const int k = n - i;
        const lanes v = k >= LANES ? lanes_load(x + i) : lanes_load_first(k, x + i);
        const lanes e = exp_minus_abs(v);
        const lanes s = lanes_by_sign(v, one, e) / (one + e);
        const lanes p = softplus_of(v, e);
        if (k >= LANES) {
            lanes_store(out + i, p);
            lanes_store(slope + i, s);
        } else {
            lanes_store_first(k, out + i, p);
            lanes_store_first(k, slope + i, s);
        }
    }
}

/* ---- random numbers ------------------------------------------------------------------------------------------ */

/* the compiler makes lanes of the blocks */
static void philox(const uint32_t key[2], const uint32_t counter[4], int64_t n_blocks, uint32_t *words)
{
    const philox4x32_key_t k = {{key[0], key[1]}};
    for (int64_t i = 0; i < n_blocks; i++) {
        const philox4x32_ctr_t c = {{counter[0] + (uint32_t)i, counter[1], counter[2], counter[3]}};
        const philox4x32_ctr_t block = philox4x32(c, k);
        for (int w = 0; w < 4; w++)
            words[4 * i + w] = block.v[w];
    }
}

static void normal(int n_groups, const uint32_t *words, float *out)
{
    enum { HALF = RV_VECTOR_GROUP / 2 };
    for (int group = 0; group < n_groups; group++)
        for (int k = 0; k < HALF; k += LANES) {
            const int i = group * RV_VECTOR_GROUP + k;
            /* u in (0, 1]; angles in [0, 2) half turns */
            const lanes u = (lanes_from_words(words + i) + lanes_set(1.0F)) * lanes_set(0x1p-24F);
            const lanes half_turns = lanes_from_words(words + i + HALF) * lanes_set(0x1p-23F);
            const lanes radius = lanes_sqrt(lanes_set(-2.0F) * lanes_log(u));
            const lanes_pair sin_cos = lanes_sin_cos_pi(half_turns);
            lanes_store(out + i, radius * sin_cos.y);
            lanes_store(out + i + HALF, radius * sin_cos.x);
        }
}

/* the includer's table */
#define RV_VECTOR_SET                                                                                                  \
    {                                                                                                                  \
        .exp = map_exp, .tanh = map_tanh, .softplus = map_softplus, .sigmoid = map_sigmoid,                            \
        .softplus_slope = map_softplus_slope, .philox = philox, .normal = normal,                                      \
    }
