/* journal_table.h - all real rows of a run in one place, in order: by step, then environment. */
#pragma once
#include "data/journal_reader.h"

/** Where a row stands. */
typedef struct rv_journal_label {
    int64_t env, episode;
    unsigned char begins, terminated, truncated; /* 1: first row of its episode; last row, by the task or its limit */
} rv_journal_label;

typedef struct rv_journal_table {
    int64_t n_rows;
    rv_row row;
    float *rows;              /* (n_rows, row.width) */
    rv_journal_label *labels; /* (n_rows) */
} rv_journal_table;

/** Read the rows that a reading before (rv_journal_read) has counted; what the run appended since is left out.
 * @return RV_OK; RV_E_DATA (rows have gone); what rv_journal_read returns. The caller clears *out. */
rv_status rv_journal_table_load(const char *run_dir, const rv_journal_info *info, rv_journal_table *out);
void rv_journal_table_clear(rv_journal_table *table);
