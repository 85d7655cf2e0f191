#include "launch/place.h"

#include "base/clock.h"
#include "base/hash.h"
#include "comm/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHARED_MEMORY "/dev/shm"

enum { MODE = 0700, ENVIRONMENT = 65536, LOOK_MS = 10, ORPHAN_S = 60 };

static const double grace_s = 2;     /* for mpirun, which ends its ranks by itself when the supervisor is gone */
static const double patience_s = 30; /* with processes that do not die: in the hands of a device or a debugger */

/* ---- folders ---- */

static const char *files_base(void)
{
    const char *base = getenv("TMPDIR");
    return base && base[0] == '/' ? base : "/tmp";
}

static rv_status name_folders(rv_place *p)
{
    int n = snprintf(p->memory, RV_PATH, "%s/reverie-%u-%s", SHARED_MEMORY, getuid(), p->token);
    int m = snprintf(p->files, RV_PATH, "%s/reverie-%u-%s", files_base(), getuid(), p->token);
    RV_CHECK(n < RV_PATH && m < RV_PATH, RV_E_OS, "TMPDIR is too long: '%.80s...'", files_base());
    return RV_OK;
}

static const char *folder_of(const rv_place *p, int i)
{
    return i == 0 ? p->memory : p->files;
}

/* @param[out] out locked by this process, -1: there is none that counts */
static rv_status open_alive(const char *path, int *out)
{
    struct stat st;
    *out = open(path, O_RDWR | O_NOFOLLOW); /* stays open in mpirun, which so holds it too */
    if (*out < 0)
        return RV_OK;
    /* somebody may have found the folder dead and removed it between the two calls */
    if (flock(*out, LOCK_SH) == 0 && fstat(*out, &st) == 0 && st.st_nlink > 0)
        return RV_OK;
    close(*out);
    *out = -1;
    return RV_OK;
}

/* the file gets its name when it is locked, so that it never looks dead before it has lived */
static bool make_alive(const char *folder, const char *path, int *out)
{
    char fresh[RV_PATH];
    snprintf(fresh, sizeof fresh, "%.*s/.%d", RV_PATH - 32, folder, (int)getpid());
    int fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return false;
    bool is_made = flock(fd, LOCK_SH) == 0 && link(fresh, path) == 0;
    unlink(fresh);
    if (is_made)
        *out = fd;
    else
        close(fd);
    return is_made;
}

/* @param[out] is_first whether this process made it */
static rv_status enter_folder(const char *folder, int *alive, bool *is_first)
{
    enum { TRIES = 100 };
    char path[RV_PATH];
    RV_TRY(rv_path_join(folder, "alive", path));
    *alive = -1;
    for (int i = 0; i < TRIES && *alive < 0; i++) {
        RV_CHECK(mkdir(folder, MODE) == 0 || errno == EEXIST, RV_E_OS,
                 "cannot make folder '%s' for what a run keeps on this host: %s%s", folder, strerror(errno),
                 folder[1] == 't' ? "; set TMPDIR to a folder of yours" : "");
        RV_TRY(open_alive(path, alive));
        if (*alive < 0)
            *is_first = make_alive(folder, path, alive);
    }
    RV_CHECK(*alive >= 0, RV_E_OS, "cannot lock '%s': %s", path, strerror(errno));
    return RV_OK;
}

/* @param[out] out a lock that nobody else can have; -1 when somebody lives there, or when there is nothing to lock */
static bool is_dead(const char *folder, int *out)
{
    char path[RV_PATH];
    struct stat st;
    *out = -1;
    if (lstat(folder, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != getuid() ||
        rv_path_join(folder, "alive", path) != RV_OK)
        return false;
    *out = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (*out < 0) /* it is being made, or being removed, or an unfinished one of those */
        return errno == ENOENT && rv_clock_unix() - (double)st.st_mtime > ORPHAN_S;
    if (flock(*out, LOCK_EX | LOCK_NB) == 0)
        return true;
    close(*out);
    *out = -1;
    return false;
}

static bool is_place_name(const char *name)
{
    char prefix[32];
    int n = snprintf(prefix, sizeof prefix, "reverie-%u-", getuid());
    return strncmp(name, prefix, (size_t)n) == 0 && strlen(name + n) == RV_PLACE_TOKEN - 1 &&
           strspn(name + n, "0123456789abcdef") == RV_PLACE_TOKEN - 1;
}

static void sweep(const char *base)
{
    DIR *folder = opendir(base);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[RV_PATH];
        int lock = -1;
        if (!is_place_name(entry->d_name) || rv_path_join(base, entry->d_name, path) != RV_OK || !is_dead(path, &lock))
            continue;
        rv_folder_remove(path); /* of somebody who is gone; the next start tries again */
        if (lock >= 0)
            close(lock);
    }
    closedir(folder);
}

/* a daemon of another host, which does not know our TMPDIR, is told /tmp */
static void sweep_all(void)
{
    sweep(SHARED_MEMORY);
    sweep("/tmp");
    if (strcmp(files_base(), "/tmp") != 0)
        sweep(files_base());
}

/* ---- processes ---- */

/* whether a process was started with the token in its environment */
static bool has_token(const char *pid, const char *wanted)
{
    char path[64];
    static char text[ENVIRONMENT + 1];
    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n<ENVIRONMENT; n += got> 0 ? (size_t)got : 0)
        got = read(fd, text + n, ENVIRONMENT - n);
    close(fd);
    text[n] = '\0';
    for (const char *at = text; at < text + n; at += strlen(at) + 1)
        if (strcmp(at, wanted) == 0)
            return true;
    return false;
}

/* @return how many there are */
static int kill_members(const char *token)
{
    char wanted[64];
    int n = 0;
    DIR *folder = opendir("/proc");
    snprintf(wanted, sizeof wanted, "%s=%s", RV_PLACE_ENV, token);
    if (!folder)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || pid == getpid())
            continue;
        int process = pidfd_open(pid, 0); /* before the look, so that the number cannot have changed hands */
        if (process >= 0 && has_token(entry->d_name, wanted)) {
            pidfd_send_signal(process, SIGKILL, NULL, 0);
            n++;
        }
        if (process >= 0)
            close(process);
    }
    closedir(folder);
    return n;
}

void rv_place_end_members(const rv_place *place)
{
    double end = rv_clock_now() + patience_s;
    while (kill_members(place->token) > 0 && rv_clock_now() < end)
        rv_clock_sleep(LOOK_MS * 1e-3);
}

/* ---- the janitor ---- */

/* nobody but us holds it; it is then locked until we end, or not there */
static bool is_left(const char *folder, int *lock)
{
    return is_dead(folder, lock) || access(folder, F_OK) != 0;
}

/* @return whether everybody has left */
static bool wait_until_left(const rv_place *p, int locks[RV_PLACE_FOLDERS])
{
    double start = rv_clock_now();
    while (rv_clock_now() - start < patience_s) {
        int n = 0;
        for (int i = 0; i < RV_PLACE_FOLDERS; i++)
            n += locks[i] >= 0 || is_left(folder_of(p, i), &locks[i]);
        if (n == RV_PLACE_FOLDERS)
            return true;
        if (p->is_ours && rv_clock_now() - start > grace_s)
            kill_members(p->token);
        rv_clock_sleep(LOOK_MS * 1e-3);
    }
    return false;
}

/* what somebody still holds stays: a later start finds it */
static void remove_folders(const rv_place *p, const int locks[RV_PLACE_FOLDERS])
{
    char told[RV_PATH];
    int lock = -1;
    for (int i = 0; i < RV_PLACE_FOLDERS; i++)
        if (locks[i] >= 0)
            rv_folder_remove(folder_of(p, i));
    snprintf(told, sizeof told, "/tmp/reverie-%u-%s", getuid(), p->token);
    if (is_dead(told, &lock)) /* made by a daemon that does not know our TMPDIR */
        rv_folder_remove(told);
}

static _Noreturn void be_janitor(const rv_place *place, int leash)
{
    static const int asked[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE};
    char byte = 0;
    int locks[RV_PLACE_FOLDERS] = {-1, -1};
    setsid(); /* what is done to the group of the run is not done to it */
    prctl(PR_SET_NAME, "reverie-janitor");
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        (void)signal(asked[i], SIG_IGN);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i <= STDERR_FILENO && null >= 0; i++)
        dup2(null, i);
    dup2(leash, STDERR_FILENO + 1);
    close_range(STDERR_FILENO + 2, ~0U, 0); /* locks and pipes of the run */
    if (chdir("/") != 0)
        _exit(1);
    while (read(STDERR_FILENO + 1, &byte, 1) < 0 && errno == EINTR)
        ;
    while (!wait_until_left(place, locks) && !place->is_ours) /* ranks that others look after may take their time */
        ;
    if (place->is_ours)
        rv_place_end_members(place); /* also those that hold no lock: the daemon of a rank that nobody started */
    remove_folders(place, locks);
    _exit(0);
}

static rv_status start_janitor(rv_place *p)
{
    int leash[2];
    RV_CHECK(pipe2(leash, O_CLOEXEC) == 0, RV_E_OS, "cannot make a pipe: %s", strerror(errno));
    p->janitor = fork();
    if (p->janitor == 0)
        be_janitor(p, leash[0]);
    close(leash[0]);
    if (p->janitor < 0) {
        close(leash[1]);
        return rv_raise(RV_E_OS, "cannot start a process: %s", strerror(errno));
    }
    p->leash = leash[1];
    return RV_OK;
}

rv_status rv_place_janitor_ended(rv_place *place, pid_t ended)
{
    if (place->janitor == 0 || ended != place->janitor)
        return RV_OK;
    close(place->leash);
    place->leash = -1;
    return start_janitor(place);
}

/* ---- entering and leaving ---- */

static rv_status enter(rv_place *p)
{
    bool is_first = false;
    bool is_first_of_files = false;
    RV_TRY(name_folders(p));
    RV_TRY(enter_folder(p->memory, &p->alive[0], &is_first));
    RV_TRY(enter_folder(p->files, &p->alive[1], &is_first_of_files));
    return is_first ? start_janitor(p) : RV_OK;
}

rv_status rv_place_enter(const char *token, rv_place *out)
{
    uint64_t number = 0;
    rv_place p = {.alive = {-1, -1}, .leash = -1};
    sweep_all();
    if (token) {
        RV_CHECK(strlen(token) == RV_PLACE_TOKEN - 1 && strspn(token, "0123456789abcdef") == RV_PLACE_TOKEN - 1,
                 RV_E_USAGE, RV_PLACE_ENV " must be 16 hexadecimal digits; it is set for ranks by their supervisor");
        snprintf(p.token, sizeof p.token, "%s", token);
    } else {
        p.is_ours = true;
        RV_CHECK(getrandom(&number, sizeof number, 0) == (ssize_t)sizeof number, RV_E_OS,
                 "the system gives no random number");
        snprintf(p.token, sizeof p.token, "%016" PRIx64, number);
    }
    rv_status status = enter(&p);
    if (status != RV_OK) {
        rv_place_leave(&p, true);
        return rv_trace_at(__func__, __FILE__, __LINE__, status);
    }
    *out = p;
    return RV_OK;
}

/* a name for all children of our parent, on this host and in this container */
static void name_siblings(char out[RV_PLACE_TOKEN])
{
    char text[512] = "";
    char path[64];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)getppid());
    ssize_t space = readlink("/proc/self/ns/pid", text, 64);
    n = space > 0 ? (size_t)space : 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text + n, sizeof text - n - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[n + (got > 0 ? (size_t)got : 0)] = '\0';
    /* fields 4 to 22 begin with the process's parent and end with its start; counters of its work are between them */
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    uint64_t start = at ? strtoull(at, NULL, 10) : 0;
    n = (size_t)snprintf(text + n, sizeof text - n, "/%d/%" PRIu64, (int)getppid(), start) + n;
    snprintf(out, RV_PLACE_TOKEN, "%016llx", rv_hash_u64(text, n));
}

rv_status rv_place_enter_as_rank(rv_place *out)
{
    char siblings[RV_PLACE_TOKEN];
    const char *token = getenv(RV_PLACE_ENV);
    if (!token && rv_world_is_rank()) {
        name_siblings(siblings);
        token = siblings;
    }
    RV_TRY(rv_place_enter(token, out));
    for (int i = 0; i < RV_PLACE_FOLDERS; i++) /* children that a rank leaves behind must not keep it */
        fcntl(out->alive[i], F_SETFD, FD_CLOEXEC);
    setenv(RV_PLACE_ENV, out->token, 1);
    setenv("OMPI_MCA_btl_vader_backing_directory", out->memory, 0);
    setenv("OMPI_MCA_osc_sm_backing_directory", out->memory, 0);
    if (!rv_world_is_rank())
        setenv("OMPI_MCA_orte_tmpdir_base", out->files, 0);
    return RV_OK;
}

/* ---- leaving ---- */

static void empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char inner[RV_PATH];
        struct stat st;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "alive") == 0 ||
            rv_path_join(path, entry->d_name, inner) != RV_OK)
            continue;
        if (lstat(inner, &st) == 0 && S_ISDIR(st.st_mode))
            rv_folder_remove(inner);
        else
            unlink(inner);
    }
    closedir(folder);
}

void rv_place_empty(const rv_place *place)
{
    empty_folder(place->memory);
    empty_folder(place->files);
}

void rv_place_leave(rv_place *place, bool wait)
{
    for (int i = 0; i < RV_PLACE_FOLDERS; i++)
        if (place->alive[i] >= 0)
            close(place->alive[i]);
    if (place->leash >= 0)
        close(place->leash);
    if (place->janitor > 0 && wait)
        while (waitpid(place->janitor, NULL, 0) < 0 && errno == EINTR)
            ;
    *place = (rv_place){.alive = {-1, -1}, .leash = -1};
}
