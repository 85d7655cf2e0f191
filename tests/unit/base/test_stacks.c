#include "base/clock.h"
#include "base/stacks.h"
#include "rv_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool is_over;
static atomic_int n_ready;

static void *spin(void *user)
{
    (void)user;
    n_ready++;
    while (!atomic_load(&is_over))
        rv_clock_sleep(1e-3);
    return NULL;
}

static void *blocked(void *user)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    return spin(user);
}

static void every_thread_is_told(void)
{
    pthread_t one;
    pthread_t two;
    char path[] = "/tmp/reverie-stacks-XXXXXX";
    static char text[65536];
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    rv_stacks_prepare();
    CU_ASSERT_FATAL(pthread_create(&one, NULL, spin, NULL) == 0);
    CU_ASSERT_FATAL(pthread_create(&two, NULL, blocked, NULL) == 0);
    while (n_ready < 2)
        rv_clock_sleep(1e-3);
    rv_clock_sleep(0.05);
    int64_t calls = rv_mem_calls();
    rv_stacks_write(fd);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    atomic_store(&is_over, true);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    CU_ASSERT(pread(fd, text, sizeof text - 1, 0) > 0);
    int n_threads = 0;
    for (const char *at = text; (at = strstr(at, "\nthread ")) != NULL; at++)
        n_threads++;
    CU_ASSERT_EQUAL(n_threads, 2); /* but this one, which writes */
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "clock_nanosleep"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "it does not answer"));
    close(fd);
    unlink(path);
}

static void states(void)
{
    CU_ASSERT_EQUAL(rv_process_state(getpid()), 'R');
    CU_ASSERT_EQUAL(rv_process_state(1L << 30), 0);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    int state = 0;
    CU_ASSERT_EQUAL(waitpid(child, &state, WUNTRACED), child);
    CU_ASSERT_EQUAL(rv_process_state(child), 'T');
    kill(child, SIGKILL);
    waitpid(child, &state, 0);
}

RV_TEST_MAIN("stacks", {"every thread is told", every_thread_is_told}, {"states", states})
