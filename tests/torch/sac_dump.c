/* Runs SAC updates on made-up data and writes everything that went in and came out as raw float32 files, for
 * sac_referee.py to compute again:  sac_dump <folder> <case> <kernels>
 * where <kernels> is a setting, kernels.instructions=avx2 or the like
 *
 *   batch, eps_critic, eps_actor        all updates, one after another
 *   steps                               with tails: of each row (N_STEPS, 4) the present, reward, -log pi, disagreement
 *                                       of the single steps in it, 0 where there is none
 *   critic_grad<t>, actor_grad<t>       summed over shards, loss values behind, t = 1..N_UPDATES
 *   params<t>, adam_m<t>, adam_v<t>, target<t>   after update t; 0: at the start
 *   case.json                           shapes and settings
 */
#include "agent/sac.h"
#include "base/memory.h"
#include "base/status.h"
#include "tests/torch/kernels.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_UPDATES = 5, N_STEPS = 4 };

typedef struct dump_case {
    const char *name;
    int n_obs, n_act;
    rv_sac_cfg cfg;
    bool clamp; /* push the first deviations out of their range, and the last mean to where tanh is flat */
} dump_case;

static const dump_case cases[] = {
    {.name = "plain",
     .n_obs = 17,
     .n_act = 6,
     .cfg = {.hidden_layers = 2,
             .hidden = 256,
             .learning_rate = 3e-4,
             .tau = 0.005,
             .discount = 0.99,
             .batch = 256,
             .shards = 1,
             .initial_alpha = 0.2,
             .target_entropy = "auto"}},
    {.name = "clamped",
     .n_obs = 5,
     .n_act = 3,
     .cfg = {.hidden_layers = 3,
             .hidden = 48,
             .learning_rate = 1e-3,
             .tau = 0.05,
             .discount = 0.9,
             .batch = 60,
             .shards = 4,
             .initial_alpha = 1.3,
             .target_entropy = "-1.25"},
     .clamp = true},
    {.name = "taught",
     .n_obs = 11,
     .n_act = 3,
     .cfg = {.hidden_layers = 2,
             .hidden = 64,
             .learning_rate = 3e-4,
             .tau = 0.005,
             .discount = 0.95,
             .batch = 128,
             .shards = 2,
             .confidence = 0.7,
             .target = RV_TARGET_EXPANSION,
             .target_steps = N_STEPS,
             .initial_alpha = 0.4,
             .target_entropy = "auto"}},
};

static const char *folder;

static void write_array(const char *name, int t, int64_t n, const float *data)
{
    char path[512];
    if (t < 0)
        snprintf(path, sizeof path, "%s/%s", folder, name);
    else
        snprintf(path, sizeof path, "%s/%s%d", folder, name, t);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, sizeof *data, (size_t)n, file) != (size_t)n || fclose(file) != 0) {
        fprintf(stderr, "sac_dump: cannot write %s\n", path);
        exit(1);
    }
}

static void write_state(const rv_sac *sac, int t)
{
    write_array("params", t, sac->n_params, sac->params);
    write_array("adam_m", t, sac->n_params, sac->adam_m);
    write_array("adam_v", t, sac->n_params, sac->adam_v);
    write_array("target", t, sac->n_critics, sac->target);
}

static void write_case(const dump_case *c, const rv_sac *sac)
{
    char path[512];
    snprintf(path, sizeof path, "%s/case.json", folder);
    FILE *file = fopen(path, "w");
    if (!file) {
        fprintf(stderr, "sac_dump: cannot write %s\n", path);
        exit(1);
    }
    fprintf(file,
            "{\"n_updates\": %d, \"n_obs\": %d, \"n_act\": %d, \"hidden_layers\": %" PRId64 ", \"hidden\": %" PRId64
            ", \"batch\": %" PRId64 ", \"learning_rate\": %.17g, \"tau\": %.17g, \"discount\": %.17g, "
            "\"target_entropy\": %.17g, \"confidence\": %.17g}\n",
            N_UPDATES, c->n_obs, c->n_act, c->cfg.hidden_layers, c->cfg.hidden, c->cfg.batch, c->cfg.learning_rate,
            c->cfg.tau, c->cfg.discount, sac->target_entropy, c->cfg.confidence);
    fclose(file);
}

static void randomise(rv_rng *rng, int64_t n, float *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)rv_rng_normal(rng);
}

/* rows of up to N_STEPS made-up steps, which the referee puts together once more */
static rv_status put_steps_together(const dump_case *c, const rv_row *r, rv_rng *rng, float *batch)
{
    enum { STEP = 4 };
    const int64_t n = N_UPDATES * c->cfg.batch;
    float *steps = NULL;
    RV_TRY(RV_NEW(steps, n * N_STEPS * STEP));
    for (int64_t i = 0; i < n; i++) {
        float *row = batch + i * r->whole;
        double worth = 1, reward = 0, entropy = 0, weight = 1;
        for (int64_t j = 0; j <= i % N_STEPS; j++, worth *= c->cfg.discount) {
            float *step = steps + (i * N_STEPS + j) * STEP;
            randomise(rng, STEP, step);
            step[0] = 1;
            step[3] *= step[3];
            const double doubt = (double)step[3] / c->cfg.confidence;
            reward += worth * (double)step[1];
            entropy += j > 0 ? worth * (double)step[2] : 0;
            weight = fmin(weight, 1 / (1 + doubt * doubt));
        }
        row[r->reward] = (float)reward;
        row[r->weight] = (float)weight;
        row[r->discount] = (float)worth;
        row[r->entropy] = (float)entropy;
    }
    write_array("steps", -1, n * N_STEPS * STEP, steps);
    rv_mem_free(&steps);
    return RV_OK;
}

/* weights that are not those of a fresh learner: biases, and targets that differ from the critics */
static void disturb(const dump_case *c, rv_sac *sac, rv_rng *rng)
{
    for (int64_t i = 0; i < sac->n_params - 1; i++)
        sac->params[i] += 0.02F * (float)rv_rng_normal(rng);
    for (int64_t i = 0; i < sac->n_critics; i++)
        sac->target[i] += 0.05F * (float)rv_rng_normal(rng);
    if (c->clamp) {
        float *bias = sac->params + sac->actor.bias[sac->actor.n_layers - 1];
        bias[c->n_act - 1] += 3.0F;
        bias[c->n_act] += 2.0F;      /* some rows above the range */
        bias[c->n_act + 1] -= 20.0F; /* some rows below it */
    }
}

/* gradients of the shards, summed in order */
static void sum_shards(const rv_sac *sac, rv_sac_shard *shard, bool critic, const float *batch, const float *eps,
                       float *part, float *sum)
{
    int64_t n = critic ? rv_sac_critic_grad_size(sac) : rv_sac_actor_grad_size(sac);
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t s = 0; s < sac->cfg.shards; s++) {
        const float *rows = batch + s * shard->rows * sac->row.whole;
        const float *noise = eps + s * shard->rows * sac->row.n_act;
        if (critic)
            rv_sac_critic_grad(sac, shard, rows, noise, part);
        else
            rv_sac_actor_grad(sac, shard, rows, noise, part);
        for (int64_t i = 0; i < n; i++)
            sum[i] += part[i];
    }
}

static rv_status dump(const dump_case *c)
{
    rv_sac *sac = NULL;
    rv_sac_shard *shard = NULL;
    RV_TRY(rv_sac_create(&c->cfg, c->n_obs, c->n_act, 1, &sac));
    RV_TRY(rv_sac_shard_create(sac, &shard));
    const int64_t n_batch = c->cfg.batch * sac->row.whole;
    const int64_t n_eps = c->cfg.batch * c->n_act;
    float *batch = NULL;
    float *eps[2] = {NULL, NULL};
    float *part = NULL;
    float *sum = NULL;
    RV_TRY(RV_NEW(batch, N_UPDATES * n_batch));
    RV_TRY(RV_NEW(eps[0], N_UPDATES * n_eps));
    RV_TRY(RV_NEW(eps[1], N_UPDATES * n_eps));
    RV_TRY(RV_NEW(part, rv_sac_critic_grad_size(sac) + rv_sac_actor_grad_size(sac)));
    RV_TRY(RV_NEW(sum, rv_sac_critic_grad_size(sac) + rv_sac_actor_grad_size(sac)));
    rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 0, 0);
    disturb(c, sac, &rng);
    randomise(&rng, N_UPDATES * n_batch, batch);
    randomise(&rng, N_UPDATES * n_eps, eps[0]);
    randomise(&rng, N_UPDATES * n_eps, eps[1]);
    for (int64_t i = 0; i < N_UPDATES * c->cfg.batch; i++) {
        float *row = batch + i * sac->row.whole;
        for (int j = 0; j < c->n_act; j++)
            row[sac->row.act + j] = tanhf(row[sac->row.act + j]);
        row[sac->row.terminated] = i % 5 == 0 ? 1.0F : 0.0F;
    }
    if (sac->row.whole > sac->row.width)
        RV_TRY(put_steps_together(c, &sac->row, &rng, batch));
    write_case(c, sac);
    write_array("batch", -1, N_UPDATES * n_batch, batch);
    write_array("eps_critic", -1, N_UPDATES * n_eps, eps[0]);
    write_array("eps_actor", -1, N_UPDATES * n_eps, eps[1]);
    write_state(sac, 0);
    for (int t = 1; t <= N_UPDATES; t++) {
        const float *rows = batch + (t - 1) * n_batch;
        sum_shards(sac, shard, true, rows, eps[0] + (t - 1) * n_eps, part, sum);
        write_array("critic_grad", t, rv_sac_critic_grad_size(sac), sum);
        rv_sac_critic_apply(sac, sum);
        sum_shards(sac, shard, false, rows, eps[1] + (t - 1) * n_eps, part, sum);
        write_array("actor_grad", t, rv_sac_actor_grad_size(sac), sum);
        rv_sac_actor_apply(sac, sum);
        write_state(sac, t);
    }
    rv_mem_free(&batch);
    rv_mem_free(&eps[0]);
    rv_mem_free(&eps[1]);
    rv_mem_free(&part);
    rv_mem_free(&sum);
    rv_sac_shard_destroy(&shard);
    rv_sac_destroy(&sac);
    return RV_OK;
}

int main(int argc, char **argv)
{
    if (argc == 4) {
        folder = argv[1];
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            if (strcmp(cases[i].name, argv[2]) != 0)
                continue;
            if (dump_choose_kernels(argv[3]) == RV_OK && dump(&cases[i]) == RV_OK)
                return 0;
            fprintf(stderr, "sac_dump: %s\n", rv_error_last()->text);
            return 1;
        }
    }
    fprintf(stderr, "usage: sac_dump <folder> plain|clamped|taught <kernels>\n");
    return 64;
}
