#include "base/log.h"

#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static const char clear_line[] = "\r\033[K";
static rv_log_level max_level = RV_LOG_INFO;
static char own_prefix[64];
static bool is_over_line;
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

void rv_log_set_over_line(bool is_over)
{
    is_over_line = is_over;
}

void rv_log_note(const char *text)
{
    const char *const parts[] = {is_over_line ? clear_line : "", "reverie: ", text, "\n"};
    struct iovec pieces[4];
    for (int i = 0; i < 4; i++)
        pieces[i] = (struct iovec){(void *)(size_t)parts[i], strlen(parts[i])};
    if (max_level >= RV_LOG_INFO && writev(STDERR_FILENO, pieces, 4) < 0)
        return;
}

void rv_log(rv_log_level level, const char *format, ...)
{
    if (level > max_level)
        return;
    char line[RV_ERROR_TEXT + 256];
    int n = snprintf(line, sizeof line, own_prefix[0] ? "%s[%s] %s" : "%s%sreverie: %s", is_over_line ? clear_line : "",
                     own_prefix, level_names[level]);
    size_t begin = (size_t)n;
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    size_t length = (size_t)n + (m > 0 ? (size_t)m : 0);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    for (size_t i = begin; i < length; i++) /* a message is one line, also when it quotes something strange */
        if ((unsigned char)line[i] < ' ' || line[i] == 127)
            line[i] = '?';
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
