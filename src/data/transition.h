/* transition.h - one step of experience as a row of floats, real and imagined alike.
 *
 *   row = [ obs (n_obs) | act (n_act), in [-1, 1] | next_obs (n_obs) | reward | terminated (0 or 1) ]
 *
 * A time limit does not set terminated: a cut episode's last row bootstraps like any other.
 */
#pragma once
#include <stdint.h>
#include <string.h>

/** Widths and offsets, in floats. */
typedef struct rv_row {
    int n_obs, n_act;
    int act, next_obs, reward, terminated; /* offsets; obs is at 0 */
    int width;
} rv_row;

static inline rv_row rv_row_of(int n_obs, int n_act)
{
    rv_row r = {.n_obs = n_obs, .n_act = n_act, .act = n_obs, .next_obs = n_obs + n_act};
    r.reward = r.next_obs + n_obs;
    r.terminated = r.reward + 1;
    r.width = r.terminated + 1;
    return r;
}

/** Copy rows (n) of width floats, wherever they lie, to out (n, width); all are on their way before the first is
 * copied, because a minibatch of a large buffer misses every cache. */
static inline void rv_row_gather(int n, int width, const float *const *rows, float *out)
{
    enum { CACHE_LINE = 16 }; /* floats */
    for (int i = 0; i < n; i++)
        for (int j = 0; j < width; j += CACHE_LINE)
            __builtin_prefetch(rows[i] + j);
    for (int i = 0; i < n; i++)
        memcpy(out + (int64_t)i * width, rows[i], (size_t)width * sizeof *out);
}
