#include "env/remote_message.h"
#include "rv_test.h"

static unsigned char bytes[RV_REMOTE_MAX_BYTES];

static void bytes_are_exact(void)
{
    const double action[] = {-1.5};
    static const unsigned char expected[] = "\x85\xa7reverie\x01\xa4kind\xa4step\xa7session\xcd\x01\x00\xa1n\x03"
                                            "\xa6"
                                            "action\x91\xcb\xbf\xf8\0\0\0\0\0";
    rv_remote_message m = {.kind = RV_REMOTE_STEP, .session = 256, .n = 3, .action = {.n = 1, .from = action}};
    size_t n = 0;
    RV_TEST_OK(rv_remote_encode(&m, sizeof bytes, bytes, &n));
    CU_ASSERT_EQUAL_FATAL(n, sizeof expected);
    CU_ASSERT(memcmp(bytes, expected, n) == 0);
    RV_TEST_FAILS(rv_remote_encode(&m, n - 1, bytes, &n), RV_E_INTERNAL, "'step' needs more than 50 bytes");
}

static void numbers_survive(void)
{
    const double obs[] = {0.1, -0.0, 5e-324, INFINITY, -1.7976931348623157e308, NAN};
    rv_remote_message back, m = {.kind = RV_REMOTE_TRANSITION,
                                 .session = UINT64_MAX,
                                 .n = UINT64_MAX,
                                 .obs = {.n = 6, .from = obs},
                                 .reward = 1.0 / 3,
                                 .truncated = true};
    size_t n = 0;
    RV_TEST_OK(rv_remote_encode(&m, sizeof bytes, bytes, &n));
    RV_TEST_OK(rv_remote_decode(bytes, n, &back));
    CU_ASSERT(back.kind == m.kind && back.session == m.session && back.n == m.n && back.obs.n == 6);
    CU_ASSERT(back.reward == m.reward && back.truncated && !back.terminated);
    for (int i = 0; i < 6; i++) {
        double x = rv_remote_number(&back.obs, i);
        CU_ASSERT(memcmp(&x, &obs[i], sizeof x) == 0);
    }
}

/* a description with one stretch of bytes exchanged */
static rv_status decode_edited(const char *old, size_t n_old, const char *new, size_t n_new)
{
    const double low[] = {-1}, high[] = {1};
    rv_remote_message back, m = {.kind = RV_REMOTE_DESCRIPTION,
                                 .session = 1,
                                 .n = 1,
                                 .name = {"x", 1},
                                 .n_obs = 1,
                                 .act_low = {.n = 1, .from = low},
                                 .act_high = {.n = 1, .from = high}};
    size_t n = 0;
    RV_TEST_OK(rv_remote_encode(&m, sizeof bytes, bytes, &n));
    unsigned char *at = memmem(bytes, n, old, n_old);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    memmove(at + n_new, at + n_old, n - n_old - (size_t)(at - bytes));
    memcpy(at, new, n_new);
    return rv_remote_decode(bytes, n - n_old + n_new, &back);
}
#define EDITED(old, new) decode_edited(old, sizeof(old) - 1, new, sizeof(new) - 1)

static void bad_bytes_are_refused(void)
{
    rv_remote_message m;
    RV_TEST_OK(EDITED("", ""));
    RV_TEST_FAILS(rv_remote_decode(bytes, 0, &m), RV_E_PROTOCOL, "message of 0 bytes");
    RV_TEST_FAILS(EDITED("reverie\x01", "reverie\x02"), RV_E_PROTOCOL, "version 2 of the protocol, expected 1");
    RV_TEST_FAILS(EDITED("\xa5n_obs", "\xa5n_obz"), RV_E_PROTOCOL, "unknown member 'n_obz'");
    RV_TEST_FAILS(EDITED("\xa5n_obs", "\xa2"
                                      "dt"),
                  RV_E_PROTOCOL, "member 'dt': byte");
    RV_TEST_FAILS(EDITED("\xa4help\xa0", "\xa4name\xa0"), RV_E_PROTOCOL, "member 'name' twice");
    RV_TEST_FAILS(EDITED("\xa4help\xa0", "\xa4text\xa0"), RV_E_PROTOCOL, "'description' lacks 'help'");
    RV_TEST_FAILS(EDITED("\xab"
                         "description",
                         "\xa4"
                         "done"),
                  RV_E_PROTOCOL, "'done' must not have 'name'");
    RV_TEST_FAILS(EDITED("\xab"
                         "description",
                         "\xa4"
                         "gone"),
                  RV_E_PROTOCOL, "unknown kind 'gone'");
    RV_TEST_FAILS(EDITED("n_obs\x01", "n_obs\xff"), RV_E_PROTOCOL, "member 'n_obs': -1, expected 0 to");
    RV_TEST_FAILS(EDITED("n_obs\x01", "n_obs\xce\x80\0\0\0"), RV_E_PROTOCOL, "2147483648, expected 0 to");
    RV_TEST_FAILS(EDITED("\x91\xcb", "\xdd\xff\xff\xff\xff\xcb"), RV_E_PROTOCOL, "4294967295 numbers");
    RV_TEST_FAILS(EDITED("\x91\xcb\xbf\xf0\0\0\0\0\0\0", "\x91\xff"), RV_E_PROTOCOL, "expected a 64-bit float");
    RV_TEST_FAILS(EDITED("\xa1x", "\xda\x03\xe9"), RV_E_PROTOCOL, "a string of 1001 bytes, expected at most 1000");
    RV_TEST_FAILS(EDITED("\xaastate_size\0", "\xaastate_size\0\0"), RV_E_PROTOCOL, "1 bytes after its end");
    RV_TEST_FAILS(EDITED("\xaastate_size\0", "\xaastate_size"), RV_E_PROTOCOL, "the bytes end");
    RV_TEST_OK(EDITED("", ""));
    const unsigned char *last = memmem(bytes, sizeof bytes, "state_size", 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(last);
    for (size_t n = 1; n < (size_t)(last - bytes) + 11; n++) /* cut anywhere */
        CU_ASSERT(rv_remote_decode(bytes, n, &m) == RV_E_PROTOCOL);
}

static void texts_are_shown_safely(void)
{
    char shown[8];
    rv_remote_show(&(rv_remote_text){"a\x1b[31m\xc3\xa9", 8}, sizeof shown, shown);
    CU_ASSERT_STRING_EQUAL(shown, "a?[31m?");
    rv_remote_show(&(rv_remote_text){NULL, 0}, sizeof shown, shown);
    CU_ASSERT_STRING_EQUAL(shown, "");
}

RV_TEST_MAIN("remote_message", {"bytes_are_exact", bytes_are_exact}, {"numbers_survive", numbers_survive},
             {"bad_bytes_are_refused", bad_bytes_are_refused}, {"texts_are_shown_safely", texts_are_shown_safely})
