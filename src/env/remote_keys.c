#include "env/remote_keys.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { KEY_BYTES = 32, FILE_MAX = 256, N_FILES = 4, SECRET_MODE = 0600, PUBLIC_MODE = 0644 };

static const char *const names[N_FILES] = {"server.public", "server.secret", "client.public", "client.secret"};

static rv_status check_library(void)
{
    RV_CHECK(zmq_has("curve"), RV_E_UNAVAILABLE, "this libzmq has no CURVE: connections cannot have keys");
    return RV_OK;
}

/* ---- make ---- */

static rv_status write_new(const char *path, int mode, const char *key)
{
    char line[RV_REMOTE_KEY + 1];
    int n = snprintf(line, sizeof line, "%s\n", key);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    RV_CHECK(fd >= 0, errno == EEXIST ? RV_E_EXISTS : RV_E_IO, "%s: cannot create it: %s", path, strerror(errno));
    /* the mode is meant, whatever the umask takes from it */
    bool is_good = fchmod(fd, (mode_t)mode) == 0 && write(fd, line, (size_t)n) == n && fsync(fd) == 0;
    int error = errno;
    is_good = close(fd) == 0 && is_good;
    RV_CHECK(is_good, RV_E_IO, "%s: cannot write it: %s", path, strerror(error));
    return RV_OK;
}

rv_status rv_remote_keys_make(const char *folder)
{
    char paths[N_FILES][RV_PATH];
    char keys[N_FILES][RV_REMOTE_KEY];
    RV_TRY(check_library());
    for (int i = 0; i < N_FILES; i++) {
        RV_TRY(rv_path_join(folder, names[i], paths[i]));
        RV_CHECK(!rv_file_exists(paths[i]), RV_E_EXISTS,
                 "%s is there already; keys are not overwritten: name another folder, or remove the four files",
                 paths[i]);
    }
    for (int i = 0; i < N_FILES; i += 2)
        RV_CHECK(zmq_curve_keypair(keys[i], keys[i + 1]) == 0, RV_E_UNAVAILABLE, "cannot make keys: %s",
                 zmq_strerror(zmq_errno()));
    RV_TRY(rv_folder_make(folder));
    for (int i = 0; i < N_FILES; i++) {
        rv_status status = write_new(paths[i], i % 2 ? SECRET_MODE : PUBLIC_MODE, keys[i]);
        while (status != RV_OK && i > 0)
            unlink(paths[--i]); /* half a set is no use */
        RV_TRY(status);
    }
    return rv_folder_sync(folder);
}

/* ---- read ---- */

static rv_status read_key(const char *folder, const char *name, char key[RV_REMOTE_KEY])
{
    char path[RV_PATH];
    char *text = NULL;
    unsigned char raw[KEY_BYTES];
    size_t n = 0;
    RV_TRY(rv_path_join(folder, name, path));
    rv_status status = rv_file_read(path, FILE_MAX, &text, &n);
    if (status != RV_OK)
        return rv_error_prefix(status, "env.keys");
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    bool is_key = n == RV_REMOTE_KEY - 1 && memchr(text, 0, n) == NULL;
    snprintf(key, RV_REMOTE_KEY, "%.*s", is_key ? (int)n : 0, text);
    rv_mem_free(&text);
    RV_CHECK(is_key && zmq_z85_decode(raw, key), RV_E_DATA,
             "env.keys: %s holds no key: expected one line of %d characters in Z85, as 'reverie envs keys' writes it",
             path, RV_REMOTE_KEY - 1);
    return RV_OK;
}

rv_status rv_remote_keys_read(const char *folder, rv_remote_keys *out)
{
    rv_remote_keys keys;
    RV_TRY(check_library());
    RV_TRY(read_key(folder, "client.secret", keys.secret));
    RV_TRY(read_key(folder, "server.public", keys.server));
    RV_CHECK(zmq_curve_public(keys.public, keys.secret) == 0, RV_E_UNAVAILABLE, "env.keys: %s",
             zmq_strerror(zmq_errno()));
    *out = keys;
    return RV_OK;
}
