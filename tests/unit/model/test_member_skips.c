/* what a fit leaves out because it is not finite; all else about members is in test_member.c */
#include "base/rng.h"
#include "math/vector.h"
#include "model/member.h"
#include "rv_test.h"

enum { N_OBS = 2, N_ACT = 1, ROWS = 400, EPOCHS = 4 };

typedef struct bench {
    rv_member_shape shape;
    rv_member *member;
    float *rows, *before, *after;
} bench;

static void set_up(bench *b)
{
    const rv_model_cfg cfg = {
        .members = 1,
        .elites = 1,
        .hidden_layers = 1,
        .hidden = 16,
        .learning_rate = 1e-3,
        .batch = 32,
        .bootstrap = true,
        .weight_decay = {.n = 2, .v = {1e-5, 1e-5}},
        .holdout_ratio = 0.2,
        .holdout_max = 5000,
        .holdout_segment = 1,
        .patience = 5,
        .improvement = 0.01,
        .max_epochs = 10,
        .logvar_max = 0.5,
        .logvar_min = -10,
        .logvar_weight = 0.01,
    };
    RV_TEST_OK(rv_member_shape_init(&cfg, N_OBS, N_ACT, &b->shape));
    RV_TEST_OK(rv_member_create(&cfg, &b->shape, 3, 0, ROWS, &b->member));
    RV_TEST_OK(RV_NEW(b->rows, ROWS * b->shape.row.width));
    RV_TEST_OK(RV_NEW(b->before, b->shape.n_published));
    RV_TEST_OK(RV_NEW(b->after, b->shape.n_published));
    rv_rng rng = rv_rng_at(5, RV_STREAM_TEST, 0, 0);
    rv_vector_normal(&rng, ROWS * b->shape.row.width, b->rows);
    rv_member_publish(b->member, b->before);
}

static void tear_down(bench *b)
{
    rv_member_destroy(&b->member);
    rv_mem_free(&b->rows);
    rv_mem_free(&b->before);
    rv_mem_free(&b->after);
}

/* what the fit skipped; train and loss as its last epoch and its end tell them */
static rv_member_skipped fit(bench *b, int64_t retrain, double *train, double *loss)
{
    RV_TEST_OK(rv_member_fit_begin(b->member, retrain, ROWS, b->rows));
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++)
        RV_TEST_OK(rv_member_fit_epoch(b->member, epoch, train, loss));
    rv_member_skipped skipped = rv_member_skips(b->member);
    RV_TEST_OK(rv_member_fit_end(b->member, loss));
    rv_member_publish(b->member, b->after);
    CU_ASSERT(rv_vector_is_finite(b->shape.n_published, b->after));
    return skipped;
}

/* finite rows whose difference overflows: nothing can be learned, and the weights stay */
static void all_of_it(void)
{
    bench b;
    double train = 0;
    double loss = 0;
    set_up(&b);
    for (int64_t i = 0; i < ROWS; i++) {
        b.rows[i * b.shape.row.width] = -3e38F;
        b.rows[i * b.shape.row.width + b.shape.row.next_obs] = 3e38F;
    }
    rv_member_skipped skipped = fit(&b, 0, &train, &loss);
    CU_ASSERT(isnan(train) && isinf(loss));
    CU_ASSERT_EQUAL(skipped.n_batches, EPOCHS * 10);
    CU_ASSERT_EQUAL(skipped.n_in_row, skipped.n_batches);
    CU_ASSERT_EQUAL(skipped.n_epochs, EPOCHS);
    CU_ASSERT_EQUAL(rv_member_updates(b.member), 0);
    CU_ASSERT_EQUAL(memcmp(b.before, b.after, (size_t)b.shape.n_trained * sizeof *b.after), 0);
    skipped = fit(&b, 1, &train, &loss);
    CU_ASSERT_EQUAL(skipped.n_batches, EPOCHS * 10);
    CU_ASSERT_EQUAL(skipped.n_in_row, 2 * EPOCHS * 10); /* one after the other, over fits */
    tear_down(&b);
}

/* a few rows: their batches are left out, the others count, and the next fit begins anew */
static void a_part(void)
{
    bench b;
    double train = 0;
    double loss = 0;
    set_up(&b);
    for (int64_t i = 0; i < ROWS; i += 100)
        b.rows[i * b.shape.row.width + b.shape.row.reward] = 3e38F;
    rv_member_skipped skipped = fit(&b, 0, &train, &loss);
    CU_ASSERT(skipped.n_batches > 0 && skipped.n_batches < EPOCHS * 10);
    CU_ASSERT_EQUAL(rv_member_updates(b.member), EPOCHS * 10 - skipped.n_batches);
    CU_ASSERT(isfinite(train) && isfinite(loss));
    for (int64_t i = 0; i < ROWS; i += 100)
        b.rows[i * b.shape.row.width + b.shape.row.reward] = 0;
    skipped = fit(&b, 1, &train, &loss);
    CU_ASSERT(skipped.n_batches == 0 && skipped.n_epochs == 0 && skipped.n_in_row == 0);
    CU_ASSERT(memcmp(b.before, b.after, (size_t)b.shape.n_trained * sizeof *b.after) != 0);
    tear_down(&b);
}

/* the targets of the last batch that was shown */
typedef struct shown {
    int64_t n;
    const float *y;
} shown;

static rv_status look(void *user, const char *name, rv_dtype type, int64_t n, void *data)
{
    (void)type;
    if (strcmp(name, "y") == 0)
        *(shown *)user = (shown){n, data};
    return RV_OK;
}

/* a dump holds the batch that was learned from last, not the held-out rows that were measured after it */
static void the_last_batch(void)
{
    bench b;
    shown last = {0};
    double train = 0;
    double loss = 0;
    const uint32_t *held = NULL;
    const uint32_t *drawn = NULL;
    int64_t n_held = 0;
    int64_t n_drawn = 0;
    set_up(&b);
    RV_TEST_OK(rv_member_fit_begin(b.member, 0, ROWS, b.rows));
    rv_member_rows(b.member, &n_held, &held, &n_drawn, &drawn);
    for (int64_t i = 0; i < n_held; i++)
        b.rows[(int64_t)held[i] * b.shape.row.width + b.shape.row.reward] = 777;
    RV_TEST_OK(rv_member_fit_epoch(b.member, 0, &train, &loss));
    RV_TEST_OK(rv_member_visit_batch(b.member, look, &last));
    CU_ASSERT_EQUAL_FATAL(last.n, 32 * b.shape.n_out);
    for (int64_t i = 0; i < 32; i++)
        CU_ASSERT(last.y[i * b.shape.n_out] < 100);
    RV_TEST_OK(rv_member_fit_end(b.member, &loss));
    RV_TEST_FAILS(rv_member_visit_batch(b.member, look, &last), RV_E_INTERNAL, "outside a fit");
    tear_down(&b);
}

RV_TEST_EACH_SET("member_skips", {"all of it", all_of_it}, {"a part", a_part}, {"the last batch", the_last_batch})
