/* spoilt.c - reverie with numbers that are not finite where SPOIL says: critic, actor (gradients of a shard), member
 * (gradient of a minibatch), batch (a row of a shard's), env (a step), weights (of the learner, once). Which ones
 * depends on the numbers themselves, one in SPOIL_ONE_IN, so that it does not matter which rank has them. The linker
 * puts
 * __wrap_... in the place of the functions (--wrap). */
#include "agent/sac.h"
#include "base/hash.h"
#include "env/env.h"
#include "nn/mlp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WRAP(type, name, ...)                                                                                          \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

/* is it the turn of what holds these n floats? */
static bool is_due(const char *what, size_t n, const float *numbers)
{
    const char *wanted = getenv("SPOIL");
    const char *one_in = getenv("SPOIL_ONE_IN");
    if (!wanted || strcmp(wanted, what) != 0)
        return false;
    return rv_hash_u64(numbers, n * sizeof *numbers) % strtoull(one_in ? one_in : "1", NULL, 10) == 0;
}

WRAP(void, rv_sac_critic_grad, const rv_sac *sac, rv_sac_shard *shard, const float *batch, const float *eps,
     float *grad)
{
    __real_rv_sac_critic_grad(sac, shard, batch, eps, grad);
    if (is_due("critic", 4, eps))
        grad[sac->n_critics / 2] = -INFINITY;
    if (is_due("batch", 4, eps))
        ((float *)(size_t)batch)[sac->row.width + 1] = NAN;
}

WRAP(void, rv_sac_actor_grad, const rv_sac *sac, rv_sac_shard *shard, const float *batch, const float *eps, float *grad)
{
    __real_rv_sac_actor_grad(sac, shard, batch, eps, grad);
    if (is_due("actor", 4, eps))
        grad[0] = NAN;
}

WRAP(void, rv_sac_critic_apply, rv_sac *sac, const float *grad)
{
    __real_rv_sac_critic_apply(sac, grad);
    if (sac->n_updates == 100 && is_due("weights", 0, grad))
        sac->params[sac->n_params / 2] = NAN;
}

WRAP(void, rv_mlp_backward, const rv_mlp *mlp, const float *params, int rows, const float *in, rv_mlp_tape *tape,
     const float *d_out, float *grad, int from, float *d_in)
{
    __real_rv_mlp_backward(mlp, params, rows, in, tape, d_out, grad, from, d_in);
    if (mlp->activation == RV_SWISH && is_due("member", 4, d_out))
        grad[mlp->n_params - 1] = NAN;
}

WRAP(rv_status, rv_env_step_end, rv_env *env, float *obs, rv_env_step_result *out)
{
    rv_status status = __real_rv_env_step_end(env, obs, out);
    if (status == RV_OK && is_due("env", 2, obs))
        return rv_raise(RV_E_NONFINITE, "the spoilt task: observation[0] is %g", (double)NAN);
    return status;
}
