#include "comm/tree_sum.h"

#include "base/memory.h"
#include "base/pulse.h"
#include "comm/world_mpi.h"

#include <string.h>

/* A chunk is what a rank takes at once of a sum: small enough that no rank waits long for another's last one. Within,
 * a block goes through the whole tree in the first cache. */
enum { CHUNK = 8192, BLOCK = 256, LEVELS = 17 };

/* counters of a sum in shared memory, since the start, each on a cache line of its own */
typedef struct counters {
    _Alignas(RV_ALIGN) atomic_uint_fast64_t n_ready; /* owners that have filled their parts */
    _Alignas(RV_ALIGN) atomic_uint_fast64_t n_taken; /* chunks that somebody sums or has summed */
    _Alignas(RV_ALIGN) atomic_uint_fast64_t n_done;  /* chunks that are summed; of two owners, those that have read */
} counters;

struct rv_tree_sum {
    rv_world *world;
    rv_shared *shared;
    rv_exchange *exchange;
    int product, n_units, n_owners;
    int *owner; /* (n_units) */
    int64_t n_max, n;
    bool is_on_node;     /* all owners are ranks of this node */
    bool is_begun;       /* between begin and end */
    float *block;        /* this rank's memory: [ counters | sum (stride) | a part (stride) of each own unit ] */
    int64_t stride;      /* floats from part to part */
    int *place;          /* (n_units) which of its owner's parts a unit's is */
    const float **parts; /* (n_units) found in the first round; NULL for units on other nodes */
    float *total;        /* where the sum goes: at the owner of unit 0 when owners make one together, else here */
    counters *counters;  /* at the owner of unit 0; of a sum on a node */
    uint64_t n_ready, n_taken, n_done; /* what the counters reach in the round that was begun last */
    float *scratch;                    /* (n_max) a message's vector */
};

enum { BLOCK_HEAD = sizeof(counters) / sizeof(float) };

/* who owns what, as this rank needs it; returns how many units are its own */
static int place_units(rv_tree_sum *s, const int *owner, int *count)
{
    s->is_on_node = true;
    for (int u = 0; u < s->n_units; u++) {
        s->owner[u] = owner[u];
        s->n_owners += count[owner[u]] == 0;
        s->place[u] = count[owner[u]]++;
    }
    for (int u = 0; u < s->n_units && s->n_owners > 1; u++)
        s->is_on_node &= s->world->node_of[owner[u]] == s->world->node;
    return count[s->world->rank];
}

static rv_status allocate(rv_tree_sum *s, const int *owner)
{
    rv_status status = RV_OK;
    int *count = NULL;
    RV_TRY(RV_NEW(s->owner, s->n_units));
    RV_TRY(RV_NEW(s->place, s->n_units));
    RV_TRY(RV_NEW(s->parts, s->n_units));
    RV_TRY_GOTO(RV_NEW(count, s->world->size), done);
    int64_t n_own = place_units(s, owner, count);
    RV_CHECK_GOTO(n_own > 0, RV_E_INTERNAL, done, "rank %d has no part in sum %d", s->world->rank, s->product);
    if (!s->is_on_node)
        RV_TRY_GOTO(RV_NEW(s->scratch, s->n_max), done);
    RV_TRY_GOTO(rv_shared_name_next(s->shared, s->product), done);
    RV_TRY_GOTO(RV_SHARED_NEW(s->shared, s->block, BLOCK_HEAD + s->stride * (1 + n_own)), done);
done:
    rv_mem_free(&count);
    return status;
}

rv_status rv_tree_sum_create(rv_world *world, rv_shared *shared, rv_exchange *x, int product, int n_units,
                             const int *owner, int64_t n_max, rv_tree_sum **out)
{
    rv_tree_sum *s = NULL;
    RV_CHECK(product >= 0 && product < RV_EXCHANGE_PRODUCTS && n_units > 0 && n_units < RV_EXCHANGE_UNITS,
             RV_E_INTERNAL, "no sum can be product %d of %d units", product, n_units);
    RV_TRY(RV_NEW(s, 1));
    s->world = world;
    s->shared = shared;
    s->exchange = x;
    s->product = product;
    s->n_units = n_units;
    s->n_max = n_max;
    s->stride = (n_max + BLOCK_HEAD - 1) / BLOCK_HEAD * BLOCK_HEAD;
    rv_status status = allocate(s, owner);
    if (status != RV_OK) {
        rv_tree_sum_destroy(&s);
        return rv_trace_at(__func__, __FILE__, __LINE__, status);
    }
    *out = s;
    return RV_OK;
}

void rv_tree_sum_destroy(rv_tree_sum **sum)
{
    if (!*sum)
        return;
    rv_mem_free(&(*sum)->owner);
    rv_mem_free(&(*sum)->place);
    rv_mem_free(&(*sum)->parts);
    rv_mem_free(&(*sum)->scratch);
    rv_mem_free(sum);
}

static float *part_in(const rv_tree_sum *s, float *block, int unit)
{
    return block + BLOCK_HEAD + s->stride * (1 + s->place[unit]);
}

/* the blocks of the owners on this node */
static rv_status find_parts(rv_tree_sum *s)
{
    const rv_world *w = s->world;
    float *first = NULL;
    for (int u = 0; u < s->n_units; u++) {
        int owner = s->owner[u];
        float *block = s->block;
        if (owner != w->rank) {
            if (!s->is_on_node)
                continue;
            block = rv_shared_find(s->shared, w->node_rank_of[owner], s->product);
            RV_CHECK(block, RV_E_INTERNAL, "rank %d has not created sum %d", owner, s->product);
        }
        s->parts[u] = part_in(s, block, u);
        if (u == 0)
            first = block;
    }
    s->counters = (counters *)(void *)first;
    s->total = (s->is_on_node && s->n_owners > 2 ? first : s->block) + BLOCK_HEAD;
    return RV_OK;
}

/* for other owners, who have to bring a count so far */
static rv_status wait_for(const rv_tree_sum *s, const atomic_uint_fast64_t *count, uint64_t at_least)
{
    rv_pulse_wait(RV_WAIT_SUM, -1, s->product, 0);
    RV_TRY(rv_world_wait_count(s->world, count, at_least));
    rv_pulse_go_on();
    return RV_OK;
}

rv_status rv_tree_sum_part(rv_tree_sum *s, int unit, float **part)
{
    RV_CHECK(!s->is_begun, RV_E_INTERNAL, "sum %d: a part was asked for before the sum has ended", s->product);
    if (!s->total)
        RV_TRY(find_parts(s));
    if (s->is_on_node && s->n_owners > 1)
        RV_TRY(wait_for(s, &s->counters->n_done, s->n_done));
    *part = part_in(s, s->block, unit);
    return RV_OK;
}

rv_status rv_tree_sum_begin(rv_tree_sum *s, int64_t n)
{
    RV_CHECK(!s->is_begun && n > 0 && n <= s->n_max, RV_E_INTERNAL,
             "sum %d of %lld floats: the one before has not ended, or they are more than %lld", s->product,
             (long long)n, (long long)s->n_max);
    RV_CHECK(s->total, RV_E_INTERNAL, "sum %d begins before its parts are filled", s->product);
    s->is_begun = true;
    s->n = n;
    s->n_ready += (uint64_t)s->n_owners;
    s->n_taken += (uint64_t)((n + CHUNK - 1) / CHUNK);
    s->n_done = s->n_owners == 2 ? s->n_ready : s->n_taken;
    if (s->is_on_node && s->n_owners > 1)
        atomic_fetch_add_explicit(&s->counters->n_ready, 1, memory_order_release);
    return RV_OK;
}

/* ---- all on one node ---- */

typedef float eight __attribute__((vector_size(32), aligned(4), may_alias));

/* out = a + b (n); out may be a or b */
__attribute__((target("avx2"))) static void add(int64_t n, const float *a, const float *b, float *out)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        *(eight *)(out + i) = *(const eight *)(a + i) + *(const eight *)(b + i);
    for (; i < n; i++)
        out[i] = a[i] + b[i];
}

/* Floats at .. at + n of the sum of units from .. from + width - 1, as far as those exist; width is a power of two.
 * It is at the place returned: in a part when that is the only one, else in out. */
static const float *tree(const rv_tree_sum *s, int from, int width, int64_t at, int n, float *out,
                         float (*scratch)[BLOCK])
{
    int half = width / 2;
    if (width == 1)
        return s->parts[from] + at;
    if (from + half >= s->n_units)
        return tree(s, from, half, at, n, out, scratch);
    const float *left = tree(s, from, half, at, n, out, scratch);
    const float *right = tree(s, from + half, half, at, n, scratch[0], scratch + 1);
    add(n, left, right, out);
    return out;
}

static void sum_chunk(const rv_tree_sum *s, int64_t chunk)
{
    float scratch[LEVELS][BLOCK];
    int64_t end = (chunk + 1) * CHUNK < s->n ? (chunk + 1) * CHUNK : s->n;
    int width = 1;
    while (width < s->n_units)
        width *= 2;
    for (int64_t at = chunk * CHUNK; at < end; at += BLOCK)
        tree(s, 0, width, at, (int)(end - at < BLOCK ? end - at : BLOCK), s->total + at, scratch);
}

static void sum_alone(const rv_tree_sum *s)
{
    for (int64_t chunk = 0; chunk * CHUNK < s->n; chunk++)
        sum_chunk(s, chunk);
}

/* two owners each make the whole sum: what they read from each other is as much as if they made half of it each, and
 * neither waits for the other's half */
static rv_status sum_by_two(rv_tree_sum *s)
{
    RV_TRY(wait_for(s, &s->counters->n_ready, s->n_ready));
    sum_alone(s);
    atomic_fetch_add_explicit(&s->counters->n_done, 1, memory_order_release);
    return RV_OK;
}

/* more owners make one sum. Chunks go to whoever asks, so that an owner that the system has put aside holds nobody up:
 * bits do not depend on who sums. */
static rv_status sum_together(rv_tree_sum *s)
{
    counters *c = s->counters;
    uint64_t n_done = 0;
    uint64_t first = s->n_taken - (uint64_t)((s->n + CHUNK - 1) / CHUNK);
    RV_TRY(wait_for(s, &c->n_ready, s->n_ready));
    uint64_t next = atomic_load_explicit(&c->n_taken, memory_order_relaxed);
    while (next < s->n_taken) {
        if (!atomic_compare_exchange_weak_explicit(&c->n_taken, &next, next + 1, memory_order_relaxed,
                                                   memory_order_relaxed))
            continue;
        sum_chunk(s, (int64_t)(next - first));
        n_done++;
        next++;
    }
    if (n_done > 0)
        atomic_fetch_add_explicit(&c->n_done, n_done, memory_order_release);
    return wait_for(s, &c->n_done, s->n_done);
}

/* ---- over nodes ---- */

/* the owner that gets the sum for a node: that of the node's first unit */
static int head_of(const rv_tree_sum *s, int node)
{
    int u = 0;
    while (s->world->node_of[s->owner[u]] != node)
        u++;
    return s->owner[u];
}

/* the whole sum to whom this rank passes it on: a head to the owners on its node, that of unit 0 also to other heads */
static rv_status pass_on(const rv_tree_sum *s, const float *total)
{
    const rv_world *w = s->world;
    if (head_of(s, w->node) != w->rank)
        return RV_OK;
    for (int u = 1; u < s->n_units; u++) {
        int to = s->owner[u];
        int node = w->node_of[to];
        if (s->place[u] > 0 || to == w->rank)
            continue;
        if (node == w->node || (s->owner[0] == w->rank && head_of(s, node) == to))
            RV_TRY(rv_exchange_send(s->exchange, to, s->product, s->n_units, total, (size_t)s->n * sizeof(float)));
    }
    return RV_OK;
}

/* each step of the tree adds the right branch to the left one, in place */
static rv_status sum_by_messages(rv_tree_sum *s, const float **total)
{
    int me = s->world->rank;
    size_t bytes = (size_t)s->n * sizeof(float);
    size_t got = 0;
    for (int stride = 1; stride < s->n_units; stride *= 2)
        for (int u = 0; u + stride < s->n_units; u += 2 * stride) {
            int v = u + stride;
            if (s->owner[u] == me) {
                float *left = part_in(s, s->block, u);
                const float *right = s->scratch;
                if (s->owner[v] == me)
                    right = s->parts[v];
                else
                    RV_TRY(rv_exchange_receive(s->exchange, s->owner[v], s->product, v, s->scratch, bytes, &got));
                add(s->n, left, right, left);
            } else if (s->owner[v] == me) {
                RV_TRY(rv_exchange_send(s->exchange, s->owner[u], s->product, v, s->parts[v], bytes));
            }
        }
    *total = s->owner[0] == me ? s->parts[0] : s->total;
    if (s->owner[0] != me) {
        int head = head_of(s, s->world->node);
        int from = head == me ? s->owner[0] : head;
        RV_TRY(rv_exchange_receive(s->exchange, from, s->product, s->n_units, s->total, bytes, &got));
    }
    RV_TRY(pass_on(s, *total));
    return rv_exchange_finish(s->exchange);
}

rv_status rv_tree_sum_end(rv_tree_sum *s, const float **total)
{
    RV_CHECK(s->is_begun, RV_E_INTERNAL, "sum %d ends before it has begun", s->product);
    const float *at = s->n_units == 1 ? s->parts[0] : s->total;
    if (!s->is_on_node)
        RV_TRY(sum_by_messages(s, &at));
    else if (s->n_owners > 2)
        RV_TRY(sum_together(s));
    else if (s->n_owners == 2)
        RV_TRY(sum_by_two(s));
    else if (s->n_units > 1)
        sum_alone(s);
    s->is_begun = false;
    *total = at;
    return RV_OK;
}
