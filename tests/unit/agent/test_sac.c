/* The learner: its gradients against finite differences, its rules against hand-made cases, and that it learns.
 * tests/torch/sac.test.sh compares whole updates with an independent implementation. */
#include "agent/sac.h"
#include "math/vector.h"
#include "nn/policy_net.h"
#include "rv_test.h"

enum { OBS = 4, ACT = 2, BATCH = 64 };

static rv_sac_cfg test_cfg(void)
{
    return (rv_sac_cfg){.hidden_layers = 2,
                        .hidden = 32,
                        .learning_rate = 1e-3,
                        .tau = 0.01,
                        .discount = 0.97,
                        .batch = BATCH,
                        .shards = 1,
                        .real_share = 0.05,
                        .real_share_end = 0.05,
                        .initial_alpha = 0.2,
                        .target_entropy = "auto"};
}

/* few rows and units, so that a small step seldom carries one of them over the kink of the relu */
static rv_sac_cfg small_cfg(void)
{
    rv_sac_cfg cfg = test_cfg();
    cfg.batch = 8;
    cfg.hidden = 16;
    return cfg;
}

/* a learner, one shard, and one update's batch and noise */
typedef struct fixture {
    rv_sac *sac;
    rv_sac_shard *shard;
    float *batch, *eps[2], *critic_grad, *actor_grad;
} fixture;

static void randomise(rv_rng *rng, int64_t n, double scale, float *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(scale * rv_rng_normal(rng));
}

static void set_up(fixture *f, const rv_sac_cfg *cfg, int n_obs, int n_act)
{
    *f = (fixture){0};
    RV_TEST_OK(rv_sac_create(cfg, n_obs, n_act, 7, &f->sac));
    RV_TEST_OK(rv_sac_shard_create(f->sac, &f->shard));
    RV_TEST_OK(RV_NEW(f->batch, cfg->batch * f->sac->row.whole));
    RV_TEST_OK(RV_NEW(f->eps[0], cfg->batch * n_act));
    RV_TEST_OK(RV_NEW(f->eps[1], cfg->batch * n_act));
    RV_TEST_OK(RV_NEW(f->critic_grad, rv_sac_critic_grad_size(f->sac)));
    RV_TEST_OK(RV_NEW(f->actor_grad, rv_sac_actor_grad_size(f->sac)));
}

static void tear_down(fixture *f)
{
    rv_sac_destroy(&f->sac);
    rv_sac_shard_destroy(&f->shard);
    rv_mem_free(&f->batch);
    rv_mem_free(&f->eps[0]);
    rv_mem_free(&f->eps[1]);
    rv_mem_free(&f->critic_grad);
    rv_mem_free(&f->actor_grad);
}

/* batch and noise of update t */
static void draw(fixture *f, uint64_t t)
{
    const rv_row *r = &f->sac->row;
    const int64_t n = f->sac->cfg.batch;
    rv_rng rng = rv_rng_at(11, RV_STREAM_TEST, 0, t);
    randomise(&rng, n * r->whole, 1.0, f->batch);
    rv_vector_tanh((int)(n * r->whole), f->batch, f->batch);
    for (int64_t i = 0; i < n; i++) {
        float *row = f->batch + i * r->whole;
        row[r->terminated] = i % 4 == 0 ? 1.0F : 0.0F;
        if (r->whole == r->width)
            continue;
        row[r->weight] = 0.5F + 0.5F * row[r->weight];
        row[r->discount] = 0.5F + 0.5F * row[r->discount];
    }
    randomise(&rng, n * r->n_act, 1.0, f->eps[0]);
    randomise(&rng, n * r->n_act, 1.0, f->eps[1]);
}

static void critic_grad(fixture *f)
{
    rv_sac_critic_grad(f->sac, f->shard, f->batch, f->eps[0], f->critic_grad);
}

static void actor_grad(fixture *f)
{
    rv_sac_actor_grad(f->sac, f->shard, f->batch, f->eps[1], f->actor_grad);
}

static void update(fixture *f, uint64_t t)
{
    draw(f, t);
    critic_grad(f);
    rv_sac_critic_apply(f->sac, f->critic_grad);
    actor_grad(f);
    rv_sac_actor_apply(f->sac, f->actor_grad);
}

/* which units of the relus are on, and for the actor which critic is the smaller: a loss is smooth while this stays */
static uint64_t pattern(const fixture *f, bool of_actor)
{
    const rv_sac_shard *s = f->shard;
    const rv_mlp_tape *tapes[] = {&s->actor_tape, &s->critic_tape[0], &s->critic_tape[1]};
    const float *q[2] = {s->critic_tape[0].h[2], s->critic_tape[1].h[2]};
    uint64_t hash = 1;
    for (int t = 0; t < 3; t++)
        for (int l = 0; l < 2; l++)
            for (int i = 0; i < s->rows * f->sac->actor.sizes[1]; i++)
                hash = hash * 6364136223846793005U + (tapes[t]->h[l][i] > 0 ? 3 : 1);
    for (int i = 0; of_actor && i < s->rows; i++)
        hash = hash * 6364136223846793005U + (q[1][i] < q[0][i] ? 3 : 1);
    return hash;
}

/* slope of the loss along a direction by central differences; false when there is a kink in between */
static bool difference(fixture *f, void (*compute)(fixture *), const float *loss, float *params, int64_t n,
                       const float *kept, const float *direction, double *out)
{
    const float step = 5e-4F;
    double value[2];
    uint64_t patterns[2];
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < n; i++)
            params[i] = kept[i] + (side ? step : -step) * direction[i];
        compute(f);
        value[side] = *loss;
        patterns[side] = pattern(f, compute == actor_grad);
    }
    memcpy(params, kept, (size_t)n * sizeof(float));
    *out = (value[1] - value[0]) / (2 * (double)step);
    return patterns[0] == patterns[1];
}

/* The slope of a loss along random directions inside params[0..n), against grad . direction; the error is measured
 * against the norm of the gradient, which is the standard deviation of grad . direction. */
static void check_slope(fixture *f, void (*compute)(fixture *), const float *loss, const float *grad, float *params,
                        int64_t n)
{
    float *kept = NULL;
    float *kept_grad = NULL;
    float *direction = NULL;
    RV_TEST_OK(RV_NEW(kept, n));
    RV_TEST_OK(RV_NEW(kept_grad, n));
    RV_TEST_OK(RV_NEW(direction, n));
    compute(f);
    memcpy(kept, params, (size_t)n * sizeof(float));
    memcpy(kept_grad, grad, (size_t)n * sizeof(float));
    const double rounding = 2e-4; /* of the loss, stored as a float, over two steps */
    int n_smooth = 0;
    for (uint32_t d = 0; d < 30; d++) {
        rv_rng rng = rv_rng_at(13, RV_STREAM_TEST, d, (uint64_t)n);
        randomise(&rng, n, 1.0, direction);
        double norm = 0;
        double slope = 0;
        double found = 0;
        for (int64_t i = 0; i < n; i++) {
            norm += (double)kept_grad[i] * (double)kept_grad[i];
            slope += (double)kept_grad[i] * (double)direction[i];
        }
        norm = sqrt(norm);
        CU_ASSERT(norm > 0);
        if (!difference(f, compute, loss, params, n, kept, direction, &found))
            continue;
        n_smooth++;
        if (!(fabs(found - slope) < 0.003 * norm + rounding))
            printf("\n    n %lld direction %u: difference %.6g, gradient %.6g, norm %.6g\n", (long long)n, d, found,
                   slope, norm);
        CU_ASSERT(fabs(found - slope) < 0.003 * norm + rounding);
    }
    if (n_smooth < 3)
        printf("\n    n %lld: %d smooth directions\n", (long long)n, n_smooth);
    CU_ASSERT(n_smooth >= 3);
    compute(f);
    rv_mem_free(&kept);
    rv_mem_free(&kept_grad);
    rv_mem_free(&direction);
}

/* every weight matrix and every bias vector on its own */
static void check_network(fixture *f, void (*compute)(fixture *), const float *loss, const float *grad,
                          const rv_mlp *net, float *params)
{
    for (int l = 0; l < net->n_layers; l++) {
        int64_t n_weight = (int64_t)net->sizes[l] * net->sizes[l + 1];
        check_slope(f, compute, loss, grad + net->weight[l], params + net->weight[l], n_weight);
        check_slope(f, compute, loss, grad + net->bias[l], params + net->bias[l], net->sizes[l + 1]);
    }
}

static void test_critic_gradient(void)
{
    fixture f;
    rv_sac_cfg cfg = small_cfg();
    set_up(&f, &cfg, OBS, ACT);
    for (uint64_t t = 0; t < 3; t++)
        update(&f, t);
    draw(&f, 3);
    const rv_mlp *net = &f.sac->critic;
    for (int i = 0; i < 2; i++)
        check_network(&f, critic_grad, f.critic_grad + f.sac->n_critics, f.critic_grad + i * net->n_params, net,
                      f.sac->params + f.sac->n_actor + i * net->n_params);
    tear_down(&f);
}

static void test_actor_gradient(void)
{
    fixture f;
    rv_sac_cfg cfg = small_cfg();
    set_up(&f, &cfg, OBS, ACT);
    for (uint64_t t = 0; t < 3; t++)
        update(&f, t);
    /* scaled critics, so that their part of the loss counts */
    for (int64_t i = 0; i < f.sac->n_critics; i++)
        f.sac->params[f.sac->n_actor + i] *= 1.5F;
    draw(&f, 3);
    check_network(&f, actor_grad, f.actor_grad + f.sac->n_actor + 1, f.actor_grad, &f.sac->actor, f.sac->params);
    /* one deviation above the range: its output's weights get no gradient at all */
    const rv_mlp *net = &f.sac->actor;
    f.sac->params[net->bias[2] + ACT] = 9.0F;
    actor_grad(&f);
    CU_ASSERT_EQUAL(f.actor_grad[net->bias[2] + ACT], 0);
    CU_ASSERT_NOT_EQUAL(f.actor_grad[net->bias[2] + ACT + 1], 0);
    check_network(&f, actor_grad, f.actor_grad + f.sac->n_actor + 1, f.actor_grad, net, f.sac->params);
    tear_down(&f);
}

/* with rows that have a tail */
static void test_weighted_critic_gradient(void)
{
    fixture f;
    rv_sac_cfg cfg = small_cfg();
    cfg.confidence = 0.5;
    cfg.target = RV_TARGET_EXPANSION;
    cfg.target_steps = 3;
    set_up(&f, &cfg, OBS, ACT);
    CU_ASSERT_EQUAL_FATAL(f.sac->row.whole, f.sac->row.width + 3);
    for (uint64_t t = 0; t < 3; t++)
        update(&f, t);
    draw(&f, 3);
    const rv_mlp *net = &f.sac->critic;
    for (int i = 0; i < 2; i++)
        check_network(&f, critic_grad, f.critic_grad + f.sac->n_critics, f.critic_grad + i * net->n_params, net,
                      f.sac->params + f.sac->n_actor + i * net->n_params);
    tear_down(&f);
}

/* Q = 0 and Q' = 5 everywhere: y and the loss follow from the rows, the policy's log pi and the temperature alone */
static void test_tails_say_target_and_weight(void)
{
    fixture f;
    rv_sac_cfg cfg = test_cfg();
    cfg.target = RV_TARGET_RETURN;
    set_up(&f, &cfg, OBS, ACT);
    const rv_row *r = &f.sac->row;
    const rv_mlp *net = &f.sac->critic;
    memset(f.sac->params + f.sac->n_actor, 0, (size_t)f.sac->n_critics * sizeof(float));
    memset(f.sac->target, 0, (size_t)f.sac->n_critics * sizeof(float));
    f.sac->target[net->bias[2]] = 5.0F;
    f.sac->target[net->n_params + net->bias[2]] = 6.0F;
    draw(&f, 0);
    critic_grad(&f);
    double loss = 0;
    double bias_grad = 0;
    for (int i = 0; i < BATCH; i++) {
        const float *row = f.batch + i * r->whole;
        const double next = i % 4 == 0 ? 0 : 5 - 0.2 * (double)f.shard->logp[i];
        const double y = (double)row[r->reward] + 0.2 * (double)row[r->entropy] + (double)row[r->discount] * next;
        CU_ASSERT_DOUBLE_EQUAL(f.shard->y[i], y, 1e-5);
        loss += (double)row[r->weight] * y * y / BATCH;
        bias_grad -= (double)row[r->weight] * y / BATCH;
    }
    CU_ASSERT_DOUBLE_EQUAL(f.critic_grad[f.sac->n_critics], loss, 1e-4);
    CU_ASSERT_DOUBLE_EQUAL(f.critic_grad[net->bias[2]], bias_grad, 1e-5);
    CU_ASSERT_DOUBLE_EQUAL(f.critic_grad[net->n_params + net->bias[2]], bias_grad, 1e-5);
    tear_down(&f);
}

/* rows whose tails say one whole step teach what rows without one do; the settings that need none have none */
static void test_a_tail_of_one_step_changes_nothing(void)
{
    fixture plain, told;
    rv_sac_cfg cfg = test_cfg();
    cfg.discount = 0.96875; /* a float */
    set_up(&plain, &cfg, OBS, ACT);
    cfg.confidence = 1;
    set_up(&told, &cfg, OBS, ACT);
    const rv_row *r = &told.sac->row;
    draw(&plain, 0);
    for (int i = 0; i < BATCH; i++) {
        float *row = told.batch + i * r->whole;
        memcpy(row, plain.batch + i * r->width, (size_t)r->width * sizeof *row);
        row[r->weight] = 1;
        row[r->discount] = 0.96875F;
        row[r->entropy] = 0;
    }
    memcpy(told.eps[0], plain.eps[0], BATCH * ACT * sizeof(float));
    critic_grad(&plain);
    critic_grad(&told);
    const size_t n_bytes = (size_t)rv_sac_critic_grad_size(plain.sac) * sizeof(float);
    CU_ASSERT(memcmp(plain.critic_grad, told.critic_grad, n_bytes) == 0);
    tear_down(&plain);
    tear_down(&told);

    const struct {
        int target;
        int64_t steps;
        double confidence;
        bool has_tail;
    } cases[] = {{RV_TARGET_TD, 1, 0, false},        {RV_TARGET_TD, 1, 2, true},
                 {RV_TARGET_EXPANSION, 1, 0, false}, {RV_TARGET_EXPANSION, 0, 0, true},
                 {RV_TARGET_EXPANSION, 9, 0, true},  {RV_TARGET_RETURN, 1, 0, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rv_sac_cfg c = {.target = cases[i].target,
                              .target_steps = cases[i].steps,
                              .confidence = cases[i].confidence,
                              .discount = 0.9};
        const rv_lesson l = rv_sac_lesson(&c);
        const rv_row row = rv_row_for(rv_row_of(OBS, ACT), &l);
        CU_ASSERT_EQUAL(l.steps, cases[i].steps);
        CU_ASSERT_EQUAL(l.is_return, cases[i].target == RV_TARGET_RETURN);
        CU_ASSERT(l.confidence == cases[i].confidence && l.discount == 0.9);
        CU_ASSERT_EQUAL(row.whole - row.width, cases[i].has_tail ? 3 : 0);
    }
}

/* L_alpha = -log_alpha (mean log pi + target_entropy), of which mean log pi rides behind the gradient */
static void test_temperature_gradient(void)
{
    fixture f;
    rv_sac_cfg cfg = test_cfg();
    snprintf(cfg.target_entropy, sizeof cfg.target_entropy, "-3.5");
    set_up(&f, &cfg, OBS, ACT);
    draw(&f, 0);
    actor_grad(&f);
    const float *tail = f.actor_grad + f.sac->n_actor;
    float *log_alpha = f.sac->params + f.sac->n_params - 1;
    const float grad = tail[0];
    const float old = *log_alpha;
    double value[2];
    for (int side = 0; side < 2; side++) {
        *log_alpha = old + (side ? 0.5F : -0.5F);
        actor_grad(&f);
        value[side] = -(double)*log_alpha * ((double)tail[2] - 3.5);
        CU_ASSERT_EQUAL(tail[3], -tail[2]);
        CU_ASSERT_DOUBLE_EQUAL(rv_sac_alpha(f.sac), exp((double)*log_alpha), 1e-12);
    }
    CU_ASSERT_DOUBLE_EQUAL(grad, value[1] - value[0], 1e-5);
    tear_down(&f);
}

/* alpha rises when the entropy is below its target, and falls when it is above */
static void test_temperature_direction(void)
{
    static const char *const targets[] = {"50", "-50"};
    for (int i = 0; i < 2; i++) {
        fixture f;
        rv_sac_cfg cfg = test_cfg();
        snprintf(cfg.target_entropy, sizeof cfg.target_entropy, "%s", targets[i]);
        set_up(&f, &cfg, OBS, ACT);
        double before = rv_sac_alpha(f.sac);
        CU_ASSERT_DOUBLE_EQUAL(before, 0.2, 1e-7);
        update(&f, 0);
        CU_ASSERT((rv_sac_alpha(f.sac) > before) == (i == 0));
        CU_ASSERT((rv_sac_alpha(f.sac) < before) == (i == 1));
        tear_down(&f);
    }
}

/* Q = 0 and Q' = 5 everywhere, alpha next to nothing: y is the reward, plus 5 discount where not terminated */
static void test_only_terminated_rows_do_not_bootstrap(void)
{
    fixture f;
    rv_sac_cfg cfg = test_cfg();
    cfg.initial_alpha = 1e-20;
    set_up(&f, &cfg, OBS, ACT);
    const rv_mlp *net = &f.sac->critic;
    memset(f.sac->params + f.sac->n_actor, 0, (size_t)f.sac->n_critics * sizeof(float));
    memset(f.sac->target, 0, (size_t)f.sac->n_critics * sizeof(float));
    f.sac->target[net->bias[2]] = 5.0F;
    f.sac->target[net->n_params + net->bias[2]] = 6.0F; /* the larger one does not count */
    draw(&f, 0);
    critic_grad(&f);
    double expected[2] = {0, 0};
    double bias_grad = 0;
    for (int i = 0; i < BATCH; i++) {
        const float *row = f.batch + i * f.sac->row.width;
        double y = (double)row[f.sac->row.reward] + (i % 4 == 0 ? 0.0 : 5 * 0.97);
        CU_ASSERT_DOUBLE_EQUAL(f.shard->y[i], y, 1e-6);
        expected[0] += y * y / BATCH; /* two critics, half a square each */
        bias_grad -= y / BATCH;
    }
    RV_TEST_NEAR(2, f.critic_grad + f.sac->n_critics, expected, 1e-6, 0);
    CU_ASSERT_DOUBLE_EQUAL(f.critic_grad[net->bias[2]], bias_grad, 1e-5);
    CU_ASSERT_DOUBLE_EQUAL(f.critic_grad[net->n_params + net->bias[2]], bias_grad, 1e-5);
    tear_down(&f);
}

/* constant critics of 6 and 5, alpha next to nothing: the actor's loss is -5 */
static void test_actor_sees_the_smaller_critic(void)
{
    fixture f;
    rv_sac_cfg cfg = test_cfg();
    cfg.initial_alpha = 1e-20;
    set_up(&f, &cfg, OBS, ACT);
    const rv_mlp *net = &f.sac->critic;
    float *critics = f.sac->params + f.sac->n_actor;
    memset(critics, 0, (size_t)f.sac->n_critics * sizeof(float));
    critics[net->bias[2]] = 6.0F;
    critics[net->n_params + net->bias[2]] = 5.0F;
    draw(&f, 0);
    actor_grad(&f);
    CU_ASSERT_DOUBLE_EQUAL(f.actor_grad[f.sac->n_actor + 1], -5.0, 1e-6);
    tear_down(&f);
}

static void test_targets_follow_the_critics(void)
{
    fixture f;
    rv_sac_cfg cfg = test_cfg();
    double *expected = NULL;
    set_up(&f, &cfg, OBS, ACT);
    RV_TEST_OK(RV_NEW(expected, f.sac->n_critics));
    update(&f, 0);
    for (int64_t i = 0; i < f.sac->n_critics; i++)
        expected[i] = 0.99 * (double)f.sac->target[i];
    update(&f, 1);
    for (int64_t i = 0; i < f.sac->n_critics; i++)
        expected[i] += 0.01 * (double)f.sac->params[f.sac->n_actor + i];
    RV_TEST_NEAR(f.sac->n_critics, f.sac->target, expected, 2e-7, 1e-9);
    rv_mem_free(&expected);
    tear_down(&f);
}

static void test_shards_sum_to_the_whole(void)
{
    fixture whole;
    fixture half;
    rv_sac_cfg cfg = test_cfg();
    set_up(&whole, &cfg, OBS, ACT);
    cfg.shards = 2;
    set_up(&half, &cfg, OBS, ACT);
    CU_ASSERT_EQUAL(half.shard->rows, BATCH / 2);
    draw(&whole, 0);
    critic_grad(&whole);
    actor_grad(&whole);
    int64_t n_critic = rv_sac_critic_grad_size(whole.sac);
    int64_t n_actor = rv_sac_actor_grad_size(whole.sac);
    float *sum_critic = NULL;
    float *sum_actor = NULL;
    RV_TEST_OK(RV_NEW(sum_critic, n_critic));
    RV_TEST_OK(RV_NEW(sum_actor, n_actor));
    for (int s = 0; s < 2; s++) {
        const float *rows = whole.batch + (int64_t)s * half.shard->rows * whole.sac->row.width;
        rv_sac_critic_grad(half.sac, half.shard, rows, whole.eps[0] + s * half.shard->rows * ACT, half.critic_grad);
        rv_sac_actor_grad(half.sac, half.shard, rows, whole.eps[1] + s * half.shard->rows * ACT, half.actor_grad);
        for (int64_t i = 0; i < n_critic; i++)
            sum_critic[i] += half.critic_grad[i];
        for (int64_t i = 0; i < n_actor; i++)
            sum_actor[i] += half.actor_grad[i];
    }
    RV_TEST_NEAR(n_critic, sum_critic, whole.critic_grad, 1e-5, 2e-7);
    RV_TEST_NEAR(n_actor, sum_actor, whole.actor_grad, 1e-5, 2e-7);
    rv_mem_free(&sum_critic);
    rv_mem_free(&sum_actor);
    tear_down(&whole);
    tear_down(&half);
}

static bool same_state(const rv_sac *a, const rv_sac *b)
{
    size_t n = (size_t)a->n_params * sizeof(float);
    return memcmp(a->params, b->params, n) == 0 && memcmp(a->adam_m, b->adam_m, n) == 0 &&
           memcmp(a->adam_v, b->adam_v, n) == 0 && a->n_updates == b->n_updates &&
           memcmp(a->target, b->target, (size_t)a->n_critics * sizeof(float)) == 0;
}

/* what rv_sac_visit shows, copied from one learner and into another */
typedef struct snapshot {
    char name[6][16];
    void *data[6];
    int n, at;
    bool load;
} snapshot;

static rv_status copy_state(void *user, const char *name, rv_dtype type, int64_t n, void *data)
{
    snapshot *s = user;
    size_t bytes = (size_t)n * rv_dtype_size(type);
    if (s->load) {
        CU_ASSERT_STRING_EQUAL(s->name[s->at], name);
        memcpy(data, s->data[s->at++], bytes);
        return RV_OK;
    }
    snprintf(s->name[s->n], sizeof s->name[0], "%s", name);
    RV_TRY(rv_mem_alloc(bytes, 1, &s->data[s->n]));
    memcpy(s->data[s->n++], data, bytes);
    return RV_OK;
}

static void test_repeats_and_restores(void)
{
    fixture a;
    fixture b;
    rv_sac_cfg cfg = test_cfg();
    snapshot kept = {0};
    set_up(&a, &cfg, OBS, ACT);
    set_up(&b, &cfg, OBS, ACT);
    CU_ASSERT(same_state(a.sac, b.sac));
    CU_ASSERT_EQUAL(memcmp(a.sac->target, a.sac->params + a.sac->n_actor, (size_t)a.sac->n_critics * 4), 0);
    const rv_mlp *net = &a.sac->critic;
    CU_ASSERT_NOT_EQUAL(memcmp(a.sac->target, a.sac->target + net->n_params, (size_t)net->n_params * 4), 0);
    for (uint64_t t = 0; t < 6; t++) {
        update(&a, t);
        update(&b, t);
        if (t == 2)
            RV_TEST_OK(rv_sac_visit(a.sac, copy_state, &kept));
    }
    CU_ASSERT(same_state(a.sac, b.sac));
    CU_ASSERT_EQUAL(a.sac->n_updates, 6);
    tear_down(&b);
    /* a new learner of another seed, filled with the state after update 2, arrives at the same bits */
    set_up(&b, &cfg, OBS, ACT);
    rv_sac_destroy(&b.sac);
    RV_TEST_OK(rv_sac_create(&cfg, OBS, ACT, 8, &b.sac));
    CU_ASSERT(!same_state(a.sac, b.sac));
    kept.load = true;
    RV_TEST_OK(rv_sac_visit(b.sac, copy_state, &kept));
    for (uint64_t t = 3; t < 6; t++)
        update(&b, t);
    CU_ASSERT(same_state(a.sac, b.sac));
    for (int i = 0; i < kept.n; i++)
        rv_mem_free(&kept.data[i]);
    tear_down(&a);
    tear_down(&b);
}

static void test_updates_allocate_nothing(void)
{
    fixture f;
    rv_sac_cfg cfg = test_cfg();
    set_up(&f, &cfg, OBS, ACT);
    int64_t calls = rv_mem_calls();
    for (uint64_t t = 0; t < 3; t++)
        update(&f, t);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    CU_ASSERT(rv_vector_is_finite(f.sac->n_params, f.sac->params));
    tear_down(&f);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* reward -(a - 0.3)^2, one step an episode */
static void test_learns_a_bandit(void)
{
    fixture f;
    rv_sac_cfg cfg = test_cfg();
    cfg.learning_rate = 3e-3;
    set_up(&f, &cfg, 1, 1);
    rv_rng rng = rv_rng_at(17, RV_STREAM_TEST, 0, 0);
    const rv_row *r = &f.sac->row;
    float obs = 1;
    float mean = 2;
    for (int t = 0; t < 2000; t++) {
        for (int i = 0; i < BATCH; i++) {
            float *row = f.batch + i * r->width;
            float a = (float)(2 * rv_rng_uniform(&rng) - 1);
            row[0] = obs;
            row[r->act] = a;
            row[r->next_obs] = obs;
            row[r->reward] = -(a - 0.3F) * (a - 0.3F);
            row[r->terminated] = 1;
        }
        randomise(&rng, BATCH, 1.0, f.eps[0]);
        randomise(&rng, BATCH, 1.0, f.eps[1]);
        critic_grad(&f);
        rv_sac_critic_apply(f.sac, f.critic_grad);
        actor_grad(&f);
        rv_sac_actor_apply(f.sac, f.actor_grad);
    }
    rv_policy_net_act(&f.sac->actor, f.sac->params, 1, &obs, NULL, &f.shard->actor_tape, &mean, NULL);
    if (!(fabsf(mean - 0.3F) < 0.05F))
        printf("\n    mean action %g after training, alpha %g\n", (double)mean, rv_sac_alpha(f.sac));
    CU_ASSERT(fabsf(mean - 0.3F) < 0.05F);
    /* the entropy is where it was asked to be, and the loss of the critics nearly nothing */
    CU_ASSERT_DOUBLE_EQUAL(f.actor_grad[f.sac->n_actor + 3], -1.0, 0.2);
    CU_ASSERT(f.critic_grad[f.sac->n_critics] < 1e-3F);
    tear_down(&f);
}

static void test_create_refuses(void)
{
    rv_sac *sac = NULL;
    rv_sac_cfg cfg = test_cfg();
    cfg.shards = 3;
    RV_TEST_FAILS(rv_sac_create(&cfg, OBS, ACT, 1, &sac), RV_E_CONFIG, "multiple");
    cfg = test_cfg();
    static const char *const bad[] = {"", "low", "3 nats", "inf", "nan"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(cfg.target_entropy, sizeof cfg.target_entropy, "%s", bad[i]);
        RV_TEST_FAILS(rv_sac_create(&cfg, OBS, ACT, 1, &sac), RV_E_CONFIG, "target_entropy");
    }
    cfg = test_cfg();
    cfg.initial_alpha = 0;
    RV_TEST_FAILS(rv_sac_create(&cfg, OBS, ACT, 1, &sac), RV_E_CONFIG, "initial_alpha");
    cfg = test_cfg();
    cfg.hidden_layers = RV_MLP_LAYERS;
    RV_TEST_FAILS(rv_sac_create(&cfg, OBS, ACT, 1, &sac), RV_E_CONFIG, "layers");
    CU_ASSERT_PTR_NULL(sac);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
    cfg = test_cfg();
    snprintf(cfg.target_entropy, sizeof cfg.target_entropy, "auto");
    RV_TEST_OK(rv_sac_create(&cfg, OBS, ACT, 1, &sac));
    CU_ASSERT_EQUAL(sac->target_entropy, -ACT);
    rv_sac_destroy(&sac);
    rv_sac_destroy(&sac);
}

RV_TEST_EACH_SET("sac", {"critic gradient", test_critic_gradient},
                 {"weighted critic gradient", test_weighted_critic_gradient},
                 {"tails say target and weight", test_tails_say_target_and_weight},
                 {"a tail of one step changes nothing", test_a_tail_of_one_step_changes_nothing},
                 {"actor gradient", test_actor_gradient}, {"temperature gradient", test_temperature_gradient},
                 {"temperature direction", test_temperature_direction},
                 {"only terminated rows do not bootstrap", test_only_terminated_rows_do_not_bootstrap},
                 {"actor sees the smaller critic", test_actor_sees_the_smaller_critic},
                 {"targets follow the critics", test_targets_follow_the_critics},
                 {"shards sum to the whole", test_shards_sum_to_the_whole},
                 {"repeats and restores", test_repeats_and_restores},
                 {"updates allocate nothing", test_updates_allocate_nothing}, {"learns a bandit", test_learns_a_bandit},
                 {"create refuses", test_create_refuses})
