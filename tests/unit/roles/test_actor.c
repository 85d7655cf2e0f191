#include "data/journal_format.h"
#include "nn/policy_net.h"
#include "roles/replay.h"
#include "rv_test.h"

#include <stdlib.h>
#include <unistd.h>

enum { TICK = 50, ROWS_MAX = 1000, SEED = 5 };

/* the actor role on the only rank of a run, and the rows that one environment published, tick after tick */
typedef struct bench {
    rv_config cfg;
    rv_layout layout;
    rv_world world;
    rv_context ctx;
    rv_feed_hub *hub;
    int owner[4];
    void *role;
    int n_rows;
    float *rows;
} bench;

static void ignore(void *user, const rv_frame *frame)
{
    (void)user, (void)frame;
}

/* as roles/replay.c does for all ranks; run_dir NULL: of a new run */
static void open_journal(bench *b, const char *run_dir)
{
    const rv_journal_shape shape = {b->ctx.row.n_obs, b->ctx.row.n_act, (int)b->cfg.env.count, rv_config_hash(&b->cfg)};
    rv_journal_info info;
    int start = 0;
    snprintf(b->ctx.run_dir, sizeof b->ctx.run_dir, "%s", run_dir ? run_dir : "/tmp/rv_actor_XXXXXX");
    if (!run_dir)
        CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(b->ctx.run_dir));
    RV_TEST_OK(rv_journal_settle(b->ctx.run_dir, &shape, 0, &info, &start));
    rv_journal_info_clear(&info);
    RV_TEST_OK(rv_journal_create(b->ctx.run_dir, &shape, start, 0, shape.n_envs, RV_DURABLE_PROCESS, &b->ctx.journal));
}

/* run_dir: of a run that goes on, without a checkpoint */
static void set_up_in(const char *run_dir, bench *b, const char *env, int count)
{
    const rv_feed_cfg feed = {.publish = "off", .high_water = 10};
    memset(b, 0, sizeof *b);
    RV_TEST_OK(rv_config_defaults(&b->cfg));
    snprintf(b->cfg.env.name, sizeof b->cfg.env.name, "%s", env);
    b->cfg.root.seed = SEED;
    b->cfg.env.count = count;
    b->cfg.schedule.tick_steps = TICK * count;
    b->layout.n_ranks = 1;
    b->layout.n_units[RV_ACTOR] = count;
    b->layout.owner[RV_ACTOR] = b->owner;
    b->world.size = 1;
    b->ctx = (rv_context){.cfg = &b->cfg, .layout = &b->layout, .world = &b->world};
    RV_TEST_OK(rv_env_find(env, &b->ctx.spec));
    b->ctx.row = rv_row_of(b->ctx.spec->n_obs, b->ctx.spec->n_act);
    open_journal(b, run_dir);
    RV_TEST_OK(rv_policy_net_init(b->ctx.row.n_obs, b->ctx.row.n_act, 2, 8, &b->ctx.actor_net));
    RV_TEST_OK(RV_NEW(b->ctx.board.policy, b->ctx.actor_net.n_params));
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_TEST, 0, 0);
    rv_mlp_init_glorot(&b->ctx.actor_net, &rng, b->ctx.board.policy);
    RV_TEST_OK(rv_feed_hub_create(&feed, true, 1, ignore, NULL, &b->hub));
    RV_TEST_OK(rv_feed_push_create(rv_feed_hub_push_endpoints(b->hub), true, 1, &b->ctx.push));
    RV_TEST_OK(RV_NEW(b->rows, ROWS_MAX * b->ctx.row.width));
    RV_TEST_OK(rv_shared_create(&b->world, &b->ctx.shared));
    RV_TEST_OK(rv_role_actor.create(&b->ctx, &b->role));
    RV_TEST_OK(rv_shared_open(b->ctx.shared));
}

static void set_up(bench *b, const char *env, int count)
{
    set_up_in(NULL, b, env, count);
}

/* the run's folder stays */
static void end(bench *b)
{
    rv_role_actor.destroy(b->role);
    rv_replay_close(&b->ctx);
    rv_shared_destroy(&b->ctx.shared);
    rv_feed_push_destroy(&b->ctx.push);
    rv_feed_hub_destroy(&b->hub);
    rv_mem_free(&b->ctx.board.policy);
    rv_mem_free(&b->rows);
}

static void tear_down(bench *b)
{
    end(b);
    RV_TEST_OK(rv_folder_remove(b->ctx.run_dir));
}

/* a tick; keep what environment `unit` publishes */
static rv_status act_once(bench *b, int unit, int t, bool is_random)
{
    int64_t steps = b->cfg.schedule.tick_steps;
    const rv_tick tick = {.tick = t, .first_step = t * steps, .last_step = (t + 1) * steps, .is_random = is_random};
    size_t n_bytes = 0;
    RV_TRY(rv_role_actor.work(b->role, &b->ctx, &tick));
    const float *rows = rv_role_actor.offer(b->role, RV_REAL, unit, &n_bytes);
    CU_ASSERT_EQUAL_FATAL(n_bytes, (size_t)(TICK * b->ctx.row.width) * sizeof(float));
    CU_ASSERT_FATAL(b->n_rows + TICK <= ROWS_MAX);
    memcpy(b->rows + b->n_rows * b->ctx.row.width, rows, n_bytes);
    b->n_rows += TICK;
    return RV_OK;
}

/* act for so many ticks, at random for the first half; keep what environment `unit` publishes, tick after tick */
static void act(bench *b, int unit, int n_ticks)
{
    for (int t = 0; t < n_ticks; t++)
        RV_TEST_OK(act_once(b, unit, t, t < n_ticks / 2));
}

static const float *row(const bench *b, int i)
{
    return b->rows + i * b->ctx.row.width;
}

/* the same actions once more in an environment of our own: rows must say what happened there */
static void check_against_environment(const bench *b, int unit, int *n_terminated, int *n_truncated)
{
    const rv_row *r = &b->ctx.row;
    size_t obs_bytes = (size_t)r->n_obs * sizeof(float);
    float obs[16], next_obs[16];
    rv_env *env = NULL;
    uint64_t episode = 0;
    rv_rng rng = rv_rng_at(SEED, RV_STREAM_ENV_RESET, (uint32_t)unit, episode);
    RV_TEST_OK(rv_env_create(b->ctx.spec->name, &env));
    RV_TEST_OK(rv_env_reset(env, &rng, obs));
    *n_terminated = *n_truncated = 0;
    for (int i = 0; i < b->n_rows; i++) {
        const float *x = row(b, i);
        rv_env_step_result result;
        CU_ASSERT(memcmp(x, obs, obs_bytes) == 0);
        for (int j = 0; j < r->n_act; j++)
            CU_ASSERT(fabsf(x[r->act + j]) <= 1);
        RV_TEST_OK(rv_env_step(env, x + r->act, next_obs, &result));
        CU_ASSERT(memcmp(x + r->next_obs, next_obs, obs_bytes) == 0);
        CU_ASSERT_EQUAL(x[r->reward], (float)result.reward);
        CU_ASSERT_EQUAL(x[r->terminated], result.terminated ? 1.0F : 0.0F);
        *n_terminated += result.terminated;
        *n_truncated += result.truncated;
        memcpy(obs, next_obs, obs_bytes);
        if (result.terminated || result.truncated) {
            rng = rv_rng_at(SEED, RV_STREAM_ENV_RESET, (uint32_t)unit, ++episode);
            RV_TEST_OK(rv_env_reset(env, &rng, obs));
        }
    }
    rv_env_destroy(&env);
}

/* where a pendulum is one step later, from its observation alone */
static void pendulum_next(const float *x, double *next)
{
    double speed = (double)x[2] + (15 * (double)x[1] + 3 * 2 * (double)x[3]) * 0.05;
    double angle = atan2((double)x[1], (double)x[0]) + fmax(-8, fmin(8, speed)) * 0.05;
    next[0] = cos(angle);
    next[1] = sin(angle);
    next[2] = fmax(-8, fmin(8, speed));
}

static void time_limit_is_not_a_termination(void)
{
    bench b;
    int n_terminated = 0, n_truncated = 0;
    set_up(&b, "Pendulum-v1", 1);
    act(&b, 0, 10);
    for (int i = 0; i < b.n_rows; i++) {
        const float *x = row(&b, i);
        double next[3];
        pendulum_next(x, next);
        CU_ASSERT_EQUAL(x[b.ctx.row.terminated], 0);
        RV_TEST_NEAR(3, x + b.ctx.row.next_obs, next, 1e-5, 1e-5); /* the true next state at step 200, too */
        if (i + 1 == b.n_rows)
            break;
        bool goes_on = memcmp(row(&b, i + 1), x + b.ctx.row.next_obs, 3 * sizeof *x) == 0;
        CU_ASSERT_EQUAL(goes_on, (i + 1) % 200 != 0);
        CU_ASSERT(goes_on || fabsf(row(&b, i + 1)[2]) <= 1); /* a reset begins slowly */
    }
    check_against_environment(&b, 0, &n_terminated, &n_truncated);
    CU_ASSERT(n_terminated == 0 && n_truncated == 2);
    tear_down(&b);
}

static void termination_is_one(void)
{
    bench b;
    int n_terminated = 0, n_truncated = 0;
    set_up(&b, "InvertedPendulum-v4", 1);
    act(&b, 0, 8);
    for (int i = 0; i < b.n_rows; i++) {
        const float *x = row(&b, i);
        bool fell = fabsf(x[b.ctx.row.next_obs + 1]) > 0.2F;
        CU_ASSERT_EQUAL(x[b.ctx.row.terminated], fell ? 1.0F : 0.0F);
        for (int j = 0; fell && i + 1 < b.n_rows && j < 4; j++) /* the next row starts from a reset */
            CU_ASSERT(fabsf(row(&b, i + 1)[j]) <= 0.01F);
    }
    check_against_environment(&b, 0, &n_terminated, &n_truncated);
    CU_ASSERT(n_terminated > 10 && n_truncated == 0);
    tear_down(&b);
}

/* environments have starts and actions of their own, and no row of another's */
static void environments_are_apart(void)
{
    bench b[3];
    int n_terminated = 0, n_truncated = 0;
    for (int unit = 0; unit < 3; unit++) {
        set_up(&b[unit], "Pendulum-v1", 3);
        act(&b[unit], unit, 6);
        check_against_environment(&b[unit], unit, &n_terminated, &n_truncated);
        CU_ASSERT_EQUAL(n_truncated, 1);
        for (int other = 0; other < unit; other++)
            for (int i = 0; i < b[unit].n_rows; i++)
                CU_ASSERT(row(&b[unit], i)[3] != row(&b[other], i)[3] && row(&b[unit], i)[0] != row(&b[other], i)[0]);
    }
    for (int unit = 0; unit < 3; unit++)
        tear_down(&b[unit]);
}

/* ---- rows that are in the journal ---- */

enum { TICKS = 6 };

static void segment_path(const bench *b, char out[RV_PATH])
{
    RV_TEST_OK(rv_path_join(b->ctx.run_dir, "journal/000001_00000_000.seg", out));
}

/* a run that was killed within a step of its 4th tick goes on from its journal to the rows of one that was not */
static void goes_on(const char *env, int n_of_last)
{
    bench whole, killed, again;
    char path[RV_PATH];
    set_up(&whole, env, 2);
    act(&whole, 1, TICKS);
    set_up(&killed, env, 2);
    for (int t = 0; t < 4; t++)
        RV_TEST_OK(act_once(&killed, 1, t, t < TICKS / 2));
    end(&killed);
    segment_path(&killed, path);
    size_t record = rv_journal_record_size((size_t)whole.ctx.row.width);
    CU_ASSERT_EQUAL(truncate(path, (off_t)(64 + (size_t)(2 * 3 * TICK + n_of_last) * record + 17)), 0);
    set_up_in(killed.ctx.run_dir, &again, env, 2);
    RV_TEST_OK(rv_replay_load(&again.ctx, 0, NULL));
    act(&again, 1, TICKS);
    CU_ASSERT_PTR_NULL(again.ctx.replay); /* they are behind */
    CU_ASSERT_EQUAL(again.n_rows, whole.n_rows);
    CU_ASSERT_EQUAL(memcmp(again.rows, whole.rows, (size_t)(whole.n_rows * whole.ctx.row.width) * sizeof(float)), 0);
    end(&again);
    /* the journal is that of a run that was not killed */
    rv_journal_info a, b;
    RV_TEST_OK(rv_journal_read(whole.ctx.run_dir, NULL, NULL, NULL, &a));
    RV_TEST_OK(rv_journal_read(again.ctx.run_dir, NULL, NULL, NULL, &b));
    CU_ASSERT(a.n_rows == 2 * TICKS * TICK && b.n_rows == a.n_rows && b.n_segments == 2);
    CU_ASSERT(a.n_episodes == b.n_episodes && a.n_terminated == b.n_terminated && a.n_truncated == b.n_truncated);
    rv_journal_info_clear(&a);
    rv_journal_info_clear(&b);
    tear_down(&whole);
    RV_TEST_OK(rv_folder_remove(again.ctx.run_dir));
}

static void goes_on_from_the_journal(void)
{
    for (int n = 0; n < 4; n++) { /* ends at a step, within one, within another */
        goes_on("Pendulum-v1", n);
        goes_on("InvertedPendulum-v4", 41 + n);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* change 4 bytes of record number i of a run's journal, so that it is whole nevertheless */
static void forge(const bench *b, int i, size_t at, uint32_t flip)
{
    char path[RV_PATH];
    char *bytes = NULL;
    size_t n = 0;
    uint32_t word = 0;
    segment_path(b, path);
    RV_TEST_OK(rv_file_read(path, 1 << 24, &bytes, &n));
    size_t size = rv_journal_record_size((size_t)b->ctx.row.width);
    unsigned char *record = (unsigned char *)bytes + 64 + (size_t)i * size;
    memcpy(&word, record + at, 4);
    word ^= flip;
    memcpy(record + at, &word, 4);
    word = rv_journal_record_crc(record, size);
    memcpy(record + 4, &word, 4);
    RV_TEST_OK(rv_file_write(path, bytes, n));
    rv_mem_free(&bytes);
}

/* what a task of ours does not do again is an error that shows both numbers */
static void other_bits(void)
{
    static const struct {
        int step;
        size_t at; /* of the number in the record */
        const char *text;
    } cases[] = {
        {7, 40 + 4 * 5, "env 0: step 7: observation[1] is "}, /* the next one */
        {0, 40, "env 0: step 0: observation[0] is "},         /* the start */
        {7, 40 + 4 * 3, "env 0: step 7: observation[0] is "}, /* the action */
        {9, 40, "env 0: step 9 is in the journal, but does not follow"},
        {7, 24, "env 0: step 7 of"}, /* another episode, which the reader finds */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b, again;
        set_up(&b, "Pendulum-v1", 1);
        RV_TEST_OK(act_once(&b, 0, 0, true));
        end(&b);
        forge(&b, cases[i].step, cases[i].at, cases[i].at == 24 ? 1 : 1 << 20);
        if (cases[i].at == 24) {
            rv_journal_info info;
            RV_TEST_FAILS(rv_journal_read(b.ctx.run_dir, NULL, NULL, NULL, &info), RV_E_DATA,
                          "is of episode 1 after 0");
        } else {
            set_up_in(b.ctx.run_dir, &again, "Pendulum-v1", 1);
            RV_TEST_OK(rv_replay_load(&again.ctx, 0, NULL));
            RV_TEST_FAILS(act_once(&again, 0, 0, true), RV_E_DATA, cases[i].text);
            CU_ASSERT(cases[i].at == 40 || strstr(rv_error_last()->text, ", the journal says "));
            end(&again);
        }
        RV_TEST_OK(rv_folder_remove(b.ctx.run_dir));
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("actor", {"time limit is not a termination", time_limit_is_not_a_termination},
             {"termination is one", termination_is_one}, {"environments are apart", environments_are_apart},
             {"goes on from the journal", goes_on_from_the_journal}, {"other bits", other_bits})
