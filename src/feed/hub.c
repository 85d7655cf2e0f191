#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "feed/feed_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* frames taken between two looks at the stop signal; frames waiting per pusher; what a last subscriber and a last
 * flood may cost the end; what a subscriber may send */
enum { BATCH = 1000, PULL_QUEUE = 1000, END_LINGER_MS = 500, END_DRAIN_S = 5, SUBSCRIPTION_BYTES = 256 };

struct rv_feed_hub {
    void *pull_context, *pull;
    void *publish_context, *publish; /* NULL when off */
    uint64_t key;
    rv_feed_callback callback;
    void *user;
    uint64_t n_published; /* the hub thread's own */
    bool in_parts;        /* inside a message of several parts */
    int stop;             /* eventfd */
    pthread_t thread;
    bool has_thread, has_lock;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t arrived;
    uint64_t n_received, n_refused;
    char push_endpoints[RV_FEED_ENDPOINTS];
    char publish_endpoint[RV_FEED_ENDPOINT];
};

/* ---- the thread ---- */

static void publish(rv_feed_hub *hub, const rv_frame *frame)
{
    unsigned char message[RV_FEED_MESSAGE];
    size_t n = 0;
    if (!hub->publish || (frame && rv_frame_encode(frame, message + RV_FEED_NUMBER, &n) != RV_OK))
        return;
    for (int i = 0; i < RV_FEED_NUMBER; i++)
        message[i] = (unsigned char)(hub->n_published >> (8 * i));
    hub->n_published++;
    /* a full queue drops the message for that subscriber, and PUB does not say so */
    zmq_send(hub->publish, message, RV_FEED_NUMBER + n, ZMQ_DONTWAIT);
}

static void count(rv_feed_hub *hub, bool is_good)
{
    pthread_mutex_lock(&hub->lock);
    hub->n_received += is_good;
    hub->n_refused += !is_good;
    pthread_cond_broadcast(&hub->arrived);
    pthread_mutex_unlock(&hub->lock);
}

static void take(rv_feed_hub *hub, zmq_msg_t *message)
{
    rv_frame frame;
    bool is_part = hub->in_parts || zmq_msg_more(message);
    hub->in_parts = zmq_msg_more(message);
    bool is_good = !is_part && rv_frame_decode(zmq_msg_data(message), zmq_msg_size(message), &frame) == RV_OK &&
                   frame.key == hub->key;
    if (is_good) {
        hub->callback(hub->user, &frame);
        frame.key = 0; /* whoever watches learns nothing with which to push */
        publish(hub, &frame);
    }
    count(hub, is_good);
}

/* at most n frames that are there now; false when there are no more */
static bool take_some(rv_feed_hub *hub, int n)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    int taken = 0;
    while (taken < n && zmq_msg_recv(&message, hub->pull, ZMQ_DONTWAIT) >= 0) {
        take(hub, &message);
        taken++;
    }
    zmq_msg_close(&message);
    return taken == n;
}

static void *hub_main(void *user)
{
    rv_feed_hub *hub = user;
    zmq_pollitem_t items[2] = {{.socket = hub->pull, .events = ZMQ_POLLIN}, {.fd = hub->stop, .events = ZMQ_POLLIN}};
    while (!(items[1].revents & ZMQ_POLLIN)) {
        if (zmq_poll(items, 2, -1) < 0 && zmq_errno() != EINTR) {
            rv_warn("feed: the hub cannot wait for frames: %s; no more metrics are recorded",
                    zmq_strerror(zmq_errno()));
            return NULL;
        }
        take_some(hub, BATCH);
    }
    double end = rv_clock_now() + END_DRAIN_S;
    while (take_some(hub, BATCH) && rv_clock_now() < end)
        ;
    publish(hub, NULL);
    return NULL;
}

/* signals are for the thread that handles them */
static rv_status start_thread(rv_feed_hub *hub)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&hub->thread, NULL, hub_main, hub);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    RV_CHECK(e == 0, RV_E_OS, "feed: cannot start the hub's thread: %s", strerror(e));
    hub->has_thread = true;
    return RV_OK;
}

/* ---- set-up ---- */

static rv_status bind_one(void *socket, const char *address, char out[RV_FEED_ENDPOINT])
{
    size_t n = RV_FEED_ENDPOINT;
    RV_CHECK(zmq_bind(socket, address) == 0, RV_E_OS, "feed: cannot bind %s: %s", address, zmq_strerror(zmq_errno()));
    RV_ZMQ(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, out, &n), address);
    return RV_OK;
}

/* bind one more address and list where */
static rv_status bind_pull(rv_feed_hub *hub, const char *address)
{
    char bound[RV_FEED_ENDPOINT];
    char wanted[RV_FEED_ENDPOINT];
    size_t n = strlen(hub->push_endpoints);
    snprintf(wanted, sizeof wanted, "tcp://%s:*", address);
    if (n + RV_FEED_ENDPOINT + 1 > RV_FEED_ENDPOINTS) {
        rv_debug("feed: not listening on %s: this host has too many addresses", address);
        return RV_OK;
    }
    RV_TRY(bind_one(hub->pull, wanted, bound));
    snprintf(hub->push_endpoints + n, RV_FEED_ENDPOINTS - n, "%s%s", n ? "," : "", bound);
    return RV_OK;
}

static rv_status bind_addresses(rv_feed_hub *hub)
{
    struct ifaddrs *list = NULL;
    RV_CHECK(getifaddrs(&list) == 0, RV_E_OS, "feed: cannot list the addresses of this host: %s", strerror(errno));
    rv_status status = RV_OK;
    for (const struct ifaddrs *a = list; a && status == RV_OK; a = a->ifa_next) {
        char address[INET_ADDRSTRLEN];
        if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET || a->ifa_flags & IFF_LOOPBACK ||
            !(a->ifa_flags & IFF_UP))
            continue;
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a->ifa_addr;
        inet_ntop(AF_INET, &in->sin_addr, address, sizeof address);
        status = bind_pull(hub, address);
    }
    freeifaddrs(list);
    return status;
}

static rv_status open_publish(rv_feed_hub *hub, const rv_feed_cfg *cfg)
{
    if (strcmp(cfg->publish, "off") == 0)
        return RV_OK;
    int queue = cfg->high_water > 0 && cfg->high_water < INT32_MAX ? (int)cfg->high_water : 1;
    RV_TRY(rv_feed_socket_open(ZMQ_PUB, queue, 0, SUBSCRIPTION_BYTES, &hub->publish_context, &hub->publish));
    rv_status status = bind_one(hub->publish, cfg->publish, hub->publish_endpoint);
    return status == RV_OK ? RV_OK : rv_error_prefix(status, "feed.publish");
}

static rv_status open_lock(rv_feed_hub *hub)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int e = pthread_cond_init(&hub->arrived, &attributes);
    pthread_condattr_destroy(&attributes);
    RV_CHECK(e == 0 && pthread_mutex_init(&hub->lock, NULL) == 0, RV_E_OS, "feed: cannot make a lock");
    hub->has_lock = true;
    return RV_OK;
}

rv_status rv_feed_hub_create(const rv_feed_cfg *cfg, bool one_host, uint64_t key, rv_feed_callback callback, void *user,
                             rv_feed_hub **out)
{
    rv_status status = RV_OK;
    rv_feed_hub *hub = NULL;
    RV_TRY(RV_NEW(hub, 1));
    hub->key = key;
    hub->callback = callback;
    hub->user = user;
    hub->stop = eventfd(0, EFD_CLOEXEC);
    RV_CHECK_GOTO(hub->stop >= 0, RV_E_OS, fail, "feed: eventfd: %s", strerror(errno));
    RV_TRY_GOTO(open_lock(hub), fail);
    RV_TRY_GOTO(rv_feed_socket_open(ZMQ_PULL, 0, PULL_QUEUE, RV_FRAME_MAX_BYTES, &hub->pull_context, &hub->pull), fail);
    RV_TRY_GOTO(bind_pull(hub, "127.0.0.1"), fail);
    if (!one_host)
        RV_TRY_GOTO(bind_addresses(hub), fail);
    RV_TRY_GOTO(open_publish(hub, cfg), fail);
    RV_TRY_GOTO(start_thread(hub), fail);
    *out = hub;
    return RV_OK;
fail:
    rv_feed_hub_destroy(&hub);
    return status;
}

void rv_feed_hub_destroy(rv_feed_hub **hub)
{
    rv_feed_hub *h = *hub;
    if (!h)
        return;
    if (h->has_thread) {
        while (eventfd_write(h->stop, 1) != 0 && errno == EINTR)
            ;
        pthread_join(h->thread, NULL);
    }
    rv_feed_socket_close(0, &h->pull_context, &h->pull);
    rv_feed_socket_close(END_LINGER_MS, &h->publish_context, &h->publish);
    if (h->has_lock) {
        pthread_cond_destroy(&h->arrived);
        pthread_mutex_destroy(&h->lock);
    }
    if (h->stop >= 0)
        close(h->stop);
    rv_mem_free(hub);
}

/* ---- asked by the coordinator ---- */

const char *rv_feed_hub_push_endpoints(const rv_feed_hub *hub)
{
    return hub->push_endpoints;
}

const char *rv_feed_hub_publish_endpoint(const rv_feed_hub *hub)
{
    return hub->publish_endpoint;
}

rv_status rv_feed_hub_wait(rv_feed_hub *hub, uint64_t n, double seconds)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    double whole = (double)end.tv_sec + (double)end.tv_nsec * 1e-9 + seconds;
    end.tv_sec = (time_t)whole;
    end.tv_nsec = (long)((whole - (double)end.tv_sec) * 1e9);
    int e = 0;
    pthread_mutex_lock(&hub->lock);
    while (hub->n_received < n && e == 0)
        e = pthread_cond_timedwait(&hub->arrived, &hub->lock, &end);
    uint64_t received = hub->n_received;
    uint64_t refused = hub->n_refused;
    pthread_mutex_unlock(&hub->lock);
    RV_CHECK(received >= n, RV_E_IO,
             "feed: %llu of %llu frames arrived within %g s (%llu refused): a rank is stuck, or cannot reach %s",
             (unsigned long long)received, (unsigned long long)n, seconds, (unsigned long long)refused,
             hub->push_endpoints);
    return RV_OK;
}

uint64_t rv_feed_hub_refused(const rv_feed_hub *hub)
{
    rv_feed_hub *own = (rv_feed_hub *)(size_t)hub; /* the lock is not part of what the caller sees as constant */
    pthread_mutex_lock(&own->lock);
    uint64_t refused = own->n_refused;
    pthread_mutex_unlock(&own->lock);
    return refused;
}
