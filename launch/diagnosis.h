/* diagnosis.h - everything that `reverie diagnose` knows of a run: what it recorded, and what its newest checkpoint
 * makes of its real rows. Only reads; the run may be going on.
 */
#pragma once
#include "data/journal_table.h"
#include "launch/advice.h"
#include "launch/history.h"
#include "launch/judgement.h"
#include "launch/statistics.h"
#include "launch/trained.h"
#include "launch/values.h"
#include "model/card.h"
#include "roles/ledger.h"

enum {
    RV_DIAGNOSIS_STARTS = 32,   /* episodes whose values are looked at */
    RV_DIAGNOSIS_FRESH = 100,   /* rows after the last fit, from which on the model is judged by them */
    RV_DIAGNOSIS_NEWEST = 1000, /* rows taken where nothing better is there */
    RV_DIAGNOSIS_ROWS = 2000,   /* rows that the model is judged by, at most; of more, these are spread evenly */
    RV_DIAGNOSIS_STEPS = 20,    /* horizon of the card, or the length of the branches, if that is more */
    RV_DIAGNOSIS_BINS = 10,
};

/** A share of the newest points of a metric counts as the present. */
#define RV_DIAGNOSIS_RECENT 0.2

/** Which real rows the model is judged by. */
typedef enum rv_diagnosis_rows {
    RV_ROWS_FRESH,    /* that came after the last fit */
    RV_ROWS_HELD_OUT, /* that the last fit kept out */
    RV_ROWS_NEWEST,   /* that it learned from, mostly */
} rv_diagnosis_rows;

typedef struct rv_diagnosis {
    const char *run; /* borrowed */
    rv_trained trained;
    rv_history history;
    rv_journal_table table; /* all real rows of the run */
    bool has_ledger;
    rv_ledger ledger;
    rv_values values;
    /* of the model, when it was fitted at least once: */
    bool has_model;
    rv_ensemble ensemble;
    int64_t n_fits;   /* up to the checkpoint */
    int64_t n_fitted; /* rows of the last of them, held-out ones included */
    rv_diagnosis_rows judged_by;
    rv_judgement judged; /* one step */
    double train_error,
        holdout_error;              /* rv_judgement.square on rows learned from, and on rows kept out of the last fit */
    double rank_correlation;        /* of disagreement and error */
    rv_bin bins[RV_DIAGNOSIS_BINS]; /* x disagreement, y error */
    rv_diagnosis_rows card_by;
    rv_card *card_work;
    rv_card_report card; /* many steps; its arrays are card_work's */
    rv_advice_numbers numbers;
    int n_advice;
    rv_advice advice[RV_N_ADVICE];
} rv_diagnosis;

/** @return RV_OK; RV_E_NOINPUT (no such run, no checkpoint yet); what rv_trained_open, rv_journal_read, rv_metrics_read
 * and rv_ensemble_load return. The caller clears *out, also after a failure when it was zero before. */
rv_status rv_diagnosis_make(const char *run, rv_diagnosis *out);
/** Are its batches all real, so that it has no model? */
bool rv_diagnosis_is_model_free(const rv_diagnosis *diagnosis);

void rv_diagnosis_clear(rv_diagnosis *diagnosis);
