/* history.h - what a run measured over time, out of its metrics.jsonl, which may be growing. */
#pragma once
#include "run/metrics.h"

/** One metric in one tick: over the units that reported a finite number. */
typedef struct rv_point {
    int64_t tick, step;
    int64_t n;              /* units */
    double mean, low, high; /* low, high: least and largest */
} rv_point;

typedef struct rv_series {
    int64_t n, room;
    rv_point *points; /* (n) by tick; owned */
} rv_series;

/** One horizon of an error card that the run recorded after a fit. NAN: not recorded. */
typedef struct rv_card_point {
    int64_t tick, step;
    int64_t horizon; /* steps ahead, from 1 */
    double error, low, high, model_cost, critic_cost;
} rv_card_point;

typedef struct rv_history {
    rv_series of[RV_N_METRICS]; /* of all roles but the ranks', the episodes' and the cards' */
    rv_series episodes;         /* return of each training episode that did not fail, by step */
    int64_t n_cards, card_room;
    rv_card_point *cards; /* (n_cards) by tick, then horizon; owned */
    int64_t n_records;
    int64_t last_step; /* of the last tick recorded; 0: none */
} rv_history;

/** @return RV_OK, also when there is no such file yet; what rv_metrics_read returns. The caller clears *out. */
rv_status rv_history_read(const char *path, rv_history *out);
void rv_history_clear(rv_history *history);

/** The last point of a metric before that tick; NULL: there is none. */
const rv_point *rv_history_last(const rv_history *history, rv_metric metric, int64_t before_tick);

/** Points of a metric before that tick: fits, for a metric that each fit reports. */
int64_t rv_history_count(const rv_history *history, rv_metric metric, int64_t before_tick);

/** Mean of a metric over the last `share` of its points (at least one); NAN when it has none. */
double rv_history_recent(const rv_history *history, rv_metric metric, double share);

/** Points of a horizon of the recorded cards; one value of rv_card_point by its offset in there.
 * @param[out] out mean, and low and high: of the errors those of the members. The caller frees out->points.
 * @return RV_OK; RV_E_NOMEM */
rv_status rv_history_card(const rv_history *history, int64_t horizon, size_t value, rv_series *out);
