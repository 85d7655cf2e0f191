#include "math/kernels.h"

#include <string.h>

const char *const rv_instructions_names[RV_N_INSTRUCTIONS] = {"avx2", "avx512"};

static int chosen = -1;

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
    bool rest = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512vl");
    return rest ? NULL : "AVX-512 BW, DQ or VL";
}

static rv_instructions widest(void)
{
    return missing(RV_AVX512) ? RV_AVX2 : RV_AVX512;
}

rv_status rv_kernels_choose(const char *name)
{
    int set = strcmp(name, "auto") == 0 ? (int)widest() : -1;
    for (int i = 0; i < RV_N_INSTRUCTIONS; i++)
        if (strcmp(name, rv_instructions_names[i]) == 0)
            set = i;
    RV_CHECK(set >= 0, RV_E_CONFIG, "there is no kernel set '%s': expected auto, avx2 or avx512", name);
    const char *lack = missing((rv_instructions)set);
    RV_CHECK(!lack, RV_E_UNAVAILABLE, "this processor lacks %s, which %s needs (%s)", lack,
             set == RV_AVX2 ? "this program" : "the kernel set avx512",
             set == RV_AVX2 ? "Intel Haswell, AMD Zen or newer" : "use auto or avx2");
    chosen = set;
    return RV_OK;
}

rv_instructions rv_kernels_instructions(void)
{
    if (chosen < 0)
        chosen = (int)widest();
    return (rv_instructions)chosen;
}
