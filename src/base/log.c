#include "base/log.h"

#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static rv_log_level max_level = RV_LOG_INFO;
static char own_prefix[64];
static const char *const level_names[] = {"error: ", "warning: ", "", "debug: "};

__attribute__((constructor)) static void level_from_environment(void)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    const char *wanted = getenv("REVERIE_LOG");
    for (int i = 0; wanted && i < 4; i++)
        if (strcmp(wanted, names[i]) == 0)
            max_level = (rv_log_level)i;
}

void rv_log_set_level(rv_log_level level)
{
    max_level = level;
}

void rv_log_set_prefix(const char *prefix)
{
    snprintf(own_prefix, sizeof own_prefix, "%s", prefix);
}

void rv_log(rv_log_level level, const char *format, ...)
{
    if (level > max_level)
        return;
    char line[RV_ERROR_TEXT + 256];
    int n = own_prefix[0] ? snprintf(line, sizeof line, "[%s] %s", own_prefix, level_names[level])
                          : snprintf(line, sizeof line, "reverie: %s", level_names[level]);
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    size_t length = (size_t)n + (m > 0 ? (size_t)m : 0);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    /* one write per line, so that lines of many ranks do not mix */
    if (write(STDERR_FILENO, line, length) < 0)
        return;
}

void rv_log_error_record(void)
{
    const rv_error *e = rv_error_last();
    rv_error_log("%s", e->text);
    for (int i = 0; i < e->n_frames; i++)
        rv_debug("  #%d %s %s:%d", i, e->frames[i].func, e->frames[i].file, e->frames[i].line);
}
