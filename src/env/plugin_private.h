/* plugin_private.h - what the process of a plug-in and the one that started it have between them.
 *
 * The parent fills in what a call needs, then sets `call` to a new number. The child does it, fills in the answer and
 * sets `answer` to the same number. Calls are numbered from 2; 1 is the child's word that it has begun.
 */
#pragma once
#include "env/env_private.h"
#include "env/handover.h"

#include <sys/types.h>

enum {
    RV_PLUGIN_DESCRIPTOR = 3, /* of the shared memory, in the child */
    RV_PLUGIN_MOST = 65536,   /* numbers of an observation or action */
    RV_PLUGIN_STATE = 1 << 26,
    RV_PLUGIN_GUARD = 8, /* doubles behind what the plug-in writes */
    RV_PLUGIN_NAME = 64,
    RV_PLUGIN_HELP = 192,
    RV_PLUGIN_TEXT = 512,
};

typedef enum rv_plugin_call {
    RV_PLUGIN_OPEN,   /* load the library; text, or description and bounds */
    RV_PLUGIN_CREATE, /* text when it failed */
    RV_PLUGIN_RESET,  /* seed; n, obs */
    RV_PLUGIN_STEP,   /* u; n, obs, reward, flags */
    RV_PLUGIN_SAVE,   /* n, state */
    RV_PLUGIN_LOAD,   /* state; n */
    RV_PLUGIN_CLOSE,  /* destroy; the child then ends */
} rv_plugin_call;

/** What a task is, as the child says. */
typedef struct rv_plugin_description {
    int32_t n_obs, n_states, n_act, n_actions, time_limit, state_size;
    int32_t has_alive, has_state;
    double dt;
    char name[RV_PLUGIN_NAME], help[RV_PLUGIN_HELP];
} rv_plugin_description;

/** The shared memory, zero at first. Pages that nobody touches take no memory. */
typedef struct rv_plugin_shared {
    rv_handover call, answer;
    /* the parent's */
    _Alignas(64) int32_t kind; /* rv_plugin_call */
    int32_t parent;            /* its process */
    uint64_t seed;
    int64_t memory_mb;
    char file[RV_FIELD_STR], arguments[RV_FIELD_STR];
    /* the child's */
    _Alignas(64) int32_t is_refused; /* it failed without a count; text says why */
    int32_t n;                       /* what the plug-in returned */
    uint32_t flags;
    double reward;
    int64_t held;              /* bytes that the process had taken when it died; 0: it could not say */
    char text[RV_PLUGIN_TEXT]; /* why it failed; "" when it does not say */
    rv_plugin_description description;
    double act_low[RV_PLUGIN_MOST], act_high[RV_PLUGIN_MOST];
    float alive_low[RV_PLUGIN_MOST], alive_high[RV_PLUGIN_MOST];
    /* buffers: numbers of a task, and then the guard */
    _Alignas(4096) double u[RV_PLUGIN_MOST];
    _Alignas(4096) double obs[RV_PLUGIN_MOST + RV_PLUGIN_GUARD];
    _Alignas(4096) unsigned char state[RV_PLUGIN_STATE + RV_PLUGIN_GUARD * sizeof(double)];
} rv_plugin_shared;

/** A child, as its parent has it; pid 0: there is none, and then shared is NULL. */
typedef struct rv_plugin_process {
    pid_t pid;
    rv_plugin_shared *shared;
    uint32_t number; /* of the call under way, or of the last one */
    rv_plugin_call kind;
} rv_plugin_process;

/** Start a child of the settings and let it load the library.
 * @return RV_OK; RV_E_CONFIG (it cannot be loaded, or has no table of ours: the text says what); RV_E_ENV; RV_E_OS */
rv_status rv_plugin_start(const rv_env_cfg *cfg, rv_plugin_process *out);

/** Set a call going: what it needs is in shared. The last one must have been waited for. */
void rv_plugin_begin(rv_plugin_process *p, rv_plugin_call kind);

/** Wait for its answer. On failure the child is gone.
 * @return RV_OK; RV_E_ENV with what happened, "FILE: the plug-in ..." */
rv_status rv_plugin_wait(rv_plugin_process *p, const rv_env_cfg *cfg);

/** End the child, by kind words where no call is under way, and reap it. */
void rv_plugin_stop(rv_plugin_process *p);

/** End it at once, reap it. */
void rv_plugin_kill(rv_plugin_process *p);

/** A text of the child for a one-line message: cut, unprintable bytes as '?'. */
void rv_plugin_text(const char *text, size_t size, char *out);

/** What the child says its task is, checked. @return RV_OK; RV_E_CONFIG */
rv_status rv_plugin_accept(const rv_env_cfg *cfg, const rv_plugin_shared *shared, rv_env_task **out);
void rv_plugin_forget(rv_env_task **task);
