/* feed_file.h - RUN/feed.json, which says where a running run publishes its metrics:
 *   {"publish": "tcp://127.0.0.1:41234", "pid": 1234, "host": "node7"}
 * Written when the hub is up (again at each start), removed when the run ends.
 */
#pragma once
#include "feed/feed.h"

enum { RV_HOST_NAME = 256 };

typedef struct rv_feed_file {
    char publish[RV_FEED_ENDPOINT]; /* "" when the run publishes nothing (feed.publish: off) */
    int64_t pid;                    /* of the process that publishes, on that host */
    char host[RV_HOST_NAME];
} rv_feed_file;

/** Write it for this process. @return RV_OK; RV_E_IO */
rv_status rv_feed_file_write(const char *run, const char *publish);

/** @return RV_OK; RV_E_NOINPUT (no such run); RV_E_UNAVAILABLE (the run is not running); RV_E_DATA (malformed) */
rv_status rv_feed_file_read(const char *run, rv_feed_file *out);

/** Remove it; no error when it is not there. */
void rv_feed_file_remove(const char *run);

/** False when the process that wrote it has ended; true on other hosts, where that cannot be seen. */
bool rv_feed_file_is_alive(const rv_feed_file *file);

/** Where to connect from this host: an endpoint on all interfaces (0.0.0.0) becomes one on the run's host.
 * @return RV_OK; RV_E_UNAVAILABLE (nothing is published, or on another host's loopback alone; says what to do) */
rv_status rv_feed_file_endpoint(const rv_feed_file *file, char out[RV_FEED_ENDPOINT + RV_HOST_NAME]);
