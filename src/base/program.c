#include "base/program.h"

#include "base/memory.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_SAID = 1 << 20 };

/* ---- files in memory ---- */

rv_status rv_memory_file(const char *bytes, size_t n, int *out)
{
    int fd = memfd_create("reverie", MFD_CLOEXEC);
    RV_CHECK(fd >= 0, RV_E_OS, "cannot make a file in memory: %s", strerror(errno));
    for (size_t done = 0; done < n;) {
        ssize_t now = write(fd, bytes + done, n - done);
        if (now < 0 && errno != EINTR) {
            rv_status status = rv_raise(RV_E_OS, "cannot write to a file in memory: %s", strerror(errno));
            close(fd);
            return status;
        }
        done += now > 0 ? (size_t)now : 0;
    }
    lseek(fd, 0, SEEK_SET);
    *out = fd;
    return RV_OK;
}

rv_status rv_memory_file_read(int fd, size_t most, char **out, size_t *n_out)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *bytes = NULL;
    RV_CHECK(size >= 0, RV_E_OS, "cannot read a file in memory: %s", strerror(errno));
    RV_CHECK((size_t)size <= most, RV_E_DATA, "%lld bytes, expected at most %zu", (long long)size, most);
    RV_TRY(RV_NEW(bytes, size + 1));
    size_t n = 0;
    while (n < (size_t)size) {
        ssize_t now = pread(fd, bytes + n, (size_t)size - n, (off_t)n);
        if (now == 0 || (now < 0 && errno != EINTR))
            break;
        n += now > 0 ? (size_t)now : 0;
    }
    *out = bytes;
    *n_out = n;
    return RV_OK;
}

/* ---- programs ---- */

rv_status rv_program_start(const char *package, char *const *words, const int files[RV_PROGRAM_FILES], pid_t *out)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < RV_PROGRAM_FILES; i++)
        if (files[i] >= 0)
            posix_spawn_file_actions_adddup2(&actions, files[i], i);
    pid_t child = 0;
    int code = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    RV_CHECK(code != ENOENT, RV_E_UNAVAILABLE,
             "%s is not installed; run: apt-get install %s (or launch/install-deps run show)", words[0], package);
    RV_CHECK(code == 0, RV_E_OS, "cannot start %s: %s", words[0], strerror(code));
    *out = child;
    return RV_OK;
}

rv_status rv_program_wait(const char *name, pid_t program, int said)
{
    int end = 0;
    while (waitpid(program, &end, 0) < 0)
        RV_CHECK(errno == EINTR, RV_E_OS, "cannot wait for %s: %s", name, strerror(errno));
    if (WIFEXITED(end) && WEXITSTATUS(end) == 0)
        return RV_OK;

    char *text = NULL;
    size_t n = 0;
    RV_TRY(rv_memory_file_read(said, MAX_SAID, &text, &n));
    for (char *p = text; *p; p++)
        if (*p == '\n')
            *p = ' ';
    rv_status status =
        rv_raise(RV_E_UNAVAILABLE, "%s failed (%s %d): %.300s", name, WIFSIGNALED(end) ? "signal" : "exit code",
                 WIFSIGNALED(end) ? WTERMSIG(end) : WEXITSTATUS(end), n > 0 ? text : "it said nothing");
    rv_mem_free(&text);
    return status;
}
