#include "launch/commands.h"

#include "base/log.h"

#include <stdio.h>

int rv_cmd_finish(rv_status status)
{
    if (status != RV_OK)
        rv_log_error_record();
    return rv_status_exit_code(status);
}

int rv_cmd_help(const char *text)
{
    fputs(text, stdout);
    return rv_cmd_finish(rv_cmd_flush());
}

rv_status rv_cmd_flush(void)
{
    RV_CHECK(fflush(stdout) == 0 && !ferror(stdout), RV_E_IO, "cannot write to standard output");
    return RV_OK;
}
