/* yaml_reader.h - YAML from outside, event by event, so that each error has its line and column.
 *
 * A reader that knows what comes next asks for one token after the other and refuses what does not fit on sight: then
 * no input, however odd, costs more than its length. Anchors, aliases, tags and a second document are refused here, and
 * so are texts of RV_FIELD_TEXT bytes and more.
 */
#pragma once
#include "base/field.h"
#include "base/status.h"

#include <yaml.h>

typedef struct rv_yaml {
    const char *name; /* of the file */
    const char *text;
    size_t n;
    yaml_parser_t parser;
} rv_yaml;

/** One event of the parser, without memory of its own. Lines and columns count from 1. */
typedef struct rv_yaml_token {
    yaml_event_type_t type;
    size_t line, column;
    bool plain;               /* a scalar without quotes */
    char text[RV_FIELD_TEXT]; /* of a scalar */
} rv_yaml_token;

/** Read n bytes of text, at most max; name is the file's, for messages. Both are borrowed until rv_yaml_close.
 * @return RV_OK; RV_E_CONFIG (too long); RV_E_NOMEM */
rv_status rv_yaml_open(const char *name, const char *text, size_t n, size_t max, rv_yaml *out);
void rv_yaml_close(rv_yaml *yaml);

/** The next event. @return RV_OK; RV_E_CONFIG "FILE:LINE:COLUMN: ..."; RV_E_NOMEM */
rv_status rv_yaml_next(rv_yaml *yaml, rv_yaml_token *out);

/** Go to the document; is_empty: there is none. After its content, rv_yaml_end sees that nothing follows.
 * @return as rv_yaml_next */
rv_status rv_yaml_begin(rv_yaml *yaml, bool *is_empty);
rv_status rv_yaml_end(rv_yaml *yaml);

/** The value of a key that holds nothing: all below it is commented out. */
bool rv_yaml_is_nothing(const rv_yaml_token *token);

/** Raise RV_E_CONFIG with the place before the text. */
rv_status rv_yaml_fail(const rv_yaml *yaml, size_t line, size_t column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define RV_YAML_CHECK(cond, yaml, token, ...)                                                                          \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            return rv_yaml_fail((yaml), (token)->line, (token)->column, __VA_ARGS__);                                  \
    } while (0)

/** Put the token's place before the text of an error raised without one; returns status. */
rv_status rv_yaml_place(const rv_yaml *yaml, const rv_yaml_token *token, rv_status status);
