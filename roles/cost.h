/* cost.h - how much work the units of each role have, and what it costs.
 *
 * Work is counted in items, of which the settings say how many there are; what one of them costs is guessed from the
 * sizes of the networks, or measured (reverie layout --measure) and given as layout.costs. It only balances the load.
 *
 *   role       unit     item                       items of a unit in a tick in which the role works
 *   actor      env      a real step                tick_steps / env.count
 *   model      member   a row in an epoch          rows of the fit x epochs
 *   rollout    block    an imagined row            block x length
 *   policy     shard    an update                  tick_steps x updates_per_step
 *   evaluator  episode  a step                     the task's time limit
 */
#pragma once
#include "roles/layout.h"

/** What an item is called: "step", "row", "row", "update", "step". */
extern const char *const rv_cost_items[RV_N_ROLES];

typedef struct rv_workload {
    double items[RV_N_ROLES]; /* of one unit in a tick in which the role works */
    double due[RV_N_ROLES];   /* part of the ticks in which it does */
} rv_workload;

/** Where fits come as the run goes, one per schedule.retrain_gap is assumed, and branches as long as they may get.
 * Work in the middle of the run, where a fit reads half of all real rows. How many epochs a fit takes shows only in
 * the run: 5 (patience + 1) are assumed, or max_epochs if that is less.
 * @return RV_OK; RV_E_CONFIG when there is no such task */
rv_status rv_workload_of(const rv_config *cfg, rv_workload *out);

/** Real rows in the middle of the run, a multiple of tick_steps. */
int64_t rv_workload_rows(const rv_config *cfg);

/** Guesses of what an item costs, in GFLOP of a large matrix product that takes as long.
 * @return RV_OK; RV_E_CONFIG (names the setting) */
rv_status rv_cost_estimate(const rv_config *cfg, double item_cost[RV_N_ROLES]);
