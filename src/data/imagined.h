/* imagined.h - the imagined buffer of one shard: the rows of the last few generations of rollouts.
 *
 * A generation is what one retrain's rollouts made; it is appended block by block in block order. The newest
 * n_generations are kept whole, so imagined data survive a retrain for as long as the settings say and no longer.
 * Rows are drawn uniformly over all that are kept.
 */
#pragma once
#include "base/rng.h"
#include "base/visit.h"
#include "data/transition.h"

enum { RV_GENERATIONS = 64 };

typedef struct rv_imagined {
    int width;                     /* floats per row */
    int n_generations;             /* kept, 1..RV_GENERATIONS */
    int64_t capacity;              /* rows of one generation, at most */
    int64_t newest;                /* number of the newest generation, -1 when there is none */
    int64_t count[RV_GENERATIONS]; /* rows of generation g at [g % n_generations] */
    int64_t hash[RV_GENERATIONS];  /* of their bytes, once the generation is whole; 0 before the first */
    float *rows;                   /* (n_generations, capacity, width) */
} rv_imagined;

/** @return RV_OK; RV_E_CONFIG (n_generations out of 1..64); RV_E_NOMEM */
rv_status rv_imagined_create(int width, int n_generations, int64_t capacity, rv_imagined **out);
void rv_imagined_destroy(rv_imagined **imagined);

/** Begin the next generation; the oldest one goes when there is no more room. */
void rv_imagined_begin(rv_imagined *imagined);

/** Where the next rows of the newest generation go, and how many fit; fill them, then commit them. */
float *rv_imagined_next(rv_imagined *imagined, int64_t *n_fit);
void rv_imagined_commit(rv_imagined *imagined, int64_t n_rows);

int64_t rv_imagined_rows(const rv_imagined *imagined);

/** One row, uniformly; the buffer must not be empty. */
const float *rv_imagined_draw(const rv_imagined *imagined, rv_rng *rng);

/** The newest generation is whole: take its hash. */
void rv_imagined_seal(rv_imagined *imagined);

/** Show what a checkpoint holds: the counts and hashes. The rows are made again by who loads it (roles/persist.c): */
rv_status rv_imagined_visit(rv_imagined *imagined, rv_visit visit, void *user);

/** What the generations that are held must be. */
typedef struct rv_imagined_record {
    int64_t newest;
    int64_t count[RV_GENERATIONS], hash[RV_GENERATIONS];
} rv_imagined_record;

/** Go back to before the last n generations, which are then begun, filled and sealed again in their order.
 * @return RV_OK; RV_E_DATA when there were fewer */
rv_status rv_imagined_rewind(rv_imagined *imagined, int n, rv_imagined_record *out);

/** Are all rows there, with the bits that they had? */
bool rv_imagined_is(const rv_imagined *imagined, const rv_imagined_record *record);
