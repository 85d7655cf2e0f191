#include "base/file.h"
#include "env/remote_keys.h"
#include "rv_test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void keys_are_made_once(void)
{
    char folder[64], keys_folder[80], path[RV_PATH], *text = NULL;
    rv_remote_keys keys;
    struct stat s;
    size_t n = 0;
    snprintf(folder, sizeof folder, "/tmp/rv_remote_XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(keys_folder, sizeof keys_folder, "%s/a/b", folder);
    mode_t old = umask(0);
    RV_TEST_OK(rv_remote_keys_make(keys_folder));
    umask(old);
    RV_TEST_OK(rv_remote_keys_read(keys_folder, &keys));
    CU_ASSERT(strlen(keys.secret) == 40 && strlen(keys.server) == 40);
    RV_TEST_OK(rv_path_join(keys_folder, "client.public", path));
    RV_TEST_OK(rv_file_read(path, 100, &text, &n));
    CU_ASSERT(n == 41 && text[40] == '\n' && memcmp(text, keys.public, 40) == 0);
    RV_TEST_OK(rv_path_join(keys_folder, "server.secret", path));
    CU_ASSERT(stat(path, &s) == 0 && (s.st_mode & 0777) == 0600);
    RV_TEST_FAILS(rv_remote_keys_make(keys_folder), RV_E_EXISTS, "server.public is there already");
    RV_TEST_OK(rv_path_join(keys_folder, "server.public", path));
    CU_ASSERT(unlink(path) == 0);
    RV_TEST_FAILS(rv_remote_keys_make(keys_folder), RV_E_EXISTS, "server.secret is there already");
    CU_ASSERT(!rv_file_exists(path));
    RV_TEST_FAILS(rv_remote_keys_read(keys_folder, &keys), RV_E_NOINPUT, "server.public");
    RV_TEST_OK(rv_file_write(path, "0123456789", 10));
    RV_TEST_FAILS(rv_remote_keys_read(keys_folder, &keys), RV_E_DATA, "/a/b/server.public holds no key");
    RV_TEST_OK(rv_file_write(path, "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n", 41));
    RV_TEST_FAILS(rv_remote_keys_read(keys_folder, &keys), RV_E_DATA, "holds no key");
    rv_mem_free(&text);
    RV_TEST_OK(rv_folder_remove(folder));
}

RV_TEST_MAIN("remote_keys", {"keys_are_made_once", keys_are_made_once})
