/* reference.h - reference trajectories: a CSV file of what the original environment did, and the replay that compares.
 *
 * File, in this order (numbers are shortest round-trip decimals, so that reading gives the exact double back):
 *   # env=Hopper-v4 ...         the task; a name ends at the first space or '.' ("Pendulum-v1.sin" is Pendulum-v1)
 *   # init_qpos=0.1,0.2,...     the start: position, then
 *   # init_qvel=0.1,0.2,...     velocity; or both in one: # init_state=3.0,0.5
 *   # ...                       further notes
 *   t,terminated[,mbpo_done],reward,a0..,o0..,{q0..,v0.. | s0..}
 *   rows: t counts up by one from 0 (the start; action and reward 0) or from 1
 * A row may end behind its actions: what is not given is not compared. So a long file can be kept small
 * (tests/unit/env/reference/thin).
 * terminated is 0 or 1; mbpo_done, the task's termination inside a learned model, is 0, 1 or -1 (none). a: action in
 * actuator units, or the number of a discrete one; o: observation after the step; q, v: position and velocity;
 * s: position, then velocity.
 *
 * A file of a tabular task has each random number beside the action:
 *   # FrozenLake4x4-slip: ...   the original's name of the task, or ours ("DynaMaze-v0"), and a note
 *   # ...                       further notes
 *   kind,t,action,u,state,reward,terminated
 *   rows: "reset,0,-1,0.35,36,0.0,0" begins an episode from the start that u draws, t as in the row before;
 *         "step,1,2,0.71,24,-1.0,0" is a step, t one more than in the row before
 */
#pragma once
#include "base/field.h"
#include "base/status.h"

#include <stdint.h>

/** Groups of columns, in the order of the file. */
typedef enum rv_reference_group {
    RV_REFERENCE_TIME,
    RV_REFERENCE_TERMINATED,
    RV_REFERENCE_MODEL_DONE,
    RV_REFERENCE_REWARD,
    RV_REFERENCE_ACTION,
    RV_REFERENCE_OBS,
    RV_REFERENCE_POS,
    RV_REFERENCE_VEL,
    RV_REFERENCE_STATE,
    RV_REFERENCE_KIND,   /* tabular: 1 for a step, 0 for a reset */
    RV_REFERENCE_RANDOM, /* tabular: u */
    RV_REFERENCE_N_GROUPS
} rv_reference_group;

typedef struct rv_reference {
    char env[RV_FIELD_STR];
    double *start; /* (n_start) position, then velocity */
    int n_start;
    bool is_tabular;
    int n_cols;
    int64_t n_rows;
    int first_line; /* of the file, of row 0 */
    struct {
        int first, n; /* columns; n = 0: not in this file */
    } group[RV_REFERENCE_N_GROUPS];
    double *values; /* row after row */
    size_t *at;     /* (n_rows + 1) where in values a row begins; it ends where the next one begins */
} rv_reference;

/** The numbers of a row, and how many columns are given: all, or those up to the last action. */
static inline double *rv_reference_row(const rv_reference *r, int64_t row)
{
    return r->values + r->at[row];
}
static inline int rv_reference_given(const rv_reference *r, int64_t row)
{
    return (int)(r->at[row + 1] - r->at[row]);
}

/** What the comparison of one group of columns found. */
typedef struct rv_reference_match {
    int64_t n_compared; /* 0: the group is not in the file */
    bool is_equal;
    int64_t t; /* the first difference, where not equal: time, line of the file, column */
    int64_t line;
    char column[16];
    double expected, got;
    double largest; /* largest |got - expected|; NaN when one is not a number */
} rv_reference_match;

typedef struct rv_reference_report {
    int64_t n_steps;
    bool is_equal; /* every group */
    rv_reference_match match[RV_REFERENCE_N_GROUPS];
} rv_reference_report;

/** "observation", for people. */
const char *rv_reference_group_name(rv_reference_group group);

/** Rewards count as equal within this relative difference: the order of a sum is not part of the definition. */
#define RV_REFERENCE_REWARD_TOLERANCE 1e-12

/** Read a file's text. @param[in] text (n + 1) with a NUL after its last byte; name for errors
 * @return RV_OK; RV_E_DATA "hopper.csv:5:17: expected a number, got 'x'" (line:column). The caller owns *out. */
rv_status rv_reference_parse(const char *name, const char *text, size_t n, rv_reference **out);

/** rv_reference_parse of a file. @return as there; RV_E_NOINPUT */
rv_status rv_reference_read(const char *path, rv_reference **out);
void rv_reference_destroy(rv_reference **reference);

/** Start the task in the file's start, apply the file's actions and compare all that comes out: bit for bit, rewards
 * within RV_REFERENCE_REWARD_TOLERANCE.
 * @return RV_OK also where something differs (see out->is_equal); RV_E_CONFIG (no such task); RV_E_DATA (the file's
 * columns do not fit the task); what the environment raises */
rv_status rv_reference_replay(const rv_reference *reference, rv_reference_report *out);
