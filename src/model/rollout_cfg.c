/* rollout_cfg.c - the settings of the section "rollout". */
#include "model/branch.h"

#define AT(member) RV_FIELD_AT(rv_rollout_cfg, member)

// clang-format off
const rv_field rv_rollout_cfg_fields[] = {
    {"branches", RV_T_I64, AT(branches), "100000", 1, 1e8, "branches", NULL,
     "imagined branches started after each fit; more give the policy fresher data and take more time and memory", 0},
    {"block", RV_T_I64, AT(block), "1000", 1, 1e6, "branches", NULL,
     "branches imagined together, the unit that ranks share out; divides branches", 0},
    {"length", RV_T_ENUM, AT(length), "schedule", 0, 0, "", "schedule|auto",
     "schedule: from length_start to length_end by epochs; auto: within these bounds, as far as the error card of the "
     "last fit says that it pays", 0},
    {"length_start", RV_T_I64, AT(length_start), "1", 1, 1000, "imagined steps", NULL,
     "length of a branch up to length_from_epoch", 0},
    {"length_end", RV_T_I64, AT(length_end), "1", 1, 1000, "imagined steps", NULL,
     "length of a branch from length_to_epoch on; raise it where the model stays accurate, as for Hopper (15)", 0},
    {"length_from_epoch", RV_T_I64, AT(length_from_epoch), "20", 0, 1e9, "epochs", NULL,
     "branches start to grow here; epochs of schedule.epoch_steps, counted from the end of the warm-up", 0},
    {"length_to_epoch", RV_T_I64, AT(length_to_epoch), "150", 1, 1e9, "epochs", NULL,
     "branches are fully grown here", 0},
    {"retain_epochs", RV_T_I64, AT(retain_epochs), "1", 1, 1000, "epochs", NULL,
     "how long imagined data are kept, but always until the next fit; more gives a larger, staler buffer", 0},
    {"max_disagreement", RV_T_F64, AT(max_disagreement), "0", 0, 1e6, "predicted deviations", NULL,
     "cut a branch where the members disagree by more than this; 0: never (then only one elite runs per state)", 0},
    {"full_disagreement", RV_T_F64, AT(full_disagreement), "0", 0, 1e6, "predicted deviations", NULL,
     "up to here a branch may run its full length, from here to max_disagreement a part of it that shrinks to nothing; "
     "0: the same as max_disagreement", 0},
    {"disagreement", RV_T_ENUM, AT(disagreement), "deviations", 0, 0, "", "deviations|quantile",
     "what the two thresholds above are; deviations: as they stand; quantile: parts in (0, 1] of the rows that the fit "
     "did not learn from, so that 0.95 cuts where the members disagree by more than on 95 % of these", 0},
    {"card", RV_T_I64, AT(card), "0", 0, 1000, "imagined steps", NULL,
     "report after each fit how the model's error grows over so many steps; needs model.holdout_segment; 0: no", 0},
    {0},
};
// clang-format on
