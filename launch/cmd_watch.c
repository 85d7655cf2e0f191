/* cmd_watch.c - `reverie watch`: print the metrics of a running run as they come. */
#include "base/clock.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "roles/layout.h"
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
enum { LOOK_MS = 500, MAX_DEAD = 20, TELL_SECONDS = 2 };

/* what is watched now */
typedef struct source {
    rv_feed_file file;
    rv_feed_sub *sub;
    int n_dead;
    uint64_t told; /* lines missed, as far as they have been told */
    double told_at;
} source;

static volatile sig_atomic_t is_interrupted;

static void interrupt(int number)
{
    (void)number;
    is_interrupted = 1;
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
    return rv_cmd_flush();
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

/* say what was missed since it was said last, which is at least some seconds ago */
static void tell_missed(source *at, uint64_t missed, double seconds)
{
    double now = rv_clock_now();
    if (missed == at->told || now - at->told_at < seconds)
        return;
    fprintf(stderr, "missed %" PRIu64 " lines\n", missed - at->told);
    at->told = missed;
    at->told_at = now;
}

static rv_status follow(const arguments *a, source *at)
{
    uint64_t missed = 0;
    for (bool is_over = false; !is_over && !is_interrupted;) {
        rv_frame frame;
        bool got = false;
        RV_TRY(rv_feed_sub_next(at->sub, LOOK_MS, &frame, &got, &missed));
        tell_missed(at, missed, TELL_SECONDS);
        if (got)
            RV_TRY(print_frame(a, &frame));
        else if (rv_feed_sub_ended(at->sub))
            is_over = true;
        else if (!is_interrupted)
            RV_TRY(look_again(a->run, at, &is_over));
    }
    tell_missed(at, missed, 0);
    if (!is_interrupted)
        fprintf(stderr, "the run has ended\n");
    return RV_OK;
}

static rv_status watch(const arguments *a)
{
    source at = {.n_dead = 0};
    char endpoint[RV_FEED_ENDPOINT + RV_HOST_NAME];
    RV_TRY(rv_feed_file_read(a->run, &at.file));
    RV_CHECK(rv_feed_file_is_alive(&at.file), RV_E_UNAVAILABLE,
             "run '%s' is not running (process %" PRId64
             " has ended); its metrics are in metrics.jsonl and progress.csv",
             a->run, at.file.pid);
    RV_TRY(rv_feed_file_endpoint(&at.file, endpoint));
    struct sigaction action = {.sa_handler = interrupt};
    struct sigaction old;
    RV_CHECK(sigaction(SIGINT, &action, &old) == 0, RV_E_OS, "watch: cannot catch Ctrl-C");
    rv_status status = rv_feed_sub_create(endpoint, &at.sub);
    if (status == RV_OK)
        status = follow(a, &at);
    rv_feed_sub_destroy(&at.sub);
    sigaction(SIGINT, &old, NULL);
    return status;
}

static rv_status read_arguments(const rv_words *words, arguments *a)
{
    const char *names[RV_N_ROLES + 1];
    bool is_known = !a->role;
    for (int i = 0; i <= RV_N_ROLES; i++) {
        names[i] = i < RV_N_ROLES ? rv_role_names[i] : RV_ROLE_RANK;
        is_known |= a->role && strcmp(a->role, names[i]) == 0;
    }
    RV_TRY(rv_options_expect("watch", "RUN", 1, 1, words));
    a->run = words->positional[0];
    return is_known ? RV_OK : rv_options_unknown("watch", "role", a->role, RV_N_ROLES + 1, names);
}

int rv_cmd_watch(int argc, char **argv)
{
    arguments a = {.run = NULL};
    rv_words words;
    const rv_option options[] = {{"--json", &a.json, NULL}, {"--role", NULL, &a.role}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(usage);
    if (status == RV_OK)
        status = read_arguments(&words, &a);
    return rv_cmd_finish(status != RV_OK ? status : watch(&a));
}
