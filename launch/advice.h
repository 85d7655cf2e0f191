/* advice.h - what the numbers of a run say about its settings: a pure function of them.
 *
 * Every advice rests on one number and one threshold; all of both are in the table of advice.c.
 */
#pragma once
#include "base/status.h"

// clang-format off
#define RV_ADVICE_NUMBERS(X)                                                                                           \
    X(n_updates)        /* of the policy, so far */                                                                    \
    X(updates_per_step) /* per real step since they began */                                                           \
    X(length)           /* longest branch that is imagined, in steps */                                                \
    X(model_cost)       /* reward lost at that length to the model's error, */                                         \
    X(critic_cost)      /* and to the critics' from there */                                                           \
    X(error)            /* open-loop, at that length, */                                                               \
    X(naive)            /* and the naive guess of it */                                                                \
    X(rank_correlation) /* of disagreement and true error over rows */                                                 \
    X(train_error)      /* squared, of one step, in variances: on rows that the last fit learned from, */              \
    X(holdout_error)    /* on rows kept out of it, */                                                                  \
    X(fresh_error)      /* on rows that came after it */                                                               \
    X(explained)        /* part of the variance of a step's outcome that the model explains */                         \
    X(imagined_share)   /* of a minibatch */                                                                           \
    X(promised)         /* Q at starts of episodes, mean, */                                                           \
    X(achieved)         /* and the return that came */                                                                 \
    X(achieved_spread)  /* standard deviation of these returns */                                                      \
    X(z_square)         /* mean squared z-score of the predictions */                                                  \
    X(gate)             /* threshold on disagreement; 0: none */                                                       \
    X(stopped_share)    /* of branches, by the gate */
// clang-format on

/** What is known of a run; NAN: not known. */
typedef struct rv_advice_numbers {
#define RV_ADVICE_NUMBER(name) double name;
    RV_ADVICE_NUMBERS(RV_ADVICE_NUMBER)
#undef RV_ADVICE_NUMBER
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
