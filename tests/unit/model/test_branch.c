#include "branch_test.h"

#include <stdlib.h>

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

/* with next to no noise, a row must be what one elite predicts for this very state and action, and end where that one
 * says; deterministic members have none, whatever their log variance */
static void check_rows(rv_model_cfg options, double max_disagreement)
{
    enum { BLOCK = 500, LENGTH = 3 };
    bench b;
    const int elites[] = {2, 4, 0, 1};
    int64_t made_by[MEMBERS] = {0};
    int64_t n_ended = 0;
    set_up_choice(&b, options, "HalfCheetah-v4", BLOCK, LENGTH, 100, max_disagreement, false);
    choose_elites(&b, 4, elites);
    for (int m = 0; m < MEMBERS; m++)
        make_random(&b, m, 0.3, options.kind == RV_MODEL_DETERMINISTIC ? 2 : -40);
    make_policy(&b, 0.5, 0.1F, -20);
    run(&b, 0);
    CU_ASSERT(options.learned_termination ? b.stats.n_rows < BLOCK * LENGTH : b.stats.n_rows == BLOCK * LENGTH);
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
            const double logit = predict64(&b, m, x, mean, logvar);
            for (int j = 0; j < b.shape.n_out; j++)
                worst = fmax(worst, fabs(y[j] - mean[j]));
            if (worst >= 1e-4)
                continue;
            made_by[m]++;
            n_matches++;
            if (fabs(logit) > 1e-4 || !options.learned_termination)
                CU_ASSERT_EQUAL(x[b.shape.row.terminated], logit > 0 ? 1.0F : 0.0F);
        }
        CU_ASSERT_EQUAL(n_matches, 1);
        n_ended += x[b.shape.row.terminated] > 0;
    }
    CU_ASSERT_EQUAL(b.stats.n_terminated, n_ended);
    CU_ASSERT(options.learned_termination == (n_ended > 0) && n_ended < b.stats.n_rows);
    CU_ASSERT_EQUAL(made_by[3], 0);
    for (int k = 0; k < 4; k++)
        CU_ASSERT(made_by[elites[k]] > b.stats.n_rows / 6);
    tear_down(&b);
}

static void rows_belong_to_state_action_and_member(void)
{
    check_rows((rv_model_cfg){0}, 0);
}

static rv_model_cfg combination(int number)
{
    return (rv_model_cfg){.kind = number & 1,
                          .target = number >> 1 & 1,
                          .normalise_targets = number & 4,
                          .learned_termination = number & 8};
}

static void rows_belong_to_members_of_any_kind(void)
{
    for (int c = 1; c < 16; c++) {
        check_rows(combination(c), 0);
        check_rows(combination(c), 1e25); /* all members predict, and nothing stops */
    }
}

/* whatever the task's rule says: of a hopper that has fallen, and of one that has not */
static void learned_termination_is_the_members(void)
{
    enum { BLOCK = 50, LENGTH = 3 };
    for (int ends = 0; ends < 2; ends++) {
        bench b;
        float mean[MAX_OUT] = {0};
        mean[1] = ends ? 0 : -10; /* the change of its height */
        set_up_choice(&b, combination(8), "Hopper-v4", BLOCK, LENGTH, 20, 0, false);
        make_constant(&b, 0, mean, -20);
        member(&b, 0)[b.shape.mlp.bias[b.shape.mlp.n_layers - 1] + b.shape.n_raw - 1] = ends ? 1e-3F : -1e-3F;
        run(&b, 0);
        CU_ASSERT_EQUAL(b.stats.n_rows, ends ? BLOCK : BLOCK * LENGTH);
        CU_ASSERT_EQUAL(b.stats.n_terminated, ends ? BLOCK : 0);
        for (int64_t i = 0; i < b.stats.n_rows; i++) {
            CU_ASSERT_EQUAL(row(&b, i)[b.shape.row.terminated], (float)ends);
            CU_ASSERT_EQUAL(hopper_has_fallen(row(&b, i) + b.shape.row.next_obs), !ends);
        }
        tear_down(&b);
    }
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

/* the same block without the gate shows what every branch would do; the gate must leave out just the doubtful ones */
static void check_gate(rv_model_cfg options)
{
    enum { BLOCK = 1000 };
    bench free, gated;
    double doubt[BLOCK], sorted[BLOCK];
    set_up_choice(&free, options, "Hopper-v4", BLOCK, 1, 200, 0, false);
    random_ensemble(&free);
    run(&free, 5);
    CU_ASSERT_EQUAL_FATAL(free.stats.n_rows, BLOCK);
    for (int i = 0; i < BLOCK; i++)
        sorted[i] = doubt[i] = disagreement64(&free, row(&free, i));
    qsort(sorted, BLOCK, sizeof *sorted, ascending);
    double limit = 0.5 * (sorted[BLOCK / 3] + sorted[BLOCK / 3 + 1]);
    CU_ASSERT_FATAL(sorted[BLOCK / 3 + 1] > sorted[BLOCK / 3] * (1 + 2e-6)); /* no single-precision doubt about it */
    set_up_choice(&gated, options, "Hopper-v4", BLOCK, 4, 200, limit, false);
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

static void gate_stops_what_members_disagree_on(void)
{
    check_gate((rv_model_cfg){0});
    check_gate((rv_model_cfg){.kind = RV_MODEL_DETERMINISTIC});
    check_gate((rv_model_cfg){.kind = RV_MODEL_DETERMINISTIC, .normalise_targets = true});
    check_gate((rv_model_cfg){.normalise_targets = true});
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

RV_TEST_EACH_SET("branch", {"starts are real states", starts_are_real_states},
                 {"branches go on where they were", branches_go_on_where_they_were},
                 {"every step draws an elite", every_step_draws_an_elite},
                 {"samples are as predicted", samples_are_as_predicted},
                 {"rows belong to state, action and member", rows_belong_to_state_action_and_member},
                 {"rows belong to members of any kind", rows_belong_to_members_of_any_kind},
                 {"learned termination is the members'", learned_termination_is_the_members},
                 {"known reward is the task's", known_reward_is_the_tasks},
                 {"gate stops what members disagree on", gate_stops_what_members_disagree_on},
                 {"wide gate changes nothing", wide_gate_changes_nothing},
                 {"bits depend on seed, block and retrain", bits_depend_on_seed_block_and_retrain},
                 {"runs allocate nothing", runs_allocate_nothing}, {"not finite is left out", not_finite_is_left_out})
