/* fuzz_config.c - any bytes as a config: read or refused, and what was read prints and reads back the same. */
#include "base/memory.h"
#include "run/config.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rv_config config;
    rv_config back;
    char *text = NULL;
    if (rv_config_defaults(&config) != RV_OK || rv_config_defaults(&back) != RV_OK)
        __builtin_trap();
    if (rv_config_parse("fuzz", (const char *)data, size, &config) != RV_OK)
        return 0;
    if (rv_config_print(&config, true, &text) != RV_OK ||
        rv_config_parse("printed", text, strlen(text), &back) != RV_OK || memcmp(&config, &back, sizeof config) != 0)
        __builtin_trap();
    rv_mem_free(&text);
    rv_config_check(&config);
    return 0;
}
