/* the manifest of a checkpoint */
#include "run/checkpoint.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rv_checkpoint c = {.n_units = 0};
    if (rv_checkpoint_parse("manifest.json", (const char *)data, size, &c) == RV_OK)
        for (int i = 0; i < c.n_units; i++)
            if (strchr(c.units[i].name, '/')) /* a name must never leave the folder */
                abort();
    rv_checkpoint_clear(&c);
    return 0;
}
