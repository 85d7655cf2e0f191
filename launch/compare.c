#include "launch/compare.h"

#include "base/memory.h"

#include <math.h>

/* what is needed while a group is worked on; one at a time */
typedef struct work {
    rv_standing *s;
    double *values; /* (group->n) */
    rv_resamples resamples;
} work;

static const rv_returns *returns_of(const rv_standing *s, int64_t run)
{
    return &s->group->runs[run].returns;
}

/* ---- a group at a place ---- */

/* The returns of all runs at x, ascending; x is not before the first evaluation of any. */
static void take_values(const work *w, rv_axis axis, double x)
{
    for (int64_t i = 0; i < w->s->group->n; i++) {
        const rv_returns *r = returns_of(w->s, i);
        w->values[i] = r->y[rv_returns_at(r, w->s->n_used[i], axis, x)];
    }
    rv_sort(w->s->group->n, w->values);
}

static double iqm_at(const work *w, rv_axis axis, double x)
{
    take_values(w, axis, x);
    return rv_iqm(w->s->group->n, w->values);
}

static rv_estimate estimate_at(work *w, rv_axis axis, double x)
{
    rv_estimate e = {iqm_at(w, axis, x), NAN, NAN};
    if (w->s->group->n > 1)
        rv_iqm_interval(&w->resamples, w->values, &e.low, &e.high);
    return e;
}

/* where all runs of a group have an evaluation, and where the last one that counts is */
static double first_x(const rv_standing *s, rv_axis axis)
{
    double x = 0;
    for (int64_t i = 0; i < s->group->n; i++)
        x = fmax(x, returns_of(s, i)->x[axis][0]);
    return x;
}

static double last_x(const rv_standing *s, rv_axis axis)
{
    double x = 0;
    for (int64_t i = 0; i < s->group->n; i++)
        x = fmax(x, returns_of(s, i)->x[axis][s->n_used[i] - 1]);
    return x;
}

/* ---- grids ---- */

/* keep one of numbers that are the same; they are ascending */
static int64_t unique(int64_t n, double *x)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++)
        if (k == 0 || x[i] > x[k - 1])
            x[k++] = x[i];
    return k;
}

static int64_t count_used(const rv_standing *s)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->group->n; i++)
        n += s->n_used[i];
    return n;
}

/* add a group's evaluations that count to x, at place n; @return the place behind them */
static int64_t add_used(const rv_standing *s, rv_axis axis, double *x, int64_t n)
{
    for (int64_t i = 0; i < s->group->n; i++)
        for (int64_t k = 0; k < s->n_used[i]; k++)
            x[n++] = returns_of(s, i)->x[axis][k];
    return n;
}

/* The grid of an axis. The first and last place of each group stay in it. */
static rv_status make_grid(const rv_comparison *c, rv_axis axis, int64_t *n_out, double **out)
{
    int64_t room = 2 * c->groups->n;
    int64_t n = 0;
    double *x = NULL;
    for (int g = 0; g < c->groups->n; g++)
        room += count_used(&c->standings[g]);
    RV_TRY(RV_NEW(x, room));
    for (int g = 0; g < c->groups->n; g++)
        n = add_used(&c->standings[g], axis, x, n);
    rv_sort(n, x);
    n = unique(n, x);
    if (n > RV_COMPARE_GRID) {
        for (int64_t i = 0; i < RV_COMPARE_GRID; i++)
            x[i] = x[i * (n - 1) / (RV_COMPARE_GRID - 1)];
        n = RV_COMPARE_GRID;
    }
    for (int g = 0; g < c->groups->n; g++) {
        x[n++] = first_x(&c->standings[g], axis);
        x[n++] = last_x(&c->standings[g], axis);
    }
    rv_sort(n, x);
    *n_out = unique(n, x);
    *out = x;
    return RV_OK;
}

static rv_status draw_trace(work *w, rv_axis axis, int64_t n_grid, const double *grid)
{
    rv_trace *t = &w->s->traces[axis];
    double first = first_x(w->s, axis);
    double last = last_x(w->s, axis);
    RV_TRY(RV_NEW(t->x, n_grid));
    RV_TRY(RV_NEW(t->at, n_grid));
    for (int64_t k = 0; k < n_grid; k++)
        if (grid[k] >= first && grid[k] <= last) {
            t->x[t->n] = grid[k];
            t->at[t->n++] = estimate_at(w, axis, grid[k]);
        }
    return RV_OK;
}

/* ---- a group ---- */

/* what the runs had taken on average at their last evaluations up to these steps */
static void pay(const rv_standing *s, double steps, double out[RV_N_AXES])
{
    out[RV_AXIS_STEPS] = steps;
    for (int axis = RV_AXIS_STEPS + 1; axis < RV_N_AXES; axis++) {
        double sum = 0;
        for (int64_t i = 0; i < s->group->n; i++) {
            const rv_returns *r = returns_of(s, i);
            sum += r->x[axis][rv_returns_at(r, s->n_used[i], RV_AXIS_STEPS, steps)];
        }
        out[axis] = sum / (double)s->group->n;
    }
}

/* how many evaluations of each run count */
static rv_status cut(rv_standing *s)
{
    const rv_group *group = s->group;
    double common = INFINITY;
    RV_TRY(RV_NEW(s->n_used, group->n));
    for (int64_t i = 0; i < group->n; i++)
        common = fmin(common, returns_of(s, i)->x[RV_AXIS_STEPS][returns_of(s, i)->n - 1]);
    for (int64_t i = 0; i < group->n; i++) {
        const rv_returns *r = returns_of(s, i);
        s->n_used[i] = rv_returns_at(r, r->n, RV_AXIS_STEPS, common) + 1;
        RV_CHECK(s->n_used[i] > 0, RV_E_NOINPUT,
                 "'%s' has its first evaluation at step %.0f, when another run of group '%s' has ended at step %.0f: "
                 "leave one out",
                 group->runs[i].path, r->x[RV_AXIS_STEPS][0], group->label, common);
    }
    pay(s, last_x(s, RV_AXIS_STEPS), s->used);
    return RV_OK;
}

/* at every evaluation, not on the grid */
static rv_status look_for_reach(const work *w, double threshold)
{
    rv_standing *s = w->s;
    double *x = NULL;
    RV_TRY(RV_NEW(x, count_used(s)));
    int64_t n = add_used(s, RV_AXIS_STEPS, x, 0);
    rv_sort(n, x);
    for (int64_t k = 0; k < n && !s->reaches; k++)
        if (x[k] >= first_x(s, RV_AXIS_STEPS) && iqm_at(w, RV_AXIS_STEPS, x[k]) >= threshold) {
            s->reaches = true;
            pay(s, x[k], s->reach);
        }
    for (int64_t i = 0; i < s->group->n; i++) {
        int64_t at = 0;
        while (at < s->n_used[i] && returns_of(s, i)->y[at] < threshold)
            at++;
        s->n_reach += at < s->n_used[i];
    }
    rv_mem_free(&x);
    return RV_OK;
}

/* ---- all of it ---- */

static void end(work *w)
{
    rv_mem_free(&w->values);
    rv_resamples_clear(&w->resamples);
}

static rv_status begin(rv_standing *s, work *w)
{
    work made = {.s = s};
    RV_TRY(RV_NEW(made.values, s->group->n));
    rv_status status = rv_resamples_create(s->group->n, &made.resamples);
    if (status != RV_OK)
        end(&made);
    else
        *w = made;
    return status;
}

static double default_threshold(const rv_comparison *c, double least_first)
{
    double best = -INFINITY;
    for (int g = 0; g < c->groups->n; g++)
        best = fmax(best, c->standings[g].last.iqm);
    return best > least_first ? least_first + 0.9 * (best - least_first) : best;
}

static rv_status judge(const rv_comparison *c, rv_standing *s, const double *const *grids, const int64_t *n_grids)
{
    work w;
    RV_TRY(begin(s, &w));
    rv_status status = RV_OK;
    for (int axis = 0; axis < RV_N_AXES && status == RV_OK; axis++)
        status = draw_trace(&w, (rv_axis)axis, n_grids[axis], grids[axis]);
    if (status == RV_OK)
        status = look_for_reach(&w, c->threshold);
    end(&w);
    return status;
}

/* the first and last estimate of each group, from which the threshold follows */
static rv_status weigh_up(rv_comparison *c)
{
    double least_first = INFINITY;
    for (int g = 0; g < c->groups->n; g++) {
        work w;
        rv_standing *s = &c->standings[g];
        rv_status status = cut(s);
        if (status == RV_OK)
            status = begin(s, &w);
        RV_TRY(status);
        least_first = fmin(least_first, iqm_at(&w, RV_AXIS_STEPS, first_x(s, RV_AXIS_STEPS)));
        s->last = estimate_at(&w, RV_AXIS_STEPS, s->used[RV_AXIS_STEPS]);
        end(&w);
    }
    if (isnan(c->threshold))
        c->threshold = default_threshold(c, least_first);
    return RV_OK;
}

rv_status rv_compare(const rv_groups *groups, double threshold, rv_comparison *out)
{
    rv_status status = RV_OK;
    rv_comparison c = {.groups = groups, .threshold = threshold};
    double *grids[RV_N_AXES] = {NULL};
    int64_t n_grids[RV_N_AXES] = {0};
    RV_TRY(RV_NEW(c.standings, groups->n));
    for (int g = 0; g < groups->n; g++)
        c.standings[g].group = &groups->groups[g];
    RV_TRY_GOTO(weigh_up(&c), done);
    for (int axis = 0; axis < RV_N_AXES; axis++)
        RV_TRY_GOTO(make_grid(&c, (rv_axis)axis, &n_grids[axis], &grids[axis]), done);
    for (int g = 0; g < groups->n; g++)
        RV_TRY_GOTO(judge(&c, &c.standings[g], (const double *const *)grids, n_grids), done);
    *out = c;
done:
    for (int axis = 0; axis < RV_N_AXES; axis++)
        rv_mem_free(&grids[axis]);
    if (status != RV_OK)
        rv_comparison_clear(&c);
    return status;
}

void rv_comparison_clear(rv_comparison *comparison)
{
    for (int g = 0; comparison->standings && g < comparison->groups->n; g++) {
        rv_standing *s = &comparison->standings[g];
        rv_mem_free(&s->n_used);
        for (int axis = 0; axis < RV_N_AXES; axis++) {
            rv_mem_free(&s->traces[axis].x);
            rv_mem_free(&s->traces[axis].at);
        }
    }
    rv_mem_free(&comparison->standings);
}
