#include "agent/evaluate.h"

#include "base/pulse.h"
#include "nn/policy_net.h"

static rv_status run(rv_env *env, rv_rng *rng, const rv_mlp *net, const float *params, int64_t age, rv_mlp_tape *tape,
                     float *scratch, rv_episode *e)
{
    float *obs = scratch;
    float *act = scratch + rv_env_spec_of(env)->n_obs;
    rv_env_step_result result = {.terminated = false};
    RV_TRY(rv_env_reset_at(env, rng, age, obs));
    while (!result.terminated && !result.truncated && e->length < RV_EVALUATE_MAX_STEPS) {
        rv_policy_net_act(net, params, 1, obs, NULL, tape, act, NULL);
        RV_TRY(rv_env_step(env, act, obs, &result));
        e->total += result.reward;
        e->length++;
        rv_pulse_beat();
    }
    e->terminated = result.terminated;
    return RV_OK;
}

rv_status rv_evaluate_episode(rv_env *env, const rv_mlp *net, const float *params, uint64_t seed, int64_t evaluation,
                              int episode, int64_t age, rv_mlp_tape *tape, float *scratch, rv_episode *out)
{
    rv_rng rng = rv_rng_at(seed, RV_STREAM_EVAL, (uint32_t)episode, (uint64_t)evaluation);
    rv_episode e = {.length = 0};
    rv_status status = run(env, &rng, net, params, age, tape, scratch, &e);
    e.failed = status == RV_E_ENV || status == RV_E_NONFINITE;
    if (!e.failed)
        RV_TRY(status);
    *out = e;
    return RV_OK;
}
