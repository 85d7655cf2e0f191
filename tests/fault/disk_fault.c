/* disk_fault.c - preloaded: a disk in trouble. DISK_FAULT="ERRNO SUBSTRING N": from the Nth on, calls that change a
 * file whose path holds the substring (write, fsync, fdatasync, mkdir, rename, open to create) fail with that errno,
 * until the file $DISK_HEAL exists. "SHORT SUBSTRING N": writes take one byte at a time from the Nth on, up to 64 of
 * them. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT = 1024, MOST_SHORT = 64 };

static char what[32], where[TEXT];
static long from;
static atomic_long n_calls;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_settings(void)
{
    const char *text = getenv("DISK_FAULT");
    if (!text || sscanf(text, "%31s %1023s %ld", what, where, &from) != 3)
        where[0] = '\0';
}

static bool is_meant(const char *path)
{
    pthread_once(&once, read_settings);
    return where[0] && strstr(path, where) && atomic_fetch_add(&n_calls, 1) + 1 >= from;
}

/* @return the errno with which a call on that path fails, 0: it does not */
static int fault_at(const char *path)
{
    static const struct {
        const char *name;
        int number;
    } names[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}};
    const char *healed = getenv("DISK_HEAL");
    if (!is_meant(path) || (healed && access(healed, F_OK) == 0))
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, what) == 0)
            return names[i].number;
    return 0;
}

static const char *path_of(int fd, char out[TEXT])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, TEXT - 1);
    out[n > 0 ? n : 0] = '\0';
    return out;
}

#define REAL(name)                                                                                                     \
    __typeof__(&(name)) real = NULL;                                                                                   \
    do {                                                                                                               \
        void *found_ = dlsym(RTLD_NEXT, #name);                                                                        \
        memcpy(&real, &found_, sizeof real);                                                                           \
    } while (0)

#define FAIL_AT(path)                                                                                                  \
    do {                                                                                                               \
        int fault_ = fault_at(path);                                                                                   \
        if (fault_) {                                                                                                  \
            errno = fault_;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t n)
{
    char path[TEXT];
    REAL(write);
    static atomic_int n_short;
    pthread_once(&once, read_settings);
    if (where[0] && strcmp(what, "SHORT") == 0 && n > 1 && is_meant(path_of(fd, path)) &&
        atomic_fetch_add(&n_short, 1) < MOST_SHORT)
        n = 1;
    else if (where[0])
        FAIL_AT(path_of(fd, path));
    return real(fd, bytes, n);
}

int fsync(int fd)
{
    char path[TEXT];
    REAL(fsync);
    FAIL_AT(path_of(fd, path));
    return real(fd);
}

int fdatasync(int fd)
{
    char path[TEXT];
    REAL(fdatasync);
    FAIL_AT(path_of(fd, path));
    return real(fd);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    FAIL_AT(path);
    return real(path, mode);
}

int rename(const char *path, const char *to)
{
    REAL(rename);
    FAIL_AT(path);
    return real(path, to);
}

int open(const char *path, int flags, ...)
{
    REAL(open);
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
        FAIL_AT(path);
    }
    return real(path, flags, mode);
}
