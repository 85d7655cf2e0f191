/* member_dump.c - writes what an ensemble member computes, for tests/torch/member_referee.py to compute again.
 *
 *   member_dump FOLDER KERNELS KEY=VALUE...    KERNELS: a setting, kernels.instructions=avx2 or the like; the others
 * are settings of the section "model" without its name
 *
 * settings.txt: "name value ..." per line; the rest are raw little-endian arrays:
 *   batch_*: one batch at random parameters: loss, gradient, parameters after 1 and after 10 Adam updates on it
 *   fit_*:   one epoch of a fit from raw rows, 10 updates, the last on a smaller batch
 */
#include "base/memory.h"
#include "base/rng.h"
#include "model/member.h"
#include "nn/adam.h"
#include "tests/torch/kernels.h"

#include <stdio.h>
#include <string.h>

enum { N_OBS = 11, N_ACT = 3, ROWS = 100, FIT_ROWS = 1500, SEED = 11, MEMBER = 4, RETRAIN = 2, EPOCH = 1 };

static const char *folder;

static FILE *open_file(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, "w");
}

static rv_status write_array(const char *name, size_t size, int64_t n, const void *data)
{
    FILE *f = open_file(name);
    RV_CHECK(f, RV_E_IO, "%s/%s cannot be created", folder, name);
    size_t written = fwrite(data, size, (size_t)n, f);
    RV_CHECK(fclose(f) == 0 && written == (size_t)n, RV_E_IO, "%s/%s cannot be written", folder, name);
    return RV_OK;
}

static rv_status write_floats(const char *name, int64_t n, const float *data)
{
    return write_array(name, sizeof *data, n, data);
}

static void fill_normal(rv_rng *rng, double scale, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(scale * rv_rng_normal(rng));
}

static rv_status dump_settings(const rv_model_cfg *cfg, const rv_member_shape *s)
{
    FILE *f = open_file("settings.txt");
    RV_CHECK(f, RV_E_IO, "%s/settings.txt cannot be created", folder);
    fprintf(f, "n_obs %d\nn_act %d\nrows %d\nfit_rows %d\n", N_OBS, N_ACT, ROWS, FIT_ROWS);
    fprintf(f, "batch %lld\n", (long long)cfg->batch);
    fprintf(f, "deterministic %d\nnext_state %d\nnormalised %d\nends %d\n", s->is_deterministic, s->predicts_state,
            s->is_normalised, s->ends);
    fprintf(f, "learning_rate %.17g\nlogvar_weight %.17g\n", cfg->learning_rate, cfg->logvar_weight);
    fprintf(f, "sizes");
    for (int l = 0; l <= s->mlp.n_layers; l++)
        fprintf(f, " %d", s->mlp.sizes[l]);
    fprintf(f, "\nweight_decay");
    for (int l = 0; l < s->mlp.n_layers; l++)
        fprintf(f, " %.17g", cfg->weight_decay.v[l]);
    fprintf(f, "\n");
    RV_CHECK(fclose(f) == 0, RV_E_IO, "%s/settings.txt cannot be written", folder);
    return RV_OK;
}

static rv_status dump_batch(const rv_model_cfg *cfg, const rv_member_shape *s)
{
    float *params = NULL, *grad = NULL, *m = NULL, *v = NULL, *x = NULL, *y = NULL, *d_out = NULL;
    rv_mlp_tape tape;
    RV_TRY(RV_NEW(params, s->n_trained));
    RV_TRY(RV_NEW(grad, s->n_trained));
    RV_TRY(RV_NEW(m, s->n_trained));
    RV_TRY(RV_NEW(v, s->n_trained));
    RV_TRY(RV_NEW(x, ROWS * s->n_in));
    RV_TRY(RV_NEW(y, ROWS * s->n_y));
    RV_TRY(RV_NEW(d_out, ROWS * s->n_raw));
    RV_TRY(rv_mlp_tape_create(&s->mlp, ROWS, &tape));

    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 0, 0);
    rv_mlp_init_truncated_normal(&s->mlp, &rng, params);
    for (int l = 0; l < s->mlp.n_layers; l++)
        fill_normal(&rng, 0.3, s->mlp.sizes[l + 1], params + s->mlp.bias[l]);
    fill_normal(&rng, 0.5, s->lo - s->hi, params + s->hi);
    fill_normal(&rng, 0.5, s->n_trained - s->lo, params + s->lo);
    for (int64_t j = s->lo; j < s->n_trained; j++)
        params[j] -= 1;
    fill_normal(&rng, 1, ROWS * s->n_in, x);
    fill_normal(&rng, 1, ROWS * s->n_y, y);
    for (int i = 0; i < ROWS && s->ends; i++)
        y[i * s->n_y + s->n_out] = y[i * s->n_y + s->n_out] > 0.5F;
    RV_TRY(write_floats("batch_params.f32", s->n_trained, params));
    RV_TRY(write_floats("batch_x.f32", ROWS * s->n_in, x));
    RV_TRY(write_floats("batch_y.f32", ROWS * s->n_y, y));
    for (int t = 1; t <= 10; t++) {
        double loss = rv_member_loss(cfg, s, params, ROWS, x, y, &tape, d_out, grad);
        if (t == 1) {
            RV_TRY(write_array("batch_loss.f64", sizeof loss, 1, &loss));
            RV_TRY(write_floats("batch_grad.f32", s->n_trained, grad));
        }
        rv_adam_step(cfg->learning_rate, t, s->n_trained, grad, params, m, v);
        if (t == 1)
            RV_TRY(write_floats("batch_params_1.f32", s->n_trained, params));
    }
    RV_TRY(write_floats("batch_params_10.f32", s->n_trained, params));

    float *all[] = {params, grad, m, v, x, y, d_out};
    for (int i = 0; i < 7; i++)
        rv_mem_free(&all[i]);
    rv_mlp_tape_clear(&tape);
    return RV_OK;
}

/* The order of an epoch, from the streams as rng.h describes them. */
static rv_status dump_order(const rv_member *member)
{
    int64_t n_holdout = 0;
    int64_t n_train = 0;
    const uint32_t *holdout = NULL;
    const uint32_t *bootstrap = NULL;
    uint32_t *order = NULL;
    rv_member_rows(member, &n_holdout, &holdout, &n_train, &bootstrap);
    RV_TRY(RV_NEW(order, n_train));
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_SHUFFLE, MEMBER, RETRAIN * (UINT64_C(1) << 20) + EPOCH);
    rv_rng_permutation(&rng, (uint32_t)n_train, order);
    for (int64_t i = 0; i < n_train; i++)
        order[i] = bootstrap[order[i]];
    RV_TRY(write_array("fit_order.u32", sizeof *order, n_train, order));
    RV_TRY(write_array("fit_holdout.u32", sizeof *holdout, n_holdout, holdout));
    rv_mem_free(&order);
    return RV_OK;
}

static rv_status dump_fit(const rv_model_cfg *cfg, const rv_member_shape *s)
{
    rv_member *member = NULL;
    float *rows = NULL, *published = NULL;
    const int width = s->row.width;
    RV_TRY(RV_NEW(rows, FIT_ROWS * width));
    RV_TRY(RV_NEW(published, s->n_published));
    RV_TRY(rv_member_create(cfg, s, SEED, MEMBER, FIT_ROWS, &member));
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 1, 0);
    fill_normal(&rng, 1, FIT_ROWS * width, rows);
    for (int i = 0; i < FIT_ROWS; i++)
        for (int j = 0; j < s->n_in; j++)
            rows[i * width + j] = (float)(j - 5) + (float)(j + 1) * rows[i * width + j];
    for (int i = 0; i < FIT_ROWS; i++)
        for (int j = 0; j < N_OBS; j++)
            rows[i * width + s->row.next_obs + j] += rows[i * width + j] + rows[i * width + (j + 1) % N_OBS] / 4;
    for (int i = 0; i < FIT_ROWS; i++)
        rows[i * width + s->row.terminated] = rows[i * width] + rows[i * width + 1] > -3;
    RV_TRY(write_floats("fit_rows.f32", FIT_ROWS * width, rows));

    double losses[2];
    rv_member_publish(member, published);
    RV_TRY(write_floats("fit_before.f32", s->n_published, published));
    RV_TRY(rv_member_fit_begin(member, RETRAIN, FIT_ROWS, rows));
    RV_TRY(rv_member_fit_epoch(member, EPOCH, &losses[0], &losses[1]));
    RV_TRY(dump_order(member));
    RV_TRY(rv_member_fit_end(member, &losses[1]));
    rv_member_publish(member, published);
    RV_TRY(write_floats("fit_after.f32", s->n_published, published));
    RV_TRY(write_array("fit_losses.f64", sizeof *losses, 2, losses));
    rv_member_destroy(&member);
    rv_mem_free(&rows);
    rv_mem_free(&published);
    return RV_OK;
}

static rv_status set(rv_model_cfg *cfg, const char *setting)
{
    char name[64];
    const char *value = strchr(setting, '=');
    RV_CHECK(value && (size_t)(value - setting) < sizeof name, RV_E_CONFIG, "'%s' is no setting", setting);
    (void)snprintf(name, sizeof name, "%.*s", (int)(value - setting), setting);
    const rv_field *field = rv_field_find(rv_model_cfg_fields, name);
    RV_CHECK(field, RV_E_CONFIG, "'%s' is no setting", setting);
    return rv_field_parse(field, value + 1, cfg);
}

static rv_status dump(int n_settings, char **settings)
{
    rv_model_cfg cfg = {
        .members = 7,
        .elites = 5,
        .hidden_layers = 3,
        .hidden = 64,
        .learning_rate = 1e-3,
        .batch = 128,
        .bootstrap = true,
        .weight_decay = {4, {1e-2, 2e-2, 3e-2, 4e-2}},
        .holdout_ratio = 0.2,
        .holdout_max = 5000,
        .holdout_segment = 1,
        .improvement = 0.01,
        .logvar_max = 0.5,
        .logvar_min = -10,
        .logvar_weight = 0.05,
    };
    for (int i = 0; i < n_settings; i++)
        RV_TRY(set(&cfg, settings[i]));
    rv_member_shape shape;
    RV_TRY(rv_member_shape_init(&cfg, N_OBS, N_ACT, &shape));
    RV_TRY(dump_settings(&cfg, &shape));
    RV_TRY(dump_batch(&cfg, &shape));
    RV_TRY(dump_fit(&cfg, &shape));
    return RV_OK;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: member_dump FOLDER KERNELS KEY=VALUE...\n");
        return 64;
    }
    folder = argv[1];
    rv_status status = dump_choose_kernels(argv[2]);
    if (status == RV_OK)
        status = dump(argc - 3, argv + 3);
    if (status != RV_OK)
        fprintf(stderr, "member_dump: %s\n", rv_error_last()->text);
    return rv_status_exit_code(status);
}
