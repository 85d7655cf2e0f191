/* stop.h - being asked to stop: SIGINT, SIGTERM and SIGUSR1 set a flag that the tick loop reads at its next edge. */
#pragma once
#include <stdbool.h>

/** From now on the three signals set the flag; a second SIGINT, or a second SIGTERM, ends the process as usual. */
void rv_stop_watch_signals(void);

bool rv_stop_requested(void);
