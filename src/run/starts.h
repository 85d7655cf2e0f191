/* starts.h - the list "starts" in run.json: when a run was started, where, on how many ranks, and how that ended.
 *
 *   "starts": [ { "number": 1, "started": 1700000000.1, "ranks": 4, "nodes": 1, "coordinator": "host", "tick": 0,
 *                 "ended": "a rank was ended by signal 9 (Killed)", "ended_at": 1700000100.2 }, ... ]
 *
 * "ended" is missing while it runs, and says "unknown" when nobody was left to write it.
 */
#pragma once
#include "base/file.h"

#include <jansson.h>
#include <stdint.h>

enum { RV_STARTS_MOST = 1000, RV_STARTS_TEXT = 256, RV_STARTS_MAX_BYTES = 4 << 20 };

/** Read run.json, whose parts this version knows are checked. Untrusted bytes are safe.
 * @param[out] out the whole object, for json_decref @return RV_OK; RV_E_DATA */
rv_status rv_starts_parse(const char *name, const char *text, size_t n, json_t **out);

/** The list of a run, empty without a run.json; one that is damaged is a warning and is begun anew.
 * @param[out] out for json_decref @return RV_OK; RV_E_NOMEM */
rv_status rv_starts_read(const char *run_dir, json_t **out);

/** Add one; the newest RV_STARTS_MOST stay. The last one, if it does not say how it ended, ended for unknown reasons.
 * @param[in] tick the first it does @return RV_OK; RV_E_NOMEM */
rv_status rv_starts_add(json_t *starts, int n_ranks, int n_nodes, const char *host, int64_t tick);

/** Write down how the last start of a run ended, unless that is known. @return RV_OK; RV_E_NOINPUT; RV_E_DATA; RV_E_IO
 */
rv_status rv_starts_end(const char *run_dir, const char *why);

/** The last start of a run. @param[out] ended how it ended; "" while that is not known
 * @return its number; 0: there is none, or run.json cannot be read */
int64_t rv_starts_last(const char *run_dir, char ended[RV_STARTS_TEXT]);
