/* scene.h - a run with checkpoints of a few small units whose content follows from the tick, for the tests of this
 * folder: what is loaded can be told from what was not.
 */
#pragma once
#include "base/log.h"
#include "hook.h"
#include "run/checkpoint.h"
#include "rv_test.h"

#include <stdlib.h>
#include <unistd.h>

enum { SCENE_UNITS = 3 };

static char scene_run[RV_PATH];
static int scene_floats = 40; /* of the first unit; the others have 3 and 0 */

typedef struct scene_unit {
    int64_t tick;
    int64_t n;
    float *rows;
} scene_unit;

static inline rv_status scene_show(void *unit, rv_visit visit, void *user)
{
    scene_unit *u = unit;
    RV_TRY(visit(user, "tick", RV_I64, 1, &u->tick));
    return visit(user, "rows", RV_F32, u->n, u->rows);
}

static inline void scene_name(int i, char out[16])
{
    snprintf(out, 16, "unit_%d", i);
}

static inline int64_t scene_length(int i)
{
    return i == 0 ? scene_floats : i == 1 ? 3 : 0;
}

static inline float scene_value(int64_t tick, int i, int64_t k)
{
    return (float)((double)tick * 1000 + i * 100 + (double)(k % 97));
}

/* begin, all units, commit, with 2 kept */
static inline rv_status scene_save(int64_t tick)
{
    static float *rows;
    static int room;
    rv_state_info infos[SCENE_UNITS];
    if (room < scene_floats) { /* once, before anything is watched */
        free(rows);
        rows = calloc((size_t)scene_floats, sizeof *rows);
        room = scene_floats;
    }
    RV_TRY(rv_checkpoint_begin(scene_run, tick));
    for (int i = 0; i < SCENE_UNITS; i++) {
        char name[16];
        scene_unit u = {.tick = tick, .n = scene_length(i), .rows = rows};
        scene_name(i, name);
        for (int64_t k = 0; k < u.n; k++)
            rows[k] = scene_value(tick, i, k);
        RV_TRY(rv_checkpoint_save_unit(scene_run, tick, name, scene_show, &u, &infos[i]));
    }
    const rv_checkpoint_journal journal = {.rows = tick * 50, .hash = "00112233445566778899aabbccddeeff"};
    return rv_checkpoint_commit(scene_run, tick, tick * 50, 7, &journal, SCENE_UNITS, infos, 2);
}

/* does a checkpoint that was found hold exactly what its tick says? */
static inline bool scene_is_right(const rv_checkpoint *c)
{
    bool right = c->n_units == SCENE_UNITS && c->step == c->tick * 50 && c->config_hash == 7;
    for (int i = 0; i < SCENE_UNITS && right; i++) {
        char name[16];
        scene_unit u = {.n = scene_length(i)};
        u.rows = calloc((size_t)u.n + 1, sizeof *u.rows);
        scene_name(i, name);
        right = rv_checkpoint_load_unit(c, name, scene_show, &u) == RV_OK && u.tick == c->tick;
        for (int64_t k = 0; k < u.n && right; k++)
            right = u.rows[k] == scene_value(c->tick, i, k);
        free(u.rows);
    }
    return right;
}

enum { SCENE_NONE = -1, SCENE_ERROR = -2, SCENE_WRONG = -3 };

/* the tick that the loader gives */
static inline int64_t scene_find(void)
{
    rv_checkpoint c = {.units = NULL};
    rv_status status = rv_checkpoint_newest(scene_run, false, &c);
    int64_t tick = status == RV_OK ? c.tick : status == RV_E_NOINPUT ? SCENE_NONE : SCENE_ERROR;
    if (status == RV_OK && !scene_is_right(&c))
        tick = SCENE_WRONG;
    rv_checkpoint_clear(&c);
    return tick;
}

/* a run without checkpoints, or with those of the given ticks */
static inline void scene_fresh(int n, const int64_t *ticks)
{
    fault_reset();
    RV_TEST_OK(rv_folder_remove(scene_run));
    RV_TEST_OK(rv_folder_make(scene_run));
    for (int i = 0; i < n; i++)
        RV_TEST_OK(scene_save(ticks[i]));
}

/* change the last byte of unit_0 of a tick */
static inline void scene_spoil(int64_t tick)
{
    char path[RV_PATH + 64];
    snprintf(path, sizeof path, "%s/checkpoints/tick_%08lld/unit_0.safetensors", scene_run, (long long)tick);
    FILE *file = fopen(path, "r+b");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fseek(file, -1, SEEK_END), 0);
    CU_ASSERT_EQUAL(fputc(0x55, file), 0x55);
    fclose(file);
}

/** --long or not; then the cases, in a folder of their own. */
static inline int scene_main(const char *name, const CU_TestInfo *cases)
{
    char folder[RV_PATH];
    snprintf(folder, sizeof folder, "%s/rv_fault_XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    rv_log_set_level(RV_LOG_ERROR); /* bad checkpoints are named in thousands of warnings */
    if (!mkdtemp(folder) || rv_path_join(folder, "run", scene_run) != RV_OK)
        return 2;
    int failed = rv_test_run(name, cases);
    fault_reset();
    return rv_folder_remove(folder) == RV_OK ? failed : 2;
}
