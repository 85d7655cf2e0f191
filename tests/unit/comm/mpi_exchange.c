#include "base/clock.h"
#include "comm/mpi_test.h"
#include "comm/tree_sum.h"
#include "comm/world_mpi.h"

#include <math.h>

enum { MOST_UNITS = 9, MOST_RANKS = 8, MANY_UNITS = 2500 };

static rv_rng rng_of(int round, int rank)
{
    return rv_rng_at(11, RV_STREAM_TEST, (uint32_t)rank, (uint64_t)round);
}

/* ---- the ranks as they are, and dealt out to two nodes of a pretended kind ---- */

static int node_of[MOST_RANKS], node_rank_of[MOST_RANKS], leader_of[2];
static struct rv_world_mpi two_mpi;

/* of odd and even ranks; a node may have one rank, and with one rank there is one node */
static rv_world pretend_two_nodes(const rv_world *w)
{
    rv_world two = *w;
    two_mpi = *w->mpi;
    two_mpi.n_windows = 0;
    two_mpi.windows = NULL;
    two.n_nodes = w->size > 1 ? 2 : 1;
    two.node = w->rank % 2;
    two.node_rank = w->rank / 2;
    two.node_size = (w->size + 1 - two.node) / 2;
    for (int r = 0; r < w->size; r++) {
        node_of[r] = r % 2;
        node_rank_of[r] = r / 2;
        leader_of[r % 2] = r % 2;
    }
    two.node_of = node_of;
    two.node_rank_of = node_rank_of;
    two.leader_of = leader_of;
    two.mpi = &two_mpi;
    if (MPI_Comm_split(w->mpi->node, two.node, w->rank, &two_mpi.node) != MPI_SUCCESS)
        rv_world_abort(w, 1);
    return two;
}

static void forget_nodes(rv_world *two)
{
    for (int i = 0; i < two->mpi->n_windows; i++) {
        MPI_Win_unlock_all(two->mpi->windows[i]);
        MPI_Win_free(&two->mpi->windows[i]);
    }
    rv_mem_free(&two->mpi->windows);
    MPI_Comm_free(&two->mpi->node);
}

typedef struct channel {
    rv_shared *shared;
    rv_exchange *x;
    unsigned char *bytes; /* in shared memory */
} channel;

static channel *open_channel(rv_world *w, int max_posts, size_t n_bytes)
{
    channel *c = NULL;
    MUST(RV_NEW(c, 1));
    MUST(rv_shared_create(w, &c->shared));
    MUST(RV_SHARED_NEW(c->shared, c->bytes, n_bytes));
    MUST(rv_exchange_create(w, c->shared, max_posts, MANY_UNITS, &c->x));
    CHECK(c->bytes == NULL);
    MUST(rv_shared_open(c->shared));
    CHECK((uintptr_t)c->bytes % RV_ALIGN == 0);
    return c;
}

static void close_channel(channel *c)
{
    rv_exchange_destroy(&c->x);
    rv_shared_destroy(&c->shared);
    rv_mem_free(&c);
}

/* ---- messages ---- */

static const size_t lengths[] = {0, 1, 7, 4096, 5000, 100000, 1 << 18, 64};
enum { LENGTHS = sizeof lengths / sizeof *lengths, LONGEST = 1 << 18 };

/* what byte k of a message is: its own for every sender, reader, number and round */
static unsigned char byte_of(int from, int to, int number, int round, size_t k)
{
    return (unsigned char)((size_t)(from * 31 + to * 17 + number * 7 + round * 3) + k * (k >> 8 | 1));
}

/* every rank writes to every rank, itself too, from shared memory and from its own; all send and read in orders of
 * their own, and no round waits for the one before: the bytes of a round are gone as soon as finish says so */
static void messages(rv_world *w)
{
    int n = w->size * LENGTHS;
    unsigned char *own = NULL, *in = NULL;
    uint32_t *order = NULL;
    channel *c = open_channel(w, n, (size_t)n * LONGEST);
    rv_exchange *x = c->x;
    MUST(RV_NEW(own, (size_t)n * LONGEST));
    MUST(RV_NEW(in, LONGEST));
    MUST(RV_NEW(order, n));
    for (int round = 0; round < 6; round++) {
        rv_rng rng = rng_of(round, w->rank);
        rv_rng_permutation(&rng, (uint32_t)n, order);
        for (int i = 0; i < n; i++) {
            int to = (int)order[i] / LENGTHS, k = (int)order[i] % LENGTHS;
            unsigned char *bytes = (round + i) % 3 ? c->bytes : own; /* a name's next message may travel otherwise */
            bytes += (size_t)order[i] * LONGEST;
            for (size_t b = 0; b < lengths[k]; b++)
                bytes[b] = byte_of(w->rank, to, k, round, b);
            MUST(rv_exchange_send(x, to, k % 3 ? 15 : 0, 65535 - k, lengths[k] ? bytes : NULL, lengths[k]));
        }
        if (round == w->rank)
            rv_clock_sleep(0.02);
        rv_rng_permutation(&rng, (uint32_t)n, order);
        for (int i = 0; i < n; i++) {
            int from = (int)order[i] / LENGTHS, k = (int)order[i] % LENGTHS;
            size_t got = 99, n_right = 0;
            size_t max = i % 2 ? LONGEST : lengths[k]; /* room to spare, or just enough */
            MUST(rv_exchange_receive(x, from, k % 3 ? 15 : 0, 65535 - k, in, max, &got));
            CHECK(got == lengths[k]);
            for (size_t b = 0; b < lengths[k]; b++)
                n_right += in[b] == byte_of(from, w->rank, k, round, b);
            CHECK(n_right == lengths[k]);
        }
        MUST(rv_exchange_finish(x));
    }
    close_channel(c);
    rv_mem_free(&own);
    rv_mem_free(&in);
    rv_mem_free(&order);
}

static void messages_in_any_order(rv_world *w)
{
    messages(w);
    rv_world two = pretend_two_nodes(w);
    messages(&two);
    forget_nodes(&two);
}

/* posts of one exchange do not hold up the other: what is posted first is taken last */
static void exchanges_are_apart(rv_world *w)
{
    enum { N = 10000 };
    rv_shared *shared = NULL;
    rv_exchange *first = NULL, *second = NULL;
    unsigned char *bytes = NULL, in[N];
    int to = (w->rank + 1) % w->size, from = (w->rank + w->size - 1) % w->size;
    size_t got = 0;
    MUST(rv_shared_create(w, &shared));
    MUST(rv_exchange_create(w, shared, 1, 0, &first));
    MUST(rv_exchange_create(w, shared, 1, 0, &second));
    MUST(RV_SHARED_NEW(shared, bytes, 2 * N));
    MUST(rv_shared_open(shared));
    for (int round = 0; round < 10; round++) {
        memset(bytes, 1 + round, N);
        memset(bytes + N, 101 + round, N);
        MUST(rv_exchange_send(first, to, 1, 0, bytes, N));
        MUST(rv_exchange_send(second, to, 2, 0, bytes + N, N));
        MUST(rv_exchange_receive(second, from, 2, 0, in, N, &got));
        CHECK(got == N && in[0] == 101 + round && in[N - 1] == 101 + round);
        MUST(rv_exchange_finish(second));
        MUST(rv_exchange_receive(first, from, 1, 0, in, N, &got));
        CHECK(got == N && in[0] == 1 + round && in[N - 1] == 1 + round);
        MUST(rv_exchange_finish(first));
    }
    rv_exchange_destroy(&first);
    rv_exchange_destroy(&second);
    rv_shared_destroy(&shared);
}

/* a message that is too long is refused, says whose it is, and leaves nothing changed; then all goes on */
static void too_long_is_an_error(rv_world *w)
{
    enum { LONG = 5000 };
    char in[LONG] = "in", own[100] = "out";
    channel *c = open_channel(w, 4, LONG);
    strcpy((char *)c->bytes, "out");
    for (int trial = 0; trial < 4 && trial / 2 < w->size; trial++) {
        int to = (w->rank + trial / 2) % w->size, from = (w->rank - trial / 2 + w->size) % w->size;
        size_t got = 77, n = trial % 2 ? LONG : 100;
        char expected[64];
        MUST(rv_exchange_send(c->x, to, 3, 8, trial % 2 ? (void *)c->bytes : own, n));
        MUST(rv_exchange_send(c->x, to, 3, 9, own, 4));
        CHECK(rv_exchange_receive(c->x, from, 3, 8, in, n - 1, &got) == RV_E_PROTOCOL);
        const char *text = rv_error_last()->text;
        snprintf(expected, sizeof expected, "%zu bytes, expected at most %zu", n, n - 1);
        CHECK(strstr(text, "product 3 of unit 8") && strstr(text, expected));
        CHECK(got == 77 && strcmp(in, "in") == 0);
        MUST(rv_exchange_receive(c->x, from, 3, 9, in, 4, &got));
        CHECK(got == 4 && strcmp(in, "out") == 0);
        strcpy(in, "in");
        MUST(rv_exchange_finish(c->x));
    }
    close_channel(c);
}

static void wrong_use_is_an_error(rv_world *w)
{
    char byte = 0;
    void *late = NULL;
    size_t got = 0;
    channel *c = open_channel(w, 2, 100);
    rv_exchange *x = c->x;
    CHECK(rv_shared_reserve(c->shared, 1, 1, &late) == RV_E_INTERNAL && rv_shared_open(c->shared) == RV_E_INTERNAL);
    CHECK(rv_exchange_receive(x, w->rank, 0, 0, &byte, 1, &got) == RV_E_INTERNAL); /* nobody posted it */
    CHECK(rv_exchange_send(x, w->rank, 16, 0, &byte, 1) == RV_E_INTERNAL);
    CHECK(rv_exchange_send(x, w->rank, -1, 0, &byte, 1) == RV_E_INTERNAL);
    CHECK(rv_exchange_send(x, w->rank, 0, 65536, &byte, 1) == RV_E_INTERNAL); /* would be unit 0 of product 1 */
    CHECK(rv_exchange_send(x, w->rank, 0, -1, &byte, 1) == RV_E_INTERNAL);
    CHECK(rv_exchange_receive(x, w->rank, 0, 65536, &byte, 1, &got) == RV_E_INTERNAL);
    CHECK(rv_exchange_send(x, w->rank, 0, 0, &byte, (size_t)1 << 31) == RV_E_INTERNAL);
    for (int i = 0; i < 2; i++)
        MUST(rv_exchange_send(x, w->rank, 0, i, &byte, 1));
    CHECK(rv_exchange_send(x, w->rank, 0, 2, &byte, 1) == RV_E_INTERNAL);
    CHECK(strstr(rv_error_last()->text, "more than 2 posts"));
    MUST(rv_exchange_finish(x)); /* and then there is room again */
    CHECK(rv_exchange_receive(x, w->rank, 0, 0, &byte, 1, &got) == RV_E_INTERNAL);
    MUST(rv_exchange_send(x, w->rank, 0, 2, &byte, 1));
    MUST(rv_exchange_finish(x));
    close_channel(c);
}

/* ---- what all owners do together ---- */

/* who owns which unit in a trial, the same on every rank: all on one, in turn, in blocks, then at random */
static void place_units(const rv_world *w, int trial, int n_units, int *owner)
{
    rv_rng rng = rng_of(1000 + trial, n_units);
    for (int u = 0; u < n_units; u++)
        owner[u] = trial == 0   ? w->size - 1
                   : trial == 1 ? u % w->size
                   : trial == 2 ? (n_units - 1 - u) * w->size / n_units
                                : (int)rv_rng_below(&rng, (uint32_t)w->size);
}

static bool owns_any(int rank, int n_units, const int *owner)
{
    for (int u = 0; u < n_units; u++)
        if (owner[u] == rank)
            return true;
    return false;
}

enum { TRIALS = 12 };

static void check_share(rv_world *w, rv_exchange *x, int n_units, int trial)
{
    static int owner[MANY_UNITS];
    static double values[MANY_UNITS];
    int n_right = 0;
    place_units(w, trial, n_units, owner);
    if (!owns_any(w->rank, n_units, owner))
        return;
    for (int u = 0; u < n_units; u++)
        values[u] = owner[u] == w->rank ? trial + 0.1 * u : NAN;
    MUST(rv_exchange_share(x, 4, n_units, owner, values));
    for (int u = 0; u < n_units; u++)
        n_right += values[u] == trial + 0.1 * u;
    CHECK(n_right == n_units);
}

static void share_reaches_all_owners(rv_world *w)
{
    channel *c = open_channel(w, MOST_RANKS, 0);
    for (int n_units = 1; n_units <= MOST_UNITS; n_units++)
        for (int trial = 0; trial < TRIALS; trial++)
            check_share(w, c->x, n_units, trial);
    for (int trial = 0; trial < TRIALS; trial++)
        check_share(w, c->x, MANY_UNITS, trial);
    double value = 0;
    CHECK(rv_exchange_share(c->x, 4, MANY_UNITS + 1, &w->rank, &value) == RV_E_INTERNAL);
    close_channel(c);
}

/* ---- sums ---- */

enum { MOST = 20000, ROUNDS = 4, MOST_SUM_UNITS = 40 };

static int n_order_matters; /* sums whose bits would be others in unit order */

/* element i of a unit's vector: magnitudes from 1e-4 to 1e4, so that a sum's bits depend on its order */
static float value_of(int unit, int round, int i)
{
    uint32_t x = (uint32_t)(unit * 7919 + round * 104729 + i) * 2654435761u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    static const float scales[] = {1e-4F, 1e-2F, 1, 1e2F, 1e4F};
    return ((float)(x >> 8) / 8388608.0F - 1) * scales[x % 5];
}

/* the sum of units from..from+width-1, width a power of two, as the header says: (0 + 1) + (2 + 3) + ... */
static float tree(int n_units, int from, int width, int round, int i)
{
    if (width == 1)
        return value_of(from, round, i);
    float left = tree(n_units, from, width / 2, round, i);
    return from + width / 2 < n_units ? left + tree(n_units, from + width / 2, width / 2, round, i) : left;
}

static void check_total(int n_units, int round, int n, const float *total)
{
    for (int i = 0; i<n; i += n_units> MOST_UNITS ? 37 : 1) {
        float in_turn = 0;
        for (int u = 0; u < n_units; u++)
            in_turn += value_of(u, round, i);
        n_order_matters += in_turn != total[i];
        if (total[i] != tree(n_units, 0, 4096, round, i)) {
            FAIL("a sum is not that of the tree");
            break;
        }
    }
}

/* rounds of one sum; nobody waits between them, and some come late */
static void check_sum(const rv_world *w, rv_tree_sum *s, int n_units, int trial, const int *owner)
{
    static const int sizes[] = {1, 17, 3000, MOST, 8192, 4097, 16384, MOST - 1};
    const float *total = NULL;
    float *part = NULL;
    CHECK(rv_tree_sum_begin(s, 1) == RV_E_INTERNAL && rv_tree_sum_end(s, &total) == RV_E_INTERNAL);
    rv_rng rng = rng_of(trial, 50 + w->rank);
    for (int round = 0; round < ROUNDS; round++) {
        int n = sizes[(trial + round) % 8];
        for (int u = 0; u < n_units; u++) {
            if (owner[u] != w->rank)
                continue;
            MUST(rv_tree_sum_part(s, u, &part));
            for (int i = 0; i < n; i++)
                part[i] = value_of(u, round, i);
        }
        if (trial > 8)
            rv_clock_sleep(2e-3 * rv_rng_uniform(&rng));
        MUST(rv_tree_sum_begin(s, n));
        CHECK(rv_tree_sum_begin(s, n) == RV_E_INTERNAL && rv_tree_sum_part(s, 0, &part) == RV_E_INTERNAL);
        MUST(rv_tree_sum_end(s, &total));
        CHECK(rv_tree_sum_end(s, &total) == RV_E_INTERNAL);
        if (trial > 10)
            rv_clock_sleep(2e-3 * rv_rng_uniform(&rng)); /* others may be a round ahead when this is read */
        check_total(n_units, round, n, total);
    }
    CHECK(rv_tree_sum_begin(s, MOST + 1) == RV_E_INTERNAL);
}

static void sums_of(rv_world *w, int n_units)
{
    static int owner[TRIALS][MOST_SUM_UNITS];
    rv_tree_sum *sums[TRIALS] = {0};
    rv_shared *shared = NULL;
    rv_exchange *x = NULL;
    MUST(rv_shared_create(w, &shared));
    MUST(rv_exchange_create(w, shared, n_units + MOST_RANKS, 0, &x));
    for (int trial = 0; trial < TRIALS; trial++) {
        place_units(w, trial, n_units, owner[trial]);
        if (owns_any(w->rank, n_units, owner[trial]))
            MUST(rv_tree_sum_create(w, shared, x, trial, n_units, owner[trial], MOST, &sums[trial]));
        else
            CHECK(rv_tree_sum_create(w, shared, x, trial, n_units, owner[trial], MOST, &sums[trial]) == RV_E_INTERNAL);
    }
    MUST(rv_shared_open(shared));
    for (int trial = 0; trial < TRIALS; trial++)
        if (sums[trial])
            check_sum(w, sums[trial], n_units, trial, owner[trial]);
    MUST(rv_exchange_finish(x));
    for (int trial = 0; trial < TRIALS; trial++)
        rv_tree_sum_destroy(&sums[trial]);
    rv_exchange_destroy(&x);
    rv_shared_destroy(&shared);
}

static void sums_are_those_of_the_tree(rv_world *w)
{
    static const int n_units[] = {1, 2, 3, 4, 5, 6, 7, 9, 40};
    rv_world two = pretend_two_nodes(w);
    for (size_t i = 0; i < sizeof n_units / sizeof *n_units; i++) {
        sums_of(w, n_units[i]);
        sums_of(&two, n_units[i]);
    }
    forget_nodes(&two);
    CHECK(w->rank > 0 || w->size > 1 || n_order_matters > 1000);
}

MPI_TEST_MAIN({"messages in any order", messages_in_any_order}, {"exchanges are apart", exchanges_are_apart},
              {"too long is an error", too_long_is_an_error}, {"wrong use is an error", wrong_use_is_an_error},
              {"share reaches all owners", share_reaches_all_owners},
              {"sums are those of the tree", sums_are_those_of_the_tree})
