#include "base/file.h"
#include "env/mujoco_sim.h"
#include "env_test.h"

#include <mujoco/mujoco.h>
#include <stdlib.h>
#include <unistd.h>

/* rows that are whole: t = 0, 1, 2, 20, 40 ... */
static void references(void)
{
    const struct {
        const char *file;
        int n_whole, n_obs;
    } files[] = {
        {"InvertedPendulum-v4.sin.csv", 13, 4},
        {"InvertedDoublePendulum-v4.sin.csv", 13, 11},
        {"Swimmer-v4.sin.csv", 13, 8},
        {"Hopper-v4.sin.csv", 13, 11},
        {"Walker2d-v4.sin.csv", 13, 17},
        {"HalfCheetah-v4.sin.csv", 13, 17},
        {"Ant-v4.sin.csv", 13, 27},
        {"Ant-v4-contact.sin.csv", 7, 111},
        {"AntTruncatedObs.sin.csv", 6, 27},
        {"AntTruncatedObs-norne.sin.csv", 5, 27},
        {"Humanoid-v4.sin.csv", 7, 376},
        {"HumanoidTruncatedObs.sin.csv", 6, 45},
        {"HumanoidTruncatedObs-norne.sin.csv", 5, 45},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        env_test_replay(files[i].file, files[i].n_whole * files[i].n_obs);
}

/* ---- episodes ---- */

typedef struct end_case {
    const char *name;
    int i; /* of the start state */
    double x;
    bool terminated;
} end_case;

/* a start one step from the bound: which side the step ends on decides */
static const end_case ends[] = {
    {"InvertedPendulum-v4", 1, 0.1, false},
    {"InvertedPendulum-v4", 1, 0.201, true},
    {"InvertedPendulum-v5", 1, -0.201, true},
    {"InvertedDoublePendulum-v4", 1, 0.3, false},
    {"InvertedDoublePendulum-v4", 1, 0.7, true},
    {"InvertedDoublePendulum-v5", 2, 1.3, true},
    {"InvertedDoublePendulum-v5", 0, 0.9, false},
    {"Swimmer-v4", 2, 1000, false},
    {"Swimmer-v5", 5, 30, false},
    {"Hopper-v4", 1, 1.25, false},
    {"Hopper-v4", 1, 3, false}, /* no bound above */
    {"Hopper-v4", 1, 0.3, true},
    {"Hopper-v4", 2, 0.19, false},
    {"Hopper-v4", 2, 0.21, true},
    {"Hopper-v4", 2, -0.21, true},
    {"Hopper-v4", 0, 1e6, false},
    {"Hopper-v4", 6, 50, false},
    {"Hopper-v4", 6, 101, true},
    {"Hopper-v4", 6, -101, true},
    {"Hopper-v5", 6, -101, true},
    {"Walker2d-v4", 1, 1.25, false},
    {"Walker2d-v4", 1, 0.7, true},
    {"Walker2d-v4", 1, 1.99, false},
    {"Walker2d-v4", 1, 2.01, true},
    {"Walker2d-v5", 1, 2.01, true},
    {"Walker2d-v4", 2, 0.99, false},
    {"Walker2d-v4", 2, 1.01, true},
    {"Walker2d-v4", 2, -1.01, true},
    {"Walker2d-v4", 9, 500, false},
    {"HalfCheetah-v4", 1, 3, false},
    {"HalfCheetah-v5", 2, 3, false},
    {"Ant-v4", 2, 0.75, false},
    {"Ant-v4", 2, 1.1, true},
    {"Ant-v5", 2, 1.1, true},
    {"Ant-v4-contact", 2, -3, true},
    {"AntTruncatedObs", 2, 1.1, true},
    {"AntTruncatedObs", 1, 5, false},
    {"Humanoid-v4", 2, 1.4, false},
    {"Humanoid-v4", 2, 0.9, true},
    {"Humanoid-v5", 2, 2.1, true},
    {"HumanoidTruncatedObs", 2, 1.99, false},
    {"HumanoidTruncatedObs", 2, 2.1, true},
    {"HumanoidTruncatedObs", 2, 0.9, true},
};

static double centre(const char *name, int i)
{
    bool is_hopper = strncmp(name, "Hopper", 6) == 0 || strncmp(name, "Walker", 6) == 0;
    if (strncmp(name, "Ant", 3) == 0)
        return i == 2 ? 0.75 : i == 3;
    if (strncmp(name, "Humanoid", 8) == 0)
        return i == 2 ? 1.4 : i == 3;
    return is_hopper && i == 1 ? 1.25 : 0;
}

static void start_at(rv_env *env, int i, double x)
{
    const rv_env_task *task = rv_env_task_of(env);
    double state[64] = {0};
    for (int j = 0; j < task->n_pos; j++)
        state[j] = centre(task->spec.name, j);
    state[i] = x;
    RV_TEST_OK(rv_env_start(env, state, state + task->n_pos));
}

static void environment_termination(void)
{
    const double zero[17] = {0};
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        rv_env *env = NULL;
        rv_env_step_result result;
        RV_TEST_OK(rv_env_create(ends[k].name, &env));
        start_at(env, ends[k].i, ends[k].x);
        RV_TEST_OK(rv_env_step_raw(env, zero, &result));
        if (result.terminated != ends[k].terminated)
            printf("\n    %s: number %d at %g\n", ends[k].name, ends[k].i, ends[k].x);
        CU_ASSERT_EQUAL(result.terminated, ends[k].terminated);
        rv_env_destroy(&env);
    }
}

static void reset_noise(void)
{
    const struct {
        const char *name;
        double pos, vel; /* vel 0: normal with 0.1 */
    } noise[] = {
        {"InvertedPendulum-v4", 0.01, 0.01},
        {"InvertedDoublePendulum-v5", 0.1, 0},
        {"Swimmer-v4", 0.1, 0.1},
        {"Hopper-v4", 0.005, 0.005},
        {"Walker2d-v5", 0.005, 0.005},
        {"HalfCheetah-v4", 0.1, 0},
        {"Ant-v4", 0.1, 0},
        {"Humanoid-v5", 0.01, 0.01},
    };
    for (size_t k = 0; k < sizeof noise / sizeof *noise; k++) {
        enum { N = 300 };
        rv_env *env = NULL;
        double most[2] = {0}, square = 0;
        RV_TEST_OK(rv_env_create(noise[k].name, &env));
        const rv_env_task *task = rv_env_task_of(env);
        bool is_free = centre(noise[k].name, 3) == 1;
        int n_pos = task->n_pos, n = n_pos + task->n_vel;
        for (unsigned e = 0; e < N; e++) {
            float obs[ENV_TEST_MAX];
            double state[ENV_TEST_MAX];
            rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, e);
            RV_TEST_OK(rv_env_reset(env, &rng, obs));
            rv_env_numbers(env, state);
            for (int i = 0; i < n; i++) {
                double x = state[i] - (i < n_pos ? centre(noise[k].name, i) : 0);
                if (is_free && i >= 3 && i < 7) /* a quaternion is made a unit one */
                    continue;
                most[i >= n_pos] = fmax(most[i >= n_pos], fabs(x));
                square += i >= n_pos ? x * x : 0;
            }
            double *q = state + 3;
            if (is_free)
                CU_ASSERT_DOUBLE_EQUAL(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3], 1, 1e-14);
            if (is_free)
                CU_ASSERT(q[1] != 0 && q[2] != 0 && q[3] != 0);
        }
        CU_ASSERT(most[0] <= noise[k].pos + 1e-15 && most[0] > 0.98 * noise[k].pos);
        if (noise[k].vel > 0)
            CU_ASSERT(most[1] <= noise[k].vel && most[1] > 0.98 * noise[k].vel);
        if (noise[k].vel == 0) {
            CU_ASSERT_DOUBLE_EQUAL(sqrt(square / (N * task->n_vel)), 0.1, 0.005);
            CU_ASSERT(most[1] > 0.25);
        }
        rv_env_destroy(&env);
    }
}

/* ---- tasks against each other: the same start and actions, what differs is known ---- */

/* two tasks of one motion */
typedef struct pair {
    rv_env *a, *b;
    int n_act, t;
    rv_env_step_result step_a, step_b;
    const double *obs_a, *obs_b;
} pair;

static pair pair_of(const char *a, const char *b, uint64_t seed)
{
    pair p = {0};
    float obs[ENV_TEST_MAX];
    rv_rng rng = rv_rng_at(seed, RV_STREAM_TEST, 0, 0), same = rng;
    RV_TEST_OK(rv_env_create(a, &p.a));
    RV_TEST_OK(rv_env_create(b, &p.b));
    RV_TEST_OK(rv_env_reset(p.a, &rng, obs));
    RV_TEST_OK(rv_env_reset(p.b, &same, obs));
    p.n_act = rv_env_spec_of(p.a)->n_act;
    p.obs_a = rv_env_observation(p.a);
    p.obs_b = rv_env_observation(p.b);
    return p;
}

static void pair_step(pair *p)
{
    double u[17];
    for (int i = 0; i < p->n_act; i++)
        u[i] = 1.2 * rv_env_spec_of(p->a)->act_high[i] * sin(0.3 * p->t + 1.7 * i);
    RV_TEST_OK(rv_env_step_raw(p->a, u, &p->step_a));
    RV_TEST_OK(rv_env_step_raw(p->b, u, &p->step_b));
    CU_ASSERT_EQUAL(p->step_a.terminated, p->step_b.terminated);
    p->t++;
}

static void pair_destroy(pair *p)
{
    rv_env_destroy(&p->a);
    rv_env_destroy(&p->b);
}

static void same_numbers(const double *a, const double *b, int n)
{
    CU_ASSERT(memcmp(a, b, (size_t)n * sizeof *a) == 0);
}

/* v5 pays nothing for being alive on a step that terminates; what is seen is the same */
static void v5_alive(void)
{
    const struct {
        const char *name;
        int n_obs; /* of v5, all of them the first of v4 */
        double alive;
    } tasks[] = {{"InvertedPendulum", 4, 1},
                 {"InvertedDoublePendulum", 9, 10},
                 {"Hopper", 11, 1},
                 {"Swimmer", 8, 0},
                 {"HalfCheetah", 17, 0}};
    for (size_t k = 0; k < sizeof tasks / sizeof *tasks; k++) {
        char v4[64], v5[64];
        int n_ended = 0;
        snprintf(v4, sizeof v4, "%s-v4", tasks[k].name);
        snprintf(v5, sizeof v5, "%s-v5", tasks[k].name);
        pair p = pair_of(v4, v5, k);
        CU_ASSERT_EQUAL_FATAL(rv_env_spec_of(p.b)->n_obs, tasks[k].n_obs);
        same_numbers(p.obs_a, p.obs_b, tasks[k].n_obs);
        while (p.t < 150) {
            pair_step(&p);
            double less = p.step_a.terminated ? tasks[k].alive : 0;
            same_numbers(p.obs_a, p.obs_b, tasks[k].n_obs);
            CU_ASSERT_DOUBLE_EQUAL(p.step_b.reward, p.step_a.reward - less, 1e-13);
            n_ended += p.step_a.terminated;
        }
        CU_ASSERT_EQUAL(n_ended > 0 && n_ended<150, tasks[k].alive> 0);
        pair_destroy(&p);
    }
}

/* Walker2d-v5 is the model with another friction of one foot, and not the one of v4 */
static void walker_friction(void)
{
    rv_env *env = NULL;
    rv_mujoco_sim sim;
    char text[6000];
    float obs[17];
    double state[64], u[6];
    static const char foot[] = "<geom name='right_foot'", wanted[] = " friction='1.9 0.1 0.1'";
    const char *at = strstr(rv_mujoco_walker, foot) + sizeof foot - 1;
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - rv_mujoco_walker), rv_mujoco_walker, wanted, at);
    rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 0, 0);
    RV_TEST_OK(rv_env_create("Walker2d-v5", &env));
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
    rv_env_numbers(env, state);
    RV_TEST_OK(rv_mujoco_sim_init("walker", NULL, text, 4, &sim));
    RV_TEST_OK(rv_mujoco_sim_start(&sim, state, state + 9));
    pair p = pair_of("Walker2d-v4", "Walker2d-v5", 3);
    for (int t = 0; t < 100; t++) {
        rv_env_step_result result;
        double x = sim.data->qpos[0], cost = 0;
        for (int i = 0; i < 6; i++) {
            u[i] = 1.2 * sin(0.3 * t + 1.7 * i);
            cost += u[i] * u[i];
        }
        RV_TEST_OK(rv_mujoco_sim_step(&sim, u));
        RV_TEST_OK(rv_env_step_raw(env, u, &result));
        same_numbers(rv_env_observation(env), sim.data->qpos + 1, 8);
        double reward = (sim.data->qpos[0] - x) / 0.008 + !result.terminated - 1e-3 * cost;
        CU_ASSERT_DOUBLE_EQUAL(result.reward, reward, 1e-12);
        if (t == 0)
            pair_step(&p);
    }
    same_numbers(p.obs_a, p.obs_b, 17); /* nothing slips yet */
    while (p.t < 100)
        pair_step(&p);
    CU_ASSERT(memcmp(p.obs_a, p.obs_b, 17 * sizeof(double)) != 0);
    pair_destroy(&p);
    rv_mujoco_sim_clear(&sim);
    rv_env_destroy(&env);
}

static double sum_of_squares(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

/* who sees and who pays for contact: against the task that sees all forces */
static void ant_contact(void)
{
    const struct {
        const char *name;
        int n_obs;
        double price;
        bool is_always_alive;
    } tasks[] = {{"Ant-v4", 27, 0, true},
                 {"Ant-v5", 105, 1, false},
                 {"AntTruncatedObs", 27, 1, true},
                 {"AntTruncatedObs-norne", 27, 0, true}};
    for (int k = 0; k < 4; k++) {
        int n_ended = 0, n_clipped = 0;
        pair p = pair_of("Ant-v4-contact", tasks[k].name, 5);
        CU_ASSERT_EQUAL_FATAL(rv_env_spec_of(p.b)->n_obs, tasks[k].n_obs);
        for (int i = 27; i < 111; i++)
            CU_ASSERT_EQUAL(p.obs_a[i], 0);
        while (p.t < 150) {
            pair_step(&p);
            double contact = 5e-4 * sum_of_squares(p.obs_a + 27, 84);
            double less = p.step_a.terminated && !tasks[k].is_always_alive;
            same_numbers(p.obs_a, p.obs_b, 27);
            same_numbers(p.obs_a + 33, p.obs_b + 27, tasks[k].n_obs - 27);
            CU_ASSERT_DOUBLE_EQUAL(p.step_b.reward, p.step_a.reward + contact * (1 - tasks[k].price) - less, 1e-13);
            n_ended += p.step_a.terminated;
            CU_ASSERT_EQUAL(sum_of_squares(p.obs_a + 27, 6), 0);
            for (int i = 27; i < 111; i++)
                n_clipped += fabs(p.obs_a[i]) == 1;
            CU_ASSERT(contact <= 84 * 5e-4);
        }
        CU_ASSERT(n_ended > 0 && n_ended < 150 && n_clipped > 0);
        pair_destroy(&p);
    }
}

static void humanoid_contact(void)
{
    const struct {
        const char *name;
        int n_obs;
        double price;
        bool is_always_alive;
    } tasks[] = {{"Humanoid-v5", 348, 1, false},
                 {"HumanoidTruncatedObs", 45, 1, true},
                 {"HumanoidTruncatedObs-norne", 45, 0, true}};
    for (int k = 0; k < 3; k++) {
        int n_ended = 0, n_cheap = 0, n_dear = 0;
        pair p = pair_of("Humanoid-v4", tasks[k].name, 5);
        CU_ASSERT_EQUAL_FATAL(rv_env_spec_of(p.b)->n_obs, tasks[k].n_obs);
        CU_ASSERT_EQUAL(sum_of_squares(p.obs_a + 292, 84), 0);
        while (p.t < 100) {
            if (p.t == 50) { /* from above, fast */
                start_at(p.a, 24 + 2, -60);
                start_at(p.b, 24 + 2, -60);
            }
            pair_step(&p);
            const double *a = p.obs_a, *b = p.obs_b;
            double contact = 5e-7 * sum_of_squares(a + 292, 84);
            double less = p.step_a.terminated && !tasks[k].is_always_alive ? 5 : 0;
            same_numbers(a, b, 45);
            CU_ASSERT_DOUBLE_EQUAL(p.step_b.reward, p.step_a.reward - fmin(contact, 10) * tasks[k].price - less, 1e-12);
            n_ended += p.step_a.terminated;
            n_cheap += contact > 0 && contact < 10;
            n_dear += contact > 10;
            CU_ASSERT_EQUAL(sum_of_squares(a + 45, 10) + sum_of_squares(a + 185, 6) + sum_of_squares(a + 269, 6), 0);
            if (k > 0)
                continue;
            same_numbers(a + 55, b + 45, 130);
            same_numbers(a + 191, b + 175, 78);
            same_numbers(a + 275, b + 253, 17);
            same_numbers(a + 298, b + 270, 78);
            CU_ASSERT(sum_of_squares(a + 275, 17) > 0 && sum_of_squares(a + 191, 78) > 0);
        }
        CU_ASSERT(n_ended > 0 && n_ended < 100 && n_cheap > 0 && n_dear > 0);
        pair_destroy(&p);
    }
}

/* the reward counts the way from the last step's late place: not what a fresh evaluation would give */
static void late_place(void)
{
    const char *const names[] = {"Ant-v4", "Humanoid-v4"};
    for (int k = 0; k < 2; k++) {
        unsigned char state[4096];
        double numbers[ENV_TEST_MAX];
        pair p = pair_of(names[k], names[k], 7);
        const rv_env_task *task = rv_env_task_of(p.a);
        for (int t = 0; t < 9; t++)
            pair_step(&p);
        rv_env_state_save(p.a, state);
        RV_TEST_OK(rv_env_state_load(p.b, state, rv_env_state_size(p.a)));
        pair_step(&p);
        CU_ASSERT_EQUAL(p.step_a.reward, p.step_b.reward);
        rv_env_numbers(p.a, numbers);
        RV_TEST_OK(rv_env_start(p.b, numbers, numbers + task->n_pos));
        pair_step(&p);
        CU_ASSERT_DOUBLE_EQUAL(p.obs_a[0], p.obs_b[0], 1e-9);
        CU_ASSERT(fabs(p.step_a.reward - p.step_b.reward) > 1e-6);
        pair_destroy(&p);
    }
}

/* ---- inside a learned model ---- */

typedef struct done_case {
    const char *name;
    unsigned char done;
    float obs[12]; /* the first; the rest is 0 */
} done_case;

static const done_case dones[] = {
    {"InvertedPendulum-v4", 0, {0}},
    {"InvertedPendulum-v4", 0, {0, 0.2F}},
    {"InvertedPendulum-v4", 1, {0, 0.201F}},
    {"InvertedPendulum-v5", 1, {0, -0.201F}},
    {"InvertedPendulum-v4", 1, {NAN}},
    {"InvertedPendulum-v5", 1, {0, 0, 0, INFINITY}},
    {"InvertedPendulum-v4", 0, {9, 0.1F, 99, 99}},
    {"InvertedDoublePendulum-v4", 0, {0, 0, 0, 1, 1}},
    {"InvertedDoublePendulum-v5", 0, {0, 0.6F, -0.6F, 0.8F, 0.8F}},
    {"InvertedDoublePendulum-v4", 1, {0, 0.6F, 0.6F, 0.8F, 0.8F}},
    {"InvertedDoublePendulum-v5", 1, {0, 0, 0, 1, -1}},
    {"InvertedDoublePendulum-v4", 0, {0, NAN, 0, 1, 1}},
    {"InvertedDoublePendulum-v4", 0, {0, 0, 0, 1, 1, 1e9F, NAN}},
    {"Hopper-v4", 0, {1.25F}},
    {"Hopper-v4", 1, {0.7F}},
    {"Hopper-v4", 0, {0.701F}},
    {"Hopper-v4", 1, {1.25F, 0.2F}},
    {"Hopper-v5", 1, {1.25F, -0.2F}},
    {"Hopper-v5", 0, {1.25F, -0.199F}},
    {"Hopper-v4", 1, {NAN}},
    {"Hopper-v4", 1, {1.25F, NAN}},
    {"Hopper-v4", 0, {500}},
    {"Hopper-v4", 1, {1.25F, 0, 100}},
    {"Hopper-v4", 0, {1.25F, 0, 99.9F}},
    {"Hopper-v4", 0, {1.25F, 0, -200}},
    {"Hopper-v4", 1, {INFINITY}},
    {"Hopper-v4", 1, {1.25F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100}},
    {"Hopper-v4", 1, {1.25F, 0, 0, 0, 0, 0, 0, 0, 0, 0, -INFINITY}},
    {"Walker2d-v4", 0, {1.25F}},
    {"Walker2d-v4", 1, {0.8F}},
    {"Walker2d-v4", 0, {0.801F}},
    {"Walker2d-v5", 1, {2}},
    {"Walker2d-v5", 0, {1.999F, 0.999F}},
    {"Walker2d-v4", 1, {1.25F, 1}},
    {"Walker2d-v4", 1, {1.25F, -1}},
    {"Walker2d-v4", 1, {NAN}},
    {"Walker2d-v4", 1, {1.25F, NAN}},
    {"Walker2d-v4", 0, {1.25F, 0, NAN, INFINITY}},
    {"Ant-v4", 0, {0.75F}},
    {"Ant-v4", 0, {0.2F}},
    {"Ant-v5", 1, {0.199F}},
    {"Ant-v4-contact", 0, {1}},
    {"AntTruncatedObs", 1, {1.001F}},
    {"AntTruncatedObs-norne", 1, {0.75F, 0, 0, NAN}},
    {"Ant-v5", 1, {0.75F, 0, 0, 0, -INFINITY}},
    {"Humanoid-v4", 0, {1.4F}},
    {"Humanoid-v4", 1, {1}},
    {"Humanoid-v5", 1, {2}},
    {"Humanoid-v5", 1, {NAN}},
    {"Humanoid-v4", 0, {1.001F, NAN}},
    {"HumanoidTruncatedObs", 0, {1}},
    {"HumanoidTruncatedObs", 0, {2}},
    {"HumanoidTruncatedObs", 1, {2.001F}},
    {"HumanoidTruncatedObs-norne", 1, {0.999F}},
    {"HumanoidTruncatedObs", 0, {NAN}},
};

/* each as the second of two rows */
static void model_termination(void)
{
    for (size_t k = 0; k < sizeof dones / sizeof *dones; k++) {
        const rv_env_spec *spec = NULL;
        float obs[2 * ENV_TEST_MAX] = {0};
        unsigned char done[3] = {9, 9, 9};
        RV_TEST_OK(rv_env_find(dones[k].name, &spec));
        memcpy(obs + spec->n_obs, dones[k].obs, (size_t)(spec->n_obs < 12 ? spec->n_obs : 12) * sizeof *obs);
        spec->terminated(spec, 2, obs, done);
        if (done[1] != dones[k].done)
            printf("\n    %s: row %zu\n", dones[k].name, k);
        CU_ASSERT(done[1] == dones[k].done && done[0] < 2 && done[2] == 9);
    }
}

/* who terminates in a model, and whose reward is known */
static void model_functions(void)
{
    int n = 0;
    const rv_env_spec *const *list = rv_env_list(&n);
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->name;
        if (strcmp(list[i]->family, "mujoco") != 0)
            continue;
        bool is_endless = strncmp(name, "Swimmer", 7) == 0 || strncmp(name, "HalfCheetah", 11) == 0;
        bool is_known = strncmp(name, "InvertedPendulum", 16) == 0;
        CU_ASSERT_EQUAL(list[i]->terminated != NULL, !is_endless);
        CU_ASSERT_EQUAL(list[i]->reward != NULL, is_known);
    }
    const rv_env_spec *v4 = NULL, *v5 = NULL;
    const float obs[3][4] = {{0}, {0, 0.3F}, {0, NAN}};
    float reward[3];
    RV_TEST_OK(rv_env_find("InvertedPendulum-v4", &v4));
    RV_TEST_OK(rv_env_find("InvertedPendulum-v5", &v5));
    v4->reward(v4, 3, obs[0], obs[0], obs[0], reward);
    CU_ASSERT(reward[0] == 1 && reward[1] == 1 && reward[2] == 1);
    v5->reward(v5, 3, obs[0], obs[0], obs[0], reward);
    CU_ASSERT(reward[0] == 1 && reward[1] == 0 && reward[2] == 0);
}

/* does rounding to float32 move it onto a threshold? */
static bool is_moved(double x)
{
    const double thresholds[] = {0.2, 0.7, 0.8, 1, 2, 100};
    for (int i = 0; i < 6; i++)
        if (fabs(x) != thresholds[i] && fabsf((float)x) == (float)thresholds[i])
            return true;
    return false;
}

/* MBPO's own functions, evaluated in double: rows in which rounding to float32 moves a number onto a threshold are
 * left out */
static void model_termination_vectors(void)
{
    const struct {
        const char *name, *task;
    } tasks[] = {{"InvertedPendulum", "InvertedPendulum-v4"},
                 {"InvertedDoublePendulum", "InvertedDoublePendulum-v4"},
                 {"Hopper", "Hopper-v4"},
                 {"Walker2d", "Walker2d-v4"},
                 {"HalfCheetah", "HalfCheetah-v4"},
                 {"Ant", "AntTruncatedObs"},
                 {"Humanoid", "HumanoidTruncatedObs"}};
    char *text = NULL;
    size_t n = 0;
    int n_checked = 0, n_all = 0, n_done = 0;
    RV_TEST_OK(rv_file_read(RV_TEST_DIR "/unit/env/reference/termination_vectors.csv", 1 << 20, &text, &n));
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line;) {
        const rv_env_spec *spec = NULL;
        float obs[ENV_TEST_MAX];
        bool is_left_out = false;
        const char *name = strsep(&line, ",");
        for (int i = 0; i < 7; i++)
            if (strcmp(name, tasks[i].name) == 0)
                RV_TEST_OK(rv_env_find(tasks[i].task, &spec));
        CU_ASSERT_PTR_NOT_NULL_FATAL(spec);
        int want = atoi(strsep(&line, ","));
        int n_obs = 0;
        for (char *field; n_obs < ENV_TEST_MAX && (field = strsep(&line, ",")) != NULL; n_obs++) {
            double x = strtod(field, NULL);
            obs[n_obs] = (float)x;
            is_left_out = is_left_out || is_moved(x);
        }
        CU_ASSERT_EQUAL_FATAL(n_obs, spec->n_obs);
        n_all++;
        if (is_left_out)
            continue;
        unsigned char done = 0;
        if (spec->terminated)
            spec->terminated(spec, 1, obs, &done);
        CU_ASSERT_EQUAL(done, want);
        n_done += done;
        n_checked++;
    }
    CU_ASSERT_EQUAL(n_all, 434);
    CU_ASSERT(n_checked > 390 && n_done > 150);
    rv_mem_free(&text);
}

/* ---- what goes wrong ---- */

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
             {"reset noise", reset_noise}, {"v5: alive on the last step", v5_alive},
             {"v5: friction of Walker2d", walker_friction}, {"contact: Ant", ant_contact},
             {"contact: Humanoid", humanoid_contact}, {"late place", late_place},
             {"termination in a model", model_termination}, {"functions of a model", model_functions},
             {"termination in a model: MBPO's functions", model_termination_vectors},
             {"state out of range", out_of_range}, {"error in the library", library_error})
