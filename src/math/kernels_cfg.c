/* kernels_cfg.c - the settings of the section "kernels". */
#include "math/kernels.h"

#define AT(member) RV_FIELD_AT(rv_kernels_cfg, member)

// clang-format off
const rv_field rv_kernels_cfg_fields[] = {
    {"instructions", RV_T_ENUM, AT(instructions), "auto", 0, 0, "", "auto|avx2|avx512",
     "vector instructions; auto takes the widest that a rank's processor has; all give the same bits",
     RV_FIELD_RUNTIME},
    {"products", RV_T_ENUM, AT(products), "native", 0, 0, "", "native|openblas",
     "who multiplies matrices; openblas only to compare: its bits depend on the processor", 0},
    {0},
};
// clang-format on
