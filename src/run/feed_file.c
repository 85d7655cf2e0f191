#include "run/feed_file.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { MAX_BYTES = 4096 };

static void own_host(char out[RV_HOST_NAME])
{
    if (gethostname(out, RV_HOST_NAME) != 0)
        snprintf(out, RV_HOST_NAME, "localhost");
    out[RV_HOST_NAME - 1] = 0;
}

rv_status rv_feed_file_write(const char *run, const char *publish)
{
    char path[RV_PATH];
    char host[RV_HOST_NAME];
    RV_TRY(rv_path_join(run, "feed.json", path));
    own_host(host);
    json_t *json = json_pack("{s:s, s:I, s:s}", "publish", publish, "pid", (json_int_t)getpid(), "host", host);
    char *text = json ? json_dumps(json, 0) : NULL;
    json_decref(json);
    RV_CHECK(text, RV_E_INTERNAL, "cannot make JSON of '%s' and '%s'", publish, host);
    rv_status status = rv_file_write(path, text, strlen(text));
    free(text);
    return status == RV_OK ? RV_OK : rv_trace_at(__func__, __FILE__, __LINE__, status);
}

static rv_status parse(const char *text, size_t n, rv_feed_file *out)
{
    json_error_t error;
    const char *publish = NULL;
    const char *host = NULL;
    json_int_t pid = 0;
    json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    RV_CHECK(json, RV_E_DATA, "%d:%d: %s", error.line, error.column, error.text);
    bool is_good = json_unpack_ex(json, &error, JSON_STRICT, "{s:s, s:I, s:s}", "publish", &publish, "pid", &pid,
                                  "host", &host) == 0 &&
                   strlen(publish) < RV_FEED_ENDPOINT && strlen(host) < RV_HOST_NAME && pid > 0 && pid <= INT32_MAX;
    if (is_good) {
        out->pid = pid;
        snprintf(out->publish, sizeof out->publish, "%s", publish);
        snprintf(out->host, sizeof out->host, "%s", host);
    }
    json_decref(json);
    RV_CHECK(is_good, RV_E_DATA, "expected {\"publish\": ENDPOINT, \"pid\": NUMBER, \"host\": NAME}");
    return RV_OK;
}

rv_status rv_feed_file_read(const char *run, rv_feed_file *out)
{
    char path[RV_PATH];
    char *text = NULL;
    size_t n = 0;
    rv_feed_file file = {.pid = 0};
    RV_TRY(rv_path_join(run, "feed.json", path));
    RV_CHECK(rv_file_exists(run), RV_E_NOINPUT, "no run '%s': no such folder", run);
    RV_CHECK(rv_file_exists(path), RV_E_UNAVAILABLE,
             "run '%s' is not running (it has no feed.json); its metrics are in metrics.jsonl and progress.csv", run);
    RV_TRY(rv_file_read(path, MAX_BYTES, &text, &n));
    rv_status status = parse(text, n, &file);
    rv_mem_free(&text);
    if (status != RV_OK)
        return rv_error_prefix(status, "%s", path);
    *out = file;
    return RV_OK;
}

void rv_feed_file_remove(const char *run)
{
    char path[RV_PATH];
    if (rv_path_join(run, "feed.json", path) == RV_OK)
        unlink(path);
}

static bool is_here(const rv_feed_file *file)
{
    char host[RV_HOST_NAME];
    own_host(host);
    return strcmp(host, file->host) == 0;
}

/* ended, but not yet waited for by its parent */
static bool is_zombie(int64_t pid)
{
    char path[64];
    char text[512];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = 0;
    fclose(file);
    const char *after_name = strrchr(text, ')'); /* "1234 (name) Z ..." */
    return after_name && strncmp(after_name, ") Z", 3) == 0;
}

bool rv_feed_file_is_alive(const rv_feed_file *file)
{
    if (!is_here(file))
        return true;
    return (kill((pid_t)file->pid, 0) == 0 || errno == EPERM) && !is_zombie(file->pid);
}

rv_status rv_feed_file_endpoint(const rv_feed_file *file, char out[RV_FEED_ENDPOINT + RV_HOST_NAME])
{
    static const char anywhere[] = "tcp://0.0.0.0:";
    RV_CHECK(file->publish[0], RV_E_UNAVAILABLE, "the run publishes nothing (feed.publish: off)");
    RV_CHECK(is_here(file) || strncmp(file->publish, "tcp://127.", 10) != 0, RV_E_UNAVAILABLE,
             "the run publishes on %s for that host alone (%s): watch it there, or run with feed.publish=tcp://*:PORT",
             file->host, file->publish);
    if (!is_here(file) && strncmp(file->publish, anywhere, sizeof anywhere - 1) == 0)
        snprintf(out, RV_FEED_ENDPOINT + RV_HOST_NAME, "tcp://%s:%s", file->host, file->publish + sizeof anywhere - 1);
    else
        snprintf(out, RV_FEED_ENDPOINT + RV_HOST_NAME, "%s", file->publish);
    return RV_OK;
}
