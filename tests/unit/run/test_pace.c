#include "fields.h"
#include "run/pace.h"

static rv_schedule_cfg schedule;
static rv_rollout_cfg rollout;
static rv_sac_cfg policy;
static const rv_schedule s = {&schedule, &rollout, &policy, 1000};

static void set_up(int mode)
{
    schedule = (rv_schedule_cfg){.mode = mode,
                                 .total_steps = 20000,
                                 .tick_steps = 100,
                                 .warmup_steps = 1000,
                                 .epoch_steps = 1000,
                                 .retrain_every = 2000,
                                 .updates_per_step = 1,
                                 .retrain_gap = 300};
    rollout = (rv_rollout_cfg){
        .length_start = 1, .length_end = 15, .length_from_epoch = 2, .length_to_epoch = 10, .retain_epochs = 3};
    policy = (rv_sac_cfg){.real_share = 0.9, .real_share_end = 0.1};
}

static bool is_same(const rv_tick *a, const rv_tick *b)
{
    return a->tick == b->tick && a->first_step == b->first_step && a->last_step == b->last_step &&
           a->is_random == b->is_random && a->n_real == b->n_real && a->fit == b->fit &&
           a->fit_reasons == b->fit_reasons && a->retrain == b->retrain && a->imagine == b->imagine &&
           a->imagine_retrain == b->imagine_retrain && a->imagine_rows == b->imagine_rows && a->length == b->length &&
           a->first_update == b->first_update && a->n_updates == b->n_updates && a->real_share == b->real_share &&
           a->evaluate == b->evaluate && a->evaluate_step == b->evaluate_step;
}

/* all ticks of a run, with signals that say nothing */
static void follow(bool probes)
{
    const rv_signals nothing = {.retrain = 0};
    rv_pace pace = {0};
    for (int64_t i = 0; i <= rv_schedule_ticks(&s); i++) {
        rv_tick expected = rv_schedule_tick(&s, i);
        rv_tick t = rv_pace_tick(&pace, &s, i);
        CU_ASSERT(is_same(&t, &expected));
        CU_ASSERT_EQUAL(t.probe, probes && t.imagine_retrain >= 0 && i < rv_schedule_ticks(&s));
        rv_pace_end(&pace, &t, &nothing);
    }
}

/* nothing is decided: the schedule alone; nor does a reason that never comes change it */
static void without_a_reason_it_is_the_schedule(void)
{
    static const int64_t tick_steps[] = {1, 50, 100, 500};
    static const int64_t retrain_every[] = {500, 1000, 2500, 1000000};
    static const double shares[] = {0, 0.05, 1};
    for (int k = 0; k < 2 * 4 * 4 * 3 * 2; k++) {
        set_up(k % 2);
        schedule.total_steps = 5000;
        schedule.tick_steps = tick_steps[k / 2 % 4];
        schedule.retrain_every = retrain_every[k / 8 % 4];
        policy.real_share = shares[k / 32 % 3];
        policy.real_share_steps = k / 96 * 2000;
        follow(false);
        schedule.retrain_loss_rise = schedule.retrain_policy_kl = schedule.retrain_disagreement = 1e6;
        follow(rv_schedule_imagines(&s));
    }
}

/* run on to a tick, with these signals of the fit whose members are read; returns that tick */
static rv_tick run_to(rv_pace *pace, int64_t from, int64_t to, const rv_signals *signals)
{
    for (int64_t i = from;; i++) {
        rv_tick t = rv_pace_tick(pace, &s, i);
        if (i == to)
            return t;
        rv_signals now = *signals;
        now.retrain = (double)t.imagine_retrain;
        now.is_first = t.imagine;
        rv_pace_end(pace, &t, &now);
    }
}

/* ticks with a fit, up to the 40th; *reasons: of all but the first, whose only one is the interval */
static int fits(const rv_signals *signals, int *reasons, int64_t ticks[40])
{
    rv_pace pace = {0};
    int n = 0;
    *reasons = 0;
    for (int64_t i = 0; i < 40; i++) {
        rv_tick t = run_to(&pace, i, i, signals);
        if (t.fit) {
            CU_ASSERT_EQUAL(t.retrain, n);
            CU_ASSERT(n > 0 || t.fit_reasons == RV_FIT_INTERVAL);
            *reasons |= n > 0 ? t.fit_reasons : 0;
            ticks[n++] = i;
        }
        run_to(&pace, i, i + 1, signals);
    }
    return n;
}

static const rv_signals calm = {
    .n_fresh = 100, .fresh_loss = 1, .fit_loss = 1, .fresh_disagreement = 1, .fit_disagreement = 1, .policy_kl = 0.1};

/* each reason alone brings fits, as close as the gap allows, and no other reason is named */
static void each_reason_alone(void)
{
    for (int mode = 0; mode < 2; mode++) {
        const int64_t first = mode == RV_LOCKSTEP ? 9 : 10;
        for (int k = 0; k < 3; k++) {
            rv_signals signals = calm;
            int64_t ticks[40];
            int why = 0;
            set_up(mode);
            *(k == 0   ? &schedule.retrain_loss_rise
              : k == 1 ? &schedule.retrain_policy_kl
                       : &schedule.retrain_disagreement) = 1.5;
            CU_ASSERT_EQUAL(fits(&signals, &why, ticks), 2);
            CU_ASSERT(why == RV_FIT_INTERVAL && ticks[0] == first && ticks[1] == first + 20);
            /* all have gone beyond 1.5, and one counts */
            signals.fresh_loss = signals.fresh_disagreement = signals.policy_kl = 1.6;
            CU_ASSERT_EQUAL(fits(&signals, &why, ticks), mode == RV_LOCKSTEP ? 11 : 10);
            CU_ASSERT_EQUAL(why, k == 0 ? RV_FIT_LOSS : k == 1 ? RV_FIT_POLICY : RV_FIT_DISAGREEMENT);
            for (int i = 0; i < 10; i++)
                CU_ASSERT_EQUAL(ticks[i], first + 3 * i);
            /* no fresh rows: only the policy can have moved */
            signals.n_fresh = 0;
            CU_ASSERT_EQUAL(fits(&signals, &why, ticks) > 2, k == 1);
        }
    }
}

static void reasons_are_combined(void)
{
    set_up(RV_LOCKSTEP);
    rv_signals signals = calm;
    rv_pace pace = {0};
    char words[RV_PACE_TEXT];
    schedule.retrain_loss_rise = 1.5;
    schedule.retrain_policy_kl = 0.2;
    schedule.retrain_disagreement = 2;
    signals.fresh_loss = 1.6;
    signals.policy_kl = 0.31;
    rv_tick t = run_to(&pace, 0, 12, &signals);
    CU_ASSERT(t.fit && t.fit_reasons == (RV_FIT_LOSS | RV_FIT_POLICY));
    rv_pace_words(&pace, &s, &t, words);
    CU_ASSERT_STRING_EQUAL(words, "the loss on new rows rose (1.6 > 1.5 times the held-out loss), the policy moved (KL "
                                  "0.31 > 0.2)");
    /* the longest text fits */
    t.fit_reasons = RV_FIT_LOSS | RV_FIT_POLICY | RV_FIT_DISAGREEMENT;
    pace.signals.fresh_loss = pace.signals.fresh_disagreement = pace.signals.policy_kl = 1.23456e100;
    schedule.retrain_loss_rise = schedule.retrain_policy_kl = schedule.retrain_disagreement = 1.23456e-100;
    rv_pace_words(&pace, &s, &t, words);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, " times as on held-out rows)"));
    /* the interval beside another reason */
    set_up(RV_LOCKSTEP);
    schedule.retrain_every = 700;
    schedule.retrain_gap = 650;
    schedule.retrain_policy_kl = 0.2;
    pace = (rv_pace){0};
    t = run_to(&pace, 0, 16, &signals);
    CU_ASSERT(t.fit && t.fit_reasons == (RV_FIT_INTERVAL | RV_FIT_POLICY));
    t.fit_reasons = RV_FIT_INTERVAL;
    rv_pace_words(&pace, &s, &t, words);
    CU_ASSERT_STRING_EQUAL(words, "");
}

/* pipelined, the tick of a fit still measures the members before it; that is no reason for another fit */
static void signals_of_an_earlier_fit_are_no_reason(void)
{
    set_up(RV_PIPELINED);
    schedule.retrain_gap = 100;
    schedule.retrain_policy_kl = 0.2;
    rv_pace pace = {0};
    rv_signals signals = calm;
    signals.policy_kl = 1;
    rv_tick t = run_to(&pace, 0, 10, &signals);
    CU_ASSERT(t.fit && !t.imagine && t.imagine_retrain == -1 && t.imagine_rows == 0);
    t = run_to(&pace, 10, 11, &signals);
    CU_ASSERT(!t.fit && t.imagine && t.imagine_retrain == 0 && t.imagine_rows == 1000 && t.n_real == 1100);
    t = run_to(&pace, 11, 12, &signals); /* measured in tick 11 */
    CU_ASSERT(t.fit && t.retrain == 1 && !t.imagine && t.imagine_retrain == 0 && t.imagine_rows == 1000);
    t = run_to(&pace, 12, 13, &signals); /* in tick 12, of fit 0 */
    CU_ASSERT(!t.fit && t.retrain == 1 && t.imagine && t.imagine_retrain == 1 && t.imagine_rows == 1200);
    t = run_to(&pace, 13, 14, &signals);
    CU_ASSERT(t.fit && t.retrain == 2);
}

static void length_follows_the_card(void)
{
    static const double recommended[] = {0, 1, 4, 15, 40};
    static const int length[] = {2, 2, 4, 12, 12};
    for (int k = 0; k < 5; k++) {
        set_up(RV_LOCKSTEP);
        rollout.length = RV_LENGTH_AUTO;
        rollout.length_start = 2;
        rollout.length_end = 12;
        rv_pace pace = {0};
        rv_signals signals = calm;
        signals.length = recommended[k];
        CU_ASSERT_EQUAL(rv_schedule_longest(&s), 12);
        rv_tick t = run_to(&pace, 0, 9, &signals);
        CU_ASSERT(t.fit && t.length == 2); /* its own branches come before its card */
        t = run_to(&pace, 9, 10, &signals);
        CU_ASSERT_EQUAL(t.length, length[k]);
        signals.length = 7; /* unmeasured: this is not the fit's first tick */
        CU_ASSERT_EQUAL(run_to(&pace, 10, 11, &signals).length, length[k]);
        CU_ASSERT_EQUAL(run_to(&pace, 11, 30, &signals).length, 7);
    }
}

static void share_follows_the_model(void)
{
    set_up(RV_PIPELINED);
    policy.share = RV_SHARE_HOLDOUT;
    rv_pace pace = {0};
    rv_signals signals = calm;
    signals.quality = 0.75;
    CU_ASSERT_EQUAL(run_to(&pace, 0, 11, &signals).real_share, 0.9);
    CU_ASSERT(fabs(run_to(&pace, 11, 12, &signals).real_share - 0.3) < 1e-12);
    signals.quality = 0; /* unmeasured */
    CU_ASSERT(fabs(run_to(&pace, 12, 20, &signals).real_share - 0.3) < 1e-12);
    /* from all real, a model is needed still */
    policy.real_share = 1;
    CU_ASSERT(rv_schedule_imagines(&s) && rv_schedule_probes(&s));
    policy.real_share_end = 1;
    CU_ASSERT_FALSE(rv_schedule_probes(&s));
}

static rv_status show(void *unit, rv_visit visit, void *user)
{
    return rv_pace_visit(unit, visit, user);
}

static void every_field(void)
{
    rv_pace a, b;
    const field_row rows[] = {
        FIELD_KEEP(rv_pace, n_fits),
        FIELD_KEEP(rv_pace, fit_tick),
        FIELD_KEEP(rv_pace, fit_rows),
        FIELD_KEEP(rv_pace, signals),
    };
    enum { N = sizeof rows / sizeof *rows };
    fields_check("src/run/pace.h", "rv_pace", rows, N);
    fields_round_trip(rows, N, show, &a, &b);
}

RV_TEST_MAIN("pace", {"without a reason it is the schedule", without_a_reason_it_is_the_schedule},
             {"each reason alone", each_reason_alone}, {"reasons are combined", reasons_are_combined},
             {"signals of an earlier fit are no reason", signals_of_an_earlier_fit_are_no_reason},
             {"length follows the card", length_follows_the_card}, {"share follows the model", share_follows_the_model},
             {"every field", every_field})
