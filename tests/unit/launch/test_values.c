#include "launch/values.h"
#include "rv_test.h"

enum { N_OBS = 3, N_ACT = 1, ROWS = 400 };

static rv_sac *sac;
static rv_journal_table table;

/* critics that say `low` and `low + 1` of everything, a temperature of exp(log_alpha) */
static void make(double discount, float low, float log_alpha)
{
    rv_sac_cfg cfg;
    RV_TEST_OK(rv_field_defaults(rv_sac_cfg_fields, &cfg));
    cfg.hidden = 8;
    cfg.discount = discount;
    RV_TEST_OK(rv_sac_create(&cfg, N_OBS, N_ACT, 1, &sac));
    memset(sac->params + sac->n_actor, 0, (size_t)sac->n_critics * sizeof(float));
    sac->params[sac->n_actor + sac->critic.n_params - 1] = low + 1;
    sac->params[sac->n_actor + sac->n_critics - 1] = low;
    sac->params[sac->n_params - 1] = log_alpha;
    table = (rv_journal_table){.row = rv_row_of(N_OBS, N_ACT)};
    RV_TEST_OK(RV_NEW(table.rows, ROWS * table.row.width));
    RV_TEST_OK(RV_NEW(table.labels, ROWS));
}

static void finish(rv_values *values)
{
    rv_values_clear(values);
    rv_journal_table_clear(&table);
    rv_sac_destroy(&sac);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void add(int64_t env, int64_t episode, bool begins, double reward, bool terminated)
{
    float *row = table.rows + table.n_rows * table.row.width;
    row[0] = (float)table.n_rows;
    row[table.row.reward] = (float)reward;
    table.labels[table.n_rows++] =
        (rv_journal_label){.env = env, .episode = episode, .begins = begins, .terminated = terminated};
}

/* two environments, whose rows alternate; rewards 1 and 2 */
static void sums_rewards(void)
{
    rv_values v;
    make(0.5, -7, -100);
    for (int64_t s = 0; s < 4; s++) { /* environment 0: episodes of 2 rows that terminate; 1: one that goes on */
        add(0, s / 2, s % 2 == 0, 1, s % 2 == 1);
        add(1, 0, s == 0, 2, false);
    }
    RV_TEST_OK(rv_values_at_starts(sac, 1, &table, 0, 10, &v));
    CU_ASSERT_EQUAL_FATAL(v.n, 3);
    CU_ASSERT(v.values[0].at == 0 && v.values[1].at == 1 && v.values[2].at == 4);
    CU_ASSERT(v.values[0].length == 2 && v.values[1].length == 4);
    CU_ASSERT_DOUBLE_EQUAL(v.values[0].promised, -7, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(v.values[0].achieved, 1.5, 1e-9);
    CU_ASSERT_EQUAL(v.values[0].bootstrap, 0);
    CU_ASSERT_DOUBLE_EQUAL(v.values[1].rewards, 2 * 1.875, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(v.values[1].bootstrap, -7 * 0.0625, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(v.values[1].achieved, 3.75 - 0.4375, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(v.promised, -7, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(v.achieved, (1.5 + 1.5 + 3.3125) / 3, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(v.spread, (3.3125 - 1.5) * sqrt(2) / 3, 1e-6);
    rv_values_clear(&v);
    /* the newest, and none from before a row */
    RV_TEST_OK(rv_values_at_starts(sac, 1, &table, 0, 2, &v));
    CU_ASSERT(v.n == 2 && v.values[0].at == 1 && v.values[1].at == 4);
    rv_values_clear(&v);
    RV_TEST_OK(rv_values_at_starts(sac, 1, &table, 2, 10, &v));
    CU_ASSERT(v.n == 1 && v.values[0].at == 4);
    finish(&v);
}

/* an episode that was cut is judged from 1 / (1 - discount) rows on */
static void leaves_short_ones_out(void)
{
    rv_values v;
    make(0.9, 1, -100);
    for (int i = 0; i < 9; i++)
        add(0, 0, i == 0, 1, false);
    for (int i = 0; i < 10; i++)
        add(0, 1, i == 0, 1, false);
    RV_TEST_OK(rv_values_at_starts(sac, 1, &table, 0, 10, &v));
    CU_ASSERT(v.n == 1 && v.values[0].at == 9 && v.values[0].length == 10);
    rv_values_clear(&v);
    table.n_rows = 0;
    RV_TEST_OK(rv_values_at_starts(sac, 1, &table, 0, 10, &v));
    CU_ASSERT(v.n == 0 && isnan(v.promised) && isnan(v.achieved));
    finish(&v);
}

/* entropy pays from the second row on; its mean over many draws of this policy is that of fewer */
static void pays_for_entropy(void)
{
    rv_values v;
    make(1 - 1e-3, 0, 0); /* alpha 1 */
    memset(sac->params, 0, (size_t)sac->n_actor * sizeof(float));
    add(0, 0, true, 5, true);
    for (int i = 0; i < ROWS - 1; i++)
        add(0, 1, i == 0, 0, i == ROWS - 2);
    RV_TEST_OK(rv_values_at_starts(sac, 1, &table, 0, 10, &v));
    CU_ASSERT_EQUAL_FATAL(v.n, 2);
    CU_ASSERT_DOUBLE_EQUAL(v.values[0].achieved, 5, 1e-9);
    /* a = tanh(u), u standard normal: h = ln(2 pi e) / 2 + E 2 (ln 2 - u - softplus(-2 u)) */
    double factor = 0, power = 1;
    for (int i = 1; i < ROWS - 1; i++)
        factor += power *= 1 - 1e-3;
    double h = 0;
    for (int i = -60000; i < 60000; i++) { /* the integral */
        double u = (i + 0.5) * 1e-4;
        double density = exp(-u * u / 2) / sqrt(2 * acos(-1.0));
        h += density * (log(1 - tanh(u) * tanh(u)) - log(density)) * 1e-4;
    }
    CU_ASSERT_DOUBLE_EQUAL(v.values[1].achieved / factor, h, 0.15); /* 4 deviations of a mean of 398 draws */
    finish(&v);
}

RV_TEST_MAIN("values", {"sums rewards", sums_rewards}, {"leaves short ones out", leaves_short_ones_out},
             {"pays for entropy", pays_for_entropy})
