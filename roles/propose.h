/* propose.h - which split of ranks over roles makes ticks shortest, when it is known what the work costs. */
#pragma once
#include "roles/layout.h"

/** A split that makes ticks shorter by less than this part is not worth a setting. */
#define RV_PROPOSE_WORTH 0.02

/** Seconds of a tick on average over a stretch of ticks in the middle of the run, where the policy learns. Pipelined:
 * those of the rank that has most to do in the tick; lockstep: of each stage's slowest rank, added up. Every rank is
 * taken to have a core for itself, and to move data at no cost.
 * @param[in] item_s (roles) seconds per item of work (cost.h) */
rv_status rv_predict_tick(const rv_config *cfg, const rv_layout *layout, const double *item_s, double *out);

/** Settings of the section "layout" that shorten the tick: item_s as costs, which place the units, and ranks of their
 * own for roles where that shortens ticks further. Searched role by role, so a better one may exist.
 * @param[out] tick_s rv_predict_tick of it
 * @return RV_OK; what rv_layout_create returns */
rv_status rv_propose_layout(const rv_config *cfg, int n_ranks, const double *item_s, rv_layout_cfg *out,
                            double *tick_s);
