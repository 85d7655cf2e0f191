/* fuzz_metrics.c - any bytes as a run's metrics.jsonl: read or refused, alike by the hash and by the ledger. */
#include "base/memory.h"
#include "roles/ledger.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rv_status count(void *user, const rv_record *record)
{
    if (record->role[0] == '\0' || record->tick < 0 || record->n_values > RV_N_METRICS)
        __builtin_trap();
    (*(int64_t *)user)++;
    return RV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int64_t n_blocks = rv_mem_blocks();
    char path[64];
    char hash[RV_HASH_TEXT];
    rv_ledger ledger = {0};
    int64_t n = 0;
    int64_t n_live = 0;
    int file = memfd_create("metrics", 0);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    rv_status whole = rv_metrics_read(path, false, count, &n);
    rv_status live = rv_metrics_read(path, true, count, &n_live);
    if (whole == RV_OK && (live != RV_OK || n != n_live))
        __builtin_trap();
    if (rv_metrics_hash(path, hash) != whole)
        __builtin_trap();
    if (rv_ledger_read(path, 0, &ledger) == RV_OK) {
        if (live != RV_OK || ledger.n_ranks < 1 || ledger.last_tick < ledger.first_tick)
            __builtin_trap();
        rv_ledger_clear(&ledger);
    }
    close(file);
    if (rv_mem_blocks() != n_blocks)
        __builtin_trap();
    return 0;
}
