/* edge.h - how published work changes hands: the one place that knows who reads what.
 *
 *   product   made by                    read by                              becomes
 *   REAL      actor, env e               every node, once                     rows of board.real
 *   MEMBERS   model, member m            ranks with rollout blocks            board.members, board.elites
 *   BRANCHES  rollout, block b           the rank of shard b mod shards       rows of board.imagined[shard]
 *   SIGNALS   rollout, block 0           all ranks                            board.signals
 *   POLICY    policy, the learner        ranks with actors, blocks, episodes  board.policy
 *   CRITICS   policy, the learner        the rank of block 0                  board.critics
 *
 * SIGNALS are made where something is measured (run/pace.h), CRITICS where an error card is.
 *
 * An edge posts all that this rank's units made, takes all that its roles read, in the order of unit numbers, and
 * ends when its posts are gone: then all readers have them. Nothing depends on the order in which messages come in.
 */
#pragma once
#include "roles/role.h"

/** Messages that a rank may have under way: at the edges of a tick, and inside a stage. */
int rv_edge_posts(const rv_layout *layout, const rv_world *world);
int rv_edge_posts_within(const rv_layout *layout, const rv_world *world);

/** Units of the role that has most. */
int rv_edge_most_units(const rv_layout *layout);

/** Is the product made in this tick? */
bool rv_edge_due(const rv_context *ctx, rv_product product, const rv_tick *tick);

/** Post this rank's part of a product. role: state of the role that makes it, NULL when this rank does not host it. */
rv_status rv_edge_post(rv_context *ctx, rv_product product, void *role);

/** Take what this rank reads of a product; all nodes' real rows are there when it returns. */
rv_status rv_edge_take(rv_context *ctx, rv_product product, const rv_tick *tick);

/** The board's elites, from its members; what taking RV_MEMBERS ends with. */
void rv_edge_choose_elites(rv_context *ctx);

/** What a message of that product and unit is, for people: "real rows of env 3". Traffic inside a stage too. */
void rv_edge_describe(int product, int unit, char out[64]);

/** One value per unit of a role, known to the units' ranks, to all of them. values (units of the role). */
rv_status rv_edge_share(rv_context *ctx, rv_role_id role, double *values);

/** Set up the sum of one vector of up to n_max floats per unit of a role, which must have units here. One role of a
 * rank may have a sum. */
rv_status rv_edge_sum_create(const rv_context *ctx, rv_role_id role, int64_t n_max, rv_tree_sum **out);

/** rv_tree_sum_end, booked in the ledger: what is no waiting moves data. */
rv_status rv_edge_sum_end(rv_context *ctx, rv_tree_sum *sum, const float **total);
