#include "launch/groups.h"

#include "base/memory.h"
#include "run/run_dir.h"
#include "run/starts.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one run ---- */

static bool imagines(const rv_config *c)
{
    const rv_schedule schedule = {&c->schedule, &c->rollout, &c->policy, c->eval.every_steps};
    return rv_schedule_imagines(&schedule);
}

static unsigned long long hash_without_seed(const rv_config *config)
{
    rv_config c = *config;
    c.root.seed = 0;
    return rv_config_hash(&c);
}

static rv_status read_run(const char *path, rv_member_run *out)
{
    char metrics[RV_PATH];
    char ended[RV_STARTS_TEXT];
    RV_CHECK(strlen(path) < RV_PATH, RV_E_USAGE, "compare: the path is too long: '%s'", path);
    RV_CHECK(rv_file_exists(path), RV_E_NOINPUT, "no run '%s'; give folders of runs, or LABEL=RUN,RUN", path);
    snprintf(out->path, sizeof out->path, "%s", path);
    RV_TRY(rv_run_dir_config(path, 0, NULL, &out->config));
    out->hash = hash_without_seed(&out->config);
    out->goes_on = rv_starts_last(path, ended) > 0 && !ended[0];
    RV_TRY(rv_path_join(path, "metrics.jsonl", metrics));
    return rv_returns_read(metrics, &out->returns);
}

/* ---- its group ---- */

static bool is_same_folder(const char *a, const char *b)
{
    char *whole_a = realpath(a, NULL);
    char *whole_b = realpath(b, NULL);
    bool is_same = whole_a && whole_b && strcmp(whole_a, whole_b) == 0;
    free(whole_a);
    free(whole_b);
    return is_same;
}

/* two runs of the same settings and seed are one run done twice: they say no more than one */
static rv_status expect_new(const rv_group *group, const rv_member_run *run)
{
    for (int64_t i = 0; i < group->n; i++) {
        const rv_member_run *other = &group->runs[i];
        RV_CHECK(!is_same_folder(other->path, run->path), RV_E_USAGE, "compare: run '%s' is given twice", run->path);
        RV_CHECK(other->hash != run->hash || other->config.root.seed != run->config.root.seed, RV_E_USAGE,
                 "compare: '%s' and '%s' have the same settings and the same seed (%lld), so they are one seed: leave "
                 "one out",
                 other->path, run->path, (long long)run->config.root.seed);
    }
    return RV_OK;
}

static rv_status expect_same_task(const rv_groups *groups, const rv_member_run *run)
{
    if (groups->n == 0)
        return RV_OK;
    const rv_member_run *first = &groups->groups[0].runs[0];
    const rv_env_cfg *a = &first->config.env;
    const rv_env_cfg *b = &run->config.env;
    RV_CHECK(strcmp(a->name, b->name) == 0 && strcmp(a->arguments, b->arguments) == 0, RV_E_USAGE,
             "compare: returns of different tasks cannot be compared: '%s' is %s%s%s, '%s' is %s%s%s; give the runs of "
             "one task at a time",
             first->path, a->name, a->arguments[0] ? " " : "", a->arguments, run->path, b->name,
             b->arguments[0] ? " " : "", b->arguments);
    return RV_OK;
}

/* the group of that label; NULL label: of these settings */
static rv_group *find_group(const rv_groups *groups, const char *label, unsigned long long hash)
{
    for (int g = 0; g < groups->n; g++) {
        rv_group *group = &groups->groups[g];
        if (label ? group->is_named && strcmp(group->label, label) == 0
                  : !group->is_named && group->runs[0].hash == hash)
            return group;
    }
    return NULL;
}

static rv_status add_group(rv_groups *groups, const char *label, rv_group **out)
{
    RV_CHECK(groups->n < RV_CHART_CURVES, RV_E_USAGE, "compare: more than %d groups", (int)RV_CHART_CURVES);
    rv_group *group = &groups->groups[groups->n++];
    if (label) {
        group->is_named = true;
        snprintf(group->label, sizeof group->label, "%s", label);
    }
    *out = group;
    return RV_OK;
}

/* takes over what *run holds */
static rv_status add_run(rv_groups *groups, const char *label, rv_member_run *run)
{
    RV_TRY(expect_same_task(groups, run));
    rv_kind kind = imagines(&run->config) ? RV_MODEL_BASED : RV_MODEL_FREE;
    rv_group *group = find_group(groups, label, run->hash);
    if (!group)
        RV_TRY(add_group(groups, label, &group));
    RV_TRY(expect_new(group, run));
    if (group->n == group->room) {
        int64_t room = group->room ? 2 * group->room : 8;
        RV_TRY(rv_mem_resize((size_t)group->room, (size_t)room, sizeof *group->runs, (void **)&group->runs));
        group->room = room;
    }
    group->kind = group->n == 0 || group->kind == kind ? kind : RV_MIXED;
    group->runs[group->n++] = *run;
    run->returns = (rv_returns){0};
    return RV_OK;
}

static rv_status read_one(rv_groups *groups, const char *label, const char *path)
{
    rv_member_run run = {.goes_on = false};
    rv_status status = read_run(path, &run);
    if (status == RV_OK)
        status = add_run(groups, label, &run);
    rv_returns_clear(&run.returns);
    return status;
}

/* ---- words ---- */

static bool is_run(const char *path)
{
    char config[RV_PATH];
    return rv_path_join(path, "config.yaml", config) == RV_OK && rv_file_exists(config);
}

/* those runs that a pattern fits; other files that it fits are passed over */
static rv_status read_found(rv_groups *groups, const char *label, const char *pattern, const glob_t *found)
{
    int n = 0;
    for (size_t i = 0; i < found->gl_pathc; i++)
        if (is_run(found->gl_pathv[i])) {
            RV_TRY(read_one(groups, label, found->gl_pathv[i]));
            n++;
        }
    RV_CHECK(n > 0, RV_E_NOINPUT, "compare: nothing that '%s' fits is a run", pattern);
    return RV_OK;
}

static rv_status read_path(rv_groups *groups, const char *label, const char *path)
{
    glob_t found = {0};
    int code = rv_file_exists(path) ? GLOB_NOMATCH : glob(path, 0, NULL, &found);
    rv_status status = RV_OK;
    if (code == 0)
        status = read_found(groups, label, path, &found);
    else if (code == GLOB_NOMATCH)
        status = read_one(groups, label, path);
    else
        status = rv_raise(RV_E_OS, "compare: cannot look for '%s'", path);
    globfree(&found);
    return status;
}

static rv_status read_list(rv_groups *groups, const char *word, size_t n_label)
{
    char label[RV_CHART_LABEL];
    char list[RV_PATH];
    RV_CHECK(n_label > 0 && n_label < sizeof label, RV_E_USAGE,
             "compare: '%s': a LABEL has 1 to %d characters; expected LABEL=RUN,RUN", word, RV_CHART_LABEL - 1);
    memcpy(label, word, n_label);
    label[n_label] = '\0';
    for (const char *c = label; *c; c++)
        RV_CHECK((unsigned char)*c >= ' ' && *c != 127, RV_E_USAGE, "compare: the label of '%s' cannot be printed",
                 word);
    RV_CHECK(strlen(word + n_label + 1) < sizeof list, RV_E_USAGE, "compare: the list of runs of '%s' is too long",
             label);
    snprintf(list, sizeof list, "%s", word + n_label + 1);
    char *rest = list;
    for (char *path; (path = strsep(&rest, ",")) != NULL;) {
        RV_CHECK(path[0], RV_E_USAGE, "compare: '%s' lists a run without a name; expected LABEL=RUN,RUN", word);
        RV_TRY(read_path(groups, label, path));
    }
    return RV_OK;
}

static rv_status read_word(rv_groups *groups, const char *word)
{
    size_t n_label = strcspn(word, "=");
    return word[n_label] == '=' && !rv_file_exists(word) ? read_list(groups, word, n_label)
                                                         : read_path(groups, NULL, word);
}

/* ---- labels ---- */

static const char *const kind_labels[] = {
    [RV_MODEL_FREE] = "model-free", [RV_MODEL_BASED] = "model-based", [RV_MIXED] = "mixed"};

static const rv_config *config_of(const rv_group *group)
{
    return &group->runs[0].config;
}

/* groups without a name that the kind alone does not tell apart */
static bool is_alike(const rv_group *a, const rv_group *b)
{
    return !a->is_named && !b->is_named && a->kind == b->kind;
}

static bool differs(const rv_groups *groups, const rv_group *group, const rv_section *section, const rv_field *field)
{
    char own[RV_FIELD_TEXT];
    char other[RV_FIELD_TEXT];
    rv_field_print(field, (const char *)config_of(group) + section->offset, own);
    for (int g = 0; g < groups->n; g++) {
        if (!is_alike(group, &groups->groups[g]))
            continue;
        rv_field_print(field, (const char *)config_of(&groups->groups[g]) + section->offset, other);
        if (strcmp(own, other) != 0)
            return true;
    }
    return false;
}

/* the settings in which it differs from those that are alike */
static void add_settings(const rv_groups *groups, rv_group *group)
{
    size_t n = strlen(group->label);
    for (const rv_section *s = rv_config_sections; s->fields; s++)
        for (const rv_field *f = s->fields; f->name && n < sizeof group->label; f++) {
            char value[RV_FIELD_TEXT];
            if ((f->flags & RV_FIELD_RUNTIME) || !s->name[0] || !differs(groups, group, s, f))
                continue;
            rv_field_print(f, (const char *)config_of(group) + s->offset, value);
            n += (size_t)snprintf(group->label + n, sizeof group->label - n, "%s%s.%s=%s", n ? " " : "", s->name,
                                  f->name, value);
        }
}

static bool is_taken(const rv_groups *groups, int g)
{
    for (int i = 0; i < groups->n; i++)
        if (i != g && (i < g || groups->groups[i].is_named) &&
            strcmp(groups->groups[i].label, groups->groups[g].label) == 0)
            return true;
    return false;
}

/* a label that another group has already gets a number */
static void tell_apart(rv_groups *groups, int g)
{
    enum { ROOM = 16 /* for " (2)" */ };
    char first[RV_CHART_LABEL - ROOM];
    rv_group *group = &groups->groups[g];
    snprintf(first, sizeof first, "%.*s", (int)sizeof first - 1, group->label);
    for (int number = 2; is_taken(groups, g); number++)
        snprintf(group->label, sizeof group->label, "%s (%d)", first, number);
}

static void name_groups(rv_groups *groups)
{
    int n_unnamed = 0;
    int of_kind[RV_MIXED + 1] = {0};
    for (int g = 0; g < groups->n; g++)
        if (!groups->groups[g].is_named) {
            n_unnamed++;
            of_kind[groups->groups[g].kind]++;
        }
    for (int g = 0; g < groups->n; g++) {
        rv_group *group = &groups->groups[g];
        if (group->is_named)
            continue;
        bool is_one_kind = of_kind[group->kind] == n_unnamed;
        if (!is_one_kind || n_unnamed == 1)
            snprintf(group->label, sizeof group->label, "%s", kind_labels[group->kind]);
        if (of_kind[group->kind] > 1)
            add_settings(groups, group);
    }
    for (int g = 0; g < groups->n; g++)
        if (!groups->groups[g].is_named)
            tell_apart(groups, g);
}

rv_status rv_groups_read(int n, char *const *words, rv_groups *out)
{
    rv_status status = RV_OK;
    rv_groups groups = {.n = 0};
    RV_TRY(RV_NEW(groups.groups, RV_CHART_CURVES));
    for (int i = 0; i < n; i++)
        RV_TRY_GOTO(read_word(&groups, words[i]), fail);
    name_groups(&groups);
    *out = groups;
    return RV_OK;
fail:
    rv_groups_clear(&groups);
    return status;
}

void rv_groups_clear(rv_groups *groups)
{
    for (int g = 0; g < groups->n; g++) {
        for (int64_t i = 0; i < groups->groups[g].n; i++)
            rv_returns_clear(&groups->groups[g].runs[i].returns);
        rv_mem_free(&groups->groups[g].runs);
    }
    rv_mem_free(&groups->groups);
    groups->n = 0;
}
