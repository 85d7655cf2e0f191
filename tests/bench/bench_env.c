/* bench_env.c - real environments: steps per second under random actions, resets included; and the way to the process
 * of a plug-in and back, whose steps do nothing. */
#include "base/memory.h"
#include "env/env.h"
#include "env/plugin.h"
#include "math/vector.h"
#include "tests/bench/bench.h"

#include <stdio.h>

enum { STEPS = 1000, LARGEST = 64 };

typedef struct walk {
    rv_env *env;
    int n_act;
    uint64_t episode;
    float *act; /* (STEPS, n_act) */
    float obs[LARGEST];
} walk;

static void walk_destroy(void **work)
{
    walk *w = *work;
    rv_env_destroy(&w->env);
    rv_mem_free(&w->act);
    rv_mem_free(work);
}

static rv_status reset(walk *w)
{
    rv_rng rng = rv_rng_at(1, RV_STREAM_ENV_RESET, 0, w->episode++);
    return rv_env_reset(w->env, &rng, w->obs);
}

static rv_status walk_create(const bench *row, void **work)
{
    walk *w = NULL;
    rv_status status = RV_OK;
    RV_TRY(RV_NEW(w, 1));
    RV_TRY_GOTO(rv_env_create(row->args, &w->env), fail);
    RV_CHECK_GOTO(rv_env_spec_of(w->env)->n_obs <= LARGEST, RV_E_INTERNAL, fail, "an observation of more than %d",
                  LARGEST);
    w->n_act = rv_env_spec_of(w->env)->n_act;
    RV_TRY_GOTO(RV_NEW(w->act, STEPS * w->n_act), fail);
    bench_fill(0, STEPS * w->n_act, w->act);
    rv_vector_tanh(STEPS * w->n_act, w->act, w->act);
    RV_TRY_GOTO(reset(w), fail);
    *work = w;
    return RV_OK;
fail:
    walk_destroy((void **)&w);
    return status;
}

static rv_status plugin_create(const bench *row, void **work)
{
    rv_env_cfg cfg;
    bench named = *row;
    RV_TRY(rv_field_defaults(rv_env_cfg_fields, &cfg));
    snprintf(cfg.name, sizeof cfg.name, "%s", RV_BENCH_PLUGIN);
    named.args = RV_BENCH_PLUGIN;
    rv_plugin_set_program(RV_BENCH_PROGRAM);
    RV_TRY(rv_env_register(&cfg));
    return walk_create(&named, work);
}

static rv_status walk_run(void *work)
{
    walk *w = work;
    for (int i = 0; i < STEPS; i++) {
        rv_env_step_result result;
        RV_TRY(rv_env_step(w->env, w->act + i * w->n_act, w->obs, &result));
        if (result.terminated || result.truncated)
            RV_TRY(reset(w));
    }
    return RV_OK;
}

const bench bench_env[] = {
    {"env/pendulum", "steps/s", "real steps of Pendulum-v1", STEPS, 0, 0, walk_create, walk_run, walk_destroy,
     "Pendulum-v1"},
    {"env/half_cheetah", "steps/s", "real steps of HalfCheetah-v4", STEPS, 0, 0, walk_create, walk_run, walk_destroy,
     "HalfCheetah-v4"},
    {"env/plugin", "ns/step", "real steps of a plug-in that does nothing; read it with --wall", STEPS, 0, 0,
     plugin_create, walk_run, walk_destroy, NULL},
    {0},
};
