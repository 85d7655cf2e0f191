/* transition.h - one step of experience as a row of floats, real and imagined alike.
 *
 *   row = [ obs (n_obs) | act (n_act), in [-1, 1] | next_obs (n_obs) | reward | terminated (0 or 1) ]
 *
 * A time limit does not set terminated: a cut episode's last row bootstraps like any other.
 *
 * Where the critics learn more from imagined rows than one step that counts like a real one (rv_lesson), these rows,
 * and those of a minibatch, have a tail: [ weight | discount | entropy ] The row then stands for m >= 0 steps from
 * (obs, act): reward is the sum of theirs, next_obs and terminated are those of the last, and the critics are led
 * towards (agent/sac.h) y = reward + alpha entropy + discount (1 - terminated) V'(next_obs)
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** Widths and offsets, in floats. */
typedef struct rv_row {
    int n_obs, n_act;
    int act, next_obs, reward, terminated; /* offsets; obs is at 0 */
    int width;                             /* without a tail: that of a real row */
    int weight, discount, entropy;         /* offsets in the tail, when there is one */
    int whole;                             /* with the tail: an imagined row, a minibatch's; else width */
} rv_row;

/** What the critics learn from an imagined row; real rows always teach one step and count whole. */
typedef struct rv_lesson {
    double confidence; /* the disagreement at which a row counts half; 0: all rows count whole */
    int64_t steps;     /* put together in a row, at most: 1: as they are made; 0: none, y = V'(obs) */
    bool is_return;    /* instead all that are left in the branch, and nothing after them */
    double discount;
} rv_lesson;

static inline rv_row rv_row_of(int n_obs, int n_act)
{
    rv_row r = {.n_obs = n_obs, .n_act = n_act, .act = n_obs, .next_obs = n_obs + n_act};
    r.reward = r.next_obs + n_obs;
    r.terminated = r.reward + 1;
    r.width = r.terminated + 1;
    r.whole = r.width;
    return r;
}

/** Does the lesson need rows with a tail? */
static inline bool rv_lesson_has_tail(const rv_lesson *lesson)
{
    return lesson->confidence > 0 || lesson->steps != 1 || lesson->is_return;
}

/** The same row with a tail, if the lesson needs one. */
static inline rv_row rv_row_for(rv_row row, const rv_lesson *lesson)
{
    if (!rv_lesson_has_tail(lesson))
        return row;
    row.weight = row.width;
    row.discount = row.weight + 1;
    row.entropy = row.discount + 1;
    row.whole = row.entropy + 1;
    return row;
}

/** Copy rows (n) of width floats, wherever they lie, to out (n, stride); all are on their way before the first is
 * copied, because a minibatch of a large buffer misses every cache. */
static inline void rv_row_gather(int n, int width, const float *const *rows, int stride, float *out)
{
    enum { CACHE_LINE = 16 }; /* floats */
    for (int i = 0; i < n; i++)
        for (int j = 0; j < width; j += CACHE_LINE)
            __builtin_prefetch(rows[i] + j);
    for (int i = 0; i < n; i++)
        memcpy(out + (int64_t)i * stride, rows[i], (size_t)width * sizeof *out);
}
