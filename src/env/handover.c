#include "env/handover.h"

#include "base/clock.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LOOKS = 16 }; /* between two looks at the clock, which costs about as much as one */

static bool is_there(rv_handover *h, uint32_t number)
{
    return atomic_load_explicit(&h->number, memory_order_acquire) == number;
}

static bool spin(rv_handover *h, uint32_t number)
{
    double end = rv_clock_now() + RV_HANDOVER_SPIN_S;
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (is_there(h, number))
                return true;
            _mm_pause();
        }
    } while (rv_clock_now() < end);
    return false;
}

void rv_handover_set(rv_handover *h, uint32_t number)
{
    atomic_store_explicit(&h->core, sched_getcpu(), memory_order_relaxed);
    /* in this order, as the other side has the opposite one: it sees the number, or we see that it sleeps */
    atomic_store(&h->number, number);
    if (atomic_load(&h->is_asleep))
        syscall(SYS_futex, &h->number, FUTEX_WAKE, 1, NULL, NULL, 0);
}

bool rv_handover_wait(rv_handover *h, uint32_t number, double seconds)
{
    bool is_elsewhere = atomic_load_explicit(&h->core, memory_order_relaxed) != sched_getcpu();
    if (is_there(h, number) || (is_elsewhere && spin(h, number)))
        return true;
    const struct timespec limit = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    atomic_store(&h->is_asleep, 1);
    uint32_t seen = atomic_load(&h->number);
    if (seen != number)
        syscall(SYS_futex, &h->number, FUTEX_WAIT, seen, &limit, NULL, 0);
    atomic_store(&h->is_asleep, 0);
    return is_there(h, number);
}
