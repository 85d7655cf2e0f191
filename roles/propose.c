#include "roles/propose.h"

#include "base/memory.h"
#include "roles/cost.h"

#include <string.h>

enum { MOST_TICKS = 4096, MOST_ROUNDS = 8 };

static void works(const rv_tick *tick, bool out[RV_N_ROLES])
{
    out[RV_ACTOR] = tick->last_step > tick->first_step;
    out[RV_MODEL] = tick->fit;
    out[RV_ROLLOUT] = tick->imagine;
    out[RV_POLICY] = tick->n_updates > 0;
    out[RV_EVALUATOR] = tick->evaluate;
}

/* load: (roles, ranks) seconds in a tick in which the role works */
static double tick_seconds(const rv_layout *l, const double *load, bool lockstep, const bool at_work[RV_N_ROLES])
{
    double stages = 0;
    double slowest = 0;
    for (int role = 0; role < RV_N_ROLES; role++) {
        double most = 0;
        for (int rank = 0; rank < l->n_ranks && at_work[role]; rank++)
            most = load[role * l->n_ranks + rank] > most ? load[role * l->n_ranks + rank] : most;
        stages += most;
    }
    for (int rank = 0; rank < l->n_ranks; rank++) {
        double all = 0;
        for (int role = 0; role < RV_N_ROLES; role++)
            all += at_work[role] ? load[role * l->n_ranks + rank] : 0;
        slowest = all > slowest ? all : slowest;
    }
    return lockstep ? stages : slowest;
}

rv_status rv_predict_tick(const rv_config *cfg, const rv_layout *l, const double *item_s, double *out)
{
    const rv_schedule_cfg *s = &cfg->schedule;
    rv_schedule_cfg usual = *s; /* as far as triggers can be foreseen */
    const rv_schedule schedule = {&usual, &cfg->rollout, &cfg->policy, cfg->eval.every_steps};
    rv_workload work;
    double *load = NULL;
    double sum = 0;
    usual.retrain_every = rv_schedule_interval(&schedule);
    RV_TRY(rv_workload_of(cfg, &work));
    RV_TRY(RV_NEW(load, RV_N_ROLES * l->n_ranks));
    for (int role = 0; role < RV_N_ROLES; role++)
        for (int u = 0; u < l->n_units[role]; u++)
            load[role * l->n_ranks + l->owner[role][u]] += work.items[role] * item_s[role];
    /* two rounds of what comes rarest */
    int64_t longest = usual.retrain_every > cfg->eval.every_steps ? usual.retrain_every : cfg->eval.every_steps;
    int64_t n = 2 * longest / s->tick_steps;
    n = n < 1 ? 1 : n > MOST_TICKS ? MOST_TICKS : n;
    int64_t first = rv_workload_rows(cfg) / s->tick_steps;
    while (s->updates_per_step > 0 && first + 1 < rv_schedule_ticks(&schedule) &&
           rv_schedule_tick(&schedule, first).n_updates == 0)
        first++; /* a short run whose middle is the end of its warm-up */
    int64_t end = rv_schedule_ticks(&schedule) < first + n ? rv_schedule_ticks(&schedule) : first + n;
    for (int64_t t = first; t < end; t++) {
        rv_tick tick = rv_schedule_tick(&schedule, t);
        bool at_work[RV_N_ROLES];
        works(&tick, at_work);
        sum += tick_seconds(l, load, s->mode == RV_LOCKSTEP, at_work);
    }
    rv_mem_free(&load);
    *out = end > first ? sum / (double)(end - first) : 0;
    return RV_OK;
}

static rv_status try_layout(const rv_config *cfg, int n_ranks, const double *item_s, double *tick_s)
{
    rv_layout layout;
    RV_TRY(rv_layout_create(cfg, n_ranks, &layout));
    rv_status status = rv_predict_tick(cfg, &layout, item_s, tick_s);
    rv_layout_clear(&layout);
    return status;
}

static int64_t *ranks_of(rv_layout_cfg *layout, int role)
{
    int64_t *const at[RV_N_ROLES] = {&layout->actor_ranks, &layout->model_ranks, &layout->rollout_ranks,
                                     &layout->policy_ranks, &layout->evaluator_ranks};
    return at[role];
}

/* the best number of ranks for one role, the others as they are */
static rv_status improve(rv_config *cfg, int n_ranks, const double *item_s, int role, int most, double *tick_s)
{
    int64_t *ranks = ranks_of(&cfg->layout, role);
    int64_t best = *ranks;
    for (int n = 0; n <= most; n++) {
        double s = 0;
        *ranks = n;
        RV_TRY(try_layout(cfg, n_ranks, item_s, &s));
        if (s < *tick_s * (1 - RV_PROPOSE_WORTH)) {
            *tick_s = s;
            best = n;
        }
    }
    *ranks = best;
    return RV_OK;
}

rv_status rv_propose_layout(const rv_config *cfg, int n_ranks, const double *item_s, rv_layout_cfg *out, double *tick_s)
{
    rv_config c = *cfg;
    rv_layout first;
    double best = 0;
    c.layout = (rv_layout_cfg){.costs = {.n = RV_N_ROLES}};
    memcpy(c.layout.costs.v, item_s, RV_N_ROLES * sizeof *item_s);
    RV_TRY(rv_layout_create(&c, n_ranks, &first));
    rv_status status = rv_predict_tick(&c, &first, item_s, &best);
    double before = 2 * best;
    for (int round = 0; round < MOST_ROUNDS && best < before && status == RV_OK; round++) {
        before = best;
        for (int role = 0; role < RV_N_ROLES && status == RV_OK; role++) {
            int most = first.n_units[role] < n_ranks ? first.n_units[role] : n_ranks;
            status = improve(&c, n_ranks, item_s, role, most, &best);
        }
    }
    rv_layout_clear(&first);
    if (status != RV_OK)
        return status;
    *out = c.layout;
    *tick_s = best;
    return RV_OK;
}
