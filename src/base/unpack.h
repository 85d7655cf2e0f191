/* unpack.h - a cursor over msgpack bytes from outside: strict, takes no memory, believes no length before it has seen
 * the bytes. Values come in any width that holds them; a view points into the bytes and lives as long as they do.
 *
 * All return RV_OK, or RV_E_PROTOCOL with "byte 12: expected a string, got type 0xc0": the caller puts before it what
 * the bytes are (rv_error_prefix). After an error the cursor is worth nothing.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

typedef struct rv_unpack {
    const unsigned char *at, *end, *start;
} rv_unpack;

static inline rv_unpack rv_unpack_of(const void *bytes, size_t n)
{
    const unsigned char *start = bytes;
    return (rv_unpack){start, start + n, start};
}

/** Bytes before and after the cursor. */
static inline size_t rv_unpack_done(const rv_unpack *c)
{
    return (size_t)(c->at - c->start);
}
static inline size_t rv_unpack_left(const rv_unpack *c)
{
    return (size_t)(c->end - c->at);
}

/** The head of a map or an array: how many entries are said to follow. */
rv_status rv_unpack_map(rv_unpack *c, uint64_t *n_out);
rv_status rv_unpack_array(rv_unpack *c, uint64_t *n_out);

/** A string of at most max bytes; *text without a final NUL. */
rv_status rv_unpack_str(rv_unpack *c, size_t max, const char **text, size_t *n_out);

/** Bytes, at most max. */
rv_status rv_unpack_bin(rv_unpack *c, size_t max, const unsigned char **bytes, size_t *n_out);

rv_status rv_unpack_u64(rv_unpack *c, uint64_t *out);
rv_status rv_unpack_i64(rv_unpack *c, int64_t *out);
rv_status rv_unpack_bool(rv_unpack *c, bool *out);

/** Of 64 bits; any bits, NaN as well. */
rv_status rv_unpack_f64(rv_unpack *c, double *out);

/** rv_unpack_f64, or nil, which becomes NaN. */
rv_status rv_unpack_f64_or_nil(rv_unpack *c, double *out);
