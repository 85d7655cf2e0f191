#include "run/checkpoint.h"

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT   "reverie checkpoint"
#define MANIFEST "manifest.json"
enum { VERSION = 1, FOLDER_NAME = 64 };

/* -- names ----------------------------------------------------------------------------------------------------------
 */

static bool unit_name_ok(const char *name)
{
    return rv_state_name_ok(name) && name[0] != '.' && !strchr(name, '/');
}

/* RUN/checkpoints/tick_00000020 or RUN/checkpoints/.tick_00000020.partial */
static rv_status folder_path(const char *run_dir, int64_t tick, bool partial, char out[RV_PATH])
{
    RV_CHECK(tick >= 0, RV_E_INTERNAL, "a checkpoint of tick %lld", (long long)tick);
    char name[FOLDER_NAME];
    snprintf(name, sizeof name, partial ? "checkpoints/.tick_%08lld.partial" : "checkpoints/tick_%08lld",
             (long long)tick);
    return rv_path_join(run_dir, name, out);
}

static rv_status unit_path(const char *folder, const char *unit, char out[RV_PATH])
{
    char name[RV_STATE_NAME + 16];
    snprintf(name, sizeof name, "%s.safetensors", unit);
    return rv_path_join(folder, name, out);
}

/* the tick of a committed folder's name, -1 for any other name */
static int64_t tick_of(const char *name)
{
    if (strncmp(name, "tick_", 5) != 0 || strspn(name + 5, "0123456789") != strlen(name + 5))
        return -1;
    char again[FOLDER_NAME];
    errno = 0;
    long long tick = strtoll(name + 5, NULL, 10);
    snprintf(again, sizeof again, "tick_%08lld", tick);
    return errno == 0 && strcmp(again, name) == 0 ? tick : -1;
}

/* what every look over RUN/checkpoints finds */
typedef struct survey {
    int64_t newest; /* committed tick, -1: none */
    int64_t oldest;
    int n_committed;
} survey;

/* Look over the committed checkpoints of ticks below `below`. A folder that is missing holds none. */
static rv_status survey_run(const char *run_dir, int64_t below, survey *out)
{
    survey s = {.newest = -1, .oldest = -1};
    char path[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "checkpoints", path));
    DIR *folder = opendir(path);
    RV_CHECK(folder || errno == ENOENT, RV_E_IO, "cannot open folder '%s': %s", path, strerror(errno));
    while (folder) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry)
            break;
        int64_t tick = tick_of(entry->d_name);
        if (tick < 0 || tick >= below)
            continue;
        s.newest = tick > s.newest ? tick : s.newest;
        s.oldest = s.oldest < 0 || tick < s.oldest ? tick : s.oldest;
        s.n_committed++;
    }
    int why = folder ? errno : 0;
    if (folder)
        closedir(folder);
    RV_CHECK(why == 0, RV_E_IO, "cannot read folder '%s': %s", path, strerror(why));
    *out = s;
    return RV_OK;
}

/* -- writing --------------------------------------------------------------------------------------------------------
 */

/* remove what interrupted checkpoints and removals left: .tick_* */
static rv_status sweep(const char *checkpoints)
{
    rv_status status = RV_OK;
    DIR *folder = opendir(checkpoints);
    RV_CHECK(folder, RV_E_IO, "cannot open folder '%s': %s", checkpoints, strerror(errno));
    for (struct dirent *entry; status == RV_OK && (entry = readdir(folder)) != NULL;) {
        char path[RV_PATH];
        if (strncmp(entry->d_name, ".tick_", 6) != 0)
            continue;
        status = rv_path_join(checkpoints, entry->d_name, path);
        if (status == RV_OK)
            status = rv_folder_remove(path);
    }
    closedir(folder);
    return status;
}

rv_status rv_checkpoint_begin(const char *run_dir, int64_t tick)
{
    char checkpoints[RV_PATH];
    char partial[RV_PATH];
    char final[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "checkpoints", checkpoints));
    RV_TRY(folder_path(run_dir, tick, true, partial));
    RV_TRY(folder_path(run_dir, tick, false, final));
    RV_CHECK(!rv_file_exists(final), RV_E_EXISTS, "checkpoint '%s' exists already", final);
    RV_TRY(rv_folder_make(checkpoints));
    RV_TRY(rv_folder_sync(run_dir));
    RV_TRY(sweep(checkpoints));
    return rv_folder_make(partial);
}

rv_status rv_checkpoint_save_unit(const char *run_dir, int64_t tick, const char *name, rv_unit_show show, void *unit,
                                  rv_state_info *info_out)
{
    char partial[RV_PATH];
    char path[RV_PATH];
    RV_CHECK(unit_name_ok(name), RV_E_INTERNAL, "'%.80s' is not a name of a unit", name);
    RV_TRY(folder_path(run_dir, tick, true, partial));
    RV_TRY(unit_path(partial, name, path));
    return rv_state_save(path, name, show, unit, info_out);
}

static int compare_names(const void *a, const void *b)
{
    return strverscmp(((const rv_state_info *)a)->name, ((const rv_state_info *)b)->name);
}

static rv_status check_size(const char *folder, const rv_state_info *info, rv_status kind)
{
    char path[RV_PATH];
    struct stat st;
    RV_TRY(unit_path(folder, info->name, path));
    RV_CHECK(stat(path, &st) == 0, kind, "'%s' belongs to the checkpoint but cannot be found: %s", path,
             strerror(errno));
    RV_CHECK(st.st_size == info->bytes, kind, "'%s' has %lld bytes, the manifest says %lld", path,
             (long long)st.st_size, (long long)info->bytes);
    return RV_OK;
}

/* XXH3-128 of the manifest without its "hash", printed without blanks */
static rv_status hash_manifest(const json_t *root, char text[RV_HASH_TEXT])
{
    json_t *rest = json_copy((json_t *)(uintptr_t)root);
    json_object_del(rest, "hash");
    char *bytes = json_dumps(rest, JSON_COMPACT);
    json_decref(rest);
    RV_CHECK(bytes, RV_E_NOMEM, "cannot hash a manifest: out of memory");
    rv_hash_bytes(bytes, strlen(bytes), text);
    free(bytes);
    return RV_OK;
}

static rv_status make_manifest(const rv_checkpoint *c, json_t **out)
{
    rv_status status = RV_OK;
    char config_hash[17];
    char hash[RV_HASH_TEXT];
    snprintf(config_hash, sizeof config_hash, "%016llx", (unsigned long long)c->config_hash);
    json_t *root = json_pack("{s:s, s:i, s:I, s:I, s:s, s:{s:I, s:s}, s:[]}", "format", FORMAT, "version", VERSION,
                             "tick", (json_int_t)c->tick, "step", (json_int_t)c->step, "config_hash", config_hash,
                             "journal", "rows", (json_int_t)c->journal.rows, "hash", c->journal.hash, "units");
    for (int i = 0; i < c->n_units; i++) {
        const rv_state_info *u = &c->units[i];
        json_t *row = json_pack("{s:s, s:I, s:s}", "name", u->name, "bytes", (json_int_t)u->bytes, "hash", u->hash);
        RV_CHECK_GOTO(json_array_append_new(json_object_get(root, "units"), row) == 0, RV_E_NOMEM, fail,
                      "cannot make a manifest: out of memory");
    }
    RV_TRY_GOTO(hash_manifest(root, hash), fail);
    RV_CHECK_GOTO(json_object_set_new(root, "hash", json_string(hash)) == 0, RV_E_NOMEM, fail,
                  "cannot make a manifest: out of memory");
    *out = root;
    return RV_OK;
fail:
    json_decref(root);
    return status;
}

static rv_status write_manifest(const char *partial, const rv_checkpoint *c)
{
    char path[RV_PATH];
    json_t *root = NULL;
    RV_TRY(rv_path_join(partial, MANIFEST, path));
    RV_TRY(make_manifest(c, &root));
    char *text = json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    RV_CHECK(text, RV_E_NOMEM, "cannot make '%s': out of memory", path);
    rv_status status = rv_file_write(path, text, strlen(text));
    free(text);
    return status;
}

/* Remove a committed checkpoint: first its name, so that no half of it is ever taken for one. */
static rv_status remove_checkpoint(const char *run_dir, int64_t tick)
{
    char final[RV_PATH];
    char partial[RV_PATH];
    RV_TRY(folder_path(run_dir, tick, false, final));
    RV_TRY(folder_path(run_dir, tick, true, partial));
    RV_CHECK(rename(final, partial) == 0, RV_E_IO, "cannot rename '%s': %s", final, strerror(errno));
    return rv_folder_remove(partial);
}

static rv_status remove_old(const char *run_dir, int keep)
{
    for (;;) {
        survey s;
        RV_TRY(survey_run(run_dir, INT64_MAX, &s));
        if (s.n_committed <= keep)
            return RV_OK;
        RV_TRY(remove_checkpoint(run_dir, s.oldest));
    }
}

static rv_status commit_folder(const char *run_dir, const rv_checkpoint *c)
{
    char partial[RV_PATH];
    char final[RV_PATH];
    char checkpoints[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "checkpoints", checkpoints));
    RV_TRY(folder_path(run_dir, c->tick, true, partial));
    RV_TRY(folder_path(run_dir, c->tick, false, final));
    for (int i = 0; i < c->n_units; i++) {
        RV_CHECK(unit_name_ok(c->units[i].name), RV_E_INTERNAL, "a unit of the checkpoint has no proper name");
        RV_CHECK(i == 0 || strcmp(c->units[i - 1].name, c->units[i].name) != 0, RV_E_INTERNAL,
                 "unit %s was saved twice for tick %lld", c->units[i].name, (long long)c->tick);
        RV_TRY(check_size(partial, &c->units[i], RV_E_INTERNAL));
    }
    RV_TRY(write_manifest(partial, c));
    RV_TRY(rv_folder_sync(partial));
    RV_CHECK(!rv_file_exists(final), RV_E_EXISTS, "checkpoint '%s' exists already", final);
    RV_CHECK(rename(partial, final) == 0, RV_E_IO, "cannot rename '%s' to '%s': %s", partial, final, strerror(errno));
    return rv_folder_sync(checkpoints);
}

rv_status rv_checkpoint_commit(const char *run_dir, int64_t tick, int64_t step, uint64_t config_hash,
                               const rv_checkpoint_journal *journal, int n, const rv_state_info *infos, int keep)
{
    RV_CHECK(n >= 0 && n <= RV_CHECKPOINT_UNITS && keep >= 1 && step >= 0, RV_E_INTERNAL,
             "a checkpoint of %d units at step %lld, keeping %d", n, (long long)step, keep);
    rv_checkpoint c = {.tick = tick, .step = step, .config_hash = config_hash, .journal = *journal, .n_units = n};
    RV_TRY(RV_NEW(c.units, n));
    if (n > 0)
        memcpy(c.units, infos, (size_t)n * sizeof *infos);
    qsort(c.units, (size_t)n, sizeof *c.units, compare_names);
    rv_status status = commit_folder(run_dir, &c);
    rv_checkpoint_clear(&c);
    if (status == RV_OK && remove_old(run_dir, keep) != RV_OK)
        rv_warn("the checkpoint is saved, but an old one could not be removed: %s", rv_error_last()->text);
    return status;
}

/* -- reading --------------------------------------------------------------------------------------------------------
 */

void rv_checkpoint_clear(rv_checkpoint *checkpoint)
{
    rv_mem_free(&checkpoint->units);
    checkpoint->n_units = 0;
}

static bool is_hex(const char *text, size_t n)
{
    return strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

static rv_status parse_unit(const char *name, const json_t *row, rv_state_info *out)
{
    const char *unit = NULL;
    const char *hash = NULL;
    RV_TRY(rv_json_text(name, row, "name", &unit));
    RV_TRY(rv_json_text(name, row, "hash", &hash));
    RV_TRY(rv_json_int(name, row, "bytes", &out->bytes));
    RV_CHECK(json_object_size(row) == 3, RV_E_DATA, "%s: a unit has other keys than name, bytes, hash", name);
    RV_CHECK(unit_name_ok(unit), RV_E_DATA, "%s: a unit's name is empty, too long, or not a file name", name);
    RV_CHECK(is_hex(hash, RV_HASH_TEXT - 1), RV_E_DATA, "%s: the hash of unit %s is not %d hexadecimal digits", name,
             unit, RV_HASH_TEXT - 1);
    snprintf(out->name, sizeof out->name, "%s", unit);
    snprintf(out->hash, sizeof out->hash, "%s", hash);
    return RV_OK;
}

static rv_status parse_units(const char *name, const json_t *units, rv_checkpoint *c)
{
    size_t n = json_array_size(units);
    RV_CHECK(json_is_array(units) && n <= RV_CHECKPOINT_UNITS, RV_E_DATA,
             "%s: 'units' is missing or not a list of at most %d units", name, RV_CHECKPOINT_UNITS);
    RV_TRY(RV_NEW(c->units, n));
    for (c->n_units = 0; c->n_units < (int)n; c->n_units++) {
        rv_state_info *u = &c->units[c->n_units];
        RV_TRY(parse_unit(name, json_array_get(units, (size_t)c->n_units), u));
        RV_CHECK(c->n_units == 0 || compare_names(u - 1, u) < 0, RV_E_DATA,
                 "%s: unit %s is listed twice or out of order", name, u->name);
    }
    return RV_OK;
}

static rv_status parse_journal(const char *name, const json_t *journal, rv_checkpoint_journal *out)
{
    const char *hash = NULL;
    RV_CHECK(
        journal, RV_E_DATA,
        "%s: it has no 'journal': it is from before real rows were kept in one; go on with the program that made it",
        name);
    RV_TRY(rv_json_int(name, journal, "rows", &out->rows));
    RV_TRY(rv_json_text(name, journal, "hash", &hash));
    RV_CHECK(json_object_size(journal) == 2 && out->rows >= 0 && is_hex(hash, RV_HASH_TEXT - 1), RV_E_DATA,
             "%s: 'journal' must have the keys rows and hash, a number of rows and %d hexadecimal digits", name,
             RV_HASH_TEXT - 1);
    snprintf(out->hash, sizeof out->hash, "%s", hash);
    return RV_OK;
}

static rv_status parse_root(const char *name, const json_t *root, rv_checkpoint *c)
{
    const char *format = NULL;
    const char *config_hash = NULL;
    const char *hash = NULL;
    char actual[RV_HASH_TEXT];
    int64_t version = 0;
    RV_TRY(rv_json_text(name, root, "format", &format));
    RV_TRY(rv_json_int(name, root, "version", &version));
    RV_CHECK(strcmp(format, FORMAT) == 0 && version == VERSION, RV_E_DATA,
             "%s: format '%.40s' version %lld; expected '" FORMAT "' version %d", name, format, (long long)version,
             VERSION);
    RV_TRY(rv_json_int(name, root, "tick", &c->tick));
    RV_TRY(rv_json_int(name, root, "step", &c->step));
    RV_TRY(rv_json_text(name, root, "config_hash", &config_hash));
    RV_CHECK(is_hex(config_hash, 16), RV_E_DATA, "%s: 'config_hash' is not 16 hexadecimal digits", name);
    c->config_hash = strtoull(config_hash, NULL, 16);
    RV_TRY(rv_json_text(name, root, "hash", &hash));
    RV_TRY(parse_journal(name, json_object_get(root, "journal"), &c->journal));
    RV_CHECK(json_object_size(root) == 8, RV_E_DATA, "%s: it has unknown keys", name);
    RV_TRY(parse_units(name, json_object_get(root, "units"), c));
    RV_TRY(hash_manifest(root, actual));
    RV_CHECK(strcmp(hash, actual) == 0, RV_E_DATA, "%s: its own hash is %s, it says %.*s: it was changed", name, actual,
             RV_HASH_TEXT - 1, hash);
    return RV_OK;
}

rv_status rv_checkpoint_parse(const char *name, const char *text, size_t n, rv_checkpoint *out)
{
    json_t *root = NULL;
    rv_checkpoint c = {.units = NULL};
    RV_TRY(rv_json_parse(name, text, n, &root));
    rv_status status = parse_root(name, root, &c);
    json_decref(root);
    if (status == RV_OK)
        *out = c;
    else
        rv_checkpoint_clear(&c);
    return status;
}

static rv_status open_folder(const char *folder, int64_t tick, rv_checkpoint *c)
{
    char path[RV_PATH];
    char *text = NULL;
    size_t n = 0;
    RV_TRY(rv_path_join(folder, MANIFEST, path));
    rv_status status = rv_file_read(path, RV_CHECKPOINT_MANIFEST_MAX, &text, &n);
    if (status == RV_E_NOINPUT) /* a committed checkpoint has one: this is damage, not absence */
        status = rv_raise(RV_E_DATA, "%s", rv_error_last()->text);
    if (status == RV_OK)
        status = rv_checkpoint_parse(path, text, n, c);
    rv_mem_free(&text);
    if (status != RV_OK)
        return status;
    snprintf(c->folder, sizeof c->folder, "%s", folder);
    RV_CHECK(c->tick == tick, RV_E_DATA, "%s: it is of tick %lld, its folder of tick %lld", path, (long long)c->tick,
             (long long)tick);
    for (int i = 0; i < c->n_units; i++)
        RV_TRY(check_size(folder, &c->units[i], RV_E_DATA));
    return RV_OK;
}

/* add to a corrupt checkpoint's error what can be done about it */
static rv_status advise(rv_status status, const char *folder, int64_t tick)
{
    if (status != RV_E_DATA)
        return status;
    char text[RV_ERROR_TEXT];
    char run_dir[RV_PATH];
    survey s;
    snprintf(text, sizeof text, "%s", rv_error_last()->text);
    snprintf(run_dir, sizeof run_dir, "%s/../..", folder);
    if (survey_run(run_dir, tick, &s) != RV_OK || s.newest < 0)
        return rv_raise(status, "%.700s; checkpoint of tick %lld is corrupt and there is no older one", text,
                        (long long)tick);
    return rv_raise(status,
                    "%.700s; checkpoint of tick %lld is corrupt: move its folder away to go on from the older "
                    "tick_%08lld",
                    text, (long long)tick, (long long)s.newest);
}

rv_status rv_checkpoint_newest(const char *run_dir, rv_checkpoint *out)
{
    survey s;
    char folder[RV_PATH];
    rv_checkpoint c = {.units = NULL};
    RV_CHECK(rv_file_exists(run_dir), RV_E_NOINPUT, "no run at '%s'", run_dir);
    RV_TRY(survey_run(run_dir, INT64_MAX, &s));
    RV_CHECK(s.newest >= 0, RV_E_NOINPUT, "no checkpoint in run '%s'", run_dir);
    RV_TRY(folder_path(run_dir, s.newest, false, folder));
    rv_status status = open_folder(folder, s.newest, &c);
    if (status != RV_OK) {
        rv_checkpoint_clear(&c);
        return advise(status, folder, s.newest);
    }
    *out = c;
    return RV_OK;
}

rv_status rv_checkpoint_find(const rv_checkpoint *checkpoint, const char *name, const rv_state_info **out)
{
    for (int i = 0; i < checkpoint->n_units; i++) {
        if (strcmp(checkpoint->units[i].name, name) != 0)
            continue;
        *out = &checkpoint->units[i];
        return RV_OK;
    }
    return rv_raise(RV_E_DATA, "checkpoint '%s' holds no unit '%s' among its %d: it is of another configuration",
                    checkpoint->folder, name, checkpoint->n_units);
}

rv_status rv_checkpoint_verify(const rv_checkpoint *checkpoint, const rv_state_info *info)
{
    char path[RV_PATH];
    char hash[RV_HASH_TEXT];
    int64_t n = 0;
    RV_TRY(unit_path(checkpoint->folder, info->name, path));
    rv_status status = rv_hash_file(path, &n, hash);
    if (status == RV_E_NOINPUT)
        status = rv_raise(RV_E_DATA, "%s", rv_error_last()->text);
    if (status == RV_OK && (n != info->bytes || strcmp(hash, info->hash) != 0))
        status = rv_raise(RV_E_DATA, "'%s' has the hash %s, the manifest says %s", path, hash, info->hash);
    return advise(status, checkpoint->folder, checkpoint->tick);
}

rv_status rv_checkpoint_load_unit(const rv_checkpoint *checkpoint, const char *name, rv_unit_show show, void *unit)
{
    const rv_state_info *info = NULL;
    char path[RV_PATH];
    RV_TRY(rv_checkpoint_find(checkpoint, name, &info));
    RV_TRY(rv_checkpoint_verify(checkpoint, info));
    RV_TRY(unit_path(checkpoint->folder, name, path));
    return rv_state_load(path, show, unit);
}
