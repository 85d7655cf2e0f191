/* world_mpi.h - what the files of this folder share and nobody else sees: communicators, error wrapper, waiting. */
#pragma once
#include "comm/world.h"

#include <mpi.h>

struct rv_world_mpi {
    MPI_Comm world, node;
    MPI_Win shared;
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

/** Wait until a message of that source and tag is there. */
rv_status rv_world_probe(rv_world *world, int source, int tag, MPI_Message *message, MPI_Status *mpi_status);
