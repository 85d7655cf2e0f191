/* cmd_config.c - `reverie config`: show, check and explain settings. */
#include "base/memory.h"
#include "launch/commands.h"
#include "run/config.h"

#include <jansson.h>
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
    "  reverie config show configs/hopper.yaml policy.batch=512   # what a run would use\n"
    "  reverie config check mine.yaml schedule.total_steps=20000\n"
    "  reverie config explain rollout.length_end\n";

typedef struct arguments {
    bool json, explain;
    const char *name; /* config file or key; NULL when not given */
    int n_overrides;
    char **overrides;
} arguments;

/* Sort argv[1..] of a subcommand; overrides are gathered at the front of argv. */
static rv_status read_arguments(int argc, char **argv, bool takes_overrides, arguments *out)
{
    arguments a = {.overrides = argv};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            a.json = true;
        else if (strcmp(argv[i], "--explain") == 0)
            a.explain = true;
        else if (argv[i][0] == '-')
            return rv_raise(RV_E_USAGE, "config: unknown option '%s'; see 'reverie config --help'", argv[i]);
        else if (takes_overrides && strchr(argv[i], '='))
            argv[a.n_overrides++] = argv[i];
        else if (!a.name)
            a.name = argv[i];
        else
            return rv_raise(RV_E_USAGE, "config: one name too many: '%s'; see 'reverie config --help'", argv[i]);
    }
    *out = a;
    return RV_OK;
}

static rv_status flush(void)
{
    RV_CHECK(fflush(stdout) == 0 && !ferror(stdout), RV_E_IO, "cannot write to standard output");
    return RV_OK;
}

static rv_status dump_json(json_t *json)
{
    bool written = json && json_dumpf(json, stdout, JSON_INDENT(2)) == 0;
    json_decref(json);
    RV_CHECK(written, RV_E_IO, "cannot write JSON to standard output");
    puts("");
    return flush();
}

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

static rv_status show(int argc, char **argv)
{
    arguments a;
    rv_config config;
    char *text = NULL;
    RV_TRY(read_arguments(argc, argv, true, &a));
    RV_TRY(rv_config_load(a.name, a.n_overrides, a.overrides, &config));
    if (a.json)
        return dump_json(config_json(&config));
    RV_TRY(rv_config_print(&config, a.explain, &text));
    fputs(text, stdout);
    rv_mem_free(&text);
    return flush();
}

static rv_status check(int argc, char **argv)
{
    arguments a;
    rv_config config;
    RV_TRY(read_arguments(argc, argv, true, &a));
    RV_CHECK(a.name && !a.json && !a.explain, RV_E_USAGE,
             "config check: expected CONFIG [section.key=value ...]; see 'reverie config --help'");
    RV_TRY(rv_config_load(a.name, a.n_overrides, a.overrides, &config));
    printf("%s: OK, %s, %lld steps, seed %lld, hash %016llx\n", a.name, config.env.name,
           (long long)config.schedule.total_steps, (long long)config.root.seed, rv_config_hash(&config));
    return flush();
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

static rv_status explain(int argc, char **argv)
{
    arguments a;
    rv_config defaults;
    const rv_section *section = NULL;
    const rv_field *field = NULL;
    RV_TRY(read_arguments(argc, argv, false, &a));
    RV_CHECK(!a.explain, RV_E_USAGE, "config explain: --explain belongs to 'config show'");
    RV_TRY(rv_config_defaults(&defaults));
    if (a.name && (strchr(a.name, '.') || rv_field_find(rv_config_sections[0].fields, a.name)))
        RV_TRY(rv_config_find(a.name, &section, &field));
    else if (a.name)
        RV_TRY(rv_config_find_section(a.name, &section));
    if (a.json && field)
        return dump_json(field_json(section, field, &defaults));
    if (a.json) {
        json_t *keys = json_array();
        for (const rv_section *s = rv_config_sections; s->fields; s++)
            for (const rv_field *f = s->fields; f->name && (!section || s == section); f++)
                json_array_append_new(keys, field_json(s, f, &defaults));
        return dump_json(keys);
    }
    if (field)
        print_key(section, field);
    else if (section)
        print_section(section);
    else
        print_sections();
    return flush();
}

int rv_cmd_config(int argc, char **argv)
{
    static const struct {
        const char *name;
        rv_status (*run)(int argc, char **argv);
    } subcommands[] = {{"show", show}, {"check", check}, {"explain", explain}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return rv_cmd_finish(flush());
        }
    }
    for (size_t i = 0; argc > 1 && i < sizeof subcommands / sizeof *subcommands; i++)
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return rv_cmd_finish(subcommands[i].run(argc - 1, argv + 1));
    return rv_cmd_finish(rv_raise(RV_E_USAGE,
                                  "config: expected show, check or explain%s%s%s; see 'reverie config --help'",
                                  argc > 1 ? ", got '" : "", argc > 1 ? argv[1] : "", argc > 1 ? "'" : ""));
}
