/* handover.h - a number in memory that two processes share: one sets it, the other waits until it is there.
 *
 * What the first wrote before is then visible to the second. Who waits looks again and again for RV_HANDOVER_SPIN_S,
 * which costs a core but no system call, and then sleeps until it is woken. Where the other was last seen on the same
 * core it sleeps at once: the other needs that core.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RV_HANDOVER_SPIN_S 50e-6

/** Zero at first. One process sets it, one other waits; a cache line of its own. */
typedef struct rv_handover {
    _Alignas(64) _Atomic uint32_t number;
    _Atomic uint32_t is_asleep; /* who waits must be woken */
    _Atomic int32_t core;       /* of who set the number last */
} rv_handover;

void rv_handover_set(rv_handover *h, uint32_t number);

/** Wait for at most about so many seconds; may return early. @return whether the number is there */
bool rv_handover_wait(rv_handover *h, uint32_t number, double seconds);
