/* The k-th call of each kind fails, for every k and every errno: a clean error, the last good checkpoint whole, nothing
 * leaked, and the run can go on. The same for reading a checkpoint, and for the run's configuration.
 */
#include "each_fault.h"
#include "run/run_dir.h"
#include "scene.h"

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
