#include "base/memory.h"
#include "feed/feed_private.h"

#include <errno.h>
#include <string.h>

enum { SUB_QUEUE = 1000 };

struct rv_feed_sub {
    void *context, *socket;
    uint64_t next; /* number expected */
    bool has_next, has_ended;
};

rv_status rv_feed_sub_create(const char *endpoint, rv_feed_sub **out)
{
    rv_status status = RV_OK;
    rv_feed_sub *sub = NULL;
    RV_TRY(RV_NEW(sub, 1));
    RV_TRY_GOTO(rv_feed_socket_open(ZMQ_SUB, 0, SUB_QUEUE, RV_FEED_MESSAGE, &sub->context, &sub->socket), fail);
    RV_CHECK_GOTO(zmq_setsockopt(sub->socket, ZMQ_SUBSCRIBE, "", 0) == 0, RV_E_OS, fail, "feed: cannot subscribe: %s",
                  zmq_strerror(zmq_errno()));
    RV_CHECK_GOTO(zmq_connect(sub->socket, endpoint) == 0, RV_E_OS, fail, "feed: cannot connect '%s': %s", endpoint,
                  zmq_strerror(zmq_errno()));
    *out = sub;
    return RV_OK;
fail:
    rv_feed_sub_destroy(&sub);
    return status;
}

rv_status rv_feed_sub_next(rv_feed_sub *sub, int timeout_ms, rv_frame *out, bool *got, uint64_t *missed)
{
    unsigned char bytes[RV_FEED_MESSAGE];
    zmq_pollitem_t item = {.socket = sub->socket, .events = ZMQ_POLLIN};
    *got = false;
    int ready = zmq_poll(&item, 1, timeout_ms);
    int n = ready > 0 ? zmq_recv(sub->socket, bytes, sizeof bytes, ZMQ_DONTWAIT) : -1;
    if (ready == 0 || (n < 0 && (zmq_errno() == EINTR || zmq_errno() == EAGAIN)))
        return RV_OK;
    RV_CHECK(n >= 0, RV_E_IO, "feed: cannot receive: %s", zmq_strerror(zmq_errno()));
    RV_CHECK(n >= RV_FEED_NUMBER && n <= RV_FEED_MESSAGE, RV_E_PROTOCOL,
             "feed: a published message of %d bytes, expected %d to %d: this is no feed of reverie", n, RV_FEED_NUMBER,
             RV_FEED_MESSAGE);
    uint64_t number = 0;
    for (int i = 0; i < RV_FEED_NUMBER; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    rv_frame frame;
    if (n > RV_FEED_NUMBER)
        RV_TRY(rv_frame_decode(bytes + RV_FEED_NUMBER, (size_t)(n - RV_FEED_NUMBER), &frame));
    /* a number that goes back: the hub was started again at the same place, and this is the first seen of it */
    *missed += sub->has_next && number >= sub->next ? number - sub->next : 0;
    sub->next = number + 1;
    sub->has_next = true;
    sub->has_ended = n == RV_FEED_NUMBER;
    *got = !sub->has_ended;
    if (*got)
        *out = frame;
    return RV_OK;
}

bool rv_feed_sub_ended(const rv_feed_sub *sub)
{
    return sub->has_ended;
}

void rv_feed_sub_destroy(rv_feed_sub **sub)
{
    if (!*sub)
        return;
    rv_feed_socket_close(0, &(*sub)->context, &(*sub)->socket);
    rv_mem_free(sub);
}
