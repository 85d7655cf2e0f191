#include "command_test.h"
#include "data/journal_reader.h"

#include <jansson.h>

static char run[RV_PATH];
static uint64_t config_hash;

/* what the run's checkpoint was made with */
static void learn_hash(void)
{
    rv_checkpoint c;
    RV_TEST_OK(rv_checkpoint_newest(run, true, &c));
    config_hash = c.config_hash;
    rv_checkpoint_clear(&c);
}

/* n steps of environment 0, then one fewer of environment 1; episodes of 2 steps, cut in 0 and terminated in 1 */
static void write_rows(uint64_t n)
{
    const rv_journal_shape shape = {3, 1, 2, config_hash};
    rv_journal_info info;
    rv_journal *j = NULL;
    int start = 0;
    RV_TEST_OK(rv_journal_settle(run, &shape, 0, &info, &start));
    rv_journal_info_clear(&info);
    RV_TEST_OK(rv_journal_create(run, &shape, start, 0, 2, RV_DURABLE_PROCESS, &j));
    for (uint64_t s = 0; s < n; s++)
        for (uint32_t env = 0; env < (s + 1 < n ? 2U : 1U); env++) {
            float row[9] = {(float)s, (float)env};
            row[7] = (float)s; /* the reward */
            rv_journal_record r = {.env = env, .step = s, .episode = (uint32_t)s / 2, .reward = (double)s, .row = row};
            r.flags = s % 2 == 0 ? RV_ROW_BEGINS : env == 0 ? RV_ROW_TRUNCATED : RV_ROW_TERMINATED;
            row[8] = r.flags == RV_ROW_TERMINATED ? 1.0F : 0.0F;
            RV_TEST_OK(rv_journal_add(j, &r));
            RV_TEST_OK(rv_journal_write(j));
        }
    rv_journal_destroy(&j);
}

static void fresh(uint64_t n)
{
    RV_TEST_OK(command_make_run(run, 1));
    learn_hash();
    write_rows(n);
}

static json_int_t number(const json_t *root, const char *name)
{
    CU_ASSERT_FATAL(json_is_integer(json_object_get(root, name)));
    return json_integer_value(json_object_get(root, name));
}

static void shows(void)
{
    char path[RV_PATH];
    json_error_t error;
    fresh(6);
    COMMAND_PRINTS(rv_cmd_journal, "11 real rows of 2 environments in 1 segment, 0.0 MB\n", "journal %s", run);
    COMMAND_PRINTS(rv_cmd_journal, "6 episodes: 2 terminated, 3 at their time limit, 1 going on", "journal %s", run);
    RV_TEST_OK(rv_path_join(run, "journal/000001_00000_000.seg", path));
    CU_ASSERT_EQUAL(truncate(path, 64 + 10 * 80 + 33), 0);
    COMMAND_PRINTS(rv_cmd_journal, "    1     0     0          10           864  and 33 of no whole row", "journal %s",
                   run);
    COMMAND_PRINTS(rv_cmd_journal, "the first 0 rows are those of the newest checkpoint", "journal %s --verify", run);
    COMMAND_PRINTS(rv_cmd_journal, "\"segments\"", "journal %s --verify --json", run);
    json_t *root = json_loads(command_output, JSON_REJECT_DUPLICATES, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    CU_ASSERT(number(root, "rows") == 10 && number(root, "episodes") == 6 && number(root, "terminated") == 2);
    CU_ASSERT(number(root, "truncated") == 2 && number(root, "checkpoint_rows") == 0 && number(root, "bytes") == 897);
    const json_t *segment = json_array_get(json_object_get(root, "segments"), 0);
    CU_ASSERT(number(segment, "rows") == 10 && number(segment, "torn") == 33 && number(segment, "start") == 1);
    json_decref(root);
    RV_TEST_OK(rv_path_join(run, "checkpoints", path));
    RV_TEST_OK(rv_folder_remove(path));
    COMMAND_PRINTS(rv_cmd_journal, "there is no checkpoint to compare with yet", "journal %s --verify", run);
    RV_TEST_OK(rv_path_join(run, "journal", path));
    RV_TEST_OK(rv_folder_remove(path));
    COMMAND_PRINTS(rv_cmd_journal, "0 real rows of 0 environments in 0 segments", "journal %s", run);
    COMMAND_FAILS(rv_cmd_journal, 66, "has no real rows yet", "journal %s --export rows", run);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* rows of environments that have unlike numbers of them, in order */
static void exports(void)
{
    char path[RV_PATH];
    char *bytes = NULL;
    size_t n = 0;
    uint64_t header = 0;
    json_error_t error;
    fresh(6);
    RV_TEST_OK(rv_path_join(run, "rows", path));
    COMMAND_PRINTS(rv_cmd_journal, "11 real rows", "journal %.500s --export %.500s", run, path);
    RV_TEST_OK(rv_file_read(path, 1 << 20, &bytes, &n));
    memcpy(&header, bytes, sizeof header);
    CU_ASSERT_FATAL(header % 8 == 0 && header < n);
    json_t *root = json_loadb(bytes + 8, header, JSON_REJECT_DUPLICATES, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    size_t begin = 0;
    size_t end = 0;
    const json_t *obs = json_object_get(root, "obs");
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(json_object_get(obs, "shape"), 0)), 11);
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(json_object_get(obs, "shape"), 1)), 3);
    begin = (size_t)json_integer_value(json_array_get(json_object_get(obs, "data_offsets"), 0));
    for (int i = 0; i < 11; i++) {
        float x[3];
        memcpy(x, bytes + 8 + header + begin + (size_t)i * sizeof x, sizeof x);
        CU_ASSERT(x[0] == (float)(i / 2) && x[1] == (float)(i % 2));
    }
    const json_t *last = json_object_get(root, "truncated");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(last, "dtype")), "BOOL");
    end = (size_t)json_integer_value(json_array_get(json_object_get(last, "data_offsets"), 1));
    CU_ASSERT_EQUAL(8 + header + end, n);
    CU_ASSERT(memcmp(bytes + n - 11, "\0\0\1\0\0\0\1\0\0\0\1", 11) == 0);
    json_decref(root);
    rv_mem_free(&bytes);
    COMMAND_FAILS(rv_cmd_journal, 74, "cannot create '/nowhere/rows", "journal %s --export /nowhere/rows", run);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void fails(void)
{
    fresh(6);
    COMMAND_PRINTS(rv_cmd_journal, "usage: reverie journal RUN", "journal --help");
    COMMAND_FAILS(rv_cmd_journal, 64, "expected RUN", "journal");
    COMMAND_FAILS(rv_cmd_journal, 64, "--export needs a value", "journal %s --export", run);
    COMMAND_FAILS(rv_cmd_journal, 66, "no run at '/nowhere'", "journal /nowhere");
    RV_TEST_OK(command_damage(run, "journal/000001_00000_000.seg"));
    COMMAND_FAILS(rv_cmd_journal, 65, "a damaged record, and a whole one follows", "journal %s", run);
    CU_ASSERT_EQUAL(command_output[0], '\0');
    RV_TEST_OK(command_make_run(run, 1));
    config_hash = 5; /* of other settings than the checkpoint's */
    write_rows(2);
    COMMAND_PRINTS(rv_cmd_journal, "3 real rows", "journal %s", run);
    COMMAND_FAILS(rv_cmd_journal, 65, "written with other settings", "journal %s --verify", run);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

int main(void)
{
    const CU_TestInfo cases[] = {{"shows", shows}, {"exports", exports}, {"fails", fails}, CU_TEST_INFO_NULL};
    char folder[] = "/tmp/rv_cmd_journal_XXXXXX";
    if (!mkdtemp(folder) || rv_path_join(folder, "run", run) != RV_OK)
        return 2;
    int failed = rv_test_run("cmd_journal", cases);
    return rv_folder_remove(folder) == RV_OK ? failed : 2;
}
