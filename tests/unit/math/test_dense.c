#include "base/rng.h"
#include "math/dense.h"
#include "rv_test.h"

#include <stdlib.h>

/* every path: full and partial panels and tiles, packed or not, more than one part over the inner index, one output */
static const int shapes[][3] = {{1, 3, 64},   {1, 64, 2},     {5, 17, 33},   {256, 23, 256},
                                {100, 64, 1}, {256, 256, 12}, {37, 300, 50}, {29, 600, 16},
                                {13, 1, 1},   {2, 1, 700},    {64, 200, 36}, {300, 31, 8}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };
static const char *const sets[] = {"auto", "avx2", "avx512"};

typedef struct layer {
    int rows, n_in, n_out;
    float *x, *w, *b, *d_z, *gate;      /* given */
    float *h, *slope, *d_w, *d_b, *d_x; /* computed */
} layer;

static float *draw(rv_rng *rng, int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)rv_rng_normal(rng);
    return x;
}

static layer make(const int shape[3])
{
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, (uint64_t)shape[0]);
    layer l = {.rows = shape[0], .n_in = shape[1], .n_out = shape[2]};
    const int64_t n_x = (int64_t)l.rows * l.n_in;
    const int64_t n_z = (int64_t)l.rows * l.n_out;
    const int64_t n_w = (int64_t)l.n_in * l.n_out;
    l.x = draw(&rng, n_x);
    l.w = draw(&rng, n_w);
    l.b = draw(&rng, l.n_out);
    l.d_z = draw(&rng, n_z);
    l.gate = draw(&rng, n_x);
    l.h = draw(&rng, n_z);
    l.slope = draw(&rng, n_z);
    l.d_w = draw(&rng, n_w);
    l.d_b = draw(&rng, l.n_out);
    l.d_x = draw(&rng, n_x);
    return l;
}

static void clear(layer *l)
{
    float *all[] = {l->x, l->w, l->b, l->d_z, l->gate, l->h, l->slope, l->d_w, l->d_b, l->d_x};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void compute(layer *l, rv_activation act)
{
    rv_dense_forward(act, l->rows, l->n_in, l->n_out, l->x, l->w, l->b, l->h, l->slope);
    rv_dense_weight_grad(l->rows, l->n_in, l->n_out, l->x, l->d_z, l->d_w, l->d_b);
    rv_dense_input_grad(act, l->rows, l->n_in, l->n_out, l->d_z, l->w, act == RV_LINEAR ? NULL : l->gate, l->d_x);
}

static double act_of(rv_activation act, double z, double *slope)
{
    const double s = 1 / (1 + exp(-z));
    *slope = act == RV_SWISH ? s + z * s * (1 - s) : 0;
    return act == RV_LINEAR ? z : act == RV_RELU ? fmax(z, 0) : z * s;
}

static double factor(rv_activation act, float gate)
{
    return act == RV_LINEAR ? 1 : act == RV_RELU ? gate > 0 : (double)gate;
}

/* largest error over what the sum of n terms of size 1 may have */
static double error_of(double got, double want, int n)
{
    return fabs(got - want) / (3e-7 * sqrt(n) * (4 + fabs(want)));
}

/* against double precision, in another order */
static double worst_error(const layer *l, rv_activation act)
{
    double worst = 0;
    for (int64_t r = 0; r < l->rows; r++)
        for (int64_t j = 0; j < l->n_out; j++) {
            double z = 0;
            double slope = 0;
            for (int64_t i = l->n_in - 1; i >= 0; i--)
                z += (double)l->x[r * l->n_in + i] * (double)l->w[i * l->n_out + j];
            const double h = act_of(act, z + (double)l->b[j], &slope);
            worst = fmax(worst, error_of((double)l->h[r * l->n_out + j], h, l->n_in));
            if (act == RV_SWISH)
                worst = fmax(worst, error_of((double)l->slope[r * l->n_out + j], slope, l->n_in));
        }
    for (int64_t i = 0; i < l->n_in; i++)
        for (int64_t j = 0; j < l->n_out; j++) {
            double sum = 0;
            for (int64_t r = l->rows - 1; r >= 0; r--)
                sum += (double)l->x[r * l->n_in + i] * (double)l->d_z[r * l->n_out + j];
            worst = fmax(worst, error_of((double)l->d_w[i * l->n_out + j], sum, l->rows));
        }
    for (int64_t j = 0; j < l->n_out; j++) {
        double sum = 0;
        for (int64_t r = l->rows - 1; r >= 0; r--)
            sum += (double)l->d_z[r * l->n_out + j];
        worst = fmax(worst, error_of((double)l->d_b[j], sum, l->rows));
    }
    for (int64_t r = 0; r < l->rows; r++)
        for (int64_t i = 0; i < l->n_in; i++) {
            double sum = 0;
            for (int64_t j = l->n_out - 1; j >= 0; j--)
                sum += (double)l->d_z[r * l->n_out + j] * (double)l->w[i * l->n_out + j];
            sum *= factor(act, l->gate[r * l->n_in + i]);
            worst = fmax(worst, error_of((double)l->d_x[r * l->n_in + i], sum, l->n_out));
        }
    return worst;
}

static void products_are_right(void)
{
    for (int products = 0; products < 2; products++)
        for (int set = 0; set < 3; set++) {
            if (!rv_test_kernels(set, products))
                continue;
            for (int k = 0; k < N_SHAPES; k++)
                for (int act = RV_LINEAR; act <= RV_SWISH; act++) {
                    layer l = make(shapes[k]);
                    compute(&l, (rv_activation)act);
                    const double worst = worst_error(&l, (rv_activation)act);
                    if (!(worst < 1))
                        printf("\n    %s%s, (%d, %d, %d), activation %d: %g of what is allowed\n", sets[set],
                               products ? " openblas" : "", l.rows, l.n_in, l.n_out, act, worst);
                    CU_ASSERT(worst < 1);
                    clear(&l);
                }
        }
}

static void same(int64_t n, const float *a, const float *b)
{
    CU_ASSERT(memcmp(a, b, (size_t)n * sizeof *a) == 0);
}

static void instructions_give_the_same_bits(void)
{
    for (int k = 0; k < N_SHAPES; k++)
        for (int act = RV_LINEAR; act <= RV_SWISH; act++) {
            layer narrow = make(shapes[k]);
            layer wide = make(shapes[k]);
            const int64_t n_x = (int64_t)wide.rows * wide.n_in;
            const int64_t n_z = (int64_t)wide.rows * wide.n_out;
            CU_ASSERT_FATAL(rv_test_kernels(1 + RV_AVX2, 0));
            compute(&narrow, (rv_activation)act);
            if (rv_test_kernels(1 + RV_AVX512, 0)) {
                compute(&wide, (rv_activation)act);
                same(n_z, narrow.h, wide.h);
                same(n_z, narrow.slope, wide.slope);
                same((int64_t)wide.n_in * wide.n_out, narrow.d_w, wide.d_w);
                same(wide.n_out, narrow.d_b, wide.d_b);
                same(n_x, narrow.d_x, wide.d_x);
            }
            clear(&narrow);
            clear(&wide);
        }
}

static void rows_do_not_depend_on_their_number(void)
{
    for (int set = 1; set < 3; set++)
        for (int k = 0; k < N_SHAPES && rv_test_kernels(set, 0); k++) {
            layer whole = make(shapes[k]);
            layer part = make(shapes[k]);
            compute(&whole, RV_SWISH);
            part.rows = 1;
            for (int r = 0; r < whole.rows; r++) {
                memcpy(part.x, whole.x + (size_t)r * (size_t)whole.n_in, (size_t)whole.n_in * sizeof *part.x);
                memcpy(part.d_z, whole.d_z + (size_t)r * (size_t)whole.n_out, (size_t)whole.n_out * sizeof *part.x);
                memcpy(part.gate, whole.gate + (size_t)r * (size_t)whole.n_in, (size_t)whole.n_in * sizeof *part.x);
                compute(&part, RV_SWISH);
                same(whole.n_out, part.h, whole.h + (size_t)r * (size_t)whole.n_out);
                same(whole.n_in, part.d_x, whole.d_x + (size_t)r * (size_t)whole.n_in);
            }
            clear(&whole);
            clear(&part);
        }
}

static void what_is_not_a_number_shows(void)
{
    for (int set = 1; set < 3 && rv_test_kernels(set, 0); set++)
        for (int act = RV_LINEAR; act <= RV_SWISH; act++)
            for (int n_out = 1; n_out < 3; n_out++) {
                const int shape[3] = {4, 5, n_out};
                layer l = make(shape);
                l.x[5] = NAN;
                compute(&l, (rv_activation)act);
                CU_ASSERT(isfinite(l.h[0]) && isnan(l.h[n_out]) && isfinite(l.h[2 * n_out]));
                CU_ASSERT(isnan(l.d_w[0]));
                clear(&l);
            }
}

RV_TEST_MAIN("dense", {"products are right", products_are_right},
             {"instruction sets give the same bits", instructions_give_the_same_bits},
             {"rows do not depend on their number", rows_do_not_depend_on_their_number},
             {"what is not a number shows", what_is_not_a_number_shows})
