/* context.h - sets up what all roles of a rank share (role.h: rv_context). */
#pragma once
#include "roles/role.h"

/** Collective over all ranks (the real buffer is shared memory). cfg, layout, world and coordinator are borrowed.
 * @return RV_OK; RV_E_CONFIG; RV_E_NOMEM; RV_E_INTERNAL (MPI) */
rv_status rv_context_create(const rv_config *cfg, const rv_layout *layout, rv_world *world,
                            struct rv_coordinator *coordinator, const char *run_dir, rv_context **out);
void rv_context_destroy(rv_context **ctx);
