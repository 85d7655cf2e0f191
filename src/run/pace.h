/* pace.h - what a run decides from what it measures: when to fit, how long branches are, how much is imagined.
 *
 * A tick is what schedule.h says, but for the settings below. With them it also follows from a small state that all
 * ranks hold alike: the newest fit, and the newest signals. Signals are measured in each tick by one rank
 * (roles/probe.h), change hands at its end, and are decided from in the next one, in both schedules. So no decision
 * depends on the layout, and a resume goes on with the state of the checkpoint (unit "pace").
 *
 *   fit       due when n_real >= warmup_steps and there is a reason:
 *     interval      it is the first, or retrain_every real steps have passed since the newest one
 *     loss          fresh_loss > retrain_loss_rise * fit_loss
 *     policy        policy_kl > retrain_policy_kl
 *     disagreement  fresh_disagreement > retrain_disagreement * fit_disagreement
 *             the last three once retrain_gap real steps have passed since the newest fit, and only from signals of its
 *             members: pipelined, those of a fit in tick t are measured from t + 1 on
 *   length    rollout.length: auto: what the card of the newest measured fit recommends, within [length_start,
 *             length_end]; length_start before the first
 *   share     policy.share: holdout: real_share + (real_share_end - real_share) quality, quality 0 before the first
 */
#pragma once
#include "base/visit.h"
#include "run/schedule.h"

/** What is measured in a tick, of the members that I reads and the policy that they meet. Plain numbers, so that they
 * travel as they are. */
typedef struct rv_signals {
    double retrain;            /* number of the fit that they are of */
    double n_fresh;            /* real rows that came after it, the newest of them; 0: nothing fresh was measured */
    double fresh_loss;         /* the elites' mean squared error on them (as member.h's held-out loss) */
    double fit_loss;           /* the elites' held-out loss at the fit */
    double fresh_disagreement; /* mean disagreement on them (branch.h) */
    double policy_kl;          /* nats, from the policy now to the one that made the newest branches */
    double is_first;           /* 1: the fit's members are read for the first time; else what follows is not measured */
    double fit_disagreement;   /* mean disagreement on held-out rows */
    double quality;            /* R^2 on held-out rows, in [0, 1] */
    /* of the card (model/card.h), 0 without one: */
    double length;             /* steps of a branch that it recommends */
    double gain;               /* of one step of the model */
    double within_1, within_2; /* parts of the errors within one and two predicted deviations */
    double z_squared;          /* mean square of an error in predicted deviations */
} rv_signals;

/** Zero at the start of a run. */
typedef struct rv_pace {
    int64_t n_fits;     /* begun so far */
    int64_t fit_tick;   /* of the newest one */
    int64_t fit_rows;   /* real rows that it reads */
    rv_signals signals; /* the newest; what is measured once per fit is kept until the next */
} rv_pace;

/** The tick of that number, once all before it have ended. */
rv_tick rv_pace_tick(const rv_pace *pace, const rv_schedule *s, int64_t tick);

/** A tick has ended. @param[in] signals what was measured in it, when tick->probe; else unused */
void rv_pace_end(rv_pace *pace, const rv_tick *tick, const rv_signals *signals);

/** Fresh against at the fit. */
double rv_pace_loss_ratio(const rv_pace *pace);
double rv_pace_disagreement_ratio(const rv_pace *pace);

/** Why the fit of a tick that pace made is due, for people, but for the interval: "the policy moved (KL 0.31 > 0.2)".
 * Empty when that was the only reason. */
enum { RV_PACE_TEXT = 256 };
void rv_pace_words(const rv_pace *pace, const rv_schedule *s, const rv_tick *tick, char out[RV_PACE_TEXT]);

/** Show all of it to a checkpoint. */
rv_status rv_pace_visit(rv_pace *pace, rv_visit visit, void *user);
