#include "member_test.h"

static void test_statistics(void)
{
    bench b = make_bench(make_cfg(), 0, 500, 1, 1);
    const rv_member_shape *s = &b.shape;
    for (int64_t i = 0; i < b.n_rows; i++) {
        b.rows[i * s->row.width + 1] = 0.1F;
        b.rows[i * s->row.width + 2] = i % 2 ? 1e-13F : -1e-13F;
    }
    fit(&b, 0, 0);
    float *published = floats(s->n_published);
    rv_member_publish(b.member, published);
    for (int j = 0; j < N_IN; j++) {
        double mean = 0;
        double square = 0;
        for (int64_t i = 0; i < b.n_rows; i++)
            mean += (double)b.rows[i * s->row.width + j] / (double)b.n_rows;
        for (int64_t i = 0; i < b.n_rows; i++)
            square += pow((double)b.rows[i * s->row.width + j] - mean, 2) / (double)b.n_rows;
        double std = j == 1 || j == 2 ? 1 : sqrt(square);
        RV_TEST_NEAR(1, &published[s->mean + j], &mean, 1e-6, 1e-20);
        RV_TEST_NEAR(1, &published[s->std + j], &std, 1e-6, 0);
    }
    free_at(&published);
    clear_bench(&b);
}

typedef struct drawn {
    int64_t n_holdout, n_bootstrap;
    uint32_t holdout[MAX_ROWS], bootstrap[MAX_ROWS];
} drawn;

static void draw_as(rv_model_cfg cfg, int member, int64_t retrain, int64_t n_rows, drawn *out)
{
    bench b = make_bench(cfg, member, n_rows, 1, 1);
    const uint32_t *holdout = NULL;
    const uint32_t *bootstrap = NULL;
    RV_TEST_OK(rv_member_fit_begin(b.member, retrain, n_rows, b.rows));
    rv_member_rows(b.member, &out->n_holdout, &holdout, &out->n_bootstrap, &bootstrap);
    memset(out->holdout, 0, sizeof out->holdout);
    memset(out->bootstrap, 0, sizeof out->bootstrap);
    memcpy(out->holdout, holdout, (size_t)out->n_holdout * sizeof *holdout);
    memcpy(out->bootstrap, bootstrap, (size_t)out->n_bootstrap * sizeof *bootstrap);
    clear_bench(&b);
}

static void draw(int member, int64_t retrain, int64_t n_rows, drawn *out)
{
    draw_as(make_cfg(), member, retrain, n_rows, out);
}

static void test_split(void)
{
    static drawn first, again, other, later;
    static bool is_held_out[MAX_ROWS], is_drawn[MAX_ROWS];
    enum { ROWS = 1000 };
    draw(0, 3, ROWS, &first);
    draw(0, 3, ROWS, &again);
    draw(1, 3, ROWS, &other);
    draw(0, 4, ROWS, &later);
    CU_ASSERT_EQUAL(first.n_holdout, 200);
    CU_ASSERT_EQUAL(first.n_bootstrap, 800);
    CU_ASSERT_EQUAL(memcmp(&first, &again, sizeof first), 0);
    CU_ASSERT_EQUAL(memcmp(first.holdout, other.holdout, sizeof first.holdout), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(first.bootstrap, other.bootstrap, sizeof first.bootstrap), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(first.holdout, later.holdout, sizeof first.holdout), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(first.bootstrap, later.bootstrap, sizeof first.bootstrap), 0);

    const drawn *members[] = {&first, &other};
    for (int m = 0; m < 2; m++) {
        int n_distinct = 0;
        memset(is_held_out, 0, sizeof is_held_out);
        memset(is_drawn, 0, sizeof is_drawn);
        for (int64_t i = 0; i < 200; i++) {
            CU_ASSERT_FATAL(members[m]->holdout[i] < ROWS);
            CU_ASSERT_FALSE(is_held_out[members[m]->holdout[i]]);
            is_held_out[members[m]->holdout[i]] = true;
        }
        for (int64_t i = 0; i < 800; i++) {
            CU_ASSERT_FATAL(members[m]->bootstrap[i] < ROWS);
            CU_ASSERT_FALSE(is_held_out[members[m]->bootstrap[i]]);
            n_distinct += !is_drawn[members[m]->bootstrap[i]];
            is_drawn[members[m]->bootstrap[i]] = true;
        }
        /* 800 (1 - 1/e) = 506 distinct rows, standard deviation 9 */
        CU_ASSERT(n_distinct > 456 && n_distinct < 556);
    }

    /* the smallest buffer: one row held out, one trained on */
    draw(0, 0, 2, &first);
    CU_ASSERT_EQUAL(first.n_holdout, 1);
    CU_ASSERT_EQUAL(first.n_bootstrap, 1);
    CU_ASSERT_EQUAL(first.holdout[0] + first.bootstrap[0], 1);
}

static void test_watch(void)
{
    rv_model_cfg cfg = make_cfg();
    cfg.members = 2;
    cfg.patience = 2;
    cfg.improvement = 0.1;
    rv_fit_watch watch;
    rv_fit_watch_init(&cfg, &watch);
    const struct {
        double loss[2];
        int64_t without;
        bool is_over;
    } epochs[] = {
        {{10, 5}, 0, false},     /* the first epoch counts */
        {{9.1, 4.6}, 1, false},  /* both fall, but by less than a tenth */
        {{8.9, 6}, 0, false},    /* one member is enough; 10 is its best so far, not 9.1 */
        {{8.5, 4.4}, 0, false},  /* 5 is still the other's best */
        {{8.1, 4}, 1, false},    /* a fall of a tenth or less (8.9 -> 8.1, 4.4 -> 4) is too small */
        {{9, 9}, 2, false},      /* patience allows two */
        {{8.02, 3.97}, 3, true}, /* not three */
    };
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        CU_ASSERT_EQUAL(rv_fit_watch_epoch(&watch, epochs[i].loss), epochs[i].is_over);
        CU_ASSERT_EQUAL(watch.epochs_without, epochs[i].without);
    }
    CU_ASSERT_EQUAL(watch.best[0], 8.9);
    CU_ASSERT_EQUAL(watch.best[1], 4.4);

    /* a loss of zero cannot be improved on */
    rv_fit_watch_init(&cfg, &watch);
    CU_ASSERT_FALSE(rv_fit_watch_epoch(&watch, (const double[]){0, 0}));
    CU_ASSERT_FALSE(rv_fit_watch_epoch(&watch, (const double[]){0, 0}));
    CU_ASSERT_EQUAL(watch.epochs_without, 1);
}

/* Few rows of pure noise: the member learns them by heart and gets worse on the held-out part. */
static void check_kept(double improvement, bool want_first)
{
    enum { EPOCHS = 60 };
    rv_model_cfg cfg = make_cfg();
    cfg.weight_decay = (rv_f64_list){3, {0, 0, 0}};
    cfg.learning_rate = 1e-2;
    cfg.improvement = improvement;
    bench b = make_bench(cfg, 0, 150, 1, 0.3);
    float *now = floats(b.shape.n_published);
    float *kept = floats(b.shape.n_published);
    double best = INFINITY;
    double least = INFINITY;
    double train = 0;
    double loss = 0;
    int64_t kept_epoch = -1;
    RV_TEST_OK(rv_member_fit_begin(b.member, 0, b.n_rows, b.rows));
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        RV_TEST_OK(rv_member_fit_epoch(b.member, epoch, &train, &loss));
        rv_member_publish(b.member, now);
        if (epoch == 0 || (best - loss) / best > improvement) {
            best = loss;
            kept_epoch = epoch;
            memcpy(kept, now, (size_t)b.shape.n_published * sizeof *kept);
        }
        least = fmin(least, loss);
    }
    CU_ASSERT(loss > 1.1 * least);
    CU_ASSERT(want_first ? kept_epoch == 0 && best > least : kept_epoch > 0 && kept_epoch < EPOCHS - 1);
    CU_ASSERT_NOT_EQUAL(memcmp(now, kept, (size_t)b.shape.n_trained * sizeof *kept), 0);
    double end = 0;
    RV_TEST_OK(rv_member_fit_end(b.member, &end));
    CU_ASSERT_EQUAL(end, best);
    rv_member_publish(b.member, now);
    CU_ASSERT_EQUAL(memcmp(now, kept, (size_t)b.shape.n_trained * sizeof *kept), 0);
    free_at(&now);
    free_at(&kept);
    clear_bench(&b);
}

/* Many falls, each too small to count: they count once they add up, against the kept loss, not the last one. */
static void check_slow(void)
{
    enum { EPOCHS = 10 };
    rv_model_cfg cfg = make_cfg();
    cfg.improvement = 0.2;
    bench b = make_bench(cfg, 0, 500, 0.1, 1);
    double train = 0;
    double loss[EPOCHS];
    double best = INFINITY;
    double end = 0;
    int64_t n_summed = 0;
    RV_TEST_OK(rv_member_fit_begin(b.member, 0, b.n_rows, b.rows));
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        RV_TEST_OK(rv_member_fit_epoch(b.member, epoch, &train, &loss[epoch]));
        if (epoch > 0 && (loss[epoch - 1] - loss[epoch]) / loss[epoch - 1] > cfg.improvement)
            CU_FAIL("a fall that counts alone");
        if (epoch == 0 || (best - loss[epoch]) / best > cfg.improvement) {
            best = loss[epoch];
            n_summed += epoch > 0;
        }
    }
    CU_ASSERT(n_summed > 0);
    RV_TEST_OK(rv_member_fit_end(b.member, &end));
    CU_ASSERT_EQUAL(end, best);
    clear_bench(&b);
}

static void test_kept(void)
{
    check_kept(0.01, false);
    check_kept(0.9, true);
    check_slow();
}

static void test_elites(void)
{
    int elites[3] = {-1, -1, -1};
    rv_elites(5, 3, (const double[]){3, 1, 2, 1, 1}, elites);
    CU_ASSERT(elites[0] == 1 && elites[1] == 3 && elites[2] == 4);
    rv_elites(5, 2, (const double[]){2, 2, 2, 1, 2}, elites);
    CU_ASSERT(elites[0] == 3 && elites[1] == 0);
    rv_elites(1, 1, (const double[]){5}, elites);
    CU_ASSERT_EQUAL(elites[0], 0);
}

static void test_retrain(void)
{
    bench b = make_bench(make_cfg(), 0, 500, 0.1, 1);
    const size_t bytes = (size_t)b.shape.n_trained * sizeof(float);
    float *before = floats(b.shape.n_published);
    float *after = floats(b.shape.n_published);
    fit(&b, 0, 20);
    /* 400 rows of bootstrap in batches of 32: 12 full ones and one of 16 */
    CU_ASSERT_EQUAL(rv_member_updates(b.member), 20 * 13);
    rv_member_publish(b.member, before);
    fit(&b, 1, 0);
    rv_member_publish(b.member, after);
    CU_ASSERT_EQUAL(memcmp(before, after, bytes), 0);
    CU_ASSERT_NOT_EQUAL(before[b.shape.loss], after[b.shape.loss]);

    double fresh = 0;
    double went_on = 0;
    double loss = 0;
    RV_TEST_OK(rv_member_fit_begin(b.member, 2, b.n_rows, b.rows));
    RV_TEST_OK(rv_member_fit_epoch(b.member, 0, &went_on, &loss));
    RV_TEST_OK(rv_member_fit_end(b.member, &loss));
    CU_ASSERT_EQUAL(rv_member_updates(b.member), 21 * 13);
    bench c = make_bench(make_cfg(), 0, 500, 0.1, 1);
    RV_TEST_OK(rv_member_fit_begin(c.member, 2, c.n_rows, c.rows));
    RV_TEST_OK(rv_member_fit_epoch(c.member, 0, &fresh, &loss));
    RV_TEST_OK(rv_member_fit_end(c.member, &loss));
    CU_ASSERT(went_on < fresh - 1);
    free_at(&before);
    free_at(&after);
    clear_bench(&b);
    clear_bench(&c);
}

static void test_repeat(void)
{
    bench b[3];
    float *published[3];
    for (int i = 0; i < 3; i++) {
        b[i] = make_bench(make_cfg(), i == 2, 700, 0.1, 1);
        published[i] = floats(b[i].shape.n_published);
        int64_t calls = rv_mem_calls();
        for (int64_t retrain = 0; retrain < 3; retrain++)
            fit(&b[i], retrain, 4);
        CU_ASSERT_EQUAL(rv_mem_calls(), calls);
        rv_member_publish(b[i].member, published[i]);
    }
    const size_t bytes = (size_t)b[0].shape.n_published * sizeof(float);
    CU_ASSERT_EQUAL(memcmp(published[0], published[1], bytes), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(published[0], published[2], bytes), 0);
    for (int i = 0; i < 3; i++) {
        free_at(&published[i]);
        clear_bench(&b[i]);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* A unit's arrays, in the order they were shown. */
typedef struct shelf {
    bool is_loading;
    size_t at;
    unsigned char bytes[1 << 16];
} shelf;

static rv_status shelve(void *user, const char *name, rv_dtype type, int64_t n, void *data)
{
    shelf *s = user;
    size_t size = (size_t)n * rv_dtype_size(type);
    RV_CHECK(s->at + size <= sizeof s->bytes, RV_E_DATA, "%s: does not fit", name);
    if (s->is_loading)
        memcpy(data, s->bytes + s->at, size);
    else
        memcpy(s->bytes + s->at, data, size);
    s->at += size;
    return RV_OK;
}

/* every member has all rows that are not held out, once each, in an order of its own */
static void test_without_bootstrap(void)
{
    static drawn first, other;
    static bool is_used[MAX_ROWS];
    enum { ROWS = 1000 };
    rv_model_cfg cfg = make_cfg();
    cfg.bootstrap = false;
    draw_as(cfg, 0, 3, ROWS, &first);
    draw_as(cfg, 1, 3, ROWS, &other);
    CU_ASSERT_EQUAL(memcmp(&first, &other, sizeof first), 0);
    CU_ASSERT(first.n_holdout == 200 && first.n_bootstrap == 800);
    memset(is_used, 0, sizeof is_used);
    for (int64_t i = 0; i < ROWS; i++) {
        const uint32_t row = i < 200 ? first.holdout[i] : first.bootstrap[i - 200];
        CU_ASSERT_FATAL(row < ROWS && !is_used[row]);
        is_used[row] = true;
    }

    /* two that begin with the same weights */
    bench members[2];
    float *published[2];
    static shelf saved;
    saved = (shelf){0};
    for (int m = 0; m < 2; m++) {
        members[m] = make_bench(cfg, m, ROWS, 1, 1);
        published[m] = floats(members[m].shape.n_published);
        RV_TEST_OK(rv_member_visit(members[m].member, shelve, &saved));
        saved.is_loading = true;
        saved.at = 0;
    }
    for (int m = 0; m < 2; m++) {
        fit(&members[m], 0, 1);
        rv_member_publish(members[m].member, published[m]);
    }
    CU_ASSERT_NOT_EQUAL(memcmp(published[0], published[1], (size_t)members[0].shape.n_trained * sizeof(float)), 0);
    for (int m = 0; m < 2; m++) {
        free_at(&published[m]);
        clear_bench(&members[m]);
    }
}

static void test_visit(void)
{
    static shelf saved;
    for (int c = 0; c < N_COMBINATIONS; c += N_COMBINATIONS - 1) {
        saved = (shelf){0};
        bench a = make_bench(make_combination(c), 1, 400, 0.1, 1);
        bench b = make_bench(make_combination(c), 1, 400, 0.1, 1);
        const size_t bytes = (size_t)a.shape.n_published * sizeof(float);
        float *of_a = floats(a.shape.n_published);
        float *of_b = floats(b.shape.n_published);
        fit(&a, 0, 3);
        RV_TEST_OK(rv_member_visit(a.member, shelve, &saved));
        saved.is_loading = true;
        saved.at = 0;
        RV_TEST_OK(rv_member_visit(b.member, shelve, &saved));
        rv_member_publish(a.member, of_a);
        rv_member_publish(b.member, of_b);
        CU_ASSERT_EQUAL(memcmp(of_a, of_b, bytes), 0);
        CU_ASSERT_EQUAL(fit(&a, 1, 3), fit(&b, 1, 3));
        rv_member_publish(a.member, of_a);
        rv_member_publish(b.member, of_b);
        CU_ASSERT_EQUAL(memcmp(of_a, of_b, bytes), 0);
        CU_ASSERT_EQUAL(rv_member_updates(a.member), rv_member_updates(b.member));

        RV_TEST_OK(rv_member_fit_begin(a.member, 2, a.n_rows, a.rows));
        RV_TEST_FAILS(rv_member_visit(a.member, shelve, &saved), RV_E_INTERNAL, "inside fit 2");
        free_at(&of_a);
        free_at(&of_b);
        clear_bench(&a);
        clear_bench(&b);
    }
}

static void test_errors(void)
{
    bench b = make_bench(make_cfg(), 2, 100, 1, 1);
    const int width = b.shape.row.width;
    double train = 0;
    double loss = 0;
    RV_TEST_FAILS(rv_member_fit_epoch(b.member, 0, &train, &loss), RV_E_INTERNAL, "member 2: an epoch outside a fit");
    RV_TEST_FAILS(rv_member_fit_end(b.member, &loss), RV_E_INTERNAL, "did not begin");
    RV_TEST_FAILS(rv_member_fit_begin(b.member, 0, 1, b.rows), RV_E_INTERNAL, "a fit on 1 rows");
    RV_TEST_FAILS(rv_member_fit_begin(b.member, 0, MAX_ROWS + 1, b.rows), RV_E_INTERNAL, "expected 2 to 2000");
    const float bad[] = {NAN, INFINITY};
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < width; j++) {
            float good = b.rows[99 * width + j];
            char text[32];
            (void)snprintf(text, sizeof text, "at column %d", j);
            b.rows[99 * width + j] = bad[i];
            RV_TEST_FAILS(rv_member_fit_begin(b.member, 0, 100, b.rows), RV_E_NONFINITE, "row 99 of the real buffer");
            CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, text));
            b.rows[99 * width + j] = good;
        }
    /* a refused fit is not under way, and changed nothing */
    CU_ASSERT(isfinite(fit(&b, 0, 1)));
    RV_TEST_OK(rv_member_fit_begin(b.member, 1, b.n_rows, b.rows));
    RV_TEST_FAILS(rv_member_fit_begin(b.member, 2, b.n_rows, b.rows), RV_E_INTERNAL, "before fit 1 has ended");
    clear_bench(&b);
}

RV_TEST_EACH_SET("member", {"statistics", test_statistics}, {"split", test_split},
                 {"without bootstrap", test_without_bootstrap}, {"watch", test_watch}, {"kept", test_kept},
                 {"elites", test_elites}, {"retrain", test_retrain}, {"repeat", test_repeat}, {"visit", test_visit},
                 {"errors", test_errors})
