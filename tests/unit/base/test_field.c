#include "base/field.h"
#include "rv_test.h"

#include <float.h>
#include <limits.h>
#include <stdlib.h>

typedef struct sample {
    bool flag;
    int mode;
    int64_t count;
    double rate;
    char name[RV_FIELD_STR];
    rv_f64_list decay;
} sample;

// clang-format off
static const rv_field fields[] = {
    {"flag", RV_T_BOOL, RV_FIELD_AT(sample, flag), "true", 0, 0, "", NULL, "a switch", 0},
    {"mode", RV_T_ENUM, RV_FIELD_AT(sample, mode), "pipelined", 0, 0, "", "lockstep|pipelined|free", "a choice", 0},
    {"count", RV_T_I64, RV_FIELD_AT(sample, count), "250", -5, 9007199254740992, "steps", NULL, "a number", 0},
    {"rate", RV_T_F64, RV_FIELD_AT(sample, rate), "3e-4", -DBL_MAX, DBL_MAX, "", NULL, "a rate", 0},
    {"name", RV_T_STR, RV_FIELD_AT(sample, name), "Pendulum-v1", 0, 0, "", NULL, "a name", 0},
    {"decay", RV_T_F64_LIST, RV_FIELD_AT(sample, decay), "[0.5, 1e-5]", 0, 1, "", NULL, "a list", 0},
    {0},
};
// clang-format on

static const rv_field *row(const char *name)
{
    const rv_field *f = rv_field_find(fields, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    return f;
}

static void test_defaults(void)
{
    sample s;
    memset(&s, 0xff, sizeof s);
    RV_TEST_OK(rv_field_defaults(fields, &s));
    CU_ASSERT(s.flag);
    CU_ASSERT_EQUAL(s.mode, 1);
    CU_ASSERT_EQUAL(s.count, 250);
    CU_ASSERT(s.rate == 3e-4);
    CU_ASSERT_STRING_EQUAL(s.name, "Pendulum-v1");
    CU_ASSERT_EQUAL(s.decay.n, 2);
    CU_ASSERT(s.decay.v[0] == 0.5 && s.decay.v[1] == 1e-5 && s.decay.v[2] == 0);
    CU_ASSERT_EQUAL(rv_field_count(fields), 6);
    CU_ASSERT_PTR_NULL(rv_field_find(fields, "coun"));
}

static void test_refused(void)
{
    static const struct {
        const char *name, *text, *part;
    } cases[] = {
        {"flag", "True", "expected true or false, got 'True'"},
        {"flag", "1", "expected true or false, got '1'"},
        {"flag", "", "got ''"},
        {"mode", "piplined", "expected lockstep or pipelined or free, got 'piplined'; did you mean 'pipelined'?"},
        {"mode", "pipelined|free", "expected lockstep or pipelined or free, got 'pipelined|free'"},
        {"mode", "", "got ''"},
        {"count", "abc", "expected a whole number in [-5, 9007199254740992], got 'abc'"},
        {"count", "1.0", "got '1.0'"},
        {"count", "1e3", "got '1e3'"},
        {"count", " 1", "got ' 1'"},
        {"count", "1 ", "got '1 '"},
        {"count", "+1", "got '+1'"},
        {"count", "-", "got '-'"},
        {"count", "0x10", "got '0x10'"},
        {"count", "-6", "got '-6'"},
        {"count", "9223372036854775808", "expected a whole number"},
        {"rate", "nan", "expected a number"},
        {"rate", "inf", "expected a number"},
        {"rate", "-inf", "expected a number"},
        {"rate", "1e999", "expected a number"},
        {"rate", "0x1p3", "expected a number"},
        {"rate", "1e", "expected a number"},
        {"rate", " 1", "expected a number"},
        {"rate", "1,5", "expected a number"},
        {"rate", "", "expected a number"},
        {"name", "a'b", "expected a text of at most 127 printable characters"},
        {"name", "a\nb", "got 'a?b'"},
        {"name", "caf\xc3\xa9", "expected a text"},
        {"decay", "1", "expected a list of at most 8 numbers, each in [0, 1], got '1'"},
        {"decay", "[1, 2]", "got '[1, 2]'"},
        {"decay", "[1 1]", "expected a list"},
        {"decay", "[1,]", "expected a list"},
        {"decay", "[,1]", "expected a list"},
        {"decay", "[1], [1]", "expected a list"},
        {"decay", "[", "expected a list"},
        {"decay", "[[1]]", "expected a list"},
        {"decay", "[0,0,0,0,0,0,0,0,0]", "expected a list"},
    };
    sample s;
    memset(&s, 0, sizeof s);
    RV_TEST_OK(rv_field_defaults(fields, &s));
    sample before = s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        RV_TEST_FAILS(rv_field_parse(row(cases[i].name), cases[i].text, &s), RV_E_CONFIG, cases[i].part);
    CU_ASSERT_EQUAL(memcmp(&s, &before, sizeof s), 0);

    char longer[200];
    memset(longer, 'a', sizeof longer);
    longer[RV_FIELD_STR] = '\0';
    RV_TEST_FAILS(rv_field_parse(row("name"), longer, &s), RV_E_CONFIG, "aaa...'");
    longer[RV_FIELD_STR - 1] = '\0';
    RV_TEST_OK(rv_field_parse(row("name"), longer, &s));
    CU_ASSERT_EQUAL(strlen(s.name), RV_FIELD_STR - 1);
}

static void test_one_sided_range(void)
{
    rv_field at_least = {"x", RV_T_F64, 0, sizeof(double), "1", 0, INFINITY, "", NULL, "", 0};
    rv_field at_most = {"x", RV_T_F64, 0, sizeof(double), "1", -INFINITY, 2.5, "", NULL, "", 0};
    double x = 0;
    RV_TEST_FAILS(rv_field_parse(&at_least, "-1", &x), RV_E_CONFIG, "expected a number of at least 0, got '-1'");
    RV_TEST_FAILS(rv_field_parse(&at_most, "3", &x), RV_E_CONFIG, "expected a number of at most 2.5, got '3'");
}

static void test_round_trip(void)
{
    srand48(7);
    sample a, b;
    memset(&a, 0, sizeof a);
    RV_TEST_OK(rv_field_defaults(fields, &a));
    for (int trial = 0; trial < 20000; trial++) {
        uint64_t bits = (uint64_t)mrand48() << 32 ^ (uint32_t)mrand48();
        double v;
        memcpy(&v, &bits, sizeof v);
        a.rate = isfinite(v) ? v : -0.0;
        a.count = (int64_t)(bits >> 11);
        a.mode = (int)(bits % 3);
        a.flag = bits & 1;
        a.decay.n = (int64_t)(bits % (RV_FIELD_LIST + 1));
        for (int i = 0; i < RV_FIELD_LIST; i++)
            a.decay.v[i] = i < a.decay.n ? drand48() * pow(10, -300 * drand48()) : 0;
        memset(&b, 0, sizeof b);
        for (const rv_field *f = fields; f->name; f++) {
            char text[RV_FIELD_TEXT];
            rv_field_print(f, &a, text);
            RV_TEST_OK(rv_field_parse(f, text, &b));
            CU_ASSERT_EQUAL(memcmp((char *)&a + f->offset, (char *)&b + f->offset, f->size), 0);
        }
    }
    double tiny[] = {DBL_TRUE_MIN, DBL_MIN, DBL_MAX, -DBL_MAX, 0.1, 1.0 / 3};
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++) {
        char text[RV_FIELD_TEXT];
        a.rate = tiny[i];
        rv_field_print(row("rate"), &a, text);
        RV_TEST_OK(rv_field_parse(row("rate"), text, &b));
        CU_ASSERT(a.rate == b.rate);
    }
    char text[RV_FIELD_TEXT];
    a.rate = 0.1;
    rv_field_print(row("rate"), &a, text);
    CU_ASSERT_STRING_EQUAL(text, "0.1");
}

static void test_distance(void)
{
    CU_ASSERT_EQUAL(rv_field_distance("", ""), 0);
    CU_ASSERT_EQUAL(rv_field_distance("abc", ""), 3);
    CU_ASSERT_EQUAL(rv_field_distance("", "abc"), 3);
    CU_ASSERT_EQUAL(rv_field_distance("kitten", "sitting"), 3);
    CU_ASSERT_EQUAL(rv_field_distance("tau", "atu"), 1);
    CU_ASSERT_EQUAL(rv_field_distance("policy", "polcy"), 1);
    char a[100];
    char b[100];
    memset(a, 'a', 99);
    memset(b, 'b', 99);
    a[99] = b[99] = '\0';
    CU_ASSERT_EQUAL(rv_field_distance(a, b), 64);
    int best = INT_MAX;
    CU_ASSERT(!rv_field_nearer("polcy", "schedule", &best));
    CU_ASSERT(rv_field_nearer("polcy", "poly", &best));
    CU_ASSERT(!rv_field_nearer("polcy", "policy", &best)); /* as near as the first */
    CU_ASSERT_EQUAL(best, 1);
}

RV_TEST_MAIN("field", {"defaults", test_defaults}, {"refused texts", test_refused},
             {"one-sided range", test_one_sided_range}, {"round trip", test_round_trip}, {"distance", test_distance})
