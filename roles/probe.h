/* probe.h - measures what the model's newest fit is worth: the signals that a run decides from (run/pace.h).
 *
 * It runs on the rank of rollout block 0, whose board has all members, the policy and the real rows; it is a function
 * of these, of the tick and of the policy that made the newest branches, and keeps nothing from tick to tick.
 *
 *   loss           of a member: as its held-out one (model/member.h), in the same units; of the elites:
 *                  their mean
 *   disagreement   d of a row: largest over the outputs of the standard deviation of the members' means, divided by the
 *                  root of their mean predicted variance, as the gate has it (model/branch.h)
 *   fresh rows     the newest of those that came after the fit, at most RV_PROBE_FRESH
 *   held-out rows  the fit's (model/holdout.h): quality, disagreement and calibration are those of a card of them
 *                  (model/card.h), made once per fit; so is the recommended length, with rollout.length: auto.
 *                  Its critics are the learner's, once that has learned
 *   policy_kl      mean KL(policy now || policy then) on RV_PROBE_STATES rows spread evenly over those of the fit
 */
#pragma once
#include "roles/role.h"

enum { RV_PROBE_FRESH = 256, RV_PROBE_STATES = 256 };

typedef struct rv_probe rv_probe; /* work space */

/** For a rank whose board has members and policy. The caller destroys it. */
rv_status rv_probe_create(const rv_context *ctx, rv_probe **out);
void rv_probe_destroy(rv_probe **probe);

/** Measure, in a tick in which rv_tick.probe is set; report the card when the settings want one. @param[in] policy_then
 * actor weights that made the newest branches
 * @param[out] out numbers that could not be measured, or are not finite, are left as they come */
rv_status rv_probe_run(rv_probe *probe, const rv_context *ctx, const rv_tick *tick, const float *policy_then,
                       rv_signals *out);
