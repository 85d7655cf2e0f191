/* schedule_cfg.c - the settings of the section "schedule". */
#include "run/schedule.h"

#define AT(member) RV_FIELD_AT(rv_schedule_cfg, member)

// clang-format off
const rv_field rv_schedule_cfg_fields[] = {
    {"mode", RV_T_ENUM, AT(mode), "pipelined", 0, 0, "", "lockstep|pipelined",
     "lockstep: stages read what this tick made, as in the paper; pipelined: what the last tick made, all at once", 0},
    {"total_steps", RV_T_I64, AT(total_steps), "125000", 1, 1e9, "real steps", NULL,
     "length of the run; may be raised on resume; a multiple of tick_steps", RV_FIELD_RUNTIME},
    {"tick_steps", RV_T_I64, AT(tick_steps), "250", 1, 1e6, "real steps", NULL,
     "one round of all roles; smaller is closer to the paper's strict order, larger exchanges less often", 0},
    {"warmup_steps", RV_T_I64, AT(warmup_steps), "5000", 2, 1e9, "real steps", NULL,
     "uniform random actions before anything learns; the first model is fitted on them; a multiple of tick_steps", 0},
    {"epoch_steps", RV_T_I64, AT(epoch_steps), "1000", 1, 1e9, "real steps", NULL,
     "what rollout.*_epoch and rollout.retain_epochs count in", 0},
    {"retrain_every", RV_T_I64, AT(retrain_every), "250", 1, 1e9, "real steps", NULL,
     "between two fits of the model, counted from the end of the warm-up; new rollouts follow each", 0},
    {"retrain_loss_rise", RV_T_F64, AT(retrain_loss_rise), "0", 0, 1e6, "", NULL,
     "fit earlier when the loss on rows after the fit exceeds so many times its held-out loss, as 1.5; 0: never", 0},
    {"retrain_policy_kl", RV_T_F64, AT(retrain_policy_kl), "0", 0, 1e6, "nats", NULL,
     "fit earlier when the policy is that far from the one that the last branches were made with, as 0.2; 0: never", 0},
    {"retrain_disagreement", RV_T_F64, AT(retrain_disagreement), "0", 0, 1e6, "", NULL,
     "fit earlier when the members disagree on rows after the fit so many times as on held-out rows, as 1.5; 0: never",
     0},
    {"retrain_gap", RV_T_I64, AT(retrain_gap), "250", 1, 1e9, "real steps", NULL,
     "the three above wait that long after a fit; less than retrain_every", 0},
    {"updates_per_step", RV_T_I64, AT(updates_per_step), "20", 0, 10000, "updates", NULL,
     "policy updates per real step; more learn faster from few data and cost proportionally more", 0},
    {0},
};
// clang-format on
