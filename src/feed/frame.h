/* frame.h - one metric frame: what a unit reports of one tick; its bytes are a msgpack map.
 *
 * Bytes: { "v": 1, "key": u64, "tick": i64, "step": i64, "role": str, "unit": i64, "rank": i64, "seq": u64,
 *          "wall": f64, "m": { name: f64 or nil, ... } }       nil: the number is not finite
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

enum { RV_FRAME_VALUES = 32, RV_FRAME_NAME = 48, RV_FRAME_ROLE = 16, RV_FRAME_MAX_BYTES = 8192 };

typedef struct rv_frame {
    uint64_t key;             /* of the run: frames of strangers are refused */
    int64_t tick, step;       /* step: real steps done when what it speaks of was made */
    char role[RV_FRAME_ROLE]; /* "actor", "model", ..., "rank" for the time ledger */
    int64_t unit;             /* number of the unit; of the rank for role "rank" */
    int64_t rank;             /* who sent it */
    uint64_t seq;             /* counts the frames of one sender from 0 */
    double wall;              /* seconds since the run started */
    int n_values;
    struct {
        char name[RV_FRAME_NAME]; /* "train/critic_loss" */
        double value;             /* what is not finite arrives as NaN */
    } values[RV_FRAME_VALUES];
} rv_frame;

/** Empty frame of a unit; role: shorter than RV_FRAME_ROLE. */
void rv_frame_init(rv_frame *frame, const char *role, int64_t unit, int64_t tick, int64_t step);

/** Add a value; one that does not fit any more or is there already, and a bad name, are errors (RV_E_INTERNAL).
 * Roles call rv_metric_add (run/metrics.h), which knows the names. */
rv_status rv_frame_add(rv_frame *frame, const char *name, double value);

/** The members in the order above, numbers in msgpack's shortest form: equal frames give equal bytes.
 * @param[out] bytes (RV_FRAME_MAX_BYTES), *n_out bytes used
 * @return RV_OK; RV_E_INTERNAL (empty or unterminated role, impossible number of values) */
rv_status rv_frame_encode(const rv_frame *frame, unsigned char *bytes, size_t *n_out);

/** Strict: every member once in any order, no others, right types (whole numbers in any width that holds them, floats
 * of 64 bits), no trailing bytes; role and metric names of printable ASCII without space, comma, quote and backslash.
 * @return RV_OK; RV_E_PROTOCOL saying what is wrong. Untrusted bytes are safe; no memory is allocated. */
rv_status rv_frame_decode(const unsigned char *bytes, size_t n, rv_frame *out);
