#include "launch/commands.h"
#include "run/config.h"
#include "rv_test.h"

#include <unistd.h>

enum { MAX_WORDS = 8, MAX_OUTPUT = 65536 };

static char output[MAX_OUTPUT];

/* Run `reverie config <line>`; what it prints lands in output. */
static int run(const char *line)
{
    char words[512];
    char command[] = "config";
    char *argv[MAX_WORDS + 1] = {command};
    int argc = 1;
    snprintf(words, sizeof words, "%s", line);
    char *rest = words;
    for (char *word; argc < MAX_WORDS && (word = strsep(&rest, " ")) != NULL;)
        if (*word)
            argv[argc++] = word;
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    int code = rv_cmd_config(argc, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    output[fread(output, 1, sizeof output - 1, file)] = '\0';
    fclose(file);
    return code;
}

static void check_prints(const char *line, const char *part)
{
    CU_ASSERT_EQUAL(run(line), 0);
    if (!strstr(output, part))
        printf("\n    config %s: '%s' is not in:\n%s", line, part, output);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, part));
}

static void test_show(void)
{
    check_prints("show", "\npolicy:\n  hidden_layers: 2\n");
    CU_ASSERT_PTR_NULL(strchr(output, '#'));
    check_prints("show policy.hidden_layers=3 seed=4", "\npolicy:\n  hidden_layers: 3\n");
    CU_ASSERT_EQUAL(strncmp(output, "seed: 4\n", 8), 0);
    check_prints("show --explain", "  # how fast the target critics follow the critics\n"
                                   "  #   a number in [1e-08, 1]; per update; default 0.005\n  tau: 0.005\n");
    check_prints("show --json", "\"total_steps\": 125000,");
    CU_ASSERT_EQUAL(output[0], '{');
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void test_explain(void)
{
    check_prints("explain", "rollout     branches imagined by the model (8 keys)\n");
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
    static const char *const names[] = {"pendulum", "inverted_pendulum", "hopper", "half_cheetah"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[512];
        snprintf(line, sizeof line, "check %s/../configs/%s.yaml", RV_TEST_DIR, names[i]);
        check_prints(line, ": OK, ");
    }
}

RV_TEST_MAIN("config command", {"show", test_show}, {"explain", test_explain}, {"exit codes", test_exit_codes},
             {"shipped configs", test_shipped_configs})
