/* member_test.h - a member on a small linear system, for its tests. */
#pragma once
#include "base/rng.h"
#include "model/member.h"
#include "rv_test.h"

enum { N_OBS = 3, N_ACT = 2, N_IN = N_OBS + N_ACT, N_OUT = 1 + N_OBS, MAX_ROWS = 2000, SEED = 7 };

static inline rv_model_cfg make_cfg(void)
{
    return (rv_model_cfg){
        .members = 3,
        .elites = 2,
        .hidden_layers = 2,
        .hidden = 16,
        .learning_rate = 1e-3,
        .batch = 32,
        .bootstrap = true,
        .weight_decay = {3, {1e-2, 2e-2, 3e-2}},
        .holdout_ratio = 0.2,
        .holdout_max = 5000,
        .holdout_segment = 1,
        .patience = 5,
        .improvement = 0.01,
        .max_epochs = 100,
        .logvar_max = 0.5,
        .logvar_min = -10,
        .logvar_weight = 0.01,
    };
}

/* the settings of make_cfg with one of the N_COMBINATIONS of what a member predicts and how it learns that */
enum { N_COMBINATIONS = 16 };

static inline rv_model_cfg make_combination(int number)
{
    rv_model_cfg cfg = make_cfg();
    cfg.kind = number & 1 ? RV_MODEL_DETERMINISTIC : RV_MODEL_PROBABILISTIC;
    cfg.learned_termination = number & 2;
    cfg.normalise_targets = number & 4;
    cfg.target = number & 8 ? RV_TARGET_NEXT_STATE : RV_TARGET_DIFFERENCE;
    return cfg;
}

static inline void free_at(float **p)
{
    rv_mem_free(p);
}

static inline float *floats(int64_t n)
{
    float *p = NULL;
    RV_TEST_OK(RV_NEW(p, n));
    return p;
}

/* What one member does, with its shape and its buffer; rows are n_rows steps of a linear system. */
typedef struct bench {
    rv_model_cfg cfg;
    rv_member_shape shape;
    rv_member *member;
    float *rows;
    int64_t n_rows;
} bench;

/* reward and change are linear in (obs, act) plus noise; inputs lie far from zero mean and unit deviation */
static inline void fill_rows(int64_t n_rows, double noise, double slope, const rv_row *r, float *rows)
{
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 0, 0);
    for (int64_t i = 0; i < n_rows; i++) {
        float *row = rows + i * r->width;
        double x[N_IN];
        for (int j = 0; j < N_IN; j++)
            x[j] = rv_rng_normal(&rng);
        for (int j = 0; j < N_IN; j++)
            row[j] = (float)(j < N_OBS ? 50 * (j + 1) + (j + 2) * x[j] : x[j] / 4);
        for (int j = 0; j < N_OUT; j++) {
            double y = noise * rv_rng_normal(&rng);
            for (int k = 0; k < N_IN; k++)
                y += slope * x[k] * ((j + k) % 3 - 1);
            if (j == 0)
                row[r->reward] = (float)(y + slope);
            else
                row[r->next_obs + j - 1] = row[j - 1] + (float)y;
        }
    }
}

static inline bench make_bench(rv_model_cfg cfg, int member, int64_t n_rows, double noise, double slope)
{
    bench b = {.cfg = cfg, .n_rows = n_rows};
    RV_TEST_OK(rv_member_shape_init(&cfg, N_OBS, N_ACT, &b.shape));
    RV_TEST_OK(rv_member_create(&cfg, &b.shape, SEED, member, MAX_ROWS, &b.member));
    b.rows = floats(n_rows * b.shape.row.width);
    fill_rows(n_rows, noise, slope, &b.shape.row, b.rows);
    return b;
}

static inline void clear_bench(bench *b)
{
    rv_member_destroy(&b->member);
    CU_ASSERT_PTR_NULL(b->member);
    free_at(&b->rows);
}

static inline double fit(bench *b, int64_t retrain, int64_t n_epochs)
{
    double train = 0;
    double holdout = 0;
    RV_TEST_OK(rv_member_fit_begin(b->member, retrain, b->n_rows, b->rows));
    for (int64_t epoch = 0; epoch < n_epochs; epoch++)
        RV_TEST_OK(rv_member_fit_epoch(b->member, epoch, &train, &holdout));
    RV_TEST_OK(rv_member_fit_end(b->member, &holdout));
    return holdout;
}
