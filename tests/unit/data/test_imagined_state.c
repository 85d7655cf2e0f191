#include "data/imagined.h"
#include "fields.h"

static rv_status show(void *unit, rv_visit visit, void *user)
{
    return rv_imagined_visit(unit, visit, user);
}

static void every_field(void)
{
    enum { GENERATIONS = 5 };
    rv_imagined *a = NULL;
    rv_imagined *b = NULL;
    RV_TEST_OK(rv_imagined_create(2, GENERATIONS, 4, &a));
    RV_TEST_OK(rv_imagined_create(2, GENERATIONS, 4, &b));
    const field_row rows[] = {
        FIELD_KEEP(rv_imagined, newest),
        {"count", FIELD_KEPT, offsetof(rv_imagined, count), GENERATIONS * sizeof(int64_t)},
        {"hash", FIELD_KEPT, offsetof(rv_imagined, hash), GENERATIONS * sizeof(int64_t)},
        FIELD_AS(width, FIELD_GIVEN),
        FIELD_AS(n_generations, FIELD_GIVEN),
        FIELD_AS(capacity, FIELD_GIVEN),
        FIELD_AS(rows, FIELD_SCRATCH), /* made again, and compared with hash */
    };
    enum { N = sizeof rows / sizeof *rows };
    fields_check("src/data/imagined.h", "rv_imagined", rows, N);
    fields_round_trip(rows, N, show, a, b);
    rv_imagined_destroy(&a);
    rv_imagined_destroy(&b);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("state of a shard", {"every field", every_field})
