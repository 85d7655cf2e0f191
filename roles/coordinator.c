#include "roles/coordinator.h"

#include "base/clock.h"
#include "base/disk.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "run/feed_file.h"
#include "run/lease.h"
#include "run/progress.h"
#include "run/recorder.h"
#include "run/run_dir.h"
#include "run/starts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { FLUSH_SECONDS = 60, MOST_EPISODES = 1024 }; /* episodes of a tick that records have memory for from the start */

/* mpirun carries stdout and stderr apart: on a terminal the end of the progress line must come before the result */
static const double mpirun_s = 0.1;

struct rv_coordinator {
    rv_world *world;
    rv_feed_push *push;
    uint64_t *sent; /* (world size) frames sent by each rank; rank 0 */
    /* the rest on rank 0 alone */
    const char *run_dir;
    int lock; /* on the run's folder, -1: none */
    rv_lease *lease;
    rv_stop_limits limits;
    rv_feed_hub *hub;
    rv_recorder *recorder;
    rv_progress progress; /* belongs to the hub's thread until that has ended */
};

/* on the lease's thread or the hub's: what is written from here on would go into another's run, so nothing else is
 * done; the other ranks end because this one has */
static void on_lost(void *user)
{
    (void)user;
    rv_log_error_record();
    _exit(rv_status_exit_code(RV_E_EXISTS));
}

/* on the hub's thread */
static void on_frame(void *user, const rv_frame *frame)
{
    rv_coordinator *c = user;
    rv_summary summary;
    if (rv_lease_hold(c->lease) != RV_OK)
        on_lost(c);
    rv_recorder_on_frame(c->recorder, frame);
    rv_recorder_summary(c->recorder, &summary);
    rv_progress_show(&c->progress, &summary, rv_clock_now());
}

static rv_status open_hub(rv_coordinator *c, const rv_run_plan *plan, const rv_layout *layout, uint64_t key)
{
    const rv_config *cfg = &plan->cfg;
    int64_t n_units = 0;
    for (int role = 0; role < RV_N_ROLES; role++)
        n_units += layout->n_units[role];
    n_units += cfg->schedule.tick_steps < MOST_EPISODES ? cfg->schedule.tick_steps : MOST_EPISODES;
    RV_TRY(rv_run_dir_lock(plan->run_dir, &c->lock));
    RV_TRY(rv_lease_take(plan->run_dir, cfg->supervisor.lease_s, on_lost, c, &c->lease));
    c->run_dir = plan->run_dir;
    c->limits = plan->limits;
    c->limits.run_dir = plan->run_dir;
    RV_TRY(
        rv_run_dir_describe(plan->run_dir, cfg, c->world->size, c->world->n_nodes, c->world->host, plan->first_tick));
    RV_TRY(rv_recorder_open(plan->run_dir, c->world->size, n_units, plan->first_tick, &c->recorder));
    rv_progress_init(&c->progress, stderr, plan->columns, cfg->schedule.total_steps);
    RV_TRY(rv_feed_hub_create(&cfg->feed, c->world->n_nodes == 1, key, on_frame, c, &c->hub));
    return rv_feed_file_write(plan->run_dir, rv_feed_hub_publish_endpoint(c->hub));
}

rv_status rv_coordinator_create(rv_world *world, const rv_run_plan *plan, const rv_layout *layout, rv_coordinator **out)
{
    rv_status status = RV_OK;
    rv_coordinator *c = NULL;
    /* the key keeps frames of other runs out; it never reaches a result */
    struct {
        uint64_t key;
        char endpoints[RV_FEED_ENDPOINTS];
    } address = {0};
    RV_TRY(RV_NEW(c, 1));
    c->world = world;
    c->lock = -1;
    RV_TRY_GOTO(RV_NEW(c->sent, world->size), fail);
    if (world->rank == 0) {
        ssize_t got = getrandom(&address.key, sizeof address.key, 0);
        RV_CHECK_GOTO(got == (ssize_t)sizeof address.key, RV_E_OS, fail, "the system gives no random number");
        RV_TRY_GOTO(open_hub(c, plan, layout, address.key), fail);
        snprintf(address.endpoints, sizeof address.endpoints, "%s", rv_feed_hub_push_endpoints(c->hub));
    }
    RV_TRY_GOTO(rv_world_broadcast(world, &address, sizeof address), fail);
    RV_TRY_GOTO(rv_feed_push_create(address.endpoints, world->node == 0, address.key, &c->push), fail);
    *out = c;
    return RV_OK;
fail:
    rv_coordinator_destroy(&c);
    return status;
}

rv_feed_push *rv_coordinator_push(const rv_coordinator *c)
{
    return c->push;
}

rv_status rv_coordinator_check(const rv_coordinator *c)
{
    return c->recorder ? rv_recorder_status(c->recorder) : RV_OK;
}

rv_status rv_coordinator_may_write(const rv_coordinator *c)
{
    return c->lease ? rv_lease_hold(c->lease) : RV_OK;
}

rv_stop rv_coordinator_look(const rv_coordinator *c, int64_t step)
{
    return rv_stop_look(c->run_dir ? &c->limits : NULL, step);
}

rv_status rv_coordinator_ended(rv_coordinator *c, rv_stop reason)
{
    char text[RV_STARTS_TEXT] = "done";
    if (c->world->rank != 0)
        return RV_OK;
    if (reason != RV_STOP_NO)
        snprintf(text, sizeof text, "stopped %s", rv_stop_text(reason));
    rv_stop_forget(&c->limits);
    return rv_starts_end(c->run_dir, text);
}

rv_status rv_coordinator_flush(rv_coordinator *c)
{
    uint64_t mine = rv_feed_push_sent(c->push);
    uint64_t all = 0;
    RV_TRY(rv_world_gather(c->world, &mine, sizeof mine, c->sent));
    if (c->world->rank != 0)
        return RV_OK;
    for (int r = 0; r < c->world->size; r++)
        all += c->sent[r];
    rv_status status = rv_feed_hub_wait(c->hub, all, FLUSH_SECONDS);
    while (status != RV_OK && rv_disk_is_waiting()) {
        rv_pulse_beat();
        status = rv_feed_hub_wait(c->hub, all, FLUSH_SECONDS);
    }
    return status;
}

rv_status rv_coordinator_sync(const rv_coordinator *c)
{
    return c->recorder ? rv_recorder_sync(c->recorder) : RV_OK;
}

void rv_coordinator_conclude(rv_coordinator *c, const rv_run_plan *plan)
{
    rv_summary s;
    if (c->world->rank != 0)
        return;
    rv_recorder_summary(c->recorder, &s);
    rv_feed_hub_destroy(&c->hub);
    rv_progress_end(&c->progress);
    if (plan->columns > 0 && c->world->size > 1)
        rv_clock_sleep(mpirun_s);
    int seconds = (int)s.wall;
    printf("done: %lld real steps in %d:%02d on %d rank%s", (long long)s.step, seconds / 60, seconds % 60,
           c->world->size, c->world->size == 1 ? "" : "s");
    if (plan->cfg.eval.episodes > 0)
        printf("; mean return %.1f over %lld episodes on the mean action", s.eval_reward,
               (long long)plan->cfg.eval.episodes);
    printf("\n");
    printf("run:  %s\n", plan->run_dir);
    fflush(stdout);
}

void rv_coordinator_destroy(rv_coordinator **coordinator)
{
    rv_coordinator *c = *coordinator;
    if (!c)
        return;
    rv_feed_push_destroy(&c->push);
    if (c->hub) {
        rv_feed_hub_destroy(&c->hub);
        rv_progress_end(&c->progress);
    }
    rv_recorder_close(&c->recorder);
    if (c->run_dir)
        rv_feed_file_remove(c->run_dir);
    rv_lease_release(&c->lease);
    if (c->lock >= 0)
        close(c->lock);
    rv_mem_free(&c->sent);
    rv_mem_free(coordinator);
}
