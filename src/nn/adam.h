/* adam.h - Adam (Kingma and Ba 2015), one pass over the parameters.
 *
 *   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
 *   p = p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)       b1 = 0.9, b2 = 0.999, eps = 1e-8
 *
 * The same bits with every instruction set (kernels.h). Arrays lie apart.
 */
#pragma once
#include <stdint.h>

/** @param[in] t number of this step, from 1; grad (n). @param[in,out] params, m, v (n) */
void rv_adam_step(double learning_rate, int64_t t, int64_t n, const float *grad, float *params, float *m, float *v);

/** rv_adam_step, and in the same pass the target network of the new parameters:
 * target = (1 - tau) target + tau params. @param[in,out] target (n) */
void rv_adam_step_target(double learning_rate, int64_t t, int64_t n, const float *grad, float *params, float *m,
                         float *v, double tau, float *target);
