/* clock.h - wall time, for people and metrics only: no result may depend on it. */
#pragma once

/** Seconds on a clock that never goes back. */
double rv_clock_now(void);

/** Seconds since 1970. */
double rv_clock_unix(void);

/** Sleep; returns early on a signal. */
void rv_clock_sleep(double seconds);
