#include "base/memory.h"
#include "env/randomise.h"
#include "env_test.h"

#include <math.h>

/* ---- distributions ---- */

static void forms(void)
{
    const struct {
        const char *text;
        rv_distribution_kind kind;
        double a, b;
    } good[] = {
        {"uniform(0.8, 1.2)", RV_DISTRIBUTION_UNIFORM, 0.8, 1.2},
        {"uniform(1,1)", RV_DISTRIBUTION_UNIFORM, 1, 1},
        {"log_uniform( 0.5 ,2e0 )", RV_DISTRIBUTION_LOG_UNIFORM, 0.5, 2},
        {"normal(1, 0)", RV_DISTRIBUTION_NORMAL, 1, 0},
        {"normal(0.125, 1.5)", RV_DISTRIBUTION_NORMAL, 0.125, 1.5},
        {"", RV_DISTRIBUTION_NONE, 0, 0},
    };
    rv_distribution d;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        RV_TEST_OK(rv_distribution_parse(good[i].text, 0.1, 2, &d));
        CU_ASSERT(d.kind == good[i].kind && d.a == good[i].a && d.b == good[i].b && d.min == 0.1 && d.max == 2);
    }
    const char *const bad[] = {"uniform",
                               "uniform(1)",
                               "uniform(1, 2",
                               "uniform(1, 2) ",
                               " uniform(1, 2)",
                               "uniform (1, 2)",
                               "uniform(1, 2,)",
                               "uniform(1, 2, 3)",
                               "uniform(1; 2)",
                               "(1, 2)",
                               ", (1)",
                               "uniform(, 1)",
                               "uniform(nan, 1)",
                               "normal(1, inf)",
                               "beta(1, 2)",
                               "unifor(1, 2)",
                               "uniforms(1, 2)",
                               "uniform(1e999, 2)",
                               "1",
                               "uniform(0x1, 2)",
                               "Uniform(1, 2)",
                               "normal(1,)",
                               "uniform(1 1, 2)"};
    d.kind = RV_DISTRIBUTION_NORMAL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        RV_TEST_FAILS(rv_distribution_parse(bad[i], 0, 10, &d), RV_E_CONFIG, "expected uniform(LOW, HIGH), log_");
        CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, bad[i]));
        CU_ASSERT_EQUAL(d.kind, RV_DISTRIBUTION_NORMAL);
    }
}

static void ranges(void)
{
    const struct {
        const char *text, *part;
    } bad[] = {
        {"uniform(2, 1)", "uniform(2, 1): LOW must be at most HIGH"},
        {"log_uniform(2, 1)", "LOW must be at most HIGH"},
        {"uniform(-0.1, 1)", "uniform(-0.1, 1) must lie in [0, 10]"},
        {"uniform(0, 10.1)", "must lie in [0, 10]"},
        {"log_uniform(0, 1)", "log_uniform(0, 1): LOW must be above 0"},
        {"normal(-1, 1)", "the mean of normal(-1, 1) must lie in [0, 10]"},
        {"normal(11, 1)", "the mean of"},
        {"normal(1, -1)", "the standard deviation of normal(1, -1) must lie in [0, 10]"},
        {"normal(1, 10.5)", "the standard deviation of"},
    };
    rv_distribution d;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        RV_TEST_FAILS(rv_distribution_parse(bad[i].text, 0, 10, &d), RV_E_CONFIG, bad[i].part);
    RV_TEST_OK(rv_distribution_parse("uniform(0, 10)", 0, 10, &d));
    RV_TEST_OK(rv_distribution_parse("normal(0, 10)", 0, 10, &d));
}

/* mean and variance of many draws, against the integrals, within 4 standard errors (the fourth moment is taken as that
 * of a normal, which is more than that of the others); all in [low, high] */
static void check_moments(const char *text, double mean, double variance, double low, double high)
{
    enum { N = 40000 };
    rv_distribution d;
    double sum = 0, square = 0, least = INFINITY, most = -INFINITY;
    RV_TEST_OK(rv_distribution_parse(text, 0, 10, &d));
    for (unsigned i = 0; i < N; i++) {
        rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, i);
        double x = rv_distribution_draw(&d, &rng);
        sum += x;
        square += (x - mean) * (x - mean);
        least = fmin(least, x);
        most = fmax(most, x);
    }
    CU_ASSERT_DOUBLE_EQUAL(sum / N, mean, 4 * sqrt(variance / N));
    CU_ASSERT_DOUBLE_EQUAL(square / N, variance, 4 * variance * sqrt(2.0 / N));
    CU_ASSERT(least >= low && most <= high);
}

static void moments(void)
{
    double l = log(4);
    check_moments("uniform(0.5, 2.5)", 1.5, 4.0 / 12, 0.5, 2.5);
    check_moments("log_uniform(0.5, 2)", 1.5 / l, 3.75 / 2 / l - 1.5 / l * 1.5 / l, 0.5, 2);
    check_moments("normal(3, 0.25)", 3, 0.0625, 0, 10);
    /* half of them are redrawn: a half-normal */
    check_moments("normal(0, 0.5)", 0.5 * sqrt(2 / M_PI), 0.25 * (1 - 2 / M_PI), 0, 10);
    rv_distribution d;
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    const char *const points[] = {"uniform(0.7, 0.7)", "log_uniform(0.7, 0.7)", "normal(0.7, 0)"};
    for (int i = 0; i < 3; i++) {
        RV_TEST_OK(rv_distribution_parse(points[i], 0, 10, &d));
        CU_ASSERT_EQUAL(rv_distribution_draw(&d, &rng), 0.7);
    }
}

/* ---- environments ---- */

static const rv_randomise_cfg everything = {.mass = "uniform(0.5, 1.5)",
                                            .friction = "log_uniform(0.5, 2)",
                                            .damping = "normal(1, 0.1)",
                                            .gear = "uniform(0.8, 1.2)",
                                            .delay = "uniform(0, 0.03)",
                                            .obs_noise = "uniform(0.01, 0.02)"};

static rv_env *make(const char *name, const rv_randomise_cfg *cfg)
{
    rv_env *env = NULL;
    RV_TEST_OK(rv_env_create(name, &env));
    RV_TEST_OK(rv_env_randomise(env, cfg));
    return env;
}

static void reset(rv_env *env, uint32_t unit, uint64_t episode, float *obs)
{
    rv_rng rng = rv_rng_at(8, RV_STREAM_ENV_RESET, unit, episode);
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
}

static void nothing_named(void)
{
    const rv_randomise_cfg off = {.in_evaluation = true};
    rv_env *plain = NULL, *env = make("Hopper-v4", &off);
    float a[ENV_TEST_MAX], b[ENV_TEST_MAX];
    RV_TEST_OK(rv_env_create("Hopper-v4", &plain));
    CU_ASSERT_PTR_NULL(rv_env_draws(env));
    CU_ASSERT_EQUAL(rv_env_state_size(env), rv_env_state_size(plain));
    rv_rng x = rv_rng_at(1, RV_STREAM_TEST, 0, 0), y = x;
    RV_TEST_OK(rv_env_reset(env, &x, a));
    RV_TEST_OK(rv_env_reset(plain, &y, b));
    CU_ASSERT(memcmp(a, b, 11 * sizeof *a) == 0 && memcmp(&x, &y, sizeof x) == 0);
    rv_env_destroy(&plain);
    rv_env_destroy(&env);
}

/* the draws are a function of the generator, come after what the task draws, and their moments are those asked for; two
 * quantities, two units and two episodes have nothing to do with each other */
static void draws_of_episodes(void)
{
    enum { N = 4000 };
    rv_env *env = make("InvertedPendulum-v4", &everything), *plain = NULL;
    float obs[4], same[4];
    double mean[2] = {0}, product = 0, over_units = 0, over_episodes = 0, before = 0, delays[4] = {0};
    RV_TEST_OK(rv_env_create("InvertedPendulum-v4", &plain));
    for (uint64_t e = 0; e < N; e++) {
        reset(env, 1, e, obs);
        rv_random_draws other = *rv_env_draws(env);
        reset(env, 0, e, obs);
        const rv_random_draws *d = rv_env_draws(env);
        double mass = d->value[RV_RANDOM_MASS] - 1, damping = d->value[RV_RANDOM_DAMPING] - 1;
        mean[0] += mass / N;
        mean[1] += damping / N;
        product += mass * damping / N;
        over_units += mass * (other.value[RV_RANDOM_MASS] - 1) / N;
        over_episodes += mass * before / N;
        before = mass;
        double steps = d->value[RV_RANDOM_DELAY] / 0.02; /* 0 or 1 time steps of 0.02 s */
        CU_ASSERT(steps == 0 || steps == 1);
        delays[(int)steps] += 1.0 / N;
        CU_ASSERT(mass >= -0.5 && mass <= 0.5);
    }
    CU_ASSERT_DOUBLE_EQUAL(mean[0], 0, 4 / sqrt(12.0 * N));
    CU_ASSERT_DOUBLE_EQUAL(mean[1], 0, 4 * 0.1 / sqrt(N));
    CU_ASSERT_DOUBLE_EQUAL(product, 0, 4 * 0.1 / sqrt(12.0 * N));
    CU_ASSERT_DOUBLE_EQUAL(over_units, 0, 4 / 12.0 / sqrt(N));
    CU_ASSERT_DOUBLE_EQUAL(over_episodes, 0, 4 / 12.0 / sqrt(N));
    CU_ASSERT_DOUBLE_EQUAL(delays[0], 1.0 / 3, 4 * 0.5 / sqrt(N));

    rv_random_draws first = *rv_env_draws(env);
    reset(env, 0, N + 1, obs);
    CU_ASSERT(memcmp(&first, rv_env_draws(env), sizeof first) != 0);
    reset(env, 0, N - 1, obs);
    CU_ASSERT(memcmp(&first, rv_env_draws(env), sizeof first) == 0);
    for (int i = 0; i < RV_N_RANDOM; i++)
        CU_ASSERT(first.is_on[i]);
    reset(plain, 0, N - 1, same);
    for (int i = 0; i < 4; i++) /* the start is the unrandomised one, the noise aside */
        CU_ASSERT_DOUBLE_EQUAL(obs[i], same[i], 6 * 0.02);
    CU_ASSERT(memcmp(rv_env_observation(env), rv_env_observation(plain), 4 * sizeof(double)) == 0);
    rv_env_destroy(&plain);
    rv_env_destroy(&env);
}

/* a draw is what happens: other masses, other motion; a factor of 1 and no delay, the same to the bit */
static void draws_are_in_force(void)
{
    static const rv_randomise_cfg alone[] = {{.mass = "uniform(0.5, 0.5)"},
                                             {.friction = "uniform(0.1, 0.1)"},
                                             {.damping = "uniform(3, 3)"},
                                             {.gear = "uniform(2, 2)"},
                                             {.delay = "uniform(0.01, 0.01)"}};
    static const rv_randomise_cfg nominal = {.mass = "uniform(1, 1)",
                                             .friction = "log_uniform(1, 1)",
                                             .damping = "normal(1, 0)",
                                             .gear = "uniform(1, 1)",
                                             .delay = "uniform(0, 0.0009)",
                                             .obs_noise = "uniform(0, 0)"};
    enum { N = 90, OBS = 17 };
    float plain[N * OBS], other[N * OBS], obs[OBS];
    double reward[N];
    rv_env *env = NULL;
    RV_TEST_OK(rv_env_create("HalfCheetah-v4", &env));
    reset(env, 0, 0, obs);
    env_test_run(env, 0, N, plain, reward);
    rv_env_destroy(&env);
    for (int i = 0; i < 6; i++) {
        env = make("HalfCheetah-v4", i < 5 ? &alone[i] : &nominal);
        reset(env, 0, 0, obs);
        for (int q = 0; q < RV_N_RANDOM && i < 5; q++)
            CU_ASSERT_EQUAL(rv_env_draws(env)->is_on[q], q == i);
        env_test_run(env, 0, N, other, reward);
        CU_ASSERT_EQUAL(memcmp(plain, other, sizeof plain) == 0, i == 5);
        rv_env_destroy(&env);
    }
}

/* the learner's observation has the noise, the simulation, its reward and its end have not */
static void noise(const char *name, int n_obs)
{
    enum { N = 3000 };
    const rv_randomise_cfg cfg = {.obs_noise = "uniform(0.25, 0.25)"};
    rv_env *env = make(name, &cfg), *plain = NULL;
    float a[ENV_TEST_MAX], b[ENV_TEST_MAX], act[ENV_TEST_MAX] = {0}, start[ENV_TEST_MAX];
    double sum = 0, square = 0, in_time = 0, last = 0;
    uint64_t episode = 0;
    RV_TEST_OK(rv_env_create(name, &plain));
    reset(env, 0, 0, a);
    reset(plain, 0, 0, b);
    memcpy(start, a, sizeof start);
    for (int t = 0; t < N; t++) {
        rv_env_step_result x, y;
        for (int i = 0; i < n_obs; i++) {
            double e = (double)a[i] - (double)b[i];
            sum += e / (N * n_obs);
            square += e * e / (N * n_obs);
            in_time += i == 0 ? e * last / N : 0;
            last = i == 0 ? e : last;
        }
        CU_ASSERT(memcmp(rv_env_observation(env), rv_env_observation(plain), (size_t)n_obs * sizeof(double)) == 0);
        RV_TEST_OK(rv_env_step(env, act, a, &x));
        RV_TEST_OK(rv_env_step(plain, act, b, &y));
        CU_ASSERT(x.reward == y.reward && x.terminated == y.terminated && x.truncated == y.truncated);
        if (x.terminated || x.truncated) {
            reset(env, 0, ++episode, a);
            reset(plain, 0, episode, b);
        }
    }
    CU_ASSERT_DOUBLE_EQUAL(sum, 0, 4 * 0.25 / sqrt(N * n_obs));
    CU_ASSERT_DOUBLE_EQUAL(square, 0.0625, 4 * 0.0625 * sqrt(2.0 / (N * n_obs)));
    CU_ASSERT_DOUBLE_EQUAL(in_time, 0, 4 * 0.0625 / sqrt(N));
    reset(env, 0, 0, a);
    CU_ASSERT(memcmp(a, start, (size_t)n_obs * sizeof *a) == 0);
    reset(plain, 0, 0, b);
    double first = (double)a[0] - (double)b[0];
    reset(env, 0, 1, a);
    reset(plain, 0, 1, b);
    CU_ASSERT(fabs((double)a[0] - (double)b[0] - first) > 1e-4); /* an episode's own */
    rv_env_destroy(&plain);
    rv_env_destroy(&env);
}

static void noise_of_tasks(void)
{
    noise("Hopper-v4", 11);
    noise("Pendulum-v1", 3);
}

/* a state taken within an episode, with controls under way, goes on bit for bit in an environment with another history
 */
static void state_round_trip(void)
{
    enum { N = 40, OBS = 11, LAST = 6 };
    rv_env *a = make("Hopper-v4", &everything), *b = make("Hopper-v4", &everything), *plain = NULL;
    float obs[N * OBS], run_a[N * OBS], run_b[N * OBS];
    double reward_a[N], reward_b[N];
    unsigned char state[2048], again[2048], bad[2048];
    RV_TEST_OK(rv_env_create("Hopper-v4", &plain));
    size_t n = rv_env_state_size(a), at = rv_env_state_size(plain);
    CU_ASSERT_EQUAL_FATAL(n, at + (RV_N_RANDOM + 3 * 5) * sizeof(double)); /* 15 time steps: 4 steps, and the present */
    rv_env_state_save(a, state);                                           /* before the first episode, too */
    RV_TEST_OK(rv_env_state_load(b, state, n));
    CU_ASSERT(!rv_env_is_running(b));
    uint64_t episode = 0;
    do /* one with a delay of more than a step */
        reset(a, 0, episode++, obs);
    while (rv_env_draws(a)->value[RV_RANDOM_DELAY] < 0.02);
    env_test_run(a, 0, LAST, run_a, reward_a);
    rv_env_state_save(a, state);
    reset(b, 1, 0, obs);
    env_test_run(b, 11, 7, run_b, reward_b);
    RV_TEST_OK(rv_env_state_load(b, state, n));
    CU_ASSERT(memcmp(rv_env_draws(a), rv_env_draws(b), sizeof(rv_random_draws)) == 0);
    rv_env_state_save(b, again);
    CU_ASSERT(memcmp(state, again, n) == 0);
    env_test_run(a, LAST, N, run_a, reward_a);
    env_test_run(b, LAST, N, run_b, reward_b);
    CU_ASSERT(memcmp(run_a, run_b, sizeof run_a) == 0 && memcmp(reward_a, reward_b, sizeof reward_a) == 0);
    rv_env_state_save(a, state);
    rv_env_state_save(b, again);
    CU_ASSERT(memcmp(state, again, n) == 0);

    /* bad bytes are refused and leave the environment as it was */
    const struct {
        size_t i;
        double x;
        const char *part;
    } cases[] = {{RV_RANDOM_MASS, 0, "the state is corrupt: mass is 0"},
                 {RV_RANDOM_FRICTION, NAN, "friction is"},
                 {RV_RANDOM_DELAY, 0.031, "delay is 0.031"},
                 {RV_RANDOM_OBS_NOISE, -1, "obs_noise is -1"},
                 {RV_N_RANDOM + 14, INFINITY, "a control under way is inf"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        memcpy(bad, state, n);
        memcpy(bad + at + cases[k].i * sizeof(double), &cases[k].x, sizeof(double));
        RV_TEST_FAILS(rv_env_state_load(b, bad, n), RV_E_DATA, cases[k].part);
        rv_env_state_save(b, again);
        CU_ASSERT(memcmp(state, again, n) == 0);
    }
    RV_TEST_FAILS(rv_env_state_load(b, state, at), RV_E_DATA, "a state has");
    rv_env_destroy(&plain);
    rv_env_destroy(&b);
    rv_env_destroy(&a);
}

static void no_allocation(void)
{
    int64_t blocks = rv_mem_blocks();
    rv_env *env = make("Hopper-v4", &everything);
    float obs[20 * 11];
    double reward[20];
    int64_t calls = rv_mem_calls();
    reset(env, 0, 0, obs);
    env_test_run(env, 0, 20, obs, reward);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    rv_env_destroy(&env);
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

static void refusals(void)
{
    const rv_randomise_cfg mass = {.mass = "uniform(1, 2)"}, bad = {.gear = "uniform(1; 2)"};
    int64_t blocks = rv_mem_blocks();
    rv_env *env = NULL;
    float obs[ENV_TEST_MAX];
    RV_TEST_OK(rv_env_create("Pendulum-v1", &env));
    RV_TEST_FAILS(rv_env_randomise(env, &mass), RV_E_CONFIG,
                  "randomise.mass must be empty: Pendulum-v1 does not run on MuJoCo");
    CU_ASSERT_PTR_NULL(rv_env_draws(env));
    rv_env_destroy(&env);
    RV_TEST_OK(rv_env_create("Hopper-v4", &env));
    RV_TEST_FAILS(rv_env_randomise(env, &bad), RV_E_CONFIG, "randomise.gear: expected uniform(LOW, HIGH)");
    reset(env, 0, 0, obs);
    RV_TEST_FAILS(rv_env_randomise(env, &mass), RV_E_INTERNAL, "within an episode");
    rv_env_destroy(&env);
    env = make("Hopper-v4", &mass);
    RV_TEST_FAILS(rv_env_randomise(env, &mass), RV_E_INTERNAL, "already");
    rv_env_destroy(&env);
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

RV_TEST_MAIN("randomise", {"what a text may be", forms}, {"what its numbers may be", ranges}, {"moments", moments},
             {"nothing named, nothing changed", nothing_named}, {"draws of episodes", draws_of_episodes},
             {"draws are in force", draws_are_in_force}, {"noise", noise_of_tasks},
             {"state round trip", state_round_trip}, {"no allocation", no_allocation}, {"refusals", refusals})
