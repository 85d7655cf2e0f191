/* trial.h - a short run of a configuration on one rank, to see what the work of each role costs on this machine. */
#pragma once
#include "roles/layout.h"

/** Seconds per item of each role's work (roles/cost.h). */
typedef struct rv_trial {
    int n[RV_N_ROLES];         /* ticks in which the role worked; 0: never, and the others are 0 */
    double item_s[RV_N_ROLES]; /* their median */
    double spread[RV_N_ROLES]; /* between the first and the third quartile, as a part of the median */
    double seconds;            /* that the trial took */
} rv_trial;

/** The settings with less of everything: few steps, rows, epochs, updates, branches and episodes, lockstep. What an
 * item is stays as it was: networks, batches, shards, length of branches, steps of an episode.
 * @return RV_OK; RV_E_CONFIG */
rv_status rv_trial_config(const rv_config *cfg, rv_config *out);

/** Run the trial of these settings with this very program, in a temporary folder that is removed afterwards, also on
 * Ctrl-C. Its progress line goes to stderr.
 * @param[in] trial made by rv_trial_config
 * @return 0; else the exit code (128 + signal when interrupted); what was wrong has been said */
int rv_trial_run(const rv_config *trial, rv_trial *out);

/** Read back what a trial recorded; seconds is not set.
 * @param[in] path its metrics.jsonl @return RV_OK; what rv_metrics_read returns */
rv_status rv_trial_read(const rv_config *trial, const char *path, rv_trial *out);
