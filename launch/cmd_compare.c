/* cmd_compare.c - `reverie compare`: groups of runs against steps, wall time and core-seconds, and what they cost. */
#include "base/field.h"
#include "base/memory.h"
#include "launch/commands.h"
#include "launch/compare_view.h"
#include "launch/options.h"
#include "launch/prices.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: reverie compare GROUP... [options]\n"
    "\n"
    "Compare runs of one task, over seeds: the interquartile mean of their evaluations (eval/mean_reward) with a 95 %\n"
    "bootstrap interval, against real steps, wall time and core-seconds. Runs may be going on.\n"
    "\n"
    "A GROUP is LABEL=RUN[,RUN...], or plain RUNs: those with equal settings but for the seed are one group, named "
    "after\n"
    "what tells it apart. RUN is a run's folder; a pattern in quotes will do. Each group counts up to the steps that "
    "all\n"
    "its runs have reached. Wall time is that of the training loop: pauses between a run's starts do not count.\n"
    "Core-seconds are wall time times ranks.\n"
    "\n"
    "  --out FOLDER          write return_steps, return_wall and return_core as .png and .svg, and curves.csv, there;\n"
    "                        without it the charts are drawn in the terminal\n"
    "  --reach RETURN        say when each group first has this return; default nine tenths of the way from the "
    "lowest\n"
    "                        first evaluation to the best last one\n"
    "  --step-price P        price of a real step, and\n"
    "  --core-hour-price Q   of a core-hour: what it costs to get there, which group is the cheapest, whether the\n"
    "                        model pays, and at which prices the order changes\n"
    "  --currency TEXT       to put behind amounts\n"
    "\n"
    "examples:\n"
    "  reverie compare runs/pendulum-* --out comparison\n"
    "  reverie compare mbpo=runs/hopper-1,runs/hopper-2 sac='runs/sac_hopper-*' --reach 1000\n"
    "  reverie compare runs/* --reach -200 --step-price 0.01 --core-hour-price 0.05 --currency EUR\n";

typedef struct compare_args {
    const char *out; /* NULL: the terminal */
    double reach;    /* NAN: the default */
    bool has_prices;
    rv_prices prices;
} compare_args;

/* the words of the options */
typedef struct compare_texts {
    const char *reach, *step_price, *core_hour_price, *currency;
} compare_texts;

static rv_status read_number(const char *option, const char *text, double min, double *out)
{
    const rv_field number = {option, RV_T_F64, 0, sizeof(double), "0", min, 1e15, "", NULL, "", 0};
    if (rv_field_parse(&number, text, out) != RV_OK)
        return rv_raise(RV_E_USAGE, "compare: %s: %s", option, rv_error_last()->text);
    return RV_OK;
}

static rv_status read_arguments(const compare_texts *texts, const rv_words *words, compare_args *args)
{
    RV_TRY(rv_options_expect("compare", "RUN... or LABEL=RUN,RUN...", 1, RV_OPTIONS_MOST, words));
    args->reach = NAN;
    if (texts->reach)
        RV_TRY(read_number("--reach", texts->reach, -1e15, &args->reach));
    args->has_prices = texts->step_price || texts->core_hour_price;
    args->prices.currency = texts->currency ? texts->currency : "";
    RV_CHECK(!args->has_prices || (texts->step_price && texts->core_hour_price), RV_E_USAGE,
             "compare: --step-price and --core-hour-price belong together; either may be 0");
    RV_CHECK(args->has_prices || !texts->currency, RV_E_USAGE,
             "compare: --currency needs --step-price and --core-hour-price");
    if (args->has_prices) {
        RV_TRY(read_number("--step-price", texts->step_price, 0, &args->prices.step));
        RV_TRY(read_number("--core-hour-price", texts->core_hour_price, 0, &args->prices.core_hour));
    }
    return RV_OK;
}

/* what a group paid until it got there; else what it had used when it ended */
static rv_bill bill_of(const rv_standing *s)
{
    const double *x = s->reaches ? s->reach : s->used;
    return (rv_bill){s->group->label, s->group->kind, s->reaches, x[RV_AXIS_STEPS], x[RV_AXIS_CORE] / 3600};
}

static rv_status print_prices(const rv_comparison *c, const rv_prices *prices)
{
    rv_bill *bills = NULL;
    RV_TRY(RV_NEW(bills, c->groups->n));
    for (int g = 0; g < c->groups->n; g++)
        bills[g] = bill_of(&c->standings[g]);
    putchar('\n');
    rv_prices_print(c->groups->n, bills, c->threshold, prices);
    rv_mem_free(&bills);
    return RV_OK;
}

static rv_status show(const compare_args *args, const rv_comparison *c)
{
    if (!args->out)
        RV_TRY(rv_compare_print_charts(c));
    rv_compare_print(c);
    if (args->has_prices)
        RV_TRY(print_prices(c, &args->prices));
    if (args->out) {
        putchar('\n');
        RV_TRY(rv_compare_write(c, args->out));
    }
    return rv_cmd_flush();
}

static rv_status compare(const compare_args *args, const rv_words *words)
{
    rv_groups groups;
    rv_comparison comparison;
    RV_TRY(rv_groups_read(words->n_positional, words->positional, &groups));
    rv_status status = rv_compare(&groups, args->reach, &comparison);
    if (status == RV_OK) {
        status = show(args, &comparison);
        rv_comparison_clear(&comparison);
    }
    rv_groups_clear(&groups);
    return status;
}

int rv_cmd_compare(int argc, char **argv)
{
    compare_args args = {.reach = NAN};
    compare_texts texts = {.step_price = NULL};
    rv_words words;
    const rv_option options[] = {{"--out", NULL, &args.out},
                                 {"--reach", NULL, &texts.reach},
                                 {"--step-price", NULL, &texts.step_price},
                                 {"--core-hour-price", NULL, &texts.core_hour_price},
                                 {"--currency", NULL, &texts.currency},
                                 {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(usage);
    if (status == RV_OK)
        status = read_arguments(&texts, &words, &args);
    return rv_cmd_finish(status != RV_OK ? status : compare(&args, &words));
}
