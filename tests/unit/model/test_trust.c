#include "math/vector.h"
#include "model/holdout.h"
#include "model/trust.h"
#include "rv_test.h"

enum { MEMBERS = 4, OBS = 3, ACT = 2, IN = OBS + ACT, OUT = 1 + OBS, ROWS = 6000, SEED = 9 };

/* the least whole number k with k (max - full) >= length (max - d), found by counting */
static int steps_allowed(const rv_gate *g, int length, double d)
{
    int k = 0;
    if (d <= g->full)
        return length;
    while (k * (g->max - g->full) < length * (g->max - d))
        k++;
    return d >= g->max ? 0 : k;
}

static void gate_gives_parts(void)
{
    const rv_gate gates[] = {{1, 3}, {0.25, 0.5}, {0, 2}, {2, 2.0001}};
    const int lengths[] = {1, 2, 7, 20, 64};
    for (size_t g = 0; g < sizeof gates / sizeof *gates; g++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
            for (int i = 0; i <= 97; i++) { /* no quotient that is near a whole number but exactly one */
                const double d = gates[g].full + (gates[g].max - gates[g].full) * (i - 10) / 77.3;
                const int most = steps_allowed(&gates[g], lengths[l], d);
                for (int depth = 0; depth < lengths[l]; depth++)
                    CU_ASSERT_EQUAL(rv_gate_passes(&gates[g], lengths[l], depth, d), depth < most);
            }
    /* exactly at the thresholds, in the middle, and next to them */
    const rv_gate g = {1, 3};
    CU_ASSERT(rv_gate_passes(&g, 10, 9, 1) && rv_gate_passes(&g, 10, 9, nextafter(1, 2)));
    CU_ASSERT(!rv_gate_passes(&g, 10, 0, 3) && rv_gate_passes(&g, 10, 0, nextafter(3, 2)));
    CU_ASSERT(!rv_gate_passes(&g, 10, 1, nextafter(3, 2)));
    CU_ASSERT(rv_gate_passes(&g, 10, 4, 2) && !rv_gate_passes(&g, 10, 5, 2));
    CU_ASSERT(!rv_gate_passes(&g, 10, 0, INFINITY));
    /* where held-out rows had no finite disagreement, only what is not finite stops */
    const rv_gate open = {1, INFINITY};
    CU_ASSERT(rv_gate_passes(&open, 10, 9, 1e300) && !rv_gate_passes(&open, 10, 0, INFINITY));
}

/* s_j^2 of the definition, in two passes */
static double spread2(int64_t stride, const float *means, int j)
{
    double middle = 0, sum = 0;
    for (int m = 0; m < MEMBERS; m++)
        middle += (double)means[m * stride + j] / MEMBERS;
    for (int m = 0; m < MEMBERS; m++)
        sum += pow((double)means[m * stride + j] - middle, 2) / MEMBERS;
    return sum;
}

static void opinions_are_as_defined(void)
{
    enum { STRIDE = 3 * OUT };
    const double per_output[OUT] = {0.5, 0, 2, 7};
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 0, 0);
    for (int i = 0; i < 200; i++) {
        float means[MEMBERS * STRIDE];
        double variance[OUT], d = 0, epistemic = 0, aleatoric = 0;
        for (int k = 0; k < MEMBERS * STRIDE; k++)
            means[k] = (float)rv_rng_normal(&rng);
        for (int j = 0; j < OUT; j++) {
            variance[j] = MEMBERS * exp(rv_rng_normal(&rng));
            d = fmax(d, sqrt(spread2(STRIDE, means + OUT, j) / (variance[j] / MEMBERS)));
            epistemic += per_output[j] * spread2(STRIDE, means + OUT, j);
            aleatoric += per_output[j] * variance[j] / MEMBERS;
        }
        for (int side = 0; side < 2; side++) {
            const double limit = d * (side ? 1.001 : 0.999);
            const rv_opinion o = rv_trust_ask(MEMBERS, OUT, STRIDE, means + OUT, variance, per_output, limit * limit);
            CU_ASSERT(o.is_finite);
            CU_ASSERT_EQUAL(o.exceeds, side == 0);
            CU_ASSERT_DOUBLE_EQUAL(o.d, d, 1e-12 * d);
            CU_ASSERT_DOUBLE_EQUAL(o.epistemic, epistemic, 1e-12 * epistemic);
            CU_ASSERT_DOUBLE_EQUAL(o.aleatoric, aleatoric, 1e-12 * aleatoric);
        }
        const float bad[] = {NAN, INFINITY, -INFINITY};
        means[OUT + STRIDE + i % OUT] = bad[i % 3];
        CU_ASSERT_FALSE(rv_trust_ask(MEMBERS, OUT, STRIDE, means + OUT, variance, per_output, 1).is_finite);
        means[OUT + STRIDE + i % OUT] = 0;
        variance[i % OUT] = (double)bad[i % 3];
        CU_ASSERT_FALSE(rv_trust_ask(MEMBERS, OUT, STRIDE, means + OUT, variance, per_output, 1).is_finite);
    }
}

/* an ensemble and real rows, of which the second output never changes */
typedef struct bench {
    rv_model_cfg cfg;
    rv_member_shape shape;
    float *members, *real;
    rv_trust *trust;
    rv_standard standard;
} bench;

static void set_up(bench *b, rv_gate gate, int unit)
{
    *b = (bench){.cfg = {.members = MEMBERS,
                         .elites = 1,
                         .hidden_layers = 1,
                         .hidden = 8,
                         .batch = 1,
                         .weight_decay = {.n = 2},
                         .holdout_ratio = 0.2,
                         .holdout_max = 5000,
                         .holdout_segment = 1}};
    RV_TEST_OK(rv_member_shape_init(&b->cfg, OBS, ACT, &b->shape));
    const rv_member_shape *s = &b->shape;
    RV_TEST_OK(RV_NEW(b->members, MEMBERS * s->n_published));
    RV_TEST_OK(RV_NEW(b->real, ROWS * s->row.width));
    RV_TEST_OK(rv_trust_create(&b->cfg, s, &gate, unit, ROWS, &b->trust));
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 1, 0);
    for (int64_t i = 0; i < MEMBERS * s->n_published; i++)
        b->members[i] = (float)(0.4 * rv_rng_normal(&rng));
    for (int m = 0; m < MEMBERS; m++) {
        float *p = b->members + m * s->n_published;
        for (int j = 0; j < OUT; j++) {
            p[s->hi + j] = 2;
            p[s->lo + j] = -6;
        }
        for (int i = 0; i < IN; i++)
            p[s->std + i] = 1;
    }
    for (int64_t i = 0; i < ROWS; i++) {
        float *row = b->real + i * s->row.width;
        for (int j = 0; j < s->row.width; j++)
            row[j] = (float)((1 + j) * rv_rng_normal(&rng) + 3 * j);
        row[0] = 4 + (float)(i % 5);
        row[s->row.next_obs] = row[0] + 0.5F;
    }
}

static void tear_down(bench *b)
{
    rv_trust_destroy(&b->trust);
    rv_mem_free(&b->members);
    rv_mem_free(&b->real);
}

/* d of one real row, alone */
static double disagreement(const bench *b, int64_t i)
{
    const rv_member_shape *s = &b->shape;
    float mean[MEMBERS * OUT], logvar[OUT], scratch[IN];
    double variance[OUT] = {0}, worst = 0;
    rv_mlp_tape tape;
    RV_TEST_OK(rv_mlp_tape_create_forward(&s->mlp, 1, &tape));
    for (int m = 0; m < MEMBERS; m++) {
        rv_member_predict(s, b->members + m * s->n_published, 1, b->real + i * s->row.width, &tape, scratch,
                          mean + m * OUT, logvar);
        for (int j = 0; j < OUT; j++)
            variance[j] += exp((double)logvar[j]) / MEMBERS;
    }
    for (int j = 0; j < OUT; j++)
        worst = fmax(worst, sqrt(spread2(OUT, mean, j) / variance[j]));
    rv_mlp_tape_clear(&tape);
    return worst;
}

/* a quantile is a number such that this part of the held-out rows has no more than it, and with any less has not */
static void check_quantile(const bench *b, int64_t retrain, int64_t n_rows, double part, double found)
{
    static uint32_t split[ROWS];
    int64_t n = rv_holdout_rows(&b->cfg, n_rows);
    int64_t n_up_to = 0, n_below = 0;
    n = n < RV_TRUST_ROWS ? n : RV_TRUST_ROWS;
    rv_holdout_split(&b->cfg, SEED, retrain, n_rows, split);
    for (int64_t i = 0; i < n; i++) {
        const double d = disagreement(b, split[i]);
        n_up_to += d <= found * (1 + 1e-5);
        n_below += d < found * (1 - 1e-5);
    }
    CU_ASSERT((double)n_up_to >= part * (double)n);
    CU_ASSERT((double)n_below < part * (double)n);
}

static void thresholds_are_quantiles(void)
{
    const rv_gate parts[] = {{0.5, 0.95}, {0.001, 1}, {0.3, 0.3}};
    const int64_t n_rows[] = {2, 7, 300, ROWS};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (size_t k = 0; k < sizeof n_rows / sizeof *n_rows; k++) {
            bench b;
            set_up(&b, parts[p], RV_DISAGREEMENT_QUANTILE);
            for (int64_t retrain = 3; retrain < 5; retrain++) {
                rv_trust_fit(b.trust, SEED, retrain, n_rows[k], b.real, b.members, &b.standard);
                CU_ASSERT(b.standard.gate.full <= b.standard.gate.max);
                check_quantile(&b, retrain, n_rows[k], parts[p].full, b.standard.gate.full);
                check_quantile(&b, retrain, n_rows[k], parts[p].max, b.standard.gate.max);
            }
            tear_down(&b);
        }
}

/* what the work space did before does not matter; what was set in deviations stays; nothing is taken */
static void standards_are_of_the_fit(void)
{
    const rv_gate parts = {0.25, 0.75};
    bench a, b;
    set_up(&a, parts, RV_DISAGREEMENT_QUANTILE);
    set_up(&b, parts, RV_DISAGREEMENT_QUANTILE);
    rv_trust_fit(a.trust, SEED, 6, 900, a.real, a.members, &a.standard);
    const rv_gate first = a.standard.gate;
    const int64_t calls = rv_mem_calls();
    rv_trust_fit(b.trust, SEED, 2, ROWS, b.real, b.members, &b.standard);
    CU_ASSERT(memcmp(&b.standard.gate, &first, sizeof first) != 0);
    rv_trust_fit(b.trust, SEED, 6, 900, b.real, b.members, &b.standard);
    CU_ASSERT(memcmp(&b.standard.gate, &first, sizeof first) == 0);
    CU_ASSERT(memcmp(a.standard.per_output, b.standard.per_output, OUT * sizeof(double)) == 0);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    tear_down(&b);
    /* members of which one is of no use: the rows have no finite disagreement */
    a.members[a.shape.mlp.bias[1]] = NAN;
    rv_trust_fit(a.trust, SEED, 6, 900, a.real, a.members, &a.standard);
    CU_ASSERT(isinf(a.standard.gate.full) && isinf(a.standard.gate.max));
    tear_down(&a);
    set_up(&a, parts, RV_DISAGREEMENT_DEVIATIONS);
    rv_trust_fit(a.trust, SEED, 6, 900, a.real, a.members, &a.standard);
    CU_ASSERT(memcmp(&a.standard.gate, &parts, sizeof parts) == 0);
    tear_down(&a);
}

static void scales_are_deviations_of_real_rows(void)
{
    const int64_t n_rows[] = {2, 700, 1024, ROWS};
    bench b;
    set_up(&b, (rv_gate){1, 1}, RV_DISAGREEMENT_DEVIATIONS);
    const rv_row *r = &b.shape.row;
    for (size_t k = 0; k < sizeof n_rows / sizeof *n_rows; k++) {
        const int64_t n = n_rows[k] < 1024 ? n_rows[k] : 1024;
        rv_trust_fit(b.trust, SEED, 0, n_rows[k], b.real, b.members, &b.standard);
        for (int j = 0; j < OUT; j++) {
            double mean = 0, variance = 0;
            for (int pass = 0; pass < 2; pass++)
                for (int64_t i = 0; i < n; i++) {
                    const float *row = b.real + i * n_rows[k] / n * r->width;
                    const double y =
                        j == 0 ? (double)row[r->reward] : (double)row[r->next_obs + j - 1] - (double)row[j - 1];
                    if (pass == 0)
                        mean += y / (double)n;
                    else
                        variance += (y - mean) * (y - mean) / (double)n;
                }
            const double want = j == 1 ? 0 : 1 / (variance * (OUT - 1)); /* one does not vary */
            CU_ASSERT_DOUBLE_EQUAL(b.standard.per_output[j], want, 1e-9 * want);
        }
    }
    tear_down(&b);
}

RV_TEST_EACH_SET("trust", {"gate gives parts", gate_gives_parts}, {"opinions are as defined", opinions_are_as_defined},
                 {"thresholds are quantiles", thresholds_are_quantiles},
                 {"standards are of the fit", standards_are_of_the_fit},
                 {"scales are deviations of real rows", scales_are_deviations_of_real_rows})
