/* sac_cfg.c - the settings of the section "policy". */
#include "agent/sac.h"

#define AT(member) RV_FIELD_AT(rv_sac_cfg, member)

// clang-format off
const rv_field rv_sac_cfg_fields[] = {
    {"hidden_layers", RV_T_I64, AT(hidden_layers), "2", 1, RV_MLP_LAYERS - 1, "layers", NULL,
     "hidden layers of actor and critics", 0},
    {"hidden", RV_T_I64, AT(hidden), "256", 1, 4096, "units", NULL,
     "width of each hidden layer; 64 is enough for a pendulum", 0},
    {"learning_rate", RV_T_F64, AT(learning_rate), "3e-4", 1e-8, 1, "", NULL,
     "Adam's step size for actor, critics and temperature", 0},
    {"tau", RV_T_F64, AT(tau), "0.005", 1e-8, 1, "per update", NULL,
     "how fast the target critics follow the critics", 0},
    {"discount", RV_T_F64, AT(discount), "0.99", 0, 1, "per step", NULL,
     "worth of the next step's reward against this one's", 0},
    {"batch", RV_T_I64, AT(batch), "256", 1, 1e6, "rows", NULL,
     "rows of one update, real and imagined together; divides by shards", 0},
    {"shards", RV_T_I64, AT(shards), "1", 1, 1024, "shards", NULL,
     "slices of the batch, at most one policy rank each; changes results, so set it once for a series of runs", 0},
    {"share", RV_T_ENUM, AT(share), "schedule", 0, 0, "", "schedule|holdout",
     "schedule: real_share changes over real_share_steps; holdout: from real_share for a model that predicts nothing to "
     "real_share_end for a perfect one, by R^2 on held-out rows", 0},
    {"real_share", RV_T_F64, AT(real_share), "0.05", 0, 1, "", NULL,
     "part of each batch drawn from real data at the start; the rest is imagined; to let that grow from 5 % to 95 %, "
     "0.95 here, 0.05 at the end, over real_share_steps", 0},
    {"real_share_end", RV_T_F64, AT(real_share_end), "0.05", 0, 1, "", NULL,
     "the same after real_share_steps, linear between; unused when that is 0, unless share is holdout", 0},
    {"real_share_steps", RV_T_I64, AT(real_share_steps), "0", 0, 1e9, "real steps", NULL,
     "when real_share_end is reached; 0: real_share throughout; must be 0 when share is holdout", 0},
    {"confidence", RV_T_F64, AT(confidence), "0", 0, 1e6, "predicted deviations", NULL,
     "disagreement of the members (as for rollout.max_disagreement) at which an imagined row counts half in the "
     "critics' loss; 0: all rows count alike", 0},
    {"target", RV_T_ENUM, AT(target), "td", 0, 0, "", "td|expansion|return",
     "what imagined rows teach the critics; td: one reward, then the target critics; expansion: target_steps imagined "
     "rewards before them; return: the rewards left in the branch and nothing after them, which ends the task there: "
     "to see what the bootstrap is for, not to train with", 0},
    {"target_steps", RV_T_I64, AT(target_steps), "1", 0, 1000, "imagined steps", NULL,
     "rewards of an expansion, as far as the branch goes; 1 is td; with 0 no reward reaches the critics from imagined "
     "rows, and nothing is learned from these", 0},
    {"initial_alpha", RV_T_F64, AT(initial_alpha), "1.0", 1e-8, 1e6, "reward per nat", NULL,
     "first temperature; it is learned from there", 0},
    {"target_entropy", RV_T_STR, AT(target_entropy), "auto", 0, 0, "nats", NULL,
     "the policy's wanted entropy; auto is minus the number of actions; lower explores less", 0},
    {0},
};
// clang-format on
