/* mpi_test.h - what a test program of several ranks includes: checks that say which rank, and main.
 *
 * A program gets the number of ranks it is started with as its argument. A failed check on any rank fails the program
 * on all; what cannot go on, or hangs, ends the job.
 *   static void some_case(rv_world *world) { ... }
 *   MPI_TEST_MAIN({"some case", some_case}, ...)
 */
#pragma once
#include "base/memory.h"
#include "base/rng.h"
#include "comm/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static rv_world *mpi_test_world;
static int64_t mpi_test_failures;

/** Goes on after a failure. */
#define FAIL(text)                                                                                                     \
    do {                                                                                                               \
        mpi_test_failures++;                                                                                           \
        fprintf(stderr, "rank %d: %s:%d: %s\n", mpi_test_world->rank, __FILE__, __LINE__, text);                       \
    } while (0)
#define CHECK(cond)                                                                                                    \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            FAIL(#cond);                                                                                               \
    } while (0)

/** Ends the job when expr does not return RV_OK: the other ranks would wait for this one. */
#define MUST(expr)                                                                                                     \
    do {                                                                                                               \
        rv_status s_ = (expr);                                                                                         \
        if (s_ != RV_OK) {                                                                                             \
            fprintf(stderr, "rank %d: %s:%d: %s\n", mpi_test_world->rank, __FILE__, __LINE__, rv_error_last()->text);  \
            rv_world_abort(mpi_test_world, 1);                                                                         \
        }                                                                                                              \
    } while (0)

typedef struct mpi_test_case {
    const char *name;
    void (*run)(rv_world *world);
} mpi_test_case;

/* every case gets all ranks to its end before the next begins */
static inline int mpi_test_run(int n, const mpi_test_case *cases, int n_ranks)
{
    int64_t failed = 0;
    alarm(50); /* a hang */
    int64_t blocks = rv_mem_blocks();
    if (rv_world_create(&mpi_test_world) != RV_OK) {
        fprintf(stderr, "%s\n", rv_error_last()->text);
        return 1;
    }
    CHECK(mpi_test_world->size == n_ranks);
    for (int i = 0; i < n; i++) {
        int64_t before = mpi_test_failures;
        cases[i].run(mpi_test_world);
        failed = mpi_test_failures - before;
        MUST(rv_world_max(mpi_test_world, 1, &failed));
        if (mpi_test_world->rank == 0)
            printf("%s: %s\n", cases[i].name, failed ? "FAILED" : "passed");
    }
    failed = mpi_test_failures;
    MUST(rv_world_max(mpi_test_world, 1, &failed));
    rv_world_destroy(&mpi_test_world);
    return failed > 0 || rv_mem_blocks() != blocks;
}

#define MPI_TEST_MAIN(...)                                                                                             \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        const mpi_test_case cases[] = {__VA_ARGS__};                                                                   \
        return mpi_test_run((int)(sizeof cases / sizeof *cases), cases, argc > 1 ? atoi(argv[1]) : 0);                 \
    }
