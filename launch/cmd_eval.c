/* cmd_eval.c - `reverie eval`: what the policy of a run's newest checkpoint is worth. */
#include "agent/evaluate.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "launch/trained.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: reverie eval RUN [--episodes N] [--seed S] [--json]\n"
    "\n"
    "Runs episodes of the run's task with the policy of its newest checkpoint, on the mean action, and prints mean,\n"
    "standard deviation (over the episodes), least and largest return, and the mean length. The same checkpoint,\n"
    "seed and N give the same numbers. The starts are others than those of the evaluations during training.\n"
    "\n"
    "  --episodes N  how many; eval.episodes of the run's config.yaml unless given (10 if that is 0)\n"
    "  --seed S      of the starts; the run's seed unless given\n"
    "  --json        print JSON, with the return of every episode\n"
    "\n"
    "examples:\n"
    "  reverie eval runs/hopper\n"
    "  reverie eval runs/hopper --episodes 100 --seed 7\n"
    "  reverie eval runs/hopper --json | jq .mean\n";

typedef struct options {
    int64_t episodes, seed;
} options;

static const rv_field option_fields[] = {
    {"episodes", RV_T_I64, RV_FIELD_AT(options, episodes), "10", 1, 100000, "episodes", NULL, "", 0},
    {"seed", RV_T_I64, RV_FIELD_AT(options, seed), "0", 0, 9007199254740991.0, "", NULL, "", 0},
    {.name = NULL},
};

typedef struct arguments {
    const char *run;
    const char *values[2]; /* text of each of option_fields, NULL when not given */
    bool json;
} arguments;

static rv_status read_option(const rv_field *field, const char *text, options *out)
{
    if (!text || rv_field_parse(field, text, out) == RV_OK)
        return RV_OK;
    return rv_raise(RV_E_USAGE, "eval: --%s: %s", field->name, rv_error_last()->text);
}

static rv_status read_arguments(const rv_words *words, arguments *a)
{
    options tried;
    RV_TRY(rv_options_expect("eval", "RUN", 1, 1, words));
    a->run = words->positional[0];
    for (int i = 0; i < 2; i++)
        RV_TRY(read_option(&option_fields[i], a->values[i], &tried));
    return RV_OK;
}

/* what the episodes add up to */
typedef struct summary {
    double mean, std, min, max, length;
    int n_terminated;
} summary;

static summary summarise(int n, const rv_episode *episodes)
{
    summary s = {.min = INFINITY, .max = -INFINITY};
    for (int i = 0; i < n; i++) {
        s.mean += episodes[i].total / n;
        s.length += (double)episodes[i].length / n;
        s.min = fmin(s.min, episodes[i].total);
        s.max = fmax(s.max, episodes[i].total);
        s.n_terminated += episodes[i].terminated;
    }
    double squares = 0;
    for (int i = 0; i < n; i++)
        squares += (episodes[i].total - s.mean) * (episodes[i].total - s.mean);
    s.std = sqrt(squares / n);
    return s;
}

static json_t *summary_json(const rv_config *config, const rv_checkpoint *c, const options *o, const summary *s,
                            const rv_episode *episodes)
{
    json_t *returns = json_array();
    for (int64_t i = 0; i < o->episodes; i++)
        json_array_append_new(returns, json_real(episodes[i].total));
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:i, s:o}", "env", config->env.name, "tick",
                     (json_int_t)c->tick, "step", (json_int_t)c->step, "seed", (json_int_t)o->seed, "episodes",
                     (json_int_t)o->episodes, "mean", s->mean, "std", s->std, "min", s->min, "max", s->max, "length",
                     s->length, "terminated", s->n_terminated, "returns", returns);
}

static rv_status print(const rv_config *config, const rv_checkpoint *c, const options *o, const rv_episode *episodes,
                       bool json)
{
    summary s = summarise((int)o->episodes, episodes);
    if (json)
        return rv_json_print(summary_json(config, c, o, &s, episodes));
    printf("%s, checkpoint of tick %lld (step %lld), %lld episodes, seed %lld\n", config->env.name, (long long)c->tick,
           (long long)c->step, (long long)o->episodes, (long long)o->seed);
    printf("return  mean %.4f  std %.4f  min %.4f  max %.4f\n", s.mean, s.std, s.min, s.max);
    printf("length  mean %.1f, %d terminated\n", s.length, s.n_terminated);
    return rv_cmd_flush();
}

/* all episodes of the checkpoint's policy; episodes (o->episodes) */
static rv_status run_episodes(rv_trained *t, const options *o, rv_episode *episodes)
{
    rv_status status = RV_OK;
    float *scratch = NULL;
    const rv_env_spec *spec = rv_env_spec_of(t->env);
    RV_TRY(RV_NEW(scratch, spec->n_obs + spec->n_act));
    for (int i = 0; i < (int)o->episodes; i++) {
        RV_TRY_GOTO(rv_evaluate_episode(t->env, &t->learner->actor, t->learner->params, (uint64_t)o->seed,
                                        RV_EVALUATION_BY_HAND, i, t->checkpoint.step / t->config.env.count, &t->tape,
                                        scratch, &episodes[i]),
                    done);
        if (episodes[i].failed)
            rv_warn("episode %d: %s; it counts up to there", i, rv_error_last()->text);
    }
done:
    rv_mem_free(&scratch);
    return status;
}

static rv_status eval_run(const arguments *a)
{
    rv_status status = RV_OK;
    rv_trained t = {.env = NULL};
    rv_episode *episodes = NULL;
    RV_TRY_GOTO(rv_trained_open(a->run, 0, NULL, &t), done);
    options o = {.episodes = t.config.eval.episodes ? t.config.eval.episodes : 10, .seed = t.config.root.seed};
    for (int i = 0; i < 2; i++)
        RV_TRY_GOTO(read_option(&option_fields[i], a->values[i], &o), done);
    RV_TRY_GOTO(RV_NEW(episodes, o.episodes), done);
    RV_TRY_GOTO(run_episodes(&t, &o, episodes), done);
    RV_TRY_GOTO(print(&t.config, &t.checkpoint, &o, episodes, a->json), done);
done:
    rv_mem_free(&episodes);
    rv_trained_close(&t);
    return status;
}

int rv_cmd_eval(int argc, char **argv)
{
    arguments a = {.run = NULL};
    rv_words words;
    const rv_option rows[] = {{"--episodes", NULL, &a.values[0]},
                              {"--seed", NULL, &a.values[1]},
                              {"--json", &a.json, NULL},
                              {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, rows, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(usage);
    if (status == RV_OK)
        status = read_arguments(&words, &a);
    return rv_cmd_finish(status != RV_OK ? status : eval_run(&a));
}
