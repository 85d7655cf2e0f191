#include "math/kernels.h"

#include "math/gemm.h"

#include <stdio.h>

static int instructions = -1;
static bool openblas;

static const char *name_of(rv_instructions set)
{
    return set == RV_AVX512 ? "avx512" : "avx2";
}

/* what the processor lacks for a set; NULL: nothing */
static const char *missing(rv_instructions set)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2"))
        return "AVX2";
    if (!__builtin_cpu_supports("fma"))
        return "FMA";
    if (set == RV_AVX2)
        return NULL;
    if (!__builtin_cpu_supports("avx512f"))
        return "AVX-512F";
    bool rest =
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return rest ? NULL : "AVX-512 BW, DQ or VL";
}

static rv_instructions widest(void)
{
    return missing(RV_AVX512) ? RV_AVX2 : RV_AVX512;
}

rv_status rv_kernels_choose(const rv_kernels_cfg *cfg)
{
    const rv_instructions set = cfg->instructions == 0 ? widest() : (rv_instructions)(cfg->instructions - 1);
    const char *lack = missing(set);
    RV_CHECK(!lack, RV_E_UNAVAILABLE, "this processor lacks %s: %s", lack,
             set == RV_AVX2 ? "the program needs an Intel Haswell, AMD Zen or newer"
                            : "kernels.instructions must be auto or avx2");
    instructions = (int)set;
    openblas = cfg->products == 1;
    return RV_OK;
}

rv_instructions rv_kernels_instructions(void)
{
    if (instructions < 0)
        instructions = (int)widest();
    return (rv_instructions)instructions;
}

bool rv_kernels_openblas(void)
{
    return openblas;
}

void rv_kernels_describe(char out[RV_FIELD_TEXT])
{
    const char *name = name_of(rv_kernels_instructions());
    if (openblas)
        snprintf(out, RV_FIELD_TEXT, "%s, products by OpenBLAS (%s)", name, rv_gemm_kernel_name());
    else
        snprintf(out, RV_FIELD_TEXT, "%s", name);
}
