#include "comm/world.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "comm/world_mpi.h"

#include <errno.h>
#include <immintrin.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

rv_status rv_mpi_error(int code, const char *call)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int n = 0;
    MPI_Error_string(code, text, &n);
    return rv_raise(RV_E_INTERNAL, "MPI failed: %s in %.120s", text, call);
}

bool rv_world_is_rank(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK");
}

static rv_status find_nodes(rv_world *w)
{
    int leader = w->rank;
    int *n_ranks = NULL; /* (size) found so far on each node */
    RV_MPI(MPI_Comm_split_type(w->mpi->world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &w->mpi->node));
    RV_MPI(MPI_Comm_rank(w->mpi->node, &w->node_rank));
    RV_MPI(MPI_Comm_size(w->mpi->node, &w->node_size));
    RV_MPI(MPI_Bcast(&leader, 1, MPI_INT, 0, w->mpi->node));
    RV_TRY(RV_NEW(w->node_of, w->size));
    RV_TRY(RV_NEW(w->node_rank_of, w->size));
    RV_TRY(RV_NEW(w->leader_of, w->size));
    RV_TRY(RV_NEW(n_ranks, w->size));
    RV_MPI(MPI_Allgather(&leader, 1, MPI_INT, w->node_of, 1, MPI_INT, w->mpi->world));
    /* leaders, which are lowest ranks, become node numbers in the order in which they appear */
    for (int r = 0; r < w->size; r++) {
        leader = w->node_of[r];
        if (leader == r)
            w->leader_of[w->n_nodes++] = r;
        w->node_of[r] = leader == r ? w->n_nodes - 1 : w->node_of[leader];
        w->node_rank_of[r] = n_ranks[w->node_of[r]]++;
    }
    rv_mem_free(&n_ranks);
    w->node = w->node_of[w->rank];
    return RV_OK;
}

/* the cores that the node's ranks may use together: each may be bound to some of them */
static rv_status count_cores(rv_world *w)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    RV_CHECK(sched_getaffinity(0, sizeof cores, &cores) == 0, RV_E_OS, "cannot read the cores of this process: %s",
             strerror(errno));
    RV_MPI(MPI_Allreduce(MPI_IN_PLACE, &cores, (int)sizeof cores, MPI_BYTE, MPI_BOR, w->mpi->node));
    w->has_cores = w->node_size <= CPU_COUNT(&cores);
    return RV_OK;
}

static rv_status open_world(rv_world *w)
{
    int provided = 0;
    if (rv_world_is_rank())
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    RV_MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided));
    RV_CHECK(provided >= MPI_THREAD_FUNNELED, RV_E_UNAVAILABLE, "this MPI library offers no thread support");
    RV_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &w->mpi->world));
    RV_MPI(MPI_Comm_set_errhandler(w->mpi->world, MPI_ERRORS_RETURN));
    RV_MPI(MPI_Comm_rank(w->mpi->world, &w->rank));
    RV_MPI(MPI_Comm_size(w->mpi->world, &w->size));
    gethostname(w->host, sizeof w->host - 1);
    prctl(PR_SET_TIMERSLACK, 1000UL); /* nanoseconds: short sleeps stay short */
    RV_TRY(find_nodes(w));
    return count_cores(w);
}

rv_status rv_world_create(rv_world **out)
{
    rv_world *w = NULL;
    RV_TRY(RV_NEW(w, 1));
    rv_status status = RV_NEW(w->mpi, 1);
    if (status == RV_OK)
        status = open_world(w);
    if (status != RV_OK) {
        rv_mem_free(&w->mpi);
        rv_mem_free(&w);
        return rv_trace_at(__func__, __FILE__, __LINE__, status);
    }
    *out = w;
    return RV_OK;
}

void rv_world_destroy(rv_world **world)
{
    rv_world *w = *world;
    if (!w)
        return;
    for (int i = 0; i < w->mpi->n_windows; i++) {
        MPI_Win_unlock_all(w->mpi->windows[i]);
        MPI_Win_free(&w->mpi->windows[i]);
    }
    rv_mem_free(&w->mpi->windows);
    MPI_Comm_free(&w->mpi->node);
    MPI_Comm_free(&w->mpi->world);
    MPI_Finalize();
    rv_mem_free(&w->node_of);
    rv_mem_free(&w->node_rank_of);
    rv_mem_free(&w->leader_of);
    rv_mem_free(&w->mpi);
    rv_mem_free(world);
}

void rv_world_abort(const rv_world *world, int exit_code)
{
    if (world && world->size > 1)
        MPI_Abort(world->mpi->world, exit_code);
    _exit(exit_code);
}

/* Yield first: the answer often comes within microseconds. Then sleep, longer and longer, up to 0.32 ms. */
static void back_off(int *n_tries)
{
    enum { YIELDS = 200 };
    if ((*n_tries)++ < YIELDS) {
        sched_yield();
        return;
    }
    int doublings = (*n_tries - YIELDS) / 20;
    rv_clock_sleep(10e-6 * (double)(1 << (doublings < 5 ? doublings : 5)));
}

rv_status rv_world_wait(rv_world *world, MPI_Request *request, MPI_Status *mpi_status)
{
    int done = 0;
    int n_tries = 0;
    double start = rv_clock_now();
    for (;;) {
        RV_MPI(MPI_Test(request, &done, mpi_status));
        if (done)
            break;
        back_off(&n_tries);
    }
    world->wait_s += rv_clock_now() - start;
    return RV_OK;
}

/* other first, but only looked at: what is named tag came before it, and is seen by now */
static rv_status probe(rv_world *world, int source, int tag, int other, int *found, MPI_Message *message,
                       MPI_Status *mpi_status)
{
    int is_other = 0;
    if (other >= 0)
        RV_MPI(MPI_Iprobe(source, other, world->mpi->world, &is_other, MPI_STATUS_IGNORE));
    RV_MPI(MPI_Improbe(source, tag, world->mpi->world, found, message, mpi_status));
    if (!*found && is_other)
        RV_MPI(MPI_Improbe(source, other, world->mpi->world, found, message, mpi_status));
    return RV_OK;
}

rv_status rv_world_probe(rv_world *world, int source, int tag, int other, MPI_Message *message, MPI_Status *mpi_status)
{
    int found = 0;
    int n_tries = 0;
    double start = rv_clock_now();
    for (;;) {
        RV_TRY(probe(world, source, tag, other, &found, message, mpi_status));
        if (found)
            break;
        back_off(&n_tries);
    }
    world->wait_s += rv_clock_now() - start;
    return RV_OK;
}

static bool has_reached(const atomic_uint_fast64_t *count, uint64_t at_least)
{
    return atomic_load_explicit(count, memory_order_acquire) >= at_least;
}

rv_status rv_world_wait_count(rv_world *world, const atomic_uint_fast64_t *count, uint64_t at_least)
{
    const double spin_s = 30e-6;
    int n_tries = 0;
    int ignored = 0;
    if (has_reached(count, at_least))
        return RV_OK;
    double start = rv_clock_now();
    while (world->has_cores && !has_reached(count, at_least) && rv_clock_now() - start < spin_s)
        _mm_pause();
    while (!has_reached(count, at_least)) {
        /* who is waited for may himself wait for a message of this rank that is still on its way */
        RV_MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, world->mpi->world, &ignored, MPI_STATUS_IGNORE));
        back_off(&n_tries);
    }
    world->wait_s += rv_clock_now() - start;
    return RV_OK;
}

static rv_status wait_for_all(rv_world *world, MPI_Request *request)
{
    rv_pulse_wait(RV_WAIT_ALL, -1, 0, 0);
    RV_TRY(rv_world_wait(world, request, MPI_STATUS_IGNORE));
    rv_pulse_go_on();
    return RV_OK;
}

rv_status rv_world_max(rv_world *world, int n, int64_t *values)
{
    MPI_Request request;
    RV_MPI(MPI_Iallreduce(MPI_IN_PLACE, values, n, MPI_INT64_T, MPI_MAX, world->mpi->world, &request));
    return wait_for_all(world, &request);
}

rv_status rv_world_broadcast(rv_world *world, void *bytes, size_t n)
{
    MPI_Request request;
    RV_CHECK(n <= INT_MAX, RV_E_INTERNAL, "a broadcast of %zu bytes", n);
    RV_MPI(MPI_Ibcast(bytes, (int)n, MPI_BYTE, 0, world->mpi->world, &request));
    return wait_for_all(world, &request);
}

rv_status rv_world_gather(rv_world *world, const void *bytes, size_t n, void *out)
{
    MPI_Request request;
    RV_CHECK(n <= INT_MAX, RV_E_INTERNAL, "a gather of %zu bytes", n);
    RV_MPI(MPI_Igather(bytes, (int)n, MPI_BYTE, out, (int)n, MPI_BYTE, 0, world->mpi->world, &request));
    return wait_for_all(world, &request);
}

static rv_status sync_windows(const rv_world *world)
{
    for (int i = 0; i < world->mpi->n_windows; i++)
        RV_MPI(MPI_Win_sync(world->mpi->windows[i]));
    return RV_OK;
}

rv_status rv_world_node_barrier(rv_world *world)
{
    MPI_Request request;
    RV_TRY(sync_windows(world));
    RV_MPI(MPI_Ibarrier(world->mpi->node, &request));
    rv_pulse_wait(RV_WAIT_NODE, -1, 0, 0);
    RV_TRY(rv_world_wait(world, &request, MPI_STATUS_IGNORE));
    rv_pulse_go_on();
    return sync_windows(world);
}

static char *at_cache_line(void *p)
{
    return (char *)(((uintptr_t)p + RV_ALIGN - 1) & ~(uintptr_t)(RV_ALIGN - 1));
}

rv_status rv_world_share(rv_world *world, size_t bytes, void **bases)
{
    struct rv_world_mpi *mpi = world->mpi;
    int n = mpi->n_windows;
    int unit = 0;
    void *base = NULL;
    MPI_Aint size = 0;
    MPI_Win window;
    RV_TRY(rv_mem_resize((size_t)n, (size_t)n + 1, sizeof(MPI_Win), (void **)&mpi->windows));
    int code = MPI_Win_allocate_shared((MPI_Aint)(bytes + RV_ALIGN), 1, MPI_INFO_NULL, mpi->node, &base, &window);
    RV_CHECK(code == MPI_SUCCESS, RV_E_NOMEM,
             "MPI cannot share memory on %s (%.1f MB of rank %d, more of others); has /dev/shm room for all of it?",
             world->host, (double)bytes / 1e6, world->rank);
    mpi->windows[mpi->n_windows++] = window;
    RV_MPI(MPI_Win_set_errhandler(window, MPI_ERRORS_RETURN));
    RV_MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, window));
    memset(at_cache_line(base), 0, bytes);
    RV_TRY(rv_world_node_barrier(world));
    for (int r = 0; r < world->node_size; r++) {
        RV_MPI(MPI_Win_shared_query(window, r, &size, &unit, &base));
        bases[r] = at_cache_line(base);
    }
    return RV_OK;
}
