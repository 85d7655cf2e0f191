#include "base/memory.h"
#include "env/reference.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = NULL;
    rv_reference *r = NULL;
    if (size > 1 << 16 || RV_NEW(text, size + 1) != RV_OK)
        return 0;
    memcpy(text, data, size);
    if (rv_reference_parse("fuzz", text, size, &r) == RV_OK) {
        int n = 0;
        for (int g = 0; g < RV_REFERENCE_N_GROUPS; g++)
            n += r->group[g].n;
        double last = rv_reference_row(r, r->n_rows)[-1];
        if (n != r->n_cols || r->n_rows < 1 || rv_reference_given(r, r->n_rows - 1) < 4 || last != last)
            __builtin_trap();
    }
    rv_reference_destroy(&r);
    rv_mem_free(&text);
    return 0;
}
