/* mujoco_sim.h - one simulation of libmujoco 2.2.2: what all MuJoCo tasks share, built-in and users' own.
 *
 * start: mj_resetData, position and velocity, mj_forward.
 * step:  ctrl = u (the library clamps inside the forces only), frame_skip times mj_step, one mj_rnePostConstraint
 *        (which fills cfrc_ext and does not alter the motion). A simulation that mujoco_change.h changes may have
 *        another control in each of the time steps.
 * The library resets a state that went out of range by itself and only counts a warning: any warning counted since the
 * start is therefore an error here. So is an error inside the library, which would end the process.
 */
#pragma once
#include "base/status.h"

#include <mujoco/mujoco.h>

typedef struct rv_mujoco_sim {
    const char *name; /* the task's, for messages */
    mjModel *model;
    mjData *data;
    int frame_skip;
    bool has_no_contact_forces;      /* set after init: step leaves out mj_rnePostConstraint, and cfrc_ext stays zero */
    const double *u;                 /* of the step being made */
    struct rv_mujoco_change *change; /* NULL: the model stays as it is */
} rv_mujoco_sim;

/** Compile a model: its text, or the file of that path where text is NULL (files that it names are found beside it).
 * name is borrowed. The caller clears *out.
 * @return RV_OK; RV_E_CONFIG with the library's text; RV_E_UNAVAILABLE (another libmujoco than it was built for);
 * RV_E_NOMEM */
rv_status rv_mujoco_sim_init(const char *name, const char *path, const char *text, int frame_skip, rv_mujoco_sim *out);
void rv_mujoco_sim_clear(rv_mujoco_sim *sim);

/** @param[in] pos (nq), vel (nv) @return RV_OK; RV_E_NONFINITE; RV_E_INTERNAL */
rv_status rv_mujoco_sim_start(rv_mujoco_sim *sim, const double *pos, const double *vel);

/** @param[in] u (nu) actuator values @return as above */
rv_status rv_mujoco_sim_step(rv_mujoco_sim *sim, const double *u);

/** What is derived from the state, in rising order of cost; each holds the ones before. */
typedef enum rv_mujoco_part {
    RV_MUJOCO_STATE,      /* nothing: qpos, qvel, act and ctrl are always those of now */
    RV_MUJOCO_POSES,      /* xpos, xquat, xmat, site_xpos */
    RV_MUJOCO_VELOCITIES, /* subtree_com, cvel: mj_objectVelocity */
    RV_MUJOCO_FORCES      /* all else: sensors, contacts, cfrc_ext; a whole force evaluation */
} rv_mujoco_part;

/** Bring that part of data to the present state (a step leaves it at its last force evaluation). What the next step
 * depends on stays as it is, bit for bit. @return as above */
rv_status rv_mujoco_sim_refresh(rv_mujoco_sim *sim, rv_mujoco_part part);

/** All that the next step depends on: position, velocity, the acceleration that warm-starts the constraint solver,
 * activations, time; but for what mujoco_change.h adds. */
int rv_mujoco_sim_n_state(const rv_mujoco_sim *sim);
void rv_mujoco_sim_save(const rv_mujoco_sim *sim, double *state);
rv_status rv_mujoco_sim_load(rv_mujoco_sim *sim, const double *state);

/** Call into libmujoco so that an error inside it comes back as a status instead of ending the process.
 * @return RV_OK; RV_E_INTERNAL "<what>: mujoco: <its text>" */
rv_status rv_mujoco_call(const char *what, void (*call)(void *), void *arg);
