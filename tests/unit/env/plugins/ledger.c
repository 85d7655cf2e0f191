/* ledger.c - a plug-in that writes down each step that it makes: a line "EPISODE STEP" of the file that its argument
 * names, in one write, before the step. What it observes says the same two numbers: EPISODE / 2^24, STEP / 1024, and a
 * number to learn from. A second argument is microseconds that a step takes. Its state cannot be saved, unless a third
 * argument is there; and where FILE.other is, it is another environment. */
#include <fcntl.h>
#include <math.h>
#include <reverie_env.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct ledger {
    int fd, step_us;
    double gain;
    uint32_t episode, step;
    double x;
} ledger;

static void *create(const char *arguments)
{
    ledger *l = calloc(1, sizeof *l);
    char path[256];
    const char *blank = strchr(arguments, ' ');
    int n = blank ? (int)(blank - arguments) : (int)strlen(arguments);
    if (!l)
        return NULL;
    snprintf(path, sizeof path, "%.*s", n, arguments);
    l->step_us = blank ? (int)strtol(blank, NULL, 10) : 0;
    l->gain = 0.1;
    l->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    snprintf(path, sizeof path, "%.*s.other", n, arguments);
    if (access(path, F_OK) == 0)
        l->gain = 0.2;
    return l->fd < 0 ? NULL : l;
}

static void destroy(void *self)
{
    close(((ledger *)self)->fd);
    free(self);
}

static int32_t observe(const ledger *l, double *obs)
{
    obs[0] = l->episode / 16777216.0;
    obs[1] = l->step / 1024.0;
    obs[2] = l->x;
    return 3;
}

static int32_t reset(void *self, uint64_t seed, double *obs)
{
    ledger *l = self;
    l->episode = (uint32_t)(seed & 0xFFFFFF);
    l->step = 0;
    l->x = (double)(seed >> 40) / 16777216.0 - 0.5;
    return observe(l, obs);
}

static int32_t step(void *self, const double *u, double *obs, double *reward, uint32_t *flags)
{
    ledger *l = self;
    char line[32];
    int n = snprintf(line, sizeof line, "%u %u\n", l->episode, l->step);
    if (write(l->fd, line, (size_t)n) != n)
        return -1;
    if (l->step_us > 0)
        usleep((useconds_t)l->step_us);
    l->step++;
    l->x += l->gain * u[0];
    *reward = -l->x * l->x;
    *flags = fabs(l->x) > 1 ? REVERIE_ENV_TERMINATED : 0;
    return observe(l, obs);
}

static int32_t save(void *self, void *state)
{
    memcpy(state, self, sizeof(ledger));
    return sizeof(ledger);
}

static int32_t load(void *self, const void *state)
{
    ledger *l = self;
    ledger was;
    memcpy(&was, state, sizeof was);
    l->episode = was.episode;
    l->step = was.step;
    l->x = was.x;
    return 0;
}

static const double low[] = {-1}, high[] = {1};

const reverie_env_api *reverie_env(const char *arguments)
{
    static reverie_env_api api;
    const char *blank = strchr(arguments, ' ');
    api.abi = REVERIE_ENV_ABI;
    api.size = sizeof api;
    api.name = "ledger";
    api.n_obs = 3;
    api.n_act = 1;
    api.act_low = low;
    api.act_high = high;
    api.time_limit = 60;
    api.create = create;
    api.destroy = destroy;
    api.reset = reset;
    api.step = step;
    if (blank && strchr(blank + 1, ' ')) {
        api.state_size = sizeof(ledger);
        api.save = save;
        api.load = load;
    }
    return &api;
}
