#include "base/file.h"
#include "run/feed_file.h"
#include "rv_test.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/rv_test_feed_file_XXXXXX";

static void written_and_read(void)
{
    rv_feed_file file;
    RV_TEST_FAILS(rv_feed_file_read("/nowhere/at_all", &file), RV_E_NOINPUT, "no run '/nowhere/at_all'");
    RV_TEST_FAILS(rv_feed_file_read(folder, &file), RV_E_UNAVAILABLE, "is not running");
    RV_TEST_OK(rv_feed_file_write(folder, "tcp://127.0.0.1:1234"));
    RV_TEST_OK(rv_feed_file_read(folder, &file));
    CU_ASSERT_STRING_EQUAL(file.publish, "tcp://127.0.0.1:1234");
    CU_ASSERT_EQUAL(file.pid, getpid());
    CU_ASSERT(rv_feed_file_is_alive(&file));
    rv_feed_file_remove(folder);
    rv_feed_file_remove(folder);
    RV_TEST_FAILS(rv_feed_file_read(folder, &file), RV_E_UNAVAILABLE, "is not running");
}

static void malformed(void)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"publish\": \"tcp://x:1\", \"pid\": 5}",
        "{\"publish\": \"tcp://x:1\", \"pid\": 5, \"host\": \"h\", \"more\": 1}",
        "{\"publish\": \"tcp://x:1\", \"pid\": 0, \"host\": \"h\"}",
        "{\"publish\": \"tcp://x:1\", \"pid\": -1, \"host\": \"h\"}",
        "{\"publish\": \"tcp://x:1\", \"pid\": \"5\", \"host\": \"h\"}",
    };
    char path[RV_PATH];
    rv_feed_file file;
    RV_TEST_OK(rv_path_join(folder, "feed.json", path));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        RV_TEST_OK(rv_file_write(path, bad[i], strlen(bad[i])));
        RV_TEST_FAILS(rv_feed_file_read(folder, &file), RV_E_DATA, "feed.json: ");
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void alive_or_not(void)
{
    rv_feed_file file;
    RV_TEST_OK(rv_feed_file_write(folder, ""));
    RV_TEST_OK(rv_feed_file_read(folder, &file));
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    file.pid = child;
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT); /* ended, and a zombie */
    CU_ASSERT_FALSE(rv_feed_file_is_alive(&file));
    waitpid(child, NULL, 0);
    CU_ASSERT_FALSE(rv_feed_file_is_alive(&file));
    snprintf(file.host, sizeof file.host, "another.host");
    CU_ASSERT(rv_feed_file_is_alive(&file));
}

static void where_to_connect(void)
{
    rv_feed_file file;
    char endpoint[RV_FEED_ENDPOINT + RV_HOST_NAME];
    RV_TEST_OK(rv_feed_file_write(folder, ""));
    RV_TEST_OK(rv_feed_file_read(folder, &file));
    RV_TEST_FAILS(rv_feed_file_endpoint(&file, endpoint), RV_E_UNAVAILABLE, "publishes nothing");
    snprintf(file.publish, sizeof file.publish, "tcp://127.0.0.1:7");
    RV_TEST_OK(rv_feed_file_endpoint(&file, endpoint));
    CU_ASSERT_STRING_EQUAL(endpoint, "tcp://127.0.0.1:7");
    snprintf(file.host, sizeof file.host, "another.host");
    RV_TEST_FAILS(rv_feed_file_endpoint(&file, endpoint), RV_E_UNAVAILABLE, "on another.host for that host alone");
    snprintf(file.publish, sizeof file.publish, "tcp://0.0.0.0:7");
    RV_TEST_OK(rv_feed_file_endpoint(&file, endpoint));
    CU_ASSERT_STRING_EQUAL(endpoint, "tcp://another.host:7");
}

static void make_folder(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void remove_folder(void)
{
    RV_TEST_OK(rv_folder_remove(folder));
}

RV_TEST_MAIN("feed_file", {"make_folder", make_folder}, {"written_and_read", written_and_read},
             {"malformed", malformed}, {"alive_or_not", alive_or_not}, {"where_to_connect", where_to_connect},
             {"remove_folder", remove_folder})
