/* card_dump.c - writes the error card of a fitted ensemble, for tests/torch/card_referee.py to compute again.
 *
 *   card_dump FOLDER KERNELS    KERNELS: a setting, kernels.instructions=avx2 or the like
 *
 * Members are fitted for a few epochs on rows of COUNT environments that take turns, with episodes that terminate and
 * others that are cut; policy and critics have random weights. settings.txt: "name value ..." per line; the rest are
 * raw little-endian arrays: members, rows, held, policy, critics, and the card: series_NAME (k = 0 to steps), scalars.
 */
#include "base/memory.h"
#include "base/rng.h"
#include "model/card.h"
#include "model/holdout.h"
#include "nn/policy_net.h"
#include "tests/torch/kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_OBS = 11, N_ACT = 3, COUNT = 4, ROWS = 4000, STEPS = 12, MEMBERS = 4, ELITES = 3, SEED = 7, EPOCHS = 12 };

static const char *folder;
static const int elites[ELITES] = {3, 0, 1};

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

/* the task: its rule, which ends some imagined branches; the referee has the same */
static void ends(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    (void)spec;
    for (int64_t i = 0; i < n; i++)
        done[i] = !(next_obs[i * N_OBS] < 0.3F);
}

/* one real step of one environment, a little nonlinear */
static void step(const rv_row *r, float *row, rv_rng *rng)
{
    const float *act = row + r->act;
    float *next = row + r->next_obs;
    float reward = 0;
    for (int j = 0; j < N_OBS; j++) {
        const float pull = tanhf(row[(j + 1) % N_OBS] - row[j]) + 0.5F * act[j % N_ACT];
        next[j] = row[j] + 0.2F * pull + 0.02F * (float)rv_rng_normal(rng);
        reward += 0.1F * pull * row[j];
    }
    unsigned char done = 0;
    ends(NULL, 1, next, &done);
    row[r->reward] = reward;
    row[r->terminated] = done;
}

static void make_rows(const rv_row *r, float *rows)
{
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 0, 0);
    for (int64_t i = 0; i < ROWS; i++) {
        float *row = rows + i * r->width;
        const float *last = row - COUNT * r->width;
        const bool is_cut = rv_rng_below(&rng, 40) == 0;
        if (i < COUNT || is_cut || last[r->terminated] > 0)
            for (int j = 0; j < N_OBS; j++)
                row[j] = (float)rv_rng_normal(&rng);
        else
            memcpy(row, last + r->next_obs, N_OBS * sizeof *row);
        for (int j = 0; j < N_ACT; j++)
            row[r->act + j] = tanhf((float)rv_rng_normal(&rng));
        step(r, row, &rng);
    }
}

static rv_status fit(const rv_model_cfg *cfg, const rv_member_shape *shape, const float *rows, float *published)
{
    for (int m = 0; m < MEMBERS; m++) {
        rv_member *member = NULL;
        double losses[2];
        RV_TRY(rv_member_create(cfg, shape, SEED, m, ROWS, &member));
        RV_TRY(rv_member_fit_begin(member, 0, ROWS, rows));
        for (int epoch = 0; epoch < EPOCHS; epoch++)
            RV_TRY(rv_member_fit_epoch(member, epoch, &losses[0], &losses[1]));
        RV_TRY(rv_member_fit_end(member, &losses[1]));
        rv_member_publish(member, published + m * shape->n_published);
        rv_member_destroy(&member);
    }
    return RV_OK;
}

static rv_status dump_settings(const rv_card_setup *setup, const rv_card_report *p, int64_t n_held)
{
    FILE *f = open_file("settings.txt");
    RV_CHECK(f, RV_E_IO, "%s/settings.txt cannot be created", folder);
    fprintf(f, "n_obs %d\nn_act %d\ncount %d\nrows %d\nsteps %d\nmembers %d\n", N_OBS, N_ACT, COUNT, ROWS, STEPS,
            MEMBERS);
    fprintf(f, "elites %d %d %d\nheld %lld\ndiscount %.17g\n", elites[0], elites[1], elites[2], (long long)n_held,
            setup->discount);
    fprintf(f, "max_windows %d\ngains %d\none_step_rows %d\n", RV_CARD_WINDOWS, RV_CARD_GAINS, RV_CARD_ROWS);
    const rv_mlp *nets[] = {&setup->shape->mlp, setup->policy_net, setup->critic_net};
    const char *names[] = {"member_sizes", "policy_sizes", "critic_sizes"};
    for (int i = 0; i < 3; i++) {
        fprintf(f, "%s", names[i]);
        for (int l = 0; l <= nets[i]->n_layers; l++)
            fprintf(f, " %d", nets[i]->sizes[l]);
        fprintf(f, "\n");
    }
    fprintf(f, "gain %.17g\nquality %.17g\ndisagreement %.17g\nwithin_1 %.17g\nwithin_2 %.17g\nz_squared %.17g\n",
            p->gain, p->quality, p->disagreement, p->within_1, p->within_2, p->z_squared);
    fprintf(f, "longest %d\nhorizon %d\n", p->n, rv_card_horizon(p, 1, STEPS));
    RV_CHECK(fclose(f) == 0, RV_E_IO, "%s/settings.txt cannot be written", folder);
    return RV_OK;
}

static rv_status dump_card(const rv_card_source *s, const rv_card_setup *setup)
{
    rv_card *card = NULL;
    rv_card_report p;
    RV_TRY(rv_card_create(setup, &card));
    RV_TRY(rv_card_run(card, s, &p));
    const struct {
        const char *name;
        const double *data;
        int n;
    } series[] = {{"error.f64", p.error, 1},
                  {"members.f64", p.members, MEMBERS},
                  {"low.f64", p.low, 1},
                  {"high.f64", p.high, 1},
                  {"naive.f64", p.naive, 1},
                  {"guess.f64", p.guess, 1},
                  {"model_cost.f64", p.model_cost, 1},
                  {"critic_cost.f64", p.critic_cost, 1}};
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        RV_TRY(write_array(series[i].name, sizeof(double), series[i].n * (STEPS + 1), series[i].data));
    RV_TRY(write_array("windows.i32", sizeof *p.windows, STEPS + 1, p.windows));
    RV_TRY(dump_settings(setup, &p, s->n_held));
    rv_card_destroy(&card);
    return RV_OK;
}

static rv_status random_net(const rv_mlp *net, int copies, uint32_t unit, float **out)
{
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, unit, 0);
    RV_TRY(RV_NEW(*out, copies * net->n_params));
    for (int64_t i = 0; i < copies * net->n_params; i++)
        (*out)[i] = (float)(0.2 * rv_rng_normal(&rng));
    return RV_OK;
}

static rv_status dump(void)
{
    const rv_model_cfg cfg = {
        .members = MEMBERS,
        .elites = ELITES,
        .hidden_layers = 2,
        .hidden = 40,
        .learning_rate = 1e-3,
        .batch = 64,
        .weight_decay = {3, {1e-5, 1e-5, 1e-5}},
        .holdout_ratio = 0.3,
        .holdout_max = 5000,
        .holdout_segment = 60,
        .improvement = 0.01,
        .logvar_max = 0.5,
        .logvar_min = -10,
        .logvar_weight = 0.05,
    };
    const rv_env_spec spec = {.name = "a task", .terminated = ends};
    rv_member_shape shape;
    rv_mlp policy_net, critic_net;
    float *rows = NULL, *members = NULL, *policy = NULL, *critics = NULL;
    uint32_t *split = NULL;
    RV_TRY(rv_member_shape_init(&cfg, N_OBS, N_ACT, &shape));
    RV_TRY(rv_policy_net_init(N_OBS, N_ACT, 2, 24, &policy_net));
    RV_TRY(rv_mlp_init(N_OBS + N_ACT, 2, 24, 1, RV_RELU, &critic_net));
    RV_TRY(RV_NEW(rows, ROWS * shape.row.width));
    RV_TRY(RV_NEW(members, MEMBERS * shape.n_published));
    RV_TRY(RV_NEW(split, ROWS));
    RV_TRY(random_net(&policy_net, 1, 1, &policy));
    RV_TRY(random_net(&critic_net, 2, 2, &critics));
    make_rows(&shape.row, rows);
    RV_TRY(fit(&cfg, &shape, rows, members));
    rv_holdout_split(&cfg, SEED, 0, ROWS, split);
    const int64_t n_held = rv_holdout_rows(&cfg, ROWS);
    RV_TRY(write_array("rows.f32", sizeof *rows, ROWS * shape.row.width, rows));
    RV_TRY(write_array("members.f32", sizeof *members, MEMBERS * shape.n_published, members));
    RV_TRY(write_array("held.u32", sizeof *split, n_held, split));
    RV_TRY(write_array("policy.f32", sizeof *policy, policy_net.n_params, policy));
    RV_TRY(write_array("critics.f32", sizeof *critics, 2 * critic_net.n_params, critics));
    const rv_card_setup setup = {STEPS, MEMBERS, COUNT, ROWS, 0.97, false, &shape, &spec, &policy_net, &critic_net};
    const rv_card_source source = {members, ELITES, elites, ROWS, rows, n_held, split, policy, critics};
    RV_TRY(dump_card(&source, &setup));
    float **all[] = {&rows, &members, &policy, &critics};
    for (int i = 0; i < 4; i++)
        rv_mem_free(all[i]);
    rv_mem_free(&split);
    return RV_OK;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: card_dump FOLDER KERNELS\n");
        return 64;
    }
    folder = argv[1];
    rv_status status = dump_choose_kernels(argv[2]);
    if (status == RV_OK)
        status = dump();
    if (status != RV_OK)
        fprintf(stderr, "card_dump: %s\n", rv_error_last()->text);
    return rv_status_exit_code(status);
}
