/* tree_sum.h - the sum of one vector per unit, in an order that does not depend on who owns which: a binary tree over
 * the units' numbers, (0 + 1) + (2 + 3) + ...; the same bits at every owner.
 *
 * The vectors lie in memory that the sum hands out. When all owners are on one node, that memory is shared, and owners
 * say by a counter that their vectors are there. Two owners then each make the whole sum; more make one sum together,
 * each taking pieces of it as it has time, and all read that. Otherwise the vectors of a tree's right branches travel
 * as messages, and the sum goes once to each other node.
 *
 * One round, on every owner:
 *   fill rv_tree_sum_part of each own unit;  begin;  work that does not need the sum;  end;  use the sum
 * A part is asked for in every round, because others may still read it. Between begin and end the parts must not be
 * touched. The sum stays until this rank asks for a part again.
 */
#pragma once
#include "comm/exchange.h"

typedef struct rv_tree_sum rv_tree_sum;

/** For vectors of up to n_max floats. product: the sum's number, below RV_EXCHANGE_PRODUCTS and used for nothing else;
 * owner (n_units): the rank of each unit. Every owner creates it, before shared memory is opened. x must have room for
 * as many posts as there are units of this rank and other owners. */
rv_status rv_tree_sum_create(rv_world *world, rv_shared *shared, rv_exchange *x, int product, int n_units,
                             const int *owner, int64_t n_max, rv_tree_sum **out);
void rv_tree_sum_destroy(rv_tree_sum **sum);

/** Wait until nobody reads the vectors of the round before. @param[out] part (n_max) where the vector of a unit of this
 * rank goes, the same in every round. Shared memory is open. */
rv_status rv_tree_sum_part(rv_tree_sum *sum, int unit, float **part);

/** All parts of this rank are filled: n floats each, the same n at every owner. Does not wait. */
rv_status rv_tree_sum_begin(rv_tree_sum *sum, int64_t n);

/** Wait for the other owners. @param[out] total (n) */
rv_status rv_tree_sum_end(rv_tree_sum *sum, const float **total);
