/* card_gain.c - by how much one step of the ensemble can enlarge an error, for the error card. */
#include "base/pulse.h"
#include "model/card_private.h"

#include <math.h>
#include <string.h>

/* Few networks have their two largest singular values so close that this does not settle; then either will do. */
enum { POWER_STEPS = 500 };
#define POWER_SETTLED 1e-13

static double norm(int n, const double *x)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

/* u = a v */
static void times(int n, const double *a, const double *v, double *u)
{
    for (int i = 0; i < n; i++) {
        u[i] = 0;
        for (int j = 0; j < n; j++)
            u[i] += a[i * n + j] * v[j];
    }
}

/* v = a^T u / length */
static void times_transposed(int n, const double *a, const double *u, double length, double *v)
{
    memset(v, 0, (size_t)n * sizeof *v);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            v[j] += a[i * n + j] * (u[i] / length);
}

/* Power iteration on a^T a: |a v| of a unit vector v rises to the largest singular value. It starts from a vector that
 * no symmetry of a task makes orthogonal to the first singular vector. */
double rv_card_singular(int n, const double *a, double *u, double *v)
{
    double sigma = 0;
    for (int i = 0; i < n; i++)
        v[i] = 1 + 0.5 * sin(1.0 + i);
    for (int step = 0; step < POWER_STEPS; step++) {
        const double length = norm(n, v);
        if (length <= 0)
            return sigma;
        for (int i = 0; i < n; i++)
            v[i] /= length;
        times(n, a, v, u);
        const double before = sigma;
        sigma = norm(n, u);
        if (!(sigma > 0) || fabs(sigma - before) <= POWER_SETTLED * sigma)
            return sigma;
        times_transposed(n, a, u, sigma, v);
    }
    return sigma;
}

/* D^-1 J D at the start of a window: row i is what number i of next_obs has of each number of obs */
static void jacobian(rv_card *c, const rv_card_source *s, int64_t row)
{
    const rv_member_shape *shape = &c->shape;
    const int n = shape->row.n_obs;
    const float *std = rv_card_member(c, s, 0) + shape->std;
    memset(c->jacobian, 0, (size_t)(n * n) * sizeof *c->jacobian);
    for (int i = 0; i < n; i++) {
        memcpy(c->gain_x + i * shape->n_in, s->rows + row * shape->row.width, (size_t)shape->n_in * sizeof(float));
        c->jacobian[i * n + i] = !shape->predicts_state;
    }
    for (int e = 0; e < s->n_elites; e++) {
        const float *member = rv_card_member(c, s, s->elites[e]);
        rv_member_predict(shape, member, n, c->gain_x, &c->gain_tape, c->gain_scratch, c->gain_mean, c->gain_logvar);
        rv_mlp_backward(&shape->mlp, member, n, c->gain_scratch, &c->gain_tape, c->d_out, NULL, 0, c->d_x);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                c->jacobian[i * n + j] += rv_member_unit(shape, member, 1 + i) * (double)c->d_x[i * shape->n_in + j] /
                                          (double)member[shape->std + j] * ((double)std[j] / (double)std[i]) /
                                          s->n_elites;
    }
}

double rv_card_gain(rv_card *c, const rv_card_source *s)
{
    const int64_t n_windows = c->windows[1];
    const int64_t n = n_windows < RV_CARD_GAINS ? n_windows : RV_CARD_GAINS;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        rv_pulse_beat();
        jacobian(c, s, c->first[i * n_windows / n]);
        sum += rv_card_singular(c->shape.row.n_obs, c->jacobian, c->u, c->v);
    }
    return rv_card_cap(sum / (double)n, RV_FORESIGHT_LOST);
}
