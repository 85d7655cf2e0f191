/* advice.h - what the numbers of a run say about its settings: a pure function of them.
 *
 * Every advice rests on one number and one threshold; all of both are in the table of advice.c.
 */
#pragma once
#include "base/status.h"

/** What is known of a run; NAN: not known. */
typedef struct rv_advice_numbers {
    double n_updates;        /* of the policy, so far */
    double updates_per_step; /* per real step since they began */
    double length;           /* longest branch that is imagined, in steps */
    double model_cost,
        critic_cost;         /* reward lost at that length to the model's error, and to the critic's from there */
    double error, naive;     /* open-loop error at that length, and the naive guess of it */
    double rank_correlation; /* of disagreement and true error over rows */
    double train_error, holdout_error, fresh_error; /* squared, of one step, in units of the data: on rows learned from,
                                                       rows kept out of the last fit, rows that came after it */
    double explained;          /* part of the variance of a step's change that the model explains */
    double imagined_share;     /* of a minibatch */
    double promised, achieved; /* Q and return at starts of episodes, means */
    double achieved_spread;    /* standard deviation of the returns */
    double z_square;           /* mean squared z-score of the predictions */
    double gate;               /* threshold on disagreement; 0: none */
    double stopped_share;      /* of branches, by the gate */
} rv_advice_numbers;

typedef enum rv_advice_id {
    RV_ADVICE_NOT_LEARNING,
    RV_ADVICE_STARVED,
    RV_ADVICE_HORIZON,
    RV_ADVICE_COMPOUNDING,
    RV_ADVICE_MEMBERS,
    RV_ADVICE_STALE,
    RV_ADVICE_OVERFITTING,
    RV_ADVICE_SHARE,
    RV_ADVICE_CRITIC_HIGH,
    RV_ADVICE_CRITIC_LOW,
    RV_ADVICE_CRITIC_LATE,
    RV_ADVICE_OVERCONFIDENT,
    RV_ADVICE_UNDERCONFIDENT,
    RV_ADVICE_GATE_ALL,
    RV_ADVICE_GATE_NOTHING,
    RV_N_ADVICE
} rv_advice_id;

enum { RV_ADVICE_TEXT = 768 };

typedef struct rv_advice {
    rv_advice_id id;
    const char *title;         /* "the model looks too far ahead" */
    char text[RV_ADVICE_TEXT]; /* the number, the threshold, what to change */
} rv_advice;

/** What is to be said, in the order of the ids; a number that is not known says nothing.
 * @param[out] out (RV_N_ADVICE) @return how many; 0: nothing to complain about */
int rv_advise(const rv_advice_numbers *numbers, rv_advice *out);

/** Nothing known. */
rv_advice_numbers rv_advice_nothing(void);
