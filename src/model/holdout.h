/* holdout.h - which rows of the real buffer a fit does not learn from, so that it can be judged by them.
 *
 * The buffer is cut into segments of `holdout_segment` consecutive rows (with env.count environments these are
 * holdout_segment / env.count steps of each), and so many of them are drawn that they hold
 * min(holdout_ratio n, holdout_max) rows, at least one segment. Rows after the last whole segment are learned from.
 * A segment of 1 keeps single rows out; longer ones let an open-loop prediction be judged (card.h).
 *
 * All members share the split: it is a function of (seed, retrain, n_rows) alone.
 */
#pragma once
#include "model/member.h"

/** Rows held out of n_rows (at least 2); at least one is, and at least one is not. A segment that would leave none is
 * taken as 1. */
int64_t rv_holdout_rows(const rv_model_cfg *cfg, int64_t n_rows);

/** @param[out] split (n_rows) a permutation of the rows: those held out, segment by segment, each in order, then the
 * others. */
void rv_holdout_split(const rv_model_cfg *cfg, uint64_t seed, int64_t retrain, int64_t n_rows, uint32_t *split);
