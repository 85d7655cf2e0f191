/* judgement.h - an ensemble's predictions of one step, against what came: how far off, how sure, how much at odds.
 *
 * y = [reward, change of the observation] of a real row; member m predicts a Gaussian (mu_m, sigma_m) of it. With
 * known_reward the reward, which is then not predicted, is left out everywhere but in the disagreement.
 *   z            (y - mu_m) / sigma_m of each elite m, row and output: standard normal when the variance is right
 *   disagreement of a row: the largest over the outputs of the standard deviation of all members' means, divided by the
 *                root of their mean predicted variance: what the gate looks at (model/branch.h)
 *   error        of a row: root of the mean over the outputs of ((mean of the elites' mu - y) / std)^2
 *   square       mean over rows of error^2: 1 is no better than to predict the mean
 *   explained    mean over the outputs of max(0, 1 - mean over rows of ((mean of the elites' mu - y) / std)^2)
 * std: of that output in reference rows; an output that is constant there is left out.
 */
#pragma once
#include "launch/trained.h"

/** What it reads; borrowed. */
typedef struct rv_judgement_source {
    const rv_ensemble *ensemble;
    bool known_reward;
    const float *rows;   /* (., row.width) real rows */
    int64_t n;           /* rows to judge by */
    const uint32_t *at;  /* (n) their numbers */
    int64_t n_reference; /* the first of the rows, for std; at least 2 */
} rv_judgement_source;

typedef struct rv_judgement {
    int64_t n;
    int n_elites;
    int64_t n_z;                  /* of one elite */
    double *z;                    /* (n_elites, n_z) */
    double *disagreement, *error; /* (n) */
    double z_square;              /* mean of z^2 over all; NAN when n is 0, as are: */
    double square, explained;
} rv_judgement;

/** @return RV_OK; RV_E_NONFINITE (a prediction is not finite); RV_E_NOMEM. The caller clears *out. */
rv_status rv_judgement_make(const rv_judgement_source *source, rv_judgement *out);
void rv_judgement_clear(rv_judgement *judgement);
