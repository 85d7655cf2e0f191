#include "base/clock.h"
#include "base/file.h"
#include "env/remote.h"
#include "env_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static void only_this_machine_is_local(void)
{
    static const char *const local[] = {"tcp://127.0.0.1:5555", "tcp://127.8.9.10:1", "tcp://localhost:1",
                                        "tcp://[::1]:5",        "tcp://::1:5",        "ipc:///tmp/x"};
    static const char *const foreign[] = {"tcp://192.0.2.1:5555",
                                          "tcp://127.0.0.1.example.org:5",
                                          "tcp://127.1:5",
                                          "tcp://localhost.example.org:5",
                                          "tcp://*:5555",
                                          "tcp://0.0.0.0:5",
                                          "tcp://eth0:5",
                                          "tcp://127.0.0.1;192.0.2.1:5",
                                          "tcp://[::]:5",
                                          "tcp://",
                                          "tcp:",
                                          "udp://127.0.0.1:5",
                                          ""};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        CU_ASSERT(rv_remote_is_local(local[i]));
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        CU_ASSERT(!rv_remote_is_local(foreign[i]));
}

/* ---- a server, good until told otherwise ---- */

typedef enum mode {
    GOOD,
    SILENT,
    LATE, /* answers that are not ours first */
    FAILS,
    SHORT, /* an observation of the wrong size */
    NOT_FINITE,
    OTHER_KIND,
    GARBAGE,
    PARTS,    /* a message of three parts */
    LEAVES,   /* ends the connection in place of an answer */
    FULL,     /* refuses sessions */
    CHANGED,  /* describes something else */
    BIG_STATE /* more than it said */
} mode;

enum { N_OBS = 2, MAX_PEERS = 16, TEXT = 128 };

typedef struct server {
    void *context, *socket;
    char address[TEXT];
    const char *folder; /* of keys; NULL: none */
    pthread_t thread;
    atomic_int mode, is_ended, is_restarted, n_hello, n_bye;
    bool is_discrete;
    int bad_description; /* which of its mistakes */
    struct {
        unsigned char id[TEXT];
        size_t n_id;
        uint64_t seed;
        double t, sum;
    } peers[MAX_PEERS];
    int n_peers;
} server;

static void open_socket(server *s, const char *address)
{
    size_t n = sizeof s->address;
    int linger = 0;
    s->socket = zmq_socket(s->context, ZMQ_ROUTER);
    zmq_setsockopt(s->socket, ZMQ_LINGER, &linger, sizeof linger);
    if (s->folder) {
        char path[RV_PATH], *key = NULL;
        int is_server = 1;
        RV_TEST_OK(rv_path_join(s->folder, "server.secret", path));
        RV_TEST_OK(rv_file_read(path, TEXT, &key, &n));
        key[40] = 0;
        zmq_setsockopt(s->socket, ZMQ_CURVE_SERVER, &is_server, sizeof is_server);
        zmq_setsockopt(s->socket, ZMQ_CURVE_SECRETKEY, key, 41);
        rv_mem_free(&key);
        n = sizeof s->address;
    }
    for (int i = 0; i < 1000 && zmq_bind(s->socket, address) != 0; i++)
        rv_clock_sleep(0.01); /* the last socket closes in its own time */
    zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, s->address, &n);
}

static void restart(server *s)
{
    char address[TEXT];
    memcpy(address, s->address, sizeof address);
    zmq_close(s->socket);
    open_socket(s, address);
}

static const double bounds[] = {-2, -1, 2, 3}, infinite[] = {-INFINITY, -1, 1, INFINITY}, equal[] = {-1, -1},
                    off[] = {NAN, 1}, wide[] = {-1e308, -1, 1e308, 1};

static void describe(const server *s, rv_remote_message *d)
{
    d->kind = RV_REMOTE_DESCRIPTION;
    d->name = (rv_remote_text){"Counter", 7};
    d->help = (rv_remote_text){"counts", 6};
    d->time_limit = 7;
    d->dt = 0.5;
    if (s->is_discrete) {
        d->n_states = 5;
        d->n_actions = 3;
        return;
    }
    d->n_obs = s->mode == CHANGED ? 3 : N_OBS;
    d->state_size = 11;
    d->act_low = (rv_remote_numbers){.n = 2, .from = bounds};
    d->act_high = (rv_remote_numbers){.n = 2, .from = bounds + 2};
    d->alive_low = (rv_remote_numbers){.n = 2, .from = infinite};
    d->alive_high = (rv_remote_numbers){.n = 2, .from = infinite + 2};
    switch (s->bad_description) {
    case 1:
        d->n_obs = 0;
        break;
    case 2:
        d->act_high.n = 1;
        break;
    case 3:
        d->act_low.from = infinite;
        break;
    case 4:
        d->act_low.from = d->act_high.from = equal;
        break;
    case 5:
        d->n_actions = 2;
        break;
    case 6:
        d->alive_low.n = d->alive_high.n = 1;
        break;
    case 7:
        d->alive_high.from = off;
        break;
    case 8:
        d->dt = -1;
        break;
    case 10:
        d->act_low.from = wide;
        d->act_high.from = wide + 2;
        break;
    case 9:
        d->state_size = RV_REMOTE_MAX_STATE + 1;
        break;
    default:
        break;
    }
}

static int peer_of(server *s, const unsigned char *id, size_t n_id)
{
    for (int i = 0; i < s->n_peers; i++)
        if (s->peers[i].n_id == n_id && memcmp(s->peers[i].id, id, n_id) == 0)
            return i;
    int i = s->n_peers++ % MAX_PEERS;
    memcpy(s->peers[i].id, id, n_id);
    s->peers[i].n_id = n_id;
    return i;
}

/* what a good server says; its observation counts steps and adds what it was given */
static void answer(server *s, int peer, const rv_remote_message *q, double obs[3], unsigned char state[16],
                   rv_remote_message *a)
{
    double *t = &s->peers[peer].t, *sum = &s->peers[peer].sum;
    a->kind = RV_REMOTE_OBSERVATION;
    switch (q->kind) {
    case RV_REMOTE_HELLO:
        s->n_hello++;
        describe(s, a);
        return;
    case RV_REMOTE_RESET:
        *t = 0;
        *sum = (double)(q->seed % 1000);
        break;
    case RV_REMOTE_LOAD:
        CU_ASSERT(q->state.n == 10 && q->state.at[8] == 7 && q->state.at[9] == 0);
        memcpy(sum, q->state.at, 8);
        *t = 3;
        break;
    case RV_REMOTE_STEP:
        *t += 1;
        for (int i = 0; i < q->action.n; i++)
            *sum += rv_remote_number(&q->action, i);
        a->kind = RV_REMOTE_TRANSITION;
        a->reward = 0.1 * *t;
        a->terminated = *sum > 1e6;
        break;
    case RV_REMOTE_SAVE:
        a->kind = RV_REMOTE_STATE;
        memcpy(state, sum, 8);
        state[8] = 7;
        a->state = (rv_remote_bytes){state, s->mode == BIG_STATE ? 12 : 10};
        return;
    default:
        s->n_bye++;
        a->kind = RV_REMOTE_DONE;
        return;
    }
    obs[0] = *t;
    obs[1] = *sum;
    if (s->is_discrete)
        obs[0] = fmod(*sum, 5);
    a->obs = (rv_remote_numbers){.n = s->is_discrete ? 1 : N_OBS, .from = obs};
}

/* to the peer whose identity was sent already */
static void reply(server *s, const rv_remote_message *a, const char *garbage)
{
    static unsigned char out[4096];
    size_t n = 0;
    RV_TEST_OK(rv_remote_encode(a, sizeof out, out, &n));
    zmq_send(s->socket, "", 0, ZMQ_SNDMORE);
    if (garbage)
        zmq_send(s->socket, garbage, strlen(garbage), 0);
    else
        zmq_send(s->socket, out, n, s->mode == PARTS ? ZMQ_SNDMORE : 0);
    if (s->mode == PARTS)
        zmq_send(s->socket, "", 0, 0);
}

static void send_late(server *s, int peer, const rv_remote_message *a)
{
    rv_remote_message late = *a;
    late.n--;
    zmq_send(s->socket, s->peers[peer].id, s->peers[peer].n_id, ZMQ_SNDMORE);
    reply(s, &late, NULL);
    late = (rv_remote_message){.kind = RV_REMOTE_ERROR, .session = a->session};
    zmq_send(s->socket, s->peers[peer].id, s->peers[peer].n_id, ZMQ_SNDMORE);
    reply(s, &late, NULL);
    late.n = a->n;
    late.session = a->session + 1;
    zmq_send(s->socket, s->peers[peer].id, s->peers[peer].n_id, ZMQ_SNDMORE);
    reply(s, &late, NULL);
}

static void spoil(server *s, const rv_remote_message *q, double *obs, rv_remote_message *a)
{
    static const char text[] = "ValueError: too hot";
    if (s->mode == FAILS || (s->mode == FULL && q->kind == RV_REMOTE_HELLO && q->session)) {
        a->kind = RV_REMOTE_ERROR;
        a->text = (rv_remote_text){text, sizeof text - 1};
    }
    if (s->mode == SHORT)
        a->obs.n = 1;
    if (s->mode == NOT_FINITE)
        obs[1] = NAN;
    if (s->mode == OTHER_KIND)
        a->kind = RV_REMOTE_DONE;
}

static void serve(server *s)
{
    unsigned char id[TEXT], in[4096], state[16] = {0};
    double obs[3] = {0};
    rv_remote_message q;
    int n_id = zmq_recv(s->socket, id, sizeof id, 0);
    CU_ASSERT_FATAL(n_id > 0 && zmq_recv(s->socket, in, sizeof in, 0) == 0);
    int n = zmq_recv(s->socket, in, sizeof in, 0);
    RV_TEST_OK(rv_remote_decode(in, (size_t)n, &q));
    int peer = peer_of(s, id, (size_t)n_id);
    rv_remote_message a = {.session = q.session, .n = q.n};
    answer(s, peer, &q, obs, state, &a);
    if (s->mode == SILENT)
        return;
    if (s->mode == LEAVES && q.kind == RV_REMOTE_STEP) {
        restart(s);
        return;
    }
    if (s->mode == LATE)
        send_late(s, peer, &a);
    spoil(s, &q, obs, &a);
    zmq_send(s->socket, id, (size_t)n_id, ZMQ_SNDMORE);
    reply(s, &a, s->mode == GARBAGE ? "\x81\xa7reverie" : NULL);
}

static void *server_main(void *user)
{
    server *s = user;
    while (!s->is_ended) {
        zmq_pollitem_t item = {.socket = s->socket, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, 10) > 0)
            serve(s);
        if (s->is_restarted)
            restart(s);
        s->is_restarted = 0;
    }
    zmq_close(s->socket);
    return NULL;
}

static void start(server *s)
{
    s->context = zmq_ctx_new();
    open_socket(s, "tcp://127.0.0.1:*");
    CU_ASSERT_EQUAL_FATAL(pthread_create(&s->thread, NULL, server_main, s), 0);
}

static void end(server *s)
{
    s->is_ended = 1;
    pthread_join(s->thread, NULL);
    zmq_ctx_term(s->context);
}

static rv_env_cfg cfg_of(const char *address, double timeout_s)
{
    rv_env_cfg cfg = {.timeout_s = timeout_s};
    snprintf(cfg.name, sizeof cfg.name, "remote");
    snprintf(cfg.address, sizeof cfg.address, "%s", address);
    return cfg;
}

typedef struct bench {
    server server;
    rv_env *env;
    rv_rng rng;
    float obs[5];
    rv_env_step_result result;
} bench;

static const float act[3] = {0.25F, -1, 0.5F};

static void set_up(bench *b, bool is_discrete)
{
    memset(b, 0, sizeof *b);
    b->server.is_discrete = is_discrete;
    start(&b->server);
    rv_env_cfg cfg = cfg_of(b->server.address, 1);
    RV_TEST_OK(rv_env_register(&cfg));
    RV_TEST_OK(rv_env_create("remote", &b->env));
    b->rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
}

static void tear_down(bench *b)
{
    rv_env_destroy(&b->env);
    rv_env_forget();
    end(&b->server);
}

static rv_status step(bench *b)
{
    return rv_env_step(b->env, act, b->obs, &b->result);
}

/* ---- the client ---- */

static void an_episode_is_as_the_server_has_it(void)
{
    bench b;
    set_up(&b, false);
    const rv_env_spec *s = rv_env_spec_of(b.env);
    CU_ASSERT_STRING_EQUAL(s->name, "remote");
    CU_ASSERT_STRING_EQUAL(s->family, "remote");
    CU_ASSERT_STRING_EQUAL(s->help, "Counter: counts");
    CU_ASSERT(s->n_obs == 2 && s->n_act == 2 && s->n_states == 0 && s->n_actions == 0 && s->time_limit == 7);
    CU_ASSERT(s->dt == 0.5 && isnan(s->threshold) && !s->is_stateless && s->terminated == rv_env_outside);
    CU_ASSERT(s->act_low[1] == -1 && s->act_high[1] == 3 && isinf(s->alive_low[0]) && s->alive_high[0] == 1);
    CU_ASSERT_EQUAL(b.server.n_hello, 1); /* an environment connects when it is wanted */
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    float sum = b.obs[1];
    CU_ASSERT(b.obs[0] == 0 && sum >= 0 && sum == floorf(sum));
    for (int t = 1; t <= 7; t++) {
        RV_TEST_OK(step(&b));
        sum += 0.5F - 1; /* 0.25 of [-2, 2], -1 of [-1, 3] */
        CU_ASSERT(b.obs[0] == (float)t && b.obs[1] == sum && b.result.reward == 0.1 * t);
        CU_ASSERT(b.result.truncated == (t == 7) && !b.result.terminated);
    }
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    CU_ASSERT_EQUAL(b.server.n_hello, 2);
    rv_env_destroy(&b.env);
    for (int i = 0; i < 1000 && b.server.n_bye == 0; i++)
        rv_clock_sleep(0.01);
    CU_ASSERT_EQUAL(b.server.n_bye, 1);
    tear_down(&b);
}

static void discrete_spaces_are_numbers(void)
{
    bench b;
    set_up(&b, true);
    const rv_env_spec *s = rv_env_spec_of(b.env);
    CU_ASSERT(s->n_states == 5 && s->n_obs == 5 && s->n_actions == 3 && s->n_act == 3 && s->is_stateless);
    CU_ASSERT(!s->act_low && !s->terminated);
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    int before = rv_env_choice(5, b.obs);
    RV_TEST_OK(step(&b)); /* the third score is the largest */
    CU_ASSERT_EQUAL(rv_env_choice(5, b.obs), (before + 2) % 5);
    CU_ASSERT_EQUAL(b.obs[0] + b.obs[1] + b.obs[2] + b.obs[3] + b.obs[4], 1);
    CU_ASSERT_EQUAL(rv_env_observation(b.env)[0], (before + 2) % 5);
    tear_down(&b);
}

/* a step in this mode fails with this text; then the server is good, and all is well */
static void check_failure(mode how, const char *text)
{
    bench b;
    set_up(&b, false);
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    b.server.mode = how;
    double began = rv_clock_now();
    RV_TEST_FAILS(step(&b), RV_E_ENV, text);
    CU_ASSERT(rv_clock_now() - began < 4);
    CU_ASSERT(!rv_env_is_running(b.env));
    RV_TEST_FAILS(step(&b), RV_E_INTERNAL, "outside an episode");
    if (how != LEAVES && how != PARTS)
        RV_TEST_FAILS(rv_env_reset(b.env, &b.rng, b.obs), RV_E_ENV, text);
    b.server.mode = GOOD;
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    RV_TEST_OK(step(&b));
    CU_ASSERT_EQUAL(b.obs[0], 1);
    tear_down(&b);
}

static void failures_cost_the_episode(void)
{
    check_failure(SILENT, "did not answer within 1 s");
    check_failure(FAILS, "the server says: ValueError: too hot");
    check_failure(SHORT, "an observation of 1 numbers, expected 2");
    check_failure(NOT_FINITE, "observation[1] is nan");
    check_failure(OTHER_KIND, "an answer of kind 'done', expected");
    check_failure(GARBAGE, "message: ");
    check_failure(PARTS, "expected an empty part and one more");
    check_failure(LEAVES, "the connection to the server was lost");
}

static void a_server_that_was_started_again_between_episodes_costs_none(void)
{
    bench b;
    set_up(&b, false);
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    b.server.is_restarted = 1;
    for (int i = 0; i < 1000 && b.server.is_restarted; i++)
        rv_clock_sleep(0.01);
    rv_clock_sleep(0.5); /* for the news to arrive */
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    CU_ASSERT_EQUAL(b.server.n_hello, 3);
    tear_down(&b);
}

static void late_answers_are_ignored(void)
{
    bench b;
    set_up(&b, false);
    b.server.mode = LATE;
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    for (int t = 1; t < 5; t++) {
        RV_TEST_OK(step(&b));
        CU_ASSERT_EQUAL(b.obs[0], (float)t);
    }
    tear_down(&b);
}

static void steps_of_two_are_under_way_at_once(void)
{
    bench b;
    rv_env *other = NULL;
    float obs[2];
    rv_env_step_result result;
    set_up(&b, false);
    RV_TEST_OK(rv_env_create("remote", &other));
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    RV_TEST_OK(rv_env_reset(other, &b.rng, obs));
    RV_TEST_OK(rv_env_step_begin(b.env, act));
    RV_TEST_OK(rv_env_step_begin(other, act));
    RV_TEST_OK(rv_env_step_end(other, obs, &result));
    RV_TEST_OK(rv_env_step_end(b.env, b.obs, &b.result));
    CU_ASSERT(obs[0] == 1 && b.obs[0] == 1);
    rv_env_destroy(&other);
    tear_down(&b);
}

static void a_state_goes_on_in_another_session(void)
{
    bench b;
    unsigned char state[256];
    float expected[2];
    set_up(&b, false);
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    for (int t = 0; t < 3; t++)
        RV_TEST_OK(step(&b));
    size_t n = rv_env_state_size(b.env);
    CU_ASSERT_FATAL(n <= sizeof state);
    rv_env_state_save(b.env, state);
    RV_TEST_OK(step(&b));
    memcpy(expected, b.obs, sizeof expected);
    rv_env_destroy(&b.env);
    RV_TEST_OK(rv_env_create("remote", &b.env));
    RV_TEST_OK(rv_env_state_load(b.env, state, n));
    CU_ASSERT(rv_env_is_running(b.env) && rv_env_observation(b.env)[0] == 3);
    RV_TEST_OK(step(&b));
    CU_ASSERT(memcmp(expected, b.obs, sizeof expected) == 0);
    /* corrupt: longer than any state */
    double length = 12;
    memcpy(state + n - 3 * sizeof(double), &length, sizeof length);
    RV_TEST_FAILS(rv_env_state_load(b.env, state, n), RV_E_DATA, "corrupt: 12 bytes, expected at most 11");
    /* one that cannot be saved is one in which no episode runs */
    b.server.mode = BIG_STATE;
    rv_env_state_save(b.env, state);
    RV_TEST_OK(rv_env_state_load(b.env, state, n));
    CU_ASSERT(!rv_env_is_running(b.env));
    tear_down(&b);
}

static void sessions_wait_for_a_place(void)
{
    bench b;
    set_up(&b, false);
    b.server.mode = FULL;
    double began = rv_clock_now();
    RV_TEST_FAILS(rv_env_reset(b.env, &b.rng, b.obs), RV_E_ENV, "too hot");
    CU_ASSERT(rv_clock_now() - began > 0.5 && rv_clock_now() - began < 4);
    CU_ASSERT(b.server.n_hello > 3); /* asked again and again */
    b.server.mode = CHANGED;
    RV_TEST_FAILS(rv_env_reset(b.env, &b.rng, b.obs), RV_E_ENV, "describes another environment");
    b.server.mode = GOOD;
    RV_TEST_OK(rv_env_reset(b.env, &b.rng, b.obs));
    tear_down(&b);
}

static void several_addresses_are_tried(void)
{
    static server a, b;
    char both[2 * TEXT];
    rv_env *env = NULL, *other = NULL;
    rv_env_step_result result;
    rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, 0, 0);
    float obs[2];
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    start(&a);
    start(&b);
    snprintf(both, sizeof both, "%s,%s", a.address, b.address);
    rv_env_cfg cfg = cfg_of(both, 1);
    RV_TEST_OK(rv_env_register(&cfg));
    RV_TEST_OK(rv_env_create("remote", &env));
    RV_TEST_OK(rv_env_create("remote", &other));
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
    RV_TEST_OK(rv_env_reset(other, &rng, obs));
    CU_ASSERT(a.n_peers == 2 && b.n_peers == 1); /* the first was asked for the description, too */
    rv_env_destroy(&env);
    rv_env_destroy(&other);
    /* whichever it tries first: only b lets it in; then only a answers */
    for (int i = 0; i < 2; i++) {
        a.mode = FULL;
        b.mode = GOOD;
        RV_TEST_OK(rv_env_create("remote", &env));
        RV_TEST_OK(rv_env_reset(env, &rng, obs));
        a.mode = GOOD;
        b.mode = SILENT;
        RV_TEST_FAILS(rv_env_step(env, act, obs, &result), RV_E_ENV, b.address);
        RV_TEST_OK(rv_env_reset(env, &rng, obs));
        RV_TEST_OK(rv_env_step(env, act, obs, &result));
        rv_env_destroy(&env);
    }
    rv_env_forget();
    end(&a);
    end(&b);
}

static void addresses_are_checked(void)
{
    rv_env_cfg cfg = cfg_of("tcp://192.0.2.1:5555", 30);
    CU_ASSERT(rv_env_is_own("remote") && !rv_env_is_own("remotes"));
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_CONFIG, "tcp://192.0.2.1:5555 is not on this machine");
    cfg = cfg_of("tcp://127.0.0.1:1,tcp://192.0.2.1:5555", 30);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_CONFIG, "tcp://192.0.2.1:5555 is not on this machine");
    cfg = cfg_of("127.0.0.1:5555", 30);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_CONFIG, "'127.0.0.1:5555': expected tcp://HOST:PORT");
    cfg = cfg_of("tcp://127.0.0.1:5555,", 30);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_CONFIG, "separated by commas");
    const char *const wrong[] = {"tcp://127.0.0.1",
                                 "tcp://127.0.0.1:",
                                 "tcp://127.0.0.1:no",
                                 "tcp://127.0.0.1:0",
                                 "tcp://127.0.0.1:5555 ",
                                 "tcp://127.0.0.1:71091",
                                 "ipc://"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cfg = cfg_of(wrong[i], 0.2);
        RV_TEST_FAILS(rv_env_register(&cfg), RV_E_CONFIG, "the port from 1 to 65535");
    }
    cfg = cfg_of("tcp://127.0.0.1%:5555", 30);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_CONFIG, "env.address: ");
    cfg = cfg_of("tcp://127.0.0.1:1", 0.2);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_ENV, "tcp://127.0.0.1:1: no server there within 0.2 s");
}

static void wrong_descriptions_are_refused(void)
{
    static const char *const texts[] = {"n_obs 0 and n_states 0",
                                        "2 lower and 1 upper bounds of the action",
                                        "action 0 has the range [-inf, 2]",
                                        "action 0 has the range [-1, -1]",
                                        "2 bounds of the action and 2 choices",
                                        "1 lower and 1 upper bounds of what is alive, expected none or 2",
                                        "observation 0 is alive in [-inf, nan]",
                                        "dt is -1 s",
                                        "a state of 2097153 bytes",
                                        "action 0 has the range [-1e+308, 1e+308]"};
    static server s;
    memset(&s, 0, sizeof s);
    start(&s);
    rv_env_cfg cfg = cfg_of(s.address, 1);
    for (s.bad_description = 1; s.bad_description <= 10; s.bad_description++)
        RV_TEST_FAILS(rv_env_register(&cfg), RV_E_CONFIG, texts[s.bad_description - 1]);
    s.mode = FAILS;
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_ENV, "too hot");
    end(&s);
}

static void make_folder(char folder[64])
{
    snprintf(folder, 64, "/tmp/rv_remote_XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void keys_must_fit(void)
{
    static server s;
    char folder[64], ours[80], others[80];
    make_folder(folder);
    snprintf(ours, sizeof ours, "%s/ours", folder);
    snprintf(others, sizeof others, "%s/others", folder);
    RV_TEST_OK(rv_remote_keys_make(ours));
    RV_TEST_OK(rv_remote_keys_make(others));
    memset(&s, 0, sizeof s);
    s.folder = ours;
    start(&s);
    rv_env_cfg cfg = cfg_of(s.address, 0.4);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_ENV, "the server wants keys");
    snprintf(cfg.keys, sizeof cfg.keys, "%s", others);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_ENV, "or other keys");
    snprintf(cfg.keys, sizeof cfg.keys, "%s/none", folder);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_NOINPUT, "/none/client.secret");
    snprintf(cfg.keys, sizeof cfg.keys, "%s", ours);
    RV_TEST_OK(rv_env_register(&cfg));
    rv_env_forget();
    end(&s);
    memset(&s, 0, sizeof s);
    start(&s);
    snprintf(cfg.address, sizeof cfg.address, "%s", s.address);
    RV_TEST_FAILS(rv_env_register(&cfg), RV_E_ENV, "has no keys");
    end(&s);
    RV_TEST_OK(rv_folder_remove(folder));
}

static void all_is_given_back(void)
{
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("remote",

             {"only_this_machine_is_local", only_this_machine_is_local},
             {"an_episode_is_as_the_server_has_it", an_episode_is_as_the_server_has_it},
             {"discrete_spaces_are_numbers", discrete_spaces_are_numbers},
             {"failures_cost_the_episode", failures_cost_the_episode},
             {"a_server_that_was_started_again_between_episodes_costs_none",
              a_server_that_was_started_again_between_episodes_costs_none},
             {"late_answers_are_ignored", late_answers_are_ignored},
             {"steps_of_two_are_under_way_at_once", steps_of_two_are_under_way_at_once},
             {"a_state_goes_on_in_another_session", a_state_goes_on_in_another_session},
             {"sessions_wait_for_a_place", sessions_wait_for_a_place},
             {"several_addresses_are_tried", several_addresses_are_tried},
             {"addresses_are_checked", addresses_are_checked},
             {"wrong_descriptions_are_refused", wrong_descriptions_are_refused}, {"keys_must_fit", keys_must_fit},
             {"all_is_given_back", all_is_given_back})
