/* json.h - strict reading of small JSON files (jansson): doubled keys are refused, errors are one line and name the
 * file. The caller gives values back with json_decref.
 */
#pragma once
#include "base/status.h"

#include <jansson.h>
#include <stdint.h>

/** Parse n bytes, which must be one JSON object and nothing else. name stands for the file in messages. Untrusted
 * bytes are safe. @return RV_OK; RV_E_DATA "manifest.json:3:7: '}' expected"; RV_E_NOMEM */
rv_status rv_json_parse(const char *name, const char *text, size_t n, json_t **out);

/** The whole number under key, in [0, 2^63). @return RV_OK; RV_E_DATA when it is missing or something else */
rv_status rv_json_int(const char *name, const json_t *object, const char *key, int64_t *out);

/** The text under key, borrowed from object. @return as rv_json_int */
rv_status rv_json_text(const char *name, const json_t *object, const char *key, const char **out);

/** Print to stdout with a newline, keys in the order in which they were set, and give the value back; root may be
 * NULL, which is what jansson makes when memory runs out. @return RV_OK; RV_E_IO; RV_E_NOMEM */
rv_status rv_json_print(json_t *root);
