#include "comm/exchange.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "comm/world_mpi.h"

#include <limits.h>
#include <string.h>

/* A message that lies in shared memory is named by a tag with this bit and says only where it is. Shorter ones are not
 * worth it: MPI moves them in one piece with their name. */
enum { REFERENCE = 1 << 20, REFERENCE_BYTES = 4096 };

typedef struct reference {
    uint64_t offset, n;
} reference;

typedef struct local_post {
    int tag;
    const void *bytes;
    size_t n;
} local_post;

/* how many references of one sender this rank has taken since the start */
typedef struct taken {
    _Alignas(RV_ALIGN) atomic_uint_fast64_t count;
} taken;

struct rv_exchange {
    rv_world *world;
    rv_shared *shared;
    int name; /* of the counts in shared memory */
    int max_posts, max_units, n_requests, n_local;
    MPI_Request *requests;     /* (max_posts) sends under way */
    reference *references;     /* (max_posts) what those send that are references */
    int *readers;              /* (max_posts) to whom */
    local_post *local;         /* (max_posts) messages to this rank itself */
    int next_local;            /* where the search begins: messages are mostly taken in the order of their posts */
    taken *taken;              /* (node_size) of each sender on the node; the sender waits for it */
    uint64_t *posted, *waited; /* (node_size) references sent to each rank of the node; those known to be taken */
    /* scratch of share: owners in order of their first unit, and for each rank its first unit, number of values and
     * place in values */
    int *owners, *first, *count, *place; /* (world size) */
    double *values, *mine;               /* (max_units) */
};

/* exchanges are created in the same order everywhere: the numbers of sums come first */
static rv_status reserve_counts(rv_exchange *x)
{
    x->name = rv_shared_free_name(x->shared, RV_EXCHANGE_PRODUCTS);
    RV_TRY(rv_shared_name_next(x->shared, x->name));
    return RV_SHARED_NEW(x->shared, x->taken, x->world->node_size);
}

rv_status rv_exchange_create(rv_world *world, rv_shared *shared, int max_posts, int max_units, rv_exchange **out)
{
    rv_status status = RV_OK;
    rv_exchange *x = NULL;
    RV_TRY(RV_NEW(x, 1));
    x->world = world;
    x->shared = shared;
    x->max_posts = max_posts;
    x->max_units = max_units;
    RV_TRY_GOTO(reserve_counts(x), fail);
    RV_TRY_GOTO(RV_NEW(x->requests, max_posts), fail);
    RV_TRY_GOTO(RV_NEW(x->references, max_posts), fail);
    RV_TRY_GOTO(RV_NEW(x->readers, max_posts), fail);
    RV_TRY_GOTO(RV_NEW(x->local, max_posts), fail);
    RV_TRY_GOTO(RV_NEW(x->posted, world->node_size), fail);
    RV_TRY_GOTO(RV_NEW(x->waited, world->node_size), fail);
    RV_TRY_GOTO(RV_NEW(x->owners, world->size), fail);
    RV_TRY_GOTO(RV_NEW(x->first, world->size), fail);
    RV_TRY_GOTO(RV_NEW(x->count, world->size), fail);
    RV_TRY_GOTO(RV_NEW(x->place, world->size), fail);
    RV_TRY_GOTO(RV_NEW(x->values, max_units), fail);
    RV_TRY_GOTO(RV_NEW(x->mine, max_units), fail);
    *out = x;
    return RV_OK;
fail:
    rv_exchange_destroy(&x);
    return status;
}

void rv_exchange_destroy(rv_exchange **exchange)
{
    rv_exchange *x = *exchange;
    if (!x)
        return;
    rv_mem_free(&x->requests);
    rv_mem_free(&x->references);
    rv_mem_free(&x->readers);
    rv_mem_free(&x->local);
    rv_mem_free(&x->posted);
    rv_mem_free(&x->waited);
    rv_mem_free(&x->owners);
    rv_mem_free(&x->first);
    rv_mem_free(&x->count);
    rv_mem_free(&x->place);
    rv_mem_free(&x->values);
    rv_mem_free(&x->mine);
    rv_mem_free(exchange);
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

static bool is_on_node(const rv_world *w, int rank)
{
    return w->node_size > 1 && w->node_of[rank] == w->node;
}

rv_status rv_exchange_send(rv_exchange *x, int to, int product, int unit, const void *bytes, size_t n)
{
    rv_world *w = x->world;
    RV_TRY(check_name(product, unit));
    int tag = tag_of(product, unit);
    RV_CHECK(n <= INT_MAX, RV_E_INTERNAL, "a message of %zu bytes (product %d, unit %d)", n, product, unit);
    RV_CHECK(x->n_requests < x->max_posts && x->n_local < x->max_posts, RV_E_INTERNAL, "more than %d posts at an edge",
             x->max_posts);
    if (to == w->rank) {
        x->local[x->n_local++] = (local_post){tag, bytes, n};
        return RV_OK;
    }
    reference *r = &x->references[x->n_requests];
    r->n = n;
    if (n >= REFERENCE_BYTES && is_on_node(w, to) && rv_shared_contains(x->shared, bytes, n, &r->offset)) {
        atomic_thread_fence(memory_order_release);
        x->posted[w->node_rank_of[to]]++;
        tag |= REFERENCE;
        bytes = r;
        n = sizeof *r;
    }
    RV_MPI(MPI_Isend(bytes, (int)n, MPI_BYTE, to, tag, w->mpi->world, &x->requests[x->n_requests]));
    x->readers[x->n_requests++] = to;
    return RV_OK;
}

static rv_status receive_local(rv_exchange *x, int product, int unit, void *out, size_t max, size_t *n_out)
{
    for (int i = 0; i < x->n_local; i++) {
        int at = (x->next_local + i) % x->n_local;
        local_post *p = &x->local[at];
        if (p->tag != tag_of(product, unit))
            continue;
        RV_CHECK(p->n <= max, RV_E_PROTOCOL, "product %d of unit %d has %zu bytes, expected at most %zu", product, unit,
                 p->n, max);
        if (p->n > 0)
            memcpy(out, p->bytes, p->n);
        *n_out = p->n;
        x->next_local = at + 1;
        return RV_OK;
    }
    return rv_raise(RV_E_INTERNAL, "product %d of unit %d was not posted by its own rank", product, unit);
}

static rv_status take(rv_exchange *x, MPI_Message *message, void *out, int n)
{
    MPI_Request request;
    RV_MPI(MPI_Imrecv(out, n, MPI_BYTE, message, &request));
    return rv_world_wait(x->world, &request, MPI_STATUS_IGNORE);
}

/* what a reference names is copied from where the sender keeps it; then the sender may use it again */
static rv_status take_reference(rv_exchange *x, int from, MPI_Message *message, void *out, size_t max, size_t *n_out)
{
    reference r;
    int node_rank = x->world->node_rank_of[from];
    RV_TRY(take(x, message, &r, (int)sizeof r));
    atomic_thread_fence(memory_order_acquire);
    const void *bytes = rv_shared_at(x->shared, node_rank, r.offset, r.n);
    RV_CHECK(bytes, RV_E_PROTOCOL, "rank %d sent bytes outside of its shared memory", from);
    if (r.n <= max)
        memcpy(out, bytes, r.n);
    atomic_fetch_add_explicit(&x->taken[node_rank].count, 1, memory_order_release);
    *n_out = r.n;
    return RV_OK;
}

rv_status rv_exchange_receive(rv_exchange *x, int from, int product, int unit, void *out, size_t max, size_t *n_out)
{
    RV_TRY(check_name(product, unit));
    if (from == x->world->rank)
        return receive_local(x, product, unit, out, max, n_out);
    MPI_Message message;
    MPI_Status mpi_status;
    int tag = tag_of(product, unit);
    int n = 0;
    size_t got = 0;
    rv_pulse_wait(RV_WAIT_MESSAGE, from, product, unit);
    RV_TRY(
        rv_world_probe(x->world, from, tag, is_on_node(x->world, from) ? tag | REFERENCE : -1, &message, &mpi_status));
    bool is_reference = mpi_status.MPI_TAG != tag;
    RV_MPI(MPI_Get_count(&mpi_status, MPI_BYTE, &n));
    if (is_reference) {
        RV_CHECK(n == (int)sizeof(reference), RV_E_PROTOCOL, "a reference of %d bytes from rank %d", n, from);
        RV_TRY(take_reference(x, from, &message, out, max, &got));
    } else {
        got = (size_t)n;
    }
    RV_CHECK(got <= max, RV_E_PROTOCOL, "product %d of unit %d from rank %d has %zu bytes, expected at most %zu",
             product, unit, from, got, max);
    if (!is_reference)
        RV_TRY(take(x, &message, out, n));
    rv_pulse_go_on();
    *n_out = got;
    return RV_OK;
}

static int rank_on_node(const rv_world *w, int node_rank)
{
    int rank = 0;
    while (w->node_of[rank] != w->node || w->node_rank_of[rank] != node_rank)
        rank++;
    return rank;
}

rv_status rv_exchange_finish(rv_exchange *x)
{
    rv_world *w = x->world;
    for (int i = 0; i < x->n_requests; i++) {
        rv_pulse_wait(RV_WAIT_READER, x->readers[i], 0, 0);
        RV_TRY(rv_world_wait(w, &x->requests[i], MPI_STATUS_IGNORE));
        rv_pulse_go_on();
    }
    for (int r = 0; r < w->node_size; r++) {
        if (x->waited[r] == x->posted[r])
            continue;
        const taken *reader = rv_shared_find(x->shared, r, x->name);
        RV_CHECK(reader, RV_E_INTERNAL, "node rank %d counts no messages: exchanges are created in one order", r);
        rv_pulse_wait(RV_WAIT_READER, rank_on_node(w, r), 0, 0);
        RV_TRY(rv_world_wait_count(w, &reader[w->node_rank].count, x->posted[r]));
        rv_pulse_go_on();
        x->waited[r] = x->posted[r];
    }
    x->n_requests = 0;
    x->n_local = 0;
    x->next_local = 0;
    return RV_OK;
}

/* owners in order of their first unit, with place and number of each one's values; returns how many there are */
static int list_owners(rv_exchange *x, int n_units, const int *owner)
{
    int n = 0;
    int place = 0;
    memset(x->count, 0, (size_t)x->world->size * sizeof *x->count);
    for (int u = 0; u < n_units; u++)
        if (x->count[owner[u]]++ == 0) {
            x->first[owner[u]] = u;
            x->owners[n++] = owner[u];
        }
    for (int i = 0; i < n; i++) {
        x->place[x->owners[i]] = place;
        place += x->count[x->owners[i]];
    }
    return n;
}

/* each owner sends all its values to each other one, as one message named by its first unit */
rv_status rv_exchange_share(rv_exchange *x, int product, int n_units, const int *owner, double *values)
{
    int me = x->world->rank;
    int n_mine = 0;
    size_t got = 0;
    RV_CHECK(n_units <= x->max_units, RV_E_INTERNAL, "%d units share a value, at most %d can", n_units, x->max_units);
    int n_owners = list_owners(x, n_units, owner);
    for (int u = 0; u < n_units; u++)
        if (owner[u] == me)
            x->mine[n_mine++] = values[u];
    for (int i = 0; i < n_owners; i++)
        if (x->owners[i] != me)
            RV_TRY(rv_exchange_send(x, x->owners[i], product, x->first[me], x->mine, (size_t)n_mine * sizeof *values));
    for (int i = 0; i < n_owners; i++) {
        int from = x->owners[i];
        size_t n_bytes = (size_t)x->count[from] * sizeof *values;
        if (from == me)
            continue;
        RV_TRY(rv_exchange_receive(x, from, product, x->first[from], x->values + x->place[from], n_bytes, &got));
        RV_CHECK(got == n_bytes, RV_E_PROTOCOL, "rank %d shared %zu bytes of product %d, expected %zu", from, got,
                 product, n_bytes);
    }
    for (int u = 0; u < n_units; u++)
        if (owner[u] != me)
            values[u] = x->values[x->place[owner[u]]++];
    return rv_exchange_finish(x);
}
