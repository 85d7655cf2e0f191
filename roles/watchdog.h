/* watchdog.h - a run that hangs says so, names who holds it up, and ends, so that it can go on from its last
 * checkpoint.
 *
 * Every rank writes down in passing what it does (base/pulse.h), in memory that the ranks of its node share; between
 * nodes the same goes around in datagrams (comm/beacon.h). A thread of each rank looks on a few times per
 * watchdog.seconds. It makes no MPI call and no call of any other library.
 *
 * When a rank that others may wait for has got nowhere for watchdog.seconds, one rank speaks: the culprit itself if it
 * runs, otherwise the first that finds it, going from each rank that waits to the one it waits for. It names rank,
 * host, role, unit, what it was doing, and whom the speaker waits for; writes the state of all ranks that it sees and
 * the stack of each of its threads to RUN/failures/; and ends its process with exit code 75, asking nobody: whoever
 * started the ranks ends the others.
 *
 * Time counts only while the thread that looks runs too: a job that was stopped as a whole, or a machine that slept, is
 * not found to hang when it wakes. A rank whose own watchdog has not run for watchdog.seconds, while others' did, does
 * not run: it was stopped, or its host is cut off.
 */
#pragma once
#include "comm/world.h"
#include "roles/layout.h"

typedef struct rv_watchdog rv_watchdog;

/** Begin to watch. Collective. seconds: watchdog.seconds; 0: nobody watches, *out is NULL. layout and run_dir must
 * stay.
 * @return RV_OK; RV_E_OS (no thread, no socket); RV_E_NOMEM */
rv_status rv_watchdog_create(rv_world *world, const rv_layout *layout, double seconds, const char *run_dir,
                             rv_watchdog **out);

/** Is this rank the first on its node to say what ends the run? The others then leave it at that. Without a watchdog
 * everybody is. */
bool rv_watchdog_is_first(rv_watchdog *watchdog);

/** Has a watchdog of the run spoken since then (rv_clock_unix)? Whoever started the ranks asks: where a host is cut
 * off, mpirun waits for it in vain and has to be ended. */
bool rv_watchdog_has_spoken(const char *run_dir, double since);

/** End it. From here on nobody waits for this rank. *watchdog may be NULL. */
void rv_watchdog_destroy(rv_watchdog **watchdog);
