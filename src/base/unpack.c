#include "base/unpack.h"

#include <math.h>
#include <string.h>

/* msgpack-c's own decoder takes memory for whatever length the bytes claim, before it has seen them, and it does not
 * notice doubled keys */

/* big-endian number of n bytes */
static rv_status take(rv_unpack *c, size_t n, uint64_t *out)
{
    RV_CHECK(rv_unpack_left(c) >= n, RV_E_PROTOCOL, "the bytes end inside a value, at byte %zu", rv_unpack_done(c));
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | c->at[i];
    c->at += n;
    *out = value;
    return RV_OK;
}

static rv_status wrong_type(const rv_unpack *c, const char *expected, uint64_t tag)
{
    return rv_raise(RV_E_PROTOCOL, "byte %zu: expected %s, got type 0x%02x", rv_unpack_done(c) - 1, expected,
                    (unsigned)tag);
}

/* a length: in the tag, or in 2 or 4 bytes after it */
static rv_status take_count(rv_unpack *c, unsigned fix, unsigned wide, const char *expected, uint64_t *n_out)
{
    uint64_t tag = 0;
    RV_TRY(take(c, 1, &tag));
    if ((tag & 0xf0) == fix) {
        *n_out = tag & 0x0f;
        return RV_OK;
    }
    if (tag != wide && tag != wide + 1)
        return wrong_type(c, expected, tag);
    return take(c, tag == wide ? 2 : 4, n_out);
}

rv_status rv_unpack_map(rv_unpack *c, uint64_t *n_out)
{
    return take_count(c, 0x80, 0xde, "a map", n_out);
}

rv_status rv_unpack_array(rv_unpack *c, uint64_t *n_out)
{
    return take_count(c, 0x90, 0xdc, "an array", n_out);
}

/* n bytes from the cursor on */
static rv_status take_view(rv_unpack *c, const char *what, uint64_t n, size_t max, const unsigned char **out)
{
    RV_CHECK(n <= max, RV_E_PROTOCOL, "byte %zu: %s of %llu bytes, expected at most %zu", rv_unpack_done(c), what,
             (unsigned long long)n, max);
    RV_CHECK(rv_unpack_left(c) >= n, RV_E_PROTOCOL, "the bytes end inside %s, at byte %zu", what, rv_unpack_done(c));
    *out = c->at;
    c->at += n;
    return RV_OK;
}

rv_status rv_unpack_str(rv_unpack *c, size_t max, const char **text, size_t *n_out)
{
    uint64_t tag = 0;
    uint64_t n = 0;
    const unsigned char *view = NULL;
    RV_TRY(take(c, 1, &tag));
    if ((tag & 0xe0) == 0xa0)
        n = tag & 0x1f;
    else if (tag >= 0xd9 && tag <= 0xdb)
        RV_TRY(take(c, (size_t)1 << (tag - 0xd9), &n));
    else
        return wrong_type(c, "a string", tag);
    RV_TRY(take_view(c, "a string", n, max, &view));
    *text = (const char *)view;
    *n_out = (size_t)n;
    return RV_OK;
}

rv_status rv_unpack_bin(rv_unpack *c, size_t max, const unsigned char **bytes, size_t *n_out)
{
    uint64_t tag = 0;
    uint64_t n = 0;
    RV_TRY(take(c, 1, &tag));
    if (tag < 0xc4 || tag > 0xc6)
        return wrong_type(c, "bytes", tag);
    RV_TRY(take(c, (size_t)1 << (tag - 0xc4), &n));
    RV_TRY(take_view(c, "a block", n, max, bytes));
    *n_out = (size_t)n;
    return RV_OK;
}

/* any integer; *negative: the value is the two's complement of *out */
static rv_status take_integer(rv_unpack *c, uint64_t *out, bool *negative)
{
    uint64_t tag = 0;
    uint64_t value = 0;
    RV_TRY(take(c, 1, &tag));
    if (tag <= 0x7f) {
        value = tag;
    } else if (tag >= 0xe0) {
        value = tag | ~(uint64_t)0xff;
    } else if (tag >= 0xcc && tag <= 0xcf) {
        RV_TRY(take(c, (size_t)1 << (tag - 0xcc), &value));
    } else if (tag >= 0xd0 && tag <= 0xd3) {
        size_t n = (size_t)1 << (tag - 0xd0);
        RV_TRY(take(c, n, &value));
        if (n < 8 && value >> (8 * n - 1)) // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult): n is 1, 2 or 4
            value |= ~(uint64_t)0 << (8 * n);
    } else {
        return wrong_type(c, "a whole number", tag);
    }
    *negative = (tag >= 0xe0 || (tag >= 0xd0 && tag <= 0xd3)) && value >> 63;
    *out = value;
    return RV_OK;
}

rv_status rv_unpack_u64(rv_unpack *c, uint64_t *out)
{
    uint64_t value = 0;
    bool negative = false;
    RV_TRY(take_integer(c, &value, &negative));
    RV_CHECK(!negative, RV_E_PROTOCOL, "byte %zu: expected a number of at least 0", rv_unpack_done(c));
    *out = value;
    return RV_OK;
}

rv_status rv_unpack_i64(rv_unpack *c, int64_t *out)
{
    uint64_t value = 0;
    bool negative = false;
    RV_TRY(take_integer(c, &value, &negative));
    RV_CHECK(negative || value <= INT64_MAX, RV_E_PROTOCOL, "byte %zu: %llu does not fit 63 bits", rv_unpack_done(c),
             (unsigned long long)value);
    memcpy(out, &value, sizeof value);
    return RV_OK;
}

rv_status rv_unpack_bool(rv_unpack *c, bool *out)
{
    uint64_t tag = 0;
    RV_TRY(take(c, 1, &tag));
    if (tag != 0xc2 && tag != 0xc3)
        return wrong_type(c, "true or false", tag);
    *out = tag == 0xc3;
    return RV_OK;
}

rv_status rv_unpack_f64(rv_unpack *c, double *out)
{
    uint64_t tag = 0;
    uint64_t bits = 0;
    RV_TRY(take(c, 1, &tag));
    if (tag != 0xcb)
        return wrong_type(c, "a 64-bit float", tag);
    RV_TRY(take(c, 8, &bits));
    memcpy(out, &bits, sizeof bits);
    return RV_OK;
}

rv_status rv_unpack_f64_or_nil(rv_unpack *c, double *out)
{
    enum { NIL = 0xc0 };
    if (c->at == c->end || *c->at != NIL)
        return rv_unpack_f64(c, out);
    c->at++;
    *out = (double)NAN;
    return RV_OK;
}
