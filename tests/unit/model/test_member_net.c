#include "member_test.h"

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

    for (int c = 0; c < N_COMBINATIONS; c++) {
        const rv_model_cfg some = make_combination(c);
        const int n_raw = (c & 1 ? N_OUT : 2 * N_OUT) + (c & 2 ? 1 : 0);
        RV_TEST_OK(rv_member_shape_init(&some, N_OBS, N_ACT, &s));
        CU_ASSERT_EQUAL(s.n_out, N_OUT);
        CU_ASSERT_EQUAL(s.n_raw, n_raw);
        CU_ASSERT_EQUAL(s.mlp.n_params, 5 * 16 + 16 + 16 * 16 + 16 + 16 * n_raw + n_raw);
        CU_ASSERT_EQUAL(s.n_trained, s.mlp.n_params + (c & 1 ? 0 : 2 * N_OUT));
        CU_ASSERT_EQUAL(s.n_published, s.n_trained + 2 * N_IN + 1 + (c & 1 ? N_OUT : 0) + (c & 4 ? 2 * N_OUT : 0));
    }

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
static void check_gradient(rv_model_cfg cfg, int n_obs, int n_act, int64_t hidden, int rows)
{
    const double step = 1e-2;
    cfg.hidden = hidden;
    cfg.logvar_weight = 0.1;
    rv_member_shape s;
    rv_mlp_tape tape;
    RV_TEST_OK(rv_member_shape_init(&cfg, n_obs, n_act, &s));
    RV_TEST_OK(rv_mlp_tape_create(&s.mlp, rows, &tape));
    float *params = floats(s.n_trained);
    float *moved = floats(s.n_trained);
    float *x = floats(rows * s.n_in);
    float *y = floats(rows * s.n_y);
    float *d_out = floats(rows * s.n_raw);
    float *grad = floats(s.n_trained);
    float *unused = floats(s.n_trained);
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 1, 0);
    rv_mlp_init_truncated_normal(&s.mlp, &rng, params);
    for (int l = 0; l < s.mlp.n_layers; l++)
        for (int j = 0; j < s.mlp.sizes[l + 1]; j++)
            params[s.mlp.bias[l] + j] = (float)(0.3 * rv_rng_normal(&rng));
    /* bounds near the outputs, so that both of them matter */
    for (int j = 0; j < s.n_out && !s.is_deterministic; j++) {
        params[s.hi + j] = (float)(0.5 + 0.2 * rv_rng_normal(&rng));
        params[s.lo + j] = (float)(-0.5 + 0.2 * rv_rng_normal(&rng));
    }
    for (int64_t i = 0; i < (int64_t)rows * s.n_in; i++)
        x[i] = (float)rv_rng_normal(&rng);
    for (int64_t i = 0; i < (int64_t)rows * s.n_y; i++)
        y[i] = (float)rv_rng_normal(&rng);
    for (int64_t i = 0; i < rows && s.ends; i++)
        y[i * s.n_y + s.n_out] = rv_rng_uniform(&rng) < 0.3;
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
    for (int c = 0; c < N_COMBINATIONS; c++)
        check_gradient(make_combination(c), N_OBS, N_ACT, 16, 64);
    /* more than the loss handles at once: rows, and outputs */
    for (int c = 0; c < 4; c++) {
        check_gradient(make_combination(c), 70, 1, 6, 8);
        check_gradient(make_combination(c), 520, 1, 2, 2);
    }
    check_gradient(make_combination(2), 1, 1, 4, 700);
    check_gradient(make_combination(3), 1, 1, 4, 700);
}

/* a logit of any size, and a label on the wrong side of it, gives a finite loss */
static void test_cross_entropy(void)
{
    enum { ROWS = 6 };
    static const double logits[ROWS] = {0, 3, -3, 200, -200, -200}, labels[ROWS] = {0, 1, 1, 0, 0, 1};
    rv_model_cfg cfg = make_combination(3);
    cfg.weight_decay = (rv_f64_list){3, {0, 0, 0}};
    rv_member_shape s;
    rv_mlp_tape tape;
    RV_TEST_OK(rv_member_shape_init(&cfg, N_OBS, N_ACT, &s));
    RV_TEST_OK(rv_mlp_tape_create(&s.mlp, 1, &tape));
    float *params = floats(s.n_trained), *grad = floats(s.n_trained);
    const int64_t bias = s.mlp.bias[s.mlp.n_layers - 1] + s.n_raw - 1;
    for (int i = 0; i < ROWS; i++) {
        const float x[N_IN] = {0};
        float y[N_OUT + 1] = {0}, d_out[N_OUT + 1];
        y[N_OUT] = (float)labels[i];
        params[bias] = (float)logits[i];
        double loss = rv_member_loss(&cfg, &s, params, 1, x, y, &tape, d_out, grad);
        double chance = 1 / (1 + exp(-logits[i]));
        double want = fmax(logits[i], 0) + log1p(exp(-fabs(logits[i]))) - labels[i] * logits[i];
        double slope = chance - labels[i];
        RV_TEST_NEAR(1, &loss, &want, 1e-6, 1e-12);
        RV_TEST_NEAR(1, &grad[bias], &slope, 1e-5, 1e-12);
    }
    free_at(&params);
    free_at(&grad);
    rv_mlp_tape_clear(&tape);
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

/* output j of a row as rv_member_predict is to give it, from what the network gave (n_raw) and the raw input */
static void predict64(const rv_member_shape *s, const float *published, const float *out, const float *raw, int j,
                      double *mean, double *logvar)
{
    *mean = out[j];
    if (s->is_deterministic)
        *logvar = published[s->logvar + j];
    else {
        double hi = published[s->hi + j], lo = published[s->lo + j];
        *logvar = lo + softplus(hi - softplus(hi - (double)out[s->n_out + j]) - lo);
    }
    if (s->is_normalised) {
        *mean = (double)published[s->y_mean + j] + (double)published[s->y_std + j] * *mean;
        *logvar += 2 * log((double)published[s->y_std + j]);
    }
    if (s->predicts_state && j > 0)
        *mean -= (double)raw[j - 1];
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
    for (int j = 0; j < s->n_out && !s->is_deterministic; j++) {
        published[s->hi + j] = (float)(0.2 * (j % 7));
        published[s->lo + j] = (float)(-1 + 0.2 * (j % 5));
    }
    rv_member_predict(s, published, rows, raw, &tape, scratch, mean, logvar);
    float *ends = floats(rows);
    if (s->ends)
        rv_member_ends(s, rows, &tape, ends);
    const float *out = rv_mlp_forward(&s->mlp, published, rows, x, &tape);
    for (int i = 0; i < rows; i++) {
        const float *o = out + i * s->n_raw;
        for (int j = 0; j < s->n_out; j++) {
            double want_mean, want_logvar;
            predict64(s, published, o, raw + i * s->n_in, j, &want_mean, &want_logvar);
            RV_TEST_NEAR(1, &logvar[i * s->n_out + j], &want_logvar, 1e-6, 1e-6);
            RV_TEST_NEAR(1, &mean[i * s->n_out + j], &want_mean, 1e-6, 1e-6);
            if (!s->is_normalised && !s->predicts_state)
                CU_ASSERT_EQUAL(mean[i * s->n_out + j], o[j]);
        }
        CU_ASSERT(!s->ends || ends[i] == o[s->n_raw - 1]);
    }
    for (int i = 0; i < 5; i++)
        free_at((float **[]){&x, &scratch, &mean, &logvar, &ends}[i]);
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
    for (int k = 0; k < 2 * N_COMBINATIONS; k++) {
        const rv_model_cfg cfg = make_combination(k / 2);
        const int *size = cases[k % 2];
        rv_member_shape s;
        RV_TEST_OK(rv_member_shape_init(&cfg, size[0], 1, &s));
        float *published = floats(s.n_published), *raw = floats(size[1] * s.n_in);
        rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 3, 0);
        for (int64_t i = 0; i < s.n_published; i++)
            published[i] = (float)(0.2 * rv_rng_normal(&rng));
        for (int j = 0; j < s.n_in; j++)
            published[s.std + j] = 0.5F + 0.1F * (float)(j % 9);
        for (int64_t j = s.y_std; j < s.n_published; j++)
            published[j] = 0.1F + (float)(j % 9);
        for (int i = 0; i < size[1] * s.n_in; i++)
            raw[i] = (float)rv_rng_normal(&rng);
        check_predict(&s, published, size[1], raw);
        free_at(&raw);
        free_at(&published);
    }
}

/* what is to be learned of a row, in its own units */
static double target64(const rv_member_shape *s, const float *row, int j)
{
    const rv_row *r = &s->row;
    if (j == 0)
        return row[r->reward];
    return (double)row[r->next_obs + j - 1] - (s->predicts_state ? 0 : (double)row[j - 1]);
}

/* of all rows, those held out included */
static void test_target_statistics(void)
{
    for (int c = 0; c < N_COMBINATIONS; c++) {
        if (!make_combination(c).normalise_targets)
            continue;
        bench b = make_bench(make_combination(c), 0, 500, 1, 1);
        const rv_member_shape *s = &b.shape;
        for (int64_t i = 0; i < b.n_rows; i++)
            b.rows[i * s->row.width + s->row.reward] = 0.1F;
        float *published = floats(s->n_published);
        rv_member_publish(b.member, published);
        for (int j = 0; j < N_OUT; j++)
            CU_ASSERT(published[s->y_mean + j] == 0 && published[s->y_std + j] == 1);
        fit(&b, 0, 0);
        rv_member_publish(b.member, published);
        for (int j = 0; j < N_OUT; j++) {
            double mean = 0;
            double square = 0;
            for (int64_t i = 0; i < b.n_rows; i++)
                mean += target64(s, b.rows + i * s->row.width, j) / (double)b.n_rows;
            for (int64_t i = 0; i < b.n_rows; i++)
                square += pow(target64(s, b.rows + i * s->row.width, j) - mean, 2) / (double)b.n_rows;
            double std = j == 0 ? 1 : sqrt(square);
            RV_TEST_NEAR(1, &published[s->y_mean + j], &mean, 1e-5, 1e-5);
            RV_TEST_NEAR(1, &published[s->y_std + j], &std, 1e-5, 0);
        }
        free_at(&published);
        clear_bench(&b);
    }
}

/* what a member predicts for rows that it was judged by */
typedef struct judged {
    double square[N_OUT]; /* mean squared error of each output, in the rows' units */
    double right;         /* part of the rows whose end is predicted; 0 where it is not */
    float *published;
    float logvar[N_OUT]; /* of the last row */
} judged;

static judged judge(const bench *b)
{
    const rv_member_shape *s = &b->shape;
    judged out = {.published = floats(s->n_published)};
    int64_t n_holdout = 0, n_bootstrap = 0;
    const uint32_t *holdout = NULL, *bootstrap = NULL;
    rv_mlp_tape tape;
    rv_member_rows(b->member, &n_holdout, &holdout, &n_bootstrap, &bootstrap);
    rv_member_publish(b->member, out.published);
    RV_TEST_OK(rv_mlp_tape_create_forward(&s->mlp, 1, &tape));
    for (int64_t i = 0; i < n_holdout; i++) {
        float scratch[N_IN], mean[N_OUT], logit = 0;
        const float *row = b->rows + (int64_t)holdout[i] * s->row.width;
        rv_member_predict(s, out.published, 1, row, &tape, scratch, mean, out.logvar);
        for (int j = 0; j < N_OUT; j++) {
            const double obs = j > 0 && s->predicts_state ? (double)row[j - 1] : 0;
            out.square[j] += pow((double)mean[j] + obs - target64(s, row, j), 2) / (double)n_holdout;
        }
        if (s->ends)
            rv_member_ends(s, 1, &tape, &logit);
        out.right += s->ends && (logit > 0) == (row[s->row.terminated] > 0) ? 1 / (double)n_holdout : 0;
    }
    rv_mlp_tape_clear(&tape);
    return out;
}

/* In any combination: the held-out error is that of the predictions, in units of the targets; a deterministic member's
 * log variance is that of each output; and a member learns a linear system, and where it ends. */
static void test_held_out(void)
{
    for (int c = 0; c < N_COMBINATIONS; c++) {
        rv_model_cfg cfg = make_combination(c);
        cfg.weight_decay = (rv_f64_list){3, {1e-5, 1e-5, 1e-5}};
        cfg.learning_rate = 3e-3;
        bench b = make_bench(cfg, 0, 2000, 0.1, 1);
        const rv_member_shape *s = &b.shape;
        for (int64_t i = 0; i < b.n_rows; i++) {
            float *row = b.rows + i * s->row.width;
            row[s->row.terminated] = row[0] > 51;
        }
        const double loss = fit(&b, 0, 40);
        judged j = judge(&b);
        double want = 0;
        for (int k = 0; k < N_OUT; k++) {
            const double unit = s->is_normalised ? (double)j.published[s->y_std + k] : 1;
            want += j.square[k] / (unit * unit) / N_OUT;
            if (s->is_deterministic) {
                const double logvar = log(j.square[k]);
                RV_TEST_NEAR(1, &j.logvar[k], &logvar, 0, 1e-3);
            }
        }
        RV_TEST_NEAR(1, &loss, &want, 1e-3, 0);
        CU_ASSERT_EQUAL(j.published[s->loss], (float)loss);
        /* states lie up to 150 from 0: without normalisation the next one is not learned in so few updates */
        const bool is_learned = s->is_normalised || !s->predicts_state;
        for (int k = 1; k < N_OUT && is_learned; k++)
            CU_ASSERT(j.square[k] < 0.5); /* of 3 to 5 */
        CU_ASSERT(!s->ends || !is_learned || j.right > 0.95);
        if (s->ends) {
            const double wrong = 1 - j.right;
            const double told = rv_member_termination_error(b.member);
            RV_TEST_NEAR(1, &told, &wrong, 0, 1e-9);
        }
        free_at(&j.published);
        clear_bench(&b);
    }
}

/* part of the variance of the change of each number of the observation that is left after a fit */
static void leave_unexplained(rv_model_cfg cfg, double left[N_OBS])
{
    static const double sizes[N_OBS] = {1e-4, 1, 1e3};
    bench b = make_bench(cfg, 0, 2000, 0.1, 1);
    const rv_row *r = &b.shape.row;
    for (int64_t i = 0; i < b.n_rows; i++)
        for (int j = 0; j < N_OBS; j++) {
            float *row = b.rows + i * r->width;
            const float change = row[r->next_obs + j] - row[j];
            row[j] *= (float)sizes[j];
            row[r->next_obs + j] = row[j] + change * (float)sizes[j];
        }
    fit(&b, 0, 40);
    judged got = judge(&b);
    for (int j = 0; j < N_OBS; j++)
        left[j] = got.square[1 + j] / (3 * sizes[j] * sizes[j]);
    free_at(&got.published);
    clear_bench(&b);
}

/* A system with a tiny and a huge number: with targets as they are the tiny one is not learned at all. */
static void test_scales(void)
{
    for (int kind = 0; kind < 2; kind++) {
        double plain[N_OBS], repaired[N_OBS];
        rv_model_cfg cfg = make_combination(kind);
        cfg.weight_decay = (rv_f64_list){3, {1e-5, 1e-5, 1e-5}};
        cfg.learning_rate = 3e-3;
        leave_unexplained(cfg, plain);
        cfg.normalise_targets = true;
        leave_unexplained(cfg, repaired);
        printf("left of tiny, middle, huge: %.2g %.2g %.2g, normalised %.2g %.2g %.2g ... ", plain[0], plain[1],
               plain[2], repaired[0], repaired[1], repaired[2]);
        CU_ASSERT(plain[0] > 0.9);
        for (int j = 0; j < N_OBS; j++)
            CU_ASSERT(repaired[j] < 0.1);
    }
}

RV_TEST_EACH_SET("network of a member", {"shape", test_shape}, {"gradient", test_gradient},
                 {"cross entropy", test_cross_entropy}, {"linear", test_linear}, {"predict", test_predict},
                 {"predict many", test_predict_many}, {"target statistics", test_target_statistics},
                 {"held out", test_held_out}, {"scales", test_scales})
