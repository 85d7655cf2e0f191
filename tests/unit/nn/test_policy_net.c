/* The tanh-Gaussian policy: its density against the change-of-variables formula and against its own integral. */
#include "nn/policy_net.h"
#include "rv_test.h"

/* a net of n_act actions whose output does not depend on the observation: means m, log deviations log_std */
typedef struct fixture {
    rv_mlp net;
    rv_mlp_tape tape;
    float *params, *obs, *eps, *act, *logp;
} fixture;

static void set_up(fixture *f, int n_obs, int n_act, int rows)
{
    *f = (fixture){0};
    RV_TEST_OK(rv_policy_net_init(n_obs, n_act, 2, 16, &f->net));
    RV_TEST_OK(rv_mlp_tape_create(&f->net, rows, &f->tape));
    RV_TEST_OK(RV_NEW(f->params, f->net.n_params));
    RV_TEST_OK(RV_NEW(f->obs, rows * n_obs));
    RV_TEST_OK(RV_NEW(f->eps, rows * n_act));
    RV_TEST_OK(RV_NEW(f->act, rows * n_act));
    RV_TEST_OK(RV_NEW(f->logp, rows));
}

static void tear_down(fixture *f)
{
    rv_mlp_tape_clear(&f->tape);
    rv_mem_free(&f->params);
    rv_mem_free(&f->obs);
    rv_mem_free(&f->eps);
    rv_mem_free(&f->act);
    rv_mem_free(&f->logp);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static float *output_bias(fixture *f)
{
    return f->params + f->net.bias[f->net.n_layers - 1];
}

static void randomise(rv_rng *rng, int64_t n, double scale, float *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(scale * rv_rng_normal(rng));
}

/* log p(a) = log N(atanh a; m, s) - log(1 - a^2), in double, from the action alone */
static void test_change_of_variables(void)
{
    enum { ROWS = 40, OBS = 3, ACT = 5 };
    fixture f;
    set_up(&f, OBS, ACT, ROWS);
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    rv_mlp_init_glorot(&f.net, &rng, f.params);
    for (int j = 0; j < ACT; j++)
        output_bias(&f)[ACT + j] = -1.0F;
    randomise(&rng, ROWS * OBS, 0.5, f.obs);
    randomise(&rng, ROWS * ACT, 1.0, f.eps);
    rv_policy_net_act(&f.net, f.params, ROWS, f.obs, f.eps, &f.tape, f.act, f.logp);
    const float *out = f.tape.h[f.net.n_layers - 1];
    double expected[ROWS];
    double expected_act[ROWS * ACT];
    for (int i = 0; i < ROWS; i++) {
        expected[i] = 0;
        for (int j = 0; j < ACT; j++) {
            double mean = out[i * 2 * ACT + j];
            double std = exp((double)out[i * 2 * ACT + ACT + j]);
            double u = mean + std * (double)f.eps[i * ACT + j];
            double a = tanh(u);
            double z = (atanh(a) - mean) / std;
            expected_act[i * ACT + j] = a;
            expected[i] += -z * z / 2 - log(std * sqrt(2 * M_PI)) - log(1 - a * a);
        }
    }
    RV_TEST_NEAR(ROWS * ACT, f.act, expected_act, 0, 3e-7);
    RV_TEST_NEAR(ROWS, f.logp, expected, 1e-6, 3e-6);
    tear_down(&f);
}

static double integral(double mean, double log_std)
{
    enum { ROWS = 20001 };
    fixture f;
    set_up(&f, 1, 1, ROWS);
    output_bias(&f)[0] = (float)mean;
    output_bias(&f)[1] = (float)log_std;
    for (int i = 0; i < ROWS; i++)
        f.eps[i] = (float)(-7.0 + 14.0 * i / (ROWS - 1));
    rv_policy_net_act(&f.net, f.params, ROWS, f.obs, f.eps, &f.tape, f.act, f.logp);
    double sum = 0;
    for (int i = 1; i < ROWS; i++) {
        double width = (double)f.act[i] - (double)f.act[i - 1];
        sum += width * (exp((double)f.logp[i]) + exp((double)f.logp[i - 1])) / 2;
    }
    tear_down(&f);
    return sum;
}

static void test_density_integrates_to_one(void)
{
    CU_ASSERT_DOUBLE_EQUAL(integral(0.0, 0.0), 1.0, 2e-3);
    CU_ASSERT_DOUBLE_EQUAL(integral(0.7, -1.0), 1.0, 1e-3);
    CU_ASSERT_DOUBLE_EQUAL(integral(-1.5, -0.5), 1.0, 2e-3);
    CU_ASSERT_DOUBLE_EQUAL(integral(0.2, -3.0), 1.0, 1e-3);
}

static void test_mean_action(void)
{
    enum { ROWS = 9, OBS = 4, ACT = 2 };
    fixture f;
    set_up(&f, OBS, ACT, ROWS);
    rv_rng rng = rv_rng_at(2, RV_STREAM_TEST, 0, 0);
    rv_mlp_init_glorot(&f.net, &rng, f.params);
    randomise(&rng, ROWS * OBS, 2.0, f.obs);
    rv_policy_net_act(&f.net, f.params, ROWS, f.obs, NULL, &f.tape, f.act, NULL);
    const float *out = f.tape.h[f.net.n_layers - 1];
    double expected[ROWS * ACT];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ACT; j++)
            expected[i * ACT + j] = tanh((double)out[i * 2 * ACT + j]);
    RV_TEST_NEAR(ROWS * ACT, f.act, expected, 0, 3e-7);
    /* no noise is noise of zero, whatever the deviation; and a density changes no action */
    float with_eps[ROWS * ACT];
    rv_policy_net_act(&f.net, f.params, ROWS, f.obs, f.eps, &f.tape, with_eps, f.logp);
    CU_ASSERT_EQUAL(memcmp(with_eps, f.act, sizeof with_eps), 0);
    tear_down(&f);
}

static void test_extremes_are_finite(void)
{
    enum { ROWS = 36 };
    static const float means[] = {0.0F, 1e-30F, -9.0F, 50.0F, -1e6F, 1e30F};
    static const float log_stds[] = {-1e30F, -20.5F, -20.0F, 2.0F, 3.0F, 1e30F};
    static const float noise[] = {0.0F, -6.0F, 6.0F};
    fixture f;
    set_up(&f, 1, 1, ROWS);
    for (int e = 0; e < 3; e++) {
        for (int i = 0; i < ROWS; i++) {
            output_bias(&f)[0] = means[i % 6];
            output_bias(&f)[1] = log_stds[i / 6];
            float act = 2;
            float logp = NAN;
            rv_policy_net_act(&f.net, f.params, 1, f.obs, &noise[e], &f.tape, &act, &logp);
            CU_ASSERT(act >= -1 && act <= 1);
            CU_ASSERT(isfinite(logp));
            float d_act = 1;
            float d_out[2] = {NAN, NAN};
            rv_policy_net_back(&f.net, 1, &f.tape, &noise[e], &act, &d_act, 0.5F, d_out);
            CU_ASSERT(isfinite(d_out[0]) && isfinite(d_out[1]));
            bool inside = log_stds[i / 6] >= -20 && log_stds[i / 6] <= 2;
            CU_ASSERT(inside || d_out[1] == 0);
        }
    }
    /* the clamp: below -20 and above 2 nothing changes any more */
    float act[2];
    float eps = 1;
    output_bias(&f)[0] = 0.1F;
    output_bias(&f)[1] = 2.0F;
    rv_policy_net_act(&f.net, f.params, 1, f.obs, &eps, &f.tape, &act[0], NULL);
    output_bias(&f)[1] = 2.5F;
    rv_policy_net_act(&f.net, f.params, 1, f.obs, &eps, &f.tape, &act[1], NULL);
    CU_ASSERT_EQUAL(act[0], act[1]);
    /* what is not a number stays visible */
    output_bias(&f)[1] = NAN;
    rv_policy_net_act(&f.net, f.params, 1, f.obs, &eps, &f.tape, &act[0], &act[1]);
    CU_ASSERT(isnan(act[0]) && isnan(act[1]));
    tear_down(&f);
}

/* more elements than are handled at a time, and one row as many */
static void test_rows_do_not_depend_on_each_other(void)
{
    enum { ROWS = 300, OBS = 2, ACT = 7 };
    fixture f;
    set_up(&f, OBS, ACT, ROWS);
    rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 0, 0);
    rv_mlp_init_glorot(&f.net, &rng, f.params);
    randomise(&rng, ROWS * OBS, 1.0, f.obs);
    randomise(&rng, ROWS * ACT, 1.0, f.eps);
    rv_policy_net_act(&f.net, f.params, ROWS, f.obs, f.eps, &f.tape, f.act, f.logp);
    for (int i = 0; i < ROWS; i++) {
        float act[ACT];
        float logp = NAN;
        rv_policy_net_act(&f.net, f.params, 1, f.obs + i * OBS, f.eps + i * ACT, &f.tape, act, &logp);
        RV_TEST_NEAR(ACT, act, f.act + i * ACT, 0, 1e-6);
        CU_ASSERT_DOUBLE_EQUAL(logp, f.logp[i], 3e-5);
    }
    tear_down(&f);
}

/* d (w . act + g sum logp) / d output of the net against central differences in the biases of the output */
static void test_back(void)
{
    enum { ROWS = 200, OBS = 2, ACT = 3 };
    fixture f;
    set_up(&f, OBS, ACT, ROWS);
    rv_rng rng = rv_rng_at(4, RV_STREAM_TEST, 0, 0);
    rv_mlp_init_glorot(&f.net, &rng, f.params);
    for (int j = 0; j < ACT; j++)
        output_bias(&f)[ACT + j] = j == 2 ? 4.0F : -0.7F; /* the third deviation is clamped */
    float d_act[ROWS * ACT];
    float d_out[ROWS * 2 * ACT];
    const float d_logp = 0.3F;
    randomise(&rng, ROWS * OBS, 1.0, f.obs);
    randomise(&rng, ROWS * ACT, 1.0, f.eps);
    randomise(&rng, ROWS * ACT, 1.0, d_act);
    rv_policy_net_act(&f.net, f.params, ROWS, f.obs, f.eps, &f.tape, f.act, f.logp);
    rv_policy_net_back(&f.net, ROWS, &f.tape, f.eps, f.act, d_act, d_logp, d_out);
    double bias_grad[2 * ACT] = {0};
    double differences[2 * ACT];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < 2 * ACT; j++)
            bias_grad[j] += (double)d_out[i * 2 * ACT + j];
    for (int j = 0; j < 2 * ACT; j++) {
        const float step = 4e-3F;
        const float old = output_bias(&f)[j];
        double value[2];
        for (int side = 0; side < 2; side++) {
            output_bias(&f)[j] = side ? old + step : old - step;
            rv_policy_net_act(&f.net, f.params, ROWS, f.obs, f.eps, &f.tape, f.act, f.logp);
            value[side] = 0;
            for (int k = 0; k < ROWS * ACT; k++)
                value[side] += (double)d_act[k] * (double)f.act[k];
            for (int i = 0; i < ROWS; i++)
                value[side] += (double)d_logp * (double)f.logp[i];
        }
        differences[j] = (value[1] - value[0]) / (((double)old + (double)step) - ((double)old - (double)step));
        output_bias(&f)[j] = old;
    }
    RV_TEST_NEAR(2 * ACT, bias_grad, differences, 1e-3, 1e-2);
    CU_ASSERT_EQUAL(bias_grad[2 * ACT - 1], 0);
    tear_down(&f);
}

/* against the integral of p log(p / q) of the actions' Gaussians; from 0 at the same policy */
static void test_divergence(void)
{
    enum { ROWS = 5, OBS = 3, ACT = 2 };
    fixture f, g;
    float scratch[ROWS * 2 * ACT];
    set_up(&f, OBS, ACT, ROWS);
    set_up(&g, OBS, ACT, ROWS);
    rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 0, 0);
    rv_mlp_init_glorot(&f.net, &rng, f.params);
    rv_mlp_init_glorot(&f.net, &rng, g.params);
    output_bias(&f)[ACT] = 5; /* clamped to 2 */
    randomise(&rng, ROWS * OBS, 1, f.obs);
    double kl = 0;
    rv_policy_net_act(&f.net, f.params, ROWS, f.obs, NULL, &f.tape, f.act, NULL);
    rv_policy_net_act(&f.net, g.params, ROWS, f.obs, NULL, &g.tape, g.act, NULL);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ACT; j++) {
            const float *p = f.tape.h[f.net.n_layers - 1] + i * 2 * ACT + j;
            const float *q = g.tape.h[f.net.n_layers - 1] + i * 2 * ACT + j;
            double s = exp(fmin((double)p[ACT], 2)), t = exp(fmin((double)q[ACT], 2));
            for (int k = -8000; k < 8000; k++) { /* +- 8 deviations */
                double e = (k + 0.5) / 1000;
                double d = ((double)p[0] + s * e - (double)q[0]) / t;
                kl += exp(-e * e / 2) / sqrt(2 * M_PI) / 1000 * (log(t / s) + (d * d - e * e) / 2) / ROWS;
            }
        }
    double got = rv_policy_net_kl(&f.net, f.params, g.params, ROWS, f.obs, &f.tape, scratch);
    CU_ASSERT(kl > 0.1);
    RV_TEST_NEAR(1, &got, &kl, 1e-5, 0);
    CU_ASSERT_EQUAL(rv_policy_net_kl(&f.net, f.params, f.params, ROWS, f.obs, &f.tape, scratch), 0);
    rv_mlp_tape_clear(&g.tape);
    rv_mem_free(&g.params);
    rv_mem_free(&g.obs);
    rv_mem_free(&g.eps);
    rv_mem_free(&g.act);
    rv_mem_free(&g.logp);
    tear_down(&f);
}

static void test_init_refuses(void)
{
    rv_mlp net;
    RV_TEST_FAILS(rv_policy_net_init(3, 0, 2, 16, &net), RV_E_CONFIG, "action");
}

RV_TEST_EACH_SET("policy_net", {"change of variables", test_change_of_variables},
                 {"density integrates to one", test_density_integrates_to_one}, {"mean action", test_mean_action},
                 {"extremes are finite", test_extremes_are_finite},
                 {"rows do not depend on each other", test_rows_do_not_depend_on_each_other}, {"back", test_back},
                 {"divergence", test_divergence}, {"init refuses", test_init_refuses})
