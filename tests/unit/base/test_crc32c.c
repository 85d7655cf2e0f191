#include "base/crc32c.h"
#include "rv_test.h"

/* RFC 3720, B.4, and the check value of the catalogue of CRCs */
static void known_values(void)
{
    unsigned char zeros[32] = {0}, ones[32], rising[32], falling[32];
    for (int i = 0; i < 32; i++) {
        ones[i] = 0xFF;
        rising[i] = (unsigned char)i;
        falling[i] = (unsigned char)(31 - i);
    }
    CU_ASSERT_EQUAL(rv_crc32c(0, "123456789", 9), 0xE3069283u);
    CU_ASSERT_EQUAL(rv_crc32c(0, zeros, 32), 0x8A9136AAu);
    CU_ASSERT_EQUAL(rv_crc32c(0, ones, 32), 0x62A8AB43u);
    CU_ASSERT_EQUAL(rv_crc32c(0, rising, 32), 0x46DD794Eu);
    CU_ASSERT_EQUAL(rv_crc32c(0, falling, 32), 0x113FDB5Cu);
    CU_ASSERT_EQUAL(rv_crc32c(0, zeros, 0), 0);
}

static void pieces(void)
{
    const char text[] = "a text that is cut at every place, in two pieces of unlike lengths";
    uint32_t whole = rv_crc32c(0, text, sizeof text);
    for (size_t i = 0; i <= sizeof text; i++)
        CU_ASSERT_EQUAL(rv_crc32c(rv_crc32c(0, text, i), text + i, sizeof text - i), whole);
}

RV_TEST_MAIN("crc32c", {"known values", known_values}, {"pieces", pieces})
