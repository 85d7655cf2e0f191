/* lease.h - one writer per run, also between hosts that share nothing but a file system, with or without locks.
 *
 * RUN/lease is a line of JSON, padded with blanks to RV_LEASE_BYTES, which its holder renews every few seconds:
 *
 *   {"version": 1, "token": "0f3a...", "host": "n1", "boot": "1c2d...", "pid_space": "pid:[4026531836]", "pid": 815,
 *    "pid_start": 2718281, "every_s": 3, "beat": 42}
 *
 * - It is made by O_EXCL, so only one of two that come at once has it.
 * - Its holder is dead when its process is gone, if it lived where we can see that (same boot, same space of process
 *   numbers); one that was killed has RV_LEASE_DYING_MS for that, since it is still there while its memory is freed.
 *   Elsewhere it is dead when the file stays as it is for RV_LEASE_MISSED renewals by our clock: nobody's wall clock
 *   matters.
 * - Taking over replaces the file; the old holder, if it was only slow, finds another token in it at its next renewal,
 *   or when it asks rv_lease_hold, and must not write any more. A renewal that comes late writes into a file that has
 *   no name any more, and so harms nobody. What remains: a holder that was stopped for long writes until it looks,
 *   which is one renewal at most.
 */
#pragma once
#include "base/file.h"

enum { RV_LEASE_BYTES = 512, RV_LEASE_TEXT = 72, RV_LEASE_MISSED = 4, RV_LEASE_DYING_MS = 1000 };

typedef struct rv_lease_record {
    char token[RV_LEASE_TEXT]; /* of this holding, random */
    char host[RV_LEASE_TEXT];
    char boot[RV_LEASE_TEXT];      /* the kernel's number of this boot */
    char pid_space[RV_LEASE_TEXT]; /* containers number their processes alike */
    int64_t pid, pid_start;        /* pid_start: in clock ticks since the boot */
    int64_t every_s, beat;
} rv_lease_record;

typedef struct rv_lease rv_lease;

/** Called once, on a thread of the lease's own, when somebody else has taken the run; its text is in rv_error_last. */
typedef void (*rv_lease_lost)(void *user);

/** Be the run's only writer, until rv_lease_release or this process's end. A lease whose holder may live elsewhere is
 * watched first, which takes some seconds and is said.
 * @param[in] every_s seconds between renewals
 * @return RV_OK; RV_E_EXISTS, with host and process of the holder; RV_E_IO */
rv_status rv_lease_take(const char *run_dir, int64_t every_s, rv_lease_lost lost, void *user, rv_lease **out);

/** Whether we may write: quick while the last renewal is young, else it looks. Takes no memory; on any thread.
 * @return RV_OK; RV_E_EXISTS */
rv_status rv_lease_hold(rv_lease *lease);

/** Give it back; the file goes, if it is ours. */
void rv_lease_release(rv_lease **lease);

/** Read a lease. name stands for the file in messages. Untrusted bytes are safe. @return RV_OK; RV_E_DATA */
rv_status rv_lease_parse(const char *name, const char *text, size_t n, rv_lease_record *out);
