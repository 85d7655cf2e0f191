/* bench_journal.c - the journal of real transitions, with rows of Hopper-v4: one row at a time, as an actor with one
 * environment has them; eight at a time; with a disk sync per tick of 50; reading all of it back. Files are made in the
 * folder that TMPDIR names, or /tmp.
 */
#include "base/memory.h"
#include "data/journal_reader.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_ROWS = 1000, TICK = 50, FULL = 100000, LARGEST = 64 };

static const rv_journal_shape shape = {11, 3, 1, 1};

/* what a row measures */
typedef struct kind {
    int batch;
    int durability;
    int64_t n_read; /* rows that are there, to be read; 0: it appends */
} kind;

typedef struct work {
    const kind *kind;
    char folder[RV_PATH];
    rv_journal *journal;
    uint64_t step;
    float row[LARGEST];
    float *real; /* (n_read, row width) */
} work;

static void destroy(void **at)
{
    work *w = *at;
    if (!w)
        return;
    rv_journal_destroy(&w->journal);
    if (w->folder[0])
        (void)rv_folder_remove(w->folder);
    rv_mem_free(&w->real);
    rv_mem_free(at);
}

/* an empty journal */
static rv_status begin(work *w)
{
    rv_journal_info info;
    int start = 0;
    rv_journal_destroy(&w->journal);
    RV_TRY(rv_folder_remove(w->folder));
    RV_TRY(rv_folder_make(w->folder));
    RV_TRY(rv_journal_settle(w->folder, &shape, 0, &info, &start));
    rv_journal_info_clear(&info);
    w->step = 0;
    return rv_journal_create(w->folder, &shape, start, 0, w->kind->batch, w->kind->durability, &w->journal);
}

static rv_status append(work *w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const rv_journal_record record = {.flags = w->step == 0 ? RV_ROW_BEGINS : 0, .step = w->step, .row = w->row};
        RV_TRY(rv_journal_add(w->journal, &record));
        w->step++;
        if (w->step % (uint64_t)w->kind->batch == 0)
            RV_TRY(rv_journal_write(w->journal));
        if (w->step % TICK == 0)
            RV_TRY(rv_journal_commit(w->journal));
    }
    return RV_OK;
}

static rv_status create(const bench *row, void **out)
{
    rv_status status = RV_OK;
    work *w = NULL;
    const char *tmp = getenv("TMPDIR");
    RV_TRY(RV_NEW(w, 1));
    w->kind = row->args;
    bench_fill(0, rv_row_of(shape.n_obs, shape.n_act).width - 2, w->row); /* reward and terminated are 0 */
    snprintf(w->folder, sizeof w->folder, "%s/rv_bench_XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(w->folder)) {
        rv_mem_free(&w);
        return rv_raise(RV_E_IO, "cannot make a folder in %s", tmp ? tmp : "/tmp");
    }
    RV_TRY_GOTO(begin(w), fail);
    RV_TRY_GOTO(append(w, w->kind->n_read), fail);
    RV_TRY_GOTO(RV_NEW(w->real, w->kind->n_read * rv_row_of(shape.n_obs, shape.n_act).width), fail);
    *out = w;
    return RV_OK;
fail:
    destroy((void **)&w);
    return status;
}

/* what was appended goes before it fills the disk */
static rv_status run_append(void *at)
{
    const uint64_t most = 1000000;
    work *w = at;
    if (w->step >= most)
        RV_TRY(begin(w));
    return append(w, RUN_ROWS);
}

static rv_status run_read(void *at)
{
    work *w = at;
    return rv_journal_rows(w->folder, &shape, w->kind->n_read, w->real);
}

static const kind one = {1, RV_DURABLE_PROCESS, 0}, eight = {8, RV_DURABLE_PROCESS, 0},
                  power = {1, RV_DURABLE_POWER, 0}, full = {1, RV_DURABLE_PROCESS, FULL};

const bench bench_journal[] = {
    {"journal/append", "rows/s", "append rows of Hopper-v4 to the journal, one at a time", RUN_ROWS, 0, 0, create,
     run_append, destroy, &one},
    {"journal/append_8", "rows/s", "eight at a time, as eight environments on one rank do", RUN_ROWS, 0, 0, create,
     run_append, destroy, &eight},
    {"journal/power", "rows/s", "one at a time, and a disk sync every 50 (durability: power)", RUN_ROWS, 0, 0, create,
     run_append, destroy, &power},
    {"journal/row", "ns/row", "the time that journal/append takes for one row", RUN_ROWS, 0, 0, create, run_append,
     destroy, &one},
    {"journal/read", "rows/s", "read and check 100,000 rows, and put them in the real buffer", FULL, 0, 0, create,
     run_read, destroy, &full},
    {"journal/fill", "s", "the time that takes", 1, 0, 0, create, run_read, destroy, &full},
    {0},
};
