/* reverie_env.h - an environment of your own for Reverie, as a shared library. This header is all that it needs.
 *
 *   cc -shared -fPIC -O2 -o cart.so cart.c -lm         (C89 or later, or C++; any language with C's calls)
 *   reverie train my.yaml env.name=cart.so
 *
 * The library exports one function, reverie_env, which returns a table of what the task is and of functions. A worked
 * example is configs/own/plugin/ball_beam.c.
 *
 * Where it runs. Each environment has a process of its own, in which this library is loaded once and one environment is
 * created; all calls come one after the other from that process's first thread. The process may crash, hang, leak or
 * exit: that costs the episode under way, with a message, and the next reset happens in a fresh process. Static
 * variables are therefore an environment's own, and what is to last longer belongs into a file. Standard output and
 * standard error are those of the run; standard input is empty, and no other descriptor is open. The process is ended
 * with SIGKILL when Reverie ends in whatever way.
 *
 * What fails. A call that does not return within env.timeout_s; a signal or an exit; a count that is not the one that
 * the table promises, or a write behind the buffer; a number that is not finite as float32, also one that was never
 * written; a discrete observation that is no whole number below n_states; memory beyond env.memory_mb (private writable
 * memory, taken after the process has begun: malloc then returns NULL). After env.failures failed episodes of one
 * environment the run gives up. A table that makes no sense is refused before the run begins.
 *
 * Same seed, same bits. A run can be repeated, spread over other numbers of processes and gone on with, bit for bit, as
 * far as the environment lets it: reset must forget all that was before, all chance must come from its seed, and save
 * must write all that later steps depend on. Time of day, addresses, threads and files are the usual leaks.
 *
 * Growth. Members are only ever added at the end of the table, and 0 in a new one means what its absence meant: a
 * library that was compiled with an older header goes on working. REVERIE_ENV_ABI changes only when a member changes
 * its meaning; a library of another number is then refused with a message.
 */
#ifndef REVERIE_ENV_H
#define REVERIE_ENV_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REVERIE_ENV_ABI 1

/* What a step ended, in its flags: 0, or one of these. The time limit of the table is counted by Reverie. */
#define REVERIE_ENV_TERMINATED 1U /* the task is over: there is no value beyond this state */
#define REVERIE_ENV_TRUNCATED  2U /* cut short for a reason outside the task: the value goes on */

/** What the task is, and how it is run. Constant, and the same at every call of reverie_env with the same text. Texts
 * and arrays belong to the library and stay while it is loaded. What is called optional may be 0 or NULL. */
typedef struct reverie_env_api {
    uint32_t abi;  /* REVERIE_ENV_ABI */
    uint32_t size; /* sizeof(reverie_env_api): members beyond it are taken as 0 */

    const char *name; /* at most 63 characters of ASCII */
    const char *help; /* optional; one line, at most 191 characters of ASCII */

    /* Observation: n_obs numbers, or one of n_states states; the other is 0. At most 65536. A discrete observation is
     * one number, the state's, from 0 on; the learner sees it as a vector with 1 at that place. */
    int32_t n_obs;
    int32_t n_states;
    /* Action: n_act numbers, or one of n_actions choices; the other is 0. At most 65536. A discrete action is one
     * number, the choice's, from 0 on. */
    int32_t n_act;
    int32_t n_actions;
    const double *act_low;  /* (n_act) range of each number, in the task's own units: step never gets one outside */
    const double *act_high; /* (n_act) finite, above act_low; both NULL where the action is discrete */

    int32_t time_limit; /* optional; steps until an episode is truncated */
    int32_t state_size; /* bytes that save writes, at most 2^26; 0 without save */
    double dt;          /* optional; seconds of one step */

    /* Optional; the same rule of termination for states that a learned model imagines: alive while every number of the
     * observation, as float32, lies in [alive_low, alive_high]. Infinite bounds do not bind. Without it imagined
     * episodes never terminate, which teaches the policy nothing about a task that does. Both or none; not with a
     * discrete observation. */
    const float *alive_low;  /* (n_obs) */
    const float *alive_high; /* (n_obs) not below alive_low */

    /** A new environment, before its first reset. arguments: the setting env.arguments, "" when there is none.
     * @return your own pointer, which the others get as self; NULL: it failed */
    void *(*create)(const char *arguments);
    /** The end of it. Not called when the process is killed. */
    void (*destroy)(void *self);
    /** Begin an episode. @param[in] seed all its chance; @param[out] obs room for the observation
     * @return numbers written to obs: n_obs, or 1 where it is discrete; negative: it failed */
    int32_t (*reset)(void *self, uint64_t seed, double *obs);
    /** One step. @param[in] u the action; @param[out] obs the next observation; reward and flags are 0 before
     * @return as reset */
    int32_t (*step)(void *self, const double *u, double *obs, double *reward, uint32_t *flags);

    /** Optional, both or none: the whole state of an episode under way as bytes, and back in another process. Without
     * them a run that is gone on with begins a new episode there, and is not the same bits any more.
     * @param[out] state room for state_size bytes, 64-byte aligned; none is undefined after it
     * @return bytes written: state_size; negative: it failed */
    int32_t (*save)(void *self, void *state);
    /** @param[in] state (state_size) what save wrote, perhaps on another machine; self may be before its first reset
     * @return 0; negative: it is no state of this environment, which is then as it was */
    int32_t (*load)(void *self, const void *state);

    /** Optional: why the last call failed, one line; self is NULL when that was create. Stays until the next call. */
    const char *(*explain)(void *self);
} reverie_env_api;

#if defined(__GNUC__)
#define REVERIE_ENV_EXPORT __attribute__((visibility("default")))
#else
#define REVERIE_ENV_EXPORT
#endif

/** The one function to define. It is called before the run and in every process, so it has no effect other than to
 * return the table. arguments: the setting env.arguments, for libraries with several tasks. NULL: there is no such
 * task.
 */
REVERIE_ENV_EXPORT const reverie_env_api *reverie_env(const char *arguments);

#ifdef __cplusplus
}
#endif

#endif
