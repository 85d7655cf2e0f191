#include "agent/sac.h"

#include "base/memory.h"
#include "nn/adam.h"
#include "nn/policy_net.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

rv_lesson rv_sac_lesson(const rv_sac_cfg *cfg)
{
    return (rv_lesson){.confidence = cfg->confidence,
                       .steps = cfg->target == RV_TARGET_EXPANSION ? cfg->target_steps : 1,
                       .is_return = cfg->target == RV_TARGET_RETURN,
                       .discount = cfg->discount};
}

int64_t rv_sac_critic_grad_size(const rv_sac *sac)
{
    return sac->n_critics + RV_SAC_CRITIC_EXTRA;
}

int64_t rv_sac_actor_grad_size(const rv_sac *sac)
{
    return sac->n_actor + 1 + RV_SAC_ACTOR_EXTRA;
}

/* parameters of critic i, and of its target */
static float *critic_params(const rv_sac *sac, int i)
{
    return sac->params + sac->n_actor + i * sac->critic.n_params;
}

static const float *target_params(const rv_sac *sac, int i)
{
    return sac->target + i * sac->critic.n_params;
}

static float *log_alpha(const rv_sac *sac)
{
    return sac->params + sac->n_params - 1;
}

double rv_sac_alpha(const rv_sac *sac)
{
    return exp((double)*log_alpha(sac));
}

static rv_status parse_target_entropy(const char *text, int n_act, double *out)
{
    if (strcmp(text, "auto") == 0) {
        *out = -(double)n_act;
        return RV_OK;
    }
    char *end = NULL;
    double value = strtod(text, &end);
    RV_CHECK(end != text && *end == '\0' && isfinite(value), RV_E_CONFIG,
             "policy.target_entropy: expected a number of nats or auto, got '%s'", text);
    *out = value;
    return RV_OK;
}

static rv_status check_cfg(const rv_sac_cfg *cfg)
{
    RV_CHECK(cfg->batch >= 1 && cfg->batch <= INT_MAX, RV_E_CONFIG, "policy.batch: expected at least 1 row, got %lld",
             (long long)cfg->batch);
    RV_CHECK(cfg->shards >= 1 && cfg->batch % cfg->shards == 0, RV_E_CONFIG,
             "policy.batch = %lld is not a multiple of policy.shards = %lld: every shard takes the same number of rows",
             (long long)cfg->batch, (long long)cfg->shards);
    RV_CHECK(cfg->hidden >= 1 && cfg->hidden <= INT_MAX, RV_E_CONFIG, "policy.hidden: expected at least 1, got %lld",
             (long long)cfg->hidden);
    RV_CHECK(cfg->hidden_layers >= 0 && cfg->hidden_layers < RV_MLP_LAYERS, RV_E_CONFIG,
             "policy.hidden_layers: expected 0 to %d, got %lld", RV_MLP_LAYERS - 1, (long long)cfg->hidden_layers);
    RV_CHECK(cfg->initial_alpha > 0 && isfinite(cfg->initial_alpha), RV_E_CONFIG,
             "policy.initial_alpha: expected a positive number, got %g", cfg->initial_alpha);
    return RV_OK;
}

static rv_status init_shapes(rv_sac *sac, int n_obs, int n_act)
{
    const rv_sac_cfg *cfg = &sac->cfg;
    int layers = (int)cfg->hidden_layers;
    int hidden = (int)cfg->hidden;
    RV_TRY(rv_policy_net_init(n_obs, n_act, layers, hidden, &sac->actor));
    RV_TRY(rv_mlp_init(n_obs + n_act, layers, hidden, 1, RV_RELU, &sac->critic));
    RV_TRY(parse_target_entropy(cfg->target_entropy, n_act, &sac->target_entropy));
    const rv_lesson lesson = rv_sac_lesson(cfg);
    sac->row = rv_row_for(rv_row_of(n_obs, n_act), &lesson);
    sac->n_actor = sac->actor.n_params;
    sac->n_critics = 2 * sac->critic.n_params;
    sac->n_params = sac->n_actor + sac->n_critics + 1;
    return RV_OK;
}

static void init_weights(rv_sac *sac, uint64_t seed)
{
    rv_rng rng = rv_rng_at(seed, RV_STREAM_INIT, 0, 0);
    rv_mlp_init_glorot(&sac->actor, &rng, sac->params);
    for (int i = 0; i < 2; i++) {
        rng = rv_rng_at(seed, RV_STREAM_INIT, 1 + (uint32_t)i, 0);
        rv_mlp_init_glorot(&sac->critic, &rng, critic_params(sac, i));
    }
    *log_alpha(sac) = (float)log(sac->cfg.initial_alpha);
    memcpy(sac->target, critic_params(sac, 0), (size_t)sac->n_critics * sizeof *sac->target);
}

rv_status rv_sac_create(const rv_sac_cfg *cfg, int n_obs, int n_act, uint64_t seed, rv_sac **out)
{
    RV_TRY(check_cfg(cfg));
    rv_sac *sac = NULL;
    rv_status status = RV_OK;
    RV_TRY(RV_NEW(sac, 1));
    sac->cfg = *cfg;
    RV_TRY_GOTO(init_shapes(sac, n_obs, n_act), fail);
    RV_TRY_GOTO(RV_NEW(sac->params, sac->n_params), fail);
    RV_TRY_GOTO(RV_NEW(sac->adam_m, sac->n_params), fail);
    RV_TRY_GOTO(RV_NEW(sac->adam_v, sac->n_params), fail);
    RV_TRY_GOTO(RV_NEW(sac->target, sac->n_critics), fail);
    init_weights(sac, seed);
    *out = sac;
    return RV_OK;
fail:
    rv_sac_destroy(&sac);
    return status;
}

void rv_sac_destroy(rv_sac **sac)
{
    if (!*sac)
        return;
    rv_mem_free(&(*sac)->params);
    rv_mem_free(&(*sac)->adam_m);
    rv_mem_free(&(*sac)->adam_v);
    rv_mem_free(&(*sac)->target);
    rv_mem_free(sac);
}

rv_status rv_sac_shard_create(const rv_sac *sac, rv_sac_shard **out)
{
    const int64_t rows = sac->cfg.batch / sac->cfg.shards;
    const int64_t n_obs = sac->row.n_obs;
    const int64_t n_act = sac->row.n_act;
    rv_sac_shard *s = NULL;
    rv_status status = RV_OK;
    RV_TRY(RV_NEW(s, 1));
    s->rows = (int)rows;
    RV_TRY_GOTO(RV_NEW(s->obs, rows * n_obs), fail);
    RV_TRY_GOTO(RV_NEW(s->obs_act, rows * (n_obs + n_act)), fail);
    RV_TRY_GOTO(RV_NEW(s->act, rows * n_act), fail);
    RV_TRY_GOTO(RV_NEW(s->logp, rows), fail);
    RV_TRY_GOTO(RV_NEW(s->y, rows), fail);
    RV_TRY_GOTO(RV_NEW(s->d_q, rows), fail);
    RV_TRY_GOTO(RV_NEW(s->d_critic, rows * n_act), fail);
    RV_TRY_GOTO(RV_NEW(s->d_act, rows * n_act), fail);
    RV_TRY_GOTO(RV_NEW(s->smaller[0], rows), fail);
    RV_TRY_GOTO(RV_NEW(s->smaller[1], rows), fail);
    RV_TRY_GOTO(RV_NEW(s->d_out, rows * 2 * n_act), fail);
    RV_TRY_GOTO(rv_mlp_tape_create(&sac->actor, s->rows, &s->actor_tape), fail);
    for (int i = 0; i < 2; i++)
        RV_TRY_GOTO(rv_mlp_tape_create(&sac->critic, s->rows, &s->critic_tape[i]), fail);
    *out = s;
    return RV_OK;
fail:
    rv_sac_shard_destroy(&s);
    return status;
}

void rv_sac_shard_destroy(rv_sac_shard **shard)
{
    rv_sac_shard *s = *shard;
    if (!s)
        return;
    float **arrays[] = {&s->obs, &s->obs_act, &s->act, &s->logp, &s->y, &s->d_q, &s->d_critic, &s->d_act, &s->d_out};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        rv_mem_free(arrays[i]);
    rv_mem_free(&s->smaller[0]);
    rv_mem_free(&s->smaller[1]);
    rv_mlp_tape_clear(&s->actor_tape);
    for (int i = 0; i < 2; i++)
        rv_mlp_tape_clear(&s->critic_tape[i]);
    rv_mem_free(shard);
}

/* Sample the actor at the observation that starts at column `column` of the batch: obs, act, logp and
 * obs_act = [ obs | act ]. */
static void sample_actor(const rv_sac *sac, rv_sac_shard *s, const float *batch, int column, const float *eps)
{
    const int n_obs = sac->row.n_obs;
    const int n_act = sac->row.n_act;
    for (int64_t i = 0; i < s->rows; i++)
        memcpy(s->obs + i * n_obs, batch + i * sac->row.whole + column, (size_t)n_obs * sizeof(float));
    rv_policy_net_act(&sac->actor, sac->params, s->rows, s->obs, eps, &s->actor_tape, s->act, s->logp);
    for (int64_t i = 0; i < s->rows; i++) {
        float *row = s->obs_act + i * (n_obs + n_act);
        memcpy(row, s->obs + i * n_obs, (size_t)n_obs * sizeof(float));
        memcpy(row + n_obs, s->act + i * n_act, (size_t)n_act * sizeof(float));
    }
}

static bool has_tail(const rv_sac *sac)
{
    return sac->row.whole > sac->row.width;
}

/* y (rows) = r + alpha entropy + discount (1 - terminated) (min_i Q'_i(s', a') - alpha log pi(a' | s')) */
static void critic_targets(const rv_sac *sac, rv_sac_shard *s, const float *batch, const float *eps)
{
    sample_actor(sac, s, batch, sac->row.next_obs, eps);
    const float *q[2];
    for (int i = 0; i < 2; i++)
        q[i] = rv_mlp_forward(&sac->critic, target_params(sac, i), s->rows, s->obs_act, &s->critic_tape[i]);
    const double alpha = rv_sac_alpha(sac);
    const bool is_told = has_tail(sac);
    for (int64_t i = 0; i < s->rows; i++) {
        const float *row = batch + i * sac->row.whole;
        double discount = is_told ? (double)row[sac->row.discount] : sac->cfg.discount;
        double bootstrap = discount * (1.0 - (double)row[sac->row.terminated]);
        double value = (double)(q[0][i] < q[1][i] ? q[0][i] : q[1][i]) - alpha * (double)s->logp[i];
        double reward = (double)row[sac->row.reward];
        if (is_told)
            reward += alpha * (double)row[sac->row.entropy];
        s->y[i] = (float)(reward + bootstrap * value);
    }
}

void rv_sac_critic_grad(const rv_sac *sac, rv_sac_shard *shard, const float *batch, const float *eps, float *grad)
{
    const double per_row = 1.0 / (double)sac->cfg.batch;
    const int n_in = sac->row.n_obs + sac->row.n_act;
    critic_targets(sac, shard, batch, eps);
    for (int64_t i = 0; i < shard->rows; i++)
        memcpy(shard->obs_act + i * n_in, batch + i * sac->row.whole, (size_t)n_in * sizeof(float));
    const bool is_told = has_tail(sac);
    double loss = 0;
    double q_1 = 0;
    for (int i = 0; i < 2; i++) {
        rv_mlp_tape *tape = &shard->critic_tape[i];
        const float *params = critic_params(sac, i);
        const float *q = rv_mlp_forward(&sac->critic, params, shard->rows, shard->obs_act, tape);
        for (int j = 0; j < shard->rows; j++) {
            double error = (double)q[j] - (double)shard->y[j];
            double weight = is_told ? (double)batch[(int64_t)j * sac->row.whole + sac->row.weight] : 1.0;
            loss += 0.5 * weight * error * error;
            q_1 += i == 0 ? (double)q[j] : 0.0;
            shard->d_q[j] = (float)(weight * error * per_row);
        }
        rv_mlp_backward(&sac->critic, params, shard->rows, shard->obs_act, tape, shard->d_q,
                        grad + i * sac->critic.n_params, 0, NULL);
    }
    grad[sac->n_critics] = (float)(loss * per_row);
    grad[sac->n_critics + 1] = (float)(q_1 * per_row);
}

void rv_sac_critic_apply(rv_sac *sac, const float *grad)
{
    const int64_t at = sac->n_actor;
    sac->n_updates++;
    rv_adam_step_target(sac->cfg.learning_rate, sac->n_updates, sac->n_critics, grad, sac->params + at,
                        sac->adam_m + at, sac->adam_v + at, sac->cfg.tau, sac->target);
}

/* d_act (rows, n_act) = d (-mean min_i Q_i(s, a)) / da: a row goes back through the critic that is the smaller there.
 * Adds the rows' min_i Q_i to *sum. */
static void min_q_back(const rv_sac *sac, rv_sac_shard *s, double *sum)
{
    const size_t n_act = (size_t)sac->row.n_act;
    const float *q[2];
    int n[2] = {0};
    for (int i = 0; i < 2; i++)
        q[i] = rv_mlp_forward(&sac->critic, critic_params(sac, i), s->rows, s->obs_act, &s->critic_tape[i]);
    for (int j = 0; j < s->rows; j++) {
        int i = q[1][j] < q[0][j];
        *sum += (double)q[i][j];
        s->smaller[i][n[i]++] = j;
        s->d_q[j] = (float)(-1.0 / (double)sac->cfg.batch);
    }
    for (int i = 0; i < 2; i++) {
        if (n[i] == 0)
            continue;
        rv_mlp_tape_keep(&sac->critic, n[i], s->smaller[i], &s->critic_tape[i]);
        rv_mlp_backward(&sac->critic, critic_params(sac, i), n[i], s->obs_act, &s->critic_tape[i], s->d_q, NULL,
                        sac->row.n_obs, s->d_critic);
        for (int k = 0; k < n[i]; k++)
            memcpy(s->d_act + (size_t)s->smaller[i][k] * n_act, s->d_critic + (size_t)k * n_act, n_act * sizeof(float));
    }
}

void rv_sac_actor_grad(const rv_sac *sac, rv_sac_shard *shard, const float *batch, const float *eps, float *grad)
{
    const double per_row = 1.0 / (double)sac->cfg.batch;
    const double alpha = rv_sac_alpha(sac);
    sample_actor(sac, shard, batch, 0, eps);
    double q = 0;
    min_q_back(sac, shard, &q);
    rv_policy_net_back(&sac->actor, shard->rows, &shard->actor_tape, eps, shard->act, shard->d_act,
                       (float)(alpha * per_row), shard->d_out);
    rv_mlp_backward(&sac->actor, sac->params, shard->rows, shard->obs, &shard->actor_tape, shard->d_out, grad, 0, NULL);
    double logp = 0;
    for (int i = 0; i < shard->rows; i++)
        logp += (double)shard->logp[i];
    float *tail = grad + sac->n_actor;
    tail[0] = (float)(-(logp + shard->rows * sac->target_entropy) * per_row);
    tail[1] = (float)((alpha * logp - q) * per_row);
    tail[2] = (float)(logp * per_row);
    tail[3] = (float)(-logp * per_row);
}

void rv_sac_actor_apply(rv_sac *sac, const float *grad)
{
    const double rate = sac->cfg.learning_rate;
    const int64_t last = sac->n_params - 1;
    rv_adam_step(rate, sac->n_updates, sac->n_actor, grad, sac->params, sac->adam_m, sac->adam_v);
    rv_adam_step(rate, sac->n_updates, 1, grad + sac->n_actor, sac->params + last, sac->adam_m + last,
                 sac->adam_v + last);
}

rv_status rv_sac_visit(rv_sac *sac, rv_visit visit, void *user)
{
    RV_TRY(visit(user, "params", RV_F32, sac->n_params, sac->params));
    RV_TRY(visit(user, "adam_m", RV_F32, sac->n_params, sac->adam_m));
    RV_TRY(visit(user, "adam_v", RV_F32, sac->n_params, sac->adam_v));
    RV_TRY(visit(user, "target", RV_F32, sac->n_critics, sac->target));
    RV_TRY(visit(user, "n_updates", RV_I64, 1, &sac->n_updates));
    RV_TRY(visit(user, "skipped_in_row", RV_I64, 1, &sac->n_skipped));
    return RV_OK;
}
