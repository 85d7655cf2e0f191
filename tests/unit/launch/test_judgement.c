#include "launch/judgement.h"
#include "rv_test.h"

enum { N_OBS = 2, N_ACT = 1, N_OUT = 3, WIDTH = 7, MEMBERS = 3, ROWS = 4 };

static rv_ensemble ensemble;

/* members that predict the same everywhere: these means and standard deviations */
static void make(const double mean[MEMBERS][N_OUT], const double deviation[MEMBERS][N_OUT])
{
    rv_model_cfg cfg;
    RV_TEST_OK(rv_field_defaults(rv_model_cfg_fields, &cfg));
    cfg.members = MEMBERS;
    cfg.elites = 2;
    cfg.hidden_layers = 1;
    cfg.hidden = 4;
    cfg.weight_decay.n = 2;
    ensemble = (rv_ensemble){.n_members = MEMBERS, .n_elites = 2, .elites = {2, 0}};
    RV_TEST_OK(rv_member_shape_init(&cfg, N_OBS, N_ACT, &ensemble.shape));
    const rv_member_shape *s = &ensemble.shape;
    RV_TEST_OK(RV_NEW(ensemble.members, MEMBERS * s->n_published));
    for (int m = 0; m < MEMBERS; m++) {
        float *member = ensemble.members + m * s->n_published;
        for (int k = 0; k < N_OUT; k++) {
            member[s->mlp.bias[1] + k] = (float)mean[m][k];
            member[s->mlp.bias[1] + N_OUT + k] = (float)(2 * log(deviation[m][k]));
            member[s->hi + k] = 40; /* so far away that they bound nothing */
            member[s->lo + k] = -40;
        }
        for (int i = 0; i < N_OBS + N_ACT; i++)
            member[s->std + i] = 1;
    }
}

/* [obs | act | next_obs | reward | terminated]: rewards 1, 3, 5, 7; changes of the first number 0, 2, 0, 2, of the
 * second always 4 */
static const float rows[ROWS][WIDTH] = {
    {1, 1, 0, 1, 5, 1, 0}, {2, 2, 0, 4, 6, 3, 0}, {3, 3, 0, 3, 7, 5, 0}, {4, 4, 0, 6, 8, 7, 0}};

static const double means[MEMBERS][N_OUT] = {{1, 1, 4}, {5, 1, 4}, {3, 1, 4}};
static const double deviations[MEMBERS][N_OUT] = {{1, 1, 1}, {2, 1, 1}, {2, 0.5, 1}};

static void by_hand(void)
{
    const uint32_t at[] = {0, 3};
    rv_judgement j;
    make(means, deviations);
    rv_judgement_source source = {
        .ensemble = &ensemble, .rows = rows[0], .n = 2, .at = at, .n_reference = ROWS, .known_reward = false};
    RV_TEST_OK(rv_judgement_make(&source, &j));
    /* std of the rewards is sqrt(5), of the changes 1 and 0: the last is left out */
    CU_ASSERT(j.n == 2 && j.n_elites == 2 && j.n_z == 4);
    /* elite 2 first: rewards 1 and 7 against 3 +- 2, changes 0 and 2 against 1 +- 0.5; then elite 0: 1 +- 1, 1 +- 1 */
    const double z[] = {-1, -2, 2, 2, 0, -1, 6, 1};
    RV_TEST_NEAR(8, j.z, z, 0, 1e-5);
    CU_ASSERT_DOUBLE_EQUAL(j.z_square, (1 + 4 + 4 + 4 + 0 + 1 + 36 + 1) / 8.0, 1e-4);
    /* the rewards' means 1, 5, 3 deviate by sqrt(8 / 3); mean variance (1 + 4 + 4) / 3 */
    const double disagreement[] = {sqrt(8.0 / 9), sqrt(8.0 / 9)};
    RV_TEST_NEAR(2, j.disagreement, disagreement, 0, 1e-5);
    /* the elites' mean says 2 and 1 */
    const double error[] = {sqrt((1 / 5.0 + 1) / 2), sqrt((25 / 5.0 + 1) / 2)};
    RV_TEST_NEAR(2, j.error, error, 0, 1e-5);
    CU_ASSERT_DOUBLE_EQUAL(j.square, (0.6 + 3) / 2, 1e-5);
    /* rewards: off by (1/5 + 5) / 2, worse than nothing; changes: off by 1, just nothing */
    CU_ASSERT_DOUBLE_EQUAL(j.explained, 0, 1e-6);
    rv_judgement_clear(&j);

    source.known_reward = true;
    RV_TEST_OK(rv_judgement_make(&source, &j));
    CU_ASSERT(j.n_z == 2);
    CU_ASSERT_DOUBLE_EQUAL(j.square, 1, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(j.disagreement[1], disagreement[1], 1e-5);
    rv_judgement_clear(&j);
    rv_ensemble_clear(&ensemble);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* more rows than one forward pass takes, each the same as alone; and none */
static void any_number(void)
{
    static uint32_t at[600];
    rv_judgement j;
    const double exact[MEMBERS][N_OUT] = {{3, 1, 4}, {3, 1, 4}, {3, 1, 4}};
    for (int i = 0; i < 600; i++)
        at[i] = (uint32_t)i % ROWS;
    make(exact, deviations);
    rv_judgement_source source = {.ensemble = &ensemble, .rows = rows[0], .n = 600, .at = at, .n_reference = ROWS};
    RV_TEST_OK(rv_judgement_make(&source, &j));
    for (int i = 0; i < 600; i++) {
        CU_ASSERT_DOUBLE_EQUAL(j.error[i], j.error[i % ROWS], 1e-12);
        CU_ASSERT_DOUBLE_EQUAL(j.z[2 * i], j.z[2 * (i % ROWS)], 1e-12);
        CU_ASSERT_EQUAL(j.disagreement[i], 0);
    }
    /* rewards 1, 3, 5, 7 against 3: off by (4 + 0 + 4 + 16) / 4 / 5 */
    CU_ASSERT_DOUBLE_EQUAL(j.square, (1.2 + 1) / 2, 1e-6);
    rv_judgement_clear(&j);
    source.n = 0;
    RV_TEST_OK(rv_judgement_make(&source, &j));
    CU_ASSERT(j.n == 0 && isnan(j.z_square) && isnan(j.square) && isnan(j.explained));
    rv_judgement_clear(&j);
    ensemble.members[ensemble.shape.mlp.bias[1]] = INFINITY;
    source.n = 1;
    RV_TEST_FAILS(rv_judgement_make(&source, &j), RV_E_NONFINITE, "real row 0 is not finite");
    rv_ensemble_clear(&ensemble);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_EACH_SET("judgement", {"by hand", by_hand}, {"any number of rows", any_number})
