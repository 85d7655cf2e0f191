#include "env_test.h"

static void references(void)
{
    env_test_replay("Pendulum-v1.sin.csv", 12 * 3);
    env_test_replay("CartPole-v1.sin.csv", 19 * 4);
    env_test_replay("MountainCarContinuous-v0.sin.csv", 11 * 2);
    env_test_replay("Acrobot-v1.sin.csv", 12 * 6);
}

/* one step from a state; what comes out */
static rv_env_step_result step_from(rv_env *env, const double *state, double u, double *next)
{
    rv_env_step_result result = {0};
    RV_TEST_OK(rv_env_start(env, state, state + rv_env_task_of(env)->n_pos));
    RV_TEST_OK(rv_env_step_raw(env, &u, &result));
    rv_env_numbers(env, next);
    return result;
}

static void pendulum(void)
{
    rv_env *env = NULL;
    const double up[] = {M_PI / 2, 1}; /* torque clipped to 2 */
    double state[2], want[] = {M_PI / 2 + 2.05 * 0.05, 2.05};
    RV_TEST_OK(rv_env_create("Pendulum-v1", &env));
    CU_ASSERT_DOUBLE_EQUAL(step_from(env, up, 5, state).reward, -(M_PI * M_PI / 4 + 0.1 + 0.004), 1e-14);
    RV_TEST_NEAR(2, state, want, 0, 1e-14);
    CU_ASSERT_EQUAL(rv_env_observation(env)[0], (double)(float)cos(state[0]));
    CU_ASSERT_EQUAL(rv_env_observation(env)[1], (double)(float)sin(state[0]));
    /* speed limit, and an angle several turns away */
    const double far_away[] = {-7 * M_PI - 0.5, 7.9};
    double angle = M_PI - 0.5;
    CU_ASSERT_DOUBLE_EQUAL(step_from(env, far_away, 0, state).reward, -(angle * angle + 0.1 * 7.9 * 7.9), 1e-12);
    CU_ASSERT_EQUAL(state[1], 8);
    rv_env_destroy(&env);
}

static void cart_pole(void)
{
    rv_env *env = NULL;
    double state[5];
    rv_env_step_result result;
    RV_TEST_OK(rv_env_create("CartPole-v1", &env));
    /* upright and at rest: the pole's angle turns against the push; positions move with the old velocities */
    const double rest[] = {0, 0, 0, 0}, want[] = {0, 0.02 * 10.0 / 1.1 * (1 + 0.05 / 1.1 / (2.0 / 3 - 0.05 / 1.1)), 0,
                                                  -0.02 * 10.0 / 1.1 / (2.0 / 3 - 0.05 / 1.1)};
    result = step_from(env, rest, 1, state);
    RV_TEST_NEAR(4, state, want, 0, 1e-15);
    CU_ASSERT(result.reward == 1 && !result.terminated);
    result = step_from(env, rest, 0, state);
    CU_ASSERT_EQUAL(state[1], -want[1]);
    /* each bound, and what is just inside; the step that ends pays, those after it do not */
    const double angle = 12 * M_PI / 180;
    const struct {
        double x, theta;
        bool terminated;
    } cases[] = {{2.399, 0, false},           {2.401, 0, true},         {-2.399, 0, false},
                 {-2.401, 0, true},           {0, 0.208, false},        {0, angle + 1e-6, true},
                 {0, -0.208, false},          {0, -angle - 1e-6, true}, {2.4, 0, false},
                 {-2.4, -angle + 1e-9, false}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const double from[] = {cases[k].x, 0, cases[k].theta, 0};
        const double outward = cases[k].x > 0 || cases[k].theta < 0;
        result = step_from(env, from, outward, state);
        CU_ASSERT(result.terminated == cases[k].terminated && result.reward == 1);
        RV_TEST_OK(rv_env_step_raw(env, &outward, &result));
        CU_ASSERT_EQUAL(result.reward, cases[k].terminated ? 0 : 1);
    }
    /* one that comes back pays again; what is remembered past the end is forgotten by a new start */
    const double outside[] = {-2.43, 1, 0, 0}, right = 1;
    CU_ASSERT(step_from(env, outside, 1, state).terminated && state[4] == 1);
    RV_TEST_OK(rv_env_step_raw(env, &right, &result));
    CU_ASSERT(!result.terminated && result.reward == 1);
    CU_ASSERT_EQUAL(step_from(env, rest, 1, state).reward, 1);
    CU_ASSERT_EQUAL(state[4], 0);
    rv_env_destroy(&env);
}

static void mountain_car(void)
{
    rv_env *env = NULL;
    double state[2];
    rv_env_step_result result;
    RV_TEST_OK(rv_env_create("MountainCarContinuous-v0", &env));
    /* the force is clipped, its cost is not; the state is rounded to float32 */
    const double valley[] = {-0.5, 0.01};
    double v = 0.01 + 0.0015 - 0.0025 * cos(-1.5);
    result = step_from(env, valley, 1.5, state);
    CU_ASSERT_DOUBLE_EQUAL(result.reward, -0.225, 1e-15);
    CU_ASSERT(state[0] == (double)(float)(-0.5 + v) && state[1] == (double)(float)v);
    /* the wall on the left stops, the right end does not; speed limit */
    const double left[] = {-1.19, -0.06}, right[] = {0.59, 0.06}, fast[] = {-0.9, 0.0699};
    step_from(env, left, -1, state);
    CU_ASSERT(state[0] == (double)-1.2F && state[1] == 0);
    result = step_from(env, right, 1, state);
    CU_ASSERT(state[0] == (double)0.6F && state[1] > 0.05 && result.terminated);
    step_from(env, fast, 1, state);
    CU_ASSERT_EQUAL(state[1], (double)0.07F);
    /* the goal counts before rounding, and not on the way back */
    const double near[] = {0.44, 0.02}, short_of[] = {0.44, 0.005}, back[] = {0.5, -0.02};
    result = step_from(env, near, 0.5, state);
    CU_ASSERT(result.terminated);
    CU_ASSERT_DOUBLE_EQUAL(result.reward, 99.975, 1e-12);
    CU_ASSERT(!step_from(env, short_of, 0, state).terminated);
    CU_ASSERT(!step_from(env, back, 0, state).terminated);
    rv_env_destroy(&env);
}

/* energy of two rods of mass and length 1 with their centres half-way and moments of inertia 1 */
static double acrobot_energy(const double *s)
{
    double w12 = s[2] + s[3];
    double kinetic =
        0.5 * (0.25 + 1) * s[2] * s[2] + s[2] * s[2] / 2 + 0.5 * (0.25 + 1) * w12 * w12 + 0.5 * s[2] * w12 * cos(s[1]);
    return kinetic - 9.8 * (1.5 * cos(s[0]) + 0.5 * cos(s[0] + s[1]));
}

static void acrobot(void)
{
    rv_env *env = NULL;
    double state[4];
    rv_env_step_result result;
    RV_TEST_OK(rv_env_create("Acrobot-v1", &env));
    /* without torque energy is kept as far as the integrator can; with one it is not */
    const double swing[] = {0.4, -0.3, 0.5, 0.2};
    step_from(env, swing, 1, state);
    CU_ASSERT(fabs(state[0] - swing[0]) > 0.01);
    CU_ASSERT_DOUBLE_EQUAL(acrobot_energy(state), acrobot_energy(swing), 2e-3);
    step_from(env, swing, 2, state);
    CU_ASSERT(fabs(acrobot_energy(state) - acrobot_energy(swing)) > 0.02);
    /* mirrored state and action give the mirrored step */
    const double mirror[] = {-0.4, 0.3, -0.5, -0.2};
    double mirrored[4];
    step_from(env, mirror, 0, mirrored);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_DOUBLE_EQUAL(mirrored[i], -state[i], 1e-14);
    /* angles are turned back, speeds limited */
    const double turning[] = {3.1, -3.1, 12, -28};
    step_from(env, turning, 1, state);
    CU_ASSERT(fabs(state[0]) <= M_PI && fabs(state[1]) <= M_PI);
    CU_ASSERT(fabs(state[2]) <= 4 * M_PI && fabs(state[3]) <= 9 * M_PI);
    const double far_away[] = {1e300, 0, 0, 0};
    step_from(env, far_away, 1, state);
    CU_ASSERT(fabs(state[0]) <= M_PI);
    /* up is higher than a rod above the joint */
    const double up[] = {M_PI, 0, 0, 0}, level[] = {M_PI / 2, M_PI / 2 + 0.2, 0, 0};
    result = step_from(env, up, 1, state);
    CU_ASSERT(result.terminated && result.reward == 0);
    result = step_from(env, level, 1, state);
    CU_ASSERT(!result.terminated && result.reward == -1);
    rv_env_destroy(&env);
}

/* steps of torque 1, from the same equations in NumPy 1.24.2 (without AVX-512, whose sines differ): here the last bit
 * depends on squares being rounded as pow rounds them, which a product does otherwise */
static void acrobot_squares(void)
{
    static const double from[][4] = {
        {0x1.132614434daaep+0, 0x1.69abff2977bfap+0, -0x1.f4cd44deeefe0p+1, 0x1.b21c5db91acc0p-3},
        {-0x1.635d135d51640p-2, 0x1.701321233d060p-3, 0x1.fa0c360eaa158p-1, 0x1.a3059982fac70p+2},
        {0x1.532029d0fc150p-2, 0x1.4e63506187d1ap+0, 0x1.d0ebfbca1eaf0p+0, 0x1.c401355c1c910p+2},
    };
    static const double to[][4] = {
        {0x1.1c6405524210cp-2, 0x1.4c506472cc5b2p+0, -0x1.e77f429db7d7ep+1, -0x1.a9fcd3735b15fp+0},
        {0x1.0a4b6c990e6d0p-6, 0x1.40ec43cffaa2ap+0, 0x1.645989cfa1fddp+1, 0x1.e874661f60e01p+1},
        {0x1.dca8e77f49439p-1, 0x1.326288e350364p+1, 0x1.e8339492cbb36p+1, 0x1.1511f658fb29ep+2},
    };
    rv_env *env = NULL;
    double state[4];
    RV_TEST_OK(rv_env_create("Acrobot-v1", &env));
    for (int k = 0; k < 3; k++) {
        step_from(env, from[k], 2, state);
        for (int i = 0; i < 4; i++)
            CU_ASSERT_EQUAL(state[i], to[k][i]);
    }
    rv_env_destroy(&env);
}

static void reset_range(void)
{
    static const struct {
        const char *name;
        double low[4], high[4];
        bool is_rounded;
    } tasks[] = {{"Pendulum-v1", {-M_PI, -1}, {M_PI, 1}, false},
                 {"CartPole-v1", {-0.05, -0.05, -0.05, -0.05}, {0.05, 0.05, 0.05, 0.05}, false},
                 {"MountainCarContinuous-v0", {-0.6, 0}, {-0.4, 0}, false},
                 {"Acrobot-v1", {-0.1, -0.1, -0.1, -0.1}, {0.1, 0.1, 0.1, 0.1}, true}};
    for (int k = 0; k < 4; k++) {
        rv_env *env = NULL;
        double least[4] = {9, 9, 9, 9}, most[4] = {-9, -9, -9, -9}, state[5];
        int n_rounded = 0;
        float obs[6];
        RV_TEST_OK(rv_env_create(tasks[k].name, &env));
        int n = rv_env_task_of(env)->n_pos + rv_env_task_of(env)->n_vel;
        for (unsigned i = 0; i < 1000; i++) {
            rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, i);
            RV_TEST_OK(rv_env_reset(env, &rng, obs));
            rv_env_numbers(env, state);
            n_rounded += state[0] == (double)(float)state[0];
            for (int j = 0; j < n; j++) {
                least[j] = fmin(least[j], state[j]);
                most[j] = fmax(most[j], state[j]);
            }
        }
        for (int j = 0; j < n; j++) {
            double margin = 0.01 * (tasks[k].high[j] - tasks[k].low[j]);
            CU_ASSERT(least[j] >= tasks[k].low[j] - 1e-8 && least[j] <= tasks[k].low[j] + margin);
            CU_ASSERT(most[j] <= tasks[k].high[j] + 1e-8 && most[j] >= tasks[k].high[j] - margin);
        }
        CU_ASSERT_EQUAL(n_rounded == 1000, tasks[k].is_rounded);
        rv_env_destroy(&env);
    }
}

/* flag, reward and state from observations agree with what the environment says, over episodes of random actions */
static void model_functions(void)
{
    static const char *const names[] = {"Pendulum-v1", "CartPole-v1", "MountainCarContinuous-v0", "Acrobot-v1"};
    for (int k = 0; k < 4; k++) {
        rv_env *env = NULL;
        float obs[2][6], act[3], reward = 0;
        RV_TEST_OK(rv_env_create(names[k], &env));
        const rv_env_spec *spec = rv_env_spec_of(env);
        rv_rng rng = rv_rng_at(2, RV_STREAM_TEST, 0, 0);
        int n_ends = 0;
        CU_ASSERT_EQUAL(spec->terminated == NULL, k == 0);
        for (int t = 0; t < 5000; t++) {
            rv_env_step_result result;
            unsigned char done = 0;
            if (!rv_env_is_running(env))
                RV_TEST_OK(rv_env_reset(env, &rng, obs[0]));
            for (int i = 0; i < spec->n_act; i++)
                act[i] = (float)(2.4 * rv_rng_uniform(&rng) - 1.2);
            if (k == 2) /* with the speed, so that it gets up the hill */
                act[0] = obs[0][1] >= 0 ? 1 : -1.1F;
            if (k == 3) /* with the elbow's speed: torque that adds energy */
                act[obs[0][5] >= 0 ? 2 : 0] = 2;
            RV_TEST_OK(rv_env_step(env, act, obs[1], &result));
            if (spec->terminated)
                spec->terminated(spec, 1, obs[1], &done);
            CU_ASSERT_EQUAL(done, result.terminated);
            double state[5], shown[5] = {0};
            rv_env_numbers(env, state);
            CU_ASSERT(rv_env_pose(rv_env_task_of(env), obs[0], obs[1], shown));
            for (int i = 0; i < 4 && i < rv_env_task_of(env)->n_pos + rv_env_task_of(env)->n_vel; i++)
                CU_ASSERT_DOUBLE_EQUAL(remainder(shown[i] - state[i], 2 * M_PI), 0, 1e-5);
            spec->reward(spec, 1, obs[0], act, obs[1], &reward);
            CU_ASSERT_DOUBLE_EQUAL(reward, result.reward, 1e-6 * (1 + fabs(result.reward)));
            n_ends += result.terminated;
            memcpy(obs[0], obs[1], sizeof obs[0]);
        }
        CU_ASSERT(k == 0 ? n_ends == 0 : n_ends > 3);
        rv_env_destroy(&env);
    }
}

/* predicted observations, several at once, also what is no number */
static void predicted_ends(void)
{
    const rv_env_spec *spec = NULL;
    unsigned char done[6];
    const float poles[6][4] = {{2.3999F, 9, 0.2094F, 9}, {2.4001F, 0, 0, 0},  {-2.4001F, 0, 0, 0},
                               {0, 0, 0.20944F, 0},      {0, 0, -0.2095F, 0}, {NAN, 0, 0, 0}};
    const unsigned char poles_done[] = {0, 1, 1, 1, 1, 1};
    RV_TEST_OK(rv_env_find("CartPole-v1", &spec));
    spec->terminated(spec, 6, poles[0], done);
    CU_ASSERT(memcmp(done, poles_done, 6) == 0);
    const float cars[5][2] = {{0.4501F, 0}, {0.4499F, 0.07F}, {0.5F, -0.001F}, {0.6F, 0.01F}, {NAN, 0}};
    const unsigned char cars_done[] = {1, 0, 0, 1, 0};
    RV_TEST_OK(rv_env_find("MountainCarContinuous-v0", &spec));
    spec->terminated(spec, 5, cars[0], done);
    CU_ASSERT(memcmp(done, cars_done, 5) == 0);
    const float rods[4][6] = {{-1, 0, 1, 0, 0, 0}, {1, 0, 1, 0, 0, 0}, {0, 1, 0, 1, 0, 0}, {0, 1, -0.1F, 0.995F, 0, 0}};
    const unsigned char rods_done[] = {1, 0, 0, 0};
    float reward[4];
    RV_TEST_OK(rv_env_find("Acrobot-v1", &spec));
    spec->terminated(spec, 4, rods[0], done);
    CU_ASSERT(memcmp(done, rods_done, 4) == 0);
    spec->reward(spec, 4, rods[0], rods[0], rods[0], reward);
    CU_ASSERT(reward[0] == 0 && reward[1] == -1 && reward[2] == -1 && reward[3] == -1);
}

/* the first of the largest scores is the action; a number that is none is refused */
static void choices(void)
{
    rv_env *a = NULL, *b = NULL;
    float obs[6];
    rv_env_step_result result;
    const float scores[][3] = {{0.1F, 0, 0}, {-1, -0.5F, -1}, {-0.3F, -0.3F, 0.2F}, {0.5F, 0.5F, 0.5F}};
    const double number[] = {0, 1, 2, 0};
    RV_TEST_OK(rv_env_create("Acrobot-v1", &a));
    RV_TEST_OK(rv_env_create("Acrobot-v1", &b));
    for (int i = 0; i < 4; i++) {
        rv_rng rng = rv_rng_at(4, RV_STREAM_TEST, 0, 0), same = rng;
        RV_TEST_OK(rv_env_reset(a, &rng, obs));
        RV_TEST_OK(rv_env_reset(b, &same, obs));
        RV_TEST_OK(rv_env_step(a, scores[i], obs, &result));
        RV_TEST_OK(rv_env_step_raw(b, &number[i], &result));
        CU_ASSERT(memcmp(rv_env_observation(a), rv_env_observation(b), 6 * sizeof(double)) == 0);
    }
    const double bad[] = {3, -1, 0.5, NAN};
    for (int i = 0; i < 4; i++)
        RV_TEST_FAILS(rv_env_step_raw(b, &bad[i], &result), RV_E_DATA, "expected a whole number below 3");
    rv_env_destroy(&a);
    rv_env_destroy(&b);
}

RV_TEST_MAIN("classic", {"reference trajectories", references}, {"pendulum by hand", pendulum},
             {"cart pole by hand", cart_pole}, {"mountain car by hand", mountain_car}, {"acrobot by hand", acrobot},
             {"acrobot's squares", acrobot_squares}, {"reset range", reset_range},
             {"functions of observations", model_functions}, {"predicted ends", predicted_ends}, {"choices", choices})
