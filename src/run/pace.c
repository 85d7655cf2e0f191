#include "run/pace.h"

#include <stdio.h>

double rv_pace_loss_ratio(const rv_pace *pace)
{
    return pace->signals.fresh_loss / pace->signals.fit_loss;
}

double rv_pace_disagreement_ratio(const rv_pace *pace)
{
    return pace->signals.fresh_disagreement / pace->signals.fit_disagreement;
}

/* reasons that are measured: each has a limit among the settings, 0 when it does not count */
typedef struct trigger {
    int reason;
    double value, limit;
    bool is_of_rows;                /* measured on fresh rows */
    const char *text, *name, *unit; /* for people: "text (name value > limit unit)" */
} trigger;

enum { N_TRIGGERS = 3 };

static void measured(const rv_pace *pace, const rv_schedule *s, trigger out[N_TRIGGERS])
{
    const rv_schedule_cfg *c = s->schedule;
    out[0] = (trigger){RV_FIT_LOSS, rv_pace_loss_ratio(pace),  c->retrain_loss_rise, true, "the loss on new rows rose",
                       "",          " times the held-out loss"};
    out[1] =
        (trigger){RV_FIT_POLICY, pace->signals.policy_kl, c->retrain_policy_kl, false, "the policy moved", "KL ", ""};
    out[2] = (trigger){RV_FIT_DISAGREEMENT,
                       rv_pace_disagreement_ratio(pace),
                       c->retrain_disagreement,
                       true,
                       "the members disagree on new rows",
                       "",
                       " times as on held-out rows"};
}

static int reasons(const rv_pace *pace, const rv_schedule *s, int64_t n_real)
{
    const rv_schedule_cfg *c = s->schedule;
    const int64_t since = n_real - pace->fit_rows;
    trigger all[N_TRIGGERS];
    if (n_real < c->warmup_steps)
        return 0;
    if (pace->n_fits == 0)
        return RV_FIT_INTERVAL;
    int found = since >= c->retrain_every ? RV_FIT_INTERVAL : 0;
    if (since < c->retrain_gap || pace->signals.retrain != (double)(pace->n_fits - 1))
        return found;
    measured(pace, s, all);
    for (int i = 0; i < N_TRIGGERS; i++)
        if (all[i].limit > 0 && all[i].value > all[i].limit && (!all[i].is_of_rows || pace->signals.n_fresh > 0))
            found |= all[i].reason;
    return found;
}

static void decide_fit(const rv_pace *pace, const rv_schedule *s, rv_tick *t)
{
    t->fit_reasons = reasons(pace, s, t->n_real);
    t->fit = t->fit_reasons != 0;
    t->retrain = pace->n_fits - !t->fit;
    if (s->schedule->mode == RV_LOCKSTEP) {
        t->imagine = t->fit;
        t->imagine_retrain = t->retrain;
        t->imagine_rows = t->fit ? t->n_real : pace->fit_rows;
        return;
    }
    t->imagine = pace->n_fits > 0 && pace->fit_tick == t->tick - 1;
    t->imagine_retrain = pace->n_fits - 1;
    t->imagine_rows = pace->fit_rows;
}

static int decide_length(const rv_pace *pace, const rv_rollout_cfg *r)
{
    const double length = pace->signals.length;
    if (length < (double)r->length_start)
        return (int)r->length_start;
    return length > (double)r->length_end ? (int)r->length_end : (int)length;
}

rv_tick rv_pace_tick(const rv_pace *pace, const rv_schedule *s, int64_t tick)
{
    rv_tick t = rv_schedule_tick(s, tick);
    if (tick >= rv_schedule_ticks(s) || !rv_schedule_probes(s))
        return t;
    if (rv_schedule_triggers(s))
        decide_fit(pace, s, &t);
    if (s->rollout->length == RV_LENGTH_AUTO)
        t.length = decide_length(pace, s->rollout);
    if (s->policy->share == RV_SHARE_HOLDOUT)
        t.real_share =
            s->policy->real_share + (s->policy->real_share_end - s->policy->real_share) * pace->signals.quality;
    t.probe = t.imagine_retrain >= 0;
    return t;
}

void rv_pace_end(rv_pace *pace, const rv_tick *tick, const rv_signals *signals)
{
    if (tick->fit) {
        pace->n_fits++;
        pace->fit_tick = tick->tick;
        pace->fit_rows = tick->n_real;
    }
    if (!tick->probe)
        return;
    const rv_signals before = pace->signals;
    pace->signals = *signals;
    if (signals->is_first > 0)
        return;
    pace->signals.fit_disagreement = before.fit_disagreement;
    pace->signals.quality = before.quality;
    pace->signals.length = before.length;
}

void rv_pace_words(const rv_pace *pace, const rv_schedule *s, const rv_tick *tick, char out[RV_PACE_TEXT])
{
    trigger all[N_TRIGGERS];
    size_t n = 0; /* less than RV_PACE_TEXT: all three texts fit */
    out[0] = '\0';
    measured(pace, s, all);
    for (int i = 0; i < N_TRIGGERS; i++) {
        const trigger *t = &all[i];
        if (tick->fit_reasons & t->reason)
            n += (size_t)snprintf(out + n, RV_PACE_TEXT - n, "%s%s (%s%.3g > %g%s)", n > 0 ? ", " : "", t->text,
                                  t->name, t->value, t->limit, t->unit);
    }
}

rv_status rv_pace_visit(rv_pace *pace, rv_visit visit, void *user)
{
    RV_TRY(visit(user, "n_fits", RV_I64, 1, &pace->n_fits));
    RV_TRY(visit(user, "fit_tick", RV_I64, 1, &pace->fit_tick));
    RV_TRY(visit(user, "fit_rows", RV_I64, 1, &pace->fit_rows));
    return visit(user, "signals", RV_F64, sizeof pace->signals / sizeof(double), &pace->signals);
}
