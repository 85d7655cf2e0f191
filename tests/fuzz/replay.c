/* replay.c - runs a fuzz target over every file of a folder: the corpus as an ordinary test. */
#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER (which must exist)\n", argv[0]);
        return 2;
    }
    int n_files = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[RV_PATH];
        char *bytes = NULL;
        size_t n = 0;
        if (entry->d_name[0] == '.' || rv_path_join(argv[1], entry->d_name, path) != RV_OK)
            continue;
        if (rv_file_read(path, 1 << 24, &bytes, &n) != RV_OK) {
            fprintf(stderr, "%s\n", rv_error_last()->text);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)bytes, n);
        rv_mem_free(&bytes);
        n_files++;
    }
    closedir(folder);
    printf("%d files replayed\n", n_files);
    return n_files > 0 ? 0 : 1;
}
