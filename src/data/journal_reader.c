#include "data/journal_reader.h"

#include "base/clock.h"
#include "base/disk.h"
#include "base/hash.h"
#include "base/memory.h"
#include "data/journal_format.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const double look_again_s = 0.01;

/* ---- one segment ---- */

static rv_status check_head(const char *name, const unsigned char *bytes, size_t n, const rv_journal_shape *expected,
                            rv_journal_head *head)
{
    RV_CHECK(n >= RV_JOURNAL_HEAD, RV_E_DATA, "%s: %zu bytes are no segment of a journal: put it back from a copy",
             name, n);
    memcpy(head, bytes, sizeof *head);
    RV_CHECK(memcmp(head->magic, RV_JOURNAL_MAGIC, sizeof head->magic) == 0, RV_E_DATA,
             "%s: it does not begin like a segment of a journal: move it away, or put it back from a copy", name);
    RV_CHECK(head->crc == rv_journal_head_crc(head), RV_E_DATA, "%s: its head is damaged: put it back from a copy",
             name);
    RV_CHECK(head->version == RV_JOURNAL_VERSION, RV_E_DATA,
             "%s: version %u of the journal, this program reads version %d: use the one that wrote it", name,
             head->version, RV_JOURNAL_VERSION);
    bool fits = head->n_obs <= RV_JOURNAL_RECORD_MAX && head->n_act <= RV_JOURNAL_RECORD_MAX && head->n_envs >= 1 &&
                head->n_envs <= RV_JOURNAL_ENVS;
    RV_CHECK(fits && head->width == (uint32_t)rv_row_of((int)head->n_obs, (int)head->n_act).width &&
                 rv_journal_record_size(head->width) <= RV_JOURNAL_RECORD_MAX,
             RV_E_DATA,
             "%s: rows of %u observations, %u actions and %u numbers of %u environments: there are none such", name,
             head->n_obs, head->n_act, head->width, head->n_envs);
    if (!expected)
        return RV_OK;
    RV_CHECK((int)head->n_obs == expected->n_obs && (int)head->n_act == expected->n_act &&
                 (int)head->n_envs == expected->n_envs,
             RV_E_DATA,
             "%s: rows of %u observations and %u actions of %u environments, expected %d, %d and %d: it is of another "
             "run",
             name, head->n_obs, head->n_act, head->n_envs, expected->n_obs, expected->n_act, expected->n_envs);
    RV_CHECK(head->config_hash == expected->config_hash, RV_E_DATA,
             "%s: it was written with other settings (%016llx, the run has %016llx): it is of another run", name,
             (unsigned long long)head->config_hash, (unsigned long long)expected->config_hash);
    return RV_OK;
}

static bool is_whole(const unsigned char *record, size_t left, size_t size)
{
    rv_journal_prefix prefix;
    if (left < size)
        return false;
    memcpy(&prefix, record, sizeof prefix);
    return prefix.length == size && prefix.crc == rv_journal_record_crc(record, size);
}

/* a whole record says what no writer says */
static rv_status check_record(const char *name, size_t at, const rv_journal_head *head, const rv_journal_record *r)
{
    const rv_row row = rv_row_of((int)head->n_obs, (int)head->n_act);
    bool terminated = r->flags & RV_ROW_TERMINATED;
    bool truncated = r->flags & RV_ROW_TRUNCATED;
    bool fits = r->env < head->n_envs && r->flags <= (RV_ROW_BEGINS | RV_ROW_TERMINATED | RV_ROW_TRUNCATED) &&
                !(terminated && truncated) && r->step < INT64_MAX / RV_JOURNAL_ENVS && isfinite(r->reward);
    for (int i = 0; fits && i < row.width; i++)
        fits = isfinite(r->row[i]);
    fits = fits && r->row[row.reward] == (float)r->reward && r->row[row.terminated] == (terminated ? 1.0F : 0.0F);
    RV_CHECK(
        fits, RV_E_DATA,
        "%s:%zu: a record of env %u, step %llu with flags %u, reward %g and a row that do not go together: put the "
        "file back from a copy",
        name, at, r->env, (unsigned long long)r->step, r->flags, r->reward);
    return RV_OK;
}

/* nothing whole may follow a record that is not */
static rv_status check_tail(const char *name, const unsigned char *bytes, size_t at, size_t n, size_t size)
{
    for (size_t i = at + 8; i + size <= n; i += 8)
        RV_CHECK(!is_whole(bytes + i, n - i, size), RV_E_DATA,
                 "%s:%zu: a damaged record, and a whole one follows at %zu: put the file back from a copy; if the "
                 "newest checkpoint is older, 'truncate -s %zu' on it gives up what follows",
                 name, at, i, at);
    return RV_OK;
}

rv_status rv_journal_parse(const char *name, const unsigned char *bytes, size_t n, const rv_journal_shape *expected,
                           rv_journal_take take, void *user, rv_journal_segment *segment, rv_journal_shape *shape)
{
    rv_journal_head head;
    RV_TRY(check_head(name, bytes, n, expected, &head));
    const rv_journal_shape its = {(int)head.n_obs, (int)head.n_act, (int)head.n_envs, head.config_hash};
    size_t size = rv_journal_record_size(head.width);
    size_t at = RV_JOURNAL_HEAD;
    int64_t n_rows = 0;
    for (; is_whole(bytes + at, n - at, size); at += size, n_rows++) {
        rv_journal_prefix p;
        memcpy(&p, bytes + at, sizeof p);
        const rv_journal_record record = {.env = p.env,
                                          .flags = p.flags,
                                          .step = p.step,
                                          .episode = p.episode,
                                          .failures = p.failures,
                                          .reward = p.reward,
                                          .row = (const float *)(const void *)(bytes + at + sizeof p)};
        RV_TRY(check_record(name, at, &head, &record));
        rv_status status = take ? take(user, &record) : RV_OK;
        if (status != RV_OK)
            return rv_error_prefix(status, "%s:%zu", name, at);
    }
    RV_TRY(check_tail(name, bytes, at, n, size));
    *segment = (rv_journal_segment){.start = (int)head.start,
                                    .rank = (int)head.rank,
                                    .part = (int)head.part,
                                    .n_rows = n_rows,
                                    .bytes = (int64_t)at,
                                    .torn = (int64_t)(n - at)};
    *shape = its;
    return RV_OK;
}

/* ---- all of them ---- */

/* where an environment is in the journal */
typedef struct env_place {
    uint64_t next; /* step */
    uint32_t episode, failures;
    bool is_over; /* the episode */
} env_place;

/* a look over a journal */
typedef struct reading {
    rv_journal_info *info;
    rv_journal_take take;
    void *user;
    env_place *envs; /* (shape.n_envs) */
} reading;

static rv_status take_record(void *user, const rv_journal_record *r)
{
    reading *all = user;
    rv_journal_info *info = all->info;
    env_place *e = &all->envs[r->env];
    bool begins = r->flags & RV_ROW_BEGINS;
    RV_CHECK(r->step >= e->next, RV_E_DATA,
             "step %llu of env %u is there twice: keep the copy of the folder that one program alone wrote to",
             (unsigned long long)r->step, r->env);
    RV_CHECK(r->step == e->next, RV_E_DATA,
             "env %u goes on with step %llu, expected %llu: rows between are lost; put the folder back from a copy",
             r->env, (unsigned long long)r->step, (unsigned long long)e->next);
    bool follows = e->next == 0 || (r->episode >= e->episode && r->failures >= e->failures &&
                                    (r->episode > e->episode) == begins && (begins || !e->is_over));
    RV_CHECK(
        follows && (begins || e->next > 0), RV_E_DATA,
        "step %llu of env %u is of episode %u after %u failures, the one before of %u after %u: put the folder back "
        "from a copy",
        (unsigned long long)r->step, r->env, r->episode, r->failures, e->episode, e->failures);
    *e = (env_place){r->step + 1, r->episode, r->failures, r->flags & (RV_ROW_TERMINATED | RV_ROW_TRUNCATED)};
    info->rows[r->env]++;
    info->n_rows++;
    info->n_episodes += begins;
    info->n_terminated += (r->flags & RV_ROW_TERMINATED) != 0;
    info->n_truncated += (r->flags & RV_ROW_TRUNCATED) != 0;
    return all->take ? all->take(all->user, r) : RV_OK;
}

static bool parse_name(const char *name, rv_journal_segment *out)
{
    char again[RV_JOURNAL_NAME_SIZE];
    char *end = NULL;
    long start = strtol(name, &end, 10);
    long rank = *end == '_' ? strtol(end + 1, &end, 10) : -1;
    long part = *end == '_' ? strtol(end + 1, &end, 10) : -1;
    bool fits = start >= 1 && start < INT32_MAX && rank >= 0 && rank < INT32_MAX && part >= 0 && part < INT32_MAX;
    if (!fits)
        return false;
    *out = (rv_journal_segment){.start = (int)start, .rank = (int)rank, .part = (int)part};
    snprintf(again, sizeof again, RV_JOURNAL_NAME, out->start, out->rank, out->part);
    return strcmp(again, name) == 0;
}

static int compare(const void *a, const void *b)
{
    const rv_journal_segment *x = a;
    const rv_journal_segment *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->part > y->part) - (x->part < y->part);
}

static rv_status add_segment(rv_journal_info *info, int *capacity, const char *name)
{
    rv_journal_segment segment;
    RV_CHECK(parse_name(name, &segment), RV_E_DATA, "'%s/%s' is no segment of a journal: move it away", info->folder,
             name);
    if (info->n_segments == *capacity) {
        int more = *capacity ? 2 * *capacity : 16;
        RV_TRY(rv_mem_resize((size_t)*capacity, (size_t)more, sizeof segment, (void **)&info->segments));
        *capacity = more;
    }
    info->segments[info->n_segments++] = segment;
    return RV_OK;
}

/* names that begin with a dot are of segments that did not come to be, or of a file system's */
static rv_status list_segments(const char *run_dir, rv_journal_info *info)
{
    int capacity = 0;
    rv_status status = RV_OK;
    RV_TRY(rv_path_join(run_dir, RV_JOURNAL_FOLDER, info->folder));
    DIR *folder = opendir(info->folder);
    if (!folder && errno == ENOENT)
        return RV_OK;
    RV_CHECK(folder, RV_E_IO, "cannot open folder '%s': %s", info->folder, strerror(errno));
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry)
            break;
        if (entry->d_name[0] == '.')
            continue;
        status = add_segment(info, &capacity, entry->d_name);
        if (status != RV_OK)
            break;
    }
    int why = errno;
    closedir(folder);
    RV_TRY(status);
    RV_CHECK(why == 0, RV_E_IO, "cannot read folder '%s': %s", info->folder, strerror(why));
    if (info->n_segments > 0)
        qsort(info->segments, (size_t)info->n_segments, sizeof *info->segments, compare);
    return RV_OK;
}

rv_status rv_journal_segment_path(const rv_journal_info *info, const rv_journal_segment *s, char out[RV_PATH])
{
    char name[RV_JOURNAL_NAME_SIZE];
    snprintf(name, sizeof name, RV_JOURNAL_NAME, s->start, s->rank, s->part);
    return rv_path_join(info->folder, name, out);
}

/* what the first segment is of, the others are */
static rv_status learn_shape(const rv_journal_shape *shape, reading *all)
{
    rv_journal_info *info = all->info;
    info->shape = *shape;
    info->row = rv_row_of(shape->n_obs, shape->n_act);
    RV_TRY(RV_NEW(info->rows, shape->n_envs));
    return RV_NEW(all->envs, shape->n_envs);
}

/* the bytes of a file into a block that grows */
static rv_status read_file(const char *path, unsigned char **block, size_t *capacity, size_t *n_out)
{
    rv_status status = RV_OK;
    struct stat st;
    size_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    RV_CHECK(fd >= 0, RV_E_IO, "cannot open '%s': %s", path, strerror(errno));
    RV_CHECK_GOTO(fstat(fd, &st) == 0, RV_E_IO, done, "cannot look at '%s': %s", path, strerror(errno));
    RV_CHECK_GOTO(S_ISREG(st.st_mode) && st.st_size <= RV_JOURNAL_FILE_MAX, RV_E_DATA, done,
                  "'%s' is no segment of a journal: move it away", path);
    if (!*block || (size_t)st.st_size > *capacity) {
        rv_mem_free(block);
        *capacity = 0;
        RV_TRY_GOTO(RV_NEW(*block, st.st_size), done);
        *capacity = (size_t)st.st_size;
    }
    while (n < (size_t)st.st_size) {
        ssize_t got = read(fd, *block + n, (size_t)st.st_size - n);
        if (got < 0 && errno == EINTR)
            continue;
        RV_CHECK_GOTO(got >= 0, RV_E_IO, done, "cannot read '%s': %s", path, strerror(errno));
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *n_out = n;
done:
    close(fd);
    return status;
}

static rv_status read_segment(reading *all, const rv_journal_shape *expected, rv_journal_segment *s,
                              unsigned char **block, size_t *capacity)
{
    char path[RV_PATH];
    size_t n = 0;
    rv_journal_segment found = {0};
    rv_journal_shape shape;
    rv_journal_head head;
    RV_TRY(rv_journal_segment_path(all->info, s, path));
    RV_TRY(read_file(path, block, capacity, &n));
    if (!all->envs) {
        RV_TRY(check_head(path, *block, n, expected, &head));
        shape = (rv_journal_shape){(int)head.n_obs, (int)head.n_act, (int)head.n_envs, head.config_hash};
        RV_TRY(learn_shape(&shape, all));
    }
    RV_TRY(rv_journal_parse(path, *block, n, &all->info->shape, take_record, all, &found, &shape));
    RV_CHECK(compare(s, &found) == 0, RV_E_DATA,
             "%s: it holds part %d of rank %d in start %d: it was renamed; give it its name back", path, found.part,
             found.rank, found.start);
    *s = found;
    return RV_OK;
}

/* parts of a rank follow each other */
static rv_status check_parts(const rv_journal_info *info)
{
    for (int i = 0; i < info->n_segments; i++) {
        const rv_journal_segment *s = &info->segments[i];
        bool goes_on = i > 0 && s[-1].start == s->start && s[-1].rank == s->rank;
        char path[RV_PATH];
        RV_TRY(rv_journal_segment_path(info, s, path));
        RV_CHECK(s->part == (goes_on ? s[-1].part + 1 : 0), RV_E_DATA,
                 "%s: the part before it is missing: put the folder back from a copy", path);
    }
    return RV_OK;
}

rv_status rv_journal_read(const char *run_dir, const rv_journal_shape *expected, rv_journal_take take, void *user,
                          rv_journal_info *out)
{
    rv_status status = RV_OK;
    unsigned char *block = NULL;
    size_t capacity = 0;
    rv_journal_info info = {.n_segments = 0};
    reading all = {&info, take, user, NULL};
    RV_TRY_GOTO(list_segments(run_dir, &info), done);
    RV_TRY_GOTO(check_parts(&info), done);
    if (expected)
        RV_TRY_GOTO(learn_shape(expected, &all), done);
    for (int i = 0; i < info.n_segments; i++)
        RV_TRY_GOTO(read_segment(&all, expected, &info.segments[i], &block, &capacity), done);
    *out = info;
done:
    rv_mem_free(&block);
    rv_mem_free(&all.envs);
    if (status != RV_OK)
        rv_journal_info_clear(&info);
    return status;
}

void rv_journal_info_clear(rv_journal_info *info)
{
    rv_mem_free(&info->segments);
    rv_mem_free(&info->rows);
    info->n_segments = 0;
}

/* ---- going on ---- */

/* until no process holds the lock that a writer holds */
static rv_status wait_for_writer(const char *path, double until)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    RV_CHECK(fd >= 0, RV_E_IO, "cannot open '%s': %s", path, strerror(errno));
    bool is_held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    while (is_held && rv_clock_now() < until) {
        rv_clock_sleep(look_again_s);
        is_held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    }
    close(fd);
    RV_CHECK(!is_held, RV_E_EXISTS, "'%s' is still being written by a rank of an earlier start: end that process",
             path);
    return RV_OK;
}

/* a writer that lives holds the lock of its part 0: once none is held, there are no writers */
static rv_status wait_for_writers(const char *run_dir, double wait_s)
{
    rv_journal_info info = {.n_segments = 0};
    double until = rv_clock_now() + wait_s;
    rv_status status = list_segments(run_dir, &info);
    for (int i = 0; i < info.n_segments && status == RV_OK; i++) {
        char path[RV_PATH];
        status = rv_journal_segment_path(&info, &info.segments[i], path);
        if (status == RV_OK && info.segments[i].part == 0)
            status = wait_for_writer(path, until);
    }
    rv_journal_info_clear(&info);
    return status;
}

/* cut the torn tail off, and bring the rest to the disk: its writer may have been killed before it did */
static rv_status settle_segment(const rv_journal_info *info, const rv_journal_segment *s)
{
    rv_status status = RV_OK;
    char path[RV_PATH];
    RV_TRY(rv_journal_segment_path(info, s, path));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    RV_CHECK(fd >= 0, RV_E_IO, "cannot open '%s': %s", path, strerror(errno));
    int failed = 0;
    do
        failed = s->torn > 0 && ftruncate(fd, s->bytes) != 0;
    while (failed && errno == EINTR);
    RV_CHECK_GOTO(!failed, RV_E_IO, done, "cannot cut '%s': %s", path, strerror(errno));
    RV_CHECK_GOTO(rv_disk_sync(fd) == 0, RV_E_IO, done, "cannot sync '%s': %s", path, strerror(errno));
done:
    close(fd);
    return status;
}

/* segments that did not come to be */
static rv_status sweep(const char *path)
{
    rv_status status = RV_OK;
    DIR *folder = opendir(path);
    RV_CHECK(folder, RV_E_IO, "cannot open folder '%s': %s", path, strerror(errno));
    for (struct dirent *entry; status == RV_OK && (entry = readdir(folder)) != NULL;) {
        rv_journal_segment segment;
        char inner[RV_PATH];
        if (entry->d_name[0] != '.' || !parse_name(entry->d_name + 1, &segment))
            continue;
        status = rv_path_join(path, entry->d_name, inner);
        if (status == RV_OK && unlink(inner) != 0)
            status = rv_raise(RV_E_IO, "cannot remove '%s': %s", inner, strerror(errno));
    }
    closedir(folder);
    return status;
}

rv_status rv_journal_settle(const char *run_dir, const rv_journal_shape *shape, double wait_s, rv_journal_info *out,
                            int *start)
{
    rv_status status = RV_OK;
    rv_journal_info info;
    char folder[RV_PATH];
    RV_TRY(rv_path_join(run_dir, RV_JOURNAL_FOLDER, folder));
    RV_TRY(rv_folder_make(folder));
    RV_TRY(rv_folder_sync(run_dir));
    RV_TRY(wait_for_writers(run_dir, wait_s));
    RV_TRY(sweep(folder));
    RV_TRY(rv_journal_read(run_dir, shape, NULL, NULL, &info));
    for (int i = 0; i < info.n_segments; i++)
        RV_TRY_GOTO(settle_segment(&info, &info.segments[i]), fail);
    RV_TRY_GOTO(rv_folder_sync(folder), fail);
    *start = info.n_segments > 0 ? info.segments[info.n_segments - 1].start + 1 : 1;
    *out = info;
    return RV_OK;
fail:
    rv_journal_info_clear(&info);
    return status;
}

/* ---- rows in order ---- */

typedef struct ordered_rows {
    int64_t n, n_taken;
    size_t count, width;
    float *rows;
} ordered_rows;

static rv_status put_in_order(void *user, const rv_journal_record *r)
{
    ordered_rows *o = user;
    uint64_t i = r->step * o->count + r->env;
    if (i >= (uint64_t)o->n)
        return RV_OK;
    memcpy(o->rows + i * o->width, r->row, o->width * sizeof(float));
    o->n_taken++;
    return RV_OK;
}

rv_status rv_journal_rows(const char *run_dir, const rv_journal_shape *shape, int64_t n, float *rows)
{
    rv_journal_info info;
    const rv_row row = rv_row_of(shape->n_obs, shape->n_act);
    ordered_rows o = {.n = n, .count = (size_t)shape->n_envs, .width = (size_t)row.width};
    o.rows = rows;
    RV_TRY(rv_journal_read(run_dir, shape, put_in_order, &o, &info));
    rv_journal_info_clear(&info);
    RV_CHECK(o.n_taken == n, RV_E_DATA,
             "'%s/" RV_JOURNAL_FOLDER
             "' holds %lld of the %lld real rows that the newest checkpoint counts on: put the "
             "folder back from a copy, or move the checkpoint away to go on from an older one",
             run_dir, (long long)o.n_taken, (long long)n);
    return RV_OK;
}

rv_status rv_journal_verify(const char *run_dir, const rv_journal_shape *shape, int64_t n, const char *hash)
{
    char actual[RV_HASH_TEXT];
    float *rows = NULL;
    size_t n_floats = (size_t)n * (size_t)rv_row_of(shape->n_obs, shape->n_act).width;
    RV_TRY(RV_NEW(rows, n_floats));
    rv_status status = rv_journal_rows(run_dir, shape, n, rows);
    rv_hash_bytes(rows, n_floats * sizeof *rows, actual);
    rv_mem_free(&rows);
    RV_TRY(status);
    RV_CHECK(!hash || strcmp(actual, hash) == 0, RV_E_DATA,
             "'%s/" RV_JOURNAL_FOLDER
             "': its first %lld rows have the hash %s, the newest checkpoint says %s: one of the "
             "two is of another run",
             run_dir, (long long)n, actual, hash);
    return RV_OK;
}
