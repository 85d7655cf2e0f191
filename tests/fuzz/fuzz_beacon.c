/* fuzz_beacon.c - any bytes: no datagram of this job, or entries that name ranks that exist. */
#include "comm/beacon.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { RANKS = 300 };
    uint64_t key = 0;
    rv_beacon_entry entries[RV_BEACON_RANKS];
    memcpy(&key, data, size < sizeof key ? size : sizeof key);
    int n = rv_beacon_parse(data, size, key, RANKS, entries);
    if (n < 0 || n > RV_BEACON_RANKS || (n > 0 && rv_beacon_parse(data, size, key + 1, RANKS, entries) != 0))
        __builtin_trap();
    for (int i = 0; i < n; i++) {
        rv_pulse_place at = rv_pulse_place_of(entries[i].place);
        rv_pulse_waiting w = rv_pulse_wait_of(entries[i].wait);
        if (entries[i].rank >= RANKS || (unsigned)at.phase >= RV_N_PHASES || (unsigned)w.kind >= RV_N_WAITS ||
            at.role < -1 || w.rank < -1)
            __builtin_trap();
    }
    return 0;
}
