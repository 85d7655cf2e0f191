#include "launch/launcher.h"

#include "base/file.h"
#include "base/log.h"
#include "launch/commands.h"
#include "run/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t n_asked; /* SIGINT and SIGTERM so far */
static volatile sig_atomic_t mpirun_pid;

int rv_launcher_default_ranks(void)
{
    const char *tasks = getenv("SLURM_NTASKS");
    cpu_set_t cpus;
    if (tasks && strtol(tasks, NULL, 10) > 0)
        return (int)strtol(tasks, NULL, 10);
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

/* mpirun passes SIGUSR1 on to the ranks and goes on; SIGTERM it takes for itself and ends everything */
static void on_signal(int number)
{
    if (mpirun_pid <= 0)
        return;
    if (number != SIGUSR1)
        n_asked++;
    kill((pid_t)mpirun_pid, n_asked > 1 ? SIGTERM : SIGUSR1);
}

static void pass_signals_on(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
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
    rv_raise(RV_E_UNAVAILABLE, "cannot start mpirun: %s; install openmpi-bin, or use -n 1", strerror(errno));
    _exit(rv_cmd_finish(RV_E_UNAVAILABLE));
}

int rv_launcher_run(int n_ranks, const char *run_dir, int resume)
{
    char self[RV_PATH];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return rv_cmd_finish(rv_raise(RV_E_OS, "cannot find this program: %s", strerror(errno)));
    self[n] = '\0';
    pid_t child = fork();
    if (child < 0)
        return rv_cmd_finish(rv_raise(RV_E_OS, "cannot start a process: %s", strerror(errno)));
    if (child == 0)
        become_mpirun(n_ranks, self, run_dir, resume);
    mpirun_pid = child;
    pass_signals_on();
    int state = 0;
    while (waitpid(child, &state, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(state))
        return rv_cmd_finish(rv_raise(RV_E_OS,
                                      "mpirun was ended by signal %d (%s); go on with: reverie train --resume %s",
                                      WTERMSIG(state), strsignal(WTERMSIG(state)), run_dir));
    return WEXITSTATUS(state);
}
