#include "base/unpack.h"
#include "rv_test.h"

#define OF(bytes) rv_unpack_of(bytes, sizeof(bytes) - 1)

static void whole_numbers_come_in_any_width(void)
{
    rv_unpack c = OF("\x7f\xe0\xcc\xff\xcd\xff\xff\xce\xff\xff\xff\xff\xd0\x80\xd1\x80\0\xd2\x80\0\0\0\xd3\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xd3\0\0\0\0\0\0\0\x01");
    static const int64_t expected[] = {127, -32, 255, 65535, 4294967295, -128, -32768, -2147483648, -1, 1};
    for (int i = 0; i < 10; i++) {
        int64_t x = 0;
        RV_TEST_OK(rv_unpack_i64(&c, &x));
        CU_ASSERT_EQUAL(x, expected[i]);
    }
    CU_ASSERT_EQUAL(rv_unpack_left(&c), 0);
    uint64_t u = 0;
    int64_t x = 0;
    c = OF("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    RV_TEST_OK(rv_unpack_u64(&c, &u));
    CU_ASSERT_EQUAL(u, UINT64_MAX);
    c = OF("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    RV_TEST_FAILS(rv_unpack_i64(&c, &x), RV_E_PROTOCOL, "does not fit 63 bits");
    c = OF("\xff");
    RV_TEST_FAILS(rv_unpack_u64(&c, &u), RV_E_PROTOCOL, "at least 0");
    c = OF("\xce\xff");
    RV_TEST_FAILS(rv_unpack_u64(&c, &u), RV_E_PROTOCOL, "the bytes end inside a value, at byte 1");
}

static void views_point_into_the_bytes(void)
{
    static const char bytes[] = "\xa2hi\xd9\x01x\xc4\x02\0\1\xc5\0\1z\x93\xdc\0\2\x81\xc2\xc3\xcb\xbf\xf8\0\0\0\0\0\0";
    rv_unpack c = OF(bytes);
    const char *text = NULL;
    const unsigned char *block = NULL;
    size_t n = 0;
    uint64_t count = 0;
    bool is = true;
    double x = 0;
    RV_TEST_OK(rv_unpack_str(&c, 2, &text, &n));
    CU_ASSERT(n == 2 && text == bytes + 1);
    RV_TEST_OK(rv_unpack_str(&c, 2, &text, &n));
    CU_ASSERT(n == 1 && *text == 'x');
    RV_TEST_OK(rv_unpack_bin(&c, 2, &block, &n));
    CU_ASSERT(n == 2 && block[0] == 0 && block[1] == 1);
    RV_TEST_OK(rv_unpack_bin(&c, 2, &block, &n));
    CU_ASSERT(n == 1 && *block == 'z');
    RV_TEST_OK(rv_unpack_array(&c, &count));
    CU_ASSERT_EQUAL(count, 3);
    RV_TEST_OK(rv_unpack_array(&c, &count));
    CU_ASSERT_EQUAL(count, 2);
    RV_TEST_OK(rv_unpack_map(&c, &count));
    CU_ASSERT_EQUAL(count, 1);
    RV_TEST_OK(rv_unpack_bool(&c, &is));
    CU_ASSERT(!is);
    RV_TEST_OK(rv_unpack_bool(&c, &is));
    CU_ASSERT(is);
    RV_TEST_OK(rv_unpack_f64(&c, &x));
    CU_ASSERT(x == -1.5 && rv_unpack_left(&c) == 0 && rv_unpack_done(&c) == sizeof bytes - 1);
}

static void other_types_and_lengths_are_refused(void)
{
    const char *text = NULL;
    const unsigned char *block = NULL;
    size_t n = 0;
    bool is = true;
    double x = 0;
    uint64_t count = 0;
    rv_unpack c = OF("\xc0\xa3hi");
    RV_TEST_FAILS(rv_unpack_map(&c, &count), RV_E_PROTOCOL, "byte 0: expected a map, got type 0xc0");
    RV_TEST_FAILS(rv_unpack_str(&c, 9, &text, &n), RV_E_PROTOCOL, "the bytes end inside a string, at byte 2");
    c = OF("\xdb\xff\xff\xff\xff");
    RV_TEST_FAILS(rv_unpack_str(&c, 9, &text, &n), RV_E_PROTOCOL, "a string of 4294967295 bytes, expected at most 9");
    c = OF("\xc4\x05 ");
    RV_TEST_FAILS(rv_unpack_bin(&c, 4, &block, &n), RV_E_PROTOCOL, "a block of 5 bytes, expected at most 4");
    c = OF("\xa1x\x01\xca\0\0\0\0");
    RV_TEST_FAILS(rv_unpack_bin(&c, 4, &block, &n), RV_E_PROTOCOL, "expected bytes");
    RV_TEST_FAILS(rv_unpack_array(&c, &count), RV_E_PROTOCOL, "expected an array");
    RV_TEST_FAILS(rv_unpack_bool(&c, &is), RV_E_PROTOCOL, "expected true or false");
    RV_TEST_FAILS(rv_unpack_f64(&c, &x), RV_E_PROTOCOL, "expected a 64-bit float");
}

RV_TEST_MAIN("unpack", {"whole_numbers_come_in_any_width", whole_numbers_come_in_any_width},
             {"views_point_into_the_bytes", views_point_into_the_bytes},
             {"other_types_and_lengths_are_refused", other_types_and_lengths_are_refused})
