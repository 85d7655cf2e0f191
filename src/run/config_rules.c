/* config_rules.c - what fields must satisfy together. One line per rule; a run reports all that are broken at once. */
#include "comm/exchange.h"
#include "data/imagined.h"
#include "run/config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The violations so far. */
typedef struct complaint {
    char text[RV_ERROR_TEXT - 128]; /* leaves room for the file's name and the count */
    size_t n;
    int n_told, n_untold;
} complaint;

__attribute__((format(printf, 3, 4))) static void demand(complaint *c, bool holds, const char *format, ...)
{
    char text[RV_ERROR_TEXT / 2];
    if (holds)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t n = strlen(text);
    if (c->n_untold > 0 || c->n + n + 3 > sizeof c->text) {
        c->n_untold++;
        return;
    }
    c->n += (size_t)snprintf(c->text + c->n, sizeof c->text - c->n, "%s%s", c->n ? "; " : "", text);
    c->n_told++;
}

static bool is_multiple(int64_t number, int64_t of)
{
    return of > 0 && number % of == 0;
}

/* name and value of a field, for a message */
#define NAMED(field) #field " (%lld)"
#define LL(value)    ((long long)(value))

static bool triggers(const rv_schedule_cfg *s)
{
    return s->retrain_loss_rise > 0 || s->retrain_policy_kl > 0 || s->retrain_disagreement > 0;
}

static void check_schedule(const rv_config *cfg, complaint *c)
{
    const rv_schedule_cfg *s = &cfg->schedule;
    demand(c, is_multiple(s->tick_steps, cfg->env.count),
           NAMED(schedule.tick_steps) " must be a multiple of " NAMED(env.count), LL(s->tick_steps),
           LL(cfg->env.count));
    demand(c, is_multiple(s->total_steps, s->tick_steps),
           NAMED(schedule.total_steps) " must be a multiple of " NAMED(schedule.tick_steps), LL(s->total_steps),
           LL(s->tick_steps));
    demand(c, is_multiple(s->warmup_steps, s->tick_steps),
           NAMED(schedule.warmup_steps) " must be a multiple of " NAMED(schedule.tick_steps), LL(s->warmup_steps),
           LL(s->tick_steps));
    demand(c, is_multiple(s->retrain_every, s->tick_steps),
           NAMED(schedule.retrain_every) " must be a multiple of " NAMED(schedule.tick_steps), LL(s->retrain_every),
           LL(s->tick_steps));
    demand(c, !triggers(s) || s->retrain_gap < s->retrain_every,
           NAMED(schedule.retrain_gap) " must be less than " NAMED(
               schedule.retrain_every) ", or no other reason would ever come before it",
           LL(s->retrain_gap), LL(s->retrain_every));
    demand(c, s->warmup_steps < s->total_steps,
           NAMED(schedule.warmup_steps) " must be less than " NAMED(schedule.total_steps), LL(s->warmup_steps),
           LL(s->total_steps));
    demand(c, cfg->eval.every_steps == 0 || is_multiple(cfg->eval.every_steps, s->tick_steps),
           NAMED(eval.every_steps) " must be 0 or a multiple of " NAMED(schedule.tick_steps), LL(cfg->eval.every_steps),
           LL(s->tick_steps));
}

static void check_model(const rv_config *cfg, complaint *c)
{
    const rv_model_cfg *m = &cfg->model;
    demand(c, m->elites <= m->members, NAMED(model.elites) " must be at most " NAMED(model.members), LL(m->elites),
           LL(m->members));
    demand(c, m->weight_decay.n == m->hidden_layers + 1,
           "model.weight_decay has %lld entries and must have one more than " NAMED(model.hidden_layers),
           LL(m->weight_decay.n), LL(m->hidden_layers));
    demand(c, m->logvar_min < m->logvar_max, "model.logvar_min (%g) must be less than model.logvar_max (%g)",
           m->logvar_min, m->logvar_max);
    demand(c, m->holdout_ratio * (double)cfg->schedule.warmup_steps >= 1,
           "the first fit needs a row to judge it: model.holdout_ratio (%g) times " NAMED(
               schedule.warmup_steps) " must be at least 1",
           m->holdout_ratio, LL(cfg->schedule.warmup_steps));
}

static void check_rollout(const rv_config *cfg, complaint *c)
{
    const rv_rollout_cfg *r = &cfg->rollout;
    demand(c, is_multiple(r->branches, r->block),
           NAMED(rollout.branches) " must be a multiple of " NAMED(rollout.block), LL(r->branches), LL(r->block));
    demand(c, r->length_start <= r->length_end,
           NAMED(rollout.length_start) " must be at most " NAMED(rollout.length_end), LL(r->length_start),
           LL(r->length_end));
    demand(c, r->length_from_epoch < r->length_to_epoch,
           NAMED(rollout.length_from_epoch) " must be less than " NAMED(rollout.length_to_epoch),
           LL(r->length_from_epoch), LL(r->length_to_epoch));
    demand(
        c, r->retain_epochs * cfg->schedule.epoch_steps < (RV_GENERATIONS + 1) * cfg->schedule.retrain_every,
        NAMED(rollout.retain_epochs) " times " NAMED(
            schedule.epoch_steps) " keeps the imagined data of more than %d fits; raise " NAMED(schedule.retrain_every),
        LL(r->retain_epochs), LL(cfg->schedule.epoch_steps), (int)RV_GENERATIONS, LL(cfg->schedule.retrain_every));
    demand(c, r->max_disagreement <= 0 || cfg->model.members >= 2,
           "rollout.max_disagreement (%g) needs at least 2 members to compare; " NAMED(model.members),
           r->max_disagreement, LL(cfg->model.members));
}

/* how far what is imagined is trusted, and what is learned from it */
static void check_trust(const rv_config *cfg, complaint *c)
{
    const rv_rollout_cfg *r = &cfg->rollout;
    const rv_sac_cfg *p = &cfg->policy;
    demand(c, r->full_disagreement <= r->max_disagreement,
           "rollout.full_disagreement (%g) must be at most rollout.max_disagreement (%g)", r->full_disagreement,
           r->max_disagreement);
    demand(c, r->disagreement != RV_DISAGREEMENT_QUANTILE || (r->max_disagreement > 0 && r->max_disagreement <= 1),
           "rollout.max_disagreement (%g) must be in (0, 1]: with rollout.disagreement: quantile it is a part of the "
           "held-out rows",
           r->max_disagreement);
    demand(c, p->confidence <= 0 || cfg->model.members >= 2,
           "policy.confidence (%g) needs at least 2 members to compare; " NAMED(model.members), p->confidence,
           LL(cfg->model.members));
    demand(c, p->target == RV_TARGET_EXPANSION || p->target_steps == 1,
           NAMED(policy.target_steps) " must be 1: it belongs to policy.target: expansion", LL(p->target_steps));
}

/* what is decided from what is measured */
static void check_pace(const rv_config *cfg, complaint *c)
{
    const rv_rollout_cfg *r = &cfg->rollout;
    const rv_schedule schedule = {&cfg->schedule, r, &cfg->policy, cfg->eval.every_steps};
    int64_t steps = rv_schedule_card(&schedule);
    demand(
        c, cfg->model.holdout_segment >= steps * cfg->env.count,
        "the error card of rollout.card, or of rollout.length: auto, follows %lld steps that were kept out of the fit, "
        "times " NAMED(env.count) ": " NAMED(model.holdout_segment) " must be at least that",
        LL(steps), LL(cfg->env.count), LL(cfg->model.holdout_segment));
    demand(c, cfg->schedule.retrain_disagreement <= 0 || cfg->model.members >= 2,
           "schedule.retrain_disagreement (%g) needs at least 2 members to compare; " NAMED(model.members),
           cfg->schedule.retrain_disagreement, LL(cfg->model.members));
    demand(c, cfg->policy.share == RV_SHARE_SCHEDULE || cfg->policy.real_share_steps == 0,
           NAMED(policy.real_share_steps) " must be 0: with policy.share: holdout the share follows the model",
           LL(cfg->policy.real_share_steps));
}

/* blocks of a fit: each is named in messages by its number, and each shard's imagined buffer is fed by some of them */
static void check_blocks(const rv_config *cfg, complaint *c)
{
    const rv_rollout_cfg *r = &cfg->rollout;
    const rv_schedule schedule = {&cfg->schedule, r, &cfg->policy, cfg->eval.every_steps};
    int64_t blocks = r->block > 0 ? r->branches / r->block : 0;
    demand(c, blocks <= RV_EXCHANGE_UNITS, NAMED(rollout.branches) " must be at most %d times " NAMED(rollout.block),
           LL(r->branches), (int)RV_EXCHANGE_UNITS, LL(r->block));
    demand(c, blocks >= cfg->policy.shards || !rv_schedule_imagines(&schedule),
           NAMED(rollout.branches) " must be at least " NAMED(policy.shards) " times " NAMED(
               rollout.block) ", so that every shard has imagined rows",
           LL(r->branches), LL(cfg->policy.shards), LL(r->block));
}

static void check_policy(const rv_config *cfg, complaint *c)
{
    static const rv_field entropy = {"target_entropy", RV_T_F64, 0, sizeof(double), "", -10000, 10000, "", NULL, "", 0};
    const rv_sac_cfg *p = &cfg->policy;
    double number = 0;
    demand(c, is_multiple(p->batch, p->shards), NAMED(policy.batch) " must be a multiple of " NAMED(policy.shards),
           LL(p->batch), LL(p->shards));
    demand(c, strcmp(p->target_entropy, "auto") == 0 || rv_field_parse(&entropy, p->target_entropy, &number) == RV_OK,
           "policy.target_entropy must be auto or a number in [-10000, 10000], not '%s'", p->target_entropy);
}

static void check_feed(const rv_config *cfg, complaint *c)
{
    const char *publish = cfg->feed.publish;
    demand(c, strcmp(publish, "off") == 0 || strncmp(publish, "tcp://", 6) == 0 || strncmp(publish, "ipc://", 6) == 0,
           "feed.publish must be off, tcp://HOST:PORT or ipc://PATH, not '%s'", publish);
}

static void check_layout(const rv_config *cfg, complaint *c)
{
    int64_t n = cfg->layout.costs.n;
    demand(c, n == 0 || n == 5,
           "layout.costs has %lld entries and must have none or 5: actor, model, rollout, policy, evaluator", LL(n));
}

/* what is no distribution; what a task of this kind has not */
static void check_randomise(const rv_config *cfg, complaint *c)
{
    const rv_env_spec *spec = NULL;
    rv_distribution d;
    bool is_known = rv_env_find(cfg->env.name, &spec) == RV_OK;
    for (int i = 0; i < RV_N_RANDOM; i++) {
        const rv_random_info *info = &rv_random_infos[i];
        const char *text = rv_random_text(&cfg->randomise, (rv_random_id)i);
        rv_status status = rv_distribution_parse(text, info->min, info->max, &d);
        demand(c, status == RV_OK, "randomise.%s: %s", info->name, rv_error_last()->text);
        if (!text[0] || !is_known)
            continue;
        demand(c, !info->needs_physics || rv_env_has_physics(spec),
               "randomise.%s must be empty: %s does not run on MuJoCo", info->name, cfg->env.name);
        demand(c, info->needs_physics || !spec->n_states,
               "randomise.%s must be empty: what is observed of %s is discrete", info->name, cfg->env.name);
    }
}

/* a user's own environment is known once it is registered */
static void check_env(const rv_config *cfg, complaint *c)
{
    const rv_env_spec *spec = NULL;
    rv_status status = rv_env_find(cfg->env.name, &spec);
    if (status != RV_OK && rv_env_is_own(cfg->env.name))
        return;
    demand(c, status == RV_OK, "env.name: %s", rv_error_last()->text);
    demand(c, status != RV_OK || !cfg->model.known_reward || spec->reward,
           "model.known_reward must be false: the reward of %s is no function of what is observed", cfg->env.name);
    if (status != RV_OK)
        return;
    const rv_lesson lesson = rv_sac_lesson(&cfg->policy);
    double bytes = (double)cfg->rollout.block * (double)cfg->rollout.length_end *
                   (double)rv_row_for(rv_row_of(spec->n_obs, spec->n_act), &lesson).whole * sizeof(float);
    demand(c, bytes < INT_MAX,
           NAMED(rollout.block) " times " NAMED(rollout.length_end) " makes more than 2 GiB of rows in one block",
           LL(cfg->rollout.block), LL(cfg->rollout.length_end));
}

rv_status rv_config_register_env(const rv_config *config)
{
    RV_TRY(rv_env_register(&config->env));
    return rv_config_check(config);
}

rv_status rv_config_check(const rv_config *config)
{
    complaint c = {.n = 0};
    check_env(config, &c);
    check_randomise(config, &c);
    check_schedule(config, &c);
    check_model(config, &c);
    check_rollout(config, &c);
    check_trust(config, &c);
    check_blocks(config, &c);
    check_pace(config, &c);
    check_policy(config, &c);
    check_feed(config, &c);
    check_layout(config, &c);
    if (c.n_told + c.n_untold == 0)
        return RV_OK;
    if (c.n_untold > 0)
        return rv_raise(RV_E_CONFIG, "%s; and %d more", c.text, c.n_untold);
    return rv_raise(RV_E_CONFIG, "%s", c.text);
}
