#include "command_test.h"

#include <jansson.h>

#define LEARNER "checkpoints/tick_00000020/learner.safetensors"

static char run[RV_PATH];

static void prints(void)
{
    char kept[COMMAND_OUTPUT];
    RV_TEST_OK(command_make_run(run, 1));
    COMMAND_PRINTS(rv_cmd_eval, "usage: reverie eval RUN", "eval --help");
    COMMAND_PRINTS(rv_cmd_eval, "Pendulum-v1, checkpoint of tick 20 (step 5000), 10 episodes", "eval %s", run);
    COMMAND_PRINTS(rv_cmd_eval, "length  mean 200.0, 0 terminated", "eval %s --episodes 3", run);
    snprintf(kept, sizeof kept, "%s", command_output);
    COMMAND_PRINTS(rv_cmd_eval, kept, "eval %s --episodes 3", run);
    COMMAND_PRINTS(rv_cmd_eval, "3 episodes, seed 7", "eval %s --seed 7 --episodes 3", run);
    CU_ASSERT_PTR_NULL(strstr(command_output, strchr(kept, '\n'))); /* other starts, other returns */
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void json(void)
{
    json_error_t error;
    RV_TEST_OK(command_make_run(run, 1));
    COMMAND_PRINTS(rv_cmd_eval, "\"returns\"", "eval --json --episodes 4 %s", run);
    json_t *root = json_loads(command_output, JSON_REJECT_DUPLICATES, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    json_t *returns = json_object_get(root, "returns");
    CU_ASSERT_EQUAL(json_array_size(returns), 4);
    double mean = 0, square = 0, least = INFINITY;
    for (size_t i = 0; i < 4; i++) {
        double x = json_real_value(json_array_get(returns, i));
        mean += x / 4;
        square += x * x / 4;
        least = x < least ? x : least;
    }
    double got[] = {json_real_value(json_object_get(root, "mean")), json_real_value(json_object_get(root, "std")),
                    json_real_value(json_object_get(root, "min"))};
    double expected[] = {mean, sqrt(square - mean * mean), least};
    RV_TEST_NEAR(3, got, expected, 1e-9, 0);
    json_decref(root);
}

static void fails(void)
{
    RV_TEST_OK(command_make_run(run, 1));
    COMMAND_FAILS(rv_cmd_eval, 64, "expected RUN", "eval");
    COMMAND_FAILS(rv_cmd_eval, 64, "one word too many", "eval %s again", run);
    COMMAND_FAILS(rv_cmd_eval, 64, "unknown option '--episode'", "eval %s --episode 3", run);
    COMMAND_FAILS(rv_cmd_eval, 64, "--seed needs a value", "eval %s --seed", run);
    COMMAND_FAILS(rv_cmd_eval, 64, "--episodes: expected a whole number in [1, 100000], got '0'",
                  "eval %s --episodes 0", run);
    COMMAND_FAILS(rv_cmd_eval, 66, "no run at '/nowhere'", "eval /nowhere");
    RV_TEST_OK(command_damage(run, LEARNER));
    COMMAND_FAILS(rv_cmd_eval, 65, "checkpoint of tick 20 is corrupt", "eval %s", run);

    char path[RV_PATH];
    RV_TEST_OK(command_make_run(run, 1));
    RV_TEST_OK(rv_path_join(run, "config.yaml", path));
    RV_TEST_OK(rv_file_write(path, "policy:\n  hidden: 8\n", 20));
    COMMAND_FAILS(rv_cmd_eval, 78, "is not the configuration that checkpoint", "eval %s", run);
    RV_TEST_OK(rv_path_join(run, "checkpoints", path));
    RV_TEST_OK(rv_folder_remove(path));
    COMMAND_FAILS(rv_cmd_eval, 66, "no checkpoint in run", "eval %s", run);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

int main(void)
{
    const CU_TestInfo cases[] = {{"prints", prints}, {"json", json}, {"fails", fails}, CU_TEST_INFO_NULL};
    char folder[] = "/tmp/rv_cmd_eval_XXXXXX";
    if (!mkdtemp(folder) || rv_path_join(folder, "run", run) != RV_OK)
        return 2;
    int failed = rv_test_run("cmd_eval", cases);
    return rv_folder_remove(folder) == RV_OK ? failed : 2;
}
