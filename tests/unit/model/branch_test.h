/* branch_test.h - a small ensemble and policy on one task whose blocks are looked at, and their predictions in double.
 */
#pragma once
#include "env/env.h"
#include "math/vector.h"
#include "model/branch.h"
#include "nn/policy_net.h"
#include "rv_test.h"

enum { MEMBERS = 5, MAX_OUT = 18, WIDEST = 64 };

/* a small ensemble and policy on one task, real rows to start from, and room for the rows of a block */
typedef struct bench {
    const rv_env_spec *spec;
    rv_rollout_cfg cfg;
    rv_lesson lesson;
    rv_row row; /* with the lesson's tail */
    rv_member_shape shape;
    rv_mlp policy_net;
    float *members, *policy, *real, *rows;
    int elites[MEMBERS];
    rv_branch *branch;
    rv_branch_source source;
    rv_branch_stats stats;
} bench;

/* what disagreement is measured by does not matter to what is made */
static const double per_output[MAX_OUT] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* options: kind, target, normalise_targets, learned_termination of the members */
static inline void set_up_all(bench *b, const rv_model_cfg *options, const char *env, int length, int64_t n_real,
                              const rv_rollout_cfg *cfg, const rv_lesson *lesson, bool known_reward)
{
    rv_model_cfg model = *options;
    model.members = model.elites = MEMBERS;
    model.hidden_layers = 2;
    model.hidden = 24;
    model.batch = 1;
    model.weight_decay.n = 3;
    const int64_t block = cfg->block;
    *b = (bench){.cfg = *cfg, .lesson = *lesson};
    b->cfg.length_end = length;
    RV_TEST_OK(rv_env_find(env, &b->spec));
    RV_TEST_OK(rv_member_shape_init(&model, b->spec->n_obs, b->spec->n_act, &b->shape));
    RV_TEST_OK(rv_policy_net_init(b->spec->n_obs, b->spec->n_act, 2, 16, &b->policy_net));
    RV_TEST_OK(RV_NEW(b->members, MEMBERS * b->shape.n_published));
    RV_TEST_OK(RV_NEW(b->policy, b->policy_net.n_params));
    RV_TEST_OK(RV_NEW(b->real, n_real * b->shape.row.width));
    b->row = rv_row_for(b->shape.row, lesson);
    RV_TEST_OK(RV_NEW(b->rows, block * length * b->row.whole));
    RV_TEST_OK(
        rv_branch_create(&b->cfg, MEMBERS, &b->shape, &b->policy_net, b->spec, known_reward, &b->lesson, &b->branch));
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    for (int64_t i = 0; i < n_real * b->shape.row.width; i++)
        b->real[i] = (float)(0.1 * rv_rng_uniform(&rng));
    for (int64_t i = 0; i < n_real; i++)
        b->real[i * b->shape.row.width] += 1.2F; /* a hopper of this height is on its foot */
    b->source = (rv_branch_source){.seed = 3,
                                   .retrain = 2,
                                   .length = length,
                                   .n_real = n_real,
                                   .real = b->real,
                                   .n_members = MEMBERS,
                                   .members = b->members,
                                   .n_elites = 1,
                                   .elites = b->elites,
                                   .policy = b->policy,
                                   .standard = {rv_branch_gate(cfg), per_output}};
}

static inline void set_up_as(bench *b, const char *env, int length, int64_t n_real, const rv_rollout_cfg *cfg,
                             const rv_lesson *lesson, bool known_reward)
{
    set_up_all(b, &(rv_model_cfg){0}, env, length, n_real, cfg, lesson, known_reward);
}

static inline void set_up_choice(bench *b, rv_model_cfg options, const char *env, int64_t block, int length,
                                 int64_t n_real, double max_disagreement, bool known_reward)
{
    const rv_rollout_cfg cfg = {.block = block, .branches = block, .max_disagreement = max_disagreement};
    const rv_lesson lesson = {.steps = 1};
    set_up_all(b, &options, env, length, n_real, &cfg, &lesson, known_reward);
}

static inline void set_up(bench *b, const char *env, int64_t block, int length, int64_t n_real, double max_disagreement,
                          bool known_reward)
{
    set_up_choice(b, (rv_model_cfg){0}, env, block, length, n_real, max_disagreement, known_reward);
}

static inline void tear_down(bench *b)
{
    rv_branch_destroy(&b->branch);
    rv_mem_free(&b->members);
    rv_mem_free(&b->policy);
    rv_mem_free(&b->real);
    rv_mem_free(&b->rows);
}

static inline void choose_elites(bench *b, int n, const int *elites)
{
    memcpy(b->elites, elites, (size_t)n * sizeof *elites);
    b->source.n_elites = n;
}

static inline float *member(bench *b, int m)
{
    return b->members + m * b->shape.n_published;
}

/* predicts mean (n_out) and logvar whatever the input; the bounds are so wide that they do not bend it */
static inline void make_constant(bench *b, int m, const float *mean, float logvar)
{
    const rv_member_shape *s = &b->shape;
    float *p = member(b, m);
    memset(p, 0, (size_t)s->n_published * sizeof *p);
    for (int j = 0; j < s->n_out; j++) {
        p[s->mlp.bias[s->mlp.n_layers - 1] + j] = mean[j];
        if (s->is_deterministic) {
            p[s->logvar + j] = logvar;
            continue;
        }
        p[s->mlp.bias[s->mlp.n_layers - 1] + s->n_out + j] = logvar;
        p[s->hi + j] = 20;
        p[s->lo + j] = -60;
    }
    for (int64_t j = s->y_std; j < s->n_published; j++)
        p[j] = 1;
    for (int i = 0; i < s->n_in; i++)
        p[s->std + i] = 1;
}

/* a member of its own: random weights and input statistics, log-variances about logvar */
static inline void make_random(bench *b, int m, double size, float logvar)
{
    static const float zero[MAX_OUT];
    const rv_member_shape *s = &b->shape;
    float *p = member(b, m);
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 1, (uint64_t)m);
    make_constant(b, m, zero, logvar);
    for (int64_t i = 0; i < s->mlp.bias[s->mlp.n_layers - 1]; i++)
        p[i] += (float)(size * rv_rng_normal(&rng));
    for (int i = 0; i < s->n_in; i++) {
        p[s->mean + i] = (float)(0.3 * rv_rng_normal(&rng));
        p[s->std + i] = (float)(0.5 + rv_rng_uniform(&rng));
    }
    for (int64_t j = s->y_mean; j < s->y_std; j++)
        p[j] = (float)(0.1 * rv_rng_normal(&rng));
    for (int64_t j = s->y_std; j < s->n_published; j++)
        p[j] = (float)(0.2 + rv_rng_uniform(&rng));
}

/* a policy that looks at the state, with the same log deviation everywhere */
static inline void make_policy(bench *b, double size, float mean, float log_std)
{
    const rv_mlp *net = &b->policy_net;
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 2, 0);
    int last = net->n_layers - 1;
    int n_act = b->spec->n_act;
    for (int64_t i = 0; i < net->n_params; i++)
        b->policy[i] = (float)(size * rv_rng_normal(&rng));
    for (int j = 0; j < n_act; j++) {
        for (int i = 0; i < net->sizes[last]; i++)
            b->policy[net->weight[last] + (int64_t)i * 2 * n_act + n_act + j] = 0;
        b->policy[net->bias[last] + j] = mean;
        b->policy[net->bias[last] + n_act + j] = log_std;
    }
}

static inline const float *row(const bench *b, int64_t i)
{
    return b->rows + i * b->row.whole;
}

static inline void run(bench *b, int block)
{
    memset(b->rows, 0xff, (size_t)(b->cfg.block * b->source.length * b->row.whole) * sizeof *b->rows);
    RV_TEST_OK(rv_branch_run(b->branch, &b->source, block, b->rows, &b->stats));
    /* rows beyond the last one are left alone */
    if (b->stats.n_rows < b->cfg.block * b->source.length)
        CU_ASSERT(isnan(row(b, b->stats.n_rows)[0]));
}

/* ---- the networks once more, in double ---- */

static inline void forward64(const rv_mlp *net, const float *params, bool is_swish, const double *x, double *out)
{
    double in[WIDEST];
    memcpy(in, x, (size_t)net->sizes[0] * sizeof *in);
    for (int l = 0; l < net->n_layers; l++) {
        for (int k = 0; k < net->sizes[l + 1]; k++) {
            double z = params[net->bias[l] + k];
            for (int i = 0; i < net->sizes[l]; i++)
                z += in[i] * (double)params[net->weight[l] + (int64_t)i * net->sizes[l + 1] + k];
            out[k] = l == net->n_layers - 1 ? z : is_swish ? z / (1 + exp(-z)) : fmax(z, 0);
        }
        memcpy(in, out, (size_t)net->sizes[l + 1] * sizeof *in);
    }
}

/* returns the logit of P(terminated), where it is learned */
static inline double predict64(const bench *b, int m, const float *obs_act, double *mean, double *logvar)
{
    const rv_member_shape *s = &b->shape;
    const float *p = b->members + m * s->n_published;
    double x[WIDEST], out[WIDEST];
    for (int i = 0; i < s->n_in; i++)
        x[i] = ((double)obs_act[i] - (double)p[s->mean + i]) / (double)p[s->std + i];
    forward64(&s->mlp, p, true, x, out);
    for (int j = 0; j < s->n_out; j++) {
        const double scale = s->is_normalised ? (double)p[s->y_std + j] : 1;
        mean[j] = out[j] * scale + (s->is_normalised ? (double)p[s->y_mean + j] : 0);
        mean[j] -= s->predicts_state && j > 0 ? (double)obs_act[j - 1] : 0;
        if (s->is_deterministic)
            logvar[j] = p[s->logvar + j];
        else {
            double hi = p[s->hi + j], lo = p[s->lo + j];
            double below = hi - log1p(exp(hi - out[s->n_out + j]));
            logvar[j] = lo + log1p(exp(below - lo));
        }
        logvar[j] += 2 * log(scale);
    }
    return s->ends ? out[s->n_raw - 1] : 0;
}

/* what the row's reward and change of state are, as the model predicts them: (n_out) */
static inline void outcome(const bench *b, const float *x, double *y)
{
    const rv_row *r = &b->shape.row;
    y[0] = x[r->reward];
    for (int j = 0; j < r->n_obs; j++)
        y[1 + j] = (double)x[r->next_obs + j] - (double)x[j];
}

/* the largest of standard deviation of the members' means over root of their mean variance */
static inline double disagreement64(const bench *b, const float *obs_act)
{
    double worst = 0;
    int n = b->source.n_members;
    double mean[MEMBERS][WIDEST], logvar[MEMBERS][WIDEST];
    for (int k = 0; k < n; k++)
        predict64(b, k, obs_act, mean[k], logvar[k]);
    for (int j = 0; j < b->shape.n_out; j++) {
        double middle = 0, spread = 0, variance = 0;
        for (int k = 0; k < n; k++) {
            middle += mean[k][j] / n;
            variance += exp(logvar[k][j]) / n;
        }
        for (int k = 0; k < n; k++)
            spread += (mean[k][j] - middle) * (mean[k][j] - middle) / n;
        worst = fmax(worst, sqrt(spread / variance));
    }
    return worst;
}

static inline void random_ensemble(bench *b)
{
    const int elites[] = {3, 0, 4, 1};
    choose_elites(b, 4, elites);
    for (int m = 0; m < MEMBERS; m++)
        make_random(b, m, 0.12, -3);
    make_policy(b, 0.5, 0, 0);
}

/* with OpenBLAS a row's bits depend on how many are computed with it: with a gate all, without those of its member */
static inline bool is_same_row(const float *a, const float *b, int width)
{
    if (!rv_kernels_openblas())
        return memcmp(a, b, (size_t)width * sizeof *a) == 0;
    for (int j = 0; j < width; j++)
        if (!(fabsf(a[j] - b[j]) <= 1e-5F * (1 + fabsf(b[j]))))
            return false;
    return true;
}
