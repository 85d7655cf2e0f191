#include "base/file.h"
#include "run/state_file.h"
#include "rv_test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[RV_PATH];
static char path[RV_PATH];

/* a unit with an array of each type, one of them empty, one temporary */
typedef struct thing {
    float weights[5];
    double sums[3];
    int64_t count;
    unsigned char flags[3];
    const char *rename; /* name to show instead of "sums" */
    rv_dtype sums_type;
    int64_t n_sums;
    bool leave_out, extra, twice, fickle;
    int n_shown;
} thing;

static thing thing_of(float x)
{
    return (thing){.weights = {x, -x, 0.1f * x, NAN, 1e-40f},
                   .sums = {x, 1.0 / 3, -INFINITY},
                   .count = (int64_t)x - (1LL << 60),
                   .flags = {1, 0, 255},
                   .rename = "sums",
                   .sums_type = RV_F64,
                   .n_sums = 3};
}

static rv_status show(void *unit, rv_visit visit, void *user)
{
    thing *t = unit;
    int64_t count = t->count;
    t->n_shown++;
    RV_TRY(visit(user, "flags", RV_U8, 3, t->flags));
    if (!t->leave_out)
        RV_TRY(visit(user, "net/weights.0", RV_F32, t->fickle ? 3 + t->n_shown : 5, t->weights));
    RV_TRY(visit(user, "nothing", RV_F32, 0, t->weights));
    RV_TRY(visit(user, t->rename, t->sums_type, t->n_sums, t->sums));
    if (t->extra)
        RV_TRY(visit(user, "extra", RV_U8, 1, t->flags));
    if (t->twice)
        RV_TRY(visit(user, "flags", RV_U8, 3, t->flags));
    RV_TRY(visit(user, "count", RV_I64, 1, &count));
    t->count = count;
    return RV_OK;
}

static bool same(const thing *a, const thing *b)
{
    return memcmp(a->weights, b->weights, sizeof a->weights) == 0 && memcmp(a->sums, b->sums, sizeof a->sums) == 0 &&
           a->count == b->count && memcmp(a->flags, b->flags, sizeof a->flags) == 0;
}

static void round_trip(void)
{
    thing a = thing_of(3);
    thing b = thing_of(7);
    rv_state_info info;
    rv_state_info again;
    char *bytes = NULL;
    size_t n = 0;
    char hash[RV_HASH_TEXT];
    RV_TEST_OK(rv_state_save(path, "env_0", show, &a, &info));
    CU_ASSERT_STRING_EQUAL(info.name, "env_0");
    RV_TEST_OK(rv_file_read(path, 1 << 20, &bytes, &n));
    rv_hash_bytes(bytes, n, hash);
    CU_ASSERT_EQUAL(info.bytes, (int64_t)n);
    CU_ASSERT_STRING_EQUAL(info.hash, hash);
    CU_ASSERT_EQUAL(bytes[0] % 8, 0);
    rv_mem_free(&bytes);

    RV_TEST_OK(rv_state_load(path, show, &b));
    CU_ASSERT(same(&a, &b));
    RV_TEST_OK(rv_state_save(path, "env_0", show, &b, &again));
    CU_ASSERT_EQUAL(memcmp(&info, &again, sizeof info), 0);

    rv_state_list list;
    RV_TEST_OK(rv_state_inspect(path, &list));
    CU_ASSERT_STRING_EQUAL(list.unit, "env_0");
    CU_ASSERT_EQUAL_FATAL(list.n_arrays, 5);
    CU_ASSERT_STRING_EQUAL(list.arrays[1].name, "net/weights.0");
    CU_ASSERT_EQUAL(list.arrays[1].type, RV_F32);
    CU_ASSERT_EQUAL(list.arrays[1].n, 5);
    CU_ASSERT_EQUAL(list.arrays[4].offset + 8, info.bytes);
    rv_state_list_clear(&list);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* a load that must fail changes nothing */
static void refuse(thing expected, rv_status status, const char *part)
{
    thing before = expected;
    int64_t n_blocks = rv_mem_blocks();
    RV_TEST_FAILS(rv_state_load(path, show, &expected), status, part);
    CU_ASSERT(same(&before, &expected));
    CU_ASSERT_EQUAL(rv_mem_blocks(), n_blocks);
}

static void other_shapes(void)
{
    thing a = thing_of(3);
    thing b = thing_of(7);
    RV_TEST_OK(rv_state_save(path, "env_0", show, &a, NULL));
    b.rename = "summs";
    refuse(b, RV_E_DATA, "holds no array 'summs'");
    b = thing_of(7);
    b.sums_type = RV_I64;
    refuse(b, RV_E_DATA, "array 'sums' is F64[3], expected I64[3]");
    b = thing_of(7);
    b.n_sums = 2;
    refuse(b, RV_E_DATA, "array 'sums' is F64[3], expected F64[2]");
    b = thing_of(7);
    b.leave_out = true;
    refuse(b, RV_E_DATA, "holds an array 'net/weights.0' that is not expected");
    b = thing_of(7);
    b.extra = true;
    refuse(b, RV_E_DATA, "holds no array 'extra'");
    b = thing_of(7);
    b.twice = true;
    refuse(b, RV_E_INTERNAL, "shows the array 'flags' twice");
    unlink(path);
    refuse(thing_of(7), RV_E_NOINPUT, "cannot open");
}

static void bad_units(void)
{
    thing a = thing_of(3);
    a.twice = true;
    RV_TEST_FAILS(rv_state_save(path, "env_0", show, &a, NULL), RV_E_INTERNAL, "'flags' twice");
    a = thing_of(3);
    a.rename = "__metadata__";
    RV_TEST_FAILS(rv_state_save(path, "env_0", show, &a, NULL), RV_E_INTERNAL, "name '__metadata__'");
    a.rename = "a\"b";
    RV_TEST_FAILS(rv_state_save(path, "env_0", show, &a, NULL), RV_E_INTERNAL, "expected 1 to");
    a = thing_of(3);
    a.fickle = true;
    RV_TEST_FAILS(rv_state_save(path, "env_0", show, &a, NULL), RV_E_INTERNAL, "the same arrays each time");
    CU_ASSERT_FALSE(rv_file_exists(path));
    a = thing_of(3);
    RV_TEST_FAILS(rv_state_save(path, "env 0", show, &a, NULL), RV_E_INTERNAL, "'env 0' is not a name");
    RV_TEST_FAILS(rv_state_save("/nowhere/x", "env_0", show, &a, NULL), RV_E_IO, "cannot create '/nowhere/x'");

    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    struct rlimit small = {.rlim_cur = 100, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    RV_TEST_FAILS(rv_state_save(path, "env_0", show, &a, NULL), RV_E_IO, "File too large");
    setrlimit(RLIMIT_FSIZE, &limit);
    CU_ASSERT_FALSE(rv_file_exists(path));
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* every bit of the header and every length: an error, or a state of the same shape; never a crash, never a leak */
static void damage(void)
{
    thing a = thing_of(3);
    char *bytes = NULL;
    size_t n = 0;
    RV_TEST_OK(rv_state_save(path, "env_0", show, &a, NULL));
    RV_TEST_OK(rv_file_read(path, 1 << 20, &bytes, &n));
    size_t header = 8 + (size_t)(unsigned char)bytes[0] + 256 * (size_t)(unsigned char)bytes[1];
    for (size_t length = 0; length < n; length++) {
        RV_TEST_OK(rv_file_write(path, bytes, length));
        refuse(thing_of(7), RV_E_DATA, path);
    }
    RV_TEST_OK(rv_file_write(path, bytes, n + 1)); /* the NUL behind it */
    refuse(thing_of(7), RV_E_DATA, "it was cut or added to");
    int n_loaded = 0;
    for (size_t i = 0; i < header; i++) {
        bytes[i] = (char)(bytes[i] ^ 1);
        RV_TEST_OK(rv_file_write(path, bytes, n));
        thing b = thing_of(7);
        thing before = b;
        rv_status status = rv_state_load(path, show, &b);
        if (status == RV_OK)
            n_loaded++; /* the unit's name alone is free here: "env_0" -> "env_1" */
        else
            CU_ASSERT(status == RV_E_DATA && same(&before, &b));
        bytes[i] = (char)(bytes[i] ^ 1);
    }
    CU_ASSERT(n_loaded <= (int)strlen("env_0"));
    rv_mem_free(&bytes);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void write_header(const char *header, size_t n_data)
{
    char bytes[1024] = {0};
    uint64_t n = strlen(header);
    memcpy(bytes, &n, sizeof n);
    memcpy(bytes + 8, header, n);
    RV_TEST_OK(rv_file_write(path, bytes, 8 + n + n_data));
}

#define META "{\"__metadata__\":{\"format\":\"reverie unit\",\"version\":\"1\",\"unit\":\"x\"}"

static void crafted(void)
{
    rv_state_list list;
    static const struct {
        const char *header;
        size_t n_data;
        const char *part;
    } cases[] = {
        {" " META "}", 0, "does not start with '{'"},
        {"{}", 0, "__metadata__"},
        {META ",\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
              "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
         1, "duplicate"},
        {META ",\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2, "not F32, F64, I64 or U8"},
        {META ",\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "leave a gap"},
        {META ",\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,-1]}}", 0, "do not fit"},
        {META ",\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0, "do not fit"},
        {META ",\"a\":{\"dtype\":\"U8\",\"shape\":[9223372036854775807],\"data_offsets\":[0,9223372036854775807]},"
              "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9223372036854775807,-9223372036854775808]}}",
         0, "do not fit"},
        {META ",\"a\":{\"dtype\":\"U8\",\"shape\":[1,1],\"data_offsets\":[0,1]}}", 1, "exactly a dtype"},
        {META ",\"a\":[]}", 0, "exactly a dtype"},
        {META ",\"../a b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "has a name"},
        {META ",\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 2, "cut or added"},
        {"{\"__metadata__\":{\"format\":\"reverie unit\",\"version\":\"2\",\"unit\":\"x\"}}", 0, "version '2'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_header(cases[i].header, cases[i].n_data);
        RV_TEST_FAILS(rv_state_inspect(path, &list), RV_E_DATA, cases[i].part);
    }
    write_header(META ",\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}  ", 1);
    RV_TEST_OK(rv_state_inspect(path, &list));
    rv_state_list_clear(&list);
    uint64_t huge = 1ULL << 63;
    RV_TEST_OK(rv_file_write(path, &huge, sizeof huge));
    RV_TEST_FAILS(rv_state_inspect(path, &list), RV_E_DATA, "claims a header of 9223372036854775808 bytes");
    RV_TEST_FAILS(rv_state_inspect(folder, &list), RV_E_NOINPUT, "is not a file");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static int run_in_folder(const CU_TestInfo *cases)
{
    snprintf(folder, sizeof folder, "%s/rv_state_XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(folder) || rv_path_join(folder, "unit.safetensors", path) != RV_OK)
        return 2;
    int failed = rv_test_run("state_file", cases);
    return rv_folder_remove(folder) == RV_OK ? failed : 2;
}

int main(void)
{
    const CU_TestInfo cases[] = {{"round trip", round_trip}, {"other shapes", other_shapes}, {"bad units", bad_units},
                                 {"damage", damage},         {"crafted", crafted},           CU_TEST_INFO_NULL};
    return run_in_folder(cases);
}
