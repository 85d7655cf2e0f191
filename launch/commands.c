#include "launch/commands.h"

#include "base/log.h"

int rv_cmd_finish(rv_status status)
{
    if (status != RV_OK)
        rv_log_error_record();
    return rv_status_exit_code(status);
}
