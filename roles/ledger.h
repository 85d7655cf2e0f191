/* ledger.h - where the time of each rank went: at work, waiting for others, moving data; and in which role's work.
 *
 * Every rank reports it once per tick (run/metrics.h, role "rank"). Roles' parts do not make up the whole: the rest are
 * the edges, the agreement at the end of each tick, and checkpoints.
 */
#pragma once
#include "roles/layout.h"
#include "run/metrics.h"

/** Seconds, by what a rank did. */
typedef struct rv_times {
    double work, wait, exchange;
} rv_times;

/** The metrics in a rank's ledger that are one role's. */
typedef struct rv_role_metrics {
    rv_metric work, wait, exchange;
} rv_role_metrics;
extern const rv_role_metrics rv_role_times[RV_N_ROLES];

typedef struct rv_ledger_rank {
    int64_t n_ticks; /* that it reported; 0: a rank of an earlier start, or none */
    rv_times all;
    bool hosts[RV_N_ROLES]; /* in any of the ticks */
    rv_times of_role[RV_N_ROLES];
} rv_ledger_rank;

typedef struct rv_ledger {
    int n_ranks;
    rv_ledger_rank *ranks;         /* (n_ranks) sums over ticks */
    int64_t first_tick, last_tick; /* that are in it */
    int64_t first_step, last_step; /* at their ends */
} rv_ledger;

/** Add up a run's metrics.jsonl, which may be growing.
 * @param[in] from_step real steps; ticks that end later are counted
 * @return RV_OK; RV_E_NOINPUT when no such tick is in it; what rv_metrics_read returns. The caller clears *out. */
rv_status rv_ledger_read(const char *path, int64_t from_step, rv_ledger *out);
void rv_ledger_clear(rv_ledger *ledger);
