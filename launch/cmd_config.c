/* cmd_config.c - `reverie config`: show, check and explain settings. */
#include "base/json.h"
#include "base/memory.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "run/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: reverie config show [CONFIG] [section.key=value ...] [--explain] [--json]\n"
    "       reverie config check CONFIG [section.key=value ...]\n"
    "       reverie config explain [SECTION | SECTION.KEY] [--json]\n"
    "\n"
    "show     print all settings as YAML: defaults, then the file, then the overrides\n"
    "check    read the same way, print one line, and fail (78) with the place of each mistake\n"
    "explain  what a key does, its range, unit and default; the keys of a section; or the sections\n"
    "\n"
    "  --explain  add help, range, unit and default of each key as comments\n"
    "  --json     print JSON instead\n"
    "\n"
    "examples:\n"
    "  reverie config show > mine.yaml                            # a file with every setting to start from\n"
    "  reverie config show configs/mbpo/hopper.yaml policy.batch=512   # what a run would use\n"
    "  reverie config check mine.yaml schedule.total_steps=20000\n"
    "  reverie config explain rollout.length_end\n";

typedef struct arguments {
    bool json, explain;
    const char *name; /* config file or key; NULL when not given */
    rv_words words;
} arguments;

static json_t *value_json(const rv_field *field, const void *base)
{
    const void *at = (const char *)base + field->offset;
    char text[RV_FIELD_TEXT];
    switch (field->type) {
    case RV_T_BOOL:
        return json_boolean(*(const bool *)at);
    case RV_T_I64:
        return json_integer(*(const int64_t *)at);
    case RV_T_F64:
        return json_real(*(const double *)at);
    case RV_T_STR:
        return json_string(at);
    case RV_T_ENUM:
        rv_field_print(field, base, text);
        return json_string(text);
    case RV_T_F64_LIST: {
        const rv_f64_list *list = at;
        json_t *array = json_array();
        for (int64_t i = 0; i < list->n; i++)
            json_array_append_new(array, json_real(list->v[i]));
        return array;
    }
    }
    return json_null();
}

static json_t *config_json(const rv_config *config)
{
    json_t *all = json_object();
    for (const rv_section *s = rv_config_sections; s->fields; s++) {
        json_t *section = s->name[0] ? json_object() : all;
        for (const rv_field *f = s->fields; f->name; f++)
            json_object_set_new(section, f->name, value_json(f, (const char *)config + s->offset));
        if (s->name[0])
            json_object_set_new(all, s->name, section);
    }
    return all;
}

static rv_status show(const arguments *a)
{
    rv_config config;
    char *text = NULL;
    RV_TRY(rv_config_load(a->name, a->words.n_overrides, a->words.overrides, &config));
    if (a->json)
        return rv_json_print(config_json(&config));
    RV_TRY(rv_config_print(&config, a->explain, &text));
    fputs(text, stdout);
    rv_mem_free(&text);
    return rv_cmd_flush();
}

static rv_status check(const arguments *a)
{
    rv_config config;
    RV_CHECK(a->name && !a->json && !a->explain, RV_E_USAGE,
             "config check: expected CONFIG [section.key=value ...]; see 'reverie config --help'");
    RV_TRY(rv_config_load(a->name, a->words.n_overrides, a->words.overrides, &config));
    printf("%s: OK, %s, %lld steps, seed %lld, hash %016llx\n", a->name, config.env.name,
           (long long)config.schedule.total_steps, (long long)config.root.seed, rv_config_hash(&config));
    return rv_cmd_flush();
}

static json_t *field_json(const rv_section *section, const rv_field *field, const rv_config *defaults)
{
    static const char *const types[] = {
        [RV_T_BOOL] = "bool",   [RV_T_I64] = "integer", [RV_T_F64] = "number",
        [RV_T_ENUM] = "choice", [RV_T_STR] = "text",    [RV_T_F64_LIST] = "list of numbers",
    };
    bool numeric = field->type == RV_T_I64 || field->type == RV_T_F64 || field->type == RV_T_F64_LIST;
    char key[RV_FIELD_TEXT];
    char expected[RV_FIELD_TEXT];
    snprintf(key, sizeof key, "%s%s%s", section->name, section->name[0] ? "." : "", field->name);
    rv_field_expected(field, expected);
    json_t *json = json_object();
    json_object_set_new(json, "key", json_string(key));
    json_object_set_new(json, "type", json_string(types[field->type]));
    json_object_set_new(json, "expected", json_string(expected));
    json_object_set_new(json, "default", value_json(field, (const char *)defaults + section->offset));
    if (numeric && isfinite(field->min))
        json_object_set_new(json, "min", json_real(field->min));
    if (numeric && isfinite(field->max))
        json_object_set_new(json, "max", json_real(field->max));
    json_object_set_new(json, "unit", json_string(field->unit));
    json_object_set_new(json, "help", json_string(field->help));
    json_object_set_new(json, "changes_results", json_boolean(!(field->flags & RV_FIELD_RUNTIME)));
    return json;
}

static void print_key(const rv_section *section, const rv_field *field)
{
    char expected[RV_FIELD_TEXT];
    rv_field_expected(field, expected);
    printf("%s%s%s: %s\n", section->name, section->name[0] ? "." : "", field->name, field->help);
    printf("  takes    %s\n  default  %s\n", expected, field->value);
    if (field->unit[0])
        printf("  unit     %s\n", field->unit);
    puts(field->flags & RV_FIELD_RUNTIME ? "  does not change what is learned; may differ on resume"
                                         : "  part of the run's identity; must stay the same on resume");
}

static void print_section(const rv_section *section)
{
    printf("%s: %s\n", section->name, section->help);
    for (const rv_field *f = section->fields; f->name; f++)
        printf("  %-17s %s [%s]\n", f->name, f->help, f->value);
}

static void print_sections(void)
{
    const rv_section *root = rv_config_sections;
    for (const rv_field *f = root->fields; f->name; f++)
        printf("%-11s %s [%s]\n", f->name, f->help, f->value);
    for (const rv_section *s = root + 1; s->fields; s++)
        printf("%-11s %s (%d keys)\n", s->name, s->help, rv_field_count(s->fields));
}

static rv_status explain(const arguments *a)
{
    rv_config defaults;
    const rv_section *section = NULL;
    const rv_field *field = NULL;
    RV_CHECK(!a->explain && a->words.n_overrides == 0, RV_E_USAGE,
             "config explain: --explain and key=value belong to 'config show'; see 'reverie config --help'");
    RV_TRY(rv_config_defaults(&defaults));
    if (a->name && (strchr(a->name, '.') || rv_field_find(rv_config_sections[0].fields, a->name)))
        RV_TRY(rv_config_find(a->name, &section, &field));
    else if (a->name)
        RV_TRY(rv_config_find_section(a->name, &section));
    if (a->json && field)
        return rv_json_print(field_json(section, field, &defaults));
    if (a->json) {
        json_t *keys = json_array();
        for (const rv_section *s = rv_config_sections; s->fields; s++)
            for (const rv_field *f = s->fields; f->name && (!section || s == section); f++)
                json_array_append_new(keys, field_json(s, f, &defaults));
        return rv_json_print(keys);
    }
    if (field)
        print_key(section, field);
    else if (section)
        print_section(section);
    else
        print_sections();
    return rv_cmd_flush();
}

static rv_status run_command(arguments *a)
{
    static const char *const names[] = {"show", "check", "explain"};
    static rv_status (*const functions[])(const arguments *a) = {show, check, explain};
    RV_TRY(rv_options_expect("config", "show, check or explain, and one name", 1, 2, &a->words));
    const char *command = a->words.positional[0];
    a->name = a->words.n_positional == 2 ? a->words.positional[1] : NULL;
    for (int i = 0; i < 3; i++)
        if (strcmp(command, names[i]) == 0)
            return functions[i](a);
    return rv_options_unknown("config", "command", command, 3, names);
}

int rv_cmd_config(int argc, char **argv)
{
    arguments a = {.name = NULL};
    const rv_option options[] = {{"--json", &a.json, NULL}, {"--explain", &a.explain, NULL}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, true, &a.words);
    if (status == RV_OK && a.words.wants_help)
        return rv_cmd_help(usage);
    return rv_cmd_finish(status != RV_OK ? status : run_command(&a));
}
