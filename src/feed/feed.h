/* feed.h - live metrics over ZeroMQ. Ranks push frames to the hub on rank 0; the hub hands each to a callback (the
 * recorder) and publishes it to whoever subscribes.
 *
 *   rank --PUSH--> PULL [hub thread] --callback--> recorder
 *                                    --PUB-------> watch, dashboards
 *
 * A push never blocks: its queue has no limit (a tick makes a handful of small frames), so nothing recorded is
 * lost. The publication may drop for a slow, stopped or absent subscriber and never waits for one: each published
 * message carries the hub's own running number, by which a subscriber counts what it missed. A message is
 *   [ hub number, 8 bytes little-endian | frame bytes, key 0 ]        no frame bytes: the feed has ended
 * The hub's thread makes no MPI call and takes no signal. A hub, push or sub is used by one thread at a time, but for
 * what is said to be asked from any.
 */
#pragma once
#include "base/field.h"
#include "feed/frame.h"

/** Settings of the section "feed". */
typedef struct rv_feed_cfg {
    char publish[RV_FIELD_STR]; /* where to publish: "tcp://127.0.0.1:*"; "off": nowhere */
    int64_t high_water;         /* messages kept for one slow subscriber */
} rv_feed_cfg;
extern const rv_field rv_feed_cfg_fields[];

typedef void (*rv_feed_callback)(void *user, const rv_frame *frame);

typedef struct rv_feed_hub rv_feed_hub;
typedef struct rv_feed_push rv_feed_push;
typedef struct rv_feed_sub rv_feed_sub;

enum { RV_FEED_ENDPOINT = 128, RV_FEED_ENDPOINTS = 1024 };

/** Start the hub: bind PULL (loopback alone when one_host; else every IPv4 address of this host) and PUB, start
 * the thread. Frames whose key differs are dropped and counted. callback runs on the hub's thread.
 * @return RV_OK; RV_E_OS (an address cannot be bound; the text names it); RV_E_NOMEM */
rv_status rv_feed_hub_create(const rv_feed_cfg *cfg, bool one_host, uint64_t key, rv_feed_callback callback, void *user,
                             rv_feed_hub **out);
/** Where ranks push: comma-separated endpoints, loopback first. "tcp://127.0.0.1:41234,tcp://10.0.0.5:41234" */
const char *rv_feed_hub_push_endpoints(const rv_feed_hub *hub);
/** Where to subscribe; "" when off. */
const char *rv_feed_hub_publish_endpoint(const rv_feed_hub *hub);
/** Wait until `n` good frames have been through the callback in all, at most `seconds`; from any thread.
 * @return RV_OK; RV_E_IO "n of m frames arrived" */
rv_status rv_feed_hub_wait(rv_feed_hub *hub, uint64_t n, double seconds);
/** Frames refused (malformed, wrong key); from any thread. */
uint64_t rv_feed_hub_refused(const rv_feed_hub *hub);
/** Stop the thread; frames already received have reached the callback. Publishes the end; subscribers get 0.5 s to
 * take what is queued for them. */
void rv_feed_hub_destroy(rv_feed_hub **hub);

/** Connect to the first of the endpoints that answers a TCP connection within 5 s (a rank on the hub's own host
 * takes loopback: same_host, all others anything but loopback).
 * @return RV_OK; RV_E_PROTOCOL (endpoints malformed, or none of that kind); RV_E_IO (no answer) */
rv_status rv_feed_push_create(const char *endpoints, bool same_host, uint64_t key, rv_feed_push **out);
/** Send; fills key, seq. Never blocks. */
rv_status rv_feed_push_send(rv_feed_push *push, rv_frame *frame);
uint64_t rv_feed_push_sent(const rv_feed_push *push);
/** Lets queued frames out for at most 5 s, then closes. */
void rv_feed_push_destroy(rv_feed_push **push);

/** Connect, in the background and again whenever the connection is lost: an endpoint that is not there is no error. */
rv_status rv_feed_sub_create(const char *endpoint, rv_feed_sub **out);
/** Next frame; *got false when none came within timeout_ms, on a signal, and at the end (rv_feed_sub_ended). *missed
 * grows by what the publication dropped since the first message seen of this hub. @return RV_OK; RV_E_PROTOCOL; RV_E_IO
 */
rv_status rv_feed_sub_next(rv_feed_sub *sub, int timeout_ms, rv_frame *out, bool *got, uint64_t *missed);
/** The hub has said that no more will come. */
bool rv_feed_sub_ended(const rv_feed_sub *sub);
void rv_feed_sub_destroy(rv_feed_sub **sub);
