/* plugin_child.c - the process of a plug-in: loads the library and answers calls until its parent ends. */
#include "env/plugin.h"
#include "env/plugin_private.h"
#include "env/reverie_env.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const double look_s = 1; /* how often to see whether the parent is alive, should its death go unnoticed */

typedef struct child {
    rv_plugin_shared *shared;
    reverie_env_api api; /* members that the library does not know are 0 */
    void *self;
    int n_obs; /* numbers of a raw observation */
} child;

/* ---- memory: how much the process has taken since it began, told in the moment of its death ---- */

static rv_plugin_shared *told;
static int64_t taken_before;

/* bytes of private writable memory, what RLIMIT_DATA counts; may be called from a signal handler */
static int64_t memory_taken(void)
{
    char text[256];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    int64_t pages = 0;
    int field = 0;
    if (fd >= 0)
        close(fd);
    for (ssize_t i = 0; i < n; i++) {
        field += text[i] == ' ';
        if (field == 5 && text[i] >= '0' && text[i] <= '9')
            pages = 10 * pages + (text[i] - '0');
    }
    return pages * sysconf(_SC_PAGESIZE);
}

static void tell(void)
{
    told->held = memory_taken() - taken_before;
}

/* the second time the signal does what it always does */
static void tell_and_die(int number)
{
    tell();
    (void)raise(number);
}

static rv_status limit_memory(rv_plugin_shared *shared)
{
    static unsigned char stack[1 << 14]; /* a stack that is full has no room for the handler */
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = tell_and_die, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};
    told = shared;
    taken_before = memory_taken();
    sigemptyset(&action.sa_mask);
    RV_CHECK(sigaltstack(&other, NULL) == 0 && atexit(tell) == 0, RV_E_OS, "cannot prepare the process of a plug-in");
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        RV_CHECK(sigaction(signals[i], &action, NULL) == 0, RV_E_OS, "cannot handle signal %d: %s", signals[i],
                 strerror(errno));
    struct rlimit limit = {0};
    rlim_t most = (rlim_t)(taken_before + shared->memory_mb * 1000000);
    RV_CHECK(getrlimit(RLIMIT_DATA, &limit) == 0, RV_E_OS, "cannot read the limit of memory: %s", strerror(errno));
    if (limit.rlim_max < most) /* RLIM_INFINITY is the largest; what the user may not have stays out of reach */
        most = limit.rlim_max;
    RV_CHECK(setrlimit(RLIMIT_DATA, &(struct rlimit){most, most}) == 0, RV_E_OS, "cannot limit memory: %s",
             strerror(errno));
    return RV_OK;
}

/* ---- opening ---- */

__attribute__((format(printf, 2, 3))) static void refuse(child *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->shared->text, sizeof c->shared->text, format, args);
    va_end(args);
    c->shared->is_refused = 1;
}

static const reverie_env_api *load_table(child *c)
{
    const reverie_env_api *(*entry)(const char *) = NULL;
    char path[RV_FIELD_STR + 2];
    /* a name without a folder would be looked for among the system's libraries */
    snprintf(path, sizeof path, "%s%s", strchr(c->shared->file, '/') ? "" : "./", c->shared->file);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        refuse(c, "the plug-in cannot be loaded: %s", dlerror());
        return NULL;
    }
    void *symbol = dlsym(library, "reverie_env");
    if (!symbol) {
        refuse(c, "the plug-in has no function reverie_env (reverie_env.h); in C++ declare it extern \"C\"");
        return NULL;
    }
    memcpy(&entry, &symbol, sizeof entry);
    const reverie_env_api *table = entry(c->shared->arguments);
    if (!table)
        refuse(c, "the plug-in's reverie_env has no table for env.arguments '%s'", c->shared->arguments);
    return table;
}

/* the table may be shorter than ours, or longer */
static bool copy_table(child *c, const reverie_env_api *table)
{
    const size_t least = offsetof(reverie_env_api, explain);
    if (table->abi != REVERIE_ENV_ABI)
        refuse(c, "the plug-in speaks version %u of reverie_env.h, and this is %u; compile it again", table->abi,
               (unsigned)REVERIE_ENV_ABI);
    else if (table->size < least)
        refuse(c, "the plug-in's table says that it has %u bytes; set size to sizeof(reverie_env_api)", table->size);
    else
        memcpy(&c->api, table, table->size < sizeof c->api ? table->size : sizeof c->api);
    return !c->shared->is_refused;
}

static bool is_complete(child *c)
{
    const reverie_env_api *a = &c->api;
    if (!a->create || !a->destroy || !a->reset || !a->step)
        refuse(c, "the plug-in's table lacks %s",
               !a->create    ? "create"
               : !a->destroy ? "destroy"
               : !a->reset   ? "reset"
                             : "step");
    else if (!a->save != !a->load)
        refuse(c, "the plug-in's table has only one of save and load");
    else if (!a->alive_low != !a->alive_high)
        refuse(c, "the plug-in's table has only one of alive_low and alive_high");
    else if (a->n_act > 0 && (!a->act_low || !a->act_high))
        refuse(c, "the plug-in's table lacks act_low or act_high");
    else if (!a->name)
        refuse(c, "the plug-in's table lacks a name");
    return !c->shared->is_refused;
}

static void copy_floats(int n, const float *from, float *to)
{
    if (n > 0 && n <= RV_PLUGIN_MOST && from)
        memcpy(to, from, (size_t)n * sizeof *to);
}

static void copy_doubles(int n, const double *from, double *to)
{
    if (n > 0 && n <= RV_PLUGIN_MOST && from)
        memcpy(to, from, (size_t)n * sizeof *to);
}

static void open_library(child *c)
{
    const reverie_env_api *a = &c->api;
    rv_plugin_description *d = &c->shared->description;
    const reverie_env_api *table = load_table(c);
    if (!table || !copy_table(c, table) || !is_complete(c))
        return;
    c->n_obs = a->n_states ? 1 : a->n_obs;
    *d = (rv_plugin_description){.n_obs = a->n_obs,
                                 .n_states = a->n_states,
                                 .n_act = a->n_act,
                                 .n_actions = a->n_actions,
                                 .time_limit = a->time_limit,
                                 .state_size = a->state_size,
                                 .has_alive = a->alive_low != NULL,
                                 .has_state = a->save != NULL,
                                 .dt = a->dt};
    snprintf(d->name, sizeof d->name, "%s", a->name);
    snprintf(d->help, sizeof d->help, "%s", a->help ? a->help : "");
    copy_doubles(a->n_act, a->act_low, c->shared->act_low);
    copy_doubles(a->n_act, a->act_high, c->shared->act_high);
    copy_floats(a->n_obs, a->alive_low, c->shared->alive_low);
    copy_floats(a->n_obs, a->alive_high, c->shared->alive_high);
}

/* ---- calls ---- */

static void explain(child *c)
{
    const char *text = c->api.explain ? c->api.explain(c->self) : NULL;
    snprintf(c->shared->text, sizeof c->shared->text, "%s", text ? text : "");
}

static void create(child *c)
{
    c->self = c->api.create(c->shared->arguments);
    if (c->self)
        return;
    c->shared->is_refused = 1;
    explain(c);
}

/* what is not written is not a number, and found out */
static void reset_or_step(child *c, bool is_reset)
{
    rv_plugin_shared *s = c->shared;
    for (int i = 0; i < c->n_obs; i++)
        s->obs[i] = NAN;
    s->reward = 0;
    s->flags = 0;
    s->n =
        is_reset ? c->api.reset(c->self, s->seed, s->obs) : c->api.step(c->self, s->u, s->obs, &s->reward, &s->flags);
}

static void save(child *c)
{
    memset(c->shared->state, 0, (size_t)c->api.state_size);
    c->shared->n = c->api.save(c->self, c->shared->state);
}

/* has the library what this call needs? so it is, unless it wrote over the number of the call */
static bool can(const child *c, rv_plugin_call kind)
{
    switch (kind) {
    case RV_PLUGIN_OPEN:
        return true;
    case RV_PLUGIN_CREATE:
        return c->api.create;
    case RV_PLUGIN_RESET:
        return c->api.reset;
    case RV_PLUGIN_STEP:
        return c->api.step;
    case RV_PLUGIN_SAVE:
        return c->api.save;
    case RV_PLUGIN_LOAD:
        return c->api.load;
    case RV_PLUGIN_CLOSE:
        return c->api.destroy || !c->self;
    }
    return false;
}

static void answer(child *c, rv_plugin_call kind)
{
    c->shared->is_refused = 0;
    c->shared->n = 0;
    if (!can(c, kind)) {
        refuse(c, "the plug-in lacks the function of call %d", (int)kind);
        c->shared->n = -1;
        return;
    }
    switch (kind) {
    case RV_PLUGIN_OPEN:
        open_library(c);
        return;
    case RV_PLUGIN_CREATE:
        create(c);
        return;
    case RV_PLUGIN_RESET:
    case RV_PLUGIN_STEP:
        reset_or_step(c, kind == RV_PLUGIN_RESET);
        break;
    case RV_PLUGIN_SAVE:
        save(c);
        break;
    case RV_PLUGIN_LOAD:
        c->shared->n = c->api.load(c->self, c->shared->state);
        break;
    case RV_PLUGIN_CLOSE:
        if (c->self)
            c->api.destroy(c->self);
        return;
    }
    if (c->shared->n < 0)
        explain(c);
}

/* ---- life ---- */

static rv_status map(int descriptor, rv_plugin_shared **out)
{
    struct stat about;
    int seals = fcntl(descriptor, F_GET_SEALS);
    RV_CHECK(seals > 0 && fstat(descriptor, &about) == 0 && about.st_size == (off_t)sizeof **out, RV_E_USAGE,
             "env-child: this command is for reverie itself, which starts it for a plug-in");
    void *at = mmap(NULL, sizeof **out, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    RV_CHECK(at != MAP_FAILED, RV_E_OS, "env-child: cannot map the shared memory: %s", strerror(errno));
    close(descriptor);
    *out = at;
    return RV_OK;
}

rv_status rv_plugin_serve(int descriptor)
{
    child c = {0};
    RV_TRY(map(descriptor, &c.shared));
    pid_t parent = c.shared->parent;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "reverie-env");
    (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* what is printed before a crash should be seen */
    RV_TRY(limit_memory(c.shared));
    uint32_t number = 1;
    rv_handover_set(&c.shared->answer, number);
    for (rv_plugin_call kind = RV_PLUGIN_OPEN; kind != RV_PLUGIN_CLOSE;) {
        while (!rv_handover_wait(&c.shared->call, number + 1, look_s))
            if (getppid() != parent)
                return RV_OK;
        number++;
        kind = (rv_plugin_call)c.shared->kind;
        answer(&c, kind);
        rv_handover_set(&c.shared->answer, number);
    }
    return RV_OK;
}
