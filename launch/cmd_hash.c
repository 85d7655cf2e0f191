/* cmd_hash.c - `reverie hash`: what a run is, in a few lines that two runs can be compared by. */
#include "base/hash.h"
#include "base/json.h"
#include "data/journal_reader.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "run/checkpoint.h"
#include "run/metrics.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: reverie hash RUN [--json]\n"
    "\n"
    "Prints the hash of every unit of the run's newest checkpoint, \"real\" for the real rows up to it, \"metrics\" "
    "for\n"
    "what was recorded (without wall time and ranks), and \"all\" for everything above it. Two runs of one\n"
    "configuration and seed print the same lines, on any number of ranks and after any kill and resume. Files and\n"
    "journal are read and compared with the checkpoint's manifest; a bad checkpoint is passed over for the next older\n"
    "good one, with a warning.\n"
    "\n"
    "  --json  print JSON, with tick and step\n"
    "\n"
    "examples:\n"
    "  reverie hash runs/pendulum\n"
    "  diff <(reverie hash runs/one) <(reverie hash runs/two) && echo equal\n"
    "  reverie hash runs/pendulum --json | jq -r .all\n";

typedef struct run_hash {
    rv_checkpoint checkpoint;
    char metrics[RV_HASH_TEXT];
    char all[RV_HASH_TEXT]; /* of the lines above it */
} run_hash;

static void add_line(rv_hasher *hasher, const char *hash, const char *name)
{
    rv_hasher_add(hasher, hash, strlen(hash));
    rv_hasher_add(hasher, "  ", 2);
    rv_hasher_add(hasher, name, strlen(name));
    rv_hasher_add(hasher, "\n", 1);
}

/* the journal, whatever its shape, holds the rows that the checkpoint counts on */
static rv_status verify_real(const char *run, const rv_checkpoint *c)
{
    rv_journal_info info;
    RV_TRY(rv_journal_read(run, NULL, NULL, NULL, &info));
    info.shape.config_hash = c->config_hash;
    rv_status status = rv_journal_verify(run, &info.shape, c->journal.rows, c->journal.hash);
    rv_journal_info_clear(&info);
    return status;
}

/* fills *out, whose checkpoint is open */
static rv_status hash_run(const char *run, run_hash *out)
{
    const rv_checkpoint *c = &out->checkpoint;
    rv_hasher hasher = {NULL};
    char path[RV_PATH];
    RV_TRY(verify_real(run, c));
    RV_TRY(rv_path_join(run, "metrics.jsonl", path));
    RV_TRY(rv_metrics_hash(path, out->metrics));
    RV_TRY(rv_hasher_create(&hasher));
    for (int i = 0; i < c->n_units; i++)
        add_line(&hasher, c->units[i].hash, c->units[i].name);
    add_line(&hasher, c->journal.hash, "real");
    add_line(&hasher, out->metrics, "metrics");
    rv_hasher_text(&hasher, out->all);
    rv_hasher_clear(&hasher);
    return RV_OK;
}

static rv_status print_text(const run_hash *h)
{
    for (int i = 0; i < h->checkpoint.n_units; i++)
        printf("%s  %s\n", h->checkpoint.units[i].hash, h->checkpoint.units[i].name);
    printf("%s  real\n%s  metrics\n%s  all\n", h->checkpoint.journal.hash, h->metrics, h->all);
    return rv_cmd_flush();
}

static rv_status print_json(const run_hash *h)
{
    json_t *units = json_object();
    for (int i = 0; i < h->checkpoint.n_units; i++)
        json_object_set_new(units, h->checkpoint.units[i].name, json_string(h->checkpoint.units[i].hash));
    json_object_set_new(units, "real", json_string(h->checkpoint.journal.hash));
    return rv_json_print(json_pack("{s:I, s:I, s:o, s:s, s:s}", "tick", (json_int_t)h->checkpoint.tick, "step",
                                   (json_int_t)h->checkpoint.step, "units", units, "metrics", h->metrics, "all",
                                   h->all));
}

static rv_status hash(const char *run, bool json)
{
    run_hash h;
    RV_TRY(rv_checkpoint_newest(run, true, &h.checkpoint));
    rv_status status = hash_run(run, &h);
    if (status == RV_OK)
        status = json ? print_json(&h) : print_text(&h);
    rv_checkpoint_clear(&h.checkpoint);
    return status;
}

int rv_cmd_hash(int argc, char **argv)
{
    bool json = false;
    rv_words words;
    const rv_option options[] = {{"--json", &json, NULL}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(usage);
    if (status == RV_OK)
        status = rv_options_expect("hash", "RUN", 1, 1, &words);
    return rv_cmd_finish(status != RV_OK ? status : hash(words.positional[0], json));
}
