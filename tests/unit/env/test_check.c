/* test_check.c - the conformance check sees what it is there to see. */
#include "env/check.h"
#include "env/plugin.h"
#include "env_test.h"

#include <unistd.h>

static rv_env_checked check(const char *name, const char *arguments, int64_t n_steps)
{
    rv_env_cfg cfg;
    rv_env_checked out = {.is_good = false};
    rv_plugin_set_program(RV_TEST_PROGRAM);
    RV_TEST_OK(rv_field_defaults(rv_env_cfg_fields, &cfg));
    snprintf(cfg.name, sizeof cfg.name, "%s", name);
    snprintf(cfg.arguments, sizeof cfg.arguments, "%s", arguments);
    RV_TEST_OK(rv_env_register(&cfg));
    RV_TEST_OK(rv_env_check(name, n_steps, 3, &out));
    rv_env_forget();
    return out;
}

static const rv_finding *finding(const rv_env_checked *c, const char *what)
{
    for (int i = 0; i < RV_CHECK_FINDINGS; i++)
        if (strcmp(c->findings[i].what, what) == 0)
            return &c->findings[i];
    CU_FAIL_FATAL("no such finding");
    return NULL;
}

static void built_in_tasks_are_good(void)
{
    int n = 0;
    const rv_env_spec *const *list = rv_env_list(&n);
    int64_t blocks = rv_mem_blocks();
    for (int i = 0; i < n; i++) {
        rv_env_checked c = check(list[i]->name, "", 300);
        for (int k = 0; k < RV_CHECK_FINDINGS; k++)
            if (c.findings[k].verdict == RV_CHECK_FAILED)
                printf("\n    %s: %s: %s\n", list[i]->name, c.findings[k].what, c.findings[k].text);
        CU_ASSERT(c.is_good && c.n_steps == 300 && c.n_episodes >= 1);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

static void what_is_counted(void)
{
    rv_env_checked c = check("Pendulum-v1", "", 450);
    CU_ASSERT(c.is_good && c.n_episodes == 3 && c.n_truncated == 2 && c.n_terminated == 0);
    CU_ASSERT_EQUAL(finding(&c, "reward")->verdict, RV_CHECK_OK);
    CU_ASSERT_EQUAL(finding(&c, "termination")->verdict, RV_CHECK_LEFT_OUT);
    c = check("InvertedPendulum-v4", "", 450);
    CU_ASSERT(c.is_good && c.n_terminated > 30 && c.n_truncated == 0);
    CU_ASSERT_EQUAL(finding(&c, "termination")->verdict, RV_CHECK_OK);
}

/* one broken promise, one verdict; all else as in the good one */
static void broken_promises(void)
{
    static const struct {
        const char *how, *what;
        rv_verdict verdict;
        const char *part;
    } cases[] = {
        {"unseeded", "seeding", RV_CHECK_FAILED, "differ first at step"},
        {"memory", "seeding", RV_CHECK_FAILED, "differ first at step"},
        {"forgetful", "state", RV_CHECK_FAILED, "goes on differently at step"},
        {"same", "variety", RV_CHECK_NOTE, "every seed gives the same"},
        {"stateless", "state", RV_CHECK_NOTE, "cannot be saved"},
        {"early", "termination", RV_CHECK_FAILED, "the rule differs"},
        {"ruleless", "termination", RV_CHECK_NOTE, "no rule for imagined states"},
        {"large", "learning", RV_CHECK_NOTE, "observation[1] lies in"},
        {"constant", "learning", RV_CHECK_NOTE, "the first is observation[1]"},
    };
    CU_ASSERT_EQUAL_FATAL(chdir(RV_TEST_PLUGINS), 0);
    rv_env_checked c = check("odd.so", "", 400);
    for (int k = 0; k < RV_CHECK_FINDINGS; k++)
        CU_ASSERT(c.findings[k].verdict == RV_CHECK_OK || strcmp(c.findings[k].what, "reward") == 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        c = check("odd.so", cases[i].how, 400);
        const rv_finding *f = finding(&c, cases[i].what);
        if (f->verdict != cases[i].verdict || !strstr(f->text, cases[i].part))
            printf("\n    %s: %s %s: %s\n", cases[i].how, f->what, rv_verdict_name(f->verdict), f->text);
        CU_ASSERT_EQUAL(f->verdict, cases[i].verdict);
        CU_ASSERT_PTR_NOT_NULL(strstr(f->text, cases[i].part));
        CU_ASSERT_EQUAL(c.is_good, cases[i].verdict != RV_CHECK_FAILED);
    }
}

/* an environment that fails is a finding, and the rest is pointless */
static void failures(void)
{
    CU_ASSERT_EQUAL_FATAL(chdir(RV_TEST_PLUGINS), 0);
    rv_env_checked c = check("bad.so", "segv at 5", 100);
    CU_ASSERT(!c.is_good && finding(&c, "steps")->verdict == RV_CHECK_FAILED);
    CU_ASSERT_EQUAL(finding(&c, "seeding")->verdict, RV_CHECK_LEFT_OUT);
    c = check("bad.so", "nan at 5", 100);
    CU_ASSERT(!c.is_good && strstr(finding(&c, "steps")->text, "observation[1]"));
}

RV_TEST_MAIN("check", {"built-in tasks are good", built_in_tasks_are_good}, {"what is counted", what_is_counted},
             {"broken promises", broken_promises}, {"failures", failures})
