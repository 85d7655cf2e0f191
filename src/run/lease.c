#include "run/lease.h"

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_EVERY_S = 3, MOST_EVERY_S = 3600, TOKEN_BYTES = 16, LOOK_MS = 100 };

struct rv_lease {
    char path[RV_PATH];
    rv_lease_record own; /* .beat belongs to who holds the lock */
    rv_lease_lost lost;
    void *user;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_ending;
    bool is_lost;
    double renewed; /* on now() */
};

/* goes on while the machine sleeps */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the file ---- */

static rv_status text_of(const char *name, const json_t *root, const char *key, char out[RV_LEASE_TEXT])
{
    const char *text = NULL;
    RV_TRY(rv_json_text(name, root, key, &text));
    RV_CHECK(strlen(text) < RV_LEASE_TEXT, RV_E_DATA, "%s: '%s' is longer than %d characters", name, key,
             RV_LEASE_TEXT - 1);
    snprintf(out, RV_LEASE_TEXT, "%s", text);
    return RV_OK;
}

static rv_status read_record(const char *name, const json_t *root, rv_lease_record *r)
{
    int64_t version = 0;
    RV_TRY(rv_json_int(name, root, "version", &version));
    RV_CHECK(version == 1, RV_E_DATA, "%s: version %" PRId64 ", expected 1", name, version);
    RV_TRY(text_of(name, root, "token", r->token));
    RV_TRY(text_of(name, root, "host", r->host));
    RV_TRY(text_of(name, root, "boot", r->boot));
    RV_TRY(text_of(name, root, "pid_space", r->pid_space));
    RV_TRY(rv_json_int(name, root, "pid", &r->pid));
    RV_TRY(rv_json_int(name, root, "pid_start", &r->pid_start));
    RV_TRY(rv_json_int(name, root, "every_s", &r->every_s));
    RV_TRY(rv_json_int(name, root, "beat", &r->beat));
    RV_CHECK(r->every_s >= 1 && r->every_s <= MOST_EVERY_S, RV_E_DATA, "%s: every_s must be in [1, %d]", name,
             MOST_EVERY_S);
    return RV_OK;
}

rv_status rv_lease_parse(const char *name, const char *text, size_t n, rv_lease_record *out)
{
    json_t *root = NULL;
    rv_lease_record r = {.beat = 0};
    RV_TRY(rv_json_parse(name, text, n, &root));
    rv_status status = read_record(name, root, &r);
    json_decref(root);
    if (status == RV_OK)
        *out = r;
    return status;
}

/* the same length at every beat, so that a renewal changes bytes in place and needs no room on the disk */
static void print(const rv_lease_record *r, char out[RV_LEASE_BYTES + 1])
{
    int n =
        snprintf(out, RV_LEASE_BYTES,
                 "{\"version\": 1, \"token\": \"%s\", \"host\": \"%s\", \"boot\": \"%s\", \"pid_space\": \"%s\", "
                 "\"pid\": %" PRId64 ", \"pid_start\": %" PRId64 ", \"every_s\": %" PRId64 ", \"beat\": %" PRId64 "}",
                 r->token, r->host, r->boot, r->pid_space, r->pid, r->pid_start, r->every_s, r->beat);
    n = n < RV_LEASE_BYTES ? n : RV_LEASE_BYTES - 1;
    memset(out + n, ' ', (size_t)(RV_LEASE_BYTES - n));
    out[RV_LEASE_BYTES - 1] = '\n';
    out[RV_LEASE_BYTES] = '\0';
}

/* the file's bytes, as many as there are; -1: there is none; -2: it cannot be read */
static ssize_t look(const char *path, char out[RV_LEASE_BYTES + 1])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -1 : -2;
    ssize_t n = pread(fd, out, RV_LEASE_BYTES, 0);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n < 0 ? -2 : n;
}

/* ---- who we are, and who lives ---- */

/* a word of the system's, without what JSON or a message could stumble over */
static void clean(char *text)
{
    for (char *p = text; *p; p++) {
        if (*p == '\n')
            *p = '\0';
        if (*p && (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\'))
            *p = '?';
    }
}

static void read_word(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : 0;
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
}

/* when a process began; 0: there is none that runs */
static int64_t start_of(int64_t pid)
{
    enum { STATE = 3, START = 22 };
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    read_word(path, text, sizeof text);
    const char *at = strrchr(text, ')');
    if (!at || strncmp(at, ") Z", 3) == 0 || strncmp(at, ") X", 3) == 0)
        return 0;
    for (int field = STATE - 1; at && field < START; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoll(at, NULL, 10) : 0;
}

static rv_status describe_self(int64_t every_s, rv_lease_record *out)
{
    unsigned char random[TOKEN_BYTES];
    rv_lease_record r = {.every_s = every_s, .pid = getpid(), .pid_start = start_of(getpid())};
    RV_CHECK(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random, RV_E_OS,
             "the system gives no random number");
    for (int i = 0; i < TOKEN_BYTES; i++)
        snprintf(r.token + (ptrdiff_t)2 * i, 3, "%02x", random[i]);
    if (gethostname(r.host, sizeof r.host - 1) != 0)
        snprintf(r.host, sizeof r.host, "localhost");
    read_word("/proc/sys/kernel/random/boot_id", r.boot, sizeof r.boot);
    ssize_t n = readlink("/proc/self/ns/pid", r.pid_space, sizeof r.pid_space - 1);
    r.pid_space[n > 0 ? n : 0] = '\0';
    clean(r.host);
    clean(r.boot);
    clean(r.pid_space);
    *out = r;
    return RV_OK;
}

/* ---- taking ---- */

typedef enum verdict { ALIVE, DEAD, UNKNOWN } verdict;

/* what can be said at once */
static verdict judge(const rv_lease_record *holder, const rv_lease_record *own)
{
    bool is_here = own->boot[0] && own->pid_space[0] && strcmp(holder->boot, own->boot) == 0 &&
                   strcmp(holder->pid_space, own->pid_space) == 0;
    if (!is_here)
        return UNKNOWN;
    return start_of(holder->pid) == holder->pid_start && holder->pid_start > 0 ? ALIVE : DEAD;
}

static rv_status refuse(const char *run_dir, const rv_lease_record *holder)
{
    return rv_raise(RV_E_EXISTS,
                    "run '%s' is being trained by process %" PRId64
                    " on %s, which renews its lease: wait for its end, or stop it",
                    run_dir, holder->pid, holder->host);
}

static void pause_to_look(void)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    nanosleep(&pause, NULL);
}

/* until the file changes or has been the same for too long; before: what was seen (n bytes) */
static rv_status watch(const char *run_dir, const char *path, const char *before, ssize_t n)
{
    char text[RV_LEASE_BYTES + 1];
    rv_lease_record holder = {.host = "another host", .every_s = DEFAULT_EVERY_S};
    bool is_read = rv_lease_parse(path, before, (size_t)n, &holder) == RV_OK;
    double wait_s = (double)(RV_LEASE_MISSED * holder.every_s);
    if (is_read)
        rv_info("run '%s' was last trained by process %" PRId64
                " on %s, which has not given its lease back: watching it for %.0f s",
                run_dir, holder.pid, holder.host, wait_s);
    else
        rv_warn("'%s' cannot be read (%s): watching it for %.0f s", path, rv_error_last()->text, wait_s);
    for (double end = now() + wait_s; now() < end;) {
        pause_to_look();
        ssize_t m = look(path, text);
        if (m == n && memcmp(text, before, (size_t)n) == 0)
            continue;
        if (m == -1) /* given back meanwhile */
            return RV_OK;
        if (m >= 0 && rv_lease_parse(path, text, (size_t)m, &holder) == RV_OK)
            return refuse(run_dir, &holder);
        return rv_raise(RV_E_EXISTS, "run '%s' is being trained elsewhere: '%s' changes", run_dir, path);
    }
    rv_warn("the lease of run '%s' was not renewed for %.0f s: taking it over from process %" PRId64 " on %s", run_dir,
            wait_s, holder.pid, holder.host);
    return RV_OK;
}

/* @return RV_OK: what was there may be replaced */
static rv_status wait_for_death(const char *run_dir, const char *path, const rv_lease_record *own, const char *text,
                                ssize_t n, bool *from_afar)
{
    rv_lease_record holder;
    RV_CHECK(n >= 0, RV_E_IO, "cannot read '%s': %s", path, strerror(errno));
    verdict v = rv_lease_parse(path, text, (size_t)n, &holder) == RV_OK ? judge(&holder, own) : UNKNOWN;
    for (int ms = 0; v == ALIVE && ms < RV_LEASE_DYING_MS; ms += LOOK_MS) {
        pause_to_look();
        v = judge(&holder, own);
    }
    if (v == ALIVE)
        return refuse(run_dir, &holder);
    *from_afar = v == UNKNOWN;
    return v == DEAD ? RV_OK : watch(run_dir, path, text, n);
}

/* @return whether it is ours now */
static rv_status create(const char *path, const rv_lease_record *own, bool *is_made)
{
    char text[RV_LEASE_BYTES + 1];
    print(own, text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    *is_made = fd >= 0;
    RV_CHECK(fd >= 0 || errno == EEXIST, RV_E_IO, "cannot make '%s': %s", path, strerror(errno));
    if (fd < 0)
        return RV_OK;
    bool is_written = write(fd, text, RV_LEASE_BYTES) == RV_LEASE_BYTES;
    int code = errno;
    if (close(fd) == 0 && is_written)
        return RV_OK;
    unlink(path);
    return rv_raise(RV_E_IO, "cannot write '%s': %s", path, strerror(code));
}

static bool is_own(const rv_lease_record *own, const char *text)
{
    char mine[RV_LEASE_BYTES + 1];
    print(own, mine);
    const char *end = strstr(mine, "\"host\""); /* version and token */
    return strncmp(text, mine, (size_t)(end - mine)) == 0;
}

static rv_status take(rv_lease *l, const char *run_dir)
{
    enum { TRIES = 3 };
    char text[RV_LEASE_BYTES + 1];
    char again[RV_LEASE_BYTES + 1];
    bool is_made = false;
    bool from_afar = false;
    for (int i = 0; i < TRIES; i++) {
        RV_TRY(create(l->path, &l->own, &is_made));
        if (is_made)
            break;
        ssize_t n = look(l->path, text);
        if (n == -1)
            continue;
        RV_TRY(wait_for_death(run_dir, l->path, &l->own, text, n, &from_afar));
        /* another may have taken it over in the meantime; what is left between this look and the removal, it will find
         * when it makes sure, or at its first renewal */
        if (look(l->path, again) == n && memcmp(text, again, (size_t)n) == 0)
            unlink(l->path);
    }
    if (is_made && from_afar) {
        const struct timespec settle = {.tv_sec = 1};
        nanosleep(&settle, NULL);
        is_made = look(l->path, text) > 0 && is_own(&l->own, text);
    }
    RV_CHECK(is_made, RV_E_EXISTS, "run '%s' was taken by another process at the same moment", run_dir);
    return RV_OK;
}

/* ---- holding ---- */

/* write a beat into the file that has our token; the lock is held. @return false: it has another */
static bool renew(rv_lease *l)
{
    char text[RV_LEASE_BYTES + 1];
    int fd = open(l->path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return true; /* a file system in trouble is no thief; others say so */
    if (fd < 0) {
        bool is_made = true;
        return create(l->path, &l->own, &is_made) != RV_OK || is_made;
    }
    ssize_t n = pread(fd, text, RV_LEASE_BYTES, 0);
    text[n > 0 ? n : 0] = '\0';
    bool ours = n < 0 || is_own(&l->own, text);
    if (n > 0 && ours) {
        l->own.beat++;
        print(&l->own, text);
        if (pwrite(fd, text, RV_LEASE_BYTES, 0) == RV_LEASE_BYTES)
            l->renewed = now();
    }
    close(fd);
    return ours;
}

/* the lock is held */
static rv_status check(rv_lease *l)
{
    if (!l->is_lost)
        l->is_lost = !renew(l);
    RV_CHECK(!l->is_lost, RV_E_EXISTS,
             "another process has taken this run over ('%s' has changed hands): this one stops without a checkpoint",
             l->path);
    return RV_OK;
}

rv_status rv_lease_hold(rv_lease *lease)
{
    rv_status status = RV_OK;
    pthread_mutex_lock(&lease->lock);
    if (lease->is_lost || now() - lease->renewed > 2 * (double)lease->own.every_s)
        status = check(lease);
    pthread_mutex_unlock(&lease->lock);
    return status;
}

static void *keep(void *user)
{
    rv_lease *l = user;
    rv_status status = RV_OK;
    pthread_mutex_lock(&l->lock);
    while (!l->is_ending && status == RV_OK) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += l->own.every_s;
        int code = 0;
        while (!l->is_ending && code == 0)
            code = pthread_cond_timedwait(&l->wake, &l->lock, &until);
        if (!l->is_ending)
            status = check(l);
    }
    pthread_mutex_unlock(&l->lock);
    if (status != RV_OK)
        l->lost(l->user);
    return NULL;
}

static rv_status start_thread(rv_lease *l)
{
    pthread_condattr_t attributes;
    sigset_t all, old;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&l->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all); /* requests to stop are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int code = pthread_create(&l->thread, NULL, keep, l);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    l->has_thread = code == 0;
    RV_CHECK(code == 0, RV_E_OS, "cannot start a thread: %s", strerror(code));
    return RV_OK;
}

rv_status rv_lease_take(const char *run_dir, int64_t every_s, rv_lease_lost lost, void *user, rv_lease **out)
{
    rv_status status = RV_OK;
    rv_lease *l = NULL;
    RV_TRY(RV_NEW(l, 1));
    l->lost = lost;
    l->user = user;
    RV_TRY_GOTO(rv_path_join(run_dir, "lease", l->path), fail);
    RV_TRY_GOTO(describe_self(every_s, &l->own), fail);
    RV_TRY_GOTO(take(l, run_dir), fail);
    l->renewed = now();
    status = start_thread(l);
    if (status != RV_OK) {
        rv_lease_release(&l);
        return status;
    }
    *out = l;
    return RV_OK;
fail:
    rv_mem_free(&l);
    return status;
}

void rv_lease_release(rv_lease **lease)
{
    rv_lease *l = *lease;
    char text[RV_LEASE_BYTES + 1];
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->is_ending = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    if (l->has_thread)
        pthread_join(l->thread, NULL);
    if (look(l->path, text) > 0 && is_own(&l->own, text))
        unlink(l->path);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    rv_mem_free(lease);
}
