#include "fields.h"
#include "model/member.c" /* a member's struct is not shown to anybody */

static rv_status show(void *unit, rv_visit visit, void *user)
{
    return rv_member_visit(unit, visit, user);
}

static void check_fields(int kind)
{
    rv_model_cfg cfg = {.members = 2, .elites = 1, .hidden_layers = 1, .hidden = 5, .learning_rate = 1e-3, .batch = 4};
    cfg.weight_decay.n = 2;
    cfg.kind = kind;
    cfg.learned_termination = cfg.normalise_targets = kind == RV_MODEL_DETERMINISTIC;
    rv_member_shape s;
    rv_member *a = NULL;
    rv_member *b = NULL;
    RV_TEST_OK(rv_member_shape_init(&cfg, 3, 1, &s));
    RV_TEST_OK(rv_member_create(&cfg, &s, 1, 0, 10, &a));
    RV_TEST_OK(rv_member_create(&cfg, &s, 2, 1, 20, &b));
    const field_row rows[] = {
        FIELD_KEEP_AT(rv_member, params, s.n_published * 4),
        FIELD_KEEP_AT(rv_member, adam_m, s.n_trained * 4),
        FIELD_KEEP_AT(rv_member, adam_v, s.n_trained * 4),
        FIELD_KEEP(rv_member, n_updates),
        FIELD_AS(skipped, FIELD_NESTED), /* below: what is skipped in a row outlives a fit */
        FIELD_AS(cfg, FIELD_GIVEN),
        FIELD_AS(shape, FIELD_GIVEN),
        FIELD_AS(seed, FIELD_GIVEN),
        FIELD_AS(member, FIELD_GIVEN),
        FIELD_AS(max_rows, FIELD_GIVEN),
        /* inside a fit, which a checkpoint never is */
        FIELD_AS(grad, FIELD_SCRATCH),
        FIELD_AS(rows, FIELD_SCRATCH),
        FIELD_AS(n_rows, FIELD_SCRATCH),
        FIELD_AS(retrain, FIELD_SCRATCH),
        FIELD_AS(n_holdout, FIELD_SCRATCH),
        FIELD_AS(split, FIELD_SCRATCH),
        FIELD_AS(bootstrap, FIELD_SCRATCH),
        FIELD_AS(order, FIELD_SCRATCH),
        FIELD_AS(best, FIELD_SCRATCH),
        FIELD_AS(best_loss, FIELD_SCRATCH),
        FIELD_AS(moments, FIELD_SCRATCH),
        FIELD_AS(squares, FIELD_SCRATCH),
        FIELD_AS(last, FIELD_SCRATCH),
        FIELD_AS(n_last, FIELD_SCRATCH),
        FIELD_AS(n_wrong_ends, FIELD_SCRATCH), /* reported when the fit ends */
        FIELD_AS(x, FIELD_SCRATCH),
        FIELD_AS(y, FIELD_SCRATCH),
        FIELD_AS(d_out, FIELD_SCRATCH),
        FIELD_AS(tape, FIELD_SCRATCH),
    };
    enum { N = sizeof rows / sizeof *rows };
    fields_check("src/model/member.c", "rv_member", rows, N);
    a->skipped.n_in_row = 7;
    fields_round_trip(rows, N, show, a, b);
    CU_ASSERT_EQUAL(b->skipped.n_in_row, 7);
    rv_member_destroy(&a);
    rv_member_destroy(&b);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* what is published with a setting on comes after the rest, and is kept with it */
static void every_field(void)
{
    check_fields(RV_MODEL_PROBABILISTIC);
    check_fields(RV_MODEL_DETERMINISTIC);
}

RV_TEST_MAIN("state of a member", {"every field", every_field})
