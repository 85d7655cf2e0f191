/* test_env.c - what holds for every registered task. */
#include "env/tabular.h"
#include "env_test.h"

static void registry(void)
{
    int n = 0;
    const rv_env_spec *const *list = rv_env_list(&n);
    const rv_env_spec *spec = NULL;
    CU_ASSERT_FATAL(n >= 4);
    for (int i = 0; i < n; i++) {
        RV_TEST_OK(rv_env_find(list[i]->name, &spec));
        CU_ASSERT_PTR_EQUAL(spec, list[i]);
        CU_ASSERT(spec->n_obs > 0 && spec->n_obs <= ENV_TEST_MAX && spec->n_act > 0 && spec->n_act <= ENV_TEST_MAX);
        CU_ASSERT(strlen(spec->help) > 0 && strlen(spec->family) > 0);
        CU_ASSERT(spec->n_states == 0 || spec->n_states == spec->n_obs);
        CU_ASSERT(spec->n_actions == 0 || spec->n_actions == spec->n_act);
        CU_ASSERT(spec->n_actions == 0 || (!spec->act_low && !spec->act_high));
        for (int j = 0; j < spec->n_act && !spec->n_actions; j++)
            CU_ASSERT(spec->act_low[j] < spec->act_high[j]);
        for (int j = 0; j < i; j++)
            CU_ASSERT_STRING_NOT_EQUAL(list[i]->name, list[j]->name);
    }
    spec = NULL;
    RV_TEST_FAILS(rv_env_find("Hoper-v4", &spec), RV_E_CONFIG, "did you mean 'Hopper-v4'?");
    RV_TEST_FAILS(rv_env_find("", &spec), RV_E_CONFIG, "no environment ''; 'reverie envs' shows all");
    CU_ASSERT_PTR_NULL(spec);
    rv_env *env = NULL;
    RV_TEST_FAILS(rv_env_create("Pendulum-v0", &env), RV_E_CONFIG, "did you mean 'Pendulum-v1'?");
    CU_ASSERT_PTR_NULL(env);
    rv_env_destroy(&env);
}

/* does every episode begin in the same state? */
static bool has_one_start(const rv_env_spec *spec)
{
    int n_starts = 0;
    for (int s = 0; s < spec->n_states && rv_tabular_is(spec); s++)
        n_starts += rv_tabular_start(spec, s) > 0;
    return n_starts == 1;
}

/* a reset is a function of the generator alone, whatever happened before */
static void reset_depends_on_rng_alone(const char *name)
{
    rv_env *a = NULL, *b = NULL;
    float obs_a[ENV_TEST_MAX], obs_b[ENV_TEST_MAX], run_a[20 * ENV_TEST_MAX], run_b[20 * ENV_TEST_MAX];
    double reward_a[20], reward_b[20];
    RV_TEST_OK(rv_env_create(name, &a));
    RV_TEST_OK(rv_env_create(name, &b));
    size_t n_obs = (size_t)rv_env_spec_of(a)->n_obs;
    rv_rng first = rv_rng_at(1, RV_STREAM_TEST, 0, 0), other = rv_rng_at(1, RV_STREAM_TEST, 0, 1);
    rv_rng again = first;
    RV_TEST_OK(rv_env_reset(a, &first, obs_a));
    RV_TEST_OK(rv_env_reset(b, &other, obs_b));
    CU_ASSERT_EQUAL(memcmp(obs_a, obs_b, n_obs * sizeof *obs_a) == 0, has_one_start(rv_env_spec_of(a)));
    env_test_run(b, 3, 20, run_b, reward_b);
    RV_TEST_OK(rv_env_reset(b, &again, obs_b));
    CU_ASSERT(memcmp(obs_a, obs_b, n_obs * sizeof *obs_a) == 0);
    env_test_run(a, 0, 20, run_a, reward_a);
    env_test_run(b, 0, 20, run_b, reward_b);
    CU_ASSERT(memcmp(run_a, run_b, 20 * n_obs * sizeof *run_a) == 0);
    CU_ASSERT(memcmp(reward_a, reward_b, sizeof reward_a) == 0);
    rv_env_destroy(&a);
    rv_env_destroy(&b);
}

/* a state taken out, put into an environment with another history, goes on bit for bit */
static void state_round_trip(const char *name)
{
    enum { N = 60 };
    rv_env *a = NULL, *b = NULL;
    float obs[ENV_TEST_MAX], run_a[N * ENV_TEST_MAX], run_b[N * ENV_TEST_MAX];
    double reward_a[N], reward_b[N];
    unsigned char state[4096], again[4096];
    RV_TEST_OK(rv_env_create(name, &a));
    RV_TEST_OK(rv_env_create(name, &b));
    size_t n_obs = (size_t)rv_env_spec_of(a)->n_obs, n = rv_env_state_size(a);
    CU_ASSERT_FATAL(n <= sizeof state);
    rv_rng rng = rv_rng_at(2, RV_STREAM_TEST, 0, 0);
    RV_TEST_OK(rv_env_reset(a, &rng, obs));
    env_test_run(a, 0, 30, run_a, reward_a);
    rv_env_state_save(a, state);

    RV_TEST_OK(rv_env_reset(b, &rng, obs));
    env_test_run(b, 11, 7, run_b, reward_b);
    RV_TEST_OK(rv_env_state_load(b, state, n));
    rv_env_state_save(b, again);
    CU_ASSERT(memcmp(state, again, n) == 0);
    size_t n_raw = (size_t)rv_env_raw_obs(rv_env_spec_of(a));
    CU_ASSERT(memcmp(rv_env_observation(a), rv_env_observation(b), n_raw * sizeof(double)) == 0);
    env_test_run(a, 30, N, run_a, reward_a);
    env_test_run(b, 30, N, run_b, reward_b);
    CU_ASSERT(memcmp(run_a, run_b, N * n_obs * sizeof *run_a) == 0);
    CU_ASSERT(memcmp(reward_a, reward_b, sizeof reward_a) == 0);
    rv_env_state_save(a, state);
    rv_env_state_save(b, again);
    CU_ASSERT(memcmp(state, again, n) == 0);

    /* bad bytes are refused and leave the environment as it was */
    RV_TEST_FAILS(rv_env_state_load(b, state, n - 1), RV_E_DATA, "a state has");
    double nan = NAN;
    memcpy(state + 24, &nan, sizeof nan);
    RV_TEST_FAILS(rv_env_state_load(b, state, n), RV_E_DATA, "number 0 is");
    state[8] = 7;
    RV_TEST_FAILS(rv_env_state_load(b, state, n), RV_E_DATA, "running 7");
    rv_env_state_save(b, state);
    CU_ASSERT(memcmp(state, again, n) == 0);
    rv_env_destroy(&a);
    rv_env_destroy(&b);
}

static void refuses(const char *name)
{
    rv_env *env = NULL;
    float obs[ENV_TEST_MAX] = {999}, act[ENV_TEST_MAX] = {0};
    rv_env_step_result result = {.reward = 999};
    RV_TEST_OK(rv_env_create(name, &env));
    RV_TEST_FAILS(rv_env_step(env, act, obs, &result), RV_E_INTERNAL, "reset it first");
    rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 0, 0);
    float start[ENV_TEST_MAX];
    RV_TEST_OK(rv_env_reset(env, &rng, start));
    act[rv_env_spec_of(env)->n_act - 1] = NAN;
    RV_TEST_FAILS(rv_env_step(env, act, obs, &result), RV_E_NONFINITE, "is nan");
    CU_ASSERT(obs[0] == 999 && result.reward == 999);
    rv_env_destroy(&env);
}

/* a step takes nothing from the allocator */
static void no_allocation(const char *name)
{
    rv_env *env = NULL;
    float obs[10 * ENV_TEST_MAX];
    double reward[10];
    RV_TEST_OK(rv_env_create(name, &env));
    rv_rng rng = rv_rng_at(4, RV_STREAM_TEST, 0, 0);
    int64_t calls = rv_mem_calls();
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
    env_test_run(env, 0, 10, obs, reward);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    rv_env_destroy(&env);
}

static void every_task(void)
{
    int n = 0;
    const rv_env_spec *const *list = rv_env_list(&n);
    int64_t blocks = rv_mem_blocks();
    for (int i = 0; i < n; i++) {
        reset_depends_on_rng_alone(list[i]->name);
        state_round_trip(list[i]->name);
        refuses(list[i]->name);
        no_allocation(list[i]->name);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

/* the learner's [-1, 1] is the actuator range, and beyond is clipped */
static void action_scale(void)
{
    const float act[] = {-1, 0, 0.5F, 1, -7, 1.0001F};
    const double u[] = {-3, 0, 1.5, 3, -3, 3};
    rv_env *a = NULL, *b = NULL;
    RV_TEST_OK(rv_env_create("InvertedPendulum-v4", &a));
    RV_TEST_OK(rv_env_create("InvertedPendulum-v4", &b));
    for (int i = 0; i < 6; i++) {
        float obs[4];
        rv_env_step_result result;
        rv_rng rng = rv_rng_at(6, RV_STREAM_TEST, 0, 0), same = rng;
        RV_TEST_OK(rv_env_reset(a, &rng, obs));
        RV_TEST_OK(rv_env_reset(b, &same, obs));
        RV_TEST_OK(rv_env_step(a, &act[i], obs, &result));
        RV_TEST_OK(rv_env_step_raw(b, &u[i], &result));
        CU_ASSERT(memcmp(rv_env_observation(a), rv_env_observation(b), 4 * sizeof(double)) == 0);
        for (int j = 0; j < 4; j++)
            CU_ASSERT_EQUAL(obs[j], (float)rv_env_observation(a)[j]);
    }
    rv_env_destroy(&a);
    rv_env_destroy(&b);
}

/* the time limit truncates and does not terminate; a termination is no truncation; both end the episode */
static void ends(void)
{
    rv_env *env = NULL;
    float obs[17], act[6] = {0};
    rv_env_step_result result;
    const struct {
        const char *name;
        int limit;
    } endless[] = {{"Pendulum-v1", 200}, {"HalfCheetah-v4", 1000}};
    for (int k = 0; k < 2; k++) {
        RV_TEST_OK(rv_env_create(endless[k].name, &env));
        for (int episode = 0; episode < 2; episode++) {
            rv_rng rng = rv_rng_at(7, RV_STREAM_TEST, 0, (uint64_t)episode);
            RV_TEST_OK(rv_env_reset(env, &rng, obs));
            for (int t = 1; t <= endless[k].limit; t++) {
                RV_TEST_OK(rv_env_step(env, act, obs, &result));
                CU_ASSERT(!result.terminated);
                CU_ASSERT_EQUAL(result.truncated, t == endless[k].limit);
            }
            RV_TEST_FAILS(rv_env_step(env, act, obs, &result), RV_E_INTERNAL, "reset it first");
        }
        rv_env_destroy(&env);
    }
    RV_TEST_OK(rv_env_create("InvertedPendulum-v4", &env));
    rv_rng rng = rv_rng_at(7, RV_STREAM_TEST, 0, 0);
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
    act[0] = 1;
    int n = 0;
    do {
        RV_TEST_OK(rv_env_step(env, act, obs, &result));
        CU_ASSERT_EQUAL(result.reward, 1);
    } while (!result.terminated && ++n < 100);
    CU_ASSERT(result.terminated && !result.truncated && fabsf(obs[1]) > 0.2F);
    RV_TEST_FAILS(rv_env_step(env, act, obs, &result), RV_E_INTERNAL, "reset it first");
    rv_env_destroy(&env);
}

RV_TEST_MAIN("env", {"registry and names", registry}, {"every task: reset, state, refusals, allocation", every_task},
             {"action scale", action_scale}, {"time limit and termination", ends})
