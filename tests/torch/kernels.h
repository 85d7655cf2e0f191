/* kernels.h - the kernels that a dump uses, named by the setting that chooses them: "kernels.products=openblas". */
#pragma once
#include "math/kernels.h"
#include "run/config.h"

static inline rv_status dump_choose_kernels(const char *setting)
{
    rv_config config;
    RV_TRY(rv_config_defaults(&config));
    RV_TRY(rv_config_override(setting, &config));
    return rv_kernels_choose(&config.kernels);
}
