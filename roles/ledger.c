#include "roles/ledger.h"

#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_RANKS = 65536 };

const rv_role_metrics rv_role_times[RV_N_ROLES] = {
    [RV_ACTOR] = {RV_M_ACTOR_WORK_S, RV_M_ACTOR_WAIT_S, RV_M_ACTOR_EXCHANGE_S},
    [RV_MODEL] = {RV_M_MODEL_WORK_S, RV_M_MODEL_WAIT_S, RV_M_MODEL_EXCHANGE_S},
    [RV_ROLLOUT] = {RV_M_ROLLOUT_WORK_S, RV_M_ROLLOUT_WAIT_S, RV_M_ROLLOUT_EXCHANGE_S},
    [RV_POLICY] = {RV_M_POLICY_WORK_S, RV_M_POLICY_WAIT_S, RV_M_POLICY_EXCHANGE_S},
    [RV_EVALUATOR] = {RV_M_EVALUATOR_WORK_S, RV_M_EVALUATOR_WAIT_S, RV_M_EVALUATOR_EXCHANGE_S},
};

typedef struct reading {
    int64_t from_step;
    rv_ledger ledger;
} reading;

static void add(const rv_record *r, const rv_role_metrics *names, rv_times *to)
{
    to->work += rv_record_get(r, names->work);
    to->wait += rv_record_get(r, names->wait);
    to->exchange += rv_record_get(r, names->exchange);
}

static rv_status take(void *user, const rv_record *r)
{
    static const rv_role_metrics all = {RV_M_WORK_S, RV_M_WAIT_S, RV_M_EXCHANGE_S};
    reading *in = user;
    rv_ledger *l = &in->ledger;
    if (strcmp(r->role, RV_ROLE_RANK) != 0 || r->step <= in->from_step)
        return RV_OK;
    RV_CHECK(r->unit >= 0 && r->unit < MOST_RANKS, RV_E_DATA, "tick %" PRId64 ": there is no rank %" PRId64, r->tick,
             r->unit);
    int rank = (int)r->unit;
    if (rank >= l->n_ranks) {
        RV_TRY(rv_mem_resize((size_t)l->n_ranks, (size_t)rank + 1, sizeof *l->ranks, (void **)&l->ranks));
        l->n_ranks = rank + 1;
    }
    if (l->first_tick < 0) {
        l->first_tick = r->tick;
        l->first_step = r->step;
    }
    l->last_tick = r->tick;
    l->last_step = r->step;
    rv_ledger_rank *to = &l->ranks[rank];
    to->n_ticks++;
    add(r, &all, &to->all);
    RV_CHECK(isfinite(to->all.work + to->all.wait + to->all.exchange), RV_E_DATA,
             "tick %" PRId64 ", rank %d: expected numbers in %s, %s and %s", r->tick, rank,
             rv_metric_get(all.work)->name, rv_metric_get(all.wait)->name, rv_metric_get(all.exchange)->name);
    for (int role = 0; role < RV_N_ROLES; role++) {
        if (isnan(rv_record_get(r, rv_role_times[role].work)))
            continue;
        to->hosts[role] = true;
        add(r, &rv_role_times[role], &to->of_role[role]);
    }
    return RV_OK;
}

rv_status rv_ledger_read(const char *path, int64_t from_step, rv_ledger *out)
{
    rv_status status = RV_OK;
    reading in = {.from_step = from_step, .ledger = {.first_tick = -1}};
    RV_TRY_GOTO(rv_metrics_read(path, true, take, &in), fail);
    RV_CHECK_GOTO(in.ledger.n_ranks > 0, RV_E_NOINPUT, fail, "%s: no tick after step %" PRId64 " is recorded", path,
                  from_step);
    *out = in.ledger;
    return RV_OK;
fail:
    rv_ledger_clear(&in.ledger);
    return status;
}

void rv_ledger_clear(rv_ledger *ledger)
{
    rv_mem_free(&ledger->ranks);
}
