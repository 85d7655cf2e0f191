#include "run/schedule.h"
#include "rv_test.h"

static rv_schedule_cfg schedule = {.mode = RV_LOCKSTEP,
                                   .total_steps = 10000,
                                   .tick_steps = 250,
                                   .warmup_steps = 1000,
                                   .epoch_steps = 1000,
                                   .retrain_every = 500,
                                   .updates_per_step = 20};
static rv_rollout_cfg rollout = {
    .length_start = 1, .length_end = 15, .length_from_epoch = 20, .length_to_epoch = 150, .retain_epochs = 3};
static rv_sac_cfg policy = {.real_share = 0.05};
static const rv_schedule s = {&schedule, &rollout, &policy, 1000};

static void lockstep_reads_its_own_tick(void)
{
    schedule.mode = RV_LOCKSTEP;
    CU_ASSERT_EQUAL(rv_schedule_ticks(&s), 40);
    rv_tick t = rv_schedule_tick(&s, 2);
    CU_ASSERT(t.is_random && !t.fit && !t.imagine && t.n_updates == 0);
    t = rv_schedule_tick(&s, 3); /* ends at 1000 steps: the warm-up is whole */
    CU_ASSERT(t.is_random && t.fit && t.retrain == 0 && t.imagine && t.imagine_retrain == 0);
    CU_ASSERT(t.n_real == 1000 && t.first_update == 0 && t.n_updates == 5000);
    t = rv_schedule_tick(&s, 4);
    CU_ASSERT(!t.is_random && !t.fit && !t.imagine && t.first_update == 5000 && t.n_real == 1250);
    t = rv_schedule_tick(&s, 5);
    CU_ASSERT(t.fit && t.retrain == 1 && t.imagine && t.imagine_retrain == 1 && t.n_real == 1500);
}

static void pipelined_reads_earlier_ticks(void)
{
    schedule.mode = RV_PIPELINED;
    rv_tick t = rv_schedule_tick(&s, 3);
    CU_ASSERT(t.is_random && !t.fit);
    t = rv_schedule_tick(&s, 4);
    CU_ASSERT(!t.is_random && t.fit && t.retrain == 0 && t.n_real == 1000 && !t.imagine && t.n_updates == 0);
    t = rv_schedule_tick(&s, 5);
    CU_ASSERT(!t.fit && t.imagine && t.imagine_retrain == 0 && t.n_updates == 0);
    t = rv_schedule_tick(&s, 6);
    CU_ASSERT(t.fit && t.retrain == 1 && !t.imagine && t.n_updates == 5000 && t.first_update == 0);
    t = rv_schedule_tick(&s, 7);
    CU_ASSERT(t.imagine && t.imagine_retrain == 1 && t.first_update == 5000);
}

static void every_step_can_be_a_tick(void)
{
    schedule.mode = RV_LOCKSTEP;
    schedule.tick_steps = 1;
    int fits = 0;
    int64_t updates = 0;
    for (int64_t i = 0; i < rv_schedule_ticks(&s); i++) {
        rv_tick t = rv_schedule_tick(&s, i);
        fits += t.fit;
        CU_ASSERT(!t.fit || (t.n_real - 1000) % 500 == 0);
        CU_ASSERT_EQUAL(t.first_update, updates);
        updates += t.n_updates;
    }
    CU_ASSERT_EQUAL(fits, 19);
    CU_ASSERT_EQUAL(updates, 9001 * 20);
    schedule.tick_steps = 250;
}

static void all_real_batches_need_no_model(void)
{
    rv_sac_cfg kept = policy;
    policy.real_share = 1;
    schedule.mode = RV_PIPELINED;
    CU_ASSERT_FALSE(rv_schedule_imagines(&s));
    rv_tick t = rv_schedule_tick(&s, 4);
    CU_ASSERT(!t.fit && !t.imagine && t.n_updates == 5000 && t.first_update == 0);
    policy.real_share_end = 0.05;
    policy.real_share_steps = 5000;
    CU_ASSERT(rv_schedule_imagines(&s));
    CU_ASSERT(fabs(rv_schedule_tick(&s, 10).real_share - (1 - 0.95 * 0.5)) < 1e-12);
    CU_ASSERT(fabs(rv_schedule_tick(&s, 30).real_share - 0.05) < 1e-12);
    policy = kept;
}

static void length_grows_between_epochs(void)
{
    CU_ASSERT_EQUAL(rv_schedule_length(&s, 500), 1);
    CU_ASSERT_EQUAL(rv_schedule_length(&s, 1000 + 20 * 1000 + 999), 1);
    CU_ASSERT_EQUAL(rv_schedule_length(&s, 1000 + 29 * 1000), 1); /* 1 + 14 * 9 / 130 = 1.97 */
    CU_ASSERT_EQUAL(rv_schedule_length(&s, 1000 + 30 * 1000), 2); /* 1 + 14 * 10 / 130 = 2.08 */
    CU_ASSERT_EQUAL(rv_schedule_length(&s, 1000 + 85 * 1000), 8);
    CU_ASSERT_EQUAL(rv_schedule_length(&s, 1000 + 150 * 1000), 15);
    CU_ASSERT_EQUAL(rv_schedule_generations(&s), 6);
}

static void the_end_is_evaluated_once(void)
{
    for (int mode = 0; mode < 2; mode++) {
        schedule.mode = mode;
        int at_end = 0, before = 0;
        for (int64_t i = 0; i <= rv_schedule_ticks(&s); i++) {
            rv_tick t = rv_schedule_tick(&s, i);
            at_end += t.evaluate && t.evaluate_step == 10000;
            before += t.evaluate && t.evaluate_step < 10000;
        }
        CU_ASSERT_EQUAL(at_end, 1);
        CU_ASSERT_EQUAL(before, 9);
    }
}

/* so that a run which is prolonged equals one that was long from the start */
static void ticks_do_not_depend_on_the_end(void)
{
    for (int mode = 0; mode < 2; mode++) {
        schedule.mode = mode;
        for (int64_t i = 0; i < 40; i++) {
            schedule.total_steps = 10000;
            rv_tick t = rv_schedule_tick(&s, i);
            schedule.total_steps = 20000;
            rv_tick later = rv_schedule_tick(&s, i);
            CU_ASSERT(t.evaluate == later.evaluate && t.fit == later.fit && t.imagine == later.imagine);
            CU_ASSERT(t.length == later.length && t.n_updates == later.n_updates && t.last_step == later.last_step);
        }
    }
    schedule.total_steps = 10000;
}

RV_TEST_MAIN("schedule", {"lockstep reads its own tick", lockstep_reads_its_own_tick},
             {"pipelined reads earlier ticks", pipelined_reads_earlier_ticks},
             {"every step can be a tick", every_step_can_be_a_tick},
             {"all real batches need no model", all_real_batches_need_no_model},
             {"length grows between epochs", length_grows_between_epochs},
             {"the end is evaluated once", the_end_is_evaluated_once},
             {"ticks do not depend on the end", ticks_do_not_depend_on_the_end})
