#include "run/schedule.h"

static int64_t fits_until(const rv_schedule *s, int64_t n)
{
    const rv_schedule_cfg *c = s->schedule;
    return n < c->warmup_steps ? 0 : (n - c->warmup_steps) / c->retrain_every + 1;
}

/* is a fit due once n real rows can be read? */
static bool fit_due(const rv_schedule *s, int64_t n)
{
    return rv_schedule_imagines(s) && n > 0 && fits_until(s, n) > fits_until(s, n - s->schedule->tick_steps);
}

/* real rows that the learning stages of a tick read */
static int64_t rows_read(const rv_schedule *s, int64_t tick)
{
    return (tick + (s->schedule->mode == RV_LOCKSTEP)) * s->schedule->tick_steps;
}

/* real rows that must be readable before the policy learns: pipelined, the first fit is published one tick after its
 * rows, and the branches made with it another tick later */
static int64_t rows_before_updates(const rv_schedule *s)
{
    const rv_schedule_cfg *c = s->schedule;
    bool waits = rv_schedule_imagines(s) && c->mode == RV_PIPELINED;
    return c->warmup_steps + (waits ? 2 * c->tick_steps : 0);
}

bool rv_schedule_imagines(const rv_schedule *s)
{
    const rv_sac_cfg *p = s->policy;
    bool has_end = p->real_share_steps > 0 || p->share == RV_SHARE_HOLDOUT;
    return p->real_share < 1.0 || (has_end && p->real_share_end < 1.0);
}

bool rv_schedule_triggers(const rv_schedule *s)
{
    const rv_schedule_cfg *c = s->schedule;
    return rv_schedule_imagines(s) &&
           (c->retrain_loss_rise > 0 || c->retrain_policy_kl > 0 || c->retrain_disagreement > 0);
}

bool rv_schedule_probes(const rv_schedule *s)
{
    return rv_schedule_imagines(s) &&
           (rv_schedule_triggers(s) || s->policy->share == RV_SHARE_HOLDOUT || rv_schedule_card(s) > 0);
}

int64_t rv_schedule_ticks(const rv_schedule *s)
{
    return s->schedule->total_steps / s->schedule->tick_steps;
}

int rv_schedule_length(const rv_schedule *s, int64_t n_real)
{
    const rv_rollout_cfg *r = s->rollout;
    int64_t after = n_real - s->schedule->warmup_steps;
    int64_t epoch = after > 0 ? after / s->schedule->epoch_steps : 0;
    if (epoch <= r->length_from_epoch)
        return (int)r->length_start;
    if (epoch >= r->length_to_epoch)
        return (int)r->length_end;
    return (int)(r->length_start + (r->length_end - r->length_start) * (epoch - r->length_from_epoch) /
                                       (r->length_to_epoch - r->length_from_epoch));
}

int rv_schedule_longest(const rv_schedule *s)
{
    return s->rollout->length == RV_LENGTH_AUTO ? (int)s->rollout->length_end
                                                : rv_schedule_length(s, s->schedule->total_steps);
}

int rv_schedule_card(const rv_schedule *s)
{
    int64_t least = s->rollout->length == RV_LENGTH_AUTO ? s->rollout->length_end : 0;
    return (int)(s->rollout->card > least ? s->rollout->card : least);
}

int64_t rv_schedule_interval(const rv_schedule *s)
{
    const rv_schedule_cfg *c = s->schedule;
    if (!rv_schedule_triggers(s))
        return c->retrain_every;
    return c->retrain_gap > c->tick_steps ? c->retrain_gap : c->tick_steps;
}

int rv_schedule_generations(const rv_schedule *s)
{
    int64_t n = s->rollout->retain_epochs * s->schedule->epoch_steps / s->schedule->retrain_every;
    return n < 1 ? 1 : n > 1 << 20 ? 1 << 20 : (int)n;
}

static double real_share_at(const rv_sac_cfg *p, int64_t step)
{
    if (p->real_share_steps <= 0)
        return p->real_share;
    double part = (double)step / (double)p->real_share_steps;
    return p->real_share + (p->real_share_end - p->real_share) * (part < 1 ? part : 1);
}

rv_tick rv_schedule_tick(const rv_schedule *s, int64_t tick)
{
    const rv_schedule_cfg *c = s->schedule;
    bool lockstep = c->mode == RV_LOCKSTEP;
    bool closing = tick >= rv_schedule_ticks(s);
    rv_tick t = {.tick = tick, .first_step = tick * c->tick_steps, .n_real = rows_read(s, tick)};
    t.last_step = closing ? t.first_step : t.first_step + c->tick_steps;
    t.evaluate_step = lockstep ? t.last_step : t.first_step;
    t.evaluate = t.evaluate_step > 0 && s->evaluate_every > 0 && t.evaluate_step % s->evaluate_every == 0;
    if (closing) {
        t.evaluate = !lockstep || !t.evaluate; /* lockstep has done it in the tick before */
        t.n_real = t.first_step;
        return t;
    }
    t.is_random = t.first_step < c->warmup_steps;
    t.fit = fit_due(s, t.n_real);
    t.fit_reasons = t.fit ? RV_FIT_INTERVAL : 0;
    t.retrain = fits_until(s, t.n_real) - 1;
    int64_t n_fitted = lockstep ? t.n_real : t.n_real - c->tick_steps;
    t.imagine = fit_due(s, n_fitted);
    t.imagine_retrain = fits_until(s, n_fitted) - 1;
    t.imagine_rows = t.imagine_retrain < 0 ? 0 : c->warmup_steps + t.imagine_retrain * c->retrain_every;
    t.length = rv_schedule_length(s, t.n_real);
    int64_t learns_from = rows_before_updates(s);
    if (t.n_real >= learns_from) {
        t.n_updates = c->tick_steps * c->updates_per_step;
        t.first_update = (t.n_real - learns_from) / c->tick_steps * t.n_updates;
    }
    t.real_share = real_share_at(s->policy, t.n_real);
    return t;
}
