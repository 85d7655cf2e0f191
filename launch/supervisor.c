#include "launch/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "launch/commands.h"
#include "launch/place.h"
#include "roles/watchdog.h"
#include "run/checkpoint.h"
#include "run/feed_file.h"
#include "run/progress.h"
#include "run/starts.h"
#include "run/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CUT_S = 5 };                /* for mpirun to end the ranks after a watchdog has ended one */
enum { LOOK_MS = 50, WHAT = 128 }; /* LOOK_MS: how often to see whether ranks are ready to be asked to stop */

static const double longest_pause_s = 60;

typedef struct supervisor {
    const rv_run_plan *plan;
    const rv_supervisor_cfg *cfg;
    int n_ranks;
    char self[RV_PATH];
    rv_place place;
    sigset_t signals, old;
    bool resume;
    bool is_asked;        /* to stop */
    int forced;           /* the signal that ended the run at once, if any */
    int64_t n_used;       /* restarts since the last new checkpoint */
    int64_t n_starts;     /* in run.json, before the present one */
    rv_checkpoint newest; /* its tick and step alone; tick -1: there was none */
} supervisor;

int rv_supervisor_default_ranks(void)
{
    const char *tasks = getenv("SLURM_NTASKS");
    cpu_set_t cpus;
    if (tasks && strtol(tasks, NULL, 10) > 0)
        return (int)strtol(tasks, NULL, 10);
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

rv_status rv_supervisor_check(void)
{
    const char *path = getenv("PATH");
    for (const char *at = path; at && *at;) {
        char program[RV_PATH];
        int n = (int)strcspn(at, ":");
        snprintf(program, sizeof program, "%.*s/mpirun", n, at);
        if (access(program, X_OK) == 0)
            return RV_OK;
        at += n + (at[n] == ':');
    }
    return rv_raise(RV_E_UNAVAILABLE, "there is no mpirun; run launch/install-deps run, or use -n 1");
}

rv_status rv_supervisor_self(char path[RV_PATH])
{
    ssize_t n = readlink("/proc/self/exe", path, RV_PATH - 1);
    RV_CHECK(n > 0, RV_E_OS, "cannot find this program: %s", strerror(errno));
    path[n] = '\0';
    return RV_OK;
}

/* ---- starting ---- */

static void set_environment(const supervisor *s)
{
    char columns[16];
    char began[64];
    snprintf(columns, sizeof columns, "%d", rv_progress_width(STDERR_FILENO));
    snprintf(began, sizeof began, "%lld %.3f", (long long)(s->plan->first_tick * s->plan->cfg.schedule.tick_steps),
             rv_clock_unix());
    setenv(RV_PREPARED_RUN, s->plan->run_dir, 1);
    setenv(RV_PROGRESS_COLUMNS, columns, 1);
    setenv(RV_CALL_BEGAN, began, 1);
    setenv(RV_PLACE_ENV, s->place.token, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    if (s->n_ranks == 1)
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 1); /* no daemon for a rank that is alone */
}

enum { MOST_WORDS = 64 };

static int add_words(const char *argv[MOST_WORDS], int k, size_t n, const char *const *words)
{
    for (size_t i = 0; i < n; i++)
        argv[k++] = words[i];
    return k;
}

static void exec_ranks(const supervisor *s)
{
    char n[16], files[RV_PATH];
    bool is_alone = !getenv("SLURM_JOB_ID");
    snprintf(n, sizeof n, "%d", s->n_ranks);
    if (is_alone)
        snprintf(files, sizeof files, "%s", s->place.files);
    else /* a TMPDIR of this host may be missing on others */
        snprintf(files, sizeof files, "/tmp/reverie-%u-%s", getuid(), s->place.token);
    const char *const flags[] = {"mpirun", "-q", "-n", n, "--oversubscribe", "--bind-to", "none",
                                 /* a rank that waits gives its core away */
                                 "--mca", "mpi_yield_when_idle", "1",
                                 /* the default one-sided component crashes in Open MPI 4.1.4 */
                                 "--mca", "osc", "^rdma,ucx",
                                 /* containers often forbid reading other processes' memory */
                                 "--mca", "btl_vader_single_copy_mechanism", "none",
                                 /* files that the janitor can find */
                                 "--mca", "orte_tmpdir_base", files,
                                 /* when one rank is lost, the others need no time to say good-bye */
                                 "--mca", "odls_base_sigkill_timeout", "0", "-x", RV_PREPARED_RUN, "-x",
                                 RV_PROGRESS_COLUMNS, "-x", RV_CALL_BEGAN, "-x", RV_PLACE_ENV, "-x",
                                 "OPENBLAS_NUM_THREADS"};
    const char *const alone[] = {"--mca", "plm", "isolated"}; /* one machine: no remote shell is needed */
    const char *const rank[] = {s->self, "train", s->resume ? "--resume" : s->plan->run_dir,
                                s->resume ? s->plan->run_dir : NULL, NULL};
    const char *argv[MOST_WORDS];
    int k = 0;
    if (s->n_ranks > 1) {
        k = add_words(argv, k, sizeof flags / sizeof *flags, flags);
        if (is_alone)
            k = add_words(argv, k, sizeof alone / sizeof *alone, alone);
    }
    add_words(argv, k, sizeof rank / sizeof *rank, rank);
    execvp(argv[0], (char *const *)(size_t)argv);
}

static _Noreturn void become_ranks(const supervisor *s, pid_t parent)
{
    sigprocmask(SIG_SETMASK, &s->old, NULL);
    /* mpirun needs a moment to end its ranks; they end when it does, as this one does */
    prctl(PR_SET_PDEATHSIG, s->n_ranks > 1 ? SIGTERM : SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setpgid(0, 0); /* Ctrl-C reaches us alone, and we pass it on as a request */
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    exec_ranks(s);
    rv_raise(RV_E_UNAVAILABLE, "cannot start %s: %s", s->n_ranks > 1 ? "mpirun" : "this program", strerror(errno));
    _exit(rv_cmd_finish(RV_E_UNAVAILABLE));
}

/* ---- staying ---- */

/* requests to stop, and the end of mpirun */
static void choose_signals(sigset_t *out)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    struct sigaction hangup;
    sigemptyset(out);
    sigaddset(out, SIGCHLD);
    sigaddset(out, SIGUSR1);
    sigaddset(out, SIGINT);
    sigaddset(out, SIGTERM);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(out, SIGHUP);
    sigaction(SIGCHLD, &standard, NULL); /* whoever ignores it cannot wait */
}

/* ranks: mpirun or the only rank; 0: none now */
static void take_signal(supervisor *s, int number, pid_t ranks)
{
    if (number <= 0 || number == SIGCHLD)
        return;
    if (s->is_asked && number != SIGUSR1) {
        s->forced = number;
        if (ranks > 0)
            kill(ranks, s->n_ranks > 1 ? SIGTERM : SIGKILL);
    }
    if (!s->is_asked)
        rv_log_note(RV_STOP_NOTE);
    s->is_asked = true;
}

/* whether the ranks have ended; a janitor that has is replaced */
static bool have_ended(supervisor *s, pid_t ranks, int *state)
{
    for (pid_t ended; (ended = waitpid(-1, state, WNOHANG)) > 0;) {
        if (ended == ranks)
            return true;
        if (rv_place_janitor_ended(&s->place, ended) != RV_OK)
            rv_warn("%s: what a kill -9 leaves will be removed by a later start", rv_error_last()->text);
    }
    return false;
}

/* mpirun passes SIGUSR1 on to the ranks and goes on, SIGTERM ends everything. A rank that has just begun would die of
 * SIGUSR1: the first request is kept until feed.json says that all of them listen. */
static int stay_with(supervisor *s, pid_t ranks)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
    const struct timespec second = {.tv_sec = 1};
    rv_feed_file feed;
    double began = rv_clock_unix();
    double spoke = 0; /* when a watchdog did */
    bool is_told = false;
    int state = 0;
    while (!have_ended(s, ranks, &state)) {
        take_signal(s, sigtimedwait(&s->signals, NULL, s->is_asked && !is_told ? &look : &second), ranks);
        if (spoke == 0 && rv_watchdog_has_spoken(s->plan->run_dir, began))
            spoke = rv_clock_now();
        /* mpirun cannot reach a host that is cut off, and waits for it without end */
        if (spoke > 0 && rv_clock_now() - spoke > CUT_S) {
            kill(ranks, SIGKILL);
            waitpid(ranks, &state, 0);
            return W_EXITCODE(rv_status_exit_code(RV_E_STOPPED), 0);
        }
        if (s->is_asked && !is_told && rv_feed_file_read(s->plan->run_dir, &feed) == RV_OK)
            is_told = kill(ranks, SIGUSR1) == 0;
    }
    return state;
}

/* @return 0 and how the ranks ended; else an exit code */
static int run_once(supervisor *s, int *state)
{
    char ignored[RV_STARTS_TEXT];
    rv_feed_file feed;
    s->n_starts = rv_starts_last(s->plan->run_dir, ignored);
    /* of a start that was killed: it would say that the ranks are ready */
    if (rv_feed_file_read(s->plan->run_dir, &feed) != RV_OK || !rv_feed_file_is_alive(&feed))
        rv_feed_file_remove(s->plan->run_dir);
    pid_t self = getpid();
    pid_t child = fork();
    if (child < 0)
        return rv_cmd_finish(rv_raise(RV_E_OS, "cannot start a process: %s", strerror(errno)));
    if (child == 0)
        become_ranks(s, self);
    *state = stay_with(s, child);
    rv_place_end_members(&s->place); /* what mpirun would have ended, had it not been killed */
    rv_place_empty(&s->place);
    return 0;
}

/* ---- judging ---- */

static bool is_status_code(int code)
{
    bool is_known = code == 0;
    for (int i = 0; i < RV_N_STATUS; i++)
        is_known |= code > 1 && code == rv_status_exit_code((rv_status)i);
    return is_known;
}

/* what a restart may cure, in words; false: the ranks have said why they ended, and that is the end */
static bool is_lost(const supervisor *s, int state, char what[WHAT])
{
    char end[RV_STARTS_TEXT];
    bool has_begun = rv_starts_last(s->plan->run_dir, end) > s->n_starts;
    int code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    if (code > 128 && code < 128 + NSIG)
        snprintf(what, WHAT, "%s was ended by signal %d (%s)",
                 WIFEXITED(state) || s->n_ranks == 1 ? "a rank" : "mpirun", code - 128, strsignal(code - 128));
    else if (code == rv_status_exit_code(RV_E_INTERNAL))
        snprintf(what, WHAT, "a rank failed with exit code %d", code);
    else if (code == rv_status_exit_code(RV_E_STOPPED) && strncmp(end, "stopped", strlen("stopped")) != 0)
        snprintf(what, WHAT, "a rank stopped by itself with exit code %d", code);
    else if (!is_status_code(code))
        snprintf(what, WHAT, "%s failed with exit code %d", s->n_ranks > 1 ? "mpirun" : "the rank", code);
    else
        return false;
    return has_begun || code > 128;
}

/* a new checkpoint since the last look fills the budget */
static void look_for_progress(supervisor *s)
{
    rv_checkpoint checkpoint;
    if (rv_checkpoint_newest(s->plan->run_dir, false, &checkpoint) != RV_OK)
        return; /* the ranks will say what is wrong with it */
    if (checkpoint.tick > s->newest.tick)
        s->n_used = 0;
    s->newest.tick = checkpoint.tick;
    s->newest.step = checkpoint.step;
    rv_checkpoint_clear(&checkpoint);
}

/* how our start ended, which is not said of somebody else's, who has taken the run over */
static void note_end(const supervisor *s, const char *what)
{
    char ignored[RV_STARTS_TEXT];
    if (rv_starts_last(s->plan->run_dir, ignored) == s->n_starts + 1 && rv_starts_end(s->plan->run_dir, what) != RV_OK)
        rv_warn("%s", rv_error_last()->text);
}

/* seconds until the next start: none after a loss out of the blue */
static double pause_of(const supervisor *s)
{
    double pause = s->n_used > 0 ? s->cfg->backoff_s : 0;
    for (int64_t i = 1; i < s->n_used && pause < longest_pause_s; i++)
        pause *= 2;
    return pause < longest_pause_s ? pause : longest_pause_s;
}

static void tell(const supervisor *s, const char *what, double pause)
{
    char at[16] = "";
    char when[32] = "now";
    time_t t = time(NULL);
    struct tm local;
    if (localtime_r(&t, &local))
        strftime(at, sizeof at, "%H:%M:%S", &local);
    if (pause > 0)
        snprintf(when, sizeof when, "in %g s", pause);
    rv_warn("%s at %s; starting again from step %lld %s (restart %lld of %lld)", what, at, (long long)s->newest.step,
            when, (long long)s->n_used + 1, (long long)s->cfg->restarts);
}

/* @return whether it was asked to stop */
static bool wait_for_start(supervisor *s, double pause)
{
    double end = rv_clock_now() + pause;
    int ignored = 0;
    while (rv_clock_now() < end && !s->is_asked) {
        double left = fmax(0, end - rv_clock_now());
        struct timespec t = {.tv_sec = (time_t)left, .tv_nsec = (long)((left - (double)(time_t)left) * 1e9)};
        take_signal(s, sigtimedwait(&s->signals, NULL, &t), 0);
        have_ended(s, 0, &ignored);
    }
    return s->is_asked;
}

/* a loss that is not made good @return an exit code */
static int give_up(const supervisor *s, int state, const char *what)
{
    int code = WIFEXITED(state) ? WEXITSTATUS(state) : 0;
    char used[WHAT] = "";
    if (s->is_asked)
        return rv_cmd_finish(rv_raise(RV_E_STOPPED,
                                      "%s before the checkpoint that was asked for; go on with: reverie "
                                      "train --resume %s",
                                      what, s->plan->run_dir));
    if (s->cfg->restarts == 0 && code > 1 && is_status_code(code))
        return code; /* the ranks have said why, and how to go on */
    if (s->cfg->restarts > 0)
        snprintf(used, sizeof used, " once more after %lld restarts (supervisor.restarts) without a new checkpoint",
                 (long long)s->n_used);
    rv_raise(RV_E_OS, "%s%s; go on with: reverie train --resume %s", what, used, s->plan->run_dir);
    rv_cmd_finish(RV_E_OS);
    return code > 1 && is_status_code(code) ? code : rv_status_exit_code(RV_E_OS);
}

/* the ranks ended for good, or never began @return an exit code */
static int conclude(const supervisor *s, int state)
{
    int code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    char what[WHAT];
    if (is_status_code(code)) {
        snprintf(what, sizeof what, "exit code %d", code);
        if (code != 0)
            note_end(s, what);
        return code;
    }
    return rv_cmd_finish(
        rv_raise(RV_E_UNAVAILABLE, "mpirun failed with exit code %d; try it alone: mpirun -n 2 true", code));
}

static int supervise(supervisor *s)
{
    char what[WHAT];
    int state = 0;
    for (;;) {
        int code = run_once(s, &state);
        if (code != 0)
            return code;
        if (s->forced)
            return 128 + s->forced;
        if (!is_lost(s, state, what))
            return conclude(s, state);
        note_end(s, what);
        look_for_progress(s);
        if (s->is_asked || s->n_used >= s->cfg->restarts)
            return give_up(s, state, what);
        double pause = pause_of(s);
        tell(s, what, pause);
        if (wait_for_start(s, pause))
            return give_up(s, state, what);
        s->n_used++;
        s->resume = true;
    }
}

int rv_supervisor_run(const rv_run_plan *plan, int n_ranks)
{
    supervisor s = {.plan = plan, .cfg = &plan->cfg.supervisor, .n_ranks = n_ranks, .resume = plan->resume};
    s.newest.tick = -1;
    rv_status status = rv_supervisor_self(s.self);
    if (status == RV_OK) {
        choose_signals(&s.signals);
        sigprocmask(SIG_BLOCK, &s.signals, &s.old);
        status = rv_place_enter(NULL, &s.place);
    }
    if (status != RV_OK)
        return rv_cmd_finish(status);
    look_for_progress(&s);
    set_environment(&s);
    int code = supervise(&s);
    rv_place_leave(&s.place, true);
    return code;
}
