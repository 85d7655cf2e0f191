#include "base/rng.h"
#include "math/vector.h"
#include "model/member.h"
#include "rv_test.h"

enum { N_OBS = 3, N_ACT = 2, N_IN = N_OBS + N_ACT, N_OUT = 1 + N_OBS, MAX_ROWS = 2000, SEED = 7 };

static rv_model_cfg make_cfg(void)
{
    return (rv_model_cfg){
        .members = 3,
        .elites = 2,
        .hidden_layers = 2,
        .hidden = 16,
        .learning_rate = 1e-3,
        .batch = 32,
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

static void free_at(float **p)
{
    rv_mem_free(p);
}

static float *floats(int64_t n)
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
static void fill_rows(int64_t n_rows, double noise, double slope, const rv_row *r, float *rows)
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

static bench make_bench(rv_model_cfg cfg, int member, int64_t n_rows, double noise, double slope)
{
    bench b = {.cfg = cfg, .n_rows = n_rows};
    RV_TEST_OK(rv_member_shape_init(&cfg, N_OBS, N_ACT, &b.shape));
    RV_TEST_OK(rv_member_create(&cfg, &b.shape, SEED, member, MAX_ROWS, &b.member));
    b.rows = floats(n_rows * b.shape.row.width);
    fill_rows(n_rows, noise, slope, &b.shape.row, b.rows);
    return b;
}

static void clear_bench(bench *b)
{
    rv_member_destroy(&b->member);
    CU_ASSERT_PTR_NULL(b->member);
    free_at(&b->rows);
}

static double fit(bench *b, int64_t retrain, int64_t n_epochs)
{
    double train = 0;
    double holdout = 0;
    RV_TEST_OK(rv_member_fit_begin(b->member, retrain, b->n_rows, b->rows));
    for (int64_t epoch = 0; epoch < n_epochs; epoch++)
        RV_TEST_OK(rv_member_fit_epoch(b->member, epoch, &train, &holdout));
    RV_TEST_OK(rv_member_fit_end(b->member, &holdout));
    return holdout;
}

static void test_shape(void)
{
    rv_model_cfg cfg = make_cfg();
    rv_member_shape s;
    RV_TEST_OK(rv_member_shape_init(&cfg, N_OBS, N_ACT, &s));
    CU_ASSERT_EQUAL(s.n_in, N_IN);
    CU_ASSERT_EQUAL(s.n_out, N_OUT);
    CU_ASSERT_EQUAL(s.mlp.n_params, 5 * 16 + 16 + 16 * 16 + 16 + 16 * 8 + 8);
    CU_ASSERT_EQUAL(s.n_trained, s.mlp.n_params + 2 * N_OUT);
    CU_ASSERT_EQUAL(s.n_published, s.n_trained + 2 * N_IN + 1);

    rv_model_cfg bad = cfg;
    bad.weight_decay.n = 2;
    RV_TEST_FAILS(rv_member_shape_init(&bad, N_OBS, N_ACT, &s), RV_E_CONFIG, "model.weight_decay has 2 entries");
    bad = cfg;
    bad.elites = 4;
    RV_TEST_FAILS(rv_member_shape_init(&bad, N_OBS, N_ACT, &s), RV_E_CONFIG, "model.elites is 4");
    bad = cfg;
    bad.members = 65;
    RV_TEST_FAILS(rv_member_shape_init(&bad, N_OBS, N_ACT, &s), RV_E_CONFIG, "model.members is 65");
    bad = cfg;
    bad.hidden_layers = 8;
    RV_TEST_FAILS(rv_member_shape_init(&bad, N_OBS, N_ACT, &s), RV_E_CONFIG, "model.hidden_layers is 8");
}

/* Central differences in float32: the forward pass is good to about 1e-7, so a step of 1e-2 leaves 1e-5 of noise and
 * about as much truncation. Every parameter is moved alone, then all together along random directions. */
static void check_gradient(int n_obs, int n_act, int64_t hidden, int rows)
{
    const double step = 1e-2;
    rv_model_cfg cfg = make_cfg();
    cfg.hidden = hidden;
    cfg.logvar_weight = 0.1;
    rv_member_shape s;
    rv_mlp_tape tape;
    RV_TEST_OK(rv_member_shape_init(&cfg, n_obs, n_act, &s));
    RV_TEST_OK(rv_mlp_tape_create(&s.mlp, rows, &tape));
    float *params = floats(s.n_trained);
    float *moved = floats(s.n_trained);
    float *x = floats(rows * s.n_in);
    float *y = floats(rows * s.n_out);
    float *d_out = floats(rows * 2 * s.n_out);
    float *grad = floats(s.n_trained);
    float *unused = floats(s.n_trained);
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 1, 0);
    rv_mlp_init_truncated_normal(&s.mlp, &rng, params);
    for (int l = 0; l < s.mlp.n_layers; l++)
        for (int j = 0; j < s.mlp.sizes[l + 1]; j++)
            params[s.mlp.bias[l] + j] = (float)(0.3 * rv_rng_normal(&rng));
    /* bounds near the outputs, so that both of them matter */
    for (int j = 0; j < s.n_out; j++) {
        params[s.hi + j] = (float)(0.5 + 0.2 * rv_rng_normal(&rng));
        params[s.lo + j] = (float)(-0.5 + 0.2 * rv_rng_normal(&rng));
    }
    for (int64_t i = 0; i < (int64_t)rows * s.n_in; i++)
        x[i] = (float)rv_rng_normal(&rng);
    for (int64_t i = 0; i < (int64_t)rows * s.n_out; i++)
        y[i] = (float)rv_rng_normal(&rng);
    for (int64_t i = 0; i < s.n_trained; i++)
        grad[i] = 999;

    rv_member_loss(&cfg, &s, params, rows, x, y, &tape, d_out, grad);
    double norm = 0;
    double largest = 0;
    for (int64_t i = 0; i < s.n_trained; i++) {
        norm += (double)grad[i] * (double)grad[i];
        largest = fmax(largest, fabs((double)grad[i]));
    }
    norm = sqrt(norm);
    double worst = 0;
    memcpy(moved, params, (size_t)s.n_trained * sizeof *moved);
    for (int64_t i = 0; i < s.n_trained; i++) {
        moved[i] = params[i] + (float)step;
        double width = (double)moved[i];
        double f = rv_member_loss(&cfg, &s, moved, rows, x, y, &tape, d_out, unused);
        moved[i] = params[i] - (float)step;
        width -= (double)moved[i];
        f -= rv_member_loss(&cfg, &s, moved, rows, x, y, &tape, d_out, unused);
        moved[i] = params[i];
        worst = fmax(worst, fabs(f / width - (double)grad[i]));
    }
    if (!(worst < 2e-4 * largest))
        printf("\n    one by one: off by %g, largest %g\n", worst, largest);
    CU_ASSERT(worst < 2e-4 * largest);

    for (int k = 0; k < 20; k++) {
        double length = 0;
        double slope = 0;
        double f = 0;
        for (int64_t i = 0; i < s.n_trained; i++) {
            unused[i] = (float)rv_rng_normal(&rng);
            length += (double)unused[i] * (double)unused[i];
        }
        length = sqrt(length);
        float *direction = floats(s.n_trained);
        for (int64_t i = 0; i < s.n_trained; i++) {
            direction[i] = (float)((double)unused[i] / length);
            slope += (double)direction[i] * (double)grad[i];
        }
        for (int sign = 1; sign >= -1; sign -= 2) {
            for (int64_t i = 0; i < s.n_trained; i++)
                moved[i] = params[i] + (float)(sign * step) * direction[i];
            f += sign * rv_member_loss(&cfg, &s, moved, rows, x, y, &tape, d_out, unused);
        }
        free_at(&direction);
        if (!(fabs(f / (2 * step) - slope) < 1e-4 * norm))
            printf("\n    direction %d: %g against %g, norm %g\n", k, f / (2 * step), slope, norm);
        CU_ASSERT(fabs(f / (2 * step) - slope) < 1e-4 * norm);
    }
    float *all[] = {params, moved, x, y, d_out, grad, unused};
    for (int i = 0; i < 7; i++)
        free_at(&all[i]);
    rv_mlp_tape_clear(&tape);
}

static void test_gradient(void)
{
    check_gradient(N_OBS, N_ACT, 16, 64);
    /* more than the loss handles at once: rows, and outputs */
    check_gradient(70, 1, 6, 8);
    check_gradient(520, 1, 2, 2);
}

/* the change has variance 3 to 4 slope^2 = 3 to 4 */
static void test_linear(void)
{
    rv_model_cfg cfg = make_cfg();
    cfg.weight_decay = (rv_f64_list){3, {1e-5, 1e-5, 1e-5}};
    cfg.learning_rate = 3e-3;
    bench b = make_bench(cfg, 0, 2000, 0, 1);
    double first = fit(&b, 0, 1);
    double loss = fit(&b, 1, 60);
    printf("holdout loss %.3g after 1 epoch, %.3g after 61 ... ", first, loss);
    CU_ASSERT(loss < 0.01);

    /* predictions are [reward, change] in their own units, from raw inputs, and as good as the published loss says */
    const rv_row *r = &b.shape.row;
    int64_t n_holdout = 0;
    int64_t n_bootstrap = 0;
    const uint32_t *holdout = NULL;
    const uint32_t *bootstrap = NULL;
    rv_member_rows(b.member, &n_holdout, &holdout, &n_bootstrap, &bootstrap);
    float *published = floats(b.shape.n_published);
    rv_member_publish(b.member, published);
    CU_ASSERT_EQUAL(published[b.shape.loss], (float)loss);
    rv_mlp_tape tape;
    RV_TEST_OK(rv_mlp_tape_create(&b.shape.mlp, (int)n_holdout, &tape));
    float *x = floats(n_holdout * N_IN);
    float *scratch = floats(n_holdout * N_IN);
    float *mean = floats(n_holdout * N_OUT);
    float *logvar = floats(n_holdout * N_OUT);
    for (int64_t i = 0; i < n_holdout; i++)
        memcpy(x + i * N_IN, b.rows + (int64_t)holdout[i] * r->width, N_IN * sizeof *x);
    rv_member_predict(&b.shape, published, (int)n_holdout, x, &tape, scratch, mean, logvar);
    double sum = 0;
    for (int64_t i = 0; i < n_holdout; i++) {
        const float *row = b.rows + (int64_t)holdout[i] * r->width;
        for (int j = 0; j < N_OUT; j++) {
            float truth = j == 0 ? row[r->reward] : row[r->next_obs + j - 1] - row[j - 1];
            double error = (double)mean[i * N_OUT + j] - (double)truth;
            sum += error * error;
        }
    }
    sum /= (double)n_holdout * N_OUT;
    RV_TEST_NEAR(1, &sum, &loss, 1e-4, 0);
    float *all[] = {published, x, scratch, mean, logvar};
    for (int i = 0; i < 5; i++)
        free_at(&all[i]);
    rv_mlp_tape_clear(&tape);
    clear_bench(&b);
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* rv_member_predict against its equations in double; raw (rows, n_in) */
static void check_predict(const rv_member_shape *s, float *published, int rows, const float *raw)
{
    rv_mlp_tape tape;
    RV_TEST_OK(rv_mlp_tape_create(&s->mlp, rows, &tape));
    float *x = floats(rows * s->n_in), *scratch = floats(rows * s->n_in);
    float *mean = floats(rows * s->n_out), *logvar = floats(rows * s->n_out);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < s->n_in; j++)
            x[i * s->n_in + j] = (raw[i * s->n_in + j] - published[s->mean + j]) / published[s->std + j];
    /* bounds that bite: with the first ones softplus is almost linear */
    for (int j = 0; j < s->n_out; j++) {
        published[s->hi + j] = (float)(0.2 * (j % 7));
        published[s->lo + j] = (float)(-1 + 0.2 * (j % 5));
    }
    rv_member_predict(s, published, rows, raw, &tape, scratch, mean, logvar);
    const float *out = rv_mlp_forward(&s->mlp, published, rows, x, &tape);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < s->n_out; j++) {
            double hi = published[s->hi + j], lo = published[s->lo + j];
            double want = lo + softplus(hi - softplus(hi - (double)out[2 * i * s->n_out + s->n_out + j]) - lo);
            RV_TEST_NEAR(1, &logvar[i * s->n_out + j], &want, 1e-6, 1e-6);
            CU_ASSERT_EQUAL(mean[i * s->n_out + j], out[2 * i * s->n_out + j]);
        }
    for (int i = 0; i < 4; i++)
        free_at((float **[]){&x, &scratch, &mean, &logvar}[i]);
    rv_mlp_tape_clear(&tape);
}

static void test_predict(void)
{
    enum { ROWS = 5 };
    bench b = make_bench(make_cfg(), 0, 100, 1, 1);
    const rv_member_shape *s = &b.shape;
    fit(&b, 0, 3);
    float *published = floats(s->n_published);
    rv_member_publish(b.member, published);
    float raw[ROWS * N_IN];
    for (int i = 0; i < ROWS; i++)
        memcpy(raw + i * N_IN, b.rows + i * s->row.width, N_IN * sizeof *raw);
    check_predict(s, published, ROWS, raw);
    free_at(&published);
    clear_bench(&b);
}

static void test_predict_many(void)
{
    static const int cases[][2] = {{17, 100}, {600, 3}}; /* n_obs, rows: more rows, more outputs than a tile has */
    const rv_model_cfg cfg = make_cfg();
    for (int k = 0; k < 2; k++) {
        rv_member_shape s;
        RV_TEST_OK(rv_member_shape_init(&cfg, cases[k][0], 1, &s));
        float *published = floats(s.n_published), *raw = floats(cases[k][1] * s.n_in);
        rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 3, 0);
        for (int64_t i = 0; i < s.n_published; i++)
            published[i] = (float)(0.2 * rv_rng_normal(&rng));
        for (int j = 0; j < s.n_in; j++)
            published[s.std + j] = 0.5F + 0.1F * (float)(j % 9);
        for (int i = 0; i < cases[k][1] * s.n_in; i++)
            raw[i] = (float)rv_rng_normal(&rng);
        check_predict(&s, published, cases[k][1], raw);
        free_at(&raw);
        free_at(&published);
    }
}

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

static void draw(int member, int64_t retrain, int64_t n_rows, drawn *out)
{
    bench b = make_bench(make_cfg(), member, n_rows, 1, 1);
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

static void test_visit(void)
{
    static shelf saved;
    saved = (shelf){0};
    bench a = make_bench(make_cfg(), 1, 400, 0.1, 1);
    bench b = make_bench(make_cfg(), 1, 400, 0.1, 1);
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

RV_TEST_EACH_SET("member", {"shape", test_shape}, {"gradient", test_gradient}, {"linear", test_linear},
                 {"predict", test_predict}, {"predict many", test_predict_many}, {"statistics", test_statistics},
                 {"split", test_split}, {"watch", test_watch}, {"kept", test_kept}, {"elites", test_elites},
                 {"retrain", test_retrain}, {"repeat", test_repeat}, {"visit", test_visit}, {"errors", test_errors})
