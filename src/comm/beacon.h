/* beacon.h - what the ranks of one node tell those of others about themselves (base/pulse.h), over UDP: it needs
 * neither the thread that calls MPI nor an answer, and a host that is cut off is one from which nothing comes any more.
 *
 * The first rank of each node sends for all of its node, to every address of every other node. What comes in is laid
 * down in a table that the whole node reads.
 */
#pragma once
#include "base/pulse.h"
#include "comm/world.h"

typedef struct rv_beacon rv_beacon;

/** Collective. On first ranks of nodes: a socket. *out is NULL on others, and in a job of one node.
 * @param[in] pulses (world size) those of this node, and the table's places for others
 * @return RV_OK; RV_E_OS */
rv_status rv_beacon_create(rv_world *world, rv_pulse *const *pulses, rv_beacon **out);
void rv_beacon_destroy(rv_beacon **beacon);

/** Send this node's, take what has come from others. Never waits; from any one thread. */
void rv_beacon_turn(rv_beacon *beacon);

enum { RV_BEACON_RANKS = 20, RV_BEACON_MAX_BYTES = 16 + RV_BEACON_RANKS * 48 };

/** One rank as a datagram tells it. */
typedef struct rv_beacon_entry {
    uint64_t rank, n_beats, place, wait, tick, n_looks;
} rv_beacon_entry;

/** Read a datagram strictly; untrusted bytes are safe. @param[out] entries (RV_BEACON_RANKS)
 * @return how many there are; 0 when it is none, or has another key, or names a rank that is not below n_ranks */
int rv_beacon_parse(const void *bytes, size_t n, uint64_t key, int n_ranks, rv_beacon_entry *entries);
