/* run.json with its list of starts */
#include "run/starts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *root = NULL;
    if (rv_starts_parse("run.json", (const char *)data, size, &root) != RV_OK)
        return 0;
    json_t *starts = json_object_get(root, "starts");
    if (starts && rv_starts_add(starts, 1, 1, "host", 0) == RV_OK && json_array_size(starts) == 0)
        abort();
    json_decref(root);
    return 0;
}
