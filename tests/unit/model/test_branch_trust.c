/* How far branches go on what all members say, and what the tails of their rows hold. */
#include "branch_test.h"

/* of each row: how many came before it in its branch, and the row after it, -1: none */
typedef struct chain {
    int *depth;
    int64_t *next;
} chain;

/* rows that go on from one another, by their bits; next_obs are those that were made */
static chain link_rows(const bench *b)
{
    const rv_row *r = &b->row;
    chain c = {0};
    RV_TEST_OK(RV_NEW(c.depth, b->stats.n_rows));
    RV_TEST_OK(RV_NEW(c.next, b->stats.n_rows));
    for (int64_t i = 0; i < b->stats.n_rows; i++)
        c.next[i] = -1;
    for (int64_t i = 0; i < b->stats.n_rows; i++)
        for (int64_t k = i + 1; k < b->stats.n_rows && c.next[i] < 0 && row(b, i)[r->terminated] == 0; k++)
            if (memcmp(row(b, k), row(b, i) + r->next_obs, (size_t)r->n_obs * sizeof(float)) == 0) {
                c.next[i] = k;
                c.depth[k] = c.depth[i] + 1;
            }
    return c;
}

static void free_chain(chain *c)
{
    rv_mem_free(&c->depth);
    rv_mem_free(&c->next);
}

/* disagreement at a state whose action follows from it, as deviations are next to 0 */
static double doubt_at(const bench *b, const float *obs)
{
    float x[WIDEST];
    double in[WIDEST], out[WIDEST];
    for (int j = 0; j < b->spec->n_obs; j++) {
        x[j] = obs[j];
        in[j] = obs[j];
    }
    forward64(&b->policy_net, b->policy, false, in, out);
    for (int j = 0; j < b->spec->n_act; j++)
        x[b->spec->n_obs + j] = (float)tanh(out[j]);
    return disagreement64(b, x);
}

/* steps that the gate allows at d, but for the last 1e-4 of doubt about d: between these */
static void allowed(const bench *b, double d, int bounds[2])
{
    const rv_gate *g = &b->source.standard.gate;
    for (int side = 0; side < 2; side++) {
        const double at = d * (side ? 1 - 1e-4 : 1 + 1e-4);
        const double part = b->source.length * (g->max - at) / (g->max - g->full);
        bounds[side] = at <= g->full ? b->source.length : at >= g->max ? 0 : (int)ceil(part);
    }
}

/* a branch goes on exactly as far as both thresholds say, whatever became of others */
static void gate_lets_a_part_through(void)
{
    enum { BLOCK = 500, LENGTH = 6 };
    bench b;
    int64_t stops[LENGTH] = {0}, n_judged = 0;
    const rv_rollout_cfg cfg = {.block = BLOCK, .branches = BLOCK, .max_disagreement = 0.25, .full_disagreement = 0.22};
    const rv_lesson lesson = {.steps = 1};
    set_up_as(&b, "Hopper-v4", LENGTH, 200, &cfg, &lesson, false);
    random_ensemble(&b);
    make_policy(&b, 0.5, 0, -20);
    run(&b, 3);
    chain c = link_rows(&b);
    for (int64_t i = 0; i < b.stats.n_rows; i++) {
        int bounds[2];
        allowed(&b, disagreement64(&b, row(&b, i)), bounds);
        CU_ASSERT(c.depth[i] < bounds[1]);
        n_judged++;
        if (c.next[i] >= 0 || row(&b, i)[b.row.terminated] == 1 || c.depth[i] == LENGTH - 1)
            continue;
        allowed(&b, doubt_at(&b, row(&b, i) + b.row.next_obs), bounds);
        CU_ASSERT(c.depth[i] + 1 >= bounds[0]);
        stops[c.depth[i] + 1]++;
    }
    for (int64_t i = 0; i < b.stats.n_rows; i++)
        stops[0] += c.depth[i] == 0;
    stops[0] = BLOCK - stops[0];
    for (int k = 1; k < LENGTH; k++)
        CU_ASSERT(stops[k] > 0); /* else the thresholds above are no test */
    const int64_t want[RV_BRANCH_STOPS] = {stops[0], stops[1], stops[2], stops[3] + stops[4], stops[5]};
    CU_ASSERT(memcmp(b.stats.stops, want, sizeof want) == 0);
    CU_ASSERT_EQUAL(b.stats.n_judged, n_judged);
    free_chain(&c);
    tear_down(&b);
}

/* constant members: the reward is m, so that d is that of 0, 1, .. 4 at every state */
static double constant_ensemble(bench *b, float logvar)
{
    const int elites[] = {0, 1, 2, 3, 4};
    choose_elites(b, MEMBERS, elites);
    for (int m = 0; m < MEMBERS; m++) {
        const float mean[] = {(float)m, 0.01F, 0.02F, 0.03F};
        make_constant(b, m, mean, logvar);
    }
    return sqrt(2 / exp((double)logvar));
}

static void stops_are_counted_by_length(void)
{
    enum { BLOCK = 10, LENGTH = 40 };
    static const struct {
        int rows, bucket;
    } cases[] = {{0, 0}, {1, 1},  {2, 2},  {3, 3},  {4, 3},  {5, 4},  {8, 4},
                 {9, 5}, {16, 5}, {17, 6}, {32, 6}, {33, 7}, {39, 7}, {40, -1}};
    bench b;
    set_up(&b, "Pendulum-v1", BLOCK, LENGTH, 50, 1, false);
    const double d = constant_ensemble(&b, -1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* thresholds between which d allows these rows: LENGTH (max - d) = (rows - 1/2) (max - full) */
        const double part = (cases[i].rows - 0.5) / LENGTH, full = 0.5 * d;
        b.source.standard.gate = (rv_gate){full, (d - part * full) / (1 - part)};
        run(&b, (int)i);
        CU_ASSERT_EQUAL(b.stats.n_rows, BLOCK * cases[i].rows);
        CU_ASSERT_EQUAL(b.stats.n_stopped, cases[i].bucket >= 0 ? BLOCK : 0);
        for (int k = 0; k < RV_BRANCH_STOPS; k++)
            CU_ASSERT_EQUAL(b.stats.stops[k], k == cases[i].bucket ? BLOCK : 0);
    }
    tear_down(&b);
}

/* what all members say of constant predictions is known */
static void parts_are_reported(void)
{
    enum { BLOCK = 20, LENGTH = 3 };
    static const double parts[] = {0.25, 0.5, 0, 2};
    bench b;
    const rv_rollout_cfg cfg = {.block = BLOCK, .branches = BLOCK};
    const rv_lesson lesson = {.steps = 1, .discount = 0.9, .confidence = 0.8};
    set_up_as(&b, "Pendulum-v1", LENGTH, 50, &cfg, &lesson, false);
    const double d = constant_ensemble(&b, -2);
    b.source.standard.per_output = parts;
    run(&b, 0);
    CU_ASSERT_EQUAL(b.stats.n_judged, BLOCK * LENGTH);
    CU_ASSERT_DOUBLE_EQUAL(b.stats.disagreement, d, 1e-5);
    CU_ASSERT_DOUBLE_EQUAL(b.stats.epistemic, sqrt(2 * 0.25), 1e-5); /* only rewards differ, by a variance of 2 */
    CU_ASSERT_DOUBLE_EQUAL(b.stats.aleatoric, sqrt(2.75 * exp(-2)), 1e-5);
    CU_ASSERT_DOUBLE_EQUAL(b.stats.weight, 1 / (1 + d * d / 0.64), 1e-5);
    for (int k = 0; k < RV_BRANCH_STOPS; k++)
        CU_ASSERT_EQUAL(b.stats.stops[k], 0);
    tear_down(&b);
}

static void weights_follow_disagreement(void)
{
    enum { BLOCK = 200, LENGTH = 4 };
    bench b, plain;
    const rv_rollout_cfg cfg = {.block = BLOCK, .branches = BLOCK};
    const rv_lesson lesson = {.steps = 1, .discount = 0.9, .confidence = 0.2};
    double mean = 0;
    set_up_as(&b, "Hopper-v4", LENGTH, 100, &cfg, &lesson, false);
    set_up(&plain, "Hopper-v4", BLOCK, LENGTH, 100, 0, false);
    random_ensemble(&b);
    random_ensemble(&plain);
    run(&b, 2);
    run(&plain, 2);
    CU_ASSERT_EQUAL_FATAL(b.stats.n_rows, plain.stats.n_rows);
    for (int64_t i = 0; i < b.stats.n_rows; i++) {
        const double d = disagreement64(&b, row(&b, i));
        const float *x = row(&b, i);
        CU_ASSERT(is_same_row(x, row(&plain, i), b.row.width));
        CU_ASSERT_DOUBLE_EQUAL(x[b.row.weight], 1 / (1 + d * d / 0.04), 1e-4);
        CU_ASSERT_EQUAL(x[b.row.discount], 0.9F);
        CU_ASSERT_EQUAL(x[b.row.entropy], 0);
        mean += (double)x[b.row.weight] / (double)b.stats.n_rows;
    }
    CU_ASSERT_DOUBLE_EQUAL(b.stats.weight, mean, 1e-9);
    tear_down(&b);
    tear_down(&plain);
}

/* -log pi(a | s) of a row, from the policy in double */
static double surprise64(const bench *b, const float *x)
{
    double in[WIDEST], out[WIDEST], sum = 0;
    for (int j = 0; j < b->spec->n_obs; j++)
        in[j] = x[j];
    forward64(&b->policy_net, b->policy, false, in, out);
    for (int j = 0; j < b->spec->n_act; j++) {
        const double a = x[b->row.act + j], log_s = out[b->spec->n_act + j];
        const double z = (atanh(a) - out[j]) / exp(log_s);
        sum += 0.5 * z * z + log_s + 0.5 * log(2 * M_PI) + log(1 - a * a);
    }
    return sum;
}

/* what the row must be, from rows of single steps, by the sums of the definition */
static void check_steps(const bench *b, const bench *single, const chain *c, int64_t i, int64_t most)
{
    const rv_row *r = &b->row;
    const float *got = row(b, i), *last = row(single, i);
    double reward = 0, entropy = 0, weight = 1;
    int m = 0;
    for (int64_t at = i; at >= 0 && m < most; at = c->next[at], m++) {
        last = row(single, at);
        const double d = disagreement64(single, last);
        reward += pow(b->lesson.discount, m) * (double)last[r->reward];
        entropy += m > 0 ? pow(b->lesson.discount, m) * surprise64(single, last) : 0;
        weight = fmin(weight, b->lesson.confidence > 0 ? 1 / (1 + pow(d / b->lesson.confidence, 2)) : 1);
    }
    const size_t obs_bytes = (size_t)r->n_obs * sizeof *last;
    CU_ASSERT(memcmp(got, row(single, i), (size_t)(r->n_obs + r->n_act) * sizeof *got) == 0);
    CU_ASSERT(memcmp(got + r->next_obs, m > 0 ? last + r->next_obs : got, obs_bytes) == 0);
    CU_ASSERT_EQUAL(got[r->terminated], m > 0 ? last[r->terminated] : 0);
    CU_ASSERT_DOUBLE_EQUAL(got[r->reward], reward, 1e-5 * (1 + fabs(reward)));
    CU_ASSERT_DOUBLE_EQUAL(got[r->weight], weight, 1e-4);
    CU_ASSERT_DOUBLE_EQUAL(got[r->discount], b->lesson.is_return ? 0 : pow(b->lesson.discount, m), 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(got[r->entropy], entropy, 2e-3 * (1 + fabs(entropy)));
}

/* rows of k steps against the same block in single steps; with a gate some branches are cut, and some terminate */
static void rows_of_several_steps(void)
{
    enum { BLOCK = 150, LENGTH = 6 };
    static const struct {
        int64_t steps;
        bool is_return;
        double confidence, max_disagreement;
    } cases[] = {{0, false, 0, 0}, {2, false, 0, 0},         {3, false, 0.2, 0}, {3, false, 0, 0.24},
                 {6, false, 0, 0}, {1000, false, 0.3, 0.25}, {1, true, 0, 0},    {1, true, 0.2, 0.24}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bench b, single;
        const rv_rollout_cfg cfg = {.block = BLOCK, .branches = BLOCK, .max_disagreement = cases[k].max_disagreement};
        rv_lesson lesson = {.steps = cases[k].steps,
                            .is_return = cases[k].is_return,
                            .confidence = cases[k].confidence,
                            .discount = 0.9};
        set_up_as(&b, "Hopper-v4", LENGTH, 100, &cfg, &lesson, false);
        lesson.steps = 1;
        lesson.is_return = false;
        set_up_as(&single, "Hopper-v4", LENGTH, 100, &cfg, &lesson, false);
        random_ensemble(&b);
        random_ensemble(&single);
        make_policy(&b, 0.2, 0, -1);
        make_policy(&single, 0.2, 0, -1);
        run(&b, 4);
        run(&single, 4);
        CU_ASSERT_EQUAL_FATAL(b.stats.n_rows, single.stats.n_rows);
        CU_ASSERT(single.stats.n_terminated > 0 && (cases[k].max_disagreement <= 0 || single.stats.n_stopped > 0));
        chain c = link_rows(&single);
        for (int64_t i = 0; i < b.stats.n_rows; i++)
            check_steps(&b, &single, &c, i, cases[k].is_return ? LENGTH : cases[k].steps);
        free_chain(&c);
        tear_down(&b);
        tear_down(&single);
    }
}

/* Member 1 predicts rewards that are not finite, but states like member 0's. A row of k steps is left out when one of
 * its steps is by member 1; all others are what they are where its rewards are finite and large. */
static void steps_that_are_not_finite_are_left_out(void)
{
    enum { BLOCK = 60, LENGTH = 5, STEPS = 3 };
    const int elites[] = {0, 1};
    const float bad[] = {NAN, INFINITY, -INFINITY};
    bench b, finite;
    const rv_rollout_cfg cfg = {.block = BLOCK, .branches = BLOCK};
    const rv_lesson lesson = {.steps = STEPS, .discount = 0.9};
    set_up_as(&b, "Pendulum-v1", LENGTH, 50, &cfg, &lesson, false);
    set_up_as(&finite, "Pendulum-v1", LENGTH, 50, &cfg, &lesson, false);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        int64_t n = 0;
        bench *both[] = {&b, &finite};
        for (int i = 0; i < 2; i++) {
            choose_elites(both[i], 2, elites);
            make_constant(both[i], 0, (const float[]){1, 0.01F, 0.02F, 0.03F}, -10);
            make_constant(both[i], 1, (const float[]){i == 0 ? bad[k] : 1e6F, 0.01F, 0.02F, 0.03F}, -10);
            make_policy(both[i], 0.5, 0, 0);
            RV_TEST_OK(rv_branch_run(both[i]->branch, &both[i]->source, (int)k, both[i]->rows, &both[i]->stats));
        }
        CU_ASSERT_EQUAL_FATAL(finite.stats.n_rows, BLOCK * LENGTH);
        for (int64_t i = 0; i < finite.stats.n_rows; i++)
            if (row(&finite, i)[b.row.reward] < 1e5F)
                CU_ASSERT(n < b.stats.n_rows &&
                          memcmp(row(&b, n++), row(&finite, i), (size_t)b.row.whole * sizeof(float)) == 0);
        CU_ASSERT(n > BLOCK / 2 && n < BLOCK * LENGTH / 2);
        CU_ASSERT_EQUAL(b.stats.n_rows, n);
        CU_ASSERT_EQUAL(b.stats.n_lost, BLOCK * LENGTH - n);
    }
    tear_down(&b);
    tear_down(&finite);
}

static void tails_allocate_nothing(void)
{
    const int64_t blocks = rv_mem_blocks();
    bench b;
    const rv_rollout_cfg cfg = {.block = 100, .branches = 100, .max_disagreement = 0.3, .full_disagreement = 0.2};
    const rv_lesson lesson = {.steps = 3, .discount = 0.9, .confidence = 1};
    set_up_as(&b, "Hopper-v4", 4, 50, &cfg, &lesson, false);
    random_ensemble(&b);
    const int64_t calls = rv_mem_calls();
    run(&b, 0);
    run(&b, 1);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    tear_down(&b);
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

RV_TEST_EACH_SET("branch, trust", {"gate lets a part through", gate_lets_a_part_through},
                 {"stops are counted by length", stops_are_counted_by_length},
                 {"parts are reported", parts_are_reported},
                 {"weights follow disagreement", weights_follow_disagreement},
                 {"rows of several steps", rows_of_several_steps},
                 {"steps that are not finite are left out", steps_that_are_not_finite_are_left_out},
                 {"tails allocate nothing", tails_allocate_nothing})
