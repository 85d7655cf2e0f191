#include "roles/persist.h"

#include "base/clock.h"
#include "base/disk.h"
#include "base/job.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "roles/coordinator.h"
#include "roles/regenerate.h"
#include "roles/replay.h"

#include <string.h>

static const double look_s = 1e-3; /* between two looks at a job */

/* where a checkpoint under way is; the same on all ranks */
typedef enum phase { IDLE, WRITING, COMMITTING } phase;

struct rv_persist {
    const rv_context *ctx;
    phase phase;
    rv_job *job;  /* that writes or commits */
    int64_t tick; /* of the checkpoint under way */
    int n_units;  /* of this rank that it saves */
    int most;     /* units of the rank that has most */
    int n_all;
    int journal;                /* this rank's, to be synced: the checkpoint counts on its rows; -1: no need */
    rv_checkpoint_journal real; /* rank 0: what it counts on */
    rv_state_image *images;     /* (most) */
    rv_state_info *infos;       /* (most) every rank sends as many; those it has no unit for stay empty */
    rv_state_info *all;         /* (most * ranks) on rank 0 */
};

/* what all ranks decide from is a unit of the loop itself: rank 0 saves it, all load it */
static const char pace_name[] = "pace";

static rv_status show_pace(void *unit, rv_visit visit, void *user)
{
    return rv_pace_visit(unit, visit, user);
}

static bool has_pace(const rv_loop *loop)
{
    return rv_schedule_probes(&loop->ctx->schedule);
}

static int count_states(const rv_loop *loop)
{
    int n = has_pace(loop) && loop->ctx->world->rank == 0;
    for (int s = 0; s < RV_N_ROLES; s++) {
        const rv_role *role = rv_loop_role(s);
        if (loop->roles[role->id] && role->n_states)
            n += role->most_states ? role->most_states(loop->roles[role->id]) : role->n_states(loop->roles[role->id]);
    }
    return n;
}

/* copy the states of the units that this rank saves; all: those too that hold nothing yet */
static rv_status take_units(rv_loop *loop, bool all)
{
    rv_persist *p = loop->persist;
    p->n_units = 0;
    if (has_pace(loop) && loop->ctx->world->rank == 0)
        RV_TRY(rv_state_take(pace_name, show_pace, &loop->pace, &p->images[p->n_units++]));
    for (int s = 0; s < RV_N_ROLES; s++) {
        const rv_role *role = rv_loop_role(s);
        void *state = loop->roles[role->id];
        int n = !state || !role->n_states  ? 0
                : all && role->most_states ? role->most_states(state)
                                           : role->n_states(state);
        for (int i = 0; i < n; i++) {
            rv_unit_state unit;
            role->state(state, i, &unit);
            rv_pulse_at(RV_PHASE_CHECKPOINT, (int)role->id, -1);
            if (!unit.is_copy)
                RV_TRY(rv_state_take(unit.name, unit.show, unit.unit, &p->images[p->n_units++]));
        }
    }
    return RV_OK;
}

rv_status rv_persist_create(rv_loop *loop, rv_persist **out)
{
    rv_status status = RV_OK;
    rv_world *world = loop->ctx->world;
    rv_persist *p = NULL;
    int64_t most = count_states(loop);
    RV_TRY(rv_world_max(world, 1, &most));
    RV_TRY(RV_NEW(p, 1));
    p->ctx = loop->ctx;
    p->journal = -1;
    p->most = (int)most;
    RV_TRY_GOTO(RV_NEW(p->images, most), fail);
    RV_TRY_GOTO(RV_NEW(p->infos, most), fail);
    RV_TRY_GOTO(RV_NEW(p->all, world->rank == 0 ? most * world->size : 0), fail);
    loop->persist = p;
    RV_TRY_GOTO(take_units(loop, true), fail);
    *out = p;
    return RV_OK;
fail:
    loop->persist = NULL;
    rv_persist_destroy(&p);
    return status;
}

void rv_persist_destroy(rv_persist **persist)
{
    rv_persist *p = *persist;
    if (!p)
        return;
    if (rv_job_end(&p->job) != RV_OK)
        rv_warn("a checkpoint was not written: %s", rv_error_last()->text);
    for (int i = 0; p->images && i < p->most; i++)
        rv_state_image_clear(&p->images[i]);
    rv_mem_free(&p->images);
    rv_mem_free(&p->infos);
    rv_mem_free(&p->all);
    rv_mem_free(persist);
}

/* on a thread: the images of this rank, and on rank 0 the records up to the checkpoint */
static rv_status write_units(void *user)
{
    rv_persist *p = user;
    memset(p->infos, 0, (size_t)p->most * sizeof *p->infos);
    for (int i = 0; i < p->n_units; i++)
        RV_TRY(rv_checkpoint_write_unit(p->ctx->run_dir, p->tick, &p->images[i], &p->infos[i]));
    RV_TRY(rv_journal_sync_handed(&p->journal));
    return rv_coordinator_sync(p->ctx->coordinator);
}

/* on a thread of rank 0 */
static rv_status commit(void *user)
{
    const rv_persist *p = user;
    const rv_config *cfg = p->ctx->cfg;
    return rv_checkpoint_commit(p->ctx->run_dir, p->tick, p->real.rows, rv_config_hash(cfg), &p->real, p->n_all, p->all,
                                (int)cfg->checkpoint.keep);
}

rv_status rv_persist_save(rv_loop *loop)
{
    rv_context *ctx = loop->ctx;
    rv_persist *p = loop->persist;
    int64_t is_there = 0;
    rv_pulse_at(RV_PHASE_CHECKPOINT, -1, -1);
    RV_TRY(rv_persist_finish(loop));
    RV_TRY(rv_coordinator_flush(ctx->coordinator)); /* a resume starts with all records up to here */
    RV_TRY(rv_coordinator_may_write(ctx->coordinator));
    if (ctx->world->rank == 0) {
        rv_status status = rv_checkpoint_begin(ctx->run_dir, loop->next_tick);
        is_there = status == RV_E_EXISTS;
        if (!is_there)
            RV_TRY(status);
    }
    RV_TRY(rv_world_max(ctx->world, 1, &is_there));
    if (is_there)
        return RV_OK;
    p->tick = loop->next_tick;
    if (ctx->journal)
        RV_TRY(rv_journal_hand_out(ctx->journal, &p->journal));
    if (ctx->world->rank == 0)
        RV_TRY(rv_replay_mark(ctx, p->tick * ctx->cfg->schedule.tick_steps, &p->real));
    RV_TRY(take_units(loop, false));
    RV_TRY(rv_job_start(write_units, p, &p->job));
    p->phase = WRITING;
    return RV_OK;
}

rv_status rv_persist_is_busy(rv_loop *loop, int64_t *is_busy)
{
    rv_persist *p = loop->persist;
    *is_busy = !rv_job_is_over(p->job);
    return *is_busy ? RV_OK : rv_job_end(&p->job);
}

rv_status rv_persist_advance(rv_loop *loop)
{
    rv_persist *p = loop->persist;
    rv_world *world = loop->ctx->world;
    if (p->phase != WRITING) {
        p->phase = IDLE;
        return RV_OK;
    }
    RV_TRY(rv_world_gather(world, p->infos, (size_t)p->most * sizeof *p->infos, p->all));
    p->phase = COMMITTING;
    if (world->rank != 0)
        return RV_OK;
    RV_TRY(rv_coordinator_may_write(loop->ctx->coordinator));
    p->n_all = 0;
    for (int i = 0; i < p->most * world->size; i++)
        if (p->all[i].name[0])
            p->all[p->n_all++] = p->all[i];
    return rv_job_start(commit, p, &p->job);
}

rv_status rv_persist_finish(rv_loop *loop)
{
    rv_persist *p = loop->persist;
    while (p->phase != IDLE) {
        int64_t none = 0;
        rv_pulse_at(RV_PHASE_CHECKPOINT, -1, -1);
        while (!rv_job_is_over(p->job)) {
            if (rv_disk_is_waiting())
                rv_pulse_beat();
            rv_clock_sleep(look_s);
        }
        RV_TRY(rv_job_end(&p->job));
        RV_TRY(rv_world_max(loop->ctx->world, 1, &none)); /* all have come here */
        RV_TRY(rv_persist_advance(loop));
    }
    return RV_OK;
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
    if (has_pace(loop))
        RV_TRY(rv_checkpoint_load_unit(checkpoint, pace_name, show_pace, &loop->pace));
    for (int s = 0; s < RV_N_ROLES; s++) {
        const rv_role *role = rv_loop_role(s);
        void *state = loop->roles[role->id];
        for (int i = 0; state && role->n_states && i < role->n_states(state); i++) {
            rv_unit_state unit;
            role->state(state, i, &unit);
            rv_pulse_at(RV_PHASE_LOAD, (int)role->id, -1);
            RV_TRY(rv_checkpoint_load_unit(checkpoint, unit.name, unit.show, unit.unit));
        }
        if (state && role->restored)
            RV_TRY(role->restored(state));
    }
    return rv_replay_load(ctx, checkpoint->step, checkpoint->journal.hash);
}

rv_status rv_persist_load(rv_loop *loop, int64_t tick)
{
    rv_checkpoint checkpoint;
    rv_pulse_at(RV_PHASE_LOAD, -1, -1);
    RV_TRY(rv_checkpoint_open(loop->ctx->run_dir, tick, &checkpoint));
    rv_status status = load_units(loop, &checkpoint);
    loop->next_tick = checkpoint.tick;
    if (status == RV_OK)
        status = rv_world_node_barrier(loop->ctx->world);
    if (status == RV_OK)
        status = rv_regenerate(loop, &checkpoint);
    rv_checkpoint_clear(&checkpoint);
    return status;
}
