/* lanes.h - one name for what AVX2 and AVX-512 call differently: a vector of floats as wide as the file that includes
 * this is compiled for. For the kernels of this folder alone.
 *
 * Each lane goes through the same operations on either; SLEEF's functions named finz give the same bits on vectors of
 * any length. + - * / are the compiler's own on these types.
 */
#pragma once
#include <immintrin.h>
#include <sleef.h>
#include <stdint.h>

#ifdef __AVX512F__

enum { LANES = 16 };
typedef __m512 lanes;
typedef Sleef___m512_2 lanes_pair;
#define PS(name)         _mm512_##name##_ps
#define SLEEF(name, ulp) Sleef_finz_##name##f16_##ulp##avx512f

/** k < LANES numbers from x, 0 in the other lanes */
static inline lanes lanes_load_first(int k, const float *x)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1U << k) - 1), x);
}

static inline void lanes_store_first(int k, float *x, lanes v)
{
    _mm512_mask_storeu_ps(x, (__mmask16)((1U << k) - 1), v);
}

/** the upper 24 bits of each word: 0 to 2^24 - 1 */
static inline lanes lanes_from_words(const uint32_t *words)
{
    return _mm512_cvtepi32_ps(_mm512_srli_epi32(_mm512_loadu_si512(words), 8));
}

/** gate > 0 ? x : 0 */
static inline lanes lanes_where_positive(lanes gate, lanes x)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(gate, _mm512_setzero_ps(), _CMP_GT_OQ), x);
}

/** b where the sign of gate is set, else a */
static inline lanes lanes_by_sign(lanes gate, lanes a, lanes b)
{
    return _mm512_mask_mov_ps(a, _mm512_movepi32_mask(_mm512_castps_si512(gate)), b);
}

#else

enum { LANES = 8 };
typedef __m256 lanes;
typedef Sleef___m256_2 lanes_pair;
#define PS(name)         _mm256_##name##_ps
#define SLEEF(name, ulp) Sleef_finz_##name##f8_##ulp##avx2

static inline __m256i first_lanes(int k)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(k), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline lanes lanes_load_first(int k, const float *x)
{
    return _mm256_maskload_ps(x, first_lanes(k));
}

static inline void lanes_store_first(int k, float *x, lanes v)
{
    _mm256_maskstore_ps(x, first_lanes(k), v);
}

static inline lanes lanes_from_words(const uint32_t *words)
{
    return _mm256_cvtepi32_ps(_mm256_srli_epi32(_mm256_loadu_si256((const __m256i *)(const void *)words), 8));
}

static inline lanes lanes_where_positive(lanes gate, lanes x)
{
    return _mm256_and_ps(_mm256_cmp_ps(gate, _mm256_setzero_ps(), _CMP_GT_OQ), x);
}

static inline lanes lanes_by_sign(lanes gate, lanes a, lanes b)
{
    return _mm256_blendv_ps(a, b, gate);
}

#endif

static inline lanes lanes_set(float x)
{
    return PS(set1)(x);
}

static inline lanes lanes_load(const float *x)
{
    return PS(loadu)(x);
}

static inline void lanes_store(float *x, lanes v)
{
    PS(storeu)(x, v);
}

/** a b + c, rounded once */
static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return PS(fmadd)(a, b, c);
}

/** x < 0 ? 0 : x; a NaN stays one */
static inline lanes lanes_relu(lanes x)
{
    return PS(max)(PS(setzero)(), x);
}

/** -|x| */
static inline lanes lanes_minus_abs(lanes x)
{
    return PS(or)(x, PS(set1)(-0.0F));
}

static inline lanes lanes_sqrt(lanes x)
{
    return PS(sqrt)(x);
}

static inline lanes lanes_exp(lanes x)
{
    return SLEEF(exp, u10)(x);
}

/** log(1 + x) */
static inline lanes lanes_log1p(lanes x)
{
    return SLEEF(log1p, u10)(x);
}

static inline lanes lanes_tanh(lanes x)
{
    return SLEEF(tanh, u10)(x);
}

/** within 3.5 ulp */
static inline lanes lanes_log(lanes x)
{
    return SLEEF(log, u35)(x);
}

/** .x: sin(pi x), .y: cos(pi x), within 3.5 ulp */
static inline lanes_pair lanes_sin_cos_pi(lanes x)
{
    return SLEEF(sincospi, u35)(x);
}

/** 1 / (1 + e^-x) */
static inline lanes lanes_sigmoid(lanes x)
{
    const lanes one = lanes_set(1.0F);
    return one / (one + lanes_exp(-x));
}

#undef PS
#undef SLEEF
