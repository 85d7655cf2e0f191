#include "roles/guard.h"

#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER "again_tick_"

enum { FOLDER = RV_PATH, NAME = 96 };

static rv_status write_text(const char *folder, const char *name, const char *text)
{
    char path[RV_PATH];
    char line[RV_ERROR_TEXT + 2];
    RV_TRY(rv_folder_make(folder));
    RV_TRY(rv_path_join(folder, name, path));
    int n = snprintf(line, sizeof line, "%s\n", text);
    return rv_file_write(path, line, (size_t)n);
}

rv_status rv_guard_last(const char *run_dir, int64_t *out)
{
    char path[FOLDER];
    int64_t last = -1;
    const size_t n = strlen(ANSWER);
    RV_TRY(rv_path_join(run_dir, "failures", path));
    DIR *folder = opendir(path);
    RV_CHECK(folder || errno == ENOENT, RV_E_IO, "cannot open folder '%s': %s", path, strerror(errno));
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        char *end = NULL;
        if (strncmp(entry->d_name, ANSWER, n) != 0)
            continue;
        long long tick = strtoll(entry->d_name + n, &end, 10);
        if (strcmp(end, ".txt") == 0 && tick > last)
            last = tick;
    }
    if (folder)
        closedir(folder);
    *out = last;
    return RV_OK;
}

rv_status rv_guard_answer(const char *run_dir, int64_t tick, int64_t last)
{
    char name[NAME];
    char folder[FOLDER];
    char text[RV_ERROR_TEXT];
    snprintf(text, sizeof text, "%s", rv_error_last()->text);
    if (tick <= last)
        return rv_raise(RV_E_NONFINITE,
                        "%s; so it was before the run went back to its last checkpoint: it stops (tick %lld, more in "
                        "%s/failures)",
                        text, (long long)tick, run_dir);
    RV_TRY(rv_path_join(run_dir, "failures", folder));
    snprintf(name, sizeof name, ANSWER "%lld.txt", (long long)tick);
    RV_TRY(write_text(folder, name, text));
    return rv_raise(RV_E_AGAIN,
                    "%s; the run goes back to its last checkpoint, once: reverie train --resume %s (tick %lld)", text,
                    run_dir, (long long)tick);
}

static rv_status dump(const char *run_dir, const char *name, const char *kind, const char *text, rv_unit_show show,
                      void *data)
{
    char folder[FOLDER];
    char path[RV_PATH];
    char file[NAME + 16];
    RV_TRY(rv_path_join(run_dir, "failures", folder));
    snprintf(file, sizeof file, "%s.txt", name);
    RV_TRY(write_text(folder, file, text));
    snprintf(file, sizeof file, "%s.safetensors", name);
    RV_TRY(rv_path_join(folder, file, path));
    return rv_state_save(path, kind, show, data, NULL);
}

void rv_guard_dump(const char *run_dir, int64_t tick, const char *kind, int unit, rv_unit_show show, void *data)
{
    const rv_error raised = *rv_error_last();
    char name[NAME];
    snprintf(name, sizeof name, "batches_tick_%lld_%s_%d", (long long)tick, kind, unit);
    if (dump(run_dir, name, kind, raised.text, show, data) != RV_OK)
        rv_warn("%s", rv_error_last()->text);
    if (rv_raise(raised.status, "%s", raised.text) != raised.status)
        return;
}
