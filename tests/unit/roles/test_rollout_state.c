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

RV_TEST_MAIN("state of a rollout's source", {"every field", every_field}, {"names", names})
