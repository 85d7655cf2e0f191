#include "base/file.h"
#include "env/mujoco_sim.h"
#include "env_test.h"

#include <mujoco/mujoco.h>
#include <stdlib.h>
#include <unistd.h>

static void references(void)
{
    env_test_replay("InvertedPendulum-v4.sin.csv", 201 * 4);
    env_test_replay("Hopper-v4.sin.csv", 201 * 11);
    env_test_replay("HalfCheetah-v4.sin.csv", 201 * 17);
}

static void start_at(rv_env *env, int i, double x)
{
    const rv_env_task *task = rv_env_task_of(env);
    double state[ENV_TEST_MAX] = {0};
    state[1] = strcmp(task->spec.name, "Hopper-v4") == 0 ? 1.25 : 0;
    state[i] = x;
    RV_TEST_OK(rv_env_start(env, state, state + task->n_pos));
}

/* a start one step from the bound: which side the step ends on decides */
static void environment_termination(void)
{
    rv_env *env = NULL;
    rv_env_step_result result;
    const double zero[3] = {0};
    RV_TEST_OK(rv_env_create("Hopper-v4", &env));
    const struct {
        int i;
        double x;
        bool terminated;
    } hopper[] = {{1, 1.25, false}, {1, 0.3, true}, {2, 0.19, false}, {2, 0.21, true}, {2, -0.21, true},
                  {0, 1e6, false},  {6, 50, false}, {6, 101, true},   {6, -101, true}};
    for (size_t k = 0; k < sizeof hopper / sizeof *hopper; k++) {
        start_at(env, hopper[k].i, hopper[k].x);
        RV_TEST_OK(rv_env_step_raw(env, zero, &result));
        CU_ASSERT_EQUAL(result.terminated, hopper[k].terminated);
    }
    rv_env_destroy(&env);
    RV_TEST_OK(rv_env_create("InvertedPendulum-v4", &env));
    const double angle[] = {0.1, 0.201, -0.201};
    for (int k = 0; k < 3; k++) {
        start_at(env, 1, angle[k]);
        RV_TEST_OK(rv_env_step_raw(env, zero, &result));
        CU_ASSERT_EQUAL(result.terminated, k > 0);
        CU_ASSERT_EQUAL(result.reward, 1);
    }
    rv_env_destroy(&env);
}

static void reset_noise(void)
{
    const struct {
        const char *name;
        int n_pos;
        double centre1, pos_noise, vel_noise; /* vel_noise 0: normal with 0.1 */
    } tasks[] = {{"InvertedPendulum-v4", 2, 0, 0.01, 0.01},
                 {"Hopper-v4", 6, 1.25, 0.005, 0.005},
                 {"HalfCheetah-v4", 9, 0, 0.1, 0}};
    for (int k = 0; k < 3; k++) {
        enum { N = 300 };
        rv_env *env = NULL;
        double most[2] = {0}, square = 0;
        RV_TEST_OK(rv_env_create(tasks[k].name, &env));
        for (unsigned e = 0; e < N; e++) {
            float obs[ENV_TEST_MAX];
            double state[ENV_TEST_MAX];
            rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, e);
            RV_TEST_OK(rv_env_reset(env, &rng, obs));
            rv_env_numbers(env, state);
            for (int i = 0; i < 2 * tasks[k].n_pos; i++) {
                double x = state[i] - (i == 1 ? tasks[k].centre1 : 0);
                most[i >= tasks[k].n_pos] = fmax(most[i >= tasks[k].n_pos], fabs(x));
                square += i >= tasks[k].n_pos ? x * x : 0;
            }
        }
        CU_ASSERT(most[0] <= tasks[k].pos_noise + 1e-15 && most[0] > 0.98 * tasks[k].pos_noise);
        if (tasks[k].vel_noise > 0)
            CU_ASSERT(most[1] <= tasks[k].vel_noise && most[1] > 0.98 * tasks[k].vel_noise);
        if (tasks[k].vel_noise == 0) {
            CU_ASSERT_DOUBLE_EQUAL(sqrt(square / (N * tasks[k].n_pos)), 0.1, 0.004);
            CU_ASSERT(most[1] > 0.25);
        }
        rv_env_destroy(&env);
    }
}

static void model_termination(void)
{
    const rv_env_spec *hopper = NULL, *pendulum = NULL, *cheetah = NULL;
    RV_TEST_OK(rv_env_find("Hopper-v4", &hopper));
    RV_TEST_OK(rv_env_find("InvertedPendulum-v4", &pendulum));
    RV_TEST_OK(rv_env_find("HalfCheetah-v4", &cheetah));
    CU_ASSERT_PTR_NULL(cheetah->terminated);
    CU_ASSERT_PTR_NULL(cheetah->reward);
    CU_ASSERT_PTR_NULL(hopper->reward);
    const float h[][11] = {{1.25F},
                           {0.7F},
                           {0.701F},
                           {1.25F, 0.2F},
                           {1.25F, -0.2F},
                           {1.25F, -0.199F},
                           {NAN},
                           {1.25F, NAN},
                           {500},
                           {1.25F, 0, 100},
                           {1.25F, 0, 99.9F},
                           {1.25F, 0, -200},
                           {INFINITY},
                           {1.25F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100},
                           {1.25F, 0, 0, 0, 0, 0, 0, 0, 0, 0, -INFINITY}};
    const unsigned char h_done[] = {0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1};
    unsigned char done[15];
    memset(done, 9, sizeof done);
    hopper->terminated(hopper, 15, h[0], done);
    for (int i = 0; i < 15; i++)
        CU_ASSERT_EQUAL(done[i], h_done[i]);
    const float p[][4] = {{0}, {0, 0.2F}, {0, 0.201F}, {0, -0.201F}, {NAN}, {0, 0, 0, INFINITY}, {9, 0.1F, 99, 99}};
    const unsigned char p_done[] = {0, 0, 1, 1, 1, 1, 0};
    float reward[7];
    pendulum->terminated(pendulum, 7, p[0], done);
    pendulum->reward(pendulum, 7, p[0], p[0], p[0], reward);
    for (int i = 0; i < 7; i++) {
        CU_ASSERT_EQUAL(done[i], p_done[i]);
        CU_ASSERT_EQUAL(reward[i], 1);
    }
}

/* MBPO's own functions, evaluated in double: rows in which rounding to float32 moves a number onto a threshold are
 * left out */
static void model_termination_vectors(void)
{
    const double thresholds[] = {0.2, 0.7, 100};
    char *text = NULL;
    size_t n = 0;
    int n_checked = 0, n_all = 0, n_done = 0;
    RV_TEST_OK(rv_file_read(RV_TEST_DIR "/unit/env/reference/termination_vectors.csv", 1 << 20, &text, &n));
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line;) {
        char name[64];
        const rv_env_spec *spec = NULL;
        float obs[ENV_TEST_MAX];
        bool is_moved = false;
        snprintf(name, sizeof name, "%s-v4", strsep(&line, ","));
        RV_TEST_OK(rv_env_find(name, &spec));
        int want = atoi(strsep(&line, ","));
        int n_obs = 0;
        for (char *field; n_obs < ENV_TEST_MAX && (field = strsep(&line, ",")) != NULL; n_obs++) {
            double x = strtod(field, NULL);
            obs[n_obs] = (float)x;
            for (int i = 0; i < 3; i++)
                is_moved = is_moved || (fabs(x) != thresholds[i] && fabsf(obs[n_obs]) == (float)thresholds[i]);
        }
        CU_ASSERT_EQUAL_FATAL(n_obs, spec->n_obs);
        n_all++;
        if (is_moved)
            continue;
        unsigned char done = 0;
        if (spec->terminated)
            spec->terminated(spec, 1, obs, &done);
        CU_ASSERT_EQUAL(done, want);
        n_done += done;
        n_checked++;
    }
    CU_ASSERT_EQUAL(n_all, 213);
    CU_ASSERT(n_checked > 190 && n_done > 30);
    rv_mem_free(&text);
}

/* the library would reset a state out of range by itself, write a file and go on */
static void out_of_range(void)
{
    rv_env *env = NULL;
    float obs[ENV_TEST_MAX];
    rv_env_step_result result;
    const double zero[6] = {0};
    int64_t blocks = rv_mem_blocks();
    RV_TEST_OK(rv_env_create("HalfCheetah-v4", &env));
    start_at(env, 9 + 3, 1e11);
    RV_TEST_FAILS(rv_env_step_raw(env, zero, &result), RV_E_NONFINITE, "HalfCheetah-v4: the simulation went out");
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
    RV_TEST_OK(rv_env_step_raw(env, zero, &result));
    CU_ASSERT(access("MUJOCO_LOG.TXT", F_OK) != 0);
    double bad[18] = {0, NAN};
    RV_TEST_FAILS(rv_env_start(env, bad, bad + 9), RV_E_NONFINITE, "number 1 of the start");
    rv_env_destroy(&env);
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

static void raise_error(void *text)
{
    mju_error(text);
}

static void do_nothing(void *unused)
{
    (void)unused;
}

/* an error inside the library ends the call, not the process */
static void library_error(void)
{
    char text[] = "stack overflow";
    RV_TEST_FAILS(rv_mujoco_call("a step", raise_error, text), RV_E_INTERNAL, "a step: mujoco: stack overflow");
    RV_TEST_OK(rv_mujoco_call("a step", do_nothing, NULL));
    RV_TEST_FAILS(rv_mujoco_call("again", raise_error, text), RV_E_INTERNAL, "again: mujoco: stack overflow");
    CU_ASSERT(access("MUJOCO_LOG.TXT", F_OK) != 0);
}

RV_TEST_MAIN("mujoco", {"reference trajectories", references}, {"termination", environment_termination},
             {"reset noise", reset_noise}, {"termination in a model", model_termination},
             {"termination in a model: MBPO's functions", model_termination_vectors},
             {"state out of range", out_of_range}, {"error in the library", library_error})
