/* tabular.h - tasks with few states and actions, whose whole law is known: FrozenLake, CliffWalking, Taxi and the mazes
 * of Sutton and Barto (Reinforcement Learning, sections 8.2 and 8.3).
 *
 * Their table is computed from the layout when asked for, so that nothing has to be made or given back. A step draws
 * one u, uniform in [0, 1), and takes the first outcome whose probability, added to those before it, exceeds u; a reset
 * draws the start so from the states in order.
 *
 * Two mazes change in the course of a run, at the first reset after so many steps: age says how many the environment
 * has lived at the reset that began the episode.
 */
#pragma once
#include "env/env.h"

enum { RV_TABULAR_OUTCOMES = 3 };

/** What may come of an action. */
typedef struct rv_tabular_outcome {
    double probability, reward;
    int next; /* state */
    bool terminated;
} rv_tabular_outcome;

/** Is it such a task? The other functions are for those alone. */
bool rv_tabular_is(const rv_env_spec *spec);

/** Outcomes of an action in a state, in the order in which they are drawn; equal ones are not merged.
 * @param[in] state below n_states; action below n_actions
 * @return their number; 0 where no action is defined: in a maze's walls and on its goal */
int rv_tabular_outcomes(const rv_env_spec *spec, int64_t age, int state, int action,
                        rv_tabular_outcome out[RV_TABULAR_OUTCOMES]);

/** Probability that an episode begins in that state. */
double rv_tabular_start(const rv_env_spec *spec, int state);

/** The state that u draws for the start of an episode. */
int rv_tabular_draw_start(const rv_env_spec *spec, double u);
