#include "nn/adam.h"

#include "math/kernels.h"
#include "nn/adam_private.h"

#include <math.h>

static const rv_adam_set *set(void)
{
    return rv_kernels_instructions() == RV_AVX512 ? &rv_adam_avx512 : &rv_adam_avx2;
}

static rv_adam_scales scales_of(double learning_rate, int64_t t, double tau)
{
    return (rv_adam_scales){
        .step = (float)(learning_rate / (1.0 - pow(0.9, (double)t))),
        .root = (float)(1.0 / sqrt(1.0 - pow(0.999, (double)t))),
        .keep = (float)(1.0 - tau),
        .take = (float)tau,
    };
}

void rv_adam_step(double learning_rate, int64_t t, int64_t n, const float *grad, float *params, float *m, float *v)
{
    const rv_adam_scales scales = scales_of(learning_rate, t, 0);
    set()->step(&scales, n, grad, params, m, v);
}

void rv_adam_step_target(double learning_rate, int64_t t, int64_t n, const float *grad, float *params, float *m,
                         float *v, double tau, float *target)
{
    const rv_adam_scales scales = scales_of(learning_rate, t, tau);
    set()->step_target(&scales, n, grad, params, m, v, target);
}
