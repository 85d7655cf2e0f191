/* exchange.h - messages between units, wherever they live: a message is named by (product, unit), never by rank or
 * by its order of arrival. Within a rank it is a copy.
 *
 * Use at an edge: post all sends, then receive in any fixed order, then finish. Posted buffers must stay untouched
 * until finish.
 */
#pragma once
#include "comm/world.h"

enum { RV_EXCHANGE_PRODUCTS = 16, RV_EXCHANGE_UNITS = 65536 };

typedef struct rv_exchange rv_exchange;

/** max_posts: sends between two calls of finish, at most. */
rv_status rv_exchange_create(rv_world *world, int max_posts, rv_exchange **out);
void rv_exchange_destroy(rv_exchange **x);

/** Post a message to a rank, this one included. product below RV_EXCHANGE_PRODUCTS, unit below RV_EXCHANGE_UNITS;
 * bytes < 2^31, may be 0. */
rv_status rv_exchange_send(rv_exchange *x, int to, int product, int unit, const void *bytes, size_t n);

/** Wait for the message and take it. @return RV_OK; RV_E_PROTOCOL when it is longer than max. */
rv_status rv_exchange_receive(rv_exchange *x, int from, int product, int unit, void *out, size_t max, size_t *n_out);

/** Wait until all posted buffers are free again. */
rv_status rv_exchange_finish(rv_exchange *x);

/** Every unit's value to all ranks that own a unit. @param[in] owner (n_units) rank of each unit
 * @param[in,out] values (n_units): in: of own units; out: of all. Collective over the owners. */
rv_status rv_exchange_share(rv_exchange *x, int product, int n_units, const int *owner, double *values);

/** The sum of one vector per unit, in an order that does not depend on who owns which: a binary tree over the units'
 * numbers, (0 + 1) + (2 + 3) + ...; the same bits at every owner. Collective over the owners.
 * @param[in]     owner (n_units)
 * @param[in,out] parts (n_units) vectors of n floats; NULL for units of others. Own ones are used as scratch.
 * @param[in]     scratch (n)
 * @param[out]    sum (n); may be parts[0] of its owner */
rv_status rv_exchange_tree_sum(rv_exchange *x, int product, int n_units, const int *owner, float *const *parts,
                               int64_t n, float *scratch, float *sum);
