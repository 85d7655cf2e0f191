#include "base/file.h"
#include "data/journal_format.h"
#include "data/journal_reader.h"
#include "rv_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_OBS = 3, N_ACT = 1, WIDTH = 2 * N_OBS + N_ACT + 2, HEAD = RV_JOURNAL_HEAD, MOST = 64 };
static const size_t record_size = 80; /* 40 and 9 floats, up to a multiple of 8 */
static const rv_journal_shape shape = {N_OBS, N_ACT, 2, 0x123456789abcdef0};
static char run[RV_PATH];

/* ---- rows that say where they stand ---- */

static float number(uint32_t env, uint64_t step, int i)
{
    return (float)(1000 * step + 100 * env) + (float)i / 16;
}

/* episodes of 4 steps; env 0 ends them, env 1 is cut */
static rv_journal_record record_of(uint32_t env, uint64_t step, float row[WIDTH])
{
    rv_journal_record r = {.env = env, .step = step, .episode = (uint32_t)step / 4, .failures = env, .row = row};
    r.flags = step % 4 == 0 ? RV_ROW_BEGINS : step % 4 == 3 ? env == 0 ? RV_ROW_TERMINATED : RV_ROW_TRUNCATED : 0;
    for (int i = 0; i < WIDTH; i++)
        row[i] = number(env, step, i);
    r.reward = 0.1 * (double)step;
    row[WIDTH - 2] = (float)r.reward;
    row[WIDTH - 1] = r.flags & RV_ROW_TERMINATED ? 1.0F : 0.0F;
    return r;
}

static void add(rv_journal *j, uint32_t env, uint64_t step)
{
    float row[WIDTH];
    const rv_journal_record r = record_of(env, step, row);
    RV_TEST_OK(rv_journal_add(j, &r));
}

static void fresh(void)
{
    char path[RV_PATH];
    RV_TEST_OK(rv_folder_remove(run));
    RV_TEST_OK(rv_folder_make(run));
    RV_TEST_OK(rv_path_join(run, "journal", path));
    RV_TEST_OK(rv_folder_make(path));
}

/* one environment's steps in a segment */
static void write_segment(int start, int rank, uint32_t env, uint64_t first, uint64_t n)
{
    rv_journal *j = NULL;
    RV_TEST_OK(rv_journal_create(run, &shape, start, rank, 1, RV_DURABLE_PROCESS, &j));
    for (uint64_t s = first; s < first + n; s++) {
        add(j, env, s);
        RV_TEST_OK(rv_journal_write(j));
    }
    rv_journal_destroy(&j);
}

static const char *segment(const char *name)
{
    static char path[RV_PATH];
    char inner[RV_PATH];
    RV_TEST_OK(rv_path_join("journal", name, inner));
    RV_TEST_OK(rv_path_join(run, inner, path));
    return path;
}

/* every row must be what was written */
typedef struct seen {
    int n;
    uint64_t next[2];
} seen;

static rv_status see(void *user, const rv_journal_record *r)
{
    seen *s = user;
    float row[WIDTH];
    const rv_journal_record expected = record_of(r->env, r->step, row);
    CU_ASSERT_EQUAL(r->step, s->next[r->env]++);
    CU_ASSERT(r->flags == expected.flags && r->episode == expected.episode && r->failures == expected.failures);
    CU_ASSERT(r->reward == expected.reward && memcmp(r->row, row, sizeof row) == 0);
    s->n++;
    return RV_OK;
}

static int read_all(rv_journal_info *info)
{
    seen s = {0};
    RV_TEST_OK(rv_journal_read(run, &shape, see, &s, info));
    CU_ASSERT_EQUAL(info->n_rows, s.n);
    return s.n;
}

static void refused(const char *text)
{
    rv_journal_info info;
    RV_TEST_FAILS(rv_journal_read(run, &shape, NULL, NULL, &info), RV_E_DATA, text);
}

/* ---- cases ---- */

static void round_trip(void)
{
    rv_journal_info info;
    rv_journal *j = NULL;
    int start = 0;
    RV_TEST_OK(rv_folder_remove(run));
    RV_TEST_OK(rv_folder_make(run));
    CU_ASSERT_EQUAL(read_all(&info), 0);
    rv_journal_info_clear(&info);
    RV_TEST_OK(rv_journal_settle(run, &shape, 0, &info, &start));
    rv_journal_info_clear(&info);
    CU_ASSERT_EQUAL(start, 1);
    /* both environments on one rank, then each on its own, then both on another rank */
    RV_TEST_OK(rv_journal_create(run, &shape, 1, 0, 2, RV_DURABLE_POWER, &j));
    for (uint64_t s = 0; s < 5; s++) {
        add(j, 0, s);
        add(j, 1, s);
        RV_TEST_FAILS(rv_journal_add(j, &(rv_journal_record){.row = (float[WIDTH]){0}}), RV_E_INTERNAL, "more than 2");
        RV_TEST_OK(rv_journal_write(j));
        RV_TEST_OK(rv_journal_commit(j));
    }
    RV_TEST_OK(rv_journal_write(j)); /* nothing */
    rv_journal_destroy(&j);
    write_segment(2, 4, 1, 5, 3);
    write_segment(2, 7, 0, 5, 6);
    RV_TEST_OK(rv_journal_create(run, &shape, 3, 2, 2, RV_DURABLE_PROCESS, &j));
    for (uint64_t s = 8; s < 12; s++) {
        add(j, 1, s);
        if (s >= 11)
            add(j, 0, s);
        RV_TEST_OK(rv_journal_write(j));
    }
    RV_TEST_OK(rv_journal_sync(j));
    rv_journal_destroy(&j);
    CU_ASSERT_EQUAL(read_all(&info), 24);
    CU_ASSERT(info.rows[0] == 12 && info.rows[1] == 12 && info.n_episodes == 6);
    CU_ASSERT(info.n_terminated == 3 && info.n_truncated == 3 && info.n_segments == 4);
    CU_ASSERT(info.segments[1].start == 2 && info.segments[1].rank == 4 && info.segments[1].n_rows == 3);
    CU_ASSERT_EQUAL(info.segments[1].bytes, HEAD + 3 * (int64_t)record_size);
    rv_journal_info_clear(&info);

    /* in order */
    float rows[24 * WIDTH];
    RV_TEST_OK(rv_journal_rows(run, &shape, 24, rows));
    for (int i = 0; i < 24; i++)
        CU_ASSERT_EQUAL(rows[i * WIDTH], number((uint32_t)i % 2, (uint64_t)i / 2, 0));
    RV_TEST_FAILS(rv_journal_rows(run, &shape, 26, rows), RV_E_DATA, "holds 24 of the 26 real rows");
    RV_TEST_OK(rv_journal_settle(run, &shape, 0, &info, &start));
    CU_ASSERT(start == 4 && info.n_rows == 24);
    rv_journal_info_clear(&info);
    /* whose shape nobody knows */
    RV_TEST_OK(rv_journal_read(run, NULL, NULL, NULL, &info));
    CU_ASSERT(info.shape.n_obs == N_OBS && info.shape.n_act == N_ACT && info.shape.n_envs == 2);
    CU_ASSERT(info.shape.config_hash == shape.config_hash && info.n_rows == 24);
    rv_journal_info_clear(&info);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void append_bytes(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat st;
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    return st.st_size;
}

/* the present segment has a tail of that length: reported, then cut, and the run goes on */
static void torn(int n_rows, int64_t n_torn)
{
    rv_journal_info info;
    int start = 0;
    const char *path = segment("000001_00000_000.seg");
    CU_ASSERT_EQUAL(read_all(&info), n_rows);
    CU_ASSERT_EQUAL(info.segments[0].torn, n_torn);
    rv_journal_info_clear(&info);
    RV_TEST_OK(rv_journal_settle(run, &shape, 0, &info, &start));
    CU_ASSERT_EQUAL(info.segments[0].torn, n_torn);
    rv_journal_info_clear(&info);
    CU_ASSERT_EQUAL(size_of(path), HEAD + n_rows * (off_t)record_size);
    CU_ASSERT_EQUAL(start, 2);
    write_segment(start, 3, 0, (uint64_t)n_rows, 2);
    CU_ASSERT_EQUAL(read_all(&info), n_rows + 2);
    rv_journal_info_clear(&info);
}

static void torn_tails(void)
{
    unsigned char garbage[4096];
    for (size_t n = 0; n < 3 * record_size; n++) { /* cut at every byte */
        fresh();
        write_segment(1, 0, 0, 0, 3);
        CU_ASSERT_EQUAL_FATAL(truncate(segment("000001_00000_000.seg"), HEAD + (off_t)n), 0);
        torn((int)(n / record_size), (int64_t)(n % record_size));
    }
    for (size_t n = 1; n < sizeof garbage; n += n < 200 ? 1 : 509) { /* zeros, then garbage, of many lengths */
        memset(garbage, 0, sizeof garbage);
        for (int kind = 0; kind < 2; kind++) {
            fresh();
            write_segment(1, 0, 0, 0, 2);
            append_bytes(segment("000001_00000_000.seg"), garbage, n);
            torn(2, (int64_t)n);
            for (size_t i = 0; i < sizeof garbage; i++)
                garbage[i] = (unsigned char)(i * i * 31 + 80);
        }
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* every bit that is flipped is found: in the last record as a tail, elsewhere as damage */
static void flipped_bits(void)
{
    char *bytes = NULL;
    size_t n = 0;
    rv_journal_info info;
    fresh();
    write_segment(1, 0, 0, 0, 3);
    const char *path = segment("000001_00000_000.seg");
    RV_TEST_OK(rv_file_read(path, 1 << 20, &bytes, &n));
    CU_ASSERT_EQUAL(n, HEAD + 3 * record_size);
    for (size_t i = 0; i < 8 * n; i++) {
        bytes[i / 8] ^= (char)(1 << i % 8);
        RV_TEST_OK(rv_file_write(path, bytes, n));
        if (i / 8 < HEAD + 2 * record_size)
            refused(i / 8 < HEAD ? "000001_00000_000.seg: " : "a damaged record, and a whole one follows");
        else {
            CU_ASSERT_EQUAL(read_all(&info), 2);
            CU_ASSERT_EQUAL(info.segments[0].torn, (int64_t)record_size);
            rv_journal_info_clear(&info);
        }
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    rv_mem_free(&bytes);
    CU_ASSERT_EQUAL(truncate(path, HEAD - 1), 0);
    refused("63 bytes are no segment");
    CU_ASSERT_EQUAL(truncate(path, 0), 0);
    refused("0 bytes are no segment");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* a head or record that is whole, but not what a writer says */
static void change(size_t at, const void *value, size_t n_value)
{
    char *bytes = NULL;
    size_t n = 0;
    fresh();
    write_segment(1, 0, 0, 0, 3);
    const char *path = segment("000001_00000_000.seg");
    RV_TEST_OK(rv_file_read(path, 1 << 20, &bytes, &n));
    memcpy(bytes + at, value, n_value);
    uint32_t crc = rv_crc32c(0, bytes, HEAD - 4);
    memcpy(bytes + HEAD - 4, &crc, 4);
    for (size_t r = HEAD; r < n; r += record_size) {
        crc = rv_journal_record_crc((unsigned char *)bytes + r, record_size);
        memcpy(bytes + r + 4, &crc, 4);
    }
    RV_TEST_OK(rv_file_write(path, bytes, n));
    rv_mem_free(&bytes);
}

static void change_u32(size_t at, uint32_t value)
{
    change(at, &value, sizeof value);
}

static void wrong_content(void)
{
    const size_t second = HEAD + record_size;
    const float nan_f = NAN;
    const uint64_t step_5 = 5, step_0 = 0, hash = 1;
    change_u32(8, 2);
    refused("version 2 of the journal, this program reads version 1");
    change_u32(12, 4);
    refused("there are none such");
    change_u32(24, 0);
    refused("there are none such");
    change_u32(24, 3);
    refused("of 3 environments, expected 3, 1 and 2: it is of another run");
    change(40, &hash, sizeof hash);
    refused("written with other settings");
    change_u32(28, 2);
    refused("it holds part 0 of rank 0 in start 2: it was renamed");
    change_u32(second + 8, 2);
    refused(":144: a record of env 2, step 1");
    change_u32(second + 12, 6);
    refused("do not go together");
    change_u32(second + 12, 8);
    refused("do not go together");
    change_u32(second + 12, RV_ROW_BEGINS); /* of the same episode */
    refused("step 1 of env 0 is of episode 0 after 0 failures, the one before of 0");
    change_u32(HEAD + 12, 0);
    refused("step 0 of env 0 is of episode 0");
    change_u32(second + 24, 1); /* another episode, without a begin */
    refused("step 1 of env 0 is of episode 1");
    change_u32(second + 28, 1); /* failures that are forgotten in the next row */
    refused("step 2 of env 0 is of episode 0 after 0 failures, the one before of 0 after 1");
    change(second + 40, &nan_f, sizeof nan_f);
    refused("do not go together");
    change(second + 40 + 4 * (WIDTH - 2), &(float){2}, sizeof(float));
    refused("do not go together");
    change(second + 16, &step_5, sizeof step_5);
    refused(":144: env 0 goes on with step 5, expected 1");
    change(second + 16, &step_0, sizeof step_0);
    refused(":144: step 0 of env 0 is there twice");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void wrong_files(void)
{
    rv_journal_info info;
    fresh();
    write_segment(1, 0, 0, 0, 3);
    write_segment(2, 0, 0, 2, 3);
    refused("000002_00000_000.seg:64: step 2 of env 0 is there twice");
    fresh();
    write_segment(1, 0, 0, 0, 3);
    write_segment(2, 0, 0, 3, 3);
    /* a tail that a later start has gone on behind is no tail: its row was there */
    CU_ASSERT_EQUAL(truncate(segment("000001_00000_000.seg"), HEAD + 3 * (off_t)record_size - 1), 0);
    refused("000002_00000_000.seg:64: env 0 goes on with step 3, expected 2");
    RV_TEST_FAILS(rv_journal_settle(run, &shape, 0, &info, &(int){0}), RV_E_DATA, "expected 2");
    CU_ASSERT_EQUAL(size_of(segment("000001_00000_000.seg")), HEAD + 3 * (off_t)record_size - 1);
    CU_ASSERT_EQUAL(unlink(segment("000001_00000_000.seg")), 0);
    refused("env 0 goes on with step 3, expected 0");

    fresh();
    write_segment(1, 0, 0, 0, 3);
    RV_TEST_OK(rv_file_write(segment("notes.txt"), "x", 1));
    refused("notes.txt' is no segment of a journal: move it away");
    CU_ASSERT_EQUAL(unlink(segment("notes.txt")), 0);
    RV_TEST_OK(rv_file_write(segment("1_0_0.seg"), "x", 1));
    refused("1_0_0.seg' is no segment");
    CU_ASSERT_EQUAL(unlink(segment("1_0_0.seg")), 0);
    RV_TEST_OK(rv_file_write(segment("000001_00003_000.seg"),
                             "something else, of more than sixty-four bytes, which is "
                             "the length of a head",
                             76));
    refused("it does not begin like a segment");
    char from[RV_PATH];
    snprintf(from, sizeof from, "%s", segment("000001_00000_000.seg"));
    CU_ASSERT_EQUAL(unlink(segment("000001_00003_000.seg")), 0);
    CU_ASSERT_EQUAL(rename(from, segment("000001_00000_001.seg")), 0);
    refused("000001_00000_001.seg: the part before it is missing");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* a segment that did not come to be is nothing, and goes */
static void unnamed(void)
{
    rv_journal_info info;
    int start = 0;
    fresh();
    RV_TEST_OK(rv_file_write(segment(".000001_00000_000.seg"), "rvjou", 5));
    RV_TEST_OK(rv_file_write(segment(".nfs0001"), "", 0));
    RV_TEST_OK(rv_journal_settle(run, &shape, 0, &info, &start));
    rv_journal_info_clear(&info);
    CU_ASSERT(start == 1 && !rv_file_exists(segment(".000001_00000_000.seg")) && rv_file_exists(segment(".nfs0001")));
}

/* who goes on waits for who wrote */
static void one_writer(void)
{
    rv_journal_info info;
    rv_journal *j = NULL;
    rv_journal *other = NULL;
    int start = 0;
    fresh();
    RV_TEST_OK(rv_journal_create(run, &shape, 1, 0, 1, RV_DURABLE_PROCESS, &j));
    RV_TEST_FAILS(rv_journal_settle(run, &shape, 0.05, &info, &start), RV_E_EXISTS, "is still being written by a rank");
    RV_TEST_FAILS(rv_journal_create(run, &shape, 1, 0, 1, RV_DURABLE_PROCESS, &other), RV_E_EXISTS, "exists already");
    rv_journal_destroy(&j);
    RV_TEST_OK(rv_journal_settle(run, &shape, 0, &info, &start));
    rv_journal_info_clear(&info);
    CU_ASSERT_EQUAL(start, 2);
}

/* rows so wide that a few fill a part */
static void parts(void)
{
    enum { WIDE = 60000, N = 300 };
    const rv_journal_shape wide = {WIDE, 1, 1, 7};
    rv_journal_info info;
    rv_journal *j = NULL;
    float *row = NULL;
    RV_TEST_OK(RV_NEW(row, 2 * WIDE + 3));
    fresh();
    RV_TEST_OK(rv_journal_create(run, &wide, 1, 0, 3, RV_DURABLE_PROCESS, &j));
    int64_t calls = rv_mem_calls();
    for (uint64_t s = 0; s < N; s++) {
        const rv_journal_record r = {.flags = s == 0, .step = s, .row = row};
        row[0] = (float)s;
        RV_TEST_OK(rv_journal_add(j, &r));
        if (s % 3 == 2)
            RV_TEST_OK(rv_journal_write(j));
    }
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    RV_TEST_FAILS(rv_journal_settle(run, &wide, 0, &info, &(int){0}), RV_E_EXISTS, "_000.seg' is still being written");
    rv_journal_destroy(&j);
    rv_mem_free(&row);
    RV_TEST_OK(rv_journal_read(run, &wide, NULL, NULL, &info));
    CU_ASSERT(info.n_segments == 3 && info.n_rows == N && info.segments[0].n_rows == 138);
    CU_ASSERT(info.segments[0].bytes <= RV_JOURNAL_PART && info.segments[1].bytes <= RV_JOURNAL_PART);
    rv_journal_info_clear(&info);
    const rv_journal_shape wider = {600000, 1, 1, 7};
    RV_TEST_FAILS(rv_journal_create(run, &wider, 2, 0, 1, 0, &j), RV_E_CONFIG, "at most 4194304 are allowed");
    RV_TEST_OK(rv_folder_remove(run));
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* a disk that takes a part of a batch: the file ends with a whole row, whatever the part */
static void full_disk(void)
{
    struct rlimit was, limit;
    rv_journal_info info;
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &was), 0);
    for (size_t room = 0; room < 2 * record_size; room++) {
        rv_journal *j = NULL;
        fresh();
        RV_TEST_OK(rv_journal_create(run, &shape, 1, 0, 2, RV_DURABLE_PROCESS, &j));
        add(j, 0, 0);
        RV_TEST_OK(rv_journal_write(j));
        limit = (struct rlimit){HEAD + record_size + room, was.rlim_max};
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
        add(j, 0, 1);
        add(j, 0, 2);
        rv_status status = rv_journal_write(j);
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &was), 0);
        CU_ASSERT_EQUAL(status, RV_E_IO);
        CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, "000001_00000_000.seg': File too large; it ends with"));
        add(j, 0, 1);
        RV_TEST_FAILS(rv_journal_write(j), RV_E_IO, "takes no more rows since an error");
        RV_TEST_FAILS(rv_journal_sync(j), RV_E_IO, "takes no more rows since an error");
        rv_journal_destroy(&j);
        CU_ASSERT_EQUAL(read_all(&info), 1 + (int)(room / record_size));
        CU_ASSERT_EQUAL(info.segments[0].torn, 0);
        rv_journal_info_clear(&info);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void not_finite(void)
{
    rv_journal *j = NULL;
    float row[WIDTH];
    fresh();
    RV_TEST_OK(rv_journal_create(run, &shape, 1, 0, 1, RV_DURABLE_PROCESS, &j));
    rv_journal_record r = record_of(0, 0, row);
    row[2] = INFINITY;
    RV_TEST_FAILS(rv_journal_add(j, &r), RV_E_NONFINITE, "number 2 of the row of env 0's step 0 is inf");
    r = record_of(0, 0, row);
    r.reward = NAN;
    RV_TEST_FAILS(rv_journal_add(j, &r), RV_E_NONFINITE, "the reward of env 0's step 0");
    add(j, 0, 0);
    RV_TEST_OK(rv_journal_write(j));
    rv_journal_destroy(&j);
}

/* in memory where there is a file system for it: most cases sync small files, thousands of times */
static int run_in(char *folder, const CU_TestInfo *cases)
{
    if (!mkdtemp(folder) || rv_path_join(folder, "run", run) != RV_OK)
        return 2;
    int failed = rv_test_run("journal", cases);
    return rv_folder_remove(folder) == RV_OK ? failed : 2;
}

int main(void)
{
    const CU_TestInfo cases[] = {
        {"torn tails", torn_tails},   {"flipped bits", flipped_bits}, {"wrong content", wrong_content},
        {"wrong files", wrong_files}, {"unnamed", unnamed},           {"one writer", one_writer},
        {"full disk", full_disk},     {"not finite", not_finite},     CU_TEST_INFO_NULL};
    const CU_TestInfo on_disk[] = {{"round trip", round_trip}, {"parts", parts}, CU_TEST_INFO_NULL};
    char folder[] = "/dev/shm/rv_journal_XXXXXX";
    char disk[] = "/tmp/rv_journal_XXXXXX";
    return run_in(access("/dev/shm", W_OK) == 0 ? folder : (char[]){"/tmp/rv_journal_XXXXXX"}, cases) |
           run_in(disk, on_disk);
}
