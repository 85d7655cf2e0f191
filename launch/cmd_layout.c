/* cmd_layout.c - reverie layout: who would do what, with memory per rank; starts nothing. */
#include "base/json.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "roles/layout.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: reverie layout CONFIG -n N [key=value ...] [--json]\n"
    "\n"
    "Shows which rank would host which units, with an estimate of work and memory, and starts nothing.\n"
    "The layout never changes a result, only how long it takes.\n"
    "\n"
    "examples:\n"
    "  reverie layout configs/pendulum.yaml -n 4\n"
    "  reverie layout configs/hopper.yaml -n 12 layout.model_ranks=7 --json\n";

/* "0-3,7": the units of a role on a rank */
static void list_units(const rv_layout *l, int role, int rank, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int u = 0; u < l->n_units[role]; u++) {
        if (l->owner[role][u] != rank)
            continue;
        int last = u;
        while (last + 1 < l->n_units[role] && l->owner[role][last + 1] == rank)
            last++;
        int n = last > u ? snprintf(out + used, size - used, "%s%d-%d", used ? "," : "", u, last)
                         : snprintf(out + used, size - used, "%s%d", used ? "," : "", u);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
        u = last;
    }
}

static double rank_cost(const rv_layout *l, int rank)
{
    double cost = 0;
    for (int role = 0; role < RV_N_ROLES; role++)
        for (int u = 0; u < l->n_units[role]; u++)
            cost += l->owner[role][u] == rank ? l->unit_cost[role] : 0;
    return cost;
}

static rv_status print_text(const rv_layout *l)
{
    enum { UNITS = 4096 };
    static char units[UNITS];
    printf("%5s  %10s  %9s  %s\n", "rank", "work/tick", "memory", "hosts");
    for (int rank = 0; rank < l->n_ranks; rank++) {
        printf("%5d  %5.1f GFLOP  %6.0f MB  ", rank, rank_cost(l, rank), rv_layout_rank_bytes(l, rank) / 1e6);
        const char *separator = "";
        for (int role = 0; role < RV_N_ROLES; role++) {
            list_units(l, role, rank, units, UNITS);
            if (!units[0])
                continue;
            printf("%s%s (%s %s)", separator, rv_role_names[role], rv_unit_names[role], units);
            separator = ", ";
        }
        printf("%s%s\n", rank == 0 ? separator : "", rank == 0 ? "coordinator" : *separator ? "" : "nothing");
    }
    printf("and on each node, shared by its ranks: the real buffer, %.0f MB\n", l->node_bytes / 1e6);
    return rv_cmd_flush();
}

static rv_status print_json(const rv_layout *l)
{
    json_t *ranks = json_array();
    for (int rank = 0; rank < l->n_ranks; rank++) {
        json_t *row = json_pack("{s:i, s:f, s:f}", "rank", rank, "gflop_per_tick", rank_cost(l, rank), "bytes",
                                rv_layout_rank_bytes(l, rank));
        for (int role = 0; role < RV_N_ROLES; role++) {
            json_t *units = json_array();
            for (int u = 0; u < l->n_units[role]; u++)
                if (l->owner[role][u] == rank)
                    json_array_append_new(units, json_integer(u));
            json_object_set_new(row, rv_role_names[role], units);
        }
        json_array_append_new(ranks, row);
    }
    return rv_json_print(json_pack("{s:o, s:f}", "ranks", ranks, "node_bytes", l->node_bytes));
}

static rv_status show_layout(const rv_words *words, const char *ranks, bool json)
{
    rv_config cfg;
    rv_layout layout;
    int n_ranks = 0;
    RV_TRY(rv_options_expect("layout", "CONFIG", 1, 1, words));
    RV_CHECK(ranks, RV_E_USAGE, "layout: -n N is missing; see 'reverie layout --help'");
    RV_TRY(rv_options_ranks("layout", ranks, &n_ranks));
    RV_TRY(rv_config_load(words->positional[0], words->n_overrides, words->overrides, &cfg));
    RV_TRY(rv_layout_create(&cfg, n_ranks, &layout));
    rv_status status = json ? print_json(&layout) : print_text(&layout);
    rv_layout_clear(&layout);
    return status;
}

int rv_cmd_layout(int argc, char **argv)
{
    bool json = false;
    const char *ranks = NULL;
    rv_words words;
    const rv_option options[] = {{"-n", NULL, &ranks}, {"--json", &json, NULL}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, true, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(help);
    return rv_cmd_finish(status != RV_OK ? status : show_layout(&words, ranks, json));
}
