#include "model/foresight.h"
#include "rv_test.h"

enum { N_OBS = 2, N_ACT = 1, N_MEMBERS = 3, N_REAL = 6 };

/* Members whose networks give constants: member m predicts the reward 1 + m and the change (m, -1) at any state. */
typedef struct rig {
    rv_member_shape shape;
    rv_env_spec spec;
    float *members;
    int elites[2];
    float real[N_REAL * N_OBS];
    rv_foresight_source source;
    int n_calls;
    float sum_obs; /* of all states that the policy was asked about */
} rig;

static void set_up_as(rig *r, int kind, bool learned_termination)
{
    rv_model_cfg cfg;
    RV_TEST_OK(rv_field_defaults(rv_model_cfg_fields, &cfg));
    cfg.kind = kind;
    cfg.learned_termination = learned_termination;
    cfg.hidden = 4;
    cfg.hidden_layers = 1;
    cfg.weight_decay.n = 2;
    *r = (rig){.elites = {0, 2}};
    RV_TEST_OK(rv_member_shape_init(&cfg, N_OBS, N_ACT, &r->shape));
    RV_TEST_OK(RV_NEW(r->members, N_MEMBERS * r->shape.n_published));
    for (int m = 0; m < N_MEMBERS; m++) {
        float *p = r->members + m * r->shape.n_published;
        float *bias = p + r->shape.mlp.bias[r->shape.mlp.n_layers - 1];
        bias[0] = 1 + (float)m;
        bias[1] = (float)m;
        bias[2] = -1;
        for (int i = 0; i < r->shape.n_in; i++)
            p[r->shape.std + i] = i == 0 ? 0.5F : 2;
    }
    r->source = (rv_foresight_source){&r->shape, &r->spec, false, N_MEMBERS, r->members, 2, r->elites};
}

static void set_up(rig *r)
{
    set_up_as(r, RV_MODEL_PROBABILISTIC, false);
}

static void act(void *user, int64_t step, const float *obs, float *out)
{
    rig *r = user;
    r->n_calls++;
    r->sum_obs += obs[0];
    *out = (float)step;
}

/* the real state stays at 0: the elites' mean is (t, -t), member m's own state (m t, -t) */
static void measures_the_error(void)
{
    rig r;
    rv_foresight f;
    set_up(&r);
    RV_TEST_OK(rv_foresight_run(&r.source, N_REAL, r.real, act, &r, &f));
    CU_ASSERT_EQUAL_FATAL(f.n, N_REAL);
    for (int t = 0; t < N_REAL; t++) {
        CU_ASSERT_EQUAL(f.obs[2 * t], (float)t);
        CU_ASSERT_EQUAL(f.obs[2 * t + 1], (float)-t);
        CU_ASSERT_EQUAL(f.total[t], 2.0 * t);
        CU_ASSERT_DOUBLE_EQUAL(f.error[t], sqrt((4.0 * t * t + 0.25 * t * t) / 2), 1e-12);
        CU_ASSERT_DOUBLE_EQUAL(f.low[t], sqrt(0.25 * t * t / 2), 1e-12);
        CU_ASSERT_DOUBLE_EQUAL(f.high[t], sqrt((16.0 * t * t + 0.25 * t * t) / 2), 1e-12);
    }
    CU_ASSERT(!f.terminated && !f.lost);
    /* asked once for the ensemble and once for each member, each at its own state */
    CU_ASSERT_EQUAL(r.n_calls, (N_REAL - 1) * (1 + N_MEMBERS));
    CU_ASSERT_EQUAL(r.sum_obs, (0 + 1 + 2 + 3 + 4) * (1 + 0 + 1 + 2));
    rv_foresight_clear(&f);
    rv_mem_free(&r.members);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void ends_where_the_task_does(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    (void)spec, (void)n;
    done[0] = next_obs[0] >= 3;
}

static void pays_an_action(const rv_env_spec *spec, int n, const float *obs, const float *a, const float *next_obs,
                           float *reward)
{
    (void)spec, (void)n;
    reward[0] = 100 * a[0] + 10 * obs[0] + next_obs[0];
}

static void ends_and_pays_as_the_task_does(void)
{
    rig r;
    rv_foresight f;
    set_up(&r);
    r.spec.terminated = ends_where_the_task_does;
    r.spec.reward = pays_an_action;
    r.source.known_reward = true;
    RV_TEST_OK(rv_foresight_run(&r.source, N_REAL, r.real, act, &r, &f));
    CU_ASSERT_EQUAL(f.n, 4);
    CU_ASSERT(f.terminated && !f.lost);
    CU_ASSERT_EQUAL(f.total[3], (0 + 0 + 1) + (100 + 10 + 2) + (200 + 20 + 3));
    rv_foresight_clear(&f);
    rv_mem_free(&r.members);
}

/* it ends where the elites' mean chance is above a half, whatever the task's rule says: members 0 and 2 are elites */
static void ends_as_the_members_say(void)
{
    static const struct {
        float logits[N_MEMBERS];
        bool ends;
    } cases[] = {{{-1, 9, -1}, false}, {{-1, 9, -9}, false}, {{3, -9, -1}, true}, {{3, -9, -4}, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < 2; kind++) {
            rig r;
            rv_foresight f;
            set_up_as(&r, kind, true);
            r.spec.terminated = ends_where_the_task_does;
            for (int m = 0; m < N_MEMBERS; m++)
                r.members[m * r.shape.n_published + r.shape.mlp.bias[1] + r.shape.n_raw - 1] = cases[i].logits[m];
            RV_TEST_OK(rv_foresight_run(&r.source, N_REAL, r.real, act, &r, &f));
            CU_ASSERT_EQUAL(f.n, cases[i].ends ? 2 : N_REAL);
            CU_ASSERT_EQUAL(f.terminated, cases[i].ends);
            CU_ASSERT_EQUAL(f.obs[2], 1.0F);
            CU_ASSERT_EQUAL(f.obs[3], -1.0F);
            rv_foresight_clear(&f);
            rv_mem_free(&r.members);
        }
}

/* a state that the model has lost, or that is no number, is not shown; a lost member makes the band high alone */
static void gives_up_when_lost(void)
{
    rig r;
    rv_foresight f;
    set_up(&r);
    float *bias = r.members + 2 * r.shape.n_published + r.shape.mlp.bias[r.shape.mlp.n_layers - 1];
    bias[1] = 1000;
    RV_TEST_OK(rv_foresight_run(&r.source, N_REAL, r.real, act, &r, &f));
    CU_ASSERT(f.lost && !f.terminated);
    CU_ASSERT_EQUAL(f.n, 2); /* 500 / 0.5 / sqrt(2) is below the bound, twice that is not */
    CU_ASSERT_EQUAL(f.high[1], RV_FORESIGHT_LOST);
    rv_foresight_clear(&f);
    bias[1] = NAN;
    RV_TEST_OK(rv_foresight_run(&r.source, N_REAL, r.real, act, &r, &f));
    CU_ASSERT(f.lost);
    CU_ASSERT_EQUAL(f.n, 1);
    rv_foresight_clear(&f);
    r.elites[1] = 1;
    RV_TEST_OK(rv_foresight_run(&r.source, N_REAL, r.real, act, &r, &f));
    CU_ASSERT(!f.lost);
    CU_ASSERT_EQUAL(f.n, N_REAL);
    CU_ASSERT_EQUAL(f.high[3], RV_FORESIGHT_LOST);
    CU_ASSERT(f.low[3] < 2 && isfinite(f.error[3]));
    rv_foresight_clear(&f);
    RV_TEST_OK(rv_foresight_run(&r.source, 1, r.real, act, &r, &f));
    CU_ASSERT_EQUAL(f.n, 1);
    rv_foresight_clear(&f);
    rv_mem_free(&r.members);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_EACH_SET("foresight", {"measures the error", measures_the_error},
                 {"ends and pays as the task does", ends_and_pays_as_the_task_does},
                 {"ends as the members say", ends_as_the_members_say}, {"gives up when lost", gives_up_when_lost})
