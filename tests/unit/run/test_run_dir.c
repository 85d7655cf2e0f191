#include "base/clock.h"
#include "run/lease.h"
#include "run/run_dir.h"
#include "rv_test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* a child that has the lock, for so many seconds */
static pid_t hold(const char *folder, double seconds)
{
    int fds[2];
    char byte = 0;
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        int lock = -1;
        if (rv_run_dir_lock(folder, &lock) != RV_OK || write(fds[1], &byte, 1) != 1)
            _exit(1);
        rv_clock_sleep(seconds);
        _exit(0);
    }
    close(fds[1]);
    CU_ASSERT_EQUAL(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    return child;
}

/* who lives keeps others out; who is about to die does not */
static void test_lock(void)
{
    char folder[] = "/tmp/test_run_dir.XXXXXX";
    int lock = -1;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    pid_t child = hold(folder, 1000);
    double start = rv_clock_now();
    RV_TEST_FAILS(rv_run_dir_lock(folder, &lock), RV_E_EXISTS, "is being trained by another process");
    CU_ASSERT(rv_clock_now() - start > 1e-3 * RV_LEASE_DYING_MS - 0.1);
    CU_ASSERT_EQUAL(lock, -1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    child = hold(folder, 0.2);
    RV_TEST_OK(rv_run_dir_lock(folder, &lock));
    waitpid(child, NULL, 0);
    close(lock);
    RV_TEST_OK(rv_folder_remove(folder));
}

RV_TEST_MAIN("run folder", {"lock", test_lock})
