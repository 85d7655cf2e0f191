#include "math/dense_kernels.h"

const rv_dense_kernels rv_dense_avx512 = {forward, weight_grad, input_grad};
