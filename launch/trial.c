#include "launch/trial.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "launch/commands.h"
#include "launch/supervisor.h"
#include "roles/cost.h"
#include "roles/ledger.h"
#include "run/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- settings ---- */

enum { TICKS = 5, MOST_STEPS = 200, LEAST_STEPS = 1, MOST_ROWS = 5000, EPOCHS = 2, MOST_BLOCKS = 50, EVALUATIONS = 8 };

/* work of a stage in a tick: about a second of a fast core */
static const double stage_gflop = 60;

static int64_t clamp(double value, int64_t least, int64_t most)
{
    return value < (double)least ? least : value > (double)most ? most : (int64_t)value;
}

static int64_t round_up(int64_t value, int64_t to)
{
    return (value + to - 1) / to * to;
}

rv_status rv_trial_config(const rv_config *cfg, rv_config *out)
{
    rv_config t = *cfg;
    double gflop[RV_N_ROLES];
    const rv_schedule schedule = {&cfg->schedule, &cfg->rollout, &cfg->policy, cfg->eval.every_steps};
    int64_t middle = rv_workload_rows(cfg);
    int64_t length = rv_schedule_length(&schedule, middle);
    int64_t shards = cfg->policy.shards;
    RV_TRY(rv_cost_estimate(cfg, gflop));
    int64_t steps = clamp(stage_gflop / (gflop[RV_POLICY] * (double)shards), LEAST_STEPS, MOST_STEPS);
    int64_t epochs = cfg->model.max_epochs < EPOCHS ? cfg->model.max_epochs : EPOCHS;
    int64_t rows = clamp(stage_gflop / (gflop[RV_MODEL] * (double)(cfg->model.members * epochs)), 2 * steps,
                         middle < MOST_ROWS ? middle : MOST_ROWS);
    int64_t to_hold_out = (int64_t)ceil(1 / cfg->model.holdout_ratio); /* one row at least */
    int64_t imagined = clamp(stage_gflop / gflop[RV_ROLLOUT], shards * length, INT64_MAX / 2) / length;
    t.env.count = 1;
    t.schedule.mode = RV_LOCKSTEP;
    t.schedule.tick_steps = t.schedule.retrain_every = t.schedule.epoch_steps = steps;
    t.schedule.warmup_steps = round_up(rows > to_hold_out ? rows : to_hold_out, steps);
    t.schedule.total_steps = t.schedule.warmup_steps + TICKS * steps;
    t.schedule.retrain_loss_rise = t.schedule.retrain_policy_kl = t.schedule.retrain_disagreement = 0;
    t.schedule.updates_per_step = cfg->schedule.updates_per_step > 0;
    t.model.max_epochs = epochs;
    t.rollout.length = RV_LENGTH_SCHEDULE;
    t.rollout.card = 0;
    t.rollout.length_start = t.rollout.length_end = length;
    t.rollout.retain_epochs = 1;
    t.rollout.block = clamp((double)imagined / (double)shards, 1, cfg->rollout.block);
    t.rollout.branches = t.rollout.block * clamp((double)imagined / (double)t.rollout.block, shards,
                                                 shards > MOST_BLOCKS ? shards : MOST_BLOCKS);
    t.eval.episodes = 1;
    t.eval.every_steps = round_up(t.schedule.warmup_steps / EVALUATIONS, steps);
    t.checkpoint = (rv_checkpoint_cfg){.every_ticks = 0, .keep = 2};
    t.layout = (rv_layout_cfg){.actor_ranks = 0};
    snprintf(t.feed.publish, sizeof t.feed.publish, "off");
    RV_TRY(rv_config_check(&t));
    *out = t;
    return RV_OK;
}

/* ---- reading ---- */

/* one tick of the trial's records, and the samples so far */
typedef struct reading {
    const rv_config *cfg;
    rv_schedule schedule;
    int64_t tick;
    double seconds[RV_N_ROLES];
    double items[RV_N_ROLES];
    double *samples[RV_N_ROLES]; /* (ticks of the trial, and the closing one) */
    int n[RV_N_ROLES];
} reading;

static void finish_tick(reading *in)
{
    for (int role = 0; role < RV_N_ROLES; role++) {
        if (in->items[role] > 0)
            in->samples[role][in->n[role]++] = in->seconds[role] / in->items[role];
        in->items[role] = in->seconds[role] = 0;
    }
}

static rv_status take(void *user, const rv_record *r)
{
    reading *in = user;
    RV_CHECK(r->tick >= 0 && r->tick <= rv_schedule_ticks(&in->schedule), RV_E_DATA, "tick %lld is none of the trial's",
             (long long)r->tick);
    if (r->tick != in->tick)
        finish_tick(in);
    in->tick = r->tick;
    rv_tick tick = rv_schedule_tick(&in->schedule, r->tick);
    if (strcmp(r->role, rv_role_names[RV_ROLLOUT]) == 0)
        in->items[RV_ROLLOUT] += rv_record_get(r, RV_M_IMAGINE_ROWS);
    if (strcmp(r->role, rv_role_names[RV_MODEL]) == 0)
        in->items[RV_MODEL] += rv_record_get(r, RV_M_MODEL_ROWS) * rv_record_get(r, RV_M_MODEL_EPOCHS);
    if (strcmp(r->role, rv_role_names[RV_EVALUATOR]) == 0)
        in->items[RV_EVALUATOR] = rv_record_get(r, RV_M_EVAL_LENGTH) * (double)in->cfg->eval.episodes;
    if (strcmp(r->role, RV_ROLE_RANK) != 0)
        return RV_OK;
    if (!tick.is_random) /* the policy's work is wanted, too */
        in->items[RV_ACTOR] = (double)(tick.last_step - tick.first_step);
    in->items[RV_POLICY] = (double)(tick.n_updates * in->cfg->policy.shards);
    for (int role = 0; role < RV_N_ROLES; role++)
        in->seconds[role] = rv_record_get(r, rv_role_times[role].work) + rv_record_get(r, rv_role_times[role].exchange);
    return RV_OK;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* sorted; between two samples, the line through them */
static double quantile(int n, const double *samples, double part)
{
    double at = part * (n - 1);
    int below = (int)at;
    int above = below + 1 < n ? below + 1 : below;
    return samples[below] + (at - below) * (samples[above] - samples[below]);
}

rv_status rv_trial_read(const rv_config *trial, const char *path, rv_trial *out)
{
    rv_status status = RV_OK;
    rv_trial result = {.seconds = 0};
    reading in = {.cfg = trial, .tick = -1};
    in.schedule = (rv_schedule){&trial->schedule, &trial->rollout, &trial->policy, trial->eval.every_steps};
    for (int role = 0; role < RV_N_ROLES; role++)
        RV_TRY_GOTO(RV_NEW(in.samples[role], rv_schedule_ticks(&in.schedule) + 1), done);
    RV_TRY_GOTO(rv_metrics_read(path, false, take, &in), done);
    finish_tick(&in);
    for (int role = 0; role < RV_N_ROLES; role++) {
        int n = result.n[role] = in.n[role];
        double *samples = in.samples[role];
        if (n == 0)
            continue;
        qsort(samples, (size_t)n, sizeof *samples, compare);
        result.item_s[role] = quantile(n, samples, 0.5);
        result.spread[role] = (quantile(n, samples, 0.75) - quantile(n, samples, 0.25)) / result.item_s[role];
    }
    *out = result;
done:
    for (int role = 0; role < RV_N_ROLES; role++)
        rv_mem_free(&in.samples[role]);
    return status;
}

/* ---- running ---- */

/* its results go nowhere, its messages and progress where ours go */
static _Noreturn void become_trial(const char *self, const char *folder, const char *run)
{
    const char *const argv[] = {"reverie", "train", run, "-n", "1", NULL};
    int null = open("/dev/null", O_RDWR);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0); /* Ctrl-C is ours to answer */
    setenv(RV_PREPARED_RUN, run, 1);
    setenv("TMPDIR", folder, 1); /* what MPI leaves when it is interrupted goes with the folder */
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    execv(self, (char *const *)(size_t)argv);
    rv_raise(RV_E_OS, "cannot start this program for a trial: %s", strerror(errno));
    _exit(rv_cmd_finish(RV_E_OS));
}

/* what ends the trial, unless it is ignored (as nohup does), and the end of the child */
static void choose_signals(sigset_t *out)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    sigemptyset(out);
    sigaddset(out, SIGCHLD);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct sigaction now;
        if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(out, ending[i]);
    }
    sigaction(SIGCHLD, &standard, NULL); /* whoever ignores it cannot wait */
}

/* MPI starts a daemon even for one rank; it ends, and tidies up in the folder, shortly after the rank */
static void wait_for_rest(void)
{
    enum { TRIES = 500 };
    const double pause_s = 0.01;
    pid_t ended = 1;
    for (int i = 0; i < TRIES && (ended >= 0 || errno == EINTR); i++) {
        ended = waitpid(-1, NULL, WNOHANG);
        if (ended == 0)
            rv_clock_sleep(pause_s);
    }
}

/* @return 0; else an exit code */
static int wait_for(pid_t child, const sigset_t *signals)
{
    int state = 0;
    while (waitpid(child, &state, WNOHANG) == 0) {
        int number = sigwaitinfo(signals, NULL);
        if (number <= 0 || number == SIGCHLD)
            continue;
        kill(child, SIGKILL);
        waitpid(child, &state, 0);
        return 128 + number;
    }
    if (WIFEXITED(state))
        return WEXITSTATUS(state);
    return rv_cmd_finish(
        rv_raise(RV_E_OS, "the trial was ended by signal %d (%s)", WTERMSIG(state), strsignal(WTERMSIG(state))));
}

/* in a folder that is there; signals are blocked */
static int run_in(const rv_config *trial, const char *folder, const sigset_t *signals, const sigset_t *old,
                  rv_trial *out)
{
    char self[RV_PATH], run[RV_PATH], path[RV_PATH];
    rv_status status = rv_supervisor_self(self);
    if (status == RV_OK)
        status = rv_path_join(folder, "run", run);
    if (status == RV_OK)
        status = rv_path_join(run, "metrics.jsonl", path);
    if (status == RV_OK)
        status = rv_run_dir_create(run, trial);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    rv_info("a trial of %lld short ticks on one core; it takes some seconds",
            (long long)(trial->schedule.total_steps / trial->schedule.tick_steps));
    double start = rv_clock_now();
    pid_t child = fork();
    if (child < 0)
        return rv_cmd_finish(rv_raise(RV_E_OS, "cannot start a process: %s", strerror(errno)));
    if (child == 0) {
        sigprocmask(SIG_SETMASK, old, NULL);
        become_trial(self, folder, run);
    }
    int code = wait_for(child, signals);
    wait_for_rest();
    if (code != 0)
        return code;
    status = rv_trial_read(trial, path, out);
    out->seconds = rv_clock_now() - start;
    return rv_cmd_finish(status);
}

int rv_trial_run(const rv_config *trial, rv_trial *out)
{
    char folder[RV_PATH];
    sigset_t signals, old;
    const char *tmp = getenv("TMPDIR");
    rv_status status = rv_path_join(tmp && tmp[0] ? tmp : "/tmp", "reverie-trial-XXXXXX", folder);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    choose_signals(&signals);
    sigprocmask(SIG_BLOCK, &signals, &old);
    prctl(PR_SET_CHILD_SUBREAPER, 1L);
    int code = 0;
    if (mkdtemp(folder)) {
        code = run_in(trial, folder, &signals, &old, out);
        if (rv_folder_remove(folder) != RV_OK)
            rv_warn("%s", rv_error_last()->text);
    } else {
        code = rv_cmd_finish(rv_raise(RV_E_EXISTS, "cannot make folder '%s': %s", folder, strerror(errno)));
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0L);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return code;
}
