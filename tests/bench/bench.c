/* bench.c - the benchmarks of this project as one process that is asked for one repeat at a time; tests/bench/run asks.
 *
 *   reverie_bench --list                the benchmarks: name, unit, flop, bytes (of one thing), help; between tabs
 *   reverie_bench [INSTRUCTIONS]        auto, avx2 or avx512 (the setting kernels.instructions)
 *
 * The second form prints "ready", the kernels in use and OpenBLAS's own, between tabs; then for each name that comes in
 * on a line: "ok", the processor's seconds and the clock's seconds for one thing; or "unavailable" or "error" and a
 * text. A repeat is as many runs as fill REPEAT_S seconds, at least one. Whatever needs warming up (memory that is
 * touched for the first time, the number of runs) is done when a name comes for the first time; runs so short that
 * others' data in the caches would show are preceded by one that does not count.
 */
#include "tests/bench/bench.h"

#include "base/clock.h"
#include "base/memory.h"
#include "math/gemm.h"
#include "math/kernels.h"
#include "math/vector.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define REPEAT_S 0.05

enum { MOST_ROWS = 256, NAME = 256 };

/* a row that was asked for */
typedef struct state {
    const bench *row;
    void *work;
    int64_t n_runs; /* of a repeat */
} state;

static state states[MOST_ROWS];
static int n_states;

void bench_fill(uint32_t unit, int64_t n, float *out)
{
    const int64_t most = INT_MAX / 2;
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, unit, 0);
    for (int64_t i = 0; i < n; i += most)
        rv_vector_normal(&rng, (int)(n - i < most ? n - i : most), out + i);
}

rv_status bench_arrays_create(const bench *row, const int64_t n[BENCH_ARRAYS], void **work)
{
    bench_arrays *a = NULL;
    rv_status status = RV_OK;
    RV_TRY(RV_NEW(a, 1));
    a->row = row;
    for (int i = 0; i < BENCH_ARRAYS; i++) {
        a->n[i] = n[i];
        if (n[i] == 0)
            continue;
        RV_TRY_GOTO(RV_NEW(a->p[i], n[i]), fail);
        bench_fill((uint32_t)i, n[i], a->p[i]);
    }
    *work = a;
    return RV_OK;
fail:
    bench_arrays_destroy((void **)&a);
    return status;
}

void bench_arrays_destroy(void **work)
{
    bench_arrays *a = *work;
    for (int i = 0; a && i < BENCH_ARRAYS; i++)
        rv_mem_free(&a->p[i]);
    rv_mem_free(work);
}

static double cpu_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static rv_status run_times(const state *s, int64_t n, double *cpu, double *wall)
{
    double cpu_start = cpu_now();
    double wall_start = rv_clock_now();
    for (int64_t i = 0; i < n; i++)
        RV_TRY(s->row->run(s->work));
    *cpu = cpu_now() - cpu_start;
    *wall = rv_clock_now() - wall_start;
    return RV_OK;
}

/* set up, warm up, and find how many runs fill a repeat */
static rv_status prepare(state *s)
{
    double cpu = 0;
    double wall = 0;
    RV_TRY(s->row->setup(s->row, &s->work));
    RV_TRY(run_times(s, 1, &cpu, &wall));
    for (int64_t n = 1;; n *= 2) {
        RV_TRY(run_times(s, n, &cpu, &wall));
        if (cpu >= REPEAT_S) {
            s->n_runs = n;
            return RV_OK;
        }
    }
}

static rv_status repeat(state *s, double *cpu, double *wall)
{
    if (s->n_runs == 0)
        RV_TRY(prepare(s));
    if (s->n_runs > 1)
        RV_TRY(s->row->run(s->work));
    RV_TRY(run_times(s, s->n_runs, cpu, wall));
    *cpu /= (double)s->n_runs * s->row->items;
    *wall /= (double)s->n_runs * s->row->items;
    return RV_OK;
}

static void collect(const bench *table)
{
    for (; table->name && n_states < MOST_ROWS; table++)
        states[n_states++].row = table;
}

static state *find(const char *name)
{
    for (int i = 0; i < n_states; i++)
        if (strcmp(states[i].row->name, name) == 0)
            return &states[i];
    return NULL;
}

static void answer(const char *name)
{
    double cpu = 0;
    double wall = 0;
    state *s = find(name);
    rv_status status = s ? repeat(s, &cpu, &wall) : rv_raise(RV_E_USAGE, "no benchmark '%s'", name);
    if (status == RV_OK)
        printf("ok\t%.9g\t%.9g\n", cpu, wall);
    else
        printf("%s\t%s\n", status == RV_E_UNAVAILABLE ? "unavailable" : "error", rv_error_last()->text);
    (void)fflush(stdout);
}

static rv_status choose(const char *instructions)
{
    rv_kernels_cfg cfg;
    RV_TRY(rv_field_defaults(rv_kernels_cfg_fields, &cfg));
    rv_status status = rv_field_parse(rv_field_find(rv_kernels_cfg_fields, "instructions"), instructions, &cfg);
    if (status != RV_OK)
        return rv_error_prefix(status, "kernels");
    return rv_kernels_choose(&cfg);
}

static rv_status serve(const char *instructions)
{
    char line[NAME];
    char kernels[RV_FIELD_TEXT];
    RV_TRY(choose(instructions));
    rv_kernels_describe(kernels);
    printf("ready\t%s\t%s\n", kernels, rv_gemm_kernel_name());
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        answer(line);
    }
    for (int i = 0; i < n_states; i++)
        if (states[i].work)
            states[i].row->teardown(&states[i].work);
    return RV_OK;
}

int main(int argc, char **argv)
{
    collect(bench_ceilings);
    collect(bench_math);
    collect(bench_learn);
    collect(bench_env);
    collect(bench_journal);
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < n_states; i++)
            printf("%s\t%s\t%.17g\t%.17g\t%s\n", states[i].row->name, states[i].row->unit, states[i].row->flop,
                   states[i].row->bytes, states[i].row->help);
        return 0;
    }
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        (void)fprintf(stderr, "usage: reverie_bench --list | [auto|avx2|avx512]\n");
        return 64;
    }
    rv_status status = serve(argc == 2 ? argv[1] : "auto");
    if (status != RV_OK)
        (void)fprintf(stderr, "reverie_bench: %s\n", rv_error_last()->text);
    return rv_status_exit_code(status);
}
