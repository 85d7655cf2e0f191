/* state_file.h - the state of one unit as one file, in the safetensors layout, so that any tensor library reads it:
 *
 *   [ u64 n, little endian | JSON header, n bytes, blank-padded to a multiple of 8 | bytes of the arrays ]
 *   header = { "__metadata__": { "format": "reverie unit", "version": "1", "unit": "member_3" },
 *              NAME: { "dtype": "F32" | "F64" | "I64" | "U8", "shape": [n], "data_offsets": [begin, end] }, ... }
 *
 * Arrays lie one behind the other without gaps, in the order in which the unit shows them; offsets count from the
 * end of the header. The same state gives the same bytes. A file is written and read through the same function of
 * the unit (base/visit.h). Saving goes over an image in memory, so that the unit may change again while the image is
 * being written.
 */
#pragma once
#include "base/hash.h"
#include "base/visit.h"

enum {
    RV_STATE_NAME = 64,               /* of a unit or an array, with its NUL: letters, digits and _ . / - */
    RV_STATE_ARRAYS = 4096,           /* at most, per unit */
    RV_STATE_HEADER_MAX = 1024 * 1024 /* bytes */
};

/** Shows all arrays of a unit to visit, in the same order each time; passes on what visit returns.
 * It is called more than once per save or load, and a call may leave the data alone. A unit that shows a temporary
 * must therefore fill it from itself before, and take it back after. */
typedef rv_status (*rv_unit_show)(void *unit, rv_visit visit, void *user);

/** What a file is known by in a manifest. Plain bytes: ranks send it to each other as it is. */
typedef struct rv_state_info {
    char name[RV_STATE_NAME]; /* of the unit, "env_0" */
    int64_t bytes;            /* of the file */
    char hash[RV_HASH_TEXT];  /* XXH3-128 of the file */
} rv_state_info;

/** The bytes of a unit's file. One image takes one state after the other and keeps its memory; start with {0}. */
typedef struct rv_state_image {
    char name[RV_STATE_NAME]; /* of the unit */
    char *bytes;              /* (n_bytes), owned */
    int64_t n_bytes, room;
} rv_state_image;

/** Take the unit's state as it is now. The caller clears the image, also after a failure.
 * @return RV_OK; RV_E_NOMEM; RV_E_INTERNAL when the unit shows a wrong name, one name twice, too many arrays, or not
 * the same twice */
rv_status rv_state_take(const char *unit_name, rv_unit_show show, void *unit, rv_state_image *image);
void rv_state_image_clear(rv_state_image *image);

/** Write an image to path (over what is there) and fsync it. The caller syncs the folder.
 * @param[out] info_out name, size and hash of the file; NULL: not wanted
 * @return RV_OK; RV_E_IO: no file is left; RV_E_NOMEM */
rv_status rv_state_write(const char *path, const rv_state_image *image, rv_state_info *info_out);

/** rv_state_take, then rv_state_write. */
rv_status rv_state_save(const char *path, const char *unit_name, rv_unit_show show, void *unit,
                        rv_state_info *info_out);

/** Fill the unit from path. The file must hold every array that the unit shows, with the same type and length, and
 * no other; the whole of it is checked before the unit is changed. Untrusted bytes are safe.
 * @return RV_OK; RV_E_NOINPUT (missing); RV_E_DATA (malformed, or not this unit's); RV_E_IO: reading failed on the
 * way, and the unit holds neither state */
rv_status rv_state_load(const char *path, rv_unit_show show, void *unit);

typedef struct rv_state_array {
    char name[RV_STATE_NAME];
    rv_dtype type;
    int64_t n;
    int64_t offset; /* of its first byte in the file */
} rv_state_array;

/** What a file holds. */
typedef struct rv_state_list {
    char unit[RV_STATE_NAME];
    int n_arrays;
    rv_state_array *arrays; /* (n_arrays), owned */
} rv_state_list;

/** Read and check the header. @return as rv_state_load. The caller clears *out. */
rv_status rv_state_inspect(const char *path, rv_state_list *out);
void rv_state_list_clear(rv_state_list *list);

/** "F32" and so on. */
const char *rv_dtype_name(rv_dtype type);

/** Whether a text may name a unit or an array: 1 to RV_STATE_NAME - 1 letters, digits and _ . / - */
bool rv_state_name_ok(const char *name);
