#include "launch/returns.h"

#include "base/memory.h"
#include "run/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct reading {
    rv_returns returns;
    double wall, core; /* seconds up to the tick before this one */
    /* this tick's */
    int64_t tick;
    int64_t n_ranks;
    double seconds; /* of rank 0; NAN: it has not reported */
    double step, y; /* y: NAN: no evaluation */
} reading;

static rv_status append(reading *in)
{
    rv_returns *r = &in->returns;
    if (r->n == r->room) {
        int64_t room = r->room ? 2 * r->room : 64;
        for (int axis = 0; axis < RV_N_AXES; axis++)
            RV_TRY(rv_mem_resize((size_t)r->room, (size_t)room, sizeof *r->x[axis], (void **)&r->x[axis]));
        RV_TRY(rv_mem_resize((size_t)r->room, (size_t)room, sizeof *r->y, (void **)&r->y));
        r->room = room;
    }
    r->x[RV_AXIS_STEPS][r->n] = in->step;
    r->x[RV_AXIS_WALL][r->n] = in->wall;
    r->x[RV_AXIS_CORE][r->n] = in->core;
    r->y[r->n++] = in->y;
    return RV_OK;
}

/* the records of a tick are all there; a last one without its ledger is still being written */
static rv_status end_tick(reading *in)
{
    if (isnan(in->seconds))
        return RV_OK;
    in->wall += in->seconds;
    in->core += in->seconds * (double)in->n_ranks;
    if (!isnan(in->y))
        RV_TRY(append(in));
    return RV_OK;
}

static rv_status take_ledger(reading *in, const rv_record *r)
{
    in->n_ranks++;
    if (r->unit != 0)
        return RV_OK;
    in->seconds = rv_record_get(r, RV_M_WORK_S) + rv_record_get(r, RV_M_WAIT_S) + rv_record_get(r, RV_M_EXCHANGE_S);
    RV_CHECK(isfinite(in->seconds) && in->seconds >= 0, RV_E_DATA,
             "tick %" PRId64 ", rank 0: expected seconds in %s, %s and %s", r->tick, rv_metric_get(RV_M_WORK_S)->name,
             rv_metric_get(RV_M_WAIT_S)->name, rv_metric_get(RV_M_EXCHANGE_S)->name);
    return RV_OK;
}

static rv_status take(void *user, const rv_record *r)
{
    reading *in = user;
    if (r->tick != in->tick) {
        RV_TRY(end_tick(in));
        in->tick = r->tick;
        in->n_ranks = 0;
        in->seconds = in->y = NAN;
    }
    if (strcmp(r->role, RV_ROLE_RANK) == 0)
        return take_ledger(in, r);
    double y = rv_record_get(r, RV_M_EVAL_REWARD);
    if (isfinite(y)) {
        const rv_returns *had = &in->returns;
        in->y = y;
        in->step = (double)r->step;
        RV_CHECK(had->n == 0 || in->step > had->x[RV_AXIS_STEPS][had->n - 1], RV_E_DATA,
                 "tick %" PRId64 ": an evaluation at step %" PRId64 ", which is not after the one before", r->tick,
                 r->step);
    }
    return RV_OK;
}

rv_status rv_returns_read(const char *path, rv_returns *out)
{
    rv_status status = RV_OK;
    reading in = {.tick = -1, .seconds = NAN, .y = NAN};
    RV_TRY_GOTO(rv_metrics_read(path, true, take, &in), fail);
    RV_TRY_GOTO(end_tick(&in), fail);
    RV_CHECK_GOTO(in.returns.n > 0, RV_E_NOINPUT, fail,
                  "%s holds no evaluation yet; without eval.every_steps there is one at the end only", path);
    *out = in.returns;
    return RV_OK;
fail:
    rv_returns_clear(&in.returns);
    return status;
}

void rv_returns_clear(rv_returns *returns)
{
    for (int axis = 0; axis < RV_N_AXES; axis++)
        rv_mem_free(&returns->x[axis]);
    rv_mem_free(&returns->y);
    returns->n = returns->room = 0;
}

int64_t rv_returns_at(const rv_returns *returns, int64_t n, rv_axis axis, double x)
{
    int64_t low = 0; /* those before are at or before x, those from high on are after it */
    int64_t high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (returns->x[axis][middle] <= x)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}
