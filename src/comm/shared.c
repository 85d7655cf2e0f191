#include "comm/shared.h"

#include "base/memory.h"

typedef struct reservation {
    void **at;
    size_t offset;
} reservation;

/* the beginning of every rank's memory */
typedef struct directory {
    uint64_t n_bytes;                  /* of all */
    uint64_t offsets[RV_SHARED_NAMES]; /* of what has a name; 0: nothing */
} directory;

struct rv_shared {
    rv_world *world;
    int n_reserved;
    reservation *reserved; /* (n_reserved) */
    directory mine;
    void *alone;  /* the memory of a rank alone on its node */
    void **bases; /* (node_size) every rank's memory; NULL before it is open, and when alone */
};

static size_t round_up(size_t n)
{
    return (n + RV_ALIGN - 1) & ~(size_t)(RV_ALIGN - 1);
}

rv_status rv_shared_create(rv_world *world, rv_shared **out)
{
    rv_shared *s = NULL;
    RV_TRY(RV_NEW(s, 1));
    s->world = world;
    s->mine.n_bytes = round_up(sizeof s->mine);
    *out = s;
    return RV_OK;
}

void rv_shared_destroy(rv_shared **shared)
{
    rv_shared *s = *shared;
    if (!s)
        return;
    rv_mem_free(&s->reserved);
    rv_mem_free(&s->alone);
    rv_mem_free(&s->bases);
    rv_mem_free(shared);
}

static bool is_open(const rv_shared *s)
{
    return s->alone || s->bases;
}

rv_status rv_shared_reserve(rv_shared *s, size_t n, size_t size, void **at)
{
    size_t bytes = 0;
    size_t end = 0;
    size_t count = (size_t)s->n_reserved;
    RV_CHECK(!is_open(s), RV_E_INTERNAL, "shared memory is reserved before it is opened");
    bool overflow = __builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 4 ||
                    __builtin_add_overflow(s->mine.n_bytes, round_up(bytes), &end);
    RV_CHECK(!overflow, RV_E_NOMEM, "cannot reserve %zu elements of %zu bytes: the size overflows", n, size);
    RV_TRY(rv_mem_resize(count, count + 1, sizeof *s->reserved, (void **)&s->reserved));
    s->reserved[s->n_reserved++] = (reservation){at, s->mine.n_bytes};
    s->mine.n_bytes = end;
    *at = NULL;
    return RV_OK;
}

int rv_shared_free_name(const rv_shared *s, int from)
{
    while (from < RV_SHARED_NAMES && s->mine.offsets[from])
        from++;
    return from;
}

rv_status rv_shared_name_next(rv_shared *s, int name)
{
    RV_CHECK(name >= 0 && name < RV_SHARED_NAMES && s->mine.offsets[name] == 0, RV_E_INTERNAL,
             "shared memory cannot have the name %d: it is taken, or not below %d", name, RV_SHARED_NAMES);
    s->mine.offsets[name] = s->mine.n_bytes;
    return RV_OK;
}

/* all ranks' memory, each with its directory filled in */
static rv_status open_on_node(rv_shared *s, void **bases)
{
    RV_TRY(rv_world_share(s->world, s->mine.n_bytes, bases));
    *(directory *)bases[s->world->node_rank] = s->mine;
    return rv_world_node_barrier(s->world);
}

rv_status rv_shared_open(rv_shared *s)
{
    RV_CHECK(!is_open(s), RV_E_INTERNAL, "shared memory is opened once");
    if (s->world->node_size > 1) {
        void **bases = NULL;
        RV_TRY(RV_NEW(bases, s->world->node_size));
        rv_status status = open_on_node(s, bases);
        if (status != RV_OK) {
            rv_mem_free(&bases);
            return rv_trace_at(__func__, __FILE__, __LINE__, status);
        }
        s->bases = bases;
    } else {
        RV_TRY(rv_mem_alloc(1, s->mine.n_bytes, &s->alone));
    }
    char *base = s->bases ? s->bases[s->world->node_rank] : s->alone;
    for (int i = 0; i < s->n_reserved; i++)
        *s->reserved[i].at = base + s->reserved[i].offset;
    return RV_OK;
}

void *rv_shared_find(const rv_shared *s, int node_rank, int name)
{
    if (!is_open(s))
        return NULL;
    const directory *d = s->bases ? s->bases[node_rank] : &s->mine;
    char *base = s->bases ? s->bases[node_rank] : s->alone;
    return d->offsets[name] ? base + d->offsets[name] : NULL;
}

bool rv_shared_contains(const rv_shared *s, const void *bytes, size_t n, uint64_t *offset)
{
    if (!s->bases)
        return false;
    uintptr_t base = (uintptr_t)s->bases[s->world->node_rank];
    uintptr_t at = (uintptr_t)bytes;
    if (at < base || at - base > s->mine.n_bytes || n > s->mine.n_bytes - (at - base))
        return false;
    *offset = at - base;
    return true;
}

const void *rv_shared_at(const rv_shared *s, int node_rank, uint64_t offset, uint64_t n)
{
    if (!s->bases)
        return NULL;
    const directory *d = s->bases[node_rank];
    bool is_inside = offset <= d->n_bytes && n <= d->n_bytes - offset;
    return is_inside ? (const char *)s->bases[node_rank] + offset : NULL;
}
