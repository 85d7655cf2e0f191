/* visit.h - state as named arrays: how a unit shows all it must keep to a checkpoint, for saving and for loading alike.
 */
#pragma once
#include "base/status.h"

#include <stdint.h>

typedef enum rv_dtype { RV_F32, RV_F64, RV_I64, RV_U8 } rv_dtype;

/** Called once per array of a unit, always in the same order. Saving reads data (n), loading fills it; the array
 * stays the unit's. A load fails with RV_E_DATA when name, type or n are not what the file holds. */
typedef rv_status (*rv_visit)(void *user, const char *name, rv_dtype type, int64_t n, void *data);

/** Bytes of one element. */
static inline size_t rv_dtype_size(rv_dtype type)
{
    return type == RV_U8 ? 1 : type == RV_F32 ? 4 : 8;
}
