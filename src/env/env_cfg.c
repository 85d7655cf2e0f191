/* env_cfg.c - the settings of the section "env". */
#include "env/env.h"

#define AT(member) RV_FIELD_AT(rv_env_cfg, member)

// clang-format off
const rv_field rv_env_cfg_fields[] = {
    {"name", RV_T_STR, AT(name), "Pendulum-v1", 0, 0, "", NULL,
     "the task to learn: one of 'reverie envs', FILE.so (a plug-in), FILE.yaml (a MuJoCo model) or remote", 0},
    {"count", RV_T_I64, AT(count), "1", 1, 4096, "environments", NULL,
     "real environments stepped side by side; raise it when stepping is slow; divides schedule.tick_steps", 0},
    {"arguments", RV_T_STR, AT(arguments), "", 0, 0, "", NULL,
     "a text that a plug-in or a server gets as it is", 0},
    {"address", RV_T_STR, AT(address), "tcp://127.0.0.1:5555", 0, 0, "", NULL,
     "where the server of a remote environment listens; several: separated by commas", RV_FIELD_RUNTIME},
    {"keys", RV_T_STR, AT(keys), "", 0, 0, "", NULL,
     "folder with the keys for a server on another machine ('reverie envs keys')", RV_FIELD_RUNTIME},
    {"timeout_s", RV_T_F64, AT(timeout_s), "5", 1e-3, 1e6, "s", NULL,
     "a plug-in or server that does not answer for so long has failed", RV_FIELD_RUNTIME},
    {"memory_mb", RV_T_I64, AT(memory_mb), "1024", 16, 1e7, "MB", NULL,
     "what the process of a plug-in may take; more is a failure", RV_FIELD_RUNTIME},
    {"failures", RV_T_I64, AT(failures), "10", 0, 1e9, "episodes", NULL,
     "that one environment may lose to failures of its plug-in or server before the run gives up", RV_FIELD_RUNTIME},
    {0},
};
// clang-format on
