#include "base/field.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DISTANCE_TEXT = 64 };

/* Append to a fixed buffer; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void append(char *out, size_t size, const char *format, ...)
{
    size_t n = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + n, size - n, format, args);
    va_end(args);
}

void rv_field_shown(const char *text, char out[RV_FIELD_SHOWN])
{
    size_t i = 0;
    for (; text[i] && i < RV_FIELD_SHOWN - 4; i++)
        out[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    snprintf(out + i, RV_FIELD_SHOWN - i, "%s", text[i] ? "..." : "");
}

/* The shortest decimal text that reads back to the same bits. */
static void print_f64(double v, char *out, size_t size)
{
    for (int digits = 15; digits <= 17; digits++) {
        char text[40];
        snprintf(text, sizeof text, "%.*g", digits, v);
        double back = strtod(text, NULL);
        if (digits == 17 || memcmp(&back, &v, sizeof v) == 0) {
            append(out, size, "%s", text);
            return;
        }
    }
}

static const char *choice_at(const char *choices, int index, size_t *n)
{
    const char *p = choices;
    for (; index > 0 && p; index--) {
        p = strchr(p, '|');
        p = p ? p + 1 : NULL;
    }
    *n = p ? strcspn(p, "|") : 0;
    return p;
}

static void append_range(const rv_field *field, char out[RV_FIELD_TEXT])
{
    bool bounded = isfinite(field->min) && isfinite(field->max);
    if (!bounded && !isfinite(field->min) && !isfinite(field->max))
        return;
    append(out, RV_FIELD_TEXT, bounded ? " in [" : isfinite(field->min) ? " of at least " : " of at most ");
    if (isfinite(field->min))
        print_f64(field->min, out, RV_FIELD_TEXT);
    if (bounded)
        append(out, RV_FIELD_TEXT, ", ");
    if (isfinite(field->max))
        print_f64(field->max, out, RV_FIELD_TEXT);
    if (bounded)
        append(out, RV_FIELD_TEXT, "]");
}

void rv_field_expected(const rv_field *field, char out[RV_FIELD_TEXT])
{
    out[0] = '\0';
    switch (field->type) {
    case RV_T_BOOL:
        append(out, RV_FIELD_TEXT, "true or false");
        break;
    case RV_T_I64:
        append(out, RV_FIELD_TEXT, "a whole number");
        append_range(field, out);
        break;
    case RV_T_F64:
        append(out, RV_FIELD_TEXT, "a number");
        append_range(field, out);
        break;
    case RV_T_F64_LIST:
        append(out, RV_FIELD_TEXT, "a list of at most %d numbers, each", RV_FIELD_LIST);
        append_range(field, out);
        break;
    case RV_T_STR:
        append(out, RV_FIELD_TEXT, "a text of at most %d printable characters without quotes", RV_FIELD_STR - 1);
        break;
    case RV_T_ENUM: {
        size_t n = 0;
        for (int i = 0; choice_at(field->choices, i, &n); i++)
            append(out, RV_FIELD_TEXT, "%s%.*s", i ? " or " : "", (int)n, choice_at(field->choices, i, &n));
        break;
    }
    }
}

static rv_status refuse(const rv_field *field, const char *text)
{
    char expected[RV_FIELD_TEXT];
    char shown[RV_FIELD_SHOWN];
    rv_field_expected(field, expected);
    rv_field_shown(text, shown);
    return rv_raise(RV_E_CONFIG, "expected %s, got '%s'", expected, shown);
}

static bool read_i64(const rv_field *field, const char *text, int64_t *out)
{
    const char *digits = text + (text[0] == '-');
    if (!*digits || digits[strspn(digits, "0123456789")])
        return false;
    errno = 0;
    long long v = strtoll(text, NULL, 10);
    if (errno || !((double)v >= field->min && (double)v <= field->max))
        return false;
    *out = v;
    return true;
}

static bool read_f64(const rv_field *field, const char *text, double *out)
{
    /* strtod alone would take blanks, hexadecimal, nan and inf as well */
    if (!strchr("-.0123456789", text[0]) || !*text || text[strspn(text, "+-.eE0123456789")])
        return false;
    char *end = NULL;
    double v = strtod(text, &end);
    if (*end || end == text || !isfinite(v) || !(v >= field->min && v <= field->max))
        return false;
    *out = v;
    return true;
}

static bool read_list(const rv_field *field, const char *text, rv_f64_list *out)
{
    rv_f64_list list = {0};
    size_t n = strlen(text);
    if (n < 2 || text[0] != '[' || text[n - 1] != ']')
        return false;
    const char *end = text + n - 1;
    const char *p = text + 1 + strspn(text + 1, " ");
    while (p < end) {
        char item[40];
        size_t n_item = strcspn(p, " ,]");
        if (n_item >= sizeof item || list.n == RV_FIELD_LIST)
            return false;
        snprintf(item, sizeof item, "%.*s", (int)n_item, p);
        if (!read_f64(field, item, &list.v[list.n++]))
            return false;
        p += n_item;
        p += strspn(p, " ");
        if (p == end)
            break;
        if (*p != ',')
            return false;
        p += 1 + strspn(p + 1, " ");
        if (p == end)
            return false;
    }
    *out = list;
    return true;
}

static bool read_str(const char *text, char out[RV_FIELD_STR])
{
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    if (n >= RV_FIELD_STR)
        return false;
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~' || strchr("'\"\\", text[i]))
            return false;
    memset(out, 0, RV_FIELD_STR);
    memcpy(out, text, n); // NOLINT(bugprone-not-null-terminated-result): zeroed above
    return true;
}

static rv_status parse_enum(const rv_field *field, const char *text, int *out)
{
    size_t n = 0;
    const char *choice = NULL;
    char nearest[RV_FIELD_SHOWN] = "";
    int best = INT_MAX;
    for (int i = 0; (choice = choice_at(field->choices, i, &n)) != NULL; i++) {
        char name[RV_FIELD_SHOWN];
        snprintf(name, sizeof name, "%.*s", (int)n, choice);
        if (strcmp(name, text) == 0) {
            *out = i;
            return RV_OK;
        }
        if (rv_field_nearer(text, name, &best))
            memcpy(nearest, name, sizeof nearest);
    }
    char expected[RV_FIELD_TEXT];
    char shown[RV_FIELD_SHOWN];
    rv_field_expected(field, expected);
    rv_field_shown(text, shown);
    RV_CHECK(nearest[0], RV_E_CONFIG, "expected %s, got '%s'", expected, shown);
    return rv_raise(RV_E_CONFIG, "expected %s, got '%s'; did you mean '%s'?", expected, shown, nearest);
}

rv_status rv_field_parse(const rv_field *field, const char *text, void *base)
{
    void *at = (char *)base + field->offset;
    bool ok = false;
    switch (field->type) {
    case RV_T_BOOL:
        ok = strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
        if (ok)
            *(bool *)at = text[0] == 't';
        break;
    case RV_T_I64:
        ok = read_i64(field, text, at);
        break;
    case RV_T_F64:
        ok = read_f64(field, text, at);
        break;
    case RV_T_ENUM:
        return parse_enum(field, text, at);
    case RV_T_STR:
        ok = read_str(text, at);
        break;
    case RV_T_F64_LIST:
        ok = read_list(field, text, at);
        break;
    }
    return ok ? RV_OK : refuse(field, text);
}

void rv_field_print(const rv_field *field, const void *base, char out[RV_FIELD_TEXT])
{
    const void *at = (const char *)base + field->offset;
    out[0] = '\0';
    switch (field->type) {
    case RV_T_BOOL:
        append(out, RV_FIELD_TEXT, "%s", *(const bool *)at ? "true" : "false");
        break;
    case RV_T_I64:
        append(out, RV_FIELD_TEXT, "%lld", (long long)*(const int64_t *)at);
        break;
    case RV_T_F64:
        print_f64(*(const double *)at, out, RV_FIELD_TEXT);
        break;
    case RV_T_ENUM: {
        size_t n = 0;
        const char *choice = choice_at(field->choices, *(const int *)at, &n);
        append(out, RV_FIELD_TEXT, "%.*s", (int)n, choice ? choice : "");
        break;
    }
    case RV_T_STR:
        append(out, RV_FIELD_TEXT, "\"%s\"", (const char *)at);
        break;
    case RV_T_F64_LIST: {
        const rv_f64_list *list = at;
        append(out, RV_FIELD_TEXT, "[");
        for (int64_t i = 0; i < list->n; i++) {
            append(out, RV_FIELD_TEXT, "%s", i ? ", " : "");
            print_f64(list->v[i], out, RV_FIELD_TEXT);
        }
        append(out, RV_FIELD_TEXT, "]");
        break;
    }
    }
}

rv_status rv_field_defaults(const rv_field *table, void *base)
{
    for (const rv_field *f = table; f->name; f++) {
        rv_status status = rv_field_parse(f, f->value, base);
        if (status != RV_OK)
            return rv_error_prefix(status, "default of '%s'", f->name);
    }
    return RV_OK;
}

int rv_field_count(const rv_field *table)
{
    int n = 0;
    while (table[n].name)
        n++;
    return n;
}

const rv_field *rv_field_find(const rv_field *table, const char *name)
{
    for (const rv_field *f = table; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static int min_of(int a, int b)
{
    return a < b ? a : b;
}

int rv_field_distance(const char *a, const char *b)
{
    int n_a = (int)strnlen(a, MAX_DISTANCE_TEXT);
    int n_b = (int)strnlen(b, MAX_DISTANCE_TEXT);
    int row[3][MAX_DISTANCE_TEXT + 1]; /* distances of a's first i-2, i-1 and i characters to each start of b */
    int *before = row[0];
    int *last = row[1];
    int *now = row[2];
    for (int j = 0; j <= n_b; j++)
        last[j] = before[j] = j;
    for (int i = 1; i <= n_a; i++) {
        now[0] = i;
        for (int j = 1; j <= n_b; j++) {
            now[j] = min_of(min_of(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min_of(now[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[n_b];
}

bool rv_field_nearer(const char *name, const char *candidate, int *best)
{
    int distance = rv_field_distance(name, candidate);
    int tolerated = 1 + (int)(strnlen(name, MAX_DISTANCE_TEXT) / 3);
    if (distance > tolerated || distance >= *best)
        return false;
    *best = distance;
    return true;
}
