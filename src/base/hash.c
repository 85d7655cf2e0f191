#include "base/hash.h"

#include <stdio.h>
#include <xxhash.h>

void rv_hash_bytes(const void *bytes, size_t n, char text[RV_HASH_TEXT])
{
    XXH128_hash_t h = XXH3_128bits(bytes, n);
    snprintf(text, RV_HASH_TEXT, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

unsigned long long rv_hash_u64(const void *bytes, size_t n)
{
    return (unsigned long long)XXH3_64bits(bytes, n);
}
