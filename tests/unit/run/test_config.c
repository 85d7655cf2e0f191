#include "base/file.h"
#include "run/config.h"
#include "rv_test.h"

#include <stdlib.h>
#include <unistd.h>

static rv_config defaults(void)
{
    rv_config config;
    RV_TEST_OK(rv_config_defaults(&config));
    return config;
}

static rv_status parse(const char *text, rv_config *config)
{
    return rv_config_parse("a.yaml", text, strlen(text), config);
}

static void test_defaults(void)
{
    rv_config c = defaults();
    CU_ASSERT_EQUAL(c.root.seed, 1);
    CU_ASSERT_STRING_EQUAL(c.env.name, "Pendulum-v1");
    CU_ASSERT_EQUAL(c.schedule.mode, RV_PIPELINED);
    CU_ASSERT_EQUAL(c.schedule.total_steps, 125000);
    CU_ASSERT_EQUAL(c.model.members, 7);
    CU_ASSERT_EQUAL(c.model.kind, RV_MODEL_PROBABILISTIC);
    CU_ASSERT_EQUAL(c.model.target, RV_TARGET_DIFFERENCE);
    CU_ASSERT(!c.model.normalise_targets && !c.model.learned_termination && c.model.bootstrap);
    CU_ASSERT_EQUAL(c.model.weight_decay.n, 5);
    CU_ASSERT(c.model.weight_decay.v[4] == 1e-4);
    CU_ASSERT(c.policy.tau == 0.005);
    CU_ASSERT_STRING_EQUAL(c.policy.target_entropy, "auto");
    CU_ASSERT_STRING_EQUAL(c.feed.publish, "tcp://127.0.0.1:*");
    RV_TEST_OK(rv_config_check(&c));
}

static void test_parse(void)
{
    rv_config c = defaults();
    RV_TEST_OK(
        parse("# comment\n---\nseed: 7\nenv: {name: Hopper-v4, count: 5}\nmodel:\n  known_reward: true\n"
              "  kind: deterministic\n  target: next_state\n  bootstrap: false\n"
              "  weight_decay:\n  - 1e-4\n  - 0\n  hidden: 64\nschedule:\n  mode: lockstep\nrollout:\n  # nothing\n"
              "policy:\n  target_entropy: -1\n",
              &c));
    CU_ASSERT_EQUAL(c.root.seed, 7);
    CU_ASSERT_STRING_EQUAL(c.env.name, "Hopper-v4");
    CU_ASSERT_EQUAL(c.env.count, 5);
    CU_ASSERT(c.model.known_reward && !c.model.bootstrap);
    CU_ASSERT(c.model.kind == RV_MODEL_DETERMINISTIC && c.model.target == RV_TARGET_NEXT_STATE);
    CU_ASSERT_EQUAL(c.model.weight_decay.n, 2);
    CU_ASSERT(c.model.weight_decay.v[0] == 1e-4 && c.model.weight_decay.v[2] == 0);
    CU_ASSERT_EQUAL(c.model.hidden, 64);
    CU_ASSERT_EQUAL(c.schedule.mode, RV_LOCKSTEP);
    CU_ASSERT_STRING_EQUAL(c.policy.target_entropy, "-1");
    CU_ASSERT_EQUAL(c.policy.batch, 256);

    rv_config untouched = defaults();
    rv_config d = untouched;
    RV_TEST_OK(parse("", &d));
    RV_TEST_OK(parse("# only a comment\n", &d));
    RV_TEST_OK(parse("---\n", &d));
    CU_ASSERT_EQUAL(memcmp(&d, &untouched, sizeof d), 0);
}

static void test_round_trip(void)
{
    for (int with_help = 0; with_help < 2; with_help++) {
        rv_config a = defaults();
        RV_TEST_OK(rv_config_override("policy.learning_rate=0.00031415926535897931", &a));
        RV_TEST_OK(rv_config_override("model.weight_decay=[0.1, 0.30000000000000004,1e-300]", &a));
        RV_TEST_OK(rv_config_override("feed.publish=off", &a));
        RV_TEST_OK(rv_config_override("env.name=#odd: text", &a));
        RV_TEST_OK(rv_config_override("schedule.mode=lockstep", &a));
        RV_TEST_OK(rv_config_override("seed=9007199254740992", &a));
        char *text = NULL;
        RV_TEST_OK(rv_config_print(&a, with_help, &text));
        rv_config b = defaults();
        RV_TEST_OK(parse(text, &b));
        CU_ASSERT_EQUAL(memcmp(&a, &b, sizeof a), 0);
        CU_ASSERT_EQUAL(strstr(text, "# ") != NULL, with_help);
        rv_mem_free(&text);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void test_parse_errors(void)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"polcy:\n  tau: 1\n", "a.yaml:1:1: unknown key 'polcy'; did you mean 'policy'?"},
        {"sed: 1\n", "a.yaml:1:1: unknown key 'sed'; did you mean 'seed'?"},
        {"tau: 1\n", "a.yaml:1:1: unknown key 'tau'; did you mean 'policy.tau'?"},
        {"zzzzzzzz: 1\n", "a.yaml:1:1: unknown key 'zzzzzzzz'; 'reverie config show' lists all"},
        {"\"\": 1\n", "a.yaml:1:1: unknown key ''"},
        {"env:\n  nme: x\n", "a.yaml:2:3: unknown key 'env.nme'; did you mean 'env.name'?"},
        {"env:\n  tau: 1\n", "a.yaml:2:3: unknown key 'env.tau'; did you mean 'policy.tau'?"},
        {"env:\n  seed: 1\n", "a.yaml:2:3: unknown key 'env.seed'; did you mean 'seed'?"},
        {"env:\n  zzzzzzzz: 1\n", "a.yaml:2:3: unknown key 'env.zzzzzzzz'; 'reverie config explain env' lists"},
        {"seed: 1\nseed: 2\n", "a.yaml:2:1: 'seed' is given twice; first in line 1"},
        {"env: {count: 1, count: 1}\n", "a.yaml:1:17: 'count' is given twice; first in line 1"},
        {"env:\nseed: 1\nenv:\n", "a.yaml:3:1: 'env' is given twice; first in line 1"},
        {"seed: one\n", "a.yaml:1:7: 'seed': expected a whole number in [0, 9007199254740992], got 'one'"},
        {"seed:\n", "a.yaml:1:6: 'seed': expected a whole number"},
        {"seed: [1]\n", "a.yaml:1:7: 'seed': expected a whole number in [0, 9007199254740992], got a list"},
        {"seed: {a: 1}\n", "a.yaml:1:7: 'seed': expected a whole number in [0, 9007199254740992], got a map of keys"},
        {"policy:\n  tau: 2\n", "a.yaml:2:8: 'tau': expected a number in [1e-08, 1], got '2'"},
        {"policy:\n  tau: .nan\n", "a.yaml:2:8: 'tau': expected a number"},
        {"model: {known_reward: yes}\n", "a.yaml:1:23: 'known_reward': expected true or false, got 'yes'"},
        {"model: {kind: determinstic}\n", "expected probabilistic or deterministic, got 'determinstic'; did you mean"},
        {"model: {target: next}\n", "expected difference or next_state, got 'next'"},
        {"schedule: {mode: pipeline}\n", "expected lockstep or pipelined, got 'pipeline'; did you mean 'pipelined'?"},
        {"model: {weight_decay: 1}\n", "a.yaml:1:23: 'weight_decay': expected a list of at most 8 numbers"},
        {"model:\n  weight_decay: [0,\n    x]\n", "a.yaml:3:5: 'weight_decay': expected a number in [0, 1], got 'x'"},
        {"model: {weight_decay: [[1]]}\n", "a.yaml:1:24: 'weight_decay': expected a number; lists do not nest"},
        {"model: {weight_decay: [0,0,0,0,0,0,0,0,0]}\n", "a.yaml:1:23: 'weight_decay': expected at most 8 numbers"},
        {"env: 1\n", "a.yaml:1:6: section 'env': expected a map of keys, as in 'env: {name: Pendulum-v1}'"},
        {"env: ''\n", "a.yaml:1:6: section 'env': expected a map of keys"},
        {"env: [1]\n", "a.yaml:1:6: section 'env': expected a map of keys"},
        {"env: {[1]: 1}\n", "a.yaml:1:7: expected the name of a key of 'env'"},
        {"? [1]\n: 1\n", "a.yaml:1:3: expected the name of a section"},
        {"- 1\n", "a.yaml:1:1: expected a map of sections"},
        {"hello\n", "a.yaml:1:1: expected a map of sections"},
        {"seed: 1\n---\nseed: 2\n", "a.yaml:2:1: a second document (---) is not read here"},
        {"seed: &s 1\n", "a.yaml:1:7: anchors (&) and aliases (*) are not read here"},
        {"env: &e {count: 1}\n", "a.yaml:1:6: anchors"},
        {"model: {weight_decay: &w [0]}\n", "a.yaml:1:23: anchors"},
        {"seed: *s\n", "a.yaml:1:7: anchors (&) and aliases (*) are not read here"},
        {"seed: !!int 1\n", "a.yaml:1:7: tags (!) are not read here"},
        {"env: !!map {count: 1}\n", "a.yaml:1:6: tags"},
        {"model: {weight_decay: !!seq [0]}\n", "a.yaml:1:23: tags"},
        {"%TAG ! tag:x,2000:\n---\nseed: 1\n", "a.yaml:1:1: tags"},
        {"env:\n\tname: x\n",
         "a.yaml:2:1: not valid YAML: while scanning for the next token, found character that cannot "
         "start any token (a tab cannot indent; use spaces)"},
        {"env: {name: x\n", "not valid YAML: while parsing a flow mapping"},
        {"seed: 1\nenv: \"\xff\"\n", "a.yaml:2:7: not valid YAML: invalid leading UTF-8 octet"},
        {"seed: \"1\\0\"\n", "a.yaml:1:7: a NUL character is not allowed here"},
        {"env: {name: \"a\\nb\"}\n", "expected a text of at most 127 printable characters without quotes, got 'a?b'"},
    };
    rv_config c = defaults();
    rv_config before = c;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        RV_TEST_FAILS(parse(cases[i].text, &c), RV_E_CONFIG, cases[i].part);

    char long_key[600];
    memset(long_key, 'k', sizeof long_key);
    memcpy(long_key + 500, ": 1\n", 5);
    RV_TEST_FAILS(parse(long_key, &c), RV_E_CONFIG, "a.yaml:1:1: a text of 500 bytes is too long");
    RV_TEST_FAILS(rv_config_parse("a.yaml", "", RV_CONFIG_MAX_BYTES + 1, &c), RV_E_CONFIG,
                  "are too many; expected at most");
    /* the last line is wrong: what came before it must not have been set */
    RV_TEST_FAILS(parse("seed: 5\nenv: {count: 3}\nx: 1\n", &c), RV_E_CONFIG, "a.yaml:3:1: unknown key 'x'");
    CU_ASSERT_EQUAL(memcmp(&c, &before, sizeof c), 0);
}

static void test_override(void)
{
    rv_config c = defaults();
    RV_TEST_OK(rv_config_override("policy.tau=0.1", &c));
    CU_ASSERT(c.policy.tau == 0.1);
    RV_TEST_OK(rv_config_override("seed=3", &c));
    CU_ASSERT_EQUAL(c.root.seed, 3);
    rv_config before = c;
    RV_TEST_FAILS(rv_config_override("policy.tau", &c), RV_E_CONFIG,
                  "override 'policy.tau': expected section.key=value");
    RV_TEST_FAILS(rv_config_override("policy.tau=2", &c), RV_E_CONFIG,
                  "override 'policy.tau=2': expected a number in [1e-08, 1], got '2'");
    RV_TEST_FAILS(rv_config_override("polcy.tau=2", &c), RV_E_CONFIG,
                  "override 'polcy.tau=2': unknown key 'polcy'; did you mean 'policy'?");
    RV_TEST_FAILS(rv_config_override("policy.tua=2", &c), RV_E_CONFIG,
                  "unknown key 'policy.tua'; did you mean 'policy.tau'?");
    RV_TEST_FAILS(rv_config_override("policy=2", &c), RV_E_CONFIG, "'policy' is a section; name one of its keys");
    RV_TEST_FAILS(rv_config_override("seed.x=2", &c), RV_E_CONFIG, "'seed' is a key, not a section");
    RV_TEST_FAILS(rv_config_override(".seed=2", &c), RV_E_CONFIG, "unknown key ''");
    RV_TEST_FAILS(rv_config_override("=2", &c), RV_E_CONFIG, "unknown key ''");
    RV_TEST_FAILS(rv_config_override("policy.tau.x=2", &c), RV_E_CONFIG, "unknown key 'policy.tau.x'");
    CU_ASSERT_EQUAL(memcmp(&c, &before, sizeof c), 0);
    char longer[5000];
    memset(longer, 'x', sizeof longer);
    memcpy(longer + 4990, "=1", 3);
    RV_TEST_FAILS(rv_config_override(longer, &c), RV_E_CONFIG, "unknown key 'xxx");
}

/* Each list of overrides breaks one rule. */
static void test_rules(void)
{
    static const struct {
        const char *set[4], *part;
    } cases[] = {
        {{"env.count=3"}, "schedule.tick_steps (250) must be a multiple of env.count (3)"},
        {{"schedule.total_steps=125001"}, "schedule.total_steps (125001) must be a multiple of schedule.tick_steps"},
        {{"schedule.warmup_steps=5001"}, "schedule.warmup_steps (5001) must be a multiple of schedule.tick_steps"},
        {{"schedule.retrain_every=125"}, "schedule.retrain_every (125) must be a multiple of schedule.tick_steps"},
        {{"schedule.total_steps=5000"}, "schedule.warmup_steps (5000) must be less than schedule.total_steps (5000)"},
        {{"eval.every_steps=300"}, "eval.every_steps (300) must be 0 or a multiple of schedule.tick_steps (250)"},
        {{"model.elites=8"}, "model.elites (8) must be at most model.members (7)"},
        {{"model.hidden_layers=3"},
         "model.weight_decay has 5 entries and must have one more than model.hidden_layers (3)"},
        {{"model.logvar_min=0.5"}, "model.logvar_min (0.5) must be less than model.logvar_max (0.5)"},
        {{"schedule.tick_steps=1", "schedule.warmup_steps=4"}, "times schedule.warmup_steps (4) must be at least 1"},
        {{"rollout.branches=1500"}, "rollout.branches (1500) must be a multiple of rollout.block (1000)"},
        {{"rollout.branches=65537", "rollout.block=1"},
         "rollout.branches (65537) must be at most 65536 times rollout.block (1)"},
        {{"rollout.branches=3000", "policy.shards=4"},
         "rollout.branches (3000) must be at least policy.shards (4) times rollout.block (1000)"},
        {{"rollout.length_start=2"}, "rollout.length_start (2) must be at most rollout.length_end (1)"},
        {{"rollout.length_to_epoch=20"},
         "rollout.length_from_epoch (20) must be less than rollout.length_to_epoch (20)"},
        {{"rollout.retain_epochs=17"},
         "rollout.retain_epochs (17) times schedule.epoch_steps (1000) keeps the imagined"},
        {{"rollout.max_disagreement=1", "model.members=1", "model.elites=1"},
         "needs at least 2 members to compare; model.members (1)"},
        {{"rollout.full_disagreement=0.5"},
         "rollout.full_disagreement (0.5) must be at most rollout.max_disagreement (0)"},
        {{"rollout.full_disagreement=2", "rollout.max_disagreement=1.5"},
         "rollout.full_disagreement (2) must be at most rollout.max_disagreement (1.5)"},
        {{"rollout.disagreement=quantile"},
         "rollout.max_disagreement (0) must be in (0, 1]: with rollout.disagreement"},
        {{"rollout.disagreement=quantile", "rollout.max_disagreement=1.5"},
         "rollout.max_disagreement (1.5) must be in"},
        {{"policy.confidence=1", "model.members=1", "model.elites=1"},
         "policy.confidence (1) needs at least 2 members to compare; model.members (1)"},
        {{"policy.target_steps=5"}, "policy.target_steps (5) must be 1: it belongs to policy.target: expansion"},
        {{"policy.target_steps=0", "policy.target=return"}, "policy.target_steps (0) must be 1"},
        {{"rollout.block=1000000", "rollout.branches=1000000", "rollout.length_end=100"}, "more than 2 GiB of rows"},
        {{"rollout.block=1000000", "rollout.branches=1000000", "rollout.length_end=50", "policy.target=return"},
         "more than 2 GiB of rows"}, /* their tails count */
        {{"schedule.retrain_policy_kl=0.1"},
         "schedule.retrain_gap (250) must be less than schedule.retrain_every (250), or no other reason"},
        {{"rollout.length=auto", "rollout.length_end=15", "model.holdout_segment=14"},
         "follows 15 steps that were kept out of the fit, times env.count (1): model.holdout_segment (14)"},
        {{"rollout.card=5", "env.count=2", "model.holdout_segment=9"},
         "follows 5 steps that were kept out of the fit, times env.count (2): model.holdout_segment (9)"},
        {{"schedule.retrain_disagreement=2", "schedule.retrain_gap=50", "model.members=1", "model.elites=1"},
         "schedule.retrain_disagreement (2) needs at least 2 members to compare; model.members (1)"},
        {{"policy.share=holdout", "policy.real_share_steps=10"},
         "policy.real_share_steps (10) must be 0: with policy.share: holdout"},
        {{"policy.shards=3"}, "policy.batch (256) must be a multiple of policy.shards (3)"},
        {{"policy.target_entropy=Auto"},
         "policy.target_entropy must be auto or a number in [-10000, 10000], not 'Auto'"},
        {{"feed.publish=localhost"}, "feed.publish must be off, tcp://HOST:PORT or ipc://PATH, not 'localhost'"},
        {{"layout.costs=[1,2,3,4]"}, "layout.costs has 4 entries and must have none or 5: actor, model, rollout"},
        {{"env.name=Pendulum-v9"}, "env.name: no environment 'Pendulum-v9'"},
        {{"env.name=Hopper-v4", "model.known_reward=true"},
         "model.known_reward must be false: the reward of Hopper-v4"},
        {{"env.name=Hopper-v4", "randomise.mass=unform(1,2)"},
         "randomise.mass: expected uniform(LOW, HIGH), log_uniform(LOW, HIGH) or normal(MEAN, STD), got 'unform(1,2)'"},
        {{"env.name=Hopper-v4", "randomise.gear=uniform(0, 2)"},
         "randomise.gear: uniform(0, 2) must lie in [0.001, 1000]"},
        {{"randomise.friction=uniform(1, 2)"}, "randomise.friction must be empty: Pendulum-v1 does not run on MuJoCo"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_config c = defaults();
        for (int k = 0; k < 4 && cases[i].set[k]; k++)
            RV_TEST_OK(rv_config_override(cases[i].set[k], &c));
        RV_TEST_FAILS(rv_config_check(&c), RV_E_CONFIG, cases[i].part);
        CU_ASSERT_PTR_NULL(strstr(rv_error_last()->text, "; schedule")); /* one rule alone */
    }
    static const char *const allowed[] = {"schedule.tick_steps=1",
                                          "schedule.retrain_every=1000",
                                          "eval.every_steps=0",
                                          "policy.target_entropy=-0.5",
                                          "policy.shards=4",
                                          "feed.publish=off",
                                          "randomise.obs_noise=normal(0, 0.1)"};
    rv_config c = defaults();
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        RV_TEST_OK(rv_config_override(allowed[i], &c));
    RV_TEST_OK(rv_config_override("policy.real_share_steps=1000", &c));
    RV_TEST_OK(rv_config_override("policy.real_share_end=0.5", &c));
    RV_TEST_OK(rv_config_check(&c));
    RV_TEST_OK(rv_config_override("rollout.branches=1000", &c)); /* one block for 8 shards, */
    RV_TEST_OK(rv_config_override("policy.real_share=1", &c));   /* but nothing is imagined */
    RV_TEST_OK(rv_config_override("policy.real_share_end=1", &c));
    RV_TEST_OK(rv_config_check(&c));

    /* all at once */
    memset(&c, 0, sizeof c);
    CU_ASSERT_EQUAL(rv_config_check(&c), RV_E_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, "; schedule.total_steps (0)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, " more"));
}

static void test_load(void)
{
    char path[] = "/tmp/test_config_XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    char seed[] = "seed=9";
    char hidden[] = "policy.hidden=32";
    char *overrides[] = {seed, hidden};
    static const char text[] = "seed: 4\npolicy: {hidden: 64, tau: 0.01}\n";
    RV_TEST_OK(rv_file_write(path, text, sizeof text - 1));
    rv_config c;
    RV_TEST_OK(rv_config_load(path, 2, overrides, &c));
    CU_ASSERT_EQUAL(c.root.seed, 9);
    CU_ASSERT_EQUAL(c.policy.hidden, 32);
    CU_ASSERT(c.policy.tau == 0.01);
    CU_ASSERT_EQUAL(c.model.hidden, 200);

    rv_config before = c;
    char bad[] = "env.count=3";
    overrides[0] = bad;
    RV_TEST_FAILS(rv_config_load(path, 1, overrides, &c), RV_E_CONFIG, "/tmp/test_config_");
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, ": schedule.tick_steps (250) must"));
    RV_TEST_FAILS(rv_config_load(NULL, 1, overrides, &c), RV_E_CONFIG, "settings: schedule.tick_steps (250) must");
    unlink(path);
    RV_TEST_FAILS(rv_config_load(path, 0, NULL, &c), RV_E_NOINPUT, path);
    CU_ASSERT_EQUAL(memcmp(&c, &before, sizeof c), 0);
    RV_TEST_OK(rv_config_load(NULL, 0, NULL, &c));
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* Every field changes the hash exactly when it is not RV_FIELD_RUNTIME. */
static void test_hash(void)
{
    rv_config base = defaults();
    unsigned long long hash = rv_config_hash(&base);
    CU_ASSERT_EQUAL(hash, rv_config_hash(&base));
    for (const rv_section *s = rv_config_sections; s->fields; s++) {
        for (const rv_field *f = s->fields; f->name; f++) {
            rv_config c = base;
            char *at = (char *)&c + s->offset + f->offset;
            at[f->type == RV_T_F64_LIST ? offsetof(rv_f64_list, v) : 0] ^= 1;
            CU_ASSERT_EQUAL(rv_config_hash(&c) == hash, (f->flags & RV_FIELD_RUNTIME) != 0);
        }
    }
    CU_ASSERT(rv_field_find(rv_config_sections[0].fields, "seed")->flags == 0);
    static const char *const runtime[] = {"checkpoint.keep", "journal.durability", "feed.publish", "layout.actor_ranks",
                                          "schedule.total_steps"};
    for (size_t i = 0; i < sizeof runtime / sizeof *runtime; i++) {
        const rv_section *section = NULL;
        const rv_field *field = NULL;
        RV_TEST_OK(rv_config_find(runtime[i], &section, &field));
        CU_ASSERT_EQUAL(field->flags, RV_FIELD_RUNTIME);
    }
}

static void test_find(void)
{
    const rv_section *section = NULL;
    const rv_field *field = NULL;
    RV_TEST_OK(rv_config_find("rollout.length_end", &section, &field));
    CU_ASSERT_STRING_EQUAL(section->name, "rollout");
    CU_ASSERT_STRING_EQUAL(field->name, "length_end");
    RV_TEST_OK(rv_config_find("seed", &section, &field));
    CU_ASSERT_STRING_EQUAL(section->name, "");
    RV_TEST_FAILS(rv_config_find("rolout.length_end", &section, &field), RV_E_CONFIG, "did you mean 'rollout'?");
    RV_TEST_FAILS(rv_config_find("rollout.lenght_end", &section, &field), RV_E_CONFIG,
                  "did you mean 'rollout.length_end'?");
    CU_ASSERT_STRING_EQUAL(field->name, "seed");
}

static size_t align_of(rv_type type)
{
    switch (type) {
    case RV_T_BOOL:
        return _Alignof(bool);
    case RV_T_ENUM:
        return _Alignof(int);
    case RV_T_STR:
        return 1;
    default:
        return _Alignof(int64_t);
    }
}

static size_t size_of(rv_type type)
{
    static const size_t sizes[] = {
        [RV_T_BOOL] = sizeof(bool), [RV_T_I64] = sizeof(int64_t), [RV_T_F64] = sizeof(double),
        [RV_T_ENUM] = sizeof(int),  [RV_T_STR] = RV_FIELD_STR,    [RV_T_F64_LIST] = sizeof(rv_f64_list),
    };
    return sizes[type];
}

/* Rows lie in the order of the struct's members, without overlap, without a gap but padding, to its end. */
static void check_covers(const char *name, const rv_field *table, size_t size)
{
    size_t end = 0;
    size_t widest = 1;
    for (const rv_field *f = table; f->name; f++) {
        size_t align = align_of(f->type);
        widest = align > widest ? align : widest;
        if (f->offset != (end + align - 1) / align * align || f->size != size_of(f->type)) {
            printf("\n    %s.%s: at %zu, size %zu; the row before it ends at %zu\n", name, f->name, f->offset, f->size,
                   end);
            CU_FAIL("a row does not fit its struct");
        }
        end = f->offset + f->size;
        CU_ASSERT(f->help && f->help[0] && !strchr(f->help, '\n'));
        CU_ASSERT_PTR_NOT_NULL(f->unit);
        CU_ASSERT_EQUAL(f->choices != NULL, f->type == RV_T_ENUM);
    }
    if ((end + widest - 1) / widest * widest != size) {
        printf("\n    %s: rows end at %zu, the struct at %zu\n", name, end, size);
        CU_FAIL("the rows do not cover their struct");
    }
}

static void test_rows_cover_structs(void)
{
    static const size_t sizes[] = {
        sizeof(rv_root_cfg),       sizeof(rv_env_cfg),     sizeof(rv_randomise_cfg), sizeof(rv_schedule_cfg),
        sizeof(rv_model_cfg),      sizeof(rv_rollout_cfg), sizeof(rv_sac_cfg),       sizeof(rv_eval_cfg),
        sizeof(rv_checkpoint_cfg), sizeof(rv_journal_cfg), sizeof(rv_watchdog_cfg),  sizeof(rv_guard_cfg),
        sizeof(rv_disk_cfg),       sizeof(rv_feed_cfg),    sizeof(rv_layout_cfg),    sizeof(rv_kernels_cfg),
        sizeof(rv_supervisor_cfg),
    };
    const size_t widest = sizeof(double); /* of all members: a section of texts alone may end before a multiple */
    size_t end = 0;
    size_t i = 0;
    for (const rv_section *s = rv_config_sections; s->fields; s++, i++) {
        CU_ASSERT_FATAL(i < sizeof sizes / sizeof *sizes);
        CU_ASSERT_EQUAL(s->offset, end);
        check_covers(s->name, s->fields, sizes[i]);
        end = (s->offset + sizes[i] + widest - 1) / widest * widest;
    }
    CU_ASSERT_EQUAL(end, sizeof(rv_config));
}

RV_TEST_MAIN("config", {"defaults", test_defaults}, {"parse", test_parse}, {"round trip", test_round_trip},
             {"parse errors", test_parse_errors}, {"overrides", test_override}, {"rules", test_rules},
             {"load", test_load}, {"hash", test_hash}, {"find", test_find},
             {"rows cover their structs", test_rows_cover_structs})
