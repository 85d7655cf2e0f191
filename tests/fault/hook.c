#include "hook.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const fault_names[FAULT_N_CALLS] = {"open",  "write",  "fsync", "rename", "ftruncate",
                                                "mkdir", "unlink", "rmdir", "read",   "malloc"};

static struct {
    bool is_armed;
    fault_call call;
    int64_t k, seen;
    int error;
    bool hit;
    int64_t kill_at, calls;
    bool records;
    int n_ops;
} hook;
static fault_op ops[FAULT_OPS];
static char path_of[1024][256]; /* of an open descriptor, while calls are written down */
static int64_t live_blocks;

/* the allocator below the names that this file takes */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

void fault_reset(void)
{
    for (int i = 0; i < hook.n_ops; i++)
        free(ops[i].bytes);
    memset(&hook, 0, sizeof hook);
}

void fault_arm(fault_call call, int64_t k, int error)
{
    fault_reset();
    hook.call = call;
    hook.k = k;
    hook.error = error;
    hook.is_armed = true;
}

bool fault_hit(void)
{
    return hook.hit;
}

void fault_arm_kill(int64_t k)
{
    fault_reset();
    hook.kill_at = k;
}

int64_t fault_live_blocks(void)
{
    return live_blocks;
}

int fault_open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

void fault_record(void)
{
    fault_reset();
    hook.records = true;
}

const fault_op *fault_recorded(int *n)
{
    *n = hook.n_ops;
    return ops;
}

/* does this call fail? errno is set then */
static bool fails(fault_call call)
{
    if (!hook.is_armed || call != hook.call || ++hook.seen != hook.k)
        return false;
    hook.hit = true;
    errno = hook.error;
    return true;
}

/* behind a call */
static void done(void)
{
    if (hook.kill_at > 0 && ++hook.calls == hook.kill_at)
        raise(SIGKILL);
}

static void write_down(fault_op_kind kind, const char *path, const char *to, const void *bytes, size_t n)
{
    if (!hook.records || hook.n_ops == FAULT_OPS)
        return;
    fault_op *op = &ops[hook.n_ops++];
    *op = (fault_op){.kind = kind, .n = n};
    snprintf(op->path, sizeof op->path, "%s", path);
    snprintf(op->to, sizeof op->to, "%s", to ? to : "");
    if (n > 0) {
        op->bytes = __libc_malloc(n);
        live_blocks++; /* as free will count it */
        memcpy(op->bytes, bytes, n);
    }
}

/* ---- what the linker calls instead (--wrap) ---- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
ssize_t __real_read(int fd, void *bytes, size_t n);
ssize_t __wrap_read(int fd, void *bytes, size_t n);
ssize_t __real_pread(int fd, void *bytes, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *bytes, size_t n, off_t at);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_ftruncate(int fd, off_t n);
int __wrap_ftruncate(int fd, off_t n);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
struct dirent *__real_readdir(DIR *folder);
struct dirent *__wrap_readdir(DIR *folder);

int __wrap_open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (fails(FAULT_OPEN))
        return -1;
    int fd = __real_open(path, flags, mode);
    if (fd >= 0 && fd < 1024)
        snprintf(path_of[fd], sizeof path_of[fd], "%s", path);
    if (fd >= 0 && flags & O_CREAT)
        write_down(FAULT_OP_CREATE, path, NULL, NULL, 0);
    done();
    return fd;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
    if (fails(FAULT_WRITE)) {
        if (hook.error != FAULT_SHORT)
            return -1;
        n = n / 2 > 0 ? n / 2 : n;
    }
    ssize_t put = __real_write(fd, bytes, n);
    if (put > 0)
        write_down(FAULT_OP_WRITE, path_of[fd], NULL, bytes, (size_t)put);
    done();
    return put;
}

ssize_t __wrap_read(int fd, void *bytes, size_t n)
{
    return fails(FAULT_READ) ? -1 : __real_read(fd, bytes, n);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t n, off_t at)
{
    return fails(FAULT_READ) ? -1 : __real_pread(fd, bytes, n, at);
}

int __wrap_fsync(int fd)
{
    if (fails(FAULT_FSYNC))
        return -1;
    write_down(FAULT_OP_FSYNC, path_of[fd], NULL, NULL, 0);
    done();
    return 0;
}

int __wrap_fdatasync(int fd)
{
    return __wrap_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    if (fails(FAULT_RENAME))
        return -1;
    int code = __real_rename(from, to);
    if (code == 0)
        write_down(FAULT_OP_RENAME, from, to, NULL, 0);
    done();
    return code;
}

int __wrap_ftruncate(int fd, off_t n)
{
    if (fails(FAULT_TRUNCATE))
        return -1;
    int code = __real_ftruncate(fd, n);
    done();
    return code;
}

static int path_call(fault_call call, fault_op_kind kind, const char *path)
{
    if (fails(call))
        return -1;
    int code = call == FAULT_MKDIR    ? __real_mkdir(path, 0777)
               : call == FAULT_UNLINK ? __real_unlink(path)
                                      : __real_rmdir(path);
    int why = errno;
    if (code == 0)
        write_down(kind, path, NULL, NULL, 0);
    done();
    errno = why;
    return code;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    (void)mode;
    return path_call(FAULT_MKDIR, FAULT_OP_MKDIR, path);
}

int __wrap_unlink(const char *path)
{
    return path_call(FAULT_UNLINK, FAULT_OP_UNLINK, path);
}

int __wrap_rmdir(const char *path)
{
    return path_call(FAULT_RMDIR, FAULT_OP_RMDIR, path);
}

DIR *__wrap_opendir(const char *path)
{
    return fails(FAULT_OPEN) ? NULL : __real_opendir(path);
}

struct dirent *__wrap_readdir(DIR *folder)
{
    return fails(FAULT_READ) ? NULL : __real_readdir(folder);
}

/* ---- what every library calls ---- */

static void *counted(void *p)
{
    live_blocks += p != NULL;
    return p;
}

void *malloc(size_t n)
{
    return fails(FAULT_MALLOC) ? NULL : counted(__libc_malloc(n));
}

void *calloc(size_t n, size_t size)
{
    return fails(FAULT_MALLOC) ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n)
{
    if (fails(FAULT_MALLOC))
        return NULL;
    void *q = __libc_realloc(p, n);
    live_blocks += (q != NULL) - (p != NULL && (q != NULL || n == 0));
    return q;
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return fails(FAULT_MALLOC) ? NULL : counted(__libc_memalign(alignment, n));
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    if (fails(FAULT_MALLOC))
        return ENOMEM;
    *out = counted(__libc_memalign(alignment, n));
    return *out ? 0 : ENOMEM;
}

void free(void *p)
{
    live_blocks -= p != NULL;
    __libc_free(p);
}
