/* config_yaml.c - reads settings from YAML, event by event, so that each error has its line and column.
 *
 * Only a map of maps of scalars (or of lists of numbers) is a config; everything else is refused on sight, so that
 * nothing nests and no input, however odd, costs more than its length.
 */
#include "base/yaml_reader.h"
#include "run/config.h"

#include <string.h>

enum { MAX_SEEN = 256 };

typedef struct reader {
    rv_yaml yaml;
    rv_config config; /* the caller gets it when all went well */
    int n_seen;
    struct {
        const void *row; /* rv_section or rv_field that was given */
        size_t line;
    } seen[MAX_SEEN];
} reader;

/* Put the token's place and the key before the text of an error raised without them. */
static rv_status place_value(const reader *r, const rv_yaml_token *t, const rv_field *field, rv_status status)
{
    return status == RV_OK ? RV_OK : rv_yaml_place(&r->yaml, t, rv_error_prefix(status, "'%s'", field->name));
}

/* Refuse a second mention of a section or key. */
static rv_status see(reader *r, const void *row, const rv_yaml_token *key)
{
    for (int i = 0; i < r->n_seen; i++)
        RV_YAML_CHECK(r->seen[i].row != row, &r->yaml, key, "'%s' is given twice; first in line %zu", key->text,
                      r->seen[i].line);
    RV_CHECK(r->n_seen < MAX_SEEN, RV_E_INTERNAL, "more than %d sections and keys", (int)MAX_SEEN);
    r->seen[r->n_seen].row = row;
    r->seen[r->n_seen].line = key->line;
    r->n_seen++;
    return RV_OK;
}

static rv_status read_list(reader *r, const rv_field *field, void *base, const rv_yaml_token *start)
{
    rv_field entry = *field; /* one number with the list's range */
    entry.type = RV_T_F64;
    entry.offset = 0;
    rv_f64_list list = {0};
    for (;;) {
        rv_yaml_token t = {0};
        double v = 0;
        RV_TRY(rv_yaml_next(&r->yaml, &t));
        if (t.type == YAML_SEQUENCE_END_EVENT)
            break;
        RV_YAML_CHECK(t.type == YAML_SCALAR_EVENT, &r->yaml, &t, "'%s': expected a number; lists do not nest",
                      field->name);
        RV_TRY(place_value(r, &t, field, rv_field_parse(&entry, t.text, &v)));
        RV_YAML_CHECK(list.n < RV_FIELD_LIST, &r->yaml, start, "'%s': expected at most %d numbers", field->name,
                      (int)RV_FIELD_LIST);
        list.v[list.n++] = v;
    }
    memcpy((char *)base + field->offset, &list, sizeof list);
    return RV_OK;
}

static rv_status read_value(reader *r, const rv_section *section, const rv_field *field)
{
    void *base = (char *)&r->config + section->offset;
    rv_yaml_token t = {0};
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    if (t.type == YAML_SCALAR_EVENT)
        return place_value(r, &t, field, rv_field_parse(field, t.text, base));
    if (t.type == YAML_SEQUENCE_START_EVENT && field->type == RV_T_F64_LIST)
        return read_list(r, field, base, &t);
    char expected[RV_FIELD_TEXT];
    rv_field_expected(field, expected);
    return rv_yaml_fail(&r->yaml, t.line, t.column, "'%s': expected %s, got a %s", field->name, expected,
                        t.type == YAML_SEQUENCE_START_EVENT ? "list" : "map of keys");
}

static rv_status read_section(reader *r, const rv_section *section)
{
    rv_yaml_token t = {0};
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    if (rv_yaml_is_nothing(&t)) /* a section whose keys are all commented out */
        return RV_OK;
    RV_YAML_CHECK(t.type == YAML_MAPPING_START_EVENT, &r->yaml, &t,
                  "section '%s': expected a map of keys, as in '%s: {%s: %s}'", section->name, section->name,
                  section->fields->name, section->fields->value);
    for (;;) {
        const rv_field *field = NULL;
        RV_TRY(rv_yaml_next(&r->yaml, &t));
        if (t.type == YAML_MAPPING_END_EVENT)
            return RV_OK;
        RV_YAML_CHECK(t.type == YAML_SCALAR_EVENT, &r->yaml, &t, "expected the name of a key of '%s'", section->name);
        RV_TRY(rv_yaml_place(&r->yaml, &t, rv_config_find_key(section, t.text, &field)));
        RV_TRY(see(r, field, &t));
        RV_TRY(read_value(r, section, field));
    }
}

static rv_status read_root(reader *r)
{
    const rv_section *root = rv_config_sections;
    rv_yaml_token t = {0};
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    if (rv_yaml_is_nothing(&t)) /* a document of comments alone */
        return RV_OK;
    RV_YAML_CHECK(t.type == YAML_MAPPING_START_EVENT, &r->yaml, &t,
                  "expected a map of sections, as in 'env: {name: Pendulum-v1}'");
    for (;;) {
        RV_TRY(rv_yaml_next(&r->yaml, &t));
        if (t.type == YAML_MAPPING_END_EVENT)
            return RV_OK;
        RV_YAML_CHECK(t.type == YAML_SCALAR_EVENT, &r->yaml, &t, "expected the name of a section");
        const rv_field *field = rv_field_find(root->fields, t.text);
        const rv_section *section = NULL;
        if (field) {
            RV_TRY(see(r, field, &t));
            RV_TRY(read_value(r, root, field));
            continue;
        }
        RV_TRY(rv_yaml_place(&r->yaml, &t, rv_config_find_section(t.text, &section)));
        RV_TRY(see(r, section, &t));
        RV_TRY(read_section(r, section));
    }
}

rv_status rv_config_parse(const char *name, const char *text, size_t n, rv_config *config)
{
    reader r = {.config = *config};
    bool is_empty = false;
    RV_TRY(rv_yaml_open(name, text, n, RV_CONFIG_MAX_BYTES, &r.yaml));
    rv_status status = rv_yaml_begin(&r.yaml, &is_empty);
    if (status == RV_OK && !is_empty)
        status = read_root(&r);
    if (status == RV_OK && !is_empty)
        status = rv_yaml_end(&r.yaml);
    rv_yaml_close(&r.yaml);
    if (status == RV_OK)
        *config = r.config;
    return status;
}
