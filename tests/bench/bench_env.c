/* bench_env.c - real environments: steps per second under random actions, resets included. A row NAME/raw makes the
 * very same motion of the MuJoCo task NAME with the library alone: reset and forward where an episode begins, then
 * mj_step as often as a step has it, and nothing else. env/plugin is the way to the process of a plug-in and back,
 * whose steps do nothing. */
#include "base/memory.h"
#include "env/env_private.h"
#include "env/mujoco_sim.h"
#include "env/plugin.h"
#include "math/vector.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 200, LARGEST = 512 };

/* what a row walks in */
typedef struct place {
    const char *task;
    const char *text; /* of the model; NULL: not on MuJoCo */
    int frame_skip;
    const char *geom; /* whose sliding friction is another than in the text; NULL: none */
    double friction;
} place;

typedef struct walk {
    const place *place;
    rv_env *env;
    rv_mujoco_sim raw;
    int n_act;
    float *act; /* (STEPS, n_act) */
    float obs[LARGEST];
    double *numbers; /* (n_state) of env */
    double *u;       /* (STEPS, n_act) actuator values of act */
    double *starts;  /* (STEPS + 1, n_pos + n_vel) where episodes began */
    bool *is_over;   /* (STEPS) an episode ended with this step */
} walk;

static void walk_destroy(void **work)
{
    walk *w = *work;
    rv_env_destroy(&w->env);
    rv_mujoco_sim_clear(&w->raw);
    rv_mem_free(&w->act);
    rv_mem_free(&w->numbers);
    rv_mem_free(&w->u);
    rv_mem_free(&w->starts);
    rv_mem_free(&w->is_over);
    rv_mem_free(work);
}

static rv_status reset(walk *w, uint64_t episode)
{
    rv_rng rng = rv_rng_at(1, RV_STREAM_ENV_RESET, 0, episode);
    return rv_env_reset(w->env, &rng, w->obs);
}

static rv_status walk_create(const bench *row, void **work)
{
    walk *w = NULL;
    rv_status status = RV_OK;
    RV_TRY(RV_NEW(w, 1));
    w->place = row->args;
    RV_TRY_GOTO(rv_env_create(w->place->task, &w->env), fail);
    RV_CHECK_GOTO(rv_env_spec_of(w->env)->n_obs <= LARGEST, RV_E_INTERNAL, fail, "an observation of more than %d",
                  LARGEST);
    w->n_act = rv_env_spec_of(w->env)->n_act;
    RV_TRY_GOTO(RV_NEW(w->act, STEPS * w->n_act), fail);
    bench_fill(0, STEPS * w->n_act, w->act);
    rv_vector_tanh(STEPS * w->n_act, w->act, w->act);
    *work = w;
    return RV_OK;
fail:
    walk_destroy((void **)&w);
    return status;
}

static rv_status plugin_create(const bench *row, void **work)
{
    rv_env_cfg cfg;
    RV_TRY(rv_field_defaults(rv_env_cfg_fields, &cfg));
    snprintf(cfg.name, sizeof cfg.name, "%s", RV_BENCH_PLUGIN);
    rv_plugin_set_program(RV_BENCH_PROGRAM);
    RV_TRY(rv_env_register(&cfg));
    return walk_create(row, work);
}

/* each run makes the same episodes */
static rv_status walk_run(void *work)
{
    walk *w = work;
    uint64_t episode = 0;
    RV_TRY(reset(w, episode++));
    for (int i = 0; i < STEPS; i++) {
        rv_env_step_result result;
        RV_TRY(rv_env_step(w->env, w->act + i * w->n_act, w->obs, &result));
        if (result.terminated || result.truncated)
            RV_TRY(reset(w, episode++));
    }
    return RV_OK;
}

/* ---- the library alone ---- */

static void begin(walk *w, const double *start)
{
    mjModel *model = w->raw.model;
    mjData *data = w->raw.data;
    mj_resetData(model, data);
    memcpy(data->qpos, start, (size_t)model->nq * sizeof(double));
    memcpy(data->qvel, start + model->nq, (size_t)model->nv * sizeof(double));
    mj_forward(model, data);
}

static rv_status raw_run(void *work)
{
    walk *w = work;
    mjModel *model = w->raw.model;
    mjData *data = w->raw.data;
    const double *start = w->starts;
    begin(w, start);
    for (int i = 0; i < STEPS; i++) {
        memcpy(data->ctrl, w->u + i * w->n_act, (size_t)w->n_act * sizeof(double));
        for (int k = 0; k < w->place->frame_skip; k++)
            mj_step(model, data);
        if (w->is_over[i])
            begin(w, start += model->nq + model->nv);
    }
    return RV_OK;
}

/* what walk_run does, written down */
static rv_status record(walk *w)
{
    const rv_env_spec *spec = rv_env_spec_of(w->env);
    size_t n = (size_t)(w->raw.model->nq + w->raw.model->nv);
    uint64_t episode = 0;
    RV_TRY(reset(w, episode));
    for (int i = 0; i < STEPS; i++) {
        rv_env_step_result result;
        rv_env_numbers(w->env, w->numbers);
        if (i == 0 || w->is_over[i - 1])
            memcpy(w->starts + episode * n, w->numbers, n * sizeof(double));
        RV_TRY(rv_env_step(w->env, w->act + i * w->n_act, w->obs, &result));
        for (int j = 0; j < w->n_act; j++)
            w->u[i * w->n_act + j] =
                spec->act_low[j] + ((double)w->act[i * w->n_act + j] + 1) * (spec->act_high[j] - spec->act_low[j]) / 2;
        w->is_over[i] = result.terminated || result.truncated;
        if (w->is_over[i])
            RV_TRY(reset(w, ++episode));
    }
    rv_env_numbers(w->env, w->numbers);
    memcpy(w->starts + (episode + 1) * n, w->numbers, n * sizeof(double));
    return RV_OK;
}

/* both must have gone the same way, bit for bit */
static rv_status check_same(const walk *w)
{
    const mjData *data = w->raw.data;
    size_t nq = (size_t)w->raw.model->nq, nv = (size_t)w->raw.model->nv;
    RV_CHECK(memcmp(w->numbers, data->qpos, nq * sizeof(double)) == 0 &&
                 memcmp(w->numbers + nq, data->qvel, nv * sizeof(double)) == 0,
             RV_E_INTERNAL, "%s: the library alone arrives elsewhere", w->place->task);
    return RV_OK;
}

static rv_status raw_create(const bench *row, void **work)
{
    walk *w = NULL;
    rv_status status = RV_OK;
    RV_TRY(walk_create(row, work));
    w = *work;
    const rv_env_task *task = rv_env_task_of(w->env);
    RV_TRY_GOTO(rv_mujoco_sim_init(w->place->task, NULL, w->place->text, w->place->frame_skip, &w->raw), fail);
    if (w->place->geom)
        w->raw.model->geom_friction[3 * mj_name2id(w->raw.model, mjOBJ_GEOM, w->place->geom)] = w->place->friction;
    RV_TRY_GOTO(RV_NEW(w->numbers, task->n_state), fail);
    RV_TRY_GOTO(RV_NEW(w->u, STEPS * w->n_act), fail);
    RV_TRY_GOTO(RV_NEW(w->starts, (STEPS + 2) * (task->n_pos + task->n_vel)), fail);
    RV_TRY_GOTO(RV_NEW(w->is_over, STEPS), fail);
    RV_TRY_GOTO(record(w), fail);
    RV_TRY_GOTO(raw_run(w), fail);
    RV_TRY_GOTO(check_same(w), fail);
    return RV_OK;
fail:
    walk_destroy(work);
    return status;
}

// clang-format off
#define ROW(task_, suffix, help_, create, run, ...)                                                                    \
    {"env/" task_ suffix, "steps/s", help_, STEPS, 0, 0, create, run, walk_destroy, &(const place){.task = (task_), __VA_ARGS__}}
#define OURS(task_, ...) ROW(task_, "", "real steps of " task_, walk_create, walk_run, __VA_ARGS__)
#define BOTH(task_, ...) OURS(task_, __VA_ARGS__), \
    ROW(task_, "/raw", "the same motion by mj_step alone", raw_create, raw_run, __VA_ARGS__)
// clang-format on

const bench bench_env[] = {
    OURS("Pendulum-v1", .text = NULL),
    BOTH("InvertedPendulum-v4", .text = rv_mujoco_inverted_pendulum, .frame_skip = 2),
    BOTH("InvertedPendulum-v5", .text = rv_mujoco_inverted_pendulum, .frame_skip = 2),
    BOTH("InvertedDoublePendulum-v4", .text = rv_mujoco_inverted_double_pendulum, .frame_skip = 5),
    BOTH("InvertedDoublePendulum-v5", .text = rv_mujoco_inverted_double_pendulum, .frame_skip = 5),
    BOTH("Swimmer-v4", .text = rv_mujoco_swimmer, .frame_skip = 4),
    BOTH("Swimmer-v5", .text = rv_mujoco_swimmer, .frame_skip = 4),
    BOTH("Hopper-v4", .text = rv_mujoco_hopper, .frame_skip = 4),
    BOTH("Hopper-v5", .text = rv_mujoco_hopper, .frame_skip = 4),
    BOTH("Walker2d-v4", .text = rv_mujoco_walker, .frame_skip = 4),
    BOTH("Walker2d-v5", .text = rv_mujoco_walker, .frame_skip = 4, .geom = "right_foot", .friction = 1.9),
    BOTH("HalfCheetah-v4", .text = rv_mujoco_half_cheetah, .frame_skip = 5),
    BOTH("HalfCheetah-v5", .text = rv_mujoco_half_cheetah, .frame_skip = 5),
    BOTH("Ant-v4", .text = rv_mujoco_ant, .frame_skip = 5),
    BOTH("Ant-v4-contact", .text = rv_mujoco_ant, .frame_skip = 5),
    BOTH("Ant-v5", .text = rv_mujoco_ant, .frame_skip = 5),
    BOTH("AntTruncatedObs", .text = rv_mujoco_ant, .frame_skip = 5),
    BOTH("AntTruncatedObs-norne", .text = rv_mujoco_ant, .frame_skip = 5),
    BOTH("Humanoid-v4", .text = rv_mujoco_humanoid, .frame_skip = 5),
    BOTH("Humanoid-v5", .text = rv_mujoco_humanoid, .frame_skip = 5),
    BOTH("HumanoidTruncatedObs", .text = rv_mujoco_humanoid, .frame_skip = 5),
    BOTH("HumanoidTruncatedObs-norne", .text = rv_mujoco_humanoid, .frame_skip = 5),
    {"env/plugin", "ns/step", "real steps of a plug-in that does nothing; read it with --wall", STEPS, 0, 0,
     plugin_create, walk_run, walk_destroy, &(const place){.task = RV_BENCH_PLUGIN}},
    {0},
};
