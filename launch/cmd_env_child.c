/* cmd_env_child.c - the process of a plug-in (env/plugin.h); started by reverie, not listed in its help. */
#include "env/plugin.h"
#include "launch/commands.h"

#include <stdlib.h>

int rv_cmd_env_child(int argc, char **argv)
{
    return rv_cmd_finish(rv_plugin_serve(argc == 3 ? (int)strtol(argv[1], NULL, 10) : -1));
}
