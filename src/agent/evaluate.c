#include "agent/evaluate.h"

#include "nn/policy_net.h"

rv_status rv_evaluate_episode(rv_env *env, const rv_mlp *net, const float *params, uint64_t seed, int64_t evaluation,
                              int episode, rv_mlp_tape *tape, float *scratch, rv_episode *out)
{
    float *obs = scratch;
    float *act = scratch + rv_env_spec_of(env)->n_obs;
    rv_rng rng = rv_rng_at(seed, RV_STREAM_EVAL, (uint32_t)episode, (uint64_t)evaluation);
    rv_env_step_result result = {.terminated = false};
    rv_episode e = {.length = 0};
    RV_TRY(rv_env_reset(env, &rng, obs));
    while (!result.terminated && !result.truncated && e.length < RV_EVALUATE_MAX_STEPS) {
        rv_policy_net_act(net, params, 1, obs, NULL, tape, act, NULL);
        RV_TRY(rv_env_step(env, act, obs, &result));
        e.total += result.reward;
        e.length++;
    }
    e.terminated = result.terminated;
    *out = e;
    return RV_OK;
}
