#include "launch/advice.h"

#include <math.h>
#include <stdio.h>

/* a squared error of one step, in variances of the data, that is not worth a change */
#define NEGLIGIBLE 0.01

typedef struct rule {
    const char *title;
    const char *number; /* what is measured */
    double (*measure)(const rv_advice_numbers *n);
    bool is_above; /* complains above the threshold, else below */
    double threshold;
    const char *change;
} rule;

/* ---- what is measured ---- */

static double updates(const rv_advice_numbers *n)
{
    return n->n_updates;
}

static double updates_per_step(const rv_advice_numbers *n)
{
    return n->n_updates >= 1 ? n->updates_per_step : (double)NAN;
}

static double model_over_critic(const rv_advice_numbers *n)
{
    return n->critic_cost > 0 ? n->model_cost / n->critic_cost : (double)NAN;
}

/* the naive guess of one step is the error of one step */
static double error_over_naive(const rv_advice_numbers *n)
{
    return n->length > 1 && n->naive > 0 ? n->error / n->naive : (double)NAN;
}

/* where nothing asks for it and there is hardly an error, its rank is noise */
static double rank_correlation(const rv_advice_numbers *n)
{
    bool is_idle = !(n->gate > 0) && n->explained > 1 - NEGLIGIBLE;
    return is_idle ? (double)NAN : n->rank_correlation;
}

static double fresh_over_holdout(const rv_advice_numbers *n)
{
    return n->holdout_error > 0 && n->fresh_error > NEGLIGIBLE ? n->fresh_error / n->holdout_error : (double)NAN;
}

static double holdout_over_train(const rv_advice_numbers *n)
{
    return n->train_error > 0 && n->holdout_error > NEGLIGIBLE ? n->holdout_error / n->train_error : (double)NAN;
}

static double share_beyond_model(const rv_advice_numbers *n)
{
    return n->imagined_share - fmax(n->explained, 0) + (isnan(n->explained) ? (double)NAN : 0);
}

/* Critics begin at 0 and go where the returns are: a promise on the way there is late, not inflated. */
static double promised_part(const rv_advice_numbers *n)
{
    double part = fabs(n->achieved) >= n->achieved_spread ? n->promised / n->achieved : (double)NAN;
    return part > -0.1 && part < 1 ? part : (double)NAN;
}

/* In the scale of the returns: of their size or of how they spread, whichever is larger. */
static double promised_beyond(const rv_advice_numbers *n)
{
    double scale = fmax(fabs(n->achieved), n->achieved_spread);
    if (!isnan(promised_part(n)))
        return (double)NAN;
    return scale > 0 ? (n->promised - n->achieved) / scale : (double)NAN;
}

static double z_square(const rv_advice_numbers *n)
{
    return n->z_square;
}

static double stopped(const rv_advice_numbers *n)
{
    return n->gate > 0 ? n->stopped_share : (double)NAN;
}

/* ---- the table ---- */

// clang-format off
static const rule rules[RV_N_ADVICE] = {
    [RV_ADVICE_NOT_LEARNING] = {
        "the policy has not learned yet", "policy updates so far", updates, false, 1,
        "Let it run on: updates begin after schedule.warmup_steps and the first fit of the model."},
    [RV_ADVICE_STARVED] = {
        "the learner gets few updates", "policy updates per real step since they began", updates_per_step, false, 1,
        "Raise schedule.updates_per_step; with a model 10 to 40 are usual."},
    [RV_ADVICE_HORIZON] = {
        "the model is trusted too far ahead",
        "what the model's error costs at the length in use, over what the critic's would cost there",
        model_over_critic, true, 1,
        "Lower rollout.length_end, and rollout.length_start with it, to a length at which the model costs less, or let the "
        "card of each fit choose it (rollout.length: auto)."},
    [RV_ADVICE_COMPOUNDING] = {
        "the model's error grows faster than it must",
        "open-loop error at the length in use, over the naive guess (1 + e)^k", error_over_naive, true, 1.5,
        "Imagine shorter branches (rollout.length_end), or fit longer (model.patience, model.hidden)."},
    [RV_ADVICE_MEMBERS] = {
        "disagreement does not tell where the model errs",
        "rank correlation of the members' disagreement and the true error", rank_correlation, false, 0.3,
        "Raise model.members; until it ranks errors, a gate on disagreement (rollout.max_disagreement) stops the wrong "
        "branches."},
    [RV_ADVICE_STALE] = {
        "the model is behind the policy",
        "error on rows that came after the last fit, over that on rows kept out of it", fresh_over_holdout, true, 2,
        "Lower schedule.retrain_every, or fit when it must be (schedule.retrain_loss_rise); pipelined, also lower "
        "schedule.tick_steps."},
    [RV_ADVICE_OVERFITTING] = {
        "the model has learned its rows by heart",
        "error on rows kept out of the last fit, over that on rows it learned from", holdout_over_train, true, 2,
        "Raise model.weight_decay, lower model.hidden or model.patience; more real rows help most."},
    [RV_ADVICE_SHARE] = {
        "more is imagined than the model is good for",
        "imagined part of a minibatch, less the part of the variance that the model explains", share_beyond_model, true,
        0.25, "Raise policy.real_share, or let it fall as the model gets better (policy.share: holdout)."},
    [RV_ADVICE_CRITIC_HIGH] = {
        "the critics promise more than comes",
        "promised less achieved return at starts of episodes, in the scale of the returns", promised_beyond, true, 0.3,
        "Lower schedule.updates_per_step, raise policy.real_share, shorten schedule.tick_steps so that updates see newer "
        "branches, or shorten the branches."},
    [RV_ADVICE_CRITIC_LOW] = {
        "the critics promise less than comes",
        "promised less achieved return at starts of episodes, in the scale of the returns", promised_beyond, false,
        -0.3, "They are pessimistic: let it run on, or lower policy.learning_rate."},
    [RV_ADVICE_CRITIC_LATE] = {
        "the critics have not caught up with the returns",
        "promised over achieved return at starts of episodes", promised_part, false, 0.7,
        "Let it run on, or raise schedule.updates_per_step or policy.tau."},
    [RV_ADVICE_OVERCONFIDENT] = {
        "the predicted variance is too small", "mean squared z-score of the predictions", z_square, true, 2,
        "Raise model.logvar_min, or stop fits sooner (model.patience)."},
    [RV_ADVICE_UNDERCONFIDENT] = {
        "the predicted variance is too large", "mean squared z-score of the predictions", z_square, false, 0.5,
        "Lower model.logvar_max and model.logvar_min, or let fits go on for longer (model.patience, model.max_epochs)."},
    [RV_ADVICE_GATE_ALL] = {
        "the gate stops nearly every branch", "part of the branches stopped for disagreement", stopped, true, 0.9,
        "Raise rollout.max_disagreement, or fit the model better before it is used (schedule.warmup_steps)."},
    [RV_ADVICE_GATE_NOTHING] = {
        "the gate stops next to nothing", "part of the branches stopped for disagreement", stopped, false, 0.01,
        "Lower rollout.max_disagreement; or 0 switches it off, and then only one member runs per state."},
};
// clang-format on

static bool complains(const rule *r, double value)
{
    return r->is_above ? value > r->threshold : value < r->threshold;
}

int rv_advise(const rv_advice_numbers *numbers, rv_advice *out)
{
    int n = 0;
    for (int id = 0; id < RV_N_ADVICE; id++) {
        const rule *r = &rules[id];
        double value = r->measure(numbers);
        if (!complains(r, value)) /* also what is not known */
            continue;
        rv_advice *a = &out[n++];
        *a = (rv_advice){.id = (rv_advice_id)id, .title = r->title};
        snprintf(a->text, sizeof a->text, "%.3g: %s; %s %g is asked for. %s", value, r->number,
                 r->is_above ? "at most" : "at least", r->threshold, r->change);
    }
    return n;
}

rv_advice_numbers rv_advice_nothing(void)
{
#define NOT_KNOWN(name) .name = (double)NAN,
    return (rv_advice_numbers){RV_ADVICE_NUMBERS(NOT_KNOWN)};
#undef NOT_KNOWN
}
