/* regenerate.h - the imagined rows that a checkpoint stands for, made again (rollout.h says from what).
 *
 * Blocks go to whatever ranks have them now and their rows through the ordinary edge, so any number of ranks makes the
 * same rows. Each shard's unit holds counts and hashes of its rows, which are compared: a resume has the bits of the
 * run or says that it has not.
 */
#pragma once
#include "roles/tick.h"
#include "run/checkpoint.h"

/** Fill the imagined buffers of this rank's shards, whose units are loaded; real rows are there. Collective. Members
 * and policy on the board are those of an earlier tick afterwards.
 * @return RV_OK; RV_E_DATA when the rows are not those that were hashed, unless checkpoint.other_bits allows it */
rv_status rv_regenerate(rv_loop *loop, const rv_checkpoint *checkpoint);
