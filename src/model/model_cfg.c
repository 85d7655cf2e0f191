/* model_cfg.c - the settings of the section "model". */
#include "model/member.h"

#define AT(member) RV_FIELD_AT(rv_model_cfg, member)

// clang-format off
const rv_field rv_model_cfg_fields[] = {
    {"members", RV_T_I64, AT(members), "7", 1, 64, "members", NULL,
     "networks of the ensemble; each is fitted on its own, so ranks can share them out", 0},
    {"elites", RV_T_I64, AT(elites), "5", 1, 64, "members", NULL,
     "the best members by held-out loss; only these imagine; at most members", 0},
    {"kind", RV_T_ENUM, AT(kind), "probabilistic", 0, 0, "", "probabilistic|deterministic",
     "probabilistic: a member predicts a Gaussian and rollouts draw from it; deterministic: the mean alone, fitted by "
     "squared error, and rollouts draw no noise", 0},
    {"target", RV_T_ENUM, AT(target), "difference", 0, 0, "", "difference|next_state",
     "what is learned of an observation: how it changes in a step, or the next one; for tasks whose observation jumps", 0},
    {"normalise_targets", RV_T_BOOL, AT(normalise_targets), "false", 0, 0, "", NULL,
     "learn reward and observation in units of their own deviation; for tasks whose numbers differ much in size", 0},
    {"learned_termination", RV_T_BOOL, AT(learned_termination), "false", 0, 0, "", NULL,
     "learn when an episode terminates, and end branches by that instead of the task's own rule", 0},
    {"bootstrap", RV_T_BOOL, AT(bootstrap), "true", 0, 0, "", NULL,
     "each member learns from its own draw of the rows; false: all from the same, and only their weights differ", 0},
    {"hidden_layers", RV_T_I64, AT(hidden_layers), "4", 1, RV_MLP_LAYERS - 1, "layers", NULL,
     "hidden layers of a member; weight_decay needs one entry more", 0},
    {"hidden", RV_T_I64, AT(hidden), "200", 1, 4096, "units", NULL,
     "width of each hidden layer; 200 for most tasks, 400 for a humanoid, 64 for a pendulum", 0},
    {"learning_rate", RV_T_F64, AT(learning_rate), "1e-3", 1e-8, 1, "", NULL,
     "Adam's step size in a fit", 0},
    {"batch", RV_T_I64, AT(batch), "256", 1, 1e6, "rows", NULL,
     "rows of one gradient step in a fit", 0},
    {"weight_decay", RV_T_F64_LIST, AT(weight_decay), "[2.5e-5, 5e-5, 7.5e-5, 7.5e-5, 1e-4]", 0, 1, "", NULL,
     "L2 penalty of each weight layer, from input to output; hidden_layers + 1 entries", 0},
    {"holdout_ratio", RV_T_F64, AT(holdout_ratio), "0.2", 1e-4, 0.9, "", NULL,
     "part of the real data kept out of a fit to judge it", 0},
    {"holdout_max", RV_T_I64, AT(holdout_max), "5000", 1, 1e9, "rows", NULL,
     "the most rows kept out of a fit", 0},
    {"holdout_segment", RV_T_I64, AT(holdout_segment), "1", 1, 100000, "rows", NULL,
     "rows kept out together, one after the other; 1: single rows; longer ones let the error of long predictions be "
     "measured", 0},
    {"patience", RV_T_I64, AT(patience), "5", 0, 1e6, "epochs", NULL,
     "a fit stops after more than this many epochs in which no member improved", 0},
    {"improvement", RV_T_F64, AT(improvement), "0.01", 0, 0.99, "", NULL,
     "relative fall of the held-out error that counts as an improvement", 0},
    {"max_epochs", RV_T_I64, AT(max_epochs), "1000", 1, 1e6, "epochs", NULL,
     "the most epochs of one fit; lower it to bound the time of a tick", 0},
    {"logvar_max", RV_T_F64, AT(logvar_max), "0.5", -100, 100, "log variance", NULL,
     "first upper bound of the predicted log variance; learned from there", 0},
    {"logvar_min", RV_T_F64, AT(logvar_min), "-10", -100, 100, "log variance", NULL,
     "first lower bound of the predicted log variance; learned from there", 0},
    {"logvar_weight", RV_T_F64, AT(logvar_weight), "0.01", 0, 100, "", NULL,
     "how strongly the loss pulls the two bounds together", 0},
    {"known_reward", RV_T_BOOL, AT(known_reward), "false", 0, 0, "", NULL,
     "imagine with the task's own reward function instead of the learned one; only for tasks that have one", 0},
    {0},
};
// clang-format on
