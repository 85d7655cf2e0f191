/* checkpoint.h - all state of a run at the end of a tick, as a folder with one file per unit:
 *
 *   RUN/checkpoints/tick_00000020/manifest.json            what belongs to it, with sizes and hashes
 *                                 env_0.safetensors        state_file.h
 *                                 learner.safetensors ...
 *
 * Files are keyed by unit, never by rank, so any number of ranks can go on from them. A checkpoint is there as a
 * whole or not at all: it grows in .tick_00000020.partial and gets its name by one rename, after everything in it
 * has reached the disk. A leftover under a dotted name is never taken for a checkpoint.
 *
 *   rank 0: rv_checkpoint_begin -> every rank: rv_checkpoint_write_unit for each of its units ->
 *   rank 0, with everybody's infos: rv_checkpoint_commit
 *
 * Good is a checkpoint whose manifest, sizes and hashes are all right; that is looked at before anything of it is used.
 * A bad one is never taken for none, never written over and never removed: who comes to write its tick again renames it
 * to tick_00000020.bad-1, -2, ...
 *
 * manifest = { "format": "reverie checkpoint", "version": 1, "tick": 20, "step": 5000,
 *              "config_hash": "9f3a0c5b7d1e2f48",
 *              "journal": { "rows": 5000, "hash": XXH3-128 of the run's first 5000 real rows },
 *              "units": [ { "name": "env_0", "bytes": 1234, "hash": "..." }, ... ],
 *              "hash": XXH3-128 of this object without "hash", printed without blanks }
 */
#pragma once
#include "base/file.h"
#include "run/state_file.h"

enum { RV_CHECKPOINT_UNITS = 65536, RV_CHECKPOINT_MANIFEST_MAX = 16 << 20 /* bytes */ };

/** The real rows that a checkpoint counts on; they are in the journal (data/journal.h). */
typedef struct rv_checkpoint_journal {
    int64_t rows;
    char hash[RV_HASH_TEXT]; /* of them in order: by step, then environment */
} rv_checkpoint_journal;

/** A committed checkpoint. */
typedef struct rv_checkpoint {
    char folder[RV_PATH]; /* RUN/checkpoints/tick_00000020 */
    int64_t tick;         /* ticks done; the run goes on with the tick of this number */
    int64_t step;         /* real steps done by then */
    uint64_t config_hash; /* rv_config_hash of the run */
    rv_checkpoint_journal journal;
    int n_units;
    rv_state_info *units; /* (n_units), env_2 before env_10; owned */
} rv_checkpoint;

/** A folder of RUN/checkpoints. */
typedef struct rv_checkpoint_place {
    int64_t tick;
    int64_t aside; /* 0: committed; K: tick_N.bad-K, a bad one that was written again */
} rv_checkpoint_place;

/** What folders there are, newest first, whether good or bad. A run without checkpoints has none.
 * @param[out] out (*n), the caller frees it @return RV_OK; RV_E_IO */
rv_status rv_checkpoint_list(const char *run_dir, rv_checkpoint_place **out, int *n);

/** "tick_00000020" or "tick_00000020.bad-1". */
void rv_checkpoint_place_name(rv_checkpoint_place place, char out[RV_STATE_NAME]);

/** Make the empty partial folder of a tick; whatever an interrupted checkpoint left is removed.
 * @return RV_OK, also when the tick has a bad one; RV_E_EXISTS when it has a good one; RV_E_IO */
rv_status rv_checkpoint_begin(const char *run_dir, int64_t tick);

/** Write one unit into the partial folder, by the rank that hosts it: letters, digits and _ . - without a leading dot
 * name it. @param[out] info_out for rv_checkpoint_commit */
rv_status rv_checkpoint_write_unit(const char *run_dir, int64_t tick, const rv_state_image *image,
                                   rv_state_info *info_out);

/** rv_state_take, then rv_checkpoint_write_unit. */
rv_status rv_checkpoint_save_unit(const char *run_dir, int64_t tick, const char *name, rv_unit_show show, void *unit,
                                  rv_state_info *info_out);

/** Write the manifest, set a bad checkpoint of the same tick aside, give the folder its name. Then remove all but the
 * newest `keep`: only bad ones do not count and stay, and nothing goes unless the newest two are good, all their bytes
 * read again. A failure to remove is a warning. The manifest does not depend on the order of infos.
 * @param[in] infos (n), all units; keep >= 2
 * @return RV_OK; RV_E_EXISTS (a good one is there); RV_E_IO; RV_E_INTERNAL (a unit twice, a file that is missing or of
 * another size) */
rv_status rv_checkpoint_commit(const char *run_dir, int64_t tick, int64_t step, uint64_t config_hash,
                               const rv_checkpoint_journal *journal, int n, const rv_state_info *infos, int keep);

/** The newest good checkpoint of a run, all of it verified.
 * @param[in] is_loud warn of each newer one that is bad, and say where the run goes on
 * @return RV_OK; RV_E_NOINPUT: no such run, or no checkpoint in it; RV_E_DATA: there are some and all are bad (the text
 * says what is wrong with the newest); RV_E_IO. The caller clears *out. */
rv_status rv_checkpoint_newest(const char *run_dir, bool is_loud, rv_checkpoint *out);

/** The committed checkpoint of a tick. Only its manifest is read.
 * @return RV_OK; RV_E_NOINPUT: there is none; RV_E_DATA; RV_E_IO. The caller clears *out. */
rv_status rv_checkpoint_open(const char *run_dir, int64_t tick, rv_checkpoint *out);
void rv_checkpoint_clear(rv_checkpoint *checkpoint);

/** The row of a unit. @return RV_OK; RV_E_DATA when the checkpoint holds no such unit */
rv_status rv_checkpoint_find(const rv_checkpoint *checkpoint, const char *name, const rv_state_info **out);

/** Compare a unit's file with the manifest's size and hash, or all files. @return RV_OK; RV_E_DATA; RV_E_IO */
rv_status rv_checkpoint_verify(const rv_checkpoint *checkpoint, const rv_state_info *info);
rv_status rv_checkpoint_verify_all(const rv_checkpoint *checkpoint);

/** Where the file of a unit is. */
rv_status rv_checkpoint_unit_path(const rv_checkpoint *checkpoint, const char *name, char out[RV_PATH]);

/** rv_checkpoint_find, rv_checkpoint_verify, then rv_state_load. */
rv_status rv_checkpoint_load_unit(const rv_checkpoint *checkpoint, const char *name, rv_unit_show show, void *unit);

/** Read a manifest, which must be printed as rv_checkpoint_commit does; folder stays empty. name stands for the file in
 * messages. Untrusted bytes are safe.
 * @return RV_OK; RV_E_DATA; RV_E_NOMEM. The caller clears *out. */
rv_status rv_checkpoint_parse(const char *name, const char *text, size_t n, rv_checkpoint *out);
