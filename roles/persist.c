#include "roles/persist.h"

#include "base/memory.h"
#include "roles/coordinator.h"
#include "roles/replay.h"

#include <string.h>

static int count_states(const rv_loop *loop)
{
    int n = 0;
    for (int s = 0; s < RV_N_ROLES; s++) {
        const rv_role *role = rv_loop_role(s);
        if (loop->roles[role->id] && role->n_states)
            n += role->n_states(loop->roles[role->id]);
    }
    return n;
}

static rv_status save_units(rv_loop *loop, rv_state_info *infos, int *n)
{
    rv_context *ctx = loop->ctx;
    int64_t tick = loop->next_tick;
    *n = 0;
    for (int s = 0; s < RV_N_ROLES; s++) {
        const rv_role *role = rv_loop_role(s);
        void *state = loop->roles[role->id];
        for (int i = 0; state && role->n_states && i < role->n_states(state); i++) {
            rv_unit_state unit;
            role->state(state, i, &unit);
            if (!unit.is_copy)
                RV_TRY(rv_checkpoint_save_unit(ctx->run_dir, tick, unit.name, unit.show, unit.unit, &infos[(*n)++]));
        }
    }
    return RV_OK;
}

rv_status rv_persist_save(rv_loop *loop)
{
    rv_context *ctx = loop->ctx;
    rv_world *world = ctx->world;
    rv_status status = RV_OK;
    rv_state_info *infos = NULL, *all = NULL;
    int n = 0;
    int64_t is_there = 0;
    int64_t most = count_states(loop);
    RV_TRY(rv_coordinator_flush(ctx->coordinator)); /* a resume starts with all records up to here */
    if (world->rank == 0) {
        rv_checkpoint newest;
        if (rv_checkpoint_newest(ctx->run_dir, &newest) == RV_OK) {
            is_there = newest.tick == loop->next_tick;
            rv_checkpoint_clear(&newest);
        }
        if (!is_there)
            RV_TRY(rv_checkpoint_begin(ctx->run_dir, loop->next_tick));
    }
    RV_TRY(rv_world_max(world, 1, &is_there));
    RV_TRY(rv_world_max(world, 1, &most));
    if (is_there)
        return RV_OK;

    /* every rank sends the same number of rows; those it has no unit for stay empty */
    RV_TRY_GOTO(RV_NEW(infos, most), done);
    RV_TRY_GOTO(RV_NEW(all, world->rank == 0 ? most * world->size : 0), done);
    if (ctx->journal)
        RV_TRY_GOTO(rv_journal_sync(ctx->journal), done); /* the checkpoint counts on its rows */
    RV_TRY_GOTO(save_units(loop, infos, &n), done);
    RV_TRY_GOTO(rv_world_gather(world, infos, (size_t)most * sizeof *infos, all), done);
    if (world->rank == 0) {
        int n_all = 0;
        for (int64_t i = 0; i < most * world->size; i++)
            if (all[i].name[0])
                all[n_all++] = all[i];
        rv_checkpoint_journal real;
        RV_TRY_GOTO(rv_replay_mark(ctx, loop->next_tick * ctx->cfg->schedule.tick_steps, &real), done);
        RV_TRY_GOTO(rv_checkpoint_commit(ctx->run_dir, loop->next_tick, real.rows, rv_config_hash(ctx->cfg), &real,
                                         n_all, all, (int)ctx->cfg->checkpoint.keep),
                    done);
    }
done:
    rv_mem_free(&infos);
    rv_mem_free(&all);
    return status;
}

rv_status rv_persist_check(const rv_checkpoint *checkpoint, const rv_config *cfg)
{
    RV_CHECK(
        checkpoint->config_hash == rv_config_hash(cfg), RV_E_CONFIG,
        "%s: the checkpoint was made with other settings than config.yaml of the run says; only " RV_CONFIG_CHANGEABLE
        " may change on resume",
        checkpoint->folder);
    RV_CHECK(checkpoint->step == checkpoint->tick * cfg->schedule.tick_steps &&
                 checkpoint->step <= cfg->schedule.total_steps,
             RV_E_CONFIG, "%s: the checkpoint is at step %lld, beyond schedule.total_steps = %lld", checkpoint->folder,
             (long long)checkpoint->step, (long long)cfg->schedule.total_steps);
    RV_CHECK(checkpoint->journal.rows == checkpoint->step, RV_E_DATA,
             "%s: it counts on %lld rows of the journal at step %lld: they must be as many", checkpoint->folder,
             (long long)checkpoint->journal.rows, (long long)checkpoint->step);
    return RV_OK;
}

static rv_status load_units(rv_loop *loop, const rv_checkpoint *checkpoint)
{
    rv_context *ctx = loop->ctx;
    RV_TRY(rv_persist_check(checkpoint, ctx->cfg));
    for (int s = 0; s < RV_N_ROLES; s++) {
        const rv_role *role = rv_loop_role(s);
        void *state = loop->roles[role->id];
        for (int i = 0; state && role->n_states && i < role->n_states(state); i++) {
            rv_unit_state unit;
            role->state(state, i, &unit);
            RV_TRY(rv_checkpoint_load_unit(checkpoint, unit.name, unit.show, unit.unit));
        }
        if (state && role->restored)
            RV_TRY(role->restored(state));
    }
    return rv_replay_load(ctx, checkpoint->step, checkpoint->journal.hash);
}

rv_status rv_persist_load(rv_loop *loop)
{
    rv_checkpoint checkpoint;
    RV_TRY(rv_checkpoint_newest(loop->ctx->run_dir, &checkpoint));
    rv_status status = load_units(loop, &checkpoint);
    loop->next_tick = checkpoint.tick;
    rv_checkpoint_clear(&checkpoint);
    RV_TRY(status);
    return rv_world_node_barrier(loop->ctx->world);
}
