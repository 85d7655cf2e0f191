#include "model/foresight.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* work space of one row */
typedef struct seer {
    const rv_foresight_source *source;
    int n_obs, n_act;
    rv_mlp_tape tape;
    float *x, *scratch;   /* (n_in) */
    float *mean, *logvar; /* (n_out) */
    float *own;           /* (n_members, n_obs) states of the members */
    double ends;          /* the elites' mean P(terminated) in the ensemble's last step, where it is learned */
} seer;

static void clear_seer(seer *s)
{
    rv_mlp_tape_clear(&s->tape);
    rv_mem_free(&s->x);
    rv_mem_free(&s->scratch);
    rv_mem_free(&s->mean);
    rv_mem_free(&s->logvar);
    rv_mem_free(&s->own);
}

static rv_status make_seer(const rv_foresight_source *source, seer *s)
{
    const rv_member_shape *shape = source->shape;
    *s = (seer){.source = source, .n_obs = shape->row.n_obs, .n_act = shape->row.n_act};
    RV_TRY(rv_mlp_tape_create_forward(&shape->mlp, 1, &s->tape));
    RV_TRY(RV_NEW(s->x, shape->n_in));
    RV_TRY(RV_NEW(s->scratch, shape->n_in));
    RV_TRY(RV_NEW(s->mean, shape->n_out));
    RV_TRY(RV_NEW(s->logvar, shape->n_out));
    return RV_NEW(s->own, source->n_members * s->n_obs);
}

void rv_foresight_clear(rv_foresight *f)
{
    rv_mem_free(&f->obs);
    rv_mem_free(&f->total);
    rv_mem_free(&f->error);
    rv_mem_free(&f->low);
    rv_mem_free(&f->high);
    *f = (rv_foresight){.n = 0};
}

static rv_status make_room(int64_t n, int n_obs, rv_foresight *f)
{
    RV_TRY(RV_NEW(f->obs, n * n_obs));
    RV_TRY(RV_NEW(f->total, n));
    RV_TRY(RV_NEW(f->error, n));
    RV_TRY(RV_NEW(f->low, n));
    return RV_NEW(f->high, n);
}

static const float *member_of(const seer *s, int m)
{
    return s->source->members + (size_t)m * (size_t)s->source->shape->n_published;
}

/* s->mean: [reward, change] that a member predicts */
static void predict(seer *s, int m, const float *obs, const float *act)
{
    memcpy(s->x, obs, (size_t)s->n_obs * sizeof *obs);
    memcpy(s->x + s->n_obs, act, (size_t)s->n_act * sizeof *act);
    rv_member_predict(s->source->shape, member_of(s, m), 1, s->x, &s->tape, s->scratch, s->mean, s->logvar);
}

double rv_foresight_error(const rv_member_shape *shape, const float *published, const float *imagined,
                          const float *real)
{
    const int n_obs = shape->row.n_obs;
    const float *std = published + shape->std;
    double sum = 0;
    for (int i = 0; i < n_obs; i++) {
        double e = ((double)imagined[i] - (double)real[i]) / (double)std[i];
        sum += e * e;
    }
    double error = sqrt(sum / n_obs);
    return error < RV_FORESIGHT_LOST ? error : RV_FORESIGHT_LOST;
}

/* all members were fitted on the same rows */
static double error_of(const seer *s, const float *imagined, const float *real)
{
    return rv_foresight_error(s->source->shape, member_of(s, 0), imagined, real);
}

/* P(terminated) of what was predicted last */
static double chance_of_end(const seer *s)
{
    float logit = 0;
    rv_member_ends(s->source->shape, 1, &s->tape, &logit);
    return 1 / (1 + exp(-(double)logit));
}

/* the ensemble's next state, from moment t - 1 to t */
static void step_ensemble(seer *s, const float *act, int64_t t, rv_foresight *f)
{
    const float *obs = f->obs + (t - 1) * s->n_obs;
    float *next = f->obs + t * s->n_obs;
    double reward = 0;
    memcpy(next, obs, (size_t)s->n_obs * sizeof *obs);
    s->ends = 0;
    for (int k = 0; k < s->source->n_elites; k++) {
        predict(s, s->source->elites[k], obs, act);
        reward += (double)s->mean[0] / s->source->n_elites;
        if (s->source->shape->ends)
            s->ends += chance_of_end(s) / s->source->n_elites;
        for (int i = 0; i < s->n_obs; i++)
            next[i] += s->mean[1 + i] / (float)s->source->n_elites;
    }
    if (s->source->known_reward) {
        float known = 0;
        s->source->spec->reward(s->source->spec, 1, obs, act, next, &known);
        reward = (double)known;
    }
    f->total[t] = f->total[t - 1] + reward;
}

static void step_members(seer *s, rv_foresight_policy policy, void *user, int64_t t, const float *real, float *act,
                         rv_foresight *f)
{
    f->low[t] = INFINITY;
    f->high[t] = 0;
    for (int m = 0; m < s->source->n_members; m++) {
        float *obs = s->own + m * s->n_obs;
        policy(user, t - 1, obs, act);
        predict(s, m, obs, act);
        for (int i = 0; i < s->n_obs; i++)
            obs[i] += s->mean[1 + i];
        double error = error_of(s, obs, real);
        f->low[t] = fmin(f->low[t], error);
        f->high[t] = fmax(f->high[t], error);
    }
}

static bool is_over(const seer *s, const float *obs)
{
    const rv_env_spec *spec = s->source->spec;
    unsigned char done = 0;
    if (s->source->shape->ends)
        return s->ends > 0.5;
    if (spec->terminated)
        spec->terminated(spec, 1, obs, &done);
    return done != 0;
}

static void roll(seer *s, int64_t n_real, const float *real, rv_foresight_policy policy, void *user, float *act,
                 rv_foresight *f)
{
    memcpy(f->obs, real, (size_t)s->n_obs * sizeof *real);
    for (int m = 0; m < s->source->n_members; m++)
        memcpy(s->own + m * s->n_obs, real, (size_t)s->n_obs * sizeof *real);
    f->n = 1;
    for (int64_t t = 1; t < n_real && !f->terminated && !f->lost; t++) {
        const float *seen = real + t * s->n_obs;
        policy(user, t - 1, f->obs + (t - 1) * s->n_obs, act);
        step_ensemble(s, act, t, f);
        f->error[t] = error_of(s, f->obs + t * s->n_obs, seen);
        f->lost = f->error[t] >= RV_FORESIGHT_LOST || !isfinite(f->total[t]);
        if (f->lost)
            return; /* of no use to anybody: n does not count it */
        step_members(s, policy, user, t, seen, act, f);
        f->n = t + 1;
        f->terminated = is_over(s, f->obs + t * s->n_obs);
    }
}

rv_status rv_foresight_run(const rv_foresight_source *source, int64_t n_real, const float *real,
                           rv_foresight_policy policy, void *user, rv_foresight *out)
{
    rv_status status = RV_OK;
    rv_foresight f = {.n = 0};
    float *act = NULL;
    seer s;
    RV_TRY_GOTO(make_seer(source, &s), done);
    RV_TRY_GOTO(RV_NEW(act, s.n_act), done);
    RV_TRY_GOTO(make_room(n_real, s.n_obs, &f), done);
    roll(&s, n_real, real, policy, user, act, &f);
    *out = f;
done:
    if (status != RV_OK)
        rv_foresight_clear(&f);
    rv_mem_free(&act);
    clear_seer(&s);
    return status;
}
