/* trained.h - what a run has learned so far: the units of its newest checkpoint that act and imagine. */
#pragma once
#include "agent/sac.h"
#include "env/env.h"
#include "run/checkpoint.h"
#include "run/config.h"

typedef struct rv_trained {
    rv_config config;
    rv_checkpoint checkpoint;
    rv_env *env;      /* one of the run's task, as evaluation has it, before its first episode */
    rv_sac *learner;  /* learner->actor with learner->params is the policy */
    rv_mlp_tape tape; /* of one row of the policy */
} rv_trained;

/** Read a run's settings and learner, and make its environment, as evaluations have it.
 * @param[in] overrides settings that differ from the run's and do not change what is learned
 * @return RV_OK; RV_E_NOINPUT (no such run, or no checkpoint yet); RV_E_CONFIG (settings that are not the
 * checkpoint's); RV_E_DATA; what rv_env_register and rv_env_create return. The caller closes *out, also after a failure
 * when it was zero before. */
rv_status rv_trained_open(const char *run, int n_overrides, char *const *overrides, rv_trained *out);
void rv_trained_close(rv_trained *trained);

/** The mean action. @param[in] obs (n_obs) @param[out] act (n_act) */
void rv_trained_act(rv_trained *trained, const float *obs, float *act);

/** The ensemble, as rollouts read it. */
typedef struct rv_ensemble {
    rv_member_shape shape;
    int n_members, n_elites;
    float *members;             /* (n_members, shape.n_published) */
    int elites[RV_FIT_MEMBERS]; /* (n_elites), best first */
} rv_ensemble;

/** Read the members and choose the elites. @return RV_OK; RV_E_NOINPUT (none was fitted yet); RV_E_DATA; RV_E_NOMEM.
 * The caller clears *out. */
rv_status rv_ensemble_load(const rv_trained *trained, rv_ensemble *out);
void rv_ensemble_clear(rv_ensemble *ensemble);
