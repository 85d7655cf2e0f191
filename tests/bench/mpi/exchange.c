/* exchange.c - what it costs to sum a vector per rank over the ranks of a node, waiting included.
 *
 * usage: mpirun -n 2 --bind-to none --mca osc ^rdma,ucx --mca mpi_yield_when_idle 1 \
 *     build/tests/bench_exchange [UNITS [FLOATS ...]]
 *
 * Defaults: a unit per rank; the gradients of both critics and of the actor of SAC on HalfCheetah (2 x 256). One JSON
 * line per size, from rank 0: microseconds of a sum and one pass over its result, over 1000 rounds in which every rank
 * first fills its parts anew; those of the same on one rank beside it, so that the difference is what ranks cost.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "comm/tree_sum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 1000, MOST_UNITS = 1024, MOST_SIZES = 8 };

typedef struct bench {
    rv_world *world;
    rv_shared *shared;
    rv_exchange *x;
    int n_units, n_sizes;
    int owner[MOST_UNITS], alone[MOST_UNITS];
    int64_t sizes[MOST_SIZES];
    rv_tree_sum *sum, *own; /* over all ranks; of this rank alone */
    double seconds[ROUNDS];
} bench;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static volatile float sink; /* what is read must not be left out */

/* what Adam would read */
static void read_all(int64_t n, const float *v)
{
    float s[8] = {0};
    for (int64_t i = 0; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            s[j] += v[i + j];
    sink = s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
}

static rv_status time_sums(bench *b, rv_tree_sum *sum, const int *owner, int64_t n)
{
    const float *total = NULL;
    float *part = NULL;
    for (int round = 0; round < ROUNDS; round++) {
        for (int u = 0; u < b->n_units; u++)
            if (owner[u] == b->world->rank) {
                RV_TRY(rv_tree_sum_part(sum, u, &part));
                for (int64_t i = 0; i < n; i++)
                    part[i] = (float)(i * round);
            }
        double start = rv_clock_now();
        RV_TRY(rv_tree_sum_begin(sum, n));
        RV_TRY(rv_tree_sum_end(sum, &total));
        read_all(n, total);
        b->seconds[round] = rv_clock_now() - start;
    }
    qsort(b->seconds, ROUNDS, sizeof *b->seconds, by_value);
    return RV_OK;
}

static rv_status run(bench *b)
{
    int64_t most = 0;
    int64_t ignored = 0;
    for (int u = 0; u < b->n_units; u++) {
        b->owner[u] = u % b->world->size;
        b->alone[u] = b->world->rank;
    }
    for (int i = 0; i < b->n_sizes; i++)
        most = b->sizes[i] > most ? b->sizes[i] : most;
    RV_TRY(rv_shared_create(b->world, &b->shared));
    RV_TRY(rv_exchange_create(b->world, b->shared, b->n_units + b->world->size, 0, &b->x));
    RV_TRY(rv_tree_sum_create(b->world, b->shared, b->x, 0, b->n_units, b->owner, most, &b->sum));
    RV_TRY(rv_tree_sum_create(b->world, b->shared, b->x, 1, b->n_units, b->alone, most, &b->own));
    RV_TRY(rv_shared_open(b->shared));
    for (int i = 0; i < b->n_sizes; i++) {
        RV_TRY(time_sums(b, b->own, b->alone, b->sizes[i]));
        double alone = b->seconds[ROUNDS / 2];
        RV_TRY(rv_world_max(b->world, 1, &ignored));
        RV_TRY(time_sums(b, b->sum, b->owner, b->sizes[i]));
        if (b->world->rank == 0)
            printf("{\"name\": \"sum of %d x %lld floats on %d ranks\", \"median\": %.1f, \"least\": %.1f, \"most of "
                   "90 %%\": %.1f, \"unit\": \"us\", \"one_rank\": %.1f}\n",
                   b->n_units, (long long)b->sizes[i], b->world->size, 1e6 * b->seconds[ROUNDS / 2],
                   1e6 * b->seconds[0], 1e6 * b->seconds[ROUNDS * 9 / 10], 1e6 * alone);
    }
    return RV_OK;
}

int main(int argc, char **argv)
{
    static bench b = {.n_sizes = 2, .sizes = {144900, 73230}};
    rv_status status = rv_world_create(&b.world);
    if (status == RV_OK) {
        b.n_units = argc > 1 ? atoi(argv[1]) : b.world->size;
        for (int i = 2; i < argc && i - 2 < MOST_SIZES; i++)
            b.sizes[(b.n_sizes = i - 1) - 1] = atoll(argv[i]);
        status = b.n_units >= b.world->size && b.n_units <= MOST_UNITS
                     ? run(&b)
                     : rv_raise(RV_E_USAGE, "expected %d to %d units", b.world->size, MOST_UNITS);
    }
    if (status != RV_OK) {
        fprintf(stderr, "%s\n", rv_error_last()->text);
        rv_world_abort(b.world, rv_status_exit_code(status));
    }
    rv_tree_sum_destroy(&b.sum);
    rv_tree_sum_destroy(&b.own);
    rv_exchange_destroy(&b.x);
    rv_shared_destroy(&b.shared);
    rv_world_destroy(&b.world);
    return 0;
}
