#include "base/disk.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/pulse.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static const double try_s = 0.5, say_s = 60;

static atomic_int on_full = RV_DISK_STOP;
static atomic_int n_waiting;
static _Atomic double said_at; /* the last line of any thread; 0: none in this want of room */

void rv_disk_on_full(rv_disk_full what)
{
    atomic_store(&on_full, (int)what);
}

bool rv_disk_is_waiting(void)
{
    return atomic_load(&n_waiting) > 0;
}

bool rv_disk_is_trouble(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EIO || error == EROFS;
}

bool rv_disk_retry(const char *path, int error)
{
    bool is_full = error == ENOSPC || error == EDQUOT;
    if (!is_full || atomic_load(&on_full) != RV_DISK_WAIT)
        return false;
    double now = rv_clock_now();
    double last = atomic_load(&said_at);
    if ((last == 0 || now - last >= say_s) && atomic_compare_exchange_strong(&said_at, &last, now))
        rv_warn("cannot write '%s': %s; waiting until there is room (disk.on_full)", path, strerror(error));
    if (gettid() == getpid())
        rv_pulse_beat(); /* the thread at work stands still, but does not hang */
    atomic_fetch_add(&n_waiting, 1);
    rv_clock_sleep(try_s);
    atomic_fetch_sub(&n_waiting, 1);
    return true;
}

rv_status rv_disk_write(int fd, const char *path, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t put = write(fd, at, n);
        int why = put < 0 ? errno : ENOSPC; /* a write of nothing, without a reason, is no room */
        if (put <= 0 && (why == EINTR || rv_disk_retry(path, why)))
            continue;
        RV_CHECK(put > 0, RV_E_IO, "cannot write '%s': %s", path, strerror(why));
        at += put;
        n -= (size_t)put;
    }
    return RV_OK;
}

int rv_disk_sync(int fd)
{
    int failed = 0;
    do
        failed = fsync(fd);
    while (failed != 0 && errno == EINTR);
    return failed;
}
