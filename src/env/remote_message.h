/* remote_message.h - one message between a run and the server of a remote environment, and its bytes. What is said when
 * and what the members mean: remote.h.
 *
 * Pure functions, no memory taken: a message that was decoded points into the bytes, and is worth something as long as
 * they are; one to be encoded points at what its maker has.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

enum {
    RV_REMOTE_VERSION = 1,
    RV_REMOTE_MAX_BYTES = 1 << 22,   /* of a message */
    RV_REMOTE_MAX_STATE = 1 << 21,   /* bytes of a saved state */
    RV_REMOTE_MAX_NUMBERS = 1 << 16, /* of an observation or action */
    RV_REMOTE_MAX_TEXT = 1000        /* bytes */
};

typedef enum rv_remote_kind {
    /* asked */
    RV_REMOTE_HELLO,
    RV_REMOTE_RESET,
    RV_REMOTE_STEP,
    RV_REMOTE_SAVE,
    RV_REMOTE_LOAD,
    RV_REMOTE_BYE,
    /* answered */
    RV_REMOTE_DESCRIPTION,
    RV_REMOTE_OBSERVATION,
    RV_REMOTE_TRANSITION,
    RV_REMOTE_STATE,
    RV_REMOTE_DONE,
    RV_REMOTE_ERROR,
    RV_REMOTE_N_KINDS
} rv_remote_kind;

/** "hello", "transition", ... */
extern const char *const rv_remote_kinds[RV_REMOTE_N_KINDS];

typedef struct rv_remote_text {
    const char *at; /* no final NUL; any bytes */
    size_t n;
} rv_remote_text;

typedef struct rv_remote_bytes {
    const unsigned char *at;
    size_t n;
} rv_remote_bytes;

typedef struct rv_remote_numbers {
    int n;
    const double *from;          /* to be encoded; NULL in one that was decoded */
    const unsigned char *packed; /* (9 n) where they lie in the bytes */
} rv_remote_numbers;

/** Number i of n. */
double rv_remote_number(const rv_remote_numbers *numbers, int i);

typedef struct rv_remote_message {
    rv_remote_kind kind;
    uint64_t session, n;
    /* each of the kinds that have it */
    rv_remote_text arguments, name, help, text;
    uint64_t seed;
    rv_remote_numbers action, obs, act_low, act_high, alive_low, alive_high;
    rv_remote_bytes state;
    int64_t n_obs, n_states, n_actions, time_limit, state_size;
    double dt, reward;
    bool terminated, truncated;
} rv_remote_message;

/** The members in a fixed order, numbers in msgpack's shortest form: equal messages give equal bytes.
 * @param[out] bytes (room), *n_out bytes used
 * @return RV_OK; RV_E_INTERNAL (does not fit) */
rv_status rv_remote_encode(const rv_remote_message *message, size_t room, unsigned char *bytes, size_t *n_out);

/** Strict: the members of its kind, each once, in any order, no others, of the right type and size; no trailing bytes.
 * @return RV_OK; RV_E_PROTOCOL "message: ..." saying what is wrong. Untrusted bytes are safe. */
rv_status rv_remote_decode(const unsigned char *bytes, size_t n, rv_remote_message *out);

/** A text from outside as it may stand in a one-line message: cut to fit, unprintable bytes as '?'. */
void rv_remote_show(const rv_remote_text *text, size_t room, char *out);
