/* stop.h - being asked to stop: SIGINT, SIGTERM, SIGHUP (unless ignored, as nohup does) and SIGUSR1 set a flag that
 * the tick loop reads at its next edge. */
#pragma once
#include <stdbool.h>

/** What is said to whoever asks. */
#define RV_STOP_NOTE "asked to stop: a checkpoint follows at the end of this tick; ask again to stop at once"

/** From now on the signals set the flag; a second one, of the same kind and not SIGUSR1, ends the
 * process as usual.
 * @param[in] tells whether this process answers with RV_STOP_NOTE; a rank of mpirun does not */
void rv_stop_watch_signals(bool tells);

bool rv_stop_requested(void);
