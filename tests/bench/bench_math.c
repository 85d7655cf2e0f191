/* bench_math.c - the kernels: products of the dense layers that learning uses, elementwise functions, the optimiser.
 *
 * A layer is called IN-OUT and has 256 rows: x (256, IN), w (IN, OUT), y (256, OUT). Each product is measured as bare
 * OpenBLAS (gemm/...) and as what the networks call (dense/...: with bias, activation or its slope in the same pass).
 */
#include "math/dense.h"
#include "math/gemm.h"
#include "math/vector.h"
#include "nn/adam.h"
#include "tests/bench/bench.h"

enum { ROWS = 256, ELEMENTS = 65536, PARAMS = 217871 }; /* PARAMS: of SAC, 17 observations, 6 actions, 2 x 256 */

/* ---- dense layers ---- */

typedef struct layer {
    int in, out;
} layer;

enum { X, W, Y, MORE };

static rv_status layer_setup(const bench *row, void **work)
{
    const layer *l = row->args;
    const int64_t widest = l->in > l->out ? l->in : l->out;
    const int64_t n[BENCH_ARRAYS] = {
        [X] = ROWS * l->in, [W] = l->in * l->out, [Y] = ROWS * l->out, [MORE] = (ROWS + 1) * widest};
    return bench_arrays_create(row, n, work);
}

/* y = x w */
static rv_status gemm_forward(void *work)
{
    const bench_arrays *a = work;
    const layer *l = a->row->args;
    rv_gemm(false, false, ROWS, l->out, l->in, 1, a->p[X], l->in, a->p[W], l->out, 0, a->p[Y], l->out);
    return RV_OK;
}

/* w = x^T y */
static rv_status gemm_weight_grad(void *work)
{
    const bench_arrays *a = work;
    const layer *l = a->row->args;
    rv_gemm(true, false, l->in, l->out, ROWS, 1, a->p[X], l->in, a->p[Y], l->out, 0, a->p[W], l->out);
    return RV_OK;
}

/* x = y w^T */
static rv_status gemm_input_grad(void *work)
{
    const bench_arrays *a = work;
    const layer *l = a->row->args;
    rv_gemm(false, true, ROWS, l->in, l->out, 1, a->p[Y], l->out, a->p[W], l->out, 0, a->p[X], l->in);
    return RV_OK;
}

/* y = relu(x w + b) */
static rv_status dense_forward(void *work)
{
    const bench_arrays *a = work;
    const layer *l = a->row->args;
    rv_dense_forward(RV_RELU, ROWS, l->in, l->out, a->p[X], a->p[W], a->p[MORE], a->p[Y], NULL);
    return RV_OK;
}

/* y = swish(x w + b), and its slope */
static rv_status dense_forward_swish(void *work)
{
    const bench_arrays *a = work;
    const layer *l = a->row->args;
    rv_dense_forward(RV_SWISH, ROWS, l->in, l->out, a->p[X], a->p[W], a->p[MORE], a->p[Y], a->p[MORE] + l->out);
    return RV_OK;
}

static rv_status dense_weight_grad(void *work)
{
    const bench_arrays *a = work;
    const layer *l = a->row->args;
    rv_dense_weight_grad(ROWS, l->in, l->out, a->p[X], a->p[Y], a->p[W], a->p[MORE]);
    return RV_OK;
}

/* behind a relu, whose output is x */
static rv_status dense_input_grad(void *work)
{
    const bench_arrays *a = work;
    const layer *l = a->row->args;
    rv_dense_input_grad(RV_RELU, ROWS, l->in, l->out, a->p[Y], a->p[W], a->p[X], a->p[MORE]);
    return RV_OK;
}

#define PRODUCT(kind, what, in, out)                                                                                   \
    {                                                                                                                  \
#kind "/" #in "-" #out "/" #what, "GFLOP/s", #what " of a dense layer of 256 rows", 1,                         \
            2.0 * ROWS *(in) * (out), 0, layer_setup, kind##_##what, bench_arrays_destroy, &(const layer)              \
        {                                                                                                              \
            in, out                                                                                                    \
        }                                                                                                              \
    }

#define PRODUCT_ROWS(in, out)                                                                                          \
    PRODUCT(gemm, forward, in, out), PRODUCT(dense, forward, in, out), PRODUCT(gemm, weight_grad, in, out),            \
        PRODUCT(dense, weight_grad, in, out), PRODUCT(gemm, input_grad, in, out), PRODUCT(dense, input_grad, in, out)

/* ---- elementwise ---- */

static rv_status elements_setup(const bench *row, void **work)
{
    const int64_t n[BENCH_ARRAYS] = {ELEMENTS, ELEMENTS};
    return bench_arrays_create(row, n, work);
}

static rv_status elements_run(void *work)
{
    const bench_arrays *a = work;
    void (*const *function)(int, const float *, float *) = a->row->args;
    (*function)((int)a->n[0], a->p[0], a->p[1]);
    return RV_OK;
}

static rv_status normal_run(void *work)
{
    bench_arrays *a = work;
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, (uint64_t)a->step++);
    rv_vector_normal(&rng, (int)a->n[0], a->p[0]);
    return RV_OK;
}

typedef void (*vector_function)(int, const float *, float *);

#define VECTOR(name)                                                                                                   \
    {                                                                                                                  \
        "vector/" #name, "ns/element", "rv_vector_" #name " of 65536 elements", ELEMENTS, 0, 8, elements_setup,        \
            elements_run, bench_arrays_destroy, &(const vector_function)                                               \
        {                                                                                                              \
            rv_vector_##name                                                                                           \
        }                                                                                                              \
    }

/* ---- optimiser ---- */

static rv_status params_setup(const bench *row, void **work)
{
    const int64_t n[BENCH_ARRAYS] = {PARAMS, PARAMS, PARAMS, PARAMS, PARAMS};
    RV_TRY(bench_arrays_create(row, n, work));
    bench_arrays *a = *work;
    for (int64_t i = 0; i < PARAMS; i++)
        a->p[3][i] *= a->p[3][i]; /* second moments are not negative */
    return RV_OK;
}

static rv_status adam_run(void *work)
{
    bench_arrays *a = work;
    rv_adam_step(3e-4, ++a->step, PARAMS, a->p[0], a->p[1], a->p[2], a->p[3]);
    return RV_OK;
}

static rv_status adam_target_run(void *work)
{
    bench_arrays *a = work;
    rv_adam_step_target(3e-4, ++a->step, PARAMS, a->p[0], a->p[1], a->p[2], a->p[3], 0.005, a->p[4]);
    return RV_OK;
}

const bench bench_math[] = {
    PRODUCT_ROWS(17, 256), /* actor of HalfCheetah */
    PRODUCT_ROWS(23, 256), /* its critics */
    PRODUCT_ROWS(256, 256),
    PRODUCT_ROWS(256, 12),  /* head of the actor */
    PRODUCT_ROWS(256, 1),   /* head of a critic */
    PRODUCT_ROWS(200, 200), /* a member of the ensemble */
    PRODUCT(dense, forward_swish, 200, 200),
    PRODUCT_ROWS(200, 36), /* its head */
    VECTOR(exp),
    VECTOR(tanh),
    VECTOR(softplus),
    VECTOR(sigmoid),
    {"vector/normal", "ns/element", "rv_vector_normal, 65536 draws", ELEMENTS, 0, 4, elements_setup, normal_run,
     bench_arrays_destroy, NULL},
    {"nn/adam", "GB/s", "rv_adam_step on 217871 parameters: 4 arrays read, 3 written", PARAMS, 0, 28, params_setup,
     adam_run, bench_arrays_destroy, NULL},
    {"nn/adam_target", "GB/s", "rv_adam_step_target on 217871 parameters: 5 arrays read, 4 written", PARAMS, 0, 36,
     params_setup, adam_target_run, bench_arrays_destroy, NULL},
    {0},
};
