/* randomise.h - domain randomisation: quantities of a task that are drawn anew for every episode.
 *
 *   quantity    what is drawn                                                                          range of a draw
 *   mass        factor on every body's mass and inertia                                                [1e-3, 1e3]
 *   friction    factor on every geom's and contact pair's friction: sliding, torsional, rolling        [1e-3, 1e3]
 *   damping     factor on every joint's damping                                                        [1e-3, 1e3]
 *   gear        factor on every actuator's gear                                                        [1e-3, 1e3]
 *   delay       seconds until an action reaches the actuators, rounded to whole time steps of MuJoCo   [0, 1]
 *   obs_noise   standard deviation of normal noise, added to every number of every observation         [0, 1e6]
 *
 * A setting is a text: uniform(LOW, HIGH); log_uniform(LOW, HIGH), whose logarithm is uniform; normal(MEAN, STD), drawn
 * again when it falls out of the range; or "": the quantity stays as the task has it, and costs no random number.
 * Factors apply to the numbers of the compiled model (mujoco_sim.h says what follows from them). All but obs_noise need
 * a task on MuJoCo; obs_noise, one whose observation is not discrete. Whether an episode ends, and its reward, come
 * from the state, without noise.
 */
#pragma once
#include "base/field.h"
#include "base/rng.h"
#include "base/status.h"

/** Settings of the section "randomise". */
typedef struct rv_randomise_cfg {
    char mass[RV_FIELD_STR];
    char friction[RV_FIELD_STR];
    char damping[RV_FIELD_STR];
    char gear[RV_FIELD_STR];
    char delay[RV_FIELD_STR];
    char obs_noise[RV_FIELD_STR];
    bool in_evaluation; /* evaluation episodes draw too; else they have the task as it is */
} rv_randomise_cfg;
extern const rv_field rv_randomise_cfg_fields[];

/* The quantities in the order in which an episode draws them. Draws are part of every result: append. */
typedef enum rv_random_id {
    RV_RANDOM_MASS,
    RV_RANDOM_FRICTION,
    RV_RANDOM_DAMPING,
    RV_RANDOM_GEAR,
    RV_RANDOM_DELAY,
    RV_RANDOM_OBS_NOISE,
    RV_N_RANDOM
} rv_random_id;

/** What a quantity is; constant. */
typedef struct rv_random_info {
    const char *name;   /* of its setting: "mass" */
    double min, max;    /* range of a draw */
    double nominal;     /* the task as it is */
    bool needs_physics; /* is changed inside MuJoCo */
} rv_random_info;
extern const rv_random_info rv_random_infos[RV_N_RANDOM];

typedef enum rv_distribution_kind {
    RV_DISTRIBUTION_NONE, /* not drawn */
    RV_DISTRIBUTION_UNIFORM,
    RV_DISTRIBUTION_LOG_UNIFORM,
    RV_DISTRIBUTION_NORMAL,
} rv_distribution_kind;

typedef struct rv_distribution {
    rv_distribution_kind kind;
    double a, b;     /* low and high, or mean and standard deviation */
    double min, max; /* of a draw */
} rv_distribution;

/** What was drawn for an episode. */
typedef struct rv_random_draws {
    bool is_on[RV_N_RANDOM];   /* the quantity is randomised; constant per environment */
    double value[RV_N_RANDOM]; /* its draw; the nominal value of one that is not randomised */
} rv_random_draws;

/** The setting of a quantity. */
const char *rv_random_text(const rv_randomise_cfg *cfg, rv_random_id id);

/** Read a setting. No draw may lie out of [min, max] (of a normal: its mean, and the standard deviation is at most
 * max - min), and LOW may be HIGH. Blanks may stand around numbers. Untrusted bytes are safe.
 * @return RV_OK; RV_E_CONFIG "expected uniform(LOW, HIGH), log_uniform(LOW, HIGH) or normal(MEAN, STD), got 'unifrm(1,
 * 2)'", or what is wrong with the numbers */
rv_status rv_distribution_parse(const char *text, double min, double max, rv_distribution *out);

/** A number of the distribution, which is not NONE. A normal that falls out of the range 128 times, of which the chance
 * is below 1e-20, gives its mean. */
double rv_distribution_draw(const rv_distribution *d, rv_rng *rng);

/* ---- what an environment keeps (env.c) ---- */

typedef struct rv_randomiser rv_randomiser;
struct rv_mujoco_sim;

/** Does any setting ask for a draw? */
bool rv_randomise_is_on(const rv_randomise_cfg *cfg);

/** name: the task's, for messages; sim: the simulation to change, NULL where there is none; both borrowed. All values
 * are nominal until the first draw.
 * @return RV_OK; RV_E_CONFIG "randomise.mass: ..." (no distribution, or no simulation to change); RV_E_NOMEM */
rv_status rv_randomiser_create(const rv_randomise_cfg *cfg, const char *name, struct rv_mujoco_sim *sim,
                               rv_randomiser **out);
void rv_randomiser_destroy(rv_randomiser **r);

/** Draw what is on, in the order of rv_random_id, and change the simulation, before it starts an episode. */
rv_status rv_randomiser_draw(rv_randomiser *r, rv_rng *rng);

/** The draws in force. The delay is what became of it: whole time steps, in seconds. */
const rv_random_draws *rv_randomiser_draws(const rv_randomiser *r);

/** Add the noise of a step to an observation. key: the episode's; step: in the episode, 0 for the start. */
void rv_randomiser_noise(const rv_randomiser *r, uint64_t key, int64_t step, int n, float *obs);

/** Draws and controls under way as bytes; what they say is put into force by a load. Restore the simulation after it.
 * @return RV_OK; RV_E_DATA, and nothing has changed, when a number is out of its range */
size_t rv_randomiser_state_size(const rv_randomiser *r);
void rv_randomiser_state_save(const rv_randomiser *r, void *out);
rv_status rv_randomiser_state_load(rv_randomiser *r, const void *state);
