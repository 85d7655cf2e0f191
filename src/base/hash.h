/* hash.h - XXH3-128 (xxhash library) of bytes, as 32 hexadecimal digits. */
#pragma once
#include "base/status.h"

#include <stdint.h>

enum { RV_HASH_TEXT = 33 };

/** Hash of n bytes. @param[out] text (33) digits and a final NUL */
void rv_hash_bytes(const void *bytes, size_t n, char text[RV_HASH_TEXT]);

/** Hash of bytes that come in pieces: the same digits as rv_hash_bytes of all of them. */
typedef struct rv_hasher {
    void *state;
} rv_hasher;
rv_status rv_hasher_create(rv_hasher *out);
void rv_hasher_add(rv_hasher *hasher, const void *bytes, size_t n);
void rv_hasher_text(const rv_hasher *hasher, char text[RV_HASH_TEXT]);
void rv_hasher_clear(rv_hasher *hasher);

/** Hash and size of a file, read in pieces. @return RV_OK; RV_E_NOINPUT (missing, not a file); RV_E_IO; RV_E_NOMEM */
rv_status rv_hash_file(const char *path, int64_t *n_bytes, char text[RV_HASH_TEXT]);

/** 64-bit hash of n bytes. */
unsigned long long rv_hash_u64(const void *bytes, size_t n);
