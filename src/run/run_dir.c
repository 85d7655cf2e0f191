#include "run/run_dir.h"

#include "base/clock.h"
#include "base/memory.h"
#include "math/gemm.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

rv_status rv_run_dir_create(const char *run_dir, const rv_config *cfg)
{
    char path[RV_PATH];
    RV_TRY(rv_folder_make(run_dir));
    RV_TRY(rv_path_join(run_dir, "config.yaml", path));
    RV_CHECK(!rv_file_exists(path), RV_E_EXISTS,
             "'%s' holds a run already: go on with reverie train --resume %s, or choose another --run-dir", run_dir,
             run_dir);
    return rv_run_dir_rewrite_config(run_dir, cfg);
}

rv_status rv_run_dir_config(const char *run_dir, int n_overrides, char *const *overrides, rv_config *out)
{
    char path[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "config.yaml", path));
    RV_CHECK(rv_file_exists(path), RV_E_NOINPUT, "no run in '%s': there is no config.yaml in it", run_dir);
    return rv_config_load(path, n_overrides, overrides, out);
}

rv_status rv_run_dir_describe(const char *run_dir, const rv_config *cfg, int n_ranks, int n_nodes, const char *host)
{
    char path[RV_PATH];
    char hash[32];
    RV_TRY(rv_path_join(run_dir, "run.json", path));
    snprintf(hash, sizeof hash, "%016llx", rv_config_hash(cfg));
    json_t *root = json_pack("{s:s, s:s, s:i, s:i, s:I, s:s, s:s, s:f}", "version", RV_VERSION, "config_hash", hash,
                             "ranks", n_ranks, "nodes", n_nodes, "seed", (json_int_t)cfg->root.seed, "coordinator",
                             host, "blas_kernels", rv_gemm_kernel_name(), "started", rv_clock_unix());
    RV_CHECK(root, RV_E_INTERNAL, "cannot describe the run");
    char *text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    RV_CHECK(text, RV_E_NOMEM, "out of memory");
    rv_status status = rv_file_write(path, text, strlen(text));
    free(text);
    return status;
}
