/* fuzz_randomise.c - any text as the distribution of each quantity: refused, or all that it draws lies in its range. */
#include "base/memory.h"
#include "env/randomise.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as(rv_random_id id, const char *text)
{
    const rv_random_info *info = &rv_random_infos[id];
    rv_distribution d = {.kind = RV_DISTRIBUTION_NONE};
    if (rv_distribution_parse(text, info->min, info->max, &d) != RV_OK || d.kind == RV_DISTRIBUTION_NONE)
        return;
    for (uint64_t i = 0; i < 16; i++) {
        rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, i);
        double x = rv_distribution_draw(&d, &rng);
        if (!(x >= info->min && x <= info->max))
            __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = NULL;
    if (RV_NEW(text, size + 1) != RV_OK)
        __builtin_trap();
    if (size > 0)
        memcpy(text, data, size);
    for (int i = 0; i < RV_N_RANDOM; i++)
        read_as((rv_random_id)i, text);
    rv_mem_free(&text);
    return 0;
}
