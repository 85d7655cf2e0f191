/* cmd_train.c - reverie train. Called plainly it prepares the run and starts mpirun on itself; called by mpirun or
 * srun it is a rank.
 */
#include "base/log.h"
#include "comm/world.h"
#include "launch/commands.h"
#include "launch/launcher.h"
#include "launch/options.h"
#include "math/vector.h"
#include "roles/run.h"
#include "run/progress.h"
#include "run/run_dir.h"
#include "run/stop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: reverie train CONFIG [key=value ...] [--run-dir DIR] [-n N]\n"
    "       reverie train --resume RUN [key=value ...] [-n N]\n"
    "\n"
    "Trains an agent. -n chooses the number of ranks (processes; a rank is a core): by default all cores of this\n"
    "machine, or the tasks of the Slurm allocation. The same settings and seed give the same bits on any number.\n"
    "Results go to DIR, by default runs/NAME-1, -2, ... Ctrl-C stops after the present tick with a checkpoint.\n"
    "--resume goes on from the newest checkpoint of RUN; schedule.total_steps, checkpoint.*, feed.* and layout.* may\n"
    "change then.\n"
    "\n"
    "examples:\n"
    "  reverie train configs/pendulum.yaml\n"
    "  reverie train configs/hopper.yaml seed=2 policy.shards=4 -n 12 --run-dir runs/hopper-two\n"
    "  reverie train --resume runs/hopper-two schedule.total_steps=200000\n"
    "  mpirun -n 8 --oversubscribe reverie train configs/pendulum.yaml\n"
    "  sbatch -n 16 slurm/train.sbatch configs/hopper.yaml\n";

/* settings and folder of the run: made once, by whoever comes first (the plain command, or rank 0) */
static rv_status prepare(const rv_options *o, rv_run_plan *plan)
{
    const char *prepared = getenv(RV_PREPARED_RUN);
    const char *columns = getenv(RV_PROGRESS_COLUMNS);
    RV_TRY(rv_vector_check_cpu());
    plan->resume = o->resume;
    plan->columns = columns ? (int)strtol(columns, NULL, 10) : rv_progress_width(STDERR_FILENO);
    if (prepared) {
        snprintf(plan->run_dir, sizeof plan->run_dir, "%s", prepared);
        return rv_run_dir_config(prepared, 0, NULL, &plan->cfg);
    }
    RV_CHECK(o->n_positional == 1, RV_E_USAGE, "train wants one %s, got %d; see reverie train --help",
             o->resume ? "RUN" : "CONFIG", o->n_positional);
    if (o->resume) {
        RV_CHECK(!o->run_dir, RV_E_USAGE, "train: --run-dir does not go with --resume, which names the run");
        snprintf(plan->run_dir, sizeof plan->run_dir, "%s", o->positional[0]);
        return rv_run_dir_config(plan->run_dir, o->n_overrides, o->overrides, &plan->cfg);
    }
    return rv_config_load(o->positional[0], o->n_overrides, o->overrides, &plan->cfg);
}

/* the folder is made only once nothing can be wrong any more with what the user asked for */
static rv_status open_folder(const rv_options *o, int n_ranks, rv_run_plan *plan)
{
    rv_layout layout;
    RV_TRY(rv_layout_create(&plan->cfg, n_ranks, &layout));
    rv_layout_clear(&layout);
    if (plan->resume)
        RV_TRY(rv_run_find_start(plan));
    if (getenv(RV_PREPARED_RUN))
        return RV_OK;
    if (o->resume)
        return rv_run_dir_rewrite_config(plan->run_dir, &plan->cfg);
    if (o->run_dir) {
        RV_CHECK(strlen(o->run_dir) < RV_PATH, RV_E_USAGE, "--run-dir: longer than %d characters", RV_PATH - 1);
        snprintf(plan->run_dir, sizeof plan->run_dir, "%s", o->run_dir);
    } else {
        RV_TRY(rv_run_dir_next(o->positional[0], plan->run_dir));
    }
    return rv_run_dir_create(plan->run_dir, &plan->cfg);
}

/* a rank of mpirun or srun, or the only one */
static int be_a_rank(const rv_options *o)
{
    rv_world *world = NULL;
    static rv_run_plan plan;
    int64_t failed = 0;
    rv_status status = rv_world_create(&world);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    rv_stop_watch_signals();
    if (world->rank == 0) {
        status = prepare(o, &plan);
        if (status == RV_OK)
            status = open_folder(o, world->size, &plan);
        if (status != RV_OK)
            rv_log_error_record();
        failed = status;
    }
    if (rv_world_max(world, 1, &failed) != RV_OK || rv_world_broadcast(world, &plan, sizeof plan) != RV_OK)
        rv_world_abort(world, rv_cmd_finish(rv_error_last()->status));
    status = failed ? (rv_status)failed : rv_run(world, &plan);
    rv_world_destroy(&world);
    return rv_status_exit_code(status);
}

int rv_cmd_train(int argc, char **argv)
{
    rv_options o;
    static rv_run_plan plan;
    rv_status status = rv_options_parse(argc, argv, RV_OPTION_RANKS | RV_OPTION_RUN_DIR | RV_OPTION_RESUME, &o);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    if (o.wants_help) {
        fputs(help, stdout);
        return 0;
    }
    int n_ranks = o.n_ranks > 0 ? o.n_ranks : rv_launcher_default_ranks();
    if (rv_world_is_rank() || n_ranks == 1)
        return be_a_rank(&o);
    status = prepare(&o, &plan);
    if (status == RV_OK)
        status = open_folder(&o, n_ranks, &plan);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    return rv_launcher_run(n_ranks, plan.run_dir, plan.resume);
}
