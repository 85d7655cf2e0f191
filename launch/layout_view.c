#include "launch/layout_view.h"

#include <stdio.h>

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

void rv_layout_print(const rv_layout *l)
{
    enum { UNITS = 4096 };
    static char units[UNITS];
    printf("%5s  %11s  %9s  %s\n", "rank", "work/tick", "memory", "hosts");
    for (int rank = 0; rank < l->n_ranks; rank++) {
        printf("%5d  %*.*f %s  %6.0f MB  ", rank, l->is_measured ? 9 : 5, l->is_measured ? 3 : 1, rank_cost(l, rank),
               l->is_measured ? "s" : "GFLOP", rv_layout_rank_bytes(l, rank) / 1e6);
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

json_t *rv_layout_json(const rv_layout *l)
{
    json_t *ranks = json_array();
    for (int rank = 0; rank < l->n_ranks; rank++) {
        json_t *row = json_pack("{s:i, s:f, s:f}", "rank", rank, l->is_measured ? "seconds_per_tick" : "gflop_per_tick",
                                rank_cost(l, rank), "bytes", rv_layout_rank_bytes(l, rank));
        for (int role = 0; role < RV_N_ROLES; role++) {
            json_t *units = json_array();
            for (int u = 0; u < l->n_units[role]; u++)
                if (l->owner[role][u] == rank)
                    json_array_append_new(units, json_integer(u));
            json_object_set_new(row, rv_role_names[role], units);
        }
        json_array_append_new(ranks, row);
    }
    return json_pack("{s:o, s:f}", "ranks", ranks, "node_bytes", l->node_bytes);
}
