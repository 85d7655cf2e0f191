/* journal.h - every real transition of a run, appended to files before anything learns from it.
 *
 *   RUN/journal/000002_00001_000.seg      segment: what rank 1 wrote in the run's start number 2, part 0
 *
 * Starts are numbered from 1; a rank begins another part when one has 64 MiB. A segment is a head of 64 bytes and
 * records of one size, little endian, at multiples of 8 bytes:
 *
 *   head    0 "rvjournl"  8 u32 version 1  12 u32 n_obs  16 u32 n_act  20 u32 floats in a row  24 u32 environments
 *           28 u32 start  32 u32 rank  36 u32 part  40 u64 hash of the settings  48 zeros  60 u32 CRC of bytes 0 to 59
 *   record  0 u32 its bytes  4 u32 CRC of all its other bytes  8 u32 environment  12 u32 flags  16 u64 step
 *           24 u32 episode  28 u32 failures  32 f64 reward  40 f32 row (data/transition.h), zeros up to a multiple of 8
 *
 * CRC is CRC-32C. A segment gets its name with its head on the disk, and is locked (flock) as long as its writer lives;
 * so whoever goes on with the run can wait for the last one to be gone. journal_reader.h reads.
 */
#pragma once
#include "base/field.h"
#include "base/file.h"
#include "data/transition.h"

/** Settings of the section "journal". */
typedef struct rv_journal_cfg {
    int durability; /* rv_durability */
} rv_journal_cfg;
extern const rv_field rv_journal_cfg_fields[];

typedef enum rv_durability {
    RV_DURABLE_PROCESS, /* survives the end of any process */
    RV_DURABLE_POWER,   /* and of the machine */
} rv_durability;

/** What all segments of a run have in common. */
typedef struct rv_journal_shape {
    int n_obs, n_act;
    int n_envs;
    uint64_t config_hash;
} rv_journal_shape;

enum {
    RV_ROW_BEGINS = 1,     /* first row of its episode */
    RV_ROW_TERMINATED = 2, /* last row: the task ended */
    RV_ROW_TRUNCATED = 4,  /* last row: the time limit cut it; never together with the other */
};

/** A transition and where it stands. */
typedef struct rv_journal_record {
    uint32_t env;
    uint32_t flags;
    uint64_t step;     /* of the environment, from 0 without a gap */
    uint32_t episode;  /* its number; episodes that failed at once have numbers without rows */
    uint32_t failures; /* of the environment so far */
    double reward;     /* as the environment gave it; the row's is rounded */
    const float *row;
} rv_journal_record;

enum {
    RV_JOURNAL_PART = 64 << 20,     /* bytes after which another part begins */
    RV_JOURNAL_RECORD_MAX = 4 << 20 /* bytes */
};

typedef struct rv_journal rv_journal;

/** Begin segment START_RANK_000. The folder must be there (rv_journal_settle).
 * @param[in] batch rows written at once, at most; durability: rv_durability
 * @return RV_OK; RV_E_IO; RV_E_EXISTS (the segment is there); RV_E_CONFIG (rows too wide); RV_E_NOMEM. The caller owns
 * *out. */
rv_status rv_journal_create(const char *run_dir, const rv_journal_shape *shape, int start, int rank, int batch,
                            int durability, rv_journal **out);
void rv_journal_destroy(rv_journal **journal);

/** Copy a row into the batch. @return RV_OK; RV_E_NONFINITE; RV_E_INTERNAL (more than `batch` of them) */
rv_status rv_journal_add(rv_journal *journal, const rv_journal_record *record);

/** Append the batch by one write. After it the rows survive this process. Takes no memory.
 * @return RV_OK; RV_E_IO, which names the file and the errno: what was written of a last record is cut off again, and
 * the journal takes no more */
rv_status rv_journal_write(rv_journal *journal);

/** The tick's rows are written: with RV_DURABLE_POWER they reach the disk before this returns. */
rv_status rv_journal_commit(rv_journal *journal);

/** What was written reaches the disk, whatever the durability: before a checkpoint that counts on it.
 * @return RV_OK; RV_E_IO */
rv_status rv_journal_sync(rv_journal *journal);

/** The same beside the loop: hand out the file that holds what is not on the disk yet (-1: all is), and sync and close
 * it, on any thread, while rows go on being written. *fd becomes -1.
 * @return RV_OK; RV_E_IO; RV_E_OS */
rv_status rv_journal_hand_out(const rv_journal *journal, int *fd_out);
rv_status rv_journal_sync_handed(int *fd);
