/* check.h - conformance: does an environment keep what env.h promises? For built-in tasks and users' own alike.
 *
 * Some thousand steps of random actions in two environments of the task, compared bit for bit. What is looked at, in
 * this order (a finding each):
 *   sizes         sizes, action bounds, time limit and seconds of a step make sense
 *   steps         resets and steps succeed; observations and rewards are finite
 *   actions       the ends of the range are taken, what lies beyond is clipped to them, what is no number is refused
 *   seeding       the same seed gives the same episodes, in another environment and after another history
 *   variety       another seed gives another episode
 *   state         a state taken out in mid-episode goes on bit for bit in an environment with another history
 *   end           truncation is apart from termination; the time limit truncates; an ended episode takes no step
 *   termination   the rule for imagined states agrees with the environment's own flag
 *   reward        the reward as a function of (s, a, s') agrees with what the environment pays
 *   learning      no observation is so large or so constant that a network would have a hard time with it
 */
#pragma once
#include "env/env.h"

typedef enum rv_verdict {
    RV_CHECK_OK,
    RV_CHECK_NOTE,     /* allowed, but worth knowing */
    RV_CHECK_LEFT_OUT, /* the task has no such thing, or an earlier finding makes it pointless */
    RV_CHECK_FAILED
} rv_verdict;

enum { RV_CHECK_FINDINGS = 10, RV_CHECK_TEXT = 200 };

typedef struct rv_finding {
    const char *what; /* "seeding" */
    rv_verdict verdict;
    char text[RV_CHECK_TEXT]; /* what was seen */
} rv_finding;

typedef struct rv_env_checked {
    rv_finding findings[RV_CHECK_FINDINGS];
    int64_t n_steps, n_episodes; /* of the walk that most findings rest on */
    int64_t n_terminated, n_truncated;
    double step_us; /* median time of a step */
    bool is_good;   /* nothing failed */
} rv_env_checked;

/** Check the task of that name (registered, if it is a user's own). @param[in] n_steps of a walk, at least 10
 * @return RV_OK also where something failed (see *out); RV_E_CONFIG (no such task); RV_E_NOMEM; RV_E_UNAVAILABLE */
rv_status rv_env_check(const char *name, int64_t n_steps, uint64_t seed, rv_env_checked *out);

/** "ok", "note", "-", "FAILED". */
const char *rv_verdict_name(rv_verdict verdict);
