#include "base/program.h"
#include "rv_test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void keeps_bytes_in_memory(void)
{
    const char bytes[] = "one\0two";
    int fd = -1;
    char *read = NULL;
    size_t n = 0;
    RV_TEST_OK(rv_memory_file(bytes, sizeof bytes, &fd));
    RV_TEST_OK(rv_memory_file_read(fd, 100, &read, &n));
    CU_ASSERT_EQUAL_FATAL(n, sizeof bytes);
    CU_ASSERT_EQUAL(memcmp(read, bytes, n), 0);
    CU_ASSERT_EQUAL(read[n], '\0');
    rv_mem_free(&read);
    RV_TEST_FAILS(rv_memory_file_read(fd, 7, &read, &n), RV_E_DATA, "8 bytes, expected at most 7");
    CU_ASSERT_PTR_NULL(read);
    close(fd);
}

/* run a shell script on these files; -1: none */
static rv_status run(const char *script, int in, int out, int fourth, int said)
{
    char *words[] = {(char[]){"sh"}, (char[]){"-c"}, NULL, NULL};
    const int files[RV_PROGRAM_FILES] = {in, out, said, fourth};
    char text[200];
    pid_t program = 0;
    snprintf(text, sizeof text, "%s", script);
    words[2] = text;
    RV_TRY(rv_program_start("dash", words, files, &program));
    return rv_program_wait("sh", program, said);
}

static void feeds_a_program(void)
{
    int in = -1, out = -1, fourth = -1, said = -1;
    char *read = NULL;
    size_t n = 0;
    RV_TEST_OK(rv_memory_file("abc", 3, &in));
    RV_TEST_OK(rv_memory_file(NULL, 0, &out));
    RV_TEST_OK(rv_memory_file("def", 3, &fourth));
    RV_TEST_OK(rv_memory_file(NULL, 0, &said));
    RV_TEST_OK(run("cat; cat <&3", in, out, fourth, said));
    RV_TEST_OK(rv_memory_file_read(out, 100, &read, &n));
    CU_ASSERT_STRING_EQUAL(read, "abcdef");
    rv_mem_free(&read);
    RV_TEST_FAILS(run("echo no; echo such thing >&2; exit 3", in, out, -1, said), RV_E_UNAVAILABLE,
                  "sh failed (exit code 3): such thing");
    RV_TEST_FAILS(run("kill -9 $$", in, out, -1, said), RV_E_UNAVAILABLE, "sh failed (signal 9)");
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    close(in);
    close(out);
    close(fourth);
    close(said);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void says_what_is_missing(void)
{
    char *words[] = {(char[]){"no-such-program"}, NULL};
    const int files[RV_PROGRAM_FILES] = {-1, -1, -1, -1};
    pid_t program = 0;
    RV_TEST_FAILS(rv_program_start("its-package", words, files, &program), RV_E_UNAVAILABLE,
                  "no-such-program is not installed; run: apt-get install its-package");
    CU_ASSERT_EQUAL(program, 0);
}

RV_TEST_MAIN("program", {"keeps bytes in memory", keeps_bytes_in_memory}, {"feeds a program", feeds_a_program},
             {"says what is missing", says_what_is_missing})
