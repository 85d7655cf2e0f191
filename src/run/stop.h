/* stop.h - reasons to stop after the present tick, with a checkpoint: SIGINT, SIGTERM, SIGHUP (unless ignored, as nohup
 * does) and SIGUSR1, which set a flag; a file RUN/stop; and limits on the steps and the time of one call of train. The
 * tick loop asks at each edge; all ranks then take the largest reason that any of them has.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

/* the larger, the more urgent */
typedef enum rv_stop { RV_STOP_NO, RV_STOP_STEPS, RV_STOP_TIME, RV_STOP_FILE, RV_STOP_SIGNAL } rv_stop;

/** What one rank looks at for all. */
typedef struct rv_stop_limits {
    const char *run_dir; /* of the file `stop` */
    int64_t step;        /* stop once so many real steps are done; INT64_MAX: never */
    double unix_s;       /* stop at this time, seconds since 1970; INFINITY: never */
} rv_stop_limits;

/** What is said to whoever asks. */
#define RV_STOP_NOTE "asked to stop: a checkpoint follows at the end of this tick; ask again to stop at once"

/** From now on the signals set the flag; a second one, of the same kind and not SIGUSR1, ends the
 * process as usual.
 * @param[in] tells whether this process answers with RV_STOP_NOTE; a rank of mpirun does not */
void rv_stop_watch_signals(bool tells);

bool rv_stop_requested(void);

/** Why to stop after this many real steps, as far as this rank knows: signals, and the limits when it has some (NULL:
 * it has none). */
rv_stop rv_stop_look(const rv_stop_limits *limits, int64_t step);

/** The request has been honoured: a file `stop` goes. */
void rv_stop_forget(const rv_stop_limits *limits);

/** For people: "as asked", "as the file RUN/stop asks". Never NULL. */
const char *rv_stop_text(rv_stop reason);
