#include "comm/beacon.h"
#include "rv_test.h"

typedef struct message {
    uint64_t key, n;
    rv_beacon_entry entries[RV_BEACON_RANKS + 1];
} message;

static void strangers_are_refused(void)
{
    message m = {.key = 42, .n = 2, .entries = {{3, 10, 11, 12, 13, 14}, {0, 20, 21, 22, 23, 24}}};
    rv_beacon_entry out[RV_BEACON_RANKS];
    const size_t n = 16 + 2 * sizeof *out;
    CU_ASSERT_EQUAL(rv_beacon_parse(&m, n, 42, 4, out), 2);
    CU_ASSERT_EQUAL(memcmp(out, m.entries, 2 * sizeof *out), 0);
    CU_ASSERT_EQUAL(rv_beacon_parse(&m, n, 43, 4, out), 0); /* of another job */
    CU_ASSERT_EQUAL(rv_beacon_parse(&m, n, 42, 3, out), 0); /* there is no rank 3 */
    for (size_t k = 0; k < n; k++)
        CU_ASSERT_EQUAL(rv_beacon_parse(&m, k, 42, 4, out), 0);
    CU_ASSERT_EQUAL(rv_beacon_parse(&m, n + 1, 42, 4, out), 0);
    m.n = 0;
    CU_ASSERT_EQUAL(rv_beacon_parse(&m, 16, 42, 4, out), 0);
    m.n = RV_BEACON_RANKS;
    CU_ASSERT_EQUAL(rv_beacon_parse(&m, RV_BEACON_MAX_BYTES, 42, 4, out), RV_BEACON_RANKS);
    m.n = RV_BEACON_RANKS + 1;
    CU_ASSERT_EQUAL(rv_beacon_parse(&m, sizeof m, 42, 4, out), 0);
    m.n = UINT64_MAX / sizeof *out + 2;
    CU_ASSERT_EQUAL(rv_beacon_parse(&m, n, 42, 4, out), 0);
}

RV_TEST_MAIN("beacon", {"strangers are refused", strangers_are_refused})
