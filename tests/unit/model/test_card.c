#include "model/card_rig.h"

#include <stdlib.h>

static void set_row(rig *r, int64_t i, float a, float b, float next_a, float next_b)
{
    float *row = row_at(r, i);
    row[0] = a;
    row[1] = b;
    row[r->shape.row.next_obs] = next_a;
    row[r->shape.row.next_obs + 1] = next_b;
    row[r->shape.row.reward] = 1;
    row[r->shape.row.terminated] = 0;
}

/* A network of one hidden layer that adds a times input j to output i: act(z) - act(-z) = z for swish and relu. */
static void set_linear(const rv_mlp *net, float *params, int j, int i, double a)
{
    for (int side = 0; side < 2; side++) {
        const int unit = 2 * j + side;
        params[net->weight[0] + j * net->sizes[1] + unit] = side == 0 ? 1 : -1;
        params[net->weight[1] + unit * net->sizes[2] + i] = (float)(side == 0 ? a : -a);
    }
}

/* member m, linear: change = (own - I) obs, reward, predicted standard deviation 1 */
static void set_member(rig *r, int m, const double own[N_OBS][N_OBS], const double std[N_OBS], float reward)
{
    const rv_member_shape *s = &r->shape;
    float *p = r->members + m * s->n_published;
    for (int j = 0; j < N_OBS; j++)
        for (int i = 0; i < N_OBS; i++)
            set_linear(&s->mlp, p, j, 1 + i, (own[i][j] - (i == j)) * std[j]);
    p[s->mlp.bias[1]] = reward;
    for (int j = 0; j < s->n_in; j++)
        p[s->std + j] = j < N_OBS ? (float)std[j] : 1;
    for (int j = 0; j < s->n_out; j++) { /* logvar between bounds that leave it at 0, but for 1e-8 */
        p[s->hi + j] = 20;
        p[s->lo + j] = -20;
    }
}

/* ---- closed forms ---- */

/* Real states stay where they are, member m's grow by 1 + m / 2 a step, so the elites' mean (members 0 and 2) by 1.5:
 * error[k] = r (1.5^k - 1), r the root mean square of obs / std. Rewards are 2 against 1; Q = 3 s_1 + a, the policy's
 * action is tanh(0.5). */
static void linear_model(void)
{
    enum { STEPS = 5, ROWS = 12 };
    const double std[N_OBS] = {1, 2};
    rig r;
    set_up(&r, 1, STEPS, 1);
    for (int m = 0; m < N_MEMBERS; m++) {
        const double g = 1 + 0.5 * m;
        set_member(&r, m, (const double[N_OBS][N_OBS]){{g, 0}, {0, g}}, std, 2);
    }
    for (int i = 0; i < ROWS; i++) {
        set_row(&r, i, 0.5F, -3, 0.5F, -3);
        row_at(&r, i)[r.shape.row.act] = 0.25F;
    }
    r.policy[r.policy_net.bias[1]] = 0.5F;
    for (int i = 0; i < 2; i++) {
        float *q = r.critics + i * r.critic_net.n_params;
        set_linear(&r.critic_net, q, 0, 0, 3);
        set_linear(&r.critic_net, q, 2, 0, 1);
        q[r.critic_net.bias[1]] = i == 0 ? 0.5F : 0; /* the second is the smaller */
    }
    run(&r, ROWS, ROWS);
    const double size = sqrt((0.25 + 9.0 / 4) / 2);
    const double value = 1.5 + tanh(0.5);
    double sum = 0;
    CU_ASSERT_EQUAL(r.report.n, STEPS);
    CU_ASSERT(r.report.has_costs);
    CU_ASSERT_DOUBLE_EQUAL(r.report.gain, 1.5, 1e-6);
    for (int k = 1; k <= STEPS; k++) {
        const double growth = pow(1.5, k);
        const double worth = pow(discount, k);
        sum += pow(discount, k - 1);
        CU_ASSERT_EQUAL(r.report.windows[k], ROWS - STEPS + 1 + STEPS - k);
        CU_ASSERT_DOUBLE_EQUAL(r.report.error[k], size * (growth - 1), 1e-5);
        CU_ASSERT_DOUBLE_EQUAL(r.report.guess[k], size * (growth - 1), 1e-5);
        CU_ASSERT_DOUBLE_EQUAL(r.report.naive[k], pow(1 + size / 2, k) - 1, 1e-5);
        CU_ASSERT_DOUBLE_EQUAL(r.report.low[k], 0, 1e-6);
        CU_ASSERT_DOUBLE_EQUAL(r.report.high[k], size * (pow(2, k) - 1), 1e-4);
        CU_ASSERT_DOUBLE_EQUAL(r.report.members[STEPS + 1 + k], size * (growth - 1), 1e-5);
        CU_ASSERT_DOUBLE_EQUAL(r.report.model_cost[k], sum + worth * 1.5 * (growth - 1), 1e-5);
        CU_ASSERT_DOUBLE_EQUAL(r.report.critic_cost[k], fabs(1.75 - sum - worth * value), 1e-5);
    }
    tear_down(&r);
}

/* obs_1 takes over 2 obs_2 a step; in units of std (1, 2) it is 4: the shear's singular value is 2 + sqrt(5) */
static void gain_of_a_shear(void)
{
    const double std[N_OBS] = {1, 2};
    rig r;
    set_up(&r, 1, 2, 1);
    for (int m = 0; m < N_MEMBERS; m++) /* the elites' mean is meant, not what one of them has */
        set_member(&r, m, (const double[N_OBS][N_OBS]){{1, m == 2 ? 3 : 1}, {0, 1}}, std, 0);
    for (int i = 0; i < 4; i++)
        set_row(&r, i, (float)i, 1, (float)i + 1, 1);
    r.source.critics = NULL;
    run(&r, 4, 4);
    CU_ASSERT_DOUBLE_EQUAL(r.report.gain, 2 + sqrt(5), 1e-5);
    CU_ASSERT_FALSE(r.report.has_costs);
    CU_ASSERT_EQUAL(r.report.model_cost[1], 0);
    tear_down(&r);
}

/* z: the elites' means are 0 and 2 (mixture variance 1 + 1), the first output is seen at 1, 1 + 1.5 sqrt(2), ... */
static void one_step(void)
{
    const double same[N_OBS][N_OBS] = {{1, 0}, {0, 1}};
    const double std[N_OBS] = {1, 1};
    rig r;
    set_up(&r, 1, 1, 1);
    for (int m = 0; m < N_MEMBERS; m++)
        set_member(&r, m, same, std, (float)m);
    for (int i = 0; i < 4; i++) {
        set_row(&r, i, 1, 2, 1, 2);
        row_at(&r, i)[r.shape.row.reward] = 1 + (float)i * 1.5F * sqrtf(2);
    }
    run(&r, 4, 4);
    CU_ASSERT_EQUAL(r.report.n_rows, 4);
    CU_ASSERT_DOUBLE_EQUAL(r.report.within_1, (1 + 4 + 4) / 12.0, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(r.report.within_2, (2 + 4 + 4) / 12.0, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(r.report.z_squared, 2.25 * (1 + 4 + 9) / 12.0, 1e-5);
    /* members' means 0, 1, 2 of the reward */
    CU_ASSERT_DOUBLE_EQUAL(r.report.disagreement, sqrt(2.0 / 3), 1e-6);
    /* the reward alone varies; its mean is not predicted better than by chance */
    CU_ASSERT_EQUAL(r.report.quality, 0);
    /* rewards 0 and 2 around the predicted 1 explain nothing; obs moves as one member of three says */
    for (int i = 0; i < 4; i++)
        set_row(&r, i, (float)i, 2, (float)i, 2);
    for (int m = 0; m < N_MEMBERS; m++)
        set_member(&r, m, (const double[N_OBS][N_OBS]){{1.5, 0}, {0, 1}}, std, 1);
    for (int i = 0; i < 4; i++) {
        row_at(&r, i)[r.shape.row.next_obs] = 1.75F * (float)i; /* changes 0.75 i, predicted 0.5 i */
        row_at(&r, i)[r.shape.row.reward] = (float)(i % 2 * 2);
    }
    run(&r, 4, 4);
    CU_ASSERT_DOUBLE_EQUAL(r.report.quality, (1 - 0.0625 * 3.5 / (0.5625 * 1.25)) / 2, 1e-6);
    tear_down(&r);
}

/* ---- windows ---- */

/* envs take turns, each walks on by 1 a step */
static void walk(rig *r, int64_t n_rows)
{
    for (int64_t i = 0; i < n_rows; i++) {
        const float at = (float)(i / r->setup.count);
        const float env = (float)(i % r->setup.count);
        set_row(r, i, at, env, at + 1, env);
    }
}

static void identity_members(rig *r)
{
    for (int m = 0; m < N_MEMBERS; m++)
        set_member(r, m, (const double[N_OBS][N_OBS]){{1, 0}, {0, 1}}, (const double[N_OBS]){1, 1}, 0);
}

static void check_windows(const rig *r, const int *expected)
{
    for (int k = 1; k <= r->setup.steps; k++)
        CU_ASSERT_EQUAL(r->report.windows[k], expected[k - 1]);
}

/* two environments, segments of 8 rows = 4 steps of each; the held-out ones are rows 8 to 15 and 24 to 31 */
static void windows_end(void)
{
    rig r;
    set_up(&r, 1, 6, 2);
    identity_members(&r);
    walk(&r, 40);
    for (uint32_t i = 0; i < 16; i++)
        r.held[i] = i < 8 ? 24 + i : i; /* as a split might have them: the later segment first */
    r.source.critics = NULL;
    run(&r, 40, 16);
    check_windows(&r, (const int[]){16, 12, 8, 4, 0, 0}); /* none crosses a border, none mixes environments */
    CU_ASSERT_EQUAL(r.report.n, 4);
    for (int k = 1; k <= 4; k++) /* obs_1 is k steps off, obs_2 is right */
        CU_ASSERT_DOUBLE_EQUAL(r.report.error[k], k / sqrt(2), 1e-12);
    CU_ASSERT_EQUAL(r.report.error[5], 0);

    row_at(&r, 26)[r.shape.row.terminated] = 1; /* environment 0: 2 + 2 steps instead of 4 */
    run(&r, 40, 16);
    check_windows(&r, (const int[]){16, 11, 6, 3, 0, 0});

    float *bits = row_at(&r, 11) + r.shape.row.next_obs + 1; /* environment 1: 2 + 2 steps, cut by one bit */
    *bits = nextafterf(*bits, 9);
    run(&r, 40, 16);
    check_windows(&r, (const int[]){16, 10, 4, 2, 0, 0});
    *bits = 1;
    row_at(&r, 15)[r.shape.row.terminated] = 1; /* the last step of a segment: ends nothing that went on */
    run(&r, 40, 16);
    check_windows(&r, (const int[]){16, 11, 6, 3, 0, 0});

    /* segments that follow one another in the split are one; row 15 has ended that of environment 1 */
    for (uint32_t i = 0; i < 16; i++)
        r.held[i] = 8 + i;
    run(&r, 40, 16);
    check_windows(&r, (const int[]){16, 13, 10, 7, 4, 3});
    /* single rows */
    for (uint32_t i = 0; i < 4; i++)
        r.held[i] = 3 * i;
    run(&r, 40, 4);
    check_windows(&r, (const int[]){4, 0, 0, 0, 0, 0});
    CU_ASSERT_EQUAL(r.report.n, 1);
    tear_down(&r);
}

/* a terminated state has no value, an imagined one earns nothing more */
static void over_at_3(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    (void)spec;
    for (int i = 0; i < n; i++)
        done[i] = next_obs[(int64_t)i * N_OBS] >= 3;
}

static void costs_at_an_end(void)
{
    rig r;
    set_up(&r, 1, 4, 1);
    for (int m = 0; m < N_MEMBERS; m++) /* obs_1 doubles: 1, 2, 4, 8; over after two steps */
        set_member(&r, m, (const double[N_OBS][N_OBS]){{2, 0}, {0, 1}}, (const double[N_OBS]){1, 1}, 10);
    r.spec.terminated = over_at_3;
    walk(&r, 4); /* real: 0, 1, 2, 3, 4 */
    for (uint32_t i = 0; i < 3; i++)
        r.held[i] = i + 1; /* from 1 on; the last step terminates */
    row_at(&r, 3)[r.shape.row.terminated] = 1;
    for (int i = 0; i < 2; i++) {
        float *q = r.critics + i * r.critic_net.n_params; /* Q = 5 s_1 + 1 */
        set_linear(&r.critic_net, q, 0, 0, 5);
        q[r.critic_net.bias[1]] = 1;
    }
    run(&r, 4, 3);
    const double d = discount;
    const double q = 6;
    CU_ASSERT_EQUAL(r.report.n, 3);
    /* three windows: from 1 (three steps), from 2 (two), from 3 (one) */
    const double real[3] = {1 + d + d * d, 1 + d, 1};
    CU_ASSERT_DOUBLE_EQUAL(r.report.model_cost[3], fabs(10 + d * 10 - real[0]), 1e-5);
    CU_ASSERT_DOUBLE_EQUAL(r.report.critic_cost[3], fabs(q - real[0]), 1e-5);
    const double off_from_1 = 10 + d * 10 - (1 + d + d * d * 16);
    const double off_from_2 = 10 - real[1]; /* 4 is over already */
    CU_ASSERT_DOUBLE_EQUAL(r.report.model_cost[2], sqrt((off_from_1 * off_from_1 + off_from_2 * off_from_2) / 2), 1e-5);
    tear_down(&r);
}

/* of too many, the longest, spread evenly */
static void chooses_windows(void)
{
    enum { ROWS = 2400, PART = 12, STEPS = 10 };
    rig r;
    set_up(&r, 1, STEPS, 1);
    identity_members(&r);
    walk(&r, ROWS);
    for (int i = PART - 1; i < ROWS; i += PART)
        row_at(&r, i)[r.shape.row.terminated] = 1;
    r.source.critics = NULL;
    run(&r, ROWS, ROWS);
    /* 200 episodes: 3 starts of 10 steps, then one each of 9, 8, ...: 600 are long enough */
    for (int k = 1; k <= STEPS; k++)
        CU_ASSERT_EQUAL(r.report.windows[k], RV_CARD_WINDOWS);
    for (int w = 0; w < RV_CARD_WINDOWS; w++) {
        CU_ASSERT(r.card->first[w] % PART < 3);
        CU_ASSERT(w == 0 || r.card->first[w] > r.card->first[w - 1]);
        CU_ASSERT(llabs(r.card->first[w] - (int64_t)w * ROWS / RV_CARD_WINDOWS) < 2 * PART);
    }
    /* 100 episodes of 10 steps and more: 300 starts; 100 of 9; 100 of 8, and 12 of the 100 of 7 are wanted still */
    run(&r, ROWS / 2, ROWS / 2);
    const int expected[] = {512, 512, 512, 512, 512, 512, 512, 500, 400, 300};
    check_windows(&r, expected);
    tear_down(&r);
}

/* ---- numbers ---- */

/* against the eigenvalues of a^T a by Jacobi's rotations */
static void singular_values(void)
{
    enum { N = 9 };
    rv_rng rng = rv_rng_at(9, RV_STREAM_TEST, 0, 0);
    for (int trial = 0; trial < 20; trial++) {
        double a[N * N], g[N][N], u[N], v[N], largest = 0;
        for (int i = 0; i < N * N; i++)
            a[i] = (i / N == i % N) + 0.1 * trial * rv_rng_normal(&rng);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                g[i][j] = 0;
                for (int k = 0; k < N; k++)
                    g[i][j] += a[k * N + i] * a[k * N + j];
            }
        for (int turn = 0; turn < 20 * N * N; turn++) {
            const int p = turn % N;
            const int q = turn / N % N;
            if (p >= q || g[p][q] == 0)
                continue;
            const double angle = 0.5 * atan2(2 * g[p][q], g[q][q] - g[p][p]);
            const double c = cos(angle);
            const double s = sin(angle);
            for (int k = 0; k < N; k++) {
                const double x = g[k][p];
                g[k][p] = c * x - s * g[k][q];
                g[k][q] = s * x + c * g[k][q];
            }
            for (int k = 0; k < N; k++) {
                const double x = g[p][k];
                g[p][k] = c * x - s * g[q][k];
                g[q][k] = s * x + c * g[q][k];
            }
        }
        for (int i = 0; i < N; i++)
            largest = fmax(largest, g[i][i]);
        CU_ASSERT_DOUBLE_EQUAL(rv_card_singular(N, a, u, v), sqrt(largest), 1e-6);
    }
    double u[2], v[2];
    CU_ASSERT_EQUAL(rv_card_singular(2, (const double[]){0, 0, 0, 0}, u, v), 0);
    CU_ASSERT_DOUBLE_EQUAL(rv_card_singular(2, (const double[]){0, 7, 0, 0}, u, v), 7, 1e-12);
}

static void recommends(void)
{
    int windows[] = {0, 20, 20, 20, 9, 7};
    double model[] = {0, 1, 2, 3, 4, 5};
    double critic[] = {0, 2, 2, 3, 4, 9};
    rv_card_report p = {
        .n = 5, .steps = 5, .windows = windows, .has_costs = true, .model_cost = model, .critic_cost = critic};
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 1, 9), 4); /* too few windows beyond */
    windows[5] = 8;
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 1, 9), 5);
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 1, 3), 3);
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 6, 9), 6);
    critic[3] = 2.9; /* one that fails ends it, whatever follows */
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 1, 9), 2);
    critic[2] = model[2] = RV_CARD_LOST; /* lost on both sides */
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 1, 9), 1);
    critic[1] = 0;
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 1, 9), 1);
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 4, 9), 4);
    critic[1] = 2;
    critic[2] = 5;
    model[2] = 2;
    p.has_costs = false;
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 1, 9), 1);
    CU_ASSERT_EQUAL(rv_card_horizon(&p, 3, 9), 3);
}

RV_TEST_EACH_SET("card", {"linear model", linear_model}, {"gain of a shear", gain_of_a_shear}, {"one step", one_step},
                 {"windows end", windows_end}, {"costs at an end", costs_at_an_end},
                 {"chooses windows", chooses_windows}, {"singular values", singular_values}, {"recommends", recommends})
