#include "feed/frame.h"
#include "rv_test.h"

/* written by hand from the msgpack specification */
static const unsigned char vector[] = {
    0x8a,                                                                              /* map of 10 */
    0xa1, 'v',  0x01,                                                                  /* version 1 */
    0xa3, 'k',  'e',  'y', 0xcf, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10,       /* uint 64 */
    0xa4, 't',  'i',  'c', 'k',  0xcc, 0xc8,                                           /* uint 8: 200 */
    0xa4, 's',  't',  'e', 'p',  0xcd, 0xc3, 0x50,                                     /* uint 16: 50000 */
    0xa4, 'r',  'o',  'l', 'e',  0xa5, 'm',  'o',  'd',  'e',  'l',                    /* */
    0xa4, 'u',  'n',  'i', 't',  0xff,                                                 /* negative fixint: -1 */
    0xa4, 'r',  'a',  'n', 'k',  0x07,                                                 /* positive fixint: 7 */
    0xa3, 's',  'e',  'q', 0xce, 0x00, 0x01, 0x00, 0x00,                               /* uint 32: 65536 */
    0xa4, 'w',  'a',  'l', 'l',  0xcb, 0x3f, 0xf8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* 1.5 */
    0xa1, 'm',  0x82,                                                                  /* map of 2 */
    0xa3, 'a',  '/',  'b', 0xcb, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,       /* -2.0 */
    0xd9, 0x20, 'm',  'o', 'd',  'e',  'l',  '/',  'a',  '_',  'n',  'a',  'm',  'e',  /* str 8, 32 bytes */
    '_',  'o',  'f',  '_', 't',  'h',  'i',  'r',  't',  'y',  '_',  't',  'w',  'o',  /* */
    '_',  'b',  'y',  't', 'e',  's',  0xc0,                                           /* nil: not finite */
};

static rv_frame sample(void)
{
    rv_frame frame;
    rv_frame_init(&frame, "model", -1, 200, 50000);
    frame.key = 0xfedcba9876543210;
    frame.rank = 7;
    frame.seq = 65536;
    frame.wall = 1.5;
    CU_ASSERT_EQUAL(rv_frame_add(&frame, "a/b", -2.0), RV_OK);
    CU_ASSERT_EQUAL(rv_frame_add(&frame, "model/a_name_of_thirty_two_bytes", (double)INFINITY), RV_OK);
    return frame;
}

static void bytes_are_exact(void)
{
    rv_frame frame = sample();
    rv_frame back;
    unsigned char bytes[RV_FRAME_MAX_BYTES];
    size_t n = 0;
    RV_TEST_OK(rv_frame_encode(&frame, bytes, &n));
    CU_ASSERT_EQUAL_FATAL(n, sizeof vector);
    CU_ASSERT(memcmp(bytes, vector, n) == 0);
    RV_TEST_OK(rv_frame_decode(vector, sizeof vector, &back));
    CU_ASSERT_EQUAL(back.key, frame.key);
    CU_ASSERT_EQUAL(back.tick, 200);
    CU_ASSERT_EQUAL(back.step, 50000);
    CU_ASSERT_STRING_EQUAL(back.role, "model");
    CU_ASSERT_EQUAL(back.unit, -1);
    CU_ASSERT_EQUAL(back.rank, 7);
    CU_ASSERT_EQUAL(back.seq, 65536);
    CU_ASSERT_EQUAL(back.wall, 1.5);
    CU_ASSERT_EQUAL_FATAL(back.n_values, 2);
    CU_ASSERT_STRING_EQUAL(back.values[0].name, "a/b");
    CU_ASSERT_EQUAL(back.values[0].value, -2.0);
    CU_ASSERT(isnan(back.values[1].value));
}

static void limits_survive(void)
{
    static const int64_t numbers[] = {INT64_MIN, INT64_MIN + 1, -2147483649, -2147483648, -32769,   -32768, -129, -128,
                                      -33,       -32,           -1,          0,           127,      128,    255,  256,
                                      65535,     65536,         4294967295,  4294967296,  INT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        rv_frame frame;
        rv_frame back;
        unsigned char bytes[RV_FRAME_MAX_BYTES];
        size_t n = 0;
        rv_frame_init(&frame, "fifteen_letters", numbers[i], numbers[i], numbers[i]);
        frame.key = UINT64_MAX;
        for (int j = 0; j < RV_FRAME_VALUES; j++) {
            char name[RV_FRAME_NAME];
            snprintf(name, sizeof name, "%047d", j);
            RV_TEST_OK(rv_frame_add(&frame, name, j % 2 ? (double)NAN : -(double)j));
        }
        RV_TEST_OK(rv_frame_encode(&frame, bytes, &n));
        RV_TEST_OK(rv_frame_decode(bytes, n, &back));
        CU_ASSERT(memcmp(&frame, &back, sizeof frame) == 0);
        for (size_t cut = 0; cut < n; cut++)
            CU_ASSERT_EQUAL(rv_frame_decode(bytes, cut, &back), RV_E_PROTOCOL);
    }
}

static void adding_is_checked(void)
{
    rv_frame frame;
    rv_frame_init(&frame, "actor", 0, 0, 0);
    RV_TEST_FAILS(rv_frame_add(&frame, "", 1), RV_E_INTERNAL, "expected 1 to 47");
    RV_TEST_FAILS(rv_frame_add(&frame, "two words", 1), RV_E_INTERNAL, "printable");
    RV_TEST_FAILS(rv_frame_add(&frame, "a_name_of_forty_eight_bytes_that_does_not_fit_48", 1), RV_E_INTERNAL,
                  "1 to 47");
    RV_TEST_OK(rv_frame_add(&frame, "x", 1));
    RV_TEST_FAILS(rv_frame_add(&frame, "x", 1), RV_E_INTERNAL, "already");
    for (int i = 1; i < RV_FRAME_VALUES; i++) {
        char name[RV_FRAME_NAME];
        snprintf(name, sizeof name, "x%d", i);
        RV_TEST_OK(rv_frame_add(&frame, name, i));
    }
    RV_TEST_FAILS(rv_frame_add(&frame, "y", 1), RV_E_INTERNAL, "32 values");
    unsigned char bytes[RV_FRAME_MAX_BYTES];
    size_t n = 0;
    rv_frame_init(&frame, "", 0, 0, 0);
    RV_TEST_FAILS(rv_frame_encode(&frame, bytes, &n), RV_E_INTERNAL, "role");
}

/* decode the vector with bytes [at, at + n_old) replaced */
static rv_status decode_edited(size_t at, size_t n_old, size_t n_new, const void *fresh, rv_frame *out)
{
    unsigned char bytes[sizeof vector + 64];
    memcpy(bytes, vector, at);
    memcpy(bytes + at, fresh, n_new);
    memcpy(bytes + at + n_new, vector + at + n_old, sizeof vector - at - n_old);
    return rv_frame_decode(bytes, sizeof vector - n_old + n_new, out);
}

static void bad_bytes_are_refused(void)
{
    rv_frame f;
    RV_TEST_FAILS(rv_frame_decode(vector, 0, &f), RV_E_PROTOCOL, "0 bytes");
    RV_TEST_FAILS(decode_edited(sizeof vector, 0, 1, "\xc0", &f), RV_E_PROTOCOL, "1 bytes after its end");
    RV_TEST_FAILS(decode_edited(0, 1, 1, "\x90", &f), RV_E_PROTOCOL, "expected a map");
    RV_TEST_FAILS(decode_edited(0, 1, 5, "\xdf\xff\xff\xff\xff", &f), RV_E_PROTOCOL, "4294967295 members");
    RV_TEST_FAILS(decode_edited(1, 1, 1, "\xc4", &f), RV_E_PROTOCOL, "expected a string");
    RV_TEST_FAILS(decode_edited(1, 1, 5, "\xdb\xff\xff\xff\xff", &f), RV_E_PROTOCOL, "a string of 4294967295 bytes");
    RV_TEST_FAILS(decode_edited(2, 1, 1, "w", &f), RV_E_PROTOCOL, "unknown member 'w'");
    RV_TEST_FAILS(decode_edited(3, 1, 1, "\x02", &f), RV_E_PROTOCOL, "version 2");
    RV_TEST_FAILS(decode_edited(8, 9, 1, "\xff", &f), RV_E_PROTOCOL, "at least 0");
    RV_TEST_FAILS(decode_edited(8, 9, 1, "\xc3", &f), RV_E_PROTOCOL, "expected a whole number");
    RV_TEST_FAILS(decode_edited(18, 4, 4, "step", &f), RV_E_PROTOCOL, "'step' twice");
    RV_TEST_FAILS(decode_edited(22, 2, 9, "\xcf\x80\0\0\0\0\0\0\0", &f), RV_E_PROTOCOL, "does not fit 63 bits");
    RV_TEST_FAILS(decode_edited(22, 2, 9, "\xcb\x40\0\0\0\0\0\0\0", &f), RV_E_PROTOCOL, "member 'tick': ");
    RV_TEST_FAILS(decode_edited(38, 1, 1, "\x07", &f), RV_E_PROTOCOL, "printable ASCII");
    RV_TEST_FAILS(decode_edited(37, 6, 17, "\xb0sixteen_letters_", &f), RV_E_PROTOCOL, "a string of 16 bytes");
    RV_TEST_FAILS(decode_edited(69, 1, 1, "\xca", &f), RV_E_PROTOCOL, "64-bit float");
    RV_TEST_FAILS(decode_edited(80, 1, 3, "\xde\xff\xff", &f), RV_E_PROTOCOL, "65535 values");
    RV_TEST_FAILS(decode_edited(80, 49, 23, "\x82\xa1x\xcb\0\0\0\0\0\0\0\0\xa1x\xcb\0\0\0\0\0\0\0\0", &f),
                  RV_E_PROTOCOL, "'x' twice");
    /* a wider form of the same number is the same frame */
    RV_TEST_OK(decode_edited(22, 2, 9, "\xd3\0\0\0\0\0\0\0\xc8", &f));
    CU_ASSERT_EQUAL(f.tick, 200);
    RV_TEST_OK(decode_edited(22, 2, 3, "\xd1\xff\x38", &f));
    CU_ASSERT_EQUAL(f.tick, -200);
}

RV_TEST_MAIN("frame", {"bytes_are_exact", bytes_are_exact}, {"limits_survive", limits_survive},
             {"adding_is_checked", adding_is_checked}, {"bad_bytes_are_refused", bad_bytes_are_refused})
