/* The k-th call of each kind fails while a journal is made, written, read, settled: a clean error, nothing leaked; and
 * afterwards the journal holds a whole beginning of what was added, at least what was said to be written, and goes on.
 */
#include "data/journal_reader.h"
#include "each_fault.h"
#include "scene.h"

#include <fcntl.h>

enum { N_OBS = 3, N_ACT = 1, WIDTH = 2 * N_OBS + N_ACT + 2, OLD = 3, BATCH = 2, N_BATCHES = 4 };
static const rv_journal_shape shape = {N_OBS, N_ACT, 1, 7};
static const int torn_bytes = 21;

static rv_status add(rv_journal *j, int64_t step)
{
    float row[WIDTH] = {0};
    const rv_journal_record r = {.flags = step == 0, .step = (uint64_t)step, .reward = 0.5, .row = row};
    row[0] = (float)step;
    row[WIDTH - 2] = 0.5F;
    return rv_journal_add(j, &r);
}

static rv_status see(void *user, const rv_journal_record *r)
{
    int64_t *n = user;
    CU_ASSERT(r->step == (uint64_t)*n && r->row[0] == (float)*n);
    ++*n;
    return RV_OK;
}

/* rows of the journal, each as it was added; -1: it cannot be read */
static int64_t rows(void)
{
    rv_journal_info info;
    int64_t n = 0;
    if (rv_journal_read(scene_run, &shape, see, &n, &info) != RV_OK)
        return -1;
    n = info.n_rows == n ? n : -1;
    rv_journal_info_clear(&info);
    return n;
}

/* one more start, as a rank makes it: settle, create, n batches */
static int64_t n_written; /* rows whose write gave RV_OK */

static rv_status write_on(int durability, int n_batches)
{
    rv_status status = RV_OK;
    rv_journal_info info;
    rv_journal *j = NULL;
    int start = 0;
    RV_TRY(rv_journal_settle(scene_run, &shape, 0, &info, &start));
    int64_t next = info.n_rows;
    rv_journal_info_clear(&info);
    RV_TRY(rv_journal_create(scene_run, &shape, start, 0, BATCH, durability, &j));
    for (int b = 0; b < n_batches; b++) {
        for (int i = 0; i < BATCH; i++)
            RV_TRY_GOTO(add(j, next++), done);
        RV_TRY_GOTO(rv_journal_write(j), done);
        n_written = next;
        RV_TRY_GOTO(rv_journal_commit(j), done);
    }
    int fd = -1;
    RV_TRY_GOTO(rv_journal_hand_out(j, &fd), done);
    RV_TRY_GOTO(rv_journal_sync_handed(&fd), done);
    RV_TRY_GOTO(rv_journal_sync(j), done);
done:
    rv_journal_destroy(&j);
    return status;
}

static void none(void)
{
    scene_fresh(0, NULL);
    n_written = 0;
}

static void some(void)
{
    none();
    RV_TEST_OK(write_on(RV_DURABLE_PROCESS, OLD));
}

/* the last start was killed inside a write, and another while it began */
static void some_and_a_tail(void)
{
    const char half[64] = {1, 2, 3};
    char path[RV_PATH];
    some();
    RV_TEST_OK(rv_path_join(scene_run, "journal/000001_00000_000.seg", path));
    int fd = open(path, O_WRONLY | O_APPEND);
    CU_ASSERT_EQUAL(write(fd, half, (size_t)torn_bytes), torn_bytes);
    close(fd);
    RV_TEST_OK(rv_path_join(scene_run, "journal/.000002_00000_000.seg", path));
    RV_TEST_OK(rv_file_write(path, half, 5));
}

static rv_status write_to_process(void)
{
    return write_on(RV_DURABLE_PROCESS, N_BATCHES);
}

static rv_status write_to_power(void)
{
    return write_on(RV_DURABLE_POWER, N_BATCHES);
}

static void check_written(const outcome *o, int64_t n_old)
{
    int64_t n = rows();
    int64_t n_new = n_old + (int64_t)BATCH * N_BATCHES;
    expect(n >= 0, o, "the journal cannot be read");
    expect(n >= n_written, o, "rows that were written are lost");
    expect(o->status == RV_OK ? n == n_new : n >= n_old && n <= n_new, o, "another number of rows");
    expect(write_on(RV_DURABLE_POWER, 1) == RV_OK, o, "the journal does not go on");
    expect(rows() == n + BATCH, o, "rows are missing after it went on");
}

static void check_first(const outcome *o)
{
    check_written(o, 0);
}

static void check_next(const outcome *o)
{
    check_written(o, (int64_t)OLD * BATCH);
}

static void writing(void)
{
    each_fault(&(scene){"the first start of a journal", none, write_to_process, check_first});
    each_fault(&(scene){"another start of a journal", some, write_to_process, check_next});
    each_fault(&(scene){"the same, each tick on the disk", some, write_to_power, check_next});
}

static void settling(void)
{
    each_fault(&(scene){"a journal with a torn tail", some_and_a_tail, write_to_process, check_next});
}

static int64_t n_read;

static rv_status read_in_order(void)
{
    float all[OLD * BATCH * WIDTH];
    n_read = 0;
    RV_TRY(rv_journal_rows(scene_run, &shape, (int64_t)OLD * BATCH, all));
    for (int i = 0; i < OLD * BATCH; i++)
        n_read += all[(ptrdiff_t)i * WIDTH] == (float)i;
    return RV_OK;
}

static void check_read(const outcome *o)
{
    expect(o->status == RV_OK ? n_read == OLD * BATCH : o->status != RV_E_DATA, o, "rows taken for absent");
    expect(o->call != FAULT_MALLOC || o->status == RV_OK || o->status == RV_E_NOMEM || o->status == RV_E_IO, o,
           "not called out of memory");
    expect(rows() == (int64_t)OLD * BATCH, o, "reading changed something");
}

static void reading(void)
{
    each_fault(&(scene){"reading a journal", some_and_a_tail, read_in_order, check_read});
}

int main(void)
{
    const CU_TestInfo cases[] = {{"writing", writing}, {"settling", settling}, {"reading", reading}, CU_TEST_INFO_NULL};
    return scene_main("the k-th call of a journal fails", cases);
}
