/* bench.h - a benchmark is a row of a table: what is run, and how much of what one run makes.
 *
 * To add one: a row in a table of bench_<area>.c (for another product of a dense layer: one function and one line of
 * PRODUCT_ROWS in bench_math.c). tests/bench/run finds it by its name.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

typedef struct bench bench;
struct bench {
    const char *name; /* "gemm/23-256/forward" */
    const char *unit; /* what people read: "GFLOP/s", "GB/s", "s", "THING/s", "ns/THING" */
    const char *help; /* one line */
    double items;     /* things that one run makes */
    double flop;      /* floating-point operations of one thing, 0: not counted */
    double bytes;     /* read and written for one thing, 0: not counted */
    /** Everything a run needs. @return RV_OK; RV_E_UNAVAILABLE when this processor cannot run it */
    rv_status (*setup)(const bench *row, void **work);
    rv_status (*run)(void *work);
    void (*teardown)(void **work);
    const void *args; /* what tells rows of one kind apart */
};

/* tables; each ends with a row whose name is NULL */
extern const bench bench_ceilings[], bench_math[], bench_learn[], bench_env[], bench_journal[];

/** The work of benchmarks on plain arrays. */
enum { BENCH_ARRAYS = 5 };
typedef struct bench_arrays {
    const bench *row;
    int64_t n[BENCH_ARRAYS];
    float *p[BENCH_ARRAYS]; /* p[i] (n[i]), standard normal; NULL where n[i] is 0 */
    int64_t step;
} bench_arrays;

rv_status bench_arrays_create(const bench *row, const int64_t n[BENCH_ARRAYS], void **work);
void bench_arrays_destroy(void **work);

/** n standard normal floats. */
void bench_fill(uint32_t unit, int64_t n, float *out);
