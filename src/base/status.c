#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local rv_error last_error;

static const struct {
    const char *name, *text;
    int exit_code;
} status_table[] = {
#define RV_STATUS_ROW(name, exit_code, text) {#name, text, exit_code},
    RV_STATUS_MAP(RV_STATUS_ROW)
#undef RV_STATUS_ROW
};

static int row_of(rv_status status)
{
    return (unsigned)status < RV_N_STATUS ? (int)status : (int)RV_E_INTERNAL;
}

const char *rv_status_name(rv_status status)
{
    return status_table[row_of(status)].name;
}

const char *rv_status_text(rv_status status)
{
    return status_table[row_of(status)].text;
}

int rv_status_exit_code(rv_status status)
{
    return status_table[row_of(status)].exit_code;
}

const rv_error *rv_error_last(void)
{
    return &last_error;
}

rv_status rv_trace_at(const char *func, const char *file, int line, rv_status status)
{
    rv_error *e = &last_error;
    if (e->n_frames < RV_ERROR_FRAMES) {
        e->frames[e->n_frames].func = func;
        e->frames[e->n_frames].file = file;
        e->frames[e->n_frames].line = line;
        e->n_frames++;
    }
    return status;
}

rv_status rv_raise_at(const char *func, const char *file, int line, rv_status status, const char *format, ...)
{
    rv_error *e = &last_error;
    char text[RV_ERROR_TEXT]; /* the arguments may point into the old record */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(e->text, text, sizeof text);
    e->status = status;
    e->n_frames = 0;
    return rv_trace_at(func, file, line, status);
}

rv_status rv_error_prefix(rv_status status, const char *format, ...)
{
    rv_error *e = &last_error;
    char text[RV_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof text - 3) {
        snprintf(text + n, sizeof text - (size_t)n, ": %.*s", (int)(sizeof text - (size_t)n - 3), e->text);
        memcpy(e->text, text, sizeof text);
    }
    return status;
}
