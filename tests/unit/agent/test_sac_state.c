#include "agent/sac.h"
#include "fields.h"
#include "run/config.h"

static rv_status show(void *unit, rv_visit visit, void *user)
{
    return rv_sac_visit(unit, visit, user);
}

static void every_field(void)
{
    rv_config cfg;
    rv_sac *a = NULL;
    rv_sac *b = NULL;
    RV_TEST_OK(rv_config_defaults(&cfg));
    cfg.policy.hidden = 5;
    RV_TEST_OK(rv_sac_create(&cfg.policy, 3, 1, 1, &a));
    RV_TEST_OK(rv_sac_create(&cfg.policy, 3, 1, 2, &b));
    const field_row rows[] = {
        FIELD_KEEP_AT(rv_sac, params, a->n_params * 4),
        FIELD_KEEP_AT(rv_sac, adam_m, a->n_params * 4),
        FIELD_KEEP_AT(rv_sac, adam_v, a->n_params * 4),
        FIELD_KEEP_AT(rv_sac, target, a->n_critics * 4),
        FIELD_KEEP(rv_sac, n_updates),
        FIELD_KEEP(rv_sac, n_skipped),
        FIELD_AS(cfg, FIELD_GIVEN),
        FIELD_AS(row, FIELD_GIVEN),
        FIELD_AS(actor, FIELD_GIVEN),
        FIELD_AS(critic, FIELD_GIVEN),
        FIELD_AS(target_entropy, FIELD_GIVEN),
        FIELD_AS(n_actor, FIELD_GIVEN),
        FIELD_AS(n_critics, FIELD_GIVEN),
        FIELD_AS(n_params, FIELD_GIVEN),
    };
    enum { N = sizeof rows / sizeof *rows };
    fields_check("src/agent/sac.h", "rv_sac", rows, N);
    fields_round_trip(rows, N, show, a, b);
    rv_sac_destroy(&a);
    rv_sac_destroy(&b);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("state of the learner", {"every field", every_field})
