#include "launch/page.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 80,         /* columns of text */
    TEXT = 4096,        /* bytes of one paragraph, at most */
    FIGURE_WIDTH = 860, /* pixels; the style lets them shrink */
    FIGURE_HEIGHT = 340,
};

/* what is open and ends when something else begins */
typedef enum open_part { NOTHING, FACTS, NOTES } open_part;

typedef char cell[RV_PAGE_CELL];

struct rv_page {
    FILE *html_file, *text_file; /* NULL after the end */
    char *html, *text;
    size_t n_html, n_text;
    int n_sections, n_figures;
    open_part open;
    int n_columns; /* of the table under way */
    int64_t n_rows, room;
    cell *cells; /* (n_rows, n_columns); the first row is the head */
    bool has_pictures, is_short_of_memory;
};

/* Colours of the pictures are gnuplot's, written into each element; these rules give them those of the page. */
static const char style[] =
    ":root{color-scheme:light dark;--ground:#fff;--card:#f6f7f9;--ink:#1d2127;--soft:#5b6470;--line:#d9dde3;"
    "--grid:#e6e8ec;--good:#1a7f4e;--warn:#b35900;--first:#0072b2}\n"
    "@media (prefers-color-scheme:dark){:root{--ground:#14171c;--card:#1d2128;--ink:#e6e8eb;--soft:#a0a8b4;"
    "--line:#343b45;--grid:#2a3038;--good:#4cc38a;--warn:#f0a04b;--first:#56aee8}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.6 system-ui,-apple-system,'Segoe UI',"
    "Roboto,'Helvetica Neue',Arial,sans-serif}\n"
    "main{max-width:54rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}\n"
    "h1{font-size:1.75rem;line-height:1.25;margin:0 0 1rem;overflow-wrap:anywhere}\n"
    "h2{font-size:1.25rem;line-height:1.3;margin:3rem 0 .75rem;padding-top:1.25rem;"
    "border-top:1px solid var(--line)}\n"
    "p{margin:.75rem 0}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.25rem;margin:1rem 0}\n"
    "dt{color:var(--soft)}\n"
    "dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}\n"
    ".note{background:var(--card);border-left:4px solid var(--warn);border-radius:0 6px 6px 0;margin:1rem 0;"
    "padding:.75rem 1rem}\n"
    ".note.good{border-color:var(--good)}\n"
    ".note p{margin:.25rem 0 0}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;margin:1rem 0;font-size:.9rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.3rem .9rem .3rem 0;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}\n"
    "th{color:var(--soft);font-weight:600;border-color:var(--line)}\n"
    "th:first-child,td:first-child{text-align:left}\n"
    "figure{margin:1.5rem 0;padding:1rem;background:var(--card);border-radius:8px}\n"
    "figcaption{color:var(--soft);font-size:.9rem;line-height:1.5;margin-top:.5rem}\n"
    "svg{display:block;width:100%;height:auto}\n"
    "svg text{font-family:inherit}\n"
    "svg [fill='rgb(51,51,51)'],svg [fill='rgb(0,0,0)'],svg [fill='black']{fill:var(--soft)}\n"
    "svg [stroke='rgb(228, 228, 228)']{stroke:var(--grid)}\n"
    "svg [stroke='rgb(136, 136, 136)']{stroke:var(--soft)}\n"
    "svg [stroke='rgb(  0, 114, 178)']{stroke:var(--first)}\n"
    "svg [fill='rgb(  0, 114, 178)']{fill:var(--first)}\n"
    "svg [color='rgb(  0, 114, 178)']{color:var(--first)}\n"
    "@media print{body{font-size:11pt}main{max-width:none;padding:0}figure{break-inside:avoid}}\n";

/* ---- text, whatever it holds ---- */

/* Bytes of the printable character at text, 0 when there is none. */
static int printable(const unsigned char *text)
{
    static const struct {
        unsigned char mask, lead;
        unsigned least;
    } forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    if (*text < 0x80)
        return *text >= ' ' && *text != 127;
    for (int i = 0; i < 3; i++) {
        if ((*text & forms[i].mask) != forms[i].lead)
            continue;
        unsigned code = *text & (unsigned char)~forms[i].mask;
        for (int k = 1; k <= i + 1; k++) {
            if ((text[k] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (text[k] & 0x3fU);
        }
        /* no second way to write a character, no control, half of a pair, mark that turns text around, or non-character
         */
        bool is_good = code >= forms[i].least && code >= 0xa0 && code <= 0x10ffff &&
                       !(code >= 0xd800 && code < 0xe000) && !(code >= 0x200e && code <= 0x200f) &&
                       !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069) && code != 0xfeff &&
                       (code & 0xfffe) != 0xfffe;
        return is_good ? i + 2 : 0;
    }
    return 0;
}

static void put_character(FILE *to, const unsigned char *c, int n, bool is_html)
{
    static const struct {
        char c;
        const char *escaped;
    } escapes[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (size_t i = 0; is_html && n == 1 && i < sizeof escapes / sizeof *escapes; i++)
        if (*c == escapes[i].c) {
            fputs(escapes[i].escaped, to);
            return;
        }
    if (n == 0)
        fputc('?', to);
    for (int i = 0; i < n; i++)
        fputc(c[i], to);
}

static void put(FILE *to, const char *text, bool is_html)
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int n = printable(c);
        put_character(to, c, n, is_html);
        c += n > 0 ? n : 1;
    }
}

/* characters, as a terminal counts them */
static int width_of(const char *text, size_t n_bytes)
{
    int n = 0;
    for (size_t i = 0; i < n_bytes && text[i];) {
        int bytes = printable((const unsigned char *)text + i);
        i += bytes > 0 ? (size_t)bytes : 1;
        n++;
    }
    return n;
}

/* Words in lines of WIDTH columns, of which all but the first are indented. */
static void put_wrapped(FILE *to, const char *text, int at, int indent)
{
    bool is_first = true;
    for (const char *word = text + strspn(text, " "); *word;) {
        size_t n = strcspn(word, " ");
        int width = width_of(word, n);
        if (!is_first && at + 1 + width > WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
        } else if (!is_first) {
            fputc(' ', to);
            at++;
        }
        for (size_t i = 0; i < n;) {
            int bytes = printable((const unsigned char *)word + i);
            put_character(to, (const unsigned char *)word + i, bytes, false);
            i += bytes > 0 ? (size_t)bytes : 1;
        }
        at += width;
        is_first = false;
        word += n;
        word += strspn(word, " ");
    }
    fputc('\n', to);
}

/* ---- parts ---- */

static void close_part(rv_page *p)
{
    if (p->open == FACTS)
        fputs("</dl>\n", p->html_file);
    if (p->open != NOTHING)
        fputc('\n', p->text_file);
    p->open = NOTHING;
}

rv_status rv_page_create(const char *title, bool has_pictures, rv_page **out)
{
    rv_page *p = NULL;
    RV_TRY(RV_NEW(p, 1));
    p->has_pictures = has_pictures;
    p->html_file = open_memstream(&p->html, &p->n_html);
    p->text_file = open_memstream(&p->text, &p->n_text);
    if (!p->html_file || !p->text_file) {
        rv_page_destroy(&p);
        return rv_raise(RV_E_NOMEM, "cannot make a page: out of memory");
    }
    fputs("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta "
          "charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
          "<title>",
          p->html_file);
    put(p->html_file, title, true);
    fprintf(p->html_file, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>", style);
    put(p->html_file, title, true);
    fputs("</h1>\n", p->html_file);
    put(p->text_file, title, false);
    fputs("\n\n", p->text_file);
    *out = p;
    return RV_OK;
}

void rv_page_destroy(rv_page **page)
{
    rv_page *p = *page;
    if (!p)
        return;
    if (p->html_file)
        fclose(p->html_file);
    if (p->text_file)
        fclose(p->text_file);
    free(p->html);
    free(p->text);
    rv_mem_free(&p->cells);
    rv_mem_free(page);
}

void rv_page_section(rv_page *p, const char *id, const char *title)
{
    close_part(p);
    if (p->n_sections++ > 0)
        fputs("</section>\n", p->html_file);
    fprintf(p->html_file, "<section id=\"%s\">\n<h2>", id);
    put(p->html_file, title, true);
    fputs("</h2>\n", p->html_file);
    put(p->text_file, title, false);
    fputc('\n', p->text_file);
    for (int i = width_of(title, strlen(title)); i > 0; i--)
        fputc('-', p->text_file);
    fputc('\n', p->text_file);
}

#define PRINT_INTO(text, format)                                                                                       \
    do {                                                                                                               \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        vsnprintf(text, sizeof(text), format, args);                                                                   \
        va_end(args);                                                                                                  \
    } while (0)

void rv_page_say(rv_page *p, const char *format, ...)
{
    char text[TEXT];
    PRINT_INTO(text, format);
    close_part(p);
    fputs("<p>", p->html_file);
    put(p->html_file, text, true);
    fputs("</p>\n", p->html_file);
    put_wrapped(p->text_file, text, 0, 0);
    fputc('\n', p->text_file);
}

void rv_page_fact(rv_page *p, const char *name, const char *format, ...)
{
    enum { NAMES = 26 };
    char text[TEXT];
    PRINT_INTO(text, format);
    if (p->open != FACTS) {
        close_part(p);
        fputs("<dl>\n", p->html_file);
        p->open = FACTS;
    }
    fputs("<dt>", p->html_file);
    put(p->html_file, name, true);
    fputs("</dt><dd>", p->html_file);
    put(p->html_file, text, true);
    fputs("</dd>\n", p->html_file);
    put(p->text_file, name, false);
    int width = width_of(name, strlen(name));
    int pad = width < NAMES - 2 ? NAMES - width : 2;
    fprintf(p->text_file, "%*s", pad, "");
    put_wrapped(p->text_file, text, width + pad, NAMES);
}

void rv_page_note(rv_page *p, rv_page_kind kind, const char *title, const char *format, ...)
{
    char text[TEXT];
    PRINT_INTO(text, format);
    if (p->open != NOTES)
        close_part(p);
    p->open = NOTES;
    fprintf(p->html_file, "<div class=\"note%s\"><strong>", kind == RV_PAGE_GOOD ? " good" : "");
    put(p->html_file, title, true);
    fputs("</strong><p>", p->html_file);
    put(p->html_file, text, true);
    fputs("</p></div>\n", p->html_file);
    fputs(kind == RV_PAGE_GOOD ? "+ " : "! ", p->text_file);
    put(p->text_file, title, false);
    fputs("\n  ", p->text_file);
    put_wrapped(p->text_file, text, 2, 2);
}

/* ---- tables ---- */

static void add_row(rv_page *p, const char *text)
{
    if (p->n_rows == p->room) {
        size_t old = (size_t)(p->room * p->n_columns);
        int64_t room = p->room > 0 ? 2 * p->room : 16;
        if (rv_mem_resize(old, (size_t)(room * p->n_columns), sizeof *p->cells, (void **)&p->cells) != RV_OK) {
            p->is_short_of_memory = true;
            return;
        }
        p->room = room;
    }
    cell *row = p->cells + p->n_rows++ * p->n_columns;
    for (int i = 0; i < p->n_columns; i++) {
        size_t n = strcspn(text, "|");
        snprintf(row[i], sizeof row[i], "%.*s", (int)n, text);
        text += n + (text[n] == '|');
    }
}

void rv_page_table(rv_page *p, const char *head)
{
    close_part(p);
    p->n_columns = 1;
    for (const char *c = head; *c; c++)
        p->n_columns += *c == '|' && p->n_columns < RV_PAGE_COLUMNS;
    p->n_rows = p->room = 0;
    rv_mem_free(&p->cells);
    add_row(p, head);
}

void rv_page_row(rv_page *p, const char *format, ...)
{
    char text[TEXT];
    PRINT_INTO(text, format);
    add_row(p, text);
}

static void put_cell(const rv_page *p, int64_t row, int column, int width)
{
    const char *text = p->cells[row * p->n_columns + column];
    const char *tag = row == 0 ? "th" : "td";
    fprintf(p->html_file, "<%s>", tag);
    put(p->html_file, text, true);
    fprintf(p->html_file, "</%s>", tag);
    int pad = width - width_of(text, strlen(text));
    if (column > 0 && *text)
        fprintf(p->text_file, "  %*s", pad, "");
    put(p->text_file, text, false);
    if (column == 0 && p->n_columns > 1)
        fprintf(p->text_file, "%*s", pad, "");
}

void rv_page_table_end(rv_page *p)
{
    int widths[RV_PAGE_COLUMNS] = {0};
    for (int64_t i = 0; i < p->n_rows * p->n_columns; i++) {
        int *width = &widths[i % p->n_columns];
        int needs = width_of(p->cells[i], sizeof(cell));
        *width = needs > *width ? needs : *width;
    }
    fputs("<div class=\"scroll\"><table>\n", p->html_file);
    for (int64_t r = 0; r < p->n_rows; r++) {
        fputs("<tr>", p->html_file);
        for (int c = 0; c < p->n_columns; c++)
            put_cell(p, r, c, widths[c]);
        fputs("</tr>\n", p->html_file);
        fputc('\n', p->text_file);
    }
    fputs("</table></div>\n", p->html_file);
    fputc('\n', p->text_file);
    rv_mem_free(&p->cells);
    p->n_rows = p->room = 0;
}

/* ---- pictures ---- */

/* gnuplot gives the parts of every picture the same ids; on one page they must differ, and so must what refers to
 * them. */
static void put_svg_body(FILE *to, const char *svg, int number)
{
    static const char *const marks[] = {"id=\"", "id='", "href='#", "href=\"#", "url(#"};
    while (*svg) {
        size_t n = 0;
        for (size_t i = 0; n == 0 && i < sizeof marks / sizeof *marks; i++)
            if (strncmp(svg, marks[i], strlen(marks[i])) == 0)
                n = strlen(marks[i]);
        if (n > 0)
            fprintf(to, "%.*sf%d-", (int)n, svg, number);
        else
            fputc(*svg, to);
        svg += n > 0 ? n : 1;
    }
}

static void put_svg(FILE *to, const char *svg, int number, const char *name)
{
    static const char own_title[] = "<title>Gnuplot</title>";
    const char *title = strstr(svg, own_title);
    const char *start = strstr(svg, "<svg");
    if (!start || !title)
        return;
    fprintf(to, "%.*s", (int)(title - start), start);
    fputs("<title>", to);
    put(to, name, true);
    fputs("</title>", to);
    put_svg_body(to, title + sizeof own_title - 1, number);
}

static bool has_points(const rv_chart *chart)
{
    for (int i = 0; i < chart->n_curves; i++)
        if (!chart->curves[i].is_guide && chart->curves[i].n > 0)
            return true;
    return false;
}

rv_status rv_page_figure(rv_page *p, const rv_chart *chart, const char *format, ...)
{
    char text[TEXT];
    char *svg = NULL;
    size_t n = 0;
    rv_chart bare = *chart;
    PRINT_INTO(text, format);
    if (!p->has_pictures || !has_points(chart))
        return RV_OK;
    bare.title[0] = '\0';
    bare.is_bare = true;
    RV_TRY(rv_chart_draw(&bare, RV_CHART_SVG, FIGURE_WIDTH, FIGURE_HEIGHT, &svg, &n));
    close_part(p);
    fputs("<figure>\n", p->html_file);
    put_svg(p->html_file, svg, ++p->n_figures, chart->title);
    fputs("<figcaption>", p->html_file);
    put(p->html_file, text, true);
    fputs("</figcaption>\n</figure>\n", p->html_file);
    rv_mem_free(&svg);
    return RV_OK;
}

rv_status rv_page_end(rv_page *p, const char **html, const char **text)
{
    close_part(p);
    if (p->n_sections > 0)
        fputs("</section>\n", p->html_file);
    fputs("</main>\n</body>\n</html>\n", p->html_file);
    bool is_whole = !p->is_short_of_memory && !ferror(p->html_file) && !ferror(p->text_file);
    is_whole &= fclose(p->html_file) == 0;
    is_whole &= fclose(p->text_file) == 0;
    p->html_file = p->text_file = NULL;
    RV_CHECK(is_whole, RV_E_NOMEM, "cannot make a page: out of memory");
    *html = p->html;
    *text = p->text;
    return RV_OK;
}
