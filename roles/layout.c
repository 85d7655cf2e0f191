#include "roles/layout.h"

#include "base/memory.h"
#include "roles/cost.h"

#include <string.h>

const char *const rv_role_names[RV_N_ROLES] = {"actor", "model", "rollout", "policy", "evaluator"};
const char *const rv_unit_names[RV_N_ROLES] = {"env", "member", "block", "shard", "episode"};

bool rv_layout_hosts(const rv_layout *layout, rv_role_id role, int rank)
{
    for (int u = 0; u < layout->n_units[role]; u++)
        if (layout->owner[role][u] == rank)
            return true;
    return false;
}

double rv_layout_rank_bytes(const rv_layout *layout, int rank)
{
    double bytes = 16e6; /* MPI, ZeroMQ and the program itself */
    for (int role = 0; role < RV_N_ROLES; role++)
        for (int u = 0; u < layout->n_units[role]; u++)
            if (layout->owner[role][u] == rank)
                bytes += layout->unit_bytes[role];
    return bytes;
}

static rv_status find_costs(const rv_config *cfg, rv_layout *l)
{
    rv_workload work;
    double item_cost[RV_N_ROLES];
    l->is_measured = cfg->layout.costs.n == RV_N_ROLES;
    RV_TRY(rv_workload_of(cfg, &work));
    if (l->is_measured)
        memcpy(item_cost, cfg->layout.costs.v, sizeof item_cost);
    else
        RV_TRY(rv_cost_estimate(cfg, item_cost));
    for (int role = 0; role < RV_N_ROLES; role++)
        l->unit_cost[role] = work.due[role] * work.items[role] * item_cost[role];
    return RV_OK;
}

static rv_status find_bytes(const rv_config *cfg, rv_layout *l)
{
    const rv_env_spec *spec = NULL;
    rv_member_shape member;
    rv_mlp actor, critic;
    const rv_schedule_cfg *s = &cfg->schedule;
    const rv_sac_cfg *p = &cfg->policy;
    RV_TRY(rv_env_find(cfg->env.name, &spec));
    RV_TRY(rv_member_shape_init(&cfg->model, spec->n_obs, spec->n_act, &member));
    RV_TRY(rv_mlp_init(spec->n_obs, (int)p->hidden_layers, (int)p->hidden, 2 * spec->n_act, RV_RELU, &actor));
    RV_TRY(rv_mlp_init(spec->n_obs + spec->n_act, (int)p->hidden_layers, (int)p->hidden, 1, RV_RELU, &critic));
    const rv_schedule schedule = {s, &cfg->rollout, p, cfg->eval.every_steps};
    double length = rv_schedule_longest(&schedule);
    const rv_lesson lesson = rv_sac_lesson(p);
    double row = 4.0 * member.row.width;
    double imagined = 4.0 * rv_row_for(member.row, &lesson).whole;
    double generation = rv_schedule_imagines(&schedule) ? (double)cfg->rollout.branches * length * imagined : 0;

    l->unit_bytes[RV_ACTOR] = strcmp(spec->family, "mujoco") == 0 ? 4e6 : 1e4;
    l->unit_bytes[RV_MODEL] = 16.0 * (double)member.n_trained + 8.0 * (double)s->total_steps +
                              4.0 * 10 * (double)(cfg->model.batch * cfg->model.hidden * cfg->model.hidden_layers);
    l->unit_bytes[RV_ROLLOUT] = (double)cfg->rollout.block * length * imagined;
    l->unit_bytes[RV_POLICY] = generation * rv_schedule_generations(&schedule) / (double)p->shards +
                               16.0 * (double)(actor.n_params + 3 * critic.n_params);
    l->unit_bytes[RV_EVALUATOR] = l->unit_bytes[RV_ACTOR];
    l->node_bytes = (double)s->total_steps * row;
    return RV_OK;
}

/* the roles that the settings give ranks of their own */
static rv_status place_chosen(const rv_config *cfg, rv_layout *l, double *load, bool *is_placed)
{
    const int64_t wanted[RV_N_ROLES] = {cfg->layout.actor_ranks, cfg->layout.model_ranks, cfg->layout.rollout_ranks,
                                        cfg->layout.policy_ranks, cfg->layout.evaluator_ranks};
    int next = 0;
    for (int role = 0; role < RV_N_ROLES; role++) {
        int n = (int)wanted[role];
        if (n == 0)
            continue;
        RV_CHECK(n <= l->n_ranks, RV_E_CONFIG,
                 "layout.%s_ranks asks for %d ranks, but the run has %d: start more with -n, or lower it",
                 rv_role_names[role], n, l->n_ranks);
        RV_CHECK(n <= l->n_units[role], RV_E_CONFIG,
                 "layout.%s_ranks asks for %d ranks, but there are only %d units of that role (%ss)",
                 rv_role_names[role], n, l->n_units[role], rv_unit_names[role]);
        for (int u = 0; u < l->n_units[role]; u++) {
            int rank = (next + (int)((int64_t)u * n / l->n_units[role])) % l->n_ranks;
            l->owner[role][u] = rank;
            load[rank] += l->unit_cost[role];
        }
        next += n;
        is_placed[role] = true;
    }
    return RV_OK;
}

/* everything else: costliest units first, each to the rank with least work */
static void place_by_cost(rv_layout *l, double *load, bool *is_placed)
{
    for (int round = 0; round < RV_N_ROLES; round++) {
        int role = -1;
        for (int r = 0; r < RV_N_ROLES; r++)
            if (!is_placed[r] && (role < 0 || l->unit_cost[r] > l->unit_cost[role]))
                role = r;
        if (role < 0)
            return;
        is_placed[role] = true;
        for (int u = 0; u < l->n_units[role]; u++) {
            int least = 0;
            for (int rank = 1; rank < l->n_ranks; rank++)
                if (load[rank] < load[least])
                    least = rank;
            l->owner[role][u] = least;
            load[least] += l->unit_cost[role] > 0 ? l->unit_cost[role] : 1e-12;
        }
    }
}

/* lockstep: the stages follow one another, so each role spreads over all ranks by itself */
static void place_evenly(rv_layout *l, const bool *is_placed)
{
    for (int role = 0; role < RV_N_ROLES; role++)
        for (int u = 0; u < l->n_units[role] && !is_placed[role]; u++)
            l->owner[role][u] = l->n_units[role] <= l->n_ranks ? u : (int)((int64_t)u * l->n_ranks / l->n_units[role]);
}

rv_status rv_layout_create(const rv_config *cfg, int n_ranks, rv_layout *out)
{
    rv_status status = RV_OK;
    rv_layout l = {.n_ranks = n_ranks};
    double *load = NULL;
    bool is_placed[RV_N_ROLES] = {false};
    RV_CHECK(n_ranks >= 1, RV_E_USAGE, "%d ranks: a run needs at least 1", n_ranks);
    l.n_units[RV_ACTOR] = (int)cfg->env.count;
    l.n_units[RV_MODEL] = (int)cfg->model.members;
    l.n_units[RV_ROLLOUT] = (int)(cfg->rollout.branches / cfg->rollout.block);
    l.n_units[RV_POLICY] = (int)cfg->policy.shards;
    l.n_units[RV_EVALUATOR] = (int)cfg->eval.episodes;
    RV_TRY(find_costs(cfg, &l));
    RV_TRY(find_bytes(cfg, &l));
    for (int role = 0; role < RV_N_ROLES; role++)
        RV_TRY_GOTO(RV_NEW(l.owner[role], l.n_units[role]), fail);
    RV_TRY_GOTO(RV_NEW(load, n_ranks), fail);
    RV_TRY_GOTO(place_chosen(cfg, &l, load, is_placed), fail);
    if (cfg->schedule.mode == RV_PIPELINED)
        place_by_cost(&l, load, is_placed);
    else
        place_evenly(&l, is_placed);
    rv_mem_free(&load);
    *out = l;
    return RV_OK;
fail:
    rv_mem_free(&load);
    rv_layout_clear(&l);
    return status;
}

void rv_layout_clear(rv_layout *layout)
{
    for (int role = 0; role < RV_N_ROLES; role++)
        rv_mem_free(&layout->owner[role]);
}
