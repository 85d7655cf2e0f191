#include "env_test.h"

static void reference(void)
{
    env_test_replay("Pendulum-v1.sin.csv", 600);
}

static void hand_case(void)
{
    rv_env *env = NULL;
    rv_env_step_result result;
    const double pos[] = {M_PI / 2}, vel[] = {1}, u[] = {5}; /* clipped to 2 */
    RV_TEST_OK(rv_env_create("Pendulum-v1", &env));
    RV_TEST_OK(rv_env_start(env, pos, vel));
    RV_TEST_OK(rv_env_step_raw(env, u, &result));
    double state[2], want[] = {M_PI / 2 + 2.05 * 0.05, 2.05};
    rv_env_numbers(env, state);
    RV_TEST_NEAR(2, state, want, 0, 1e-14);
    CU_ASSERT_DOUBLE_EQUAL(result.reward, -(M_PI * M_PI / 4 + 0.1 + 0.004), 1e-14);
    CU_ASSERT_EQUAL(rv_env_observation(env)[0], (double)(float)cos(state[0]));
    CU_ASSERT_EQUAL(rv_env_observation(env)[1], (double)(float)sin(state[0]));
    /* speed limit, and an angle several turns away */
    const double far_pos[] = {-7 * M_PI - 0.5}, fast[] = {7.9}, none[] = {0};
    RV_TEST_OK(rv_env_start(env, far_pos, fast));
    RV_TEST_OK(rv_env_step_raw(env, none, &result));
    rv_env_numbers(env, state);
    CU_ASSERT_EQUAL(state[1], 8);
    double angle = M_PI - 0.5;
    CU_ASSERT_DOUBLE_EQUAL(result.reward, -(angle * angle + 0.1 * 7.9 * 7.9), 1e-12);
    rv_env_destroy(&env);
}

static void reset_range(void)
{
    rv_env *env = NULL;
    double least[] = {9, 9}, most[] = {-9, -9}, state[2];
    float obs[3];
    RV_TEST_OK(rv_env_create("Pendulum-v1", &env));
    for (unsigned i = 0; i < 1000; i++) {
        rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, i);
        RV_TEST_OK(rv_env_reset(env, &rng, obs));
        rv_env_numbers(env, state);
        for (int j = 0; j < 2; j++) {
            least[j] = fmin(least[j], state[j]);
            most[j] = fmax(most[j], state[j]);
        }
    }
    CU_ASSERT(least[0] >= -M_PI && least[0] < -3 && most[0] < M_PI && most[0] > 3);
    CU_ASSERT(least[1] >= -1 && least[1] < -0.98 && most[1] < 1 && most[1] > 0.98);
    rv_env_destroy(&env);
}

/* the closed form agrees with what the environment pays, up to float32 */
static void reward_function(void)
{
    rv_env *env = NULL;
    float obs[201 * 3], act[200], reward[200];
    double paid[200];
    RV_TEST_OK(rv_env_create("Pendulum-v1", &env));
    const rv_env_spec *spec = rv_env_spec_of(env);
    CU_ASSERT_PTR_NULL(spec->terminated);
    rv_rng rng = rv_rng_at(2, RV_STREAM_TEST, 0, 0);
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
    for (int t = 0; t < 200; t++) {
        rv_env_step_result result;
        act[t] = (float)(2.4 * rv_rng_uniform(&rng) - 1.2);
        RV_TEST_OK(rv_env_step(env, &act[t], obs + 3 * (t + 1), &result));
        paid[t] = result.reward;
    }
    spec->reward(spec, 200, obs, act, obs + 3, reward);
    RV_TEST_NEAR(200, reward, paid, 1e-6, 1e-6);
    rv_env_destroy(&env);
}

RV_TEST_MAIN("pendulum", {"reference trajectory", reference}, {"hand case", hand_case}, {"reset range", reset_range},
             {"reward function", reward_function})
