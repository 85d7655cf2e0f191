#include "base/file.h"

#include "base/disk.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* open and fsync may be interrupted on network file systems */
static int open_again(const char *path, int flags)
{
    for (;;) {
        int fd = open(path, flags | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EINTR)
            return fd;
    }
}

rv_status rv_path_join(const char *folder, const char *name, char out[RV_PATH])
{
    int n = snprintf(out, RV_PATH, "%s/%s", folder, name);
    RV_CHECK(n > 0 && n < RV_PATH, RV_E_USAGE, "path too long: '%.80s.../%s', at most %d characters are allowed",
             folder, name, RV_PATH - 1);
    return RV_OK;
}

bool rv_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* @return errno */
static int make_folder(const char *path)
{
    int why = 0;
    do
        why = mkdir(path, 0777) == 0 ? 0 : errno;
    while (why != 0 && rv_disk_retry(path, why));
    return why;
}

rv_status rv_folder_make(const char *path)
{
    char part[RV_PATH];
    size_t n = strlen(path);
    RV_CHECK(n > 0 && n < RV_PATH, RV_E_USAGE, "folder name empty or longer than %d characters", RV_PATH - 1);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        struct stat st;
        int why = make_folder(part);
        if (why != 0) {
            RV_CHECK(why == EEXIST, rv_disk_is_trouble(why) ? RV_E_IO : RV_E_EXISTS, "cannot make folder '%s': %s",
                     part, strerror(why));
            RV_CHECK(stat(part, &st) == 0 && S_ISDIR(st.st_mode), RV_E_EXISTS, "'%s' is not a folder", part);
        }
        part[i] = kept;
    }
    return RV_OK;
}

rv_status rv_folder_remove(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder && errno == ENOENT)
        return RV_OK;
    RV_CHECK(folder, RV_E_IO, "cannot open folder '%s': %s", path, strerror(errno));
    rv_status status = RV_OK;
    for (struct dirent *entry; status == RV_OK && (entry = readdir(folder)) != NULL;) {
        char inner[RV_PATH];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        status = rv_path_join(path, entry->d_name, inner);
        if (status != RV_OK)
            break;
        if (lstat(inner, &st) == 0 && S_ISDIR(st.st_mode))
            status = rv_folder_remove(inner);
        else if (unlink(inner) != 0)
            status = rv_raise(RV_E_IO, "cannot remove '%s': %s", inner, strerror(errno));
    }
    closedir(folder);
    if (status == RV_OK && rmdir(path) != 0)
        status = rv_raise(RV_E_IO, "cannot remove folder '%s': %s", path, strerror(errno));
    return status;
}

rv_status rv_file_read(const char *path, size_t max, char **out, size_t *n_out)
{
    rv_status status = RV_OK;
    char *bytes = NULL;
    size_t n = 0;
    struct stat st;
    int fd = open_again(path, O_RDONLY);
    RV_CHECK(fd >= 0, RV_E_NOINPUT, "cannot open '%s': %s", path, strerror(errno));
    RV_CHECK_GOTO(fstat(fd, &st) == 0 && S_ISREG(st.st_mode), RV_E_NOINPUT, done, "'%s' is not a file", path);
    RV_CHECK_GOTO((size_t)st.st_size <= max, RV_E_DATA, done, "'%s' has %lld bytes, at most %zu are allowed", path,
                  (long long)st.st_size, max);
    RV_TRY_GOTO(RV_NEW(bytes, st.st_size + 1), done);
    while (n < (size_t)st.st_size) {
        ssize_t got = read(fd, bytes + n, (size_t)st.st_size - n);
        if (got < 0 && errno == EINTR)
            continue;
        RV_CHECK_GOTO(got >= 0, RV_E_IO, done, "cannot read '%s': %s", path, strerror(errno));
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *out = bytes;
    *n_out = n;
    bytes = NULL;
done:
    rv_mem_free(&bytes);
    close(fd);
    return status;
}

rv_status rv_folder_sync(const char *path)
{
    int fd = open_again(path, O_RDONLY | O_DIRECTORY);
    RV_CHECK(fd >= 0, RV_E_IO, "cannot open folder '%s': %s", path, strerror(errno));
    int failed = rv_disk_sync(fd) != 0 && errno != EINVAL; /* some file systems cannot sync a folder */
    int why = errno;
    close(fd);
    RV_CHECK(!failed, RV_E_IO, "cannot sync folder '%s': %s", path, strerror(why));
    return RV_OK;
}

/* *why: errno of a sync that failed, after which what was written may be lost */
static rv_status put_once(const char *path, const void *bytes, size_t n, int *why)
{
    rv_status status = RV_OK;
    int fd = -1;
    *why = 0;
    do
        fd = open_again(path, O_WRONLY | O_CREAT | O_TRUNC);
    while (fd < 0 && rv_disk_retry(path, errno));
    RV_CHECK(fd >= 0, RV_E_IO, "cannot create '%s': %s", path, strerror(errno));
    RV_TRY_GOTO(rv_disk_write(fd, path, bytes, n), fail);
    *why = rv_disk_sync(fd) == 0 ? 0 : errno;
    RV_CHECK_GOTO(!*why, RV_E_IO, fail, "cannot sync '%s': %s", path, strerror(*why));
    close(fd);
    return RV_OK;
fail:
    close(fd);
    unlink(path);
    return status;
}

rv_status rv_file_put(const char *path, const void *bytes, size_t n)
{
    rv_status status = RV_OK;
    int why = 0;
    do
        status = put_once(path, bytes, n, &why);
    while (status != RV_OK && rv_disk_retry(path, why));
    return status;
}

rv_status rv_file_write(const char *path, const void *bytes, size_t n)
{
    char temporary[RV_PATH + 16];
    char folder[RV_PATH];
    RV_CHECK(strlen(path) < RV_PATH, RV_E_USAGE, "path longer than %d characters", RV_PATH - 1);
    snprintf(temporary, sizeof temporary, "%s.%d.tmp", path, (int)getpid());
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    RV_TRY(rv_file_put(temporary, bytes, n));
    if (rename(temporary, path) != 0) {
        int why = errno;
        unlink(temporary);
        return rv_raise(RV_E_IO, "cannot rename '%s' to '%s': %s", temporary, path, strerror(why));
    }
    return rv_folder_sync(!slash ? "." : folder[0] ? folder : "/");
}
