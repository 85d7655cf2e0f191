/* file.h - files: read whole, write whole or not at all, make folders. Errors name the file and the errno. */
#pragma once
#include "base/status.h"

#include <stdint.h>

enum { RV_PATH = 1024 };

/** Join with '/' into out (RV_PATH). @return RV_OK; RV_E_USAGE when the path gets too long. */
rv_status rv_path_join(const char *folder, const char *name, char out[RV_PATH]);

bool rv_file_exists(const char *path);

/** Make a folder and its parents; no error when it is there. @return RV_OK; RV_E_EXISTS (it cannot be made there);
 * RV_E_IO (a disk in trouble) */
rv_status rv_folder_make(const char *path);

/** Remove a folder and all it holds; no error when it is not there. */
rv_status rv_folder_remove(const char *path);

/** The whole file, with a NUL after its last byte; the caller frees *out (rv_mem_free).
 * @return RV_OK; RV_E_NOINPUT (missing, unreadable); RV_E_DATA (more than max bytes); RV_E_IO */
rv_status rv_file_read(const char *path, size_t max, char **out, size_t *n_out);

/** Write under a temporary name, fsync, rename, fsync the folder: path holds the old bytes or the new. */
rv_status rv_file_write(const char *path, const void *bytes, size_t n);

/** Write a file of a folder that is not there for others yet: over what has the name, then fsync. On failure no file is
 * left. The caller syncs the folder. */
rv_status rv_file_put(const char *path, const void *bytes, size_t n);

/** fsync a folder, so that renames in it last. */
rv_status rv_folder_sync(const char *path);
