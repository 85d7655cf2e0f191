#include "run/starts.h"
#include "rv_test.h"

#include <stdlib.h>
#include <unistd.h>

static void write_json(const char *folder, const char *text)
{
    char path[RV_PATH];
    RV_TEST_OK(rv_path_join(folder, "run.json", path));
    RV_TEST_OK(rv_file_write(path, text, strlen(text)));
}

static const char *text_at(const json_t *starts, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(starts, i), key));
}

static void test_add_end(void)
{
    char folder[] = "/tmp/test_starts.XXXXXX";
    char ended[RV_STARTS_TEXT];
    json_t *starts = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_EQUAL(rv_starts_last(folder, ended), 0);
    RV_TEST_OK(rv_starts_read(folder, &starts));
    RV_TEST_OK(rv_starts_add(starts, 4, 2, "n1", 0));
    json_t *root = json_pack("{s:s, s:o}", "version", "x", "starts", starts);
    char *text = json_dumps(root, 0);
    write_json(folder, text);
    free(text);
    json_decref(root);

    CU_ASSERT_EQUAL(rv_starts_last(folder, ended), 1);
    CU_ASSERT_STRING_EQUAL(ended, "");
    RV_TEST_OK(rv_starts_end(folder, "done"));
    RV_TEST_OK(rv_starts_end(folder, "too late"));
    CU_ASSERT_EQUAL(rv_starts_last(folder, ended), 1);
    CU_ASSERT_STRING_EQUAL(ended, "done");

    RV_TEST_OK(rv_starts_read(folder, &starts));
    RV_TEST_OK(rv_starts_add(starts, 1, 1, "n1", 5));
    RV_TEST_OK(rv_starts_add(starts, 1, 1, "n1", 7));
    CU_ASSERT_EQUAL(json_array_size(starts), 3);
    CU_ASSERT_STRING_EQUAL(text_at(starts, 1, "ended"), "unknown");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(starts, 2), "number")), 3);
    for (int i = 0; i < RV_STARTS_MOST; i++)
        RV_TEST_OK(rv_starts_add(starts, 1, 1, "n1", 7));
    CU_ASSERT_EQUAL(json_array_size(starts), RV_STARTS_MOST);
    json_decref(starts);
    RV_TEST_OK(rv_folder_remove(folder));
}

static void test_damaged(void)
{
    char folder[] = "/tmp/test_starts.XXXXXX";
    char ended[RV_STARTS_TEXT];
    json_t *starts = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    RV_TEST_FAILS(rv_starts_end(folder, "done"), RV_E_NOINPUT, "run.json");
    write_json(folder, "{\"starts\": [{\"number\": \"one\"}]}");
    RV_TEST_FAILS(rv_starts_end(folder, "done"), RV_E_DATA, "number");
    CU_ASSERT_EQUAL(rv_starts_last(folder, ended), 0);
    RV_TEST_OK(rv_starts_read(folder, &starts)); /* with a warning */
    CU_ASSERT_EQUAL(json_array_size(starts), 0);
    json_decref(starts);
    RV_TEST_OK(rv_folder_remove(folder));
}

RV_TEST_MAIN("starts", {"add and end", test_add_end}, {"damaged", test_damaged})
