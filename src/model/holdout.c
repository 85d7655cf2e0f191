#include "model/holdout.h"

#include "base/rng.h"

static int64_t clamp(int64_t n, int64_t low, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

/* a segment must leave another one to learn from */
static int64_t segment(const rv_model_cfg *cfg, int64_t n_rows)
{
    return 2 * cfg->holdout_segment <= n_rows ? cfg->holdout_segment : 1;
}

int64_t rv_holdout_rows(const rv_model_cfg *cfg, int64_t n_rows)
{
    const int64_t of = segment(cfg, n_rows);
    int64_t wanted = (int64_t)((double)n_rows * cfg->holdout_ratio);
    wanted = wanted < cfg->holdout_max ? wanted : cfg->holdout_max;
    return clamp(wanted / of, 1, (n_rows - 1) / of) * of;
}

void rv_holdout_split(const rv_model_cfg *cfg, uint64_t seed, int64_t retrain, int64_t n_rows, uint32_t *split)
{
    const int64_t of = segment(cfg, n_rows);
    const int64_t n_segments = n_rows / of;
    rv_rng rng = rv_rng_at(seed, RV_STREAM_HOLDOUT, 0, (uint64_t)retrain);
    rv_rng_permutation(&rng, (uint32_t)n_segments, split);
    /* numbers of segments become rows from the last one on, so that none is overwritten before it is read */
    for (int64_t s = n_segments - 1; s >= 0; s--)
        for (int64_t i = of - 1, first = (int64_t)split[s] * of; i >= 0; i--)
            split[s * of + i] = (uint32_t)(first + i);
    for (int64_t i = n_segments * of; i < n_rows; i++)
        split[i] = (uint32_t)i;
}
