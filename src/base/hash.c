#include "base/hash.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static void print_hash(XXH128_hash_t h, char text[RV_HASH_TEXT])
{
    snprintf(text, RV_HASH_TEXT, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

void rv_hash_bytes(const void *bytes, size_t n, char text[RV_HASH_TEXT])
{
    print_hash(XXH3_128bits(bytes, n), text);
}

rv_status rv_hasher_create(rv_hasher *out)
{
    XXH3_state_t *state = XXH3_createState();
    RV_CHECK(state, RV_E_NOMEM, "cannot make a hash state: out of memory");
    XXH3_128bits_reset(state);
    out->state = state;
    return RV_OK;
}

void rv_hasher_add(rv_hasher *hasher, const void *bytes, size_t n)
{
    XXH3_128bits_update(hasher->state, bytes, n);
}

void rv_hasher_text(const rv_hasher *hasher, char text[RV_HASH_TEXT])
{
    print_hash(XXH3_128bits_digest(hasher->state), text);
}

void rv_hasher_clear(rv_hasher *hasher)
{
    XXH3_freeState(hasher->state);
    hasher->state = NULL;
}

enum { PIECE = 1 << 18 };

static rv_status hash_descriptor(int fd, const char *path, rv_hasher *hasher, int64_t *n_bytes)
{
    rv_status status = RV_OK;
    char *piece = NULL;
    struct stat st;
    int64_t n = 0;
    RV_CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode), RV_E_NOINPUT, "'%s' is not a file", path);
    RV_TRY(RV_NEW(piece, PIECE));
    for (;;) {
        ssize_t got = read(fd, piece, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        RV_CHECK_GOTO(got >= 0, RV_E_IO, done, "cannot read '%s': %s", path, strerror(errno));
        if (got == 0)
            break;
        rv_hasher_add(hasher, piece, (size_t)got);
        n += got;
    }
    *n_bytes = n;
done:
    rv_mem_free(&piece);
    return status;
}

rv_status rv_hash_file(const char *path, int64_t *n_bytes, char text[RV_HASH_TEXT])
{
    rv_status status = RV_OK;
    rv_hasher hasher = {NULL};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    RV_CHECK(fd >= 0, RV_E_NOINPUT, "cannot open '%s': %s", path, strerror(errno));
    RV_TRY_GOTO(rv_hasher_create(&hasher), done);
    RV_TRY_GOTO(hash_descriptor(fd, path, &hasher, n_bytes), done);
    rv_hasher_text(&hasher, text);
done:
    rv_hasher_clear(&hasher);
    close(fd);
    return status;
}

unsigned long long rv_hash_u64(const void *bytes, size_t n)
{
    return (unsigned long long)XXH3_64bits(bytes, n);
}
