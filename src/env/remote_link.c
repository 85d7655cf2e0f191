#include "env/remote_link.h"

#include "base/clock.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* what a farewell may wait for; a try to connect, first and longest pause; signs of life */
enum { BYE_MS = 200, RETRY_MS = 50, RETRY_MOST_MS = 1000, HEARTBEAT_MS = 1000, SILENCE_MS = 5000, HOST_BYTES = 64 };

enum {
    WATCHED = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
              ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED
};

bool rv_remote_is_local(const char *address)
{
    char host[HOST_BYTES];
    unsigned char quad[4];
    if (strncmp(address, "ipc://", 6) == 0)
        return true;
    const char *end = strrchr(address, ':');
    if (strncmp(address, "tcp://", 6) != 0 || end < address + 6 || end - (address + 6) >= HOST_BYTES)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(end - (address + 6)), address + 6);
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 || strcmp(host, "::1") == 0)
        return true;
    return inet_pton(AF_INET, host, quad) == 1 && quad[0] == 127;
}

/* ---- life ---- */

static rv_status set(void *socket, int option, const void *value, size_t n)
{
    RV_CHECK(zmq_setsockopt(socket, option, value, n) == 0, RV_E_OS, "remote: zmq option %d: %s", option,
             zmq_strerror(zmq_errno()));
    return RV_OK;
}

static rv_status set_int(void *socket, int option, int value)
{
    return set(socket, option, &value, sizeof value);
}

static rv_status set_up(void *socket, const char *address, const rv_remote_keys *keys)
{
    int64_t max_bytes = RV_REMOTE_MAX_BYTES;
    RV_TRY(set(socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof max_bytes));
    RV_TRY(set_int(socket, ZMQ_LINGER, 0));
    if (strchr(address, '['))
        RV_TRY(set_int(socket, ZMQ_IPV6, 1));
    RV_TRY(set_int(socket, ZMQ_RECONNECT_IVL, RETRY_MS));
    RV_TRY(set_int(socket, ZMQ_RECONNECT_IVL_MAX, RETRY_MOST_MS));
    RV_TRY(set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS));
    RV_TRY(set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, SILENCE_MS));
    if (!keys)
        return RV_OK;
    RV_TRY(set(socket, ZMQ_CURVE_SERVERKEY, keys->server, RV_REMOTE_KEY));
    RV_TRY(set(socket, ZMQ_CURVE_PUBLICKEY, keys->public, RV_REMOTE_KEY));
    return set(socket, ZMQ_CURVE_SECRETKEY, keys->secret, RV_REMOTE_KEY);
}

/* what happens to the connection is told on a socket of its own */
static rv_status watch(rv_remote_link *link)
{
    char name[64];
    snprintf(name, sizeof name, "inproc://remote-%p", link->socket);
    RV_CHECK(zmq_socket_monitor(link->socket, name, WATCHED) == 0, RV_E_OS, "remote: cannot watch a connection: %s",
             zmq_strerror(zmq_errno()));
    link->monitor = zmq_socket(link->place.context, ZMQ_PAIR);
    RV_CHECK(link->monitor && zmq_connect(link->monitor, name) == 0, RV_E_OS, "remote: cannot watch a connection: %s",
             zmq_strerror(zmq_errno()));
    return set_int(link->monitor, ZMQ_LINGER, 0);
}

rv_status rv_remote_link_open(const rv_remote_place *place, uint64_t session, size_t room, rv_remote_link *link)
{
    rv_status status = RV_OK;
    *link = (rv_remote_link){.place = *place, .session = session, .room = room};
    RV_TRY(RV_NEW(link->bytes, room));
    zmq_msg_init(&link->answer);
    link->socket = zmq_socket(place->context, ZMQ_DEALER);
    RV_CHECK_GOTO(link->socket, RV_E_OS, fail, "remote: no socket: %s", zmq_strerror(zmq_errno()));
    RV_TRY_GOTO(set_up(link->socket, place->address, place->keys), fail);
    RV_TRY_GOTO(watch(link), fail);
    RV_CHECK_GOTO(zmq_connect(link->socket, place->address) == 0, RV_E_CONFIG, fail,
                  "env.address: cannot connect '%s': %s; expected tcp://HOST:PORT or ipc://PATH", place->address,
                  zmq_strerror(zmq_errno()));
    return RV_OK;
fail:
    link->is_lost = true;
    rv_remote_link_close(link);
    return status;
}

void rv_remote_link_close(rv_remote_link *link)
{
    if (link->socket && link->session && rv_remote_link_is_up(link)) {
        rv_remote_message bye = {.kind = RV_REMOTE_BYE};
        if (rv_remote_link_send(link, &bye) == RV_OK)
            set_int(link->socket, ZMQ_LINGER, BYE_MS);
    }
    if (link->monitor) {
        zmq_socket_monitor(link->socket, NULL, 0);
        zmq_close(link->monitor);
    }
    if (link->socket)
        zmq_close(link->socket);
    if (link->bytes)
        zmq_msg_close(&link->answer);
    rv_mem_free(&link->bytes);
    *link = (rv_remote_link){.socket = NULL};
}

/* ---- what became of the connection ---- */

static void take_event(rv_remote_link *link, unsigned event, unsigned value)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        link->is_up = true;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        link->is_refused = link->is_lost = true;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        link->is_unlike = value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH;
        link->is_lost = true;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        link->is_cut = true; /* it may be a server that is being started: zmq tries again */
        break;
    default:
        link->is_lost = link->is_lost || link->is_up;
        break;
    }
}

/* an event is its number (16 bits) and a value (32 bits), then the address in a part of its own */
static void look(rv_remote_link *link)
{
    unsigned char head[6], rest[256];
    while (zmq_recv(link->monitor, head, sizeof head, ZMQ_DONTWAIT) == (int)sizeof head) {
        uint16_t event = 0;
        uint32_t value = 0;
        memcpy(&event, head, sizeof event);
        memcpy(&value, head + sizeof event, sizeof value);
        if (zmq_recv(link->monitor, rest, sizeof rest, ZMQ_DONTWAIT) < 0)
            return;
        take_event(link, event, value);
    }
}

bool rv_remote_link_is_up(rv_remote_link *link)
{
    if (!link->socket || link->is_lost)
        return false;
    look(link);
    return link->is_up && !link->is_lost;
}

static rv_status say_lost(const rv_remote_link *link)
{
    const rv_remote_place *p = &link->place;
    if (link->is_refused)
        return rv_raise(RV_E_ENV,
                        "%s: the server refused our keys; the client.public that it reads must belong to the "
                        "client.secret in %s (env.keys)",
                        p->address, p->folder);
    if (link->is_unlike && p->keys)
        return rv_raise(RV_E_ENV, "%s: the server has no keys; start it with --keys, or leave env.keys empty",
                        p->address);
    if (link->is_unlike)
        return rv_raise(RV_E_ENV, "%s: the server wants keys; name their folder in env.keys", p->address);
    return rv_raise(RV_E_ENV, "%s: the connection to the server %s", p->address,
                    link->is_up ? "was lost" : "failed: what listens there speaks another protocol");
}

static rv_status say_silent(const rv_remote_link *link, double timeout_s)
{
    const rv_remote_place *p = &link->place;
    if (link->is_up)
        return rv_raise(RV_E_ENV, "%s: the server did not answer within %g s (env.timeout_s)", p->address, timeout_s);
    /* which of the two sides notices first that they do not fit is chance */
    if (link->is_cut && p->keys)
        return rv_raise(RV_E_ENV,
                        "%s: the server ends the handshake: it has no keys, or other keys; server.public in %s "
                        "(env.keys) must belong to its server.secret",
                        p->address, p->folder);
    if (link->is_cut)
        return rv_raise(RV_E_ENV, "%s: the server ends the handshake: perhaps the server wants keys (env.keys)",
                        p->address);
    return rv_raise(RV_E_ENV, "%s: no server there within %g s (env.timeout_s); is it running? see reverie-gym --help",
                    p->address, timeout_s);
}

/* ---- requests and answers: an empty part, as sockets of type REP want it, then the message ---- */

rv_status rv_remote_link_send(rv_remote_link *link, rv_remote_message *request)
{
    size_t n = 0;
    RV_CHECK(link->socket, RV_E_ENV, "there is no connection to the server");
    request->session = link->session;
    request->n = ++link->n;
    RV_TRY(rv_remote_encode(request, link->room, link->bytes, &n));
    bool is_sent = zmq_send(link->socket, "", 0, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0 &&
                   zmq_send(link->socket, link->bytes, n, ZMQ_DONTWAIT) >= 0;
    RV_CHECK(is_sent, RV_E_ENV, "%s: cannot send to the server: %s", link->place.address, zmq_strerror(zmq_errno()));
    return RV_OK;
}

/* a whole message into link->answer, if there is one; *got: 1; 0: none there; -1: not one of ours */
static void take_parts(rv_remote_link *link, int *got)
{
    int n_parts = 0;
    bool is_good = true;
    *got = 0;
    do {
        if (zmq_msg_recv(&link->answer, link->socket, ZMQ_DONTWAIT) < 0)
            return;
        is_good = is_good && (n_parts > 0 || zmq_msg_size(&link->answer) == 0);
        n_parts++;
    } while (zmq_msg_more(&link->answer));
    *got = is_good && n_parts == 2 ? 1 : -1;
}

/* *got: an answer to the last request; others are late, or asked whether somebody is here */
static rv_status take_answer(rv_remote_link *link, rv_remote_message *answer, bool *got)
{
    int parts = 0;
    take_parts(link, &parts);
    *got = false;
    if (parts == 0)
        return RV_OK;
    RV_CHECK(parts > 0, RV_E_PROTOCOL, "message: expected an empty part and one more");
    RV_TRY(rv_remote_decode(zmq_msg_data(&link->answer), zmq_msg_size(&link->answer), answer));
    *got = answer->session == link->session && answer->n == link->n;
    return RV_OK;
}

/* the answer, whatever its kind */
static rv_status await(rv_remote_link *link, double deadline, double timeout_s, rv_remote_message *answer)
{
    zmq_pollitem_t items[2] = {{.socket = link->socket, .events = ZMQ_POLLIN},
                               {.socket = link->monitor, .events = ZMQ_POLLIN}};
    for (;;) {
        bool got = false;
        rv_status status = take_answer(link, answer, &got);
        if (status != RV_OK)
            return rv_raise(RV_E_ENV, "%s: %s", link->place.address, rv_error_last()->text);
        if (got)
            return RV_OK;
        if (items[0].revents & ZMQ_POLLIN) {
            items[0].revents = 0; /* that was another's: there may be more */
            continue;
        }
        look(link);
        if (link->is_lost)
            return say_lost(link);
        double left = deadline - rv_clock_now();
        if (left <= 0)
            return say_silent(link, timeout_s);
        if (zmq_poll(items, 2, (long)fmin(ceil(left * 1000), 1e6)) < 0)
            items[0].revents = items[1].revents = 0; /* a signal */
    }
}

rv_status rv_remote_link_receive(rv_remote_link *link, double deadline, double timeout_s, rv_remote_kind expected,
                                 rv_remote_message *answer)
{
    rv_remote_message message;
    RV_CHECK(link->socket, RV_E_ENV, "there is no connection to the server");
    rv_status status = await(link, deadline, timeout_s, &message);
    if (status != RV_OK) {
        link->is_lost = true;
        return status;
    }
    if (message.kind == RV_REMOTE_ERROR) {
        char text[RV_REMOTE_MAX_TEXT / 2];
        rv_remote_show(&message.text, sizeof text, text);
        return rv_raise(RV_E_ENV, "%s: the server says: %s", link->place.address, text);
    }
    link->is_lost = message.kind != expected;
    RV_CHECK(!link->is_lost, RV_E_ENV, "%s: an answer of kind '%s', expected '%s'", link->place.address,
             rv_remote_kinds[message.kind], rv_remote_kinds[expected]);
    *answer = message;
    return RV_OK;
}
