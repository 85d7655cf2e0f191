#include "comm/exchange.h"

#include "base/memory.h"
#include "comm/world_mpi.h"

#include <limits.h>
#include <string.h>

typedef struct local_post {
    int tag;
    const void *bytes;
    size_t n;
} local_post;

struct rv_exchange {
    rv_world *world;
    int max_posts, n_requests, n_local;
    MPI_Request *requests; /* (max_posts) sends under way */
    local_post *local;     /* (max_posts) messages to this rank itself */
};

rv_status rv_exchange_create(rv_world *world, int max_posts, rv_exchange **out)
{
    rv_status status = RV_OK;
    rv_exchange *x = NULL;
    RV_TRY(RV_NEW(x, 1));
    x->world = world;
    x->max_posts = max_posts;
    RV_TRY_GOTO(RV_NEW(x->requests, max_posts), fail);
    RV_TRY_GOTO(RV_NEW(x->local, max_posts), fail);
    *out = x;
    return RV_OK;
fail:
    rv_exchange_destroy(&x);
    return status;
}

void rv_exchange_destroy(rv_exchange **x)
{
    if (!*x)
        return;
    rv_mem_free(&(*x)->requests);
    rv_mem_free(&(*x)->local);
    rv_mem_free(x);
}

static int tag_of(int product, int unit)
{
    return product << 16 | unit;
}

/* a name that does not fit into a tag would be that of another message */
static rv_status check_name(int product, int unit)
{
    RV_CHECK(product >= 0 && product < RV_EXCHANGE_PRODUCTS && unit >= 0 && unit < RV_EXCHANGE_UNITS, RV_E_INTERNAL,
             "no message can be named product %d of unit %d: there are %d products and %d units", product, unit,
             RV_EXCHANGE_PRODUCTS, RV_EXCHANGE_UNITS);
    return RV_OK;
}

rv_status rv_exchange_send(rv_exchange *x, int to, int product, int unit, const void *bytes, size_t n)
{
    RV_TRY(check_name(product, unit));
    RV_CHECK(n <= INT_MAX, RV_E_INTERNAL, "a message of %zu bytes (product %d, unit %d)", n, product, unit);
    RV_CHECK(x->n_requests < x->max_posts && x->n_local < x->max_posts, RV_E_INTERNAL, "more than %d posts at an edge",
             x->max_posts);
    if (to == x->world->rank) {
        x->local[x->n_local++] = (local_post){tag_of(product, unit), bytes, n};
        return RV_OK;
    }
    RV_MPI(MPI_Isend(bytes, (int)n, MPI_BYTE, to, tag_of(product, unit), x->world->mpi->world,
                     &x->requests[x->n_requests]));
    x->n_requests++;
    return RV_OK;
}

static rv_status receive_local(rv_exchange *x, int product, int unit, void *out, size_t max, size_t *n_out)
{
    for (int i = 0; i < x->n_local; i++) {
        local_post *p = &x->local[i];
        if (p->tag != tag_of(product, unit))
            continue;
        RV_CHECK(p->n <= max, RV_E_PROTOCOL, "product %d of unit %d has %zu bytes, expected at most %zu", product, unit,
                 p->n, max);
        if (p->n > 0)
            memcpy(out, p->bytes, p->n);
        *n_out = p->n;
        return RV_OK;
    }
    return rv_raise(RV_E_INTERNAL, "product %d of unit %d was not posted by its own rank", product, unit);
}

rv_status rv_exchange_receive(rv_exchange *x, int from, int product, int unit, void *out, size_t max, size_t *n_out)
{
    RV_TRY(check_name(product, unit));
    if (from == x->world->rank)
        return receive_local(x, product, unit, out, max, n_out);
    MPI_Message message;
    MPI_Status mpi_status;
    MPI_Request request;
    int n = 0;
    RV_TRY(rv_world_probe(x->world, from, tag_of(product, unit), &message, &mpi_status));
    RV_MPI(MPI_Get_count(&mpi_status, MPI_BYTE, &n));
    RV_CHECK((size_t)n <= max, RV_E_PROTOCOL, "product %d of unit %d from rank %d has %d bytes, expected at most %zu",
             product, unit, from, n, max);
    RV_MPI(MPI_Imrecv(out, n, MPI_BYTE, &message, &request));
    RV_TRY(rv_world_wait(x->world, &request, MPI_STATUS_IGNORE));
    *n_out = (size_t)n;
    return RV_OK;
}

rv_status rv_exchange_finish(rv_exchange *x)
{
    for (int i = 0; i < x->n_requests; i++)
        RV_TRY(rv_world_wait(x->world, &x->requests[i], MPI_STATUS_IGNORE));
    x->n_requests = 0;
    x->n_local = 0;
    return RV_OK;
}

/* The owners in order of their first unit: is unit u the first of its rank? */
static bool is_first_of_owner(const int *owner, int u)
{
    for (int i = 0; i < u; i++)
        if (owner[i] == owner[u])
            return false;
    return true;
}

rv_status rv_exchange_share(rv_exchange *x, int product, int n_units, const int *owner, double *values)
{
    int me = x->world->rank;
    size_t n = 0;
    for (int u = 0; u < n_units; u++)
        for (int v = 0; v < n_units && owner[u] == me; v++)
            if (owner[v] != me && is_first_of_owner(owner, v))
                RV_TRY(rv_exchange_send(x, owner[v], product, u, &values[u], sizeof *values));
    for (int u = 0; u < n_units; u++)
        if (owner[u] != me)
            RV_TRY(rv_exchange_receive(x, owner[u], product, u, &values[u], sizeof *values, &n));
    return rv_exchange_finish(x);
}

static void add(int64_t n, const float *from, float *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += from[i];
}

rv_status rv_exchange_tree_sum(rv_exchange *x, int product, int n_units, const int *owner, float *const *parts,
                               int64_t n, float *scratch, float *sum)
{
    int me = x->world->rank;
    size_t bytes = (size_t)n * sizeof(float);
    size_t got = 0;
    for (int stride = 1; stride < n_units; stride *= 2)
        for (int u = 0; u + stride < n_units; u += 2 * stride) {
            int v = u + stride;
            if (owner[u] == me && owner[v] == me) {
                add(n, parts[v], parts[u]);
            } else if (owner[v] == me) {
                RV_TRY(rv_exchange_send(x, owner[u], product, v, parts[v], bytes));
            } else if (owner[u] == me) {
                RV_TRY(rv_exchange_receive(x, owner[v], product, v, scratch, bytes, &got));
                add(n, scratch, parts[u]);
            }
        }
    if (owner[0] == me) {
        if (sum != parts[0])
            memcpy(sum, parts[0], bytes);
        for (int v = 1; v < n_units; v++)
            if (owner[v] != me && is_first_of_owner(owner, v))
                RV_TRY(rv_exchange_send(x, owner[v], product, n_units, sum, bytes));
    } else {
        RV_TRY(rv_exchange_receive(x, owner[0], product, n_units, sum, bytes, &got));
    }
    return rv_exchange_finish(x);
}
