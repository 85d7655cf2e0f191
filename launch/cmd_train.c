/* cmd_train.c - reverie train. Called plainly it prepares the run and supervises its ranks; called by its supervisor,
 * by mpirun or by srun it is a rank.
 */
#include "base/clock.h"
#include "base/log.h"
#include "comm/world.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "launch/place.h"
#include "launch/supervisor.h"
#include "roles/guard.h"
#include "roles/run.h"
#include "run/lease.h"
#include "run/progress.h"
#include "run/run_dir.h"
#include "run/stop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: reverie train CONFIG [key=value ...] [--run-dir DIR] [-n N] [--in-process]\n"
    "       reverie train --resume RUN [key=value ...] [-n N] [--in-process]\n"
    "\n"
    "Trains an agent. -n chooses the number of ranks (processes; a rank is a core): by default all cores of this\n"
    "machine, or the tasks of the Slurm allocation. The same settings and seed give the same bits on any number.\n"
    "Results go to DIR, by default runs/NAME-1, -2, ... --resume goes on from the newest checkpoint of RUN. What may\n"
    "change then:\n  " RV_CONFIG_CHANGEABLE_SECTIONS ",\n  " RV_CONFIG_CHANGEABLE_KEYS "\n"
    "\n"
    "A lost rank costs the work since the newest checkpoint: ranks are started again, supervisor.restarts times in a\n"
    "row. Ctrl-C, SIGTERM, SIGHUP, SIGUSR1, a file RUN/stop, supervisor.stop_after_steps= and "
    "supervisor.stop_after_s=\n"
    "stop a run after the present tick with a checkpoint and exit code 75; a second Ctrl-C at once.\n"
    "--in-process: one rank, in this very process, without a supervisor, for a debugger.\n"
    "\n"
    "examples:\n"
    "  reverie train configs/pendulum.yaml\n"
    "  reverie train configs/mbpo/hopper.yaml seed=2 policy.shards=4 -n 12 --run-dir runs/hopper-two\n"
    "  reverie train --resume runs/hopper-two schedule.total_steps=200000\n"
    "  touch runs/hopper-two/stop\n"
    "  mpirun -n 8 --oversubscribe reverie train configs/pendulum.yaml\n"
    "  sbatch -n 16 slurm/train.sbatch configs/mbpo/hopper.yaml\n";

/* the words of the command line */
typedef struct arguments {
    bool resume;
    bool in_process;
    int n_ranks;         /* 0: not given */
    const char *run_dir; /* NULL: not given */
    rv_words words;
} arguments;

/* settings and folder of the run: made once, by whoever comes first (the plain command, or rank 0) */
static rv_status prepare(const arguments *a, rv_run_plan *plan)
{
    const rv_words *w = &a->words;
    const char *prepared = getenv(RV_PREPARED_RUN);
    const char *columns = getenv(RV_PROGRESS_COLUMNS);
    plan->resume = a->resume;
    plan->rolled_back = -1;
    plan->columns = columns ? (int)strtol(columns, NULL, 10) : rv_progress_width(STDERR_FILENO);
    RV_TRY(rv_options_expect("train", a->resume ? "RUN" : "CONFIG", 1, 1, w));
    const char *name = w->positional[0];
    RV_CHECK(!a->resume || !a->run_dir, RV_E_USAGE,
             "train: --run-dir does not go with --resume, which names the run; see 'reverie train --help'");
    RV_CHECK(strlen(a->run_dir ? a->run_dir : name) < RV_PATH, RV_E_USAGE,
             "train: the name of the run or config is longer than %d characters", RV_PATH - 1);
    if (!a->resume && !prepared)
        return rv_config_load(name, w->n_overrides, w->overrides, &plan->cfg);
    snprintf(plan->run_dir, sizeof plan->run_dir, "%s", prepared ? prepared : name);
    RV_TRY(rv_run_dir_config(plan->run_dir, w->n_overrides, w->overrides, &plan->cfg));
    return rv_run_dir_keeps(plan->run_dir, w->n_overrides, w->overrides);
}

/* whoever takes the run over meanwhile finds it as it was before or after */
static void on_lost(void *user)
{
    (void)user;
}

/* the ranks look again, and warn of bad checkpoints then */
static rv_status reopen_folder(rv_run_plan *plan)
{
    int lock = -1;
    rv_lease *lease = NULL;
    RV_TRY(rv_run_dir_lock(plan->run_dir, &lock));
    rv_status status = rv_lease_take(plan->run_dir, plan->cfg.supervisor.lease_s, on_lost, NULL, &lease);
    if (status == RV_OK)
        status = rv_run_find_start(plan, rv_world_is_rank());
    if (status == RV_OK)
        status = rv_run_dir_rewrite_config(plan->run_dir, &plan->cfg);
    rv_lease_release(&lease); /* rank 0 takes both again */
    close(lock);
    return status;
}

/* what stops this call of train, which may have begun before this start of the ranks */
static void set_limits(rv_run_plan *plan)
{
    const rv_supervisor_cfg *cfg = &plan->cfg.supervisor;
    const char *began = getenv(RV_CALL_BEGAN);
    char *end = NULL;
    int64_t step = began ? strtoll(began, &end, 10) : plan->first_tick * plan->cfg.schedule.tick_steps;
    double unix_s = began ? strtod(end, NULL) : rv_clock_unix();
    plan->limits = (rv_stop_limits){
        .step = cfg->stop_after_steps > 0 ? step + cfg->stop_after_steps : INT64_MAX,
        .unix_s = cfg->stop_after_s > 0 ? unix_s + cfg->stop_after_s : (double)INFINITY,
    };
}

/* the folder is touched only once nothing can be wrong any more with what the user asked for */
static rv_status open_folder(const arguments *a, int n_ranks, rv_run_plan *plan)
{
    rv_layout layout;
    RV_TRY(rv_kernels_choose(&plan->cfg.kernels));
    RV_TRY(rv_config_register_env(&plan->cfg));
    RV_TRY(rv_layout_create(&plan->cfg, n_ranks, &layout));
    rv_layout_clear(&layout);
    if (getenv(RV_PREPARED_RUN))
        return plan->resume ? rv_run_find_start(plan, true) : rv_guard_last(plan->run_dir, &plan->rolled_back);
    if (plan->resume)
        return reopen_folder(plan);
    if (a->run_dir)
        snprintf(plan->run_dir, sizeof plan->run_dir, "%s", a->run_dir);
    else
        RV_TRY(rv_run_dir_next(a->words.positional[0], plan->run_dir));
    return rv_run_dir_create(plan->run_dir, &plan->cfg);
}

/* what rank 0 does for all before they start */
static rv_status plan_run(const arguments *a, const rv_world *world, rv_run_plan *plan)
{
    RV_CHECK(a->n_ranks == 0 || a->n_ranks == world->size, RV_E_USAGE,
             "train: -n %d, but %d ranks were started; leave -n to mpirun or srun", a->n_ranks, world->size);
    RV_TRY(prepare(a, plan));
    RV_TRY(open_folder(a, world->size, plan));
    set_limits(plan);
    return RV_OK;
}

/* a rank of mpirun or srun, or the only one; wrong: what all ranks found wrong with the command line already */
static int be_a_rank(const arguments *a, rv_status wrong)
{
    rv_world *world = NULL;
    rv_place place;
    static rv_run_plan plan;
    int64_t failed = wrong;
    rv_stop_watch_signals(!rv_world_is_rank() && !getenv(RV_PREPARED_RUN));
    rv_status status = rv_place_enter_as_rank(&place);
    if (status == RV_OK)
        status = rv_world_create(&world);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    if (world->rank == 0) {
        failed = wrong ? wrong : plan_run(a, world, &plan);
        if (failed)
            rv_log_error_record();
    }
    if (rv_world_max(world, 1, &failed) != RV_OK || rv_world_broadcast(world, &plan, sizeof plan) != RV_OK)
        rv_world_abort(world, rv_cmd_finish(rv_error_last()->status));
    status = failed ? (rv_status)failed : rv_run(world, &plan);
    rv_env_forget();
    rv_world_destroy(&world);
    rv_place_leave(&place, !rv_world_is_rank());
    return rv_status_exit_code(status);
}

/* start ranks and stay with them, or be the only one */
static int start(const arguments *a)
{
    static rv_run_plan plan;
    int n_ranks = a->n_ranks > 0 ? a->n_ranks : rv_supervisor_default_ranks();
    if (a->in_process || getenv(RV_PREPARED_RUN))
        return be_a_rank(a, RV_OK);
    rv_status status = prepare(a, &plan);
    if (status == RV_OK && n_ranks > 1)
        status = rv_supervisor_check();
    if (status == RV_OK)
        status = open_folder(a, n_ranks, &plan);
    rv_env_forget();
    if (status != RV_OK)
        return rv_cmd_finish(status);
    return rv_supervisor_run(&plan, n_ranks);
}

int rv_cmd_train(int argc, char **argv)
{
    arguments a = {.resume = false};
    const char *ranks = NULL;
    const rv_option options[] = {{"--resume", &a.resume, NULL},
                                 {"--in-process", &a.in_process, NULL},
                                 {"--run-dir", NULL, &a.run_dir},
                                 {"-n", NULL, &ranks},
                                 {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, options, true, &a.words);
    if (status == RV_OK && a.words.wants_help)
        return rv_cmd_help(help);
    if (status == RV_OK && ranks)
        status = rv_options_ranks("train", ranks, &a.n_ranks);
    if (status == RV_OK && a.in_process && a.n_ranks > 1)
        status = rv_raise(RV_E_USAGE, "train: --in-process is for one rank, not for -n %d", a.n_ranks);
    rv_log_set_over_line(rv_progress_width(STDERR_FILENO) > 0);
    if (rv_world_is_rank())
        return be_a_rank(&a, status);
    return status == RV_OK ? start(&a) : rv_cmd_finish(status);
}
