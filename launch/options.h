/* options.h - the options that commands share: CONFIG or RUN, key=value, -n N, --run-dir DIR, --resume, --json. */
#pragma once
#include "base/status.h"

enum { RV_OPTIONS_MOST = 256, RV_MAX_RANKS = 65536 };

/* which options a command takes besides --help and positional arguments */
enum { RV_OPTION_RANKS = 1, RV_OPTION_RUN_DIR = 2, RV_OPTION_RESUME = 4, RV_OPTION_JSON = 8 };

typedef struct rv_options {
    bool wants_help, json, resume;
    int n_ranks;         /* 0: not given */
    const char *run_dir; /* NULL: not given */
    int n_positional;
    char *positional[RV_OPTIONS_MOST];
    int n_overrides; /* arguments with a '=' */
    char *overrides[RV_OPTIONS_MOST];
} rv_options;

/** argv[0] is the command's name. @return RV_OK; RV_E_USAGE */
rv_status rv_options_parse(int argc, char **argv, unsigned allowed, rv_options *out);
