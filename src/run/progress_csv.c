#include "run/progress_csv.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CELL = 63 };

/* where the parser stands: the line at [at, end), of which end is its newline */
typedef struct cursor {
    const char *name;
    int64_t line; /* from 1 */
    const char *at, *end;
} cursor;

/* Step to the next complete line; false at the end of the text. */
static bool next_line(cursor *c, const char *text_end)
{
    const char *start = c->line == 0 ? c->at : c->end + 1;
    if (start >= text_end)
        return false;
    const char *newline = memchr(start, '\n', (size_t)(text_end - start));
    if (!newline)
        return false;
    c->at = start;
    c->end = newline;
    c->line++;
    return true;
}

/* The cell that starts at *p, of *n bytes; moves *p behind its comma, or behind end after the last one. */
static const char *next_cell(const char **p, const char *end, size_t *n)
{
    const char *start = *p;
    const char *comma = memchr(start, ',', (size_t)(end - start));
    *n = (size_t)((comma ? comma : end) - start);
    *p = start + *n + 1;
    return start;
}

static int64_t count_cells(const char *at, const char *end)
{
    int64_t n = 1;
    for (; at < end; at++)
        n += *at == ',';
    return n;
}

/* One cell as a number; NAN when it is empty. */
static rv_status parse_cell(const cursor *c, const char *cell, size_t n, double *out)
{
    if (n == 0) {
        *out = NAN;
        return RV_OK;
    }
    char text[MAX_CELL + 1] = {0};
    memcpy(text, cell, n < MAX_CELL ? n : MAX_CELL);
    bool is_word =
        strlen(text) == n && (strcmp(text, "nan") == 0 || strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0);
    /* strtod alone would take blanks, hexadecimal numbers and more words */
    bool is_plain = n <= MAX_CELL && strspn(text, "0123456789+-.eE") == n;
    char *rest = text;
    double value = is_word || is_plain ? strtod(text, &rest) : 0;
    bool is_number = is_word || (is_plain && rest == text + n && isfinite(value));
    for (char *p = text; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    RV_CHECK(is_number, RV_E_DATA, "%s:%lld: expected a number or an empty cell, got '%s%s'", c->name,
             (long long)c->line, text, n > MAX_CELL ? "..." : "");
    *out = value;
    return RV_OK;
}

static rv_status parse_header(const cursor *c, rv_progress_csv *progress)
{
    const char *p = c->at;
    for (int64_t i = 0; i < progress->n_columns; i++) {
        size_t n = 0;
        const char *cell = next_cell(&p, c->end, &n);
        RV_CHECK(n > 0 && n < RV_PROGRESS_CSV_NAME, RV_E_DATA,
                 "%s:%lld: column %lld has a name of %zu bytes, expected 1 to %d", c->name, (long long)c->line,
                 (long long)i + 1, n, RV_PROGRESS_CSV_NAME - 1);
        for (size_t j = 0; j < n; j++)
            RV_CHECK(cell[j] > ' ' && cell[j] <= '~' && cell[j] != '"', RV_E_DATA,
                     "%s:%lld: the name of column %lld is not plain text", c->name, (long long)c->line,
                     (long long)i + 1);
        memcpy(progress->names[i], cell, n);
        int64_t first = rv_progress_csv_column(progress, progress->names[i]);
        RV_CHECK(first == i, RV_E_DATA, "%s:%lld: columns %lld and %lld are both named '%s'", c->name,
                 (long long)c->line, (long long)first + 1, (long long)i + 1, progress->names[i]);
    }
    return RV_OK;
}

static rv_status parse_rows(cursor *c, const char *text_end, rv_progress_csv *progress)
{
    double *cell_out = progress->cells;
    while (next_line(c, text_end)) {
        int64_t n_cells = count_cells(c->at, c->end);
        RV_CHECK(n_cells == progress->n_columns, RV_E_DATA, "%s:%lld: expected %lld cells, got %lld", c->name,
                 (long long)c->line, (long long)progress->n_columns, (long long)n_cells);
        for (const char *p = c->at; p <= c->end;) {
            size_t n = 0;
            const char *cell = next_cell(&p, c->end, &n);
            RV_TRY(parse_cell(c, cell, n, cell_out++));
        }
    }
    return RV_OK;
}

rv_status rv_progress_csv_parse(const char *name, const char *text, size_t n, rv_progress_csv *out)
{
    rv_status status = RV_OK;
    rv_progress_csv progress = {0};
    const char *text_end = text + n;
    cursor c = {.name = name, .at = text};
    RV_CHECK(next_line(&c, text_end), RV_E_NOINPUT, "%s: nothing has been recorded yet", name);
    progress.n_columns = count_cells(c.at, c.end);
    RV_CHECK(progress.n_columns <= RV_PROGRESS_CSV_COLUMNS, RV_E_DATA, "%s:1: %lld columns, expected at most %d", name,
             (long long)progress.n_columns, RV_PROGRESS_CSV_COLUMNS);
    RV_TRY(RV_NEW(progress.names, progress.n_columns));
    RV_TRY_GOTO(parse_header(&c, &progress), fail);

    cursor ahead = c;
    while (next_line(&ahead, text_end))
        progress.n_rows++;
    /* a row of k cells takes k bytes at least: short rows are refused before memory is taken for them */
    RV_CHECK_GOTO(progress.n_rows <= (int64_t)(n / (size_t)progress.n_columns), RV_E_DATA, fail,
                  "%s: %lld rows are shorter than their %lld columns", name, (long long)progress.n_rows,
                  (long long)progress.n_columns);
    RV_TRY_GOTO(RV_NEW(progress.cells, progress.n_rows * progress.n_columns), fail);
    RV_TRY_GOTO(parse_rows(&c, text_end, &progress), fail);
    *out = progress;
    return RV_OK;
fail:
    rv_progress_csv_clear(&progress);
    return status;
}

rv_status rv_progress_csv_read(const char *path, rv_progress_csv *out)
{
    char *text = NULL;
    size_t n = 0;
    RV_TRY(rv_file_read(path, RV_PROGRESS_CSV_MAX_BYTES, &text, &n));
    rv_status status = rv_progress_csv_parse(path, text, n, out);
    rv_mem_free(&text);
    return status;
}

int64_t rv_progress_csv_column(const rv_progress_csv *progress, const char *name)
{
    for (int64_t i = 0; i < progress->n_columns; i++)
        if (strcmp(progress->names[i], name) == 0)
            return i;
    return -1;
}

int64_t rv_progress_csv_count(const rv_progress_csv *progress, int64_t column_a, int64_t column_b)
{
    int64_t n = 0;
    for (int64_t i = 0; i < progress->n_rows; i++) {
        const double *row = progress->cells + i * progress->n_columns;
        n += isfinite(row[column_a]) && isfinite(row[column_b]);
    }
    return n;
}

void rv_progress_csv_clear(rv_progress_csv *progress)
{
    rv_mem_free(&progress->names);
    rv_mem_free(&progress->cells);
    progress->n_columns = progress->n_rows = 0;
}
