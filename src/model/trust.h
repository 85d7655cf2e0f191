/* trust.h - how well the members of the ensemble agree on a state and action, and how far a branch may go on it.
 *
 * Of member i = 1..n and output j, mu_ij and v_ij are the predicted mean and variance, mu_j and v_j their means over i.
 *   spread        s_j^2 = mean over i of (mu_ij - mu_j)^2: what the members do not know (epistemic)
 *   variance      v_j: what they take to be chance (aleatoric); of deterministic members their mean squared error on
 *                 held-out rows
 *   disagreement  d = max over j of s_j / sqrt(v_j), in predicted deviations
 *
 * The gate has two thresholds, full <= max. Of a branch of at most H steps, the row at depth t (from 0) is made
 *   d <= full         always
 *   full < d < max    while t < ceil(H (max - d) / (max - full)): at full all H steps, towards max fewer and fewer
 *   d >= max          never; where both thresholds are the same, d > max
 * A branch that is stopped makes no more rows; at depth 0 it is skipped. (Stopping by a threshold: M2AC, Pan et al.
 * 2020, which keeps the part of the rows that the members agree on best.)
 *
 * Thresholds are set in predicted deviations, or as quantiles in (0, 1] of d on rows that the fit did not learn from
 * (model/holdout.h): the least d of these such that at least that part of them have no larger one. They are a function
 * of (seed, retrain, rows of the fit, members).
 */
#pragma once
#include "model/member.h"

enum { RV_TRUST_ROWS = 1024 };

/** What thresholds are set in. */
typedef enum rv_disagreement { RV_DISAGREEMENT_DEVIATIONS, RV_DISAGREEMENT_QUANTILE } rv_disagreement;

typedef struct rv_gate {
    double full, max; /* as they are set, or in predicted deviations */
} rv_gate;

/** May a branch of at most `length` steps make its row at this depth, for thresholds that differ? d must be no NaN. */
bool rv_gate_passes(const rv_gate *gate, int length, int depth, double d);

/** What all members say of one row. */
typedef struct rv_opinion {
    bool is_finite;   /* else d may be anything, and so may the parts */
    bool exceeds;     /* is a spread beyond `limit` variances? */
    double d;         /* disagreement */
    double epistemic; /* mean over the outputs that vary of s_j^2 / scale_j^2 */
    double aleatoric; /* of v_j / scale_j^2 */
} rv_opinion;

/** @param[in] means (n_members, stride): those of the row's n_out outputs begin each; variance (n_out): n v_j;
 * per_output (n_out), as in rv_standard */
rv_opinion rv_trust_ask(int n_members, int n_out, int64_t stride, const float *means, const double *variance,
                        const double *per_output, double limit);

typedef struct rv_trust rv_trust; /* work space, and what the last rv_trust_fit made */

/** What the blocks of a fit are judged by. */
typedef struct rv_standard {
    rv_gate gate; /* in predicted deviations; both 0 when there is no gate */
    /* (n_out) 1 / (n' scale_j^2), where scale_j is the standard deviation of output j's true value [reward, next_obs -
     * obs] over at most RV_TRUST_ROWS real rows of the fit, spread evenly: row i of n is i n_rows / n. Outputs that do
     * not vary there have 0; n' is the number of the others. */
    const double *per_output;
} rv_standard;

/** @param[in] model, shape borrowed; gate as it is set, unit an rv_disagreement; max_rows of a fit
 * @return RV_OK; RV_E_NOMEM. The caller destroys it. */
rv_status rv_trust_create(const rv_model_cfg *model, const rv_member_shape *shape, const rv_gate *gate, int unit,
                          int64_t max_rows, rv_trust **out);
void rv_trust_destroy(rv_trust **trust);

/** Find the standard of fit number `retrain`. @param[in] real (n_rows, row.width) what it read, and perhaps more;
 * members (members, n_published) @param[out] out its scales are borrowed until the next call */
void rv_trust_fit(rv_trust *trust, uint64_t seed, int64_t retrain, int64_t n_rows, const float *real,
                  const float *members, rv_standard *out);
