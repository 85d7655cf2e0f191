/* page.h - a page for people, written twice at once: as one HTML file that needs nothing else, and as plain text.
 *
 * All text that comes in is taken for text: in HTML it is escaped, and in both what is no printable UTF-8 becomes '?'.
 * The HTML is XML as well. It holds no script and asks for nothing; pictures are SVG inside it, and are left out of the
 * text. Both are kept in memory; when that runs out, rv_page_end says so.
 */
#pragma once
#include "base/status.h"
#include "launch/chart.h"

typedef struct rv_page rv_page;

/** @param[in] has_pictures false: figures are left out, of which gnuplot is then not asked for
 * @return RV_OK; RV_E_NOMEM. The caller owns *out. */
rv_status rv_page_create(const char *title, bool has_pictures, rv_page **out);
void rv_page_destroy(rv_page **page);

/** Begin a section, which ends the one before. id: letters and '-', for links to it */
void rv_page_section(rv_page *page, const char *id, const char *title);

/** A paragraph. */
void rv_page_say(rv_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** A name and what is to be said of it; those that follow one another are one list. */
void rv_page_fact(rv_page *page, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

typedef enum rv_page_kind { RV_PAGE_GOOD, RV_PAGE_WARN } rv_page_kind;

/** What a reader should see first: a title, and a text below it. */
void rv_page_note(rv_page *page, rv_page_kind kind, const char *title, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

enum { RV_PAGE_COLUMNS = 12, RV_PAGE_CELL = 64 };

/** A table: its head, its rows, its end. head, format: cells with '|' between them, at most RV_PAGE_COLUMNS; what is
 * missing in a row is empty. The first column is left-aligned, the others right. */
void rv_page_table(rv_page *page, const char *head);
void rv_page_row(rv_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rv_page_table_end(rv_page *page);

/** A picture; format: its caption. The chart's title is not drawn but names the picture for those who cannot see it.
 * @return RV_OK, also for a chart without a point, which is left out; what rv_chart_draw returns */
rv_status rv_page_figure(rv_page *page, const rv_chart *chart, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** End the page. @param[out] html, text bytes and a NUL; they belong to the page @return RV_OK; RV_E_NOMEM */
rv_status rv_page_end(rv_page *page, const char **html, const char **text);
