/* env_cfg.c - the settings of the section "env". */
#include "env/env.h"

#define AT(member) RV_FIELD_AT(rv_env_cfg, member)

// clang-format off
const rv_field rv_env_cfg_fields[] = {
    {"name", RV_T_STR, AT(name), "Pendulum-v1", 0, 0, "", NULL,
     "the task to learn; 'reverie envs' lists them", 0},
    {"count", RV_T_I64, AT(count), "1", 1, 4096, "environments", NULL,
     "real environments stepped side by side; raise it when stepping is slow; divides schedule.tick_steps", 0},
    {0},
};
// clang-format on
