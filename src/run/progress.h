/* progress.h - the live line of `reverie train`:
 *   step 1500/5000 | return -312.4 | model loss 0.0123 | imagined 95 % | 231 updates/s | ETA 0:41
 *
 * It goes to stderr, as all that is said while working does; stdout is for results. On a terminal one line is
 * rewritten, cut to the terminal's width; elsewhere a plain line is printed at most every 5 s, and at evaluations.
 * A rank under mpirun writes to a pipe even when a person watches: who starts it asks rv_progress_width of its own
 * stderr and passes the number on.
 */
#pragma once
#include "run/recorder.h"

#include <stdio.h>

enum { RV_PROGRESS_TICKS = 32, RV_PROGRESS_TEXT = 256 };

typedef struct rv_progress {
    FILE *stream; /* borrowed */
    int width;    /* columns of the terminal; 0: not a terminal */
    int64_t total_steps;
    double shown;       /* time of the last line; -1: none yet */
    int64_t shown_tick; /* its tick; -1: none yet */
    int64_t n_evals;    /* evaluations shown so far */
    rv_summary latest;  /* tick -1: none yet */
    int n_recent;
    struct {
        double wall, n_updates;
        int64_t step;
    } recent[RV_PROGRESS_TICKS]; /* oldest first; rates are over these */
} rv_progress;

/** Columns of the terminal behind a file descriptor, 0 when it is none. */
int rv_progress_width(int fd);

void rv_progress_init(rv_progress *progress, FILE *stream, int width, int64_t total_steps);

/** Show a summary; nothing happens when its tick was seen already. now: rv_clock_now(), which paces the lines. */
void rv_progress_show(rv_progress *progress, const rv_summary *summary, double now);

/** Show the last state, whatever the pace, and end the line. */
void rv_progress_end(rv_progress *progress);

/** The line's text: what is not known is left out. */
void rv_progress_text(const rv_progress *progress, char out[RV_PROGRESS_TEXT]);
