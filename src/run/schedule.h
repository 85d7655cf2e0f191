/* schedule.h - what happens in a tick: a pure function of the settings and the tick's number, so that every rank
 * knows it without asking.
 */
#pragma once
#include "agent/sac.h"
#include "base/field.h"
#include "model/member.h"

typedef enum rv_schedule_mode { RV_LOCKSTEP, RV_PIPELINED } rv_schedule_mode;

/** Settings of the section "schedule". */
typedef struct rv_schedule_cfg {
    int mode;                 /* rv_schedule_mode */
    int64_t total_steps;      /* real steps of the run */
    int64_t tick_steps;       /* real steps per tick */
    int64_t warmup_steps;     /* uniform random actions before anything learns */
    int64_t epoch_steps;      /* real steps of an "epoch" in MBPO's schedules */
    int64_t retrain_every;    /* real steps between fits of the ensemble */
    int64_t updates_per_step; /* policy updates per real step */
} rv_schedule_cfg;
extern const rv_field rv_schedule_cfg_fields[];
