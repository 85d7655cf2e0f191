/* what the process of a plug-in says its task is: sizes, flags, dt, texts, then numbers for the bounds */
#include "env/plugin_private.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rv_plugin_shared shared;

/* bounds of the first few numbers; the others are 0 and so no range */
static size_t take(const uint8_t **data, size_t *size, size_t most, void *to)
{
    size_t n = *size < most ? *size : most;
    memcpy(to, *data, n);
    *data += n;
    *size -= n;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FEW = 8 };
    const rv_env_cfg cfg = {.name = "fuzz.so"};
    rv_env_task *task = NULL;
    memset(&shared.description, 0, sizeof shared.description);
    take(&data, &size, sizeof shared.description, &shared.description);
    take(&data, &size, FEW * sizeof(double), shared.act_low);
    take(&data, &size, FEW * sizeof(double), shared.act_high);
    take(&data, &size, FEW * sizeof(float), shared.alive_low);
    take(&data, &size, FEW * sizeof(float), shared.alive_high);
    if (rv_plugin_accept(&cfg, &shared, &task) != RV_OK)
        return 0;
    const rv_env_spec *spec = &task->spec;
    bool is_bad = spec->n_obs < 1 || spec->n_act < 1 || spec->n_obs > RV_PLUGIN_MOST || spec->n_act > RV_PLUGIN_MOST ||
                  spec->time_limit < 0 || !(spec->dt >= 0) || task->n_state < 0 ||
                  (size_t)task->n_state * sizeof(double) > RV_PLUGIN_STATE;
    for (int i = 0; i < spec->n_act && !spec->n_actions; i++)
        is_bad |= !(spec->act_low[i] < spec->act_high[i]);
    for (const char *c = spec->help; *c; c++)
        is_bad |= *c < ' ' || *c > '~';
    if (is_bad)
        __builtin_trap();
    rv_plugin_forget(&task);
    return 0;
}
