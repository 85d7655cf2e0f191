/* the lease of a run, which another host may have written */
#include "run/lease.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rv_lease_record r = {.every_s = 0};
    if (rv_lease_parse("lease", (const char *)data, size, &r) == RV_OK && (r.every_s < 1 || r.every_s > 3600))
        abort(); /* how long a lease is watched follows from it */
    return 0;
}
