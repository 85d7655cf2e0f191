#include "roles/run.h"

#include "base/clock.h"
#include "base/disk.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "math/gemm.h"
#include "roles/context.h"
#include "roles/coordinator.h"
#include "roles/guard.h"
#include "roles/persist.h"
#include "roles/replay.h"
#include "roles/tick.h"
#include "roles/watchdog.h"
#include "run/checkpoint.h"

#include <stdio.h>
#include <string.h>

/* "rank 3 model rollout": who speaks in this rank's messages */
static void name_this_rank(const rv_world *world, const rv_layout *layout)
{
    char prefix[64];
    int n = snprintf(prefix, sizeof prefix, "rank %d", world->rank);
    for (int role = 0; role < RV_N_ROLES; role++)
        if (rv_layout_hosts(layout, (rv_role_id)role, world->rank))
            n += snprintf(prefix + n, sizeof prefix - (size_t)n, " %s", rv_role_names[role]);
    snprintf(prefix + n, sizeof prefix - (size_t)n, " %s", world->host);
    rv_log_set_prefix(prefix);
}

rv_status rv_run_find_start(rv_run_plan *plan, bool is_loud)
{
    rv_checkpoint checkpoint;
    rv_status status = rv_checkpoint_newest(plan->run_dir, is_loud, &checkpoint);
    plan->first_tick = 0;
    RV_TRY(rv_guard_last(plan->run_dir, &plan->rolled_back));
    if (status == RV_E_NOINPUT) {
        plan->resume = false;
        RV_TRY(rv_replay_check(&plan->cfg, plan->run_dir, NULL));
        if (is_loud)
            rv_info("no checkpoint in %s yet: the run starts from the beginning, with the rows of its journal",
                    plan->run_dir);
        return RV_OK;
    }
    RV_TRY(status);
    status = rv_persist_check(&checkpoint, &plan->cfg);
    if (status == RV_OK)
        status = rv_replay_check(&plan->cfg, plan->run_dir, &checkpoint.journal);
    if (status == RV_OK)
        plan->first_tick = checkpoint.tick;
    rv_checkpoint_clear(&checkpoint);
    return status;
}

/* other ranks still wait for this one, and messages may be under way: say it and end the job, tidy up nothing */
static _Noreturn void fail(const rv_world *world, rv_watchdog *watchdog, const char *run_dir, rv_status status)
{
    const double others_s = 10;
    /* a disk that is full is full for all; the first ends the job, and this rank with it */
    bool is_first = rv_watchdog_is_first(watchdog);
    for (double start = rv_clock_now(); !is_first && rv_clock_now() - start < others_s;)
        rv_clock_sleep(others_s); /* a signal cuts it short */
    rv_log_error_record();
    if (status == RV_E_IO)
        rv_info("the last checkpoint is whole; when the disk is well again, go on with: reverie train --resume %s",
                run_dir);
    rv_world_abort(world, rv_status_exit_code(status));
}

/* every rank takes what its processor has; OpenBLAS must be the same on all, or bits would not be */
static rv_status choose_kernels(rv_world *world, const rv_run_plan *plan)
{
    RV_TRY(rv_kernels_choose(&plan->cfg.kernels));
    if (!rv_kernels_openblas())
        return RV_OK;
    const char *kernels = rv_gemm_kernel_name();
    int64_t hash = (int64_t)(rv_hash_u64(kernels, strlen(kernels)) >> 1);
    int64_t bounds[2] = {hash, -hash};
    RV_TRY(rv_world_max(world, 2, bounds));
    RV_CHECK(bounds[0] == -bounds[1], RV_E_UNAVAILABLE,
             "kernels.products: openblas needs the same kernels on all ranks, and OpenBLAS takes %s here; set "
             "OPENBLAS_CORETYPE or use native",
             kernels);
    return RV_OK;
}

/* rank 0 says what starts */
static rv_status announce(rv_world *world, const rv_run_plan *plan)
{
    const rv_env_spec *spec = NULL;
    char kernels[RV_FIELD_TEXT];
    int64_t widest[2] = {rv_kernels_instructions(), -(int64_t)rv_kernels_instructions()};
    RV_TRY(rv_world_max(world, 2, widest));
    if (world->rank != 0)
        return RV_OK;
    rv_kernels_describe(kernels);
    rv_log_set_prefix("");
    rv_info("%d rank%s on %d node%s; kernels: %s%s", world->size, world->size == 1 ? "" : "s", world->n_nodes,
            world->n_nodes == 1 ? "" : "s", kernels,
            widest[0] == -widest[1] ? "" : " on this node, others elsewhere (same bits)");
    RV_TRY(rv_env_find(plan->cfg.env.name, &spec));
    if (spec->note)
        rv_warn("%s", spec->note);
    return RV_OK;
}

/* everything between set-up and the last checkpoint; an error here may be known to this rank alone */
static rv_status run_loop(rv_world *world, const rv_run_plan *plan, const rv_layout *layout)
{
    rv_status status = RV_OK;
    rv_coordinator *coordinator = NULL;
    rv_context *ctx = NULL;
    rv_loop loop = {0};
    rv_watchdog *watchdog = NULL;
    rv_disk_on_full((rv_disk_full)plan->cfg.disk.on_full);
    RV_TRY_GOTO(rv_watchdog_create(world, layout, plan->cfg.watchdog.seconds, plan->run_dir, &watchdog), done);
    RV_TRY_GOTO(choose_kernels(world, plan), done);
    RV_TRY_GOTO(rv_coordinator_create(world, plan, layout, &coordinator), done);
    RV_TRY_GOTO(announce(world, plan), done);
    name_this_rank(world, layout);
    RV_TRY_GOTO(rv_context_create(&plan->cfg, layout, world, coordinator, plan->run_dir, &ctx), done);
    RV_TRY_GOTO(rv_replay_open(ctx), done);
    RV_TRY_GOTO(rv_loop_create(ctx, plan->resume ? plan->first_tick : -1, &loop), done);
    RV_TRY_GOTO(rv_loop_run(&loop), done);
    rv_coordinator_conclude(coordinator, plan);
done:
    if (status == RV_E_NONFINITE)
        status = rv_guard_answer(plan->run_dir, loop.next_tick, plan->rolled_back);
    if (status != RV_OK && status != RV_E_STOPPED)
        fail(world, watchdog, plan->run_dir, status);
    if (loop.ctx)
        rv_loop_destroy(&loop);
    rv_context_destroy(&ctx);
    rv_coordinator_destroy(&coordinator);
    rv_watchdog_destroy(&watchdog);
    return status;
}

rv_status rv_run(rv_world *world, const rv_run_plan *plan)
{
    rv_layout layout;
    rv_log_set_over_line(plan->columns > 0);
    rv_status status = rv_config_register_env(&plan->cfg);
    if (status == RV_OK)
        status = rv_layout_create(&plan->cfg, world->size, &layout);
    if (status != RV_OK)
        fail(world, NULL, plan->run_dir, status);
    name_this_rank(world, &layout);
    status = run_loop(world, plan, &layout);
    rv_layout_clear(&layout);
    if (status == RV_E_STOPPED) {
        rv_log_set_prefix("");
        if (world->rank == 0)
            rv_info("%s", rv_error_last()->text);
    }
    return status;
}
