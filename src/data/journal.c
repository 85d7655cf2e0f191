#include "data/journal.h"

#include "base/disk.h"
#include "base/memory.h"
#include "data/journal_format.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/file.h>
#include <unistd.h>

struct rv_journal {
    char folder[RV_PATH];
    char path[RV_PATH]; /* of the present part */
    rv_journal_shape shape;
    rv_row row;
    int start, rank, part;
    int durability;
    int first;       /* descriptor of part 0, which carries the lock; -1: none */
    int fd;          /* of the present part; -1: none, or broken */
    int64_t offset;  /* end of its last whole record */
    bool is_dirty;   /* not all of it has reached the disk */
    size_t record;   /* bytes */
    int capacity, n; /* records of the batch */
    unsigned char *batch;
};

/* ---- parts ---- */

static rv_status write_head(int fd, const rv_journal *j, const char *path)
{
    rv_journal_head head = {.magic = {0},
                            .version = RV_JOURNAL_VERSION,
                            .n_obs = (uint32_t)j->shape.n_obs,
                            .n_act = (uint32_t)j->shape.n_act,
                            .width = (uint32_t)j->row.width,
                            .n_envs = (uint32_t)j->shape.n_envs,
                            .start = (uint32_t)j->start,
                            .rank = (uint32_t)j->rank,
                            .part = (uint32_t)j->part,
                            .config_hash = j->shape.config_hash};
    memcpy(head.magic, RV_JOURNAL_MAGIC, sizeof head.magic);
    head.crc = rv_journal_head_crc(&head);
    RV_TRY(rv_disk_write(fd, path, &head, sizeof head));
    RV_CHECK(rv_disk_sync(fd) == 0, RV_E_IO, "cannot sync '%s': %s", path, strerror(errno));
    return RV_OK;
}

/* the file has its head, and this process its lock, before it has its name */
static rv_status open_part(rv_journal *j)
{
    char name[RV_JOURNAL_NAME_SIZE];
    char hidden[RV_PATH];
    snprintf(name, sizeof name, "." RV_JOURNAL_NAME, j->start, j->rank, j->part);
    RV_TRY(rv_path_join(j->folder, name, hidden));
    RV_TRY(rv_path_join(j->folder, name + 1, j->path));
    RV_CHECK(!rv_file_exists(j->path), RV_E_EXISTS, "'%s' exists already: another process writes this run's journal",
             j->path);
    int fd = open(hidden, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    RV_CHECK(fd >= 0, RV_E_IO, "cannot create '%s': %s", hidden, strerror(errno));
    rv_status status = RV_OK;
    /* a file system without locks is no reason to refuse */
    RV_CHECK_GOTO(flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, RV_E_EXISTS, fail,
                  "'%s' is being written by another process", hidden);
    RV_TRY_GOTO(write_head(fd, j, hidden), fail);
    RV_CHECK_GOTO(rename(hidden, j->path) == 0, RV_E_IO, fail, "cannot rename '%s' to '%s': %s", hidden, j->path,
                  strerror(errno));
    RV_TRY_GOTO(rv_folder_sync(j->folder), fail);
    j->fd = fd;
    j->first = j->first < 0 ? fd : j->first;
    j->offset = RV_JOURNAL_HEAD;
    j->is_dirty = false;
    return RV_OK;
fail:
    close(fd);
    unlink(hidden);
    return status;
}

static void close_part(rv_journal *j)
{
    if (j->fd >= 0 && j->fd != j->first)
        close(j->fd);
    j->fd = -1;
}

static rv_status next_part(rv_journal *j)
{
    RV_TRY(rv_journal_sync(j));
    close_part(j);
    j->part++;
    return open_part(j);
}

rv_status rv_journal_create(const char *run_dir, const rv_journal_shape *shape, int start, int rank, int batch,
                            int durability, rv_journal **out)
{
    rv_status status = RV_OK;
    rv_journal *j = NULL;
    RV_TRY(RV_NEW(j, 1));
    j->first = j->fd = -1;
    j->shape = *shape;
    j->row = rv_row_of(shape->n_obs, shape->n_act);
    j->start = start;
    j->rank = rank;
    j->durability = durability;
    j->record = rv_journal_record_size((size_t)j->row.width);
    j->capacity = batch;
    RV_CHECK_GOTO(
        j->record <= RV_JOURNAL_RECORD_MAX, RV_E_CONFIG, fail,
        "a transition of %d observations and %d actions takes %zu bytes in the journal, at most %d are allowed",
        shape->n_obs, shape->n_act, j->record, (int)RV_JOURNAL_RECORD_MAX);
    RV_TRY_GOTO(rv_path_join(run_dir, RV_JOURNAL_FOLDER, j->folder), fail);
    RV_TRY_GOTO(rv_mem_alloc((size_t)batch, j->record, (void **)&j->batch), fail);
    RV_TRY_GOTO(open_part(j), fail);
    *out = j;
    return RV_OK;
fail:
    rv_journal_destroy(&j);
    return status;
}

void rv_journal_destroy(rv_journal **journal)
{
    rv_journal *j = *journal;
    if (!j)
        return;
    close_part(j);
    if (j->first >= 0)
        close(j->first);
    rv_mem_free(&j->batch);
    rv_mem_free(journal);
}

/* ---- rows ---- */

rv_status rv_journal_add(rv_journal *j, const rv_journal_record *r)
{
    RV_CHECK(j->n < j->capacity, RV_E_INTERNAL, "more than %d rows at once for the journal", j->capacity);
    RV_CHECK(isfinite(r->reward), RV_E_NONFINITE,
             "the reward of env %u's step %llu is %g: it does not enter the journal", r->env,
             (unsigned long long)r->step, r->reward);
    for (int i = 0; i < j->row.width; i++)
        RV_CHECK(isfinite(r->row[i]), RV_E_NONFINITE,
                 "number %d of the row of env %u's step %llu is %g: it does not enter the journal", i, r->env,
                 (unsigned long long)r->step, (double)r->row[i]);
    const rv_journal_prefix prefix = {.length = (uint32_t)j->record,
                                      .env = r->env,
                                      .flags = r->flags,
                                      .step = r->step,
                                      .episode = r->episode,
                                      .failures = r->failures,
                                      .reward = r->reward};
    /* what pads the record is zero since the batch was made */
    unsigned char *to = j->batch + (size_t)j->n * j->record;
    memcpy(to, &prefix, sizeof prefix);
    memcpy(to + sizeof prefix, r->row, (size_t)j->row.width * sizeof(float));
    const uint32_t crc = rv_journal_record_crc(to, j->record);
    memcpy(to + offsetof(rv_journal_prefix, crc), &crc, sizeof crc);
    j->n++;
    return RV_OK;
}

/* the file ends with its last whole record again, and takes no more */
static rv_status give_up(rv_journal *j, size_t n_done, int why)
{
    char cut[128] = "it ends with the last whole row";
    j->offset += (int64_t)(n_done / j->record * j->record);
    int failed = 0;
    do
        failed = ftruncate(j->fd, j->offset);
    while (failed != 0 && errno == EINTR);
    if (failed)
        snprintf(cut, sizeof cut, "what was written of a row could not be cut off: %.60s", strerror(errno));
    close_part(j);
    return rv_raise(RV_E_IO, "cannot append to '%s': %s; %s", j->path, strerror(why), cut);
}

rv_status rv_journal_write(rv_journal *j)
{
    size_t n = (size_t)j->n * j->record;
    if (n == 0)
        return RV_OK;
    RV_CHECK(j->fd >= 0, RV_E_IO, "'%s' takes no more rows since an error", j->path);
    if (j->offset + (int64_t)n > RV_JOURNAL_PART && j->offset > RV_JOURNAL_HEAD)
        RV_TRY(next_part(j));
    j->n = 0;
    j->is_dirty = true;
    for (size_t done = 0; done < n;) {
        ssize_t put = write(j->fd, j->batch + done, n - done);
        if (put < 0 && (errno == EINTR || rv_disk_retry(j->path, errno)))
            continue;
        if (put <= 0)
            return give_up(j, done, put < 0 ? errno : ENOSPC);
        done += (size_t)put;
    }
    j->offset += (int64_t)n;
    return RV_OK;
}

rv_status rv_journal_commit(rv_journal *j)
{
    return j->durability == RV_DURABLE_POWER ? rv_journal_sync(j) : RV_OK;
}

rv_status rv_journal_hand_out(const rv_journal *j, int *out)
{
    *out = -1;
    if (!j->is_dirty)
        return RV_OK;
    RV_CHECK(j->fd >= 0, RV_E_IO, "'%s' takes no more rows since an error", j->path);
    *out = fcntl(j->fd, F_DUPFD_CLOEXEC, 0);
    RV_CHECK(*out >= 0, RV_E_OS, "cannot open '%s' once more: %s", j->path, strerror(errno));
    return RV_OK;
}

rv_status rv_journal_sync_handed(int *at)
{
    int fd = *at;
    *at = -1;
    if (fd < 0)
        return RV_OK;
    int failed = rv_disk_sync(fd);
    int why = errno;
    close(fd);
    RV_CHECK(!failed, RV_E_IO, "cannot sync a segment of the journal: %s", strerror(why));
    return RV_OK;
}

rv_status rv_journal_sync(rv_journal *j)
{
    if (!j->is_dirty)
        return RV_OK;
    RV_CHECK(j->fd >= 0, RV_E_IO, "'%s' takes no more rows since an error", j->path);
    if (rv_disk_sync(j->fd) != 0) {
        int why = errno;
        close_part(j); /* another sync would succeed, and what is lost would stay so */
        return rv_raise(RV_E_IO, "cannot sync '%s': %s", j->path, strerror(why));
    }
    j->is_dirty = false;
    return RV_OK;
}
