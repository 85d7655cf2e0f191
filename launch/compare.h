/* compare.h - what groups of runs achieved, and at which price in steps and time.
 *
 * In a group every run counts up to the steps that all its runs have reached. On each axis a run's return at x is that
 * of its last evaluation at or before x, and on the axes of time a run that got there before the others keeps its last
 * one: a group's curve is over all its seeds at every x, and ends at the same return on every axis.
 * All curves are evaluated on one grid: where any of the runs was evaluated, thinned to RV_COMPARE_GRID places or so.
 */
#pragma once
#include "launch/groups.h"
#include "launch/iqm.h"

enum { RV_COMPARE_GRID = 300 };

/** The interquartile mean of a group at a place, and its 95 % interval; NAN when there is one seed. */
typedef struct rv_estimate {
    double iqm, low, high;
} rv_estimate;

/** A group on an axis. */
typedef struct rv_trace {
    int64_t n;
    double *x;       /* (n) ascending */
    rv_estimate *at; /* (n) */
} rv_trace;

typedef struct rv_standing {
    const rv_group *group;
    int64_t *n_used;        /* (group->n) evaluations that count, of each run */
    double used[RV_N_AXES]; /* up to the last evaluation that counts: steps that all have reached, seconds on average */
    rv_estimate last;
    /* When the group has a return: the first evaluation, by steps, at which its IQM is at least the threshold. Seconds
     * and core-seconds are what its runs had taken by then, on average. */
    bool reaches;
    double reach[RV_N_AXES];
    int64_t n_reach; /* runs with an evaluation of their own that does */
    rv_trace traces[RV_N_AXES];
} rv_standing;

typedef struct rv_comparison {
    const rv_groups *groups; /* borrowed */
    double threshold;
    rv_standing *standings; /* (groups->n) */
} rv_comparison;

/** Compare.
 * @param[in] threshold a return; NAN: nine tenths of the way from the least IQM of a group's first evaluations to the
 *   greatest of the last ones
 * @return RV_OK; RV_E_NOINPUT (a run of a group ends before another's first evaluation); RV_E_NOMEM. The caller clears
 * *out, before the groups. */
rv_status rv_compare(const rv_groups *groups, double threshold, rv_comparison *out);
void rv_comparison_clear(rv_comparison *comparison);
