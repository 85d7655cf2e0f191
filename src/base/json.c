#include "base/json.h"

#include <ctype.h>
#include <stdio.h>

rv_status rv_json_parse(const char *name, const char *text, size_t n, json_t **out)
{
    json_error_t error;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        for (char *c = error.text; *c; c++) /* it may quote the file */
            if (!isprint((unsigned char)*c))
                *c = '?';
        rv_status status = json_error_code(&error) == json_error_out_of_memory ? RV_E_NOMEM : RV_E_DATA;
        return rv_raise(status, "%s:%d:%d: %s", name, error.line, error.column, error.text);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return rv_raise(RV_E_DATA, "%s: expected a JSON object", name);
    }
    *out = root;
    return RV_OK;
}

rv_status rv_json_int(const char *name, const json_t *object, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(object, key);
    RV_CHECK(json_is_integer(value) && json_integer_value(value) >= 0, RV_E_DATA,
             "%s: '%s' is missing or not a whole number of at least 0", name, key);
    *out = json_integer_value(value);
    return RV_OK;
}

rv_status rv_json_text(const char *name, const json_t *object, const char *key, const char **out)
{
    const json_t *value = json_object_get(object, key);
    RV_CHECK(json_is_string(value), RV_E_DATA, "%s: '%s' is missing or not a text", name, key);
    *out = json_string_value(value);
    return RV_OK;
}

rv_status rv_json_print(json_t *root)
{
    RV_CHECK(root, RV_E_NOMEM, "cannot print JSON: out of memory");
    int failed = json_dumpf(root, stdout, JSON_INDENT(2)) != 0 || putchar('\n') == EOF || fflush(stdout) != 0;
    json_decref(root);
    RV_CHECK(!failed, RV_E_IO, "cannot write to standard output");
    return RV_OK;
}
