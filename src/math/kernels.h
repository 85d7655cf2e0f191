/* kernels.h - which vector instructions the numeric kernels use: one program serves a mixed cluster.
 *
 * Every kernel exists for each instruction set, and all sets give the same bits: each element is made by the same
 * operations in the same order, whatever the number of lanes (dense.h, vector.h). So the choice is about speed alone.
 */
#pragma once
#include "base/status.h"

typedef enum rv_instructions {
    RV_AVX2,   /* with FMA: Intel Haswell, AMD Zen or newer */
    RV_AVX512, /* F, BW, DQ and VL: Intel Skylake-X, AMD Zen 4 or newer */
    RV_N_INSTRUCTIONS,
} rv_instructions;

extern const char *const rv_instructions_names[RV_N_INSTRUCTIONS]; /* "avx2", "avx512" */

/** Use these from now on; "auto" takes the widest that the processor has. Not while kernels run.
 * @return RV_OK; RV_E_CONFIG (no such set); RV_E_UNAVAILABLE (the processor lacks it; names what is missing) */
rv_status rv_kernels_choose(const char *name);

/** The set in use; before the first choice the widest one that the processor has. */
rv_instructions rv_kernels_instructions(void);
