/* recorder.h - writes what the ranks measure, tick by tick:
 *   metrics.jsonl   one line per frame (run/metrics.h), sorted by (tick, role, unit)
 *   progress.csv    one row per tick: tick, step, wall, then every metric of the table in its order, as the mean over
 *                   the units that reported it; empty when none did or the mean is not finite
 *
 * A rank's "rank" frame is the last of its tick, and each sender's frames arrive in order: when the "rank" frames of
 * all ranks are there, everything of that tick is, and the tick is written and flushed. What is written does not
 * depend on the order in which the frames of different ranks arrive.
 *
 * rv_recorder_on_frame runs on the feed's thread; status, sync and summary may be asked from any other.
 */
#pragma once
#include "feed/frame.h"

typedef struct rv_recorder rv_recorder;

/** What the last tick written says, for the progress line. Values are means over units, the latest that was reported,
 * NaN until there is one. */
typedef struct rv_summary {
    int64_t tick, step;    /* of the last tick written; tick -1: none yet */
    double wall;           /* seconds since the run was started or resumed */
    int64_t n_evals;       /* ticks with an evaluation so far */
    double eval_reward;    /* eval/mean_reward */
    double ep_rew_mean;    /* rollout/ep_rew_mean */
    double holdout_loss;   /* model/holdout_loss */
    double imagined_share; /* train/imagined_share */
    double n_updates;      /* train/n_updates */
} rv_summary;

/** Open both files in a run's folder, creating what is not there, and cut off all records of first_tick and later (and
 * a last line that a crash cut short), so that a resumed run neither loses nor doubles one. Warns when records just
 * before first_tick are missing.
 * @param[in] n_ranks that send "rank" frames, units 0 to n_ranks - 1; n_units that may report in a tick besides;
 *   first_tick the next to be run, 0 for a new run
 * @return RV_OK; RV_E_IO; RV_E_DATA with path:line (a file that is no record, or has other columns); RV_E_NOMEM */
rv_status rv_recorder_open(const char *folder, int n_ranks, int64_t n_units, int64_t first_tick, rv_recorder **out);

/** Take a frame; an rv_feed_callback whose user is the recorder. A failure is remembered and ends the recording. Takes
 * memory only when more frames wait than those of a few full ticks. */
void rv_recorder_on_frame(void *recorder, const rv_frame *frame);

/** RV_OK, or the first failure: RV_E_IO (a write), RV_E_PROTOCOL (a metric that is not in the table, two frames of one
 * unit in one tick, a frame after its tick was complete or millions of ticks before, a rank that does not exist). */
rv_status rv_recorder_status(rv_recorder *recorder);

/** Wait until what was written is on the disk (fsync): before a checkpoint that a resume may start from.
 * @return RV_OK; RV_E_IO; what rv_recorder_status returns */
rv_status rv_recorder_sync(rv_recorder *recorder);

void rv_recorder_summary(rv_recorder *recorder, rv_summary *out);

/** Close; after the feed's thread has ended. Frames of incomplete ticks are dropped. */
void rv_recorder_close(rv_recorder **recorder);
