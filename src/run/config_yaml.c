/* config_yaml.c - reads settings from YAML, event by event, so that each error has its line and column.
 *
 * Only a map of maps of scalars (or of lists of numbers) is a config; everything else is refused on sight, so that
 * nothing nests and no input, however odd, costs more than its length.
 */
#include "run/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

enum { MAX_SEEN = 256 };

typedef struct reader {
    const char *name; /* of the file */
    const char *text;
    size_t n;
    yaml_parser_t parser;
    rv_config config; /* the caller gets it when all went well */
    int n_seen;
    struct {
        const void *row; /* rv_section or rv_field that was given */
        size_t line;
    } seen[MAX_SEEN];
} reader;

/* One event of the parser, without memory of its own. Lines and columns count from 1. */
typedef struct token {
    yaml_event_type_t type;
    size_t line, column;
    bool plain;
    char text[RV_FIELD_TEXT]; /* of a scalar */
} token;

__attribute__((format(printf, 4, 5))) static rv_status fail_at(const reader *r, size_t line, size_t column,
                                                               const char *format, ...)
{
    char text[RV_ERROR_TEXT / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return rv_raise(RV_E_CONFIG, "%s:%zu:%zu: %s", r->name, line, column, text);
}

#define CHECK_AT(cond, r, token, ...)                                                                                  \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            return fail_at((r), (token)->line, (token)->column, __VA_ARGS__);                                          \
    } while (0)

/* Put the token's place before the text of an error raised without one. */
static rv_status place(const reader *r, const token *t, rv_status status)
{
    return status == RV_OK ? RV_OK : rv_error_prefix(status, "%s:%zu:%zu", r->name, t->line, t->column);
}

/* The same, naming the key as well. */
static rv_status place_value(const reader *r, const token *t, const rv_field *field, rv_status status)
{
    return status == RV_OK ? RV_OK : place(r, t, rv_error_prefix(status, "'%s'", field->name));
}

static rv_status parser_error(const reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "unknown error";
    RV_CHECK(p->error != YAML_MEMORY_ERROR, RV_E_NOMEM, "%s: out of memory while reading YAML", r->name);
    if (p->error == YAML_READER_ERROR) { /* bad UTF-8 or control characters: only a byte's number is known */
        size_t line = 1;
        size_t column = 1;
        for (size_t i = 0; i < p->problem_offset && i < r->n; i++) {
            line += r->text[i] == '\n';
            column = r->text[i] == '\n' ? 1 : column + 1;
        }
        return fail_at(r, line, column, "not valid YAML: %s", problem);
    }
    bool tab = p->problem_mark.index < r->n && r->text[p->problem_mark.index] == '\t';
    return fail_at(r, p->problem_mark.line + 1, p->problem_mark.column + 1, "not valid YAML: %s%s%s%s",
                   p->context ? p->context : "", p->context ? ", " : "", problem,
                   tab ? " (a tab cannot indent; use spaces)" : "");
}

static rv_status next(reader *r, token *out)
{
    yaml_event_t event;
    if (!yaml_parser_parse(&r->parser, &event))
        return parser_error(r);
    *out = (token){.type = event.type, .line = event.start_mark.line + 1, .column = event.start_mark.column + 1};
    bool anchor = event.type == YAML_ALIAS_EVENT;
    bool tag = false;
    size_t n_text = 0;
    switch (event.type) {
    case YAML_SCALAR_EVENT:
        anchor = event.data.scalar.anchor != NULL;
        tag = event.data.scalar.tag != NULL;
        out->plain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        n_text = event.data.scalar.length;
        memcpy(out->text, event.data.scalar.value, n_text < sizeof out->text ? n_text : sizeof out->text - 1);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event.data.mapping_start.anchor != NULL;
        tag = event.data.mapping_start.tag != NULL;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event.data.sequence_start.anchor != NULL;
        tag = event.data.sequence_start.tag != NULL;
        break;
    case YAML_DOCUMENT_START_EVENT:
        tag = event.data.document_start.tag_directives.start != event.data.document_start.tag_directives.end;
        break;
    default:
        break;
    }
    yaml_event_delete(&event);
    CHECK_AT(!anchor, r, out, "anchors (&) and aliases (*) are not read here; write the value itself");
    CHECK_AT(!tag, r, out, "tags (!) are not read here; write the value alone");
    CHECK_AT(n_text < sizeof out->text, r, out, "a text of %zu bytes is too long; expected less than %zu", n_text,
             sizeof out->text);
    CHECK_AT(strlen(out->text) == n_text, r, out, "a NUL character is not allowed here");
    return RV_OK;
}

/* Refuse a second mention of a section or key. */
static rv_status see(reader *r, const void *row, const token *key)
{
    for (int i = 0; i < r->n_seen; i++)
        CHECK_AT(r->seen[i].row != row, r, key, "'%s' is given twice; first in line %zu", key->text, r->seen[i].line);
    RV_CHECK(r->n_seen < MAX_SEEN, RV_E_INTERNAL, "more than %d sections and keys", (int)MAX_SEEN);
    r->seen[r->n_seen].row = row;
    r->seen[r->n_seen].line = key->line;
    r->n_seen++;
    return RV_OK;
}

static rv_status read_list(reader *r, const rv_field *field, void *base, const token *start)
{
    rv_field entry = *field; /* one number with the list's range */
    entry.type = RV_T_F64;
    entry.offset = 0;
    rv_f64_list list = {0};
    for (;;) {
        token t = {0};
        double v = 0;
        RV_TRY(next(r, &t));
        if (t.type == YAML_SEQUENCE_END_EVENT)
            break;
        CHECK_AT(t.type == YAML_SCALAR_EVENT, r, &t, "'%s': expected a number; lists do not nest", field->name);
        RV_TRY(place_value(r, &t, field, rv_field_parse(&entry, t.text, &v)));
        CHECK_AT(list.n < RV_FIELD_LIST, r, start, "'%s': expected at most %d numbers", field->name,
                 (int)RV_FIELD_LIST);
        list.v[list.n++] = v;
    }
    memcpy((char *)base + field->offset, &list, sizeof list);
    return RV_OK;
}

static rv_status read_value(reader *r, const rv_section *section, const rv_field *field)
{
    void *base = (char *)&r->config + section->offset;
    token t = {0};
    RV_TRY(next(r, &t));
    if (t.type == YAML_SCALAR_EVENT)
        return place_value(r, &t, field, rv_field_parse(field, t.text, base));
    if (t.type == YAML_SEQUENCE_START_EVENT && field->type == RV_T_F64_LIST)
        return read_list(r, field, base, &t);
    char expected[RV_FIELD_TEXT];
    rv_field_expected(field, expected);
    return fail_at(r, t.line, t.column, "'%s': expected %s, got a %s", field->name, expected,
                   t.type == YAML_SEQUENCE_START_EVENT ? "list" : "map of keys");
}

static rv_status read_section(reader *r, const rv_section *section)
{
    token t = {0};
    RV_TRY(next(r, &t));
    if (t.type == YAML_SCALAR_EVENT && t.plain && !t.text[0]) /* a section whose keys are all commented out */
        return RV_OK;
    CHECK_AT(t.type == YAML_MAPPING_START_EVENT, r, &t, "section '%s': expected a map of keys, as in '%s: {%s: %s}'",
             section->name, section->name, section->fields->name, section->fields->value);
    for (;;) {
        const rv_field *field = NULL;
        RV_TRY(next(r, &t));
        if (t.type == YAML_MAPPING_END_EVENT)
            return RV_OK;
        CHECK_AT(t.type == YAML_SCALAR_EVENT, r, &t, "expected the name of a key of '%s'", section->name);
        RV_TRY(place(r, &t, rv_config_find_key(section, t.text, &field)));
        RV_TRY(see(r, field, &t));
        RV_TRY(read_value(r, section, field));
    }
}

static rv_status read_root(reader *r)
{
    const rv_section *root = rv_config_sections;
    token t = {0};
    RV_TRY(next(r, &t));
    if (t.type == YAML_SCALAR_EVENT && t.plain && !t.text[0]) /* a document of comments alone */
        return RV_OK;
    CHECK_AT(t.type == YAML_MAPPING_START_EVENT, r, &t, "expected a map of sections, as in 'env: {name: Pendulum-v1}'");
    for (;;) {
        RV_TRY(next(r, &t));
        if (t.type == YAML_MAPPING_END_EVENT)
            return RV_OK;
        CHECK_AT(t.type == YAML_SCALAR_EVENT, r, &t, "expected the name of a section");
        const rv_field *field = rv_field_find(root->fields, t.text);
        const rv_section *section = NULL;
        if (field) {
            RV_TRY(see(r, field, &t));
            RV_TRY(read_value(r, root, field));
            continue;
        }
        RV_TRY(place(r, &t, rv_config_find_section(t.text, &section)));
        RV_TRY(see(r, section, &t));
        RV_TRY(read_section(r, section));
    }
}

static rv_status read_stream(reader *r)
{
    token t = {0};
    RV_TRY(next(r, &t)); /* start of the stream */
    RV_TRY(next(r, &t));
    if (t.type == YAML_STREAM_END_EVENT)
        return RV_OK;
    RV_TRY(read_root(r));
    RV_TRY(next(r, &t)); /* end of the document */
    RV_TRY(next(r, &t));
    CHECK_AT(t.type == YAML_STREAM_END_EVENT, r, &t, "a second document (---) is not read here; keep one per file");
    return RV_OK;
}

rv_status rv_config_parse(const char *name, const char *text, size_t n, rv_config *config)
{
    RV_CHECK(n <= RV_CONFIG_MAX_BYTES, RV_E_CONFIG, "%s: %zu bytes are too many for a config; expected at most %d",
             name, n, (int)RV_CONFIG_MAX_BYTES);
    reader r = {.name = name, .text = text, .n = n, .config = *config};
    RV_CHECK(yaml_parser_initialize(&r.parser), RV_E_NOMEM, "%s: out of memory while reading YAML", name);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
    rv_status status = read_stream(&r);
    yaml_parser_delete(&r.parser);
    if (status == RV_OK)
        *config = r.config;
    return status;
}
