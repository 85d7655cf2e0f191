#include "base/yaml_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

rv_status rv_yaml_fail(const rv_yaml *yaml, size_t line, size_t column, const char *format, ...)
{
    char text[RV_ERROR_TEXT / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return rv_raise(RV_E_CONFIG, "%s:%zu:%zu: %s", yaml->name, line, column, text);
}

rv_status rv_yaml_place(const rv_yaml *yaml, const rv_yaml_token *token, rv_status status)
{
    return status == RV_OK ? RV_OK : rv_error_prefix(status, "%s:%zu:%zu", yaml->name, token->line, token->column);
}

rv_status rv_yaml_open(const char *name, const char *text, size_t n, size_t max, rv_yaml *out)
{
    RV_CHECK(n <= max, RV_E_CONFIG, "%s: %zu bytes are too many; expected at most %zu", name, n, max);
    *out = (rv_yaml){.name = name, .text = text, .n = n};
    RV_CHECK(yaml_parser_initialize(&out->parser), RV_E_NOMEM, "%s: out of memory while reading YAML", name);
    yaml_parser_set_encoding(&out->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&out->parser, (const unsigned char *)text, n);
    return RV_OK;
}

void rv_yaml_close(rv_yaml *yaml)
{
    yaml_parser_delete(&yaml->parser);
}

static rv_status parser_error(const rv_yaml *yaml)
{
    const yaml_parser_t *p = &yaml->parser;
    const char *problem = p->problem ? p->problem : "unknown error";
    RV_CHECK(p->error != YAML_MEMORY_ERROR, RV_E_NOMEM, "%s: out of memory while reading YAML", yaml->name);
    if (p->error == YAML_READER_ERROR) { /* bad UTF-8 or control characters: only a byte's number is known */
        size_t line = 1;
        size_t column = 1;
        for (size_t i = 0; i < p->problem_offset && i < yaml->n; i++) {
            line += yaml->text[i] == '\n';
            column = yaml->text[i] == '\n' ? 1 : column + 1;
        }
        return rv_yaml_fail(yaml, line, column, "not valid YAML: %s", problem);
    }
    bool tab = p->problem_mark.index < yaml->n && yaml->text[p->problem_mark.index] == '\t';
    return rv_yaml_fail(yaml, p->problem_mark.line + 1, p->problem_mark.column + 1, "not valid YAML: %s%s%s%s",
                        p->context ? p->context : "", p->context ? ", " : "", problem,
                        tab ? " (a tab cannot indent; use spaces)" : "");
}

rv_status rv_yaml_next(rv_yaml *yaml, rv_yaml_token *out)
{
    yaml_event_t event;
    if (!yaml_parser_parse(&yaml->parser, &event))
        return parser_error(yaml);
    *out =
        (rv_yaml_token){.type = event.type, .line = event.start_mark.line + 1, .column = event.start_mark.column + 1};
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
    RV_YAML_CHECK(!anchor, yaml, out, "anchors (&) and aliases (*) are not read here; write the value itself");
    RV_YAML_CHECK(!tag, yaml, out, "tags (!) are not read here; write the value alone");
    RV_YAML_CHECK(n_text < sizeof out->text, yaml, out, "a text of %zu bytes is too long; expected less than %zu",
                  n_text, sizeof out->text);
    RV_YAML_CHECK(strlen(out->text) == n_text, yaml, out, "a NUL character is not allowed here");
    return RV_OK;
}

bool rv_yaml_is_nothing(const rv_yaml_token *token)
{
    return token->type == YAML_SCALAR_EVENT && token->plain && !token->text[0];
}

rv_status rv_yaml_begin(rv_yaml *yaml, bool *is_empty)
{
    rv_yaml_token t = {0};
    RV_TRY(rv_yaml_next(yaml, &t)); /* start of the stream */
    RV_TRY(rv_yaml_next(yaml, &t));
    *is_empty = t.type == YAML_STREAM_END_EVENT;
    return RV_OK;
}

rv_status rv_yaml_end(rv_yaml *yaml)
{
    rv_yaml_token t = {0};
    RV_TRY(rv_yaml_next(yaml, &t)); /* end of the document */
    RV_TRY(rv_yaml_next(yaml, &t));
    RV_YAML_CHECK(t.type == YAML_STREAM_END_EVENT, yaml, &t,
                  "a second document (---) is not read here; keep one per file");
    return RV_OK;
}
