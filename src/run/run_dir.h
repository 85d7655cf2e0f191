/* run_dir.h - the folder of a run: config.yaml (resolved), run.json (versions, host, ranks, starts), metrics.jsonl,
 * progress.csv, feed.json (where to subscribe), checkpoints/.
 */
#pragma once
#include "base/file.h"
#include "run/config.h"

/** A free folder name runs/NAME-1, runs/NAME-2, ... for configs/NAME.yaml. Makes the folder, so that two runs never
 * get the same. @param[out] out (RV_PATH) */
rv_status rv_run_dir_next(const char *config_path, char out[RV_PATH]);

/** Make the folder and write config.yaml; a folder that holds a run already is RV_E_EXISTS, untouched. */
rv_status rv_run_dir_create(const char *run_dir, const rv_config *cfg);

/** Read config.yaml of a run. @return RV_OK; RV_E_NOINPUT when there is no run; RV_E_CONFIG */
rv_status rv_run_dir_config(const char *run_dir, int n_overrides, char *const *overrides, rv_config *out);

/** Check that none of the overrides changes what the run learns, so that it can go on with them.
 * @return RV_OK; RV_E_CONFIG, naming the override; what rv_run_dir_config returns */
rv_status rv_run_dir_keeps(const char *run_dir, int n_overrides, char *const *overrides);

/** Be the one process that writes to the run, until *out is closed or this process ends, however it ends.
 * @param[out] out a file descriptor (of metrics.jsonl) @return RV_OK; RV_E_EXISTS when another process
 * is, and has not died within RV_LEASE_DYING_MS; RV_E_IO */
rv_status rv_run_dir_lock(const char *run_dir, int *out);

/** Write config.yaml again, for a run that goes on with other run-time settings. */
rv_status rv_run_dir_rewrite_config(const char *run_dir, const rv_config *cfg);

/** Write run.json: what runs where, this time, and one more start in its list (starts.h). tick: the first it does. */
rv_status rv_run_dir_describe(const char *run_dir, const rv_config *cfg, int n_ranks, int n_nodes, const char *host,
                              int64_t tick);
