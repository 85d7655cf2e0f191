#include "model/card_rig.h"

/* Random networks and rows, against plain code in double precision that goes window by window. */
enum { STEPS = 6, COUNT = 3, SEGMENT = 15, N_SEGMENTS = 9, HELD = 60 };

static void pays(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next, float *reward)
{
    (void)spec;
    for (int i = 0; i < n; i++)
        reward[i] = obs[2 * i] - act[i] + 0.5F * next[2 * i + 1];
}

static void ends(const rv_env_spec *spec, int n, const float *next, unsigned char *done)
{
    (void)spec;
    for (int i = 0; i < n; i++)
        done[i] = next[2 * i] > 0.9F;
}

static void fill(rv_rng *rng, double scale, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(scale * rv_rng_normal(rng));
}

static void random_rig(rig *r, int choice, bool known_reward)
{
    rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 0, 0);
    set_up_chosen(r, choice, 2, STEPS, COUNT);
    r->setup.known_reward = known_reward;
    r->spec.reward = pays;
    r->spec.terminated = ends;
    for (int m = 0; m < N_MEMBERS; m++) {
        float *p = r->members + m * r->shape.n_published;
        fill(&rng, 0.5, r->shape.n_trained, p);
        for (int j = 0; j < r->shape.n_out; j++) {
            if (!r->shape.is_deterministic) {
                p[r->shape.hi + j] = 0.5F;
                p[r->shape.lo + j] = -4;
            } else
                p[r->shape.logvar + j] = -1 - 0.5F * (float)j;
            if (r->shape.is_normalised) {
                p[r->shape.y_mean + j] = 0.1F - 0.05F * (float)j;
                p[r->shape.y_std + j] = 0.6F + 0.2F * (float)j;
            }
        }
        for (int j = 0; j < r->shape.n_in; j++) {
            p[r->shape.mean + j] = 0.1F * (float)j;
            p[r->shape.std + j] = 0.5F + 0.3F * (float)j;
        }
    }
    fill(&rng, 0.5, r->policy_net.n_params, r->policy);
    fill(&rng, 0.5, 2 * r->critic_net.n_params, r->critics);
    fill(&rng, 0.7, (int64_t)SEGMENT * N_SEGMENTS * r->shape.row.width, r->rows);
    for (int i = 0; i < SEGMENT * N_SEGMENTS; i++) {
        float *row = row_at(r, i);
        row[r->shape.row.act] = tanhf(row[r->shape.row.act]);
        row[r->shape.row.terminated] = rv_rng_below(&rng, 12) == 0;
        if (i >= COUNT && rv_rng_below(&rng, 12) > 0) /* else cut */
            memcpy(row, row_at(r, i - COUNT) + r->shape.row.next_obs, N_OBS * sizeof *row);
    }
    for (uint32_t i = 0; i < HELD; i++)
        r->held[i] = (i / SEGMENT * 5 + 2) % N_SEGMENTS * SEGMENT + i % SEGMENT;
}

static void slow_forward(const rv_mlp *mlp, const float *p, const double *x, double *out)
{
    double h[8] = {0}, z[8] = {0};
    memcpy(h, x, (size_t)mlp->sizes[0] * sizeof *h);
    for (int l = 0; l < mlp->n_layers; l++) {
        for (int j = 0; j < mlp->sizes[l + 1]; j++) {
            z[j] = (double)p[mlp->bias[l] + j];
            for (int i = 0; i < mlp->sizes[l]; i++)
                z[j] += h[i] * (double)p[mlp->weight[l] + i * mlp->sizes[l + 1] + j];
            if (l + 1 < mlp->n_layers)
                z[j] = mlp->activation == RV_SWISH ? z[j] / (1 + exp(-z[j])) : fmax(z[j], 0);
        }
        memcpy(h, z, sizeof h);
    }
    memcpy(out, h, (size_t)mlp->sizes[mlp->n_layers] * sizeof *out);
}

/* out (n_out) means, v (n_out) variances; returns P(terminated) where it is learned */
static double slow_member(const rig *r, int m, const double *obs, double act, double *out, double *v)
{
    const rv_member_shape *s = &r->shape;
    const float *p = r->members + m * s->n_published;
    double x[3] = {obs[0], obs[1], act};
    double y[7];
    for (int i = 0; i < 3; i++)
        x[i] = (x[i] - (double)p[s->mean + i]) / (double)p[s->std + i];
    slow_forward(&s->mlp, p, x, y);
    for (int i = 0; i < 3; i++) {
        const double hi = (double)p[s->hi + i];
        const double lo = (double)p[s->lo + i];
        const double below = hi - log1p(exp(hi - y[3 + i]));
        const double unit = s->is_normalised ? (double)p[s->y_std + i] : 1;
        out[i] = y[i] * unit + (s->is_normalised ? (double)p[s->y_mean + i] : 0);
        out[i] -= s->predicts_state && i > 0 ? obs[i - 1] : 0;
        v[i] = unit * unit * (s->is_deterministic ? exp((double)p[s->logvar + i]) : exp(lo + log1p(exp(below - lo))));
    }
    return s->ends ? 1 / (1 + exp(-y[s->n_raw - 1])) : 0;
}

static double slow_elites(const rig *r, const double *obs, double act, double *out)
{
    double one[3], v[3];
    double end = 0;
    memset(out, 0, 3 * sizeof *out);
    for (int e = 0; e < 2; e++) {
        end += slow_member(r, r->elites[e], obs, act, one, v) / 2;
        for (int i = 0; i < 3; i++)
            out[i] += one[i] / 2;
    }
    return end;
}

static double slow_q(const rig *r, const double *obs, double act)
{
    double q[2];
    for (int i = 0; i < 2; i++)
        slow_forward(&r->critic_net, r->critics + i * r->critic_net.n_params, (const double[]){obs[0], obs[1], act},
                     &q[i]);
    return fmin(q[0], q[1]);
}

static double slow_value(const rig *r, const double *obs)
{
    double out[2];
    slow_forward(&r->policy_net, r->policy, obs, out);
    return slow_q(r, obs, tanh(out[0]));
}

/* steps of the window from held-out position i: looks for the next row in the whole list */
static int slow_length(rig *r, int i)
{
    int n = 1;
    uint32_t row = r->held[i];
    const rv_row *w = &r->shape.row;
    while (n < STEPS && row_at(r, row)[w->terminated] == 0 && row / SEGMENT == (row + COUNT) / SEGMENT &&
           row_at(r, row)[w->next_obs] == row_at(r, row + COUNT)[0] &&
           row_at(r, row)[w->next_obs + 1] == row_at(r, row + COUNT)[1]) {
        n++;
        row += COUNT;
    }
    return n;
}

static double slow_error(const rig *r, const double *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < N_OBS; i++)
        sum += pow((a[i] - (double)b[i]) / (double)r->members[r->shape.std + i], 2);
    return sum / N_OBS;
}

/* what a window adds: squares of errors and costs at each k */
typedef struct slow {
    double n[STEPS + 1], error[STEPS + 1], members[N_MEMBERS][STEPS + 1], model[STEPS + 1], critic[STEPS + 1];
} slow;

static void slow_window(rig *r, uint32_t first, int n, slow *out)
{
    const rv_row *w = &r->shape.row;
    const float *row = row_at(r, first);
    double ensemble[2] = {(double)row[0], (double)row[1]}, own[N_MEMBERS][2];
    const double q = slow_q(r, ensemble, (double)row[w->act]);
    double imagined = 0, real = 0, worth = 1;
    bool over = false;
    for (int m = 0; m < N_MEMBERS; m++)
        memcpy(own[m], ensemble, sizeof own[m]);
    for (int k = 1; k <= n; k++) {
        double p[3], v[3];
        row = row_at(r, first + (uint32_t)(k - 1) * COUNT);
        const double act = (double)row[w->act];
        const double seen[2] = {(double)row[w->next_obs], (double)row[w->next_obs + 1]};
        for (int m = 0; m < N_MEMBERS; m++) {
            slow_member(r, m, own[m], act, p, v);
            own[m][0] += p[1];
            own[m][1] += p[2];
            out->members[m][k] += slow_error(r, own[m], row + w->next_obs);
        }
        const double end = slow_elites(r, ensemble, act, p);
        const double next[2] = {ensemble[0] + p[1], ensemble[1] + p[2]};
        const double reward = r->setup.known_reward ? ensemble[0] - act + 0.5 * next[1] : p[0];
        out->n[k]++;
        out->error[k] += slow_error(r, next, row + w->next_obs);
        imagined += over ? 0 : worth * reward;
        real += worth * (double)row[w->reward];
        worth *= discount;
        over = over || (r->shape.ends ? end > 0.5 : next[0] > 0.9);
        const double g = real + (row[w->terminated] != 0 ? 0 : worth * slow_value(r, seen));
        out->model[k] += pow(imagined + (over ? 0 : worth * slow_value(r, next)) - g, 2);
        out->critic[k] += pow(q - g, 2);
        memcpy(ensemble, next, sizeof ensemble);
    }
}

/* the largest singular value of a 2 x 2 Jacobian by central differences, in closed form */
static double slow_gain(rig *r, const float *row)
{
    const double h = 1e-5;
    double j[2][2];
    for (int k = 0; k < 2; k++) {
        double a[3], b[3];
        const double std = (double)r->members[r->shape.std + k];
        const double at[2] = {(double)row[0], (double)row[1]};
        slow_elites(r, (const double[]){at[0] + (k == 0) * h, at[1] + (k == 1) * h}, (double)row[2], a);
        slow_elites(r, (const double[]){at[0] - (k == 0) * h, at[1] - (k == 1) * h}, (double)row[2], b);
        for (int i = 0; i < 2; i++)
            j[i][k] = ((i == k) + (a[1 + i] - b[1 + i]) / (2 * h)) * std / (double)r->members[r->shape.std + i];
    }
    const double s = j[0][0] * j[0][0] + j[0][1] * j[0][1] + j[1][0] * j[1][0] + j[1][1] * j[1][1];
    const double det = j[0][0] * j[1][1] - j[0][1] * j[1][0];
    return sqrt((s + sqrt(s * s - 4 * det * det)) / 2);
}

static void check_open_loop(rig *r)
{
    slow s;
    memset(&s, 0, sizeof s);
    int n_long[STEPS + 1] = {0};
    double gain = 0;
    for (int i = 0; i < HELD; i++) {
        const int n = slow_length(r, i);
        n_long[n]++;
        slow_window(r, r->held[i], n, &s);
        gain += slow_gain(r, row_at(r, r->held[i])) / HELD;
    }
    CU_ASSERT(n_long[1] > 3 && n_long[4] + n_long[5] > 3);
    for (int k = 1; k <= r->report.n; k++) {
        CU_ASSERT_EQUAL(r->report.windows[k], s.n[k]);
        CU_ASSERT_DOUBLE_EQUAL(r->report.error[k], sqrt(s.error[k] / s.n[k]), 1e-4);
        CU_ASSERT_DOUBLE_EQUAL(r->report.model_cost[k], sqrt(s.model[k] / s.n[k]), 1e-4);
        CU_ASSERT_DOUBLE_EQUAL(r->report.critic_cost[k], sqrt(s.critic[k] / s.n[k]), 1e-4);
        for (int m = 0; m < N_MEMBERS; m++)
            CU_ASSERT_DOUBLE_EQUAL(r->report.members[m * (STEPS + 1) + k], sqrt(s.members[m][k] / s.n[k]), 1e-4);
    }
    CU_ASSERT_EQUAL(r->report.n, SEGMENT / COUNT);
    CU_ASSERT_DOUBLE_EQUAL(r->report.gain, gain, 1e-5);
}

static void check_one_step(rig *r)
{
    const rv_row *w = &r->shape.row;
    double within[2] = {0}, squared = 0, disagreement = 0, quality = 0;
    double y[HELD][3], mu[HELD][3];
    for (int i = 0; i < HELD; i++) {
        const float *row = row_at(r, r->held[i]);
        double mean[N_MEMBERS][3], v[N_MEMBERS][3], most = 0;
        for (int m = 0; m < N_MEMBERS; m++)
            slow_member(r, m, (const double[]){(double)row[0], (double)row[1]}, (double)row[2], mean[m], v[m]);
        for (int j = 0; j < 3; j++) {
            y[i][j] = (double)(j == 0 ? row[w->reward] : row[w->next_obs + j - 1] - row[j - 1]);
            mu[i][j] = (mean[0][j] + mean[2][j]) / 2;
            const double second = (v[0][j] + v[2][j] + mean[0][j] * mean[0][j] + mean[2][j] * mean[2][j]) / 2;
            const double z = fabs(y[i][j] - mu[i][j]) / sqrt(second - mu[i][j] * mu[i][j]);
            within[0] += z <= 1;
            within[1] += z <= 2;
            squared += z * z;
            const double all = (mean[0][j] + mean[1][j] + mean[2][j]) / 3;
            double spread = 0, variance = 0;
            for (int m = 0; m < N_MEMBERS; m++) {
                spread += pow(mean[m][j] - all, 2);
                variance += v[m][j];
            }
            most = fmax(most, sqrt(spread / variance));
        }
        disagreement += most / HELD;
    }
    for (int j = 0; j < 3; j++) {
        double mean = 0, variance = 0, error = 0;
        for (int i = 0; i < HELD; i++)
            mean += y[i][j] / HELD;
        for (int i = 0; i < HELD; i++) {
            variance += pow(y[i][j] - mean, 2);
            error += pow(y[i][j] - mu[i][j], 2);
        }
        quality += fmax(0, 1 - error / variance) / 3;
    }
    CU_ASSERT_DOUBLE_EQUAL(r->report.within_1, within[0] / (3 * HELD), 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(r->report.within_2, within[1] / (3 * HELD), 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(r->report.z_squared, squared / (3 * HELD), 1e-4);
    CU_ASSERT_DOUBLE_EQUAL(r->report.disagreement, disagreement, 1e-5);
    CU_ASSERT_DOUBLE_EQUAL(r->report.quality, quality, 1e-5);
}

static void slow_code(void)
{
    for (int choice = 0; choice <= ALL_CHOICES; choice++) {
        rig r;
        random_rig(&r, choice, choice % 3 == 1);
        run(&r, SEGMENT * N_SEGMENTS, HELD);
        check_open_loop(&r);
        check_one_step(&r);
        tear_down(&r);
    }
}

/* ---- the rest ---- */

static void all_finite(const rig *r)
{
    const rv_card_report *p = &r->report;
    for (int i = 0; i < (7 + N_MEMBERS) * (p->steps + 1); i++)
        CU_ASSERT(isfinite(r->card->numbers[i]));
    CU_ASSERT(isfinite(p->gain) && isfinite(p->quality) && isfinite(p->disagreement) && isfinite(p->z_squared));
}

static void nothing_infinite(void)
{
    const float bad[] = {NAN, INFINITY, 1e30F};
    for (int b = 0; b < 3; b++)
        for (int part = 0; part < 2; part++) {
            rig r;
            random_rig(&r, 0, false);
            float *p = part == 0 ? r.members : r.critics;
            p[part == 0 ? r.shape.mlp.bias[2] + 1 : r.critic_net.bias[2]] = bad[b];
            run(&r, SEGMENT * N_SEGMENTS, HELD);
            all_finite(&r);
            if (part == 0) {
                CU_ASSERT_EQUAL(r.report.error[2], RV_FORESIGHT_LOST);
                CU_ASSERT_EQUAL(r.report.high[2], RV_FORESIGHT_LOST);
                CU_ASSERT(r.report.low[2] < 100);
                CU_ASSERT_EQUAL(rv_card_horizon(&r.report, 0, STEPS), 0);
            }
            tear_down(&r);
        }
}

static void same_again(void)
{
    rig r;
    double numbers[(7 + N_MEMBERS) * (STEPS + 1)];
    random_rig(&r, 0, false);
    run(&r, SEGMENT * N_SEGMENTS, HELD);
    const rv_card_report first = r.report;
    memcpy(numbers, r.card->numbers, sizeof numbers);
    const int64_t calls = rv_mem_calls();
    r.source.critics = NULL;
    run(&r, SEGMENT * N_SEGMENTS, HELD / 2);
    CU_ASSERT_EQUAL(r.report.critic_cost[1], 0);
    r.source.critics = r.critics;
    run(&r, SEGMENT * N_SEGMENTS, HELD);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    CU_ASSERT_EQUAL(memcmp(numbers, r.card->numbers, sizeof numbers), 0);
    CU_ASSERT(first.gain == r.report.gain && first.quality == r.report.quality);
    tear_down(&r);
}

static void refuses(void)
{
    rig r;
    random_rig(&r, 0, true);
    run(&r, SEGMENT * N_SEGMENTS, HELD);
    r.source.n_held = 0;
    RV_TEST_FAILS(rv_card_run(r.card, &r.source, &r.report), RV_E_INTERNAL, "0 of 135 rows are held out");
    r.source.n_held = HELD;
    r.source.n_rows = MAX_ROWS + 1;
    RV_TEST_FAILS(rv_card_run(r.card, &r.source, &r.report), RV_E_INTERNAL, "of at most 3000");
    r.source.n_rows = 100;
    RV_TEST_FAILS(rv_card_run(r.card, &r.source, &r.report), RV_E_INTERNAL, "is held out of 100 rows");
    r.source.n_rows = SEGMENT * N_SEGMENTS;
    r.elites[1] = 3;
    RV_TEST_FAILS(rv_card_run(r.card, &r.source, &r.report), RV_E_INTERNAL, "elite 1 is member 3, expected 0 to 2");
    r.source.n_elites = 0;
    RV_TEST_FAILS(rv_card_run(r.card, &r.source, &r.report), RV_E_INTERNAL, "0 elites");
    rv_card_destroy(&r.card);
    r.spec = (rv_env_spec){.name = "Nothing-v0"};
    RV_TEST_FAILS(rv_card_create(&r.setup, &r.card), RV_E_CONFIG, "the reward of Nothing-v0");
    tear_down(&r);
}

RV_TEST_EACH_SET("card, random networks", {"slow code", slow_code}, {"nothing infinite", nothing_infinite},
                 {"same again", same_again}, {"refuses", refuses})
