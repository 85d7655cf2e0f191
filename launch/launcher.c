#include "launch/launcher.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "launch/commands.h"
#include "roles/watchdog.h"
#include "run/feed_file.h"
#include "run/progress.h"
#include "run/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CUT_S = 5 };    /* for mpirun to end the ranks after a watchdog has ended one */
enum { LOOK_MS = 50 }; /* how often to see whether ranks are ready to be asked to stop */

int rv_launcher_default_ranks(void)
{
    const char *tasks = getenv("SLURM_NTASKS");
    cpu_set_t cpus;
    if (tasks && strtol(tasks, NULL, 10) > 0)
        return (int)strtol(tasks, NULL, 10);
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

rv_status rv_launcher_check(void)
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

rv_status rv_launcher_self(char path[RV_PATH])
{
    ssize_t n = readlink("/proc/self/exe", path, RV_PATH - 1);
    RV_CHECK(n > 0, RV_E_OS, "cannot find this program: %s", strerror(errno));
    path[n] = '\0';
    return RV_OK;
}

static _Noreturn void become_mpirun(int n_ranks, const char *self, const char *run_dir, int resume)
{
    char n[16], columns[16];
    snprintf(n, sizeof n, "%d", n_ranks);
    snprintf(columns, sizeof columns, "%d", rv_progress_width(STDERR_FILENO));
    setenv(RV_PREPARED_RUN, run_dir, 1);
    setenv(RV_PROGRESS_COLUMNS, columns, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    const char *argv[64];
    int k = 0;
    const char *const flags[] = {"mpirun", "-q", "-n", n, "--oversubscribe", "--bind-to", "none",
                                 /* a rank that waits gives its core away */
                                 "--mca", "mpi_yield_when_idle", "1",
                                 /* the default one-sided component crashes in Open MPI 4.1.4 */
                                 "--mca", "osc", "^rdma,ucx",
                                 /* containers often forbid reading other processes' memory */
                                 "--mca", "btl_vader_single_copy_mechanism", "none", "-x", RV_PREPARED_RUN, "-x",
                                 RV_PROGRESS_COLUMNS, "-x", "OPENBLAS_NUM_THREADS"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        argv[k++] = flags[i];
    if (!getenv("SLURM_JOB_ID")) { /* one machine: no remote shell is needed */
        argv[k++] = "--mca";
        argv[k++] = "plm";
        argv[k++] = "isolated";
    }
    argv[k++] = self;
    argv[k++] = "train";
    if (resume)
        argv[k++] = "--resume";
    argv[k++] = run_dir;
    argv[k] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0); /* Ctrl-C reaches us alone, and we pass it on as a request */
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    execvp("mpirun", (char *const *)(size_t)argv);
    rv_raise(RV_E_UNAVAILABLE, "cannot start mpirun: %s", strerror(errno));
    _exit(rv_cmd_finish(RV_E_UNAVAILABLE));
}

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

/* mpirun passes SIGUSR1 on to the ranks and goes on, SIGTERM ends everything. A rank that has just begun would die of
 * SIGUSR1: the first request is kept until feed.json says that all of them listen.
 * @param[out] forced the signal that ended the run at once, if any */
static int stay_with(pid_t mpirun, const char *run_dir, const sigset_t *signals, int *forced)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
    const struct timespec second = {.tv_sec = 1};
    rv_feed_file feed;
    double began = rv_clock_unix();
    double spoke = 0; /* when a watchdog did */
    bool is_asked = false;
    bool is_told = false;
    int state = 0;
    while (waitpid(mpirun, &state, WNOHANG) == 0) {
        int number = sigtimedwait(signals, NULL, is_asked && !is_told ? &look : &second);
        if (spoke == 0 && rv_watchdog_has_spoken(run_dir, began))
            spoke = rv_clock_now();
        /* it cannot reach a host that is cut off, and waits for it without end */
        if (spoke > 0 && rv_clock_now() - spoke > CUT_S) {
            kill(mpirun, SIGKILL);
            waitpid(mpirun, &state, 0);
            return W_EXITCODE(rv_status_exit_code(RV_E_STOPPED), 0);
        }
        bool is_request = number > 0 && number != SIGCHLD;
        if (is_request && is_asked && number != SIGUSR1) {
            *forced = number;
            kill(mpirun, SIGTERM);
        }
        if (is_request && !is_asked)
            rv_log_note(RV_STOP_NOTE);
        is_asked |= is_request;
        if (is_asked && !is_told && rv_feed_file_read(run_dir, &feed) == RV_OK)
            is_told = kill(mpirun, SIGUSR1) == 0;
    }
    return state;
}

/* ranks say what ended them; what they cannot say, because they were killed or did not start, is said here */
static int explain(int state, const char *run_dir)
{
    int code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    bool is_known = code == 0;
    for (int s = 0; s < RV_N_STATUS; s++)
        is_known |= code > 1 && code == rv_status_exit_code((rv_status)s);
    if (is_known)
        return code;
    if (code > 128 && code < 128 + NSIG)
        return rv_cmd_finish(rv_raise(RV_E_OS, "%s was ended by signal %d (%s); go on with: reverie train --resume %s",
                                      WIFEXITED(state) ? "a rank" : "mpirun", code - 128, strsignal(code - 128),
                                      run_dir));
    return rv_cmd_finish(
        rv_raise(RV_E_UNAVAILABLE, "mpirun failed with exit code %d; try it alone: mpirun -n 2 true", code));
}

int rv_launcher_run(int n_ranks, const char *run_dir, int resume)
{
    char self[RV_PATH];
    sigset_t signals, old;
    rv_status status = rv_launcher_self(self);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    rv_feed_file_remove(run_dir); /* of a run that was killed: it would say that the ranks are ready */
    choose_signals(&signals);
    sigprocmask(SIG_BLOCK, &signals, &old);
    pid_t child = fork();
    if (child < 0)
        return rv_cmd_finish(rv_raise(RV_E_OS, "cannot start a process: %s", strerror(errno)));
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        become_mpirun(n_ranks, self, run_dir, resume);
    }
    int forced = 0;
    int state = stay_with(child, run_dir, &signals, &forced);
    return forced ? 128 + forced : explain(state, run_dir);
}
