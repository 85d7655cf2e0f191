/* layout_view.h - a layout for people and for programs. */
#pragma once
#include "roles/layout.h"

#include <jansson.h>

/** A table on stdout: rank, work, memory, units. */
void rv_layout_print(const rv_layout *layout);

/** { "ranks": [ ... ], "node_bytes": ... }; the caller gives it back. NULL when memory runs out. */
json_t *rv_layout_json(const rv_layout *layout);
