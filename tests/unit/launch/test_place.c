#include "base/clock.h"
#include "base/stacks.h"
#include "launch/place.h"
#include "rv_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char tmp[] = "/tmp/test_place.XXXXXX";

static void put(const char *folder, const char *name)
{
    char path[RV_PATH];
    RV_TEST_OK(rv_path_join(folder, name, path));
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CU_ASSERT(fd >= 0);
    close(fd);
}

static bool is_gone(const rv_place *p)
{
    return !rv_file_exists(p->memory) && !rv_file_exists(p->files);
}

static bool becomes_gone(const rv_place *p, double seconds)
{
    double end = rv_clock_now() + seconds;
    while (!is_gone(p) && rv_clock_now() < end)
        rv_clock_sleep(0.01);
    return is_gone(p);
}

static void test_enter_leave(void)
{
    rv_place p, second;
    RV_TEST_OK(rv_place_enter(NULL, &p));
    CU_ASSERT_EQUAL(strlen(p.token), RV_PLACE_TOKEN - 1);
    CU_ASSERT_TRUE(rv_file_exists(p.memory));
    CU_ASSERT_EQUAL(strncmp(p.files, tmp, strlen(tmp)), 0);
    CU_ASSERT(p.janitor > 0);
    put(p.memory, "segment");
    put(p.files, "session");
    rv_place_empty(&p);
    char path[RV_PATH];
    snprintf(path, sizeof path, "%.900s/segment", p.memory);
    CU_ASSERT_FALSE(rv_file_exists(path));
    put(p.memory, "segment");

    RV_TEST_OK(rv_place_enter(NULL, &second)); /* a later start leaves the living alone */
    CU_ASSERT_STRING_NOT_EQUAL(p.token, second.token);
    CU_ASSERT_TRUE(rv_file_exists(path));
    rv_place left = second;
    rv_place_leave(&second, true);
    CU_ASSERT_TRUE(is_gone(&left));
    left = p;
    rv_place_leave(&p, true);
    CU_ASSERT_TRUE(is_gone(&left));
    RV_TEST_FAILS(rv_place_enter("../etc", &p), RV_E_USAGE, "16 hexadecimal digits");
}

/* a process that makes a place and tells it, with its janitor, to this one, then waits to be killed */
static pid_t start_owner(rv_place *out, bool with_member)
{
    int told[2];
    CU_ASSERT_EQUAL(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        rv_place p;
        if (rv_place_enter(NULL, &p) != RV_OK)
            _exit(1);
        put(p.memory, "segment");
        if (with_member && fork() == 0) {
            char variable[64];
            snprintf(variable, sizeof variable, "%s=%s", RV_PLACE_ENV, p.token);
            char *const words[] = {"sleep", "1000", NULL};
            char *const environment[] = {variable, NULL};
            close(told[0]);
            close(told[1]);
            execvpe("sleep", words, environment);
            _exit(1);
        }
        if (write(told[1], &p, sizeof p) != sizeof p)
            _exit(1);
        for (;;)
            pause();
    }
    CU_ASSERT_EQUAL(read(told[0], out, sizeof *out), sizeof *out);
    close(told[0]);
    close(told[1]);
    return child;
}

/* kill -9 of the owner: the janitor ends who is left, and clears away */
static void test_owner_killed(void)
{
    rv_place p;
    pid_t owner = start_owner(&p, true);
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
    CU_ASSERT_TRUE(becomes_gone(&p, 10));
}

/* kill -9 of the owner and its janitor: the next start clears away, whoever's it is */
static void test_all_killed(void)
{
    rv_place p, next;
    pid_t owner = start_owner(&p, false);
    kill(p.janitor, SIGKILL);
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
    char state = rv_process_state(p.janitor);
    for (double end = rv_clock_now() + 10; state != 0 && state != 'Z' && rv_clock_now() < end;) {
        rv_clock_sleep(0.01);
        state = rv_process_state(p.janitor);
    }
    CU_ASSERT_FALSE(is_gone(&p));
    RV_TEST_OK(rv_place_enter(NULL, &next));
    CU_ASSERT_TRUE(is_gone(&p));
    rv_place_leave(&next, true);
}

/* what is not ours to remove stays: another name, a link, a folder in the making */
static void test_others(void)
{
    static const char *const names[] = {"reverie-trial-0123456789abcdef", "reverie-0123456789abcdef"};
    char path[RV_PATH];
    char link[RV_PATH];
    rv_place p;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", tmp, names[i]);
        CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
        put(path, "alive");
    }
    snprintf(link, sizeof link, "%s/reverie-%u-00000000000000aa", tmp, getuid());
    CU_ASSERT_EQUAL(symlink(path, link), 0);
    char young[RV_PATH];
    snprintf(young, sizeof young, "%s/reverie-%u-00000000000000bb", tmp, getuid());
    CU_ASSERT_EQUAL(mkdir(young, 0700), 0);
    RV_TEST_OK(rv_place_enter(NULL, &p));
    CU_ASSERT_TRUE(rv_file_exists(path));
    CU_ASSERT_TRUE(rv_file_exists(link));
    CU_ASSERT_TRUE(rv_file_exists(young));
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    utimensat(AT_FDCWD, young, long_ago, 0);
    rv_place_leave(&p, true);
    RV_TEST_OK(rv_place_enter(NULL, &p));
    CU_ASSERT_FALSE(rv_file_exists(young)); /* nobody has finished it for an hour */
    rv_place_leave(&p, true);
}

static void clear(void)
{
    rv_folder_remove(tmp);
}

static void test_setup(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(tmp));
    setenv("TMPDIR", tmp, 1);
    atexit(clear);
}

RV_TEST_MAIN("place", {"set-up", test_setup}, {"enter and leave", test_enter_leave},
             {"the owner is killed", test_owner_killed}, {"all are killed", test_all_killed}, {"not ours", test_others})
