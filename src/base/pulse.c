#include "base/pulse.h"

#include <stddef.h>
#include <unistd.h>

static rv_pulse unseen;
rv_pulse *rv_pulse_own = &unseen;

void rv_pulse_move(rv_pulse *to)
{
    rv_pulse *from = rv_pulse_own;
    if (!to)
        to = &unseen;
    rv_pulse_store(&to->n_beats, rv_pulse_load(&from->n_beats));
    rv_pulse_store(&to->place, rv_pulse_load(&from->place));
    rv_pulse_store(&to->wait, rv_pulse_load(&from->wait));
    rv_pulse_store(&to->tick, rv_pulse_load(&from->tick));
    rv_pulse_store(&to->pid, (uint64_t)getpid());
    rv_pulse_own = to;
}

rv_pulse_place rv_pulse_place_of(uint64_t word)
{
    uint64_t phase = word >> 56;
    return (rv_pulse_place){
        .phase = phase < RV_N_PHASES ? (rv_phase)phase : RV_PHASE_START,
        .role = (int)(word >> 48 & 0xff) - 1,
        .unit = (int)((uint32_t)word & INT32_MAX) - 1,
    };
}

rv_pulse_waiting rv_pulse_wait_of(uint64_t word)
{
    uint64_t kind = word >> 56;
    return (rv_pulse_waiting){
        .kind = kind < RV_N_WAITS ? (rv_wait)kind : RV_WAIT_NONE,
        .rank = (int)((uint32_t)word & INT32_MAX) - 1,
        .product = (int)(word >> 48 & 0xff),
        .unit = (int)(word >> 32 & 0xffff),
    };
}
