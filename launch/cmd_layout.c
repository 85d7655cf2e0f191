/* cmd_layout.c - reverie layout: who would do what, with memory per rank; starts nothing. */
#include "base/memory.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "roles/layout.h"

#include <jansson.h>
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

static void print_text(const rv_layout *l)
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
}

static void print_json(const rv_layout *l)
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
    json_t *root = json_pack("{s:o, s:f}", "ranks", ranks, "node_bytes", l->node_bytes);
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
}

int rv_cmd_layout(int argc, char **argv)
{
    rv_options o;
    rv_config cfg;
    rv_layout layout;
    rv_status status = rv_options_parse(argc, argv, RV_OPTION_RANKS | RV_OPTION_JSON, &o);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    if (o.wants_help) {
        fputs(help, stdout);
        return 0;
    }
    if (o.n_positional != 1 || o.n_ranks == 0)
        return rv_cmd_finish(rv_raise(RV_E_USAGE, "layout needs a CONFIG and -n N; see reverie layout --help"));
    status = rv_config_load(o.positional[0], o.n_overrides, o.overrides, &cfg);
    if (status == RV_OK)
        status = rv_layout_create(&cfg, o.n_ranks, &layout);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    if (o.json)
        print_json(&layout);
    else
        print_text(&layout);
    rv_layout_clear(&layout);
    return 0;
}
