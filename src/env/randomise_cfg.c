/* randomise_cfg.c - the settings of the section "randomise". */
#include "env/randomise.h"

#define AT(member) RV_FIELD_AT(rv_randomise_cfg, member)
#define FORMS      "uniform(LOW, HIGH), log_uniform(LOW, HIGH), normal(MEAN, STD); off when empty"

// clang-format off
const rv_field rv_randomise_cfg_fields[] = {
    {"mass", RV_T_STR, AT(mass), "", 0, 0, "factor", NULL,
     "on the masses and inertias of all bodies, drawn for each training episode: " FORMS, 0},
    {"friction", RV_T_STR, AT(friction), "", 0, 0, "factor", NULL,
     "on the friction of all contacts, drawn likewise", 0},
    {"damping", RV_T_STR, AT(damping), "", 0, 0, "factor", NULL,
     "on the damping of all joints, drawn likewise", 0},
    {"gear", RV_T_STR, AT(gear), "", 0, 0, "factor", NULL,
     "on the gear of all actuators (a motor's strength), drawn likewise", 0},
    {"delay", RV_T_STR, AT(delay), "", 0, 0, "s", NULL,
     "until an action reaches the actuators, drawn likewise, rounded to whole time steps of MuJoCo; at most 1", 0},
    {"obs_noise", RV_T_STR, AT(obs_noise), "", 0, 0, "", NULL,
     "standard deviation of the noise on every number observed, drawn likewise; also for tasks without MuJoCo", 0},
    {"in_evaluation", RV_T_BOOL, AT(in_evaluation), "false", 0, 0, "", NULL,
     "evaluation draws too; false: it measures the policy on the task as it is", 0},
    {0},
};
// clang-format on
