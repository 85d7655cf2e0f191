/* card_rig.h - a small ensemble, policy and critics for the tests of the error card. */
#pragma once
#include "model/card.h"
#include "model/card_private.h"
#include "nn/policy_net.h"
#include "rv_test.h"

enum { N_OBS = 2, N_ACT = 1, N_MEMBERS = 3, HIDDEN = 6, MAX_ROWS = 3000 };

static const double discount = 0.9;

typedef struct rig {
    rv_member_shape shape;
    rv_env_spec spec;
    rv_mlp policy_net, critic_net;
    rv_card_setup setup;
    rv_card_source source;
    rv_card *card;
    rv_card_report report;
    float *members, *rows;
    float policy[256], critics[256];
    int elites[2];
    uint32_t held[MAX_ROWS];
} rig;

/* what a member may be (model/member.h) */
enum { DETERMINISTIC = 1, PREDICTS_STATE = 2, NORMALISED = 4, LEARNED_ENDS = 8, ALL_CHOICES = 15 };

static inline void set_up_chosen(rig *r, int choice, int hidden_layers, int steps, int count)
{
    rv_model_cfg cfg;
    RV_TEST_OK(rv_field_defaults(rv_model_cfg_fields, &cfg));
    cfg.kind = choice & DETERMINISTIC ? RV_MODEL_DETERMINISTIC : RV_MODEL_PROBABILISTIC;
    cfg.target = choice & PREDICTS_STATE ? RV_TARGET_NEXT_STATE : RV_TARGET_DIFFERENCE;
    cfg.normalise_targets = choice & NORMALISED;
    cfg.learned_termination = choice & LEARNED_ENDS;
    cfg.hidden = HIDDEN;
    cfg.hidden_layers = hidden_layers;
    cfg.weight_decay.n = hidden_layers + 1;
    *r = (rig){.elites = {0, 2}};
    RV_TEST_OK(rv_member_shape_init(&cfg, N_OBS, N_ACT, &r->shape));
    RV_TEST_OK(rv_policy_net_init(N_OBS, N_ACT, hidden_layers, HIDDEN, &r->policy_net));
    RV_TEST_OK(rv_mlp_init(N_OBS + N_ACT, hidden_layers, HIDDEN, 1, RV_RELU, &r->critic_net));
    RV_TEST_OK(RV_NEW(r->members, N_MEMBERS * r->shape.n_published));
    RV_TEST_OK(RV_NEW(r->rows, MAX_ROWS * r->shape.row.width));
    for (uint32_t i = 0; i < MAX_ROWS; i++)
        r->held[i] = i;
    r->setup = (rv_card_setup){.steps = steps,
                               .n_members = N_MEMBERS,
                               .count = count,
                               .max_rows = MAX_ROWS,
                               .discount = discount,
                               .shape = &r->shape,
                               .spec = &r->spec,
                               .policy_net = &r->policy_net,
                               .critic_net = &r->critic_net};
    r->source = (rv_card_source){.members = r->members,
                                 .n_elites = 2,
                                 .elites = r->elites,
                                 .rows = r->rows,
                                 .held = r->held,
                                 .policy = r->policy,
                                 .critics = r->critics};
}

static inline void set_up(rig *r, int hidden_layers, int steps, int count)
{
    set_up_chosen(r, 0, hidden_layers, steps, count);
}

static inline void tear_down(rig *r)
{
    rv_card_destroy(&r->card);
    rv_mem_free(&r->members);
    rv_mem_free(&r->rows);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static inline void run(rig *r, int64_t n_rows, int64_t n_held)
{
    r->source.n_rows = n_rows;
    r->source.n_held = n_held;
    if (!r->card)
        RV_TEST_OK(rv_card_create(&r->setup, &r->card));
    RV_TEST_OK(rv_card_run(r->card, &r->source, &r->report));
}

static inline float *row_at(rig *r, int64_t i)
{
    return r->rows + i * r->shape.row.width;
}
