#include "data/imagined.h"

#include "base/hash.h"
#include "base/memory.h"

#include <string.h>

rv_status rv_imagined_create(int width, int n_generations, int64_t capacity, rv_imagined **out)
{
    rv_imagined *im = NULL;
    RV_CHECK(n_generations >= 1 && n_generations <= RV_GENERATIONS, RV_E_CONFIG,
             "imagined data of %d retrains would be kept, expected 1 to %d: lower rollout.retain_epochs or raise "
             "schedule.retrain_every",
             n_generations, RV_GENERATIONS);
    RV_TRY(RV_NEW(im, 1));
    im->width = width;
    im->n_generations = n_generations;
    im->capacity = capacity;
    im->newest = -1;
    rv_status status = RV_NEW(im->rows, (size_t)n_generations * (size_t)capacity * (size_t)width);
    if (status != RV_OK) {
        rv_mem_free(&im);
        return status;
    }
    *out = im;
    return RV_OK;
}

void rv_imagined_destroy(rv_imagined **imagined)
{
    if (!*imagined)
        return;
    rv_mem_free(&(*imagined)->rows);
    rv_mem_free(imagined);
}

static float *generation(const rv_imagined *im, int64_t slot)
{
    return im->rows + slot * im->capacity * im->width;
}

void rv_imagined_begin(rv_imagined *im)
{
    im->newest++;
    im->count[im->newest % im->n_generations] = 0;
}

float *rv_imagined_next(rv_imagined *im, int64_t *n_fit)
{
    int64_t slot = im->newest % im->n_generations;
    *n_fit = im->capacity - im->count[slot];
    return generation(im, slot) + im->count[slot] * im->width;
}

void rv_imagined_commit(rv_imagined *im, int64_t n_rows)
{
    im->count[im->newest % im->n_generations] += n_rows;
}

int64_t rv_imagined_rows(const rv_imagined *im)
{
    int64_t n = 0;
    for (int i = 0; i < im->n_generations; i++)
        n += im->count[i];
    return n;
}

const float *rv_imagined_draw(const rv_imagined *im, rv_rng *rng)
{
    int64_t i = rv_rng_below(rng, (uint32_t)rv_imagined_rows(im));
    int64_t slot = 0;
    while (i >= im->count[slot])
        i -= im->count[slot++];
    return generation(im, slot) + i * im->width;
}

void rv_imagined_seal(rv_imagined *im)
{
    int64_t slot = im->newest % im->n_generations;
    size_t n_bytes = (size_t)(im->count[slot] * im->width) * sizeof *im->rows;
    im->hash[slot] = (int64_t)rv_hash_u64(generation(im, slot), n_bytes);
}

rv_status rv_imagined_visit(rv_imagined *im, rv_visit visit, void *user)
{
    RV_TRY(visit(user, "newest", RV_I64, 1, &im->newest));
    RV_TRY(visit(user, "count", RV_I64, im->n_generations, im->count));
    return visit(user, "hash", RV_I64, im->n_generations, im->hash);
}

rv_status rv_imagined_rewind(rv_imagined *im, int n, rv_imagined_record *out)
{
    RV_CHECK(im->newest >= n - 1 && n <= im->n_generations, RV_E_DATA,
             "imagined generation %lld is the newest, so that there are no %d before it", (long long)im->newest, n);
    out->newest = im->newest;
    memcpy(out->count, im->count, sizeof out->count);
    memcpy(out->hash, im->hash, sizeof out->hash);
    im->newest -= n;
    memset(im->count, 0, sizeof im->count);
    memset(im->hash, 0, sizeof im->hash);
    return RV_OK;
}

bool rv_imagined_is(const rv_imagined *im, const rv_imagined_record *record)
{
    return im->newest == record->newest && memcmp(im->count, record->count, sizeof im->count) == 0 &&
           memcmp(im->hash, record->hash, sizeof im->hash) == 0;
}
