/* hash.h - XXH3-128 (xxhash library) of bytes, as 32 hexadecimal digits. */
#pragma once
#include <stddef.h>

enum { RV_HASH_TEXT = 33 };

/** Hash of n bytes. @param[out] text (33) digits and a final NUL */
void rv_hash_bytes(const void *bytes, size_t n, char text[RV_HASH_TEXT]);

/** 64-bit hash of n bytes. */
unsigned long long rv_hash_u64(const void *bytes, size_t n);
