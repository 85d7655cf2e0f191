/* groups.h - runs put together into groups that are compared: the members of a group are seeds.
 *
 * A word is one of
 *   LABEL=RUN[,RUN...]   runs of one group, whatever their settings; several words may add to one label
 *   RUN                  a run whose group is all such runs with the same settings, apart from the seed and from what
 *                        never changes a result; named after what tells those groups apart
 * Either RUN may be a pattern (glob). A word that exists as a path is a RUN even with a '=' in it.
 */
#pragma once
#include "launch/returns.h"

typedef struct rv_member_run {
    char path[RV_PATH];
    rv_config config;
    unsigned long long hash; /* of the settings with seed 0 */
    rv_returns returns;
    bool goes_on; /* its last start has not ended, as far as run.json knows */
} rv_member_run;

typedef enum rv_kind { RV_MODEL_FREE, RV_MODEL_BASED, RV_MIXED } rv_kind;

typedef struct rv_group {
    char label[RV_CHART_LABEL];
    bool is_named; /* by a LABEL= */
    rv_kind kind;  /* whether policies learn from imagined rows */
    int64_t n, room;
    rv_member_run *runs; /* (n) in the order given; owned */
} rv_group;

typedef struct rv_groups {
    int n;
    rv_group *groups; /* (n) in the order of their first runs; owned */
} rv_groups;

/** Read the runs of n words and put them into groups.
 * @return RV_OK; RV_E_USAGE (a run twice, two with the same settings and seed in a group, different tasks, a bad
 * LABEL, more than RV_CHART_CURVES groups); RV_E_NOINPUT (no such run, no evaluation yet); RV_E_CONFIG; RV_E_DATA;
 * RV_E_NOMEM. The caller clears *out. */
rv_status rv_groups_read(int n, char *const *words, rv_groups *out);
void rv_groups_clear(rv_groups *groups);
