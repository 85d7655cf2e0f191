#include "base/file.h"
#include "base/log.h"
#include "run/metrics.h"
#include "run/recorder.h"
#include "rv_test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_FILE = 1 << 20, TICKS = 6, MAX_EVENTS = 400, UNITS = 7 };

static char folder[] = "/tmp/rv_test_recorder_XXXXXX";

static char *contents(const char *name)
{
    char path[RV_PATH];
    char *text = NULL;
    size_t n = 0;
    RV_TEST_OK(rv_path_join(folder, name, path));
    RV_TEST_OK(rv_file_read(path, MAX_FILE, &text, &n));
    return text;
}

static void put(const char *name, const char *text)
{
    char path[RV_PATH];
    RV_TEST_OK(rv_path_join(folder, name, path));
    RV_TEST_OK(rv_file_write(path, text, strlen(text)));
}

static int count_lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* what unit `unit` of a role says of a tick; value depends on the unit alone */
static rv_frame make_frame(const char *role, int64_t unit, int64_t tick, int64_t rank, rv_metric metric, double value)
{
    rv_frame frame;
    rv_frame_init(&frame, role, unit, tick, 250 * (tick + 1));
    frame.rank = rank;
    frame.wall = (double)tick + 0.125 * (double)rank;
    RV_TEST_OK(rv_metric_add(&frame, metric, value));
    return frame;
}

static double noise(int64_t a, int64_t b)
{
    return sin((double)(37 * a + 101 * b)) / 3;
}

/* the frames of one rank, in the order in which it sends them: three members and three actors, dealt over the ranks */
static int rank_frames(int n_ranks, int rank, int64_t first, int64_t last, rv_frame *out)
{
    int n = 0;
    for (int64_t tick = first; tick < last; tick++) {
        for (int unit = 2; unit >= 0; unit--) {
            if (unit % n_ranks == rank)
                out[n++] = make_frame("model", unit, tick, rank, RV_M_MODEL_HOLDOUT_LOSS, noise(unit, tick));
            if ((unit + 1) % n_ranks == rank)
                out[n++] = make_frame("actor", unit, tick, rank, RV_M_EP_REW_MEAN, noise(unit + 5, tick));
        }
        if (rank == 0 && tick % 2 == 1)
            out[n++] = make_frame("evaluator", 0, tick, rank, RV_M_EVAL_REWARD, noise(9, tick));
        out[n++] = make_frame(RV_ROLE_RANK, rank, tick, rank, RV_M_WORK_S, 0.5);
    }
    return n;
}

/* feed the frames of all ranks, each rank in order, the ranks mixed by a random walk */
static void feed(rv_recorder *recorder, int n_ranks, int64_t first, int64_t last, unsigned seed)
{
    static rv_frame frames[3][MAX_EVENTS];
    int n[3] = {0};
    int at[3] = {0};
    int left = 0;
    for (int r = 0; r < n_ranks; r++)
        left += n[r] = rank_frames(n_ranks, r, first, last, frames[r]);
    for (uint32_t x = seed; left > 0;) {
        x = x * 1664525 + 1013904223;
        int r = (int)(x >> 16) % n_ranks;
        if (at[r] < n[r]) {
            rv_recorder_on_frame(recorder, &frames[r][at[r]++]);
            left--;
        }
    }
}

static rv_recorder *record(int n_ranks, int64_t first, int64_t last, unsigned seed)
{
    rv_recorder *recorder = NULL;
    RV_TEST_OK(rv_recorder_open(folder, n_ranks, UNITS, first, &recorder));
    feed(recorder, n_ranks, first, last, seed);
    RV_TEST_OK(rv_recorder_status(recorder));
    return recorder;
}

static void ticks_are_written_when_complete(void)
{
    rv_recorder *recorder = NULL;
    rv_summary summary;
    RV_TEST_OK(rv_recorder_open(folder, 2, UNITS, 0, &recorder));
    rv_recorder_summary(recorder, &summary);
    CU_ASSERT_EQUAL(summary.tick, -1);
    CU_ASSERT(isnan(summary.eval_reward));
    rv_frame f = make_frame("model", 1, 0, 1, RV_M_MODEL_HOLDOUT_LOSS, 3);
    RV_TEST_OK(rv_metric_add(&f, RV_M_MODEL_TRAIN_LOSS, (double)NAN));
    rv_recorder_on_frame(recorder, &f);
    f = make_frame("model", 0, 0, 0, RV_M_MODEL_HOLDOUT_LOSS, 2);
    rv_recorder_on_frame(recorder, &f);
    f = make_frame(RV_ROLE_RANK, 1, 0, 1, RV_M_WORK_S, 0.25);
    rv_recorder_on_frame(recorder, &f);
    f = make_frame("model", 1, 1, 1, RV_M_MODEL_HOLDOUT_LOSS, 30); /* rank 1 is a tick ahead */
    rv_recorder_on_frame(recorder, &f);
    char *text = contents("metrics.jsonl");
    CU_ASSERT_STRING_EQUAL(text, "");
    rv_mem_free(&text);
    f = make_frame("evaluator", 0, 0, 0, RV_M_EVAL_REWARD, -7);
    rv_recorder_on_frame(recorder, &f);
    f = make_frame(RV_ROLE_RANK, 0, 0, 0, RV_M_WORK_S, 0.75);
    rv_recorder_on_frame(recorder, &f);
    RV_TEST_OK(rv_recorder_status(recorder));
    RV_TEST_OK(rv_recorder_sync(recorder));
    text = contents("metrics.jsonl");
    CU_ASSERT_STRING_EQUAL(
        text,
        "{\"tick\":0,\"step\":250,\"role\":\"evaluator\",\"unit\":0,\"rank\":0,\"wall\":0,\"eval/mean_reward\":-7}\n"
        "{\"tick\":0,\"step\":250,\"role\":\"model\",\"unit\":0,\"rank\":0,\"wall\":0,\"model/holdout_loss\":2}\n"
        "{\"tick\":0,\"step\":250,\"role\":\"model\",\"unit\":1,\"rank\":1,\"wall\":0.125,\"model/holdout_loss\":3,"
        "\"model/train_loss\":null}\n"
        "{\"tick\":0,\"step\":250,\"role\":\"rank\",\"unit\":0,\"rank\":0,\"wall\":0,\"time/work_s\":0.75}\n"
        "{\"tick\":0,\"step\":250,\"role\":\"rank\",\"unit\":1,\"rank\":1,\"wall\":0.125,\"time/work_s\":0.25}\n");
    rv_mem_free(&text);
    text = contents("progress.csv");
    CU_ASSERT_EQUAL(count_lines(text), 2);
    char *row = strchr(text, '\n') + 1;
    CU_ASSERT(strncmp(text, "tick,step,wall,rollout/ep_rew_mean,", 35) == 0);
    CU_ASSERT(strncmp(row, "0,250,0.125,,,,,,,,-7,,", 23) == 0);
    int n_commas[2] = {0};
    for (const char *c = text; *c; c++)
        n_commas[c >= row] += *c == ',';
    CU_ASSERT_EQUAL(n_commas[0], RV_N_METRICS + 2);
    CU_ASSERT_EQUAL(n_commas[1], RV_N_METRICS + 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(row, ",,2.5,")); /* train loss, then holdout loss */
    CU_ASSERT_PTR_NULL(strstr(row, "nan"));
    const char *work = strstr(row, ",0.5,"); /* the mean of the ranks' work, and nothing behind it */
    CU_ASSERT_PTR_NOT_NULL_FATAL(work);
    CU_ASSERT_EQUAL(strspn(work + 4, ",\n"), strlen(work + 4));
    rv_mem_free(&text);
    rv_recorder_summary(recorder, &summary);
    CU_ASSERT_EQUAL(summary.tick, 0);
    CU_ASSERT_EQUAL(summary.step, 250);
    CU_ASSERT_EQUAL(summary.wall, 0.125);
    CU_ASSERT_EQUAL(summary.n_evals, 1);
    CU_ASSERT_EQUAL(summary.eval_reward, -7);
    CU_ASSERT_EQUAL(summary.holdout_loss, 2.5);
    CU_ASSERT(isnan(summary.n_updates));
    rv_recorder_close(&recorder);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void hash_text(char out[RV_HASH_TEXT])
{
    char path[RV_PATH];
    RV_TEST_OK(rv_path_join(folder, "metrics.jsonl", path));
    RV_TEST_OK(rv_metrics_hash(path, out));
}

static void arrival_and_layout_do_not_matter(void)
{
    char hash[RV_HASH_TEXT];
    char other[RV_HASH_TEXT];
    rv_recorder *recorder = record(3, 0, TICKS, 1);
    rv_recorder_close(&recorder);
    char *jsonl = contents("metrics.jsonl");
    char *csv = contents("progress.csv");
    hash_text(hash);
    CU_ASSERT_EQUAL(count_lines(csv), TICKS + 1);
    CU_ASSERT_EQUAL(count_lines(jsonl), 9 * TICKS + TICKS / 2);
    for (unsigned seed = 2; seed < 20; seed++) {
        recorder = record(3, 0, TICKS, seed);
        rv_recorder_close(&recorder);
        char *again = contents("metrics.jsonl");
        char *csv_again = contents("progress.csv");
        CU_ASSERT_STRING_EQUAL(jsonl, again);
        CU_ASSERT_STRING_EQUAL(csv, csv_again);
        rv_mem_free(&again);
        rv_mem_free(&csv_again);
    }
    for (int n_ranks = 1; n_ranks <= 2; n_ranks++) {
        recorder = record(n_ranks, 0, TICKS, 5);
        rv_recorder_close(&recorder);
        hash_text(other);
        CU_ASSERT_STRING_EQUAL(hash, other);
    }
    rv_mem_free(&jsonl);
    rv_mem_free(&csv);
}

static void resuming_loses_and_doubles_nothing(void)
{
    rv_recorder *recorder = record(2, 0, TICKS, 1);
    rv_recorder_close(&recorder);
    char *jsonl = contents("metrics.jsonl");
    char *csv = contents("progress.csv");
    for (int64_t first = 0; first <= TICKS; first++)
        for (int torn = 0; torn < 2; torn++) {
            if (torn) { /* a crash in the middle of a line that is to go */
                size_t n = strlen(jsonl);
                jsonl[n - 20] = 0;
                put("metrics.jsonl", jsonl);
                rv_mem_free(&jsonl);
                recorder = record(2, first < TICKS ? first : TICKS - 1, TICKS, 3);
                rv_recorder_close(&recorder);
                jsonl = contents("metrics.jsonl");
            } else {
                recorder = record(2, first, TICKS, 7);
                rv_recorder_close(&recorder);
            }
            char *again = contents("metrics.jsonl");
            char *csv_again = contents("progress.csv");
            CU_ASSERT_STRING_EQUAL(jsonl, again);
            CU_ASSERT_STRING_EQUAL(csv, csv_again);
            rv_mem_free(&again);
            rv_mem_free(&csv_again);
        }
    /* right after opening, the later records are gone and the earlier are there */
    RV_TEST_OK(rv_recorder_open(folder, 2, UNITS, 2, &recorder));
    rv_recorder_close(&recorder);
    char *cut = contents("metrics.jsonl");
    CU_ASSERT(strncmp(cut, jsonl, strlen(cut)) == 0);
    CU_ASSERT_EQUAL(count_lines(cut), 2 * 8 + 1);
    rv_mem_free(&cut);
    cut = contents("progress.csv");
    CU_ASSERT_EQUAL(count_lines(cut), 3);
    rv_mem_free(&cut);
    rv_mem_free(&jsonl);
    rv_mem_free(&csv);
}

static void bad_files_are_refused(void)
{
    rv_recorder *recorder = record(1, 0, 3, 1);
    rv_recorder_close(&recorder);
    char *jsonl = contents("metrics.jsonl");
    put("metrics.jsonl", "{\"tick\":0,\n{\"tock\":1,\n");
    RV_TEST_FAILS(rv_recorder_open(folder, 1, UNITS, 3, &recorder), RV_E_DATA, "metrics.jsonl: 2: expected a record");
    put("metrics.jsonl", "{\"tick\":1,\n{\"tick\":0,\n");
    RV_TEST_FAILS(rv_recorder_open(folder, 1, UNITS, 3, &recorder), RV_E_DATA, "2: tick 0 after tick 1");
    put("metrics.jsonl", jsonl);
    put("progress.csv", "tick,step\n0,1\n");
    RV_TEST_FAILS(rv_recorder_open(folder, 1, UNITS, 3, &recorder), RV_E_DATA, "progress.csv: 1: other columns");
    RV_TEST_FAILS(rv_recorder_open("/nowhere", 1, UNITS, 3, &recorder), RV_E_IO, "/nowhere/metrics.jsonl");
    CU_ASSERT_PTR_NULL(recorder);
    rv_mem_free(&jsonl);
    put("progress.csv", "");
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void fails_with(int n, const rv_frame *frames, rv_status status, const char *part)
{
    rv_recorder *recorder = NULL;
    RV_TEST_OK(rv_recorder_open(folder, 2, UNITS, 0, &recorder));
    for (int i = 0; i < n; i++)
        rv_recorder_on_frame(recorder, &frames[i]);
    rv_raise(RV_E_USAGE, "some later error of this thread");
    RV_TEST_FAILS(rv_recorder_status(recorder), status, part);
    RV_TEST_FAILS(rv_recorder_sync(recorder), status, part);
    rv_recorder_close(&recorder);
}

static void bad_frames_are_remembered(void)
{
    rv_frame f[4];
    f[0] = f[1] = make_frame("model", 1, 0, 0, RV_M_MODEL_EPOCHS, 3);
    f[1].rank = 1;
    fails_with(2, f, RV_E_PROTOCOL, "two frames of model 1 for tick 0, from ranks 0 and 1");
    f[0] = make_frame(RV_ROLE_RANK, 2, 0, 2, RV_M_WORK_S, 3);
    fails_with(1, f, RV_E_PROTOCOL, "a frame of rank 2, expected 0 to 1");
    f[0] = make_frame(RV_ROLE_RANK, 0, 0, 0, RV_M_WORK_S, 3);
    f[1] = make_frame(RV_ROLE_RANK, 1, 0, 0, RV_M_WORK_S, 3);
    f[2] = make_frame("model", 1, 0, 0, RV_M_MODEL_EPOCHS, 3);
    fails_with(3, f, RV_E_PROTOCOL, "a frame of model 1 for tick 0 came after tick 0 was complete");
    f[2].tick = 1;
    f[3] = make_frame(RV_ROLE_RANK, 0, 2, 0, RV_M_WORK_S, 3);
    rv_frame g[5] = {f[0], f[1], f[2], f[3], f[3]};
    g[4].unit = 1;
    fails_with(5, g, RV_E_PROTOCOL, "tick 2 is complete before tick 1");
    f[2] = f[1];
    rv_frame_init(&f[1], "model", 0, 0, 0);
    RV_TEST_OK(rv_frame_add(&f[1], "model/unheard_of", 0));
    fails_with(3, f, RV_E_PROTOCOL, "metric 'model/unheard_of' is not in the table");
    char *text = contents("metrics.jsonl");
    CU_ASSERT_STRING_EQUAL(text, "");
    rv_mem_free(&text);
}

/* a disk that is full: no file may grow past a limit */
static void write_errors_are_remembered(void)
{
    struct rlimit old;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    rv_recorder *recorder = NULL;
    RV_TEST_OK(rv_recorder_open(folder, 1, UNITS, 0, &recorder));
    struct rlimit small = {.rlim_cur = 2000, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    feed(recorder, 1, 0, TICKS, 1);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    RV_TEST_FAILS(rv_recorder_status(recorder), RV_E_IO, "/metrics.jsonl': File too large");
    rv_recorder_close(&recorder);
    /* what a resume finds is still good */
    recorder = record(1, 0, TICKS, 1);
    rv_recorder_close(&recorder);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

/* a rank may be thousands of ticks ahead of another, and each tick must still cost the same: with work that grows with
 * the number of waiting frames this takes long */
static void a_backlog_is_recorded(void)
{
    enum { BACKLOG = 5000 };
    rv_recorder *recorder = NULL;
    rv_summary summary;
    rv_frame f;
    RV_TEST_OK(rv_recorder_open(folder, 2, UNITS, 0, &recorder));
    for (int64_t rank = 1; rank >= 0; rank--)
        for (int64_t tick = 0; tick < BACKLOG; tick++) {
            f = make_frame(RV_ROLE_RANK, rank, tick, rank, RV_M_WORK_S, 0.5);
            rv_recorder_on_frame(recorder, &f);
        }
    RV_TEST_OK(rv_recorder_status(recorder));
    rv_recorder_summary(recorder, &summary);
    CU_ASSERT_EQUAL(summary.tick, BACKLOG - 1);
    f = make_frame(RV_ROLE_RANK, 0, INT64_C(1) << 40, 0, RV_M_WORK_S, 0.5);
    rv_recorder_on_frame(recorder, &f);
    RV_TEST_FAILS(rv_recorder_status(recorder), RV_E_PROTOCOL, "while tick 5000 is open");
    char *text = contents("metrics.jsonl");
    CU_ASSERT_EQUAL(count_lines(text), 2 * BACKLOG);
    rv_mem_free(&text);
    rv_recorder_close(&recorder);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void steady_recording_takes_no_memory(void)
{
    rv_recorder *recorder = NULL;
    RV_TEST_OK(rv_recorder_open(folder, 1, UNITS, 0, &recorder));
    feed(recorder, 1, 0, TICKS, 1);
    int64_t calls = rv_mem_calls();
    feed(recorder, 1, TICKS, 9 * TICKS, 1);
    CU_ASSERT_EQUAL(rv_mem_calls(), calls);
    RV_TEST_OK(rv_recorder_status(recorder));
    rv_recorder_close(&recorder);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void make_folder(void)
{
    rv_log_set_level(RV_LOG_ERROR);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void remove_folder(void)
{
    RV_TEST_OK(rv_folder_remove(folder));
}

RV_TEST_MAIN("recorder", {"make_folder", make_folder},
             {"ticks_are_written_when_complete", ticks_are_written_when_complete},
             {"arrival_and_layout_do_not_matter", arrival_and_layout_do_not_matter},
             {"resuming_loses_and_doubles_nothing", resuming_loses_and_doubles_nothing},
             {"bad_files_are_refused", bad_files_are_refused}, {"bad_frames_are_remembered", bad_frames_are_remembered},
             {"write_errors_are_remembered", write_errors_are_remembered},
             {"a_backlog_is_recorded", a_backlog_is_recorded},
             {"steady_recording_takes_no_memory", steady_recording_takes_no_memory}, {"remove_folder", remove_folder})
