/* coordinator.h - what rank 0 does besides its roles, and how every rank reaches it: the metrics feed, the records in
 * the run directory, the progress line.
 */
#pragma once
#include "feed/feed.h"
#include "roles/layout.h"
#include "roles/run.h"
#include "run/stop.h"

typedef struct rv_coordinator rv_coordinator;

/** On rank 0: start the hub, open the records (on a resume, cut to the checkpoint). On all ranks: connect to it.
 * Collective. */
rv_status rv_coordinator_create(rv_world *world, const rv_run_plan *plan, const rv_layout *layout,
                                rv_coordinator **out);

/** Where this rank sends its frames. */
rv_feed_push *rv_coordinator_push(const rv_coordinator *coordinator);

/** On rank 0: have the records been written so far? @return RV_OK; RV_E_IO; RV_E_PROTOCOL */
rv_status rv_coordinator_check(const rv_coordinator *coordinator);

/** Wait until every frame sent so far by any rank is recorded. Collective.
 * @return RV_OK; RV_E_IO when frames are missing or a record could not be written; RV_E_PROTOCOL */
rv_status rv_coordinator_flush(rv_coordinator *coordinator);

/** What rank 0 recorded gets to the disk; the other ranks do nothing. On any thread. @return RV_OK; RV_E_IO */
rv_status rv_coordinator_sync(const rv_coordinator *coordinator);

/** Whether nobody else has taken the run over, so that rank 0 may write. Other ranks do not know. @return RV_OK;
 * RV_E_EXISTS */
rv_status rv_coordinator_may_write(const rv_coordinator *coordinator);

/** Why to stop after this step, as far as this rank knows. */
rv_stop rv_coordinator_look(const rv_coordinator *coordinator, int64_t step);

/** Rank 0 writes down that the run has stopped for this reason, after its checkpoint, or that it is done (RV_STOP_NO).
 * @return RV_OK; RV_E_IO */
rv_status rv_coordinator_ended(rv_coordinator *coordinator, rv_stop reason);

/** Rank 0 says how the run went; the other ranks do nothing. */
void rv_coordinator_conclude(rv_coordinator *coordinator, const rv_run_plan *plan);

void rv_coordinator_destroy(rv_coordinator **coordinator);
