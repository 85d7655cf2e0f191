/* test_plugin.c - plug-ins in processes of their own: what they say, what they do wrong, what is left of them. */
#include "base/clock.h"
#include "env/plugin.h"
#include "env/plugin_private.h"
#include "env_test.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN true
#else
#define HAS_ASAN false
#endif

static rv_env_cfg settings(const char *name, const char *arguments)
{
    rv_env_cfg cfg;
    rv_plugin_set_program(RV_TEST_PROGRAM);
    RV_TEST_OK(rv_field_defaults(rv_env_cfg_fields, &cfg));
    snprintf(cfg.name, sizeof cfg.name, "%s", name);
    snprintf(cfg.arguments, sizeof cfg.arguments, "%s", arguments);
    CU_ASSERT_EQUAL_FATAL(chdir(RV_TEST_PLUGINS), 0);
    return cfg;
}

/* processes that this one started */
static int count_children(void)
{
    int n = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int pid; fscanf(f, "%d", &pid) == 1;)
        n++;
    fclose(f);
    return n;
}

static int first_child(void)
{
    int pid = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    if (fscanf(f, "%d", &pid) != 1)
        pid = 0;
    fclose(f);
    return pid;
}

static int count_descriptors(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static rv_env *open_env(const rv_env_cfg *cfg)
{
    rv_env *env = NULL;
    RV_TEST_OK(rv_env_register(cfg));
    RV_TEST_OK(rv_env_create(cfg->name, &env));
    return env;
}

static void close_env(rv_env **env)
{
    rv_env_destroy(env);
    rv_env_forget();
    CU_ASSERT_EQUAL(count_children(), 0);
}

/* ---- descriptions ---- */

static void describes(void)
{
    const rv_env_spec *spec = NULL;
    rv_env_cfg cfg = settings("ball_beam.so", "");
    int descriptors = count_descriptors();
    CU_ASSERT(rv_env_is_own("ball_beam.so") && !rv_env_is_own(".so") && !rv_env_is_own("Pendulum-v1"));
    RV_TEST_FAILS(rv_env_find(cfg.name, &spec), RV_E_CONFIG, "no environment 'ball_beam.so'");
    RV_TEST_OK(rv_env_register(&cfg));
    RV_TEST_OK(rv_env_register(&cfg));
    RV_TEST_OK(rv_env_find(cfg.name, &spec));
    CU_ASSERT_STRING_EQUAL(spec->name, "ball_beam.so");
    CU_ASSERT_STRING_EQUAL(spec->family, "plugin");
    CU_ASSERT_STRING_EQUAL(spec->help, "ball and beam: hold a rolling ball in the middle of a beam");
    CU_ASSERT(spec->n_obs == 3 && spec->n_act == 1 && spec->n_states == 0 && spec->n_actions == 0);
    CU_ASSERT(spec->time_limit == 200 && spec->dt == 0.02 && isnan(spec->threshold) && !spec->is_stateless);
    CU_ASSERT(spec->act_low[0] == -0.25 && spec->act_high[0] == 0.25);
    const float obs[3][3] = {{0.5F, 99, -99}, {-0.51F, 0, 0}, {0, NAN, 0}};
    unsigned char done[3];
    spec->terminated(spec, 3, obs[0], done);
    CU_ASSERT(!done[0] && done[1] && done[2]);
    rv_env_forget();
    RV_TEST_FAILS(rv_env_find(cfg.name, &spec), RV_E_CONFIG, "no environment");
    CU_ASSERT_EQUAL(count_children(), 0);
    CU_ASSERT_EQUAL(count_descriptors(), descriptors);
}

static void refuses_at_once(void)
{
    static const struct {
        const char *name, *arguments;
        rv_status status;
        const char *text;
    } cases[] = {
        {"none.so", "", RV_E_NOINPUT, "there is no file 'none.so', seen from the folder"},
        {"no_symbol.so", "", RV_E_CONFIG, "no_symbol.so: the plug-in has no function reverie_env"},
        {"unresolved.so", "", RV_E_CONFIG, "nowhere_to_be_found"},
        {"broken.so", "", RV_E_CONFIG, "broken.so: the plug-in cannot be loaded: ./broken.so"},
        {"tables.so", "version", RV_E_CONFIG, "speaks version 7 of reverie_env.h, and this is 1"},
        {"tables.so", "short", RV_E_CONFIG, "says that it has 16 bytes"},
        {"tables.so", "unknown", RV_E_CONFIG, "no table for env.arguments 'unknown'"},
        {"tables.so", "both", RV_E_CONFIG, "n_obs 3 and n_states 5; one must be in [1, 65536], the other 0"},
        {"tables.so", "none", RV_E_CONFIG, "n_act 0 and n_actions 0"},
        {"tables.so", "huge", RV_E_CONFIG, "n_states 1048576"},
        {"tables.so", "negative", RV_E_CONFIG, "n_actions -2"},
        {"tables.so", "limit", RV_E_CONFIG, "time_limit is -1"},
        {"tables.so", "dt", RV_E_CONFIG, "dt is nan"},
        {"tables.so", "state", RV_E_CONFIG, "state_size is 8"},
        {"tables.so", "alive", RV_E_CONFIG, "alive_low and a discrete observation"},
        {"tables.so", "half", RV_E_CONFIG, "only one of save and load"},
        {"tables.so", "no step", RV_E_CONFIG, "lacks step"},
        {"tables.so", "no name", RV_E_CONFIG, "lacks a name"},
        {"tables.so", "box range", RV_E_CONFIG, "action 1 has the range [0, -1]"},
        {"tables.so", "box endless", RV_E_CONFIG, "action 1 has the range [0, inf]"},
        {"tables.so", "box bounds", RV_E_CONFIG, "lacks act_low or act_high"},
        {"tables.so", "box one", RV_E_CONFIG, "only one of alive_low and alive_high"},
        {"tables.so", "box", RV_E_CONFIG, "observation 1 is alive in [nan, 1]"},
        {"tables.so", "crash", RV_E_ENV, "was ended by signal 6 (Aborted) in reverie_env"},
    };
    const rv_env_spec *spec = NULL;
    settings("", "");
    FILE *f = fopen("broken.so", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("no library", f);
    fclose(f);
    int64_t blocks = rv_mem_blocks();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_env_cfg cfg = settings(cases[i].name, cases[i].arguments);
        RV_TEST_FAILS(rv_env_register(&cfg), cases[i].status, cases[i].text);
        RV_TEST_FAILS(rv_env_find(cfg.name, &spec), RV_E_CONFIG, "no environment");
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
    CU_ASSERT_EQUAL(count_children(), 0);
}

/* a table of an older or a newer header is taken as far as both know it; texts are made printable */
static void grows(void)
{
    const char *const good[] = {"old", "new", "whole", "binary", ""};
    for (int i = 0; i < 5; i++) {
        const rv_env_spec *spec = NULL;
        rv_env_cfg cfg = settings("tables.so", good[i]);
        RV_TEST_OK(rv_env_register(&cfg));
        RV_TEST_OK(rv_env_find(cfg.name, &spec));
        CU_ASSERT_EQUAL(spec->is_stateless, strcmp(good[i], "whole") != 0);
        if (strcmp(good[i], "binary") == 0)
            CU_ASSERT(strncmp(spec->help, "places: one?line?[31m and", 25) == 0 && strlen(spec->help) == 8 + 191);
        rv_env_forget();
    }
}

/* ---- episodes ---- */

static rv_status begin_episode(rv_env *env, uint64_t number, float *obs)
{
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, number);
    return rv_env_reset(env, &rng, obs);
}

/* the same numbers as the formula; the action is scaled and clipped; the time limit truncates */
static void steps(void)
{
    rv_env_cfg cfg = settings("bad.so", "none");
    rv_env *env = open_env(&cfg);
    float obs[2], first[2];
    rv_env_step_result result;
    const float act[] = {0.25F, -1, 3, 0.5F};
    const double moved[] = {0.25, -0.75, 0.25, 0.75};
    RV_TEST_OK(begin_episode(env, 0, first));
    CU_ASSERT(first[0] >= 0 && first[0] < 1 && first[1] == 0);
    double x = rv_env_observation(env)[0];
    int64_t calls = rv_mem_calls();
    for (int i = 0; i < 40; i++) {
        RV_TEST_OK(rv_env_step(env, &act[i % 4], obs, &result));
        if (i < 4)
            CU_ASSERT_DOUBLE_EQUAL(rv_env_observation(env)[0], x + moved[i], 1e-12);
        CU_ASSERT(obs[0] == (float)rv_env_observation(env)[0] && obs[1] == (float)(i + 1));
        CU_ASSERT_EQUAL(result.reward, -fabs(rv_env_observation(env)[0]));
        CU_ASSERT(!result.terminated && result.truncated == (i == 39));
    }
    RV_TEST_FAILS(rv_env_step(env, act, obs, &result), RV_E_INTERNAL, "reset it first");
    RV_TEST_OK(begin_episode(env, 0, obs));
    CU_ASSERT(memcmp(obs, first, sizeof obs) == 0);
    const float right = 1;
    for (int i = 0; i < 9; i++)
        RV_TEST_OK(rv_env_step(env, &right, obs, &result));
    CU_ASSERT(result.terminated && !result.truncated);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    close_env(&env);
}

static void discrete(void)
{
    rv_env_cfg cfg = settings("tables.so", "");
    rv_env *env = open_env(&cfg);
    float obs[5];
    rv_env_step_result result;
    const float right[] = {0.1F, 0.2F}, left[] = {0.3F, 0.2F};
    CU_ASSERT(rv_env_spec_of(env)->n_obs == 5 && rv_env_spec_of(env)->n_act == 2);
    RV_TEST_OK(begin_episode(env, 2, obs));
    int place = rv_env_choice(5, obs);
    for (; place > 0; place--)
        RV_TEST_OK(rv_env_step(env, left, obs, &result));
    for (place = 1; place <= 4; place++) {
        RV_TEST_OK(rv_env_step(env, right, obs, &result));
        CU_ASSERT_EQUAL(rv_env_choice(5, obs), place);
        CU_ASSERT(obs[place] == 1 && obs[place - 1] == 0 && result.terminated == (place == 4));
    }
    RV_TEST_OK(begin_episode(env, 3, obs));
    for (int i = 1; i <= 30; i++) {
        RV_TEST_OK(rv_env_step(env, left, obs, &result));
        CU_ASSERT(!result.terminated && result.truncated == (i == 30));
    }
    close_env(&env);
}

/* a state that there is not is a failure like any other: the next episode gets another process */
static void discrete_outside(void)
{
    rv_env_cfg cfg = settings("tables.so", "outside");
    rv_env *env = open_env(&cfg);
    float obs[5];
    rv_env_step_result result;
    const float right[] = {0.1F, 0.2F};
    RV_TEST_OK(begin_episode(env, 2, obs));
    int child = first_child();
    RV_TEST_FAILS(rv_env_step(env, right, obs, &result), RV_E_ENV, "the observation is 5, expected a whole number");
    RV_TEST_OK(begin_episode(env, 2, obs));
    CU_ASSERT_NOT_EQUAL(first_child(), child);
    close_env(&env);
}

/* ---- misbehaviour: each costs an episode, and the next is as good as any ---- */

/* begin an episode and step until something fails; the steps that went well, or -1 when it was the reset */
static int run_until_failure(rv_env *env, rv_status *status)
{
    float obs[2], act = 0.1F;
    rv_env_step_result result;
    *status = begin_episode(env, 4, obs);
    for (int t = 0; *status == RV_OK && t < 40; t++) {
        *status = rv_env_step(env, &act, obs, &result);
        if (*status != RV_OK)
            return t;
    }
    return *status == RV_OK ? 40 : -1;
}

static void misbehaves(const char *arguments, const char *text, int n_good)
{
    rv_env_cfg cfg = settings("bad.so", arguments);
    cfg.timeout_s = strncmp(arguments, "loop", 4) == 0 ? 0.3 : 30;
    cfg.memory_mb = 64;
    rv_env *env = open_env(&cfg);
    for (int episode = 0; episode < 2; episode++) {
        rv_status status = RV_OK;
        int n = run_until_failure(env, &status);
        CU_ASSERT_EQUAL(status, RV_E_ENV);
        if (n != n_good || !strstr(rv_error_last()->text, text))
            printf("\n    %s: after %d steps: %s\n", arguments, n, rv_error_last()->text);
        CU_ASSERT_EQUAL(n, n_good);
        CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, text));
        CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, "bad.so: "));
        CU_ASSERT(!rv_env_is_running(env) && count_children() <= 1);
    }
    close_env(&env);
}

static void every_misbehaviour(void)
{
    misbehaves("segv at 3", "the plug-in was ended by signal 11 (Segmentation fault) in step, holding ", 2);
    misbehaves("abort at 1", "was ended by signal 6 (Aborted) in step", 0);
    misbehaves("exit at 2", "ended its process with exit code 3 in step", 1);
    misbehaves("loop at 5", "gave no answer in step for 0.3 s (env.timeout_s), and was killed", 4);
    misbehaves("nan at 2", "observation[1] is nan at step 2 of the episode", 1);
    misbehaves("unwritten at 2", "observation[0] is nan at step 2 of the episode", 1);
    misbehaves("reward at 7", "the reward is inf at step 7 of the episode", 6);
    misbehaves("few at 2", "step returned 1, expected 2 (numbers of observation)", 1);
    misbehaves("many at 2", "step returned 3, expected 2 (numbers of observation)", 1);
    misbehaves("beyond at 2", "step wrote beyond the end of its buffer", 1);
    misbehaves("far at 2", "step wrote beyond the end of its buffer", 1);
    misbehaves("own at 4", "the plug-in's step failed: the sensor is?gone", 3);
    misbehaves("create", "the plug-in's create failed: no such device", -1);
    misbehaves("reset", "signal 11 (Segmentation fault) in reset", -1);
    if (!HAS_ASAN) /* which has an allocator of its own */
        misbehaves("leak at 2", "of the 64 MB that env.memory_mb allows", 1);
}

/* what the process held when memory ran out is said, and is about the limit */
static void memory_is_limited(void)
{
    rv_status status = RV_OK;
    double held = 0;
    rv_env_cfg cfg = settings("bad.so", "leak at 1");
    if (HAS_ASAN)
        return;
    cfg.memory_mb = 100;
    rv_env *env = open_env(&cfg);
    CU_ASSERT_EQUAL(run_until_failure(env, &status), 0);
    const char *at = strstr(rv_error_last()->text, "holding ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    held = strtod(at + 8, NULL);
    CU_ASSERT(held > 97 && held <= 100);
    close_env(&env);
}

/* a failure once: the episodes after it are those of an environment in which nothing ever failed */
static void goes_on(void)
{
    const char *const how[] = {"segv", "loop", "exit", "nan", "many"};
    rv_status status = RV_OK;
    double last[2];
    rv_env_cfg cfg = settings("bad.so", "none");
    rv_env *env = open_env(&cfg);
    CU_ASSERT_EQUAL(run_until_failure(env, &status), 40);
    memcpy(last, rv_env_observation(env), sizeof last);
    close_env(&env);
    for (int i = 0; i < 5; i++) {
        char marker[] = "/tmp/reverie-plugin-XXXXXX", arguments[96];
        int fd = mkstemp(marker);
        CU_ASSERT_FATAL(fd >= 0);
        close(fd);
        unlink(marker);
        snprintf(arguments, sizeof arguments, "%s at 10 once %s", how[i], marker);
        cfg = settings("bad.so", arguments);
        cfg.timeout_s = 0.3;
        env = open_env(&cfg);
        CU_ASSERT_EQUAL(run_until_failure(env, &status), 9);
        CU_ASSERT_EQUAL(status, RV_E_ENV);
        for (int episode = 0; episode < 2; episode++) {
            CU_ASSERT_EQUAL(run_until_failure(env, &status), 40);
            CU_ASSERT(memcmp(last, rv_env_observation(env), sizeof last) == 0);
        }
        unlink(marker);
        close_env(&env);
    }
}

/* a death is noticed at once, not when the time is over */
static void death_is_noticed(void)
{
    rv_status status = RV_OK;
    rv_env_cfg cfg = settings("bad.so", "segv at 1");
    cfg.timeout_s = 30;
    rv_env *env = open_env(&cfg);
    float obs[2], act = 0;
    rv_env_step_result result;
    double slowest = 0;
    for (int i = 0; i < 5; i++) {
        RV_TEST_OK(begin_episode(env, 0, obs));
        double start = rv_clock_now();
        status = rv_env_step(env, &act, obs, &result);
        slowest = fmax(slowest, rv_clock_now() - start);
        CU_ASSERT_EQUAL(status, RV_E_ENV);
    }
    CU_ASSERT(slowest < 5); /* 0.05 s on a machine that has time */
    /* and one that happens between two steps */
    close_env(&env);
    cfg = settings("bad.so", "none");
    env = open_env(&cfg);
    RV_TEST_OK(begin_episode(env, 0, obs));
    RV_TEST_OK(rv_env_step(env, &act, obs, &result));
    kill(first_child(), SIGKILL);
    RV_TEST_FAILS(rv_env_step(env, &act, obs, &result), RV_E_ENV, "was ended by signal 9 (Killed) in step");
    RV_TEST_OK(begin_episode(env, 0, obs));
    close_env(&env);
}

/* another file under the same name is not taken for the one that was described */
static void another_file(void)
{
    float obs[3];
    rv_env_cfg cfg = settings("changing.so", "");
    unlink("changing.so");
    CU_ASSERT_EQUAL_FATAL(link("ball_beam.so", "changing.so"), 0);
    rv_env *env = open_env(&cfg);
    unlink("changing.so");
    RV_TEST_FAILS(begin_episode(env, 0, obs), RV_E_ENV, "changing.so: the plug-in cannot be loaded");
    CU_ASSERT_EQUAL_FATAL(link("bad.so", "changing.so"), 0);
    RV_TEST_FAILS(begin_episode(env, 0, obs), RV_E_ENV, "changing.so: the plug-in is not the one that the run began");
    unlink("changing.so");
    CU_ASSERT_EQUAL_FATAL(link("ball_beam.so", "changing.so"), 0);
    RV_TEST_OK(begin_episode(env, 0, obs));
    unlink("changing.so");
    close_env(&env);
}

/* ---- state ---- */

static void state_round_trip(void)
{
    enum { N = 60 };
    rv_env_cfg cfg = settings("ball_beam.so", "hollow");
    rv_env *a = open_env(&cfg), *b = NULL;
    float obs[3], run_a[3 * N], run_b[3 * N];
    double reward_a[N], reward_b[N];
    unsigned char state[256], again[256];
    RV_TEST_OK(rv_env_create(cfg.name, &b));
    size_t n = rv_env_state_size(a);
    CU_ASSERT_EQUAL_FATAL(n, 24 + 32);
    RV_TEST_OK(begin_episode(a, 0, obs));
    env_test_run(a, 0, 30, run_a, reward_a);
    rv_env_state_save(a, state);
    RV_TEST_OK(rv_env_state_load(b, state, n)); /* in a process that has had no episode */
    rv_env_state_save(b, again);
    CU_ASSERT(memcmp(state, again, n) == 0);
    env_test_run(a, 30, N, run_a, reward_a);
    env_test_run(b, 30, N, run_b, reward_b);
    CU_ASSERT(memcmp(run_a, run_b, sizeof run_a) == 0);
    CU_ASSERT(memcmp(reward_a, reward_b, sizeof reward_a) == 0);
    RV_TEST_OK(rv_env_state_load(b, state, n)); /* in one that has */
    env_test_run(b, 30, N, run_b, reward_b);
    CU_ASSERT(memcmp(run_a, run_b, sizeof run_a) == 0);
    RV_TEST_FAILS(rv_env_state_load(b, state, n - 1), RV_E_DATA, "a state has");
    rv_env_destroy(&b);
    close_env(&a);
}

/* without save, a state is one in which no episode runs */
static void stateless(void)
{
    rv_env_cfg cfg = settings("tables.so", "");
    rv_env *env = open_env(&cfg);
    float obs[5];
    unsigned char state[256];
    CU_ASSERT(rv_env_spec_of(env)->is_stateless);
    RV_TEST_OK(begin_episode(env, 0, obs));
    CU_ASSERT(rv_env_is_running(env));
    rv_env_state_save(env, state);
    RV_TEST_OK(rv_env_state_load(env, state, rv_env_state_size(env)));
    CU_ASSERT(!rv_env_is_running(env));
    close_env(&env);
}

static void state_failures(void)
{
    const struct {
        const char *arguments, *text;
    } saves[] = {{"save", "signal 11 (Segmentation fault) in save"},
                 {"short", "the plug-in's save returned 4, expected 16 (bytes of state)"}};
    float obs[2], act = 0;
    rv_env_step_result result;
    unsigned char state[64], good[64];
    for (int i = 0; i < 2; i++) {
        rv_env_cfg cfg = settings("bad.so", saves[i].arguments);
        rv_env *env = open_env(&cfg);
        RV_TEST_OK(begin_episode(env, 0, obs));
        rv_env_state_save(env, state);
        RV_TEST_FAILS(rv_env_step(env, &act, obs, &result), RV_E_ENV, saves[i].text);
        RV_TEST_OK(begin_episode(env, 0, obs));
        RV_TEST_OK(rv_env_step(env, &act, obs, &result));
        RV_TEST_OK(rv_env_state_load(env, state, rv_env_state_size(env)));
        CU_ASSERT(!rv_env_is_running(env));
        close_env(&env);
    }
    rv_env_cfg cfg = settings("bad.so", "none");
    rv_env *env = open_env(&cfg);
    RV_TEST_OK(begin_episode(env, 0, obs));
    rv_env_state_save(env, good);
    close_env(&env);
    cfg = settings("bad.so", "load");
    env = open_env(&cfg);
    RV_TEST_FAILS(rv_env_state_load(env, good, rv_env_state_size(env)), RV_E_ENV,
                  "signal 11 (Segmentation fault) in load");
    RV_TEST_OK(begin_episode(env, 0, obs));
    close_env(&env);
    cfg = settings("bad.so", "refuse");
    env = open_env(&cfg);
    RV_TEST_FAILS(rv_env_state_load(env, good, rv_env_state_size(env)), RV_E_DATA,
                  "load refused the state: the sensor");
    close_env(&env);
}

/* ---- processes ---- */

/* steps that are begun together go on together; one that fails takes no other with it */
static void side_by_side(void)
{
    rv_env_cfg cfg = settings("bad.so", "none"), failing = settings("tables.so", "");
    rv_env *env[3] = {NULL}, *other = NULL;
    float obs[3][2], places[5];
    rv_env_step_result result;
    env[0] = open_env(&cfg);
    other = open_env(&failing);
    for (int i = 1; i < 3; i++)
        RV_TEST_OK(rv_env_create(cfg.name, &env[i]));
    for (int i = 0; i < 3; i++)
        RV_TEST_OK(begin_episode(env[i], (uint64_t)i, obs[i]));
    RV_TEST_OK(begin_episode(other, 0, places));
    CU_ASSERT_EQUAL(count_children(), 4);
    kill(first_child(), SIGKILL); /* of env[0] */
    for (int t = 1; t <= 5; t++) {
        float act[3] = {0.5F, 0.25F, -0.25F};
        double before[3];
        for (int i = t > 1; i < 3; i++) {
            before[i] = rv_env_observation(env[i])[0];
            RV_TEST_OK(rv_env_step_begin(env[i], &act[i]));
        }
        if (t == 1)
            RV_TEST_FAILS(rv_env_step_end(env[0], obs[0], &result), RV_E_ENV, "signal 9");
        for (int i = 1; i < 3; i++) {
            RV_TEST_OK(rv_env_step_end(env[i], obs[i], &result));
            CU_ASSERT_DOUBLE_EQUAL(rv_env_observation(env[i])[0], before[i] + (double)act[i], 1e-12);
        }
    }
    /* a step that is begun and not wanted any more */
    float act = 1;
    RV_TEST_OK(rv_env_step_begin(env[1], &act));
    RV_TEST_OK(begin_episode(env[1], 1, obs[1]));
    CU_ASSERT_EQUAL(obs[1][1], 0);
    RV_TEST_OK(rv_env_step(env[1], &act, obs[1], &result));
    CU_ASSERT_EQUAL(obs[1][1], 1);
    RV_TEST_OK(rv_env_step_begin(env[2], &act));
    for (int i = 0; i < 3; i++)
        rv_env_destroy(&env[i]);
    close_env(&other);
}

/* the parent is killed: its child follows, and nobody else has to see to it */
static void dies_with_its_parent(void)
{
    int pipes[2], pid = 0, state = 0;
    CU_ASSERT_EQUAL_FATAL(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* what the parent leaves behind is ours */
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    pid_t parent = fork();
    CU_ASSERT_FATAL(parent >= 0);
    if (parent == 0) {
        float obs[2];
        rv_env_cfg cfg = settings("bad.so", "none");
        rv_env *env = open_env(&cfg);
        RV_TEST_OK(begin_episode(env, 0, obs));
        pid = first_child();
        if (write(pipes[1], &pid, sizeof pid) == sizeof pid)
            pause();
        _exit(1);
    }
    CU_ASSERT_EQUAL_FATAL(read(pipes[0], &pid, sizeof pid), sizeof pid);
    CU_ASSERT_EQUAL(kill(pid, 0), 0);
    kill(parent, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(parent, NULL, 0), parent);
    CU_ASSERT_EQUAL(waitpid(pid, &state, 0), pid);
    CU_ASSERT(WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL);
    close(pipes[0]);
    close(pipes[1]);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* a process that the plug-in started goes with it */
static void takes_its_own_along(void)
{
    int state = 0;
    float obs[2], act = 0;
    rv_env_step_result result;
    CU_ASSERT_EQUAL_FATAL(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    rv_env_cfg cfg = settings("bad.so", "fork at 1");
    rv_env *env = open_env(&cfg);
    RV_TEST_OK(begin_episode(env, 0, obs));
    pid_t group = first_child();
    RV_TEST_FAILS(rv_env_step(env, &act, obs, &result), RV_E_ENV, "signal 11");
    for (double end = rv_clock_now() + 10; waitpid(-group, &state, WNOHANG) == 0 && rv_clock_now() < end;)
        rv_clock_sleep(0.01);
    kill(-group, SIGKILL); /* where the test fails */
    CU_ASSERT(WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL);
    close_env(&env);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* what it prints comes out, a crash notwithstanding; its end is told; no descriptor of ours is open in it */
static void prints(void)
{
    char text[512] = "";
    int pipes[2], saved = dup(STDOUT_FILENO);
    float obs[2], act = 0;
    rv_env_step_result result;
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    fflush(stdout);
    dup2(pipes[1], STDOUT_FILENO);
    rv_env_cfg cfg = settings("bad.so", "printing at 1");
    rv_env *env = open_env(&cfg);
    RV_TEST_OK(begin_episode(env, 0, obs));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", first_child());
    int n = 0;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        n += entry->d_name[0] != '.';
    if (folder)
        closedir(folder);
    rv_status status = rv_env_step(env, &act, obs, &result);
    close_env(&env);
    cfg = settings("bad.so", "farewell");
    env = open_env(&cfg);
    RV_TEST_OK(begin_episode(env, 0, obs));
    close_env(&env);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(pipes[1]);
    CU_ASSERT(read(pipes[0], text, sizeof text - 1) > 0);
    close(pipes[0]);
    CU_ASSERT_EQUAL(status, RV_E_ENV);
    CU_ASSERT_EQUAL(n, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "out of the plug-in\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "farewell\n"));
}

/* only reverie itself starts such a process */
static void only_from_reverie(void)
{
    rv_env_cfg cfg = settings("bad.so", "none");
    rv_plugin_set_program(NULL);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_INTERNAL, "rv_plugin_set_program");
    rv_plugin_set_program("/does/not/exist");
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_OS, "cannot start a process for the plug-in: No such file");
    RV_TEST_FAILS(rv_plugin_serve(-1), RV_E_USAGE, "env-child: this command is for reverie itself");
    RV_TEST_FAILS(rv_plugin_serve(STDIN_FILENO), RV_E_USAGE, "env-child");
}

RV_TEST_MAIN("plugin", {"describes", describes}, {"refuses at once", refuses_at_once}, {"grows", grows},
             {"steps", steps}, {"discrete", discrete}, {"discrete, outside", discrete_outside},
             {"every misbehaviour", every_misbehaviour}, {"memory is limited", memory_is_limited}, {"goes on", goes_on},
             {"death is noticed", death_is_noticed}, {"another file", another_file},
             {"state round trip", state_round_trip}, {"stateless", stateless}, {"state failures", state_failures},
             {"side by side", side_by_side}, {"dies with its parent", dies_with_its_parent},
             {"takes its own along", takes_its_own_along}, {"prints", prints}, {"only from reverie", only_from_reverie})
