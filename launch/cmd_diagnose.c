/* cmd_diagnose.c - `reverie diagnose`: what is wrong with a run, and which setting to change. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "launch/commands.h"
#include "launch/diagnosis_page.h"
#include "launch/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: reverie diagnose RUN [--out FILE | --text | --json]\n"
    "\n"
    "Look at one run as a whole: how it went, how far its model can be trusted, whether its critics promise what "
    "comes,\n"
    "where the time went; and say in words which setting to change, with the number that it rests on. The run may be\n"
    "going on. The model and the policy are those of its newest checkpoint. They are judged by the real rows that "
    "came\n"
    "after the last fit of the model, or by the newest rows where there are too few of those.\n"
    "\n"
    "It is printed as text, and written with pictures into one HTML file that needs nothing else.\n"
    "\n"
    "  --out FILE  the page; default RUN/diagnosis.html\n"
    "  --text      print the text only; needs no gnuplot\n"
    "  --json      print the numbers and the advice as JSON, and nothing else\n"
    "\n"
    "examples:\n"
    "  reverie diagnose runs/hopper-1\n"
    "  reverie diagnose runs/hopper-1 --out hopper.html\n"
    "  reverie diagnose runs/hopper-1 --text | less\n"
    "  reverie diagnose runs/hopper-1 --json | jq '.advice[].title'\n";

static rv_status write_page(const rv_diagnosis *d, const char *out)
{
    const char *html = NULL;
    const char *text = NULL;
    rv_page *page = NULL;
    RV_TRY(rv_diagnosis_page(d, out != NULL, &page));
    rv_status status = rv_page_end(page, &html, &text);
    if (status == RV_OK)
        fputs(text, stdout);
    if (status == RV_OK && out) {
        status = rv_file_write(out, html, strlen(html));
        if (status == RV_OK)
            printf("page: %s\n", out);
    }
    rv_page_destroy(&page);
    RV_TRY(status);
    return rv_cmd_flush();
}

/* what is not known is null */
static void set_number(json_t *object, const char *name, double value)
{
    json_object_set_new(object, name, isfinite(value) ? json_real(value) : json_null());
}

static json_t *json_starts(const rv_values *v)
{
    json_t *list = json_array();
    for (int i = 0; i < v->n; i++) {
        json_t *start =
            json_pack("{s:I, s:I}", "row", (json_int_t)v->values[i].at, "length", (json_int_t)v->values[i].length);
        set_number(start, "promised", v->values[i].promised);
        set_number(start, "achieved", v->values[i].achieved);
        set_number(start, "rewards", v->values[i].rewards);
        set_number(start, "bootstrap", v->values[i].bootstrap);
        json_array_append_new(list, start);
    }
    return list;
}

/* horizons from 1 on */
static json_t *json_horizons(const double *values, int n)
{
    json_t *list = json_array();
    for (int k = 1; k <= n; k++)
        json_array_append_new(list, json_real(values[k]));
    return list;
}

static json_t *json_card(const rv_card_report *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f}", "error", json_horizons(c->error, c->n), "least",
                     json_horizons(c->low, c->n), "largest", json_horizons(c->high, c->n), "naive",
                     json_horizons(c->naive, c->n), "guess", json_horizons(c->guess, c->n), "model_cost",
                     json_horizons(c->model_cost, c->n), "critic_cost", json_horizons(c->critic_cost, c->n), "gain",
                     c->gain);
}

/* coverage of all elites at these levels, and the tenths by disagreement */
static json_t *json_judged(const rv_diagnosis *d)
{
    static const double levels[] = {0.5, 0.683, 0.9, 0.954};
    json_t *root = json_pack("{s:I}", "rows", (json_int_t)d->judged.n);
    json_t *coverage = json_array();
    json_t *bins = json_array();
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        double observed = rv_coverage(d->judged.n_elites * d->judged.n_z, d->judged.z, levels[i]);
        json_array_append_new(coverage, json_pack("[f, f]", levels[i], observed));
    }
    for (int i = 0; i < RV_DIAGNOSIS_BINS; i++) {
        json_t *bin = json_pack("{s:I}", "rows", (json_int_t)d->bins[i].n);
        set_number(bin, "disagreement", d->bins[i].x);
        set_number(bin, "error", d->bins[i].y);
        json_array_append_new(bins, bin);
    }
    json_object_set_new(root, "coverage", coverage);
    json_object_set_new(root, "tenths", bins);
    return root;
}

static rv_status print_json(const rv_diagnosis *d)
{
    json_t *root = json_pack("{s:I, s:I, s:I, s:I}", "step", (json_int_t)d->history.last_step, "checkpoint_step",
                             (json_int_t)d->trained.checkpoint.step, "fits", (json_int_t)d->n_fits, "rows",
                             (json_int_t)d->table.n_rows);
    json_t *numbers = json_object();
    json_t *advice = json_array();
#define SET(name) set_number(numbers, #name, d->numbers.name);
    RV_ADVICE_NUMBERS(SET)
#undef SET
    for (int i = 0; i < d->n_advice; i++)
        json_array_append_new(advice, json_pack("{s:s, s:s}", "title", d->advice[i].title, "text", d->advice[i].text));
    json_object_set_new(root, "numbers", numbers);
    json_object_set_new(root, "advice", advice);
    if (d->has_model) {
        json_object_set_new(root, "judged", json_judged(d));
        json_object_set_new(root, "card", json_card(&d->card));
    }
    json_object_set_new(root, "starts", json_starts(&d->values));
    return rv_json_print(root);
}

typedef struct options {
    const char *out;
    bool text, json;
} options;

static rv_status print(const rv_diagnosis *d, const options *o, const char *path)
{
    if (o->json)
        return print_json(d);
    return write_page(d, o->text ? NULL : path);
}

static rv_status diagnose(const rv_words *words, const options *o)
{
    char path[RV_PATH];
    rv_diagnosis *d = NULL;
    RV_TRY(rv_options_expect("diagnose", "RUN", 1, 1, words));
    RV_CHECK((o->out != NULL) + o->text + o->json <= 1, RV_E_USAGE,
             "diagnose: --out, --text and --json exclude one another");
    const char *run = words->positional[0];
    RV_CHECK(rv_file_exists(run), RV_E_NOINPUT, "no run '%s'; give the folder of a run", run);
    RV_TRY(rv_path_join(run, "diagnosis.html", path));
    RV_TRY(RV_NEW(d, 1)); /* too large for a stack */
    rv_status status = rv_diagnosis_make(run, d);
    if (status == RV_OK)
        status = print(d, o, o->out ? o->out : path);
    rv_diagnosis_clear(d);
    rv_mem_free(&d);
    return status;
}

int rv_cmd_diagnose(int argc, char **argv)
{
    options o = {.out = NULL};
    rv_words words;
    const rv_option rows[] = {
        {"--out", NULL, &o.out}, {"--text", &o.text, NULL}, {"--json", &o.json, NULL}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, rows, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(help);
    return rv_cmd_finish(status != RV_OK ? status : diagnose(&words, &o));
}
