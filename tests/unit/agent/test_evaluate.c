#include "agent/evaluate.h"
#include "nn/policy_net.h"
#include "rv_test.h"

static rv_env *env;
static rv_mlp net;
static rv_mlp_tape tape;
static float *params;
static float scratch[64];

static rv_status set_up(const char *task)
{
    RV_TRY(rv_env_create(task, &env));
    const rv_env_spec *spec = rv_env_spec_of(env);
    RV_TRY(rv_policy_net_init(spec->n_obs, spec->n_act, 2, 16, &net));
    RV_TRY(rv_mlp_tape_create(&net, 1, &tape));
    RV_TRY(RV_NEW(params, net.n_params));
    rv_rng rng = rv_rng_at(1, RV_STREAM_INIT, 0, 0);
    rv_mlp_init_glorot(&net, &rng, params);
    return RV_OK;
}

static void tear_down(void)
{
    rv_mem_free(&params);
    rv_mlp_tape_clear(&tape);
    rv_env_destroy(&env);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static rv_episode episode(uint64_t seed, int64_t evaluation, int number)
{
    rv_episode e = {.length = -1};
    RV_TEST_OK(rv_evaluate_episode(env, &net, params, seed, evaluation, number, 0, &tape, scratch, &e));
    return e;
}

/* the definition: sum of the rewards of the mean action, from the start of (seed, episode, evaluation) */
static void against_loop(void)
{
    RV_TEST_OK(set_up("Pendulum-v1"));
    float obs[3];
    float act[1];
    double total = 0;
    rv_rng rng = rv_rng_at(5, RV_STREAM_EVAL, 3, 1000);
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
    for (int i = 0; i < 200; i++) {
        rv_env_step_result result;
        const float *out = rv_mlp_forward(&net, params, 1, obs, &tape);
        act[0] = tanhf(out[0]);
        RV_TEST_OK(rv_env_step(env, act, obs, &result));
        total += result.reward;
    }
    rv_episode e = episode(5, 1000, 3);
    RV_TEST_NEAR(1, &e.total, &total, 1e-5, 0); /* the library's own tanh differs in the last place */
    CU_ASSERT_EQUAL(e.length, 200);
    CU_ASSERT_FALSE(e.terminated);
    tear_down();
}

/* an episode depends on its numbers, and not on what ran before it */
static void unit(void)
{
    RV_TEST_OK(set_up("Hopper-v4"));
    rv_episode a = episode(5, 1000, 3);
    CU_ASSERT(a.terminated && a.length < 1000);
    CU_ASSERT_NOT_EQUAL(episode(5, 1000, 4).total, a.total);
    CU_ASSERT_NOT_EQUAL(episode(5, 2000, 3).total, a.total);
    CU_ASSERT_NOT_EQUAL(episode(6, 1000, 3).total, a.total);
    CU_ASSERT_EQUAL(episode(5, 1000, 3).total, a.total);
    params[net.n_params - 1 - 3] = NAN; /* bias of the last mean */
    rv_episode e = a;
    RV_TEST_OK(rv_evaluate_episode(env, &net, params, 5, 1000, 3, 0, &tape, scratch, &e));
    CU_ASSERT(e.failed && e.length == 0 && !e.terminated);
    CU_ASSERT_EQUAL(rv_error_last()->status, RV_E_NONFINITE);
    tear_down();
}

RV_TEST_MAIN("evaluate", {"against loop", against_loop}, {"unit", unit})
