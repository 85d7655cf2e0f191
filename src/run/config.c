#include "run/config.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROOT(member)   RV_FIELD_AT(rv_root_cfg, member)
#define EVAL(member)   RV_FIELD_AT(rv_eval_cfg, member)
#define CKPT(member)   RV_FIELD_AT(rv_checkpoint_cfg, member)
#define LAYOUT(member) RV_FIELD_AT(rv_layout_cfg, member)
#define SUPER(member)  RV_FIELD_AT(rv_supervisor_cfg, member)
#define DOG(member)    RV_FIELD_AT(rv_watchdog_cfg, member)
#define GUARD(member)  RV_FIELD_AT(rv_guard_cfg, member)
#define DISK(member)   RV_FIELD_AT(rv_disk_cfg, member)

// clang-format off
static const rv_field root_fields[] = {
    {"seed", RV_T_I64, ROOT(seed), "1", 0, 9007199254740992, "", NULL,
     "of every random number; the same config and seed give the same run, bit for bit", 0},
    {0},
};

static const rv_field eval_fields[] = {
    {"every_steps", RV_T_I64, EVAL(every_steps), "1000", 0, 1e9, "real steps", NULL,
     "between two evaluations, a multiple of schedule.tick_steps; 0: only at the end", 0},
    {"episodes", RV_T_I64, EVAL(episodes), "10", 0, 10000, "episodes", NULL,
     "per evaluation, without exploration; more give a steadier mean; 0: never evaluate (a robot that is busy acting)", 0},
    {0},
};

static const rv_field checkpoint_fields[] = {
    {"every_ticks", RV_T_I64, CKPT(every_ticks), "20", 0, 1e9, "ticks", NULL,
     "between two checkpoints; 0: only when the run ends or is stopped", RV_FIELD_RUNTIME},
    {"keep", RV_T_I64, CKPT(keep), "2", 2, 10000, "checkpoints", NULL,
     "the newest good ones are kept, older ones removed; bad ones are left alone", RV_FIELD_RUNTIME},
    {"other_bits", RV_T_BOOL, CKPT(other_bits), "false", 0, 0, "", NULL,
     "go on, with a warning, where this machine imagines other rows than the one that wrote the checkpoint",
     RV_FIELD_RUNTIME},
    {0},
};

static const rv_field watchdog_fields[] = {
    {"seconds", RV_T_F64, DOG(seconds), "300", 0, 1e6, "s", NULL,
     "without progress until the rank that holds the run up is named and the run ends with 75; 0: never",
     RV_FIELD_RUNTIME},
    {0},
};

static const rv_field guard_fields[] = {
    {"budget", RV_T_I64, GUARD(budget), "20", 0, 1e9, "skips", NULL,
     "updates or minibatches that may be skipped in a row because a number is not finite", RV_FIELD_RUNTIME},
    {0},
};

static const rv_field disk_fields[] = {
    {"on_full", RV_T_ENUM, DISK(on_full), "stop", 0, 0, "", "stop|wait",
     "when there is no room: end with 74, or wait until there is some; the run goes on where it was", RV_FIELD_RUNTIME},
    {0},
};

static const rv_field layout_fields[] = {
    {"actor_ranks", RV_T_I64, LAYOUT(actor_ranks), "0", 0, 1e6, "ranks", NULL,
     "ranks that step real environments; 0: chosen from the cost of the work", RV_FIELD_RUNTIME},
    {"model_ranks", RV_T_I64, LAYOUT(model_ranks), "0", 0, 1e6, "ranks", NULL,
     "ranks that fit members; 0: chosen from the cost of the work", RV_FIELD_RUNTIME},
    {"rollout_ranks", RV_T_I64, LAYOUT(rollout_ranks), "0", 0, 1e6, "ranks", NULL,
     "ranks that imagine branches; 0: chosen from the cost of the work", RV_FIELD_RUNTIME},
    {"policy_ranks", RV_T_I64, LAYOUT(policy_ranks), "0", 0, 1e6, "ranks", NULL,
     "ranks that update the policy; 0: chosen from the cost of the work", RV_FIELD_RUNTIME},
    {"evaluator_ranks", RV_T_I64, LAYOUT(evaluator_ranks), "0", 0, 1e6, "ranks", NULL,
     "ranks that evaluate the policy; 0: chosen from the cost of the work", RV_FIELD_RUNTIME},
    {"costs", RV_T_F64_LIST, LAYOUT(costs), "[]", 0, 1e6, "s", NULL,
     "cost of the work by role, as 'reverie layout --measure' prints it; []: estimated", RV_FIELD_RUNTIME},
    {0},
};

static const rv_field supervisor_fields[] = {
    {"restarts", RV_T_I64, SUPER(restarts), "5", 0, 1e6, "restarts", NULL,
     "after a lost rank, in a row; a new checkpoint makes it full again; 0: stop with exit code 71", RV_FIELD_RUNTIME},
    {"backoff_s", RV_T_F64, SUPER(backoff_s), "1", 0, 3600, "s", NULL,
     "before the second restart in a row; doubles with each, up to a minute; the first one is at once", RV_FIELD_RUNTIME},
    {"stop_after_steps", RV_T_I64, SUPER(stop_after_steps), "0", 0, 1e9, "real steps", NULL,
     "of one call of train: then a checkpoint and exit code 75; 0: no limit", RV_FIELD_RUNTIME},
    {"stop_after_s", RV_T_F64, SUPER(stop_after_s), "0", 0, 1e9, "s", NULL,
     "of one call of train: then a checkpoint and exit code 75 at the end of the tick; 0: no limit", RV_FIELD_RUNTIME},
    {"lease_s", RV_T_I64, SUPER(lease_s), "3", 1, 3600, "s", NULL,
     "between renewals of RUN/lease; after 4 missed ones another host may take the run over", RV_FIELD_RUNTIME},
    {0},
};

const rv_section rv_config_sections[] = {
    {"", root_fields, offsetof(rv_config, root), "settings that stand alone"},
    {"env", rv_env_cfg_fields, offsetof(rv_config, env), "the real environments"},
    {"randomise", rv_randomise_cfg_fields, offsetof(rv_config, randomise), "what of the task changes with each episode"},
    {"schedule", rv_schedule_cfg_fields, offsetof(rv_config, schedule), "what happens when"},
    {"model", rv_model_cfg_fields, offsetof(rv_config, model), "the ensemble that predicts the environment"},
    {"rollout", rv_rollout_cfg_fields, offsetof(rv_config, rollout), "branches imagined by the model"},
    {"policy", rv_sac_cfg_fields, offsetof(rv_config, policy), "the learner: soft actor-critic"},
    {"eval", eval_fields, offsetof(rv_config, eval), "measured returns"},
    {"checkpoint", checkpoint_fields, offsetof(rv_config, checkpoint), "saved states of the run"},
    {"journal", rv_journal_cfg_fields, offsetof(rv_config, journal), "the files that real rows are kept in"},
    {"watchdog", watchdog_fields, offsetof(rv_config, watchdog), "a run that hangs ends, and says why"},
    {"guard", guard_fields, offsetof(rv_config, guard), "numbers that are not finite"},
    {"disk", disk_fields, offsetof(rv_config, disk), "a disk that is full"},
    {"feed", rv_feed_cfg_fields, offsetof(rv_config, feed), "live metrics"},
    {"layout", layout_fields, offsetof(rv_config, layout), "ranks per role; never changes a result"},
    {"kernels", rv_kernels_cfg_fields, offsetof(rv_config, kernels), "the code that does the arithmetic"},
    {"supervisor", supervisor_fields, offsetof(rv_config, supervisor), "restarts and limits of a call of train"},
    {0},
};
// clang-format on

rv_status rv_config_defaults(rv_config *out)
{
    rv_config config;
    memset(&config, 0, sizeof config); /* padding too: equal settings are equal bytes */
    for (const rv_section *s = rv_config_sections; s->fields; s++)
        RV_TRY(rv_field_defaults(s->fields, (char *)&config + s->offset));
    *out = config;
    return RV_OK;
}

rv_status rv_config_find_section(const char *name, const rv_section **out)
{
    const rv_section *root = rv_config_sections;
    const char *nearest = NULL;
    char shown[RV_FIELD_SHOWN];
    int best = INT_MAX;
    rv_field_shown(name, shown);
    RV_CHECK(!rv_field_find(root->fields, name), RV_E_CONFIG, "'%s' is a key, not a section of keys", name);
    for (const rv_section *s = root + 1; s->fields; s++) {
        if (strcmp(s->name, name) == 0) {
            *out = s;
            return RV_OK;
        }
        if (rv_field_nearer(name, s->name, &best))
            nearest = s->name;
    }
    for (const rv_field *f = root->fields; f->name; f++)
        if (rv_field_nearer(name, f->name, &best))
            nearest = f->name;
    for (const rv_section *s = root + 1; s->fields; s++)
        RV_CHECK(!rv_field_find(s->fields, name), RV_E_CONFIG, "unknown key '%s'; did you mean '%s.%s'?", shown,
                 s->name, name);
    RV_CHECK(!nearest, RV_E_CONFIG, "unknown key '%s'; did you mean '%s'?", shown, nearest);
    return rv_raise(RV_E_CONFIG, "unknown key '%s'; 'reverie config show' lists all", shown);
}

rv_status rv_config_find_key(const rv_section *section, const char *name, const rv_field **out)
{
    const char *nearest = NULL;
    char shown[RV_FIELD_SHOWN];
    int best = INT_MAX;
    rv_field_shown(name, shown);
    const rv_field *found = rv_field_find(section->fields, name);
    if (found) {
        *out = found;
        return RV_OK;
    }
    for (const rv_field *f = section->fields; f->name; f++)
        if (rv_field_nearer(name, f->name, &best))
            nearest = f->name;
    for (const rv_section *s = rv_config_sections; s->fields; s++)
        RV_CHECK(!rv_field_find(s->fields, name), RV_E_CONFIG, "unknown key '%s.%s'; did you mean '%s%s%s'?",
                 section->name, shown, s->name, s->name[0] ? "." : "", name);
    RV_CHECK(!nearest, RV_E_CONFIG, "unknown key '%s.%s'; did you mean '%s.%s'?", section->name, shown, section->name,
             nearest);
    return rv_raise(RV_E_CONFIG, "unknown key '%s.%s'; 'reverie config explain %s' lists its keys", section->name,
                    shown, section->name);
}

/* The text from start to end; cut where it is longer than any name. */
static void copy_start(const char *start, const char *end, char out[RV_FIELD_TEXT])
{
    size_t n = (size_t)(end - start) < RV_FIELD_TEXT ? (size_t)(end - start) : RV_FIELD_TEXT - 1;
    memcpy(out, start, n);
    out[n] = '\0';
}

rv_status rv_config_find(const char *dotted, const rv_section **section, const rv_field **field)
{
    const rv_section *s = rv_config_sections;
    const rv_field *f = rv_field_find(s->fields, dotted);
    if (!f) {
        const char *dot = strchrnul(dotted, '.');
        char name[RV_FIELD_TEXT];
        copy_start(dotted, dot, name);
        RV_TRY(rv_config_find_section(name, &s));
        RV_CHECK(*dot, RV_E_CONFIG, "'%s' is a section; name one of its keys, as in '%s.%s'", name, name,
                 s->fields->name);
        RV_TRY(rv_config_find_key(s, dot + 1, &f));
    }
    *section = s;
    *field = f;
    return RV_OK;
}

rv_status rv_config_override(const char *assignment, rv_config *config)
{
    char shown[RV_FIELD_SHOWN];
    char dotted[RV_FIELD_TEXT];
    const rv_section *section = NULL;
    const rv_field *field = NULL;
    rv_field_shown(assignment, shown);
    const char *equals = strchr(assignment, '=');
    RV_CHECK(equals, RV_E_CONFIG, "override '%s': expected section.key=value", shown);
    copy_start(assignment, equals, dotted);
    rv_status status = rv_config_find(dotted, &section, &field);
    if (status == RV_OK)
        status = rv_field_parse(field, equals + 1, (char *)config + section->offset);
    return status == RV_OK ? RV_OK : rv_error_prefix(status, "override '%s'", shown);
}

rv_status rv_config_load(const char *path, int n_overrides, char *const *overrides, rv_config *out)
{
    rv_status status = RV_OK;
    rv_config config;
    char *text = NULL;
    size_t n = 0;
    RV_TRY(rv_config_defaults(&config));
    if (path) {
        RV_TRY(rv_file_read(path, RV_CONFIG_MAX_BYTES, &text, &n));
        RV_TRY_GOTO(rv_config_parse(path, text, n, &config), out);
    }
    for (int i = 0; i < n_overrides; i++)
        RV_TRY_GOTO(rv_config_override(overrides[i], &config), out);
    status = rv_config_check(&config);
    if (status != RV_OK) {
        rv_error_prefix(status, "%s", path ? path : "settings");
        goto out;
    }
    *out = config;
out:
    rv_mem_free(&text);
    return status;
}

/* A text that grows. */
typedef struct text_buffer {
    char *bytes;
    size_t n, capacity;
} text_buffer;

__attribute__((format(printf, 2, 3))) static rv_status text_add(text_buffer *text, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    RV_CHECK(n >= 0 && (size_t)n < sizeof line, RV_E_INTERNAL, "a line of the config takes %d characters", n);
    if (text->n + (size_t)n + 1 > text->capacity) {
        size_t capacity = 2 * text->capacity + sizeof line;
        RV_TRY(rv_mem_resize(text->capacity, capacity, 1, (void **)&text->bytes));
        text->capacity = capacity;
    }
    memcpy(text->bytes + text->n, line, (size_t)n + 1);
    text->n += (size_t)n;
    return RV_OK;
}

static rv_status print_field(const rv_section *section, const rv_field *field, const rv_config *config, bool with_help,
                             text_buffer *text)
{
    const char *indent = section->name[0] ? "  " : "";
    char value[RV_FIELD_TEXT];
    char expected[RV_FIELD_TEXT];
    rv_field_print(field, (const char *)config + section->offset, value);
    if (with_help) {
        rv_field_expected(field, expected);
        RV_TRY(text_add(text, "%s# %s\n%s#   %s%s%s; default %s\n", indent, field->help, indent, expected,
                        field->unit[0] ? "; " : "", field->unit, field->value));
    }
    return text_add(text, "%s%s: %s\n", indent, field->name, value);
}

rv_status rv_config_print(const rv_config *config, bool with_help, char **out)
{
    rv_status status = RV_OK;
    text_buffer text = {0};
    for (const rv_section *s = rv_config_sections; s->fields; s++) {
        if (with_help && s->name[0])
            RV_TRY_GOTO(text_add(&text, "\n# %s\n", s->help), fail);
        if (s->name[0])
            RV_TRY_GOTO(text_add(&text, "%s:\n", s->name), fail);
        for (const rv_field *f = s->fields; f->name; f++)
            RV_TRY_GOTO(print_field(s, f, config, with_help, &text), fail);
    }
    *out = text.bytes;
    return RV_OK;
fail:
    rv_mem_free(&text.bytes);
    return status;
}

unsigned long long rv_config_hash(const rv_config *config)
{
    /* a chain: each line of the canonical text is hashed together with the hash of the lines before it */
    char line[RV_FIELD_TEXT + 128];
    unsigned long long hash = 0;
    for (const rv_section *s = rv_config_sections; s->fields; s++) {
        for (const rv_field *f = s->fields; f->name; f++) {
            char value[RV_FIELD_TEXT];
            if (f->flags & RV_FIELD_RUNTIME)
                continue;
            rv_field_print(f, (const char *)config + s->offset, value);
            snprintf(line, sizeof line, "%016llx %s.%s: %s\n", hash, s->name, f->name, value);
            hash = rv_hash_u64(line, strlen(line));
        }
    }
    return hash;
}
