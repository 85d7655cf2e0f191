/* replay.h - the journal (data/journal.h) in a run: its writers, the real buffer that is filled from it, and the rows
 * of ticks after the checkpoint, which are taken from it instead of the environments.
 */
#pragma once
#include "data/journal_reader.h"
#include "roles/role.h"
#include "run/checkpoint.h"

typedef struct rv_replay rv_replay;

/** Before ranks start: is the run's journal whole, with the rows that the checkpoint counts on (NULL: there is none)? A
 * torn tail is no fault. @return RV_OK; RV_E_DATA; RV_E_IO; RV_E_NOMEM */
rv_status rv_replay_check(const rv_config *cfg, const char *run_dir, const rv_checkpoint_journal *real);

/** Make the journal ready for this start of the run, whose number rank 0 takes, and open the segments of ranks with
 * environments: ctx->journal. Collective. @return RV_OK; RV_E_DATA; RV_E_EXISTS (a rank of an earlier start lives);
 * RV_E_IO
 */
rv_status rv_replay_open(rv_context *ctx);

/** Fill the real buffer up to that step of the run (on node leaders; others see it after a node barrier), and keep what
 * the journal holds of this rank's environments from there on: ctx->replay.
 * @param[in] hash what the checkpoint says of those rows; NULL: there is none, and step is 0
 * @return RV_OK; RV_E_DATA; RV_E_IO; RV_E_NOMEM */
rv_status rv_replay_load(rv_context *ctx, int64_t step, const char *hash);

/** The row of an environment's step; record->row lives as long as the replay. @return false: the journal has none */
bool rv_replay_find(const rv_replay *replay, int env, int64_t step, rv_journal_record *record);

/** Forget the rows of steps before this one, once they are all behind. */
void rv_replay_trim(rv_context *ctx, int64_t step);

/** Rank 0: the real buffer is whole up to that step of the run. */
void rv_replay_hash(rv_context *ctx, int64_t step);

/** Rank 0: what a checkpoint at that step counts on. @return RV_OK; RV_E_INTERNAL */
rv_status rv_replay_mark(const rv_context *ctx, int64_t step, rv_checkpoint_journal *out);

/** Give back what open and load took. */
void rv_replay_close(rv_context *ctx);
