/* journal_reader.h - what the journal of a run (journal.h) holds, every byte of it checked.
 *
 * A torn tail is what a write leaves that was cut short: from some place of a segment on there is no whole record any
 * more. It is reported, and cut off before the run goes on (rv_journal_settle). Everything else that is not right (a
 * damaged record before a whole one, a step that is missing or there twice, another width or configuration, an unknown
 * version, a file that is no segment) is RV_E_DATA with file, place and what to do: no row is ever taken for absent.
 */
#pragma once
#include "data/journal.h"

enum { RV_JOURNAL_ENVS = 65536, RV_JOURNAL_FILE_MAX = 1 << 30 /* bytes of a segment */ };

/** Called for every row; record->row is there until it returns. Rows of an environment come by step. */
typedef rv_status (*rv_journal_take)(void *user, const rv_journal_record *record);

/** A segment that was read. */
typedef struct rv_journal_segment {
    int start, rank, part;
    int64_t n_rows;
    int64_t bytes; /* up to its last whole record */
    int64_t torn;  /* bytes behind it */
} rv_journal_segment;

/** A journal that was read. */
typedef struct rv_journal_info {
    char folder[RV_PATH];
    rv_journal_shape shape; /* n_envs 0: there is no segment */
    rv_row row;
    int n_segments;
    rv_journal_segment *segments; /* (n_segments) by start, rank, part; owned */
    int64_t *rows;                /* (n_envs) of each environment; owned */
    int64_t n_rows;               /* of all of them */
    int64_t n_episodes;           /* that have a row */
    int64_t n_terminated, n_truncated;
} rv_journal_info;

/** Read all segments. A run without any has no rows, which is no error.
 * @param[in] expected what the segments must be of; NULL: of one thing, whatever that is
 * @param[in] take NULL: rows are checked only
 * @return RV_OK; RV_E_DATA; RV_E_IO; RV_E_NOMEM; what take returns. The caller clears *out. */
rv_status rv_journal_read(const char *run_dir, const rv_journal_shape *expected, rv_journal_take take, void *user,
                          rv_journal_info *out);
void rv_journal_info_clear(rv_journal_info *info);

/** Name of a segment's file. @param[out] out (RV_PATH) */
rv_status rv_journal_segment_path(const rv_journal_info *info, const rv_journal_segment *segment, char out[RV_PATH]);

/** Make the journal ready for the next start of the run, by one process: make its folder, wait for writers of earlier
 * starts to be gone, read it, cut torn tails off, and bring all of it to the disk. info says what was found; torn is
 * what was cut.
 * @param[out] start the number of this start
 * @return RV_OK; RV_E_EXISTS (a writer lives on for wait_s seconds); what rv_journal_read returns. The caller clears
 * *info. */
rv_status rv_journal_settle(const char *run_dir, const rv_journal_shape *shape, double wait_s, rv_journal_info *info,
                            int *start);

/** The first n rows of the run in order: by step, then environment. All must be there.
 * @param[out] rows (n, row width) @return RV_OK; RV_E_DATA; what rv_journal_read returns */
rv_status rv_journal_rows(const char *run_dir, const rv_journal_shape *shape, int64_t n, float *rows);

/** Check that the first n rows are those that a checkpoint counts on.
 * @param[in] hash XXH3-128 of them in order (RV_HASH_TEXT); NULL: any @return RV_OK; RV_E_DATA; as rv_journal_rows */
rv_status rv_journal_verify(const char *run_dir, const rv_journal_shape *shape, int64_t n, const char *hash);

/** Read one segment out of memory. name stands for the file in messages. Untrusted bytes are safe.
 * @param[in] bytes (n) at a multiple of 8 @param[out] segment what it holds; shape: what it is of
 * @return RV_OK; RV_E_DATA; what take returns */
rv_status rv_journal_parse(const char *name, const unsigned char *bytes, size_t n, const rv_journal_shape *expected,
                           rv_journal_take take, void *user, rv_journal_segment *segment, rv_journal_shape *shape);
