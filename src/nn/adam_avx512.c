#include "nn/adam_lanes.h"

const rv_adam_set rv_adam_avx512 = {.step = step, .step_target = step_target};
