#include "env/remote.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "env/env_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { REQUEST_BYTES = 4096, NUMBER_BYTES = 9 }; /* of a request: at most, apart from numbers and state; of a number */
static const double pause_first_s = 0.05, pause_most_s = 1; /* between two rounds of tries */

typedef struct remote_task {
    rv_env_task task; /* first */
    char help[2 * RV_FIELD_STR];
    double *act_low, *act_high;
    float *alive_low, *alive_high;
    int state_size;
    void *context;
    bool has_keys;
    rv_remote_keys keys;
    int n_addresses, next; /* next: that a new environment tries first */
    char addresses[RV_REMOTE_MAX_ADDRESSES][RV_FIELD_STR];
    size_t request_bytes; /* of the largest */
} remote_task;

typedef struct remote {
    remote_task *task;
    rv_remote_link link;
    int first;       /* address that it tries first */
    double *obs;     /* (raw obs) */
    double deadline; /* of the step under way */
    rv_status begun; /* whether its request left */
} remote;

static double timeout_of(const remote_task *t)
{
    return t->task.cfg->timeout_s;
}

/* ---- where ---- */

static rv_status split_addresses(const rv_env_cfg *cfg, remote_task *t)
{
    const char *at = cfg->address;
    for (;;) {
        size_t n = strcspn(at, ",");
        RV_CHECK(n > 0 && t->n_addresses < RV_REMOTE_MAX_ADDRESSES, RV_E_CONFIG,
                 "env.address: expected 1 to %d addresses, separated by commas, got '%s'", (int)RV_REMOTE_MAX_ADDRESSES,
                 cfg->address);
        snprintf(t->addresses[t->n_addresses++], RV_FIELD_STR, "%.*s", (int)n, at);
        if (!at[n])
            return RV_OK;
        at += n + 1;
    }
}

/* zmq would take any number as a port, and go to what is left of it in 16 bits */
static bool has_port(const char *address)
{
    const char *port = strrchr(address + 6, ':');
    size_t n = port ? strspn(port + 1, "0123456789") : 0;
    long number = n > 0 && n <= 5 && !port[1 + n] ? strtol(port + 1, NULL, 10) : 0;
    return number >= 1 && number <= 65535;
}

static rv_status check_addresses(const rv_env_cfg *cfg, const remote_task *t)
{
    for (int i = 0; i < t->n_addresses; i++) {
        const char *a = t->addresses[i];
        RV_CHECK((strncmp(a, "tcp://", 6) == 0 && has_port(a)) || (strncmp(a, "ipc://", 6) == 0 && a[6]), RV_E_CONFIG,
                 "env.address: '%s': expected tcp://HOST:PORT, the port from 1 to 65535, or ipc://PATH", a);
        RV_CHECK(cfg->keys[0] || rv_remote_is_local(a), RV_E_CONFIG,
                 "env.address: %s is not on this machine, and anyone on the way could act in its place: name a folder "
                 "with keys in env.keys; 'reverie envs keys DIR' makes one",
                 a);
    }
    return RV_OK;
}

static rv_remote_place place_of(const remote_task *t, int address)
{
    return (rv_remote_place){.context = t->context,
                             .address = t->addresses[address],
                             .keys = t->has_keys ? &t->keys : NULL,
                             .folder = t->task.cfg->keys};
}

/* ---- sessions ---- */

/* connect and ask for the description, which points into the link */
static rv_status greet(const remote_task *t, int address, uint64_t session, double deadline, rv_remote_link *link,
                       rv_remote_message *description)
{
    rv_remote_place place = place_of(t, address);
    const char *arguments = t->task.cfg->arguments;
    rv_remote_message hello = {.kind = RV_REMOTE_HELLO, .arguments = {arguments, strlen(arguments)}};
    RV_TRY(rv_remote_link_open(&place, session, t->request_bytes, link));
    rv_status status = rv_remote_link_send(link, &hello);
    if (status == RV_OK)
        status = rv_remote_link_receive(link, deadline, timeout_of(t), RV_REMOTE_DESCRIPTION, description);
    if (status != RV_OK)
        rv_remote_link_close(link);
    return status;
}

static bool same_numbers(const rv_remote_numbers *numbers, int n, const double *expected)
{
    if (numbers->n != n)
        return false;
    for (int i = 0; i < n; i++)
        if (rv_remote_number(numbers, i) != expected[i])
            return false;
    return true;
}

/* a server that was started again may have another environment */
static rv_status check_same(const remote_task *t, const rv_remote_message *d, const char *address)
{
    const rv_env_spec *s = &t->task.spec;
    bool is_same = d->n_obs == (s->n_states ? 0 : s->n_obs) && d->n_states == s->n_states &&
                   d->n_actions == s->n_actions && d->state_size == t->state_size &&
                   same_numbers(&d->act_low, s->n_actions ? 0 : s->n_act, s->act_low) &&
                   same_numbers(&d->act_high, s->n_actions ? 0 : s->n_act, s->act_high);
    RV_CHECK(is_same, RV_E_ENV, "%s: the server describes another environment than the one that this run began with",
             address);
    return RV_OK;
}

static rv_status new_session(uint64_t *out)
{
    do
        RV_CHECK(getrandom(out, sizeof *out, 0) == (ssize_t)sizeof *out, RV_E_OS, "remote: no random bytes");
    while (*out == 0);
    return RV_OK;
}

/* one try at one address */
static rv_status try_address(remote *r, int address, double deadline)
{
    uint64_t session = 0;
    rv_remote_message description;
    RV_TRY(new_session(&session));
    RV_TRY(greet(r->task, address, session, deadline, &r->link, &description));
    rv_status status = check_same(r->task, &description, r->task->addresses[address]);
    if (status != RV_OK)
        rv_remote_link_close(&r->link);
    return status;
}

/* a session at the first address that grants one, within the time of one answer */
static rv_status open_session(remote *r)
{
    const remote_task *t = r->task;
    double end = rv_clock_now() + timeout_of(t), pause = pause_first_s;
    for (;;) {
        rv_status status = RV_OK;
        for (int i = 0; i < t->n_addresses; i++) {
            double until = rv_clock_now() + timeout_of(t) / t->n_addresses;
            status = try_address(r, (r->first + i) % t->n_addresses, fmin(end, until));
            if (status != RV_E_ENV)
                return status;
        }
        /* a try that has no time would hide why the others failed */
        double left = end - rv_clock_now();
        if (left < 2 * pause_first_s)
            return status;
        rv_clock_sleep(fmin(left / 2, pause));
        pause = fmin(2 * pause, pause_most_s);
    }
}

static rv_status ask(remote *r, rv_remote_message *request, rv_remote_kind expected, rv_remote_message *answer)
{
    double deadline = rv_clock_now() + timeout_of(r->task);
    RV_TRY(rv_remote_link_send(&r->link, request));
    return rv_remote_link_receive(&r->link, deadline, timeout_of(r->task), expected, answer);
}

static rv_status take_obs(remote *r, const rv_remote_numbers *obs)
{
    int n = rv_env_raw_obs(&r->task->task.spec);
    RV_CHECK(obs->n == n, RV_E_ENV, "%s: an observation of %d numbers, expected %d", r->link.place.address, obs->n, n);
    for (int i = 0; i < n; i++)
        r->obs[i] = rv_remote_number(obs, i);
    return RV_OK;
}

/* begin an episode with this request, in a new session if the last one is no more */
static rv_status begin_with(remote *r, rv_remote_message *request)
{
    rv_remote_message answer;
    if (!rv_remote_link_is_up(&r->link)) {
        rv_remote_link_close(&r->link);
        RV_TRY(open_session(r));
    }
    rv_status status = ask(r, request, RV_REMOTE_OBSERVATION, &answer);
    if (status == RV_OK)
        status = take_obs(r, &answer.obs);
    if (status != RV_OK)
        rv_remote_link_close(&r->link);
    return status;
}

/* ---- the family ---- */

static void destroy(void **sim)
{
    remote *r = *sim;
    rv_remote_link_close(&r->link);
    rv_mem_free(&r->obs);
    rv_mem_free(sim);
}

static rv_status create(const rv_env_task *task, void **sim_out)
{
    remote *r = NULL;
    RV_TRY(RV_NEW(r, 1));
    rv_status status = RV_NEW(r->obs, rv_env_raw_obs(&task->spec));
    if (status != RV_OK) {
        rv_mem_free(&r);
        return status;
    }
    r->task = (remote_task *)(size_t)task; /* behind the constant row is a task of ours */
    r->first = r->task->next++ % r->task->n_addresses;
    *sim_out = r;
    return RV_OK;
}

static rv_status reset(void *sim, uint64_t seed)
{
    rv_remote_message request = {.kind = RV_REMOTE_RESET, .seed = seed};
    return begin_with(sim, &request);
}

static void begin(void *sim, const double *u)
{
    remote *r = sim;
    rv_remote_message request = {.kind = RV_REMOTE_STEP,
                                 .action = {.n = rv_env_raw_act(&r->task->task.spec), .from = u}};
    r->deadline = rv_clock_now() + timeout_of(r->task);
    r->begun = rv_remote_link_send(&r->link, &request);
}

static rv_status end_step(remote *r, rv_env_step_result *out)
{
    rv_remote_message answer;
    RV_CHECK(r->begun == RV_OK, RV_E_ENV, "the step could not be sent to the server");
    RV_TRY(rv_remote_link_receive(&r->link, r->deadline, timeout_of(r->task), RV_REMOTE_TRANSITION, &answer));
    RV_TRY(take_obs(r, &answer.obs));
    *out = (rv_env_step_result){answer.reward, answer.terminated, answer.truncated};
    return RV_OK;
}

static rv_status step(void *sim, const double *u, rv_env_step_result *out)
{
    remote *r = sim;
    (void)u;
    rv_status status = end_step(r, out);
    if (status != RV_OK)
        rv_remote_link_close(&r->link);
    return status;
}

static void observe(const void *sim, double *obs)
{
    const remote *r = sim;
    memcpy(obs, r->obs, (size_t)rv_env_raw_obs(&r->task->task.spec) * sizeof *obs);
}

/* the state: its number of bytes, then those, then zeros */
static rv_status save(void *sim, double *state)
{
    remote *r = sim;
    rv_remote_message answer, request = {.kind = RV_REMOTE_SAVE};
    rv_status status = ask(r, &request, RV_REMOTE_STATE, &answer);
    if (status == RV_OK && answer.state.n > (size_t)r->task->state_size)
        status = rv_raise(RV_E_ENV, "%s: a state of %zu bytes, described as at most %d", r->link.place.address,
                          answer.state.n, r->task->state_size);
    if (status != RV_OK) {
        rv_warn("%s; a run that is resumed from this checkpoint begins a new episode there", rv_error_last()->text);
        return status;
    }
    state[0] = (double)answer.state.n;
    if (answer.state.n > 0)
        memcpy(state + 1, answer.state.at, answer.state.n);
    return RV_OK;
}

static rv_status load(void *sim, const double *state)
{
    remote *r = sim;
    RV_CHECK(state[0] >= 0 && state[0] <= r->task->state_size && state[0] == rint(state[0]), RV_E_DATA,
             "remote: the state is corrupt: %g bytes, expected at most %d", state[0], r->task->state_size);
    rv_remote_message request = {.kind = RV_REMOTE_LOAD,
                                 .state = {(const unsigned char *)(state + 1), (size_t)state[0]}};
    return begin_with(r, &request);
}

/* ---- description ---- */

static bool claims(const char *name)
{
    return strcmp(name, "remote") == 0;
}

static void forget(rv_env_task **task)
{
    remote_task *t = (remote_task *)*task;
    if (t->context)
        while (zmq_ctx_term(t->context) != 0 && zmq_errno() == EINTR)
            ;
    rv_mem_free(&t->act_low);
    rv_mem_free(&t->act_high);
    rv_mem_free(&t->alive_low);
    rv_mem_free(&t->alive_high);
    explicit_bzero(&t->keys, sizeof t->keys);
    rv_mem_free(task);
}

static rv_status check_counts(const rv_remote_message *d)
{
    RV_CHECK(d->act_low.n == d->act_high.n, RV_E_CONFIG, "%d lower and %d upper bounds of the action", d->act_low.n,
             d->act_high.n);
    RV_CHECK(d->alive_low.n == d->alive_high.n && (d->alive_low.n == 0 || d->alive_low.n == d->n_obs), RV_E_CONFIG,
             "%d lower and %d upper bounds of what is alive, expected none or %lld", d->alive_low.n, d->alive_high.n,
             (long long)d->n_obs);
    return RV_OK;
}

static rv_status check_description(const rv_remote_message *d)
{
    RV_CHECK((d->n_obs > 0) != (d->n_states > 0) && d->n_obs <= RV_REMOTE_MAX_NUMBERS &&
                 d->n_states <= RV_REMOTE_MAX_NUMBERS,
             RV_E_CONFIG, "n_obs %lld and n_states %lld, expected one of them, at most %d", (long long)d->n_obs,
             (long long)d->n_states, RV_REMOTE_MAX_NUMBERS);
    RV_CHECK((d->act_low.n > 0) != (d->n_actions > 0) && d->n_actions <= RV_REMOTE_MAX_NUMBERS, RV_E_CONFIG,
             "%d bounds of the action and %lld choices, expected one of them, at most %d", d->act_low.n,
             (long long)d->n_actions, RV_REMOTE_MAX_NUMBERS);
    RV_CHECK(isfinite(d->dt) && d->dt >= 0, RV_E_CONFIG, "dt is %g s", d->dt);
    RV_CHECK(d->state_size <= RV_REMOTE_MAX_STATE, RV_E_CONFIG, "a state of %lld bytes, expected at most %d",
             (long long)d->state_size, RV_REMOTE_MAX_STATE);
    return check_counts(d);
}

static void describe_task(const rv_remote_message *d, remote_task *t)
{
    char name[RV_FIELD_STR], help[RV_FIELD_STR - 2];
    rv_remote_show(&d->name, sizeof name, name);
    rv_remote_show(&d->help, sizeof help, help);
    snprintf(t->help, sizeof t->help, "%s%s%s", name, *name && *help ? ": " : "", help);
    t->state_size = (int)d->state_size;
    t->request_bytes = REQUEST_BYTES + (size_t)t->state_size + NUMBER_BYTES * (size_t)d->act_low.n;
    rv_env_task *task = &t->task;
    task->n_state = d->state_size > 0 ? 1 + (t->state_size + (int)sizeof(double) - 1) / (int)sizeof(double) : 0;
    rv_env_spec *s = &task->spec;
    s->name = task->cfg->name;
    s->family = task->family->name;
    s->help = t->help;
    s->n_states = (int)d->n_states;
    s->n_obs = d->n_states ? s->n_states : (int)d->n_obs;
    s->n_actions = (int)d->n_actions;
    s->n_act = d->n_actions ? s->n_actions : d->act_low.n;
    s->time_limit = (int)d->time_limit;
    s->dt = d->dt;
    s->threshold = NAN;
    s->is_stateless = d->state_size == 0;
}

static rv_status copy_bounds(const rv_remote_message *d, remote_task *t)
{
    RV_TRY(RV_NEW(t->act_low, d->act_low.n));
    RV_TRY(RV_NEW(t->act_high, d->act_low.n));
    for (int i = 0; i < d->act_low.n; i++) {
        t->act_low[i] = rv_remote_number(&d->act_low, i);
        t->act_high[i] = rv_remote_number(&d->act_high, i);
    }
    t->task.spec.act_low = d->n_actions ? NULL : t->act_low;
    t->task.spec.act_high = d->n_actions ? NULL : t->act_high;
    if (d->alive_low.n == 0)
        return RV_OK;
    RV_TRY(RV_NEW(t->alive_low, d->alive_low.n));
    RV_TRY(RV_NEW(t->alive_high, d->alive_low.n));
    for (int i = 0; i < d->alive_low.n; i++) {
        t->alive_low[i] = (float)rv_remote_number(&d->alive_low, i);
        t->alive_high[i] = (float)rv_remote_number(&d->alive_high, i);
    }
    t->task.spec.alive_low = t->alive_low;
    t->task.spec.alive_high = t->alive_high;
    t->task.spec.terminated = rv_env_outside;
    return RV_OK;
}

static rv_status take_description(const rv_remote_message *d, const char *address, remote_task *t)
{
    rv_status status = check_description(d);
    if (status == RV_OK) {
        describe_task(d, t);
        RV_TRY(copy_bounds(d, t));
        status = rv_env_check_ranges(&t->task.spec);
    }
    return status == RV_OK ? RV_OK : rv_error_prefix(status, "%s: the server's description", address);
}

/* the first server that answers */
static rv_status ask_description(remote_task *t)
{
    rv_status status = RV_E_ENV;
    for (int i = 0; i < t->n_addresses && status == RV_E_ENV; i++) {
        rv_remote_link link;
        rv_remote_message d;
        status = greet(t, i, 0, rv_clock_now() + timeout_of(t), &link, &d);
        if (status != RV_OK)
            continue;
        status = take_description(&d, t->addresses[i], t);
        rv_remote_link_close(&link);
    }
    return status;
}

static rv_status describe(const rv_env_cfg *cfg, rv_env_task **out)
{
    rv_status status = RV_OK;
    remote_task *t = NULL;
    RV_TRY(RV_NEW(t, 1));
    t->task.family = &rv_env_remote;
    t->task.cfg = cfg;
    t->request_bytes = REQUEST_BYTES;
    RV_TRY_GOTO(split_addresses(cfg, t), fail);
    RV_TRY_GOTO(check_addresses(cfg, t), fail);
    t->next = (int)getpid() % t->n_addresses; /* ranks begin at different ones */
    t->has_keys = cfg->keys[0] != 0;
    if (t->has_keys)
        RV_TRY_GOTO(rv_remote_keys_read(cfg->keys, &t->keys), fail);
    t->context = zmq_ctx_new();
    RV_CHECK_GOTO(t->context, RV_E_OS, fail, "remote: zmq_ctx_new failed: %s", zmq_strerror(zmq_errno()));
    RV_TRY_GOTO(ask_description(t), fail);
    *out = &t->task;
    return RV_OK;
fail:
    forget((rv_env_task **)&t);
    return status;
}

const rv_env_family rv_env_remote = {
    .name = "remote",
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .begin = begin,
    .step = step,
    .observe = observe,
    .save = save,
    .load = load,
    .claims = claims,
    .describe = describe,
    .forget = forget,
    .is_opaque = true,
};
