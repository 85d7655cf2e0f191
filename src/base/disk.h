/* disk.h - what happens when a disk has no room: the one place that decides it, for every file that a run writes.
 *
 * A writer calls the system, and where that fails asks rv_disk_retry, which waits or says no. Other errors of a disk
 * (EIO, a file system that became read-only) cannot be waited for. Written halves are gone on with, not begun again.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

typedef enum rv_disk_full { RV_DISK_STOP, RV_DISK_WAIT } rv_disk_full;

/** What happens from here on in this process; RV_DISK_STOP unless set. */
void rv_disk_on_full(rv_disk_full what);

/** After a call that failed with this errno: is it worth another try? Then it has waited; a line each minute says for
 * what (path). Only ENOSPC and EDQUOT are, and only with RV_DISK_WAIT. Any thread. */
bool rv_disk_retry(const char *path, int error);

/** Whether some thread is inside rv_disk_retry now: who waits for it should go on waiting. */
bool rv_disk_is_waiting(void);

/** Is this errno one of a disk in trouble: no room, broken, read-only? */
bool rv_disk_is_trouble(int error);

/** Write all of it, also where the system takes it in pieces. @return RV_OK; RV_E_IO, naming path and errno */
rv_status rv_disk_write(int fd, const char *path, const void *bytes, size_t n);

/** What was written to fd, a file or a folder, reaches the disk; an interrupted call is made again. @return 0, or -1
 * with errno. After an error the file is not to be trusted: another try would succeed, and what is lost stays so. */
int rv_disk_sync(int fd);
