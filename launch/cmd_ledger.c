/* cmd_ledger.c - reverie ledger: where the time of each rank and role went. */
#include "base/field.h"
#include "base/file.h"
#include "base/json.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "roles/ledger.h"

#include <inttypes.h>
#include <stdio.h>

static const char help[] =
    "usage: reverie ledger RUN [--from STEP] [--json]\n"
    "\n"
    "Where the time of each rank went, by role: at work, waiting for others, moving data, in seconds and as a part of\n"
    "the rank's time. \"between\" is what is no role's work: edges, the end of each tick, checkpoints. The rank that\n"
    "waits least holds up the others: give it less with layout.ROLE_ranks, or see 'reverie layout --help'. Works on a\n"
    "run that is going on, too.\n"
    "\n"
    "  --from STEP  leave out the ticks up to this real step, such as the warm-up\n"
    "  --json       print JSON\n"
    "\n"
    "examples:\n"
    "  reverie ledger runs/hopper-1\n"
    "  reverie ledger runs/hopper-1 --from 5000 --json\n";

static double sum(const rv_times *t)
{
    return t->work + t->wait + t->exchange;
}

/* what is no role's */
static rv_times between(const rv_ledger_rank *rank)
{
    rv_times rest = rank->all;
    for (int role = 0; role < RV_N_ROLES; role++) {
        rest.work -= rank->of_role[role].work;
        rest.wait -= rank->of_role[role].wait;
        rest.exchange -= rank->of_role[role].exchange;
    }
    return rest;
}

static void print_row(int rank, const char *name, const rv_times *t, double whole)
{
    const double values[] = {t->work, t->wait, t->exchange, sum(t)};
    printf("%4d  %-9s", rank, name);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        printf("  %9.3f s %3.0f %%", values[i], whole > 0 ? 100 * values[i] / whole : 0);
    putchar('\n');
}

static rv_status print_text(const rv_ledger *l)
{
    printf("ticks %" PRId64 " to %" PRId64 ", up to step %" PRId64 "\n\n", l->first_tick, l->last_tick, l->last_step);
    printf("%4s  %-9s  %-17s  %-17s  %-17s  %s\n", "rank", "role", "       work", "    waiting", "moving data",
           "        all");
    for (int r = 0; r < l->n_ranks; r++) {
        const rv_ledger_rank *rank = &l->ranks[r];
        const rv_times rest = between(rank);
        double whole = sum(&rank->all);
        for (int role = 0; role < RV_N_ROLES; role++)
            if (rank->hosts[role])
                print_row(r, rv_role_names[role], &rank->of_role[role], whole);
        if (rank->n_ticks > 0) {
            print_row(r, "between", &rest, whole);
            print_row(r, "all", &rank->all, whole);
        }
    }
    return rv_cmd_flush();
}

static json_t *json_times(const rv_times *t)
{
    return json_pack("{s:f, s:f, s:f}", "work_s", t->work, "wait_s", t->wait, "exchange_s", t->exchange);
}

static rv_status print_json(const rv_ledger *l)
{
    json_t *ranks = json_array();
    for (int r = 0; r < l->n_ranks; r++) {
        const rv_ledger_rank *rank = &l->ranks[r];
        const rv_times rest = between(rank);
        json_t *roles = json_object();
        for (int role = 0; role < RV_N_ROLES; role++)
            if (rank->hosts[role])
                json_object_set_new(roles, rv_role_names[role], json_times(&rank->of_role[role]));
        json_array_append_new(ranks,
                              json_pack("{s:i, s:I, s:o, s:o, s:o}", "rank", r, "ticks", (json_int_t)rank->n_ticks,
                                        "all", json_times(&rank->all), "roles", roles, "between", json_times(&rest)));
    }
    return rv_json_print(json_pack("{s:I, s:I, s:I, s:I, s:o}", "first_tick", (json_int_t)l->first_tick, "last_tick",
                                   (json_int_t)l->last_tick, "first_step", (json_int_t)l->first_step, "last_step",
                                   (json_int_t)l->last_step, "ranks", ranks));
}

static rv_status show(const rv_words *words, const char *from, bool json)
{
    const rv_field step = {"from", RV_T_I64, 0, sizeof(int64_t), "-1", -1, 1e15, "", NULL, "", 0};
    char path[RV_PATH];
    int64_t from_step = -1;
    rv_ledger ledger;
    RV_TRY(rv_options_expect("ledger", "RUN", 1, 1, words));
    if (from && rv_field_parse(&step, from, &from_step) != RV_OK)
        return rv_raise(RV_E_USAGE, "ledger: --from: %s", rv_error_last()->text);
    const char *run = words->positional[0];
    RV_CHECK(rv_file_exists(run), RV_E_NOINPUT, "no run '%s'; give the folder of a run", run);
    RV_TRY(rv_path_join(run, "metrics.jsonl", path));
    RV_TRY(rv_ledger_read(path, from_step, &ledger));
    rv_status status = json ? print_json(&ledger) : print_text(&ledger);
    rv_ledger_clear(&ledger);
    return status;
}

int rv_cmd_ledger(int argc, char **argv)
{
    bool json = false;
    const char *from = NULL;
    rv_words words;
    const rv_option options[] = {{"--json", &json, NULL}, {"--from", NULL, &from}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(help);
    return rv_cmd_finish(status != RV_OK ? status : show(&words, from, json));
}
