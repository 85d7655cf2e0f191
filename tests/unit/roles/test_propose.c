#include "roles/cost.h"
#include "roles/propose.h"
#include "rv_test.h"

/* defaults, laid over by up to six settings */
static rv_config config_of(const char *const *set)
{
    rv_config c;
    RV_TEST_OK(rv_config_defaults(&c));
    for (int i = 0; i < 6 && set[i]; i++)
        RV_TEST_OK(rv_config_override(set[i], &c));
    RV_TEST_OK(rv_config_check(&c));
    return c;
}

static double predict(const rv_config *c, int n_ranks, const double *item_s)
{
    rv_layout l;
    double s = 0;
    RV_TEST_OK(rv_layout_create(c, n_ranks, &l));
    RV_TEST_OK(rv_predict_tick(c, &l, item_s, &s));
    rv_layout_clear(&l);
    return s;
}

/* ticks of 10 steps; a fit each 20, an evaluation each 40 */
static const char *const small[6] = {"schedule.total_steps=1000", "schedule.tick_steps=10",
                                     "schedule.warmup_steps=100", "schedule.retrain_every=20",
                                     "eval.every_steps=40",       "schedule.updates_per_step=2"};

/* seconds of a unit when its role works, as small has it: actor 1, member 2, block 0.01, shard 4, episode 0.5 */
static void costs_of_small(const rv_config *c, double item_s[RV_N_ROLES])
{
    static const double unit_s[RV_N_ROLES] = {1, 2, 0.01, 4, 0.5};
    rv_workload work;
    RV_TEST_OK(rv_workload_of(c, &work));
    for (int role = 0; role < RV_N_ROLES; role++)
        item_s[role] = unit_s[role] / work.items[role];
}

static void items_of_the_middle(void)
{
    rv_config c = config_of(small);
    rv_workload work;
    RV_TEST_OK(rv_workload_of(&c, &work));
    CU_ASSERT_EQUAL(rv_workload_rows(&c), 500);
    const double items[] = {10, 500 * 30, 1000, 20, 200};
    const double due[] = {1, 0.5, 0.5, 1, 0.25};
    RV_TEST_NEAR(RV_N_ROLES, work.items, items, 1e-12, 0);
    RV_TEST_NEAR(RV_N_ROLES, work.due, due, 1e-12, 0);
    c.model.max_epochs = 12;
    c.policy.real_share = c.policy.real_share_end = 1; /* no model, then */
    RV_TEST_OK(rv_workload_of(&c, &work));
    CU_ASSERT(work.items[RV_MODEL] == 500 * 12 && work.due[RV_MODEL] == 0 && work.due[RV_ROLLOUT] == 0);
    /* what the run decides itself: as much as it may get */
    c = config_of(small);
    c.schedule.retrain_every = 1000000;
    c.schedule.retrain_gap = 20;
    c.schedule.retrain_policy_kl = 0.1;
    c.rollout.length = RV_LENGTH_AUTO;
    c.rollout.length_end = 9;
    RV_TEST_OK(rv_workload_of(&c, &work));
    CU_ASSERT(work.due[RV_MODEL] == 0.5 && work.due[RV_ROLLOUT] == 0.5 && work.items[RV_ROLLOUT] == 9000);
}

static void one_rank_does_all(void)
{
    rv_config c = config_of(small);
    double item_s[RV_N_ROLES];
    costs_of_small(&c, item_s);
    double all = 1 + 0.5 * (7 * 2 + 100 * 0.01) + 4 + 0.25 * 10 * 0.5;
    CU_ASSERT(fabs(predict(&c, 1, item_s) - all) < 1e-9);
    c.schedule.mode = RV_LOCKSTEP;
    CU_ASSERT(fabs(predict(&c, 1, item_s) - all) < 1e-9);
    c.schedule.retrain_every = 1000000; /* but for other reasons */
    c.schedule.retrain_gap = 20;
    c.schedule.retrain_policy_kl = 0.1;
    CU_ASSERT(fabs(predict(&c, 1, item_s) - all) < 1e-9);
}

/* two ranks: the model and the blocks alone on rank 0; actor, policy and episodes on rank 1 */
static void the_slowest_rank_counts(void)
{
    rv_config c = config_of(small);
    rv_layout l;
    double item_s[RV_N_ROLES];
    double s = 0;
    costs_of_small(&c, item_s);
    RV_TEST_OK(rv_layout_create(&c, 2, &l));
    for (int role = 0; role < RV_N_ROLES; role++)
        for (int u = 0; u < l.n_units[role]; u++)
            l.owner[role][u] = role != RV_MODEL && role != RV_ROLLOUT;
    RV_TEST_OK(rv_predict_tick(&c, &l, item_s, &s));
    /* fits and evaluations fall on even ticks: 14 against 5 or 10; odd ones: 1 against 5 */
    CU_ASSERT(fabs(s - (14.0 + 5) / 2) < 1e-9);
    c.schedule.mode = RV_LOCKSTEP;
    RV_TEST_OK(rv_predict_tick(&c, &l, item_s, &s));
    CU_ASSERT(fabs(s - (1 + 7 + 0.5 + 4 + 1.25)) < 1e-9);
    rv_layout_clear(&l);
}

/* what is proposed is what it was said to cost, and no worse than the units' placement by the same costs, or than the
 * estimate's */
static void proposals_are_no_worse(void)
{
    static const char *const kinds[][6] = {
        {"schedule.tick_steps=50"},
        {"schedule.tick_steps=50", "policy.shards=8", "env.count=5", "rollout.length_end=10"},
        {"schedule.mode=lockstep"},
        {"policy.real_share=1", "policy.real_share_end=1"},
        {"eval.every_steps=0", "model.members=5"},
    };
    static const double costs[][RV_N_ROLES] = {
        {4e-5, 7e-6, 4e-6, 5e-3, 4e-5}, {1e-2, 1e-9, 4e-6, 1e-6, 1}, {1e-6, 1e-6, 1e-3, 1e-4, 1e-6}, {0, 0, 0, 0, 0}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
            for (int n = 1; n <= 16; n = n < 5 ? n + 1 : 2 * n) {
                rv_config c = config_of(kinds[k]);
                double said = 0;
                double estimated = predict(&c, n, costs[i]);
                memcpy(c.layout.costs.v, costs[i], sizeof costs[i]);
                c.layout.costs.n = RV_N_ROLES;
                double placed = predict(&c, n, costs[i]);
                RV_TEST_OK(rv_propose_layout(&c, n, costs[i], &c.layout, &said));
                RV_TEST_OK(rv_config_check(&c));
                double seen = predict(&c, n, costs[i]);
                CU_ASSERT(fabs(seen - said) <= 1e-9 * said);
                CU_ASSERT(seen <= placed * (1 + 1e-9));
                CU_ASSERT(seen <= estimated * (1 + 0.02));
            }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* the tick of a fit is long, others wait: blocks on the policy's rank would make their ticks longer, though on average
 * that rank has time */
static void a_split_of_its_own_is_found(void)
{
    rv_config c = config_of(small);
    rv_layout_cfg proposed;
    double item_s[RV_N_ROLES];
    double said = 0;
    costs_of_small(&c, item_s);
    item_s[RV_ROLLOUT] *= 10; /* 100 blocks of 0.1 s */
    RV_TEST_OK(rv_propose_layout(&c, 3, item_s, &proposed, &said));
    c.layout.costs = proposed.costs;
    CU_ASSERT(said < 0.98 * predict(&c, 3, item_s));
    CU_ASSERT(proposed.actor_ranks + proposed.model_ranks + proposed.rollout_ranks + proposed.policy_ranks +
                  proposed.evaluator_ranks >
              0);
}

RV_TEST_MAIN("propose", {"items of the middle", items_of_the_middle}, {"one rank does all", one_rank_does_all},
             {"the slowest rank counts", the_slowest_rank_counts}, {"proposals are no worse", proposals_are_no_worse},
             {"a split of its own is found", a_split_of_its_own_is_found})
