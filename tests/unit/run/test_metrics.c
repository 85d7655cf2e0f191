#include "base/file.h"
#include "run/metrics.h"
#include "rv_test.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/rv_test_metrics_XXXXXX";
static char path[RV_PATH];

static void table_is_sound(void)
{
    CU_ASSERT((int)RV_N_METRICS > 0);
    for (int i = 0; i < RV_N_METRICS; i++) {
        const rv_metric_info *m = rv_metric_get((rv_metric)i);
        rv_metric found = RV_N_METRICS;
        rv_frame frame;
        rv_frame_init(&frame, "actor", 0, 0, 0);
        RV_TEST_OK(rv_metric_add(&frame, (rv_metric)i, 1.0)); /* the name fits a frame */
        CU_ASSERT_STRING_EQUAL(frame.values[0].name, m->name);
        CU_ASSERT_PTR_NOT_NULL(strchr(m->name, '/')); /* so that it is no member of a record */
        CU_ASSERT(m->help[0] != 0);
        RV_TEST_OK(rv_metric_find(m->name, &found));
        CU_ASSERT_EQUAL((int)found, i); /* no name twice */
        RV_TEST_FAILS(rv_metric_add(&frame, (rv_metric)i, 2.0), RV_E_INTERNAL, "already");
    }
    rv_metric found = RV_N_METRICS;
    rv_frame frame;
    rv_frame_init(&frame, "actor", 0, 0, 0);
    RV_TEST_FAILS(rv_metric_find("train/loss_of_sleep", &found), RV_E_PROTOCOL, "'train/loss_of_sleep'");
    RV_TEST_FAILS(rv_metric_add(&frame, RV_N_METRICS, 0), RV_E_INTERNAL, "metric number");
}

static void numbers_read_back(void)
{
    static const double values[] = {0,
                                    -0.0,
                                    1,
                                    0.1,
                                    1.0 / 3,
                                    1e-310,
                                    5e-324,
                                    1.7976931348623157e308,
                                    -1e22,
                                    123456789,
                                    1e15,
                                    3.14159,
                                    0.30000000000000004};
    char text[RV_NUMBER_TEXT];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        rv_number_print(values[i], "null", text);
        double back = strtod(text, NULL);
        CU_ASSERT(memcmp(&back, &values[i], sizeof back) == 0);
    }
    rv_number_print(0.1, "null", text);
    CU_ASSERT_STRING_EQUAL(text, "0.1");
    rv_number_print((double)NAN, "null", text);
    CU_ASSERT_STRING_EQUAL(text, "null");
}

static void record_as_json(void)
{
    char line[RV_METRICS_LINE];
    rv_frame frame;
    rv_frame_init(&frame, "model", 2, 3, 750);
    frame.rank = 1;
    frame.wall = 8.25;
    RV_TEST_OK(rv_metric_add(&frame, RV_M_MODEL_TRAIN_LOSS, -1.5));
    RV_TEST_OK(rv_metric_add(&frame, RV_M_MODEL_HOLDOUT_LOSS, -(double)INFINITY));
    rv_metrics_json(&frame, line);
    CU_ASSERT_STRING_EQUAL(line, "{\"tick\":3,\"step\":750,\"role\":\"model\",\"unit\":2,\"rank\":1,\"wall\":8.25,"
                                 "\"model/train_loss\":-1.5,\"model/holdout_loss\":null}");
    /* the longest possible line still ends */
    rv_frame_init(&frame, "fifteen_letters", INT64_MIN, INT64_MIN, INT64_MIN);
    frame.rank = INT64_MIN;
    frame.wall = -1.0 / 3 * 1e-300;
    for (int i = 0; i < RV_FRAME_VALUES; i++) {
        char name[RV_FRAME_NAME];
        snprintf(name, sizeof name, "%047d", i);
        RV_TEST_OK(rv_frame_add(&frame, name, frame.wall));
    }
    rv_metrics_json(&frame, line);
    CU_ASSERT(strlen(line) < RV_METRICS_LINE - 1);
    CU_ASSERT_EQUAL(line[strlen(line) - 1], '}');
}

static rv_status hash_of(const char *text, char out[RV_HASH_TEXT])
{
    RV_TRY(rv_file_write(path, text, strlen(text)));
    return rv_metrics_hash(path, out);
}

#define ACTOR_0                                                                                                        \
    "{\"tick\":0,\"step\":250,\"role\":\"actor\",\"unit\":0,\"rank\":0,\"wall\":1.5,\"time/fps\":99,"                  \
    "\"rollout/ep_rew_mean\":-1e3,\"rollout/ep_len_mean\":200}\n"
#define MODEL_0                                                                                                        \
    "{\"tick\":0,\"step\":250,\"role\":\"model\",\"unit\":0,\"rank\":1,\"wall\":1.5,\"model/epochs\":null}\n"
#define RANK_0 "{\"tick\":0,\"step\":250,\"role\":\"rank\",\"unit\":0,\"rank\":0,\"wall\":1.5,\"data/real_rows\":5}\n"
#define ACTOR_1                                                                                                        \
    "{\"tick\":1,\"step\":500,\"role\":\"actor\",\"unit\":0,\"rank\":0,\"wall\":3,\"rollout/ep_rew_mean\":0.1}\n"

static void hash_is_of_the_canonical_text(void)
{
    char text[RV_HASH_TEXT];
    char expected[RV_HASH_TEXT];
    static const char canonical[] = "0 actor 0 250 rollout/ep_len_mean 200\n"
                                    "0 actor 0 250 rollout/ep_rew_mean -1000\n"
                                    "0 model 0 250 model/epochs null\n"
                                    "1 actor 0 500 rollout/ep_rew_mean 0.10000000000000001\n";
    rv_hash_bytes(canonical, sizeof canonical - 1, expected);
    RV_TEST_OK(hash_of(ACTOR_0 MODEL_0 RANK_0 ACTOR_1, text));
    CU_ASSERT_STRING_EQUAL(text, expected);
    /* another layout at another speed: other ranks, wall times, number of ranks; members in another order */
    RV_TEST_OK(hash_of("{\"rollout/ep_len_mean\":2e2,\"tick\":0,\"step\":250,\"role\":\"actor\",\"unit\":0,\"rank\":7,"
                       "\"wall\":99,\"time/fps\":1,\"rollout/ep_rew_mean\":-1000.0}\n" MODEL_0 ACTOR_1,
                       text));
    CU_ASSERT_STRING_EQUAL(text, expected);
    RV_TEST_OK(hash_of(ACTOR_0 MODEL_0 RANK_0, text));
    CU_ASSERT_STRING_NOT_EQUAL(text, expected);
    RV_TEST_OK(hash_of("", text));
    rv_hash_bytes("", 0, expected);
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static void hash_reads_strictly(void)
{
    char text[RV_HASH_TEXT] = "untouched";
    RV_TEST_FAILS(rv_metrics_hash("/nowhere/metrics.jsonl", text), RV_E_NOINPUT, "/nowhere/metrics.jsonl");
    RV_TEST_FAILS(hash_of(ACTOR_0 ACTOR_0, text), RV_E_DATA, "metrics.jsonl: 2: tick 0, actor 0 is not after");
    RV_TEST_FAILS(hash_of(MODEL_0 ACTOR_0, text), RV_E_DATA, "is not after");
    RV_TEST_FAILS(hash_of(ACTOR_1 ACTOR_0, text), RV_E_DATA, "is not after");
    RV_TEST_FAILS(hash_of(ACTOR_0 "{\"tick\":1", text), RV_E_DATA, "2: the line is cut short");
    RV_TEST_FAILS(hash_of(ACTOR_0 "\n", text), RV_E_DATA, "2: column");
    RV_TEST_FAILS(hash_of("[]\n", text), RV_E_DATA, "1: expected a JSON object");
    RV_TEST_FAILS(hash_of("{\"tick\":1,\"tick\":1}\n", text), RV_E_DATA, "duplicate");
    RV_TEST_FAILS(hash_of("{\"tick\":1.5}\n", text), RV_E_DATA, "'tick': expected a whole number");
#define HEAD "{\"tick\":0,\"step\":250,\"role\":\"actor\",\"unit\":0,\"rank\":0,\"wall\":1.5"
    RV_TEST_FAILS(hash_of(HEAD ",\"train/x\":1}\n", text), RV_E_DATA, "unknown member 'train/x'");
    RV_TEST_FAILS(hash_of(HEAD ",\"eval/mean_reward\":\"1\"}\n", text), RV_E_DATA, "expected a number or null");
    RV_TEST_FAILS(hash_of(HEAD ",\"eval/mean_reward\":NaN}\n", text), RV_E_DATA, "1: column");
    RV_TEST_FAILS(hash_of("{\"tick\":0,\"step\":250,\"role\":5,\"unit\":0,\"rank\":0,\"wall\":1.5}\n", text), RV_E_DATA,
                  "'role'");
    CU_ASSERT_STRING_EQUAL(text, "untouched");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* what was read, as "TICK ROLE UNIT RANK N_VALUES;" */
static rv_status list_record(void *user, const rv_record *r)
{
    char *out = user;
    size_t n = strlen(out);
    snprintf(out + n, 256 - n, "%d %s %d %d %d;", (int)r->tick, r->role, (int)r->unit, (int)r->rank, r->n_values);
    RV_CHECK(r->tick < 9, RV_E_DIFFERS, "enough");
    return RV_OK;
}

static void records_are_read(void)
{
    char hash[RV_HASH_TEXT];
    char seen[256] = "";
    RV_TEST_OK(hash_of(ACTOR_0 MODEL_0 RANK_0 ACTOR_1, hash));
    RV_TEST_OK(rv_metrics_read(path, false, list_record, seen));
    CU_ASSERT_EQUAL(strncmp(seen, "0 actor 0 ", 10), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(seen, ";0 rank 0 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(seen, ";1 actor 0 "));
    /* a file that is being written ends anywhere */
    seen[0] = '\0';
    (void)hash_of(ACTOR_0 "{\"tick\":1,\"st", hash);
    RV_TEST_OK(rv_metrics_read(path, true, list_record, seen));
    CU_ASSERT_EQUAL(strncmp(seen, "0 actor 0 ", 10), 0);
    CU_ASSERT_PTR_NULL(strstr(seen, "1 actor"));
    RV_TEST_FAILS(rv_metrics_read(path, false, list_record, seen), RV_E_DATA, "2: the line is cut short");
    (void)hash_of("{\"tick\":1,\"st\n" ACTOR_0, hash);
    RV_TEST_FAILS(rv_metrics_read(path, true, list_record, seen), RV_E_DATA, "1: column");
    /* the callback may end it */
    (void)hash_of("{\"tick\":9,\"step\":1,\"role\":\"actor\",\"unit\":0,\"rank\":0,\"wall\":1.5}\n", hash);
    RV_TEST_FAILS(rv_metrics_read(path, false, list_record, seen), RV_E_DIFFERS, "metrics.jsonl: enough");
    rv_record r = {.n_values = 2, .values = {{RV_M_WORK_S, 2.5}, {RV_M_WAIT_S, 1}}};
    CU_ASSERT(rv_record_get(&r, RV_M_WORK_S) == 2.5 && rv_record_get(&r, RV_M_WAIT_S) == 1);
    CU_ASSERT(isnan(rv_record_get(&r, RV_M_FPS)));
}

static void make_folder(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    RV_TEST_OK(rv_path_join(folder, "metrics.jsonl", path));
}

static void remove_folder(void)
{
    RV_TEST_OK(rv_folder_remove(folder));
}

RV_TEST_MAIN("metrics", {"make_folder", make_folder}, {"table_is_sound", table_is_sound},
             {"numbers_read_back", numbers_read_back}, {"record_as_json", record_as_json},
             {"hash_is_of_the_canonical_text", hash_is_of_the_canonical_text},
             {"hash_reads_strictly", hash_reads_strictly}, {"records_are_read", records_are_read},
             {"remove_folder", remove_folder})
