/* vector_lanes.h - the code of vector.h, once for every number of lanes; the file that includes it defines
 *
 *   RV_LANES   8 (AVX2, FMA) or 16 (AVX-512 F, BW, DQ, VL)
 *
 * and is compiled for those instructions. Each lane runs the same operations on either, SLEEF's functions included
 * (those named finz give the same bits on vectors of any length), so both make the same bits.
 */
#include "math/vector_private.h"

#include <immintrin.h>
#include <Random123/philox.h>
#include <sleef.h>
#include <string.h>

#if RV_LANES == 16
typedef __m512 lanes;
typedef Sleef___m512_2 two_lanes;
#define PS(name)         _mm512_##name##_ps
#define SLEEF(name, ulp) Sleef_finz_##name##f16_##ulp##avx512f

/* 24 bits of each word: 0 to 2^24 - 1 */
static inline lanes whole_numbers(const uint32_t *words)
{
    return _mm512_cvtepi32_ps(_mm512_srli_epi32(_mm512_loadu_si512(words), 8));
}

/* the first k lanes from x, 0 in the others */
static inline lanes load_first(int k, const float *x)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1U << k) - 1), x);
}

static inline void store_first(int k, float *out, lanes v)
{
    _mm512_mask_storeu_ps(out, (__mmask16)((1U << k) - 1), v);
}

/* negative where the sign of `of` is set */
static inline lanes by_sign(lanes of, lanes positive, lanes negative)
{
    return _mm512_mask_mov_ps(positive, _mm512_movepi32_mask(_mm512_castps_si512(of)), negative);
}
#else
typedef __m256 lanes;
typedef Sleef___m256_2 two_lanes;
#define PS(name)         _mm256_##name##_ps
#define SLEEF(name, ulp) Sleef_finz_##name##f8_##ulp##avx2

/* 24 bits of each word: 0 to 2^24 - 1 */
static inline lanes whole_numbers(const uint32_t *words)
{
    return _mm256_cvtepi32_ps(_mm256_srli_epi32(_mm256_loadu_si256((const __m256i *)(const void *)words), 8));
}

static inline __m256i first(int k)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(k), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* the first k lanes from x, 0 in the others */
static inline lanes load_first(int k, const float *x)
{
    return _mm256_maskload_ps(x, first(k));
}

static inline void store_first(int k, float *out, lanes v)
{
    _mm256_maskstore_ps(out, first(k), v);
}

/* negative where the sign of `of` is set */
static inline lanes by_sign(lanes of, lanes positive, lanes negative)
{
    return _mm256_blendv_ps(positive, negative, of);
}
#endif

/* ---- elementwise functions ----------------------------------------------------------------------------------- */

static inline lanes exp_lanes(lanes v)
{
    return SLEEF(exp, u10)(v);
}

static inline lanes tanh_lanes(lanes v)
{
    return SLEEF(tanh, u10)(v);
}

/* exp(-|v|), which never overflows */
static inline lanes exp_minus_abs(lanes v)
{
    return SLEEF(exp, u10)(PS(or)(v, PS(set1)(-0.0F)));
}

/* max(v, 0) + log(1 + e), e = exp(-|v|) */
static inline lanes softplus_of(lanes v, lanes e)
{
    return PS(add)(PS(max)(v, PS(setzero)()), SLEEF(log1p, u10)(e));
}

static inline lanes softplus_lanes(lanes v)
{
    return softplus_of(v, exp_minus_abs(v));
}

static inline lanes sigmoid_lanes(lanes v)
{
    const lanes one = PS(set1)(1.0F);
    return PS(div)(one, PS(add)(one, SLEEF(exp, u10)(PS(xor)(v, PS(set1)(-0.0F)))));
}

/* The tail goes through the same code, padded with zeros: an element's bits do not depend on its place. */
static inline __attribute__((always_inline)) void map(int n, const float *x, float *out, lanes (*function)(lanes))
{
    int i = 0;
    for (; i + RV_LANES <= n; i += RV_LANES)
        PS(storeu)(out + i, function(PS(loadu)(x + i)));
    if (i < n)
        store_first(n - i, out + i, function(load_first(n - i, x + i)));
}

static void map_exp(int n, const float *x, float *out)
{
    map(n, x, out, exp_lanes);
}

static void map_tanh(int n, const float *x, float *out)
{
    map(n, x, out, tanh_lanes);
}

static void map_softplus(int n, const float *x, float *out)
{
    map(n, x, out, softplus_lanes);
}

static void map_sigmoid(int n, const float *x, float *out)
{
    map(n, x, out, sigmoid_lanes);
}

static void map_softplus_slope(int n, const float *x, float *out, float *slope)
{
    const lanes one = PS(set1)(1.0F);
    for (int i = 0; i < n; i += RV_LANES) {
        const int k = n - i;
        const lanes v = k >= RV_LANES ? PS(loadu)(x + i) : load_first(k, x + i);
        const lanes e = exp_minus_abs(v);
        const lanes s = PS(div)(by_sign(v, one, e), PS(add)(one, e));
        const lanes p = softplus_of(v, e);
        if (k >= RV_LANES) {
            PS(storeu)(out + i, p);
            PS(storeu)(slope + i, s);
        } else {
            store_first(k, out + i, p);
            store_first(k, slope + i, s);
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
        for (int k = 0; k < HALF; k += RV_LANES) {
            const int i = group * RV_VECTOR_GROUP + k;
            /* u in (0, 1]; angles in [0, 2) half turns */
            const lanes u = PS(mul)(PS(add)(whole_numbers(words + i), PS(set1)(1.0F)), PS(set1)(0x1p-24F));
            const lanes half_turns = PS(mul)(whole_numbers(words + i + HALF), PS(set1)(0x1p-23F));
            const lanes radius = PS(sqrt)(PS(mul)(PS(set1)(-2.0F), SLEEF(log, u35)(u)));
            const two_lanes sin_cos = SLEEF(sincospi, u35)(half_turns);
            PS(storeu)(out + i, PS(mul)(radius, sin_cos.y));
            PS(storeu)(out + i + HALF, PS(mul)(radius, sin_cos.x));
        }
}

/* the includer's table */
#define RV_VECTOR_SET                                                                                                  \
    {                                                                                                                  \
        .exp = map_exp, .tanh = map_tanh, .softplus = map_softplus, .sigmoid = map_sigmoid,                            \
        .softplus_slope = map_softplus_slope, .philox = philox, .normal = normal,                                      \
    }
