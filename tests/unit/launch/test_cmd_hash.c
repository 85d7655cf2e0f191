#include "command_test.h"

#include <jansson.h>

static char run[RV_PATH];

/* a run with two lines of metrics */
static rv_status make_run(uint64_t seed, double wall, double loss)
{
    char path[RV_PATH];
    char text[512];
    RV_TRY(command_make_run(run, seed));
    RV_TRY(rv_path_join(run, "metrics.jsonl", path));
    int n = snprintf(text, sizeof text,
                     "{\"tick\":1,\"step\":250,\"role\":\"policy\",\"unit\":0,\"rank\":1,\"wall\":%g,"
                     "\"train/critic_loss\":%g}\n"
                     "{\"tick\":2,\"step\":500,\"role\":\"policy\",\"unit\":0,\"rank\":1,\"wall\":%g,"
                     "\"train/critic_loss\":%g}\n",
                     wall, loss, 2 * wall, loss / 2);
    return rv_file_write(path, text, (size_t)n);
}

static void hash_of(uint64_t seed, double wall, double loss, char out[COMMAND_OUTPUT])
{
    RV_TEST_OK(make_run(seed, wall, loss));
    COMMAND_PRINTS(rv_cmd_hash, "  all\n", "hash %s", run);
    snprintf(out, COMMAND_OUTPUT, "%s", command_output);
}

static const char *line_of(const char *text, int number)
{
    for (; number > 0; number--)
        text = strchr(text, '\n') + 1;
    return text;
}

static bool same_line(const char *a, const char *b, int number)
{
    return strncmp(line_of(a, number), line_of(b, number), RV_HASH_TEXT - 1) == 0;
}

static void compares(void)
{
    static char first[COMMAND_OUTPUT];
    static char second[COMMAND_OUTPUT];
    hash_of(1, 1.5, 0.25, first);
    CU_ASSERT_EQUAL(strncmp(line_of(first, 0) + 32, "  learner\n", 10), 0);
    CU_ASSERT_EQUAL(strncmp(line_of(first, 1) + 32, "  real\n", 7), 0);
    CU_ASSERT_EQUAL(strncmp(line_of(first, 2) + 32, "  metrics\n", 10), 0);
    CU_ASSERT_STRING_EQUAL(line_of(first, 3) + 32, "  all\n");
    hash_of(1, 9.5, 0.25, second); /* wall time is no result */
    CU_ASSERT_STRING_EQUAL(first, second);
    hash_of(1, 1.5, 0.5, second);
    CU_ASSERT(same_line(first, second, 0) && !same_line(first, second, 2) && !same_line(first, second, 3));
    hash_of(2, 1.5, 0.25, second);
    CU_ASSERT(!same_line(first, second, 0) && same_line(first, second, 2) && !same_line(first, second, 3));
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* "all" is the hash of the lines above it; --json says the same */
static void all(void)
{
    static char text[COMMAND_OUTPUT];
    char expected[RV_HASH_TEXT];
    json_error_t error;
    hash_of(1, 1.5, 0.25, text);
    rv_hash_bytes(text, (size_t)(line_of(text, 3) - text), expected);
    CU_ASSERT_EQUAL(strncmp(line_of(text, 3), expected, RV_HASH_TEXT - 1), 0);
    COMMAND_PRINTS(rv_cmd_hash, "\"units\"", "hash --json %s", run);
    json_t *root = json_loads(command_output, JSON_REJECT_DUPLICATES, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "all")), expected);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "tick")), 20);
    const char *learner = json_string_value(json_object_get(json_object_get(root, "units"), "learner"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(learner);
    CU_ASSERT_EQUAL(strncmp(text, learner, RV_HASH_TEXT - 1), 0);
    json_decref(root);
}

static void fails(void)
{
    COMMAND_PRINTS(rv_cmd_hash, "usage: reverie hash RUN", "hash --help");
    COMMAND_FAILS(rv_cmd_hash, 64, "expected RUN", "hash");
    COMMAND_FAILS(rv_cmd_hash, 64, "unknown option '-x'", "hash -x");
    COMMAND_FAILS(rv_cmd_hash, 64, "one word too many: 'b'", "hash a b");
    COMMAND_FAILS(rv_cmd_hash, 66, "no run at '/nowhere'", "hash /nowhere");
    RV_TEST_OK(command_make_run(run, 1));
    COMMAND_FAILS(rv_cmd_hash, 66, "metrics.jsonl", "hash %s", run);
    RV_TEST_OK(make_run(1, 1, 1));
    RV_TEST_OK(command_damage(run, "checkpoints/tick_00000020/learner.safetensors"));
    COMMAND_FAILS(rv_cmd_hash, 65, "checkpoint of tick 20 is corrupt", "hash %s", run);
    CU_ASSERT_EQUAL(command_output[0], '\0');
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

int main(void)
{
    const CU_TestInfo cases[] = {{"compares", compares}, {"all", all}, {"fails", fails}, CU_TEST_INFO_NULL};
    char folder[] = "/tmp/rv_cmd_hash_XXXXXX";
    if (!mkdtemp(folder) || rv_path_join(folder, "run", run) != RV_OK)
        return 2;
    int failed = rv_test_run("cmd_hash", cases);
    return rv_folder_remove(folder) == RV_OK ? failed : 2;
}
