/* gemm.h - single-precision matrix product; gemm.c is the only file that includes cblas.h.
 *
 * Serial OpenBLAS: a rank is a core. The bits of a product depend on its shape and on the processor's kernel set,
 * not on where the operands lie, so callers keep shapes independent of the layout of ranks.
 */
#pragma once
#include <stdbool.h>

/** c (m, n) = alpha op(a) op(b) + beta c, all row-major; op(a) is (m, k), op(b) is (k, n).
 * lda, ldb, ldc: elements from one stored row to the next. With beta = 0, c need not be initialised. */
void rv_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
             const float *b, int ldb, float beta, float *c, int ldc);

/** Name of the kernel set that OpenBLAS chose on this processor ("SkylakeX"): bits depend on it. */
const char *rv_gemm_kernel_name(void);
