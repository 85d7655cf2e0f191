/* each_fault.h - the k-th call of each kind fails, for every k and every errno, in what a scene does: its status has a
 * text and is no bug, nothing is leaked, interrupted calls are no errors; and the scene's own check holds after each.
 */
#pragma once
#include "hook.h"
#include "rv_test.h"

#include <errno.h>

static const struct {
    fault_call call;
    int errors[5];
} faults[] = {
    {FAULT_OPEN, {EIO, EMFILE, ENOSPC, EDQUOT, EINTR}},
    {FAULT_WRITE, {EIO, ENOSPC, EDQUOT, EINTR, FAULT_SHORT}},
    {FAULT_FSYNC, {EIO, ENOSPC, EDQUOT, EINTR}},
    {FAULT_RENAME, {EIO, ENOSPC, EDQUOT}},
    {FAULT_TRUNCATE, {EIO, EINTR}},
    {FAULT_MKDIR, {EIO, ENOSPC, EDQUOT}},
    {FAULT_UNLINK, {EIO}},
    {FAULT_RMDIR, {EIO}},
    {FAULT_READ, {EIO, EINTR}},
    {FAULT_MALLOC, {ENOMEM}},
};

typedef struct held {
    int64_t blocks, live;
    int files;
} held;

static inline held hold(void)
{
    return (held){rv_mem_blocks(), fault_live_blocks(), fault_open_files()};
}

/* what one fault did; said on one line when it is not right */
typedef struct outcome {
    const char *what;
    fault_call call;
    int error;
    int64_t k;
    rv_status status;
} outcome;

static inline void expect(bool is_right, const outcome *o, const char *why)
{
    if (!is_right)
        printf("\n    %s: call %lld of %s, errno %d: %s; it gave %s: %s\n", o->what, (long long)o->k,
               fault_names[o->call], o->error, why, rv_status_name(o->status),
               o->status == RV_OK ? "" : rv_error_last()->text);
    CU_ASSERT(is_right);
}

typedef struct scene {
    const char *what;
    void (*prepare)(void);
    rv_status (*act)(void);
    void (*check)(const outcome *o); /* without faults again */
} scene;

/* an interrupted or short call is no error */
static inline bool is_harmless(const outcome *o)
{
    return (o->error == EINTR && (o->call == FAULT_WRITE || o->call == FAULT_FSYNC || o->call == FAULT_TRUNCATE)) ||
           o->error == FAULT_SHORT;
}

static inline void each_fault(const scene *s)
{
    int64_t n = 0;
    s->prepare();
    s->act(); /* what is taken once in a process */
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
        for (int e = 0; e < 5 && faults[f].errors[e]; e++)
            for (int64_t k = 1;; k++, n++) {
                outcome o = {.what = s->what, .call = faults[f].call, .error = faults[f].errors[e], .k = k};
                s->prepare();
                held before = hold();
                fault_arm(o.call, k, o.error);
                o.status = s->act();
                bool hit = fault_hit();
                fault_reset();
                held after = hold();
                if (!hit)
                    break;
                expect(before.blocks == after.blocks && before.live == after.live, &o, "memory leaked");
                expect(before.files == after.files, &o, "a file stayed open");
                expect(o.status == RV_OK || rv_error_last()->text[0], &o, "no text");
                expect(o.status != RV_E_INTERNAL, &o, "called a bug");
                expect(o.status == RV_OK || !is_harmless(&o), &o, "nothing was wrong");
                s->check(&o);
            }
    printf("\n    record: %lld faults in %s  ", (long long)n, s->what);
    CU_ASSERT(n > 20);
}
