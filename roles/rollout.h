/* rollout.h - how a rollout rank makes the rows of an earlier tick again, after a resume.
 *
 * A block's rows depend on the seed, the tick, the real rows and what was published when they were made. A checkpoint
 * therefore holds no imagined rows but, for each tick whose rows are still in use, the members and the policy that it
 * read, as the unit "source_TICK" of the rank of block 0; and what the run decided for it, where it decides
 * (run/pace.h).
 */
#pragma once
#include "roles/role.h"
#include "run/checkpoint.h"

/** Is this the name of such a unit? @param[out] tick of which tick */
bool rv_rollout_is_source(const char *unit, int64_t *tick);

/** Do the work of a tick before the checkpoint again, from its source; reports nothing. tick: what the schedule
 * says of it. The board's members, elites and
 * policy are those of the tick afterwards. role: this rank's state of rv_role_rollout. */
rv_status rv_rollout_again(void *role, rv_context *ctx, const rv_tick *tick, const rv_checkpoint *checkpoint);
