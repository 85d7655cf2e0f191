/* layout.h - which rank does what: settings and a number of ranks become an owner for every unit.
 *
 * Results never depend on it. Roles with ranks of their own in the settings (layout.model_ranks, ...) get that many
 * consecutive ranks each, from rank 0 on, and around again when there are too few. The others: pipelined, their units
 * go, costliest first, to the rank with least work so far; lockstep, where stages wait for one another, each role
 * spreads over all ranks. Every number of ranks from 1 works: with fewer ranks than roles, a rank hosts several.
 */
#pragma once
#include "run/config.h"

typedef enum rv_role_id { RV_ACTOR, RV_MODEL, RV_ROLLOUT, RV_POLICY, RV_EVALUATOR, RV_N_ROLES } rv_role_id;

/** "actor", "model", ... and what one unit of the role is called: "env", "member", "block", "shard", "episode". */
extern const char *const rv_role_names[RV_N_ROLES];
extern const char *const rv_unit_names[RV_N_ROLES];

typedef struct rv_layout {
    int n_ranks;
    int n_units[RV_N_ROLES];
    int *owner[RV_N_ROLES];        /* (n_units) rank of each unit */
    bool is_measured;              /* costs are from layout.costs, in seconds; else estimated, in GFLOP */
    double unit_cost[RV_N_ROLES];  /* work of one unit in one tick, on average */
    double unit_bytes[RV_N_ROLES]; /* memory of one unit */
    double node_bytes;             /* memory of the real buffer, once per node */
} rv_layout;

/** Costs are those of layout.costs, else estimated (cost.h).
 * @return RV_OK; RV_E_CONFIG when the settings ask for more ranks of a role than there are, or than it has units;
 * RV_E_USAGE (n_ranks < 1) */
rv_status rv_layout_create(const rv_config *cfg, int n_ranks, rv_layout *out);
void rv_layout_clear(rv_layout *layout);

bool rv_layout_hosts(const rv_layout *layout, rv_role_id role, int rank);

/** Estimated bytes of a rank: its units and the program, without its copies of published weights (small beside them)
 * and without the shared real buffer. */
double rv_layout_rank_bytes(const rv_layout *layout, int rank);
