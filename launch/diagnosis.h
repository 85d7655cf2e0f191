/* diagnosis.h - everything that `reverie diagnose` knows of a run: what it recorded, and what its newest checkpoint
 * makes of its real rows. Only reads; the run may be going on.
 */
#pragma once
#include "data/journal_table.h"
#include "launch/advice.h"
#include "launch/history.h"
#include "launch/trained.h"
#include "launch/values.h"
#include "roles/ledger.h"

enum { RV_DIAGNOSIS_STARTS = 32 /* episodes whose values are looked at */ };

/** A share of the newest points of a metric counts as the present. */
#define RV_DIAGNOSIS_RECENT 0.2

typedef struct rv_diagnosis {
    const char *run; /* borrowed */
    rv_trained trained;
    rv_history history;
    rv_journal_table table; /* all real rows of the run */
    bool has_ledger;
    rv_ledger ledger;
    bool has_model;       /* the ensemble was fitted at least once */
    rv_ensemble ensemble; /* with has_model */
    int64_t n_fits;       /* up to the checkpoint */
    int64_t n_fitted;     /* rows of the last of them, held-out ones included */
    rv_values values;
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
