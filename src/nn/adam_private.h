/* adam_private.h - the loops of adam.h for one instruction set; adam_lanes.h is their code. */
#pragma once
#include <stdint.h>

/* what a step does to every parameter */
typedef struct rv_adam_scales {
    float step;       /* learning rate / (1 - b1^t) */
    float root;       /* 1 / sqrt(1 - b2^t) */
    float keep, take; /* 1 - tau, tau */
} rv_adam_scales;

typedef struct rv_adam_set {
    void (*step)(const rv_adam_scales *scales, int64_t n, const float *grad, float *params, float *m, float *v);
    void (*step_target)(const rv_adam_scales *scales, int64_t n, const float *grad, float *params, float *m, float *v,
                        float *target);
} rv_adam_set;

extern const rv_adam_set rv_adam_avx2;
extern const rv_adam_set rv_adam_avx512;
