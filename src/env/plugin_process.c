/* plugin_process.c - the parent's side of a child: begin, calls, end. */
#include "base/clock.h"
#include "env/plugin.h"
#include "env/plugin_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const double look_s = 0.05; /* how often to see whether the child is alive */
static const double begin_s = 60;  /* for the system to start it */
static const double close_s = 1;   /* to end by itself */
static const double reap_s = 10;   /* to be gone once killed; longer only while the system itself hangs */
static const char *program = NULL;

void rv_plugin_set_program(const char *path)
{
    program = path;
}

void rv_plugin_text(const char *text, size_t size, char *out)
{
    size_t n = strnlen(text, size - 1);
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    out[n] = '\0';
}

/* ---- begin ---- */

/* nobody may shrink what others have mapped */
static rv_status make_shared(int *descriptor, rv_plugin_shared **out)
{
    rv_status status = RV_OK;
    int fd = memfd_create("reverie-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    RV_CHECK(fd >= 0, RV_E_OS, "cannot make shared memory for a plug-in: %s", strerror(errno));
    RV_CHECK_GOTO(ftruncate(fd, sizeof **out) == 0 &&
                      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0,
                  RV_E_OS, fail, "cannot size the shared memory of a plug-in: %s", strerror(errno));
    void *at = mmap(NULL, sizeof **out, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    RV_CHECK_GOTO(at != MAP_FAILED, RV_E_OS, fail, "cannot map the shared memory of a plug-in: %s", strerror(errno));
    *descriptor = fd;
    *out = at;
    return RV_OK;
fail:
    close(fd);
    return status;
}

/* no descriptor but the memory's and the standard ones, no signal blocked or ignored, and a group of its own: what the
 * terminal sends to the run (Ctrl-C) is for the run alone */
static int set_up(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, int descriptor)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int code = posix_spawn_file_actions_adddup2(files, descriptor, RV_PLUGIN_DESCRIPTOR);
    if (!code)
        code = posix_spawn_file_actions_addclosefrom_np(files, RV_PLUGIN_DESCRIPTOR + 1);
    if (!code)
        code = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!code)
        code = posix_spawnattr_setflags(attributes,
                                        POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!code)
        code = posix_spawnattr_setpgroup(attributes, 0);
    if (!code)
        code = posix_spawnattr_setsigmask(attributes, &none);
    return code ? code : posix_spawnattr_setsigdefault(attributes, &all);
}

static int spawn(int descriptor, const char *file, pid_t *pid)
{
    char number[16];
    snprintf(number, sizeof number, "%d", (int)RV_PLUGIN_DESCRIPTOR);
    const char *const argv[] = {"reverie", "env-child", number, file, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&files);
    if (code)
        return code;
    code = posix_spawnattr_init(&attributes);
    if (!code) {
        code = set_up(&files, &attributes, descriptor);
        if (!code)
            code = posix_spawn(pid, program, &files, &attributes, (char *const *)(size_t)argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return code;
}

static rv_status begin(const rv_env_cfg *cfg, rv_plugin_process *p)
{
    int descriptor = -1;
    RV_CHECK(program, RV_E_INTERNAL, "a plug-in without a program that can be its process (rv_plugin_set_program)");
    RV_TRY(make_shared(&descriptor, &p->shared));
    p->shared->parent = getpid();
    p->shared->memory_mb = cfg->memory_mb;
    snprintf(p->shared->file, sizeof p->shared->file, "%s", cfg->name);
    snprintf(p->shared->arguments, sizeof p->shared->arguments, "%s", cfg->arguments);
    int code = spawn(descriptor, cfg->name, &p->pid);
    close(descriptor);
    if (code == 0)
        return RV_OK;
    munmap(p->shared, sizeof *p->shared);
    *p = (rv_plugin_process){0};
    return rv_raise(RV_E_OS, "%s: cannot start a process for the plug-in: %s", cfg->name, strerror(code));
}

/* ---- end ---- */

/* if so, it is reaped; what it has started itself goes with it, before the number of its group is free again */
static bool is_gone(rv_plugin_process *p, int *state)
{
    siginfo_t about = {.si_pid = 0};
    if (waitid(P_PID, (id_t)p->pid, &about, WEXITED | WNOHANG | WNOWAIT) != 0)
        return errno == ECHILD; /* somebody else reaped it */
    if (about.si_pid == 0)
        return false;
    kill(-p->pid, SIGKILL);
    return waitpid(p->pid, state, 0) == p->pid;
}

static bool wait_until_gone(rv_plugin_process *p, double seconds)
{
    int state = 0;
    bool gone = is_gone(p, &state);
    for (double end = rv_clock_now() + seconds; !gone && rv_clock_now() < end; gone = is_gone(p, &state))
        rv_clock_sleep(1e-3);
    return gone;
}

static void forget(rv_plugin_process *p)
{
    munmap(p->shared, sizeof *p->shared);
    *p = (rv_plugin_process){0};
}

void rv_plugin_kill(rv_plugin_process *p)
{
    if (p->pid == 0)
        return;
    kill(p->pid, SIGKILL);
    wait_until_gone(p, reap_s);
    forget(p);
}

void rv_plugin_stop(rv_plugin_process *p)
{
    bool is_idle = p->pid != 0 && atomic_load(&p->shared->answer.number) == p->number;
    if (is_idle) {
        rv_plugin_begin(p, RV_PLUGIN_CLOSE);
        if (wait_until_gone(p, close_s)) {
            forget(p);
            return;
        }
    }
    rv_plugin_kill(p);
}

/* ---- calls ---- */

void rv_plugin_begin(rv_plugin_process *p, rv_plugin_call kind)
{
    p->kind = kind;
    p->number++;
    p->shared->kind = (int32_t)kind;
    rv_handover_set(&p->shared->call, p->number);
}

static const char *name_of(const rv_plugin_process *p)
{
    static const char *const names[] = {"reverie_env", "create", "reset", "step", "save", "load", "destroy"};
    return p->number == 1 ? "the start of its process" : names[p->kind];
}

/* the child is reaped and left this state */
static rv_status explain(rv_plugin_process *p, const rv_env_cfg *cfg, int state)
{
    char how[96], memory[128] = "";
    int64_t held = p->shared->held;
    if (WIFSIGNALED(state))
        snprintf(how, sizeof how, "was ended by signal %d (%s)", WTERMSIG(state), strsignal(WTERMSIG(state)));
    else
        snprintf(how, sizeof how, "ended its process with exit code %d", WEXITSTATUS(state));
    if (held > 0)
        snprintf(memory, sizeof memory, ", holding %.0f of the %lld MB that env.memory_mb allows", (double)held / 1e6,
                 (long long)cfg->memory_mb);
    rv_status status = rv_raise(RV_E_ENV, "%s: the plug-in %s in %s%s", cfg->name, how, name_of(p), memory);
    forget(p);
    return status;
}

/* a stopped run that goes on counts no time: the child was stopped too */
rv_status rv_plugin_wait(rv_plugin_process *p, const rv_env_cfg *cfg)
{
    double limit = p->number == 1 ? begin_s : cfg->timeout_s;
    double waited = 0;
    int state = 0;
    for (;;) {
        double start = rv_clock_now();
        if (rv_handover_wait(&p->shared->answer, p->number, fmin(look_s, limit - waited)))
            return RV_OK;
        if (is_gone(p, &state))
            return explain(p, cfg, state);
        waited += fmin(rv_clock_now() - start, 2 * look_s);
        if (waited >= limit)
            break;
    }
    rv_status status = rv_raise(RV_E_ENV, "%s: the plug-in gave no answer in %s for %g s%s, and was killed", cfg->name,
                                name_of(p), limit, p->number == 1 ? "" : " (env.timeout_s)");
    rv_plugin_kill(p);
    return status;
}

rv_status rv_plugin_start(const rv_env_cfg *cfg, rv_plugin_process *out)
{
    char text[RV_PLUGIN_TEXT];
    rv_plugin_process p = {0};
    RV_TRY(begin(cfg, &p));
    p.number = 1;
    RV_TRY(rv_plugin_wait(&p, cfg));
    rv_plugin_begin(&p, RV_PLUGIN_OPEN);
    RV_TRY(rv_plugin_wait(&p, cfg));
    if (!p.shared->is_refused) {
        *out = p;
        return RV_OK;
    }
    rv_plugin_text(p.shared->text, sizeof text, text);
    rv_plugin_kill(&p);
    return rv_raise(RV_E_CONFIG, "%s: %s", cfg->name, text);
}
