#include "roles/cost.h"

#include "nn/mlp.h"
#include "run/schedule.h"

#include <string.h>

const char *const rv_cost_items[RV_N_ROLES] = {"step", "row", "row", "update", "step"};

int64_t rv_workload_rows(const rv_config *cfg)
{
    const rv_schedule_cfg *s = &cfg->schedule;
    int64_t half = s->total_steps / 2 / s->tick_steps * s->tick_steps;
    return half > s->warmup_steps ? half : s->warmup_steps;
}

rv_status rv_workload_of(const rv_config *cfg, rv_workload *out)
{
    const rv_env_spec *spec = NULL;
    const rv_schedule_cfg *s = &cfg->schedule;
    const rv_schedule schedule = {s, &cfg->rollout, &cfg->policy, cfg->eval.every_steps};
    RV_TRY(rv_env_find(cfg->env.name, &spec));
    double rows = (double)rv_workload_rows(cfg);
    double patient = 5 * ((double)cfg->model.patience + 1);
    double epochs = patient < (double)cfg->model.max_epochs ? patient : (double)cfg->model.max_epochs;
    double fits = rv_schedule_imagines(&schedule) ? (double)s->tick_steps / (double)rv_schedule_interval(&schedule) : 0;
    double length = cfg->rollout.length == RV_LENGTH_AUTO ? rv_schedule_longest(&schedule)
                                                          : rv_schedule_length(&schedule, (int64_t)rows);
    *out = (rv_workload){
        .items = {[RV_ACTOR] = (double)s->tick_steps / (double)cfg->env.count,
                  [RV_MODEL] = rows * epochs,
                  [RV_ROLLOUT] = (double)cfg->rollout.block * length,
                  [RV_POLICY] = (double)(s->tick_steps * s->updates_per_step),
                  [RV_EVALUATOR] = spec->time_limit ? spec->time_limit : 1000},
        .due = {[RV_ACTOR] = 1,
                [RV_MODEL] = fits,
                [RV_ROLLOUT] = fits,
                [RV_POLICY] = 1,
                [RV_EVALUATOR] = cfg->eval.every_steps ? (double)s->tick_steps / (double)cfg->eval.every_steps : 0},
    };
    return RV_OK;
}

rv_status rv_cost_estimate(const rv_config *cfg, double item_cost[RV_N_ROLES])
{
    const rv_env_spec *spec = NULL;
    rv_member_shape member;
    rv_mlp actor, critic;
    const rv_sac_cfg *p = &cfg->policy;
    RV_TRY(rv_env_find(cfg->env.name, &spec));
    RV_TRY(rv_member_shape_init(&cfg->model, spec->n_obs, spec->n_act, &member));
    RV_TRY(rv_mlp_init(spec->n_obs, (int)p->hidden_layers, (int)p->hidden, 2 * spec->n_act, RV_RELU, &actor));
    RV_TRY(rv_mlp_init(spec->n_obs + spec->n_act, (int)p->hidden_layers, (int)p->hidden, 1, RV_RELU, &critic));
    double actor_params = (double)actor.n_params;
    double member_params = (double)member.mlp.n_params;
    double env_step = strcmp(spec->family, "mujoco") == 0 ? 5e-3 : 1e-5;
    const rv_lesson lesson = rv_sac_lesson(p);
    double n_predicting = rv_branch_asks_all(&cfg->rollout, &lesson) ? (double)cfg->model.members : 1;
    item_cost[RV_ACTOR] = env_step + 2e-8 * actor_params; /* a product of one row has a tenth of the speed */
    item_cost[RV_MODEL] = 6e-9 * member_params;
    item_cost[RV_ROLLOUT] = 2e-9 * (n_predicting * member_params + actor_params);
    item_cost[RV_POLICY] =
        1e-9 * (double)p->batch / (double)p->shards * (18.0 * (double)critic.n_params + 8.0 * actor_params);
    item_cost[RV_EVALUATOR] = item_cost[RV_ACTOR];
    return RV_OK;
}
