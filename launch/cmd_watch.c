/* cmd_watch.c - `reverie watch`: print the metrics of a running run as they come. */
#include "launch/commands.h"
#include "run/feed_file.h"
#include "run/metrics.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: reverie watch RUN [--json] [--role ROLE]\n"
    "\n"
    "Print the metrics of a running run as they come, one line per unit and tick, until the run ends or Ctrl-C.\n"
    "Watching never slows a run: whoever reads too slowly is told how many lines it missed. The full record is in\n"
    "RUN/metrics.jsonl and RUN/progress.csv.\n"
    "\n"
    "  --json       one JSON object per line, as in metrics.jsonl; notes go to stderr\n"
    "  --role ROLE  only this role: actor, model, rollout, policy, evaluator, or rank (where each rank's time goes)\n"
    "\n"
    "examples:\n"
    "  reverie watch runs/hopper\n"
    "  reverie watch runs/hopper --role evaluator\n"
    "  reverie watch runs/hopper --json | jq -c 'select(.role == \"model\") | .[\"model/holdout_loss\"]'\n";

typedef struct arguments {
    const char *run, *role; /* role NULL: all */
    bool json;
} arguments;

/* how often to see whether the run is still there, and how often its process may be found dead before that is the
 * end: a run that lost a rank is started again */
enum { LOOK_MS = 500, MAX_DEAD = 20 };

/* what is watched now */
typedef struct source {
    rv_feed_file file;
    rv_feed_sub *sub;
    int n_dead;
} source;

static volatile sig_atomic_t is_interrupted;

static void interrupt(int number)
{
    (void)number;
    is_interrupted = 1;
}

static rv_status read_arguments(int argc, char **argv, arguments *out)
{
    arguments a = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            a.json = true;
        else if (strcmp(argv[i], "--role") == 0 && i + 1 < argc)
            a.role = argv[++i];
        else if (strncmp(argv[i], "--role=", 7) == 0)
            a.role = argv[i] + 7;
        else if (argv[i][0] == '-' || a.run)
            return rv_raise(RV_E_USAGE, "watch: %s '%s'; see 'reverie watch --help'",
                            argv[i][0] == '-' ? "unknown or incomplete option" : "one argument too many:", argv[i]);
        else
            a.run = argv[i];
    }
    RV_CHECK(a.run, RV_E_USAGE, "watch: expected a run's folder; see 'reverie watch --help'");
    *out = a;
    return RV_OK;
}

static rv_status flush(void)
{
    RV_CHECK(fflush(stdout) == 0, RV_E_IO, "watch: cannot write to standard output");
    return RV_OK;
}

static rv_status print_frame(const arguments *a, const rv_frame *frame)
{
    char text[RV_METRICS_LINE];
    if (a->role && strcmp(a->role, frame->role) != 0)
        return RV_OK;
    if (a->json) {
        rv_metrics_json(frame, text);
        puts(text);
    } else {
        printf("step %-7" PRId64 " %s %" PRId64, frame->step, frame->role, frame->unit);
        for (int i = 0; i < frame->n_values; i++)
            printf("  %s %.5g", frame->values[i].name, frame->values[i].value);
        puts("");
    }
    return flush();
}

/* the feed was silent: is it still there? A run that was started again is watched on. */
static rv_status look_again(const char *run, source *at, bool *is_over)
{
    rv_feed_file now;
    char endpoint[RV_FEED_ENDPOINT + RV_HOST_NAME];
    rv_status status = rv_feed_file_read(run, &now);
    *is_over = status == RV_E_UNAVAILABLE || status == RV_E_NOINPUT;
    if (*is_over)
        return RV_OK;
    RV_TRY(status);
    at->n_dead = rv_feed_file_is_alive(&now) ? 0 : at->n_dead + 1;
    RV_CHECK(at->n_dead < MAX_DEAD, RV_E_UNAVAILABLE,
             "watch: run '%s' is not running: its process %" PRId64 " has ended without saying so", run, now.pid);
    if (now.pid == at->file.pid && strcmp(now.publish, at->file.publish) == 0)
        return RV_OK;
    RV_TRY(rv_feed_file_endpoint(&now, endpoint));
    fprintf(stderr, "the run was started again\n");
    rv_feed_sub_destroy(&at->sub);
    RV_TRY(rv_feed_sub_create(endpoint, &at->sub));
    at->file = now;
    return RV_OK;
}

static rv_status follow(const arguments *a, source *at)
{
    uint64_t missed = 0;
    uint64_t told = 0;
    for (bool is_over = false; !is_over && !is_interrupted;) {
        rv_frame frame;
        bool got = false;
        RV_TRY(rv_feed_sub_next(at->sub, LOOK_MS, &frame, &got, &missed));
        if (missed > told)
            fprintf(stderr, "missed %" PRIu64 "\n", missed - told);
        told = missed;
        if (got)
            RV_TRY(print_frame(a, &frame));
        else if (rv_feed_sub_ended(at->sub))
            is_over = true;
        else if (!is_interrupted)
            RV_TRY(look_again(a->run, at, &is_over));
    }
    if (!is_interrupted)
        fprintf(stderr, "the run has ended\n");
    return RV_OK;
}

static rv_status watch(int argc, char **argv)
{
    arguments a = {0};
    source at = {.n_dead = 0};
    char endpoint[RV_FEED_ENDPOINT + RV_HOST_NAME];
    RV_TRY(read_arguments(argc, argv, &a));
    RV_TRY(rv_feed_file_read(a.run, &at.file));
    RV_CHECK(rv_feed_file_is_alive(&at.file), RV_E_UNAVAILABLE,
             "run '%s' is not running (process %" PRId64
             " has ended); its metrics are in metrics.jsonl and progress.csv",
             a.run, at.file.pid);
    RV_TRY(rv_feed_file_endpoint(&at.file, endpoint));
    struct sigaction action = {.sa_handler = interrupt};
    struct sigaction old;
    RV_CHECK(sigaction(SIGINT, &action, &old) == 0, RV_E_OS, "watch: cannot catch Ctrl-C");
    rv_status status = rv_feed_sub_create(endpoint, &at.sub);
    if (status == RV_OK)
        status = follow(&a, &at);
    rv_feed_sub_destroy(&at.sub);
    sigaction(SIGINT, &old, NULL);
    return status;
}

int rv_cmd_watch(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return rv_cmd_finish(flush());
        }
    return rv_cmd_finish(watch(argc, argv));
}
