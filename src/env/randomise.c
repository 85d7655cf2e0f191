#include "env/randomise.h"

#include "env/env_private.h"

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
