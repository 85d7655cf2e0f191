/* The k-th call of each kind fails, for every k and every errno: a clean error, the last good checkpoint whole, nothing
 * leaked, and the run can go on. The same for reading a checkpoint, and for the run's configuration.
 */
#include "run/run_dir.h"
#include "scene.h"

#include <errno.h>

static const struct {
    fault_call call;
    int errors[5];
} faults[] = {
    {FAULT_OPEN, {EIO, EMFILE, ENOSPC, EDQUOT, EINTR}},
    {FAULT_WRITE, {EIO, ENOSPC, EDQUOT, EINTR, FAULT_SHORT}},
    {FAULT_FSYNC, {EIO, ENOSPC, EDQUOT, EINTR}},
    {FAULT_RENAME, {EIO, ENOSPC, EDQUOT}},
    {FAULT_MKDIR, {EIO, ENOSPC, EDQUOT}},
    {FAULT_UNLINK, {EIO}},
    {FAULT_RMDIR, {EIO}},
    {FAULT_READ, {EIO, EINTR}},
    {FAULT_MALLOC, {ENOMEM}},
};

typedef struct held {
    int64_t blocks, live;
    int files;
} held;

static held hold(void)
{
    return (held){rv_mem_blocks(), fault_live_blocks(), fault_open_files()};
}

/* what one fault did; said on one line when it is not right */
typedef struct outcome {
    const char *what;
    fault_call call;
    int error;
    int64_t k;
    rv_status status;
} outcome;

static void expect(bool is_right, const outcome *o, const char *why)
{
    if (!is_right)
        printf("\n    %s: call %lld of %s, errno %d: %s; it gave %s: %s\n", o->what, (long long)o->k,
               fault_names[o->call], o->error, why, rv_status_name(o->status),
               o->status == RV_OK ? "" : rv_error_last()->text);
    CU_ASSERT(is_right);
}

typedef struct scene {
    const char *what;
    void (*prepare)(void);
    rv_status (*act)(void);
    void (*check)(const outcome *o); /* without faults again */
} scene;

/* an interrupted or short call is no error */
static bool is_harmless(const outcome *o)
{
    return (o->error == EINTR && (o->call == FAULT_WRITE || o->call == FAULT_FSYNC)) || o->error == FAULT_SHORT;
}

static void each_fault(const scene *s)
{
    int64_t n = 0;
    s->prepare();
    s->act(); /* what is taken once in a process */
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
        for (int e = 0; e < 5 && faults[f].errors[e]; e++)
            for (int64_t k = 1;; k++, n++) {
                outcome o = {.what = s->what, .call = faults[f].call, .error = faults[f].errors[e], .k = k};
                s->prepare();
                held before = hold();
                fault_arm(o.call, k, o.error);
                o.status = s->act();
                bool hit = fault_hit();
                fault_reset();
                held after = hold();
                if (!hit)
                    break;
                expect(before.blocks == after.blocks && before.live == after.live, &o, "memory leaked");
                expect(before.files == after.files, &o, "a file stayed open");
                expect(o.status == RV_OK || rv_error_last()->text[0], &o, "no text");
                expect(o.status != RV_E_INTERNAL, &o, "called a bug");
                expect(o.status == RV_OK || !is_harmless(&o), &o, "nothing was wrong");
                s->check(&o);
            }
    printf("\n    record: %lld faults in %s  ", (long long)n, s->what);
    CU_ASSERT(n > 20);
}

/* -- writing a checkpoint -- */

static void two(void)
{
    scene_fresh(2, (const int64_t[]){5, 10});
}

static void two_and_a_bad_one(void)
{
    scene_fresh(2, (const int64_t[]){10, 20});
    scene_spoil(20);
}

static rv_status save_20(void)
{
    return scene_save(20);
}

static void check_saved(const outcome *o)
{
    rv_checkpoint c = {.units = NULL};
    int64_t tick = scene_find();
    rv_status of_10 = rv_checkpoint_open(scene_run, 10, &c);
    expect(of_10 == RV_OK && rv_checkpoint_verify_all(&c) == RV_OK && scene_is_right(&c), o,
           "the old one is not whole");
    rv_checkpoint_clear(&c);
    expect(tick == 20 || (tick == 10 && o->status != RV_OK), o, "neither the old nor the new one");
    rv_status again = scene_save(20);
    expect(again == (tick == 20 ? RV_E_EXISTS : RV_OK), o, "cannot be saved again");
    expect(scene_find() == 20, o, "not there in the end");
}

static void saving(void)
{
    each_fault(&(scene){"saving a checkpoint", two, save_20, check_saved});
}

static void saving_over_bad(void)
{
    each_fault(&(scene){"saving over a bad one", two_and_a_bad_one, save_20, check_saved});
}

/* -- loading one -- */

static int64_t found;

static rv_status find(void)
{
    rv_checkpoint c = {.units = NULL};
    rv_status status = rv_checkpoint_newest(scene_run, false, &c);
    found = status == RV_OK ? c.tick : SCENE_ERROR;
    rv_checkpoint_clear(&c);
    return status;
}

static void check_found(const outcome *o)
{
    bool may_fall_back = o->call == FAULT_OPEN || o->call == FAULT_READ || o->call == FAULT_MALLOC;
    expect(o->status != RV_E_NOINPUT, o, "trouble taken for none");
    expect(o->status != RV_OK || found == 10 || (found == 5 && may_fall_back), o, "another one");
    expect(scene_find() == 10, o, "loading changed something");
}

static void loading(void)
{
    each_fault(&(scene){"loading a checkpoint", two, find, check_found});
}

/* -- the configuration of a run -- */

static rv_config old_config, new_config, read_config;

static void make_config(void)
{
    scene_fresh(0, NULL);
    RV_TEST_OK(rv_config_defaults(&old_config));
    new_config = old_config;
    new_config.schedule.total_steps *= 2;
    RV_TEST_OK(rv_run_dir_create(scene_run, &old_config));
}

static rv_status rewrite(void)
{
    return rv_run_dir_rewrite_config(scene_run, &new_config);
}

static void check_config(const outcome *o)
{
    rv_config now;
    rv_status status = rv_run_dir_config(scene_run, 0, NULL, &now);
    expect(status == RV_OK, o, "config.yaml is broken");
    int64_t steps = status == RV_OK ? now.schedule.total_steps : 0;
    expect(steps == new_config.schedule.total_steps || (o->status != RV_OK && steps == old_config.schedule.total_steps),
           o, "config.yaml is neither the old nor the new one");
}

static rv_status read_back(void)
{
    return rv_run_dir_config(scene_run, 0, NULL, &read_config);
}

static void check_read(const outcome *o)
{
    expect(o->status != RV_OK || rv_config_hash(&read_config) == rv_config_hash(&old_config), o, "read wrongly");
    expect(o->status == RV_OK || o->call != FAULT_MALLOC || o->status == RV_E_NOMEM, o, "not called out of memory");
}

static void configuration(void)
{
    each_fault(&(scene){"writing config.yaml", make_config, rewrite, check_config});
    each_fault(&(scene){"reading config.yaml", make_config, read_back, check_read});
}

int main(void)
{
    const CU_TestInfo cases[] = {{"saving", saving},
                                 {"saving over a bad one", saving_over_bad},
                                 {"loading", loading},
                                 {"configuration", configuration},
                                 CU_TEST_INFO_NULL};
    return scene_main("the k-th call fails", cases);
}
