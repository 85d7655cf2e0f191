#include "run/checkpoint.h"
#include "rv_test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char run[RV_PATH];

typedef struct counter {
    int64_t count;
    float row[4];
} counter;

static rv_status show(void *unit, rv_visit visit, void *user)
{
    counter *c = unit;
    RV_TRY(visit(user, "count", RV_I64, 1, &c->count));
    return visit(user, "row", RV_F32, 4, c->row);
}

static rv_status fresh_run(void)
{
    RV_TRY(rv_folder_remove(run));
    return rv_folder_make(run);
}

static counter counter_of(int64_t count)
{
    return (counter){.count = count, .row = {1, 2, 3, (float)count}};
}

static const rv_checkpoint_journal journal = {5000, "0123456789abcdef0123456789abcdef"};

/* two units, saved in the order 10, 2 */
static rv_status save(int64_t tick, int keep)
{
    rv_state_info infos[2];
    counter ten = counter_of(10 * tick);
    counter two = counter_of(2 * tick);
    RV_TRY(rv_checkpoint_begin(run, tick));
    RV_TRY(rv_checkpoint_save_unit(run, tick, "env_10", show, &ten, &infos[0]));
    RV_TRY(rv_checkpoint_save_unit(run, tick, "env_2", show, &two, &infos[1]));
    return rv_checkpoint_commit(run, tick, 250 * tick, 0xfedcba9876543210u, &journal, 2, infos, keep);
}

static void in_run(const char *name, char out[RV_PATH])
{
    RV_TEST_OK(rv_path_join(run, name, out));
}

static bool exists(const char *name)
{
    char path[RV_PATH];
    in_run(name, path);
    return rv_file_exists(path);
}

static void round_trip(void)
{
    rv_checkpoint c;
    RV_TEST_OK(fresh_run());
    RV_TEST_OK(save(20, 2));
    RV_TEST_OK(rv_checkpoint_newest(run, false, &c));
    CU_ASSERT_EQUAL(c.tick, 20);
    CU_ASSERT_EQUAL(c.step, 5000);
    CU_ASSERT_EQUAL(c.config_hash, 0xfedcba9876543210u);
    CU_ASSERT_EQUAL(c.journal.rows, 5000);
    CU_ASSERT_STRING_EQUAL(c.journal.hash, journal.hash);
    CU_ASSERT_EQUAL_FATAL(c.n_units, 2);
    CU_ASSERT_STRING_EQUAL(c.units[0].name, "env_2"); /* by number, whoever saved first */
    CU_ASSERT_STRING_EQUAL(c.units[1].name, "env_10");
    counter got = {0};
    counter expected = counter_of(200);
    RV_TEST_OK(rv_checkpoint_load_unit(&c, "env_10", show, &got));
    CU_ASSERT_EQUAL(memcmp(&got, &expected, sizeof got), 0);
    RV_TEST_FAILS(rv_checkpoint_load_unit(&c, "env_3", show, &got), RV_E_DATA, "holds no unit 'env_3'");
    rv_checkpoint_clear(&c);
    RV_TEST_FAILS(save(20, 2), RV_E_EXISTS, "checkpoint of tick 20 exists already");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void none(void)
{
    rv_checkpoint c;
    char path[RV_PATH];
    RV_TEST_OK(rv_folder_remove(run));
    RV_TEST_FAILS(rv_checkpoint_newest(run, false, &c), RV_E_NOINPUT, "no run at");
    RV_TEST_OK(rv_folder_make(run));
    RV_TEST_FAILS(rv_checkpoint_newest(run, false, &c), RV_E_NOINPUT, "no checkpoint in run");
    RV_TEST_OK(rv_checkpoint_begin(run, 3)); /* what an interrupted one leaves, and strangers */
    static const char *const strangers[] = {"tick_3",
                                            "tick_000000003",
                                            "tick_0000000x",
                                            "tick_-0000003",
                                            "tick_",
                                            "tick_99999999999999999999",
                                            "tick_00000003.bad-0",
                                            "tick_00000003.bad-01",
                                            "tick_00000003.bad-",
                                            "tick_00000003.bad--1",
                                            "tick_00000003bad-1"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        char name[64];
        snprintf(name, sizeof name, "checkpoints/%s", strangers[i]);
        in_run(name, path);
        RV_TEST_OK(rv_folder_make(path));
    }
    RV_TEST_FAILS(rv_checkpoint_newest(run, false, &c), RV_E_NOINPUT, "no checkpoint in run");
    RV_TEST_OK(fresh_run());
    in_run("checkpoints", path);
    RV_TEST_OK(rv_file_write(path, "", 0)); /* not a folder: not the same as none */
    RV_TEST_FAILS(rv_checkpoint_newest(run, false, &c), RV_E_IO, "checkpoints");
}

static void all_or_nothing(void)
{
    rv_state_info infos[3];
    counter one = counter_of(1);
    rv_checkpoint c;
    char path[RV_PATH];
    RV_TEST_OK(fresh_run());
    RV_TEST_OK(save(1, 5));
    RV_TEST_OK(rv_checkpoint_begin(run, 2));
    RV_TEST_OK(rv_checkpoint_save_unit(run, 2, "a", show, &one, &infos[0]));
    RV_TEST_OK(rv_checkpoint_save_unit(run, 2, "b", show, &one, &infos[1]));
    infos[2] = infos[0];
    RV_TEST_FAILS(rv_checkpoint_commit(run, 2, 2, 0, &journal, 3, infos, 2), RV_E_INTERNAL, "a was saved twice");
    snprintf(infos[2].name, sizeof infos[2].name, "missing");
    RV_TEST_FAILS(rv_checkpoint_commit(run, 2, 2, 0, &journal, 3, infos, 2), RV_E_INTERNAL, "missing.safetensors");
    infos[1].bytes++;
    RV_TEST_FAILS(rv_checkpoint_commit(run, 2, 2, 0, &journal, 2, infos, 2), RV_E_INTERNAL, "the manifest says");
    RV_TEST_FAILS(rv_checkpoint_save_unit(run, 2, "../x", show, &one, &infos[1]), RV_E_INTERNAL, "is not a name");
    RV_TEST_FAILS(rv_checkpoint_save_unit(run, 2, ".x", show, &one, &infos[1]), RV_E_INTERNAL, "is not a name");
    RV_TEST_OK(rv_checkpoint_newest(run, false, &c)); /* what failed has touched nothing */
    CU_ASSERT_EQUAL(c.tick, 1);
    rv_checkpoint_clear(&c);

    in_run("checkpoints/.tick_00000002.partial/a.safetensors", path);
    CU_ASSERT(rv_file_exists(path));
    RV_TEST_OK(rv_checkpoint_begin(run, 4)); /* of another tick: leftovers go nevertheless */
    CU_ASSERT_FALSE(rv_file_exists(path));
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void keep_newest(void)
{
    rv_checkpoint c;
    RV_TEST_OK(fresh_run());
    for (int64_t tick = 98; tick <= 101; tick++)
        RV_TEST_OK(save(tick, 2));
    CU_ASSERT_FALSE(exists("checkpoints/tick_00000098"));
    CU_ASSERT_FALSE(exists("checkpoints/tick_00000099"));
    CU_ASSERT_FALSE(exists("checkpoints/.tick_00000099.partial"));
    CU_ASSERT(exists("checkpoints/tick_00000100"));
    RV_TEST_OK(save(100000000, 2)); /* nine digits are newer than eight */
    CU_ASSERT_FALSE(exists("checkpoints/tick_00000100"));
    CU_ASSERT(exists("checkpoints/tick_00000101"));
    RV_TEST_FAILS(save(100000001, 1), RV_E_INTERNAL, "keeping 1"); /* never fewer than two */
    RV_TEST_OK(rv_checkpoint_newest(run, false, &c));
    CU_ASSERT_EQUAL(c.tick, 100000000);
    rv_checkpoint_clear(&c);
}

static rv_status fresh_pair(void)
{
    RV_TRY(fresh_run());
    RV_TRY(save(7, 2));
    return save(8, 2);
}

/* the text of what is wrong with the checkpoint of a tick, which must be bad */
static const char *wrong_with(int64_t tick)
{
    rv_checkpoint c = {.units = NULL};
    rv_status status = rv_checkpoint_open(run, tick, &c);
    if (status == RV_OK)
        status = rv_checkpoint_verify_all(&c);
    rv_checkpoint_clear(&c);
    CU_ASSERT_EQUAL(status, RV_E_DATA);
    return status == RV_OK ? "nothing" : rv_error_last()->text;
}

/* the tick that a resume would start from; -1: none, -2: an error */
static int64_t found(void)
{
    rv_checkpoint c = {.units = NULL};
    rv_status status = rv_checkpoint_newest(run, false, &c);
    int64_t tick = status == RV_OK ? c.tick : status == RV_E_NOINPUT ? -1 : -2;
    rv_checkpoint_clear(&c);
    return tick;
}

/* each byte of a file changed in turn: found, named, and the older checkpoint taken */
static void damage_file(const char *file)
{
    char path[RV_PATH];
    char name[128];
    char *bytes = NULL;
    size_t n = 0;
    int n_missed = 0;
    RV_TEST_OK(fresh_pair());
    snprintf(name, sizeof name, "checkpoints/tick_00000008/%s", file);
    in_run(name, path);
    RV_TEST_OK(rv_file_read(path, 1 << 20, &bytes, &n));
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 1;
        RV_TEST_OK(rv_file_write(path, bytes, n));
        n_missed += found() != 7 || !strstr(wrong_with(8), file);
        bytes[i] ^= 1;
    }
    CU_ASSERT_EQUAL(n_missed, 0);
    RV_TEST_OK(rv_file_write(path, bytes, n));
    CU_ASSERT_EQUAL(found(), 8);
    rv_mem_free(&bytes);
}

static void damage(void)
{
    rv_checkpoint c;
    char path[RV_PATH];
    char other[RV_PATH];
    damage_file("env_2.safetensors");
    damage_file("manifest.json");

    RV_TEST_OK(fresh_pair());
    in_run("checkpoints/tick_00000008/env_2.safetensors", path);
    CU_ASSERT_EQUAL(truncate(path, 40), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(wrong_with(8), "env_2.safetensors' has 40 bytes, the manifest says"));
    unlink(path);
    CU_ASSERT_PTR_NOT_NULL(strstr(wrong_with(8), "belongs to the checkpoint but cannot be found"));
    CU_ASSERT_EQUAL(found(), 7);
    in_run("checkpoints/tick_00000008/manifest.json", path);
    unlink(path);
    CU_ASSERT_PTR_NOT_NULL(strstr(wrong_with(8), "manifest.json"));
    CU_ASSERT_EQUAL(found(), 7);
    in_run("checkpoints/tick_00000007/env_10.safetensors", path);
    RV_TEST_OK(rv_file_write(path, "", 0));
    RV_TEST_FAILS(rv_checkpoint_newest(run, false, &c), RV_E_DATA, "tick 8 is corrupt, and no older one is good");
    CU_ASSERT(exists("checkpoints/tick_00000007") && exists("checkpoints/tick_00000008"));

    RV_TEST_OK(fresh_run());
    RV_TEST_OK(save(7, 2));
    in_run("checkpoints/tick_00000007", path);
    in_run("checkpoints/tick_00000009", other);
    CU_ASSERT_EQUAL(rename(path, other), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(wrong_with(9), "it is of tick 7, its folder of tick 9"));
    in_run("checkpoints/tick_00000009.bad-1", path); /* bad, and not none */
    CU_ASSERT_EQUAL(rename(other, path), 0);
    RV_TEST_FAILS(rv_checkpoint_newest(run, false, &c), RV_E_DATA, "no older one is good");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* a bad checkpoint whose tick comes again goes aside; bad ones neither count nor go */
static void bad_ones_stay(void)
{
    char path[RV_PATH];
    rv_checkpoint_place *places = NULL;
    int n = 0;
    RV_TEST_OK(fresh_pair());
    in_run("checkpoints/tick_00000008/env_2.safetensors", path);
    for (int k = 0; k < 2; k++) {
        CU_ASSERT_EQUAL(truncate(path, 40), 0);
        RV_TEST_OK(save(8, 2));
        CU_ASSERT_EQUAL(found(), 8);
    }
    CU_ASSERT_EQUAL(truncate(path, 40), 0);
    RV_TEST_OK(save(9, 2));
    RV_TEST_OK(save(10, 2)); /* 7 went: 9 and 10 are good */
    RV_TEST_OK(rv_checkpoint_list(run, &places, &n));
    static const rv_checkpoint_place want[] = {{10, 0}, {9, 0}, {8, 0}, {8, 1}, {8, 2}};
    CU_ASSERT_EQUAL_FATAL(n, 5);
    CU_ASSERT_EQUAL(memcmp(places, want, sizeof want), 0);
    rv_mem_free(&places);

    in_run("checkpoints/tick_00000010/env_2.safetensors", path); /* the bytes change, the size does not */
    char *bytes = NULL;
    size_t size = 0;
    RV_TEST_OK(rv_file_read(path, 1 << 20, &bytes, &size));
    bytes[size - 1] ^= 1;
    RV_TEST_OK(rv_file_write(path, bytes, size));
    rv_mem_free(&bytes);
    RV_TEST_OK(save(11, 2));
    CU_ASSERT(exists("checkpoints/tick_00000009") && exists("checkpoints/tick_00000010"));
    RV_TEST_OK(save(12, 2));
    CU_ASSERT_FALSE(exists("checkpoints/tick_00000009"));
    CU_ASSERT(exists("checkpoints/tick_00000010"));
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* what the manifest's own hash does not cover: how it is printed, and the hash itself */
static void printing(void)
{
    static const struct {
        const char *from, *to, *part;
    } cases[] = {
        {"\n \"tick\"", "\n  \"tick\"", "not printed as reverie prints it"},
        {"env_2\"", "env\\u005f2\"", "not printed as reverie prints it"},
        {"\"\n}", "0\"\n}", "its own hash is not 32 hexadecimal digits"},
        {"\"\n}", "\"\n}\n", "not printed as reverie prints it"},
    };
    char path[RV_PATH];
    char *text = NULL;
    size_t n = 0;
    rv_checkpoint c = {.units = NULL};
    RV_TEST_OK(fresh_run());
    RV_TEST_OK(save(7, 2));
    in_run("checkpoints/tick_00000007/manifest.json", path);
    RV_TEST_OK(rv_file_read(path, 1 << 20, &text, &n));
    RV_TEST_OK(rv_checkpoint_parse("m", text, n, &c));
    rv_checkpoint_clear(&c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char other[4096];
        const char *at = strstr(text, cases[i].from);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        int m =
            snprintf(other, sizeof other, "%.*s%s%s", (int)(at - text), text, cases[i].to, at + strlen(cases[i].from));
        RV_TEST_FAILS(rv_checkpoint_parse("m", other, (size_t)m, &c), RV_E_DATA, cases[i].part);
    }
    rv_mem_free(&text);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

#define HEAD                                                                                                           \
    "{\"format\":\"reverie "                                                                                           \
    "checkpoint\",\"version\":1,\"tick\":1,\"step\":1,\"config_hash\":\"0123456789abcdef\",\"hash\":\"x\""

static void manifests(void)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "m:1:0"},
        {"[]", "expected a JSON object"},
        {"{\"format\":\"x\",\"version\":1}", "format 'x' version 1"},
        {"{\"format\":\"reverie checkpoint\",\"version\":1,\"version\":1}", "duplicate"},
        {"{\"format\":\"reverie checkpoint\",\"version\":1,\"tick\":-1}", "'tick'"},
        {"{\"format\":\"reverie checkpoint\",\"version\":1,\"tick\":1.5}", "'tick'"},
        {HEAD "}", "it has no 'journal': it is from before real rows were kept in one"},
        {HEAD ",\"journal\":{\"rows\":-1,\"hash\":\"\"}}", "'rows'"},
        {HEAD ",\"journal\":{\"rows\":1,\"hash\":\"x\"}}", "'journal' must have the keys rows and hash"},
        {HEAD ",\"journal\":{\"rows\":1,\"hash\":\"0123456789abcdef0123456789abcdef\",\"x\":1}}",
         "'journal' must have"},
    };
    rv_checkpoint c;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        RV_TEST_FAILS(rv_checkpoint_parse("m", cases[i].text, strlen(cases[i].text), &c), RV_E_DATA, cases[i].part);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static int run_in_folder(const CU_TestInfo *cases)
{
    char folder[RV_PATH];
    snprintf(folder, sizeof folder, "%s/rv_checkpoint_XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(folder) || rv_path_join(folder, "run", run) != RV_OK)
        return 2;
    int failed = rv_test_run("checkpoint", cases);
    return rv_folder_remove(folder) == RV_OK ? failed : 2;
}

int main(void)
{
    const CU_TestInfo cases[] = {
        {"round trip", round_trip},   {"none", none},           {"all or nothing", all_or_nothing},
        {"keep newest", keep_newest}, {"damage", damage},       {"bad ones stay", bad_ones_stay},
        {"printing", printing},       {"manifests", manifests}, CU_TEST_INFO_NULL};
    return run_in_folder(cases);
}
