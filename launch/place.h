/* place.h - where a run keeps on this host what must not outlive it, and who clears it away.
 *
 * Open MPI's shared memory and session files go into two folders of the run's own, /dev/shm/reverie-UID-TOKEN and
 * TMPDIR/reverie-UID-TOKEN (/tmp without TMPDIR). Whoever works for the run holds a shared lock on their file `alive`,
 * so a folder is dead exactly when nobody on this machine holds it, whatever was killed, in whichever container.
 * Two clear it away: the **janitor**, a process in a session of its own that outlives who made the folder, ends what is
 * left of the run and removes it; and every later start, which removes all dead folders of its user.
 *
 * Ranks of another host, and ranks without a supervisor, make and leave such a place in the same way. What is not
 * covered then: session files of a mpirun or slurmstepd that the user started, which lie where those put them.
 */
#pragma once
#include "base/file.h"

#include <sys/types.h>

/* the token, in the environment of every process that works for the run */
#define RV_PLACE_ENV "REVERIE_PLACE"

enum { RV_PLACE_TOKEN = 17, RV_PLACE_FOLDERS = 2 };

typedef struct rv_place {
    char token[RV_PLACE_TOKEN]; /* 16 hexadecimal digits */
    char memory[RV_PATH];       /* for shared memory: /dev/shm/reverie-UID-TOKEN */
    char files[RV_PATH];        /* for session files: TMPDIR/reverie-UID-TOKEN */
    int alive[RV_PLACE_FOLDERS];
    bool is_ours;  /* nobody is above us: the janitor ends what we leave behind */
    pid_t janitor; /* 0: another process has started it */
    int leash;     /* the janitor waits for the end of whoever holds it; -1: none */
} rv_place;

/** Remove dead folders, then make or enter a place, and start its janitor if this process is the first in it. Call it
 * before there are threads.
 * @param[in] token NULL: a new place @return RV_OK; RV_E_OS */
rv_status rv_place_enter(const char *token, rv_place *out);

/** Enter the place of this rank: that of its supervisor; else one of all ranks that the same process started on this
 * host. Open MPI is told to use it. */
rv_status rv_place_enter_as_rank(rv_place *out);

/** Start the janitor again when it was the process that ended. */
rv_status rv_place_janitor_ended(rv_place *place, pid_t ended);

/** End all processes of the place that were started with its token, and wait until they are gone (a few seconds at
 * most). */
void rv_place_end_members(const rv_place *place);

/** Remove what the folders hold; nobody may be using it. */
void rv_place_empty(const rv_place *place);

/** Leave. With wait, and if this process has the janitor, until the place is cleared. */
void rv_place_leave(rv_place *place, bool wait);
