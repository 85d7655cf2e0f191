/* role.h - what a role is: the work of its units in one tick. Transport, clocks, checkpoints and failure are the
 * tick loop's (tick.h).
 *
 * A role reads the board, works on its own units, and leaves what it publishes where `offer` finds it. The board holds
 * what has been published so far, as this rank sees it; only an edge (edge.h) changes it.
 */
#pragma once
#include "base/file.h"
#include "base/hash.h"
#include "comm/tree_sum.h"
#include "data/imagined.h"
#include "data/journal.h"
#include "env/env.h"
#include "feed/feed.h"
#include "roles/layout.h"
#include "run/config.h"
#include "run/metrics.h"
#include "run/pace.h"
#include "run/schedule.h"
#include "run/state_file.h"

/** What units publish, and who reads it: edge.h. */
typedef enum rv_product {
    RV_REAL,
    RV_MEMBERS,
    RV_BRANCHES,
    RV_SIGNALS,
    RV_POLICY_WEIGHTS,
    RV_CRITICS,
    RV_N_PRODUCTS
} rv_product;

/** What has been published. Policy and members are there on ranks whose roles read them, else NULL. */
typedef struct rv_board {
    float *real;                /* (total_steps, row.width) real rows in order; one copy per node */
    float *incoming;            /* (tick_steps, row.width) rows on their way to real */
    float *policy;              /* actor weights (actor_net.n_params) */
    float *members;             /* (members, member_shape.n_published) */
    int elites[RV_FIT_MEMBERS]; /* (model.elites), from the members' holdout losses */
    float *critics;             /* the twin critics (as in rv_sac.params), for the error card; NULL elsewhere */
    rv_signals signals;         /* of the newest tick in which they were measured */
    rv_imagined **imagined;     /* (shards); NULL for shards of other ranks */
} rv_board;

/** Everything that is the same for all roles of this rank; built once. */
typedef struct rv_context {
    const rv_config *cfg;
    const rv_env_spec *spec;
    const rv_layout *layout;
    rv_schedule schedule;
    rv_lesson lesson; /* of imagined rows */
    rv_row row;       /* real ones have row.width floats, imagined ones and minibatches row.whole */
    rv_member_shape member_shape;
    rv_mlp actor_net, critic_net; /* of one critic */
    rv_world *world;
    rv_shared *shared;     /* what others on the node read: reserved by create, there afterwards */
    rv_exchange *exchange; /* what changes hands at edges */
    rv_exchange *within;   /* and inside a stage: posts of an edge may be under way meanwhile */
    struct rv_coordinator *coordinator;
    rv_feed_push *push; /* where this rank's metric frames go */
    rv_board board;
    rv_journal *journal;      /* where this rank's rows go; NULL where no environment lives */
    struct rv_replay *replay; /* rows that the journal holds already (replay.h) */
    rv_hasher real_hash;      /* rank 0: of the rows that are in board.real, in order */
    int64_t n_hashed;         /* their number */
    char run_dir[RV_PATH];
    double start;      /* rv_clock_now at the start of the run */
    double exchange_s; /* seconds spent moving data, without the waiting (world->wait_s), for the time ledger */
} rv_context;

/** One unit's state as a checkpoint sees it. */
typedef struct rv_unit_state {
    char name[32]; /* "member_3" */
    rv_unit_show show;
    void *unit;
    bool is_copy; /* another rank saves it; this one only loads it */
} rv_unit_state;

/** A role. Each function but create gets what create made. */
typedef struct rv_role {
    rv_role_id id;
    /** Set up the units of this rank. What they publish lies in memory reserved from ctx->shared, which is there once
     * all roles are created: create cannot write to it. */
    rv_status (*create)(rv_context *ctx, void **out);
    void (*destroy)(void *role);
    /** Work of one tick. */
    rv_status (*work)(void *role, rv_context *ctx, const rv_tick *tick);
    /** What a unit of this rank publishes of a product after the work: bytes that stay untouched until the edge is
     * over. Pipelined, that is the tick's: other roles of this rank work in between. */
    const void *(*offer)(void *role, rv_product product, int unit, size_t *n_bytes);
    /** Units with state: their count, and number i of them. Loading goes in this order. NULL: no state. */
    int (*n_states)(void *role);
    int (*most_states)(void *role); /* how many there will be, each of which can be shown already. NULL: n_states */
    void (*state)(void *role, int i, rv_unit_state *out);
    /** Called once all states are loaded. NULL: nothing to do. */
    rv_status (*restored)(void *role);
} rv_role;

extern const rv_role rv_role_actor, rv_role_model, rv_role_rollout, rv_role_policy, rv_role_evaluator;

/** Units of a role on this rank. @param[out] units (units of the role) numbers in order; returns how many */
int rv_context_units(const rv_context *ctx, rv_role_id role, int *units);

/** Begin the metric frame of a unit; who sends it and when is filled in. */
rv_frame rv_context_frame(const rv_context *ctx, rv_role_id role, int unit, const rv_tick *tick, int64_t step);

/** Fill in who sends a frame and when. */
void rv_context_sign(const rv_context *ctx, rv_frame *frame);
