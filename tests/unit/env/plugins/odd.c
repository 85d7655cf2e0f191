/* odd.c - a plug-in that works, but breaks a promise that training rests on; env.arguments says which:
 *
 * unseeded   its starts depend on how often it was reset in this process
 * memory     a reset does not forget all that was before
 * forgetful  what it saves is not all that the next step depends on
 * same       every seed gives the same episode
 * stateless  it cannot be saved
 * early      it ends before its own rule for imagined states says so
 * ruleless   it ends, but has no such rule
 * large      one of its numbers is very large
 * constant   one of its numbers never changes
 *
 * Beside that it is a point that is pushed, with a phase that nobody sees: x' = x + u / 10 + sin(phase) / 10.
 */
#include <math.h>
#include <reverie_env.h>
#include <string.h>

typedef struct point {
    double x, phase;
} point;

static const char *how;
static unsigned n_resets;

static void *create(const char *arguments)
{
    static point p;
    how = arguments;
    return &p;
}

static void destroy(void *self)
{
    (void)self;
}

static int is(const char *what)
{
    return strcmp(how, what) == 0;
}

static int32_t observe(const point *p, double *obs)
{
    obs[0] = p->x;
    obs[1] = is("large") ? 1e5 * p->x : is("constant") ? 1 : sin(p->x);
    return 2;
}

static int32_t reset(void *self, uint64_t seed, double *obs)
{
    point *p = self;
    unsigned from = (unsigned)(seed % 1000);
    n_resets++;
    if (is("unseeded"))
        from = n_resets % 1000;
    if (is("same"))
        from = 7;
    p->x = from / 1000.0;
    if (!is("memory"))
        p->phase = 0;
    return observe(p, obs);
}

static int32_t step(void *self, const double *u, double *obs, double *reward, uint32_t *flags)
{
    point *p = self;
    p->phase += 0.3;
    p->x += u[0] / 10 + sin(p->phase) / 10;
    *reward = -fabs(p->x);
    *flags = fabs(p->x) > (is("early") ? 0.5 : 1.5) ? REVERIE_ENV_TERMINATED : 0;
    return observe(p, obs);
}

static int32_t save(void *self, void *state)
{
    point p = *(point *)self;
    if (is("forgetful"))
        p.phase = 0;
    memcpy(state, &p, sizeof p);
    return (int32_t)sizeof p;
}

static int32_t load(void *self, const void *state)
{
    memcpy(self, state, sizeof(point));
    return 0;
}

static const double act_low[] = {-1}, act_high[] = {1};
static const float alive_low[] = {-1.5F, -INFINITY}, alive_high[] = {1.5F, INFINITY};

const reverie_env_api *reverie_env(const char *arguments)
{
    static reverie_env_api api = {
        .abi = REVERIE_ENV_ABI,
        .size = sizeof(reverie_env_api),
        .name = "odd",
        .n_obs = 2,
        .n_act = 1,
        .act_low = act_low,
        .act_high = act_high,
        .time_limit = 40,
        .create = create,
        .destroy = destroy,
        .reset = reset,
        .step = step,
    };
    int saves = strcmp(arguments, "stateless") != 0, rules = strcmp(arguments, "ruleless") != 0;
    api.save = saves ? save : 0;
    api.load = saves ? load : 0;
    api.state_size = saves ? (int32_t)sizeof(point) : 0;
    api.alive_low = rules ? alive_low : 0;
    api.alive_high = rules ? alive_high : 0;
    return &api;
}
