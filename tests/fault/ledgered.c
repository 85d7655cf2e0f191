/* ledgered.c - reverie whose environments keep a ledger on the side: each step that an actor's environment makes is
 * appended to the file $LEDGER before anybody is told of it, by one write of next_obs (n_obs f32) and reward (f32).
 * Steps of evaluations are not in it. The linker puts __wrap_... in the place of the function (--wrap). */
#include "env/env.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

rv_status __real_rv_env_step_end(rv_env *env, float *obs, rv_env_step_result *out);
rv_status __wrap_rv_env_step_end(rv_env *env, float *obs, rv_env_step_result *out);

rv_status __wrap_rv_env_step_end(rv_env *env, float *obs, rv_env_step_result *out)
{
    enum { MOST = 1024 };
    static int file = -1;
    float line[MOST];
    size_t n_obs = (size_t)rv_env_spec_of(env)->n_obs;
    const char *path = getenv("LEDGER");
    RV_TRY(__real_rv_env_step_end(env, obs, out));
    RV_CHECK(path && n_obs < MOST, RV_E_USAGE, "LEDGER is not set, or more than %d observations", (int)MOST);
    if (file < 0)
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    memcpy(line, obs, n_obs * sizeof *line);
    line[n_obs] = (float)out->reward;
    ssize_t n = (ssize_t)((n_obs + 1) * sizeof *line);
    RV_CHECK(write(file, line, (size_t)n) == n, RV_E_IO, "cannot write '%s'", path);
    return RV_OK;
}
