/* cmd_envs.c - `reverie envs`: the tasks, what they are, and whether they do what they should. */
#include "base/json.h"
#include "base/memory.h"
#include "env/check.h"
#include "env/reference.h"
#include "env/remote_keys.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "launch/replay_view.h"
#include "run/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: reverie envs [--json]\n"
    "       reverie envs NAME [key=value ...] [--json]\n"
    "       reverie envs check NAME [key=value ...] [--steps N] [--seed S] [--json]\n"
    "       reverie envs replay FILE.csv [--json]\n"
    "       reverie envs keys FOLDER\n"
    "\n"
    "envs      the tasks: sizes, time limit, seconds of a step, the return that counts as solved (-: none is\n"
    "          registered), whether an episode can end before its limit, and whether the reward is known as a "
    "function\n"
    "          of observation, action and next observation, so that a model need not learn it.\n"
    "NAME      one of them in full. It may be an environment of your own: FILE.so, FILE.yaml or remote, with the\n"
    "          settings that it needs (env.arguments, env.address, ...; 'reverie config explain env').\n"
    "check     run it and see whether it keeps what training relies on: sizes, bounds, seeding, saving and loading\n"
    "          in mid-episode, truncation apart from termination, finite numbers. Exit status 1: something failed.\n"
    "replay    start the task in the state of a reference file, apply the file's actions and compare. Observations,\n"
    "          states and flags must be equal bit for bit, rewards within 1e-12 relative.\n"
    "          Exit status 0: all equal; 1: something differs.\n"
    "keys      make the keys by which a run and a server on another machine know each other, in a new folder or one\n"
    "          without keys (env.keys; reverie-gym --keys).\n"
    "--json    print JSON instead of text.\n"
    "\n"
    "examples:\n"
    "  reverie envs\n"
    "  reverie envs Hopper-v4\n"
    "  reverie envs --json | jq '.[].name'\n"
    "  reverie envs check Pendulum-v1 --steps 5000\n"
    "  reverie envs check ./ball_beam.so env.timeout_s=1\n"
    "  reverie envs replay tests/unit/env/reference/Hopper-v4.sin.csv\n";

typedef struct check_options {
    int64_t steps, seed;
} check_options;

static const rv_field check_fields[] = {
    {"steps", RV_T_I64, RV_FIELD_AT(check_options, steps), "2000", 10, 10000000, "steps", NULL, "", 0},
    {"seed", RV_T_I64, RV_FIELD_AT(check_options, seed), "1", 0, 9007199254740991.0, "", NULL, "", 0},
    {.name = NULL},
};

/* the words behind `envs` */
typedef struct arguments {
    bool want_json;
    const char *values[2]; /* text of each of check_fields, NULL when not given */
    rv_words words;
} arguments;

/* JSON has no NaN and no infinity */
static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *numbers(int n, const double *x)
{
    json_t *list = json_array();
    for (int i = 0; i < n && x; i++)
        json_array_append_new(list, json_real(x[i]));
    return list;
}

static json_t *spec_json(const rv_env_spec *s)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:o, s:o, s:i, s:f, s:o, s:b, s:b, s:b}", "name", s->name,
                     "family", s->family, "help", s->help, "n_obs", s->n_obs, "n_act", s->n_act, "n_states",
                     s->n_states, "n_actions", s->n_actions, "act_low", numbers(s->n_act, s->act_low), "act_high",
                     numbers(s->n_act, s->act_high), "time_limit", s->time_limit, "dt", s->dt, "threshold",
                     real_or_null(s->threshold), "can_terminate", s->terminated != NULL, "has_reward",
                     s->reward != NULL, "can_save", !s->is_stateless);
}

/* "0.008", or "-" for a number that is not there */
static const char *number_or_dash(bool is_there, double x, char out[16])
{
    if (is_there)
        snprintf(out, 16, "%g", x);
    return is_there ? out : "-";
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
    printf("%-27s %-8s %5s %5s %6s %6s %7s %5s %7s  %s\n", "task", "family", "obs", "act", "limit", "dt", "solved",
           "ends", "reward", "what it is");
    for (int i = 0; i < n; i++) {
        const rv_env_spec *s = specs[i];
        char obs[16], act[16], limit[16], dt[16], solved[16];
        snprintf(obs, sizeof obs, "%s%d", s->n_states ? "1/" : "", s->n_obs);
        snprintf(act, sizeof act, "%s%d", s->n_actions ? "1/" : "", s->n_act);
        printf("%-27s %-8s %5s %5s %6s %6s %7s %5s %7s  %s\n", s->name, s->family, obs, act,
               number_or_dash(s->time_limit > 0, s->time_limit, limit), number_or_dash(s->dt > 0, s->dt, dt),
               number_or_dash(isfinite(s->threshold), s->threshold, solved), s->terminated ? "yes" : "no",
               s->reward ? "known" : "learned", s->help);
    }
    printf(
        "\n1/N: one of N states, or of N choices. Your own: FILE.so, FILE.yaml, remote; see 'reverie envs --help'\n");
    return rv_cmd_flush();
}

static void print_spec(const rv_env_spec *s)
{
    char text[16];
    printf("%s: %s\n\n", s->name, s->help);
    printf("family        %s\n", s->family);
    if (s->n_states)
        printf("observation   one of %d states, as a vector with a 1 at its place\n", s->n_states);
    else
        printf("observation   %d numbers\n", s->n_obs);
    if (s->n_actions)
        printf("action        one of %d choices: the largest of %d scores\n", s->n_actions, s->n_act);
    else
        printf("action        %d numbers; the learner's [-1, 1] becomes\n", s->n_act);
    for (int i = 0; i < s->n_act && !s->n_actions; i++)
        if (i == 0 || s->act_low[i] != s->act_low[i - 1] || s->act_high[i] != s->act_high[i - 1])
            printf("              [%g, %g] from number %d on\n", s->act_low[i], s->act_high[i], i);
    printf("time limit    %s steps\n", number_or_dash(s->time_limit > 0, s->time_limit, text));
    printf("step          %s s\n", number_or_dash(s->dt > 0, s->dt, text));
    printf("solved at     %s\n", number_or_dash(isfinite(s->threshold), s->threshold, text));
    printf("termination   %s\n", s->terminated ? "known for imagined states" : "never, as far as imagined states show");
    printf("reward        %s\n", s->reward ? "known: model.known_reward may be true" : "learned by the model");
    printf("state         %s\n",
           s->is_stateless ? "cannot be saved: a resumed run begins a new episode" : "saved with each checkpoint");
}

/* settings of the environment called name, which is registered then */
static rv_status open_env(const char *name, const rv_words *words, rv_config *cfg)
{
    RV_TRY(rv_config_defaults(cfg));
    for (int i = 0; i < words->n_overrides; i++) {
        RV_TRY(rv_config_override(words->overrides[i], cfg));
        RV_CHECK(strncmp(words->overrides[i], "env.", 4) == 0, RV_E_USAGE,
                 "envs: '%s' changes nothing here: expected settings of the section env", words->overrides[i]);
    }
    RV_CHECK(strlen(name) < sizeof cfg->env.name, RV_E_USAGE, "envs: the name is longer than %zu characters",
             sizeof cfg->env.name - 1);
    snprintf(cfg->env.name, sizeof cfg->env.name, "%s", name);
    return rv_env_register(&cfg->env);
}

static rv_status show(const char *name, const arguments *a)
{
    rv_config cfg;
    const rv_env_spec *spec = NULL;
    RV_TRY(open_env(name, &a->words, &cfg));
    RV_TRY(rv_env_find(name, &spec));
    if (a->want_json)
        return rv_json_print(spec_json(spec));
    print_spec(spec);
    return rv_cmd_flush();
}

/* ---- check ---- */

static rv_status print_checked(const char *name, const rv_env_checked *c, bool want_json)
{
    json_t *list = want_json ? json_array() : NULL;
    for (int i = 0; i < RV_CHECK_FINDINGS; i++) {
        const rv_finding *f = &c->findings[i];
        if (want_json)
            json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "what", f->what, "verdict",
                                                  rv_verdict_name(f->verdict), "text", f->text));
        else
            printf("%-12s %-7s %s\n", f->what, rv_verdict_name(f->verdict), f->text);
    }
    if (want_json)
        return rv_json_print(json_pack("{s:s, s:b, s:I, s:I, s:f, s:o}", "env", name, "good", c->is_good, "steps",
                                       (json_int_t)c->n_steps, "episodes", (json_int_t)c->n_episodes, "step_us",
                                       c->step_us, "findings", list));
    printf("%s %s\n", name, c->is_good ? "keeps what training relies on" : "does not keep what training relies on");
    return rv_cmd_flush();
}

static rv_status check(const char *name, const arguments *a, bool *is_good)
{
    rv_config cfg;
    rv_env_checked checked;
    check_options o;
    RV_TRY(rv_field_defaults(check_fields, &o));
    for (int i = 0; i < 2; i++)
        if (a->values[i] && rv_field_parse(&check_fields[i], a->values[i], &o) != RV_OK)
            return rv_raise(RV_E_USAGE, "envs: --%s: %s", check_fields[i].name, rv_error_last()->text);
    RV_TRY(open_env(name, &a->words, &cfg));
    RV_TRY(rv_env_check(name, o.steps, (uint64_t)o.seed, &checked));
    RV_TRY(print_checked(name, &checked, a->want_json));
    *is_good = checked.is_good;
    return RV_OK;
}

/* ---- replay ---- */

static rv_status replay(const char *path, bool want_json, bool *is_equal)
{
    rv_status status = RV_OK;
    rv_reference *r = NULL;
    rv_reference_report report;
    RV_TRY(rv_reference_read(path, &r));
    status = rv_reference_replay(r, &report);
    if (status == RV_OK)
        status = rv_replay_print(r, &report, want_json);
    else
        rv_error_prefix(status, "%s", path);
    if (status == RV_OK)
        *is_equal = report.is_equal;
    rv_reference_destroy(&r);
    return status;
}

static rv_status make_keys(const char *folder)
{
    RV_TRY(rv_remote_keys_make(folder));
    printf(
        "keys are in %s: the run needs client.secret and server.public, the server server.secret and client.public\n",
        folder);
    return rv_cmd_flush();
}

/* ---- the command ---- */

/* a word that is neither a command nor a task */
static rv_status unknown_word(const char *word)
{
    static const char *const commands[] = {"list", "check", "replay", "keys"};
    const rv_env_spec *spec = NULL;
    int least = 3; /* a mistyped command is nearer than that */
    for (int i = 0; i < 4; i++)
        if (rv_field_nearer(word, commands[i], &least))
            return rv_options_unknown("envs", "command", word, 4, commands);
    return rv_env_find(word, &spec);
}

static rv_status run_command(const arguments *a, bool *is_good)
{
    const rv_words *w = &a->words;
    const char *command = w->n_positional > 0 ? w->positional[0] : "list";
    const rv_env_spec *spec = NULL;
    bool checks = strcmp(command, "check") == 0;
    RV_TRY(rv_options_expect("envs", "NAME, or a command and what it is for", 0, 2, w));
    RV_CHECK(checks || (!a->values[0] && !a->values[1]), RV_E_USAGE, "envs: --steps and --seed belong to 'envs check'");
    if (strcmp(command, "list") == 0) {
        RV_CHECK(w->n_positional < 2, RV_E_USAGE, "envs: list takes no '%s'; see 'reverie envs --help'",
                 w->positional[1]);
        return list(a->want_json);
    }
    if (checks || strcmp(command, "replay") == 0 || strcmp(command, "keys") == 0) {
        const char *wanted = checks ? "NAME" : command[0] == 'k' ? "FOLDER" : "FILE.csv";
        RV_CHECK(w->n_positional == 2, RV_E_USAGE, "envs: %s needs a %s; see 'reverie envs --help'", command, wanted);
        if (command[0] == 'k')
            return make_keys(w->positional[1]);
        return checks ? check(w->positional[1], a, is_good) : replay(w->positional[1], a->want_json, is_good);
    }
    if (!rv_env_is_own(command) && rv_env_find(command, &spec) != RV_OK)
        return unknown_word(command);
    RV_CHECK(w->n_positional < 2, RV_E_USAGE, "envs: one word too many: '%s'; see 'reverie envs --help'",
             w->positional[1]);
    return show(command, a);
}

int rv_cmd_envs(int argc, char **argv)
{
    static arguments a;
    bool is_good = true;
    const rv_option options[] = {{"--json", &a.want_json, NULL},
                                 {"--steps", NULL, &a.values[0]},
                                 {"--seed", NULL, &a.values[1]},
                                 {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, true, &a.words);
    if (status == RV_OK && a.words.wants_help)
        return rv_cmd_help(usage);
    if (status == RV_OK)
        status = run_command(&a, &is_good);
    rv_env_forget();
    return status == RV_OK && !is_good ? rv_status_exit_code(RV_E_DIFFERS) : rv_cmd_finish(status);
}
