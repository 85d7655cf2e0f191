#include "base/file.h"
#include "base/hash.h"
#include "rv_test.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/reverie-file-XXXXXX";

static void write_then_read(void)
{
    char path[RV_PATH], inner[RV_PATH];
    RV_TEST_OK(rv_path_join(folder, "a/b/c", inner));
    RV_TEST_OK(rv_folder_make(inner));
    RV_TEST_OK(rv_folder_make(inner));
    RV_TEST_OK(rv_path_join(inner, "x", path));
    RV_TEST_OK(rv_file_write(path, "hello", 5));
    RV_TEST_OK(rv_file_write(path, "hello2", 6));
    char *bytes = NULL;
    size_t n = 0;
    RV_TEST_OK(rv_file_read(path, 100, &bytes, &n));
    CU_ASSERT_EQUAL(n, 6);
    CU_ASSERT_STRING_EQUAL(bytes, "hello2");
    rv_mem_free(&bytes);
    RV_TEST_FAILS(rv_file_read(path, 3, &bytes, &n), RV_E_DATA, "at most 3");
    CU_ASSERT_PTR_NULL(bytes);
}

static void errors_name_the_file(void)
{
    char *bytes = NULL;
    size_t n = 0;
    RV_TEST_FAILS(rv_file_read("/nonexistent/x", 10, &bytes, &n), RV_E_NOINPUT, "/nonexistent/x");
    RV_TEST_FAILS(rv_file_read("/tmp", 10, &bytes, &n), RV_E_NOINPUT, "not a file");
    RV_TEST_FAILS(rv_file_write("/nonexistent/x", "", 0), RV_E_IO, "/nonexistent/x");
    RV_TEST_FAILS(rv_folder_make("/dev/null/x"), RV_E_EXISTS, "/dev/null");
}

static void remove_takes_everything(void)
{
    RV_TEST_OK(rv_folder_remove(folder));
    CU_ASSERT_FALSE(rv_file_exists(folder));
    RV_TEST_OK(rv_folder_remove(folder));
}

static void hash_is_xxh3(void)
{
    char text[RV_HASH_TEXT];
    rv_hash_bytes("", 0, text);
    CU_ASSERT_STRING_EQUAL(text, "99aa06d3014798d86001c324468d497f"); /* XXH3-128 of nothing */
}

int main(void)
{
    const CU_TestInfo cases[] = {{"write then read", write_then_read},
                                 {"errors name the file", errors_name_the_file},
                                 {"remove", remove_takes_everything},
                                 {"hash", hash_is_xxh3},
                                 CU_TEST_INFO_NULL};
    if (!mkdtemp(folder))
        return 2;
    return rv_test_run("file", cases);
}
