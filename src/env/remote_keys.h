/* remote_keys.h - the CURVE keys of a run and a server that are on different machines.
 *
 * A folder holds server.secret, server.public, client.secret and client.public: one line each, 40 characters of Z85.
 * The run reads client.secret and server.public, the server server.secret and client.public. A server lets in whoever
 * has the client's secret key, and nobody else.
 */
#pragma once
#include "base/status.h"

enum { RV_REMOTE_KEY = 41 }; /* Z85 with its final NUL */

/** What the client of a connection wants to have. */
typedef struct rv_remote_keys {
    char secret[RV_REMOTE_KEY], public[RV_REMOTE_KEY]; /* its own; the public key follows from the secret */
    char server[RV_REMOTE_KEY];                        /* the server's public key */
} rv_remote_keys;

/** Make the four files, and the folder if it is not there; secret keys can be read by their owner alone.
 * @return RV_OK; RV_E_EXISTS (one of the files is there: nothing is changed); RV_E_IO; RV_E_UNAVAILABLE (a libzmq
 * without CURVE) */
rv_status rv_remote_keys_make(const char *folder);

/** The client's part of such a folder.
 * @return RV_OK; RV_E_NOINPUT (no such file); RV_E_DATA (no key in it); RV_E_UNAVAILABLE; each naming the file */
rv_status rv_remote_keys_read(const char *folder, rv_remote_keys *out);
