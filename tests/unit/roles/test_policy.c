#include "roles/policy.c" /* what a batch holds is not shown to anybody */
#include "rv_test.h"

#include <stdlib.h>

enum { BATCH = 256, REAL = 40, WIDTH_MAX = 16, MOST_SHARDS = 256 };

/* the policy role on one rank of a run in which real rows have reward 1, rows that are not there yet -1, and the
 * imagined rows of shard s 100 + s; real row i begins with i */
typedef struct bench {
    rv_config cfg;
    rv_layout layout;
    rv_world world;
    rv_context ctx;
    float real[(REAL + 1) * WIDTH_MAX];
    int owner[MOST_SHARDS];
    int node_of[MOST_SHARDS];
    rv_shared *shared;
    policy *p;
} bench;

static void imagine(bench *b, int shard, int n)
{
    int64_t n_fit = 0;
    rv_imagined *im = b->ctx.board.imagined[shard];
    rv_imagined_begin(im);
    float *rows = rv_imagined_next(im, &n_fit);
    CU_ASSERT_FATAL(n_fit >= n);
    for (int i = 0; i < n; i++)
        rows[i * b->ctx.row.whole + b->ctx.row.reward] = (float)(100 + shard);
    rv_imagined_commit(im, n);
    b->p->imagined[shard] = n;
}

/* n_ranks: shards are dealt out to so many ranks in turn, and this is the last of them */
static void set_up_as(bench *b, int shards, int n_ranks, double confidence)
{
    void *role = NULL;
    memset(b, 0, sizeof *b);
    RV_TEST_OK(rv_config_defaults(&b->cfg));
    b->cfg.policy.shards = shards;
    b->cfg.policy.batch = BATCH;
    b->cfg.policy.hidden = 4;
    b->cfg.policy.confidence = confidence;
    b->layout.n_ranks = n_ranks;
    b->layout.n_units[RV_POLICY] = shards;
    b->layout.owner[RV_POLICY] = b->owner;
    for (int s = 0; s < shards; s++)
        b->owner[s] = s % n_ranks;
    for (int r = 0; r < n_ranks; r++)
        b->node_of[r] = r;
    b->world.node_of = b->node_of;
    b->world.node = n_ranks - 1;
    b->world.rank = n_ranks - 1;
    b->world.size = n_ranks;
    RV_TEST_OK(rv_shared_create(&b->world, &b->shared));
    b->ctx = (rv_context){.cfg = &b->cfg, .layout = &b->layout, .world = &b->world, .row = rv_row_of(3, 1)};
    b->ctx.lesson = rv_sac_lesson(&b->cfg.policy);
    b->ctx.row = rv_row_for(b->ctx.row, &b->ctx.lesson);
    b->ctx.shared = b->shared;
    for (int i = 0; i <= REAL; i++) {
        b->real[i * b->ctx.row.width] = (float)i;
        b->real[i * b->ctx.row.width + b->ctx.row.reward] = i < REAL ? 1 : -1;
    }
    b->ctx.board.real = b->real;
    RV_TEST_OK(RV_NEW(b->ctx.board.imagined, shards));
    RV_TEST_OK(rv_role_policy.create(&b->ctx, &role));
    RV_TEST_OK(rv_shared_open(b->shared));
    b->p = role;
    for (int s = 0; s < shards; s++)
        if (b->owner[s] == b->world.rank) {
            RV_TEST_OK(rv_imagined_create(b->ctx.row.whole, 1, 50, &b->ctx.board.imagined[s]));
            imagine(b, s, 50);
        }
}

static void set_up(bench *b, int shards, int n_ranks)
{
    set_up_as(b, shards, n_ranks, 0);
}

static void tear_down(bench *b)
{
    rv_role_policy.destroy(b->p);
    rv_shared_destroy(&b->shared);
    for (int s = 0; s < b->layout.n_units[RV_POLICY]; s++)
        rv_imagined_destroy(&b->ctx.board.imagined[s]);
    rv_mem_free(&b->ctx.board.imagined);
}

/* draw the batches of all shards of this rank; returns the real rows among them */
static int draw_all(bench *b, int64_t number, double share)
{
    const rv_tick tick = {.n_real = REAL, .real_share = share};
    int n_real = 0;
    for (int i = 0; i < b->p->n_units; i++) {
        draw(&b->ctx, b->p, i, number, &tick);
        for (int k = 0; k < b->p->rows; k++) {
            float who = b->p->batch[(i * b->p->rows + k) * b->ctx.row.whole + b->ctx.row.reward];
            CU_ASSERT(who == 1 || who == (float)(100 + b->p->numbers[i]));
            n_real += who == 1;
        }
    }
    return n_real;
}

/* a real row teaches one step and counts whole; imagined rows keep what they have */
static void real_rows_get_a_tail(void)
{
    bench b;
    set_up_as(&b, 2, 1, 0.5);
    const rv_row *r = &b.ctx.row;
    CU_ASSERT_EQUAL_FATAL(r->whole, r->width + 3);
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 50; i++)
            for (int j = 0; j < 3; j++)
                b.ctx.board.imagined[s]->rows[i * r->whole + r->weight + j] = (float)(0.1 * (j + 1));
    for (int64_t update = 0; update < 3; update++) {
        CU_ASSERT_EQUAL(draw_all(&b, update, 0.25), BATCH / 4);
        for (int k = 0; k < BATCH; k++) {
            const float *row = b.p->batch + k * r->whole;
            const bool is_real = row[r->reward] == 1;
            CU_ASSERT_EQUAL(row[r->weight], is_real ? 1.0F : 0.1F);
            CU_ASSERT_EQUAL(row[r->discount], is_real ? 0.99F : 0.2F);
            CU_ASSERT_EQUAL(row[r->entropy], is_real ? 0 : (float)(0.1 * 3));
            CU_ASSERT(!is_real || memcmp(row, b.real + (int)row[0] * r->width, (size_t)r->width * sizeof *row) == 0);
        }
    }
    tear_down(&b);
}

/* the classic mistake is to round in every shard: 0.05 * 256 / 32 = 0.4 rows would be none at all */
static void batches_hold_exactly_the_real_share(void)
{
    static const int shards[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    static const double shares[] = {0, 0.001, 0.01, 0.05, 0.1, 0.25, 1.0 / 3, 0.5, 0.77, 0.95, 0.999, 1};
    for (size_t s = 0; s < sizeof shards / sizeof *shards; s++) {
        bench b;
        set_up(&b, shards[s], 1);
        for (size_t k = 0; k < sizeof shares / sizeof *shares; k++)
            for (int64_t update = 0; update < 3; update++)
                CU_ASSERT_EQUAL(draw_all(&b, update, shares[k]), lround(shares[k] * BATCH));
        tear_down(&b);
    }
}

static void shards_share_the_real_rows_evenly(void)
{
    bench b;
    set_up(&b, 8, 1);
    for (int n = 0; n <= BATCH; n++)
        for (int s = 0; s < 8; s++) {
            int mine = real_rows(&b.ctx, b.p, s, (double)n / BATCH);
            CU_ASSERT(mine == n / 8 || mine == (n + 7) / 8);
        }
    tear_down(&b);
}

static void all_rows_are_real_until_there_are_others(void)
{
    bench b;
    set_up(&b, 4, 1);
    for (int s = 0; s < 4; s++)
        imagine(&b, s, 0);
    CU_ASSERT_EQUAL(draw_all(&b, 0, 0.05), BATCH);
    imagine(&b, 2, 1); /* one row is enough to draw from */
    CU_ASSERT_EQUAL(draw_all(&b, 0, 0.5), BATCH - 32);
    tear_down(&b);
}

static void every_real_row_is_drawn(void)
{
    bench b;
    int seen[REAL] = {0};
    set_up(&b, 4, 1);
    for (int64_t update = 0; update < 100; update++) {
        draw_all(&b, update, 1);
        for (int k = 0; k < BATCH; k++)
            seen[lroundf(b.p->batch[k * b.ctx.row.width])]++;
    }
    for (int i = 0; i < REAL; i++)
        CU_ASSERT(abs(seen[i] - 100 * BATCH / REAL) < 130); /* 5 deviations */
    tear_down(&b);
}

static void batches_do_not_depend_on_the_layout(void)
{
    bench one, three;
    set_up(&one, 8, 1);
    set_up(&three, 8, 3);
    for (int64_t update = 0; update < 5; update++) {
        draw_all(&one, update, 0.3);
        draw_all(&three, update, 0.3);
        int n = one.p->rows * one.ctx.row.width, n_noise = 2 * one.p->rows * one.ctx.row.n_act;
        CU_ASSERT_EQUAL(three.p->n_units, 2);
        for (int i = 0; i < three.p->n_units; i++) {
            int s = three.p->numbers[i];
            CU_ASSERT(memcmp(three.p->batch + i * n, one.p->batch + s * n, (size_t)n * sizeof(float)) == 0);
            CU_ASSERT(
                memcmp(three.p->noise + i * n_noise, one.p->noise + s * n_noise, (size_t)n_noise * sizeof(float)) == 0);
        }
    }
    tear_down(&one);
    tear_down(&three);
}

RV_TEST_MAIN("policy", {"batches hold exactly the real share", batches_hold_exactly_the_real_share},
             {"real rows get a tail", real_rows_get_a_tail},
             {"shards share the real rows evenly", shards_share_the_real_rows_evenly},
             {"all rows are real until there are others", all_rows_are_real_until_there_are_others},
             {"every real row is drawn", every_real_row_is_drawn},
             {"batches do not depend on the layout", batches_do_not_depend_on_the_layout})
