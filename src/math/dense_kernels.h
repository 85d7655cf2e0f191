/* dense_kernels.h - the products of dense.h in the instructions that the including file is compiled for.
 *
 * c (m, n) = finish(bias + a b): columns in panels of two vectors, rows in tiles of up to TILE_ROWS; a panel of b is
 * packed (it stays in the first-level cache while all tiles pass), a is read in place, one element broadcast per row.
 * The accumulators of a tile are TILE_ROWS x 2 registers.
 */
#pragma once
#include "math/dense_private.h"
#include "math/lanes.h"

#include <stdbool.h>
#include <string.h>

/* loops of a constant number of turns over registers must disappear */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
#ifdef __AVX512F__
    TILE_ROWS = 14, /* 28 accumulators, 2 of b, of 32 registers */
#else
    TILE_ROWS = 6, /* 12 accumulators, 2 of b, 1 broadcast, of 16 registers */
#endif
    PANEL = 2 * LANES,
    DEPTH = 256,               /* inner indices at a time: a packed panel is 32 KiB with AVX-512 */
    PACK_ROWS = 2 * TILE_ROWS, /* fewer rows do not pay for packing */
    CHAINS = 16,               /* of a layer with one output */
};

typedef enum finish { AS_IS, CUT, SWISH, SWISH_WITH_SLOPE, WHERE_POSITIVE, TIMES } finish;

/* c (m, n; row stride ldc) = finish(bias + sum_k a[i a_row + k a_col] b[k b_row + j b_col]) */
typedef struct product {
    int m, n, k;
    const float *a;
    ptrdiff_t a_row, a_col; /* one of them is 1 */
    const float *b;
    ptrdiff_t b_row, b_col; /* one of them is 1 */
    const float *bias;      /* (n) or NULL: 0 */
    float *c;
    ptrdiff_t ldc;
    finish finish;
    const float *gate; /* (m, n; ldc) for WHERE_POSITIVE and TIMES */
    float *slope;      /* (m, n; ldc) for SWISH_WITH_SLOPE */
} product;

/* a tile of c: some rows of a panel, over some of the inner indices */
typedef struct block {
    int rows, width, depth; /* width <= PANEL */
    const float *a;
    ptrdiff_t a_row, a_col;
    const float *b; /* (depth, ldb), LANES or PANEL columns readable */
    ptrdiff_t ldb;
    float *packed;     /* (depth, PANEL) where b is also to be put; NULL: nowhere */
    const float *bias; /* (PANEL); NULL: go on from c */
    float *c;
    ptrdiff_t ldc;
    finish finish;
    const float *gate;
    float *slope;
} block;

/* LANES floats, or the first k of them when there are fewer */
static inline lanes load_up_to(int k, const float *x)
{
    return k < LANES ? lanes_load_first(k, x) : lanes_load(x);
}

static inline void store_up_to(int k, float *x, lanes v)
{
    if (k < LANES)
        lanes_store_first(k, x, v);
    else
        lanes_store(x, v);
}

static void swish_block(const block *t)
{
    const lanes one = lanes_set(1.0F);
    for (int r = 0; r < t->rows; r++)
        for (int j = 0; j < t->width; j += LANES) {
            const ptrdiff_t at = r * t->ldc + j;
            const lanes z = load_up_to(t->width - j, t->c + at);
            const lanes s = lanes_sigmoid(z);
            const lanes h = z * s;
            store_up_to(t->width - j, t->c + at, h);
            if (t->finish == SWISH_WITH_SLOPE)
                store_up_to(t->width - j, t->slope + at, s + h * (one - s));
        }
}

/* rows, vectors, transposed and packs are constants at each place of use, so that acc stays in registers */
static inline __attribute__((always_inline)) void run_block(const block *t, const int rows, const int vectors,
                                                            const bool transposed, const bool packs)
{
    lanes acc[TILE_ROWS][2];
    const ptrdiff_t ldc = t->ldc;
    const ptrdiff_t a_row = transposed ? 1 : t->a_row;
    const ptrdiff_t a_col = transposed ? t->a_col : 1;
    const float *a[(TILE_ROWS + 2) / 3]; /* every third row: the two between are reached by addressing */
    const float *b = t->b;
    float *packed = t->packed;
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            acc[r][v] = t->bias ? lanes_load(t->bias + v * LANES)
                                : load_up_to(t->width - v * LANES, t->c + r * ldc + v * LANES);
    }
    UNROLL
    for (int q = 0; q < (rows + 2) / 3; q++)
        a[q] = t->a + 3 * q * a_row;
    for (int k = 0; k < t->depth; k++) {
        lanes bv[2];
        UNROLL
        for (int v = 0; v < vectors; v++) {
            bv[v] = lanes_load(b + v * LANES);
            if (packs)
                lanes_store(packed + v * LANES, bv[v]);
        }
        b += t->ldb;
        if (packs)
            packed += PANEL;
        UNROLL
        for (int r = 0; r < rows; r++) {
            const lanes x = lanes_set(a[r / 3][r % 3 * a_row]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                acc[r][v] = lanes_fma(x, bv[v], acc[r][v]);
        }
        UNROLL
        for (int q = 0; q < (rows + 2) / 3; q++)
            a[q] += a_col;
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            const ptrdiff_t at = r * ldc + v * LANES;
            const int n = t->width - v * LANES;
            lanes z = acc[r][v];
            if (t->finish == CUT)
                z = lanes_relu(z);
            else if (t->finish == WHERE_POSITIVE)
                z = lanes_where_positive(load_up_to(n, t->gate + at), z);
            else if (t->finish == TIMES)
                z = z * load_up_to(n, t->gate + at);
            store_up_to(n, t->c + at, z);
        }
    }
    if (t->finish == SWISH || t->finish == SWISH_WITH_SLOPE)
        swish_block(t);
}

#define ROWS(n)                                                                                                        \
    static void run_rows_##n(const block *t)                                                                           \
    {                                                                                                                  \
        if (t->packed && t->a_row == 1)                                                                                \
            run_block(t, n, 2, true, true);                                                                            \
        else if (t->packed)                                                                                            \
            run_block(t, n, 2, false, true);                                                                           \
        else if (t->a_row == 1 && t->width > LANES)                                                                    \
            run_block(t, n, 2, true, false);                                                                           \
        else if (t->a_row == 1)                                                                                        \
            run_block(t, n, 1, true, false);                                                                           \
        else if (t->width > LANES)                                                                                     \
            run_block(t, n, 2, false, false);                                                                          \
        else                                                                                                           \
            run_block(t, n, 1, false, false);                                                                          \
    }

ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)
ROWS(5)
ROWS(6)
#ifdef __AVX512F__
ROWS(7)
ROWS(8)
ROWS(9)
ROWS(10)
ROWS(11)
ROWS(12)
ROWS(13)
ROWS(14)
#endif
#undef ROWS

static void (*const run_rows[])(const block *) = {
    run_rows_1, run_rows_2, run_rows_3, run_rows_4,  run_rows_5,  run_rows_6,
#ifdef __AVX512F__
    run_rows_7, run_rows_8, run_rows_9, run_rows_10, run_rows_11, run_rows_12, run_rows_13, run_rows_14,
#endif
};

/* 8 x 8 floats: to[j][i] = from[i][j] */
static inline void transpose_8x8(const float *from, ptrdiff_t ld_from, float *to, ptrdiff_t ld_to)
{
    __m256 r[8], s[8];
    UNROLL
    for (int i = 0; i < 8; i++)
        r[i] = _mm256_loadu_ps(from + i * ld_from);
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + i * ld_to, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * ld_to, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

/* packed (depth, PANEL) = rows k.. of b, columns j..j+width-1, zeros behind them */
static void pack(const product *g, int k, int depth, int j, int width, float *packed)
{
    const float *b = g->b + k * g->b_row + j * g->b_col;
    if (width < PANEL)
        memset(packed, 0, (size_t)depth * PANEL * sizeof *packed);
    if (g->b_col == 1) {
        for (int p = 0; p < depth; p++)
            memcpy(packed + p * PANEL, b + p * g->b_row, (size_t)width * sizeof *packed);
        return;
    }
    int i = 0;
    for (; i + 8 <= width; i += 8) {
        int p = 0;
        for (; p + 8 <= depth; p += 8)
            transpose_8x8(b + i * g->b_col + p, g->b_col, packed + p * PANEL + i, PANEL);
        for (; p < depth; p++)
            for (int q = i; q < i + 8; q++)
                packed[p * PANEL + q] = b[q * g->b_col + p];
    }
    for (; i < width; i++)
        for (int p = 0; p < depth; p++)
            packed[p * PANEL + i] = b[i * g->b_col + p];
}

/* all rows of c's columns j..j+width-1, over inner indices k..k+depth-1 */
static void run_panel(const product *g, int j, int width, int k, int depth)
{
    float packed[DEPTH * PANEL] __attribute__((aligned(64)));
    float bias[PANEL] = {0};
    const int n_tiles = (g->m + TILE_ROWS - 1) / TILE_ROWS;
    block t = {.width = width, .depth = depth, .a_row = g->a_row, .a_col = g->a_col, .ldc = g->ldc};
    t.finish = k + depth == g->k ? g->finish : AS_IS;
    if (g->bias)
        memcpy(bias, g->bias + j, (size_t)width * sizeof *bias);
    t.bias = k == 0 ? bias : NULL;
    if (width == PANEL && g->b_col == 1) { /* the first tile packs what it reads */
        t.b = g->b + k * g->b_row + j;
        t.ldb = g->b_row;
        t.packed = g->m >= PACK_ROWS ? packed : NULL;
    } else {
        pack(g, k, depth, j, width, packed);
        t.b = packed;
        t.ldb = PANEL;
    }
    for (int q = 0; q < n_tiles; q++) {
        const int from = (int)((int64_t)g->m * q / n_tiles);
        const ptrdiff_t at = from * g->ldc + j;
        t.rows = (int)((int64_t)g->m * (q + 1) / n_tiles) - from;
        t.a = g->a + from * g->a_row + k * g->a_col;
        t.c = g->c + at;
        t.gate = g->gate ? g->gate + at : NULL;
        t.slope = g->slope ? g->slope + at : NULL;
        run_rows[t.rows - 1](&t);
        if (t.packed) {
            t.b = packed;
            t.ldb = PANEL;
            t.packed = NULL;
        }
    }
}

static void run_product(const product *g)
{
    const int n_parts = (g->k + DEPTH - 1) / DEPTH;
    for (int j = 0; j < g->n; j += PANEL) {
        const int width = g->n - j < PANEL ? g->n - j : PANEL;
        for (int q = 0; q < n_parts; q++) {
            const int from = (int)((int64_t)g->k * q / n_parts);
            run_panel(g, j, width, from, (int)((int64_t)g->k * (q + 1) / n_parts) - from);
        }
    }
}

/* one output: chain l adds the inner indices l, l + CHAINS, ...; then a tree over the chains */
static float dot(int n, const float *x, const float *w)
{
    enum { VECTORS = CHAINS / LANES };
    lanes acc[VECTORS];
    float chains[CHAINS];
    float tail[2 * CHAINS] = {0};
    int k = 0;
    for (int v = 0; v < VECTORS; v++)
        acc[v] = lanes_set(0.0F);
    for (; k + CHAINS <= n; k += CHAINS)
        for (int v = 0; v < VECTORS; v++)
            acc[v] = lanes_fma(lanes_load(x + k + v * LANES), lanes_load(w + k + v * LANES), acc[v]);
    if (k < n) {
        memcpy(tail, x + k, (size_t)(n - k) * sizeof *x);
        memcpy(tail + CHAINS, w + k, (size_t)(n - k) * sizeof *w);
        for (int v = 0; v < VECTORS; v++)
            acc[v] = lanes_fma(lanes_load(tail + v * LANES), lanes_load(tail + CHAINS + v * LANES), acc[v]);
    }
    for (int v = 0; v < VECTORS; v++)
        lanes_store(chains + v * LANES, acc[v]);
    for (int half = CHAINS / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            chains[l] += chains[l + half];
    return chains[0];
}

static float activate_one(rv_activation act, float z, float *slope)
{
    float line[LANES] = {z};
    if (act == RV_LINEAR)
        return z;
    if (act == RV_RELU)
        return z < 0.0F ? 0.0F : z;
    lanes_store(line, lanes_sigmoid(lanes_load(line)));
    const float h = z * line[0];
    if (slope)
        *slope = line[0] + h * (1.0F - line[0]);
    return h;
}

static void forward(rv_activation act, int rows, int n_in, int n_out, const float *x, const float *w, const float *b,
                    float *h, float *slope)
{
    if (n_out == 1) {
        for (int r = 0; r < rows; r++)
            h[r] = activate_one(act, dot(n_in, x + (ptrdiff_t)r * n_in, w) + b[0], slope ? slope + r : NULL);
        return;
    }
    const product g = {
        .m = rows,
        .n = n_out,
        .k = n_in,
        .a = x,
        .a_row = n_in,
        .a_col = 1,
        .b = w,
        .b_row = n_out,
        .b_col = 1,
        .bias = b,
        .c = h,
        .ldc = n_out,
        .finish = act == RV_RELU     ? CUT
                  : act == RV_LINEAR ? AS_IS
                  : slope            ? SWISH_WITH_SLOPE
                                     : SWISH,
        .slope = slope,
    };
    run_product(&g);
}

static void column_sums(int rows, int n, const float *x, float *out)
{
    int j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        lanes sum[4] = {lanes_set(0.0F), lanes_set(0.0F), lanes_set(0.0F), lanes_set(0.0F)};
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < 4; v++)
                sum[v] += lanes_load(x + (ptrdiff_t)r * n + j + v * LANES);
        for (int v = 0; v < 4; v++)
            lanes_store(out + j + v * LANES, sum[v]);
    }
    for (int i = j; i < n; i++)
        out[i] = 0.0F;
    for (int r = 0; r < rows && j < n; r++)
        for (int i = j; i < n; i++)
            out[i] += x[(ptrdiff_t)r * n + i];
}

static void weight_grad(int rows, int n_in, int n_out, const float *x, const float *d_z, float *d_w, float *d_b)
{
    product g = {.m = n_in, .n = n_out, .k = rows, .a = x, .a_row = 1, .a_col = n_in};
    g.b = d_z;
    g.b_row = n_out;
    g.b_col = 1;
    if (n_out == 1) { /* as one row: d_w^T = d_z^T x */
        g = (product){.m = 1, .n = n_in, .k = rows, .a = d_z, .a_row = rows, .a_col = 1};
        g.b = x;
        g.b_row = n_in;
        g.b_col = 1;
    }
    g.c = d_w;
    g.ldc = g.n;
    run_product(&g);
    column_sums(rows, n_out, d_z, d_b);
}

static void input_grad(rv_activation below, int rows, int n_in, int n_out, const float *d_z, const float *w,
                       const float *gate, float *d_x)
{
    product g = {
        .m = rows,
        .n = n_in,
        .k = n_out,
        .a = d_z,
        .a_row = n_out,
        .a_col = 1,
        .b = w,
        .b_row = 1,
        .b_col = n_out,
        .ldc = n_in,
        .finish = below == RV_LINEAR ? AS_IS
                  : below == RV_RELU ? WHERE_POSITIVE
                                     : TIMES,
        .gate = gate,
    };
    g.c = d_x;
    run_product(&g);
}
