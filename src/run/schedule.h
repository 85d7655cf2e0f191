/* schedule.h - what happens in a tick as far as settings and the tick's number say it. Where a run decides from what it
 * measures, pace.h changes that; all else is here.
 *
 * Time is counted in real environment steps; a tick is schedule.tick_steps of them. Stages of a tick, in order:
 * A act, M fit the ensemble, I imagine, P learn the policy, E evaluate.
 *   lockstep:  each stage reads what this tick's earlier stages published (MBPO's own order);
 *   pipelined: every stage reads what earlier ticks published, so that all stages can run at once.
 * n_real below is therefore the number of real steps whose rows the stages M, I and P may read.
 *
 * A fit is due at n = n_real when n >= warmup and (n - warmup) / retrain_every (rounded down) has grown since the
 * tick before. Rollouts follow each fit: in the same tick (lockstep) or in the next one (pipelined). Policy updates
 * begin once imagined rows are there to read (at once when the batch is all real).
 */
#pragma once
#include "agent/sac.h"
#include "base/field.h"
#include "model/branch.h"
#include "model/member.h"

typedef enum rv_schedule_mode { RV_LOCKSTEP, RV_PIPELINED } rv_schedule_mode;

/** Settings of the section "schedule". */
typedef struct rv_schedule_cfg {
    int mode;              /* rv_schedule_mode */
    int64_t total_steps;   /* real steps of the run */
    int64_t tick_steps;    /* real steps per tick */
    int64_t warmup_steps;  /* uniform random actions before anything learns */
    int64_t epoch_steps;   /* real steps of an "epoch" in MBPO's schedules */
    int64_t retrain_every; /* real steps between fits of the ensemble */
    /* fits that come before retrain_every is over (pace.h); 0: none for this reason */
    double retrain_loss_rise;    /* factor on the held-out loss */
    double retrain_policy_kl;    /* nats */
    double retrain_disagreement; /* factor on the disagreement on held-out rows */
    int64_t retrain_gap;         /* real steps that they keep from the fit before */
    int64_t updates_per_step;    /* policy updates per real step */
} rv_schedule_cfg;
extern const rv_field rv_schedule_cfg_fields[];

/** What the schedule depends on; borrowed settings. */
typedef struct rv_schedule {
    const rv_schedule_cfg *schedule;
    const rv_rollout_cfg *rollout;
    const rv_sac_cfg *policy;
    int64_t evaluate_every; /* real steps; 0: only at the end */
} rv_schedule;

/** Why a fit is due; bits. */
enum { RV_FIT_INTERVAL = 1, RV_FIT_LOSS = 2, RV_FIT_POLICY = 4, RV_FIT_DISAGREEMENT = 8 };

/** One tick. */
typedef struct rv_tick {
    int64_t tick;
    int64_t first_step, last_step;   /* real steps done before and after it */
    bool is_random;                  /* actions are uniform */
    int64_t n_real;                  /* real rows that M, I and P may read */
    bool fit;                        /* M runs */
    int fit_reasons;                 /* why: RV_FIT_INTERVAL, ... */
    int64_t retrain;                 /* its number, from 0; without a fit that of the newest one, -1 before */
    bool imagine;                    /* I runs */
    int64_t imagine_retrain;         /* number of the fit whose members I reads, -1 before the first */
    int64_t imagine_rows;            /* real rows that this fit read, 0 before the first */
    int length;                      /* steps of a branch */
    int64_t first_update, n_updates; /* P: updates before this tick, and in it */
    double real_share;               /* of its batches */
    bool evaluate;                   /* E runs */
    int64_t evaluate_step;           /* real steps at the time its policy was published */
    bool probe;                      /* signals are measured (pace.h) */
} rv_tick;

/** The tick of that number, from 0 to rv_schedule_ticks - 1. Number rv_schedule_ticks is the closing one: it only
 * evaluates the final policy, if the last tick did not. What a tick does never depends on total_steps, so that a
 * run that is prolonged later equals one that was long from the start. */
rv_tick rv_schedule_tick(const rv_schedule *s, int64_t tick);

/** Ticks of the run. */
int64_t rv_schedule_ticks(const rv_schedule *s);

/** True when the policy's batches hold imagined rows at any time, so that model and rollouts are needed. */
bool rv_schedule_imagines(const rv_schedule *s);

/** May fits come for another reason than retrain_every? */
bool rv_schedule_triggers(const rv_schedule *s);

/** Does the run measure what its fits are worth, to decide from it or to report it? */
bool rv_schedule_probes(const rv_schedule *s);

/** Steps of a branch when n_real real steps have been done: length_start up to length_from_epoch, length_end from
 * length_to_epoch on, linear and rounded down between; epochs are counted from the end of the warm-up. */
int rv_schedule_length(const rv_schedule *s, int64_t n_real);

/** The longest branch of the run. */
int rv_schedule_longest(const rv_schedule *s);

/** Steps of the error card that follows each fit (model/card.h): rollout.card, and with rollout.length: auto at least
 * length_end; 0: no card. */
int rv_schedule_card(const rv_schedule *s);

/** Real steps between two fits, for estimates of work: retrain_every, or what triggers keep between two fits, since
 * nobody knows how often they will fire. */
int64_t rv_schedule_interval(const rv_schedule *s);

/** Fits whose imagined rows are kept: retain_epochs * epoch_steps / retrain_every, at least 1. */
int rv_schedule_generations(const rv_schedule *s);
