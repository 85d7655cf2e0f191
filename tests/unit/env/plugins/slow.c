/* slow.c - a plug-in that takes its time: each step lasts as many milliseconds as its arguments say. For tests that
 * have to meet a run half-way without work for the machine. */
#include <reverie_env.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct state {
    double place, speed;
};

static struct state now;
static long pause_ms;

static void *create(const char *arguments)
{
    pause_ms = strtol(arguments, NULL, 10);
    return &now;
}

static void destroy(void *self)
{
    (void)self;
}

static int32_t observe(double *obs)
{
    obs[0] = now.place;
    obs[1] = now.speed;
    return 2;
}

static int32_t reset(void *self, uint64_t seed, double *obs)
{
    (void)self;
    now.place = (double)(seed % 1000) / 1000 - 0.5;
    now.speed = 0;
    return observe(obs);
}

static int32_t step(void *self, const double *u, double *obs, double *reward, uint32_t *flags)
{
    struct timespec pause;
    (void)self, (void)flags;
    pause.tv_sec = pause_ms / 1000;
    pause.tv_nsec = pause_ms % 1000 * 1000000;
    nanosleep(&pause, NULL);
    now.speed = 0.9 * now.speed + 0.05 * u[0];
    now.place += now.speed;
    *reward = -now.place * now.place;
    return observe(obs);
}

static int32_t save(void *self, void *bytes)
{
    memcpy(bytes, self, sizeof now);
    return sizeof now;
}

static int32_t load(void *self, const void *bytes)
{
    memcpy(self, bytes, sizeof now);
    return 0;
}

static const double low[] = {-1}, high[] = {1};

const reverie_env_api *reverie_env(const char *arguments)
{
    static reverie_env_api api;
    (void)arguments;
    api.abi = REVERIE_ENV_ABI;
    api.size = sizeof api;
    api.name = "slow";
    api.n_obs = 2;
    api.n_act = 1;
    api.act_low = low;
    api.act_high = high;
    api.time_limit = 20;
    api.state_size = sizeof now;
    api.create = create;
    api.destroy = destroy;
    api.reset = reset;
    api.step = step;
    api.save = save;
    api.load = load;
    return &api;
}
