/* kernels.h - which code does the arithmetic, chosen when the program runs: one program serves a mixed cluster.
 *
 * Instructions: every kernel exists for each set, and all sets give the same bits: each element is made by the same
 * operations in the same order, whatever the number of lanes (dense.h, vector.h). So this choice is about speed alone.
 * Products: the matrix products of the networks are our own (native), or OpenBLAS's, to compare with. The bits of
 * OpenBLAS depend on the kernels that it takes for a processor, so there a run must stay on like ones.
 */
#pragma once
#include "base/field.h"

typedef enum rv_instructions {
    RV_AVX2,   /* with FMA: Intel Haswell, AMD Zen or newer */
    RV_AVX512, /* F, BW, DQ and VL: Intel Skylake-X, AMD Zen 4 or newer */
    RV_N_INSTRUCTIONS,
} rv_instructions;

/** Settings of the section "kernels". */
typedef struct rv_kernels_cfg {
    int instructions; /* 0: the widest that the processor has; else 1 + rv_instructions */
    int products;     /* 0: native, 1: OpenBLAS */
} rv_kernels_cfg;
extern const rv_field rv_kernels_cfg_fields[];

/** Use these from now on. Not while kernels run.
 * @return RV_OK; RV_E_UNAVAILABLE (the processor lacks something; names it) */
rv_status rv_kernels_choose(const rv_kernels_cfg *cfg);

/** What is in use; before the first choice the widest instructions that the processor has, and native products. */
rv_instructions rv_kernels_instructions(void);
bool rv_kernels_openblas(void);

/** For people: "avx512", or "avx2, products by OpenBLAS (Haswell)". */
void rv_kernels_describe(char out[RV_FIELD_TEXT]);
