/* adam_lanes.h - the loops of adam.h, included by one file for each instruction set and compiled for it: the compiler
 * makes lanes of the elements. Each goes through the same operations, roots and quotients correctly rounded. */
#include "nn/adam_private.h"

#include <math.h>

static inline float step_one(const rv_adam_scales *s, float g, float p, float *m, float *v)
{
    /* 0.1 and 0.001 are rounded from the exact values: 1 - 0.999 in float is 1.3e-5 off */
    *m = 0.9F * *m + 0.1F * g;
    *v = 0.999F * *v + 0.001F * (g * g);
    return p - s->step * *m / (sqrtf(*v) * s->root + 1e-8F);
}

static void step(const rv_adam_scales *scales, int64_t n, const float *restrict grad, float *restrict params,
                 float *restrict m, float *restrict v)
{
    const rv_adam_scales s = *scales;
    for (int64_t i = 0; i < n; i++)
        params[i] = step_one(&s, grad[i], params[i], &m[i], &v[i]);
}

static void step_target(const rv_adam_scales *scales, int64_t n, const float *restrict grad, float *restrict params,
                        float *restrict m, float *restrict v, float *restrict target)
{
    const rv_adam_scales s = *scales;
    for (int64_t i = 0; i < n; i++) {
        params[i] = step_one(&s, grad[i], params[i], &m[i], &v[i]);
        target[i] = s.keep * target[i] + s.take * params[i];
    }
}
