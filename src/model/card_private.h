/* card_private.h - what the parts of the error card share: its work space, and a step of predictions. */
#pragma once
#include "model/card.h"

enum { RV_CARD_CHUNK = 128 }; /* rows of a forward pass, which stay in cache */

struct rv_card {
    rv_card_setup setup;
    rv_member_shape shape;
    rv_mlp policy_net, critic_net;
    rv_mlp_tape tape, policy_tape, critic_tape; /* RV_CARD_CHUNK rows */
    rv_card_report report;

    /* windows, the longest first */
    int *left;                      /* (max_rows) steps from a held-out row on until something ends them */
    int64_t first[RV_CARD_WINDOWS]; /* row of a window's first step */
    int *n_of_length, *windows;     /* (steps + 1) starts of exactly, windows of at least so many steps */
    double *numbers;                /* the arrays of the report */

    float *x, *scratch;   /* (RV_CARD_WINDOWS, n_in), (RV_CARD_CHUNK, n_in) */
    float *mean, *logvar; /* (RV_CARD_WINDOWS, n_out) */
    float *obs, *next;    /* (RV_CARD_WINDOWS, n_obs) imagined states before and after a step */
    float *seen;          /* (RV_CARD_WINDOWS, n_obs) real states after it */
    float *act, *reward;  /* (RV_CARD_WINDOWS, n_act), (RV_CARD_WINDOWS) */
    float *end;           /* (RV_CARD_WINDOWS) logit of P(terminated) of one member, where it is learned */
    double *ends;         /* (RV_CARD_WINDOWS) mean P(terminated) over those that lead to next */

    /* of costs */
    float *q, *value, *seen_value; /* (RV_CARD_WINDOWS) of the start, of next, of seen */
    double *imagined, *real;       /* (RV_CARD_WINDOWS) discounted rewards so far */
    unsigned char *done, *over;    /* (RV_CARD_WINDOWS) next is terminal; so was an imagined state up to it */

    /* of the gain: a state as n_obs rows, each with the gradient of another number of next_obs */
    rv_mlp_tape gain_tape;          /* n_obs rows */
    float *gain_x, *gain_scratch;   /* (n_obs, n_in) */
    float *gain_mean, *gain_logvar; /* (n_obs, n_out) */
    float *d_out, *d_x;             /* (n_obs, n_raw), (n_obs, n_in) */
    double *jacobian, *v, *u;       /* (n_obs, n_obs), (n_obs), (n_obs) */

    /* of one step */
    float *means;                       /* (n_members, RV_CARD_WINDOWS, n_out) */
    float *y;                           /* (RV_CARD_WINDOWS, n_out) */
    double *variance, *elite_variance;  /* (RV_CARD_WINDOWS, n_out) sums over the members, over the elites */
    double *sum_y, *sum_yy, *sum_error; /* (n_out) over rows */
};

static inline const float *rv_card_member(const rv_card *c, const rv_card_source *s, int m)
{
    return s->members + m * c->shape.n_published;
}

/* written so that what is not a number is lost too */
static inline double rv_card_cap(double value, double lost)
{
    return value < lost ? value : lost;
}

/** What member m predicts for n rows of x. @param[out] mean (n, n_out); logvar and end go to the work space's */
void rv_card_predict(rv_card *c, const rv_card_source *s, int m, int n, float *mean);

/** Choose the windows: first and windows. Returns the longest horizon that one reaches. */
int rv_card_choose(rv_card *c, const rv_card_source *s);

/** Mean over starts. */
double rv_card_gain(rv_card *c, const rv_card_source *s);
/** The largest singular value of a (n, n); u and v (n) are scratch. */
double rv_card_singular(int n, const double *a, double *u, double *v);

/** Fill the one-step part of the report. */
void rv_card_one_step(rv_card *c, const rv_card_source *s);
