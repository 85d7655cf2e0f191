/* feed_private.h - what hub, push and sub share: the only ways they make sockets and report zmq's errors. */
#pragma once
#include "base/status.h"
#include "feed/feed.h"

#include <zmq.h>

/* a published message: the hub's running number (8 bytes, little-endian), then the frame; no frame: the feed ends */
enum { RV_FEED_NUMBER = 8, RV_FEED_MESSAGE = RV_FEED_NUMBER + RV_FRAME_MAX_BYTES };

#define RV_ZMQ(call, what) RV_CHECK((call) >= 0, RV_E_OS, "%s: %s failed: %s", (what), #call, zmq_strerror(zmq_errno()))

/** A context with one I/O thread and a socket of it. Messages above max_bytes end the connection they come from.
 * @param[in] send_queue, receive_queue messages per peer, 0 = no limit */
rv_status rv_feed_socket_open(int type, int send_queue, int receive_queue, int max_bytes, void **context,
                              void **socket);

/** Close both; messages still queued get linger_ms to leave. Either may be NULL; both become NULL. */
void rv_feed_socket_close(int linger_ms, void **context, void **socket);
