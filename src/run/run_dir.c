#include "run/run_dir.h"

#include "base/clock.h"
#include "base/memory.h"
#include "run/lease.h"
#include "run/starts.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

rv_status rv_run_dir_next(const char *config_path, char out[RV_PATH])
{
    enum { MOST = 100000 };
    const char *slash = strrchr(config_path, '/');
    const char *name = slash ? slash + 1 : config_path;
    const char *dot = strrchr(name, '.');
    int length = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    RV_TRY(rv_folder_make("runs"));
    for (int i = 1; i <= MOST; i++) {
        int n = snprintf(out, RV_PATH, "runs/%.*s-%d", length, name, i);
        RV_CHECK(n > 0 && n < RV_PATH, RV_E_USAGE, "the name of '%.80s...' is too long for a folder", name);
        if (mkdir(out, 0777) == 0)
            return RV_OK;
        RV_CHECK(errno == EEXIST, RV_E_EXISTS, "cannot make folder '%s': %s", out, strerror(errno));
    }
    return rv_raise(RV_E_EXISTS, "%d runs of '%.*s' are in runs/ already: name a folder with --run-dir", MOST, length,
                    name);
}

rv_status rv_run_dir_rewrite_config(const char *run_dir, const rv_config *cfg)
{
    char path[RV_PATH];
    char *text = NULL;
    RV_TRY(rv_path_join(run_dir, "config.yaml", path));
    RV_TRY(rv_config_print(cfg, false, &text));
    rv_status status = rv_file_write(path, text, strlen(text));
    rv_mem_free(&text);
    return status;
}

static rv_status expect_no_run(const char *run_dir)
{
    char path[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "config.yaml", path));
    RV_CHECK(!rv_file_exists(path), RV_E_EXISTS,
             "'%s' holds a run already: go on with reverie train --resume %s, or choose another --run-dir", run_dir,
             run_dir);
    return RV_OK;
}

static void on_lost(void *user)
{
    (void)user; /* nobody takes over what was made a moment ago */
}

rv_status rv_run_dir_create(const char *run_dir, const rv_config *cfg)
{
    rv_lease *lease = NULL;
    RV_TRY(expect_no_run(run_dir));
    RV_TRY(rv_folder_make(run_dir));
    RV_TRY(rv_lease_take(run_dir, cfg->supervisor.lease_s, on_lost, NULL, &lease)); /* of two at once, one makes it */
    rv_status status = expect_no_run(run_dir);
    if (status == RV_OK)
        status = rv_run_dir_rewrite_config(run_dir, cfg);
    rv_lease_release(&lease);
    return status;
}

rv_status rv_run_dir_config(const char *run_dir, int n_overrides, char *const *overrides, rv_config *out)
{
    char path[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "config.yaml", path));
    RV_CHECK(rv_file_exists(path), RV_E_NOINPUT, "no run in '%s': there is no config.yaml in it", run_dir);
    return rv_config_load(path, n_overrides, overrides, out);
}

rv_status rv_run_dir_keeps(const char *run_dir, int n_overrides, char *const *overrides)
{
    rv_config was;
    RV_TRY(rv_run_dir_config(run_dir, 0, NULL, &was));
    for (int i = 0; i < n_overrides; i++) {
        rv_config now = was;
        RV_TRY(rv_config_override(overrides[i], &now));
        RV_CHECK(rv_config_hash(&now) == rv_config_hash(&was), RV_E_CONFIG,
                 "override '%s': run '%s' learned with another value; only " RV_CONFIG_CHANGEABLE " may change on "
                 "resume",
                 overrides[i], run_dir);
    }
    return RV_OK;
}

rv_status rv_run_dir_lock(const char *run_dir, int *out)
{
    enum { LOOK_MS = 50 };
    char path[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "metrics.jsonl", path));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    RV_CHECK(fd >= 0, RV_E_IO, "cannot open '%s': %s", path, strerror(errno));
    /* a process that was killed has its lock until its last thread is gone; a file system without locks is no reason to
     * refuse */
    bool is_held = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    for (int ms = 0; is_held && ms < RV_LEASE_DYING_MS; ms += LOOK_MS) {
        rv_clock_sleep(1e-3 * LOOK_MS);
        is_held = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    }
    if (is_held) {
        close(fd);
        return rv_raise(RV_E_EXISTS, "run '%s' is being trained by another process: wait for its end, or stop it",
                        run_dir);
    }
    *out = fd;
    return RV_OK;
}

rv_status rv_run_dir_describe(const char *run_dir, const rv_config *cfg, int n_ranks, int n_nodes, const char *host,
                              int64_t tick)
{
    char path[RV_PATH];
    char hash[32];
    char kernels[RV_FIELD_TEXT];
    json_t *starts = NULL;
    rv_kernels_describe(kernels);
    RV_TRY(rv_path_join(run_dir, "run.json", path));
    RV_TRY(rv_starts_read(run_dir, &starts));
    rv_status status = rv_starts_add(starts, n_ranks, n_nodes, host, tick);
    if (status != RV_OK) {
        json_decref(starts);
        return status;
    }
    snprintf(hash, sizeof hash, "%016llx", rv_config_hash(cfg));
    json_t *root = json_pack("{s:s, s:s, s:i, s:i, s:I, s:s, s:s, s:f, s:o}", "version", RV_VERSION, "config_hash",
                             hash, "ranks", n_ranks, "nodes", n_nodes, "seed", (json_int_t)cfg->root.seed,
                             "coordinator", host, "kernels", kernels, "started", rv_clock_unix(), "starts", starts);
    RV_CHECK(root, RV_E_INTERNAL, "cannot describe the run");
    char *text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    RV_CHECK(text, RV_E_NOMEM, "out of memory");
    status = rv_file_write(path, text, strlen(text));
    free(text);
    return status;
}
