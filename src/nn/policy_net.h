/* policy_net.h - the tanh-Gaussian policy as others use it: from published actor weights to actions.
 *
 * The equations are those of sac.h. Used by actors (one row at a time, so that the shape of the product never
 * depends on the layout), by rollouts (a block at a time) and by the learner.
 */
#pragma once
#include "nn/mlp.h"

/** Shape of the actor network: n_obs -> 2 n_act (means, then log deviations), relu.
 * @return RV_OK; RV_E_CONFIG (a size out of range) */
rv_status rv_policy_net_init(int n_obs, int n_act, int hidden_layers, int hidden, rv_mlp *out);

/* bounds of log s; a log deviation outside is clamped and gets no gradient */
enum { RV_LOG_STD_MIN = -20, RV_LOG_STD_MAX = 2 };

/** act = tanh(m + s eps). @param[in] params (n_params), obs (rows, n_obs); eps (rows, n_act), NULL: the mean action
 * tanh(m). @param[out] act (rows, n_act) in [-1, 1]; logp (rows) log density of act, NULL: not computed (needs eps) */
void rv_policy_net_act(const rv_mlp *net, const float *params, int rows, const float *obs, const float *eps,
                       rv_mlp_tape *tape, float *act, float *logp);

/** Back through the action, for a scalar f of act and logp of the last rv_policy_net_act on this tape:
 *   d logp / dm = 2 a,  d logp / d log s = 2 a s eps - 1,  da / dm = 1 - a^2,  da / d log s = (1 - a^2) s eps
 * @param[in]  eps, act (rows, n_act) of that call; d_act (rows, n_act) = df/d act; d_logp = df/d logp, of every row
 * @param[out] d_out (rows, 2 n_act) = df/d output of the network: what rv_mlp_backward takes */
void rv_policy_net_back(const rv_mlp *net, int rows, const rv_mlp_tape *tape, const float *eps, const float *act,
                        const float *d_act, float d_logp, float *d_out);

/** Mean over rows of KL(now || then) between the actions of two policies. tanh maps both alike, so that it is that of
 * the Gaussians before it: sum_j [log s' - log s + (s^2 + (m - m')^2) / (2 s'^2) - 1/2], s and m now, s' and m' then.
 * @param[in] now, then (n_params) each, obs (rows, n_obs); tape for at least rows rows; scratch (rows, 2 n_act) */
double rv_policy_net_kl(const rv_mlp *net, const float *now, const float *then, int rows, const float *obs,
                        rv_mlp_tape *tape, float *scratch);
