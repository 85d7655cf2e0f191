/* policy_net.h - the tanh-Gaussian policy as others use it: from published actor weights to actions.
 *
 * The equations are those of sac.h. Used by actors (one row at a time, so that the shape of the product never
 * depends on the layout), by rollouts (a block at a time) and by the learner.
 */
#pragma once
#include "nn/mlp.h"

/** Shape of the actor network: n_obs -> 2 n_act, relu. */
rv_status rv_policy_net_init(int n_obs, int n_act, int hidden_layers, int hidden, rv_mlp *out);

enum { RV_LOG_STD_MIN = -20, RV_LOG_STD_MAX = 2 };

/** act = tanh(m + s eps). @param[in] params (n_params), obs (rows, n_obs); eps (rows, n_act), NULL: the mean action
 * tanh(m). @param[out] act (rows, n_act) in [-1, 1]; logp (rows) log density of act, NULL: not computed (needs eps) */
void rv_policy_net_act(const rv_mlp *net, const float *params, int rows, const float *obs, const float *eps,
                       rv_mlp_tape *tape, float *act, float *logp);
