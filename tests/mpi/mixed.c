/* mixed.c - reverie on unlike processors: where the choice of instructions is free, odd ranks take AVX2. The linker
 * puts __wrap_rv_kernels_choose in the place of rv_kernels_choose (--wrap). */
#include "math/kernels.h"

#include <stdlib.h>

rv_status __real_rv_kernels_choose(const rv_kernels_cfg *cfg);
rv_status __wrap_rv_kernels_choose(const rv_kernels_cfg *cfg);

rv_status __wrap_rv_kernels_choose(const rv_kernels_cfg *cfg)
{
    rv_kernels_cfg own = *cfg;
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (own.instructions == 0 && rank && strtol(rank, NULL, 10) % 2 == 1)
        own.instructions = 1 + RV_AVX2;
    return __real_rv_kernels_choose(&own);
}
