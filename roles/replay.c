#include "roles/replay.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>

/* ranks of an earlier start end with their mpirun, and that soon */
static const double wait_for_writers_s = 20;

typedef struct env_rows {
    int64_t first; /* step of the first */
    int64_t n, capacity;
    rv_journal_record *records; /* (n) without their rows: */
    float *rows;                /* (n, row width) */
} env_rows;

struct rv_replay {
    int width;
    int64_t end; /* steps of an environment from here on are in no row */
    int n_envs;
    env_rows *envs; /* (n_envs), empty for those of other ranks */
};

static rv_status shape_of(const rv_config *cfg, rv_journal_shape *out)
{
    const rv_env_spec *spec = NULL;
    RV_TRY(rv_env_find(cfg->env.name, &spec));
    *out = (rv_journal_shape){spec->n_obs, spec->n_act, (int)cfg->env.count, rv_config_hash(cfg)};
    return RV_OK;
}

rv_status rv_replay_check(const rv_config *cfg, const char *run_dir, const rv_checkpoint_journal *real)
{
    rv_journal_shape shape;
    RV_TRY(shape_of(cfg, &shape));
    return rv_journal_verify(run_dir, &shape, real ? real->rows : 0, real ? real->hash : NULL);
}

/* ---- opening ---- */

static rv_status settle(const rv_context *ctx, const rv_journal_shape *shape, int *start)
{
    rv_journal_info info;
    rv_status status = RV_OK;
    RV_TRY(rv_journal_settle(ctx->run_dir, shape, wait_for_writers_s, &info, start));
    for (int i = 0; i < info.n_segments && status == RV_OK; i++) {
        const rv_journal_segment *s = &info.segments[i];
        char path[RV_PATH];
        status = rv_journal_segment_path(&info, s, path);
        if (status == RV_OK && s->torn > 0)
            rv_warn(
                "%s: its last %lld bytes are no whole row, as a write leaves it that was cut short; they are cut off "
                "behind row %lld",
                path, (long long)s->torn, (long long)s->n_rows);
    }
    rv_journal_info_clear(&info);
    return status;
}

rv_status rv_replay_open(rv_context *ctx)
{
    rv_journal_shape shape;
    int start = 0;
    int n_own = 0;
    RV_TRY(shape_of(ctx->cfg, &shape));
    if (ctx->world->rank == 0)
        RV_TRY(settle(ctx, &shape, &start));
    RV_TRY(rv_world_broadcast(ctx->world, &start, sizeof start));
    for (int e = 0; e < ctx->layout->n_units[RV_ACTOR]; e++)
        n_own += ctx->layout->owner[RV_ACTOR][e] == ctx->world->rank;
    if (n_own == 0)
        return RV_OK;
    return rv_journal_create(ctx->run_dir, &shape, start, ctx->world->rank, n_own, ctx->cfg->journal.durability,
                             &ctx->journal);
}

/* ---- loading ---- */

typedef struct loading {
    const rv_context *ctx;
    rv_replay *replay;
    int64_t n_before;    /* rows of the buffer */
    int64_t n_in_buffer; /* of them that came */
    int64_t n_after;     /* rows behind it, of all environments */
} loading;

static rv_status grow(const rv_replay *replay, env_rows *e)
{
    int64_t more = e->capacity ? 2 * e->capacity : 64;
    size_t width = (size_t)replay->width;
    RV_TRY(rv_mem_resize((size_t)e->capacity, (size_t)more, sizeof *e->records, (void **)&e->records));
    RV_TRY(rv_mem_resize((size_t)e->capacity * width, (size_t)more * width, sizeof *e->rows, (void **)&e->rows));
    e->capacity = more;
    return RV_OK;
}

static rv_status keep(const rv_replay *replay, const rv_journal_record *r)
{
    env_rows *e = &replay->envs[r->env];
    if (e->n == e->capacity)
        RV_TRY(grow(replay, e));
    if (e->n == 0)
        e->first = (int64_t)r->step;
    e->records[e->n] = *r;
    e->records[e->n].row = NULL;
    memcpy(e->rows + e->n * replay->width, r->row, (size_t)replay->width * sizeof(float));
    e->n++;
    return RV_OK;
}

static rv_status take(void *user, const rv_journal_record *r)
{
    loading *l = user;
    const rv_context *ctx = l->ctx;
    rv_replay *replay = l->replay;
    int64_t i = (int64_t)r->step * replay->n_envs + r->env;
    if (i < l->n_before) {
        l->n_in_buffer++;
        if (ctx->world->node_rank == 0)
            memcpy(ctx->board.real + i * replay->width, r->row, (size_t)replay->width * sizeof(float));
        return RV_OK;
    }
    l->n_after++;
    if (ctx->layout->owner[RV_ACTOR][r->env] != ctx->world->rank)
        return RV_OK;
    replay->end = (int64_t)r->step + 1 > replay->end ? (int64_t)r->step + 1 : replay->end;
    return keep(replay, r);
}

/* the buffer holds what the checkpoint was made with */
static rv_status check_buffer(rv_context *ctx, const loading *l, const char *hash)
{
    rv_hasher hasher = {NULL};
    char actual[RV_HASH_TEXT];
    RV_CHECK(l->n_in_buffer == l->n_before, RV_E_DATA,
             "'%s/journal' holds %lld of the %lld real rows that the checkpoint counts on", ctx->run_dir,
             (long long)l->n_in_buffer, (long long)l->n_before);
    if (ctx->world->node_rank != 0)
        return RV_OK;
    RV_TRY(rv_hasher_create(&hasher));
    rv_hasher_add(&hasher, ctx->board.real, (size_t)(l->n_before * l->replay->width) * sizeof(float));
    rv_hasher_text(&hasher, actual);
    if (ctx->world->rank == 0) { /* which goes on with it */
        ctx->real_hash = hasher;
        ctx->n_hashed = l->n_before;
    } else
        rv_hasher_clear(&hasher);
    RV_CHECK(!hash || strcmp(hash, actual) == 0, RV_E_DATA,
             "%s/journal: its first %lld rows have the hash %s, the checkpoint says %s: it is not the journal that the "
             "checkpoint was made with",
             ctx->run_dir, (long long)l->n_before, actual, hash);
    return RV_OK;
}

rv_status rv_replay_load(rv_context *ctx, int64_t step, const char *hash)
{
    rv_journal_shape shape;
    rv_journal_info info;
    loading l = {.ctx = ctx, .n_before = step};
    RV_TRY(shape_of(ctx->cfg, &shape));
    RV_TRY(RV_NEW(ctx->replay, 1));
    l.replay = ctx->replay;
    ctx->replay->width = ctx->row.width;
    RV_TRY(RV_NEW(ctx->replay->envs, shape.n_envs));
    ctx->replay->n_envs = shape.n_envs;
    RV_TRY(rv_journal_read(ctx->run_dir, &shape, take, &l, &info));
    rv_journal_info_clear(&info);
    if (ctx->world->rank == 0 && l.n_after > 0)
        rv_info("%lld real rows after step %lld are in the journal: they are taken from there", (long long)l.n_after,
                (long long)step);
    return check_buffer(ctx, &l, hash);
}

bool rv_replay_find(const rv_replay *replay, int env, int64_t step, rv_journal_record *record)
{
    if (!replay)
        return false;
    const env_rows *e = &replay->envs[env];
    int64_t i = step - e->first;
    if (i < 0 || i >= e->n)
        return false;
    *record = e->records[i];
    record->row = e->rows + i * replay->width;
    return true;
}

static void destroy(rv_replay **replay)
{
    for (int e = 0; *replay && e < (*replay)->n_envs; e++) {
        rv_mem_free(&(*replay)->envs[e].records);
        rv_mem_free(&(*replay)->envs[e].rows);
    }
    if (*replay)
        rv_mem_free(&(*replay)->envs);
    rv_mem_free(replay);
}

void rv_replay_trim(rv_context *ctx, int64_t step)
{
    if (ctx->replay && step >= ctx->replay->end)
        destroy(&ctx->replay);
}

/* ---- the hash of the real buffer ---- */

void rv_replay_hash(rv_context *ctx, int64_t step)
{
    if (ctx->world->rank != 0)
        return;
    int64_t width = ctx->row.width;
    rv_hasher_add(&ctx->real_hash, ctx->board.real + ctx->n_hashed * width,
                  (size_t)((step - ctx->n_hashed) * width) * sizeof(float));
    ctx->n_hashed = step;
}

rv_status rv_replay_mark(const rv_context *ctx, int64_t step, rv_checkpoint_journal *out)
{
    RV_CHECK(ctx->n_hashed == step, RV_E_INTERNAL, "a checkpoint at step %lld, and %lld real rows are hashed",
             (long long)step, (long long)ctx->n_hashed);
    memset(out, 0, sizeof *out);
    out->rows = step;
    rv_hasher_text(&ctx->real_hash, out->hash);
    return RV_OK;
}

void rv_replay_close(rv_context *ctx)
{
    rv_journal_destroy(&ctx->journal);
    destroy(&ctx->replay);
    if (ctx->real_hash.state)
        rv_hasher_clear(&ctx->real_hash);
}
