#include "base/pulse.h"
#include "rv_test.h"

#include <unistd.h>

static void words_come_back(void)
{
    static rv_pulse p;
    rv_pulse_move(&p);
    for (int phase = 0; phase < RV_N_PHASES; phase++)
        for (int role = -1; role < 200; role += 67)
            for (int unit = -1; unit < 1 << 30; unit += 123456789) {
                rv_pulse_at((rv_phase)phase, role, unit);
                rv_pulse_place at = rv_pulse_place_of(rv_pulse_load(&p.place));
                CU_ASSERT(at.phase == (rv_phase)phase && at.role == role && at.unit == unit);
            }
    for (int kind = 0; kind < RV_N_WAITS; kind++)
        for (int rank = -1; rank < 1 << 30; rank += 987654321) {
            rv_pulse_wait((rv_wait)kind, rank, 15, 65535);
            rv_pulse_waiting w = rv_pulse_wait_of(rv_pulse_load(&p.wait));
            CU_ASSERT(w.kind == (rv_wait)kind && w.rank == rank && w.product == 15 && w.unit == 65535);
        }
    rv_pulse_go_on();
    CU_ASSERT_EQUAL(rv_pulse_wait_of(rv_pulse_load(&p.wait)).kind, RV_WAIT_NONE);
    /* what nobody writes stays within the tables that are indexed with it */
    CU_ASSERT_EQUAL(rv_pulse_place_of(UINT64_MAX).phase, RV_PHASE_START);
    CU_ASSERT_EQUAL(rv_pulse_wait_of(UINT64_MAX).kind, RV_WAIT_NONE);
    CU_ASSERT(rv_pulse_wait_of(UINT64_MAX).rank >= -1);
    rv_pulse_move(NULL);
}

static void beats_count(void)
{
    static rv_pulse p;
    rv_pulse_tick(7);
    rv_pulse_move(&p);
    CU_ASSERT_EQUAL(rv_pulse_load(&p.tick), 7);
    CU_ASSERT_EQUAL(rv_pulse_load(&p.pid), (uint64_t)getpid());
    uint64_t before = rv_pulse_load(&p.n_beats);
    rv_pulse_beat();
    rv_pulse_at(RV_PHASE_WORK, 1, 2);
    rv_pulse_wait(RV_WAIT_ALL, -1, 0, 0); /* waiting is no progress */
    CU_ASSERT_EQUAL(rv_pulse_load(&p.n_beats), before + 2);
    rv_pulse_go_on();
    CU_ASSERT_EQUAL(rv_pulse_load(&p.n_beats), before + 3);
    rv_pulse_move(NULL);
    rv_pulse_beat();
    CU_ASSERT_EQUAL(rv_pulse_load(&p.n_beats), before + 3);
}

RV_TEST_MAIN("pulse", {"words come back", words_come_back}, {"beats count", beats_count})
