#include "launch/commands.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

int rv_cmd_finish(rv_status status)
{
    if (status != RV_OK)
        rv_log_error_record();
    return rv_status_exit_code(status);
}

bool rv_cmd_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0)
            return true;
    return false;
}

rv_status rv_cmd_flush(void)
{
    RV_CHECK(fflush(stdout) == 0 && !ferror(stdout), RV_E_IO, "cannot write to standard output");
    return RV_OK;
}
