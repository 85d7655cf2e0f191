/* cmd_layout.c - reverie layout: who would do what, with memory per rank; --measure: what should do what. */
#include "base/json.h"
#include "launch/commands.h"
#include "launch/layout_view.h"
#include "launch/measure.h"
#include "launch/options.h"

static const char help[] =
    "usage: reverie layout CONFIG -n N [key=value ...] [--json]\n"
    "       reverie layout --measure CONFIG -n N [key=value ...] [--json]\n"
    "\n"
    "Shows which rank would host which units, with an estimate of work and memory, and starts nothing.\n"
    "The layout never changes a result, only how long it takes.\n"
    "\n"
    "  --measure  run a short trial on one core of this machine, in a temporary folder that is removed afterwards;\n"
    "             print what the work of each role costs, and settings that share it out better, for N ranks with a\n"
    "             core each. See also 'reverie ledger', for where the time of a real run went\n"
    "  --json     print JSON\n"
    "\n"
    "examples:\n"
    "  reverie layout configs/pendulum.yaml -n 4\n"
    "  reverie layout configs/mbpo/hopper.yaml -n 12 layout.model_ranks=7 --json\n"
    "  reverie layout --measure configs/mbpo/half_cheetah.yaml -n 4\n";

static int show_layout(const rv_config *cfg, int n_ranks, bool json)
{
    rv_layout layout;
    rv_status status = rv_layout_create(cfg, n_ranks, &layout);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    if (!json)
        rv_layout_print(&layout);
    status = json ? rv_json_print(rv_layout_json(&layout)) : rv_cmd_flush();
    rv_layout_clear(&layout);
    return rv_cmd_finish(status);
}

static rv_status read_arguments(const rv_words *words, const char *ranks, rv_config *cfg, int *n_ranks)
{
    RV_TRY(rv_options_expect("layout", "CONFIG", 1, 1, words));
    RV_CHECK(ranks, RV_E_USAGE, "layout: -n N is missing; see 'reverie layout --help'");
    RV_TRY(rv_options_ranks("layout", ranks, n_ranks));
    RV_TRY(rv_config_load(words->positional[0], words->n_overrides, words->overrides, cfg));
    return rv_config_register_env(cfg);
}

int rv_cmd_layout(int argc, char **argv)
{
    bool json = false;
    bool measure = false;
    const char *ranks = NULL;
    int n_ranks = 0;
    rv_words words;
    rv_config cfg;
    const rv_option options[] = {
        {"-n", NULL, &ranks}, {"--measure", &measure, NULL}, {"--json", &json, NULL}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, true, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(help);
    if (status == RV_OK)
        status = read_arguments(&words, ranks, &cfg, &n_ranks);
    int code = status != RV_OK ? rv_cmd_finish(status)
               : measure       ? rv_measure_layout(&cfg, &words, n_ranks, json)
                               : show_layout(&cfg, n_ranks, json);
    rv_env_forget();
    return code;
}
