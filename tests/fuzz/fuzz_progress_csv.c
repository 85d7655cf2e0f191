/* fuzz_progress_csv.c - any bytes: parsed or refused; what is parsed has the shape that was promised. */
#include "base/memory.h"
#include "run/progress_csv.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int64_t n_blocks = rv_mem_blocks();
    rv_progress_csv progress = {0};
    if (rv_progress_csv_parse("fuzz", (const char *)data, size, &progress) == RV_OK) {
        double sum = 0;
        for (int64_t i = 0; i < progress.n_rows * progress.n_columns; i++)
            sum += isnan(progress.cells[i]) ? 0 : progress.cells[i];
        for (int64_t i = 0; i < progress.n_columns; i++)
            if (rv_progress_csv_column(&progress, progress.names[i]) != i || strlen(progress.names[i]) == 0)
                __builtin_trap();
        if (progress.n_columns < 1 || rv_progress_csv_count(&progress, 0, 0) > progress.n_rows)
            __builtin_trap();
        (void)sum;
        rv_progress_csv_clear(&progress);
    }
    if (rv_mem_blocks() != n_blocks)
        __builtin_trap();
    return 0;
}
