#include "base/file.h"
#include "launch/trial.h"
#include "roles/cost.h"
#include "run/metrics.h"
#include "run/schedule.h"
#include "rv_test.h"

#include <stdlib.h>
#include <unistd.h>

static rv_config config_of(const char *const *set)
{
    rv_config c;
    RV_TEST_OK(rv_config_defaults(&c));
    for (int i = 0; i < 6 && set[i]; i++)
        RV_TEST_OK(rv_config_override(set[i], &c));
    RV_TEST_OK(rv_config_check(&c));
    return c;
}

/* work of the whole trial in GFLOP, as estimated */
static double work_of(const rv_config *t)
{
    double gflop[RV_N_ROLES];
    RV_TEST_OK(rv_cost_estimate(t, gflop));
    double fits = (double)(t->schedule.total_steps - t->schedule.warmup_steps) / (double)t->schedule.tick_steps + 1;
    double updates = fits * (double)(t->schedule.tick_steps * t->schedule.updates_per_step * t->policy.shards);
    return (double)t->schedule.total_steps * gflop[RV_ACTOR] + updates * gflop[RV_POLICY] +
           fits * (double)(t->model.members * t->model.max_epochs * t->schedule.total_steps) * gflop[RV_MODEL] +
           fits * (double)(t->rollout.branches * t->rollout.length_end) * gflop[RV_ROLLOUT];
}

/* whatever the settings: a trial that the rules allow, short, of the same networks, in which each role works often */
static void trials_are_short(void)
{
    static const char *const kinds[][6] = {
        {NULL},
        {"env.name=HalfCheetah-v4", "schedule.updates_per_step=40", "schedule.tick_steps=50"},
        {"env.name=Hopper-v4", "rollout.length_end=15", "env.count=10", "policy.shards=8"},
        {"model.members=64", "model.hidden=400", "rollout.max_disagreement=1"},
        {"rollout.block=1000000", "rollout.branches=4000000", "rollout.length_end=40"},
        {"model.holdout_ratio=2e-4", "policy.batch=100000", "eval.every_steps=0", "model.max_epochs=1"},
        {"schedule.total_steps=1000", "schedule.warmup_steps=250", "schedule.updates_per_step=0"},
        {"policy.real_share=1", "policy.real_share_end=1", "rollout.branches=1000"},
        {"policy.shards=256", "rollout.branches=1000000", "schedule.tick_steps=1", "schedule.retrain_every=100"},
        {"schedule.retrain_every=1000000000", "schedule.retrain_policy_kl=0.1", "policy.share=holdout",
         "policy.real_share=1", "policy.real_share_end=0"},
        {"rollout.length=auto", "rollout.length_end=15", "model.holdout_segment=20", "rollout.card=20"},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        rv_config c = config_of(kinds[k]);
        rv_config t;
        RV_TEST_OK(rv_trial_config(&c, &t));
        CU_ASSERT(work_of(&t) < 3000); /* half a minute of a fast core */
        CU_ASSERT(t.policy.batch == c.policy.batch && t.policy.shards == c.policy.shards &&
                  t.policy.hidden == c.policy.hidden && t.model.members == c.model.members &&
                  t.model.batch == c.model.batch && t.model.hidden == c.model.hidden);
        CU_ASSERT((t.schedule.updates_per_step > 0) == (c.schedule.updates_per_step > 0));
        const rv_schedule schedule = {&t.schedule, &t.rollout, &t.policy, t.eval.every_steps};
        int n[RV_N_ROLES] = {0};
        for (int64_t i = 0; i < rv_schedule_ticks(&schedule); i++) {
            rv_tick tick = rv_schedule_tick(&schedule, i);
            n[RV_ACTOR] += !tick.is_random;
            n[RV_MODEL] += tick.fit;
            n[RV_ROLLOUT] += tick.imagine;
            n[RV_POLICY] += tick.n_updates > 0;
            n[RV_EVALUATOR] += tick.evaluate;
        }
        bool imagines = rv_schedule_imagines(&schedule);
        CU_ASSERT(n[RV_ACTOR] >= 5 && n[RV_EVALUATOR] >= 2 && n[RV_EVALUATOR] < 20);
        CU_ASSERT(n[RV_MODEL] >= 5 * imagines && n[RV_ROLLOUT] >= 5 * imagines);
        CU_ASSERT(n[RV_POLICY] >= 5 * (c.schedule.updates_per_step > 0));
    }
}

static void begin(FILE *file, const rv_tick *tick, const char *role, int unit)
{
    fprintf(file, "{\"tick\":%lld,\"step\":%lld,\"role\":\"%s\",\"unit\":%d,\"rank\":0,\"wall\":1",
            (long long)tick->tick, (long long)tick->last_step, role, unit);
}

/* records of a trial of 5 working ticks in which the work of tick i takes 1 + i times what its items do */
static void medians_are_taken(void)
{
    static const char *const pendulum[6] = {"model.hidden=64", "policy.hidden=64"};
    static const double item_s[RV_N_ROLES] = {1e-3, 2e-6, 3e-6, 4e-3, 5e-3};
    char path[] = "/tmp/rv_test_trial_XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    FILE *file = fdopen(fd, "w");
    rv_config c = config_of(pendulum);
    rv_config t;
    RV_TEST_OK(rv_trial_config(&c, &t));
    const rv_schedule s = {&t.schedule, &t.rollout, &t.policy, t.eval.every_steps};
    for (int64_t i = 0; i < rv_schedule_ticks(&s); i++) {
        rv_tick tick = rv_schedule_tick(&s, i);
        double slow = tick.is_random ? 1 : 1 + (double)(i % 5);
        if (i == 3) { /* 150 steps in 0.75 s */
            begin(file, &tick, "evaluator", 0);
            fprintf(file, ",\"eval/mean_ep_length\":150}\n");
        }
        for (int m = 0; m < 7 && tick.fit; m++) {
            begin(file, &tick, "model", m);
            fprintf(file, ",\"model/n_rows\":%lld,\"model/epochs\":2}\n", (long long)tick.n_real);
        }
        begin(file, &tick, "rank", 0);
        fprintf(file,
                ",\"time/work_actor_s\":%.17g,\"time/exchange_actor_s\":0,\"time/work_model_s\":%.17g,"
                "\"time/exchange_model_s\":0,\"time/work_rollout_s\":%.17g,\"time/exchange_rollout_s\":0,"
                "\"time/work_policy_s\":%.17g,\"time/exchange_policy_s\":%.17g,\"time/work_evaluator_s\":0.75,"
                "\"time/exchange_evaluator_s\":0}\n",
                (double)t.schedule.tick_steps * item_s[RV_ACTOR] * slow,
                7 * 2 * (double)tick.n_real * item_s[RV_MODEL] * slow, 700 * item_s[RV_ROLLOUT] * slow,
                0.75 * (double)tick.n_updates * item_s[RV_POLICY] * slow,
                0.25 * (double)tick.n_updates * item_s[RV_POLICY] * slow);
        for (int b = 0; b < 2 && tick.imagine; b++) {
            begin(file, &tick, "rollout", b);
            fprintf(file, ",\"imagine/rows\":%d}\n", b ? 600 : 100);
        }
    }
    fclose(file);
    rv_trial trial;
    RV_TEST_OK(rv_trial_read(&t, path, &trial));
    CU_ASSERT(trial.n[RV_ACTOR] == 5 && trial.n[RV_MODEL] == 6 && trial.n[RV_ROLLOUT] == 6);
    CU_ASSERT(trial.n[RV_POLICY] == 6 && trial.n[RV_EVALUATOR] == 1);
    CU_ASSERT(fabs(trial.item_s[RV_ACTOR] / item_s[RV_ACTOR] - 3) < 1e-9);
    CU_ASSERT(fabs(trial.spread[RV_ACTOR] - 2.0 / 3) < 1e-9);
    for (int role = RV_MODEL; role <= RV_POLICY; role++) /* the tick before the policy acts is the sixth: 1 */
        CU_ASSERT(fabs(trial.item_s[role] / item_s[role] - 2.5) < 1e-9);
    CU_ASSERT(fabs(trial.item_s[RV_EVALUATOR] / item_s[RV_EVALUATOR] - 1) < 1e-9 && trial.spread[RV_EVALUATOR] == 0);
    RV_TEST_FAILS(rv_trial_read(&t, "/nowhere/metrics.jsonl", &trial), RV_E_NOINPUT, "/nowhere");
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("trial", {"trials are short", trials_are_short}, {"medians are taken", medians_are_taken})
