#include "launch/history.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static rv_status grow(rv_series *s)
{
    if (s->n < s->room)
        return RV_OK;
    int64_t room = s->room > 0 ? 2 * s->room : 64;
    RV_TRY(rv_mem_resize((size_t)s->room, (size_t)room, sizeof *s->points, (void **)&s->points));
    s->room = room;
    return RV_OK;
}

static rv_status append(rv_series *s, const rv_record *r, double value)
{
    RV_TRY(grow(s));
    s->points[s->n++] = (rv_point){r->tick, r->step, 1, value, value, value};
    return RV_OK;
}

/* mean holds the sum until all is read */
static rv_status add(rv_series *s, const rv_record *r, double value)
{
    if (!isfinite(value))
        return RV_OK;
    if (s->n == 0 || s->points[s->n - 1].tick != r->tick)
        return append(s, r, value);
    rv_point *p = &s->points[s->n - 1];
    p->n++;
    p->mean += value;
    p->low = fmin(p->low, value);
    p->high = fmax(p->high, value);
    return RV_OK;
}

static rv_status take_episode(rv_history *h, const rv_record *r)
{
    double value = rv_record_get(r, RV_M_EPISODE_RETURN);
    if (rv_record_get(r, RV_M_EPISODE_FAILED) == 1 || !isfinite(value))
        return RV_OK;
    return append(&h->episodes, r, value);
}

static rv_status take_card(rv_history *h, const rv_record *r)
{
    if (h->n_cards == h->card_room) {
        int64_t room = h->card_room > 0 ? 2 * h->card_room : 64;
        RV_TRY(rv_mem_resize((size_t)h->card_room, (size_t)room, sizeof *h->cards, (void **)&h->cards));
        h->card_room = room;
    }
    h->cards[h->n_cards++] = (rv_card_point){.tick = r->tick,
                                             .step = r->step,
                                             .horizon = r->unit,
                                             .error = rv_record_get(r, RV_M_CARD_ERROR),
                                             .low = rv_record_get(r, RV_M_CARD_LOW),
                                             .high = rv_record_get(r, RV_M_CARD_HIGH),
                                             .model_cost = rv_record_get(r, RV_M_CARD_MODEL_COST),
                                             .critic_cost = rv_record_get(r, RV_M_CARD_CRITIC_COST)};
    return RV_OK;
}

static rv_status take(void *user, const rv_record *r)
{
    rv_history *h = user;
    h->n_records++;
    if (strcmp(r->role, RV_ROLE_RANK) == 0) {
        h->last_step = r->step;
        return RV_OK;
    }
    if (strcmp(r->role, RV_ROLE_EPISODE) == 0)
        return take_episode(h, r);
    if (strcmp(r->role, RV_ROLE_CARD) == 0)
        return take_card(h, r);
    for (int i = 0; i < r->n_values; i++)
        RV_TRY(add(&h->of[r->values[i].metric], r, r->values[i].value));
    return RV_OK;
}

void rv_history_clear(rv_history *h)
{
    for (int i = 0; i < RV_N_METRICS; i++)
        rv_mem_free(&h->of[i].points);
    rv_mem_free(&h->episodes.points);
    rv_mem_free(&h->cards);
    memset(h, 0, sizeof *h);
}

/* frames of a tick come by unit */
static int compare_steps(const void *a, const void *b)
{
    const rv_point *x = a;
    const rv_point *y = b;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    return (x->mean > y->mean) - (x->mean < y->mean);
}

rv_status rv_history_read(const char *path, rv_history *out)
{
    rv_history *h = NULL; /* too large for a stack */
    RV_TRY(RV_NEW(h, 1));
    rv_status status = rv_file_exists(path) ? rv_metrics_read(path, true, take, h) : RV_OK;
    for (int i = 0; i < RV_N_METRICS; i++)
        for (int64_t k = 0; k < h->of[i].n; k++)
            h->of[i].points[k].mean /= (double)h->of[i].points[k].n;
    if (h->episodes.n > 0)
        qsort(h->episodes.points, (size_t)h->episodes.n, sizeof *h->episodes.points, compare_steps);
    if (status == RV_OK)
        *out = *h;
    else
        rv_history_clear(h);
    rv_mem_free(&h);
    return status;
}

const rv_point *rv_history_last(const rv_history *h, rv_metric metric, int64_t before_tick)
{
    int64_t n = rv_history_count(h, metric, before_tick);
    return n > 0 ? &h->of[metric].points[n - 1] : NULL;
}

int64_t rv_history_count(const rv_history *h, rv_metric metric, int64_t before_tick)
{
    const rv_series *s = &h->of[metric];
    int64_t n = s->n;
    while (n > 0 && s->points[n - 1].tick >= before_tick)
        n--;
    return n;
}

double rv_history_recent(const rv_history *h, rv_metric metric, double share)
{
    const rv_series *s = &h->of[metric];
    int64_t n = (int64_t)ceil(share * (double)s->n);
    double sum = 0;
    for (int64_t k = s->n - n; k < s->n; k++)
        sum += s->points[k].mean;
    return n > 0 ? sum / (double)n : (double)NAN;
}

rv_status rv_history_card(const rv_history *h, int64_t horizon, size_t value, rv_series *out)
{
    const bool is_error = value == offsetof(rv_card_point, error);
    rv_series s = {.room = h->n_cards};
    RV_TRY(RV_NEW(s.points, h->n_cards));
    for (int64_t i = 0; i < h->n_cards; i++) {
        const rv_card_point *c = &h->cards[i];
        const double mean = *(const double *)((const char *)c + value);
        if (c->horizon == horizon && isfinite(mean))
            s.points[s.n++] =
                (rv_point){c->tick, c->step, 1, mean, is_error ? c->low : mean, is_error ? c->high : mean};
    }
    *out = s;
    return RV_OK;
}
