/* card_windows.c - which held-out rows the windows of an error card begin at. */
#include "model/card_private.h"

#include <string.h>

/* does the same environment go on from held-out row i to the next one that is held out, in the same episode? */
static bool goes_on(const rv_card *c, const rv_card_source *s, int64_t i)
{
    const rv_row *r = &c->shape.row;
    const int64_t next = i + c->setup.count;
    if (next >= s->n_held || s->held[next] != s->held[i] + (uint32_t)c->setup.count)
        return false;
    const float *row = s->rows + (int64_t)s->held[i] * r->width;
    const float *next_row = s->rows + (int64_t)s->held[next] * r->width;
    return !(row[r->terminated] > 0) && memcmp(row + r->next_obs, next_row, (size_t)r->n_obs * sizeof *row) == 0;
}

static void measure_lengths(rv_card *c, const rv_card_source *s)
{
    memset(c->n_of_length, 0, (size_t)(c->setup.steps + 1) * sizeof *c->n_of_length);
    for (int64_t i = s->n_held - 1; i >= 0; i--) {
        c->left[i] = 1;
        if (goes_on(c, s, i))
            c->left[i] += c->left[i + c->setup.count];
        c->n_of_length[c->left[i] < c->setup.steps ? c->left[i] : c->setup.steps]++;
    }
}

/* how many of each length are taken: all, the longest first, until there are enough */
static int64_t count_taken(const rv_card *c, int length)
{
    int64_t room = RV_CARD_WINDOWS - (length < c->setup.steps ? c->windows[length + 1] : 0);
    return c->n_of_length[length] < room ? c->n_of_length[length] : room;
}

int rv_card_choose(rv_card *c, const rv_card_source *s)
{
    int longest = 0;
    measure_lengths(c, s);
    memset(c->windows, 0, (size_t)(c->setup.steps + 1) * sizeof *c->windows);
    for (int length = c->setup.steps; length >= 1; length--) {
        const int64_t all = c->n_of_length[length];
        const int64_t taken = count_taken(c, length);
        int at = length < c->setup.steps ? c->windows[length + 1] : 0;
        int64_t seen = 0;
        for (int64_t i = 0; i < s->n_held && taken > 0; i++) {
            if ((c->left[i] < c->setup.steps ? c->left[i] : c->setup.steps) != length)
                continue;
            if ((seen + 1) * taken / all > seen * taken / all)
                c->first[at++] = (int64_t)s->held[i];
            seen++;
        }
        c->windows[length] = at;
        longest = longest == 0 && at > 0 ? length : longest;
    }
    return longest;
}
