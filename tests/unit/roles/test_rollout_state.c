#include "fields.h"
#include "roles/rollout.c" /* what it keeps is not shown to anybody */

static void every_field(void)
{
    enum { N_MEMBERS = 12, N_POLICY = 7 };
    float members[2][N_MEMBERS];
    float policy_weights[2][N_POLICY];
    source_copy a = {.is_paced = true,
                     .n_members = N_MEMBERS,
                     .n_policy = N_POLICY,
                     .members = members[0],
                     .policy = policy_weights[0]};
    source_copy b = {.is_paced = true,
                     .n_members = N_MEMBERS,
                     .n_policy = N_POLICY,
                     .members = members[1],
                     .policy = policy_weights[1]};
    const field_row rows[] = {
        FIELD_KEEP_AT(source_copy, members, sizeof members[0]),
        FIELD_KEEP_AT(source_copy, policy, sizeof policy_weights[0]),
        FIELD_KEEP(source_copy, retrain),
        FIELD_KEEP(source_copy, n_real),
        FIELD_KEEP(source_copy, fit_rows),
        FIELD_KEEP(source_copy, length),
        FIELD_AS(tick, FIELD_GIVEN), /* the unit's name */
        FIELD_AS(is_paced, FIELD_GIVEN),
        FIELD_AS(n_members, FIELD_GIVEN),
        FIELD_AS(n_policy, FIELD_GIVEN),
    };
    enum { N = sizeof rows / sizeof *rows };
    fields_check("roles/rollout.c", "source_copy", rows, N);
    fields_round_trip(rows, N, show_source, &a, &b);
}

/* of a run that decides nothing, it is members and policy alone */
static rv_status count(void *user, const char *name, rv_dtype type, int64_t n, void *data)
{
    (void)name, (void)type, (void)n, (void)data;
    (*(int *)user)++;
    return RV_OK;
}

static void names(void)
{
    source_copy s = {.n_members = 1};
    int n = 0;
    int64_t tick = -1;
    char name[32];
    RV_TEST_OK(show_source(&s, count, &n));
    CU_ASSERT_EQUAL(n, 2);
    name_source(1234567890123, name);
    CU_ASSERT(rv_rollout_is_source(name, &tick) && tick == 1234567890123);
    static const char *const others[] = {"source_", "source_x", "source_01", "source_1x", "shard_1", "source_ 1", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CU_ASSERT_FALSE(rv_rollout_is_source(others[i], &tick));
}

/* rows beyond the buffer are never read, whatever a checkpoint says */
static void sources_fit_the_run(void)
{
    const rv_schedule_cfg schedule = {.total_steps = 100, .epoch_steps = 10};
    const rv_rollout_cfg branches = {
        .length_start = 2, .length_end = 5, .length_to_epoch = 1, .length = RV_LENGTH_SCHEDULE};
    const rv_schedule s = {.schedule = &schedule, .rollout = &branches};
    const struct {
        rv_tick tick;
        const char *what; /* NULL: fits */
    } cases[] = {
        {{.n_real = 100, .imagine_rows = 100, .length = 5}, NULL},
        {{.n_real = 2, .imagine_rows = 2, .length = 1}, NULL},
        {{.n_real = 0, .imagine_rows = 0, .length = 1}, "source_7 of the checkpoint: branches of 1 steps from 0"},
        {{.n_real = 101, .imagine_rows = 50, .length = 1}, "branches of 1 steps from 101 real rows"},
        {{.n_real = 100, .imagine_rows = 50, .length = 0}, "branches of 0 steps"},
        {{.n_real = 100, .imagine_rows = 50, .length = 6}, "branches of 6 steps"},
        {{.n_real = 60, .imagine_rows = 61, .length = 1}, "source_7 of the checkpoint: a fit on 61 of 60 real rows"},
        {{.n_real = 60, .imagine_rows = 1, .length = 1}, "a fit on 1 of 60 real rows"},
        {{.n_real = 60, .imagine_rows = -1, .length = 1}, "a fit on -1 of 60 real rows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (cases[i].what)
            RV_TEST_FAILS(check_source(&s, "source_7", &cases[i].tick), RV_E_DATA, cases[i].what);
        else
            RV_TEST_OK(check_source(&s, "source_7", &cases[i].tick));
}

RV_TEST_MAIN("state of a rollout's source", {"every field", every_field}, {"names", names},
             {"sources fit the run", sources_fit_the_run})
