/* mujoco_change.h - what domain randomisation changes in a simulation: numbers of the model, and when controls arrive.
 *
 * Numbers are set from the compiled model's, never from what they were changed to:
 *   mass      body_mass, body_inertia
 *   friction  geom_friction, pair_friction
 *   damping   dof_damping
 *   gear      actuator_gear, and actuator_lengthrange (of muscles), which is a length over the same gear
 * What the compiler derived from masses and gears at qpos0 is derived again, by mj_setConst on a copy of the model:
 * body_subtreemass, body_invweight0, dof_invweight0, dof_M0, tendon_invweight0, actuator_acc0, actuator_length0, and
 * the statistics meaninertia (the solver's tolerance) and meanmass, unless the model states them. All else stays bit
 * for bit. So the changed model is the one that its MJCF with the factors written into it compiles to; at factors of 1
 * it is the compiled one, exactly.
 *
 * A delay of d time steps: the control of step k of an episode acts from d time steps after that step's begin, also
 * within a step of several. Until the first arrives, controls are 0, as mj_resetData leaves them.
 */
#pragma once
#include "env/mujoco_sim.h"

typedef struct rv_mujoco_factors {
    double mass, friction, damping, gear;
} rv_mujoco_factors;

/** Make a simulation one that can be changed: it is as it was, with a delay of 0. rv_mujoco_sim_clear undoes it.
 * @param[in] max_delay seconds, the longest delay there will be; 0: there will be none
 * @return RV_OK; RV_E_CONFIG (more than a million time steps); RV_E_NOMEM; RV_E_INTERNAL */
rv_status rv_mujoco_change_create(rv_mujoco_sim *sim, double max_delay);
void rv_mujoco_change_destroy(rv_mujoco_sim *sim);

/** Change the model, before a start or a load. @return RV_OK; RV_E_INTERNAL */
rv_status rv_mujoco_change_model(rv_mujoco_sim *sim, const rv_mujoco_factors *factors);

/** Change the delay, before a start or a load. @param[in] delay seconds, at most max_delay
 * @return the delay in force: the nearest whole number of time steps, in seconds */
double rv_mujoco_change_delay(rv_mujoco_sim *sim, double delay);

/** max_delay, rounded likewise. */
double rv_mujoco_change_longest(const rv_mujoco_sim *sim);

/** The controls that are under way, as numbers: n_line of them. What a start empties, and a load leaves alone. */
int rv_mujoco_change_n_line(const rv_mujoco_sim *sim);
double *rv_mujoco_change_line(const rv_mujoco_sim *sim);

/** For rv_mujoco_sim: a start; the control of a step; what acts in time step i of that step. */
void rv_mujoco_change_start(rv_mujoco_sim *sim);
void rv_mujoco_change_push(rv_mujoco_sim *sim, const double *u);
const double *rv_mujoco_change_control(const rv_mujoco_sim *sim, int i);
