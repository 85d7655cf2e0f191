#include "base/clock.h"
#include "comm/mpi_test.h"

#include <time.h>

static void who_is_where(rv_world *w)
{
    CHECK(rv_world_is_rank());
    CHECK(w->rank >= 0 && w->rank < w->size);
    CHECK(w->host[0] != '\0');
    /* one machine is one node */
    CHECK(w->n_nodes == 1 && w->node == 0 && w->leader_of[0] == 0);
    CHECK(w->node_rank == w->rank && w->node_size == w->size);
    for (int r = 0; r < w->size; r++)
        CHECK(w->node_of[r] == 0);
}

static void gather_is_in_rank_order(rv_world *w)
{
    enum { LONG = 100000 };
    unsigned char *mine = NULL, *all = NULL;
    MUST(RV_NEW(mine, LONG));
    MUST(RV_NEW(all, LONG * w->size));
    for (size_t n = 1; n <= LONG; n = n * 7 + 1) {
        memset(mine, 100 + w->rank, n);
        memset(all, 0, (size_t)LONG * (size_t)w->size);
        MUST(rv_world_gather(w, mine, n, w->rank == 0 ? all : NULL));
        for (size_t i = 0; w->rank == 0 && i < (size_t)LONG * (size_t)w->size; i++)
            if (all[i] != (i < n * (size_t)w->size ? 100 + i / n : 0)) {
                FAIL("a byte is not its rank's");
                break;
            }
    }
    MUST(rv_world_gather(w, mine, 0, NULL));
    rv_mem_free(&mine);
    rv_mem_free(&all);
}

static void max_is_over_all_ranks(rv_world *w)
{
    for (int who = 0; who < w->size; who++) {
        int64_t values[] = {w->rank == who ? INT64_MAX : 1, w->rank == who ? -4 : -5, INT64_MIN + w->rank, w->rank};
        MUST(rv_world_max(w, 4, values));
        CHECK(values[0] == INT64_MAX && values[1] == -4);
        CHECK(values[2] == INT64_MIN + w->size - 1 && values[3] == w->size - 1);
    }
}

static void broadcast_comes_from_rank_0(rv_world *w)
{
    enum { LONG = 300000 };
    unsigned char *bytes = NULL;
    MUST(RV_NEW(bytes, LONG + 1));
    for (size_t n = 0; n <= LONG; n = n * 9 + 1) {
        memset(bytes, w->rank == 0 ? (int)(n % 251) + 1 : 0, n);
        bytes[n] = 0;
        MUST(rv_world_broadcast(w, bytes, n));
        CHECK(bytes[n] == 0);
        for (size_t i = 0; i < n; i++)
            if (bytes[i] != n % 251 + 1) {
                FAIL("a byte is not rank 0's");
                break;
            }
    }
    rv_mem_free(&bytes);
}

/* in turn each rank is late: nobody may be through the barrier before it has written */
static void ranks_of_a_node_share_memory(rv_world *w)
{
    enum { WORDS = 1000, ROUNDS = 20 };
    void *bases[16];
    size_t n = (size_t)WORDS * (size_t)w->size;
    MUST(rv_world_share(w, w->rank == 0 ? n * sizeof(int64_t) : 0, bases));
    int64_t *shared = bases[0];
    int64_t n_zero = 0;
    for (size_t i = 0; i < n; i++)
        n_zero += shared[i] == 0;
    CHECK(n_zero == (int64_t)n);
    MUST(rv_world_node_barrier(w)); /* all have looked */
    for (int round = 1; round <= ROUNDS; round++) {
        if (round % w->size == w->rank)
            rv_clock_sleep(0.003);
        for (int i = 0; i < WORDS; i++)
            shared[w->rank * WORDS + i] = round * 100 + w->rank;
        MUST(rv_world_node_barrier(w));
        int64_t n_right = 0;
        for (size_t i = 0; i < n; i++)
            n_right += shared[i] == round * 100 + (int64_t)i / WORDS;
        CHECK(n_right == (int64_t)n);
        MUST(rv_world_node_barrier(w));
    }
}

/* every rank's own memory, of unlike sizes, read by all; a second block leaves the first one alone */
static void each_rank_shares_its_own(rv_world *w)
{
    void *blocks[2][16];
    for (int b = 0; b < 2; b++) {
        size_t n = (size_t)(w->rank * 5000 + b);
        MUST(rv_world_share(w, n, blocks[b]));
        memset(blocks[b][w->rank], 10 * b + w->rank + 1, n);
    }
    MUST(rv_world_node_barrier(w));
    for (int b = 0; b < 2; b++)
        for (int r = 0; r < w->size; r++) {
            const unsigned char *bytes = blocks[b][r];
            int n_right = 0;
            CHECK((uintptr_t)bytes % RV_ALIGN == 0);
            for (int i = 0; i < r * 5000 + b; i++)
                n_right += bytes[i] == 10 * b + r + 1;
            CHECK(n_right == r * 5000 + b);
        }
    MUST(rv_world_node_barrier(w));
}

/* the time in a wait is counted, and the core is left to others meanwhile */
static void waits_are_counted_and_cheap(rv_world *w)
{
    if (w->rank == 0)
        rv_clock_sleep(0.4);
    double start = rv_clock_now(), before = w->wait_s;
    clock_t cpu = clock();
    MUST(rv_world_node_barrier(w));
    double passed = rv_clock_now() - start, waited = w->wait_s - before;
    CHECK(waited >= 0 && waited <= passed && waited > passed - 0.1);
    CHECK((double)(clock() - cpu) / CLOCKS_PER_SEC < 0.5 * passed + 0.02);
}

MPI_TEST_MAIN({"who is where", who_is_where}, {"gather is in rank order", gather_is_in_rank_order},
              {"max is over all ranks", max_is_over_all_ranks},
              {"broadcast comes from rank 0", broadcast_comes_from_rank_0},
              {"ranks of a node share memory", ranks_of_a_node_share_memory},
              {"each rank shares its own", each_rank_shares_its_own},
              {"waits are counted and cheap", waits_are_counted_and_cheap})
