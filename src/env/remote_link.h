/* remote_link.h - one connection to the server of a remote environment: requests with numbers, answers within a time,
 * and what became of the connection. The protocol: remote.h.
 *
 * A link that failed stays failed: close it and open another. One thread at a time.
 */
#pragma once
#include "env/remote_keys.h"
#include "env/remote_message.h"

#include <zmq.h>

/** Where a server is and how it is reached. */
typedef struct rv_remote_place {
    void *context;              /* of zmq */
    const char *address;        /* "tcp://HOST:PORT", "ipc://PATH"; must outlive its links */
    const rv_remote_keys *keys; /* NULL: none */
    const char *folder;         /* where the keys come from, for messages */
} rv_remote_place;

typedef struct rv_remote_link {
    rv_remote_place place;
    void *socket, *monitor; /* NULL: closed */
    uint64_t session;       /* 0: asks for a description alone */
    uint64_t n;             /* of the last request */
    unsigned char *bytes;   /* (room) of a request */
    size_t room;
    zmq_msg_t answer; /* the last one; what was decoded points into it */
    bool is_up;       /* the handshake succeeded */
    bool is_lost;     /* nothing more will come of it */
    bool is_refused;  /* our key was refused */
    bool is_unlike;   /* one side has keys and the other has none */
    bool is_cut;      /* a handshake was cut off without a word */
} rv_remote_link;

/** Whether an address stays on this machine: ipc, 127.0.0.0/8, ::1, localhost; others need keys. */
bool rv_remote_is_local(const char *address);

/** Begin to connect; messages wait until there is a connection. session: any number but 0, for an environment of its
 * own. room: bytes of the largest request. @return RV_OK; RV_E_CONFIG (no such address); RV_E_OS; RV_E_NOMEM */
rv_status rv_remote_link_open(const rv_remote_place *place, uint64_t session, size_t room, rv_remote_link *link);

/** Say bye if there is someone to hear it, and close; a closed link stays as it is. */
void rv_remote_link_close(rv_remote_link *link);

/** Is it open and, as far as is known at this moment, connected? */
bool rv_remote_link_is_up(rv_remote_link *link);

/** Put session and number into the request and send it on its way.
 * @return RV_OK; RV_E_ENV (nowhere to send it); RV_E_INTERNAL (larger than room) */
rv_status rv_remote_link_send(rv_remote_link *link, rv_remote_message *request);

/** Wait for the answer to the last request until deadline (rv_clock_now), timeout_s being what the message says;
 * *answer is valid until the next call. @return RV_OK; RV_E_ENV: the server said why it could not (the link goes on),
 * or the connection was lost, refused or silent, or the answer is malformed or not of that kind (the link is lost) */
rv_status rv_remote_link_receive(rv_remote_link *link, double deadline, double timeout_s, rv_remote_kind expected,
                                 rv_remote_message *answer);
