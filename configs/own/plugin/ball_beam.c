/* ball_beam.c - an environment of your own: a ball rolls on a beam, and a motor tilts the beam. Keep the ball in the
 * middle; an episode ends when it rolls off an end. From a clone of Reverie:
 *
 *   cc -shared -fPIC -O2 -Isrc/env -o configs/own/plugin/ball_beam.so configs/own/plugin/ball_beam.c -lm
 *   reverie train configs/own/plugin/ball_beam.yaml
 *
 * With `cmake --install build` the header is found without -I. env.arguments=hollow takes a hollow ball, which gains
 * speed more slowly.
 *
 * state    x (m) place of the ball, v (m/s) its speed, angle (rad) of the beam
 * obs      the same
 * action   the angle that the motor aims at, in [-0.25, 0.25] rad; it gets there with a delay of 0.1 s
 * step     angle' = angle + (u - angle) dt / 0.1;  v' = v - c g sin(angle') dt;  x' = x + v' dt;  dt = 0.02 s
 *          c = 5/7 for a solid ball that rolls without slipping, 3/5 for a hollow one
 * reward   1 - (2 x)^2 - angle^2
 */
#include <math.h>
#include <reverie_env.h>
#include <stdlib.h>
#include <string.h>

#define HALF 0.5 /* length of half the beam */
#define DT   0.02

typedef struct ball_beam {
    double x, v, angle;
    double c;
} ball_beam;

static void *create(const char *arguments)
{
    ball_beam *b = calloc(1, sizeof *b);
    if (b)
        b->c = strcmp(arguments, "hollow") == 0 ? 3.0 / 5.0 : 5.0 / 7.0;
    return b;
}

static void destroy(void *self)
{
    free(self);
}

static int32_t observe(const ball_beam *b, double *obs)
{
    obs[0] = b->x;
    obs[1] = b->v;
    obs[2] = b->angle;
    return 3;
}

/* in [-1, 1], from 32 bits of the seed */
static double uniform(uint32_t bits)
{
    return bits / 2147483648.0 - 1;
}

static int32_t reset(void *self, uint64_t seed, double *obs)
{
    ball_beam *b = self;
    b->x = 0.3 * uniform((uint32_t)seed);
    b->v = 0.1 * uniform((uint32_t)(seed >> 32));
    b->angle = 0;
    return observe(b, obs);
}

static int32_t step(void *self, const double *u, double *obs, double *reward, uint32_t *flags)
{
    ball_beam *b = self;
    b->angle += (u[0] - b->angle) * DT / 0.1;
    b->v -= b->c * 9.81 * sin(b->angle) * DT;
    b->x += b->v * DT;
    *reward = 1 - 4 * b->x * b->x - b->angle * b->angle;
    *flags = fabs(b->x) > HALF ? REVERIE_ENV_TERMINATED : 0;
    return observe(b, obs);
}

static int32_t save(void *self, void *state)
{
    memcpy(state, self, sizeof(ball_beam));
    return sizeof(ball_beam);
}

static int32_t load(void *self, const void *state)
{
    memcpy(self, state, sizeof(ball_beam));
    return 0;
}

static const double act_low[] = {-0.25}, act_high[] = {0.25};
static const float alive_low[] = {-HALF, -INFINITY, -INFINITY}, alive_high[] = {HALF, INFINITY, INFINITY};

static const reverie_env_api api = {
    .abi = REVERIE_ENV_ABI,
    .size = sizeof(reverie_env_api),
    .name = "ball and beam",
    .help = "hold a rolling ball in the middle of a beam",
    .n_obs = 3,
    .n_act = 1,
    .act_low = act_low,
    .act_high = act_high,
    .time_limit = 200,
    .state_size = sizeof(ball_beam),
    .dt = DT,
    .alive_low = alive_low,
    .alive_high = alive_high,
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .step = step,
    .save = save,
    .load = load,
};

const reverie_env_api *reverie_env(const char *arguments)
{
    return *arguments == '\0' || strcmp(arguments, "hollow") == 0 ? &api : NULL;
}
