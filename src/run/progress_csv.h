/* progress_csv.h - read a run's progress.csv: a header of column names, then one row of numbers per record.
 *
 *   step,rollout/ep_rew_mean,eval/mean_reward
 *   250,-1204.5,
 *   500,-1187.25,-1130
 *
 * Strict: names are printable ASCII without comma, quote or blank, and differ; every row has a cell for every column;
 * a cell is empty (nothing recorded), a decimal number, nan, inf or -inf; lines end with "\n". Only a last line
 * without its "\n" is passed over: the run is still writing it.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

enum { RV_PROGRESS_CSV_MAX_BYTES = 1 << 28, RV_PROGRESS_CSV_COLUMNS = 1024, RV_PROGRESS_CSV_NAME = 64 };

typedef struct rv_progress_csv {
    int64_t n_columns, n_rows;
    char (*names)[RV_PROGRESS_CSV_NAME]; /* (n_columns) */
    double *cells;                       /* (n_rows, n_columns); NAN where the cell is empty */
} rv_progress_csv;

/** Parse n bytes; they may come from anywhere. name stands for the file in messages.
 * @return RV_OK; RV_E_DATA "progress.csv:3: expected 5 cells, got 4"; RV_E_NOINPUT when there is no header yet;
 * RV_E_NOMEM. The caller owns what *out holds (rv_progress_csv_clear). */
rv_status rv_progress_csv_parse(const char *name, const char *text, size_t n, rv_progress_csv *out);

/** The same from a file. @return also RV_E_NOINPUT (missing), RV_E_DATA (more than RV_PROGRESS_CSV_MAX_BYTES) */
rv_status rv_progress_csv_read(const char *path, rv_progress_csv *out);

/** Index of a column; -1 when there is none of that name. */
int64_t rv_progress_csv_column(const rv_progress_csv *progress, const char *name);

/** Number of rows in which both columns hold finite numbers. */
int64_t rv_progress_csv_count(const rv_progress_csv *progress, int64_t column_a, int64_t column_b);

void rv_progress_csv_clear(rv_progress_csv *progress);
