/* returns.h - the evaluations of a run, and what each had cost by then.
 *
 * Out of metrics.jsonl, which may be growing. Evaluation i, of the policy that was published at x[RV_AXIS_STEPS][i]
 * real steps, is known at the end of its tick; by then the run had taken x[RV_AXIS_WALL] = sum over ticks up to it of
 * d,           d = rank 0's time/work_s + wait_s + exchange_s x[RV_AXIS_CORE] = sum over ticks up to it of d * ranks,
 * ranks that reported in that tick in seconds and core-seconds. This is time in the loop: the pauses between the starts
 * of a run do not count, nor do its set-ups, nor what a killed run did after the checkpoint from which it went on (its
 * records are cut off there). A rank is taken for a core, busy or waiting, since nobody else can have it.
 */
#pragma once
#include "launch/chart.h"
#include "run/config.h"

typedef struct rv_returns {
    int64_t n, room;
    double *x[RV_N_AXES]; /* (n) ascending */
    double *y;            /* (n) eval/mean_reward, finite */
} rv_returns;

/** @return RV_OK; RV_E_NOINPUT (no such file, or no evaluation in it yet); RV_E_DATA; RV_E_NOMEM. The caller clears
 * *out. */
rv_status rv_returns_read(const char *path, rv_returns *out);
void rv_returns_clear(rv_returns *returns);

/** The last of the first n evaluations at or before x on an axis; -1: there is none. */
int64_t rv_returns_at(const rv_returns *returns, int64_t n, rv_axis axis, double x);
