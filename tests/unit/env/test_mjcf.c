#include "base/file.h"
#include "env/mjcf_terms.h"
#include "env_test.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- tasks that exist for a test ---- */

static char folder[64] = "/tmp/test_mjcf_XXXXXX";

static void put(const char *name, const char *text)
{
    char path[RV_PATH];
    RV_TEST_OK(rv_path_join(folder, name, path));
    RV_TEST_OK(rv_file_write(path, text, strlen(text)));
}

/* the task of m.xml and this description, made known anew */
static rv_status know(const char *yaml, const char *xml, rv_env_cfg *cfg)
{
    *cfg = (rv_env_cfg){.count = 1};
    snprintf(cfg->name, sizeof cfg->name, "%s/t.yaml", folder);
    put("m.xml", xml);
    put("t.yaml", yaml);
    rv_env_forget();
    return rv_env_register(cfg);
}

static rv_env *make(const char *yaml, const char *xml)
{
    rv_env_cfg cfg;
    rv_env *env = NULL;
    RV_TEST_OK(know(yaml, xml, &cfg));
    RV_TEST_OK(rv_env_create(cfg.name, &env));
    return env;
}

/* an arm that turns about y, 1 m above the origin, with a hand that slides along it; no gravity */
#define ARM(more)                                                                                                      \
    "<mujoco><compiler angle='radian'/><option timestep='0.01' gravity='0 0 0'/>" more "<worldbody>"                   \
    "<site name='goal' pos='0.1 0.2 2'/>"                                                                              \
    "<body name='arm' pos='0 0 1'>"                                                                                    \
    "  <joint name='hip' type='hinge' axis='0 1 0'/>"                                                                  \
    "  <geom type='capsule' fromto='0 0 0 0.5 0 0' size='.05' mass='1'/>"                                              \
    "  <site name='tip' pos='0.7 0 0'/>"                                                                               \
    "  <body name='hand' pos='0.5 0 0'>"                                                                               \
    "    <joint name='reach' type='slide' axis='1 0 0'/>"                                                              \
    "    <geom type='sphere' size='.05' mass='2' contype='0'/>"                                                        \
    "  </body>"                                                                                                        \
    "</body></worldbody>"                                                                                              \
    "<actuator>"                                                                                                       \
    "  <motor name='turn' joint='hip' ctrllimited='true' ctrlrange='-2 2'/>"                                           \
    "  <motor name='push' joint='reach' ctrllimited='true' ctrlrange='-1 3'/>"                                         \
    "</actuator>"                                                                                                      \
    "<sensor>"                                                                                                         \
    "  <jointpos name='angle' joint='hip'/><framepos name='where' objtype='site' objname='tip'/>"                      \
    "  <actuatorfrc name='torque' actuator='turn'/><gyro name='gyro' site='tip'/>"                                     \
    "</sensor></mujoco>"

#define MODEL "model: m.xml\n"
#define PLAIN "observation:\n- joint_position: all\nreward:\n- constant: 1\n"

/* a ball on the ground, and a motor that has nothing to do with it */
static const char ball_xml[] =
    "<mujoco><compiler angle='radian'/><size nstack='100000'/><worldbody><geom name='floor' type='plane' size='5 5 1'/>"
    "<body name='ball' pos='0 0 0.2'><freejoint name='root'/><geom type='sphere' size='0.2' mass='2'/>"
    "<site name='skin' type='sphere' size='0.3'/></body>"
    "<body name='joy' pos='2 0 1'><joint name='joy' type='ball' damping='1'/>"
    "<geom type='box' size='.1 .2 .3' pos='.1 0 0' mass='1'/></body>"
    "<body name='wheel' pos='-2 0 1'><joint name='wheel' type='hinge' axis='1 0 0' armature='1'/>"
    "<geom type='sphere' size='.1' mass='1'/></body>"
    "</worldbody>"
    "<actuator><motor joint='wheel' ctrllimited='true' ctrlrange='-1 1'/></actuator>"
    "<sensor><touch name='touch' site='skin'/></sensor>"
    "<keyframe><key name='high' qpos='1 2 3 0 1 0 0  1 0 0 0  0.5' qvel='1 2 3 4 5 6  7 8 9  10'/></keyframe></mujoco>";

static void reset(rv_env *env, unsigned k, float *obs)
{
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, k);
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
}

/* ---- quantities ---- */

static const char everything[] = MODEL "frame_skip: 3\n"
                                       "reset:\n"
                                       "  position: {hip: 0.4, reach: 0.1}\n"
                                       "  velocity: {hip: -0.7, reach: 0.3}\n"
                                       "observation:\n"
                                       "- joint_position: all\n"                                    /* 0 */
                                       "- joint_velocity: [reach, hip]\n"                           /* 2 */
                                       "- joint_sin: hip\n"                                         /* 4 */
                                       "- joint_cos: hip\n"                                         /* 5 */
                                       "- joint_rate: all\n"                                        /* 6 */
                                       "- body_position: hand\n"                                    /* 8 */
                                       "- {body_orientation: hand, axes: wy}\n"                     /* 11 */
                                       "- body_upright: arm\n"                                      /* 13 */
                                       "- body_velocity: hand\n"                                    /* 14 */
                                       "- {body_spin: hand, axes: y}\n"                             /* 17 */
                                       "- {body_rate: hand, axes: zx}\n"                            /* 18 */
                                       "- {com_position: arm, axes: xz}\n"                          /* 20 */
                                       "- {com_rate: world, axes: x}\n"                             /* 22 */
                                       "- site_position: tip\n"                                     /* 23 */
                                       "- {site_position: tip, minus: goal}\n"                      /* 26 */
                                       "- site_velocity: tip\n"                                     /* 29 */
                                       "- {site_rate: tip, minus: goal}\n"                          /* 32 */
                                       "- sensor: [torque, where, angle]\n"                         /* 35 */
                                       "- {sensor: gyro, axes: y}\n"                                /* 40 */
                                       "- control: all\n"                                           /* 41 */
                                       "- contact_force: [arm, world]\n"                            /* 43 */
                                       "- {joint_position: hip, minus: reach, scale: 3, clip: 1}\n" /* 45 */
                                       "- {joint_velocity: all, except: hip, clip: [5, 6]}\n"       /* 46 */
                                       "reward:\n- constant: 1\n";
enum { N_ALL = 47 };

/* what each of them is, from joint positions and velocities s and those one step before */
static void by_hand(const double *s, const double *before, const double *u, double dt, double *o)
{
    double q = s[0], r = 0.5 + s[1], dq = s[2], dr = s[3], c = cos(q), n = sin(q), m = (0.25 + 2 * r) / 3;
    double q0 = before[0], r0 = 0.5 + before[1], m0 = (0.25 + 2 * r0) / 3;
    const double expected[N_ALL] = {q, s[1], dr, dq, n, c, (q - q0) / dt, (s[1] - before[1]) / dt,
                                    /* hand */
                                    r * c, 0, 1 - r * n, cos(q / 2), n / (2 * cos(q / 2)), c, dr * c - r * dq * n, 0,
                                    -dr * n - r * dq * c, dq, (r0 * sin(q0) - r * n) / dt, (r * c - r0 * cos(q0)) / dt,
                                    /* centres of mass: all mass is the arm's and the hand's */
                                    m * c, 1 - m * n, (m * c - m0 * cos(q0)) / dt,
                                    /* tip */
                                    0.7 * c, 0, 1 - 0.7 * n, 0.7 * c - 0.1, -0.2, -1 - 0.7 * n, -0.7 * dq * n, 0,
                                    -0.7 * dq * c, 0.7 * (c - cos(q0)) / dt, 0, 0.7 * (sin(q0) - n) / dt,
                                    /* sensors: torque, place of the tip, angle, spin */
                                    u[0], 0.7 * c, 0, 1 - 0.7 * n, q, dq, u[0], u[1], 0, 0,
                                    fmin(fmax(3 * (q - s[1]), -1), 1), 5};
    memcpy(o, expected, sizeof expected);
}

static void each_quantity(void)
{
    rv_env *env = make(everything, ARM(""));
    const rv_env_spec *spec = rv_env_spec_of(env);
    float obs[ENV_TEST_MAX];
    double s[2 * ENV_TEST_MAX], before[ENV_TEST_MAX], expected[N_ALL], u[2] = {0};
    CU_ASSERT_EQUAL_FATAL(spec->n_obs, N_ALL);
    CU_ASSERT(spec->n_act == 2 && spec->act_low[0] == -2 && spec->act_high[0] == 2 && spec->act_low[1] == -1 &&
              spec->act_high[1] == 3);
    CU_ASSERT(spec->time_limit == 1000 && fabs(spec->dt - 0.03) < 1e-15 && isnan(spec->threshold));
    CU_ASSERT_STRING_EQUAL(spec->help, "m.xml");
    CU_ASSERT(!spec->terminated && !spec->reward && !spec->note && !spec->is_stateless);
    reset(env, 0, obs);
    rv_env_numbers(env, s);
    CU_ASSERT(s[0] == 0.4 && s[1] == 0.1 && s[2] == -0.7 && s[3] == 0.3);
    memcpy(before, s, sizeof before);
    by_hand(s, before, u, 0.03, expected);
    RV_TEST_NEAR(N_ALL, rv_env_observation(env), expected, 1e-13, 1e-13);
    for (int t = 0; t < 40; t++) {
        rv_env_step_result result;
        u[0] = 2 * sin(0.3 * t);
        u[1] = 1 + cos(0.5 * t);
        memcpy(before, s, sizeof before);
        RV_TEST_OK(rv_env_step_raw(env, u, &result));
        rv_env_numbers(env, s);
        by_hand(s, before, u, 0.03, expected);
        RV_TEST_NEAR(N_ALL, rv_env_observation(env), expected, 1e-12, 1e-12);
        CU_ASSERT(fabs(s[2] - before[2]) > 1e-6); /* an older instant would show */
    }
    rv_env_destroy(&env);
}

static void contact_and_free_joints(void)
{
    rv_env *env = make(MODEL "frame_skip: 5\nobservation:\n- contact_force: [ball, wheel]\n- sensor: touch\n"
                             "- joint_position: root\n- joint_velocity: [root, joy]\n- joint_position: joy\n"
                             "reward:\n- constant: 1\n",
                       ball_xml);
    const double zero[1] = {0};
    rv_env_step_result result;
    double s[ENV_TEST_MAX];
    CU_ASSERT_EQUAL_FATAL(rv_env_spec_of(env)->n_obs, 3 + 7 + 6 + 3 + 4);
    reset(env, 0, NULL);
    for (int t = 0; t < 300; t++)
        RV_TEST_OK(rv_env_step_raw(env, zero, &result));
    const double *o = rv_env_observation(env);
    CU_ASSERT_DOUBLE_EQUAL(o[0], 2 * 9.81, 0.01); /* the ball's weight */
    CU_ASSERT_EQUAL(o[1], 0);
    CU_ASSERT_DOUBLE_EQUAL(o[2], o[0], 1e-6);
    rv_env_numbers(env, s);
    CU_ASSERT(memcmp(o + 3, s, 7 * sizeof *o) == 0);
    CU_ASSERT(memcmp(o + 10, s + 12, 9 * sizeof *o) == 0);
    CU_ASSERT(memcmp(o + 19, s + 7, 4 * sizeof *o) == 0);
    CU_ASSERT_DOUBLE_EQUAL(o[5], 0.2, 0.01);
    CU_ASSERT(fabs(o[10 + 6 + 1]) > 1e-4); /* the body on the ball joint swings */
    rv_env_destroy(&env);
}

/* ---- reward and termination ---- */

static void each_reward(void)
{
    static const struct {
        const char *term;
        int formula;
    } cases[] = {{"joint_position: all, weight: 2, target: 0.5", 0},
                 {"joint_position: all, as: square, target: [0.5, -1]", 1},
                 {"joint_position: all, as: absolute, weight: -3", 2},
                 {"joint_position: hip, as: cosine, target: 0.2", 3},
                 {"site_position: tip, minus: goal, as: distance, weight: -1", 4},
                 {"site_position: tip, target: [0.5, 0, 1], as: near, width: 0.3", 5},
                 {"control: all, as: square, weight: -0.1", 6},
                 {"constant: 2", 7},
                 {"alive: 3", 8}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char yaml[512];
        snprintf(yaml, sizeof yaml,
                 MODEL "reset: {position: {hip: 0.3}, velocity: {hip: 1.5}}\nobservation:\n- joint_position: all\n"
                       "reward:\n- {%s}\n- constant: 0.25\nterminated:\n- {joint_position: hip, high: 0.5}\n",
                 cases[k].term);
        rv_env *env = make(yaml, ARM(""));
        bool terminated = false;
        reset(env, 0, NULL);
        for (int t = 0; t < 20; t++) {
            const double u[2] = {0.5, -0.5 + 0.1 * t};
            double s[ENV_TEST_MAX];
            rv_env_step_result result;
            RV_TEST_OK(rv_env_step_raw(env, u, &result));
            rv_env_numbers(env, s);
            double q = s[0], p = s[1], x = 0.7 * cos(q), z = 1 - 0.7 * sin(q), expected = 0;
            switch (cases[k].formula) {
            case 0:
                expected = 2 * (q + p - 1);
                break;
            case 1:
                expected = (q - 0.5) * (q - 0.5) + (p + 1) * (p + 1);
                break;
            case 2:
                expected = -3 * (fabs(q) + fabs(p));
                break;
            case 3:
                expected = cos(q - 0.2);
                break;
            case 4:
                expected = -sqrt((x - 0.1) * (x - 0.1) + 0.04 + (z - 2) * (z - 2));
                break;
            case 5:
                expected = exp(-((x - 0.5) * (x - 0.5) + (z - 1) * (z - 1)) / 0.09);
                break;
            case 6:
                expected = -0.1 * (u[0] * u[0] + u[1] * u[1]);
                break;
            case 7:
                expected = 2;
                break;
            default:
                expected = q > 0.5 ? 0 : 3;
                break;
            }
            CU_ASSERT_DOUBLE_EQUAL(result.reward, expected + 0.25, 1e-12);
            CU_ASSERT_EQUAL(result.terminated, q > 0.5);
            terminated = terminated || result.terminated;
        }
        CU_ASSERT(terminated);
        rv_env_destroy(&env);
    }
}

static const rv_env_spec *spec_of(const char *terms, rv_env_cfg *cfg)
{
    char yaml[1024];
    const rv_env_spec *spec = NULL;
    snprintf(yaml, sizeof yaml, MODEL "%s\nreward:\n- constant: 1\n", terms);
    RV_TEST_OK(know(yaml, ARM(""), cfg));
    RV_TEST_OK(rv_env_find(cfg->name, &spec));
    return spec;
}

/* the conditions as the learned model sees them */
static void imagined_termination(void)
{
    rv_env_cfg cfg;
    const rv_env_spec *spec = spec_of("observation:\n"
                                      "- {joint_position: hip, scale: 2, clip: 3}\n"
                                      "- {body_position: arm, axes: z}\n"
                                      "- {joint_position: hip, minus: reach}\n"
                                      "- joint_velocity: all\n"
                                      "terminated:\n"
                                      "- {joint_position: hip, low: -1, high: 1.25}\n"
                                      "- {joint_position: hip, low: -1.2}\n"
                                      "- {joint_position: hip, minus: reach, high: 0.5}\n"
                                      "- {joint_velocity: all, except: hip, low: 0}\n",
                                      &cfg);
    CU_ASSERT_PTR_NULL(spec->note);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spec->terminated);
    const float low[] = {-2, -INFINITY, -INFINITY, -INFINITY, 0}, high[] = {2.5F, INFINITY, 0.5F, INFINITY, INFINITY};
    CU_ASSERT(memcmp(spec->alive_low, low, sizeof low) == 0 && memcmp(spec->alive_high, high, sizeof high) == 0);
    const float next[][5] = {{0}, {2.5F, 9, 0.5F, -9, 0}, {2.6F}, {-2.1F}, {0, 0, 0.6F}, {0, 0, 0, 0, -0.1F}, {0, NAN}};
    const unsigned char expected[] = {0, 0, 1, 1, 1, 1, 1};
    unsigned char done[7];
    spec->terminated(spec, 7, next[0], done);
    CU_ASSERT(memcmp(done, expected, sizeof done) == 0);
    /* not observed, clipped on the way, another object, another axis: the run says so */
    static const char *const unseen[] = {
        "observation:\n- joint_position: reach\nterminated:\n- {joint_position: hip, high: 1}\n",
        "observation:\n- {joint_position: hip, clip: 1}\nterminated:\n- {joint_position: hip, high: 1}\n",
        "observation:\n- {joint_position: hip, clip: [-1, 5]}\nterminated:\n- {joint_position: hip, low: -1}\n",
        "observation:\n- {joint_position: hip, minus: reach}\nterminated:\n- {joint_position: hip, high: 1}\n",
        "observation:\n- {body_position: arm, axes: x}\nterminated:\n- {body_position: arm, axes: z, high: 1}\n"};
    for (size_t k = 0; k < sizeof unseen / sizeof *unseen; k++) {
        spec = spec_of(unseen[k], &cfg);
        CU_ASSERT_PTR_NULL(spec->terminated);
        CU_ASSERT_PTR_NOT_NULL_FATAL(spec->note);
        CU_ASSERT_PTR_NOT_NULL(strstr(spec->note, "t.yaml:5: '"));
        CU_ASSERT_PTR_NOT_NULL(strstr(spec->note, "imagined branches will not end there"));
    }
    /* one side is within the clip */
    spec = spec_of(
        "observation:\n- {joint_position: hip, clip: [-5, 1]}\nterminated:\n- {joint_position: hip, low: 0}\n", &cfg);
    CU_ASSERT_PTR_NOT_NULL(spec->terminated);
    CU_ASSERT_PTR_NULL(spec->note);
}

/* ---- reset ---- */

static void reset_noise(void)
{
    rv_env *env = make(MODEL "reset:\n  position: {reach: 2}\n  noise:\n"
                             "  - {position: hip, uniform: 0.1}\n"
                             "  - {velocity: all, except: hip, normal: 0.5}\n"
                             "  - {position: reach, uniform: 0.3}\n"
                             "observation:\n- joint_position: all\nreward:\n- constant: 1\n",
                       ARM(""));
    enum { N = 400 };
    double most[4] = {0}, sum[4] = {0}, square[4] = {0};
    for (unsigned k = 0; k < N; k++) {
        double s[ENV_TEST_MAX];
        reset(env, k, NULL);
        rv_env_numbers(env, s);
        s[1] -= 2;
        for (int i = 0; i < 4; i++) {
            most[i] = fmax(most[i], fabs(s[i]));
            sum[i] += s[i] / N;
            square[i] += s[i] * s[i] / N;
        }
        rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, k); /* drawn in the order of the entries */
        CU_ASSERT_EQUAL(s[0], 0.1 * (2 * rv_rng_uniform(&rng) - 1));
        CU_ASSERT_EQUAL(s[3], 0.5 * rv_rng_normal(&rng));
        CU_ASSERT_DOUBLE_EQUAL(s[1], 0.3 * (2 * rv_rng_uniform(&rng) - 1), 1e-15);
    }
    CU_ASSERT(most[0] <= 0.1 && most[0] > 0.098 && most[1] <= 0.3 && most[1] > 0.29 && most[2] == 0 && most[3] > 1);
    CU_ASSERT(fabs(sum[0]) < 0.01 && fabs(sum[1]) < 0.03 && fabs(sum[3]) < 0.1);
    CU_ASSERT_DOUBLE_EQUAL(sqrt(square[3]), 0.5, 0.05);
    rv_env_destroy(&env);
    env = make(MODEL "reset:\n  keyframe: high\n  position: {wheel: 0.75}\n" PLAIN, ball_xml);
    const double start[] = {1, 2, 3, 0, 1, 0, 0, 1, 0, 0, 0, 0.75, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    double s[ENV_TEST_MAX];
    reset(env, 0, NULL);
    rv_env_numbers(env, s);
    CU_ASSERT(memcmp(s, start, sizeof start) == 0);
    rv_env_destroy(&env);
}

/* ---- state, motion ---- */

#define ROLLING                                                                                                        \
    MODEL "frame_skip: 4\ntime_limit: 25\n"                                                                            \
          "reset: {noise: [{position: all, uniform: 0.1}, {velocity: all, normal: 1}]}\n"                              \
          "observation:\n- joint_position: all\n- joint_velocity: all\n"

/* what is measured never moves anything: not even the last bit of a quaternion or of a warm start */
static void measuring_changes_nothing(void)
{
    static const char *const more[] = {"", "- body_position: all\n", "- body_velocity: all\n- com_rate: ball\n",
                                       "- sensor: all\n- contact_force: all\n"};
    enum { N = 400, N_MOTION = 12 + 10 }; /* positions, velocities */
    static double motion[4][N][N_MOTION];
    for (int k = 0; k < 4; k++) {
        char yaml[1024];
        snprintf(yaml, sizeof yaml, "%s%sreward:\n- constant: 1\n", ROLLING, more[k]);
        rv_env *env = make(yaml, ball_xml);
        reset(env, 3, NULL);
        for (int t = 0; t < N; t++) {
            const double u[1] = {sin(0.7 * t)};
            rv_env_step_result result;
            RV_TEST_OK(rv_env_step_raw(env, u, &result));
            memcpy(motion[k][t], rv_env_observation(env), sizeof motion[k][t]);
        }
        rv_env_destroy(&env);
        CU_ASSERT(memcmp(motion[k], motion[0], sizeof motion[0]) == 0);
    }
    CU_ASSERT(motion[0][N - 1][0] != motion[0][N - 2][0]);
}

static void state_round_trip(void)
{
    static const char *const tasks[] = {
        ROLLING "- joint_rate: wheel\n- body_rate: ball\n- sensor: all\n- contact_force: ball\n- control: all\n"
                "reward:\n- {com_rate: ball, axes: x}\n- {body_spin: joy, as: square}\n"
                "terminated:\n- {body_position: ball, axes: z, high: 0.33}\n",
        ROLLING "reward:\n- constant: 1\n"};
    for (int k = 0; k < 2; k++) {
        rv_env *a = make(tasks[k], ball_xml), *b = NULL;
        int n_obs = rv_env_spec_of(a)->n_obs;
        static float obs[2][100 * ENV_TEST_MAX];
        static double reward[2][100];
        unsigned char state[4096];
        RV_TEST_OK(rv_env_create(rv_env_spec_of(a)->name, &b));
        reset(a, 1, NULL);
        env_test_run(a, 0, 13, obs[0], reward[0]);
        CU_ASSERT_FATAL(rv_env_state_size(a) <= sizeof state);
        rv_env_state_save(a, state);
        CU_ASSERT(rv_env_is_running(a));
        double seen[ENV_TEST_MAX];
        memcpy(seen, rv_env_observation(a), (size_t)n_obs * sizeof *seen);
        env_test_run(a, 13, 100, obs[0], reward[0]);
        reset(b, 2, NULL);
        env_test_run(b, 3, 7, obs[1], reward[1]);
        RV_TEST_OK(rv_env_state_load(b, state, rv_env_state_size(b)));
        env_test_run(b, 13, 100, obs[1], reward[1]);
        CU_ASSERT(memcmp(obs[0], obs[1], 100 * (size_t)n_obs * sizeof(float)) == 0);
        CU_ASSERT(memcmp(reward[0], reward[1], sizeof reward[0]) == 0);
        /* the observation is there after a load, before any step */
        RV_TEST_OK(rv_env_state_load(b, state, rv_env_state_size(b)));
        CU_ASSERT(memcmp(rv_env_observation(b), seen, (size_t)n_obs * sizeof *seen) == 0);
        rv_env_destroy(&a);
        rv_env_destroy(&b);
    }
}

/* ---- the built-in tasks, described ---- */

#define QUIET_END "reward:\n- {joint_rate: x}\n- {control: all, as: square, weight: "
static const char hopper_yaml[] =
    MODEL "frame_skip: 4\n"
          "reset: {noise: [{position: all, uniform: 5e-3}, {velocity: all, uniform: 5e-3}]}\n"
          "observation:\n"
          "- {joint_position: all, except: x}\n"
          "- {joint_velocity: all, clip: 10}\n" QUIET_END "-1e-3}\n"
          "- constant: 1\n"
          "terminated:\n"
          "- {joint_position: z, low: 0.7}\n"
          "- {joint_position: pitch, low: -0.2, high: 0.2}\n"
          "- {joint_position: [thigh, leg, foot], low: -100, high: 100}\n"
          "- {joint_velocity: all, low: -100, high: 100}\n";
static const char cheetah_yaml[] =
    MODEL "frame_skip: 5\n"
          "reset: {noise: [{position: all, uniform: 0.1}, {velocity: all, normal: 0.1}]}\n"
          "observation:\n"
          "- {joint_position: all, except: x}\n"
          "- joint_velocity: all\n" QUIET_END "-0.1}\n";
static const char pole_yaml[] =
    MODEL "frame_skip: 2\n"
          "reset: {noise: [{position: all, uniform: 0.01}, {velocity: all, uniform: 0.01}]}\n"
          "observation:\n- joint_position: all\n- joint_velocity: all\n"
          "reward:\n- constant: 1\n"
          "terminated:\n- {joint_position: hinge, low: -0.2, high: 0.2}\n";

static void same_as(const char *name, const char *yaml, const char *xml, int n_episodes_least)
{
    rv_env *built_in = NULL, *own = make(yaml, xml);
    RV_TEST_OK(rv_env_create(name, &built_in));
    const rv_env_spec *a = rv_env_spec_of(built_in), *b = rv_env_spec_of(own);
    int n_episodes = 0;
    bool begins = true;
    CU_ASSERT(a->n_obs == b->n_obs && a->n_act == b->n_act && a->time_limit == b->time_limit && a->dt == b->dt);
    CU_ASSERT(memcmp(a->act_low, b->act_low, (size_t)a->n_act * sizeof(double)) == 0);
    CU_ASSERT_EQUAL(rv_env_state_size(built_in) < rv_env_state_size(own), true);
    for (int t = 0; t < 600; t++) {
        float obs[2][ENV_TEST_MAX], act[ENV_TEST_MAX];
        rv_env_step_result r[2];
        unsigned char done[2] = {0};
        if (begins) {
            reset(built_in, (unsigned)t, obs[0]);
            reset(own, (unsigned)t, obs[1]);
            CU_ASSERT(memcmp(obs[0], obs[1], (size_t)a->n_obs * sizeof(float)) == 0);
            n_episodes++;
        }
        for (int i = 0; i < a->n_act; i++)
            act[i] = (float)sin(0.31 * t * (i + 1));
        RV_TEST_OK(rv_env_step(built_in, act, obs[0], &r[0]));
        RV_TEST_OK(rv_env_step(own, act, obs[1], &r[1]));
        CU_ASSERT(memcmp(rv_env_observation(built_in), rv_env_observation(own), (size_t)a->n_obs * sizeof(double)) ==
                  0);
        CU_ASSERT_DOUBLE_EQUAL(r[0].reward, r[1].reward, 1e-12 * fmax(1, fabs(r[0].reward)));
        CU_ASSERT(r[0].terminated == r[1].terminated && r[0].truncated == r[1].truncated);
        if (a->terminated) {
            a->terminated(a, 1, obs[0], &done[0]);
            b->terminated(b, 1, obs[1], &done[1]);
        }
        CU_ASSERT_EQUAL(done[0], done[1]);
        begins = r[0].terminated || r[0].truncated;
    }
    CU_ASSERT(n_episodes >= n_episodes_least);
    rv_env_destroy(&built_in);
    rv_env_destroy(&own);
}

static void equals_the_built_in(void)
{
    same_as("Hopper-v4", hopper_yaml, rv_mujoco_hopper, 5);
    same_as("InvertedPendulum-v4", pole_yaml, rv_mujoco_inverted_pendulum, 20);
    same_as("HalfCheetah-v4", cheetah_yaml, rv_mujoco_half_cheetah, 1);
}

/* ---- what is wrong ---- */

static void refusals(void)
{
    static const struct {
        const char *yaml, *error;
    } cases[] = {
        {"model: gone.xml\n" PLAIN, "t.yaml:1:1: there is no file '"},
        {"reward:\n- constant: 1\nobservation:\n- joint_velocity: [hip, raech]\nmodel: m.xml",
         "t.yaml:4:25: no joint 'raech' in the model; did you mean 'reach'?"},
        {MODEL "observation:\n- joint_velocity: qqqqqqqq\nreward:\n- constant: 1",
         "t.yaml:3:19: no joint 'qqqqqqqq' in the model, which has 2, 2 of them with a name"},
        {MODEL "observation:\n- joint_position: all\nreward:\n- {site_position: tip, minus: gaol}",
         "t.yaml:5:31: no site 'gaol' in the model; did you mean 'goal'?"},
        {MODEL "observation:\n- {joint_position: all, except: [reach, hop]}\nreward:\n- constant: 1",
         "t.yaml:3:41: no joint 'hop' in the model; did you mean 'hip'?"},
        {MODEL "observation:\n- {joint_position: all, except: [reach, hip]}\nreward:\n- constant: 1",
         "t.yaml:3:4: the model has no joint but the excepted"},
        {MODEL "observation:\n- joint_sin: all\nreward:\n- constant: 1",
         "t.yaml:3:3: 'joint_sin' is for joints of type hinge; 'reach' is another"},
        {MODEL "observation:\n- {body_position: arm, axes: xw}\nreward:\n- constant: 1",
         "t.yaml:3:4: 'axes': expected letters out of xyz, got 'xw'"},
        {MODEL "observation:\n- {body_position: arm, axes: xx}\nreward:\n- constant: 1", "'axes': 'x' is there twice"},
        {MODEL "observation:\n- {joint_position: hip, axes: x}\nreward:\n- constant: 1",
         "t.yaml:3:4: 'axes' is for objects with 3 or 4 numbers; these have 1"},
        {MODEL "observation:\n- {sensor: where, minus: angle}\nreward:\n- constant: 1",
         "t.yaml:3:4: 'minus': an object of 1 numbers from one of 3"},
        {MODEL "observation:\n- joint_position: all\nreward:\n- {control: all, target: [1, 2, 3]}",
         "t.yaml:5:4: 3 targets for 2 numbers"},
        {MODEL "reset: {keyframe: redy}\n" PLAIN,
         "t.yaml:2:19: no keyframe 'redy' in the model, which has 0, 0 of them with a name"},
        {MODEL "reset: {position: {hup: 1}}\n" PLAIN, "t.yaml:2:20: no joint 'hup' in the model; did you mean 'hip'?"},
        {MODEL "reset: {noise: [{velocity: hup, normal: 1}]}\n" PLAIN, "t.yaml:2:28: no joint 'hup' in the model"},
    };
    rv_env_cfg cfg;
    rv_env_forget();
    int64_t blocks = rv_mem_blocks();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        RV_TEST_FAILS(know(cases[i].yaml, ARM(""), &cfg), RV_E_CONFIG, cases[i].error);
    RV_TEST_FAILS(know(MODEL "reset: {position: {root: 1}}\n" PLAIN, ball_xml, &cfg), RV_E_CONFIG,
                  "t.yaml:2:20: joint 'root' has more than one number");
    RV_TEST_FAILS(know(MODEL "observation:\n- joint_rate: root\nreward:\n- constant: 1", ball_xml, &cfg), RV_E_CONFIG,
                  "t.yaml:3:3: 'joint_rate' is for joints of type hinge or slide; 'root' is another");
    RV_TEST_FAILS(know(MODEL PLAIN, "<mujoco><worldbody/></mujoco>", &cfg), RV_E_CONFIG,
                  "t.yaml:1:1: the model has no");
    RV_TEST_FAILS(know(MODEL PLAIN, "<mujoco><wrldbody/></mujoco>", &cfg), RV_E_CONFIG,
                  "t.yaml:1:1: the model cannot be read: XML Error: Schema violation: unrecognized element");
    RV_TEST_FAILS(know(MODEL PLAIN, ARM("<option><flag sensornoise='enable'/></option>"), &cfg), RV_E_CONFIG,
                  "t.yaml:1:1: the model switches on 'sensornoise'");
    RV_TEST_FAILS(know(MODEL PLAIN,
                       "<mujoco><worldbody><body><joint name='j'/><geom size='1'/></body></worldbody>"
                       "<actuator><motor name='pull' joint='j'/></actuator></mujoco>",
                       &cfg),
                  RV_E_CONFIG, "t.yaml:1:1: actuator 0 of the model, 'pull', has no range of control");
    snprintf(cfg.name, sizeof cfg.name, "%s/none.yaml", folder);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_NOINPUT, "none.yaml");
    CU_ASSERT(rv_env_is_own("a.yml") && rv_env_is_own("a/b.yaml") && !rv_env_is_own("a.yaml.so.x"));
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

/* a simulation that goes out of range costs the episode, and the next one begins */
static void blows_up(void)
{
    rv_env_forget();
    int64_t blocks = rv_mem_blocks();
    rv_env *env = make(MODEL "frame_skip: 20\nreset: {velocity: {j: 1}}\n" PLAIN,
                       "<mujoco><option timestep='0.1'/><worldbody><body><joint name='j' type='slide' stiffness='1e8'/>"
                       "<geom size='.1'/></body></worldbody>"
                       "<actuator><motor joint='j' ctrllimited='true' ctrlrange='-1 1'/></actuator></mujoco>");
    const float act[1] = {0};
    float obs[1];
    rv_env_step_result result;
    for (unsigned k = 0; k < 2; k++) {
        rv_status status = RV_OK;
        reset(env, k, obs);
        for (int t = 0; t < 50 && status == RV_OK; t++)
            status = rv_env_step(env, act, obs, &result);
        RV_TEST_FAILS(status, RV_E_ENV, "t.yaml: the simulation went out of range");
        CU_ASSERT_FALSE(rv_env_is_running(env));
    }
    rv_env_destroy(&env);
    rv_env_forget();
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

/* a model that is changed between its description and its simulation is noticed; hot loops allocate nothing */
static void small_matters(void)
{
    rv_env_cfg cfg;
    rv_env *env = NULL;
    RV_TEST_OK(know(MODEL PLAIN, ARM(""), &cfg));
    put("m.xml", ball_xml);
    RV_TEST_FAILS(rv_env_create(cfg.name, &env), RV_E_CONFIG, "was changed while the run began");
    /* a state is of its description and its model */
    unsigned char state[4096];
    env = make(MODEL PLAIN, ARM(""));
    reset(env, 0, NULL);
    rv_env_state_save(env, state);
    size_t n = rv_env_state_size(env);
    RV_TEST_OK(rv_env_state_load(env, state, n));
    rv_env_destroy(&env);
    static const char *const others[][2] = {{MODEL PLAIN "- constant: 2\n", ARM("")},
                                            {MODEL PLAIN, ARM("<option><flag gravity='disable'/></option>")}};
    for (int k = 0; k < 2; k++) {
        env = make(others[k][0], others[k][1]);
        RV_TEST_FAILS(rv_env_state_load(env, state, n), RV_E_DATA, "this state is of another task");
        CU_ASSERT_FALSE(rv_env_is_running(env));
        rv_env_destroy(&env);
    }
    /* refused in mid-episode, with draws of its own already in force: that episode cannot go on */
    rv_randomise_cfg randomise = {.mass = "uniform(0.5, 2)"};
    env = make(MODEL PLAIN, ARM(""));
    RV_TEST_OK(rv_env_randomise(env, &randomise));
    reset(env, 0, NULL);
    rv_env_state_save(env, state);
    n = rv_env_state_size(env);
    rv_env_destroy(&env);
    env = make(others[0][0], others[0][1]);
    RV_TEST_OK(rv_env_randomise(env, &randomise));
    reset(env, 1, NULL);
    RV_TEST_FAILS(rv_env_state_load(env, state, n), RV_E_DATA, "this state is of another task");
    CU_ASSERT_FALSE(rv_env_is_running(env));
    rv_env_destroy(&env);
    env = make(everything, ARM(""));
    reset(env, 0, NULL);
    int64_t calls = rv_mem_calls();
    static float obs[20 * ENV_TEST_MAX];
    double reward[20];
    env_test_run(env, 0, 20, obs, reward);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    rv_env_destroy(&env);
}

static int all_tests(void);

int main(void)
{
    if (!mkdtemp(folder))
        return 2;
    int code = all_tests();
    rv_env_forget();
    if (rv_folder_remove(folder) != RV_OK)
        return 2;
    return code;
}

static int all_tests(void)
{
    const CU_TestInfo cases[] = {{"each quantity", each_quantity},
                                 {"contact forces and free joints", contact_and_free_joints},
                                 {"each reward", each_reward},
                                 {"termination in imagination", imagined_termination},
                                 {"reset noise", reset_noise},
                                 {"measuring changes nothing", measuring_changes_nothing},
                                 {"state round trip", state_round_trip},
                                 {"equals the built-in tasks", equals_the_built_in},
                                 {"refusals", refusals},
                                 {"a model that blows up", blows_up},
                                 {"small matters", small_matters},
                                 CU_TEST_INFO_NULL};
    return rv_test_run("mjcf", cases);
}
