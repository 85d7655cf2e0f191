/* world_mpi.h - what the files of this folder share and nobody else sees: communicators, error wrapper, waiting. */
#pragma once
#include "comm/world.h"

#include <mpi.h>
#include <stdatomic.h>

struct rv_world_mpi {
    MPI_Comm world, node;
    int n_windows;
    MPI_Win *windows; /* (n_windows) shared memory */
};

rv_status rv_mpi_error(int code, const char *call);

/** Pass an MPI error on as a status. */
#define RV_MPI(call)                                                                                                   \
    do {                                                                                                               \
        int rv_mpi_code_ = (call);                                                                                     \
        if (rv_mpi_code_ != MPI_SUCCESS)                                                                               \
            return rv_mpi_error(rv_mpi_code_, #call);                                                                  \
    } while (0)

/** Wait for one request, sleeping in between. */
rv_status rv_world_wait(rv_world *world, MPI_Request *request, MPI_Status *mpi_status);

/** Wait until a message of that source is there, named by tag or, when that is not negative, by other. The sender
 * takes care that a message named other is not followed by one named tag before it has been received. */
rv_status rv_world_probe(rv_world *world, int source, int tag, int other, MPI_Message *message, MPI_Status *mpi_status);

/** Wait until a counter in shared memory has reached a number; what its writer wrote before is then seen. */
rv_status rv_world_wait_count(rv_world *world, const atomic_uint_fast64_t *count, uint64_t at_least);
