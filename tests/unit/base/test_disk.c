#include "base/clock.h"
#include "base/disk.h"
#include "rv_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void what_is_waited_for(void)
{
    CU_ASSERT_FALSE(rv_disk_retry("x", ENOSPC));
    rv_disk_on_full(RV_DISK_WAIT);
    double start = rv_clock_now();
    CU_ASSERT(rv_disk_retry("x", ENOSPC) && rv_disk_retry("x", EDQUOT));
    CU_ASSERT(rv_clock_now() - start > 0.5);
    CU_ASSERT_FALSE(rv_disk_retry("x", EIO));
    CU_ASSERT_FALSE(rv_disk_retry("x", EROFS));
    CU_ASSERT_FALSE(rv_disk_is_waiting());
    rv_disk_on_full(RV_DISK_STOP);
    CU_ASSERT_FALSE(rv_disk_retry("x", ENOSPC));
    CU_ASSERT(rv_disk_is_trouble(EROFS) && !rv_disk_is_trouble(EACCES));
}

static void errors_name_the_file(void)
{
    char path[] = "/tmp/reverie-disk-XXXXXX";
    struct rlimit old;
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0 && getrlimit(RLIMIT_FSIZE, &old) == 0);
    RV_TEST_OK(rv_disk_write(fd, path, "hello", 5));
    RV_TEST_OK(rv_disk_write(fd, path, "", 0));
    /* the first write takes a part, the next says why */
    struct rlimit small = {.rlim_cur = 8, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    RV_TEST_FAILS(rv_disk_write(fd, path, "world", 5), RV_E_IO, path);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_error_last()->text, "File too large"));
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_END), 8);
    close(fd);
    fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    RV_TEST_FAILS(rv_disk_write(fd, "/dev/full", "x", 1), RV_E_IO, "No space left");
    close(fd);
    unlink(path);
}

RV_TEST_MAIN("disk", {"what is waited for", what_is_waited_for}, {"errors name the file", errors_name_the_file})
