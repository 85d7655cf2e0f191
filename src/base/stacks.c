#include "base/stacks.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FRAMES = 64, TEXT = 512, LOOKS = 40 };
static const double look_s = 5e-3;

static atomic_int file = -1;
static atomic_int has_answered;

static int signal_number(void)
{
    return SIGRTMAX - 2;
}

static void on_signal(int number)
{
    int kept = errno;
    void *frames[FRAMES];
    (void)number;
    int fd = atomic_load(&file);
    if (fd >= 0) {
        backtrace_symbols_fd(frames, backtrace(frames, FRAMES), fd);
        atomic_store(&has_answered, 1);
    }
    errno = kept;
}

void rv_stacks_prepare(void)
{
    void *frame = NULL;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    backtrace(&frame, 1); /* the first call loads a library */
    sigemptyset(&action.sa_mask);
    sigaction(signal_number(), &action, NULL);
}

static int read_text(const char *path, char out[TEXT])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, TEXT - 1) : -1;
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* "1234 (name) S ...": the name may hold anything */
static char state_in(const char *stat)
{
    const char *end = strrchr(stat, ')');
    return (char)(end && end[1] == ' ' ? end[2] : 0);
}

char rv_process_state(long pid)
{
    char path[64];
    char text[TEXT];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    return (char)(read_text(path, text) ? state_in(text) : 0);
}

static void write_thread(int fd, pid_t thread)
{
    char path[64];
    char stat[TEXT];
    char place[TEXT];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    if (!read_text(path, stat))
        return;
    snprintf(path, sizeof path, "/proc/self/task/%d/wchan", (int)thread);
    read_text(path, place);
    dprintf(fd, "\nthread %d%s, state %c, in the kernel at: %s\n", (int)thread,
            thread == getpid() ? " (the one that does the work)" : "", state_in(stat), place[0] ? place : "?");
    atomic_store(&has_answered, 0);
    if (syscall(SYS_tgkill, getpid(), thread, signal_number()) != 0)
        return;
    for (int i = 0; i < LOOKS && !atomic_load(&has_answered); i++)
        rv_clock_sleep(look_s);
    if (!atomic_load(&has_answered))
        dprintf(fd, "  it does not answer: it blocks signals, or is inside a call of the system\n");
}

void rv_stacks_note(int fd, long pid, bool is_here)
{
    char path[64];
    char place[TEXT];
    if (!is_here) {
        dprintf(fd, "its stacks are on another host\n");
        return;
    }
    snprintf(path, sizeof path, "/proc/%ld/wchan", pid);
    read_text(path, place);
    char state = rv_process_state(pid);
    dprintf(fd, "process %ld: state %c, in the kernel at: %s; its stacks cannot be had while it does not run\n", pid,
            state ? state : '?', place[0] ? place : "?");
}

void rv_stacks_write(int fd)
{
    /* a folder is read without opendir, which takes memory that the thread that hangs may hold the lock of */
    struct {
        uint64_t number;
        int64_t offset;
        unsigned short length;
        unsigned char type;
        char name[TEXT];
    } const *entry;
    _Alignas(16) char entries[4096];
    pid_t self = (pid_t)syscall(SYS_gettid);
    int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    atomic_store(&file, fd);
    dprintf(fd, "process %d; name a place (+0x...) with: addr2line -fpe PROGRAM 0x...\n", (int)getpid());
    for (long n = 0; folder >= 0 && (n = syscall(SYS_getdents64, folder, entries, sizeof entries)) > 0;)
        for (long at = 0; at < n; at += entry->length) {
            entry = (const void *)(entries + at);
            pid_t thread = (pid_t)strtol(entry->name, NULL, 10);
            if (thread > 0 && thread != self)
                write_thread(fd, thread);
        }
    if (folder >= 0)
        close(folder);
    atomic_store(&file, -1);
}
