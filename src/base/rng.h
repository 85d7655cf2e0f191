/* rng.h - counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011) from Random123.
 *
 * A generator is a pure function of (seed, stream, unit, step): there is no state to save, and any unit draws
 * the same numbers on any rank. One generator gives 2^34 32-bit words.
 *
 *   key = seed;  counter = { block, step low, step high, stream * 2^24 + unit }
 */
#pragma once
#include <stdint.h>

/* Who draws. The number is part of every result: append, never renumber. */
typedef enum rv_stream {
    RV_STREAM_ENV_RESET = 1, /* unit env, step episode */
    RV_STREAM_ACTION = 2,    /* unit env, step that env's own step: exploration noise and uniform first actions */
    RV_STREAM_INIT = 3,      /* unit network, step 0: initial weights */
    RV_STREAM_HOLDOUT = 4,   /* unit 0, step retrain: which rows are held out */
    RV_STREAM_BOOTSTRAP = 5, /* unit member, step retrain */
    RV_STREAM_SHUFFLE = 6,   /* unit member, step retrain * 2^20 + epoch */
    RV_STREAM_BRANCH = 7,    /* unit block, step retrain * 2^20 + depth: start states, elites, noise */
    RV_STREAM_BATCH = 8,     /* unit shard, step update: rows of the minibatch */
    RV_STREAM_LEARN = 9,     /* unit shard, step update: noise of the two policy samples */
    RV_STREAM_EVAL = 10,     /* unit evaluation episode, step real steps at the evaluation: reset */
    RV_STREAM_TEST = 11,
    RV_STREAM_ENV_STEP = 12,  /* seed the episode's own, unit 0, step in the episode: chance in the task */
    RV_STREAM_OBS_NOISE = 13, /* seed and unit likewise, step in the episode: noise on what is observed */
    RV_STREAM_DIAGNOSE = 100, /* unit 0, step number of a start: samples of the policy; of no result of a run */
} rv_stream;

typedef struct rv_rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t words[4]; /* of the current block */
    int n_left;
} rv_rng;

/** The generator of (seed, stream, unit, step), at its first word. unit in [0, 2^24). */
rv_rng rv_rng_at(uint64_t seed, rv_stream stream, uint32_t unit, uint64_t step);

uint32_t rv_rng_u32(rv_rng *rng);
uint64_t rv_rng_u64(rv_rng *rng);

/** Uniform in [0, 1) with 53 bits. */
double rv_rng_uniform(rv_rng *rng);

/** Standard normal (Box-Muller in double, one of the pair is thrown away). */
double rv_rng_normal(rv_rng *rng);

/** Uniform in 0..n-1, n in [1, 2^32): the high word of a 32 x 32 bit product, bias below n / 2^32. */
uint32_t rv_rng_below(rv_rng *rng, uint32_t n);

/** A uniform permutation of 0..n-1 (Fisher-Yates). @param[out] out (n) */
void rv_rng_permutation(rv_rng *rng, uint32_t n, uint32_t *out);
