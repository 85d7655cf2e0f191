/* command_test.h - for tests of commands: a run to work on, and what a command printed. */
#pragma once
#include "agent/sac.h"
#include "base/file.h"
#include "launch/commands.h"
#include "run/checkpoint.h"
#include "run/config.h"
#include "rv_test.h"

#include <stdlib.h>
#include <unistd.h>

enum { COMMAND_WORDS = 12, COMMAND_OUTPUT = 65536 };

static char command_output[COMMAND_OUTPUT]; /* of the last command, standard output */

/** Run "eval RUN --json"; @return its exit code */
static inline int command_run(int (*command)(int, char **), const char *line)
{
    char words[2 * RV_PATH];
    char *argv[COMMAND_WORDS + 1] = {NULL};
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    char *rest = words;
    for (char *word; argc < COMMAND_WORDS && (word = strsep(&rest, " ")) != NULL;)
        if (*word)
            argv[argc++] = word;
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    int code = command(argc, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    command_output[fread(command_output, 1, sizeof command_output - 1, file)] = '\0';
    fclose(file);
    return code;
}

static inline rv_status command_show_learner(void *unit, rv_visit visit, void *user)
{
    return rv_sac_visit(unit, visit, user);
}

/** A run of Pendulum-v1 with a fresh learner, checkpointed once (tick 20). */
static inline rv_status command_make_run(const char *run, uint64_t seed)
{
    char *overrides[] = {(char[]){"env.name=Pendulum-v1"}, (char[]){"policy.hidden=16"}};
    char path[RV_PATH];
    char *text = NULL;
    rv_config config;
    rv_sac *sac = NULL;
    rv_state_info info;
    rv_checkpoint_journal journal = {.rows = 0}; /* no real rows */
    rv_hash_bytes("", 0, journal.hash);
    RV_TRY(rv_folder_remove(run));
    RV_TRY(rv_folder_make(run));
    RV_TRY(rv_config_load(NULL, 2, overrides, &config));
    RV_TRY(rv_config_print(&config, false, &text));
    RV_TRY(rv_path_join(run, "config.yaml", path));
    RV_TRY(rv_file_write(path, text, strlen(text)));
    rv_mem_free(&text);
    RV_TRY(rv_sac_create(&config.policy, 3, 1, seed, &sac));
    RV_TRY(rv_checkpoint_begin(run, 20));
    RV_TRY(rv_checkpoint_save_unit(run, 20, "learner", command_show_learner, sac, &info));
    rv_sac_destroy(&sac);
    return rv_checkpoint_commit(run, 20, 5000, rv_config_hash(&config), &journal, 1, &info, 2);
}

/** Overwrite one byte of a file of the run. */
static inline rv_status command_damage(const char *run, const char *name)
{
    char path[RV_PATH];
    char *bytes = NULL;
    size_t n = 0;
    RV_TRY(rv_path_join(run, name, path));
    RV_TRY(rv_file_read(path, 1 << 24, &bytes, &n));
    bytes[n / 2] ^= 1;
    rv_status status = rv_file_write(path, bytes, n);
    rv_mem_free(&bytes);
    return status;
}

/** Expect this exit code, and part in the error record. */
#define COMMAND_FAILS(command, code, part, ...)                                                                        \
    do {                                                                                                               \
        char line_[2 * RV_PATH];                                                                                       \
        snprintf(line_, sizeof line_, __VA_ARGS__);                                                                    \
        CU_ASSERT_EQUAL(command_run(command, line_), code);                                                            \
        if (!strstr(rv_error_last()->text, part))                                                                      \
            printf("\n    %s: got: %s\n", line_, rv_error_last()->text);                                               \
        CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, part));                                                   \
    } while (0)

#define COMMAND_PRINTS(command, part, ...)                                                                             \
    do {                                                                                                               \
        char line_[2 * RV_PATH];                                                                                       \
        snprintf(line_, sizeof line_, __VA_ARGS__);                                                                    \
        CU_ASSERT_EQUAL(command_run(command, line_), 0);                                                               \
        if (!strstr(command_output, part))                                                                             \
            printf("\n    %s: printed: %s\n", line_, command_output);                                                  \
        CU_ASSERT_PTR_NOT_NULL(strstr(command_output, part));                                                          \
    } while (0)
