#include "run/starts.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rv_status check_start(const char *name, const json_t *start)
{
    int64_t number = 0;
    const char *ended = NULL;
    RV_CHECK(json_is_object(start), RV_E_DATA, "%s: 'starts' must hold objects", name);
    RV_TRY(rv_json_int(name, start, "number", &number));
    RV_CHECK(number < INT32_MAX, RV_E_DATA, "%s: start %lld", name, (long long)number);
    if (json_object_get(start, "ended"))
        RV_TRY(rv_json_text(name, start, "ended", &ended));
    return RV_OK;
}

rv_status rv_starts_parse(const char *name, const char *text, size_t n, json_t **out)
{
    json_t *root = NULL;
    size_t i = 0;
    json_t *start = NULL;
    RV_TRY(rv_json_parse(name, text, n, &root));
    json_t *starts = json_object_get(root, "starts");
    rv_status status = RV_OK;
    if (starts && !json_is_array(starts))
        status = rv_raise(RV_E_DATA, "%s: 'starts' must be a list", name);
    json_array_foreach(starts, i, start)
    {
        if (status == RV_OK)
            status = check_start(name, start);
    }
    if (status != RV_OK) {
        json_decref(root);
        return rv_trace_at(__func__, __FILE__, __LINE__, status);
    }
    *out = root;
    return RV_OK;
}

static rv_status read_root(const char *run_dir, json_t **out)
{
    char path[RV_PATH];
    char *text = NULL;
    size_t n = 0;
    RV_TRY(rv_path_join(run_dir, "run.json", path));
    RV_TRY(rv_file_read(path, RV_STARTS_MAX_BYTES, &text, &n));
    rv_status status = rv_starts_parse(path, text, n, out);
    rv_mem_free(&text);
    return status;
}

rv_status rv_starts_read(const char *run_dir, json_t **out)
{
    json_t *root = NULL;
    json_t *starts = NULL;
    rv_status status = read_root(run_dir, &root);
    if (status == RV_OK)
        starts = json_incref(json_object_get(root, "starts"));
    else if (status != RV_E_NOINPUT)
        rv_warn("%s; the list of starts begins anew", rv_error_last()->text);
    json_decref(root);
    if (!starts)
        starts = json_array();
    RV_CHECK(starts, RV_E_NOMEM, "out of memory");
    *out = starts;
    return RV_OK;
}

rv_status rv_starts_add(json_t *starts, int n_ranks, int n_nodes, const char *host, int64_t tick)
{
    int64_t number = 0;
    json_t *last = json_array_size(starts) > 0 ? json_array_get(starts, json_array_size(starts) - 1) : NULL;
    if (last) {
        RV_TRY(rv_json_int("run.json", last, "number", &number));
        if (!json_object_get(last, "ended"))
            json_object_set_new(last, "ended", json_string("unknown"));
    }
    json_t *start =
        json_pack("{s:I, s:f, s:i, s:i, s:s, s:I}", "number", (json_int_t)number + 1, "started", rv_clock_unix(),
                  "ranks", n_ranks, "nodes", n_nodes, "coordinator", host, "tick", (json_int_t)tick);
    RV_CHECK(start && json_array_append_new(starts, start) == 0, RV_E_NOMEM, "out of memory");
    while (json_array_size(starts) > RV_STARTS_MOST)
        json_array_remove(starts, 0);
    return RV_OK;
}

static rv_status write_root(const char *run_dir, const json_t *root)
{
    char path[RV_PATH];
    RV_TRY(rv_path_join(run_dir, "run.json", path));
    char *text = json_dumps(root, JSON_INDENT(2));
    RV_CHECK(text, RV_E_NOMEM, "out of memory");
    rv_status status = rv_file_write(path, text, strlen(text));
    free(text);
    return status;
}

rv_status rv_starts_end(const char *run_dir, const char *why)
{
    json_t *root = NULL;
    RV_TRY(read_root(run_dir, &root));
    rv_status status = RV_OK;
    json_t *starts = json_object_get(root, "starts");
    json_t *last = json_array_size(starts) > 0 ? json_array_get(starts, json_array_size(starts) - 1) : NULL;
    if (last && !json_object_get(last, "ended")) {
        json_object_set_new(last, "ended", json_string(why));
        json_object_set_new(last, "ended_at", json_real(rv_clock_unix()));
        status = write_root(run_dir, root);
    }
    json_decref(root);
    return status;
}

int64_t rv_starts_last(const char *run_dir, char ended[RV_STARTS_TEXT])
{
    json_t *root = NULL;
    int64_t number = 0;
    ended[0] = '\0';
    if (read_root(run_dir, &root) != RV_OK)
        return 0;
    json_t *starts = json_object_get(root, "starts");
    json_t *last = json_array_size(starts) > 0 ? json_array_get(starts, json_array_size(starts) - 1) : NULL;
    const char *text = json_string_value(json_object_get(last, "ended"));
    if (last)
        number = json_integer_value(json_object_get(last, "number"));
    if (text)
        snprintf(ended, RV_STARTS_TEXT, "%s", text);
    json_decref(root);
    return number;
}
