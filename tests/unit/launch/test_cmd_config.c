#include "command_test.h"
#include "launch/commands.h"
#include "run/config.h"
#include "rv_test.h"

#include <glob.h>

/* Run `reverie config <line>`; what it prints lands in command_output. */
static int run(const char *line)
{
    char words[RV_PATH];
    snprintf(words, sizeof words, "config %s", line);
    return command_run(rv_cmd_config, words);
}

static void check_prints(const char *line, const char *part)
{
    CU_ASSERT_EQUAL(run(line), 0);
    if (!strstr(command_output, part))
        printf("\n    config %s: '%s' is not in:\n%s", line, part, command_output);
    CU_ASSERT_PTR_NOT_NULL(strstr(command_output, part));
}

static void test_show(void)
{
    check_prints("show", "\npolicy:\n  hidden_layers: 2\n");
    CU_ASSERT_PTR_NULL(strchr(command_output, '#'));
    check_prints("show policy.hidden_layers=3 seed=4", "\npolicy:\n  hidden_layers: 3\n");
    CU_ASSERT_EQUAL(strncmp(command_output, "seed: 4\n", 8), 0);
    check_prints("show --explain", "  # how fast the target critics follow the critics\n"
                                   "  #   a number in [1e-08, 1]; per update; default 0.005\n  tau: 0.005\n");
    check_prints("show --json", "\"total_steps\": 125000,");
    CU_ASSERT_EQUAL(command_output[0], '{');
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void test_explain(void)
{
    check_prints("explain", "disk        a disk that is full (1 keys)\n");
    check_prints("explain policy", "tau               how fast the target critics follow the critics [0.005]\n");
    check_prints("explain policy.tau", "  takes    a number in [1e-08, 1]\n  default  0.005\n  unit     per update\n");
    check_prints("explain seed", "seed: ");
    check_prints("explain schedule.mode --json", "\"expected\": \"lockstep or pipelined\"");
    check_prints("explain --json", "\"key\": \"layout.evaluator_ranks\"");
}

static void test_exit_codes(void)
{
    CU_ASSERT_EQUAL(run(""), 64);
    CU_ASSERT_EQUAL(run("list"), 64);
    CU_ASSERT_EQUAL(run("check"), 64);
    CU_ASSERT_EQUAL(run("show --wrong"), 64);
    CU_ASSERT_EQUAL(run("show one two"), 64);
    CU_ASSERT_EQUAL(run("explain --explain"), 64);
    CU_ASSERT_EQUAL(run("explain policy.tua"), 78);
    CU_ASSERT_STRING_EQUAL(rv_error_last()->text, "unknown key 'policy.tua'; did you mean 'policy.tau'?");
    CU_ASSERT_EQUAL(run("show policy.tau=2"), 78);
    CU_ASSERT_EQUAL(run("check no_such_file.yaml"), 66);
    check_prints("--help", "examples:\n");
    check_prints("show --help", "examples:\n");
}

static void test_shipped_configs(void)
{
    glob_t files;
    CU_ASSERT_FATAL(glob(RV_TEST_DIR "/../configs/*.yaml", 0, NULL, &files) == 0);
    CU_ASSERT_FATAL(glob(RV_TEST_DIR "/../configs/mbpo/*.yaml", GLOB_APPEND, NULL, &files) == 0);
    CU_ASSERT_FATAL(glob(RV_TEST_DIR "/../configs/sac/*.yaml", GLOB_APPEND, NULL, &files) == 0);
    CU_ASSERT(files.gl_pathc >= 18);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char line[512];
        snprintf(line, sizeof line, "check %s", files.gl_pathv[i]);
        check_prints(line, ": OK, ");
    }
    globfree(&files);
}

RV_TEST_MAIN("config command", {"show", test_show}, {"explain", test_explain}, {"exit codes", test_exit_codes},
             {"shipped configs", test_shipped_configs})
