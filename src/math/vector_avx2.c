/* vector_avx2.c - vector.h on eight lanes. */
#define RV_LANES 8
#include "math/vector_lanes.h"

const rv_vector_set rv_vector_avx2 = RV_VECTOR_SET;
