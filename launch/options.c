#include "launch/options.h"

#include <stdlib.h>
#include <string.h>

static rv_status parse_ranks(const char *command, const char *text, int *out)
{
    char *end = NULL;
    long n = strtol(text, &end, 10);
    RV_CHECK(*text && *end == '\0' && n >= 1 && n <= RV_MAX_RANKS, RV_E_USAGE,
             "%s: -n wants a number of ranks from 1 to %d, not '%s'", command, RV_MAX_RANKS, text);
    *out = (int)n;
    return RV_OK;
}

rv_status rv_options_parse(int argc, char **argv, unsigned allowed, rv_options *out)
{
    rv_options o = {0};
    const char *command = argv[0];
    RV_CHECK(argc <= RV_OPTIONS_MOST, RV_E_USAGE, "%s: more than %d arguments", command, RV_OPTIONS_MOST);
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        bool takes_value = strcmp(a, "-n") == 0 || strcmp(a, "--run-dir") == 0;
        RV_CHECK(!takes_value || i + 1 < argc, RV_E_USAGE, "%s: %s wants a value", command, a);
        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0)
            o.wants_help = true;
        else if (strcmp(a, "--json") == 0 && (allowed & RV_OPTION_JSON))
            o.json = true;
        else if (strcmp(a, "--resume") == 0 && (allowed & RV_OPTION_RESUME))
            o.resume = true;
        else if (strcmp(a, "-n") == 0 && (allowed & RV_OPTION_RANKS))
            RV_TRY(parse_ranks(command, argv[++i], &o.n_ranks));
        else if (strcmp(a, "--run-dir") == 0 && (allowed & RV_OPTION_RUN_DIR))
            o.run_dir = argv[++i];
        else if (a[0] == '-')
            return rv_raise(RV_E_USAGE, "%s: no option '%s'; see reverie %s --help", command, a, command);
        else if (strchr(a, '=') && o.n_positional > 0)
            o.overrides[o.n_overrides++] = argv[i];
        else
            o.positional[o.n_positional++] = argv[i];
    }
    *out = o;
    return RV_OK;
}
