#include "env/check.h"

#include "base/clock.h"
#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES, STEPS, ACTIONS, SEEDING, VARIETY, STATE, END, TERMINATION, REWARD, LEARNING };

static const char *const names[RV_CHECK_FINDINGS] = {"sizes", "steps", "actions",     "seeding", "variety",
                                                     "state", "end",   "termination", "reward",  "learning"};

/* differences of rewards below this part of their size come from the observations' rounding to float32 */
static const double reward_tolerance = 1e-3;

/* what an environment did: rows of [obs | act | next obs], rewards, flags */
typedef struct walk {
    int64_t n;
    float *obs, *act, *next;   /* (n, n_obs), (n, n_act), (n, n_obs) */
    float *reward;             /* (n) */
    unsigned char *done, *cut; /* (n) */
    int64_t *at;               /* (n) step in the episode, from 1 */
    double *seconds;           /* (n) */
    int64_t n_episodes;
} walk;

typedef struct checker {
    const rv_env_spec *spec;
    uint64_t seed;
    rv_env *a, *b;
    walk one, two;
    unsigned char *state;
    float *obs; /* (n_obs) */
    rv_env_checked out;
} checker;

const char *rv_verdict_name(rv_verdict verdict)
{
    static const char *const words[] = {"ok", "note", "-", "FAILED"};
    return words[verdict];
}

__attribute__((format(printf, 4, 5))) static void find(checker *c, int what, rv_verdict verdict, const char *format,
                                                       ...)
{
    rv_finding *f = &c->out.findings[what];
    va_list args;
    f->verdict = verdict;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
    if (verdict == RV_CHECK_FAILED)
        c->out.is_good = false;
}

/* a status that is the environment's own fault is a finding; others end the check */
static bool is_fault(rv_status status)
{
    return status == RV_E_ENV || status == RV_E_NONFINITE || status == RV_E_INTERNAL || status == RV_E_DATA;
}

/* ---- walking ---- */

static rv_status walk_create(const rv_env_spec *spec, int64_t n, walk *w)
{
    w->n = n;
    RV_TRY(RV_NEW(w->obs, n * spec->n_obs));
    RV_TRY(RV_NEW(w->act, n * spec->n_act));
    RV_TRY(RV_NEW(w->next, n * spec->n_obs));
    RV_TRY(RV_NEW(w->reward, n));
    RV_TRY(RV_NEW(w->done, n));
    RV_TRY(RV_NEW(w->cut, n));
    RV_TRY(RV_NEW(w->at, n));
    return RV_NEW(w->seconds, n);
}

static void walk_clear(walk *w)
{
    rv_mem_free(&w->obs);
    rv_mem_free(&w->act);
    rv_mem_free(&w->next);
    rv_mem_free(&w->reward);
    rv_mem_free(&w->done);
    rv_mem_free(&w->cut);
    rv_mem_free(&w->at);
    rv_mem_free(&w->seconds);
}

static rv_status reset(checker *c, rv_env *env, uint64_t episode)
{
    rv_rng rng = rv_rng_at(c->seed, RV_STREAM_ENV_RESET, 0, episode);
    return rv_env_reset(env, &rng, c->obs);
}

/* step i of the walk, from c->obs on */
static rv_status take_step(checker *c, rv_env *env, walk *w, int64_t i)
{
    const rv_env_spec *s = c->spec;
    rv_env_step_result result;
    float *act = w->act + i * s->n_act, *next = w->next + i * s->n_obs;
    rv_rng rng = rv_rng_at(c->seed, RV_STREAM_ACTION, 0, (uint64_t)i);
    for (int j = 0; j < s->n_act; j++)
        act[j] = (float)(2 * rv_rng_uniform(&rng) - 1);
    memcpy(w->obs + i * s->n_obs, c->obs, (size_t)s->n_obs * sizeof *c->obs);
    double start = rv_clock_now();
    RV_TRY(rv_env_step(env, act, next, &result));
    w->seconds[i] = rv_clock_now() - start;
    w->reward[i] = (float)result.reward;
    w->done[i] = result.terminated;
    w->cut[i] = result.truncated;
    memcpy(c->obs, next, (size_t)s->n_obs * sizeof *c->obs);
    return RV_OK;
}

/* from..n-1; a new episode where the last one ended */
static rv_status go(checker *c, rv_env *env, walk *w, int64_t from, uint64_t first_episode)
{
    for (int64_t i = from; i < w->n; i++) {
        if (!rv_env_is_running(env)) {
            RV_TRY(reset(c, env, first_episode + (uint64_t)w->n_episodes));
            w->n_episodes++;
        }
        w->at[i] = i > from && !w->done[i - 1] && !w->cut[i - 1] ? w->at[i - 1] + 1 : 1;
        RV_TRY(take_step(c, env, w, i));
    }
    return RV_OK;
}

/* the first row in which two walks differ, n when none does */
static int64_t first_difference(const checker *c, const walk *x, const walk *y)
{
    size_t n_obs = (size_t)c->spec->n_obs;
    for (int64_t i = 0; i < x->n; i++)
        if (memcmp(x->obs + i * c->spec->n_obs, y->obs + i * c->spec->n_obs, n_obs * sizeof(float)) != 0 ||
            memcmp(x->next + i * c->spec->n_obs, y->next + i * c->spec->n_obs, n_obs * sizeof(float)) != 0 ||
            memcmp(&x->reward[i], &y->reward[i], sizeof(float)) != 0 || x->done[i] != y->done[i] ||
            x->cut[i] != y->cut[i])
            return i;
    return x->n;
}

/* ---- findings ---- */

static void check_sizes(checker *c)
{
    const rv_env_spec *s = c->spec;
    for (int i = 0; i < s->n_act && !s->n_actions; i++)
        if (!(s->act_low[i] < s->act_high[i]) || !isfinite(s->act_low[i]) || !isfinite(s->act_high[i])) {
            find(c, SIZES, RV_CHECK_FAILED, "action %d has the range [%g, %g]", i, s->act_low[i], s->act_high[i]);
            return;
        }
    if (s->n_obs < 1 || s->n_act < 1 || s->time_limit < 0 || !(s->dt >= 0) ||
        (s->n_states && s->n_states != s->n_obs) || (s->n_actions && s->n_actions != s->n_act))
        find(c, SIZES, RV_CHECK_FAILED, "%d observations (%d states), %d actions (%d choices), limit %d, dt %g",
             s->n_obs, s->n_states, s->n_act, s->n_actions, s->time_limit, s->dt);
    else
        find(c, SIZES, RV_CHECK_OK, "%s %d, %s %d", s->n_states ? "states" : "observations", s->n_obs,
             s->n_actions ? "choices" : "actions", s->n_act);
}

static int compare(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static rv_status check_steps(checker *c)
{
    walk *w = &c->one;
    rv_status status = go(c, c->a, w, 0, 0);
    if (status != RV_OK && is_fault(status)) {
        find(c, STEPS, RV_CHECK_FAILED, "%.180s", rv_error_last()->text);
        return RV_OK;
    }
    RV_TRY(status);
    for (int64_t i = 0; i < w->n; i++) {
        c->out.n_terminated += w->done[i];
        c->out.n_truncated += w->cut[i];
    }
    qsort(w->seconds, (size_t)w->n, sizeof *w->seconds, compare);
    c->out.step_us = 1e6 * w->seconds[w->n / 2];
    c->out.n_steps = w->n;
    c->out.n_episodes = w->n_episodes;
    find(c, STEPS, RV_CHECK_OK, "%lld steps in %lld episodes: %lld terminated, %lld truncated; median %.3g us a step",
         (long long)w->n, (long long)w->n_episodes, (long long)c->out.n_terminated, (long long)c->out.n_truncated,
         c->out.step_us);
    return RV_OK;
}

/* one step with every action at `value`, from the start of the same episode */
static rv_status try_action(checker *c, float value, float *next, rv_env_step_result *result)
{
    const rv_env_spec *s = c->spec;
    float *act = c->two.act;
    for (int j = 0; j < s->n_act; j++)
        act[j] = value;
    RV_TRY(reset(c, c->b, 0));
    return rv_env_step(c->b, act, next, result);
}

static rv_status check_actions(checker *c)
{
    const float ends[] = {-1, 1};
    rv_env_step_result inside, beyond;
    float *in = c->two.obs, *out = c->two.next;
    rv_status status = RV_OK;
    for (int k = 0; k < 2; k++) {
        status = try_action(c, ends[k], in, &inside);
        if (status == RV_OK)
            status = try_action(c, 3 * ends[k], out, &beyond);
        if (status != RV_OK && is_fault(status)) {
            find(c, ACTIONS, RV_CHECK_FAILED, "all actions at %g: %.150s", (double)ends[k], rv_error_last()->text);
            return RV_OK;
        }
        RV_TRY(status);
        if (memcmp(in, out, (size_t)c->spec->n_obs * sizeof *in) != 0 || inside.reward != beyond.reward) {
            find(c, ACTIONS, RV_CHECK_FAILED, "an action of %g does something else than one of %g", 3 * (double)ends[k],
                 (double)ends[k]);
            return RV_OK;
        }
    }
    status = try_action(c, NAN, out, &beyond);
    if (status == RV_OK)
        find(c, ACTIONS, RV_CHECK_FAILED, "an action that is not a number is taken");
    else
        find(c, ACTIONS, RV_CHECK_OK, "the ends of the range work, beyond is clipped, NaN is refused");
    return status == RV_OK || is_fault(status) ? RV_OK : status;
}

static rv_status check_seeding(checker *c)
{
    /* another history first: the walks of check_actions */
    RV_TRY(reset(c, c->b, 7));
    c->two.n_episodes = 1;
    RV_TRY(reset(c, c->b, 0));
    RV_TRY(go(c, c->b, &c->two, 0, 0));
    int64_t i = first_difference(c, &c->one, &c->two);
    if (i < c->one.n)
        find(c, SEEDING, RV_CHECK_FAILED,
             "two runs with the same seeds and actions differ first at step %lld: it draws its chance from elsewhere",
             (long long)i);
    else
        find(c, SEEDING, RV_CHECK_OK, "%lld steps twice: the same bits", (long long)c->one.n);
    return RV_OK;
}

static rv_status check_variety(checker *c)
{
    enum { FAR = 1000 };
    RV_TRY(reset(c, c->b, FAR));
    c->two.n_episodes = 1;
    RV_TRY(go(c, c->b, &c->two, 0, FAR));
    if (first_difference(c, &c->one, &c->two) == c->one.n)
        find(c, VARIETY, RV_CHECK_NOTE, "every seed gives the same episode: evaluation episodes will all be alike");
    else
        find(c, VARIETY, RV_CHECK_OK, "other seeds give other episodes");
    return RV_OK;
}

/* a goes half of the way, its state moves to b, and both must go on alike */
static rv_status check_state(checker *c)
{
    const rv_env_spec *s = c->spec;
    int64_t middle = c->one.n / 2 - c->one.n / 17; /* seldom the end of an episode */
    size_t n = rv_env_state_size(c->a);
    if (s->is_stateless) {
        find(c, STATE, RV_CHECK_NOTE, "it cannot be saved: a resumed run begins a new episode");
        return RV_OK;
    }
    walk *w = &c->two;
    int64_t whole = w->n;
    RV_TRY(reset(c, c->a, 0));
    w->n_episodes = 1;
    w->n = middle;
    rv_status status = go(c, c->a, w, 0, 0);
    w->n = whole;
    RV_TRY(status);
    if (!rv_env_is_running(c->a))
        RV_TRY(reset(c, c->a, (uint64_t)w->n_episodes++));
    memcpy(w->obs + middle * s->n_obs, c->obs, (size_t)s->n_obs * sizeof *c->obs);
    rv_env_state_save(c->a, c->state);
    RV_TRY(reset(c, c->b, 2));
    RV_TRY(rv_env_state_load(c->b, c->state, n));
    memcpy(c->obs, w->obs + middle * s->n_obs, (size_t)s->n_obs * sizeof *c->obs);
    RV_TRY(go(c, c->b, w, middle, 0));
    int64_t i = first_difference(c, &c->one, w);
    if (i < w->n)
        find(c, STATE, RV_CHECK_FAILED,
             "a state saved at step %lld goes on differently at step %lld: it is not all of it", (long long)middle,
             (long long)i);
    else
        find(c, STATE, RV_CHECK_OK, "%zu bytes; saved at step %lld, went on with the same bits", n, (long long)middle);
    return RV_OK;
}

static void check_end(checker *c)
{
    const rv_env_spec *s = c->spec;
    const walk *w = &c->one;
    for (int64_t i = 0; i < w->n; i++) {
        bool is_over = s->time_limit > 0 && w->at[i] >= s->time_limit;
        if ((w->done[i] && w->cut[i]) || (is_over && !w->done[i] && !w->cut[i]) ||
            (s->time_limit > 0 && w->at[i] > s->time_limit)) {
            find(c, END, RV_CHECK_FAILED, "step %lld of an episode with limit %d: terminated %d, truncated %d",
                 (long long)w->at[i], s->time_limit, w->done[i], w->cut[i]);
            return;
        }
    }
    rv_env_step_result result;
    if (w->n > 0 && !rv_env_is_running(c->a) && rv_env_step(c->a, w->act, c->obs, &result) == RV_OK)
        find(c, END, RV_CHECK_FAILED, "a step after the end of an episode succeeds");
    else if (c->out.n_terminated + c->out.n_truncated == 0)
        find(c, END, RV_CHECK_NOTE, "no episode ended in %lld steps; more with --steps", (long long)w->n);
    else
        find(c, END, RV_CHECK_OK, "never both at once%s", c->out.n_truncated ? "; the limit truncates" : "");
}

static rv_status check_termination(checker *c)
{
    const rv_env_spec *s = c->spec;
    const walk *w = &c->one;
    int64_t n_wrong = 0, first = -1;
    if (!s->terminated) {
        bool ends = c->out.n_terminated > 0;
        find(c, TERMINATION, ends ? RV_CHECK_NOTE : RV_CHECK_LEFT_OUT, "%s",
             ends ? "it terminates, but has no rule for imagined states: those never end"
                  : "it has no rule for imagined states, and did not terminate");
        return RV_OK;
    }
    unsigned char *done = c->two.done;
    s->terminated(s, (int)w->n, w->next, done);
    for (int64_t i = 0; i < w->n; i++)
        if (done[i] != w->done[i]) {
            first = first < 0 ? i : first;
            n_wrong++;
        }
    if (n_wrong > 0)
        find(c, TERMINATION, n_wrong > w->n / 100 ? RV_CHECK_FAILED : RV_CHECK_NOTE,
             "the rule differs from the environment in %lld of %lld steps, first at step %lld", (long long)n_wrong,
             (long long)w->n, (long long)first);
    else
        find(c, TERMINATION, RV_CHECK_OK, "the rule agrees in %lld steps", (long long)w->n);
    return RV_OK;
}

static void check_reward(checker *c)
{
    const rv_env_spec *s = c->spec;
    const walk *w = &c->one;
    double worst = 0;
    int64_t at = -1;
    if (!s->reward) {
        find(c, REWARD, RV_CHECK_LEFT_OUT, "it is no function of what is observed, or not known as one: learned");
        return;
    }
    float *reward = c->two.reward;
    s->reward(s, (int)w->n, w->obs, w->act, w->next, reward);
    for (int64_t i = 0; i < w->n; i++) {
        double off = fabs((double)reward[i] - (double)w->reward[i]) / fmax(1, fabs((double)w->reward[i]));
        if (!(off <= worst)) {
            worst = off;
            at = i;
        }
    }
    if (!(worst <= reward_tolerance))
        find(c, REWARD, RV_CHECK_FAILED, "the known reward is off by %.3g at step %lld: %g against %g", worst,
             (long long)at, (double)reward[at], (double)w->reward[at]);
    else
        find(c, REWARD, RV_CHECK_OK, "the known reward agrees within %.2g", worst);
}

static void check_learning(checker *c)
{
    const walk *w = &c->one;
    const double large = 1000;
    int n_constant = 0, constant = -1;
    for (int j = 0; j < c->spec->n_obs && !c->spec->n_states; j++) {
        double low = INFINITY, high = -INFINITY;
        for (int64_t i = 0; i < w->n; i++) {
            low = fmin(low, (double)w->next[i * c->spec->n_obs + j]);
            high = fmax(high, (double)w->next[i * c->spec->n_obs + j]);
        }
        if (fmax(fabs(low), fabs(high)) > large) {
            find(c, LEARNING, RV_CHECK_NOTE, "observation[%d] lies in [%g, %g]: scale it", j, low, high);
            return;
        }
        constant = low == high && constant < 0 ? j : constant;
        n_constant += low == high;
    }
    if (n_constant > 0)
        find(c, LEARNING, RV_CHECK_NOTE, "%d observations never change, the first is observation[%d]", n_constant,
             constant);
    else
        find(c, LEARNING, RV_CHECK_OK, "observations change and are of ordinary size");
}

/* ---- all ---- */

/* a check that needs the environment to work: what it cannot do is a finding */
static rv_status attempt(checker *c, int what, rv_status (*check)(checker *))
{
    rv_status status = check(c);
    if (status == RV_OK || !is_fault(status))
        return status;
    find(c, what, RV_CHECK_FAILED, "%.180s", rv_error_last()->text);
    return RV_OK;
}

static rv_status check_all(checker *c)
{
    check_sizes(c);
    if (!c->out.is_good)
        return RV_OK;
    RV_TRY(attempt(c, STEPS, check_steps));
    if (!c->out.is_good)
        return RV_OK;
    check_end(c);
    RV_TRY(attempt(c, ACTIONS, check_actions));
    RV_TRY(attempt(c, SEEDING, check_seeding));
    RV_TRY(attempt(c, VARIETY, check_variety));
    if (c->out.findings[SEEDING].verdict == RV_CHECK_OK)
        RV_TRY(attempt(c, STATE, check_state));
    RV_TRY(check_termination(c));
    check_reward(c);
    check_learning(c);
    return RV_OK;
}

rv_status rv_env_check(const char *name, int64_t n_steps, uint64_t seed, rv_env_checked *out)
{
    rv_status status = RV_OK;
    checker c = {.seed = seed, .out = {.is_good = true}};
    RV_TRY(rv_env_find(name, &c.spec));
    for (int i = 0; i < RV_CHECK_FINDINGS; i++) {
        c.out.findings[i].what = names[i];
        find(&c, i, RV_CHECK_LEFT_OUT, "pointless after what failed");
    }
    RV_TRY_GOTO(rv_env_create(name, &c.a), done);
    RV_TRY_GOTO(rv_env_create(name, &c.b), done);
    RV_TRY_GOTO(walk_create(c.spec, n_steps, &c.one), done);
    RV_TRY_GOTO(walk_create(c.spec, n_steps, &c.two), done);
    RV_TRY_GOTO(RV_NEW(c.state, rv_env_state_size(c.a)), done);
    RV_TRY_GOTO(RV_NEW(c.obs, c.spec->n_obs), done);
    RV_TRY_GOTO(check_all(&c), done);
    *out = c.out;
done:
    rv_env_destroy(&c.a);
    rv_env_destroy(&c.b);
    walk_clear(&c.one);
    walk_clear(&c.two);
    rv_mem_free(&c.state);
    rv_mem_free(&c.obs);
    return status;
}
