#include "math/vector_lanes.h"

const rv_vector_set rv_vector_avx2 = RV_VECTOR_SET;
