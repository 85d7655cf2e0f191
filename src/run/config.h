/* config.h - the settings of a run: sections of field tables, read from strict YAML.
 *
 * A file is a map of sections, each a map of keys:   policy:
 *                                                      learning_rate: 3e-4
 * plus `seed`, which stands alone (section ""). Unknown sections and keys, doubled keys, wrong types and values
 * out of range are errors with file:line:column and the nearest known name. Overrides are "section.key=value".
 * After reading, rules that tie fields together are checked (rv_config_check); all violations are listed.
 */
#pragma once
#include "agent/sac.h"
#include "base/field.h"
#include "data/journal.h"
#include "env/env.h"
#include "env/randomise.h"
#include "feed/feed.h"
#include "math/kernels.h"
#include "model/branch.h"
#include "model/member.h"
#include "run/schedule.h"

/** Settings that stand alone. */
typedef struct rv_root_cfg {
    int64_t seed;
} rv_root_cfg;

/** Settings of the section "eval". */
typedef struct rv_eval_cfg {
    int64_t every_steps; /* real steps between evaluations; 0: only at the end */
    int64_t episodes;    /* per evaluation, on the mean action; each is one unit; 0: no evaluation */
} rv_eval_cfg;

/** Settings of the section "checkpoint". */
typedef struct rv_checkpoint_cfg {
    int64_t every_ticks; /* 0: only at the end */
    int64_t keep;        /* newest good checkpoints kept */
    bool other_bits;     /* go on even if imagined rows cannot be made again with the same bits */
} rv_checkpoint_cfg;

/** Settings of the section "watchdog" (roles/watchdog.h). */
typedef struct rv_watchdog_cfg {
    double seconds; /* without progress; 0: nobody watches */
} rv_watchdog_cfg;

/** Settings of the section "guard": what may not be finite (roles/guard.h). */
typedef struct rv_guard_cfg {
    int64_t budget; /* updates or minibatches skipped one after the other */
} rv_guard_cfg;

/** Settings of the section "disk". */
typedef struct rv_disk_cfg {
    int on_full; /* rv_disk_full (base/disk.h) */
} rv_disk_cfg;

/** Settings of the section "layout": ranks per role, 0 = chosen from the cost of the work. Never changes a result. */
typedef struct rv_layout_cfg {
    int64_t actor_ranks, model_ranks, rollout_ranks, policy_ranks, evaluator_ranks;
    rv_f64_list costs; /* seconds per item of each role's work, in that order (roles/cost.h); none: estimated */
} rv_layout_cfg;

/** Settings of the section "supervisor". Never changes a result. */
typedef struct rv_supervisor_cfg {
    int64_t restarts;         /* in a row, without a new checkpoint in between */
    double backoff_s;         /* before the second restart in a row; doubles with each */
    int64_t stop_after_steps; /* real steps of one call of train; 0: no such limit */
    double stop_after_s;      /* seconds of one call of train; 0: no such limit */
    int64_t lease_s;          /* between two renewals of RUN/lease */
} rv_supervisor_cfg;

typedef struct rv_config {
    rv_root_cfg root;
    rv_env_cfg env;
    rv_randomise_cfg randomise;
    rv_schedule_cfg schedule;
    rv_model_cfg model;
    rv_rollout_cfg rollout;
    rv_sac_cfg policy;
    rv_eval_cfg eval;
    rv_checkpoint_cfg checkpoint;
    rv_journal_cfg journal;
    rv_watchdog_cfg watchdog;
    rv_guard_cfg guard;
    rv_disk_cfg disk;
    rv_feed_cfg feed;
    rv_layout_cfg layout;
    rv_kernels_cfg kernels;
    rv_supervisor_cfg supervisor;
} rv_config;

typedef struct rv_section {
    const char *name; /* "policy"; "" for the keys that stand alone */
    const rv_field *fields;
    size_t offset; /* in rv_config */
    const char *help;
} rv_section;

/** All sections, ending with a row whose fields are NULL. */
extern const rv_section rv_config_sections[];

/** For people: the fields with RV_FIELD_RUNTIME. */
#define RV_CONFIG_CHANGEABLE_SECTIONS                                                                                  \
    "checkpoint.*, journal.*, supervisor.*, watchdog.*, guard.*, disk.*, feed.*, layout.*"
#define RV_CONFIG_CHANGEABLE_KEYS "schedule.total_steps, kernels.instructions, and env.* but name, count, arguments"
#define RV_CONFIG_CHANGEABLE      RV_CONFIG_CHANGEABLE_SECTIONS ", " RV_CONFIG_CHANGEABLE_KEYS

enum { RV_CONFIG_MAX_BYTES = 1 << 20 };

rv_status rv_config_defaults(rv_config *out);

/** Defaults, then the file, then the overrides, then the rules. On failure *out is untouched.
 * @param[in] path NULL: no file; overrides: n_overrides texts "section.key=value"
 * @return RV_OK; RV_E_NOINPUT (file); RV_E_CONFIG "pendulum.yaml:12:3: unknown key 'polcy'; did you mean 'policy'?" */
rv_status rv_config_load(const char *path, int n_overrides, char *const *overrides, rv_config *out);

/** Lay the settings of a YAML text over *config; rules are not checked. name stands for the file in messages.
 * Untrusted bytes are safe. Anchors, aliases, tags and further documents are refused. On failure nothing changes.
 * @return RV_OK; RV_E_CONFIG, "name:line:column: ..."; RV_E_NOMEM */
rv_status rv_config_parse(const char *name, const char *text, size_t n, rv_config *config);
/** Lay one "section.key=value" over *config; rules are not checked.
 * @return RV_OK; RV_E_CONFIG "override 'policy.tau=2': expected a number in [1e-08, 1], got '2'" */
rv_status rv_config_override(const char *assignment, rv_config *config);

/** Rules that tie fields together: tick_steps divides by env.count, batch by shards, elites <= members, ...
 * @return RV_OK; RV_E_CONFIG: all violations in one line, as far as they fit, and the number of the others */
rv_status rv_config_check(const rv_config *config);

/** rv_env_register, then the rules once more: what a user's own environment is shows only then. Before anything that
 * wants the task's sizes.
 * @return RV_OK; what those return */
rv_status rv_config_register_env(const rv_config *config);

/** The whole of it as YAML that rv_config_parse reads back to the same bits; the caller frees *out.
 * with_help: each key with its help, unit, range and default as a comment. */
rv_status rv_config_print(const rv_config *config, bool with_help, char **out);

/** Hash of all fields that change what is learned (those without RV_FIELD_RUNTIME). */
unsigned long long rv_config_hash(const rv_config *config);

/** The section of that name; the row of that key in a section.
 * @return RV_OK; RV_E_CONFIG with the nearest known name: "unknown key 'polcy'; did you mean 'policy'?" */
rv_status rv_config_find_section(const char *name, const rv_section **out);
rv_status rv_config_find_key(const rv_section *section, const char *name, const rv_field **out);

/** The row of "section.key" (or of "seed") and its section; on failure RV_E_CONFIG with the nearest name. */
rv_status rv_config_find(const char *dotted, const rv_section **section, const rv_field **field);
