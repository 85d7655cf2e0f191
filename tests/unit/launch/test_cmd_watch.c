#include "base/clock.h"
#include "base/file.h"
#include "launch/commands.h"
#include "run/feed_file.h"
#include "run/metrics.h"
#include "rv_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_WORDS = 8, MAX_LINE = 2 * RV_PATH, KEY = 12, PATIENCE = 3000 };

static char folder[] = "/tmp/rv_test_watch_XXXXXX";
static char out_path[RV_PATH], err_path[RV_PATH];

static void to_file(const char *path, int fd)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(file, fd);
    close(file);
}

/* `reverie watch` in a process of its own. It is made before this one has threads (a fork beside threads may copy a
 * locked allocator), and told later what to watch. */
typedef struct watcher {
    pid_t pid;
    int to;
} watcher;

static void watch_line(char *words)
{
    char command[] = "watch";
    char *argv[MAX_WORDS + 1] = {command};
    int argc = 1;
    for (char *word; argc < MAX_WORDS && (word = strsep(&words, " ")) != NULL;)
        if (*word)
            argv[argc++] = word;
    to_file(out_path, STDOUT_FILENO);
    to_file(err_path, STDERR_FILENO);
    _exit(rv_cmd_watch(argc, argv));
}

static watcher prepare(void)
{
    int line[2];
    CU_ASSERT_EQUAL_FATAL(pipe(line), 0);
    fflush(NULL);
    unlink(out_path); /* what the last one printed must not be taken for this one's */
    unlink(err_path);
    watcher w = {.pid = fork(), .to = line[1]};
    if (w.pid == 0) {
        char words[MAX_LINE] = "";
        close(line[1]);
        if (read(line[0], words, sizeof words) != sizeof words)
            _exit(2);
        watch_line(words);
    }
    close(line[0]);
    return w;
}

static void tell(const watcher *w, const char *line)
{
    char words[MAX_LINE] = "";
    snprintf(words, sizeof words, "%s", line);
    CU_ASSERT_EQUAL(write(w->to, words, sizeof words), sizeof words);
    close(w->to);
}

static pid_t start(const char *line)
{
    watcher w = prepare();
    tell(&w, line);
    return w.pid;
}

/* exit code; -1 when it does not end */
static int end_of(pid_t pid)
{
    int state = 0;
    for (int i = 0; i < PATIENCE; i++) {
        if (waitpid(pid, &state, WNOHANG) == pid)
            return WIFEXITED(state) ? WEXITSTATUS(state) : -2;
        rv_clock_sleep(0.01);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &state, 0);
    return -1;
}

static bool file_has(const char *path, const char *part)
{
    char *text = NULL;
    size_t n = 0;
    if (rv_file_read(path, 1 << 24, &text, &n) != RV_OK)
        return false;
    bool has = strstr(text, part) != NULL;
    rv_mem_free(&text);
    return has;
}

static void check(const char *line, int code, const char *path, const char *part)
{
    CU_ASSERT_EQUAL(end_of(start(line)), code);
    if (!file_has(path, part))
        printf("\n    watch %s: no '%s' ", line, part);
    CU_ASSERT(file_has(path, part));
}

static void ignore(void *user, const rv_frame *frame)
{
    (void)user;
    (void)frame;
}

typedef struct run {
    rv_feed_hub *hub;
    rv_feed_push *push;
} run;

static run start_run(void)
{
    rv_feed_cfg cfg = {.publish = "tcp://127.0.0.1:*", .high_water = 1000};
    run r = {.hub = NULL};
    RV_TEST_OK(rv_feed_hub_create(&cfg, true, KEY, ignore, NULL, &r.hub));
    RV_TEST_OK(rv_feed_push_create(rv_feed_hub_push_endpoints(r.hub), true, KEY, &r.push));
    RV_TEST_OK(rv_feed_file_write(folder, rv_feed_hub_publish_endpoint(r.hub)));
    return r;
}

static void end_run(run *r)
{
    rv_feed_push_destroy(&r->push);
    rv_feed_hub_destroy(&r->hub);
    rv_feed_file_remove(folder);
}

static void push(run *r, const char *role, int64_t unit, int64_t tick, rv_metric metric)
{
    rv_frame frame;
    rv_frame_init(&frame, role, unit, tick, 250);
    frame.wall = 0.5;
    RV_TEST_OK(rv_metric_add(&frame, metric, -0.5));
    RV_TEST_OK(rv_feed_push_send(r->push, &frame));
}

/* send until the watcher has printed something */
static void await_output(run *r, const char *part)
{
    int tries = 0;
    for (; tries < PATIENCE && !file_has(out_path, part); tries++) {
        push(r, "model", 3, 7, RV_M_MODEL_HOLDOUT_LOSS);
        push(r, "actor", 0, 7, RV_M_EP_REW_MEAN);
        rv_clock_sleep(0.01);
    }
    CU_ASSERT(tries < PATIENCE);
}

static void usage_and_errors(void)
{
    char line[MAX_LINE];
    check("--help", 0, out_path, "examples:\n  reverie watch runs/hopper\n");
    check("", 64, err_path, "expected RUN");
    check("a b", 64, err_path, "one word too many: 'b'");
    check("--jason a", 64, err_path, "'--jason'");
    check("a --role", 64, err_path, "--role needs a value");
    check("/nowhere/at_all", 66, err_path, "no run '/nowhere/at_all'");
    check(folder, 69, err_path, "is not running");
    snprintf(line, sizeof line, "%s/feed.json", folder);
    char host[RV_HOST_NAME] = "";
    char text[RV_HOST_NAME + 100];
    gethostname(host, sizeof host - 1);
    int n = snprintf(text, sizeof text, "{\"publish\": \"tcp://127.0.0.1:9\", \"pid\": 2147483647, \"host\": \"%s\"}",
                     host);
    RV_TEST_OK(rv_file_write(line, text, (size_t)n));
    check(folder, 69, err_path, "process 2147483647 has ended");
    rv_feed_file_remove(folder);
}

static void until_the_run_ends(void)
{
    char line[MAX_LINE];
    watcher w = prepare();
    run r = start_run();
    tell(&w, folder);
    await_output(&r, "step 250     model 3  model/holdout_loss -0.5\n");
    await_output(&r, "step 250     actor 0  rollout/ep_rew_mean -0.5\n");
    end_run(&r);
    CU_ASSERT_EQUAL(end_of(w.pid), 0);
    CU_ASSERT(file_has(err_path, "the run has ended\n"));
    w = prepare();
    r = start_run();
    snprintf(line, sizeof line, "%s --json --role=model", folder);
    tell(&w, line);
    await_output(&r, "{\"tick\":7,\"step\":250,\"role\":\"model\",\"unit\":3,\"rank\":0,\"wall\":0.5,"
                     "\"model/holdout_loss\":-0.5}\n");
    end_run(&r);
    CU_ASSERT_EQUAL(end_of(w.pid), 0);
    CU_ASSERT_FALSE(file_has(out_path, "actor"));
}

static void until_interrupted(void)
{
    watcher w = prepare();
    run r = start_run();
    tell(&w, folder);
    await_output(&r, "model 3");
    kill(w.pid, SIGINT);
    CU_ASSERT_EQUAL(end_of(w.pid), 0);
    CU_ASSERT_FALSE(file_has(err_path, "ended"));
    end_run(&r);
}

static void a_slow_reader_is_told(void)
{
    watcher w = prepare();
    run r = start_run();
    tell(&w, folder);
    await_output(&r, "model 3");
    kill(w.pid, SIGSTOP);
    for (int i = 0; i < 100000; i++)
        push(&r, "actor", 0, 8, RV_M_EP_REW_MEAN);
    RV_TEST_OK(rv_feed_hub_wait(r.hub, rv_feed_push_sent(r.push), 60));
    kill(w.pid, SIGCONT);
    int tries = 0;
    for (; tries < PATIENCE && !file_has(err_path, "missed "); tries++) {
        push(&r, "actor", 0, 9, RV_M_EP_REW_MEAN);
        rv_clock_sleep(0.01);
    }
    CU_ASSERT(tries < PATIENCE);
    end_run(&r);
    CU_ASSERT_EQUAL(end_of(w.pid), 0);
}

/* a run that lost a rank is started again, elsewhere */
static void a_run_that_starts_again(void)
{
    watcher w = prepare();
    run r = start_run();
    tell(&w, folder);
    await_output(&r, "model 3");
    run next = start_run();
    for (int tries = 0; tries < PATIENCE && !file_has(err_path, "started again"); tries++)
        rv_clock_sleep(0.01);
    CU_ASSERT(file_has(err_path, "the run was started again\n"));
    rv_feed_push_destroy(&r.push);
    rv_feed_hub_destroy(&r.hub);
    for (int tries = 0; tries < PATIENCE && !file_has(out_path, "evaluator"); tries++) {
        push(&next, "evaluator", 0, 8, RV_M_EVAL_REWARD);
        rv_clock_sleep(0.01);
    }
    CU_ASSERT(file_has(out_path, "evaluator 0  eval/mean_reward -0.5"));
    end_run(&next);
    CU_ASSERT_EQUAL(end_of(w.pid), 0);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void make_folder(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    RV_TEST_OK(rv_path_join(folder, "out", out_path));
    RV_TEST_OK(rv_path_join(folder, "err", err_path));
}

static void remove_folder(void)
{
    RV_TEST_OK(rv_folder_remove(folder));
}

RV_TEST_MAIN("cmd_watch", {"make_folder", make_folder}, {"usage_and_errors", usage_and_errors},
             {"until_the_run_ends", until_the_run_ends}, {"until_interrupted", until_interrupted},
             {"a_slow_reader_is_told", a_slow_reader_is_told}, {"a_run_that_starts_again", a_run_that_starts_again},
             {"remove_folder", remove_folder})
