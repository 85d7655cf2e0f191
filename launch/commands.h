/* commands.h - one function per command of `reverie`. argv[0] is the command's own name.
 * Each returns the exit code of the process (sysexits.h; see base/status.h).
 */
#pragma once
#include "base/status.h"

int rv_cmd_train(int argc, char **argv);
int rv_cmd_eval(int argc, char **argv);
int rv_cmd_plot(int argc, char **argv);
int rv_cmd_compare(int argc, char **argv);
int rv_cmd_diagnose(int argc, char **argv);
int rv_cmd_render(int argc, char **argv);
int rv_cmd_watch(int argc, char **argv);
int rv_cmd_config(int argc, char **argv);
int rv_cmd_envs(int argc, char **argv);
int rv_cmd_layout(int argc, char **argv);
int rv_cmd_ledger(int argc, char **argv);
int rv_cmd_ckpt(int argc, char **argv);
int rv_cmd_journal(int argc, char **argv);
int rv_cmd_hash(int argc, char **argv);
int rv_cmd_env_child(int argc, char **argv);

/** Print the error record and return its exit code; 0 for RV_OK. */
int rv_cmd_finish(rv_status status);

/** Print a command's help. @return the exit code of the process */
int rv_cmd_help(const char *text);

/** Hand over what was printed. @return RV_OK; RV_E_IO when standard output takes no more */
rv_status rv_cmd_flush(void);
