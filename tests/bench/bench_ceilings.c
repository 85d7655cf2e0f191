/* bench_ceilings.c - what this machine can do: the best rates that anything else is measured against. */
#include "math/gemm.h"
#include "tests/bench/bench.h"

#include <string.h>

/* ---- OpenBLAS, where it is at its best ---- */

enum { SIDE = 1024 };

static rv_status sgemm_setup(const bench *row, void **work)
{
    const int64_t n[BENCH_ARRAYS] = {SIDE * SIDE, SIDE * SIDE, SIDE * SIDE};
    return bench_arrays_create(row, n, work);
}

static rv_status sgemm_run(void *work)
{
    const bench_arrays *a = work;
    rv_gemm(false, false, SIDE, SIDE, SIDE, 1, a->p[0], SIDE, a->p[1], SIDE, 0, a->p[2], SIDE);
    return RV_OK;
}

/* ---- fused multiply-adds alone ----
 * Twelve independent chains hide the latency (4 cycles, 2 units); in assembly, so that no compiler decides what is
 * measured. The operands are zero: a chain must not end in infinities. */

enum { FMA_CHAINS = 12, FMA_LOOPS = 100000 };

#define FMA_LOOP(reg)                                                                                                  \
    int64_t n = FMA_LOOPS;                                                                                             \
    __asm__ volatile(".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13\n\t"                                                      \
                     "vxorps %%xmm\\r, %%xmm\\r, %%xmm\\r\n\t"                                                         \
                     ".endr\n"                                                                                         \
                     "1:\n\t"                                                                                          \
                     ".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n\t"                                                            \
                     "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "\\r\n\t"                                          \
                     ".endr\n\t"                                                                                       \
                     "dec %0\n\t"                                                                                      \
                     "jnz 1b\n\t"                                                                                      \
                     "vzeroupper"                                                                                      \
                     : "+r"(n)                                                                                         \
                     :                                                                                                 \
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",  \
                       "xmm11", "xmm12", "xmm13")

static rv_status fma_avx2_setup(const bench *row, void **work)
{
    const int64_t n[BENCH_ARRAYS] = {0};
    RV_CHECK(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), RV_E_UNAVAILABLE,
             "this processor lacks AVX2 or FMA");
    return bench_arrays_create(row, n, work);
}

static rv_status fma_avx512_setup(const bench *row, void **work)
{
    const int64_t n[BENCH_ARRAYS] = {0};
    RV_CHECK(__builtin_cpu_supports("avx512f"), RV_E_UNAVAILABLE, "this processor lacks AVX-512F");
    return bench_arrays_create(row, n, work);
}

static rv_status fma_avx2_run(void *work)
{
    (void)work;
    FMA_LOOP("ymm");
    return RV_OK;
}

static rv_status fma_avx512_run(void *work)
{
    (void)work;
    FMA_LOOP("zmm");
    return RV_OK;
}

/* ---- memory ---- */

enum { FAR = 32 << 20, NEAR = 64 << 10 }; /* floats: 128 MiB, beyond any cache; 256 KiB, half of a small L2 with both */

static const int64_t far = FAR;
static const int64_t near = NEAR;

static rv_status copy_setup(const bench *row, void **work)
{
    const int64_t *size = row->args;
    const int64_t n[BENCH_ARRAYS] = {*size, *size};
    return bench_arrays_create(row, n, work);
}

static rv_status copy_run(void *work)
{
    bench_arrays *a = work;
    memcpy(a->p[1], a->p[0], (size_t)a->n[0] * sizeof(float));
    __asm__ volatile("" : : "r"(a->p[1]) : "memory"); /* somebody reads it */
    return RV_OK;
}

#define SGEMM_FLOP (2.0 * SIDE * SIDE * SIDE)

const bench bench_ceilings[] = {
    {"ceiling/sgemm", "GFLOP/s", "OpenBLAS sgemm 1024 x 1024 x 1024 through rv_gemm, one thread", 1, SGEMM_FLOP, 0,
     sgemm_setup, sgemm_run, bench_arrays_destroy, NULL},
    {"ceiling/fma_avx2", "GFLOP/s", "fused multiply-adds in registers, 8 lanes", FMA_LOOPS, 2.0 * FMA_CHAINS * 8, 0,
     fma_avx2_setup, fma_avx2_run, bench_arrays_destroy, NULL},
    {"ceiling/fma_avx512", "GFLOP/s", "fused multiply-adds in registers, 16 lanes", FMA_LOOPS, 2.0 * FMA_CHAINS * 16, 0,
     fma_avx512_setup, fma_avx512_run, bench_arrays_destroy, NULL},
    {"ceiling/copy_memory", "GB/s", "memcpy of 128 MiB; bytes read and written", FAR, 0, 8, copy_setup, copy_run,
     bench_arrays_destroy, &far},
    {"ceiling/copy_l2", "GB/s", "memcpy of 256 KiB inside the second-level cache; bytes read and written", NEAR, 0, 8,
     copy_setup, copy_run, bench_arrays_destroy, &near},
    {0},
};
