/* bad.c - a plug-in that misbehaves as env.arguments says: "HOW at N", "HOW at N once FILE".
 *
 * HOW      segv, abort, exit, loop, leak, nan, unwritten, reward, few, many, beyond, far, own: in step N of the process
 *          create: create fails; reset: reset crashes; load: load crashes; save: save crashes; refuse: load refuses;
 *          short: save writes too little; printing: step N prints and crashes; fork: leaves a process of its own
 *          behind and crashes; none: nothing
 * once     only when FILE does not exist, which is then made
 *
 * Beside that it is a point on a line: obs x and the number of steps, action added to x, reward -|x|, alive in [-9, 9].
 */
#include <fcntl.h>
#include <math.h>
#include <reverie_env.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORD = 256 };

typedef struct point {
    double x, steps;
} point;

static char how[WORD], marker[WORD];
static int at;
static volatile int n_calls;

/* is it time for this? */
static int due(const char *what)
{
    if (strcmp(how, what) != 0 || n_calls < at)
        return 0;
    if (*marker) {
        int made = open(marker, O_CREAT | O_EXCL | O_WRONLY, 0666); /* by one of several processes */
        if (made < 0)
            return 0;
        close(made);
    }
    return 1;
}

static void crash(void)
{
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
}

static void *create(const char *arguments)
{
    static point p;
    if (sscanf(arguments, "%255s at %d once %255s", how, &at, marker) < 1)
        strcpy(how, "none");
    return due("create") ? NULL : &p;
}

static void destroy(void *self)
{
    (void)self;
    if (strcmp(how, "farewell") == 0)
        puts("farewell");
}

static int32_t observe(const point *p, double *obs)
{
    obs[0] = p->x;
    obs[1] = p->steps;
    return 2;
}

static int32_t reset(void *self, uint64_t seed, double *obs)
{
    point *p = self;
    p->x = (double)(seed % 1000) / 1000;
    p->steps = 0;
    if (due("reset"))
        crash();
    return observe(p, obs);
}

static void leak(void)
{
    for (;;) {
        char *block = malloc(1 << 20);
        memset(block, 1, 1 << 20); /* as those do who never look at what malloc returns */
    }
}

static void end_badly(void)
{
    if (due("segv"))
        crash();
    if (due("abort"))
        abort();
    if (due("exit"))
        exit(3);
    if (due("printing")) {
        printf("out of the plug-in\n");
        fprintf(stderr, "err of the plug-in\n");
        crash();
    }
    if (due("fork")) {
        if (fork() == 0)
            for (;;)
                pause();
        crash();
    }
    if (due("loop"))
        for (;;)
            n_calls++;
    if (due("leak"))
        leak();
}

static int32_t return_badly(double *obs, double *reward)
{
    if (due("nan"))
        obs[1] = NAN;
    if (due("reward"))
        *reward = INFINITY;
    if (due("few"))
        return 1;
    if (due("many"))
        return 3;
    if (due("beyond"))
        obs[2] = 0;
    if (due("far"))
        memset(obs, 0, 1000 * sizeof *obs);
    return due("own") ? -1 : 2;
}

static int32_t step(void *self, const double *u, double *obs, double *reward, uint32_t *flags)
{
    point *p = self;
    n_calls++;
    end_badly();
    p->x += u[0];
    p->steps++;
    *reward = -fabs(p->x);
    *flags = fabs(p->x) > 9 ? REVERIE_ENV_TERMINATED : 0;
    if (due("unwritten"))
        return 2;
    observe(p, obs);
    return return_badly(obs, reward);
}

static int32_t save(void *self, void *state)
{
    if (due("save"))
        crash();
    memcpy(state, self, sizeof(point));
    return due("short") ? 4 : (int32_t)sizeof(point);
}

static int32_t load(void *self, const void *state)
{
    if (due("load"))
        crash();
    if (due("refuse"))
        return -1;
    memcpy(self, state, sizeof(point));
    return 0;
}

static const char *explain(void *self)
{
    return self ? "the sensor is\tgone" : "no such device";
}

static const double act_low[] = {-1}, act_high[] = {1};
static const float alive_low[] = {-9, -1}, alive_high[] = {9, 1000};

static const reverie_env_api api = {
    .abi = REVERIE_ENV_ABI,
    .size = sizeof(reverie_env_api),
    .name = "bad",
    .help = "a point on a line",
    .n_obs = 2,
    .n_act = 1,
    .act_low = act_low,
    .act_high = act_high,
    .time_limit = 40,
    .state_size = sizeof(point),
    .alive_low = alive_low,
    .alive_high = alive_high,
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .step = step,
    .save = save,
    .load = load,
    .explain = explain,
};

const reverie_env_api *reverie_env(const char *arguments)
{
    (void)arguments;
    return &api;
}
