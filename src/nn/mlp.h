/* mlp.h - multi-layer perceptron with a linear output; forward and hand-written backward.
 *
 *   h_0 = x;  z_l = h_{l-1} W_l + b_l;  h_l = act(z_l) for l < L;  output = z_L
 *
 * All parameters of a network lie in one flat buffer: W_1 (in, out) row-major, b_1 (out), W_2, b_2, ...
 * so that an optimiser, a broadcast and a checkpoint are each one loop over it.
 * The products, activations and their slopes are those of math/dense.h.
 */
#pragma once
#include "base/rng.h"
#include "base/status.h"
#include "math/dense.h"

#include <stdint.h>

enum { RV_MLP_LAYERS = 8 };

/** Shape of a network. */
typedef struct rv_mlp {
    int n_layers;                  /* weight layers, at most RV_MLP_LAYERS */
    int sizes[RV_MLP_LAYERS + 1];  /* inputs, hidden..., outputs */
    rv_activation activation;      /* of all layers but the last */
    int64_t weight[RV_MLP_LAYERS]; /* offset of W_l in the parameters */
    int64_t bias[RV_MLP_LAYERS];   /* offset of b_l */
    int64_t n_params;
} rv_mlp;

/** What a forward pass leaves for the backward pass. */
typedef struct rv_mlp_tape {
    int max_rows;
    float *h[RV_MLP_LAYERS];     /* (rows, sizes[l + 1]) what layer l gives; the last: the output */
    float *slope[RV_MLP_LAYERS]; /* (rows, sizes[l + 1]) of a swish layer, else NULL */
    float *scratch[2];           /* (rows, widest hidden layer) */
} rv_mlp_tape;

/** hidden layers of n_hidden units between n_in and n_out. @return RV_OK; RV_E_CONFIG (too many layers, sizes < 1) */
rv_status rv_mlp_init(int n_in, int n_hidden_layers, int n_hidden, int n_out, rv_activation activation, rv_mlp *out);

rv_status rv_mlp_tape_create(const rv_mlp *mlp, int max_rows, rv_mlp_tape *out);
/** A tape that serves no backward pass: less memory, less to write. */
rv_status rv_mlp_tape_create_forward(const rv_mlp *mlp, int max_rows, rv_mlp_tape *out);
void rv_mlp_tape_clear(rv_mlp_tape *tape);

/** Output of rows inputs. @param[in] params (n_params), x (rows, in); rows <= tape->max_rows
 * @return the last of tape->h, (rows, out): valid until the next forward on this tape */
const float *rv_mlp_forward(const rv_mlp *mlp, const float *params, int rows, const float *x, rv_mlp_tape *tape);

/** Keep these rows of the last forward pass alone, moved to the front, for a backward pass through some of them.
 * @param[in] rows (n) their numbers, rising */
void rv_mlp_tape_keep(const rv_mlp *mlp, int n, const int *rows, rv_mlp_tape *tape);

/** Gradients of a scalar f, given d_out = df/d output of the forward pass that tape and x belong to.
 * @param[in]  d_out  (rows, out)
 * @param[out] d_params (n_params) overwritten with df/d params; NULL: not computed
 * @param[in]  first  number of the first input whose gradient is wanted
 * @param[out] d_x    (rows, in - first) overwritten with df/dx; NULL: not computed */
void rv_mlp_backward(const rv_mlp *mlp, const float *params, int rows, const float *x, rv_mlp_tape *tape,
                     const float *d_out, float *d_params, int first, float *d_x);

/** Weights uniform in +-sqrt(6 / (in + out)) (Glorot and Bengio 2010), biases 0. */
void rv_mlp_init_glorot(const rv_mlp *mlp, rv_rng *rng, float *params);

/** Weights normal with standard deviation 1 / (2 sqrt(in)), truncated at two deviations; biases 0 (PETS, MBPO). */
void rv_mlp_init_truncated_normal(const rv_mlp *mlp, rv_rng *rng, float *params);
