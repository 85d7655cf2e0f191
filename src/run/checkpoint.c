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
#define PRINTED  JSON_INDENT(1)
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

void rv_checkpoint_place_name(rv_checkpoint_place place, char out[RV_STATE_NAME])
{
    int n = snprintf(out, RV_STATE_NAME, "tick_%08lld", (long long)place.tick);
    if (place.aside > 0)
        snprintf(out + n, (size_t)(RV_STATE_NAME - n), ".bad-%lld", (long long)place.aside);
}

/* what a folder's name says: false for names that are not of a checkpoint */
static bool parse_place(const char *name, rv_checkpoint_place *out)
{
    rv_checkpoint_place place = {.tick = 0};
    char again[RV_STATE_NAME];
    char *rest = NULL;
    if (strncmp(name, "tick_", 5) != 0)
        return false;
    errno = 0;
    place.tick = strtoll(name + 5, &rest, 10);
    if (strncmp(rest, ".bad-", 5) == 0)
        place.aside = strtoll(rest + 5, NULL, 10);
    rv_checkpoint_place_name(place, again);
    *out = place;
    return errno == 0 && place.tick >= 0 && place.aside >= 0 && strcmp(again, name) == 0;
}

static int compare_places(const void *a, const void *b)
{
    const rv_checkpoint_place *x = a;
    const rv_checkpoint_place *y = b;
    if (x->tick != y->tick)
        return x->tick > y->tick ? -1 : 1;
    return x->aside < y->aside ? -1 : x->aside > y->aside;
}

static rv_status list_folder(DIR *folder, const char *path, rv_checkpoint_place **places, int *n)
{
    for (;;) {
        rv_checkpoint_place place;
        errno = 0;
        const struct dirent *entry = readdir(folder);
        RV_CHECK(entry || errno == 0, RV_E_IO, "cannot read folder '%s': %s", path, strerror(errno));
        if (!entry)
            return RV_OK;
        if (!parse_place(entry->d_name, &place))
            continue;
        if ((*n & (*n - 1)) == 0) { /* full at 0, 1, 2, 4, ... */
            size_t full = (size_t)*n;
            RV_TRY(rv_mem_resize(full, full ? 2 * full : 1, sizeof **places, (void **)places));
        }
        (*places)[(*n)++] = place;
    }
}

rv_status rv_checkpoint_list(const char *run_dir, rv_checkpoint_place **out, int *n_out)
{
    rv_checkpoint_place *places = NULL;
    char path[RV_PATH];
    int n = 0;
    RV_TRY(rv_path_join(run_dir, "checkpoints", path));
    DIR *folder = opendir(path);
    RV_CHECK(folder || errno == ENOENT, RV_E_IO, "cannot open folder '%s': %s", path, strerror(errno));
    rv_status status = folder ? list_folder(folder, path, &places, &n) : RV_OK;
    if (folder)
        closedir(folder);
    if (status != RV_OK) {
        rv_mem_free(&places);
        return status;
    }
    if (n > 0)
        qsort(places, (size_t)n, sizeof *places, compare_places);
    *out = places;
    *n_out = n;
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

/* a checkpoint of the tick that is good; a bad one is as good as none to who writes */
static rv_status check_free(const char *run_dir, int64_t tick)
{
    rv_checkpoint c = {.units = NULL};
    rv_status status = rv_checkpoint_open(run_dir, tick, &c);
    if (status == RV_OK)
        status = rv_checkpoint_verify_all(&c);
    rv_checkpoint_clear(&c);
    RV_CHECK(status != RV_OK, RV_E_EXISTS, "the checkpoint of tick %lld exists already in '%s'", (long long)tick,
             run_dir);
    return status == RV_E_NOMEM || status == RV_E_USAGE ? status : RV_OK;
}

rv_status rv_checkpoint_begin(const char *run_dir, int64_t tick)
{
    char checkpoints[RV_PATH];
    char partial[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "checkpoints", checkpoints));
    RV_TRY(folder_path(run_dir, tick, true, partial));
    RV_TRY(check_free(run_dir, tick));
    RV_TRY(rv_folder_make(checkpoints));
    RV_TRY(sweep(checkpoints));
    return rv_folder_make(partial);
}

rv_status rv_checkpoint_write_unit(const char *run_dir, int64_t tick, const rv_state_image *image,
                                   rv_state_info *info_out)
{
    char partial[RV_PATH];
    char path[RV_PATH];
    RV_CHECK(unit_name_ok(image->name), RV_E_INTERNAL, "'%.80s' is not a name of a unit", image->name);
    RV_TRY(folder_path(run_dir, tick, true, partial));
    RV_TRY(unit_path(partial, image->name, path));
    return rv_state_write(path, image, info_out);
}

rv_status rv_checkpoint_save_unit(const char *run_dir, int64_t tick, const char *name, rv_unit_show show, void *unit,
                                  rv_state_info *info_out)
{
    rv_state_image image = {.bytes = NULL};
    rv_status status = rv_state_take(name, show, unit, &image);
    if (status == RV_OK)
        status = rv_checkpoint_write_unit(run_dir, tick, &image, info_out);
    rv_state_image_clear(&image);
    return status;
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

/* XXH3-128 of a manifest that has no "hash", printed without blanks; jansson's copies may lack something when memory
 * runs out, and do not say so */
static rv_status hash_manifest(const json_t *root, char text[RV_HASH_TEXT])
{
    char *bytes = json_dumps(root, JSON_COMPACT);
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

/* only what can be read back is written */
static rv_status write_manifest(const char *partial, const rv_checkpoint *c)
{
    char path[RV_PATH];
    json_t *root = NULL;
    rv_checkpoint again = {.units = NULL};
    RV_TRY(rv_path_join(partial, MANIFEST, path));
    RV_TRY(make_manifest(c, &root));
    char *text = json_dumps(root, PRINTED);
    json_decref(root);
    RV_CHECK(text, RV_E_NOMEM, "cannot make '%s': out of memory", path);
    rv_status status = rv_checkpoint_parse(path, text, strlen(text), &again);
    rv_checkpoint_clear(&again);
    if (status == RV_OK)
        status = rv_file_write(path, text, strlen(text));
    free(text);
    return status;
}

/* Remove a committed checkpoint: first its name, for good, so that no half of it is ever taken for one. */
static rv_status remove_checkpoint(const char *run_dir, int64_t tick)
{
    char checkpoints[RV_PATH];
    char final[RV_PATH];
    char partial[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "checkpoints", checkpoints));
    RV_TRY(folder_path(run_dir, tick, false, final));
    RV_TRY(folder_path(run_dir, tick, true, partial));
    RV_CHECK(rename(final, partial) == 0, RV_E_IO, "cannot rename '%s': %s", final, strerror(errno));
    RV_TRY(rv_folder_sync(checkpoints));
    return rv_folder_remove(partial);
}

/* is the checkpoint good as far as its manifest and the sizes of its files say, or as all its bytes say? */
static bool is_good(const char *run_dir, int64_t tick, bool all_bytes)
{
    rv_checkpoint c = {.units = NULL};
    rv_status status = rv_checkpoint_open(run_dir, tick, &c);
    for (int i = 0; status == RV_OK && i < c.n_units; i++)
        status = check_size(c.folder, &c.units[i], RV_E_DATA);
    if (status == RV_OK && all_bytes)
        status = rv_checkpoint_verify_all(&c);
    rv_checkpoint_clear(&c);
    return status == RV_OK;
}

/* Reading all of many checkpoints each time would cost more than writing one: only two have to be whole before any
 * goes, and the one that goes, since a bad one is left for somebody to look at. */
static rv_status remove_old(const char *run_dir, int keep)
{
    rv_checkpoint_place *places = NULL;
    rv_status status = RV_OK;
    int n = 0;
    int n_good = 0;
    RV_TRY(rv_checkpoint_list(run_dir, &places, &n));
    for (int i = 0; i < n && status == RV_OK; i++) {
        if (places[i].aside != 0 || !is_good(run_dir, places[i].tick, n_good < 2 || n_good >= keep))
            continue;
        if (n_good >= keep)
            status = remove_checkpoint(run_dir, places[i].tick);
        else
            n_good++;
    }
    rv_mem_free(&places);
    return status;
}

/* a bad checkpoint of the tick gives its name away, and stays */
static rv_status set_aside(const char *run_dir, int64_t tick)
{
    char checkpoints[RV_PATH];
    char bad[RV_PATH];
    char to[RV_PATH];
    rv_checkpoint_place place = {.tick = tick, .aside = 0};
    RV_TRY(folder_path(run_dir, tick, false, bad));
    if (!rv_file_exists(bad))
        return RV_OK;
    RV_TRY(check_free(run_dir, tick));
    RV_TRY(rv_path_join(run_dir, "checkpoints", checkpoints));
    do {
        char name[RV_STATE_NAME];
        place.aside++;
        rv_checkpoint_place_name(place, name);
        RV_TRY(rv_path_join(checkpoints, name, to));
    } while (rv_file_exists(to));
    RV_CHECK(rename(bad, to) == 0, RV_E_IO, "cannot rename '%s' to '%s': %s", bad, to, strerror(errno));
    rv_warn("the checkpoint of tick %lld was bad and is written again; the bad one stays as %s", (long long)tick, to);
    return rv_folder_sync(checkpoints);
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
    RV_TRY(write_manifest(partial, c)); /* syncs the folder too */
    RV_TRY(rv_folder_sync(run_dir));    /* its entry "checkpoints" */
    RV_TRY(set_aside(run_dir, c->tick));
    RV_CHECK(rename(partial, final) == 0, RV_E_IO, "cannot rename '%s' to '%s': %s", partial, final, strerror(errno));
    return rv_folder_sync(checkpoints);
}

rv_status rv_checkpoint_commit(const char *run_dir, int64_t tick, int64_t step, uint64_t config_hash,
                               const rv_checkpoint_journal *journal, int n, const rv_state_info *infos, int keep)
{
    RV_CHECK(n >= 0 && n <= RV_CHECKPOINT_UNITS && keep >= 2 && step >= 0, RV_E_INTERNAL,
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

/* takes "hash" out of root */
static rv_status check_hash(const char *name, json_t *root)
{
    char says[RV_HASH_TEXT];
    char actual[RV_HASH_TEXT];
    const char *hash = NULL;
    RV_TRY(rv_json_text(name, root, "hash", &hash));
    RV_CHECK(is_hex(hash, RV_HASH_TEXT - 1), RV_E_DATA, "%s: its own hash is not %d hexadecimal digits", name,
             RV_HASH_TEXT - 1);
    snprintf(says, sizeof says, "%s", hash);
    json_object_del(root, "hash");
    RV_TRY(hash_manifest(root, actual));
    RV_CHECK(strcmp(says, actual) == 0, RV_E_DATA, "%s: its own hash is %s, it says %s: it was changed", name, actual,
             says);
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
    RV_TRY(parse_journal(name, json_object_get(root, "journal"), &c->journal));
    RV_CHECK(json_object_size(root) == 8, RV_E_DATA, "%s: it has unknown keys, or lacks one", name);
    RV_TRY(parse_units(name, json_object_get(root, "units"), c));
    return RV_OK;
}

/* blanks, escapes and the like, which the manifest's own hash does not cover */
static rv_status check_printing(const char *name, const json_t *root, const char *text, size_t n)
{
    char *again = json_dumps(root, PRINTED);
    RV_CHECK(again, RV_E_NOMEM, "cannot check '%s': out of memory", name);
    bool is_same = strlen(again) == n && memcmp(again, text, n) == 0;
    free(again);
    RV_CHECK(is_same, RV_E_DATA, "%s: it is not printed as reverie prints it: it was changed", name);
    return RV_OK;
}

rv_status rv_checkpoint_parse(const char *name, const char *text, size_t n, rv_checkpoint *out)
{
    json_t *root = NULL;
    rv_checkpoint c = {.units = NULL};
    RV_TRY(rv_json_parse(name, text, n, &root));
    rv_status status = parse_root(name, root, &c);
    if (status == RV_OK)
        status = check_printing(name, root, text, n);
    if (status == RV_OK)
        status = check_hash(name, root);
    json_decref(root);
    if (status == RV_OK)
        *out = c;
    else
        rv_checkpoint_clear(&c);
    return status;
}

/* what belongs to a committed checkpoint and is missing is damage; what is there and cannot be opened is trouble */
static rv_status judge_missing(rv_status status, const char *path)
{
    if (status != RV_E_NOINPUT)
        return status;
    char text[RV_ERROR_TEXT];
    snprintf(text, sizeof text, "%s", rv_error_last()->text);
    return rv_raise(rv_file_exists(path) ? RV_E_IO : RV_E_DATA, "%s", text);
}

rv_status rv_checkpoint_open(const char *run_dir, int64_t tick, rv_checkpoint *out)
{
    char path[RV_PATH];
    char *text = NULL;
    size_t n = 0;
    rv_checkpoint c = {.units = NULL};
    RV_TRY(folder_path(run_dir, tick, false, c.folder));
    RV_CHECK(rv_file_exists(c.folder), RV_E_NOINPUT, "no checkpoint '%s'", c.folder);
    RV_TRY(rv_path_join(c.folder, MANIFEST, path));
    rv_status status = judge_missing(rv_file_read(path, RV_CHECKPOINT_MANIFEST_MAX, &text, &n), path);
    if (status == RV_OK)
        status = rv_checkpoint_parse(path, text, n, out);
    rv_mem_free(&text);
    RV_TRY(status);
    snprintf(out->folder, sizeof out->folder, "%s", c.folder);
    if (out->tick != tick) {
        status = rv_raise(RV_E_DATA, "%s: it is of tick %lld, its folder of tick %lld", path, (long long)out->tick,
                          (long long)tick);
        rv_checkpoint_clear(out);
    }
    return status;
}

static rv_status open_whole(const char *run_dir, int64_t tick, rv_checkpoint *out)
{
    RV_TRY(rv_checkpoint_open(run_dir, tick, out));
    rv_status status = rv_checkpoint_verify_all(out);
    if (status != RV_OK)
        rv_checkpoint_clear(out);
    return status;
}

/* the first good one of n places; n > 0 */
static rv_status find_good(const char *run_dir, const rv_checkpoint_place *places, int n, bool is_loud,
                           rv_checkpoint *out)
{
    char newest[RV_ERROR_TEXT] = "it was set aside"; /* what is wrong with it */
    int64_t newest_tick = places[0].tick;
    int n_bad = 0;
    for (int i = 0; i < n; i++) {
        if (places[i].aside != 0)
            continue;
        rv_status status = open_whole(run_dir, places[i].tick, out);
        if (status == RV_OK && is_loud && n_bad > 0)
            rv_warn("%d checkpoint%s bad and not used; of tick %lld: %.600s; going on from the older one of tick %lld, "
                    "step %lld",
                    n_bad, n_bad == 1 ? " is" : "s are", (long long)newest_tick, newest, (long long)out->tick,
                    (long long)out->step);
        if (status != RV_E_DATA && status != RV_E_IO && status != RV_E_NOINPUT)
            return status;
        if (n_bad++ == 0) {
            snprintf(newest, sizeof newest, "%s", rv_error_last()->text);
            newest_tick = places[i].tick;
        }
    }
    return rv_raise(RV_E_DATA,
                    "%.600s; checkpoint of tick %lld is corrupt, and no older one is good: bring a good one back, or "
                    "remove the folder checkpoints to start from the beginning",
                    newest, (long long)newest_tick);
}

rv_status rv_checkpoint_newest(const char *run_dir, bool is_loud, rv_checkpoint *out)
{
    rv_checkpoint_place *places = NULL;
    int n = 0;
    RV_CHECK(rv_file_exists(run_dir), RV_E_NOINPUT, "no run at '%s'", run_dir);
    RV_TRY(rv_checkpoint_list(run_dir, &places, &n));
    rv_status status = n > 0 ? find_good(run_dir, places, n, is_loud, out)
                             : rv_raise(RV_E_NOINPUT, "no checkpoint in run '%s'", run_dir);
    rv_mem_free(&places);
    return status;
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

rv_status rv_checkpoint_unit_path(const rv_checkpoint *checkpoint, const char *name, char out[RV_PATH])
{
    return unit_path(checkpoint->folder, name, out);
}

rv_status rv_checkpoint_verify(const rv_checkpoint *checkpoint, const rv_state_info *info)
{
    char path[RV_PATH];
    char hash[RV_HASH_TEXT];
    int64_t n = 0;
    RV_TRY(check_size(checkpoint->folder, info, RV_E_DATA));
    RV_TRY(unit_path(checkpoint->folder, info->name, path));
    RV_TRY(judge_missing(rv_hash_file(path, &n, hash), path));
    RV_CHECK(n == info->bytes && strcmp(hash, info->hash) == 0, RV_E_DATA, "'%s' has the hash %s, the manifest says %s",
             path, hash, info->hash);
    return RV_OK;
}

rv_status rv_checkpoint_verify_all(const rv_checkpoint *checkpoint)
{
    for (int i = 0; i < checkpoint->n_units; i++) /* what is seen at once, first */
        RV_TRY(check_size(checkpoint->folder, &checkpoint->units[i], RV_E_DATA));
    for (int i = 0; i < checkpoint->n_units; i++)
        RV_TRY(rv_checkpoint_verify(checkpoint, &checkpoint->units[i]));
    return RV_OK;
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
