#include "model/card.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "model/card_private.h"
#include "nn/policy_net.h"

#include <math.h>
#include <string.h>

/* arrays of the report that hold a number per horizon, beside one for each member */
enum { ERROR, LOW, HIGH, NAIVE, GUESS, MODEL_COST, CRITIC_COST, N_SERIES };

/* ---- work space ---------------------------------------------------------------------------------------------- */

static rv_status allocate_open_loop(rv_card *c)
{
    const rv_row *r = &c->shape.row;
    RV_TRY(RV_NEW(c->left, c->setup.max_rows));
    RV_TRY(RV_NEW(c->n_of_length, c->setup.steps + 1));
    RV_TRY(RV_NEW(c->windows, c->setup.steps + 1));
    RV_TRY(RV_NEW(c->numbers, (N_SERIES + c->setup.n_members) * (c->setup.steps + 1)));
    RV_TRY(RV_NEW(c->x, RV_CARD_WINDOWS * c->shape.n_in));
    RV_TRY(RV_NEW(c->scratch, RV_CARD_CHUNK * c->shape.n_in));
    RV_TRY(RV_NEW(c->mean, RV_CARD_WINDOWS * c->shape.n_out));
    RV_TRY(RV_NEW(c->logvar, RV_CARD_WINDOWS * c->shape.n_out));
    RV_TRY(RV_NEW(c->obs, RV_CARD_WINDOWS * r->n_obs));
    RV_TRY(RV_NEW(c->next, RV_CARD_WINDOWS * r->n_obs));
    RV_TRY(RV_NEW(c->seen, RV_CARD_WINDOWS * r->n_obs));
    RV_TRY(RV_NEW(c->act, RV_CARD_WINDOWS * r->n_act));
    RV_TRY(RV_NEW(c->reward, RV_CARD_WINDOWS));
    return rv_mlp_tape_create_forward(&c->shape.mlp, RV_CARD_CHUNK, &c->tape);
}

static rv_status allocate_costs(rv_card *c)
{
    RV_TRY(RV_NEW(c->q, RV_CARD_WINDOWS));
    RV_TRY(RV_NEW(c->value, RV_CARD_WINDOWS));
    RV_TRY(RV_NEW(c->seen_value, RV_CARD_WINDOWS));
    RV_TRY(RV_NEW(c->end, RV_CARD_WINDOWS));
    RV_TRY(RV_NEW(c->ends, RV_CARD_WINDOWS));
    RV_TRY(RV_NEW(c->imagined, RV_CARD_WINDOWS));
    RV_TRY(RV_NEW(c->real, RV_CARD_WINDOWS));
    RV_TRY(RV_NEW(c->done, RV_CARD_WINDOWS));
    RV_TRY(RV_NEW(c->over, RV_CARD_WINDOWS));
    if (!c->setup.critic_net)
        return RV_OK;
    RV_TRY(rv_mlp_tape_create_forward(&c->policy_net, RV_CARD_CHUNK, &c->policy_tape));
    return rv_mlp_tape_create_forward(&c->critic_net, RV_CARD_CHUNK, &c->critic_tape);
}

static rv_status allocate_gain(rv_card *c)
{
    const int n_obs = c->shape.row.n_obs;
    RV_TRY(RV_NEW(c->gain_x, n_obs * c->shape.n_in));
    RV_TRY(RV_NEW(c->gain_scratch, n_obs * c->shape.n_in));
    RV_TRY(RV_NEW(c->gain_mean, n_obs * c->shape.n_out));
    RV_TRY(RV_NEW(c->gain_logvar, n_obs * c->shape.n_out));
    RV_TRY(RV_NEW(c->d_out, n_obs * c->shape.n_raw));
    RV_TRY(RV_NEW(c->d_x, n_obs * c->shape.n_in));
    RV_TRY(RV_NEW(c->jacobian, n_obs * n_obs));
    RV_TRY(RV_NEW(c->v, n_obs));
    RV_TRY(RV_NEW(c->u, n_obs));
    for (int i = 0; i < n_obs; i++)
        c->d_out[i * c->shape.n_raw + 1 + i] = 1;
    return rv_mlp_tape_create(&c->shape.mlp, n_obs, &c->gain_tape);
}

static rv_status allocate_one_step(rv_card *c)
{
    const int n_all = RV_CARD_WINDOWS * c->shape.n_out;
    RV_TRY(RV_NEW(c->means, c->setup.n_members * n_all));
    RV_TRY(RV_NEW(c->y, n_all));
    RV_TRY(RV_NEW(c->variance, n_all));
    RV_TRY(RV_NEW(c->elite_variance, n_all));
    RV_TRY(RV_NEW(c->sum_y, c->shape.n_out));
    RV_TRY(RV_NEW(c->sum_yy, c->shape.n_out));
    return RV_NEW(c->sum_error, c->shape.n_out);
}

static double *series(const rv_card *c, int which)
{
    return c->numbers + which * (c->setup.steps + 1);
}

static double *of_member(const rv_card *c, int m)
{
    return series(c, N_SERIES + m);
}

rv_status rv_card_create(const rv_card_setup *setup, rv_card **out)
{
    rv_status status = RV_OK;
    rv_card *c = NULL;
    RV_CHECK(!setup->known_reward || setup->spec->reward, RV_E_CONFIG,
             "model.known_reward: the reward of %s is not a function of observation and action", setup->spec->name);
    RV_TRY(RV_NEW(c, 1));
    c->setup = *setup;
    c->shape = *setup->shape;
    if (setup->critic_net) {
        c->policy_net = *setup->policy_net;
        c->critic_net = *setup->critic_net;
    }
    RV_TRY_GOTO(allocate_open_loop(c), fail);
    RV_TRY_GOTO(allocate_costs(c), fail);
    RV_TRY_GOTO(allocate_gain(c), fail);
    RV_TRY_GOTO(allocate_one_step(c), fail);
    c->report = (rv_card_report){.steps = setup->steps,
                                 .windows = c->windows,
                                 .error = series(c, ERROR),
                                 .members = of_member(c, 0),
                                 .low = series(c, LOW),
                                 .high = series(c, HIGH),
                                 .naive = series(c, NAIVE),
                                 .guess = series(c, GUESS),
                                 .model_cost = series(c, MODEL_COST),
                                 .critic_cost = series(c, CRITIC_COST)};
    *out = c;
    return RV_OK;
fail:
    rv_card_destroy(&c);
    return status;
}

void rv_card_destroy(rv_card **card)
{
    rv_card *c = *card;
    if (!c)
        return;
    rv_mlp_tape *tapes[] = {&c->tape, &c->policy_tape, &c->critic_tape, &c->gain_tape};
    float **floats[] = {
        &c->x,         &c->scratch,     &c->mean,  &c->logvar, &c->obs,        &c->next,   &c->seen,
        &c->act,       &c->reward,      &c->q,     &c->value,  &c->seen_value, &c->gain_x, &c->gain_scratch,
        &c->gain_mean, &c->gain_logvar, &c->d_out, &c->d_x,    &c->means,      &c->y,      &c->end};
    double **doubles[] = {&c->numbers,  &c->imagined,       &c->real,  &c->jacobian, &c->v,         &c->u,
                          &c->variance, &c->elite_variance, &c->sum_y, &c->sum_yy,   &c->sum_error, &c->ends};
    for (size_t i = 0; i < sizeof tapes / sizeof *tapes; i++)
        rv_mlp_tape_clear(tapes[i]);
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        rv_mem_free(floats[i]);
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        rv_mem_free(doubles[i]);
    rv_mem_free(&c->left);
    rv_mem_free(&c->n_of_length);
    rv_mem_free(&c->windows);
    rv_mem_free(&c->done);
    rv_mem_free(&c->over);
    rv_mem_free(card);
}

/* ---- open loop ----------------------------------------------------------------------------------------------- */

void rv_card_predict(rv_card *c, const rv_card_source *s, int m, int n, float *mean)
{
    for (int64_t i = 0; i < n; i += RV_CARD_CHUNK) {
        const int n_chunk = n - i < RV_CARD_CHUNK ? (int)(n - i) : RV_CARD_CHUNK;
        rv_pulse_beat();
        rv_member_predict(&c->shape, rv_card_member(c, s, m), n_chunk, c->x + i * c->shape.n_in, &c->tape, c->scratch,
                          mean + i * c->shape.n_out, c->logvar + i * c->shape.n_out);
        if (c->shape.ends)
            rv_member_ends(&c->shape, n_chunk, &c->tape, c->end + i);
    }
}

/* step k (from 1) of window w */
static const float *row_of(const rv_card *c, const rv_card_source *s, int w, int k)
{
    return s->rows + (c->first[w] + (int64_t)(k - 1) * c->setup.count) * c->shape.row.width;
}

/* imagined states of all windows back to where they start */
static void go_to_start(rv_card *c, const rv_card_source *s)
{
    const int64_t n_obs = c->shape.row.n_obs;
    for (int w = 0; w < c->windows[1]; w++)
        memcpy(c->obs + w * n_obs, row_of(c, s, w, 1), (size_t)n_obs * sizeof *c->obs);
}

/* the n windows that reach step k: what their real rows say of it, and the imagined states with the real actions */
static void gather(rv_card *c, const rv_card_source *s, int k, int n)
{
    const rv_row *r = &c->shape.row;
    const size_t obs_bytes = (size_t)r->n_obs * sizeof(float);
    const size_t act_bytes = (size_t)r->n_act * sizeof(float);
    for (int64_t w = 0; w < n; w++) {
        const float *row = row_of(c, s, (int)w, k);
        float *x = c->x + w * c->shape.n_in;
        memcpy(x, c->obs + w * r->n_obs, obs_bytes);
        memcpy(x + r->n_obs, row + r->act, act_bytes);
        memcpy(c->act + w * r->n_act, row + r->act, act_bytes);
        memcpy(c->seen + w * r->n_obs, row + r->next_obs, obs_bytes);
    }
}

/* next: the state that the mean over these members' predicted changes leads to; reward, ends: mean of theirs */
static void advance(rv_card *c, const rv_card_source *s, int n, int n_members, const int *members)
{
    const int64_t n_obs = c->shape.row.n_obs;
    memcpy(c->next, c->obs, (size_t)(n * n_obs) * sizeof *c->next);
    memset(c->reward, 0, (size_t)n * sizeof *c->reward);
    memset(c->ends, 0, (size_t)n * sizeof *c->ends);
    for (int e = 0; e < n_members; e++) {
        rv_card_predict(c, s, members[e], n, c->mean);
        for (int64_t w = 0; w < n && c->shape.ends; w++)
            c->ends[w] += 1 / (1 + exp(-(double)c->end[w])) / n_members;
        for (int64_t w = 0; w < n; w++) {
            const float *mean = c->mean + w * c->shape.n_out;
            c->reward[w] += mean[0] / (float)n_members;
            for (int64_t i = 0; i < n_obs; i++)
                c->next[w * n_obs + i] += mean[1 + i] / (float)n_members;
        }
    }
}

static double error_of_next(const rv_card *c, const rv_card_source *s, int n)
{
    const int64_t n_obs = c->shape.row.n_obs;
    double sum = 0;
    for (int64_t w = 0; w < n; w++) {
        const double e =
            rv_foresight_error(&c->shape, rv_card_member(c, s, 0), c->next + w * n_obs, c->seen + w * n_obs);
        sum += e * e;
    }
    return sqrt(sum / n);
}

static void swap_states(rv_card *c)
{
    float *obs = c->obs;
    c->obs = c->next;
    c->next = obs;
}

static void roll_member(rv_card *c, const rv_card_source *s, int m)
{
    go_to_start(c, s);
    for (int k = 1; k <= c->report.n; k++) {
        const int n = c->windows[k];
        gather(c, s, k, n);
        advance(c, s, n, 1, &m);
        of_member(c, m)[k] = error_of_next(c, s, n);
        swap_states(c);
    }
}

/* ---- costs --------------------------------------------------------------------------------------------------- */

/* out (n) = min_i Q_i(obs, c->act); x is overwritten */
static void q_at(rv_card *c, const rv_card_source *s, int n, const float *obs, float *out)
{
    const rv_row *r = &c->shape.row;
    for (int64_t i = 0; i < n; i++) {
        float *x = c->x + i * c->shape.n_in;
        memcpy(x, obs + i * r->n_obs, (size_t)r->n_obs * sizeof *x);
        memcpy(x + r->n_obs, c->act + i * r->n_act, (size_t)r->n_act * sizeof *x);
    }
    for (int64_t from = 0; from < n; from += RV_CARD_CHUNK) {
        const int n_chunk = n - from < RV_CARD_CHUNK ? (int)(n - from) : RV_CARD_CHUNK;
        float *smaller = out + from;
        for (int i = 0; i < 2; i++) {
            const float *q = rv_mlp_forward(&c->critic_net, s->critics + i * c->critic_net.n_params, n_chunk,
                                            c->x + from * c->shape.n_in, &c->critic_tape);
            for (int j = 0; j < n_chunk; j++) /* what is not a number stays */
                smaller[j] = i == 0 || q[j] < smaller[j] || isnan(q[j]) ? q[j] : smaller[j];
        }
    }
}

/* out (n) = V(obs); act and x are overwritten */
static void values(rv_card *c, const rv_card_source *s, int n, const float *obs, float *out)
{
    const rv_row *r = &c->shape.row;
    for (int64_t from = 0; from < n; from += RV_CARD_CHUNK) {
        const int n_chunk = n - from < RV_CARD_CHUNK ? (int)(n - from) : RV_CARD_CHUNK;
        rv_policy_net_act(&c->policy_net, s->policy, n_chunk, obs + from * r->n_obs, NULL, &c->policy_tape,
                          c->act + from * r->n_act, NULL);
    }
    q_at(c, s, n, obs, out);
}

/* next, of window w, is so far off that a rule of the task means nothing there */
static bool is_lost(const rv_card *c, const rv_card_source *s, int64_t w)
{
    const int64_t n_obs = c->shape.row.n_obs;
    return rv_foresight_error(&c->shape, rv_card_member(c, s, 0), c->next + w * n_obs, c->seen + w * n_obs) >=
           RV_FORESIGHT_LOST;
}

/* of step k, by discount^(k - 1) */
static void add_rewards(rv_card *c, const rv_card_source *s, int k, int n, double weight)
{
    const rv_env_spec *spec = c->setup.spec;
    if (c->setup.known_reward)
        spec->reward(spec, n, c->obs, c->act, c->next, c->reward);
    for (int w = 0; w < n; w++)
        c->done[w] = c->shape.ends && c->ends[w] > 0.5;
    if (spec->terminated && !c->shape.ends)
        spec->terminated(spec, n, c->next, c->done);
    for (int w = 0; w < n; w++) {
        c->real[w] += weight * (double)row_of(c, s, w, k)[c->shape.row.reward];
        if (!c->over[w])
            c->imagined[w] += is_lost(c, s, w) ? INFINITY : weight * (double)c->reward[w];
        c->over[w] = c->over[w] || c->done[w];
    }
}

/* at horizon k, with discount^k */
static void measure_costs(rv_card *c, const rv_card_source *s, int k, int n, double weight)
{
    double model = 0;
    double critic = 0;
    values(c, s, n, c->next, c->value);
    values(c, s, n, c->seen, c->seen_value);
    for (int w = 0; w < n; w++) {
        const bool is_over = row_of(c, s, w, k)[c->shape.row.terminated] > 0;
        const double real = c->real[w] + (is_over ? 0 : weight * (double)c->seen_value[w]);
        const double imagined = c->imagined[w] + (c->over[w] ? 0 : weight * (double)c->value[w]);
        model += (imagined - real) * (imagined - real);
        critic += ((double)c->q[w] - real) * ((double)c->q[w] - real);
    }
    series(c, MODEL_COST)[k] = rv_card_cap(sqrt(model / n), RV_CARD_LOST);
    series(c, CRITIC_COST)[k] = rv_card_cap(sqrt(critic / n), RV_CARD_LOST);
}

static void start_costs(rv_card *c, const rv_card_source *s)
{
    const int n = c->windows[1];
    gather(c, s, 1, n);
    q_at(c, s, n, c->obs, c->q);
    memset(c->imagined, 0, (size_t)n * sizeof *c->imagined);
    memset(c->real, 0, (size_t)n * sizeof *c->real);
    memset(c->over, 0, (size_t)n);
}

static void roll_ensemble(rv_card *c, const rv_card_source *s)
{
    double weight = 1;
    go_to_start(c, s);
    if (c->report.has_costs)
        start_costs(c, s);
    for (int k = 1; k <= c->report.n; k++) {
        const int n = c->windows[k];
        gather(c, s, k, n);
        advance(c, s, n, s->n_elites, s->elites);
        series(c, ERROR)[k] = error_of_next(c, s, n);
        if (c->report.has_costs) {
            add_rewards(c, s, k, n, weight);
            weight *= c->setup.discount;
            measure_costs(c, s, k, n, weight);
        }
        swap_states(c);
    }
}

/* ---- report -------------------------------------------------------------------------------------------------- */

static void compare_members(rv_card *c)
{
    for (int k = 1; k <= c->report.n; k++) {
        double low = INFINITY;
        double high = 0;
        for (int m = 0; m < c->setup.n_members; m++) {
            low = fmin(low, of_member(c, m)[k]);
            high = fmax(high, of_member(c, m)[k]);
        }
        series(c, LOW)[k] = low;
        series(c, HIGH)[k] = high;
    }
}

static void guess(rv_card *c)
{
    const double e = series(c, ERROR)[1];
    const double g = c->report.gain;
    for (int k = 1; k <= c->report.n; k++) {
        const double sum = fabs(g - 1) < 1e-9 ? k : expm1(k * log(g)) / (g - 1);
        series(c, NAIVE)[k] = rv_card_cap(expm1(k * log1p(e)), RV_FORESIGHT_LOST);
        series(c, GUESS)[k] = rv_card_cap(e * sum, RV_FORESIGHT_LOST);
    }
}

static rv_status check(const rv_card *c, const rv_card_source *s)
{
    RV_CHECK(s->n_held >= 1 && s->n_held <= s->n_rows && s->n_rows <= c->setup.max_rows, RV_E_INTERNAL,
             "error card: %lld of %lld rows are held out, expected 1 to all of at most %lld", (long long)s->n_held,
             (long long)s->n_rows, (long long)c->setup.max_rows);
    RV_CHECK(s->n_elites >= 1, RV_E_INTERNAL, "error card: %d elites, expected at least 1", s->n_elites);
    for (int64_t i = 0; i < s->n_held; i++)
        RV_CHECK(s->held[i] < s->n_rows, RV_E_INTERNAL, "error card: row %u is held out of %lld rows", s->held[i],
                 (long long)s->n_rows);
    for (int e = 0; e < s->n_elites; e++)
        RV_CHECK(s->elites[e] >= 0 && s->elites[e] < c->setup.n_members, RV_E_INTERNAL,
                 "error card: elite %d is member %d, expected 0 to %d", e, s->elites[e], c->setup.n_members - 1);
    RV_CHECK(!s->critics || c->setup.critic_net, RV_E_INTERNAL, "error card: critics of a shape that it was not told");
    return RV_OK;
}

rv_status rv_card_run(rv_card *card, const rv_card_source *source, rv_card_report *out)
{
    rv_card *c = card;
    RV_TRY(check(c, source));
    memset(c->numbers, 0, (size_t)((N_SERIES + c->setup.n_members) * (c->setup.steps + 1)) * sizeof *c->numbers);
    c->report.n = rv_card_choose(c, source);
    c->report.has_costs = source->critics != NULL;
    for (int m = 0; m < c->setup.n_members; m++)
        roll_member(c, source, m);
    roll_ensemble(c, source);
    compare_members(c);
    c->report.gain = rv_card_gain(c, source);
    guess(c);
    rv_card_one_step(c, source);
    *out = c->report;
    return RV_OK;
}

int rv_card_horizon(const rv_card_report *report, int low, int high)
{
    const rv_card_report *r = report;
    int k = 0;
    while (r->has_costs && k < r->n && r->windows[k + 1] >= RV_CARD_LEAST && r->model_cost[k + 1] < RV_CARD_LOST &&
           r->model_cost[k + 1] <= r->critic_cost[k + 1])
        k++;
    k = k > high ? high : k;
    return k < low ? low : k;
}
