/* main.c - the command line: reverie COMMAND ... */
#include "env/plugin.h"
#include "launch/commands.h"
#include "launch/options.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"train", "train an agent, or go on with a run", rv_cmd_train},
    {"eval", "measure the policy of a run", rv_cmd_eval},
    {"plot", "draw the learning curves of runs", rv_cmd_plot},
    {"compare", "compare groups of runs: return against steps, time and price", rv_cmd_compare},
    {"diagnose", "say how a run went, what is wrong with it and what to change", rv_cmd_diagnose},
    {"render", "show episodes as a film or picture, and what the model imagines", rv_cmd_render},
    {"watch", "follow the live metrics of a run", rv_cmd_watch},
    {"config", "show, check and explain settings", rv_cmd_config},
    {"envs", "list, show and check environments, replay reference trajectories", rv_cmd_envs},
    {"layout", "show which rank would do what", rv_cmd_layout},
    {"ledger", "show where the time of each rank went", rv_cmd_ledger},
    {"ckpt", "list, verify and compare the checkpoints of runs", rv_cmd_ckpt},
    {"journal", "show, check and export the real transitions of a run", rv_cmd_journal},
    {"hash", "hash every unit of a run, to compare runs", rv_cmd_hash},
    /* no help: not for people, neither listed nor suggested */
    {"env-child", NULL, rv_cmd_env_child},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void usage(FILE *out)
{
    fprintf(out, "reverie - model-based reinforcement learning over MPI\n\nusage: reverie COMMAND ...\n\ncommands:\n");
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i].help)
            fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\nexamples:\n"
                 "  reverie train configs/pendulum.yaml\n"
                 "  reverie train configs/mbpo/hopper.yaml seed=3 schedule.total_steps=20000 -n 8\n"
                 "  reverie plot runs/pendulum-1\n"
                 "  reverie config explain policy.tau\n"
                 "\nreverie COMMAND --help says more. Exit codes:\n");
    for (int s = 0; s < RV_N_STATUS; s++)
        fprintf(out, "  %3d  %s\n", rv_status_exit_code((rv_status)s), rv_status_text((rv_status)s));
    fprintf(out, "  128 + N: ended at once by signal N\n");
}

static rv_status unknown(const char *word)
{
    const char *names[N_COMMANDS];
    int n = 0;
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i].help)
            names[n++] = commands[i].name;
    return rv_options_unknown("", word[0] == '-' ? "option" : "command", word, n, names);
}

int main(int argc, char **argv)
{
    rv_plugin_set_program("/proc/self/exe");
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
        usage(stdout);
        return rv_cmd_finish(rv_cmd_flush());
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0)
        return rv_cmd_help("reverie " RV_VERSION "\n");
    for (int i = 0; argc >= 2 && i < N_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc >= 2)
        return rv_cmd_finish(unknown(argv[1]));
    usage(stderr);
    return rv_status_exit_code(RV_E_USAGE);
}
