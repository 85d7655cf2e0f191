/* pulse.h - what this rank is doing and whether it gets on, written down where its watchdog and those of other ranks
 * can read it (roles/watchdog.h).
 *
 * The thread that does the work calls these, in passing: each call is a store or two to a cache line of its own, no
 * call of the system, no lock. A beat says that something has got on: a step of an environment, a minibatch, an update,
 * a message. Whatever may take long beats on its way.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

typedef enum rv_phase {
    RV_PHASE_START,      /* sets up */
    RV_PHASE_LOAD,       /* a checkpoint is loaded */
    RV_PHASE_WORK,       /* a unit is at work */
    RV_PHASE_STEP,       /* in an environment's step */
    RV_PHASE_RESET,      /* in an environment's reset */
    RV_PHASE_EDGE,       /* products change hands */
    RV_PHASE_TICK_END,   /* ranks agree on going on */
    RV_PHASE_CHECKPOINT, /* a checkpoint is written */
    RV_PHASE_OVER,       /* nobody watches this rank any more */
    RV_N_PHASES
} rv_phase;

typedef enum rv_wait {
    RV_WAIT_NONE,    /* for nobody */
    RV_WAIT_MESSAGE, /* for a message of a rank */
    RV_WAIT_READER,  /* for a rank that has yet to take what was sent to it */
    RV_WAIT_SUM,     /* for the other parts of a sum */
    RV_WAIT_ALL,     /* for all ranks */
    RV_WAIT_NODE,    /* for all ranks of the node */
    RV_N_WAITS
} rv_wait;

/** One rank's. Written by the thread at work, but for the last two. */
typedef struct rv_pulse {
    _Alignas(64) atomic_uint_fast64_t n_beats;
    atomic_uint_fast64_t place;   /* rv_pulse_place_of */
    atomic_uint_fast64_t wait;    /* rv_pulse_wait_of; 0: for nobody */
    atomic_uint_fast64_t tick;    /* in which it is */
    atomic_uint_fast64_t pid;     /* of its process */
    atomic_uint_fast64_t n_looks; /* of its watchdog: it runs at all */
    atomic_uint_fast64_t said;    /* 1 + rank that has named a culprit on this node; of the node's first rank */
} rv_pulse;

/** Where this process writes; a place that nobody reads, until rv_pulse_move. */
extern rv_pulse *rv_pulse_own;

/** Write to that place from here on; NULL: to the one that nobody reads. What was written goes along. */
void rv_pulse_move(rv_pulse *to);

typedef struct rv_pulse_place {
    rv_phase phase;
    int role; /* roles/layout.h; -1: none */
    int unit; /* -1: none */
} rv_pulse_place;

typedef struct rv_pulse_waiting {
    rv_wait kind;
    int rank; /* for which; -1: several */
    int product, unit;
} rv_pulse_waiting;

/** What the words stand for; what no writer writes comes back as phase START, or waiting for nobody. */
rv_pulse_place rv_pulse_place_of(uint64_t word);
rv_pulse_waiting rv_pulse_wait_of(uint64_t word);

static inline void rv_pulse_store(atomic_uint_fast64_t *to, uint64_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed);
}

static inline uint64_t rv_pulse_load(const atomic_uint_fast64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static inline void rv_pulse_beat(void)
{
    rv_pulse *p = rv_pulse_own;
    rv_pulse_store(&p->n_beats, rv_pulse_load(&p->n_beats) + 1);
}

/** From here on in this phase, of a role's unit (-1: of none). A beat. */
static inline void rv_pulse_at(rv_phase phase, int role, int unit)
{
    uint64_t word = (uint64_t)phase << 56 | (uint64_t)(uint8_t)(role + 1) << 48 | (uint32_t)(unit + 1);
    rv_pulse_store(&rv_pulse_own->place, word);
    rv_pulse_beat();
}

static inline void rv_pulse_tick(int64_t tick)
{
    rv_pulse_store(&rv_pulse_own->tick, (uint64_t)tick);
}

/** About to wait; rank -1: for several. */
static inline void rv_pulse_wait(rv_wait kind, int rank, int product, int unit)
{
    uint64_t word =
        (uint64_t)kind << 56 | (uint64_t)(uint8_t)product << 48 | (uint64_t)(uint16_t)unit << 32 | (uint32_t)(rank + 1);
    rv_pulse_store(&rv_pulse_own->wait, word);
}

/** What was waited for is there. A beat. */
static inline void rv_pulse_go_on(void)
{
    rv_pulse_store(&rv_pulse_own->wait, 0);
    rv_pulse_beat();
}
