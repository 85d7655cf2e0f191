#include "env/remote_message.h"

#include "base/unpack.h"

#include <limits.h>
#include <msgpack.h>
#include <string.h>

const char *const rv_remote_kinds[RV_REMOTE_N_KINDS] = {"hello",      "reset", "step",        "save",
                                                        "load",       "bye",   "description", "observation",
                                                        "transition", "state", "done",        "error"};

typedef enum member_type { VERSION, KIND, U64, COUNT, F64, BOOL, TEXT, NUMBERS, BYTES } member_type;

typedef struct member {
    const char *name;
    member_type type;
    size_t offset;
    unsigned kinds; /* that have it */
} member;

#define AT(member) offsetof(rv_remote_message, member)
#define OF(kind)   (1U << RV_REMOTE_##kind)

enum { IS_KIND = 1, NAME_BYTES = 16, ALL = (1 << RV_REMOTE_N_KINDS) - 1 };

// clang-format off
static const member members[] = {
    {"reverie",    VERSION, 0,               ALL},
    {"kind",       KIND,    AT(kind),        ALL},
    {"session",    U64,     AT(session),     ALL},
    {"n",          U64,     AT(n),           ALL},
    {"arguments",  TEXT,    AT(arguments),   OF(HELLO)},
    {"seed",       U64,     AT(seed),        OF(RESET)},
    {"action",     NUMBERS, AT(action),      OF(STEP)},
    {"state",      BYTES,   AT(state),       OF(LOAD) | OF(STATE)},
    {"name",       TEXT,    AT(name),        OF(DESCRIPTION)},
    {"help",       TEXT,    AT(help),        OF(DESCRIPTION)},
    {"n_obs",      COUNT,   AT(n_obs),       OF(DESCRIPTION)},
    {"n_states",   COUNT,   AT(n_states),    OF(DESCRIPTION)},
    {"act_low",    NUMBERS, AT(act_low),     OF(DESCRIPTION)},
    {"act_high",   NUMBERS, AT(act_high),    OF(DESCRIPTION)},
    {"n_actions",  COUNT,   AT(n_actions),   OF(DESCRIPTION)},
    {"time_limit", COUNT,   AT(time_limit),  OF(DESCRIPTION)},
    {"dt",         F64,     AT(dt),          OF(DESCRIPTION)},
    {"alive_low",  NUMBERS, AT(alive_low),   OF(DESCRIPTION)},
    {"alive_high", NUMBERS, AT(alive_high),  OF(DESCRIPTION)},
    {"state_size", COUNT,   AT(state_size),  OF(DESCRIPTION)},
    {"obs",        NUMBERS, AT(obs),         OF(OBSERVATION) | OF(TRANSITION)},
    {"reward",     F64,     AT(reward),      OF(TRANSITION)},
    {"terminated", BOOL,    AT(terminated),  OF(TRANSITION)},
    {"truncated",  BOOL,    AT(truncated),   OF(TRANSITION)},
    {"text",       TEXT,    AT(text),        OF(ERROR)},
};
// clang-format on

enum { N_MEMBERS = (int)(sizeof members / sizeof *members) };

double rv_remote_number(const rv_remote_numbers *numbers, int i)
{
    if (numbers->from)
        return numbers->from[i];
    uint64_t bits = 0;
    double value = 0;
    for (int k = 1; k < 9; k++)
        bits = bits << 8 | numbers->packed[9 * (size_t)i + (size_t)k];
    memcpy(&value, &bits, sizeof value);
    return value;
}

void rv_remote_show(const rv_remote_text *text, size_t room, char *out)
{
    size_t n = text->n < room ? text->n : room - 1;
    for (size_t i = 0; i < n; i++) {
        char c = text->at[i];
        out[i] = '?';
        if (c >= ' ' && c <= '~')
            out[i] = c;
    }
    out[n] = 0;
}

/* ---- encode ---- */

typedef struct sink {
    unsigned char *bytes;
    size_t n, room;
} sink;

static int sink_write(void *user, const char *bytes, size_t n)
{
    sink *out = user;
    if (n > out->room - out->n)
        return -1;
    memcpy(out->bytes + out->n, bytes, n);
    out->n += n;
    return 0;
}

static int pack_text(msgpack_packer *packer, const char *text, size_t n)
{
    return msgpack_pack_str(packer, n) | (n > 0 ? msgpack_pack_str_body(packer, text, n) : 0);
}

static int pack_numbers(msgpack_packer *packer, const rv_remote_numbers *numbers)
{
    int bad = msgpack_pack_array(packer, (size_t)numbers->n);
    for (int i = 0; i < numbers->n; i++)
        bad |= msgpack_pack_double(packer, rv_remote_number(numbers, i));
    return bad;
}

static int pack_value(msgpack_packer *packer, member_type type, const void *at)
{
    const rv_remote_text *text = at;
    const rv_remote_bytes *bytes = at;
    switch (type) {
    case VERSION:
        return msgpack_pack_uint64(packer, RV_REMOTE_VERSION);
    case KIND: {
        const char *name = rv_remote_kinds[*(const rv_remote_kind *)at];
        return pack_text(packer, name, strlen(name));
    }
    case U64:
        return msgpack_pack_uint64(packer, *(const uint64_t *)at);
    case COUNT:
        return msgpack_pack_int64(packer, *(const int64_t *)at);
    case F64:
        return msgpack_pack_double(packer, *(const double *)at);
    case BOOL:
        return *(const bool *)at ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    case TEXT:
        return pack_text(packer, text->at, text->n);
    case NUMBERS:
        return pack_numbers(packer, at);
    default:
        return msgpack_pack_bin(packer, bytes->n) |
               (bytes->n > 0 ? msgpack_pack_bin_body(packer, bytes->at, bytes->n) : 0);
    }
}

static bool has(rv_remote_kind kind, int m)
{
    return members[m].kinds >> kind & 1;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written to by the packer */
rv_status rv_remote_encode(const rv_remote_message *message, size_t room, unsigned char *bytes, size_t *n_out)
{
    sink out = {.bytes = bytes, .room = room};
    msgpack_packer packer;
    size_t n_members = 0;
    for (int m = 0; m < N_MEMBERS; m++)
        n_members += has(message->kind, m);
    msgpack_packer_init(&packer, &out, sink_write);
    int bad = msgpack_pack_map(&packer, n_members);
    for (int m = 0; m < N_MEMBERS; m++) {
        if (!has(message->kind, m))
            continue;
        bad |= pack_text(&packer, members[m].name, strlen(members[m].name));
        bad |= pack_value(&packer, members[m].type, (const char *)message + members[m].offset);
    }
    RV_CHECK(!bad, RV_E_INTERNAL, "a message of kind '%s' needs more than %zu bytes", rv_remote_kinds[message->kind],
             room);
    *n_out = out.n;
    return RV_OK;
}

/* ---- decode ---- */

static rv_status take_version(rv_unpack *c)
{
    uint64_t version = 0;
    RV_TRY(rv_unpack_u64(c, &version));
    RV_CHECK(version == RV_REMOTE_VERSION, RV_E_PROTOCOL, "version %llu of the protocol, expected %d",
             (unsigned long long)version, RV_REMOTE_VERSION);
    return RV_OK;
}

static rv_status take_kind(rv_unpack *c, rv_remote_kind *out)
{
    rv_remote_text text;
    char shown[NAME_BYTES + 1];
    RV_TRY(rv_unpack_str(c, NAME_BYTES, &text.at, &text.n));
    rv_remote_show(&text, sizeof shown, shown);
    for (int kind = 0; kind < RV_REMOTE_N_KINDS; kind++) {
        if (strlen(rv_remote_kinds[kind]) == text.n && memcmp(rv_remote_kinds[kind], text.at, text.n) == 0) {
            *out = (rv_remote_kind)kind;
            return RV_OK;
        }
    }
    return rv_raise(RV_E_PROTOCOL, "unknown kind '%s'", shown);
}

static rv_status take_count(rv_unpack *c, int64_t *out)
{
    RV_TRY(rv_unpack_i64(c, out));
    RV_CHECK(*out >= 0 && *out <= INT_MAX, RV_E_PROTOCOL, "%lld, expected 0 to %d", (long long)*out, INT_MAX);
    return RV_OK;
}

static rv_status take_numbers(rv_unpack *c, rv_remote_numbers *out)
{
    uint64_t n = 0;
    double value = 0;
    RV_TRY(rv_unpack_array(c, &n));
    RV_CHECK(n <= RV_REMOTE_MAX_NUMBERS, RV_E_PROTOCOL, "%llu numbers, expected at most %d", (unsigned long long)n,
             RV_REMOTE_MAX_NUMBERS);
    *out = (rv_remote_numbers){.n = (int)n, .packed = c->at};
    for (int i = 0; i < out->n; i++)
        RV_TRY(rv_unpack_f64(c, &value));
    return RV_OK;
}

static rv_status take_value(rv_unpack *c, member_type type, void *at)
{
    rv_remote_text *text = at;
    rv_remote_bytes *bytes = at;
    switch (type) {
    case VERSION:
        return take_version(c);
    case KIND:
        return take_kind(c, at);
    case U64:
        return rv_unpack_u64(c, at);
    case COUNT:
        return take_count(c, at);
    case F64:
        return rv_unpack_f64(c, at);
    case BOOL:
        return rv_unpack_bool(c, at);
    case TEXT:
        return rv_unpack_str(c, RV_REMOTE_MAX_TEXT, &text->at, &text->n);
    case NUMBERS:
        return take_numbers(c, at);
    default:
        return rv_unpack_bin(c, RV_REMOTE_MAX_STATE, &bytes->at, &bytes->n);
    }
}

/* the next member's number */
static rv_status take_name(rv_unpack *c, int *out)
{
    rv_remote_text text;
    char shown[NAME_BYTES + 1];
    RV_TRY(rv_unpack_str(c, NAME_BYTES, &text.at, &text.n));
    rv_remote_show(&text, sizeof shown, shown);
    for (int m = 0; m < N_MEMBERS; m++) {
        if (strlen(members[m].name) == text.n && memcmp(members[m].name, text.at, text.n) == 0) {
            *out = m;
            return RV_OK;
        }
    }
    return rv_raise(RV_E_PROTOCOL, "unknown member '%s'", shown);
}

static rv_status take_members(rv_unpack *c, rv_remote_message *out)
{
    uint64_t n = 0;
    bool seen[N_MEMBERS] = {false};
    RV_TRY(rv_unpack_map(c, &n));
    RV_CHECK(n <= N_MEMBERS, RV_E_PROTOCOL, "%llu members", (unsigned long long)n);
    for (uint64_t i = 0; i < n; i++) {
        int m = 0;
        RV_TRY(take_name(c, &m));
        RV_CHECK(!seen[m], RV_E_PROTOCOL, "member '%s' twice", members[m].name);
        seen[m] = true;
        rv_status status = take_value(c, members[m].type, (char *)out + members[m].offset);
        if (status != RV_OK)
            return rv_error_prefix(status, "member '%s'", members[m].name);
    }
    RV_CHECK(rv_unpack_left(c) == 0, RV_E_PROTOCOL, "%zu bytes after its end", rv_unpack_left(c));
    RV_CHECK(seen[IS_KIND], RV_E_PROTOCOL, "lacks 'kind'");
    for (int m = 0; m < N_MEMBERS; m++)
        RV_CHECK(seen[m] == has(out->kind, m), RV_E_PROTOCOL, "of kind '%s' %s '%s'", rv_remote_kinds[out->kind],
                 seen[m] ? "must not have" : "lacks", members[m].name);
    return RV_OK;
}

rv_status rv_remote_decode(const unsigned char *bytes, size_t n, rv_remote_message *out)
{
    RV_CHECK(n > 0 && n <= RV_REMOTE_MAX_BYTES, RV_E_PROTOCOL, "message of %zu bytes, expected 1 to %d", n,
             RV_REMOTE_MAX_BYTES);
    rv_unpack c = rv_unpack_of(bytes, n);
    rv_remote_message message = {.kind = RV_REMOTE_HELLO};
    rv_status status = take_members(&c, &message);
    if (status != RV_OK)
        return rv_error_prefix(status, "message");
    *out = message;
    return RV_OK;
}
