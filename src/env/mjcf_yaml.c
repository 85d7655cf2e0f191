/* mjcf_yaml.c - reads the description of a user's own MuJoCo task (mjcf.h has its grammar). */
#include "base/memory.h"
#include "base/yaml_reader.h"
#include "env/mjcf.h"

#include <limits.h>
#include <math.h>
#include <string.h>

typedef struct reader {
    rv_yaml yaml;
    rv_mjcf_desc *desc;
} reader;

/* Keys that a map has had. */
typedef struct seen {
    int n;
    struct {
        const void *row;
        size_t line;
    } rows[32];
} seen;

#define TERM(member) RV_FIELD_AT(rv_mjcf_term, member)
#define DESC(member) RV_FIELD_AT(rv_mjcf_desc, member)

// clang-format off
static const rv_field root_fields[] = {
    {"model", RV_T_STR, DESC(model), "", 0, 0, "", NULL, "the MJCF file, beside this one", 0},
    {"help", RV_T_STR, DESC(help), "", 0, 0, "", NULL, "one line for people", 0},
    {"frame_skip", RV_T_I64, DESC(frame_skip), "1", 1, 10000, "", NULL, "simulation steps per step", 0},
    {"time_limit", RV_T_I64, DESC(time_limit), "1000", 0, 1e9, "steps", NULL, "0: none", 0},
    {0},
};
static const rv_field observation_fields[] = {
    {"axes", RV_T_STR, TERM(axes), "", 0, 0, "", NULL, "", 0},
    {"scale", RV_T_F64, TERM(scale), "1", 1e-9, 1e9, "", NULL, "", 0},
    {"clip", RV_T_F64_LIST, TERM(clip), "[]", -1e9, 1e9, "", NULL, "", 0},
    {0},
};
static const rv_field reward_fields[] = {
    {"axes", RV_T_STR, TERM(axes), "", 0, 0, "", NULL, "", 0},
    {"weight", RV_T_F64, TERM(weight), "1", -1e9, 1e9, "", NULL, "", 0},
    {"target", RV_T_F64_LIST, TERM(target), "[]", -1e9, 1e9, "", NULL, "", 0},
    {"as", RV_T_ENUM, TERM(as), "value", 0, 0, "", "value|square|absolute|cosine|distance|near", "", 0},
    {"width", RV_T_F64, TERM(width), "0", 1e-9, 1e9, "", NULL, "", 0},
    {0},
};
static const rv_field terminated_fields[] = {
    {"axes", RV_T_STR, TERM(axes), "", 0, 0, "", NULL, "", 0},
    {"low", RV_T_F64, TERM(low), "0", -1e9, 1e9, "", NULL, "", 0},
    {"high", RV_T_F64, TERM(high), "0", -1e9, 1e9, "", NULL, "", 0},
    {0},
};
static const rv_field noise_fields[] = {
    {"uniform", RV_T_F64, TERM(uniform), "0", 0, 1e9, "", NULL, "", 0},
    {"normal", RV_T_F64, TERM(normal), "0", 0, 1e9, "", NULL, "", 0},
    {0},
};
/* of a name, and of a number that is no member of an entry */
static const rv_field text_field = {"", RV_T_STR, 0, RV_FIELD_STR, "", 0, 0, "", NULL, "", 0};
static const rv_field number_field = {"", RV_T_F64, 0, sizeof(double), "0", -1e9, 1e9, "", NULL, "", 0};
// clang-format on

static const struct {
    const char *key;
    rv_mjcf_object of;
} quantities[] = {
#define ROW(id, key, object) {key, RV_MJCF_OF_##object},
    RV_MJCF_QUANTITY_MAP(ROW)
#undef ROW
};

const char *rv_mjcf_quantity_key(rv_mjcf_quantity quantity)
{
    return quantities[quantity].key;
}

rv_mjcf_object rv_mjcf_quantity_of(rv_mjcf_quantity quantity)
{
    return quantities[quantity].of;
}

/* A list of entries: what may stand in one. */
typedef struct list_kind {
    const char *name, *example;
    const rv_field *fields;
    bool is_noise, is_reward;
} list_kind;

static const list_kind noise_kind = {"noise", "- position: all", noise_fields, true, false};
static const list_kind observation_kind = {"observation", "- joint_position: all", observation_fields, false, false};
static const list_kind reward_kind = {"reward", "- joint_rate: root", reward_fields, false, true};
static const list_kind terminated_kind = {"terminated", "- body_position: torso", terminated_fields, false, false};

/* ---- small parts ---- */

/* Refuse a second mention of a key. */
static rv_status see(reader *r, seen *s, const void *row, const rv_yaml_token *key)
{
    for (int i = 0; i < s->n; i++)
        RV_YAML_CHECK(s->rows[i].row != row, &r->yaml, key, "'%s' is given twice; first in line %zu", key->text,
                      s->rows[i].line);
    RV_CHECK(s->n < (int)(sizeof s->rows / sizeof *s->rows), RV_E_INTERNAL, "%s: more keys than there are", key->text);
    s->rows[s->n].row = row;
    s->rows[s->n++].line = key->line;
    return RV_OK;
}

/* the value of key from a scalar, with its place and the key before what is wrong */
static rv_status read_scalar(reader *r, const char *key, const rv_field *field, const rv_yaml_token *t, void *base)
{
    char expected[RV_FIELD_TEXT];
    rv_field_expected(field, expected);
    RV_YAML_CHECK(t->type == YAML_SCALAR_EVENT, &r->yaml, t, "'%s': expected %s, got a %s", key, expected,
                  t->type == YAML_SEQUENCE_START_EVENT ? "list" : "map of keys");
    rv_status status = rv_field_parse(field, t->text, base);
    return status == RV_OK ? RV_OK : rv_yaml_place(&r->yaml, t, rv_error_prefix(status, "'%s'", key));
}

/* a number, or a list of them */
static rv_status read_numbers(reader *r, const rv_field *field, rv_f64_list *out)
{
    rv_field entry = *field;
    rv_yaml_token t = {0};
    entry.type = RV_T_F64;
    entry.offset = 0;
    *out = (rv_f64_list){.n = 1};
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    if (t.type != YAML_SEQUENCE_START_EVENT)
        return read_scalar(r, field->name, &entry, &t, &out->v[0]);
    rv_yaml_token start = t;
    for (out->n = 0;; out->n++) {
        double v = 0;
        RV_TRY(rv_yaml_next(&r->yaml, &t));
        if (t.type == YAML_SEQUENCE_END_EVENT)
            break;
        RV_TRY(read_scalar(r, field->name, &entry, &t, &v));
        RV_YAML_CHECK(out->n < RV_FIELD_LIST, &r->yaml, &start, "'%s': expected at most %d numbers", field->name,
                      (int)RV_FIELD_LIST);
        out->v[out->n] = v;
    }
    RV_YAML_CHECK(out->n > 0, &r->yaml, &start, "'%s': expected a number, or a list of them", field->name);
    return RV_OK;
}

static rv_status read_field(reader *r, const rv_field *field, void *base)
{
    rv_yaml_token t = {0};
    if (field->type == RV_T_F64_LIST)
        return read_numbers(r, field, (void *)((char *)base + field->offset));
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    return read_scalar(r, field->name, field, &t, base);
}

static rv_status add_name(reader *r, const char *key, const rv_yaml_token *t, rv_mjcf_names *names)
{
    rv_mjcf_desc *d = r->desc;
    RV_YAML_CHECK(d->n_names < RV_MJCF_MAX_NAMES, &r->yaml, t, "more than %d names in all", (int)RV_MJCF_MAX_NAMES);
    rv_mjcf_name *name = &d->names[d->n_names];
    RV_TRY(read_scalar(r, key, &text_field, t, name->text));
    RV_YAML_CHECK(name->text[0], &r->yaml, t, "'%s': expected a name", key);
    for (int i = names->first; i < names->first + names->n; i++)
        RV_YAML_CHECK(strcmp(d->names[i].text, name->text) != 0, &r->yaml, t, "'%s': '%s' is named twice", key,
                      name->text);
    name->at = (rv_mjcf_place){t->line, t->column};
    d->n_names++;
    names->n++;
    return RV_OK;
}

/* NAME, [NAME, ...], or all where that may be */
static rv_status read_names(reader *r, const char *key, bool may_be_all, rv_mjcf_names *out)
{
    rv_yaml_token t = {0};
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    *out = (rv_mjcf_names){.first = r->desc->n_names};
    if (t.type == YAML_SCALAR_EVENT && may_be_all && strcmp(t.text, "all") == 0) {
        out->is_all = true;
        return RV_OK;
    }
    RV_YAML_CHECK(t.type == YAML_SCALAR_EVENT || t.type == YAML_SEQUENCE_START_EVENT, &r->yaml, &t,
                  "'%s': expected %sa name or a list of names", key, may_be_all ? "all, " : "");
    if (t.type == YAML_SCALAR_EVENT)
        return add_name(r, key, &t, out);
    rv_yaml_token start = t;
    for (;;) {
        RV_TRY(rv_yaml_next(&r->yaml, &t));
        if (t.type == YAML_SEQUENCE_END_EVENT)
            break;
        RV_TRY(add_name(r, key, &t, out));
    }
    RV_YAML_CHECK(out->n > 0, &r->yaml, &start, "'%s': the list is empty", key);
    return RV_OK;
}

/* ---- entries of lists ---- */

/* the quantity of that key, as this list has it; false: no such */
static bool find_quantity(const list_kind *kind, const char *key, rv_mjcf_quantity *out)
{
    if (kind->is_noise) {
        *out = strcmp(key, "position") == 0 ? RV_MJCF_JOINT_POSITION : RV_MJCF_JOINT_VELOCITY;
        return strcmp(key, "position") == 0 || strcmp(key, "velocity") == 0;
    }
    for (int q = 0; q < RV_MJCF_N_QUANTITIES; q++) {
        *out = (rv_mjcf_quantity)q;
        if (strcmp(key, quantities[q].key) == 0)
            return quantities[q].of != RV_MJCF_OF_NONE || kind->is_reward;
    }
    return false;
}

static rv_status no_key(const reader *r, const list_kind *kind, const rv_yaml_token *key)
{
    const char *nearest = NULL;
    int least = INT_MAX;
    char shown[RV_FIELD_SHOWN];
    const char *others[] = {"except", kind->is_noise ? "position" : "minus", kind->is_noise ? "velocity" : "minus"};
    for (int i = 0; i < 3; i++)
        if (rv_field_nearer(key->text, others[i], &least))
            nearest = others[i];
    for (const rv_field *field = kind->fields; field->name; field++)
        if (rv_field_nearer(key->text, field->name, &least))
            nearest = field->name;
    for (int q = 0; q < RV_MJCF_N_QUANTITIES && !kind->is_noise; q++)
        if ((quantities[q].of != RV_MJCF_OF_NONE || kind->is_reward) &&
            rv_field_nearer(key->text, quantities[q].key, &least))
            nearest = quantities[q].key;
    rv_field_shown(key->text, shown);
    return rv_yaml_fail(&r->yaml, key->line, key->column, "no key '%s' in an entry of '%s'%s%s%s", shown, kind->name,
                        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static rv_status read_quantity(reader *r, rv_mjcf_quantity quantity, const rv_yaml_token *key, rv_mjcf_term *term)
{
    RV_YAML_CHECK(term->at.line == 0, &r->yaml, key,
                  "'%s' in an entry that has a quantity already (line %zu); begin another entry with '-'", key->text,
                  term->at.line);
    term->quantity = quantity;
    term->at = (rv_mjcf_place){key->line, key->column};
    if (quantities[quantity].of != RV_MJCF_OF_NONE)
        return read_names(r, key->text, true, &term->of);
    rv_yaml_token t = {0};
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    return read_scalar(r, key->text, &number_field, &t, &term->weight);
}

/* rules that tie the keys of an entry together; start: where it begins */
static rv_status check_term(const reader *r, const list_kind *kind, const rv_mjcf_term *term,
                            const rv_yaml_token *start, int n_keys)
{
    const rv_yaml *y = &r->yaml;
    RV_YAML_CHECK(term->at.line > 0, y, start, "an entry of '%s' without a quantity; expected one, as in '%s'",
                  kind->name, kind->example);
    const char *key = kind->is_noise ? "this noise" : quantities[term->quantity].key;
    RV_YAML_CHECK(quantities[term->quantity].of != RV_MJCF_OF_NONE || n_keys == 1, y, start,
                  "'%s' is a number and takes no other key", key);
    RV_YAML_CHECK(term->except.n == 0 || term->of.is_all, y, start, "'except' wants '%s: all'", key);
    RV_YAML_CHECK(term->minus.n == 0 || (!term->of.is_all && term->of.n == 1), y, start,
                  "'minus' wants one object in '%s'", key);
    RV_YAML_CHECK(term->minus.n <= 1, y, start, "'minus' wants one name");
    if (kind == &noise_kind)
        RV_YAML_CHECK((term->uniform < 0) != (term->normal < 0), y, start, "expected one of 'uniform' and 'normal'");
    if (kind == &observation_kind && term->clip.n > 0)
        RV_YAML_CHECK((term->clip.n == 1 && term->clip.v[0] > 0) ||
                          (term->clip.n == 2 && term->clip.v[0] < term->clip.v[1]),
                      y, start, "'clip': expected a number above 0, or [low, high] with low below high");
    if (kind == &reward_kind)
        RV_YAML_CHECK((term->as == RV_MJCF_NEAR) == (term->width > 0), y, start,
                      term->width > 0 ? "'width' belongs to 'as: near'" : "'as: near' wants a 'width'");
    if (kind == &terminated_kind) {
        RV_YAML_CHECK(isfinite(term->low) || isfinite(term->high), y, start, "expected 'low', 'high' or both");
        RV_YAML_CHECK(term->low < term->high, y, start, "'low' is %g and must be below 'high', %g", term->low,
                      term->high);
    }
    return RV_OK;
}

static rv_status read_key(reader *r, const list_kind *kind, seen *s, const rv_yaml_token *key, rv_mjcf_term *term)
{
    const rv_field *field = rv_field_find(kind->fields, key->text);
    rv_mjcf_quantity quantity;
    if (field) {
        RV_TRY(see(r, s, field, key));
        return read_field(r, field, term);
    }
    if (strcmp(key->text, "except") == 0) {
        RV_TRY(see(r, s, &term->except, key));
        return read_names(r, key->text, false, &term->except);
    }
    if (strcmp(key->text, "minus") == 0 && !kind->is_noise) {
        RV_TRY(see(r, s, &term->minus, key));
        return read_names(r, key->text, false, &term->minus);
    }
    if (!find_quantity(kind, key->text, &quantity))
        return no_key(r, kind, key);
    RV_TRY(see(r, s, &quantities[quantity], key));
    return read_quantity(r, quantity, key, term);
}

static rv_status read_term(reader *r, const list_kind *kind, const rv_yaml_token *start, rv_mjcf_term *term)
{
    seen s = {0};
    *term = (rv_mjcf_term){.scale = 1, .weight = 1, .low = -INFINITY, .high = INFINITY, .uniform = -1, .normal = -1};
    RV_YAML_CHECK(start->type == YAML_MAPPING_START_EVENT, &r->yaml, start,
                  "an entry of '%s': expected keys, as in '%s'", kind->name, kind->example);
    for (;;) {
        rv_yaml_token key = {0};
        RV_TRY(rv_yaml_next(&r->yaml, &key));
        if (key.type == YAML_MAPPING_END_EVENT)
            return check_term(r, kind, term, start, s.n);
        RV_YAML_CHECK(key.type == YAML_SCALAR_EVENT, &r->yaml, &key, "expected the name of a key");
        RV_TRY(read_key(r, kind, &s, &key, term));
    }
}

static rv_status read_list(reader *r, const list_kind *kind, rv_mjcf_list *list)
{
    rv_yaml_token t = {0};
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    if (rv_yaml_is_nothing(&t))
        return RV_OK;
    RV_YAML_CHECK(t.type == YAML_SEQUENCE_START_EVENT, &r->yaml, &t,
                  "'%s': expected a list of entries that begin with '-', as in '%s'", kind->name, kind->example);
    for (;;) {
        RV_TRY(rv_yaml_next(&r->yaml, &t));
        if (t.type == YAML_SEQUENCE_END_EVENT)
            return RV_OK;
        RV_YAML_CHECK(list->n < RV_MJCF_MAX_TERMS, &r->yaml, &t, "'%s' has more than %d entries", kind->name,
                      (int)RV_MJCF_MAX_TERMS);
        RV_TRY(read_term(r, kind, &t, &list->terms[list->n]));
        list->n++;
    }
}

/* ---- maps ---- */

typedef rv_status read_entry(reader *r, seen *s, const rv_yaml_token *key);

/* a map whose keys read_one reads, or nothing */
static rv_status read_map(reader *r, const char *name, const char *example, read_entry *read_one)
{
    seen s = {0};
    rv_yaml_token t = {0};
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    if (rv_yaml_is_nothing(&t))
        return RV_OK;
    RV_YAML_CHECK(t.type == YAML_MAPPING_START_EVENT, &r->yaml, &t, "%s: expected keys, as in '%s'", name, example);
    for (;;) {
        RV_TRY(rv_yaml_next(&r->yaml, &t));
        if (t.type == YAML_MAPPING_END_EVENT)
            return RV_OK;
        RV_YAML_CHECK(t.type == YAML_SCALAR_EVENT, &r->yaml, &t, "expected the name of a key");
        RV_TRY(read_one(r, &s, &t));
    }
}

static rv_status read_start(reader *r, rv_mjcf_names *names, const char *which, const rv_yaml_token *key)
{
    rv_yaml_token t = {0};
    RV_TRY(add_name(r, which, key, names));
    RV_TRY(rv_yaml_next(&r->yaml, &t));
    return read_scalar(r, key->text, &number_field, &t, &r->desc->names[r->desc->n_names - 1].value);
}

static rv_status read_position(reader *r, seen *s, const rv_yaml_token *key)
{
    (void)s;
    return read_start(r, &r->desc->position, "position", key);
}

static rv_status read_velocity(reader *r, seen *s, const rv_yaml_token *key)
{
    (void)s;
    return read_start(r, &r->desc->velocity, "velocity", key);
}

/* the place of key in a NULL-ended list of names, with a suggestion where it is not there */
static rv_status which(const reader *r, const char *const *names, const char *in, const rv_yaml_token *key, int *out)
{
    const char *nearest = NULL;
    int least = INT_MAX;
    char shown[RV_FIELD_SHOWN];
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], key->text) == 0) {
            *out = i;
            return RV_OK;
        }
        if (rv_field_nearer(key->text, names[i], &least))
            nearest = names[i];
    }
    rv_field_shown(key->text, shown);
    return rv_yaml_fail(&r->yaml, key->line, key->column, "no key '%s'%s%s%s%s", shown, in,
                        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static rv_status read_reset(reader *r, seen *s, const rv_yaml_token *key)
{
    static const char *const names[] = {"keyframe", "position", "velocity", "noise", NULL};
    rv_mjcf_desc *d = r->desc;
    rv_yaml_token t = {0};
    int i = 0;
    RV_TRY(which(r, names, " in 'reset'", key, &i));
    RV_TRY(see(r, s, names[i], key));
    switch (i) {
    case 0:
        d->keyframe.first = d->n_names;
        RV_TRY(rv_yaml_next(&r->yaml, &t));
        return add_name(r, key->text, &t, &d->keyframe);
    case 1:
        d->position.first = d->n_names;
        return read_map(r, "'position'", "position: {hip: 0.1}", read_position);
    case 2:
        d->velocity.first = d->n_names;
        return read_map(r, "'velocity'", "velocity: {hip: 0.1}", read_velocity);
    default:
        return read_list(r, &noise_kind, &d->noise);
    }
}

static rv_status read_root(reader *r, seen *s, const rv_yaml_token *key)
{
    static const char *const names[] = {"reset",      "observation", "reward", "terminated", "model",
                                        "frame_skip", "time_limit",  "help",   NULL};
    rv_mjcf_desc *d = r->desc;
    int i = 0;
    RV_TRY(which(r, names, " in the description of a task", key, &i));
    RV_TRY(see(r, s, names[i], key));
    switch (i) {
    case 0:
        return read_map(r, "'reset'", "reset: {keyframe: ready}", read_reset);
    case 1:
        return read_list(r, &observation_kind, &d->observation);
    case 2:
        return read_list(r, &reward_kind, &d->reward);
    case 3:
        return read_list(r, &terminated_kind, &d->terminated);
    default:
        if (strcmp(names[i], "model") == 0)
            d->model_at = (rv_mjcf_place){key->line, key->column};
        return read_field(r, rv_field_find(root_fields, names[i]), d);
    }
}

static rv_status read_all(reader *r)
{
    const rv_mjcf_desc *d = r->desc;
    bool is_empty = false;
    RV_TRY(rv_yaml_begin(&r->yaml, &is_empty));
    if (!is_empty) {
        RV_TRY(read_map(r, "a description", "model: robot.xml", read_root));
        RV_TRY(rv_yaml_end(&r->yaml));
    }
    if (!d->model[0])
        return rv_yaml_fail(&r->yaml, 1, 1, "there is no 'model'; expected the name of an MJCF file");
    if (d->observation.n == 0)
        return rv_yaml_fail(&r->yaml, 1, 1, "there is no 'observation'; expected entries, as in '%s'",
                            observation_kind.example);
    if (d->reward.n == 0)
        return rv_yaml_fail(&r->yaml, 1, 1, "there is no 'reward'; expected entries, as in '%s'", reward_kind.example);
    return RV_OK;
}

rv_status rv_mjcf_parse(const char *name, const char *text, size_t n, rv_mjcf_desc **out)
{
    rv_status status = RV_OK;
    reader r = {0};
    RV_TRY(RV_NEW(r.desc, 1));
    r.desc->name = name;
    RV_TRY_GOTO(rv_field_defaults(root_fields, r.desc), fail);
    RV_TRY_GOTO(rv_yaml_open(name, text, n, RV_MJCF_MAX_BYTES, &r.yaml), fail);
    status = read_all(&r);
    rv_yaml_close(&r.yaml);
    if (status != RV_OK)
        goto fail;
    *out = r.desc;
    return RV_OK;
fail:
    rv_mem_free(&r.desc);
    return status;
}
