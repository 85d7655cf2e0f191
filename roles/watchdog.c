#include "roles/watchdog.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "base/stacks.h"
#include "comm/beacon.h"
#include "roles/edge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "watchdog_"

enum { STACK_BYTES = 512 * 1024, TEXT = 512, HURRY = 10, LOOKS = 10 };

/* a culprit that runs has that long to speak for itself, on this node and on another; and a rank that named a culprit
 * has that long until the others of its node end too */
static const double speak_s = 1, speak_far_s = 2, follow_s = 5;
static const double most_between_looks_s = 1;

/* what this rank has seen of a rank, itself included */
typedef struct seen {
    uint64_t n_beats, n_looks;
    double quiet, silent; /* seconds since the one and the other have changed */
} seen;

typedef enum kind { GETS_ON, AT_WORK, NOT_RUNNING, CIRCLE } kind;

typedef struct finding {
    kind kind;
    int rank; /* the culprit */
} finding;

struct rv_watchdog {
    rv_world *world;
    const rv_layout *layout;
    const char *run_dir;
    double seconds, interval;
    rv_pulse **pulses;            /* (world size) */
    rv_pulse *alone;              /* memory of a rank alone on its node */
    rv_pulse *first;              /* of the node's first rank */
    char (*hosts)[RV_WORLD_HOST]; /* (n_nodes) */
    seen *seen;                   /* (world size) */
    rv_beacon *beacon;
    finding last; /* found in the look before, and for how long */
    double found_for;
    double followed; /* seconds since another rank of the node has spoken */
    bool has_warned; /* of a host that was never heard */
    bool is_started;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_over;
};

/* ---- finding out ---- */

static int me(const rv_watchdog *d)
{
    return d->world->rank;
}

static bool is_here(const rv_watchdog *d, int rank)
{
    return d->world->node_of[rank] == d->world->node;
}

static rv_pulse_place place_of(const rv_watchdog *d, int rank)
{
    return rv_pulse_place_of(rv_pulse_load(&d->pulses[rank]->place));
}

static rv_pulse_waiting wait_of(const rv_watchdog *d, int rank)
{
    return rv_pulse_wait_of(rv_pulse_load(&d->pulses[rank]->wait));
}

static bool is_over(const rv_watchdog *d, int rank)
{
    return place_of(d, rank).phase == RV_PHASE_OVER;
}

static bool is_silent(const rv_watchdog *d, int rank)
{
    return rank != me(d) && !is_over(d, rank) && d->seen[rank].silent >= d->seconds;
}

/* nothing has ever come from its node: datagrams do not get through, and nobody can say what happens there */
static bool is_unknown(const rv_watchdog *d, int rank)
{
    return d->seen[d->world->leader_of[d->world->node_of[rank]]].n_looks == 0;
}

static void look(rv_watchdog *d, double passed)
{
    rv_pulse *own = d->pulses[me(d)];
    rv_pulse_store(&own->n_looks, rv_pulse_load(&own->n_looks) + 1);
    if (d->beacon)
        rv_beacon_turn(d->beacon);
    for (int r = 0; r < d->world->size; r++) {
        seen *s = &d->seen[r];
        uint64_t n_beats = rv_pulse_load(&d->pulses[r]->n_beats);
        uint64_t n_looks = rv_pulse_load(&d->pulses[r]->n_looks);
        s->quiet = n_beats != s->n_beats ? 0 : s->quiet + passed;
        /* one that works runs, even if its watchdog is late */
        s->silent = n_looks != s->n_looks || n_beats != s->n_beats ? 0 : s->silent + passed;
        s->n_beats = n_beats;
        s->n_looks = n_looks;
    }
}

/* who of many holds them all up */
static finding search(const rv_watchdog *d)
{
    finding worst = {CIRCLE, me(d)};
    for (int r = 0; r < d->world->size; r++) {
        if (r == me(d) || is_over(d, r))
            continue;
        if (is_unknown(d, r))
            return (finding){GETS_ON, r};
        if (is_silent(d, r))
            return (finding){NOT_RUNNING, r};
        if (d->seen[r].quiet < d->seconds)
            worst = (finding){GETS_ON, r};
        else if (worst.kind == CIRCLE && wait_of(d, r).kind == RV_WAIT_NONE)
            worst = (finding){AT_WORK, r};
    }
    return worst;
}

/* from this rank, which gets nowhere, to the one that holds it up */
static finding follow(const rv_watchdog *d)
{
    int at = me(d);
    for (int i = 0; i < d->world->size; i++) {
        rv_pulse_waiting wait = wait_of(d, at);
        if (at != me(d) && (is_unknown(d, at) || is_over(d, at)))
            return (finding){GETS_ON, at};
        if (is_silent(d, at))
            return (finding){NOT_RUNNING, at};
        if (d->seen[at].quiet < d->seconds)
            return (finding){GETS_ON, at};
        if (wait.kind == RV_WAIT_NONE)
            return (finding){AT_WORK, at};
        if (wait.rank < 0 || wait.rank >= d->world->size)
            return search(d);
        at = wait.rank;
    }
    return (finding){CIRCLE, me(d)};
}

static finding find(const rv_watchdog *d)
{
    /* who does not run cannot say so, and its node sees it best */
    for (int r = 0; r < d->world->size; r++)
        if (is_here(d, r) && is_silent(d, r))
            return (finding){NOT_RUNNING, r};
    if (is_over(d, me(d)))
        return (finding){GETS_ON, me(d)};
    return follow(d);
}

static double patience(const rv_watchdog *d, const finding *f)
{
    if (f->rank == me(d) && f->kind == AT_WORK)
        return 0;
    if (!is_here(d, f->rank) || f->kind == CIRCLE)
        return speak_far_s;
    return f->kind == NOT_RUNNING ? 0 : speak_s;
}

/* ---- saying so ---- */

typedef struct text {
    char at[2 * TEXT];
    size_t n;
} text;

__attribute__((format(printf, 2, 3))) static void add(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->n, sizeof t->at - t->n, format, args);
    va_end(args);
    t->n += n > 0 ? (size_t)n : 0;
    if (t->n > sizeof t->at - 1)
        t->n = sizeof t->at - 1;
}

static bool is_role(int role)
{
    return role >= 0 && role < RV_N_ROLES;
}

/* "rank 2 (model rollout) on host1" */
static void add_rank(const rv_watchdog *d, int rank, text *t)
{
    const char *separator = " (";
    add(t, "rank %d", rank);
    for (int role = 0; role < RV_N_ROLES; role++) {
        if (!rv_layout_hosts(d->layout, (rv_role_id)role, rank))
            continue;
        add(t, "%s%s", separator, rv_role_names[role]);
        separator = " ";
    }
    add(t, "%s on %s", separator[1] ? "" : ")", d->hosts[d->world->node_of[rank]]);
}

/* "actor, env 2: in the environment's step, tick 12" */
static void add_place(const rv_watchdog *d, int rank, text *t)
{
    static const char *const phases[RV_N_PHASES] = {
        [RV_PHASE_START] = "setting up",
        [RV_PHASE_LOAD] = "loading a checkpoint",
        [RV_PHASE_WORK] = "at work",
        [RV_PHASE_STEP] = "in the environment's step",
        [RV_PHASE_RESET] = "in the environment's reset",
        [RV_PHASE_EDGE] = "moving data",
        [RV_PHASE_TICK_END] = "at the end of a tick",
        [RV_PHASE_CHECKPOINT] = "writing a checkpoint",
        [RV_PHASE_OVER] = "done",
    };
    rv_pulse_place p = place_of(d, rank);
    if (is_role(p.role))
        add(t, "%s", rv_role_names[p.role]);
    if (is_role(p.role) && p.unit >= 0)
        add(t, ", %s %d", rv_unit_names[p.role], p.unit);
    add(t, "%s%s, tick %llu", is_role(p.role) ? ": " : "", phases[p.phase],
        (unsigned long long)rv_pulse_load(&d->pulses[rank]->tick));
}

/* "rank 1 waits for rank 2: real rows of env 3"; nothing when it does not wait */
static void add_wait(const rv_watchdog *d, int rank, text *t)
{
    rv_pulse_waiting w = wait_of(d, rank);
    char product[64];
    switch (w.kind) {
    case RV_WAIT_MESSAGE:
        rv_edge_describe(w.product, w.unit, product);
        add(t, "; rank %d waits for rank %d: %s", rank, w.rank, product);
        return;
    case RV_WAIT_READER:
        add(t, "; rank %d waits for rank %d to take what was sent to it", rank, w.rank);
        return;
    case RV_WAIT_SUM:
        add(t, "; rank %d waits for the gradients of other ranks", rank);
        return;
    case RV_WAIT_ALL:
        add(t, "; rank %d waits for all ranks", rank);
        return;
    case RV_WAIT_NODE:
        add(t, "; rank %d waits for all ranks of its node", rank);
        return;
    default:
        return;
    }
}

static const char *state_text(char state)
{
    switch (state) {
    case 'T':
        return "it was stopped (SIGSTOP)";
    case 't':
        return "a debugger holds it";
    case 'D':
        return "it waits for a disk or network file system";
    case 'Z':
        return "it has ended";
    case 0:
        return "it is not to be seen";
    default:
        return "it gets no processor";
    }
}

static void add_not_running(const rv_watchdog *d, int rank, text *t)
{
    int node = d->world->node_of[rank];
    add_rank(d, rank, t);
    if (is_here(d, rank)) {
        long pid = (long)rv_pulse_load(&d->pulses[rank]->pid);
        add(t, " has not run for %.0f s: process %ld, %s; last seen: ", d->seen[rank].silent, pid,
            state_text(rv_process_state(pid)));
    } else {
        add(t, " has not been heard for %.0f s: host %s is cut off, or nothing runs there; last seen: ",
            d->seen[rank].silent, d->hosts[node]);
    }
    add_place(d, rank, t);
}

static void describe(const rv_watchdog *d, const finding *f, text *t)
{
    if (f->kind == NOT_RUNNING) {
        add_not_running(d, f->rank, t);
    } else if (f->kind == AT_WORK) {
        add_rank(d, f->rank, t);
        add(t, " has got nowhere for %.0f s: ", d->seen[f->rank].quiet);
        add_place(d, f->rank, t);
    } else {
        add(t, "ranks wait for each other in a circle for %.0f s", d->seen[f->rank].quiet);
    }
    if (f->rank != me(d) || f->kind == CIRCLE)
        add_wait(d, me(d), t);
}

static void write_line(int fd, const text *t)
{
    if (write(fd, t->at, t->n) < 0 || write(fd, "\n", 1) < 0)
        return;
}

static void write_ranks(const rv_watchdog *d, int fd)
{
    for (int r = 0; r < d->world->size; r++) {
        text t = {.n = 0};
        add_rank(d, r, &t);
        add(&t, ": ");
        add_place(d, r, &t);
        add_wait(d, r, &t);
        add(&t, "; last got on %.1f s ago, last ran %.1f s ago%s", d->seen[r].quiet, r == me(d) ? 0 : d->seen[r].silent,
            is_unknown(d, r) ? " (it was never heard)" : "");
        write_line(fd, &t);
    }
}

static void on_alarm(int number)
{
    (void)number;
    _exit(rv_status_exit_code(RV_E_STOPPED));
}

/* writing a file may hang too, where a file system is what hangs */
static void hurry(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    sigset_t alarms;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(HURRY);
}

static _Noreturn void speak(const rv_watchdog *d, const finding *f)
{
    text t = {.n = 0};
    char folder[RV_PATH + 16];
    char path[RV_PATH + 64];
    hurry();
    describe(d, f, &t);
    snprintf(folder, sizeof folder, "%s/failures", d->run_dir);
    snprintf(path, sizeof path, "%s/" FILE_NAME "%.0f_rank%d.txt", folder, rv_clock_unix(), me(d));
    rv_error_log("%s; more in %s; the run ends here and goes on with: reverie train --resume %s", t.at, path,
                 d->run_dir);
    int fd = rv_folder_make(folder) == RV_OK ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (fd < 0) {
        rv_warn("cannot create '%s': %s", path, strerror(errno));
        fd = STDERR_FILENO;
    }
    write_line(fd, &t);
    write_ranks(d, fd);
    if (f->rank != me(d))
        rv_stacks_note(fd, (long)rv_pulse_load(&d->pulses[f->rank]->pid), is_here(d, f->rank));
    rv_stacks_write(fd);
    if (fd != STDERR_FILENO)
        fsync(fd);
    _exit(rv_status_exit_code(RV_E_STOPPED));
}

/* nobody on the node has spoken yet, and now this rank does */
static bool may_speak(const rv_watchdog *d)
{
    uint64_t nobody = 0;
    return atomic_compare_exchange_strong(&d->first->said, &nobody, (uint64_t)me(d) + 1);
}

static void warn_of_unknown(rv_watchdog *d)
{
    for (int r = 0; r < d->world->size && !d->has_warned; r++) {
        if (!is_unknown(d, r) || is_over(d, r) || d->seen[r].silent < d->seconds)
            continue;
        d->has_warned = true;
        if (d->world->node_rank == 0)
            rv_warn("watchdog: nothing is heard from host %s (UDP): nobody here notices when ranks hang there",
                    d->hosts[d->world->node_of[r]]);
    }
}

static void judge(rv_watchdog *d, double passed)
{
    uint64_t said = rv_pulse_load(&d->first->said);
    if (said != 0 && said != (uint64_t)me(d) + 1) {
        d->followed += passed;
        if (d->followed >= follow_s)
            _exit(rv_status_exit_code(RV_E_STOPPED));
        return;
    }
    finding f = find(d);
    bool is_same = f.kind == d->last.kind && f.rank == d->last.rank;
    d->found_for = is_same ? d->found_for + passed : 0;
    d->last = f;
    if (f.kind != GETS_ON && d->found_for >= patience(d, &f) && may_speak(d))
        speak(d, &f);
    warn_of_unknown(d);
}

/* ---- the thread ---- */

/* until the next look; true when there is none any more */
static bool rest(rv_watchdog *d)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = (double)until.tv_sec + 1e-9 * (double)until.tv_nsec + d->interval;
    until.tv_sec = (time_t)whole;
    until.tv_nsec = (long)((whole - (double)until.tv_sec) * 1e9);
    int e = 0;
    pthread_mutex_lock(&d->lock);
    while (!d->is_over && e == 0)
        e = pthread_cond_timedwait(&d->wake, &d->lock, &until);
    bool over = d->is_over;
    pthread_mutex_unlock(&d->lock);
    return over;
}

static void *watch(void *user)
{
    rv_watchdog *d = user;
    double last = rv_clock_now();
    while (!rest(d)) {
        double now = rv_clock_now();
        /* if this thread did not run either, that time tells nothing about others */
        double passed = now - last < 2 * d->interval ? now - last : 2 * d->interval;
        last = now;
        look(d, passed);
        judge(d, passed);
    }
    return NULL;
}

static rv_status start_thread(rv_watchdog *d)
{
    pthread_attr_t attributes;
    pthread_condattr_t clock;
    sigset_t all, old;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&d->wake, &clock);
    pthread_condattr_destroy(&clock);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&d->thread, &attributes, watch, d);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    RV_CHECK(e == 0, RV_E_OS, "cannot start the watchdog's thread: %s", strerror(e));
    d->is_started = true;
    return RV_OK;
}

/* ---- life ---- */

/* a place per rank: those of this node share theirs, its first rank has those for ranks elsewhere besides */
static rv_status place_pulses(rv_watchdog *d)
{
    rv_world *w = d->world;
    rv_status status = RV_OK;
    void **bases = NULL;
    size_t n = w->node_rank == 0 ? 1 + (size_t)w->size : 1;
    RV_TRY(RV_NEW(bases, w->node_size));
    if (w->node_size > 1) {
        RV_TRY_GOTO(rv_world_share(w, n * sizeof(rv_pulse), bases), done);
    } else {
        RV_TRY_GOTO(RV_NEW(d->alone, n), done);
        bases[0] = d->alone;
    }
    d->first = bases[0];
    for (int r = 0; r < w->size; r++)
        d->pulses[r] = is_here(d, r) ? bases[w->node_rank_of[r]] : d->first + 1 + r;
    rv_pulse_move(d->pulses[w->rank]);
    rv_pulse_store(&d->pulses[w->rank]->n_looks, 1);
done:
    rv_mem_free(&bases);
    return status;
}

static rv_status name_hosts(rv_watchdog *d)
{
    rv_world *w = d->world;
    rv_status status = RV_OK;
    char(*ranks)[RV_WORLD_HOST] = NULL;
    RV_TRY(RV_NEW(ranks, w->rank == 0 ? w->size : 0));
    RV_TRY_GOTO(rv_world_gather(w, w->host, sizeof w->host, ranks), done);
    for (int node = 0; w->rank == 0 && node < w->n_nodes; node++)
        memcpy(d->hosts[node], ranks[w->leader_of[node]], sizeof *d->hosts);
    RV_TRY_GOTO(rv_world_broadcast(w, d->hosts, (size_t)w->n_nodes * sizeof *d->hosts), done);
done:
    rv_mem_free(&ranks);
    return status;
}

bool rv_watchdog_is_first(rv_watchdog *d)
{
    return !d || may_speak(d);
}

bool rv_watchdog_has_spoken(const char *run_dir, double since)
{
    char path[RV_PATH];
    bool has = false;
    DIR *folder = rv_path_join(run_dir, "failures", path) == RV_OK ? opendir(path) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        has |= strncmp(entry->d_name, FILE_NAME, strlen(FILE_NAME)) == 0 &&
               strtod(entry->d_name + strlen(FILE_NAME), NULL) >= since;
    if (folder)
        closedir(folder);
    return has;
}

rv_status rv_watchdog_create(rv_world *world, const rv_layout *layout, double seconds, const char *run_dir,
                             rv_watchdog **out)
{
    rv_status status = RV_OK;
    rv_watchdog *d = NULL;
    *out = NULL;
    if (seconds <= 0)
        return RV_OK;
    RV_TRY(RV_NEW(d, 1));
    d->world = world;
    d->layout = layout;
    d->run_dir = run_dir;
    d->seconds = seconds;
    d->interval = seconds / LOOKS < most_between_looks_s ? seconds / LOOKS : most_between_looks_s;
    RV_TRY_GOTO(RV_NEW(d->pulses, world->size), fail);
    RV_TRY_GOTO(RV_NEW(d->seen, world->size), fail);
    RV_TRY_GOTO(RV_NEW(d->hosts, world->n_nodes), fail);
    RV_TRY_GOTO(place_pulses(d), fail);
    RV_TRY_GOTO(name_hosts(d), fail);
    RV_TRY_GOTO(rv_beacon_create(world, d->pulses, &d->beacon), fail);
    if (d->beacon)
        rv_beacon_turn(d->beacon);
    rv_stacks_prepare();
    RV_TRY_GOTO(start_thread(d), fail);
    *out = d;
    return RV_OK;
fail:
    rv_watchdog_destroy(&d);
    return status;
}

void rv_watchdog_destroy(rv_watchdog **watchdog)
{
    rv_watchdog *d = *watchdog;
    if (!d)
        return;
    rv_pulse_at(RV_PHASE_OVER, -1, -1);
    if (d->is_started) {
        pthread_mutex_lock(&d->lock);
        d->is_over = true;
        pthread_cond_signal(&d->wake);
        pthread_mutex_unlock(&d->lock);
        pthread_join(d->thread, NULL);
        pthread_cond_destroy(&d->wake);
        pthread_mutex_destroy(&d->lock);
    }
    if (d->beacon)
        rv_beacon_turn(d->beacon); /* others learn that this node is done */
    rv_pulse_move(NULL);
    rv_beacon_destroy(&d->beacon);
    rv_mem_free(&d->alone);
    rv_mem_free(&d->pulses);
    rv_mem_free(&d->seen);
    rv_mem_free(&d->hosts);
    rv_mem_free(watchdog);
}
