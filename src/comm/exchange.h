/* exchange.h - messages between units, wherever they live: a message is named by (product, unit), never by rank and
 * never by its order of arrival.
 *
 * Use at an edge: post all sends, then receive in any fixed order, then finish. Posted bytes must stay untouched until
 * finish, and finish returns only when every reader has them. How bytes travel depends on where they lie:
 *
 *   reader                    bytes in shared memory (shared.h)          other bytes
 *   this rank                 copied once, by the receive                the same
 *   another on this node      copied once, by the receive: only their    through MPI, two copies
 *                             place is sent (short ones go through MPI)
 *   on another node           through MPI                                through MPI
 */
#pragma once
#include "comm/shared.h"

enum { RV_EXCHANGE_PRODUCTS = 16, RV_EXCHANGE_UNITS = 65536 };

typedef struct rv_exchange rv_exchange;

/** max_posts: sends between two calls of finish, at most; max_units: units of a share, at most. shared is not open yet;
 * messages can be sent once it is. The exchange is destroyed before shared is. All ranks create their exchanges in the
 * same order; where finish of one must not wait for the posts of another, there are two. */
rv_status rv_exchange_create(rv_world *world, rv_shared *shared, int max_posts, int max_units, rv_exchange **out);
void rv_exchange_destroy(rv_exchange **x);

/** Post a message to a rank, this one included. product below RV_EXCHANGE_PRODUCTS, unit below RV_EXCHANGE_UNITS;
 * bytes < 2^31, may be 0. */
rv_status rv_exchange_send(rv_exchange *x, int to, int product, int unit, const void *bytes, size_t n);

/** Wait for the message and take it. @return RV_OK; RV_E_PROTOCOL when it is longer than max. */
rv_status rv_exchange_receive(rv_exchange *x, int from, int product, int unit, void *out, size_t max, size_t *n_out);

/** Wait until all posted buffers are free again. */
rv_status rv_exchange_finish(rv_exchange *x);

/** Every unit's value to all ranks that own a unit. @param[in] owner (n_units) rank of each unit
 * @param[in,out] values (n_units): in: of own units; out: of all. Collective over the owners; nothing may be posted
 * when it begins. Needs as many posts as there are other owners. */
rv_status rv_exchange_share(rv_exchange *x, int product, int n_units, const int *owner, double *values);
