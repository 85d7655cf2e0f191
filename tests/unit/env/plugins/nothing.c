/* nothing.c - a plug-in whose steps do nothing: what is left is the way to it and back. */
#include <reverie_env.h>

static int something;

static void *create(const char *arguments)
{
    (void)arguments;
    return &something;
}

static void destroy(void *self)
{
    (void)self;
}

static int32_t reset(void *self, uint64_t seed, double *obs)
{
    int i;
    (void)self, (void)seed;
    for (i = 0; i < 17; i++)
        obs[i] = 0;
    return 17;
}

static int32_t step(void *self, const double *u, double *obs, double *reward, uint32_t *flags)
{
    (void)u, (void)reward, (void)flags;
    return reset(self, 0, obs);
}

static const double low[] = {-1, -1, -1, -1, -1, -1}, high[] = {1, 1, 1, 1, 1, 1};

const reverie_env_api *reverie_env(const char *arguments)
{
    static reverie_env_api api;
    (void)arguments;
    api.abi = REVERIE_ENV_ABI;
    api.size = sizeof api;
    api.name = "nothing";
    api.n_obs = 17;
    api.n_act = 6;
    api.act_low = low;
    api.act_high = high;
    api.create = create;
    api.destroy = destroy;
    api.reset = reset;
    api.step = step;
    return &api;
}
