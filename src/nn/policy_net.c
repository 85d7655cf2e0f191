#include "nn/policy_net.h"

#include "math/vector.h"

#include <math.h>

/* elements handled at a time, on the stack; an element's result does not depend on its chunk */
enum { CHUNK = 512 };

rv_status rv_policy_net_init(int n_obs, int n_act, int hidden_layers, int hidden, rv_mlp *out)
{
    RV_CHECK(n_act >= 1, RV_E_CONFIG, "a policy needs at least one action dimension, got %d", n_act);
    return rv_mlp_init(n_obs, hidden_layers, hidden, 2 * n_act, RV_RELU, out);
}

/* written so that a nan stays one */
static float clamp_log_std(float x)
{
    return x < (float)RV_LOG_STD_MIN ? (float)RV_LOG_STD_MIN : x > (float)RV_LOG_STD_MAX ? (float)RV_LOG_STD_MAX : x;
}

/* where element k = row * n_act + j of (rows, n_act) has its mean in (rows, 2 n_act); log s is n_act further */
static int mean_at(int k, int n_act)
{
    return k / n_act * n_act + k;
}

/* logp (rows) from u (rows, n_act). log(1 - tanh(u)^2) is even in u: with |u| nothing cancels or overflows. */
static void log_density(int rows, int n_act, const float *out, const float *eps, const float *u, float *logp)
{
    const double half_log_2pi = 0.5 * log(2.0 * M_PI);
    const int n = rows * n_act;
    float tail[CHUNK]; /* softplus(-2 |u|) */
    double sum = 0;
    for (int k = 0; k < n; k++) {
        int i = k % CHUNK;
        if (i == 0) {
            int n_chunk = n - k < CHUNK ? n - k : CHUNK;
            for (int c = 0; c < n_chunk; c++)
                tail[c] = -2.0F * fabsf(u[k + c]);
            rv_vector_softplus(n_chunk, tail, tail);
        }
        double e = eps[k];
        double log_std = clamp_log_std(out[mean_at(k, n_act) + n_act]);
        double log_slope = 2.0 * (M_LN2 - fabs((double)u[k]) - (double)tail[i]);
        sum += -0.5 * e * e - log_std - half_log_2pi - log_slope;
        if ((k + 1) % n_act == 0) {
            logp[k / n_act] = (float)sum;
            sum = 0;
        }
    }
}

void rv_policy_net_act(const rv_mlp *net, const float *params, int rows, const float *obs, const float *eps,
                       rv_mlp_tape *tape, float *act, float *logp)
{
    const int n_act = net->sizes[net->n_layers] / 2;
    const float *out = rv_mlp_forward(net, params, rows, obs, tape);
    const int n = rows * n_act;
    /* act holds s, then u, then tanh(u) */
    if (eps) {
        for (int k = 0; k < n; k++)
            act[k] = clamp_log_std(out[mean_at(k, n_act) + n_act]);
        rv_vector_exp(n, act, act);
        for (int k = 0; k < n; k++)
            act[k] = out[mean_at(k, n_act)] + act[k] * eps[k];
        if (logp)
            log_density(rows, n_act, out, eps, act, logp);
    } else {
        for (int k = 0; k < n; k++)
            act[k] = out[mean_at(k, n_act)];
    }
    rv_vector_tanh(n, act, act);
}

void rv_policy_net_back(const rv_mlp *net, int rows, const rv_mlp_tape *tape, const float *eps, const float *act,
                        const float *d_act, float d_logp, float *d_out)
{
    const int n_act = net->sizes[net->n_layers] / 2;
    const float *out = tape->h[net->n_layers - 1];
    const int n = rows * n_act;
    float std[CHUNK];
    for (int k = 0; k < n; k++) {
        int at = mean_at(k, n_act);
        int i = k % CHUNK;
        if (i == 0) {
            int n_chunk = n - k < CHUNK ? n - k : CHUNK;
            for (int c = 0; c < n_chunk; c++)
                std[c] = clamp_log_std(out[mean_at(k + c, n_act) + n_act]);
            rv_vector_exp(n_chunk, std, std);
        }
        float log_std = out[at + n_act];
        bool inside = log_std >= (float)RV_LOG_STD_MIN && log_std <= (float)RV_LOG_STD_MAX;
        float d_u = d_act[k] * (1.0F - act[k] * act[k]) + d_logp * 2.0F * act[k];
        d_out[at] = d_u;
        d_out[at + n_act] = inside ? d_u * std[i] * eps[k] - d_logp : 0.0F;
    }
}
