#include "nn/policy_net.h"

#include "math/vector.h"

#include <math.h>
#include <string.h>

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

/* x (n) = elements k to k + n of (rows, n_act), taken from the first half (means) or, with offset n_act, the second
 * half (log s) of out (rows, 2 n_act) */
static void gather(const float *out, int n_act, int offset, int k, int n, float *x)
{
    int j = k % n_act;
    const float *row = out + 2 * (int64_t)(k - j) + offset;
    for (int i = 0; i < n; i++) {
        x[i] = row[j];
        if (++j == n_act) {
            j = 0;
            row += 2 * (int64_t)n_act;
        }
    }
}

/* log s (n), clamped, and s = exp(log s) (n) of elements k to k + n */
static void deviations(const float *out, int n_act, int k, int n, float *log_std, float *std)
{
    gather(out, n_act, n_act, k, n, log_std);
    for (int i = 0; i < n; i++)
        log_std[i] = clamp_log_std(log_std[i]);
    rv_vector_exp(n, log_std, std);
}

/* the log densities (n) of n actions, u before the tanh; log(1 - tanh(u)^2) is even in u: with |u| nothing cancels or
 * overflows */
static void log_densities(int n, const float *log_std, const float *eps, const float *u, double *out)
{
    const double half_log_2pi = 0.5 * log(2.0 * M_PI);
    float tail[CHUNK]; /* softplus(-2 |u|) */
    for (int i = 0; i < n; i++)
        tail[i] = -2.0F * fabsf(u[i]);
    rv_vector_softplus(n, tail, tail);
    for (int i = 0; i < n; i++) {
        double e = eps[i];
        double log_slope = 2.0 * (M_LN2 - fabs((double)u[i]) - (double)tail[i]);
        out[i] = -0.5 * e * e - (double)log_std[i] - half_log_2pi - log_slope;
    }
}

/* logp of the rows that end in elements k to k + n, from the densities (n) of these; sum: those of the row under way.
 * Returns the sum of the row that goes on. */
static double add_rows(int k, int n, int n_act, double sum, const double *density, float *logp)
{
    int j = k % n_act;
    float *row = logp + k / n_act;
    for (int i = 0; i < n; i++) {
        sum += density[i];
        if (++j == n_act) {
            *row++ = (float)sum;
            j = 0;
            sum = 0;
        }
    }
    return sum;
}

void rv_policy_net_act(const rv_mlp *net, const float *params, int rows, const float *obs, const float *eps,
                       rv_mlp_tape *tape, float *act, float *logp)
{
    const int n_act = net->sizes[net->n_layers] / 2;
    const float *out = rv_mlp_forward(net, params, rows, obs, tape);
    const int n = rows * n_act;
    double sum = 0;
    for (int k = 0; k < n; k += CHUNK) {
        const int n_chunk = n - k < CHUNK ? n - k : CHUNK;
        float *u = act + k; /* before the tanh */
        gather(out, n_act, 0, k, n_chunk, u);
        if (eps) {
            float log_std[CHUNK];
            float std[CHUNK];
            deviations(out, n_act, k, n_chunk, log_std, std);
            for (int i = 0; i < n_chunk; i++)
                u[i] += std[i] * eps[k + i];
            if (logp) {
                double density[CHUNK];
                log_densities(n_chunk, log_std, eps + k, u, density);
                sum = add_rows(k, n_chunk, n_act, sum, density, logp);
            }
        }
        rv_vector_tanh(n_chunk, u, u);
    }
}

void rv_policy_net_back(const rv_mlp *net, int rows, const rv_mlp_tape *tape, const float *eps, const float *act,
                        const float *d_act, float d_logp, float *d_out)
{
    const int n_act = net->sizes[net->n_layers] / 2;
    const float *out = tape->h[net->n_layers - 1];
    const int n = rows * n_act;
    for (int k = 0; k < n; k += CHUNK) {
        const int n_chunk = n - k < CHUNK ? n - k : CHUNK;
        float log_std[CHUNK];
        float std[CHUNK];
        deviations(out, n_act, k, n_chunk, log_std, std);
        int j = k % n_act;
        int64_t at = 2 * (int64_t)(k - j) + j;
        for (int i = 0; i < n_chunk; i++) {
            const float a = act[k + i];
            const float d_u = d_act[k + i] * (1.0F - a * a) + d_logp * 2.0F * a;
            const float d_inside = d_u * std[i] * eps[k + i] - d_logp;
            d_out[at] = d_u;
            d_out[at + n_act] = out[at + n_act] == log_std[i] ? d_inside : 0.0F; /* 0 where it is clamped */
            at++;
            if (++j == n_act) {
                j = 0;
                at += n_act;
            }
        }
    }
}

double rv_policy_net_kl(const rv_mlp *net, const float *now, const float *then, int rows, const float *obs,
                        rv_mlp_tape *tape, float *scratch)
{
    const int n_act = net->sizes[net->n_layers] / 2;
    const int n_out = 2 * n_act;
    double sum = 0;
    memcpy(scratch, rv_mlp_forward(net, now, rows, obs, tape), (size_t)rows * (size_t)n_out * sizeof *scratch);
    const float *other = rv_mlp_forward(net, then, rows, obs, tape);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n_act; j++) {
            const int at = i * n_out + j;
            const double off = (double)scratch[at] - (double)other[at];
            const double log_now = (double)clamp_log_std(scratch[at + n_act]);
            const double log_then = (double)clamp_log_std(other[at + n_act]);
            sum += log_then - log_now + (exp(2 * (log_now - log_then)) + off * off * exp(-2 * log_then)) / 2 - 0.5;
        }
    return sum / rows;
}
