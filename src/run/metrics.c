#include "run/metrics.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const rv_metric_info metrics[RV_N_METRICS] = {
#define RV_METRIC_ROW(id, name, unit, is_wall, help) {name, unit, help, is_wall},
    RV_METRIC_MAP(RV_METRIC_ROW)
#undef RV_METRIC_ROW
};

const rv_metric_info *rv_metric_get(rv_metric metric)
{
    return &metrics[metric];
}

rv_status rv_metric_find(const char *name, rv_metric *out)
{
    for (int i = 0; i < RV_N_METRICS; i++)
        if (strcmp(metrics[i].name, name) == 0) {
            *out = (rv_metric)i;
            return RV_OK;
        }
    return rv_raise(RV_E_PROTOCOL, "metric '%s' is not in the table of src/run/metrics.h", name);
}

rv_status rv_metric_add(rv_frame *frame, rv_metric metric, double value)
{
    RV_CHECK((unsigned)metric < RV_N_METRICS, RV_E_INTERNAL, "metric number %d, expected less than %d", (int)metric,
             (int)RV_N_METRICS);
    return rv_frame_add(frame, metrics[metric].name, value);
}

void rv_number_print(double value, const char *not_finite, char out[RV_NUMBER_TEXT])
{
    if (!isfinite(value)) {
        snprintf(out, RV_NUMBER_TEXT, "%s", not_finite);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, RV_NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}

void rv_metrics_json(const rv_frame *frame, char out[RV_METRICS_LINE])
{
    char number[RV_NUMBER_TEXT];
    rv_number_print(frame->wall, "null", number);
    int n = snprintf(out, RV_METRICS_LINE,
                     "{\"tick\":%" PRId64 ",\"step\":%" PRId64 ",\"role\":\"%s\",\"unit\":%" PRId64 ",\"rank\":%" PRId64
                     ",\"wall\":%s",
                     frame->tick, frame->step, frame->role, frame->unit, frame->rank, number);
    for (int i = 0; i < frame->n_values; i++) {
        rv_number_print(frame->values[i].value, "null", number);
        n += snprintf(out + n, (size_t)(RV_METRICS_LINE - n), ",\"%s\":%s", frame->values[i].name, number);
    }
    snprintf(out + n, (size_t)(RV_METRICS_LINE - n), "}");
}

/* ---- reading ---- */

double rv_record_get(const rv_record *record, rv_metric metric)
{
    for (int i = 0; i < record->n_values; i++)
        if (record->values[i].metric == metric)
            return record->values[i].value;
    return (double)NAN;
}

static rv_status read_integer(json_t *line, const char *name, int64_t *out)
{
    const json_t *member = json_object_get(line, name);
    RV_CHECK(json_is_integer(member), RV_E_DATA, "member '%s': expected a whole number", name);
    *out = json_integer_value(member);
    return RV_OK;
}

static rv_status read_members(json_t *line, rv_record *out)
{
    static const char *const own[] = {"tick", "step", "role", "unit", "rank", "wall"};
    rv_record r = {.n_values = 0};
    RV_TRY(read_integer(line, "tick", &r.tick));
    RV_TRY(read_integer(line, "step", &r.step));
    RV_TRY(read_integer(line, "unit", &r.unit));
    RV_TRY(read_integer(line, "rank", &r.rank));
    const char *role = json_string_value(json_object_get(line, "role"));
    RV_CHECK(role && role[0] && strlen(role) < sizeof r.role, RV_E_DATA, "member 'role': expected a name");
    snprintf(r.role, sizeof r.role, "%s", role);
    const json_t *wall = json_object_get(line, "wall");
    RV_CHECK(json_is_number(wall) || json_is_null(wall), RV_E_DATA, "member 'wall': expected a number");
    r.wall = json_is_null(wall) ? (double)NAN : json_number_value(wall);
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(line, name, value)
    {
        bool is_own = false;
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            is_own |= strcmp(name, own[i]) == 0;
        if (is_own)
            continue;
        rv_metric metric = RV_N_METRICS;
        RV_CHECK(rv_metric_find(name, &metric) == RV_OK, RV_E_DATA, "unknown member '%s'", name);
        RV_CHECK(json_is_number(value) || json_is_null(value), RV_E_DATA, "member '%s': expected a number or null",
                 name);
        r.values[r.n_values].metric = metric;
        r.values[r.n_values++].value = json_is_null(value) ? (double)NAN : json_number_value(value);
    }
    *out = r;
    return RV_OK;
}

static rv_status read_record(const char *text, size_t n, rv_record *out)
{
    json_error_t error;
    json_t *line = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    RV_CHECK(line, RV_E_DATA, "column %d: %s", error.column, error.text);
    rv_status status = json_is_object(line) ? read_members(line, out) : rv_raise(RV_E_DATA, "expected a JSON object");
    json_decref(line);
    return status;
}

/* order of (tick, role, unit) */
static int compare_records(const rv_record *a, const rv_record *b)
{
    int by_role = strcmp(a->role, b->role);
    if (a->tick != b->tick)
        return a->tick < b->tick ? -1 : 1;
    return by_role ? by_role : (a->unit > b->unit) - (a->unit < b->unit);
}

static rv_status read_lines(FILE *file, bool is_live, rv_record_callback callback, void *user)
{
    char text[RV_METRICS_LINE + 2];
    rv_record last = {.n_values = 0};
    for (int64_t i = 1; fgets(text, sizeof text, file); i++) {
        rv_record now;
        size_t n = strlen(text);
        bool is_whole = n > 0 && text[n - 1] == '\n';
        if (!is_whole && is_live && feof(file))
            break;
        RV_CHECK(is_whole, RV_E_DATA, "%" PRId64 ": the line is cut short, holds a NUL byte or is longer than %d bytes",
                 i, RV_METRICS_LINE);
        rv_status status = read_record(text, n - 1, &now);
        if (status != RV_OK)
            return rv_error_prefix(status, "%" PRId64, i);
        RV_CHECK(i == 1 || compare_records(&last, &now) < 0, RV_E_DATA,
                 "%" PRId64 ": tick %" PRId64 ", %s %" PRId64 " is not after tick %" PRId64 ", %s %" PRId64
                 ", which the line before holds",
                 i, now.tick, now.role, now.unit, last.tick, last.role, last.unit);
        RV_TRY(callback(user, &now));
        last = now;
    }
    RV_CHECK(!ferror(file), RV_E_IO, "cannot read: %s", strerror(errno));
    return RV_OK;
}

rv_status rv_metrics_read(const char *path, bool is_live, rv_record_callback callback, void *user)
{
    FILE *file = fopen(path, "re");
    RV_CHECK(file, RV_E_NOINPUT, "cannot open '%s': %s", path, strerror(errno));
    rv_status status = read_lines(file, is_live, callback, user);
    if (status != RV_OK)
        rv_error_prefix(status, "%s", path);
    fclose(file);
    return status;
}

/* ---- hash ---- */

typedef struct hash_state {
    rv_hasher hasher;
    rv_metric sorted[RV_N_METRICS]; /* by name */
} hash_state;

/* a metric is at most once in a record, so walking the names in order sorts it */
static rv_status add_record(void *user, const rv_record *r)
{
    hash_state *h = user;
    const double *at[RV_N_METRICS] = {NULL};
    for (int i = 0; i < r->n_values; i++)
        at[r->values[i].metric] = &r->values[i].value;
    for (int i = 0; i < RV_N_METRICS && strcmp(r->role, RV_ROLE_RANK) != 0; i++) {
        rv_metric metric = h->sorted[i];
        const double *value = at[metric];
        char line[RV_FRAME_ROLE + RV_FRAME_NAME + 128];
        char number[RV_NUMBER_TEXT] = "null";
        if (!value || metrics[metric].is_wall)
            continue;
        if (isfinite(*value))
            snprintf(number, sizeof number, "%.17g", *value);
        int n = snprintf(line, sizeof line, "%" PRId64 " %s %" PRId64 " %" PRId64 " %s %s\n", r->tick, r->role, r->unit,
                         r->step, metrics[metric].name, number);
        rv_hasher_add(&h->hasher, line, (size_t)n);
    }
    return RV_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(metrics[*(const rv_metric *)a].name, metrics[*(const rv_metric *)b].name);
}

rv_status rv_metrics_hash(const char *path, char text[RV_HASH_TEXT])
{
    hash_state h = {.hasher = {NULL}};
    for (int i = 0; i < RV_N_METRICS; i++)
        h.sorted[i] = (rv_metric)i;
    qsort(h.sorted, RV_N_METRICS, sizeof *h.sorted, compare_names);
    rv_status status = rv_hasher_create(&h.hasher);
    if (status == RV_OK)
        status = rv_metrics_read(path, false, add_record, &h);
    if (status == RV_OK)
        rv_hasher_text(&h.hasher, text);
    rv_hasher_clear(&h.hasher);
    return status;
}
