#include "base/hash.h"
#include "env/tabular.h"
#include "env_test.h"

#include <stdlib.h>

static void references(void)
{
    env_test_replay("traj_FrozenLake4x4-slip.csv", 120);
    env_test_replay("traj_FrozenLake4x4-det.csv", 120);
    env_test_replay("traj_FrozenLake8x8-slip.csv", 120);
    env_test_replay("traj_FrozenLake8x8-det.csv", 120);
    env_test_replay("traj_CliffWalking-slip.csv", 120);
    env_test_replay("traj_CliffWalking.csv", 120);
    env_test_replay("traj_Taxi.csv", 120);
}

static const rv_env_spec *spec_of(const char *name)
{
    const rv_env_spec *spec = NULL;
    RV_TEST_OK(rv_env_find(name, &spec));
    CU_ASSERT_FATAL(spec && rv_tabular_is(spec));
    return spec;
}

/* ---- the tables ---- */

/* "state,action,outcome,probability,next,reward,terminated" for each outcome, then "state,probability" for each start
 */
static size_t table_text(const rv_env_spec *spec, int64_t age, char *out, size_t size)
{
    size_t n = 0;
    for (int i = 0; i < spec->n_states * spec->n_actions; i++) {
        int s = i / spec->n_actions, a = i % spec->n_actions;
        rv_tabular_outcome o[RV_TABULAR_OUTCOMES];
        int n_outcomes = rv_tabular_outcomes(spec, age, s, a, o);
        for (int k = 0; k < n_outcomes; k++)
            n += (size_t)snprintf(out + n, size - n, "%d,%d,%d,%.17g,%d,%.17g,%d\n", s, a, k, o[k].probability,
                                  o[k].next, o[k].reward, o[k].terminated);
    }
    for (int s = 0; s < spec->n_states; s++)
        if (rv_tabular_start(spec, s) != 0)
            n += (size_t)snprintf(out + n, size - n, "%d,%.17g\n", s, rv_tabular_start(spec, s));
    return n;
}

/* hashes of the originals' tables in that form, and of the mazes' built by hand from the book */
static void tables(void)
{
    static const struct {
        const char *name;
        int64_t age;
        const char *hash;
        const char *rows[3];
    } golden[] = {
        {"FrozenLake-v1",
         0,
         "6421fbb44dcb5934a8e89d92b0b49a4c",
         {"\n14,2,0,0.33333333333333337,14,0,0\n14,2,1,0.33333333333333331,15,1,1\n14,2,2,0.33333333333333337,10,0,0\n",
          "\n5,3,0,1,5,0,1\n", "\n0,1\n"}},
        {"FrozenLake-v1-det", 0, "c2e59403ee9bd5bf36b2e899ecae93bb", {"\n1,1,0,1,5,0,1\n", "\n14,2,0,1,15,1,1\n", ""}},
        {"FrozenLake8x8-v1", 0, "534237d113cd253e4abe69af6a34e0ad", {"\n59,0,0,1,59,0,1\n", "", ""}},
        {"FrozenLake8x8-v1-det", 0, "21e944ae03b6a1b5335f7f1ed0650500", {"\n11,1,0,1,19,0,1\n", "", ""}},
        {"CliffWalking-v1",
         0,
         "212d3be7124f9f821ae61bd3c6f58186",
         {"\n36,1,0,1,36,-100,0\n", "\n35,2,0,1,47,-1,1\n", "\n36,1\n"}},
        {"CliffWalking-v1-slip",
         0,
         "57828680a6f71195c0a22ed620584324",
         {"\n36,1,0,0.33333333333333331,24,-1,0\n36,1,1,0.33333333333333331,36,-100,0\n", "", ""}},
        {"Taxi-v4",
         0,
         "809347a10175f40cd5a2dc68b9e3a96a",
         {"\n16,5,0,1,0,20,1\n", "\n17,5,0,1,1,-1,0\n", "\n499,2,0,1,499,-1,0\n"}},
        {"DynaMaze-v0",
         0,
         "e8648b29134e17073d53919f51640a05",
         {"\n17,0,0,1,8,1,1\n", "\n19,3,0,1,19,0,0\n", "\n18,1\n"}},
        {"BlockingMaze-v0", 999, "7f8e2bb247a48d34e4780fb2b66cbd7b", {"\n44,0,0,1,35,0,0\n", "\n48,1\n", ""}},
        {"BlockingMaze-v0", 1000, "1d954c3e41462f8b46e71d79e2e8cb18", {"\n44,0,0,1,44,0,0\n", "", ""}},
        {"ShortcutMaze-v0", 2999, "1d954c3e41462f8b46e71d79e2e8cb18", {"\n44,0,0,1,44,0,0\n", "", ""}},
        {"ShortcutMaze-v0", 3000, "e7d7c0dbe91f30eb1a076a367f0f660e", {"\n44,0,0,1,35,0,0\n", "", ""}},
    };
    static char text[1 << 18];
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        char hash[RV_HASH_TEXT];
        size_t n = table_text(spec_of(golden[i].name), golden[i].age, text, sizeof text);
        CU_ASSERT_FATAL(n > 0 && n < sizeof text);
        rv_hash_bytes(text, n, hash);
        CU_ASSERT_STRING_EQUAL(hash, golden[i].hash);
        for (int k = 0; k < 3; k++)
            CU_ASSERT_PTR_NOT_NULL(strstr(text, golden[i].rows[k]));
    }
}

/* what a law must be, whatever the task */
static void sums(void)
{
    int n = 0, n_tabular = 0;
    const rv_env_spec *const *list = rv_env_list(&n);
    for (int i = 0; i < n; i++) {
        const rv_env_spec *spec = list[i];
        double start = 0;
        if (!rv_tabular_is(spec))
            continue;
        n_tabular++;
        for (int s = 0; s < spec->n_states; s++) {
            start += rv_tabular_start(spec, s);
            for (int a = 0; a < spec->n_actions; a++) {
                rv_tabular_outcome o[RV_TABULAR_OUTCOMES];
                int n_outcomes = rv_tabular_outcomes(spec, 0, s, a, o);
                double sum = n_outcomes == 0;
                CU_ASSERT(n_outcomes >= 0 && n_outcomes <= RV_TABULAR_OUTCOMES);
                for (int k = 0; k < n_outcomes; k++) {
                    sum += o[k].probability;
                    CU_ASSERT(o[k].next >= 0 && o[k].next < spec->n_states);
                }
                CU_ASSERT_DOUBLE_EQUAL(sum, 1, 1e-15);
            }
        }
        CU_ASSERT_DOUBLE_EQUAL(start, 1, 1e-12);
    }
    CU_ASSERT_EQUAL(n_tabular, 10);
}

/* the best mean return: value iteration over n steps, or until nothing changes */
static double optimum(const char *name, int64_t age, double discount, int n_steps)
{
    const rv_env_spec *spec = spec_of(name);
    static double value[2][512];
    double change = 1, mean = 0;
    memset(value, 0, sizeof value);
    for (int t = 0; n_steps ? t < n_steps : change > 1e-13; t++) {
        const double *old = value[t % 2];
        double *now = value[(t + 1) % 2];
        change = 0;
        for (int s = 0; s < spec->n_states; s++) {
            double best = -INFINITY;
            for (int a = 0; a < spec->n_actions; a++) {
                rv_tabular_outcome o[RV_TABULAR_OUTCOMES];
                double q = 0;
                int n = rv_tabular_outcomes(spec, age, s, a, o);
                for (int k = 0; k < n; k++)
                    q += o[k].probability * (o[k].reward + (o[k].terminated ? 0 : discount * old[o[k].next]));
                best = fmax(best, q);
            }
            now[s] = best;
            change = fmax(change, fabs(now[s] - old[s]));
        }
        memcpy(value[t % 2], now, sizeof value[0]);
    }
    for (int s = 0; s < spec->n_states; s++)
        mean += rv_tabular_start(spec, s) * value[0][s];
    return mean;
}

static void optima(void)
{
    CU_ASSERT_DOUBLE_EQUAL(optimum("FrozenLake-v1", 0, 1, 0), 0.823529, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(optimum("FrozenLake-v1", 0, 1, 100), 0.744190, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(optimum("FrozenLake-v1", 0, 0.99, 0), 0.542026, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(optimum("FrozenLake8x8-v1", 0, 1, 0), 1, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(optimum("FrozenLake8x8-v1", 0, 1, 200), 0.913220, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(optimum("FrozenLake8x8-v1", 0, 0.99, 0), 0.414640, 1e-6);
    CU_ASSERT_EQUAL(optimum("FrozenLake-v1-det", 0, 1, 6), 1);
    CU_ASSERT_EQUAL(optimum("FrozenLake-v1-det", 0, 1, 5), 0);
    CU_ASSERT_EQUAL(optimum("FrozenLake8x8-v1-det", 0, 1, 14), 1);
    CU_ASSERT_EQUAL(optimum("FrozenLake8x8-v1-det", 0, 1, 13), 0);
    CU_ASSERT_EQUAL(optimum("CliffWalking-v1", 0, 1, 0), -13);
    CU_ASSERT_DOUBLE_EQUAL(optimum("CliffWalking-v1-slip", 0, 1, 0), -64.709176, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(optimum("Taxi-v4", 0, 1, 200), 7.93, 5e-3);
    const struct {
        const char *name;
        int64_t age;
        int n_steps;
    } mazes[] = {{"DynaMaze-v0", 0, 14},
                 {"BlockingMaze-v0", 0, 10},
                 {"BlockingMaze-v0", 1000, 16},
                 {"ShortcutMaze-v0", 2999, 16},
                 {"ShortcutMaze-v0", 3000, 10}};
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(optimum(mazes[i].name, mazes[i].age, 1, mazes[i].n_steps), 1);
        CU_ASSERT_EQUAL(optimum(mazes[i].name, mazes[i].age, 1, mazes[i].n_steps - 1), 0);
    }
}

/* ---- the simulation follows its table ---- */

/* from every state, with every action and u in each outcome's part */
static void follows_the_table(const char *name, int64_t age)
{
    rv_env *env = NULL;
    const rv_env_spec *spec = spec_of(name);
    RV_TEST_OK(rv_env_create(name, &env));
    for (int i = 0; i < spec->n_states * spec->n_actions; i++) {
        const double pos[] = {i / spec->n_actions, age > 0};
        rv_tabular_outcome o[RV_TABULAR_OUTCOMES];
        int n = rv_tabular_outcomes(spec, age, i / spec->n_actions, i % spec->n_actions, o);
        double below = 0;
        for (int k = 0; k < n; k++) {
            double u[] = {i % spec->n_actions, below + 0.5 * o[k].probability};
            rv_env_step_result result;
            for (int edge = 0; edge < 2; edge++) {
                RV_TEST_OK(rv_env_start(env, pos, NULL));
                RV_TEST_OK(rv_env_step_raw(env, u, &result));
                CU_ASSERT_EQUAL(rv_env_observation(env)[0], o[k].next);
                CU_ASSERT_EQUAL(result.reward, o[k].reward);
                CU_ASSERT_EQUAL(result.terminated, o[k].terminated);
                u[1] = below; /* what equals the sum up to the one before is this one's */
            }
            below += o[k].probability;
        }
    }
    rv_env_destroy(&env);
}

static void every_step(void)
{
    int n = 0;
    const rv_env_spec *const *list = rv_env_list(&n);
    for (int i = 0; i < n; i++)
        if (rv_tabular_is(list[i]))
            follows_the_table(list[i]->name, 0);
    follows_the_table("BlockingMaze-v0", 1000);
    follows_the_table("ShortcutMaze-v0", 3000);
}

/* ice takes each of its three ways a third of the time, and which is a matter of the seed and the step */
static void chance(void)
{
    enum { N = 3000 };
    rv_env *env = NULL;
    float obs[16];
    const float right[] = {0, -1, 0.5F, 0};
    int first[16] = {0}, second_given_first[16] = {0};
    RV_TEST_OK(rv_env_create("FrozenLake-v1", &env));
    for (unsigned i = 0; i < N; i++) {
        rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, i);
        rv_env_step_result result;
        RV_TEST_OK(rv_env_reset(env, &rng, obs));
        CU_ASSERT(obs[0] == 1);
        RV_TEST_OK(rv_env_step(env, right, obs, &result));
        int s = rv_env_choice(16, obs);
        first[s]++;
        if (s != 1)
            continue;
        RV_TEST_OK(rv_env_step(env, right, obs, &result));
        second_given_first[rv_env_choice(16, obs)]++;
    }
    const int at_first[] = {0, 1, 4}, at_second[] = {1, 2, 5};
    CU_ASSERT_EQUAL(first[0] + first[1] + first[4], N);
    for (int k = 0; k < 3; k++) {
        CU_ASSERT(abs(first[at_first[k]] - N / 3) < 4 * 26); /* four standard deviations */
        CU_ASSERT(abs(second_given_first[at_second[k]] - first[1] / 3) < 4 * 15);
    }
    rv_env_destroy(&env);
}

/* 200 steps of the same actions: bits of all observations and rewards */
static unsigned long long run_hash(const char *name, uint64_t seed)
{
    static float obs[200 * 64];
    double reward[200];
    rv_env *env = NULL;
    RV_TEST_OK(rv_env_create(name, &env));
    rv_rng rng = rv_rng_at(seed, RV_STREAM_TEST, 0, 0);
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
    env_test_run(env, 0, 200, obs, reward);
    unsigned long long hash =
        rv_hash_u64(obs, 200 * (size_t)rv_env_spec_of(env)->n_obs * sizeof *obs) ^ rv_hash_u64(reward, sizeof reward);
    rv_env_destroy(&env);
    return hash;
}

/* where ice is slippery a seed decides, elsewhere none does */
static void seeds(void)
{
    static const char *const slippery[] = {"FrozenLake-v1", "FrozenLake8x8-v1", "CliffWalking-v1-slip"};
    static const char *const certain[] = {"FrozenLake-v1-det", "FrozenLake8x8-v1-det", "CliffWalking-v1",
                                          "DynaMaze-v0",       "BlockingMaze-v0",      "ShortcutMaze-v0"};
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(run_hash(slippery[i], 1) == run_hash(slippery[i], 1));
        CU_ASSERT(run_hash(slippery[i], 1) != run_hash(slippery[i], 3));
    }
    for (int i = 0; i < 6; i++)
        CU_ASSERT(run_hash(certain[i], 1) == run_hash(certain[i], 3));
}

static void taxi_starts(void)
{
    enum { N = 6000 };
    static int n_at[500];
    static float obs[500];
    rv_env *env = NULL;
    const rv_env_spec *spec = spec_of("Taxi-v4");
    RV_TEST_OK(rv_env_create("Taxi-v4", &env));
    memset(n_at, 0, sizeof n_at);
    for (unsigned i = 0; i < N; i++) {
        rv_rng rng = rv_rng_at(2, RV_STREAM_TEST, 0, i);
        RV_TEST_OK(rv_env_reset(env, &rng, obs));
        n_at[rv_env_choice(500, obs)]++;
    }
    for (int s = 0; s < 500; s++) {
        int passenger = s / 4 % 5;
        bool can_begin = passenger < 4 && passenger != s % 4;
        CU_ASSERT_EQUAL(rv_tabular_start(spec, s) > 0, can_begin);
        CU_ASSERT_EQUAL(n_at[s] > 0, can_begin); /* 20 expected of each */
        CU_ASSERT(n_at[s] < 50);
    }
    CU_ASSERT_EQUAL(rv_tabular_draw_start(spec, 0), 1);
    CU_ASSERT_EQUAL(rv_tabular_draw_start(spec, 0.501), 248); /* the 151st of 300 */
    CU_ASSERT_EQUAL(rv_tabular_draw_start(spec, 0.999999), 494);
    rv_env_destroy(&env);
}

/* ---- mazes that change ---- */

/* does the way at the right end of the wall lead through, after a reset at that age? */
static bool is_right_end_open(rv_env *env, int64_t age)
{
    static const int to_the_gap[] = {0, 3, 3, 3, 3, 3, 0}; /* up, right to column 8, up */
    float obs[54];
    rv_env_step_result result;
    rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 0, 0);
    RV_TEST_OK(rv_env_reset_at(env, &rng, age, obs));
    CU_ASSERT_EQUAL(rv_env_choice(54, obs), 48);
    for (int i = 0; i < 7; i++) {
        float act[4] = {0};
        act[to_the_gap[i]] = 1;
        RV_TEST_OK(rv_env_step(env, act, obs, &result));
    }
    return rv_env_choice(54, obs) == 35;
}

static void changes(void)
{
    rv_env *env = NULL, *other = NULL;
    const float up[] = {1, 0, 0, 0};
    float obs[54];
    unsigned char state[64];
    rv_env_step_result result;
    RV_TEST_OK(rv_env_create("BlockingMaze-v0", &env));
    RV_TEST_OK(rv_env_create("BlockingMaze-v0", &other));
    size_t n = rv_env_state_size(env);
    CU_ASSERT_FATAL(n <= sizeof state);
    const rv_env_task *task = rv_env_task_of(env);
    double numbers[2];
    int n_rows = 0, n_cols = 0;
    CU_ASSERT(is_right_end_open(env, 0));
    rv_env_numbers(env, numbers);
    CU_ASSERT_EQUAL(task->family->grid(task, numbers, &n_rows, &n_cols)[(int)numbers[0]], '.');
    CU_ASSERT(n_rows == 6 && n_cols == 9 && numbers[0] == 35);
    CU_ASSERT(!is_right_end_open(env, 1000) && !is_right_end_open(env, 5000));
    rv_env_numbers(env, numbers);
    CU_ASSERT_EQUAL(task->family->grid(task, numbers, &n_rows, &n_cols)[35], '#');
    for (int i = 0; i < 54; i++)
        obs[i] = (float)-fabs(i - 7.2);
    CU_ASSERT(rv_env_pose(task, obs, obs, numbers));
    CU_ASSERT(numbers[0] == 7 && numbers[1] == 1);
    /* an environment that goes on from a saved state has the walls of that */
    rv_env_state_save(env, state);
    CU_ASSERT(is_right_end_open(other, 999));
    RV_TEST_OK(rv_env_state_load(other, state, n));
    RV_TEST_OK(rv_env_step(other, up, obs, &result));
    CU_ASSERT_EQUAL(rv_env_choice(54, obs), 44);
    /* and back: a reset at an early age undoes the change */
    CU_ASSERT(is_right_end_open(env, 999));
    rv_env_destroy(&env);
    rv_env_destroy(&other);
    RV_TEST_OK(rv_env_create("ShortcutMaze-v0", &env));
    CU_ASSERT(!is_right_end_open(env, 2999) && is_right_end_open(env, 3000));
    rv_env_destroy(&env);
}

/* ---- what a model may know ---- */

/* on predictions that are no more than near a state, the flag and the reward are those of the table */
static void check_model(const rv_env_spec *spec, int64_t age)
{
    static float obs[512], next_obs[512];
    for (int i = 0; i < spec->n_states * spec->n_actions; i++) {
        int s = i / spec->n_actions, a = i % spec->n_actions;
        float act[8] = {-0.5F, -0.5F, -0.5F, -0.5F, -0.5F, -0.5F};
        rv_tabular_outcome o[RV_TABULAR_OUTCOMES];
        unsigned char done = 2;
        act[a] = -0.25F;
        memset(obs, 0, sizeof obs);
        obs[s] = 1;
        spec->terminated(spec, 1, obs, &done);
        int n = done ? 0 : rv_tabular_outcomes(spec, age, s, a, o); /* nothing goes on from an end */
        for (int k = 0; k < n; k++) {
            float reward = 999;
            for (int j = 0; j < spec->n_states; j++)
                next_obs[j] = 0.3F * (float)sin(j);
            next_obs[o[k].next] = 0.4F;
            spec->terminated(spec, 1, next_obs, &done);
            CU_ASSERT_EQUAL(done, o[k].terminated);
            if (!spec->reward)
                continue;
            spec->reward(spec, 1, obs, act, next_obs, &reward);
            CU_ASSERT_EQUAL(reward, (float)o[k].reward);
        }
    }
}

static void models(void)
{
    int n = 0;
    const rv_env_spec *const *list = rv_env_list(&n);
    for (int i = 0; i < n; i++) {
        if (!rv_tabular_is(list[i]))
            continue;
        CU_ASSERT_EQUAL(list[i]->reward == NULL, strcmp(list[i]->name, "CliffWalking-v1-slip") == 0);
        check_model(list[i], 0);
        check_model(list[i], 5000);
    }
    /* who is on the goal already does not enter it */
    const float goal[16] = {[15] = 1}, before_goal[16] = {[14] = 1}, act_right[4] = {0, 0, 1, 0};
    float paid[2];
    const rv_env_spec *frozen = spec_of("FrozenLake-v1");
    frozen->reward(frozen, 1, goal, act_right, goal, &paid[0]);
    frozen->reward(frozen, 1, before_goal, act_right, goal, &paid[1]);
    CU_ASSERT(paid[0] == 0 && paid[1] == 1);
    /* several rows at once */
    const rv_env_spec *spec = spec_of("Taxi-v4");
    static float obs[2 * 500], act[2 * 6];
    unsigned char done[2];
    float reward[2];
    memset(obs, 0, sizeof obs);
    obs[16] = obs[500 + 17] = act[5] = act[6 + 5] = 1; /* in place 0 with the passenger; bound for 0, and for 1 */
    spec->reward(spec, 2, obs, act, obs, reward);
    CU_ASSERT(reward[0] == 20 && reward[1] == -1);
    obs[0] = 2;
    spec->terminated(spec, 2, obs, done);
    CU_ASSERT(done[0] == 1 && done[1] == 0);
}

static void refuses(void)
{
    rv_env *env = NULL;
    rv_env_step_result result;
    RV_TEST_OK(rv_env_create("CliffWalking-v1", &env));
    const double past[] = {48, 0}, between[] = {3.5, 0}, changed[] = {3, 1}, good[] = {36, 0};
    RV_TEST_FAILS(rv_env_start(env, past, NULL), RV_E_DATA, "state 48, expected a whole number below 48");
    RV_TEST_FAILS(rv_env_start(env, between, NULL), RV_E_DATA, "state 3.5");
    RV_TEST_FAILS(rv_env_start(env, changed, NULL), RV_E_DATA, "changed 1, expected 0");
    RV_TEST_OK(rv_env_start(env, good, NULL));
    const double actions[][2] = {{4, 0.5}, {-1, 0.5}, {0.5, 0.5}};
    for (int i = 0; i < 3; i++)
        RV_TEST_FAILS(rv_env_step_raw(env, actions[i], &result), RV_E_DATA, "expected a whole number below 4");
    CU_ASSERT_EQUAL(rv_env_observation(env)[0], 36);
    rv_env_destroy(&env);
    const rv_env_spec *spec = NULL;
    RV_TEST_OK(rv_env_find("CartPole-v1", &spec));
    CU_ASSERT(!rv_tabular_is(spec));
}

RV_TEST_MAIN("tabular", {"reference trajectories", references}, {"tables", tables}, {"sums", sums}, {"optima", optima},
             {"steps follow the table", every_step}, {"chance", chance}, {"seeds", seeds}, {"taxi starts", taxi_starts},
             {"mazes change", changes}, {"models", models}, {"refuses", refuses})
