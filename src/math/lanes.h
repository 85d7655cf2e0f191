/* lanes.h - one name for what AVX2 and AVX-512 call differently: a vector of floats as wide as the file that includes
 * this is compiled for. For the kernels of this folder alone.
 */
#pragma once
#include <immintrin.h>
#include <sleef.h>

#ifdef __AVX512F__

enum { LANES = 16 };
typedef __m512 lanes;

static inline lanes lanes_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline lanes lanes_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

static inline void lanes_store(float *x, lanes v)
{
    _mm512_storeu_ps(x, v);
}

/** a b + c, rounded once */
static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/** x < 0 ? 0 : x; a NaN stays one */
static inline lanes lanes_relu(lanes x)
{
    return _mm512_max_ps(_mm512_setzero_ps(), x);
}

/** gate > 0 ? x : 0 */
static inline lanes lanes_where_positive(lanes gate, lanes x)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(gate, _mm512_setzero_ps(), _CMP_GT_OQ), x);
}

static inline lanes lanes_exp(lanes x)
{
    return Sleef_finz_expf16_u10avx512f(x);
}

#else

enum { LANES = 8 };
typedef __m256 lanes;

static inline lanes lanes_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline lanes lanes_load(const float *x)
{
    return _mm256_loadu_ps(x);
}

static inline void lanes_store(float *x, lanes v)
{
    _mm256_storeu_ps(x, v);
}

static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline lanes lanes_relu(lanes x)
{
    return _mm256_max_ps(_mm256_setzero_ps(), x);
}

static inline lanes lanes_where_positive(lanes gate, lanes x)
{
    return _mm256_and_ps(_mm256_cmp_ps(gate, _mm256_setzero_ps(), _CMP_GT_OQ), x);
}

static inline lanes lanes_exp(lanes x)
{
    return Sleef_finz_expf8_u10avx2(x);
}

#endif

static inline lanes lanes_sigmoid(lanes x)
{
    const lanes one = lanes_set(1.0F);
    return one / (one + lanes_exp(-x));
}
