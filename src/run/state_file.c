#include "run/state_file.h"

#include "base/disk.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/pulse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are written as they lie in memory");

#define METADATA "__metadata__"
#define FORMAT   "reverie unit"
#define VERSION  "1"

static const char *const dtype_names[] = {[RV_F32] = "F32", [RV_F64] = "F64", [RV_I64] = "I64", [RV_U8] = "U8"};
enum { N_DTYPES = sizeof dtype_names / sizeof dtype_names[0] };

const char *rv_dtype_name(rv_dtype type)
{
    return (unsigned)type < N_DTYPES ? dtype_names[type] : "?";
}

bool rv_state_name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-");
    return n > 0 && n < RV_STATE_NAME && name[n] == '\0';
}

void rv_state_list_clear(rv_state_list *list)
{
    rv_mem_free(&list->arrays);
    list->n_arrays = 0;
}

/* -- saving: one showing to make the header, one to copy the bytes ------------------------------------------------
 */

typedef struct saver {
    json_t *header;
    rv_state_list list;
    int64_t n_bytes; /* of the arrays collected so far */
    int next;        /* array of the second showing */
    rv_state_image *image;
} saver;

static rv_status collect(void *user, const char *name, rv_dtype type, int64_t n, void *data)
{
    (void)data;
    saver *s = user;
    RV_CHECK(rv_state_name_ok(name) && strcmp(name, METADATA) != 0, RV_E_INTERNAL,
             "unit %s shows an array with the name '%.80s'; expected 1 to %d letters, digits and _ . / -", s->list.unit,
             name, RV_STATE_NAME - 1);
    RV_CHECK(!json_object_get(s->header, name), RV_E_INTERNAL, "unit %s shows the array '%s' twice", s->list.unit,
             name);
    RV_CHECK((unsigned)type < N_DTYPES && n >= 0 && n <= (INT64_MAX / 2 - s->n_bytes) / 8, RV_E_INTERNAL,
             "unit %s shows the array '%s' with type %d and length %lld", s->list.unit, name, (int)type, (long long)n);
    RV_CHECK(s->list.n_arrays < RV_STATE_ARRAYS, RV_E_INTERNAL, "unit %s shows more than %d arrays", s->list.unit,
             RV_STATE_ARRAYS);
    if ((s->list.n_arrays & (s->list.n_arrays - 1)) == 0) { /* full at 0, 1, 2, 4, ... */
        size_t full = (size_t)s->list.n_arrays;
        RV_TRY(rv_mem_resize(full, full ? 2 * full : 1, sizeof *s->list.arrays, (void **)&s->list.arrays));
    }
    rv_state_array *a = &s->list.arrays[s->list.n_arrays++];
    snprintf(a->name, sizeof a->name, "%s", name);
    a->type = type;
    a->n = n;
    int64_t end = s->n_bytes + n * (int64_t)rv_dtype_size(type);
    json_t *row = json_pack("{s:s, s:[I], s:[I, I]}", "dtype", rv_dtype_name(type), "shape", (json_int_t)n,
                            "data_offsets", (json_int_t)s->n_bytes, (json_int_t)end);
    RV_CHECK(json_object_set_new(s->header, name, row) == 0, RV_E_NOMEM, "cannot make the header: out of memory");
    s->n_bytes = end;
    return RV_OK;
}

static void put(rv_state_image *image, const void *bytes, size_t n)
{
    if (n > 0)
        memcpy(image->bytes + image->n_bytes, bytes, n);
    image->n_bytes += (int64_t)n;
}

static rv_status put_array(void *user, const char *name, rv_dtype type, int64_t n, void *data)
{
    saver *s = user;
    const rv_state_array *a = s->next < s->list.n_arrays ? &s->list.arrays[s->next++] : NULL;
    RV_CHECK(a && strcmp(a->name, name) == 0 && a->type == type && a->n == n, RV_E_INTERNAL,
             "unit %s does not show the same arrays each time: '%.80s' came unexpected", s->list.unit, name);
    put(s->image, data, (size_t)n * rv_dtype_size(type));
    return RV_OK;
}

static rv_status make_room(rv_state_image *image, int64_t n)
{
    image->n_bytes = 0;
    if (n <= image->room)
        return RV_OK;
    rv_mem_free(&image->bytes);
    image->room = 0;
    RV_TRY(RV_NEW(image->bytes, n));
    image->room = n;
    return RV_OK;
}

static rv_status put_header(saver *s)
{
    char *text = json_dumps(s->header, JSON_COMPACT);
    RV_CHECK(text, RV_E_NOMEM, "cannot make the header of unit %s: out of memory", s->list.unit);
    size_t n = strlen(text);
    uint64_t padded = (n + 7) / 8 * 8;
    rv_status status = RV_OK;
    RV_CHECK_GOTO(padded <= RV_STATE_HEADER_MAX, RV_E_INTERNAL, done,
                  "the header of unit %s would have %zu bytes, at most %d are allowed", s->list.unit, n,
                  RV_STATE_HEADER_MAX);
    RV_TRY_GOTO(make_room(s->image, (int64_t)(sizeof padded + padded) + s->n_bytes), done);
    put(s->image, &padded, sizeof padded);
    put(s->image, text, n);
    put(s->image, "       ", padded - n);
done:
    free(text);
    return status;
}

static rv_status take_all(saver *s, rv_unit_show show, void *unit)
{
    s->header = json_pack("{s:{s:s, s:s, s:s}}", METADATA, "format", FORMAT, "version", VERSION, "unit", s->list.unit);
    RV_CHECK(s->header, RV_E_NOMEM, "cannot make the header of unit %s: out of memory", s->list.unit);
    RV_TRY(show(unit, collect, s));
    RV_TRY(put_header(s));
    RV_TRY(show(unit, put_array, s));
    RV_CHECK(s->next == s->list.n_arrays, RV_E_INTERNAL, "unit %s does not show the same arrays each time",
             s->list.unit);
    return RV_OK;
}

rv_status rv_state_take(const char *unit_name, rv_unit_show show, void *unit, rv_state_image *image)
{
    RV_CHECK(rv_state_name_ok(unit_name), RV_E_INTERNAL, "'%.80s' is not a name of a unit", unit_name);
    saver s = {.image = image};
    snprintf(s.list.unit, sizeof s.list.unit, "%s", unit_name);
    snprintf(image->name, sizeof image->name, "%s", unit_name);
    rv_status status = take_all(&s, show, unit);
    json_decref(s.header);
    rv_state_list_clear(&s.list);
    return status;
}

void rv_state_image_clear(rv_state_image *image)
{
    rv_mem_free(&image->bytes);
    *image = (rv_state_image){.bytes = NULL};
}

rv_status rv_state_write(const char *path, const rv_state_image *image, rv_state_info *info_out)
{
    RV_TRY(rv_file_put(path, image->bytes, (size_t)image->n_bytes));
    if (!info_out)
        return RV_OK;
    memset(info_out, 0, sizeof *info_out); /* it travels as bytes */
    snprintf(info_out->name, sizeof info_out->name, "%s", image->name);
    info_out->bytes = image->n_bytes;
    rv_hash_bytes(image->bytes, (size_t)image->n_bytes, info_out->hash);
    return RV_OK;
}

rv_status rv_state_save(const char *path, const char *unit_name, rv_unit_show show, void *unit, rv_state_info *info_out)
{
    rv_state_image image = {.bytes = NULL};
    rv_status status = rv_state_take(unit_name, show, unit, &image);
    if (status == RV_OK)
        status = rv_state_write(path, &image, info_out);
    rv_state_image_clear(&image);
    return status;
}

/* -- reading the header ---------------------------------------------------------------------------------------------
 */

static rv_status read_at(int fd, const char *path, int64_t offset, void *out, int64_t n)
{
    char *bytes = out;
    while (n > 0) {
        ssize_t got = pread(fd, bytes, (size_t)n, offset);
        if (got < 0 && errno == EINTR)
            continue;
        RV_CHECK(got >= 0, RV_E_IO, "cannot read '%s': %s", path, strerror(errno));
        RV_CHECK(got > 0, RV_E_IO, "'%s' became shorter while it was read", path);
        bytes += got;
        offset += got;
        n -= got;
    }
    return RV_OK;
}

/* one entry of the header; its bytes must start at *end, counted from the end of the header */
static rv_status parse_array(const char *path, const char *name, const json_t *row, int64_t *end, rv_state_array *out)
{
    RV_CHECK(rv_state_name_ok(name), RV_E_DATA,
             "'%s': an array has a name that is empty, longer than %d characters, or"
             " not of letters, digits and _ . / -",
             path, RV_STATE_NAME - 1);
    const char *dtype = json_string_value(json_object_get(row, "dtype"));
    const json_t *shape = json_object_get(row, "shape");
    const json_t *offsets = json_object_get(row, "data_offsets");
    RV_CHECK(dtype && json_array_size(shape) == 1 && json_array_size(offsets) == 2 && json_object_size(row) == 3,
             RV_E_DATA, "'%s': array '%s': expected exactly a dtype, a shape of one number and two data_offsets", path,
             name);
    int type = 0;
    while (type < N_DTYPES && strcmp(dtype, dtype_names[type]) != 0)
        type++;
    RV_CHECK(type < N_DTYPES, RV_E_DATA, "'%s': array '%s' has a dtype that is not F32, F64, I64 or U8", path, name);
    const json_t *n = json_array_get(shape, 0);
    const json_t *from = json_array_get(offsets, 0);
    const json_t *to = json_array_get(offsets, 1);
    int64_t bytes = 0;
    int64_t stop = 0;
    bool right = json_is_integer(n) && json_is_integer(from) && json_is_integer(to) && json_integer_value(n) >= 0 &&
                 !__builtin_mul_overflow(json_integer_value(n), (int64_t)rv_dtype_size((rv_dtype)type), &bytes) &&
                 !__builtin_add_overflow(*end, bytes, &stop) && json_integer_value(from) == *end &&
                 json_integer_value(to) == stop;
    RV_CHECK(right, RV_E_DATA, "'%s': array '%s': its data_offsets do not fit its dtype and shape, or leave a gap",
             path, name);
    *out = (rv_state_array){.type = (rv_dtype)type, .n = json_integer_value(n), .offset = *end};
    snprintf(out->name, sizeof out->name, "%s", name);
    *end = stop;
    return RV_OK;
}

static rv_status parse_metadata(const char *path, const json_t *metadata, rv_state_list *out)
{
    const char *format = NULL;
    const char *version = NULL;
    const char *unit = NULL;
    RV_CHECK(json_is_object(metadata), RV_E_DATA, "'%s': no " METADATA ": not a file of reverie", path);
    RV_TRY(rv_json_text(path, metadata, "format", &format));
    RV_TRY(rv_json_text(path, metadata, "version", &version));
    RV_TRY(rv_json_text(path, metadata, "unit", &unit));
    RV_CHECK(strcmp(format, FORMAT) == 0 && strcmp(version, VERSION) == 0, RV_E_DATA,
             "'%s': format '%.40s' version '%.40s'; expected '" FORMAT "' version '" VERSION "'", path, format,
             version);
    RV_CHECK(rv_state_name_ok(unit), RV_E_DATA, "'%s': the unit's name is malformed", path);
    snprintf(out->unit, sizeof out->unit, "%s", unit);
    return RV_OK;
}

/* n_data: bytes of the file behind the header, whose end is at byte `first` of the file */
static rv_status parse_header(const char *path, json_t *root, int64_t first, int64_t n_data, rv_state_list *list)
{
    RV_TRY(parse_metadata(path, json_object_get(root, METADATA), list));
    size_t n = json_object_size(root) - 1;
    RV_CHECK(n <= RV_STATE_ARRAYS, RV_E_DATA, "'%s' holds %zu arrays, at most %d are allowed", path, n,
             RV_STATE_ARRAYS);
    RV_TRY(RV_NEW(list->arrays, n));
    int64_t end = 0;
    const char *name = NULL;
    json_t *row = NULL;
    json_object_foreach(root, name, row)
    {
        if (strcmp(name, METADATA) == 0)
            continue;
        rv_state_array *a = &list->arrays[list->n_arrays];
        RV_TRY(parse_array(path, name, row, &end, a));
        a->offset += first;
        list->n_arrays++;
    }
    RV_CHECK(end == n_data, RV_E_DATA, "'%s': its arrays have %lld bytes, the file holds %lld: it was cut or added to",
             path, (long long)end, (long long)n_data);
    return RV_OK;
}

static rv_status read_header(int fd, const char *path, rv_state_list *out)
{
    rv_status status = RV_OK;
    rv_state_list list = {.arrays = NULL};
    json_t *root = NULL;
    char *text = NULL;
    uint64_t n = 0;
    struct stat st;
    RV_CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode), RV_E_NOINPUT, "'%s' is not a file", path);
    RV_CHECK(st.st_size >= (off_t)sizeof n, RV_E_DATA, "'%s' has %lld bytes: too short for a header", path,
             (long long)st.st_size);
    RV_TRY(read_at(fd, path, 0, &n, sizeof n));
    int64_t behind = st.st_size - (int64_t)sizeof n;
    RV_CHECK(n <= RV_STATE_HEADER_MAX && (int64_t)n <= behind, RV_E_DATA,
             "'%s' claims a header of %llu bytes; at most %d are allowed and %lld are there", path,
             (unsigned long long)n, RV_STATE_HEADER_MAX, (long long)behind);
    RV_TRY_GOTO(RV_NEW(text, n + 1), done);
    RV_TRY_GOTO(read_at(fd, path, sizeof n, text, (int64_t)n), done);
    RV_CHECK_GOTO(text[0] == '{', RV_E_DATA, done, "'%s': its header does not start with '{'", path);
    RV_TRY_GOTO(rv_json_parse(path, text, n, &root), done);
    RV_TRY_GOTO(parse_header(path, root, (int64_t)(sizeof n + n), behind - (int64_t)n, &list), done);
    *out = list;
    list.arrays = NULL;
done:
    rv_state_list_clear(&list);
    json_decref(root);
    rv_mem_free(&text);
    return status;
}

static rv_status open_file(const char *path, int *fd, rv_state_list *list)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    RV_CHECK(*fd >= 0, RV_E_NOINPUT, "cannot open '%s': %s", path, strerror(errno));
    rv_status status = read_header(*fd, path, list);
    if (status != RV_OK)
        close(*fd);
    return status;
}

rv_status rv_state_inspect(const char *path, rv_state_list *out)
{
    int fd = -1;
    RV_TRY(open_file(path, &fd, out));
    close(fd);
    return RV_OK;
}

/* -- loading: one showing to compare, one to copy -------------------------------------------------------------------
 */

typedef struct loader {
    const char *path;
    int fd;
    rv_state_list list;
    bool *shown; /* (n_arrays) */
    int guess;   /* the array after the last one: units show them in the order of the file */
} loader;

static const rv_state_array *find_array(loader *l, const char *name)
{
    for (int i = 0; i < l->list.n_arrays; i++) {
        int at = (l->guess + i) % l->list.n_arrays;
        if (strcmp(l->list.arrays[at].name, name) == 0) {
            l->guess = at + 1;
            return &l->list.arrays[at];
        }
    }
    return NULL;
}

static rv_status compare(void *user, const char *name, rv_dtype type, int64_t n, void *data)
{
    (void)data;
    loader *l = user;
    const rv_state_array *a = find_array(l, name);
    RV_CHECK(a, RV_E_DATA, "'%s' holds no array '%.80s': it is of another unit, version or configuration", l->path,
             name);
    RV_CHECK(a->type == type && a->n == n, RV_E_DATA,
             "'%s': array '%s' is %s[%lld], expected %s[%lld]: it is of another version or configuration", l->path,
             name, rv_dtype_name(a->type), (long long)a->n, rv_dtype_name(type), (long long)n);
    bool *shown = &l->shown[a - l->list.arrays];
    RV_CHECK(!*shown, RV_E_INTERNAL, "unit %s shows the array '%s' twice", l->list.unit, name);
    *shown = true;
    return RV_OK;
}

static rv_status copy_array(void *user, const char *name, rv_dtype type, int64_t n, void *data)
{
    loader *l = user;
    const rv_state_array *a = find_array(l, name);
    RV_CHECK(a && a->type == type && a->n == n, RV_E_INTERNAL,
             "unit %s does not show the same arrays each time: '%.80s' came unexpected", l->list.unit, name);
    return read_at(l->fd, l->path, a->offset, data, n * (int64_t)rv_dtype_size(type));
}

static rv_status load_all(loader *l, rv_unit_show show, void *unit)
{
    RV_TRY(RV_NEW(l->shown, l->list.n_arrays));
    RV_TRY(show(unit, compare, l));
    for (int i = 0; i < l->list.n_arrays; i++)
        RV_CHECK(l->shown[i], RV_E_DATA,
                 "'%s' holds an array '%s' that is not expected: it is of another unit, version or configuration",
                 l->path, l->list.arrays[i].name);
    return show(unit, copy_array, l);
}

rv_status rv_state_load(const char *path, rv_unit_show show, void *unit)
{
    loader l = {.path = path};
    RV_TRY(open_file(path, &l.fd, &l.list));
    rv_status status = load_all(&l, show, unit);
    rv_mem_free(&l.shown);
    rv_state_list_clear(&l.list);
    close(l.fd);
    return status;
}
