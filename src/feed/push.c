#include "base/clock.h"
#include "base/memory.h"
#include "feed/feed_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_ENDPOINTS = 32, ANSWER_S = 5, LINGER_MS = 5000 };

struct rv_feed_push {
    void *context, *socket;
    uint64_t key, n_sent;
};

typedef struct endpoint {
    char text[RV_FEED_ENDPOINT];
    struct sockaddr_in address;
} endpoint;

/* "tcp://10.0.0.5:41234" */
static rv_status parse_endpoint(const char *text, size_t n, endpoint *out)
{
    endpoint e = {.address.sin_family = AF_INET};
    RV_CHECK(n < sizeof e.text, RV_E_PROTOCOL, "feed: an endpoint of %zu bytes", n);
    memcpy(e.text, text, n);
    char host[INET_ADDRSTRLEN] = "";
    const char *colon = strrchr(e.text, ':');
    size_t n_host = colon && colon > e.text + 6 ? (size_t)(colon - e.text) - 6 : 0;
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    bool is_good = strncmp(e.text, "tcp://", 6) == 0 && n_host > 0 && n_host < sizeof host && *end == 0 && port > 0 &&
                   port < 65536;
    if (is_good) {
        memcpy(host, e.text + 6, n_host);
        is_good = inet_pton(AF_INET, host, &e.address.sin_addr) == 1;
    }
    RV_CHECK(is_good, RV_E_PROTOCOL, "feed: endpoint '%s': expected tcp://ADDRESS:PORT", e.text);
    e.address.sin_port = htons((uint16_t)port);
    *out = e;
    return RV_OK;
}

static bool is_loopback(const endpoint *e)
{
    return (ntohl(e->address.sin_addr.s_addr) >> 24) == 127;
}

/* those that a rank there or elsewhere may try: loopback means the hub on its own host, and a stranger on another */
static rv_status candidates(const char *list, bool same_host, int *n_out, endpoint out[MAX_ENDPOINTS])
{
    int n = 0;
    for (const char *at = list; *at && n < MAX_ENDPOINTS;) {
        size_t length = strcspn(at, ",");
        RV_TRY(parse_endpoint(at, length, &out[n]));
        n += is_loopback(&out[n]) == same_host;
        at += length + (at[length] == ',');
    }
    RV_CHECK(n > 0, RV_E_PROTOCOL, "feed: no endpoint for %s in '%s'",
             same_host ? "a rank on the hub's host" : "a rank on another host", list);
    *n_out = n;
    return RV_OK;
}

/* @return 1 connected, 0 not yet, -1 never; *fd becomes -1 when it is never */
static int start_connect(const endpoint *e, int *fd)
{
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd >= 0 && connect(*fd, (const struct sockaddr *)&e->address, sizeof e->address) == 0)
        return 1;
    if (*fd >= 0 && errno == EINPROGRESS)
        return 0;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return -1;
}

static bool has_connected(int fd)
{
    int e = 0;
    socklen_t n = sizeof e;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0 && e == 0;
}

/* index of the first that answers a plain TCP connection, -1 when none does in time: zmq itself would try one
 * endpoint for ever */
static int first_answer(int n, const endpoint *endpoints)
{
    struct pollfd fds[MAX_ENDPOINTS];
    int found = -1;
    int n_open = 0;
    for (int i = 0; i < n; i++) {
        fds[i] = (struct pollfd){.fd = -1, .events = POLLOUT};
        int now = found < 0 ? start_connect(&endpoints[i], &fds[i].fd) : -1;
        found = now == 1 ? i : found;
        n_open += now == 0;
    }
    for (double end = rv_clock_now() + ANSWER_S; found < 0 && n_open > 0;) {
        double left = end - rv_clock_now();
        if (left <= 0 || (poll(fds, (nfds_t)n, (int)(left * 1000) + 1) < 0 && errno != EINTR))
            break;
        for (int i = 0; i < n && found < 0; i++) {
            if (fds[i].fd < 0 || fds[i].revents == 0)
                continue;
            if (has_connected(fds[i].fd)) {
                found = i;
            } else {
                close(fds[i].fd);
                fds[i].fd = -1;
                n_open--;
            }
        }
    }
    for (int i = 0; i < n; i++)
        if (fds[i].fd >= 0)
            close(fds[i].fd);
    return found;
}

rv_status rv_feed_push_create(const char *endpoints, bool same_host, uint64_t key, rv_feed_push **out)
{
    rv_status status = RV_OK;
    rv_feed_push *push = NULL;
    endpoint list[MAX_ENDPOINTS];
    int n = 0;
    RV_TRY(candidates(endpoints, same_host, &n, list));
    int chosen = first_answer(n, list);
    RV_CHECK(chosen >= 0, RV_E_IO, "feed: no answer within %d s from the hub at %s (%s)", ANSWER_S, endpoints,
             same_host ? "this host: loopback alone was tried" : "another host: all but loopback was tried");
    RV_TRY(RV_NEW(push, 1));
    push->key = key;
    RV_TRY_GOTO(rv_feed_socket_open(ZMQ_PUSH, 0, 1, RV_FRAME_MAX_BYTES, &push->context, &push->socket), fail);
    RV_CHECK_GOTO(zmq_connect(push->socket, list[chosen].text) == 0, RV_E_OS, fail, "feed: cannot connect %s: %s",
                  list[chosen].text, zmq_strerror(zmq_errno()));
    *out = push;
    return RV_OK;
fail:
    rv_feed_push_destroy(&push);
    return status;
}

rv_status rv_feed_push_send(rv_feed_push *push, rv_frame *frame)
{
    unsigned char bytes[RV_FRAME_MAX_BYTES];
    size_t n = 0;
    frame->key = push->key;
    frame->seq = push->n_sent;
    RV_TRY(rv_frame_encode(frame, bytes, &n));
    int sent = 0;
    do
        sent = zmq_send(push->socket, bytes, n, ZMQ_DONTWAIT);
    while (sent < 0 && zmq_errno() == EINTR);
    RV_CHECK(sent >= 0, RV_E_IO, "feed: cannot queue a frame: %s", zmq_strerror(zmq_errno()));
    push->n_sent++;
    return RV_OK;
}

uint64_t rv_feed_push_sent(const rv_feed_push *push)
{
    return push->n_sent;
}

void rv_feed_push_destroy(rv_feed_push **push)
{
    if (!*push)
        return;
    rv_feed_socket_close(LINGER_MS, &(*push)->context, &(*push)->socket);
    rv_mem_free(push);
}
