#include "base/clock.h"
#include "feed/feed_private.h"
#include "rv_test.h"

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SENDERS = 3, KEY = 4711, GOODBYE = -7, DEADLINE_S = 60 };

typedef struct seen {
    uint64_t next[SENDERS]; /* seq expected of each rank */
    int64_t n_frames, n_wrong;
} seen;

static void look(void *user, const rv_frame *frame)
{
    seen *s = user;
    bool is_right = frame->rank >= 0 && frame->rank < SENDERS && frame->seq == s->next[frame->rank] &&
                    frame->n_values == 1 && frame->values[0].value == (double)frame->seq;
    s->n_wrong += !is_right;
    s->n_frames++;
    if (is_right)
        s->next[frame->rank]++;
}

static rv_feed_hub *open_hub(const char *publish, bool one_host, int64_t high_water, seen *s)
{
    rv_feed_cfg cfg = {.high_water = high_water};
    snprintf(cfg.publish, sizeof cfg.publish, "%s", publish);
    rv_feed_hub *hub = NULL;
    memset(s, 0, sizeof *s);
    RV_TEST_OK(rv_feed_hub_create(&cfg, one_host, KEY, look, s, &hub));
    return hub;
}

static rv_feed_push *open_push(rv_feed_hub *hub, bool same_host, uint64_t key)
{
    rv_feed_push *push = NULL;
    RV_TEST_OK(rv_feed_push_create(rv_feed_hub_push_endpoints(hub), same_host, key, &push));
    return push;
}

static rv_status send_one(rv_feed_push *push, int64_t rank, int64_t tick)
{
    rv_frame frame;
    rv_frame_init(&frame, "actor", rank, tick, 0);
    frame.rank = rank;
    RV_TRY(rv_frame_add(&frame, "x", (double)rv_feed_push_sent(push)));
    return rv_feed_push_send(push, &frame);
}

static void frames_arrive_in_order(void)
{
    enum { N = 2000 };
    seen s;
    rv_feed_hub *hub = open_hub("off", true, 10, &s);
    rv_feed_push *push[SENDERS];
    CU_ASSERT_STRING_EQUAL(rv_feed_hub_publish_endpoint(hub), "");
    CU_ASSERT_PTR_NULL(strchr(rv_feed_hub_push_endpoints(hub), ','));
    for (int r = 0; r < SENDERS; r++)
        push[r] = open_push(hub, true, KEY);
    for (int i = 0; i < N; i++)
        for (int r = 0; r < SENDERS; r++)
            RV_TEST_OK(send_one(push[r], r, i));
    RV_TEST_OK(rv_feed_hub_wait(hub, SENDERS * N, DEADLINE_S));
    for (int r = 0; r < SENDERS; r++) {
        CU_ASSERT_EQUAL(rv_feed_push_sent(push[r]), N);
        rv_feed_push_destroy(&push[r]);
    }
    rv_feed_hub_destroy(&hub);
    CU_ASSERT_EQUAL(s.n_wrong, 0);
    CU_ASSERT_EQUAL(s.n_frames, SENDERS * N);
}

static void destroy_hands_over_what_came(void)
{
    seen s;
    rv_feed_hub *hub = open_hub("off", true, 10, &s);
    rv_feed_push *push = open_push(hub, true, KEY);
    RV_TEST_OK(send_one(push, 0, 0));
    rv_feed_push_destroy(&push); /* waits until the queue has left */
    rv_clock_sleep(0.2);
    rv_feed_hub_destroy(&hub);
    CU_ASSERT_EQUAL(s.n_frames, 1);
}

static void strangers_are_refused(void)
{
    seen s;
    rv_feed_hub *hub = open_hub("off", true, 10, &s);
    rv_feed_push *stranger = open_push(hub, true, KEY + 1);
    rv_feed_push *push = open_push(hub, true, KEY);
    for (int i = 0; i < 5; i++)
        RV_TEST_OK(send_one(stranger, 0, i));
    void *context = NULL;
    void *raw = NULL;
    RV_TEST_OK(rv_feed_socket_open(ZMQ_PUSH, 0, 1, 256, &context, &raw));
    CU_ASSERT_EQUAL_FATAL(zmq_connect(raw, rv_feed_hub_push_endpoints(hub)), 0);
    CU_ASSERT_EQUAL(zmq_send(raw, "rubbish", 7, 0), 7);
    CU_ASSERT_EQUAL(zmq_send(raw, "two ", 4, ZMQ_SNDMORE), 4);
    CU_ASSERT_EQUAL(zmq_send(raw, "parts", 5, 0), 5);
    RV_TEST_OK(send_one(push, 1, 0));
    RV_TEST_OK(rv_feed_hub_wait(hub, 1, DEADLINE_S));
    for (double end = rv_clock_now() + DEADLINE_S; rv_feed_hub_refused(hub) < 8 && rv_clock_now() < end;)
        rv_clock_sleep(0.01);
    CU_ASSERT_EQUAL(rv_feed_hub_refused(hub), 8);
    rv_feed_socket_close(0, &context, &raw);
    rv_feed_push_destroy(&stranger);
    rv_feed_push_destroy(&push);
    rv_feed_hub_destroy(&hub);
    CU_ASSERT_EQUAL(s.n_frames, 1);
    CU_ASSERT_EQUAL(s.n_wrong, 0);
}

static void waiting_has_an_end(void)
{
    seen s;
    rv_feed_hub *hub = open_hub("off", true, 10, &s);
    rv_feed_push *push = open_push(hub, true, KEY);
    RV_TEST_OK(send_one(push, 0, 0));
    RV_TEST_OK(rv_feed_hub_wait(hub, 1, DEADLINE_S));
    double start = rv_clock_now();
    RV_TEST_FAILS(rv_feed_hub_wait(hub, 3, 0.2), RV_E_IO, "1 of 3 frames arrived");
    CU_ASSERT(rv_clock_now() - start >= 0.19);
    rv_feed_push_destroy(&push);
    rv_feed_hub_destroy(&hub);
}

/* read until the goodbye; 0 when all frames between the first and it were got or counted as missed, and some were */
static int subscriber(const char *endpoint, int ready, bool must_miss)
{
    rv_feed_sub *sub = NULL;
    uint64_t missed = 0;
    uint64_t first = 0;
    uint64_t n_got = 0;
    if (rv_feed_sub_create(endpoint, &sub) != RV_OK)
        return 2;
    for (double end = rv_clock_now() + 2 * DEADLINE_S; rv_clock_now() < end;) {
        rv_frame frame;
        bool got = false;
        if (rv_feed_sub_next(sub, 1000, &frame, &got, &missed) != RV_OK)
            return 3;
        if (!got)
            continue;
        if (n_got++ == 0) {
            first = frame.seq;
            if (write(ready, "r", 1) != 1)
                return 4;
        }
        if (frame.key != 0)
            return 5;
        if (frame.tick == GOODBYE) {
            rv_feed_sub_destroy(&sub);
            if (n_got + missed != frame.seq - first + 1)
                return 6;
            return must_miss == (missed > 0) ? 0 : 7;
        }
    }
    return 8;
}

/* a subscriber in its own process; it is made before this one has any thread of zmq */
typedef struct watcher {
    pid_t pid;
    int to, from;
} watcher;

static watcher start_watcher(bool must_miss)
{
    int down[2];
    int up[2];
    CU_ASSERT_EQUAL_FATAL(pipe(down), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(up), 0);
    fflush(NULL);
    watcher w = {.pid = fork(), .to = down[1], .from = up[0]};
    if (w.pid == 0) {
        char endpoint[RV_FEED_ENDPOINT] = "";
        close(down[1]);
        close(up[0]);
        _exit(read(down[0], endpoint, sizeof endpoint) > 0 ? subscriber(endpoint, up[1], must_miss) : 9);
    }
    close(down[0]);
    close(up[1]);
    return w;
}

static void tell_endpoint(const watcher *w, const char *endpoint)
{
    char text[RV_FEED_ENDPOINT] = "";
    snprintf(text, sizeof text, "%s", endpoint);
    CU_ASSERT_EQUAL_FATAL(write(w->to, text, sizeof text), sizeof text);
}

/* send until somebody subscribed has read one */
static void await_watcher(const watcher *w, rv_feed_push *push)
{
    atomic_int is_ready = 0;
    for (int i = 0; i < 100 * DEADLINE_S && !is_ready; i++) {
        RV_TEST_OK(send_one(push, 0, 0));
        struct timeval wait = {.tv_usec = 10000};
        fd_set set;
        FD_ZERO(&set);
        FD_SET(w->from, &set);
        is_ready = select(w->from + 1, &set, NULL, NULL, &wait) == 1;
    }
    CU_ASSERT_FATAL(is_ready);
}

static void end_watcher(const watcher *w, rv_feed_push *push)
{
    int state = 0;
    pid_t ended = 0;
    for (int i = 0; i < 100 * DEADLINE_S && ended == 0; i++) {
        RV_TEST_OK(send_one(push, 0, GOODBYE));
        rv_clock_sleep(0.01);
        ended = waitpid(w->pid, &state, WNOHANG);
    }
    if (ended == 0)
        kill(w->pid, SIGKILL);
    CU_ASSERT_EQUAL(ended, w->pid);
    CU_ASSERT(WIFEXITED(state));
    CU_ASSERT_EQUAL(WEXITSTATUS(state), 0);
    close(w->to);
    close(w->from);
}

static void a_stopped_subscriber_holds_nobody_up(void)
{
    enum { N = 100000 };
    watcher stopped = start_watcher(true);
    watcher reading = start_watcher(false);
    seen s;
    rv_feed_hub *hub = open_hub("tcp://127.0.0.1:*", true, 1000, &s);
    rv_feed_push *push = open_push(hub, true, KEY);
    tell_endpoint(&stopped, rv_feed_hub_publish_endpoint(hub));
    await_watcher(&stopped, push);
    kill(stopped.pid, SIGSTOP);
    double start = rv_clock_now();
    double longest = 0;
    for (int i = 0; i < N; i++) {
        double before = rv_clock_now();
        RV_TEST_OK(send_one(push, 0, i));
        longest = fmax(longest, rv_clock_now() - before);
    }
    double pushed = rv_clock_now() - start;
    RV_TEST_OK(rv_feed_hub_wait(hub, rv_feed_push_sent(push), DEADLINE_S));
    printf("\n    %d pushes with a stopped subscriber: %.3f s, longest %.1f ms; through the hub after %.3f s ", N,
           pushed, 1e3 * longest, rv_clock_now() - start);
    CU_ASSERT(longest < 2);
    CU_ASSERT(rv_clock_now() - start < 30);
    CU_ASSERT_EQUAL((uint64_t)s.n_frames, rv_feed_push_sent(push));
    CU_ASSERT_EQUAL(s.n_wrong, 0);
    kill(stopped.pid, SIGCONT);
    end_watcher(&stopped, push);
    /* one who reads on misses nothing */
    tell_endpoint(&reading, rv_feed_hub_publish_endpoint(hub));
    await_watcher(&reading, push);
    end_watcher(&reading, push);
    rv_feed_push_destroy(&push);
    rv_feed_hub_destroy(&hub);
}

static void a_subscriber_that_never_reads(void)
{
    enum { N = 100000 };
    seen s;
    rv_feed_hub *hub = open_hub("tcp://127.0.0.1:*", true, 1, &s);
    rv_feed_push *push = open_push(hub, true, KEY);
    rv_feed_sub *sub = NULL;
    RV_TEST_OK(rv_feed_sub_create(rv_feed_hub_publish_endpoint(hub), &sub));
    rv_clock_sleep(0.2);
    double start = rv_clock_now();
    for (int i = 0; i < N; i++)
        RV_TEST_OK(send_one(push, 0, i));
    RV_TEST_OK(rv_feed_hub_wait(hub, N, DEADLINE_S));
    CU_ASSERT(rv_clock_now() - start < 30);
    rv_feed_push_destroy(&push);
    start = rv_clock_now();
    rv_feed_hub_destroy(&hub);
    CU_ASSERT(rv_clock_now() - start < 5);
    CU_ASSERT_EQUAL(s.n_frames, N);
    rv_feed_sub_destroy(&sub);
}

static void the_end_is_published(void)
{
    seen s;
    rv_feed_hub *hub = open_hub("tcp://127.0.0.1:*", true, 100, &s);
    rv_feed_push *push = open_push(hub, true, KEY);
    rv_feed_sub *sub = NULL;
    rv_frame frame;
    bool got = false;
    uint64_t missed = 0;
    RV_TEST_OK(rv_feed_sub_create(rv_feed_hub_publish_endpoint(hub), &sub));
    for (int i = 0; i < 100 * DEADLINE_S && !got; i++) {
        RV_TEST_OK(send_one(push, 2, i));
        RV_TEST_OK(rv_feed_sub_next(sub, 10, &frame, &got, &missed));
    }
    CU_ASSERT_FATAL(got);
    CU_ASSERT_STRING_EQUAL(frame.role, "actor");
    CU_ASSERT_EQUAL(frame.rank, 2);
    CU_ASSERT_EQUAL(frame.n_values, 1);
    CU_ASSERT_EQUAL(frame.values[0].value, (double)frame.seq);
    CU_ASSERT_FALSE(rv_feed_sub_ended(sub));
    rv_feed_push_destroy(&push);
    rv_feed_hub_destroy(&hub);
    for (int i = 0; i < 1000 && !rv_feed_sub_ended(sub); i++)
        RV_TEST_OK(rv_feed_sub_next(sub, 100, &frame, &got, &missed));
    CU_ASSERT(rv_feed_sub_ended(sub));
    CU_ASSERT_EQUAL(missed, 0);
    rv_feed_sub_destroy(&sub);
}

static void nobody_there(void)
{
    rv_feed_push *push = NULL;
    rv_feed_sub *sub = NULL;
    rv_frame frame;
    bool got = true;
    uint64_t missed = 0;
    RV_TEST_FAILS(rv_feed_push_create("tcp://127.0.0.1:1", true, KEY, &push), RV_E_IO, "no answer");
    RV_TEST_FAILS(rv_feed_push_create("tcp://127.0.0.1:1", false, KEY, &push), RV_E_PROTOCOL, "another host");
    static const char *const bad[] = {"",
                                      "tcp://",
                                      "ipc:///x",
                                      "tcp://127.0.0.1",
                                      "tcp://127.0.0.1:0",
                                      ",,,,",
                                      "tcp://host:1",
                                      "tcp://127.0.0.1:",
                                      "tcp://127.0.0.1:x",
                                      "tcp://:1",
                                      ":::::",
                                      "tcp:",
                                      "tcp://127.0.0.1:65536"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_EQUAL(rv_feed_push_create(bad[i], true, KEY, &push), RV_E_PROTOCOL);
    RV_TEST_OK(rv_feed_sub_create("tcp://127.0.0.1:1", &sub));
    RV_TEST_OK(rv_feed_sub_next(sub, 50, &frame, &got, &missed));
    CU_ASSERT_FALSE(got);
    rv_feed_sub_destroy(&sub);
    RV_TEST_FAILS(rv_feed_sub_create("nowhere", &sub), RV_E_OS, "cannot connect 'nowhere'");
    seen s;
    rv_feed_cfg cfg = {.publish = "tcp://192.0.2.1:5", .high_water = 10}; /* nobody's address (RFC 5737) */
    rv_feed_hub *hub = NULL;
    RV_TEST_FAILS(rv_feed_hub_create(&cfg, true, KEY, look, &s, &hub), RV_E_OS, "feed.publish: feed: cannot bind");
}

static void other_hosts_use_other_addresses(void)
{
    seen s;
    rv_feed_hub *hub = open_hub("off", false, 10, &s);
    const char *endpoints = rv_feed_hub_push_endpoints(hub);
    CU_ASSERT(strncmp(endpoints, "tcp://127.0.0.1:", 16) == 0);
    if (!strchr(endpoints, ',')) {
        printf("\n    this host has loopback alone: nothing to try ");
    } else {
        /* the first is an address of this host where nobody listens */
        char with_dead[2 * RV_FEED_ENDPOINTS];
        const char *other = strchr(endpoints, ',') + 1;
        snprintf(with_dead, sizeof with_dead, "tcp://127.0.0.1:1,%.*s:1,%s", (int)(strrchr(other, ':') - other), other,
                 other);
        rv_feed_push *push = NULL;
        RV_TEST_OK(rv_feed_push_create(with_dead, false, KEY, &push));
        RV_TEST_OK(send_one(push, 1, 0));
        RV_TEST_OK(rv_feed_hub_wait(hub, 1, DEADLINE_S));
        rv_feed_push_destroy(&push);
    }
    rv_feed_hub_destroy(&hub);
}

/* a signal that arrives must find the thread that handles it */
static void threads_take_no_signal(void)
{
    seen s;
    rv_feed_hub *hub = open_hub("tcp://127.0.0.1:*", true, 10, &s);
    rv_feed_push *push = open_push(hub, true, KEY);
    RV_TEST_OK(send_one(push, 0, 0));
    RV_TEST_OK(rv_feed_hub_wait(hub, 1, DEADLINE_S)); /* all threads run by now */
    int n_threads = 0;
    DIR *tasks = opendir("/proc/self/task");
    CU_ASSERT_PTR_NOT_NULL_FATAL(tasks);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char path[300];
        char line[256];
        if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof line, file)) {
            if (strncmp(line, "SigBlk:", 7) != 0)
                continue;
            unsigned long long blocked = strtoull(line + 7, NULL, 16);
            CU_ASSERT(blocked >> (SIGUSR1 - 1) & 1);
            CU_ASSERT(blocked >> (SIGTERM - 1) & 1);
            n_threads++;
        }
        if (file)
            fclose(file);
    }
    closedir(tasks);
    CU_ASSERT(n_threads >= 4); /* the hub's, and the I/O threads of three sockets */
    rv_feed_push_destroy(&push);
    rv_feed_hub_destroy(&hub);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("feed", {"a_stopped_subscriber_holds_nobody_up", a_stopped_subscriber_holds_nobody_up},
             {"frames_arrive_in_order", frames_arrive_in_order},
             {"destroy_hands_over_what_came", destroy_hands_over_what_came},
             {"strangers_are_refused", strangers_are_refused}, {"waiting_has_an_end", waiting_has_an_end},
             {"a_subscriber_that_never_reads", a_subscriber_that_never_reads},
             {"the_end_is_published", the_end_is_published}, {"nobody_there", nobody_there},
             {"other_hosts_use_other_addresses", other_hosts_use_other_addresses},
             {"threads_take_no_signal", threads_take_no_signal})
