#include "model/card.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "nn/policy_net.h"

#include <math.h>
#include <string.h>

enum { W = RV_CARD_WINDOWS, GAIN_ROUNDS = 200, HELD_ROWS = 1024 };

static const double gain_step = 1e-2; /* of a central difference, in units of std */

/* steps of one environment, one after the other: rows first, first + env_count, ... */
typedef struct window {
    int64_t first;
    int steps;
} window;

struct rv_card_work {
    rv_member_shape shape;
    int n_members;
    rv_mlp policy_net, critic;
    rv_mlp_tape member_tape, policy_tape, critic_tape; /* of W rows */

    int n_windows;
    window windows[W]; /* longest first */

    float *state;            /* (W, n_obs) the ensemble's */
    float *own;              /* (n_members, W, n_obs) the members' */
    float *next;             /* (W, n_obs) */
    float *act;              /* (W, n_act) */
    float *x, *scratch;      /* (W, n_in) */
    float *mean, *logvar;    /* (W, n_out) of one member */
    double *sum;             /* (W, n_out) of the elites' means */
    float *reward;           /* (W) */
    float *policy_act;       /* (W, n_act) */
    float *value, *other;    /* (W) min_i Q_i */
    unsigned char *has_done; /* (W) the imagined state is terminal */
    unsigned char *done;     /* (W) */
    double *imagined, *real; /* (W) discounted rewards so far */
    double *first_value;     /* (W) min_i Q_i(s_0, a_0) */
    double *jacobian;        /* (GAIN_STATES, n_obs, n_obs) in units of std */
    double *u, *v;           /* (n_obs) */
};

void rv_card_destroy(rv_card_work **work)
{
    rv_card_work *w = *work;
    if (!w)
        return;
    rv_mlp_tape_clear(&w->member_tape);
    rv_mlp_tape_clear(&w->policy_tape);
    rv_mlp_tape_clear(&w->critic_tape);
    rv_mem_free(&w->state);
    rv_mem_free(&w->own);
    rv_mem_free(&w->next);
    rv_mem_free(&w->act);
    rv_mem_free(&w->x);
    rv_mem_free(&w->scratch);
    rv_mem_free(&w->mean);
    rv_mem_free(&w->logvar);
    rv_mem_free(&w->sum);
    rv_mem_free(&w->reward);
    rv_mem_free(&w->policy_act);
    rv_mem_free(&w->value);
    rv_mem_free(&w->other);
    rv_mem_free(&w->has_done);
    rv_mem_free(&w->done);
    rv_mem_free(&w->imagined);
    rv_mem_free(&w->real);
    rv_mem_free(&w->first_value);
    rv_mem_free(&w->jacobian);
    rv_mem_free(&w->u);
    rv_mem_free(&w->v);
    rv_mem_free(work);
}

static rv_status allocate(rv_card_work *w)
{
    const int n_obs = w->shape.row.n_obs;
    const int n_act = w->shape.row.n_act;
    RV_TRY(rv_mlp_tape_create_forward(&w->shape.mlp, W, &w->member_tape));
    RV_TRY(rv_mlp_tape_create_forward(&w->policy_net, W, &w->policy_tape));
    RV_TRY(rv_mlp_tape_create_forward(&w->critic, W, &w->critic_tape));
    RV_TRY(RV_NEW(w->state, W * n_obs));
    RV_TRY(RV_NEW(w->own, (int64_t)w->n_members * W * n_obs));
    RV_TRY(RV_NEW(w->next, W * n_obs));
    RV_TRY(RV_NEW(w->act, W * n_act));
    RV_TRY(RV_NEW(w->x, W * w->shape.n_in));
    RV_TRY(RV_NEW(w->scratch, W * w->shape.n_in));
    RV_TRY(RV_NEW(w->mean, W * w->shape.n_out));
    RV_TRY(RV_NEW(w->logvar, W * w->shape.n_out));
    RV_TRY(RV_NEW(w->sum, W * w->shape.n_out));
    RV_TRY(RV_NEW(w->reward, W));
    RV_TRY(RV_NEW(w->policy_act, W * n_act));
    RV_TRY(RV_NEW(w->value, W));
    RV_TRY(RV_NEW(w->other, W));
    RV_TRY(RV_NEW(w->has_done, W));
    RV_TRY(RV_NEW(w->done, W));
    RV_TRY(RV_NEW(w->imagined, W));
    RV_TRY(RV_NEW(w->real, W));
    RV_TRY(RV_NEW(w->first_value, W));
    RV_TRY(RV_NEW(w->jacobian, (int64_t)RV_CARD_GAIN_STATES * n_obs * n_obs));
    RV_TRY(RV_NEW(w->u, n_obs));
    return RV_NEW(w->v, n_obs);
}

rv_status rv_card_create(const rv_member_shape *shape, int n_members, const rv_mlp *policy_net, const rv_mlp *critic,
                         rv_card_work **out)
{
    rv_card_work *w = NULL;
    RV_TRY(RV_NEW(w, 1));
    w->shape = *shape;
    w->n_members = n_members;
    w->policy_net = *policy_net;
    w->critic = *critic;
    rv_status status = allocate(w);
    if (status != RV_OK)
        rv_card_destroy(&w);
    else
        *out = w;
    return status;
}

/* ---- windows ------------------------------------------------------------------------------------------------- */

static const float *row_at(const rv_card_work *w, const rv_card_source *s, int64_t row)
{
    return s->rows + row * w->shape.row.width;
}

/* does the episode of a row go on in that environment's next one? */
static bool goes_on(const rv_card_work *w, const rv_card_source *s, int64_t row)
{
    const rv_row *r = &w->shape.row;
    const float *from = row_at(w, s, row);
    const float *to = row_at(w, s, row + s->env_count);
    return from[r->terminated] == 0 && memcmp(from + r->next_obs, to, (size_t)r->n_obs * sizeof *to) == 0;
}

/* the window that begins at a row of a segment, which ends before `end` */
static window window_at(const rv_card_work *w, const rv_card_source *s, int64_t row, int64_t end)
{
    window found = {row, 1};
    while (found.steps < s->steps && row + s->env_count < end && goes_on(w, s, row)) {
        row += s->env_count;
        found.steps++;
    }
    return found;
}

/* Windows of all segments, in order; number k of them is taken when k * n_wanted / n_all grows there, so that those
 * taken are spread evenly. n_wanted 0: only count. Returns how many there are. */
static int64_t walk_windows(rv_card_work *w, const rv_card_source *s, int64_t n_wanted, int64_t n_all)
{
    int64_t n = 0;
    for (int64_t at = 0; at + s->segment <= s->n_held; at += s->segment) {
        const int64_t begin = s->held[at];
        const int64_t end = begin + s->segment;
        for (int64_t first = begin; first < begin + s->env_count && first < end; first++)
            for (int64_t row = first; row < end; n++) {
                const window found = window_at(w, s, row, end);
                row += found.steps * s->env_count;
                if (n_wanted > 0 && (n + 1) * n_wanted / n_all > n * n_wanted / n_all)
                    w->windows[w->n_windows++] = found;
            }
    }
    return n;
}

static void find_windows(rv_card_work *w, const rv_card_source *s)
{
    const int64_t n_all = walk_windows(w, s, 0, 1);
    w->n_windows = 0;
    walk_windows(w, s, n_all < W ? n_all : W, n_all > 0 ? n_all : 1);
    /* longest first, those of equal length in their order */
    for (int i = 1; i < w->n_windows; i++) {
        const window moving = w->windows[i];
        int k = i;
        for (; k > 0 && w->windows[k - 1].steps < moving.steps; k--)
            w->windows[k] = w->windows[k - 1];
        w->windows[k] = moving;
    }
}

/* windows that have a step after k steps: the first ones */
static int count_longer(const rv_card_work *w, int k)
{
    int n = 0;
    while (n < w->n_windows && w->windows[n].steps > k)
        n++;
    return n;
}

/* real row of step k (from 0) of window i */
static const float *step_of(const rv_card_work *w, const rv_card_source *s, int i, int k)
{
    return row_at(w, s, w->windows[i].first + k * s->env_count);
}

/* ---- predictions --------------------------------------------------------------------------------------------- */

static const float *member_of(const rv_card_work *w, const rv_card_source *s, int m)
{
    return s->members + m * w->shape.n_published;
}

static void join(int n, int n_obs, const float *obs, int n_act, const float *act, float *x)
{
    for (int64_t i = 0; i < n; i++) {
        memcpy(x + i * (n_obs + n_act), obs + i * n_obs, (size_t)n_obs * sizeof *x);
        memcpy(x + i * (n_obs + n_act) + n_obs, act + i * n_act, (size_t)n_act * sizeof *x);
    }
}

/* w->mean, w->logvar of w->x */
static void predict(rv_card_work *w, const rv_card_source *s, int m, int n)
{
    rv_pulse_beat();
    rv_member_predict(&w->shape, member_of(w, s, m), n, w->x, &w->member_tape, w->scratch, w->mean, w->logvar);
}

/* w->sum: the elites' mean of [reward, change] at w->x */
static void predict_elites(rv_card_work *w, const rv_card_source *s, int n)
{
    const int64_t n_all = (int64_t)n * w->shape.n_out;
    memset(w->sum, 0, (size_t)n_all * sizeof *w->sum);
    for (int e = 0; e < s->n_elites; e++) {
        predict(w, s, s->elites[e], n);
        for (int64_t k = 0; k < n_all; k++)
            w->sum[k] += (double)w->mean[k] / s->n_elites;
    }
}

/* the ensemble's and the members' states of the first n windows, one step on, with the real actions of step k */
static void step(rv_card_work *w, const rv_card_source *s, int n, int k)
{
    const rv_row *r = &w->shape.row;
    const int n_out = w->shape.n_out;
    for (int64_t i = 0; i < n; i++)
        memcpy(w->act + i * r->n_act, step_of(w, s, (int)i, k) + r->act, (size_t)r->n_act * sizeof *w->act);
    join(n, r->n_obs, w->state, r->n_act, w->act, w->x);
    predict_elites(w, s, n);
    for (int64_t i = 0; i < n; i++) {
        w->reward[i] = (float)w->sum[i * n_out];
        for (int j = 0; j < r->n_obs; j++)
            w->next[i * r->n_obs + j] = (float)((double)w->state[i * r->n_obs + j] + w->sum[i * n_out + 1 + j]);
    }
    if (s->known_reward)
        s->spec->reward(s->spec, n, w->state, w->act, w->next, w->reward);
    memcpy(w->state, w->next, (size_t)n * (size_t)r->n_obs * sizeof *w->state);
    for (int m = 0; m < w->n_members; m++) {
        float *own = w->own + (int64_t)m * W * r->n_obs;
        join(n, r->n_obs, own, r->n_act, w->act, w->x);
        predict(w, s, m, n);
        for (int64_t i = 0; i < n; i++)
            for (int j = 0; j < r->n_obs; j++)
                own[i * r->n_obs + j] += w->mean[i * n_out + 1 + j];
    }
}

static double capped(double error)
{
    return error < RV_CARD_LOST ? error : RV_CARD_LOST;
}

/* RMS of what the states (n, n_obs) of the first n windows are off after k + 1 steps, in units of std */
static double error_of(const rv_card_work *w, const rv_card_source *s, int n, int k, const float *states)
{
    const rv_row *r = &w->shape.row;
    const float *std = s->members + w->shape.std; /* all members were fitted on the same rows */
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *real = step_of(w, s, (int)i, k) + r->next_obs;
        for (int j = 0; j < r->n_obs; j++) {
            const double off = ((double)states[i * r->n_obs + j] - (double)real[j]) / (double)std[j];
            sum += off * off;
        }
    }
    return capped(sqrt(sum / ((double)n * r->n_obs)));
}

/* ---- values -------------------------------------------------------------------------------------------------- */

/* out: min_i Q_i at obs (n, n_obs), act (n, n_act) */
static void q_of(rv_card_work *w, const rv_card_source *s, int n, const float *obs, const float *act, float *out)
{
    const rv_row *r = &w->shape.row;
    join(n, r->n_obs, obs, r->n_act, act, w->x);
    for (int c = 0; c < 2; c++) {
        const float *q = rv_mlp_forward(&w->critic, s->critics + c * w->critic.n_params, n, w->x, &w->critic_tape);
        for (int i = 0; i < n; i++)
            out[i] = c == 0 || q[i] < out[i] ? q[i] : out[i];
    }
}

/* out: min_i Q_i at obs and the mean action there */
static void value_of(rv_card_work *w, const rv_card_source *s, int n, const float *obs, float *out)
{
    rv_policy_net_act(&w->policy_net, s->policy, n, obs, NULL, &w->policy_tape, w->policy_act, NULL);
    q_of(w, s, n, obs, w->policy_act, out);
}

static void begin_values(rv_card_work *w, const rv_card_source *s)
{
    const rv_row *r = &w->shape.row;
    const int n = w->n_windows;
    memset(w->has_done, 0, (size_t)n);
    memset(w->imagined, 0, (size_t)n * sizeof *w->imagined);
    memset(w->real, 0, (size_t)n * sizeof *w->real);
    for (int64_t i = 0; i < n; i++)
        memcpy(w->act + i * r->n_act, step_of(w, s, (int)i, 0) + r->act, (size_t)r->n_act * sizeof *w->act);
    q_of(w, s, n, w->state, w->act, w->value);
    for (int i = 0; i < n; i++)
        w->first_value[i] = (double)w->value[i];
}

/* the imagined rewards and ends of step k; what has ended earns nothing */
static void add_rewards(rv_card_work *w, const rv_card_source *s, int n, int k)
{
    const double worth = pow(s->discount, k);
    memset(w->done, 0, (size_t)n);
    if (s->spec->terminated)
        s->spec->terminated(s->spec, n, w->state, w->done);
    for (int i = 0; i < n; i++) {
        const float *row = step_of(w, s, i, k);
        w->imagined[i] += w->has_done[i] ? 0 : worth * (double)w->reward[i];
        w->real[i] += worth * (double)row[w->shape.row.reward];
        w->has_done[i] |= w->done[i];
    }
}

static void add_costs(rv_card_work *w, const rv_card_source *s, int n, int k, rv_card *out)
{
    const rv_row *r = &w->shape.row;
    const double worth = pow(s->discount, k + 1);
    double model = 0;
    double critic = 0;
    for (int64_t i = 0; i < n; i++)
        memcpy(w->next + i * r->n_obs, step_of(w, s, (int)i, k) + r->next_obs, (size_t)r->n_obs * sizeof *w->next);
    value_of(w, s, n, w->next, w->value);
    value_of(w, s, n, w->state, w->other);
    for (int i = 0; i < n; i++) {
        const bool is_over = step_of(w, s, i, k)[r->terminated] != 0;
        const double real = w->real[i] + (is_over ? 0 : worth * (double)w->value[i]);
        const double imagined = w->imagined[i] + (w->has_done[i] ? 0 : worth * (double)w->other[i]);
        model += (imagined - real) * (imagined - real);
        critic += (w->first_value[i] - real) * (w->first_value[i] - real);
    }
    out->model_cost[k + 1] = sqrt(model / n);
    out->critic_cost[k + 1] = sqrt(critic / n);
}

/* a cost that is no number is the largest there is: nobody trusts it */
static void make_finite(double *cost)
{
    if (!isfinite(*cost))
        *cost = 1e300;
}

/* ---- gain ---------------------------------------------------------------------------------------------------- */

/* column j of the Jacobians (n, n_obs, n_obs) of the elites' mean at n states and w->act */
static void add_column(rv_card_work *w, const rv_card_source *s, int n, int j, const float *states, double *to)
{
    const rv_row *r = &w->shape.row;
    const float *std = s->members + w->shape.std;
    const int n_out = w->shape.n_out;
    for (int side = -1; side <= 1; side += 2) {
        join(n, r->n_obs, states, r->n_act, w->act, w->x);
        for (int64_t i = 0; i < n; i++)
            w->x[i * w->shape.n_in + j] += (float)(side * gain_step * (double)std[j]);
        predict_elites(w, s, n);
        for (int64_t i = 0; i < n; i++)
            for (int k = 0; k < r->n_obs; k++) {
                const double next = (double)w->x[i * w->shape.n_in + k] + w->sum[i * n_out + 1 + k];
                to[((int64_t)i * r->n_obs + k) * r->n_obs + j] += side * next / (2 * gain_step * (double)std[k]);
            }
    }
}

/* the largest singular value of a (n, n): the root of the largest eigenvalue of its square, by power iteration */
static double largest_singular(int n, const double *a, double *u, double *v)
{
    double square = 0;
    for (int i = 0; i < n; i++)
        v[i] = 1 + (double)i / n; /* along no axis and no diagonal */
    for (int round = 0; round < GAIN_ROUNDS; round++) {
        double norm = 0;
        for (int i = 0; i < n; i++)
            norm += v[i] * v[i];
        norm = sqrt(norm);
        if (norm == 0)
            return 0;
        for (int i = 0; i < n; i++) {
            u[i] = 0;
            for (int j = 0; j < n; j++)
                u[i] += a[i * n + j] * v[j] / norm;
        }
        square = 0;
        for (int i = 0; i < n; i++)
            square += u[i] * u[i];
        for (int j = 0; j < n; j++) {
            v[j] = 0;
            for (int i = 0; i < n; i++)
                v[j] += a[i * n + j] * u[i];
        }
    }
    return sqrt(square);
}

/* mean over the first states of windows that are spread evenly over all */
static double measure_gain(rv_card_work *w, const rv_card_source *s)
{
    const rv_row *r = &w->shape.row;
    const int n = w->n_windows < RV_CARD_GAIN_STATES ? w->n_windows : RV_CARD_GAIN_STATES;
    const int64_t size = (int64_t)r->n_obs * r->n_obs;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *row = step_of(w, s, (int)(i * w->n_windows / n), 0);
        memcpy(w->next + i * r->n_obs, row, (size_t)r->n_obs * sizeof *row);
        memcpy(w->act + i * r->n_act, row + r->act, (size_t)r->n_act * sizeof *row);
    }
    memset(w->jacobian, 0, (size_t)(n * size) * sizeof *w->jacobian);
    for (int j = 0; j < r->n_obs; j++)
        add_column(w, s, n, j, w->next, w->jacobian);
    for (int64_t i = 0; i < n; i++)
        sum += capped(largest_singular(r->n_obs, w->jacobian + i * size, w->u, w->v));
    return sum / n;
}

/* ---- calibration --------------------------------------------------------------------------------------------- */

/* z of the n rows in w->x and w->sum (y), as an elite predicts them, added up */
static void add_z(rv_card_work *w, const rv_card_source *s, int n, int elite, rv_card *out)
{
    const int64_t n_all = (int64_t)n * w->shape.n_out;
    predict(w, s, elite, n);
    for (int64_t k = 0; k < n_all; k++) {
        const double z = capped(fabs(w->sum[k] - (double)w->mean[k]) * exp(-0.5 * (double)w->logvar[k]));
        out->within_1 += z < 1;
        out->within_2 += z < 2;
        out->z_square += z * z;
    }
}

static void calibrate(rv_card_work *w, const rv_card_source *s, rv_card *out)
{
    const rv_row *r = &w->shape.row;
    const int64_t n_held = s->n_held < HELD_ROWS ? s->n_held : HELD_ROWS;
    for (int64_t from = 0; from < n_held; from += W) {
        const int n = n_held - from < W ? (int)(n_held - from) : W;
        for (int64_t i = 0; i < n; i++) {
            const float *row = row_at(w, s, s->held[from + i]);
            double *y = w->sum + i * w->shape.n_out;
            memcpy(w->x + i * w->shape.n_in, row, (size_t)w->shape.n_in * sizeof *row);
            y[0] = (double)row[r->reward];
            for (int j = 0; j < r->n_obs; j++)
                y[1 + j] = (double)(row[r->next_obs + j] - row[j]);
        }
        for (int e = 0; e < s->n_elites; e++)
            add_z(w, s, n, s->elites[e], out);
    }
    const double n_z = (double)n_held * w->shape.n_out * s->n_elites;
    out->within_1 /= n_z > 0 ? n_z : 1;
    out->within_2 /= n_z > 0 ? n_z : 1;
    out->z_square /= n_z > 0 ? n_z : 1;
}

/* ---- card ---------------------------------------------------------------------------------------------------- */

static void measure_step(rv_card_work *w, const rv_card_source *s, int n, int k, rv_card *out)
{
    step(w, s, n, k);
    out->n_windows[k + 1] = n;
    out->error[k + 1] = error_of(w, s, n, k, w->state);
    out->low[k + 1] = RV_CARD_LOST;
    for (int m = 0; m < w->n_members; m++) {
        const double own = error_of(w, s, n, k, w->own + (int64_t)m * W * w->shape.row.n_obs);
        out->low[k + 1] = fmin(out->low[k + 1], own);
        out->high[k + 1] = fmax(out->high[k + 1], own);
    }
    if (!s->critics)
        return;
    add_rewards(w, s, n, k);
    add_costs(w, s, n, k, out);
    make_finite(&out->model_cost[k + 1]);
    make_finite(&out->critic_cost[k + 1]);
}

/* from one step alone */
static void guess(rv_card *out)
{
    const double e = out->error[1];
    const double g = out->gain;
    double steps = 0; /* 1 + g + ... + g^(k-1) */
    for (int k = 1; k <= out->steps; k++) {
        steps = 1 + g * steps;
        out->naive[k] = capped(pow(1 + e, k) - 1);
        out->bound[k] = capped(e * steps);
    }
}

void rv_card_measure(rv_card_work *work, const rv_card_source *source, rv_card *out)
{
    rv_card_work *w = work;
    const rv_row *r = &w->shape.row;
    *out = (rv_card){.steps = 0};
    find_windows(w, source);
    calibrate(w, source, out);
    if (w->n_windows == 0)
        return;
    for (int64_t i = 0; i < w->n_windows; i++)
        memcpy(w->state + i * r->n_obs, step_of(w, source, (int)i, 0), (size_t)r->n_obs * sizeof *w->state);
    for (int64_t m = 0; m < w->n_members; m++)
        memcpy(w->own + m * W * r->n_obs, w->state, (size_t)(w->n_windows * r->n_obs) * sizeof *w->state);
    if (source->critics)
        begin_values(w, source);
    for (int n = w->n_windows; n > 0; n = count_longer(w, out->steps)) {
        measure_step(w, source, n, out->steps, out);
        out->steps++;
    }
    out->gain = measure_gain(w, source);
    guess(out);
}

int rv_card_horizon(const rv_card *card, int low, int high)
{
    int k = 0;
    while (k < card->steps && card->model_cost[k + 1] <= card->critic_cost[k + 1] && card->critic_cost[k + 1] > 0)
        k++;
    return k < low ? low : k > high ? high : k;
}
