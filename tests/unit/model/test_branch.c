#include "env/env.h"
#include "math/vector.h"
#include "model/branch.h"
#include "nn/policy_net.h"
#include "rv_test.h"

#include <stdlib.h>

enum { MEMBERS = 5, MAX_OUT = 18, WIDEST = 64 };

/* a small ensemble and policy on one task, real rows to start from, and room for the rows of a block */
typedef struct bench {
    const rv_env_spec *spec;
    rv_rollout_cfg cfg;
    rv_lesson lesson;
    rv_row row; /* with the lesson's tail */
    rv_member_shape shape;
    rv_mlp policy_net;
    float *members, *policy, *real, *rows;
    int elites[MEMBERS];
    rv_branch *branch;
    rv_branch_source source;
    rv_branch_stats stats;
} bench;

/* what disagreement is measured by does not matter to what is made */
static const double per_output[MAX_OUT] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static void set_up_as(bench *b, const char *env, int length, int64_t n_real, const rv_rollout_cfg *cfg,
                      const rv_lesson *lesson, bool known_reward)
{
    const rv_model_cfg model = {
        .members = MEMBERS, .elites = MEMBERS, .hidden_layers = 2, .hidden = 24, .batch = 1, .weight_decay = {.n = 3}};
    const int64_t block = cfg->block;
    *b = (bench){.cfg = *cfg, .lesson = *lesson};
    b->cfg.length_end = length;
    RV_TEST_OK(rv_env_find(env, &b->spec));
    RV_TEST_OK(rv_member_shape_init(&model, b->spec->n_obs, b->spec->n_act, &b->shape));
    RV_TEST_OK(rv_policy_net_init(b->spec->n_obs, b->spec->n_act, 2, 16, &b->policy_net));
    RV_TEST_OK(RV_NEW(b->members, MEMBERS * b->shape.n_published));
    RV_TEST_OK(RV_NEW(b->policy, b->policy_net.n_params));
    RV_TEST_OK(RV_NEW(b->real, n_real * b->shape.row.width));
    b->row = rv_row_for(b->shape.row, lesson);
    RV_TEST_OK(RV_NEW(b->rows, block * length * b->row.whole));
    RV_TEST_OK(
        rv_branch_create(&b->cfg, MEMBERS, &b->shape, &b->policy_net, b->spec, known_reward, &b->lesson, &b->branch));
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    for (int64_t i = 0; i < n_real * b->shape.row.width; i++)
        b->real[i] = (float)(0.1 * rv_rng_uniform(&rng));
    for (int64_t i = 0; i < n_real; i++)
        b->real[i * b->shape.row.width] += 1.2F; /* a hopper of this height is on its foot */
    b->source = (rv_branch_source){.seed = 3,
                                   .retrain = 2,
                                   .length = length,
                                   .n_real = n_real,
                                   .real = b->real,
                                   .n_members = MEMBERS,
                                   .members = b->members,
                                   .n_elites = 1,
                                   .elites = b->elites,
                                   .policy = b->policy,
                                   .standard = {rv_branch_gate(cfg), per_output}};
}

static void set_up(bench *b, const char *env, int64_t block, int length, int64_t n_real, double max_disagreement,
                   bool known_reward)
{
    const rv_rollout_cfg cfg = {.block = block, .branches = block, .max_disagreement = max_disagreement};
    const rv_lesson lesson = {.steps = 1};
    set_up_as(b, env, length, n_real, &cfg, &lesson, known_reward);
}

static void tear_down(bench *b)
{
    rv_branch_destroy(&b->branch);
    rv_mem_free(&b->members);
    rv_mem_free(&b->policy);
    rv_mem_free(&b->real);
    rv_mem_free(&b->rows);
}

static void choose_elites(bench *b, int n, const int *elites)
{
    memcpy(b->elites, elites, (size_t)n * sizeof *elites);
    b->source.n_elites = n;
}

static float *member(bench *b, int m)
{
    return b->members + m * b->shape.n_published;
}

/* predicts mean (n_out) and logvar whatever the input; the bounds are so wide that they do not bend it */
static void make_constant(bench *b, int m, const float *mean, float logvar)
{
    const rv_member_shape *s = &b->shape;
    float *p = member(b, m);
    memset(p, 0, (size_t)s->n_published * sizeof *p);
    for (int j = 0; j < s->n_out; j++) {
        p[s->mlp.bias[s->mlp.n_layers - 1] + j] = mean[j];
        p[s->mlp.bias[s->mlp.n_layers - 1] + s->n_out + j] = logvar;
        p[s->hi + j] = 20;
        p[s->lo + j] = -60;
    }
    for (int i = 0; i < s->n_in; i++)
        p[s->std + i] = 1;
}

/* a member of its own: random weights and input statistics, log-variances about logvar */
static void make_random(bench *b, int m, double size, float logvar)
{
    static const float zero[MAX_OUT];
    const rv_member_shape *s = &b->shape;
    float *p = member(b, m);
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 1, (uint64_t)m);
    make_constant(b, m, zero, logvar);
    for (int64_t i = 0; i < s->mlp.bias[s->mlp.n_layers - 1]; i++)
        p[i] += (float)(size * rv_rng_normal(&rng));
    for (int i = 0; i < s->n_in; i++) {
        p[s->mean + i] = (float)(0.3 * rv_rng_normal(&rng));
        p[s->std + i] = (float)(0.5 + rv_rng_uniform(&rng));
    }
}

/* a policy that looks at the state, with the same log deviation everywhere */
static void make_policy(bench *b, double size, float mean, float log_std)
{
    const rv_mlp *net = &b->policy_net;
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 2, 0);
    int last = net->n_layers - 1;
    int n_act = b->spec->n_act;
    for (int64_t i = 0; i < net->n_params; i++)
        b->policy[i] = (float)(size * rv_rng_normal(&rng));
    for (int j = 0; j < n_act; j++) {
        for (int i = 0; i < net->sizes[last]; i++)
            b->policy[net->weight[last] + (int64_t)i * 2 * n_act + n_act + j] = 0;
        b->policy[net->bias[last] + j] = mean;
        b->policy[net->bias[last] + n_act + j] = log_std;
    }
}

static const float *row(const bench *b, int64_t i)
{
    return b->rows + i * b->row.whole;
}

static void run(bench *b, int block)
{
    memset(b->rows, 0xff, (size_t)(b->cfg.block * b->source.length * b->row.whole) * sizeof *b->rows);
    RV_TEST_OK(rv_branch_run(b->branch, &b->source, block, b->rows, &b->stats));
    /* rows beyond the last one are left alone */
    if (b->stats.n_rows < b->cfg.block * b->source.length)
        CU_ASSERT(isnan(row(b, b->stats.n_rows)[0]));
}

/* ---- the networks once more, in double ---- */

static void forward64(const rv_mlp *net, const float *params, bool is_swish, const double *x, double *out)
{
    double in[WIDEST];
    memcpy(in, x, (size_t)net->sizes[0] * sizeof *in);
    for (int l = 0; l < net->n_layers; l++) {
        for (int k = 0; k < net->sizes[l + 1]; k++) {
            double z = params[net->bias[l] + k];
            for (int i = 0; i < net->sizes[l]; i++)
                z += in[i] * (double)params[net->weight[l] + (int64_t)i * net->sizes[l + 1] + k];
            out[k] = l == net->n_layers - 1 ? z : is_swish ? z / (1 + exp(-z)) : fmax(z, 0);
        }
        memcpy(in, out, (size_t)net->sizes[l + 1] * sizeof *in);
    }
}

static void predict64(const bench *b, int m, const float *obs_act, double *mean, double *logvar)
{
    const rv_member_shape *s = &b->shape;
    const float *p = b->members + m * s->n_published;
    double x[WIDEST], out[WIDEST];
    for (int i = 0; i < s->n_in; i++)
        x[i] = ((double)obs_act[i] - (double)p[s->mean + i]) / (double)p[s->std + i];
    forward64(&s->mlp, p, true, x, out);
    for (int j = 0; j < s->n_out; j++) {
        double hi = p[s->hi + j], lo = p[s->lo + j];
        double below = hi - log1p(exp(hi - out[s->n_out + j]));
        mean[j] = out[j];
        logvar[j] = lo + log1p(exp(below - lo));
    }
}

/* what the row's reward and change of state are, as the model predicts them: (n_out) */
static void outcome(const bench *b, const float *x, double *y)
{
    const rv_row *r = &b->shape.row;
    y[0] = x[r->reward];
    for (int j = 0; j < r->n_obs; j++)
        y[1 + j] = (double)x[r->next_obs + j] - (double)x[j];
}

/* the largest of standard deviation of the members' means over root of their mean variance */
static double disagreement64(const bench *b, const float *obs_act)
{
    double worst = 0;
    int n = b->source.n_members;
    double mean[MEMBERS][WIDEST], logvar[MEMBERS][WIDEST];
    for (int k = 0; k < n; k++)
        predict64(b, k, obs_act, mean[k], logvar[k]);
    for (int j = 0; j < b->shape.n_out; j++) {
        double middle = 0, spread = 0, variance = 0;
        for (int k = 0; k < n; k++) {
            middle += mean[k][j] / n;
            variance += exp(logvar[k][j]) / n;
        }
        for (int k = 0; k < n; k++)
            spread += (mean[k][j] - middle) * (mean[k][j] - middle) / n;
        worst = fmax(worst, sqrt(spread / variance));
    }
    return worst;
}

/* ---- cases ---- */

static void starts_are_real_states(void)
{
    enum { REAL = 8, BLOCK = 8000 };
    bench b;
    int seen[REAL] = {0};
    set_up(&b, "Pendulum-v1", BLOCK, 1, REAL + 3, 0, false);
    make_random(&b, 0, 0.1, -4);
    b.source.n_real = REAL; /* what comes after these is not there yet */
    run(&b, 0);
    CU_ASSERT_EQUAL(b.stats.n_rows, BLOCK);
    for (int i = 0; i < BLOCK; i++) {
        int from = -1;
        for (int k = 0; k < REAL + 3; k++)
            if (memcmp(row(&b, i), b.real + k * b.shape.row.width, (size_t)b.spec->n_obs * sizeof(float)) == 0)
                from = k;
        CU_ASSERT_FATAL(from >= 0 && from < REAL);
        seen[from]++;
    }
    for (int k = 0; k < REAL; k++)
        CU_ASSERT(abs(seen[k] - BLOCK / REAL) < 150); /* 5 deviations */
    tear_down(&b);
}

static bool hopper_has_fallen(const float *o)
{
    bool has = o[0] <= 0.7F || fabs((double)o[1]) >= (double)0.2F;
    for (int j = 1; j < 11; j++)
        has = has || o[j] >= 100;
    return has;
}

/* rows come step after step, so the rows of a step begin where those of the step before end */
static void branches_go_on_where_they_were(void)
{
    enum { BLOCK = 300, LENGTH = 6 };
    bench b;
    const int elites[] = {3, 0, 1};
    set_up(&b, "Hopper-v4", BLOCK, LENGTH, 100, 0, false);
    choose_elites(&b, 3, elites);
    for (int m = 0; m < MEMBERS; m++)
        make_random(&b, m, 0.1, -5);
    make_policy(&b, 0.3, 0, 0);
    run(&b, 1);
    const rv_row *r = &b.shape.row;
    size_t obs_bytes = (size_t)r->n_obs * sizeof(float);
    int64_t begin = 0, end = BLOCK, n_terminated = 0;
    for (int depth = 0; depth < LENGTH; depth++) {
        int64_t alive = 0;
        for (int64_t i = begin; i < end; i++) {
            const float *x = row(&b, i);
            bool fell = hopper_has_fallen(x + r->next_obs);
            CU_ASSERT_EQUAL(x[r->terminated], fell ? 1.0F : 0.0F);
            n_terminated += fell;
            alive += !fell;
            int n_next = 0;
            for (int64_t k = end; depth < LENGTH - 1 && k < b.stats.n_rows; k++)
                n_next += memcmp(row(&b, k), x + r->next_obs, obs_bytes) == 0;
            CU_ASSERT_EQUAL(n_next, depth < LENGTH - 1 && !fell);
        }
        CU_ASSERT(alive > 0 && alive < end - begin);
        begin = end;
        end += depth < LENGTH - 1 ? alive : 0;
    }
    CU_ASSERT_EQUAL(b.stats.n_rows, end);
    CU_ASSERT_EQUAL(b.stats.n_terminated, n_terminated);
    CU_ASSERT_EQUAL(b.stats.n_stopped, 0);
    tear_down(&b);
}

/* the reward tells who made a row: member m predicts m */
static void every_step_draws_an_elite(void)
{
    enum { BLOCK = 3600, E = 3 };
    bench b;
    const int elites[E] = {4, 1, 2};
    int pairs[2][MEMBERS][MEMBERS] = {{{0}}};
    set_up(&b, "Pendulum-v1", BLOCK, 3, 500, 0, false);
    choose_elites(&b, E, elites);
    for (int m = 0; m < MEMBERS; m++) {
        const float mean[] = {(float)m, 0.01F, 0.02F, 0.03F};
        make_constant(&b, m, mean, -10);
    }
    for (int64_t i = 0; i < b.shape.n_published; i++)
        member(&b, 0)[i] = NAN;
    run(&b, 0);
    CU_ASSERT_EQUAL(b.stats.n_rows, 3 * BLOCK);
    const rv_row *r = &b.shape.row;
    for (int depth = 0; depth < 2; depth++)
        for (int64_t i = depth * BLOCK; i < (depth + 1) * BLOCK; i++) {
            int64_t k = (depth + 1) * BLOCK;
            while (k < (depth + 2) * BLOCK && memcmp(row(&b, k), row(&b, i) + r->next_obs, 3 * sizeof(float)) != 0)
                k++;
            CU_ASSERT_FATAL(k < (depth + 2) * BLOCK);
            long first = lroundf(row(&b, i)[r->reward]), second = lroundf(row(&b, k)[r->reward]);
            CU_ASSERT_FATAL(first >= 1 && first < MEMBERS && second >= 1 && second < MEMBERS);
            pairs[depth][first][second]++;
        }
    for (int depth = 0; depth < 2; depth++)
        for (int i = 0; i < MEMBERS; i++)
            for (int k = 0; k < MEMBERS; k++) {
                bool are_elites = i != 0 && i != 3 && k != 0 && k != 3;
                CU_ASSERT(abs(pairs[depth][i][k] - (are_elites ? BLOCK / 9 : 0)) < (are_elites ? 95 : 1));
            }
    tear_down(&b);
}

enum { DRAWS = 5 }; /* reward, three changes of state, the action before its tanh */

static void standard_draws(const bench *b, int64_t i, double *z)
{
    const double mean[DRAWS] = {-1.5, 0.25, -0.5, 2, 0.2};
    outcome(b, row(b, i), z);
    z[4] = atanh((double)row(b, i)[b->shape.row.act]);
    for (int j = 0; j < DRAWS; j++)
        z[j] = (z[j] - mean[j]) / (j == 4 ? 0.5 : exp(-0.5));
}

/* mean 0, variance 1, and nothing in common with each other or with the step before */
static void samples_are_as_predicted(void)
{
    enum { BLOCK = 20000, LENGTH = 3 };
    const double close = 5 / sqrt(BLOCK);
    bench b;
    set_up(&b, "Pendulum-v1", BLOCK, LENGTH, 50, 0, false);
    make_constant(&b, 0, (const float[]){-1.5F, 0.25F, -0.5F, 2}, -1);
    make_policy(&b, 0, 0.2F, (float)log(0.5));
    run(&b, 0);
    for (int64_t depth = 0; depth < LENGTH; depth++) {
        double mean[DRAWS] = {0}, product[DRAWS][DRAWS] = {{0}}, before[DRAWS] = {0};
        for (int64_t i = 0; i < BLOCK; i++) {
            double z[WIDEST], past[WIDEST];
            standard_draws(&b, depth * BLOCK + i, z);
            standard_draws(&b, (depth > 0 ? depth - 1 : LENGTH - 1) * BLOCK + i, past);
            for (int j = 0; j < DRAWS; j++) {
                mean[j] += z[j] / BLOCK;
                before[j] += z[j] * past[j] / BLOCK;
                for (int k = 0; k < DRAWS; k++)
                    product[j][k] += z[j] * z[k] / BLOCK;
            }
        }
        for (int j = 0; j < DRAWS; j++) {
            CU_ASSERT(fabs(mean[j]) < close);
            CU_ASSERT(fabs(before[j]) < close);
            for (int k = 0; k < DRAWS; k++)
                CU_ASSERT(fabs(product[j][k] - (j == k)) < close * sqrt(j == k ? 2 : 1));
        }
    }
    tear_down(&b);
}

/* with next to no noise, a row must be what one elite predicts for this very state and action */
static void rows_belong_to_state_action_and_member(void)
{
    enum { BLOCK = 500, LENGTH = 3 };
    bench b;
    const int elites[] = {2, 4, 0, 1};
    int64_t made_by[MEMBERS] = {0};
    set_up(&b, "HalfCheetah-v4", BLOCK, LENGTH, 100, 0, false);
    choose_elites(&b, 4, elites);
    for (int m = 0; m < MEMBERS; m++)
        make_random(&b, m, 0.3, -40);
    make_policy(&b, 0.5, 0.1F, -20);
    run(&b, 0);
    CU_ASSERT_EQUAL(b.stats.n_rows, BLOCK * LENGTH);
    for (int64_t i = 0; i < b.stats.n_rows; i++) {
        const float *x = row(&b, i);
        double obs[WIDEST], out[WIDEST], y[WIDEST];
        int n_matches = 0;
        for (int j = 0; j < b.spec->n_obs; j++)
            obs[j] = x[j];
        forward64(&b.policy_net, b.policy, false, obs, out);
        for (int j = 0; j < b.spec->n_act; j++)
            CU_ASSERT(fabs((double)x[b.shape.row.act + j] - tanh(out[j])) < 1e-5);
        outcome(&b, x, y);
        for (int m = 0; m < MEMBERS; m++) {
            double mean[WIDEST], logvar[WIDEST], worst = 0;
            predict64(&b, m, x, mean, logvar);
            for (int j = 0; j < b.shape.n_out; j++)
                worst = fmax(worst, fabs(y[j] - mean[j]));
            made_by[m] += worst < 1e-4;
            n_matches += worst < 1e-4;
        }
        CU_ASSERT_EQUAL(n_matches, 1);
    }
    CU_ASSERT_EQUAL(made_by[3], 0);
    for (int k = 0; k < 4; k++)
        CU_ASSERT(made_by[elites[k]] > BLOCK * LENGTH / 6);
    tear_down(&b);
}

static void known_reward_is_the_tasks(void)
{
    enum { BLOCK = 100, LENGTH = 3 };
    bench b;
    set_up(&b, "Pendulum-v1", BLOCK, LENGTH, 20, 0, true);
    make_random(&b, 0, 0.2, -4);
    run(&b, 0);
    CU_ASSERT_EQUAL(b.stats.n_rows, BLOCK * LENGTH);
    for (int64_t i = 0; i < b.stats.n_rows; i++) {
        const float *x = row(&b, i);
        /* Gymnasium's reward; act is in [-1, 1], the torque in [-2, 2] */
        double angle = atan2((double)x[1], (double)x[0]), torque = 2 * (double)x[3];
        double want = -(angle * angle + 0.1 * (double)x[2] * (double)x[2] + 0.001 * torque * torque);
        CU_ASSERT(fabs((double)x[b.shape.row.reward] - want) < 1e-5 * (1 + fabs(want)));
    }
    tear_down(&b);

    rv_branch *branch = NULL;
    rv_env_spec spec = *b.spec;
    spec.reward = NULL;
    RV_TEST_FAILS(rv_branch_create(&b.cfg, MEMBERS, &b.shape, &b.policy_net, &spec, true, &b.lesson, &branch),
                  RV_E_CONFIG, "known_reward");
    CU_ASSERT_PTR_NULL(branch);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void random_ensemble(bench *b)
{
    const int elites[] = {3, 0, 4, 1};
    choose_elites(b, 4, elites);
    for (int m = 0; m < MEMBERS; m++)
        make_random(b, m, 0.12, -3);
    make_policy(b, 0.5, 0, 0);
}

/* with OpenBLAS a row's bits depend on how many are computed with it: with a gate all, without those of its member */
static bool is_same_row(const float *a, const float *b, int width)
{
    if (!rv_kernels_openblas())
        return memcmp(a, b, (size_t)width * sizeof *a) == 0;
    for (int j = 0; j < width; j++)
        if (!(fabsf(a[j] - b[j]) <= 1e-5F * (1 + fabsf(b[j]))))
            return false;
    return true;
}

/* the same block without the gate shows what every branch would do; the gate must leave out just the doubtful ones */
static void gate_stops_what_members_disagree_on(void)
{
    enum { BLOCK = 1000 };
    bench free, gated;
    double doubt[BLOCK], sorted[BLOCK];
    set_up(&free, "Hopper-v4", BLOCK, 1, 200, 0, false);
    random_ensemble(&free);
    run(&free, 5);
    CU_ASSERT_EQUAL_FATAL(free.stats.n_rows, BLOCK);
    for (int i = 0; i < BLOCK; i++)
        sorted[i] = doubt[i] = disagreement64(&free, row(&free, i));
    qsort(sorted, BLOCK, sizeof *sorted, ascending);
    double limit = 0.5 * (sorted[BLOCK / 3] + sorted[BLOCK / 3 + 1]);
    CU_ASSERT_FATAL(sorted[BLOCK / 3 + 1] > sorted[BLOCK / 3] * (1 + 2e-6)); /* no single-precision doubt about it */
    set_up(&gated, "Hopper-v4", BLOCK, 4, 200, limit, false);
    random_ensemble(&gated);
    gated.source.length = 1;
    run(&gated, 5);
    CU_ASSERT_EQUAL(gated.stats.n_stopped, BLOCK - BLOCK / 3 - 1);
    CU_ASSERT_EQUAL_FATAL(gated.stats.n_rows, BLOCK / 3 + 1);
    int64_t n = 0;
    for (int i = 0; i < BLOCK; i++)
        if (doubt[i] <= limit)
            CU_ASSERT(is_same_row(row(&gated, n++), row(&free, i), free.shape.row.width));

    /* and at no later step is a row made where they disagree: stopped branches stay stopped */
    gated.source.length = 4;
    run(&gated, 6);
    CU_ASSERT(gated.stats.n_rows > BLOCK / 3 + 1);
    CU_ASSERT(gated.stats.n_stopped > 0 && gated.stats.n_stopped + gated.stats.n_terminated <= BLOCK);
    for (int64_t i = 0; i < gated.stats.n_rows; i++)
        CU_ASSERT(disagreement64(&gated, row(&gated, i)) <= limit * (1 + 1e-4));
    tear_down(&free);
    tear_down(&gated);
}

static bool same_rows(const bench *a, const bench *b)
{
    return a->stats.n_rows == b->stats.n_rows &&
           memcmp(a->rows, b->rows, (size_t)(a->stats.n_rows * a->shape.row.width) * sizeof *a->rows) == 0;
}

static void wide_gate_changes_nothing(void)
{
    bench a, b;
    if (rv_kernels_openblas())
        return; /* see is_same_row */
    set_up(&a, "Hopper-v4", 333, 5, 100, 0, false);
    set_up(&b, "Hopper-v4", 333, 5, 100, 1e6, false);
    random_ensemble(&a);
    random_ensemble(&b);
    for (int block = 0; block < 4; block++) {
        run(&a, block);
        run(&b, block);
        CU_ASSERT(same_rows(&a, &b));
        CU_ASSERT_EQUAL(b.stats.n_stopped, 0);
        CU_ASSERT_EQUAL(a.stats.n_terminated, b.stats.n_terminated);
    }
    tear_down(&a);
    tear_down(&b);
}

static void bits_depend_on_seed_block_and_retrain(void)
{
    bench a, b;
    set_up(&a, "Hopper-v4", 200, 4, 100, 3, false);
    set_up(&b, "Hopper-v4", 200, 4, 100, 3, false);
    random_ensemble(&a);
    random_ensemble(&b);
    run(&a, 7);
    for (int block = 0; block < 3; block++) {
        run(&b, block); /* whatever the work space did before */
        CU_ASSERT(!same_rows(&a, &b));
    }
    run(&b, 7);
    CU_ASSERT(same_rows(&a, &b));
    b.source.seed++;
    run(&b, 7);
    CU_ASSERT(!same_rows(&a, &b));
    b.source.seed--;
    b.source.retrain++;
    run(&b, 7);
    CU_ASSERT(!same_rows(&a, &b));
    b.source.retrain--;
    b.source.length--; /* shorter branches are the first steps of longer ones */
    run(&b, 7);
    CU_ASSERT(b.stats.n_rows < a.stats.n_rows);
    a.stats.n_rows = b.stats.n_rows;
    CU_ASSERT(same_rows(&a, &b));
    tear_down(&a);
    tear_down(&b);
}

static void runs_allocate_nothing(void)
{
    bench b;
    int64_t blocks = rv_mem_blocks();
    set_up(&b, "Hopper-v4", 100, 4, 50, 1, false);
    random_ensemble(&b);
    int64_t calls = rv_mem_calls();
    run(&b, 0);
    run(&b, 1);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    tear_down(&b);
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

static bool rows_are_finite(const bench *b)
{
    return rv_vector_is_finite(b->stats.n_rows * b->shape.row.width, b->rows);
}

/* the last biases of a member, which then predicts nothing else */
static void spoil(bench *b, int m, float with)
{
    const rv_mlp *net = &b->shape.mlp;
    for (int j = 0; j < b->shape.n_out; j++)
        member(b, m)[net->bias[net->n_layers - 1] + j] = with;
}

static void check_not_finite(double max_disagreement, double confidence)
{
    bench b;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    const rv_rollout_cfg cfg = {.block = 100, .branches = 100, .max_disagreement = max_disagreement};
    const rv_lesson lesson = {.steps = 1, .confidence = confidence, .discount = 0.9};
    set_up_as(&b, "Hopper-v4", 4, 50, &cfg, &lesson, false);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        random_ensemble(&b);
        spoil(&b, 4, bad[i]);
        b.stats.n_rows = -1;
        if (rv_branch_asks_all(&cfg, &lesson)) { /* if all are asked, every state is one to stop at */
            RV_TEST_FAILS(rv_branch_run(b.branch, &b.source, 9, b.rows, &b.stats), RV_E_NONFINITE, "block 9");
            CU_ASSERT_EQUAL(b.stats.n_rows, -1);
        } else {
            RV_TEST_OK(rv_branch_run(b.branch, &b.source, 9, b.rows, &b.stats));
            CU_ASSERT(b.stats.n_rows > 0 && b.stats.n_lost > 0 && rows_are_finite(&b));
        }
        for (int m = 0; m < b.source.n_members; m++)
            spoil(&b, m, bad[i]);
        b.stats.n_rows = -1;
        RV_TEST_FAILS(rv_branch_run(b.branch, &b.source, 9, b.rows, &b.stats), RV_E_NONFINITE, "block 9");
        CU_ASSERT_EQUAL(b.stats.n_rows, -1);
        random_ensemble(&b);
        run(&b, 9);
        CU_ASSERT_EQUAL(b.stats.n_lost, 0);
    }
    tear_down(&b);
}

static void not_finite_is_left_out(void)
{
    check_not_finite(0, 0);
    check_not_finite(100, 0);
    check_not_finite(0, 1);
    check_not_finite(100, 1);
}

/* ---- trust ---- */

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

RV_TEST_EACH_SET("branch", {"starts are real states", starts_are_real_states},
                 {"branches go on where they were", branches_go_on_where_they_were},
                 {"every step draws an elite", every_step_draws_an_elite},
                 {"samples are as predicted", samples_are_as_predicted},
                 {"rows belong to state, action and member", rows_belong_to_state_action_and_member},
                 {"known reward is the task's", known_reward_is_the_tasks},
                 {"gate stops what members disagree on", gate_stops_what_members_disagree_on},
                 {"wide gate changes nothing", wide_gate_changes_nothing},
                 {"bits depend on seed, block and retrain", bits_depend_on_seed_block_and_retrain},
                 {"runs allocate nothing", runs_allocate_nothing}, {"not finite is left out", not_finite_is_left_out},
                 {"gate lets a part through", gate_lets_a_part_through},
                 {"stops are counted by length", stops_are_counted_by_length},
                 {"parts are reported", parts_are_reported},
                 {"weights follow disagreement", weights_follow_disagreement},
                 {"rows of several steps", rows_of_several_steps}, {"tails allocate nothing", tails_allocate_nothing})
