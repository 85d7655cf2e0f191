/* guard.h - numbers that are not finite, after all that could be skipped was.
 *
 *   where                        what happens
 *   an environment's output      the episode is cut, the step made again in the next one; counted like a failure of a
 *                                user's environment (env.failures)
 *   an evaluated episode         counts up to there; env.failures
 *   a minibatch of a fit         left out; guard.budget in a row
 *   weights after an epoch       not kept; a fit with none to keep ends with those it began with
 *   imagined rows                left out; gives up on a block of which nothing is left
 *   batch or gradient of an      left out on all ranks alike, since they see the same sum; guard.budget in a row
 *   update
 *   the learner's weights        cannot be left out
 *
 * Each is counted in the metrics guard/... When the budget is spent, the run answers: once, it ends with 75, so that it
 * goes on from its last checkpoint. What a broken memory or a network did is then undone; rows and failures of an
 * environment stay, as they are in the journal. A run that diverged does the same again, because results depend on
 * nothing but settings and seed: at the same tick or before it, it ends with 76, for good. That an answer was given is
 * kept as the name of a file in RUN/failures.
 */
#pragma once
#include "run/state_file.h"

/** What to do about the RV_E_NONFINITE that was raised in this tick. @param[in] last rv_guard_last at the start
 * @return RV_E_AGAIN, noted in RUN/failures; RV_E_NONFINITE, either with the text of what was raised; RV_E_IO */
rv_status rv_guard_answer(const char *run_dir, int64_t tick, int64_t last);

/** The tick of the newest answer, -1: none was given. @return RV_OK; RV_E_IO */
rv_status rv_guard_last(const char *run_dir, int64_t *out);

/** Write down what a unit was given last and what came of it: RUN/failures/batches_tick_T_KIND_UNIT.safetensors, and
 * the text of the error raised last beside it. Only warns when that fails, and leaves the error as it is. */
void rv_guard_dump(const char *run_dir, int64_t tick, const char *kind, int unit, rv_unit_show show, void *data);
