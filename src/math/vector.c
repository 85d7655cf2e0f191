#include "math/vector.h"

#include <immintrin.h>
#include <sleef.h>
#include <string.h>

enum { LANES = 8 };

/* The tail goes through the same eight-lane code, padded with zeros: an element's bits do not depend on its place. */
#define ELEMENTWISE(name, expression)                                                                                  \
    void name(int n, const float *x, float *out)                                                                       \
    {                                                                                                                  \
        int i = 0;                                                                                                     \
        for (; i + LANES <= n; i += LANES) {                                                                           \
            const __m256 v = _mm256_loadu_ps(x + i);                                                                   \
            _mm256_storeu_ps(out + i, expression);                                                                     \
        }                                                                                                              \
        if (i < n) {                                                                                                   \
            float tail[LANES] = {0};                                                                                   \
            memcpy(tail, x + i, (size_t)(n - i) * sizeof *x);                                                          \
            const __m256 v = _mm256_loadu_ps(tail);                                                                    \
            _mm256_storeu_ps(tail, expression);                                                                        \
            memcpy(out + i, tail, (size_t)(n - i) * sizeof *x);                                                        \
        }                                                                                                              \
    }

static inline __m256 softplus8(__m256 v)
{
    /* max(v, 0) + log1p(exp(-|v|)) */
    const __m256 sign = _mm256_set1_ps(-0.0F);
    __m256 small = Sleef_log1pf8_u10avx2(Sleef_expf8_u10avx2(_mm256_or_ps(v, sign)));
    return _mm256_add_ps(_mm256_max_ps(v, _mm256_setzero_ps()), small);
}

static inline __m256 sigmoid8(__m256 v)
{
    const __m256 one = _mm256_set1_ps(1.0F);
    __m256 e = Sleef_expf8_u10avx2(_mm256_xor_ps(v, _mm256_set1_ps(-0.0F)));
    return _mm256_div_ps(one, _mm256_add_ps(one, e));
}

ELEMENTWISE(rv_vector_exp, Sleef_expf8_u10avx2(v))
ELEMENTWISE(rv_vector_tanh, Sleef_tanhf8_u10avx2(v))
ELEMENTWISE(rv_vector_softplus, softplus8(v))
ELEMENTWISE(rv_vector_sigmoid, sigmoid8(v))

/* 16 words of rng give 16 normals: radii from the first eight, angles from the last eight. */
static void normal16(rv_rng *rng, float out[16])
{
    float u[16];
    for (int i = 0; i < 16; i++)
        u[i] = ((float)(rv_rng_u32(rng) >> 8) + (i < LANES ? 1.0F : 0.0F)) * 0x1p-24F; /* (0, 1] and [0, 1) */
    __m256 log_u = Sleef_logf8_u10avx2(_mm256_loadu_ps(u));
    __m256 radius = _mm256_sqrt_ps(_mm256_mul_ps(_mm256_set1_ps(-2.0F), log_u));
    __m256 turns = _mm256_mul_ps(_mm256_set1_ps(2.0F), _mm256_loadu_ps(u + LANES));
    Sleef___m256_2 sc = Sleef_sincospif8_u05avx2(turns);
    _mm256_storeu_ps(out, _mm256_mul_ps(radius, sc.y));
    _mm256_storeu_ps(out + LANES, _mm256_mul_ps(radius, sc.x));
}

void rv_vector_normal(rv_rng *rng, int n, float *out)
{
    int i = 0;
    for (; i + 16 <= n; i += 16)
        normal16(rng, out + i);
    if (i < n) {
        float tail[16];
        normal16(rng, tail);
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
