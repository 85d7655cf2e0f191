#include "feed/feed_private.h"

#include <errno.h>

static rv_status set_up(void *socket, int send_queue, int receive_queue, int64_t max_bytes)
{
    int linger = 0;
    RV_ZMQ(zmq_setsockopt(socket, ZMQ_SNDHWM, &send_queue, sizeof send_queue), "feed");
    RV_ZMQ(zmq_setsockopt(socket, ZMQ_RCVHWM, &receive_queue, sizeof receive_queue), "feed");
    RV_ZMQ(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof max_bytes), "feed");
    RV_ZMQ(zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger), "feed");
    return RV_OK;
}

rv_status rv_feed_socket_open(int type, int send_queue, int receive_queue, int max_bytes, void **context, void **socket)
{
    rv_status status = RV_OK;
    void *fresh = NULL;
    void *own = zmq_ctx_new();
    RV_CHECK(own, RV_E_OS, "feed: zmq_ctx_new failed: %s", zmq_strerror(zmq_errno()));
    fresh = zmq_socket(own, type);
    RV_CHECK_GOTO(fresh, RV_E_OS, fail, "feed: zmq_socket failed: %s", zmq_strerror(zmq_errno()));
    RV_TRY_GOTO(set_up(fresh, send_queue, receive_queue, max_bytes), fail);
    *context = own;
    *socket = fresh;
    return RV_OK;
fail:
    rv_feed_socket_close(0, &own, &fresh);
    return status;
}

void rv_feed_socket_close(int linger_ms, void **context, void **socket)
{
    if (*socket) {
        zmq_setsockopt(*socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(*socket);
        *socket = NULL;
    }
    if (*context) {
        while (zmq_ctx_term(*context) != 0 && zmq_errno() == EINTR)
            ;
        *context = NULL;
    }
}
