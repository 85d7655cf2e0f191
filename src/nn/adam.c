#include "nn/adam.h"

#include <math.h>

void rv_adam_step(double learning_rate, int64_t t, int64_t n, const float *grad, float *params, float *m, float *v)
{
    const float b1 = 0.9F;
    const float b2 = 0.999F;
    const float c1 = 0.1F; /* rounded from the exact values: 1 - b2 in float is 1.3e-5 off */
    const float c2 = 0.001F;
    const float eps = 1e-8F;
    const float step = (float)(learning_rate / (1.0 - pow(0.9, (double)t)));
    const float root = (float)(1.0 / sqrt(1.0 - pow(0.999, (double)t)));
    for (int64_t i = 0; i < n; i++) {
        float g = grad[i];
        m[i] = b1 * m[i] + c1 * g;
        v[i] = b2 * v[i] + c2 * (g * g);
        params[i] -= step * m[i] / (sqrtf(v[i]) * root + eps);
    }
}

void rv_polyak(double tau, int64_t n, const float *params, float *target)
{
    const float keep = (float)(1.0 - tau);
    const float take = (float)tau;
    for (int64_t i = 0; i < n; i++)
        target[i] = keep * target[i] + take * params[i];
}
