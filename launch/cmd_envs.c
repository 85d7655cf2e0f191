/* cmd_envs.c - `reverie envs`: the tasks, and whether they do what the originals did. */
#include "base/json.h"
#include "env/env.h"
#include "env/reference.h"
#include "launch/commands.h"
#include "launch/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: reverie envs list [--json]\n"
    "       reverie envs replay FILE.csv [--json]\n"
    "\n"
    "list      the tasks: sizes, time limit, the return that counts as solved (-: none is registered), whether an\n"
    "          episode can end before its limit, and whether the reward is known as a function of observation, action\n"
    "          and next observation, so that a model need not learn it.\n"
    "replay    start the task in the state of a reference file, apply the file's actions and compare. Observations,\n"
    "          states and flags must be equal bit for bit, rewards within 1e-12 relative.\n"
    "          Exit status 0: all equal; 1: something differs.\n"
    "--json    print JSON instead of text.\n"
    "\n"
    "examples:\n"
    "  reverie envs list\n"
    "  reverie envs list --json | jq '.[].name'\n"
    "  reverie envs replay tests/unit/env/reference/Hopper-v4.sin.csv\n";

/* JSON has no NaN and no infinity */
static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *numbers(int n, const double *x)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_real(x[i]));
    return list;
}

static json_t *spec_json(const rv_env_spec *s)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:i, s:o, s:b, s:b}", "name", s->name, "family", s->family,
                     "help", s->help, "n_obs", s->n_obs, "n_act", s->n_act, "act_low", numbers(s->n_act, s->act_low),
                     "act_high", numbers(s->n_act, s->act_high), "time_limit", s->time_limit, "threshold",
                     real_or_null(s->threshold), "can_terminate", s->terminated != NULL, "has_reward",
                     s->reward != NULL);
}

static rv_status list(bool want_json)
{
    int n = 0;
    const rv_env_spec *const *specs = rv_env_list(&n);
    if (want_json) {
        json_t *json = json_array();
        for (int i = 0; i < n; i++)
            json_array_append_new(json, spec_json(specs[i]));
        return rv_json_print(json);
    }
    printf("%-22s %-8s %4s %4s %6s %7s %5s %7s  %s\n", "task", "family", "obs", "act", "limit", "solved", "ends",
           "reward", "what it is");
    for (int i = 0; i < n; i++) {
        const rv_env_spec *s = specs[i];
        char solved[16] = "-";
        if (isfinite(s->threshold))
            snprintf(solved, sizeof solved, "%g", s->threshold);
        printf("%-22s %-8s %4d %4d %6d %7s %5s %7s  %s\n", s->name, s->family, s->n_obs, s->n_act, s->time_limit,
               solved, s->terminated ? "yes" : "no", s->reward ? "known" : "learned", s->help);
    }
    return rv_cmd_flush();
}

static json_t *match_json(rv_reference_group group, const rv_reference_match *m)
{
    json_t *json = json_pack("{s:s, s:I, s:b, s:o}", "name", rv_reference_group_name(group), "compared",
                             (json_int_t)m->n_compared, "equal", m->is_equal, "largest", real_or_null(m->largest));
    if (json && !m->is_equal)
        json_object_set_new(json, "first",
                            json_pack("{s:I, s:I, s:s, s:o, s:o}", "t", (json_int_t)m->t, "line", (json_int_t)m->line,
                                      "column", m->column, "expected", real_or_null(m->expected), "got",
                                      real_or_null(m->got)));
    return json;
}

static rv_status print_report(const rv_reference *r, const rv_reference_report *report, bool want_json)
{
    json_t *list = want_json ? json_array() : NULL;
    if (!want_json)
        printf("%s: %lld steps\n", r->env, (long long)report->n_steps);
    for (int g = 0; g < RV_REFERENCE_N_GROUPS; g++) {
        const rv_reference_match *m = &report->match[g];
        if (m->n_compared == 0)
            continue;
        if (want_json) {
            json_array_append_new(list, match_json((rv_reference_group)g, m));
            continue;
        }
        printf("%-12s %6lld values ", rv_reference_group_name((rv_reference_group)g), (long long)m->n_compared);
        if (!m->is_equal)
            printf("differ first at t=%lld column %s (line %lld): expected %.17g, got %.17g; largest difference %.3g\n",
                   (long long)m->t, m->column, (long long)m->line, m->expected, m->got, m->largest);
        else if (m->largest > 0)
            printf("equal within %g relative; largest difference %.3g\n", RV_REFERENCE_REWARD_TOLERANCE, m->largest);
        else
            printf("equal\n");
    }
    if (!want_json)
        return rv_cmd_flush();
    return rv_json_print(json_pack("{s:s, s:I, s:b, s:o}", "env", r->env, "steps", (json_int_t)report->n_steps, "equal",
                                   report->is_equal, "groups", list));
}

static rv_status replay(const char *path, bool want_json, bool *is_equal)
{
    rv_status status = RV_OK;
    rv_reference *r = NULL;
    rv_reference_report report;
    RV_TRY(rv_reference_read(path, &r));
    status = rv_reference_replay(r, &report);
    if (status == RV_OK)
        status = print_report(r, &report, want_json);
    else
        rv_error_prefix(status, "%s", path);
    if (status == RV_OK)
        *is_equal = report.is_equal;
    rv_reference_destroy(&r);
    return status;
}

static rv_status run_command(const rv_words *words, bool want_json, bool *is_equal)
{
    static const char *const names[] = {"list", "replay"};
    RV_TRY(rv_options_expect("envs", "'list' or 'replay FILE.csv'", 1, 2, words));
    const char *command = words->positional[0];
    bool has_name = words->n_positional == 2;
    if (strcmp(command, names[0]) == 0) {
        RV_CHECK(!has_name, RV_E_USAGE, "envs: list takes no '%s'; see 'reverie envs --help'", words->positional[1]);
        return list(want_json);
    }
    if (strcmp(command, names[1]) != 0)
        return rv_options_unknown("envs", "command", command, 2, names);
    RV_CHECK(has_name, RV_E_USAGE, "envs: replay needs a FILE.csv; see 'reverie envs --help'");
    return replay(words->positional[1], want_json, is_equal);
}

int rv_cmd_envs(int argc, char **argv)
{
    bool want_json = false, is_equal = true;
    rv_words words;
    const rv_option options[] = {{"--json", &want_json, NULL}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(usage);
    if (status == RV_OK)
        status = run_command(&words, want_json, &is_equal);
    return status == RV_OK && !is_equal ? rv_status_exit_code(RV_E_DIFFERS) : rv_cmd_finish(status);
}
