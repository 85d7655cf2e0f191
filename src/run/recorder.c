#include "run/recorder.h"

#include "base/disk.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "run/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* set aside at the start: open ticks, and frames enough for that many full ticks */
enum { FIRST_TICKS = 16, FULL_TICKS = 4, MAX_LINE = RV_METRICS_LINE + 2, BUFFER = 65536 };
_Static_assert(RV_N_METRICS *(RV_NUMBER_TEXT + 1) + 128 < MAX_LINE, "a row fits into a line");
enum { MAX_AHEAD = 1 << 22 }; /* ticks by which frames of one rank may be ahead of another's */

/* a frame that waits for its tick; frames are chained by their places in the pool, -1 ends a chain */
typedef struct place {
    rv_frame frame;
    int64_t next;
} place;

/* what has come of a tick that is not complete */
typedef struct pending {
    int n_ranks;   /* whose "rank" frame is here */
    int64_t n;     /* frames */
    int64_t first; /* of the chain, sorted */
} pending;

/* a file that grows. Its buffer is written whole or not at all: half of it is gone on with when there is room */
typedef struct record_file {
    char path[RV_PATH];
    FILE *file; /* written to by its descriptor alone */
    size_t n;
    char buffer[BUFFER];
} record_file;

struct rv_recorder {
    pthread_mutex_t lock; /* of all that follows */
    record_file jsonl, csv;
    int n_ranks;
    int64_t written; /* last tick written */
    pending *ticks;  /* (capacity) tick t at t % capacity, for ticks after written; a few, or thousands in a backlog */
    int64_t capacity;
    place *pool; /* (n_pool) grows with a backlog alone */
    int64_t n_pool;
    int64_t unused; /* first of the chain of free places */
    rv_summary summary;
    rv_status failure; /* the first, with its text */
    char failure_text[RV_ERROR_TEXT];
};

/* ---- one tick ---- */

/* order of (tick, role, unit) */
static int compare_frames(const rv_frame *x, const rv_frame *y)
{
    int by_role = strcmp(x->role, y->role);
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    return by_role ? by_role : (x->unit > y->unit) - (x->unit < y->unit);
}

/* mean over the frames' values of each metric, in the order of the frames, so that it has the same bits in every
 * layout; n[m] = 0: none */
static rv_status mean_values(const rv_recorder *r, int64_t first, double mean[RV_N_METRICS], int n[RV_N_METRICS])
{
    memset(n, 0, RV_N_METRICS * sizeof *n);
    memset(mean, 0, RV_N_METRICS * sizeof *mean);
    for (int64_t f = first; f >= 0; f = r->pool[f].next) {
        const rv_frame *frame = &r->pool[f].frame;
        for (int i = 0; i < frame->n_values; i++) {
            rv_metric metric = RV_N_METRICS;
            RV_TRY(rv_metric_find(frame->values[i].name, &metric));
            mean[metric] += frame->values[i].value;
            n[metric]++;
        }
    }
    for (int m = 0; m < RV_N_METRICS; m++)
        mean[m] /= n[m] > 0 ? n[m] : 1;
    return RV_OK;
}

static rv_status flush(record_file *f)
{
    RV_TRY(rv_disk_write(fileno(f->file), f->path, f->buffer, f->n));
    f->n = 0;
    return RV_OK;
}

/* n: at most BUFFER */
static rv_status put(record_file *f, const char *text, size_t n)
{
    if (n > BUFFER - f->n)
        RV_TRY(flush(f));
    memcpy(f->buffer + f->n, text, n);
    f->n += n;
    return RV_OK;
}

static rv_status write_row(record_file *csv, const rv_summary *s, const double mean[RV_N_METRICS],
                           const int n[RV_N_METRICS])
{
    char line[MAX_LINE];
    char number[RV_NUMBER_TEXT];
    rv_number_print(s->wall, "", number);
    int at = snprintf(line, MAX_LINE, "%" PRId64 ",%" PRId64 ",%s", s->tick, s->step, number);
    for (int m = 0; m < RV_N_METRICS; m++) {
        rv_number_print(mean[m], "", number);
        at += snprintf(line + at, (size_t)(MAX_LINE - at), ",%s", n[m] > 0 ? number : "");
    }
    at += snprintf(line + at, (size_t)(MAX_LINE - at), "\n");
    return put(csv, line, (size_t)at);
}

static void summarize(rv_summary *s, const double mean[RV_N_METRICS], const int n[RV_N_METRICS])
{
    const struct {
        rv_metric metric;
        double *at;
    } latest[] = {{RV_M_EVAL_REWARD, &s->eval_reward},
                  {RV_M_EP_REW_MEAN, &s->ep_rew_mean},
                  {RV_M_MODEL_HOLDOUT_LOSS, &s->holdout_loss},
                  {RV_M_IMAGINED_SHARE, &s->imagined_share},
                  {RV_M_N_UPDATES, &s->n_updates}};
    for (size_t i = 0; i < sizeof latest / sizeof *latest; i++)
        if (n[latest[i].metric] > 0)
            *latest[i].at = mean[latest[i].metric];
    s->n_evals += n[RV_M_EVAL_REWARD] > 0;
}

/* first: of the chain of all frames of one tick, sorted */
static rv_status write_tick(rv_recorder *r, int64_t first)
{
    double mean[RV_N_METRICS];
    int n[RV_N_METRICS];
    RV_TRY(mean_values(r, first, mean, n));
    rv_summary s = r->summary;
    s.tick = r->pool[first].frame.tick;
    s.step = r->pool[first].frame.step;
    s.wall = r->pool[first].frame.wall;
    for (int64_t f = first; f >= 0; f = r->pool[f].next) {
        const rv_frame *frame = &r->pool[f].frame;
        char line[MAX_LINE];
        rv_metrics_json(frame, line);
        size_t length = strlen(line);
        line[length++] = '\n';
        RV_TRY(put(&r->jsonl, line, length));
        s.step = frame->step > s.step ? frame->step : s.step;
        s.wall = fmax(frame->wall, s.wall);
    }
    RV_TRY(write_row(&r->csv, &s, mean, n));
    RV_TRY(flush(&r->jsonl));
    RV_TRY(flush(&r->csv));
    summarize(&s, mean, n);
    r->summary = s;
    r->written = s.tick;
    return RV_OK;
}

/* ---- frames ---- */

/* where the frames of a tick wait */
static rv_status find_pending(rv_recorder *r, int64_t tick, pending **out)
{
    int64_t first = r->written + 1;
    int64_t capacity = r->capacity ? r->capacity : FIRST_TICKS;
    pending *ticks = NULL;
    RV_CHECK(tick - first < MAX_AHEAD, RV_E_PROTOCOL, "a frame for tick %" PRId64 ", while tick %" PRId64 " is open",
             tick, first);
    while (tick - first >= capacity)
        capacity *= 2;
    if (capacity > r->capacity) {
        RV_TRY(RV_NEW(ticks, capacity));
        for (int64_t t = first; t < first + r->capacity; t++)
            ticks[t % capacity] = r->ticks[t % r->capacity];
        rv_mem_free(&r->ticks);
        r->ticks = ticks;
        r->capacity = capacity;
    }
    *out = &r->ticks[tick % capacity];
    return RV_OK;
}

/* more free places in the pool, which has none left */
static rv_status grow_pool(rv_recorder *r, int64_t n)
{
    RV_TRY(rv_mem_resize((size_t)r->n_pool, (size_t)n, sizeof *r->pool, (void **)&r->pool));
    for (int64_t i = n - 1; i >= r->n_pool; i--) {
        r->pool[i].next = r->unused;
        r->unused = i;
    }
    r->n_pool = n;
    return RV_OK;
}

/* put a frame where it belongs among those of its tick */
static rv_status keep(rv_recorder *r, pending *p, const rv_frame *frame)
{
    int64_t before = -1;
    int64_t after = p->n > 0 ? p->first : -1;
    int order = -1;
    while (after >= 0 && (order = compare_frames(&r->pool[after].frame, frame)) < 0) {
        before = after;
        after = r->pool[after].next;
    }
    RV_CHECK(after < 0 || order != 0, RV_E_PROTOCOL,
             "two frames of %s %" PRId64 " for tick %" PRId64 ", from ranks %" PRId64 " and %" PRId64, frame->role,
             frame->unit, frame->tick, r->pool[after].frame.rank, frame->rank);
    if (r->unused < 0)
        RV_TRY(grow_pool(r, 2 * r->n_pool));
    int64_t i = r->unused;
    r->unused = r->pool[i].next;
    r->pool[i] = (place){*frame, after};
    *(before < 0 ? &p->first : &r->pool[before].next) = i;
    p->n++;
    return RV_OK;
}

/* write a tick whose last frame is here, and take its places back */
static rv_status finish(rv_recorder *r, pending *p)
{
    int64_t tick = r->pool[p->first].frame.tick;
    RV_CHECK(tick == r->written + 1, RV_E_PROTOCOL, "tick %" PRId64 " is complete before tick %" PRId64, tick,
             r->written + 1);
    RV_TRY(write_tick(r, p->first));
    int64_t last = p->first;
    while (r->pool[last].next >= 0)
        last = r->pool[last].next;
    r->pool[last].next = r->unused;
    r->unused = p->first;
    *p = (pending){.n = 0};
    return RV_OK;
}

static rv_status take(rv_recorder *r, const rv_frame *frame)
{
    pending *p = NULL;
    bool ends = strcmp(frame->role, RV_ROLE_RANK) == 0;
    RV_CHECK(!ends || (frame->unit >= 0 && frame->unit < r->n_ranks), RV_E_PROTOCOL,
             "a frame of rank %" PRId64 ", expected 0 to %d", frame->unit, r->n_ranks - 1);
    RV_CHECK(frame->tick > r->written, RV_E_PROTOCOL,
             "a frame of %s %" PRId64 " for tick %" PRId64 " came after tick %" PRId64 " was complete", frame->role,
             frame->unit, frame->tick, r->written);
    RV_TRY(find_pending(r, frame->tick, &p));
    RV_TRY(keep(r, p, frame));
    p->n_ranks += ends;
    return p->n_ranks == r->n_ranks ? finish(r, p) : RV_OK;
}

void rv_recorder_on_frame(void *recorder, const rv_frame *frame)
{
    rv_recorder *r = recorder;
    pthread_mutex_lock(&r->lock);
    if (r->failure == RV_OK)
        r->failure = take(r, frame);
    if (r->failure != RV_OK && !r->failure_text[0])
        snprintf(r->failure_text, sizeof r->failure_text, "%s", rv_error_last()->text);
    pthread_mutex_unlock(&r->lock);
}

/* the feed's thread may hold the lock for as long as there is no room on the disk */
static void lock_patiently(rv_recorder *r)
{
    enum { SOON_NS = 100000000, SECOND_NS = 1000000000 };
    struct timespec until;
    int e = 0;
    do {
        if (e == ETIMEDOUT && rv_disk_is_waiting())
            rv_pulse_beat();
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += SOON_NS;
        until.tv_sec += until.tv_nsec / SECOND_NS;
        until.tv_nsec %= SECOND_NS;
        e = pthread_mutex_timedlock(&r->lock, &until);
    } while (e == ETIMEDOUT);
}

rv_status rv_recorder_status(rv_recorder *recorder)
{
    lock_patiently(recorder);
    rv_status status = recorder->failure;
    pthread_mutex_unlock(&recorder->lock);
    /* the text of a failure does not change any more */
    RV_CHECK(status == RV_OK, status, "recorder: %s", recorder->failure_text);
    return RV_OK;
}

rv_status rv_recorder_sync(rv_recorder *recorder)
{
    RV_TRY(rv_recorder_status(recorder));
    const record_file *files[] = {&recorder->jsonl, &recorder->csv};
    for (int i = 0; i < 2; i++)
        RV_CHECK(fdatasync(fileno(files[i]->file)) == 0, RV_E_IO, "recorder: cannot sync '%s': %s", files[i]->path,
                 strerror(errno));
    return RV_OK;
}

void rv_recorder_summary(rv_recorder *recorder, rv_summary *out)
{
    pthread_mutex_lock(&recorder->lock);
    *out = recorder->summary;
    pthread_mutex_unlock(&recorder->lock);
}

/* ---- open ---- */

/* the whole number that begins a line after a prefix and is followed by a comma */
static rv_status line_tick(const char *line, const char *prefix, int64_t *out)
{
    size_t n = strlen(prefix);
    char *end = NULL;
    errno = 0;
    long long tick = strncmp(line, prefix, n) == 0 ? strtoll(line + n, &end, 10) : 0;
    RV_CHECK(end && end != line + n && *end == ',' && errno == 0, RV_E_DATA, "expected a record that begins '%sTICK,'",
             prefix);
    *out = tick;
    return RV_OK;
}

/* find where the records of first_tick begin; header may be NULL */
static rv_status find_end(FILE *file, const char *header, const char *prefix, int64_t first_tick, long *end,
                          int64_t *last)
{
    char line[MAX_LINE];
    *end = 0;
    *last = -1;
    for (int64_t i = 1; fgets(line, sizeof line, file); i++) {
        size_t n = strlen(line);
        int64_t tick = 0;
        if (n == 0 || line[n - 1] != '\n') {
            RV_CHECK(feof(file), RV_E_DATA, "%" PRId64 ": holds a NUL byte or more than %d bytes", i, MAX_LINE - 2);
            break; /* cut short by a crash */
        }
        if (i == 1 && header) {
            RV_CHECK(strcmp(line, header) == 0, RV_E_DATA,
                     "1: other columns than this version of reverie writes; move the file away");
        } else {
            rv_status status = line_tick(line, prefix, &tick);
            if (status != RV_OK)
                return rv_error_prefix(status, "%" PRId64, i);
            RV_CHECK(tick >= *last, RV_E_DATA, "%" PRId64 ": tick %" PRId64 " after tick %" PRId64, i, tick, *last);
            if (tick >= first_tick)
                break;
            *last = tick;
        }
        *end = ftell(file);
    }
    return RV_OK;
}

/* open for appending after the last record before first_tick; a shorter file in one step, so never half of it */
static rv_status open_cut(const char *path, const char *header, const char *prefix, int64_t first_tick,
                          record_file *out)
{
    rv_status status = RV_OK;
    long end = 0;
    int64_t last = -1;
    FILE *file = NULL;
    do
        file = fopen(path, "a+e");
    while (!file && rv_disk_retry(path, errno));
    RV_CHECK(file, RV_E_IO, "cannot open '%s': %s", path, strerror(errno));
    status = find_end(file, header, prefix, first_tick, &end, &last);
    if (status != RV_OK) {
        rv_error_prefix(status, "%s", path);
        goto fail;
    }
    RV_CHECK_GOTO(!ferror(file) && ftruncate(fileno(file), end) == 0 && fseek(file, 0, SEEK_END) == 0, RV_E_IO, fail,
                  "cannot cut '%s' to %ld bytes: %s", path, end, strerror(errno));
    if (end == 0 && header)
        RV_TRY_GOTO(rv_disk_write(fileno(file), path, header, strlen(header)), fail);
    if (last + 1 < first_tick)
        rv_warn("'%s' holds records up to tick %" PRId64 " though the run goes on from tick %" PRId64, path, last,
                first_tick);
    snprintf(out->path, sizeof out->path, "%s", path);
    out->file = file;
    return RV_OK;
fail:
    fclose(file);
    return status;
}

static void print_header(char out[MAX_LINE])
{
    int n = snprintf(out, MAX_LINE, "tick,step,wall");
    for (int m = 0; m < RV_N_METRICS; m++)
        n += snprintf(out + n, (size_t)(MAX_LINE - n), ",%s", rv_metric_get((rv_metric)m)->name);
    snprintf(out + n, (size_t)(MAX_LINE - n), "\n");
}

rv_status rv_recorder_open(const char *folder, int n_ranks, int64_t n_units, int64_t first_tick, rv_recorder **out)
{
    rv_status status = RV_OK;
    rv_recorder *r = NULL;
    pending *none = NULL;
    char jsonl[RV_PATH];
    char csv[RV_PATH];
    char header[MAX_LINE];
    RV_TRY(rv_path_join(folder, "metrics.jsonl", jsonl));
    RV_TRY(rv_path_join(folder, "progress.csv", csv));
    print_header(header);
    RV_TRY(RV_NEW(r, 1));
    pthread_mutex_init(&r->lock, NULL);
    r->n_ranks = n_ranks;
    r->written = first_tick - 1;
    r->unused = -1;
    r->summary = (rv_summary){.tick = -1,
                              .eval_reward = (double)NAN,
                              .ep_rew_mean = (double)NAN,
                              .holdout_loss = (double)NAN,
                              .imagined_share = (double)NAN,
                              .n_updates = (double)NAN};
    RV_TRY_GOTO(find_pending(r, first_tick, &none), fail);
    RV_TRY_GOTO(grow_pool(r, FULL_TICKS * (n_ranks + n_units)), fail);
    RV_TRY_GOTO(open_cut(jsonl, NULL, "{\"tick\":", first_tick, &r->jsonl), fail);
    RV_TRY_GOTO(open_cut(csv, header, "", first_tick, &r->csv), fail);
    *out = r;
    return RV_OK;
fail:
    rv_recorder_close(&r);
    return status;
}

void rv_recorder_close(rv_recorder **at)
{
    rv_recorder *r = *at;
    if (!r)
        return;
    if (r->jsonl.file)
        fclose(r->jsonl.file);
    if (r->csv.file)
        fclose(r->csv.file);
    rv_mem_free(&r->ticks);
    rv_mem_free(&r->pool);
    pthread_mutex_destroy(&r->lock);
    rv_mem_free(at);
}
