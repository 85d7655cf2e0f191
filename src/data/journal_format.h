/* journal_format.h - the bytes of a segment (journal.h); for its writer and its reader alone. */
#pragma once
#include "base/crc32c.h"
#include "data/journal.h"

#include <stdio.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "segments are little endian");

#define RV_JOURNAL_MAGIC  "rvjournl"
#define RV_JOURNAL_FOLDER "journal"
#define RV_JOURNAL_NAME   "%06d_%05d_%03d.seg" /* start, rank, part */
enum { RV_JOURNAL_VERSION = 1, RV_JOURNAL_NAME_SIZE = 48 };

typedef struct rv_journal_head {
    char magic[8];
    uint32_t version, n_obs, n_act, width, n_envs, start, rank, part;
    uint64_t config_hash;
    uint32_t zero[3];
    uint32_t crc;
} rv_journal_head;

typedef struct rv_journal_prefix { /* a record before its row */
    uint32_t length, crc;
    uint32_t env, flags;
    uint64_t step;
    uint32_t episode, failures;
    double reward;
} rv_journal_prefix;

enum { RV_JOURNAL_HEAD = 64, RV_JOURNAL_PREFIX = 40 };
_Static_assert(sizeof(rv_journal_head) == RV_JOURNAL_HEAD, "no padding");
_Static_assert(sizeof(rv_journal_prefix) == RV_JOURNAL_PREFIX, "no padding");

/** Bytes of a record with a row of that many floats. */
static inline size_t rv_journal_record_size(size_t width)
{
    return (RV_JOURNAL_PREFIX + width * sizeof(float) + 7) / 8 * 8;
}

/** Of a record of n bytes: all but the CRC itself. */
static inline uint32_t rv_journal_record_crc(const unsigned char *record, size_t n)
{
    return rv_crc32c(rv_crc32c(0, record, 4), record + 8, n - 8);
}

static inline uint32_t rv_journal_head_crc(const rv_journal_head *head)
{
    return rv_crc32c(0, head, offsetof(rv_journal_head, crc));
}
