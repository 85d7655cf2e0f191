#include "math/vector.h"

#include "math/kernels.h"
#include "math/vector_private.h"

#include <string.h>

static const rv_vector_set *set(void)
{
    return rv_kernels_instructions() == RV_AVX512 ? &rv_vector_avx512 : &rv_vector_avx2;
}

void rv_vector_exp(int n, const float *x, float *out)
{
    set()->exp(n, x, out);
}

void rv_vector_tanh(int n, const float *x, float *out)
{
    set()->tanh(n, x, out);
}

void rv_vector_softplus(int n, const float *x, float *out)
{
    set()->softplus(n, x, out);
}

void rv_vector_sigmoid(int n, const float *x, float *out)
{
    set()->sigmoid(n, x, out);
}

void rv_vector_softplus_slope(int n, const float *x, float *out, float *slope)
{
    set()->softplus_slope(n, x, out, slope);
}

void rv_vector_words(rv_rng *rng, int64_t n, uint32_t *words)
{
    int64_t i = 0;
    for (; i < n && rng->n_left > 0; i++)
        words[i] = rv_rng_u32(rng);
    const int64_t n_blocks = (n - i) / 4;
    set()->philox(rng->key, rng->counter, n_blocks, words + i);
    rng->counter[0] += (uint32_t)n_blocks;
    i += 4 * n_blocks;
    for (; i < n; i++)
        words[i] = rv_rng_u32(rng);
}

void rv_vector_normal(rv_rng *rng, int n, float *out)
{
    enum { CHUNK = 16 * RV_VECTOR_GROUP };
    uint32_t words[CHUNK];
    int i = 0;
    while (n - i >= RV_VECTOR_GROUP) {
        const int n_groups = (n - i < CHUNK ? n - i : CHUNK) / RV_VECTOR_GROUP;
        rv_vector_words(rng, n_groups * RV_VECTOR_GROUP, words);
        set()->normal(n_groups, words, out + i);
        i += n_groups * RV_VECTOR_GROUP;
    }
    if (i < n) {
        float tail[RV_VECTOR_GROUP];
        rv_vector_words(rng, RV_VECTOR_GROUP, words);
        set()->normal(1, words, tail);
        memcpy(out + i, tail, (size_t)(n - i) * sizeof *out);
    }
}

bool rv_vector_is_finite(int64_t n, const float *x)
{
    /* x - x is 0 for finite numbers and NaN for the rest; the compiler turns the loop into vector code */
    int bad = 0;
    for (int64_t i = 0; i < n; i++) {
        float difference = x[i] - x[i];
        bad |= difference != 0.0F;
    }
    return !bad;
}

bool rv_vector_squares_are_finite(int64_t n, const float *x)
{
    /* of floats without sign, as whole numbers, the largest is the largest, and what is not finite lies above */
    enum { LANES = 32, MAGNITUDE = 0x7fffffff, TWO_TO_64 = 0x5f800000 };
    typedef int32_t __attribute__((may_alias)) bits;
    const bits *at = (const bits *)x;
    int32_t largest[LANES] = {0};
    int32_t most = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            int32_t magnitude = at[i + k] & MAGNITUDE;
            largest[k] = magnitude > largest[k] ? magnitude : largest[k];
        }
    for (; i < n; i++)
        most = (at[i] & MAGNITUDE) > most ? at[i] & MAGNITUDE : most;
    for (int k = 0; k < LANES; k++)
        most = largest[k] > most ? largest[k] : most;
    return most < TWO_TO_64;
}
