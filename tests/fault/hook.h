/* hook.h - stands between the program and the system calls that change files, and the allocator: counts them, lets one
 * fail, kills the process after one, writes them down. For the programs of this folder, which are linked with it.
 *
 * Calls of the libraries are not seen, but for malloc and its kin. fsync is counted and otherwise left out: what
 * reaches the disk is not what these tests ask, and they make thousands.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fault_call {
    FAULT_OPEN, /* and opendir */
    FAULT_WRITE,
    FAULT_FSYNC, /* and fdatasync */
    FAULT_RENAME,
    FAULT_TRUNCATE, /* ftruncate */
    FAULT_MKDIR,
    FAULT_UNLINK,
    FAULT_RMDIR,
    FAULT_READ,   /* and pread, readdir */
    FAULT_MALLOC, /* and calloc, realloc, aligned_alloc; of everybody */
    FAULT_N_CALLS
} fault_call;
extern const char *const fault_names[FAULT_N_CALLS];

enum { FAULT_SHORT = -1 }; /* an "errno" of write: half of the bytes are taken, without an error */

/** Watch nothing, forget everything. */
void fault_reset(void);

/** From here on the k-th call of the kind (from 1) fails with this errno, once. */
void fault_arm(fault_call call, int64_t k, int error);

/** Has that call come? */
bool fault_hit(void);

/** From here on the process is killed (SIGKILL) behind the k-th call of any kind but malloc. */
void fault_arm_kill(int64_t k);

/** Blocks that malloc and its kin gave and free did not take back. */
int64_t fault_live_blocks(void);

/** Descriptors that are open. */
int fault_open_files(void);

/* ---- what was done to files ---- */

typedef enum fault_op_kind {
    FAULT_OP_CREATE, /* open with O_CREAT | O_TRUNC */
    FAULT_OP_WRITE,  /* at the end of the file */
    FAULT_OP_FSYNC,
    FAULT_OP_RENAME,
    FAULT_OP_MKDIR,
    FAULT_OP_UNLINK,
    FAULT_OP_RMDIR
} fault_op_kind;

typedef struct fault_op {
    fault_op_kind kind;
    char path[256];
    char to[256]; /* of a rename */
    char *bytes;  /* of a write */
    size_t n;
} fault_op;

enum { FAULT_OPS = 512 };

/** From here on calls that succeed are written down. fault_reset forgets them. */
void fault_record(void);
const fault_op *fault_recorded(int *n);
