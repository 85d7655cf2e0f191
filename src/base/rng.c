#include "base/rng.h"

#include <math.h>
#include <Random123/philox.h>

rv_rng rv_rng_at(uint64_t seed, rv_stream stream, uint32_t unit, uint64_t step)
{
    rv_rng rng = {
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, (uint32_t)step, (uint32_t)(step >> 32), ((uint32_t)stream << 24) | (unit & 0xffffffU)},
    };
    return rng;
}

uint32_t rv_rng_u32(rv_rng *rng)
{
    if (rng->n_left == 0) {
        philox4x32_key_t key = {{rng->key[0], rng->key[1]}};
        philox4x32_ctr_t counter = {{rng->counter[0], rng->counter[1], rng->counter[2], rng->counter[3]}};
        philox4x32_ctr_t block = philox4x32(counter, key);
        for (int i = 0; i < 4; i++)
            rng->words[i] = block.v[i];
        rng->counter[0]++;
        rng->n_left = 4;
    }
    return rng->words[4 - rng->n_left--];
}

uint64_t rv_rng_u64(rv_rng *rng)
{
    uint64_t low = rv_rng_u32(rng);
    return low | ((uint64_t)rv_rng_u32(rng) << 32);
}

double rv_rng_uniform(rv_rng *rng)
{
    return (double)(rv_rng_u64(rng) >> 11) * 0x1p-53;
}

double rv_rng_normal(rv_rng *rng)
{
    double radius = sqrt(-2.0 * log(1.0 - rv_rng_uniform(rng)));
    return radius * cos(2.0 * M_PI * rv_rng_uniform(rng));
}

uint32_t rv_rng_below(rv_rng *rng, uint32_t n)
{
    return (uint32_t)(((uint64_t)rv_rng_u32(rng) * n) >> 32);
}

void rv_rng_permutation(rv_rng *rng, uint32_t n, uint32_t *out)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = rv_rng_below(rng, i + 1);
        out[i] = out[j];
        out[j] = i;
    }
}
