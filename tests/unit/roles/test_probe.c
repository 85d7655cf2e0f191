/* The signals against a second computation of their definitions, row by row and in double. */
#include "model/holdout.h"
#include "nn/policy_net.h"
#include "roles/probe.h"
#include "rv_test.h"

enum { OBS = 3, ACT = 2, IN = OBS + ACT, OUT = 1 + OBS, MEMBERS = 4, ELITES = 2, ROWS = 2400, FIT = 2000, MOST = 2048 };

static const rv_env_spec spec = {.name = "nothing"};

typedef struct bench {
    rv_config cfg;
    rv_context ctx;
    float *real, *members, *policy, *then;
    rv_probe *probe;
} bench;

/* a network's output in double; swish or relu */
static void forward(const rv_mlp *mlp, const float *params, const double *x, bool swish, double *out)
{
    double h[2][64] = {{0}};
    for (int j = 0; j < mlp->sizes[0]; j++)
        h[0][j] = x[j];
    for (int l = 0; l < mlp->n_layers; l++) {
        const int n = mlp->sizes[l + 1];
        for (int j = 0; j < n; j++) {
            double z = params[mlp->bias[l] + j];
            for (int i = 0; i < mlp->sizes[l]; i++)
                z += h[l % 2][i] * (double)params[mlp->weight[l] + i * n + j];
            bool is_last = l + 1 == mlp->n_layers;
            h[(l + 1) % 2][j] = is_last ? z : swish ? z / (1 + exp(-z)) : fmax(z, 0);
        }
    }
    memcpy(out, h[mlp->n_layers % 2], (size_t)mlp->sizes[mlp->n_layers] * sizeof *out);
}

static double softplus(double x)
{
    return log1p(exp(x));
}

/* what the loss of a member counts output j in */
static double unit_of(const bench *b, int m, int j)
{
    const rv_member_shape *s = &b->ctx.member_shape;
    return s->is_normalised ? (double)b->members[m * s->n_published + s->y_std + j] : 1;
}

/* member m on a row: mean and log variance */
static void predict(const bench *b, int m, const float *row, double mean[OUT], double logvar[OUT])
{
    const rv_member_shape *s = &b->ctx.member_shape;
    const float *p = b->members + m * s->n_published;
    double x[IN], out[2 * OUT];
    for (int j = 0; j < IN; j++)
        x[j] = ((double)row[j] - (double)p[s->mean + j]) / (double)p[s->std + j];
    forward(&s->mlp, p, x, true, out);
    for (int j = 0; j < OUT; j++) {
        double hi = p[s->hi + j], lo = p[s->lo + j];
        const double unit = unit_of(b, m, j);
        mean[j] = unit * out[j] + (s->is_normalised ? (double)p[s->y_mean + j] : 0);
        logvar[j] = lo + softplus(hi - softplus(hi - out[OUT + j]) - lo) + 2 * log(unit);
    }
}

static double target(const bench *b, const float *row, int j)
{
    return j == 0 ? (double)row[b->ctx.row.reward] : (double)row[b->ctx.row.next_obs + j - 1] - (double)row[j - 1];
}

static void randomise(rv_rng *rng, int64_t n, double scale, float *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(scale * rv_rng_normal(rng));
}

/* members near one another; real rows near what member 0 says, but the last output, which is always 0 */
static void fill(bench *b, rv_rng *rng)
{
    const rv_member_shape *s = &b->ctx.member_shape;
    for (int m = 0; m < MEMBERS; m++) {
        float *p = b->members + m * s->n_published;
        for (int64_t i = 0; i < s->n_published; i++)
            p[i] = (float)((m > 0 ? (double)b->members[i] : 0.3 * rv_rng_normal(rng)) + 0.03 * m * rv_rng_normal(rng));
        for (int j = 0; j < OUT; j++) {
            p[s->hi + j] = -1;
            p[s->lo + j] = -6;
        }
        for (int j = 0; j < IN; j++) {
            p[s->mean + j] = 0.1F * (float)j;
            p[s->std + j] = 1 + 0.1F * (float)j;
        }
        for (int64_t j = s->y_std; j < s->n_published; j++)
            p[j] = 0.5F + 0.5F * (float)(j % OUT);
        p[s->loss] = 1 + (float)m;
    }
    for (int i = 0; i < ROWS; i++) {
        float *row = b->real + i * b->ctx.row.width;
        double mean[OUT], logvar[OUT];
        randomise(rng, IN, 1 + (i >= FIT), row);
        predict(b, 0, row, mean, logvar);
        row[b->ctx.row.reward] = (float)(mean[0] + 0.02 * rv_rng_normal(rng));
        for (int j = 0; j < OBS; j++)
            row[b->ctx.row.next_obs + j] =
                j == OBS - 1 ? row[j] : row[j] + (float)(mean[1 + j] + 0.02 * rv_rng_normal(rng));
    }
}

static void set_up_as(bench *b, bool normalise_targets)
{
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    memset(b, 0, sizeof *b);
    RV_TEST_OK(rv_config_defaults(&b->cfg));
    b->cfg.model.members = MEMBERS;
    b->cfg.model.elites = ELITES;
    b->cfg.model.hidden = 8;
    b->cfg.model.normalise_targets = normalise_targets;
    b->cfg.model.hidden_layers = 2;
    b->cfg.model.weight_decay.n = 3;
    b->cfg.schedule.total_steps = ROWS;
    b->ctx = (rv_context){.cfg = &b->cfg, .spec = &spec, .row = rv_row_of(OBS, ACT)};
    b->ctx.schedule = (rv_schedule){&b->cfg.schedule, &b->cfg.rollout, &b->cfg.policy, 0};
    RV_TEST_OK(rv_member_shape_init(&b->cfg.model, OBS, ACT, &b->ctx.member_shape));
    RV_TEST_OK(rv_policy_net_init(OBS, ACT, 2, 8, &b->ctx.actor_net));
    RV_TEST_OK(RV_NEW(b->real, ROWS * b->ctx.row.width));
    RV_TEST_OK(RV_NEW(b->members, MEMBERS * b->ctx.member_shape.n_published));
    RV_TEST_OK(RV_NEW(b->policy, b->ctx.actor_net.n_params));
    RV_TEST_OK(RV_NEW(b->then, b->ctx.actor_net.n_params));
    fill(b, &rng);
    randomise(&rng, b->ctx.actor_net.n_params, 0.3, b->policy);
    randomise(&rng, b->ctx.actor_net.n_params, 0.3, b->then);
    b->ctx.board = (rv_board){.real = b->real, .members = b->members, .policy = b->policy, .elites = {2, 0}};
    RV_TEST_OK(rv_probe_create(&b->ctx, &b->probe));
}

static void set_up(bench *b)
{
    set_up_as(b, false);
}

static void tear_down(bench *b)
{
    rv_probe_destroy(&b->probe);
    rv_mem_free(&b->real);
    rv_mem_free(&b->members);
    rv_mem_free(&b->policy);
    rv_mem_free(&b->then);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* loss of the elites, disagreement and quality on these rows */
static void expect(const bench *b, int n, const uint32_t *rows, double *loss, double *disagreement, double *quality)
{
    static double y[MOST][OUT], error[MOST][OUT];
    *loss = *disagreement = *quality = 0;
    for (int i = 0; i < n; i++) {
        const float *row = b->real + rows[i] * (unsigned)b->ctx.row.width;
        double mean[MEMBERS][OUT], logvar[MEMBERS][OUT];
        double most = 0;
        for (int m = 0; m < MEMBERS; m++)
            predict(b, m, row, mean[m], logvar[m]);
        for (int j = 0; j < OUT; j++) {
            double middle = 0, square = 0, variance = 0;
            y[i][j] = target(b, row, j);
            for (int m = 0; m < MEMBERS; m++) {
                middle += mean[m][j] / MEMBERS;
                square += mean[m][j] * mean[m][j] / MEMBERS;
                variance += exp(logvar[m][j]) / MEMBERS;
            }
            most = fmax(most, sqrt((square - middle * middle) / variance));
            error[i][j] = (mean[2][j] + mean[0][j]) / ELITES - y[i][j];
            for (int m = 0; m <= 2; m += 2)
                *loss += pow((mean[m][j] - y[i][j]) / unit_of(b, m, j), 2) / ELITES / n / OUT;
        }
        *disagreement += most / n;
    }
    for (int j = 0; j < OUT - 1; j++) { /* the last does not vary */
        double mean = 0, variance = 0, square = 0;
        for (int i = 0; i < n; i++)
            mean += y[i][j] / n;
        for (int i = 0; i < n; i++) {
            variance += (y[i][j] - mean) * (y[i][j] - mean) / n;
            square += error[i][j] * error[i][j] / n;
        }
        *quality += fmax(0, 1 - square / variance) / (OUT - 1);
    }
}

#define NEAR(a, b) CU_ASSERT(fabs((a) - (b)) <= 1e-4 * fabs(b))

static void check_fresh_rows(bool normalise_targets)
{
    bench b;
    set_up_as(&b, normalise_targets);
    static const int since[] = {0, 1, 200, 256, 400};
    for (int k = 0; k < 5; k++) {
        const rv_tick tick = {.imagine_retrain = 3, .imagine_rows = FIT, .n_real = FIT + since[k], .probe = true};
        uint32_t rows[RV_PROBE_FRESH];
        double loss = 0, disagreement = 0, quality = 0;
        rv_signals s;
        RV_TEST_OK(rv_probe_run(b.probe, &b.ctx, &tick, b.then, &s));
        const int n = since[k] < RV_PROBE_FRESH ? since[k] : RV_PROBE_FRESH;
        CU_ASSERT(s.retrain == 3 && s.is_first == 0 && s.n_fresh == n && s.quality == 0 && s.fit_disagreement == 0);
        CU_ASSERT_EQUAL(s.fit_loss, 2); /* of members 2 and 0 */
        for (int i = 0; i < n; i++)
            rows[i] = (uint32_t)(FIT + since[k] - n + i);
        if (n > 0)
            expect(&b, n, rows, &loss, &disagreement, &quality);
        NEAR(s.fresh_loss, loss);
        NEAR(s.fresh_disagreement, disagreement);
    }
    tear_down(&b);
}

static void fresh_rows(void)
{
    check_fresh_rows(false);
    check_fresh_rows(true); /* the loss is in the units of the held-out loss */
}

static void held_out_rows(void)
{
    bench b;
    static uint32_t split[FIT];
    set_up(&b);
    static const double ratios[] = {0.2, 0.7};
    for (int k = 0; k < 2; k++) {
        const rv_tick tick = {
            .imagine = true, .imagine_retrain = 3, .imagine_rows = FIT, .n_real = FIT + 50, .probe = true};
        double loss = 0, disagreement = 0, quality = 0;
        rv_signals s;
        b.cfg.model.holdout_ratio = ratios[k];
        RV_TEST_OK(rv_probe_run(b.probe, &b.ctx, &tick, b.then, &s));
        rv_holdout_split(&b.cfg.model, (uint64_t)b.cfg.root.seed, 3, FIT, split);
        expect(&b, (int)rv_holdout_rows(&b.cfg.model, FIT), split, &loss, &disagreement, &quality);
        CU_ASSERT(s.is_first == 1 && s.n_fresh == 50 && quality > 0.1 && quality < 1);
        CU_ASSERT(s.length == 0 && s.gain == 0); /* no card is wanted */
        NEAR(s.fit_disagreement, disagreement);
        NEAR(s.quality, quality);
    }
    tear_down(&b);
}

/* the states are the fit's, the same until the next one */
static void the_policy_moved(void)
{
    bench b;
    set_up(&b);
    double kl = 0;
    for (int i = 0; i < RV_PROBE_STATES; i++) {
        const float *row = b.real + (int64_t)i * FIT / RV_PROBE_STATES * b.ctx.row.width;
        double obs[OBS], now[2 * ACT], then[2 * ACT];
        for (int j = 0; j < OBS; j++)
            obs[j] = row[j];
        forward(&b.ctx.actor_net, b.policy, obs, false, now);
        forward(&b.ctx.actor_net, b.then, obs, false, then);
        for (int j = 0; j < ACT; j++) {
            double log_then = fmin(then[ACT + j], 2); /* clamped */
            double ratio = exp(fmin(now[ACT + j], 2) - log_then);
            double off = (now[j] - then[j]) / exp(log_then);
            kl += (ratio * ratio + off * off - 1 - 2 * log(ratio)) / 2 / RV_PROBE_STATES;
        }
    }
    for (int since = 0; since < 300; since += 100) {
        const rv_tick tick = {.imagine_rows = FIT, .n_real = FIT + since, .probe = true};
        rv_signals s;
        RV_TEST_OK(rv_probe_run(b.probe, &b.ctx, &tick, b.then, &s));
        NEAR(s.policy_kl, kl);
        RV_TEST_OK(rv_probe_run(b.probe, &b.ctx, &tick, b.policy, &s));
        CU_ASSERT_EQUAL(s.policy_kl, 0);
    }
    tear_down(&b);
}

RV_TEST_EACH_SET("probe", {"fresh rows", fresh_rows}, {"held-out rows", held_out_rows},
                 {"the policy moved", the_policy_moved})
