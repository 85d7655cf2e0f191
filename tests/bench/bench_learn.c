/* bench_learn.c - whole steps of learning: an update of the policy, an epoch of the ensemble, imagined transitions, an
 * error card.
 *
 * What counts as work is what the equations need (sac.h, member.h, branch.h), in products of matrices alone, 2 m n k
 * each: no weight gradient that nobody reads, no gradient at the inputs of a first layer, and in the actor's step a row
 * goes back through the one critic that is the smaller.
 */
#include "base/memory.h"
#include "math/vector.h"
#include "model/branch.h"
#include "model/card.h"
#include "model/holdout.h"
#include "nn/policy_net.h"
#include "run/config.h"
#include "tests/bench/bench.h"

#include <string.h>

enum { BUFFER = 100000, EPOCH_ROWS = 10000, RUN_BLOCKS = 10, MEMBERS = 7, CARD_STEPS = 15 };

/* what tells rows apart: the task, and what differs from the default settings (HalfCheetah's networks) */
typedef struct setting {
    const char *env;
    int n_overrides;
    const char *overrides[4];
} setting;

static rv_status load(const setting *s, rv_config *cfg, const rv_env_spec **spec)
{
    RV_TRY(rv_config_load(NULL, s->n_overrides, (char *const *)s->overrides, cfg));
    return rv_env_find(s->env, spec);
}

/* n rows of a buffer as an agent that knows little fills it: next_obs near obs, no end of an episode */
static rv_status rows_create(const rv_row *r, int64_t n, float **out)
{
    float *rows = NULL;
    RV_TRY(RV_NEW(rows, n * r->width));
    bench_fill(0, n * r->width, rows);
    for (int64_t i = 0; i < n; i++) {
        float *row = rows + i * r->width;
        rv_vector_tanh(r->n_act, row + r->act, row + r->act);
        for (int j = 0; j < r->n_obs; j++)
            row[r->next_obs + j] = row[j] + 0.1F * row[r->next_obs + j];
        row[r->terminated] = 0;
    }
    *out = rows;
    return RV_OK;
}

/* ---- policy ---- */

typedef struct learner {
    rv_config cfg;
    rv_row row;
    rv_sac *sac;
    rv_sac_shard *shard;
    float *buffer;       /* (BUFFER, row.width) */
    const float **drawn; /* (batch) */
    float *batch;        /* (batch, row.width) */
    float *noise;        /* (2, batch, n_act) */
    float *grad;
    uint64_t update;
} learner;

static void learner_destroy(void **work)
{
    learner *l = *work;
    rv_sac_destroy(&l->sac);
    rv_sac_shard_destroy(&l->shard);
    rv_mem_free(&l->buffer);
    rv_mem_free(&l->drawn);
    rv_mem_free(&l->batch);
    rv_mem_free(&l->noise);
    rv_mem_free(&l->grad);
    rv_mem_free(work);
}

static rv_status learner_create(const bench *row, void **work)
{
    rv_status status = RV_OK;
    const rv_env_spec *spec = NULL;
    learner *l = NULL;
    RV_TRY(RV_NEW(l, 1));
    RV_TRY_GOTO(load(row->args, &l->cfg, &spec), fail);
    l->row = rv_row_of(spec->n_obs, spec->n_act);
    RV_TRY_GOTO(rv_sac_create(&l->cfg.policy, spec->n_obs, spec->n_act, 1, &l->sac), fail);
    RV_TRY_GOTO(rv_sac_shard_create(l->sac, &l->shard), fail);
    RV_TRY_GOTO(rows_create(&l->row, BUFFER, &l->buffer), fail);
    RV_TRY_GOTO(RV_NEW(l->drawn, l->shard->rows), fail);
    RV_TRY_GOTO(RV_NEW(l->batch, l->shard->rows * l->row.width), fail);
    RV_TRY_GOTO(RV_NEW(l->noise, 2 * l->shard->rows * spec->n_act), fail);
    int64_t n_critic = rv_sac_critic_grad_size(l->sac);
    int64_t n_actor = rv_sac_actor_grad_size(l->sac);
    RV_TRY_GOTO(RV_NEW(l->grad, n_critic > n_actor ? n_critic : n_actor), fail);
    *work = l;
    return RV_OK;
fail:
    learner_destroy((void **)&l);
    return status;
}

/* as roles/policy.c draws a batch */
static rv_status gather_run(void *work)
{
    learner *l = work;
    int width = l->row.width;
    rv_rng rng = rv_rng_at(1, RV_STREAM_BATCH, 0, l->update++);
    for (int k = 0; k < l->shard->rows; k++)
        l->drawn[k] = l->buffer + (int64_t)rv_rng_below(&rng, BUFFER) * width;
    rv_row_gather(l->shard->rows, width, l->drawn, width, l->batch);
    return RV_OK;
}

static rv_status sac_run(void *work)
{
    learner *l = work;
    int n_noise = l->shard->rows * l->row.n_act;
    RV_TRY(gather_run(work));
    rv_rng rng = rv_rng_at(1, RV_STREAM_LEARN, 0, l->update);
    rv_vector_normal(&rng, 2 * n_noise, l->noise);
    rv_sac_critic_grad(l->sac, l->shard, l->batch, l->noise, l->grad);
    rv_sac_critic_apply(l->sac, l->grad);
    rv_sac_actor_grad(l->sac, l->shard, l->batch, l->noise + n_noise, l->grad);
    rv_sac_actor_apply(l->sac, l->grad);
    return RV_OK;
}

/* ---- model ---- */

typedef struct ensemble {
    rv_config cfg;
    const rv_env_spec *spec;
    rv_member_shape shape;
    rv_member *members[MEMBERS];
    float *real; /* (n_real, row.width) */
    int64_t n_real, epoch;

    /* of rollouts */
    rv_branch *branch;
    rv_branch_source source;
    int elites[MEMBERS];
    float *published, *policy; /* (MEMBERS, n_published), (n_params) */
    float *rows;               /* (branches, row.width) */
    int64_t block;             /* of all that were run */

    /* of the card */
    rv_card *card;
    rv_card_source card_source;
    uint32_t *split; /* (n_real) */
    float *critics;  /* (2, n_params) */
} ensemble;

static void ensemble_destroy(void **work)
{
    ensemble *e = *work;
    for (int m = 0; m < MEMBERS; m++)
        rv_member_destroy(&e->members[m]);
    rv_branch_destroy(&e->branch);
    rv_mem_free(&e->real);
    rv_mem_free(&e->published);
    rv_mem_free(&e->policy);
    rv_mem_free(&e->rows);
    rv_card_destroy(&e->card);
    rv_mem_free(&e->split);
    rv_mem_free(&e->critics);
    rv_mem_free(work);
}

static rv_status ensemble_create(const setting *s, int64_t n_real, ensemble **out)
{
    rv_status status = RV_OK;
    ensemble *e = NULL;
    RV_TRY(RV_NEW(e, 1));
    e->n_real = n_real;
    RV_TRY_GOTO(load(s, &e->cfg, &e->spec), fail);
    RV_TRY_GOTO(rv_member_shape_init(&e->cfg.model, e->spec->n_obs, e->spec->n_act, &e->shape), fail);
    RV_TRY_GOTO(rows_create(&e->shape.row, n_real, &e->real), fail);
    for (int m = 0; m < MEMBERS; m++)
        RV_TRY_GOTO(rv_member_create(&e->cfg.model, &e->shape, 1, m, n_real, &e->members[m]), fail);
    *out = e;
    return RV_OK;
fail:
    ensemble_destroy((void **)&e);
    return status;
}

static rv_status fit_create(const bench *row, void **work)
{
    rv_status status = RV_OK;
    ensemble *e = NULL;
    RV_TRY(ensemble_create(row->args, EPOCH_ROWS + 1, &e)); /* one row is held out */
    for (int m = 0; m < MEMBERS; m++)
        RV_TRY_GOTO(rv_member_fit_begin(e->members[m], 0, e->n_real, e->real), fail);
    *work = e;
    return RV_OK;
fail:
    ensemble_destroy((void **)&e);
    return status;
}

static rv_status fit_run(void *work)
{
    ensemble *e = work;
    double train_loss = 0;
    double holdout_loss = 0;
    for (int m = 0; m < MEMBERS; m++)
        RV_TRY(rv_member_fit_epoch(e->members[m], e->epoch, &train_loss, &holdout_loss));
    e->epoch++;
    return RV_OK;
}

/* members as they are before a fit, all of them in order, and an actor of random weights */
static rv_status publish(ensemble *e, rv_mlp *policy_net)
{
    const rv_sac_cfg *policy = &e->cfg.policy;
    RV_TRY(RV_NEW(e->published, MEMBERS * e->shape.n_published));
    for (int m = 0; m < MEMBERS; m++) {
        rv_member_publish(e->members[m], e->published + m * e->shape.n_published);
        e->elites[m] = m;
    }
    RV_TRY(rv_policy_net_init(e->spec->n_obs, e->spec->n_act, (int)policy->hidden_layers, (int)policy->hidden,
                              policy_net));
    RV_TRY(RV_NEW(e->policy, policy_net->n_params));
    rv_rng rng = rv_rng_at(1, RV_STREAM_INIT, 0, 0);
    rv_mlp_init_glorot(policy_net, &rng, e->policy);
    return RV_OK;
}

static rv_status imagine_create(const bench *row, void **work)
{
    rv_status status = RV_OK;
    rv_mlp net;
    static const double per_output[1 + 17]; /* of HalfCheetah; what is reported is looked at by nobody */
    const rv_lesson lesson = {.steps = 1};
    ensemble *e = NULL;
    RV_TRY(ensemble_create(row->args, BUFFER, &e));
    const rv_rollout_cfg *rollout = &e->cfg.rollout;
    RV_TRY_GOTO(publish(e, &net), fail);
    RV_TRY_GOTO(rv_branch_create(rollout, MEMBERS, &e->shape, &net, e->spec, false, &lesson, &e->branch), fail);
    RV_TRY_GOTO(RV_NEW(e->rows, rollout->branches * e->shape.row.width), fail);
    e->source = (rv_branch_source){.seed = 1,
                                   .length = 1,
                                   .n_real = e->n_real,
                                   .real = e->real,
                                   .n_members = MEMBERS,
                                   .members = e->published,
                                   .n_elites = (int)e->cfg.model.elites,
                                   .elites = e->elites,
                                   .policy = e->policy,
                                   .standard = {rv_branch_gate(rollout), per_output}};
    *work = e;
    return RV_OK;
fail:
    ensemble_destroy((void **)&e);
    return status;
}

/* the next blocks of a generation; after its last one a new generation begins */
static rv_status imagine_run(void *work)
{
    ensemble *e = work;
    const rv_rollout_cfg *cfg = &e->cfg.rollout;
    int64_t n_blocks = cfg->branches / cfg->block;
    for (int i = 0; i < RUN_BLOCKS; i++, e->block++) {
        rv_branch_stats stats;
        int64_t block = e->block % n_blocks;
        e->source.retrain = e->block / n_blocks;
        RV_TRY(rv_branch_run(e->branch, &e->source, (int)block, e->rows + block * cfg->block * e->shape.row.width,
                             &stats));
        RV_CHECK(stats.n_rows == cfg->block, RV_E_INTERNAL, "a block of %lld branches made %lld rows",
                 (long long)cfg->block, (long long)stats.n_rows);
    }
    return RV_OK;
}

/* every row goes on from the one before it, so that all windows are long */
static void join_rows(ensemble *e)
{
    const rv_row *r = &e->shape.row;
    for (int64_t i = 1; i < e->n_real; i++)
        memcpy(e->real + i * r->width, e->real + (i - 1) * r->width + r->next_obs, (size_t)r->n_obs * sizeof(float));
}

static rv_status card_create(const bench *row, void **work)
{
    rv_status status = RV_OK;
    rv_mlp net, critic;
    ensemble *e = NULL;
    RV_TRY(ensemble_create(row->args, BUFFER, &e));
    const rv_sac_cfg *policy = &e->cfg.policy;
    join_rows(e);
    RV_TRY_GOTO(publish(e, &net), fail);
    RV_TRY_GOTO(rv_mlp_init(e->shape.n_in, (int)policy->hidden_layers, (int)policy->hidden, 1, RV_RELU, &critic), fail);
    RV_TRY_GOTO(RV_NEW(e->critics, 2 * critic.n_params), fail);
    bench_fill(1, 2 * critic.n_params, e->critics);
    RV_TRY_GOTO(RV_NEW(e->split, e->n_real), fail);
    rv_holdout_split(&e->cfg.model, 1, 0, e->n_real, e->split);
    const rv_card_setup setup = {.steps = CARD_STEPS,
                                 .n_members = MEMBERS,
                                 .count = 1,
                                 .max_rows = e->n_real,
                                 .discount = policy->discount,
                                 .shape = &e->shape,
                                 .spec = e->spec,
                                 .policy_net = &net,
                                 .critic_net = &critic};
    RV_TRY_GOTO(rv_card_create(&setup, &e->card), fail);
    e->card_source = (rv_card_source){.members = e->published,
                                      .n_elites = (int)e->cfg.model.elites,
                                      .elites = e->elites,
                                      .n_rows = e->n_real,
                                      .rows = e->real,
                                      .n_held = rv_holdout_rows(&e->cfg.model, e->n_real),
                                      .held = e->split,
                                      .policy = e->policy,
                                      .critics = e->critics};
    *work = e;
    return RV_OK;
fail:
    ensemble_destroy((void **)&e);
    return status;
}

static rv_status card_run(void *work)
{
    ensemble *e = work;
    rv_card_report report;
    RV_TRY(rv_card_run(e->card, &e->card_source, &report));
    RV_CHECK(report.windows[CARD_STEPS] == RV_CARD_WINDOWS, RV_E_INTERNAL, "%d windows are long enough, expected %d",
             report.windows[CARD_STEPS], RV_CARD_WINDOWS);
    return RV_OK;
}

/* ---- the table ---- */

static const setting half_cheetah = {"HalfCheetah-v4", 0, {0}};
static const setting pendulum = {"Pendulum-v1", 2, {"policy.hidden=64", "policy.batch=100"}};
static const setting no_holdout = {"HalfCheetah-v4", 2, {"model.holdout_ratio=1e-4", "schedule.warmup_steps=10000"}};
static const setting segments = {"HalfCheetah-v4", 1, {"model.holdout_segment=50"}};
static const setting gate = {"HalfCheetah-v4", 1, {"rollout.max_disagreement=1e6"}};

/* weights of networks with biases left out: o observations, a actions, h units in each hidden layer */
#define ACTOR(o, a, h)              ((o) * (h) + (h) * (h) + (h)*2 * (a))
#define MEMBER(o, a, h)             (((o) + (a)) * (h) + 3 * (h) * (h) + (h)*2 * ((o) + 1))
#define FIRST_MEMBER_LAYER(o, a, h) (((o) + (a)) * (h))

/* of Pendulum's update, n rows: forward passes of the actor (2), targets (2) and critics (4); weight gradients of the
 * critics (2) and the actor; gradients at the hidden layers of the critics (2) and the actor, and at the action */
#define CRITIC(o, a, h) (((o) + (a)) * (h) + (h) * (h) + (h))
#define SAC_FLOP(o, a, h, n)                                                                                           \
    (2.0 * (n) *                                                                                                       \
     (3 * ACTOR(o, a, h) + 8 * CRITIC(o, a, h) + 2 * ((h) * (h) + (h)) + ((h) * (h) + 2 * (a) * (h)) +                 \
      ((h) * (h) + (h) + (a) * (h))))

/* HalfCheetah's update: the number that all figures of it have used */
#define SAC_HALF_CHEETAH_FLOP 541e6

#define EPOCH_FLOP (2.0 * MEMBERS * EPOCH_ROWS * (3 * MEMBER(17, 6, 200) - FIRST_MEMBER_LAYER(17, 6, 200)))
#define BLOCK      1000 /* rollout.block */

/* products of an error card: windows (7 members and 5 elites; values of both states), held-out rows, Jacobians */
#define VALUE (ACTOR(17, 6, 256) + 2 * CRITIC(17, 6, 256))
#define CARD_FLOP                                                                                                      \
    (2.0 * RV_CARD_WINDOWS * CARD_STEPS * (12.0 * MEMBER(17, 6, 200) + 2 * VALUE) +                                    \
     2.0 * RV_CARD_ROWS * MEMBERS * MEMBER(17, 6, 200) + 2.0 * RV_CARD_GAINS * 5 * 17 * 2 * MEMBER(17, 6, 200))

const bench bench_learn[] = {
    {"sac/half_cheetah", "updates/s",
     "SAC: observation 17, action 6, 2 x 256, batch 256; batch and noise drawn, both gradients, Adam, targets", 1,
     SAC_HALF_CHEETAH_FLOP, 0, learner_create, sac_run, learner_destroy, &half_cheetah},
    {"sac/pendulum", "updates/s", "the same: observation 3, action 1, 2 x 64, batch 100", 1, SAC_FLOP(3, 1, 64, 100), 0,
     learner_create, sac_run, learner_destroy, &pendulum},
    {"sac/gather", "ns/row", "rows of a minibatch of 256 from a buffer of 100000 rows of 42 floats", 256, 0, 2 * 42 * 4,
     learner_create, gather_run, learner_destroy, &half_cheetah},
    {"fit/epoch", "s", "an epoch of 7 members (4 x 200, batch 256) on 10000 transitions, observation 17, action 6", 1,
     EPOCH_FLOP, 0, fit_create, fit_run, ensemble_destroy, &no_holdout},
    {"imagine/drawn", "transitions/s", "one imagined step, policy included, of the drawn elite only (HalfCheetah)",
     RUN_BLOCKS *BLOCK, 2.0 * (ACTOR(17, 6, 256) + MEMBER(17, 6, 200)), 0, imagine_create, imagine_run,
     ensemble_destroy, &half_cheetah},
    {"imagine/gate", "transitions/s", "the same with all 7 members and the disagreement gate, which stops nothing",
     RUN_BLOCKS *BLOCK, 2.0 * (ACTOR(17, 6, 256) + MEMBERS * MEMBER(17, 6, 200)), 0, imagine_create, imagine_run,
     ensemble_destroy, &gate},
    {"card", "s", "an error card of 15 steps, 7 members (5 elites), with critics (HalfCheetah)", 1, CARD_FLOP, 0,
     card_create, card_run, ensemble_destroy, &segments},
    {0},
};
