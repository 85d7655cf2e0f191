#include "fields.h"
#include "roles/rollout.c" /* what it keeps is not shown to anybody */

static void every_field(void)
{
    enum { N_MEMBERS = 12, N_POLICY = 7 };
    float members[2][N_MEMBERS];
    float policy_weights[2][N_POLICY];
    source_copy a = {.n_members = N_MEMBERS, .n_policy = N_POLICY, .members = members[0], .policy = policy_weights[0]};
    source_copy b = {.n_members = N_MEMBERS, .n_policy = N_POLICY, .members = members[1], .policy = policy_weights[1]};
    const field_row rows[] = {
        FIELD_KEEP_AT(source_copy, members, sizeof members[0]),
        FIELD_KEEP_AT(source_copy, policy, sizeof policy_weights[0]),
        FIELD_AS(tick, FIELD_GIVEN), /* the unit's name */
        FIELD_AS(n_members, FIELD_GIVEN),
        FIELD_AS(n_policy, FIELD_GIVEN),
    };
    enum { N = sizeof rows / sizeof *rows };
    fields_check("roles/rollout.c", "source_copy", rows, N);
    fields_round_trip(rows, N, show_source, &a, &b);
}

RV_TEST_MAIN("state of a rollout's source", {"every field", every_field})
