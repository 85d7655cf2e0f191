/* mjcf_terms.h - a description (mjcf.h) whose names have become numbers of its model, and what follows from a state.
 *
 * Constant once made: all simulations of a task share it, and it holds no parameter of the model (masses, lengths,
 * gears may change from episode to episode).
 */
#pragma once
#include "base/rng.h"
#include "env/mjcf.h"
#include "env/mujoco_sim.h"

/** One number that is taken of a state. */
typedef struct rv_mjcf_number {
    rv_mjcf_quantity quantity;
    int at;      /* where it stands in the array of its quantity */
    int minus;   /* the one that is subtracted; -1: none */
    int mark;    /* of a rate: which of the marks holds its last value; -1 */
    double low;  /* of an observation: its limits; of a condition: where the episode goes on */
    double high; /* the same */
    double with; /* of an observation: its factor; of a reward: its target */
    size_t line; /* of its entry in the description */
} rv_mjcf_number;

/** A reward entry over numbers. */
typedef struct rv_mjcf_sum {
    int first, n;
    rv_mjcf_as as;
    double weight, width;
} rv_mjcf_sum;

/** A random number of the start. */
typedef struct rv_mjcf_noise {
    int at; /* in position, or in velocity */
    bool is_velocity, is_normal;
    double amount;
} rv_mjcf_noise;

typedef struct rv_mjcf_terms {
    int n_pos, n_vel, n_act;
    int n_obs, n_numbers, n_sums, n_marks, n_noise;
    int n_rewarded;          /* numbers[n_obs..n_rewarded) belong to the reward, the rest to the conditions */
    rv_mjcf_number *numbers; /* (n_numbers) */
    rv_mjcf_sum *sums;       /* (n_sums) */
    rv_mjcf_noise *noise;    /* (n_noise) in the order of drawing */
    double constant, alive;
    double *pos, *vel;    /* (n_pos), (n_vel) start without noise */
    rv_mujoco_part needs; /* of the simulation's data */
} rv_mjcf_terms;

/** Resolve a description against its model.
 * @return RV_OK; RV_E_CONFIG "beam.yaml:9:23: no joint 'blal'; did you mean 'ball'?"; RV_E_NOMEM. The caller clears
 * *out. */
rv_status rv_mjcf_terms_init(const rv_mjcf_desc *desc, const mjModel *model, rv_mjcf_terms *out);
void rv_mjcf_terms_clear(rv_mjcf_terms *terms);

/** Draw a start. @param[out] pos (n_pos), vel (n_vel) */
void rv_mjcf_terms_draw(const rv_mjcf_terms *terms, rv_rng *rng, double *pos, double *vel);

/** All numbers of the state in sim, whose data has been refreshed as far as needs says; is_start: rates are 0.
 * @param[in] u (n_act) control asked for; @param[in,out] marks (n_marks); @param[out] values (n_numbers); the first
 * n_obs are the observation */
void rv_mjcf_terms_measure(const rv_mjcf_terms *terms, const rv_mujoco_sim *sim, const double *u, bool is_start,
                           double *marks, double *values);

/** Reward and termination from the values of a step. */
bool rv_mjcf_terms_is_terminated(const rv_mjcf_terms *terms, const double *values);
double rv_mjcf_terms_reward(const rv_mjcf_terms *terms, const double *values, bool is_terminated);

/** The conditions as ranges of the observation, scaled as that is (rv_env_spec.alive_low).
 * @param[out] low, high (n_obs) -INFINITY, INFINITY where there is none
 * @return how many conditions were found; *unseen is the first number whose condition was not, -1 when all were */
int rv_mjcf_terms_alive(const rv_mjcf_terms *terms, float *low, float *high, int *unseen);
