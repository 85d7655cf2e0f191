#include "feed/frame.h"

#include "base/unpack.h"

#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <string.h>

enum { FRAME_VERSION = 1, MEMBERS = 10 };

/* printable, and needs no escape in JSON */
static bool is_name(const char *s, size_t n, size_t room)
{
    if (n == 0 || n >= room)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' || s[i] == ',')
            return false;
    return true;
}

void rv_frame_init(rv_frame *frame, const char *role, int64_t unit, int64_t tick, int64_t step)
{
    memset(frame, 0, sizeof *frame);
    snprintf(frame->role, sizeof frame->role, "%s", role);
    frame->unit = unit;
    frame->tick = tick;
    frame->step = step;
}

rv_status rv_frame_add(rv_frame *frame, const char *name, double value)
{
    RV_CHECK(is_name(name, strlen(name), RV_FRAME_NAME), RV_E_INTERNAL,
             "metric name '%s': expected 1 to %d printable characters", name, RV_FRAME_NAME - 1);
    RV_CHECK(frame->n_values < RV_FRAME_VALUES, RV_E_INTERNAL, "metric '%s' does not fit: a frame holds %d values",
             name, RV_FRAME_VALUES);
    for (int i = 0; i < frame->n_values; i++)
        RV_CHECK(strcmp(frame->values[i].name, name) != 0, RV_E_INTERNAL, "metric '%s' is in the frame already", name);
    snprintf(frame->values[frame->n_values].name, RV_FRAME_NAME, "%s", name);
    frame->values[frame->n_values++].value = value;
    return RV_OK;
}

/* ---- encode ---- */

typedef struct sink {
    unsigned char *bytes;
    size_t n;
} sink;

static int sink_write(void *user, const char *bytes, size_t n)
{
    sink *out = user;
    if (n > RV_FRAME_MAX_BYTES - out->n)
        return -1;
    memcpy(out->bytes + out->n, bytes, n);
    out->n += n;
    return 0;
}

static int pack_text(msgpack_packer *packer, const char *text)
{
    return msgpack_pack_str_with_body(packer, text, strlen(text));
}

static int pack_i64(msgpack_packer *packer, const char *key, int64_t value)
{
    return pack_text(packer, key) | msgpack_pack_int64(packer, value);
}

static int pack_u64(msgpack_packer *packer, const char *key, uint64_t value)
{
    return pack_text(packer, key) | msgpack_pack_uint64(packer, value);
}

static int pack_number(msgpack_packer *packer, double value)
{
    return isfinite(value) ? msgpack_pack_double(packer, value) : msgpack_pack_nil(packer);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written to by the packer */
rv_status rv_frame_encode(const rv_frame *frame, unsigned char *bytes, size_t *n_out)
{
    RV_CHECK(is_name(frame->role, strnlen(frame->role, RV_FRAME_ROLE), RV_FRAME_ROLE), RV_E_INTERNAL,
             "a frame's role must be 1 to %d printable characters", RV_FRAME_ROLE - 1);
    RV_CHECK(frame->n_values >= 0 && frame->n_values <= RV_FRAME_VALUES, RV_E_INTERNAL, "a frame with %d values",
             frame->n_values);
    sink out = {.bytes = bytes};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &out, sink_write);
    int bad = msgpack_pack_map(&packer, MEMBERS);
    bad |= pack_u64(&packer, "v", FRAME_VERSION);
    bad |= pack_u64(&packer, "key", frame->key);
    bad |= pack_i64(&packer, "tick", frame->tick);
    bad |= pack_i64(&packer, "step", frame->step);
    bad |= pack_text(&packer, "role") | pack_text(&packer, frame->role);
    bad |= pack_i64(&packer, "unit", frame->unit);
    bad |= pack_i64(&packer, "rank", frame->rank);
    bad |= pack_u64(&packer, "seq", frame->seq);
    bad |= pack_text(&packer, "wall") | msgpack_pack_double(&packer, frame->wall);
    bad |= pack_text(&packer, "m") | msgpack_pack_map(&packer, (size_t)frame->n_values);
    for (int i = 0; i < frame->n_values; i++)
        bad |= pack_text(&packer, frame->values[i].name) | pack_number(&packer, frame->values[i].value);
    RV_CHECK(!bad, RV_E_INTERNAL, "a frame needs more than %d bytes", RV_FRAME_MAX_BYTES);
    *n_out = out.n;
    return RV_OK;
}

/* ---- decode ---- */

/* @param[out] text (room), with a final NUL */
static rv_status take_text(rv_unpack *c, size_t room, char *text)
{
    const char *view = NULL;
    size_t n = 0;
    RV_TRY(rv_unpack_str(c, room - 1, &view, &n));
    RV_CHECK(is_name(view, n, room), RV_E_PROTOCOL, "byte %zu: expected a name of printable ASCII",
             rv_unpack_done(c) - n);
    memcpy(text, view, n);
    text[n] = 0;
    return RV_OK;
}

static rv_status take_values(rv_unpack *c, rv_frame *frame)
{
    uint64_t n = 0;
    RV_TRY(rv_unpack_map(c, &n));
    RV_CHECK(n <= RV_FRAME_VALUES, RV_E_PROTOCOL, "%llu values, expected at most %d", (unsigned long long)n,
             RV_FRAME_VALUES);
    for (int i = 0; i < (int)n; i++) {
        RV_TRY(take_text(c, RV_FRAME_NAME, frame->values[i].name));
        for (int j = 0; j < i; j++)
            RV_CHECK(strcmp(frame->values[i].name, frame->values[j].name) != 0, RV_E_PROTOCOL,
                     "holds metric '%s' twice", frame->values[i].name);
        RV_TRY(rv_unpack_f64_or_nil(c, &frame->values[i].value));
        if (!isfinite(frame->values[i].value))
            frame->values[i].value = (double)NAN;
    }
    frame->n_values = (int)n;
    return RV_OK;
}

static rv_status take_version(rv_unpack *c)
{
    uint64_t version = 0;
    RV_TRY(rv_unpack_u64(c, &version));
    RV_CHECK(version == FRAME_VERSION, RV_E_PROTOCOL, "version %llu, expected %d", (unsigned long long)version,
             FRAME_VERSION);
    return RV_OK;
}

static rv_status take_member(rv_unpack *c, int member, rv_frame *frame)
{
    switch (member) {
    case 0:
        return take_version(c);
    case 1:
        return rv_unpack_u64(c, &frame->key);
    case 2:
        return rv_unpack_i64(c, &frame->tick);
    case 3:
        return rv_unpack_i64(c, &frame->step);
    case 4:
        return take_text(c, RV_FRAME_ROLE, frame->role);
    case 5:
        return rv_unpack_i64(c, &frame->unit);
    case 6:
        return rv_unpack_i64(c, &frame->rank);
    case 7:
        return rv_unpack_u64(c, &frame->seq);
    case 8:
        return rv_unpack_f64(c, &frame->wall);
    default:
        return take_values(c, frame);
    }
}

static rv_status take_members(rv_unpack *c, rv_frame *frame)
{
    static const char *const names[MEMBERS] = {"v", "key", "tick", "step", "role", "unit", "rank", "seq", "wall", "m"};
    uint64_t n_members = 0;
    RV_TRY(rv_unpack_map(c, &n_members));
    RV_CHECK(n_members == MEMBERS, RV_E_PROTOCOL, "%llu members, expected %d", (unsigned long long)n_members, MEMBERS);
    bool seen[MEMBERS] = {false};
    for (int i = 0; i < MEMBERS; i++) {
        char name[RV_FRAME_NAME];
        RV_TRY(take_text(c, sizeof name, name));
        int member = 0;
        while (member < MEMBERS && strcmp(name, names[member]) != 0)
            member++;
        RV_CHECK(member < MEMBERS, RV_E_PROTOCOL, "unknown member '%s'", name);
        RV_CHECK(!seen[member], RV_E_PROTOCOL, "holds member '%s' twice", name);
        seen[member] = true;
        rv_status status = take_member(c, member, frame);
        if (status != RV_OK)
            return rv_error_prefix(status, "member '%s'", name);
    }
    RV_CHECK(rv_unpack_left(c) == 0, RV_E_PROTOCOL, "%zu bytes after its end", rv_unpack_left(c));
    return RV_OK;
}

rv_status rv_frame_decode(const unsigned char *bytes, size_t n, rv_frame *out)
{
    RV_CHECK(n > 0 && n <= RV_FRAME_MAX_BYTES, RV_E_PROTOCOL, "frame of %zu bytes, expected 1 to %d", n,
             RV_FRAME_MAX_BYTES);
    rv_unpack c = rv_unpack_of(bytes, n);
    rv_frame frame = {0};
    rv_status status = take_members(&c, &frame);
    if (status != RV_OK)
        return rv_error_prefix(status, "frame");
    *out = frame;
    return RV_OK;
}
