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
    {"updates_per_step", RV_T_I64, AT(updates_per_step), "20", 0, 10000, "updates", NULL,
     "policy updates per real step; more learn faster from few data and cost proportionally more", 0},
    {0},
};
// clang-format on
