/* vector_private.h - the functions of vector.h for one instruction set; vector_lanes.h is their code. */
#pragma once
#include <stdint.h>

enum { RV_VECTOR_GROUP = 32 }; /* normals made at once */

typedef struct rv_vector_set {
    void (*exp)(int n, const float *x, float *out);
    void (*tanh)(int n, const float *x, float *out);
    void (*softplus)(int n, const float *x, float *out);
    void (*sigmoid)(int n, const float *x, float *out);
    void (*softplus_slope)(int n, const float *x, float *out, float *slope);
    /* the words of n_blocks blocks of Philox4x32-10, from this counter on */
    void (*philox)(const uint32_t key[2], const uint32_t counter[4], int64_t n_blocks, uint32_t *words);
    /* a normal for each word of n_groups * RV_VECTOR_GROUP */
    void (*normal)(int n_groups, const uint32_t *words, float *out);
} rv_vector_set;

extern const rv_vector_set rv_vector_avx2;
extern const rv_vector_set rv_vector_avx512;
