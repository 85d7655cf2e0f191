/* cmd_ckpt.c - `reverie ckpt`: what checkpoints a run has, whether they are good, and how two differ. */
#include "base/json.h"
#include "base/memory.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "run/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char usage[] =
    "usage: reverie ckpt ls RUN [--json]\n"
    "       reverie ckpt verify RUN [--json]\n"
    "       reverie ckpt diff RUN [RUN] [--json]\n"
    "\n"
    "ls      the checkpoints of a run, newest first, each read as a whole: good, or what is wrong with it\n"
    "verify  the same file by file; exit 65 when one is bad\n"
    "diff    the arrays in which two checkpoints differ: the newest good ones of two runs, or the newest of one and "
    "the\n"
    "        good one before it; exit 1 when they differ. Largest is the largest difference of two numbers\n"
    "\n"
    "For verify and diff RUN may also be one checkpoint's folder: RUN/checkpoints/tick_00000020.\n"
    "\n"
    "  --json  print JSON\n"
    "\n"
    "examples:\n"
    "  reverie ckpt ls runs/hopper-1\n"
    "  reverie ckpt verify runs/hopper-1/checkpoints/tick_00000020\n"
    "  reverie ckpt diff runs/one runs/two\n";

/* rows of JSON; a row that is lost for want of memory is said in the end */
typedef struct rows {
    json_t *list;
    bool is_short;
} rows;

static void add_row(rows *out, json_t *row)
{
    out->is_short |= json_array_append_new(out->list, row) != 0;
}

/* gives the list back */
static rv_status print_rows(const rows *out, json_t *root)
{
    if (out->is_short) {
        json_decref(root);
        return rv_raise(RV_E_NOMEM, "ckpt: out of memory");
    }
    return rv_json_print(root);
}

/* RUN or RUN/checkpoints/tick_N: *tick is -1 for a run */
static rv_status parse_target(const char *word, char run[RV_PATH], int64_t *tick)
{
    char name[RV_STATE_NAME];
    char path[RV_PATH];
    size_t n = strlen(word);
    RV_CHECK(n > 0 && n < RV_PATH, RV_E_USAGE, "ckpt: the name of a run has %zu characters, expected 1 to %d", n,
             RV_PATH - 1);
    memcpy(path, word, n + 1);
    while (n > 1 && path[n - 1] == '/')
        path[--n] = '\0';
    *tick = -1;
    snprintf(run, RV_PATH, "%s", path);
    const char *last = strrchr(path, '/');
    last = last ? last + 1 : path;
    if (strncmp(last, "tick_", 5) != 0)
        return RV_OK;
    rv_checkpoint_place place = {.tick = strtoll(last + 5, NULL, 10)};
    rv_checkpoint_place_name(place, name);
    if (strcmp(name, last) != 0)
        return RV_OK;
    *tick = place.tick;
    static const char parent[] = "/checkpoints/";
    size_t n_run = n - strlen(last);
    if (n_run >= sizeof parent && strncmp(run + n_run - strlen(parent), parent, strlen(parent)) == 0)
        run[n_run - strlen(parent)] = '\0';
    else
        snprintf(run + n_run, RV_PATH - n_run, "..");
    return RV_OK;
}

/* ---- ls ---- */

static void describe_time(const char *folder, char out[32])
{
    struct stat st;
    struct tm when;
    snprintf(out, 32, "?");
    if (stat(folder, &st) == 0 && localtime_r(&st.st_mtime, &when))
        strftime(out, 32, "%Y-%m-%d %H:%M:%S", &when);
}

static rv_status place_path(const char *run, rv_checkpoint_place place, char out[RV_PATH])
{
    char name[RV_STATE_NAME];
    char relative[RV_STATE_NAME + 16];
    rv_checkpoint_place_name(place, name);
    snprintf(relative, sizeof relative, "checkpoints/%s", name);
    return rv_path_join(run, relative, out);
}

static rv_status list_one(const char *run, rv_checkpoint_place place, rows *out)
{
    rv_checkpoint c = {.units = NULL};
    char name[RV_STATE_NAME];
    char path[RV_PATH];
    char date[32];
    int64_t bytes = 0;
    rv_checkpoint_place_name(place, name);
    RV_TRY(place_path(run, place, path));
    describe_time(path, date);
    rv_status status =
        place.aside ? rv_raise(RV_E_DATA, "found bad and written again") : rv_checkpoint_open(run, place.tick, &c);
    bool has_manifest = status == RV_OK;
    if (has_manifest)
        status = rv_checkpoint_verify_all(&c);
    for (int i = 0; i < c.n_units; i++)
        bytes += c.units[i].bytes;
    const char *what = status == RV_OK ? "good" : rv_error_last()->text;
    if (out) {
        json_t *row = json_pack("{s:s, s:I, s:s, s:b}", "name", name, "tick", (json_int_t)place.tick, "date", date,
                                "good", status == RV_OK);
        if (has_manifest)
            json_object_update_new(row, json_pack("{s:I, s:i, s:I}", "step", (json_int_t)c.step, "units", c.n_units,
                                                  "bytes", (json_int_t)bytes));
        if (status != RV_OK)
            json_object_set_new(row, "wrong", json_string(what));
        add_row(out, row);
    } else if (has_manifest) {
        printf("%-20s  %10lld  %6d  %12lld  %s  %s%s\n", name, (long long)c.step, c.n_units, (long long)bytes, date,
               status == RV_OK ? "" : "BAD: ", what);
    } else {
        printf("%-20s  %10s  %6s  %12s  %s  BAD: %s\n", name, "?", "?", "?", date, what);
    }
    rv_checkpoint_clear(&c);
    return RV_OK;
}

static rv_status list_run(const char *run, bool json)
{
    rv_checkpoint_place *places = NULL;
    int n = 0;
    RV_CHECK(rv_file_exists(run), RV_E_NOINPUT, "no run at '%s'", run);
    RV_TRY(rv_checkpoint_list(run, &places, &n));
    rows out = {.list = json ? json_array() : NULL};
    rv_status status = RV_OK;
    if (!json)
        printf("%-20s  %10s  %6s  %12s  %-19s\n", "checkpoint", "step", "units", "bytes", "date");
    for (int i = 0; i < n && status == RV_OK; i++)
        status = list_one(run, places[i], json ? &out : NULL);
    rv_mem_free(&places);
    if (status != RV_OK) {
        json_decref(out.list);
        return status;
    }
    return json ? print_rows(&out, out.list) : rv_cmd_flush();
}

/* ---- verify ---- */

/* status: what was found of a file of the checkpoint; returns how many bad ones that makes */
static int say_file(rv_status status, const char *place, const char *file, rows *out)
{
    const char *wrong = status == RV_OK ? NULL : rv_error_last()->text;
    if (out) {
        json_t *row = json_pack("{s:s, s:s, s:b}", "checkpoint", place, "file", file, "good", !wrong);
        if (wrong)
            json_object_set_new(row, "wrong", json_string(wrong));
        add_row(out, row);
    } else {
        printf("%s  %s/%s%s%s\n", wrong ? "BAD " : "good", place, file, wrong ? ": " : "", wrong ? wrong : "");
    }
    return wrong != NULL;
}

static int verify_one(const char *run, int64_t tick, rows *out)
{
    rv_checkpoint c = {.units = NULL};
    char name[RV_STATE_NAME];
    char file[RV_STATE_NAME + 16];
    rv_checkpoint_place_name((rv_checkpoint_place){.tick = tick}, name);
    int n_bad = say_file(rv_checkpoint_open(run, tick, &c), name, "manifest.json", out);
    for (int i = 0; i < c.n_units; i++) {
        snprintf(file, sizeof file, "%s.safetensors", c.units[i].name);
        n_bad += say_file(rv_checkpoint_verify(&c, &c.units[i]), name, file, out);
    }
    rv_checkpoint_clear(&c);
    return n_bad;
}

static rv_status verify(const char *word, bool json)
{
    rv_checkpoint_place *places = NULL;
    char run[RV_PATH];
    int64_t tick = -1;
    int n = 0;
    int n_looked = 0;
    int n_bad = 0;
    RV_TRY(parse_target(word, run, &tick));
    RV_CHECK(rv_file_exists(word), RV_E_NOINPUT, "no run or checkpoint at '%s'", word);
    RV_TRY(rv_checkpoint_list(run, &places, &n));
    rows out = {.list = json ? json_array() : NULL};
    for (int i = 0; i < n; i++)
        if (places[i].aside == 0 && (tick < 0 || places[i].tick == tick)) {
            n_bad += verify_one(run, places[i].tick, json ? &out : NULL);
            n_looked++;
        }
    rv_mem_free(&places);
    rv_status status = json ? print_rows(&out, out.list) : rv_cmd_flush();
    RV_TRY(status);
    RV_CHECK(n_looked > 0, RV_E_NOINPUT, "no checkpoint in '%s'", word);
    RV_CHECK(n_bad == 0, RV_E_DATA, "%d file%s of the checkpoints of '%s' %s bad", n_bad, n_bad == 1 ? "" : "s", word,
             n_bad == 1 ? "is" : "are");
    return RV_OK;
}

/* ---- diff ---- */

/* a unit's file in memory */
typedef struct unit_file {
    rv_state_list list;
    char *bytes;
    size_t n_bytes;
} unit_file;

typedef struct difference {
    int64_t n_differ;
    double largest;
} difference;

static void clear_file(unit_file *f)
{
    rv_state_list_clear(&f->list);
    rv_mem_free(&f->bytes);
}

static rv_status read_unit(const rv_checkpoint *c, const char *name, unit_file *out)
{
    char path[RV_PATH];
    RV_TRY(rv_checkpoint_unit_path(c, name, path));
    RV_TRY(rv_state_inspect(path, &out->list));
    return rv_file_read(path, SIZE_MAX, &out->bytes, &out->n_bytes);
}

static double number_at(const char *bytes, rv_dtype type, int64_t i)
{
    float f = 0;
    double d = 0;
    int64_t k = 0;
    switch (type) {
    case RV_F32:
        memcpy(&f, bytes + 4 * i, sizeof f);
        return (double)f;
    case RV_F64:
        memcpy(&d, bytes + 8 * i, sizeof d);
        return d;
    case RV_I64:
        memcpy(&k, bytes + 8 * i, sizeof k);
        return (double)k;
    default:
        return (unsigned char)bytes[i];
    }
}

static difference compare_arrays(const unit_file *a, const rv_state_array *x, const unit_file *b,
                                 const rv_state_array *y)
{
    difference d = {.n_differ = 0};
    size_t size = rv_dtype_size(x->type);
    for (int64_t i = 0; i < x->n; i++) {
        const char *p = a->bytes + x->offset;
        const char *q = b->bytes + y->offset;
        if (memcmp(p + (size_t)i * size, q + (size_t)i * size, size) == 0)
            continue;
        double off = fabs(number_at(p, x->type, i) - number_at(q, y->type, i));
        d.n_differ++;
        if (!(off <= d.largest)) /* NaN is the largest of all */
            d.largest = off;
    }
    return d;
}

static const rv_state_array *find_array(const unit_file *f, const char *name)
{
    for (int i = 0; i < f->list.n_arrays; i++)
        if (strcmp(f->list.arrays[i].name, name) == 0)
            return &f->list.arrays[i];
    return NULL;
}

static void say_array(const char *unit, const rv_state_array *a, const rv_state_array *b, const difference *d,
                      rows *out)
{
    char what[160];
    const rv_state_array *any = a ? a : b;
    if (!a || !b)
        snprintf(what, sizeof what, "only in the %s", a ? "first" : "second");
    else if (!d)
        snprintf(what, sizeof what, "%s[%lld] against %s[%lld]", rv_dtype_name(a->type), (long long)a->n,
                 rv_dtype_name(b->type), (long long)b->n);
    else
        snprintf(what, sizeof what, "%lld of %lld differ, largest %g", (long long)d->n_differ, (long long)a->n,
                 d->largest);
    if (!out) {
        printf("%-16s %-16s %s\n", unit, any->name, what);
        return;
    }
    json_t *row = json_pack("{s:s, s:s, s:s}", "unit", unit, "array", any->name, "what", what);
    if (d)
        json_object_update_new(row,
                               json_pack("{s:I, s:I, s:o}", "differ", (json_int_t)d->n_differ, "of", (json_int_t)a->n,
                                         "largest", isfinite(d->largest) ? json_real(d->largest) : json_null()));
    add_row(out, row);
}

static void diff_arrays(const char *unit, const unit_file *a, const unit_file *b, rows *out)
{
    for (int i = 0; i < a->list.n_arrays; i++) {
        const rv_state_array *x = &a->list.arrays[i];
        const rv_state_array *y = find_array(b, x->name);
        if (!y || x->type != y->type || x->n != y->n) {
            say_array(unit, x, y, NULL, out);
            continue;
        }
        difference d = compare_arrays(a, x, b, y);
        if (d.n_differ > 0)
            say_array(unit, x, y, &d, out);
    }
    for (int i = 0; i < b->list.n_arrays; i++)
        if (!find_array(a, b->list.arrays[i].name))
            say_array(unit, NULL, &b->list.arrays[i], NULL, out);
}

static void say_unit(const char *unit, bool in_first, rows *out)
{
    const char *what = in_first ? "only in the first" : "only in the second";
    if (out)
        add_row(out, json_pack("{s:s, s:s}", "unit", unit, "what", what));
    else
        printf("%-16s %s\n", unit, what);
}

static const rv_state_info *find_unit(const rv_checkpoint *c, const char *name)
{
    for (int i = 0; i < c->n_units; i++)
        if (strcmp(c->units[i].name, name) == 0)
            return &c->units[i];
    return NULL;
}

/* returns through n_differ how many units differ */
static rv_status diff_units(const rv_checkpoint *a, const rv_checkpoint *b, rows *out, int *n_differ)
{
    for (int i = 0; i < a->n_units; i++) {
        unit_file x = {.bytes = NULL};
        unit_file y = {.bytes = NULL};
        const rv_state_info *u = &a->units[i];
        const rv_state_info *v = find_unit(b, u->name);
        if (v && u->bytes == v->bytes && strcmp(u->hash, v->hash) == 0)
            continue;
        ++*n_differ;
        if (!v) {
            say_unit(u->name, true, out);
            continue;
        }
        rv_status status = read_unit(a, u->name, &x);
        if (status == RV_OK)
            status = read_unit(b, u->name, &y);
        if (status == RV_OK)
            diff_arrays(u->name, &x, &y, out);
        clear_file(&x);
        clear_file(&y);
        RV_TRY(status);
    }
    for (int i = 0; i < b->n_units; i++)
        if (!find_unit(a, b->units[i].name)) {
            ++*n_differ;
            say_unit(b->units[i].name, false, out);
        }
    return RV_OK;
}

/* the checkpoint that a word means, all of it verified; before: the newest good one below this tick */
static rv_status open_target(const char *word, int64_t before, rv_checkpoint *out)
{
    rv_checkpoint_place *places = NULL;
    char run[RV_PATH];
    int64_t tick = -1;
    int n = 0;
    RV_TRY(parse_target(word, run, &tick));
    if (tick >= 0 && before == INT64_MAX) {
        RV_TRY(rv_checkpoint_open(run, tick, out));
        return rv_checkpoint_verify_all(out);
    }
    if (before == INT64_MAX)
        return rv_checkpoint_newest(run, true, out);
    RV_TRY(rv_checkpoint_list(run, &places, &n));
    rv_status status = RV_E_NOINPUT;
    for (int i = 0; i < n && status != RV_OK; i++) {
        if (places[i].aside != 0 || places[i].tick >= before)
            continue;
        status = rv_checkpoint_open(run, places[i].tick, out);
        if (status == RV_OK)
            status = rv_checkpoint_verify_all(out);
    }
    rv_mem_free(&places);
    RV_CHECK(status == RV_OK, RV_E_NOINPUT, "'%s' has no second good checkpoint to compare with", word);
    return RV_OK;
}

static rv_status print_diff(const rv_checkpoint *a, const rv_checkpoint *b, bool json)
{
    rows out = {.list = json ? json_array() : NULL};
    int n_differ = 0;
    if (!json)
        printf("first   %s\nsecond  %s\n", a->folder, b->folder);
    rv_status status = diff_units(a, b, json ? &out : NULL, &n_differ);
    if (status != RV_OK) {
        json_decref(out.list);
        return status;
    }
    if (json)
        RV_TRY(print_rows(&out, json_pack("{s:s, s:s, s:b, s:o}", "first", a->folder, "second", b->folder, "equal",
                                          n_differ == 0, "differences", out.list)));
    else
        printf("%s\n", n_differ == 0 ? "all units are equal" : "");
    RV_TRY(rv_cmd_flush());
    RV_CHECK(n_differ == 0, RV_E_DIFFERS, "%d unit%s differ%s", n_differ, n_differ == 1 ? "" : "s",
             n_differ == 1 ? "s" : "");
    return RV_OK;
}

static rv_status diff(const char *first, const char *second, bool json)
{
    rv_checkpoint a = {.units = NULL};
    rv_checkpoint b = {.units = NULL};
    rv_status status = open_target(first, INT64_MAX, &a);
    if (status == RV_OK)
        status = open_target(second ? second : first, second ? INT64_MAX : a.tick, &b);
    if (status == RV_OK)
        status = second ? print_diff(&a, &b, json) : print_diff(&b, &a, json);
    rv_checkpoint_clear(&a);
    rv_checkpoint_clear(&b);
    return status;
}

static rv_status run_command(const rv_words *w, bool json)
{
    static const char *const names[] = {"ls", "verify", "diff"};
    RV_CHECK(w->n_positional > 0, RV_E_USAGE, "ckpt: expected ls, verify or diff; see 'reverie ckpt --help'");
    const char *command = w->positional[0];
    bool is_diff = strcmp(command, "diff") == 0;
    if (!is_diff && strcmp(command, "ls") != 0 && strcmp(command, "verify") != 0)
        return rv_options_unknown("ckpt", "command", command, 3, names);
    RV_TRY(rv_options_expect("ckpt", is_diff ? "diff RUN [RUN]" : "RUN", 2, is_diff ? 3 : 2, w));
    if (is_diff)
        return diff(w->positional[1], w->n_positional > 2 ? w->positional[2] : NULL, json);
    return strcmp(command, "ls") == 0 ? list_run(w->positional[1], json) : verify(w->positional[1], json);
}

int rv_cmd_ckpt(int argc, char **argv)
{
    bool json = false;
    rv_words words;
    const rv_option options[] = {{"--json", &json, NULL}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(usage);
    return rv_cmd_finish(status != RV_OK ? status : run_command(&words, json));
}
