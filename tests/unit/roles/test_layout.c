#include "roles/layout.h"
#include "rv_test.h"

enum { MOST_RANKS = 40 };

/* defaults, laid over by up to eight settings */
static rv_config config_of(const char *const *set)
{
    rv_config c;
    RV_TEST_OK(rv_config_defaults(&c));
    for (int i = 0; i < 8 && set[i]; i++)
        RV_TEST_OK(rv_config_override(set[i], &c));
    RV_TEST_OK(rv_config_check(&c));
    return c;
}

static const char *const hopper[8] = {"env.name=Hopper-v4", "rollout.length_end=15", "policy.shards=8"};
static const char *const pendulum[8] = {"model.hidden=64", "policy.hidden=64", "rollout.branches=20000"};
static const char *const many[8] = {"env.count=10", "policy.shards=16", "eval.episodes=33", "model.members=13"};
static const char *const few[8] = {"model.members=1",        "model.elites=1",  "rollout.block=10000",
                                   "rollout.branches=10000", "eval.episodes=1", "eval.every_steps=0"};
static const char *const model_free[8] = {"env.name=Hopper-v4", "policy.shards=8", "policy.real_share=1"};

static const char *const *const kinds[] = {hopper, pendulum, many, few, model_free};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int units_of(const rv_layout *l, int role, int rank)
{
    int n = 0;
    for (int u = 0; u < l->n_units[role]; u++)
        n += l->owner[role][u] == rank;
    return n;
}

static double load_of(const rv_layout *l, int rank)
{
    double load = 0;
    for (int role = 0; role < RV_N_ROLES; role++)
        load += units_of(l, role, rank) * l->unit_cost[role];
    return load;
}

static void every_unit_has_one_owner(void)
{
    int64_t blocks = rv_mem_blocks();
    for (int kind = 0; kind < KINDS; kind++)
        for (int mode = RV_LOCKSTEP; mode <= RV_PIPELINED; mode++)
            for (int n = 1; n <= MOST_RANKS; n++) {
                rv_config c = config_of(kinds[kind]);
                rv_layout l;
                c.schedule.mode = mode;
                RV_TEST_OK(rv_layout_create(&c, n, &l));
                const int64_t units[] = {c.env.count, c.model.members, c.rollout.branches / c.rollout.block,
                                         c.policy.shards, c.eval.episodes};
                CU_ASSERT_EQUAL(l.n_ranks, n);
                double bytes = 0;
                for (int rank = 0; rank < n; rank++)
                    bytes += rv_layout_rank_bytes(&l, rank);
                for (int role = 0; role < RV_N_ROLES; role++) {
                    CU_ASSERT_EQUAL_FATAL(l.n_units[role], units[role]);
                    for (int u = 0; u < l.n_units[role]; u++)
                        CU_ASSERT(l.owner[role][u] >= 0 && l.owner[role][u] < n);
                    bool hosts[MOST_RANKS] = {false};
                    for (int u = 0; u < l.n_units[role]; u++)
                        hosts[l.owner[role][u]] = true;
                    for (int rank = 0; rank < n; rank++)
                        CU_ASSERT_EQUAL(rv_layout_hosts(&l, (rv_role_id)role, rank), hosts[rank]);
                    CU_ASSERT(!rv_layout_hosts(&l, (rv_role_id)role, n));
                    bytes -= l.n_units[role] * l.unit_bytes[role];
                }
                CU_ASSERT(fabs(bytes / n - 16e6) < 1); /* all units' memory, and the same for every rank */
                rv_layout_clear(&l);
            }
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

/* three floats more for each imagined row, where it has a tail; members that are all asked are counted */
static void trust_is_counted(void)
{
    rv_config c = config_of(kinds[0]);
    rv_layout plain, told;
    const int64_t width = rv_row_of(3, 1).width;
    RV_TEST_OK(rv_config_override("env.name=Pendulum-v1", &c));
    RV_TEST_OK(rv_layout_create(&c, 1, &plain));
    RV_TEST_OK(rv_config_override("policy.confidence=1", &c));
    RV_TEST_OK(rv_layout_create(&c, 1, &told));
    const double rows = plain.unit_bytes[RV_ROLLOUT] / (4.0 * (double)width);
    CU_ASSERT_DOUBLE_EQUAL(told.unit_bytes[RV_ROLLOUT] - plain.unit_bytes[RV_ROLLOUT], 12 * rows, 1e-3);
    CU_ASSERT(told.unit_bytes[RV_POLICY] > plain.unit_bytes[RV_POLICY]);
    CU_ASSERT_EQUAL(told.node_bytes, plain.node_bytes);
    CU_ASSERT(told.unit_cost[RV_ROLLOUT] > 2 * plain.unit_cost[RV_ROLLOUT]);
    rv_layout_clear(&plain);
    rv_layout_clear(&told);
}

/* pipelined, all roles work at once: no rank has a unit that would be better off elsewhere */
static void pipelined_work_is_balanced(void)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int n = 1; n <= MOST_RANKS; n++) {
            rv_config c = config_of(kinds[kind]);
            rv_layout l;
            RV_TEST_OK(rv_layout_create(&c, n, &l));
            double least = INFINITY, total = 0;
            for (int rank = 0; rank < n; rank++) {
                least = fmin(least, load_of(&l, rank));
                total += load_of(&l, rank);
            }
            for (int rank = 0; rank < n; rank++)
                for (int role = 0; role < RV_N_ROLES; role++)
                    if (rv_layout_hosts(&l, (rv_role_id)role, rank))
                        CU_ASSERT(load_of(&l, rank) - l.unit_cost[role] <= least + 1e-9 * total);
            rv_layout_clear(&l);
        }
}

/* in lockstep roles work one after the other: each spreads over all ranks by itself */
static void lockstep_stages_are_balanced(void)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int n = 1; n <= MOST_RANKS; n++) {
            rv_config c = config_of(kinds[kind]);
            rv_layout l;
            c.schedule.mode = RV_LOCKSTEP;
            RV_TEST_OK(rv_layout_create(&c, n, &l));
            for (int role = 0; role < RV_N_ROLES; role++)
                for (int rank = 0; rank < n; rank++)
                    CU_ASSERT(units_of(&l, role, rank) <= (l.n_units[role] + n - 1) / n);
            rv_layout_clear(&l);
        }
}

/* the model never runs then, so its ranks must not be spared from learning */
static void unused_model_costs_nothing(void)
{
    for (int n = 2; n <= 8; n *= 2) {
        rv_config c = config_of(model_free);
        rv_layout l;
        RV_TEST_OK(rv_layout_create(&c, n, &l));
        CU_ASSERT(l.unit_cost[RV_MODEL] == 0 && l.unit_cost[RV_ROLLOUT] == 0 && l.unit_cost[RV_POLICY] > 0);
        for (int rank = 0; rank < n; rank++)
            CU_ASSERT_EQUAL(units_of(&l, RV_POLICY, rank), 8 / n);
        rv_layout_clear(&l);
    }
}

/* wanted[role] consecutive ranks, the roles one behind the other, units in order and evenly */
static void check_chosen(const int64_t *wanted, int mode, int n)
{
    rv_config c = config_of(many);
    rv_layout l;
    c.schedule.mode = mode;
    c.layout = (rv_layout_cfg){.actor_ranks = wanted[0],
                               .model_ranks = wanted[1],
                               .rollout_ranks = wanted[2],
                               .policy_ranks = wanted[3],
                               .evaluator_ranks = wanted[4]};
    RV_TEST_OK(rv_layout_create(&c, n, &l));
    int first = 0;
    for (int role = 0; role < RV_N_ROLES; role++) {
        int w = (int)wanted[role], units = l.n_units[role];
        for (int k = 0; k < w; k++) {
            int mine = units_of(&l, role, (first + k) % n);
            CU_ASSERT(mine == units / w || mine == (units + w - 1) / w);
        }
        for (int u = 0; u < units && w > 0; u++) {
            int k = (l.owner[role][u] - first % n + n) % n;
            CU_ASSERT(k < w && k >= (u > 0 ? (l.owner[role][u - 1] - first % n + n) % n : 0));
        }
        for (int u = 0; u < units; u++)
            CU_ASSERT(l.owner[role][u] >= 0 && l.owner[role][u] < n);
        first += w;
    }
    rv_layout_clear(&l);
}

static void chosen_ranks_are_kept(void)
{
    static const int64_t wanted[][RV_N_ROLES] = {{0, 3, 0, 0, 0}, {1, 3, 2, 4, 1}, {0, 0, 0, 7, 0},
                                                 {2, 5, 0, 5, 0}, {5, 5, 5, 5, 5}, {1, 1, 1, 1, 1}};
    for (int mode = RV_LOCKSTEP; mode <= RV_PIPELINED; mode++)
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            for (int n = 7; n <= MOST_RANKS; n++) /* with few ranks, roles go round and share them */
                check_chosen(wanted[i], mode, n);
}

static void too_many_ranks_for_a_role(void)
{
    rv_config c = config_of(hopper);
    rv_layout l;
    int64_t blocks = rv_mem_blocks();
    int64_t *const wanted[] = {&c.layout.actor_ranks, &c.layout.model_ranks, &c.layout.rollout_ranks,
                               &c.layout.policy_ranks, &c.layout.evaluator_ranks};
    const int units[] = {1, 7, 100, 8, 10};
    for (int role = 0; role < RV_N_ROLES; role++)
        for (c.schedule.mode = RV_LOCKSTEP; c.schedule.mode <= RV_PIPELINED; c.schedule.mode++) {
            char part[128];
            *wanted[role] = 200;
            snprintf(part, sizeof part, "layout.%s_ranks asks for 200 ranks, but the run has 40", rv_role_names[role]);
            RV_TEST_FAILS(rv_layout_create(&c, 40, &l), RV_E_CONFIG, part);
            *wanted[role] = units[role] + 1;
            snprintf(part, sizeof part, "layout.%s_ranks asks for %d ranks, but there are only %d units",
                     rv_role_names[role], units[role] + 1, units[role]);
            RV_TEST_FAILS(rv_layout_create(&c, 200, &l), RV_E_CONFIG, part);
            *wanted[role] = units[role];
            RV_TEST_OK(rv_layout_create(&c, 200, &l));
            rv_layout_clear(&l);
            *wanted[role] = 0;
        }
    RV_TEST_FAILS(rv_layout_create(&c, 0, &l), RV_E_USAGE, "at least 1");
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

/* costs of the settings take the place of the estimate, and place the units */
static void given_costs_are_used(void)
{
    rv_config c = config_of(hopper);
    rv_layout l;
    RV_TEST_OK(rv_layout_create(&c, 4, &l));
    CU_ASSERT(!l.is_measured);
    rv_layout_clear(&l);
    /* an episode of 1000 steps costs 2 s, of every 4th tick; everything else next to nothing */
    RV_TEST_OK(rv_config_override("layout.costs=[1e-9,1e-13,1e-10,1e-10,0.002]", &c));
    RV_TEST_OK(rv_layout_create(&c, 4, &l));
    CU_ASSERT(l.is_measured);
    CU_ASSERT(fabs(l.unit_cost[RV_EVALUATOR] - 0.5) < 1e-12);
    CU_ASSERT(fabs(l.unit_cost[RV_ACTOR] - 250e-9) < 1e-15);
    CU_ASSERT(fabs(l.unit_cost[RV_POLICY] - 250 * 20 * 1e-10) < 1e-15);
    for (int rank = 0; rank < 4; rank++) {
        int n = units_of(&l, RV_EVALUATOR, rank);
        CU_ASSERT(n == 2 || n == 3);
    }
    rv_layout_clear(&l);
    /* now the actor costs more than all the rest: it is alone */
    RV_TEST_OK(rv_config_override("layout.costs=[1,1e-9,1e-10,1e-10,1e-6]", &c));
    RV_TEST_OK(rv_layout_create(&c, 4, &l));
    int rank = l.owner[RV_ACTOR][0];
    for (int role = RV_ACTOR + 1; role < RV_N_ROLES; role++)
        CU_ASSERT(!rv_layout_hosts(&l, (rv_role_id)role, rank));
    rv_layout_clear(&l);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("layout", {"every unit has one owner", every_unit_has_one_owner}, {"trust is counted", trust_is_counted},
             {"pipelined work is balanced", pipelined_work_is_balanced},
             {"lockstep stages are balanced", lockstep_stages_are_balanced},
             {"unused model costs nothing", unused_model_costs_nothing}, {"given costs are used", given_costs_are_used},
             {"chosen ranks are kept", chosen_ranks_are_kept}, {"too many ranks for a role", too_many_ranks_for_a_role})
