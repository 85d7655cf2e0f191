#include "base/clock.h"
#include "comm/exchange.h"
#include "comm/mpi_test.h"

#include <math.h>

enum { MOST_UNITS = 9, MOST_RANKS = 8 };

static rv_rng rng_of(int round, int rank)
{
    return rv_rng_at(11, RV_STREAM_TEST, (uint32_t)rank, (uint64_t)round);
}

/* ---- messages ---- */

static const size_t lengths[] = {0, 1, 7, 4096, 5000, 100000, 1 << 20, 64};
enum { LENGTHS = sizeof lengths / sizeof *lengths, LONGEST = 1 << 20 };

/* what byte k of a message is: its own for every sender, reader, number and round */
static unsigned char byte_of(int from, int to, int number, int round, size_t k)
{
    return (unsigned char)((size_t)(from * 31 + to * 17 + number * 7 + round * 3) + k * (k >> 8 | 1));
}

/* every rank writes to every rank, itself too; all send and read in orders of their own, and no round waits for the
 * one before */
static void messages_in_any_order(rv_world *w)
{
    rv_exchange *x = NULL;
    int n = w->size * LENGTHS;
    unsigned char *out = NULL, *in = NULL;
    uint32_t *order = NULL;
    MUST(rv_exchange_create(w, n, &x));
    MUST(RV_NEW(out, (size_t)n * LONGEST));
    MUST(RV_NEW(in, LONGEST));
    MUST(RV_NEW(order, n));
    for (int round = 0; round < 4; round++) {
        rv_rng rng = rng_of(round, w->rank);
        rv_rng_permutation(&rng, (uint32_t)n, order);
        for (int i = 0; i < n; i++) {
            int to = (int)order[i] / LENGTHS, k = (int)order[i] % LENGTHS;
            unsigned char *bytes = out + (size_t)order[i] * LONGEST;
            for (size_t b = 0; b < lengths[k]; b++)
                bytes[b] = byte_of(w->rank, to, k, round, b);
            MUST(rv_exchange_send(x, to, k % 3 ? 15 : 0, 65535 - k, lengths[k] ? bytes : NULL, lengths[k]));
        }
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
    rv_exchange_destroy(&x);
    rv_mem_free(&out);
    rv_mem_free(&in);
    rv_mem_free(&order);
}

/* a message that is too long is refused, says whose it is, and leaves nothing changed; then all goes on */
static void too_long_is_an_error(rv_world *w)
{
    rv_exchange *x = NULL;
    char out[100] = "out", in[100] = "in";
    MUST(rv_exchange_create(w, 4, &x));
    for (int shift = 0; shift < w->size && shift < 2; shift++) {
        int to = (w->rank + shift) % w->size, from = (w->rank - shift + w->size) % w->size;
        size_t got = 77;
        MUST(rv_exchange_send(x, to, 3, 8, out, 100));
        MUST(rv_exchange_send(x, to, 3, 9, out, 4));
        CHECK(rv_exchange_receive(x, from, 3, 8, in, 99, &got) == RV_E_PROTOCOL);
        const char *text = rv_error_last()->text;
        CHECK(strstr(text, "product 3 of unit 8") && strstr(text, "100 bytes") && strstr(text, "at most 99"));
        CHECK(got == 77 && strcmp(in, "in") == 0);
        MUST(rv_exchange_receive(x, from, 3, 9, in, 4, &got));
        CHECK(got == 4 && strcmp(in, "out") == 0);
        strcpy(in, "in");
        MUST(rv_exchange_finish(x));
    }
    rv_exchange_destroy(&x);
}

static void wrong_use_is_an_error(rv_world *w)
{
    rv_exchange *x = NULL;
    char byte = 0;
    size_t got = 0;
    MUST(rv_exchange_create(w, 2, &x));
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
    rv_exchange_destroy(&x);
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

static void share_reaches_all_owners(rv_world *w)
{
    rv_exchange *x = NULL;
    MUST(rv_exchange_create(w, MOST_UNITS * MOST_RANKS, &x));
    for (int n_units = 1; n_units <= MOST_UNITS; n_units++)
        for (int trial = 0; trial < TRIALS; trial++) {
            int owner[MOST_UNITS];
            double values[MOST_UNITS];
            place_units(w, trial, n_units, owner);
            if (!owns_any(w->rank, n_units, owner))
                continue;
            for (int u = 0; u < n_units; u++)
                values[u] = owner[u] == w->rank ? trial + 0.1 * u : NAN;
            MUST(rv_exchange_share(x, 4, n_units, owner, values));
            for (int u = 0; u < n_units; u++)
                CHECK(values[u] == trial + 0.1 * u);
        }
    rv_exchange_destroy(&x);
}

enum { MOST = 3000 };

static int n_order_matters; /* sums whose bits would be others in unit order */

/* vectors whose float sum depends on the order: magnitudes from 1e-4 to 1e4 */
static void fill_parts(int n_units, int trial, float parts[][MOST])
{
    for (int u = 0; u < n_units; u++) {
        rv_rng rng = rng_of(trial, 100 + u);
        for (int i = 0; i < MOST; i++)
            parts[u][i] = (float)(rv_rng_normal(&rng) * pow(10, 8 * rv_rng_uniform(&rng) - 4));
    }
}

/* the sum of units from..from+width-1, width a power of two, as the header says: (0 + 1) + (2 + 3) + ... */
static float tree(int n_units, int from, int width, float parts[][MOST], int i)
{
    if (width == 1)
        return parts[from][i];
    float left = tree(n_units, from, width / 2, parts, i);
    return from + width / 2 < n_units ? left + tree(n_units, from + width / 2, width / 2, parts, i) : left;
}

static void check_sum(const rv_world *w, rv_exchange *x, int n_units, int trial, const int *owner)
{
    static float values[MOST_UNITS][MOST], work[MOST_UNITS][MOST], scratch[MOST], sum[MOST], alone[MOST];
    float *parts[MOST_UNITS];
    int me[MOST_UNITS];
    int n = trial % 3 == 0 ? 1 : trial % 3 == 1 ? 17 : MOST;
    fill_parts(n_units, trial, values);
    /* by one rank */
    for (int u = 0; u < n_units; u++) {
        parts[u] = work[u];
        me[u] = w->rank;
    }
    memcpy(work, values, sizeof work);
    MUST(rv_exchange_tree_sum(x, 6, n_units, me, parts, n, scratch, alone));
    /* by all owners */
    for (int u = 0; u < n_units; u++)
        parts[u] = owner[u] == w->rank ? work[u] : NULL;
    memcpy(work, values, sizeof work);
    memset(sum, 0xff, sizeof sum);
    float *out = trial % 2 && parts[0] ? parts[0] : sum;
    MUST(rv_exchange_tree_sum(x, 5, n_units, owner, parts, n, scratch, out));
    CHECK(memcmp(out, alone, (size_t)n * sizeof *out) == 0);
    for (int i = 0; i < n; i++) {
        float in_turn = 0;
        for (int u = 0; u < n_units; u++)
            in_turn += values[u][i];
        n_order_matters += in_turn != alone[i];
        if (alone[i] != tree(n_units, 0, 16, values, i)) {
            FAIL("a sum is not that of the tree");
            break;
        }
    }
}

static void tree_sum_has_the_bits_of_one_rank(rv_world *w)
{
    rv_exchange *x = NULL;
    MUST(rv_exchange_create(w, MOST_UNITS * MOST_RANKS, &x));
    for (int n_units = 1; n_units <= MOST_UNITS; n_units++)
        for (int trial = 0; trial < TRIALS; trial++) {
            int owner[MOST_UNITS];
            place_units(w, trial, n_units, owner);
            rv_rng rng = rng_of(trial, 50 + w->rank);
            if (trial > 8) /* some come late */
                rv_clock_sleep(1e-3 * rv_rng_uniform(&rng));
            if (owns_any(w->rank, n_units, owner))
                check_sum(w, x, n_units, trial, owner);
        }
    CHECK(w->rank > 0 || w->size > 1 || n_order_matters > 1000);
    rv_exchange_destroy(&x);
}

MPI_TEST_MAIN({"messages in any order", messages_in_any_order}, {"too long is an error", too_long_is_an_error},
              {"wrong use is an error", wrong_use_is_an_error}, {"share reaches all owners", share_reaches_all_owners},
              {"tree sum has the bits of one rank", tree_sum_has_the_bits_of_one_rank})
