/* tables.c - a plug-in whose table is wrong in the way that env.arguments names; "": right, discrete, without state;
 * "outside": so too, but its steps lead to a state that there is not. */
#include <math.h>
#include <reverie_env.h>
#include <stdlib.h>
#include <string.h>

static int place, n_steps, is_outside;

static void *create(const char *arguments)
{
    is_outside = strcmp(arguments, "outside") == 0;
    return &place;
}

static void destroy(void *self)
{
    (void)self;
}

/* five places on a line, to the left and to the right; the last one is the goal */
static int32_t reset(void *self, uint64_t seed, double *obs)
{
    (void)self;
    n_steps = 0;
    place = (int)(seed % 4);
    obs[0] = place;
    return 1;
}

static int32_t step(void *self, const double *u, double *obs, double *reward, uint32_t *flags)
{
    (void)self;
    place += u[0] == 1 ? place < 4 : -(place > 0);
    n_steps++;
    obs[0] = is_outside ? 5 : place;
    *reward = place == 4;
    *flags = place == 4 ? REVERIE_ENV_TERMINATED : n_steps == 30 ? REVERIE_ENV_TRUNCATED : 0;
    return 1;
}

static int32_t save(void *self, void *state)
{
    (void)self, (void)state;
    return 0;
}

static int32_t load(void *self, const void *state)
{
    (void)self, (void)state;
    return 0;
}

static const double low[] = {0, 0}, high[] = {1, 1}, wrong[] = {1, -1}, endless[] = {1, INFINITY};
static const float alive_low[] = {0, NAN}, alive_high[] = {1, 1};

static void spoil(reverie_env_api *a, const char *how)
{
    const int is_box = strncmp(how, "box", 3) == 0;
    if (is_box) {
        a->n_obs = 2;
        a->n_act = 2;
        a->n_states = a->n_actions = 0;
        a->act_low = low;
        a->act_high = strcmp(how, "box range") == 0 ? wrong : strcmp(how, "box endless") == 0 ? endless : high;
        a->act_high = strcmp(how, "box bounds") == 0 ? NULL : a->act_high;
        a->alive_low = alive_low;
        a->alive_high = strcmp(how, "box one") == 0 ? NULL : alive_high;
    }
    if (strcmp(how, "version") == 0)
        a->abi = 7;
    if (strcmp(how, "short") == 0)
        a->size = 16;
    if (strcmp(how, "old") == 0)
        a->size -= (uint32_t)sizeof a->explain;
    if (strcmp(how, "new") == 0)
        a->size += 64;
    if (strcmp(how, "both") == 0)
        a->n_obs = 3;
    if (strcmp(how, "none") == 0)
        a->n_actions = 0;
    if (strcmp(how, "huge") == 0)
        a->n_states = 1 << 20;
    if (strcmp(how, "negative") == 0)
        a->n_actions = -2;
    if (strcmp(how, "limit") == 0)
        a->time_limit = -1;
    if (strcmp(how, "dt") == 0)
        a->dt = NAN;
    if (strcmp(how, "state") == 0)
        a->state_size = 8;
    if (strcmp(how, "alive") == 0) {
        a->alive_low = alive_low;
        a->alive_high = alive_high;
    }
    if (strcmp(how, "half") == 0)
        a->save = save;
    if (strcmp(how, "whole") == 0) {
        a->save = save;
        a->load = load;
    }
    if (strcmp(how, "no step") == 0)
        a->step = NULL;
    if (strcmp(how, "no name") == 0)
        a->name = NULL;
    if (strcmp(how, "binary") == 0)
        a->help =
            "one\nline\x1b[31m and a rather long text that goes on and on and on and on and on and on and on and on "
            "and "
            "on and on and on and on and on and on and on and on and on and on and on and on and on and on and on";
}

const reverie_env_api *reverie_env(const char *arguments)
{
    static struct {
        reverie_env_api api;
        char more[64];
    } a;
    reverie_env_api *api = &a.api;
    api->abi = REVERIE_ENV_ABI;
    api->size = sizeof *api;
    api->name = "places";
    api->n_states = 5;
    api->n_actions = 2;
    api->create = create;
    api->destroy = destroy;
    api->reset = reset;
    api->step = step;
    spoil(api, arguments);
    if (strcmp(arguments, "crash") == 0)
        abort();
    return strcmp(arguments, "unknown") == 0 ? NULL : api;
}
