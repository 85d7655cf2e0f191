#include "base/clock.h"
#include "run/lease.h"
#include "rv_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_S = 20 };

static atomic_int n_lost;

static void count_lost(void *user)
{
    (void)user;
    n_lost++;
}

static void make_folder(char folder[64], char path[RV_PATH])
{
    snprintf(folder, 64, "/tmp/test_lease.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, RV_PATH, "%s/lease", folder);
    n_lost = 0;
}

static void read_lease(const char *path, rv_lease_record *out)
{
    char *text = NULL;
    size_t n = 0;
    RV_TEST_OK(rv_file_read(path, RV_LEASE_BYTES, &text, &n));
    RV_TEST_OK(rv_lease_parse(path, text, n, out));
    rv_mem_free(&text);
}

/* what somebody of another boot would have left, or renews in place */
static void write_lease(const char *path, int beat)
{
    char text[RV_LEASE_BYTES + 1];
    int n = snprintf(text, sizeof text,
                     "{\"version\": 1, \"token\": \"00\", \"host\": \"elsewhere\", \"boot\": \"another boot\", "
                     "\"pid_space\": \"pid:[1]\", \"pid\": %d, \"pid_start\": 1, \"every_s\": 1, \"beat\": %d}\n",
                     (int)getpid(), beat);
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    CU_ASSERT_EQUAL(pwrite(fd, text, (size_t)n, 0), n);
    close(fd);
}

/* a clock that is far from ours wrote the file */
static void set_time(const char *path, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_take_renew_release(void)
{
    char folder[64];
    char path[RV_PATH];
    rv_lease *lease = NULL;
    rv_lease_record first, later;
    make_folder(folder, path);
    RV_TEST_OK(rv_lease_take(folder, 1, count_lost, NULL, &lease));
    read_lease(path, &first);
    CU_ASSERT_EQUAL(first.pid, getpid());
    CU_ASSERT_EQUAL(first.every_s, 1);
    int64_t calls = rv_mem_calls();
    double start = rv_clock_now();
    rv_clock_sleep(1.5);
    RV_TEST_OK(rv_lease_hold(lease));
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    do {
        rv_clock_sleep(0.05);
        read_lease(path, &later);
    } while (later.beat < first.beat + 2 && rv_clock_now() - start < PATIENCE_S);
    CU_ASSERT_STRING_EQUAL(first.token, later.token);
    CU_ASSERT_EQUAL(later.beat, first.beat + 2);
    CU_ASSERT(rv_clock_now() - start > 1.5); /* once a second */
    rv_lease_release(&lease);
    CU_ASSERT_PTR_NULL(lease);
    CU_ASSERT_FALSE(rv_file_exists(path));
    CU_ASSERT_EQUAL(n_lost, 0);
    RV_TEST_OK(rv_folder_remove(folder));
}

/* the holder is another process of this machine: refused while it lives, taken at once when it was killed */
static void test_two_processes(void)
{
    char folder[64];
    char path[RV_PATH];
    rv_lease *lease = NULL;
    make_folder(folder, path);
    pid_t child = fork();
    if (child == 0) {
        if (rv_lease_take(folder, 1, count_lost, NULL, &lease) != RV_OK)
            _exit(1);
        for (;;)
            pause();
    }
    while (!rv_file_exists(path))
        rv_clock_sleep(0.01);
    rv_clock_sleep(0.1);
    double start = rv_clock_now();
    RV_TEST_FAILS(rv_lease_take(folder, 1, count_lost, NULL, &lease), RV_E_EXISTS, "is being trained by process");
    CU_ASSERT(rv_clock_now() - start < RV_LEASE_MISSED); /* it was not watched */
    start = rv_clock_now();
    kill(child, SIGKILL); /* a zombie is dead, too */
    RV_TEST_OK(rv_lease_take(folder, 1, count_lost, NULL, &lease));
    CU_ASSERT(rv_clock_now() - start < RV_LEASE_MISSED);
    waitpid(child, NULL, 0);
    rv_lease_release(&lease);
    RV_TEST_OK(rv_folder_remove(folder));
}

enum { N_RACERS = 16 };

/* takes the lease when the gate is closed, says that it tried, and holds it until the end is closed */
static _Noreturn void be_racer(const char *folder, int gate, int tried, int end)
{
    rv_lease *lease = NULL;
    char byte = 0;
    if (read(gate, &byte, 1) != 0)
        _exit(2);
    bool is_mine = rv_lease_take(folder, 1, count_lost, NULL, &lease) == RV_OK;
    if (write(tried, &byte, 1) != 1 || read(end, &byte, 1) != 0)
        _exit(2);
    _exit(is_mine ? 0 : 1);
}

/* many at once: one has it */
static void test_race(void)
{
    char folder[64];
    char path[RV_PATH];
    int gate[2], tried[2], end[2];
    int n_won = 0;
    pid_t children[N_RACERS];
    make_folder(folder, path);
    CU_ASSERT_EQUAL(pipe(gate), 0);
    CU_ASSERT_EQUAL(pipe(tried), 0);
    CU_ASSERT_EQUAL(pipe(end), 0);
    for (int i = 0; i < N_RACERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            close(gate[1]);
            close(end[1]);
            be_racer(folder, gate[0], tried[1], end[0]);
        }
    }
    close(gate[1]);
    close(tried[1]);
    for (int i = 0; i < N_RACERS; i++) {
        char byte = 0;
        CU_ASSERT_EQUAL(read(tried[0], &byte, 1), 1);
    }
    close(end[1]);
    for (int i = 0; i < N_RACERS; i++) {
        int state = 0;
        waitpid(children[i], &state, 0);
        CU_ASSERT(WIFEXITED(state) && WEXITSTATUS(state) <= 1);
        n_won += WIFEXITED(state) && WEXITSTATUS(state) == 0;
    }
    CU_ASSERT_EQUAL(n_won, 1);
    close(gate[0]);
    close(tried[0]);
    close(end[0]);
    CU_ASSERT_TRUE(rv_file_exists(path)); /* it ended without giving it back */
    RV_TEST_OK(rv_folder_remove(folder));
}

/* a holder of another host is watched, whatever the clocks say */
static void test_other_host(void)
{
    char folder[64];
    char path[RV_PATH];
    rv_lease *lease = NULL;
    rv_lease_record now;
    make_folder(folder, path);
    write_lease(path, 1);
    set_time(path, 1);
    pid_t child = fork();
    if (child == 0) {
        for (int beat = 2;; beat++) {
            rv_clock_sleep(0.5);
            write_lease(path, beat);
            set_time(path, 1);
        }
    }
    RV_TEST_FAILS(rv_lease_take(folder, 1, count_lost, NULL, &lease), RV_E_EXISTS, "on elsewhere");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    set_time(path, 4000000000);
    double start = rv_clock_now();
    RV_TEST_OK(rv_lease_take(folder, 1, count_lost, NULL, &lease));
    CU_ASSERT(rv_clock_now() - start > RV_LEASE_MISSED);
    CU_ASSERT(rv_clock_now() - start < PATIENCE_S);
    read_lease(path, &now);
    CU_ASSERT_EQUAL(now.pid, getpid());
    CU_ASSERT_STRING_NOT_EQUAL(now.host, "elsewhere");
    rv_lease_release(&lease);
    RV_TEST_OK(rv_folder_remove(folder));
}

/* taken over: the holder learns it, does not write into the other's file and does not remove it */
static void test_lost(void)
{
    char folder[64];
    char path[RV_PATH];
    rv_lease *lease = NULL;
    rv_lease_record other;
    make_folder(folder, path);
    RV_TEST_OK(rv_lease_take(folder, 1, count_lost, NULL, &lease));
    CU_ASSERT_EQUAL(unlink(path), 0);
    write_lease(path, 1);
    for (int i = 0; i < 10 * PATIENCE_S && n_lost == 0; i++)
        rv_clock_sleep(0.1);
    CU_ASSERT_EQUAL(n_lost, 1);
    RV_TEST_FAILS(rv_lease_hold(lease), RV_E_EXISTS, "has changed hands");
    rv_lease_release(&lease);
    read_lease(path, &other);
    CU_ASSERT_STRING_EQUAL(other.host, "elsewhere");
    CU_ASSERT_EQUAL(other.beat, 1);
    RV_TEST_OK(rv_folder_remove(folder));
}

/* a file that was removed by hand comes back; one that is not a lease is watched, then replaced */
static void test_odd_files(void)
{
    char folder[64];
    char path[RV_PATH];
    rv_lease *lease = NULL;
    rv_lease_record r;
    make_folder(folder, path);
    RV_TEST_OK(rv_lease_take(folder, 1, count_lost, NULL, &lease));
    CU_ASSERT_EQUAL(unlink(path), 0);
    for (int i = 0; i < 10 * PATIENCE_S && !rv_file_exists(path); i++)
        rv_clock_sleep(0.1);
    rv_clock_sleep(0.5); /* for what is in it */
    read_lease(path, &r);
    CU_ASSERT_EQUAL(r.pid, getpid());
    CU_ASSERT_EQUAL(n_lost, 0);
    rv_lease_release(&lease);

    close(open(path, O_WRONLY | O_CREAT, 0666)); /* killed before it could write */
    double start = rv_clock_now();
    RV_TEST_OK(rv_lease_take(folder, 1, count_lost, NULL, &lease));
    CU_ASSERT(rv_clock_now() - start > RV_LEASE_MISSED);
    rv_lease_release(&lease);
    RV_TEST_OK(rv_folder_remove(folder));
}

RV_TEST_MAIN("lease", {"take, renew, release", test_take_renew_release}, {"two processes", test_two_processes},
             {"many at once", test_race}, {"another host", test_other_host}, {"taken over", test_lost},
             {"odd files", test_odd_files})
