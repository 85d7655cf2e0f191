#include "env/randomise.h"

#include "base/memory.h"
#include "env/env_private.h"
#include "env/mujoco_change.h"

#include <math.h>
#include <string.h>

enum { MAX_REDRAWS = 128 };

const rv_random_info rv_random_infos[RV_N_RANDOM] = {
    [RV_RANDOM_MASS] = {"mass", 1e-3, 1e3, 1, true},       [RV_RANDOM_FRICTION] = {"friction", 1e-3, 1e3, 1, true},
    [RV_RANDOM_DAMPING] = {"damping", 1e-3, 1e3, 1, true}, [RV_RANDOM_GEAR] = {"gear", 1e-3, 1e3, 1, true},
    [RV_RANDOM_DELAY] = {"delay", 0, 1, 0, true},          [RV_RANDOM_OBS_NOISE] = {"obs_noise", 0, 1e6, 0, false},
};

static const char *const names[] = {
    [RV_DISTRIBUTION_UNIFORM] = "uniform",
    [RV_DISTRIBUTION_LOG_UNIFORM] = "log_uniform",
    [RV_DISTRIBUTION_NORMAL] = "normal",
};

const char *rv_random_text(const rv_randomise_cfg *cfg, rv_random_id id)
{
    const rv_field *field = rv_field_find(rv_randomise_cfg_fields, rv_random_infos[id].name);
    return (const char *)cfg + field->offset;
}

/* the number in n characters, which blanks may surround */
static bool read_number(const char *text, size_t n, double *out)
{
    static const rv_field number = {"", RV_T_F64, 0, sizeof(double), "", -INFINITY, INFINITY, "", NULL, "", 0};
    char item[RV_FIELD_SHOWN];
    while (n > 0 && text[0] == ' ') {
        text++;
        n--;
    }
    while (n > 0 && text[n - 1] == ' ')
        n--;
    if (n == 0 || n >= sizeof item)
        return false;
    memcpy(item, text, n);
    item[n] = '\0';
    return rv_field_parse(&number, item, out) == RV_OK;
}

/* NAME(A, B), without a look at what the numbers are */
static bool read_form(const char *text, rv_distribution *out)
{
    size_t n_name = strcspn(text, "(");
    size_t n = strlen(text);
    const char *comma = strchr(text, ',');
    if (!text[n_name] || !comma || text[n - 1] != ')')
        return false;
    const char *first = text + n_name + 1;
    if (comma < first)
        return false;
    for (int kind = RV_DISTRIBUTION_UNIFORM; kind <= RV_DISTRIBUTION_NORMAL; kind++)
        if (strlen(names[kind]) == n_name && strncmp(text, names[kind], n_name) == 0)
            out->kind = (rv_distribution_kind)kind;
    return out->kind != RV_DISTRIBUTION_NONE && read_number(first, (size_t)(comma - first), &out->a) &&
           read_number(comma + 1, (size_t)(text + n - 1 - (comma + 1)), &out->b);
}

static rv_status check_numbers(const rv_distribution *d, const char *shown)
{
    if (d->kind == RV_DISTRIBUTION_NORMAL) {
        RV_CHECK(d->a >= d->min && d->a <= d->max, RV_E_CONFIG, "the mean of %s must lie in [%g, %g]", shown, d->min,
                 d->max);
        RV_CHECK(d->b >= 0 && d->b <= d->max - d->min, RV_E_CONFIG, "the standard deviation of %s must lie in [0, %g]",
                 shown, d->max - d->min);
        return RV_OK;
    }
    RV_CHECK(d->a <= d->b, RV_E_CONFIG, "%s: LOW must be at most HIGH", shown);
    RV_CHECK(d->a >= d->min && d->b <= d->max, RV_E_CONFIG, "%s must lie in [%g, %g]", shown, d->min, d->max);
    RV_CHECK(d->kind != RV_DISTRIBUTION_LOG_UNIFORM || d->a > 0, RV_E_CONFIG, "%s: LOW must be above 0", shown);
    return RV_OK;
}

rv_status rv_distribution_parse(const char *text, double min, double max, rv_distribution *out)
{
    rv_distribution d = {.min = min, .max = max};
    char shown[RV_FIELD_SHOWN];
    rv_field_shown(text, shown);
    if (text[0]) {
        RV_CHECK(read_form(text, &d), RV_E_CONFIG,
                 "expected uniform(LOW, HIGH), log_uniform(LOW, HIGH) or normal(MEAN, STD), got '%s'", shown);
        RV_TRY(check_numbers(&d, shown));
    }
    *out = d;
    return RV_OK;
}

double rv_distribution_draw(const rv_distribution *d, rv_rng *rng)
{
    if (d->kind == RV_DISTRIBUTION_NORMAL) {
        for (int i = 0; i < MAX_REDRAWS; i++) {
            double x = d->a + d->b * rv_rng_normal(rng);
            if (x >= d->min && x <= d->max)
                return x;
        }
        return d->a;
    }
    /* rounding must not leave the interval, nor move the ends of one without width */
    double u = rv_rng_uniform(rng);
    double x =
        d->kind == RV_DISTRIBUTION_UNIFORM ? d->a + u * (d->b - d->a) : exp(log(d->a) + u * (log(d->b) - log(d->a)));
    return rv_env_clip(x, d->a, d->b);
}

/* ---- what an environment keeps ---- */

struct rv_randomiser {
    const char *name;
    rv_distribution of[RV_N_RANDOM];
    rv_random_draws draws;
    rv_mujoco_sim *sim; /* NULL: nothing inside it is changed */
    int n_line;         /* controls under way, numbers */
    double *spare;      /* (RV_N_RANDOM + n_line) */
};

bool rv_randomise_is_on(const rv_randomise_cfg *cfg)
{
    bool is_on = false;
    for (int i = 0; i < RV_N_RANDOM; i++)
        is_on = is_on || rv_random_text(cfg, (rv_random_id)i)[0];
    return is_on;
}

void rv_randomiser_destroy(rv_randomiser **r)
{
    if (*r)
        rv_mem_free(&(*r)->spare);
    rv_mem_free(r);
}

static double longest_delay(const rv_distribution *d)
{
    return d->kind == RV_DISTRIBUTION_NONE ? 0 : d->kind == RV_DISTRIBUTION_NORMAL ? d->max : d->b;
}

/* the settings as distributions; the simulation is one that can be changed */
static rv_status prepare(const rv_randomise_cfg *cfg, rv_mujoco_sim *sim, rv_randomiser *r)
{
    bool is_changed = false;
    for (int i = 0; i < RV_N_RANDOM; i++) {
        const rv_random_info *info = &rv_random_infos[i];
        rv_status status = rv_distribution_parse(rv_random_text(cfg, (rv_random_id)i), info->min, info->max, &r->of[i]);
        if (status != RV_OK)
            return rv_error_prefix(status, "randomise.%s", info->name);
        r->draws.is_on[i] = r->of[i].kind != RV_DISTRIBUTION_NONE;
        r->draws.value[i] = info->nominal;
        RV_CHECK(!r->draws.is_on[i] || !info->needs_physics || sim, RV_E_CONFIG,
                 "randomise.%s must be empty: %s does not run on MuJoCo", info->name, r->name);
        is_changed = is_changed || (r->draws.is_on[i] && info->needs_physics);
    }
    if (is_changed) {
        RV_TRY(rv_mujoco_change_create(sim, longest_delay(&r->of[RV_RANDOM_DELAY])));
        r->sim = sim;
        r->n_line = rv_mujoco_change_n_line(sim);
    }
    return RV_NEW(r->spare, RV_N_RANDOM + r->n_line);
}

rv_status rv_randomiser_create(const rv_randomise_cfg *cfg, const char *name, rv_mujoco_sim *sim, rv_randomiser **out)
{
    rv_randomiser *r = NULL;
    RV_TRY(RV_NEW(r, 1));
    r->name = name;
    rv_status status = prepare(cfg, sim, r);
    if (status != RV_OK) {
        if (r->sim)
            rv_mujoco_change_destroy(r->sim);
        rv_randomiser_destroy(&r);
        return status;
    }
    *out = r;
    return RV_OK;
}

const rv_random_draws *rv_randomiser_draws(const rv_randomiser *r)
{
    return &r->draws;
}

/* values are in force from here on */
static rv_status apply(rv_randomiser *r, const double value[RV_N_RANDOM])
{
    double *now = r->draws.value;
    memcpy(now, value, sizeof r->draws.value);
    if (!r->sim)
        return RV_OK;
    const rv_mujoco_factors factors = {.mass = now[RV_RANDOM_MASS],
                                       .friction = now[RV_RANDOM_FRICTION],
                                       .damping = now[RV_RANDOM_DAMPING],
                                       .gear = now[RV_RANDOM_GEAR]};
    now[RV_RANDOM_DELAY] = rv_mujoco_change_delay(r->sim, now[RV_RANDOM_DELAY]);
    return rv_mujoco_change_model(r->sim, &factors);
}

rv_status rv_randomiser_draw(rv_randomiser *r, rv_rng *rng)
{
    double value[RV_N_RANDOM];
    for (int i = 0; i < RV_N_RANDOM; i++)
        value[i] = r->draws.is_on[i] ? rv_distribution_draw(&r->of[i], rng) : rv_random_infos[i].nominal;
    return apply(r, value);
}

void rv_randomiser_noise(const rv_randomiser *r, uint64_t key, int64_t step, int n, float *obs)
{
    double std = r->draws.value[RV_RANDOM_OBS_NOISE];
    if (std == 0)
        return;
    rv_rng rng = rv_rng_at(key, RV_STREAM_OBS_NOISE, 0, (uint64_t)step);
    for (int i = 0; i < n; i++)
        obs[i] = (float)((double)obs[i] + std * rv_rng_normal(&rng));
}

size_t rv_randomiser_state_size(const rv_randomiser *r)
{
    return (size_t)(RV_N_RANDOM + r->n_line) * sizeof(double);
}

void rv_randomiser_state_save(const rv_randomiser *r, void *out)
{
    memcpy(out, r->draws.value, sizeof r->draws.value);
    if (r->n_line > 0)
        memcpy((char *)out + sizeof r->draws.value, rv_mujoco_change_line(r->sim), (size_t)r->n_line * sizeof(double));
}

rv_status rv_randomiser_state_load(rv_randomiser *r, const void *state)
{
    memcpy(r->spare, state, rv_randomiser_state_size(r));
    for (int i = 0; i < RV_N_RANDOM; i++) {
        const rv_random_info *info = &rv_random_infos[i];
        double low = r->draws.is_on[i] ? info->min : info->nominal;
        double high = r->draws.is_on[i] ? info->max : info->nominal;
        if (r->draws.is_on[i] && i == RV_RANDOM_DELAY)
            high = rv_mujoco_change_longest(r->sim);
        RV_CHECK(r->spare[i] >= low && r->spare[i] <= high, RV_E_DATA, "%s: the state is corrupt: %s is %g", r->name,
                 info->name, r->spare[i]);
    }
    for (int i = 0; i < r->n_line; i++)
        RV_CHECK(isfinite(r->spare[RV_N_RANDOM + i]), RV_E_DATA, "%s: the state is corrupt: a control under way is %g",
                 r->name, r->spare[RV_N_RANDOM + i]);
    RV_TRY(apply(r, r->spare));
    if (r->n_line > 0)
        memcpy(rv_mujoco_change_line(r->sim), r->spare + RV_N_RANDOM, (size_t)r->n_line * sizeof(double));
    return RV_OK;
}
