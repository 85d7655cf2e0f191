#include "run/progress.h"
#include "rv_test.h"

enum { MAX_OUTPUT = 65536 };

static char output[MAX_OUTPUT];

static rv_summary summary(int64_t tick, double wall)
{
    return (rv_summary){.tick = tick,
                        .step = 250 * (tick + 1),
                        .wall = wall,
                        .eval_reward = -312.4,
                        .ep_rew_mean = -400,
                        .holdout_loss = 0.0123,
                        .imagined_share = 0.95,
                        .n_updates = (double)(5000 * (tick + 1))};
}

static const char *text_of(const rv_progress *p)
{
    static char text[RV_PROGRESS_TEXT];
    rv_progress_text(p, text);
    return text;
}

static const char *read_back(FILE *file)
{
    rewind(file);
    output[fread(output, 1, sizeof output - 1, file)] = 0;
    return output;
}

static void the_line(void)
{
    rv_progress p;
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    rv_progress_init(&p, file, 0, 5000);
    rv_summary s = summary(0, 10);
    rv_progress_show(&p, &s, 0);
    CU_ASSERT_STRING_EQUAL(text_of(&p), "step 250/5000 | return -312.4 | model loss 0.0123 | imagined 95 %");
    s = summary(1, 20);
    rv_progress_show(&p, &s, 1);
    CU_ASSERT_STRING_EQUAL(
        text_of(&p), "step 500/5000 | return -312.4 | model loss 0.0123 | imagined 95 % | 500 updates/s | ETA 3:00");
    /* nothing learned yet: the pace of random steps says nothing about what follows, so there is no rate and no ETA */
    rv_progress_init(&p, file, 0, 100000);
    s = summary(0, 100);
    s.eval_reward = s.holdout_loss = s.imagined_share = s.n_updates = (double)NAN;
    rv_progress_show(&p, &s, 0);
    s.tick++;
    s.step += 250;
    s.wall += 25;
    rv_progress_show(&p, &s, 1);
    CU_ASSERT_STRING_EQUAL(text_of(&p), "step 500/100000 | training return -400.0");
    /* updates have begun: rates count from here */
    for (int i = 1; i <= 2; i++) {
        s.tick++;
        s.step += 250;
        s.wall += 50;
        s.n_updates = 2500 * i;
        rv_progress_show(&p, &s, 1 + i);
    }
    CU_ASSERT_STRING_EQUAL(text_of(&p), "step 1000/100000 | training return -400.0 | 50 updates/s | ETA 5:30:00");
    fclose(file);
}

static void rates_are_of_recent_ticks(void)
{
    rv_progress p;
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    rv_progress_init(&p, file, 0, 1000000);
    double wall = 0;
    for (int64_t tick = 0; tick < 3 * RV_PROGRESS_TICKS; tick++) {
        wall += tick < RV_PROGRESS_TICKS ? 1000 : 2; /* a slow start is forgotten */
        rv_summary s = summary(tick, wall);
        rv_progress_show(&p, &s, 0);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text_of(&p), "| 2500 updates/s"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text_of(&p), "ETA 2:10:")); /* 976000 steps at 125 a second */
    fclose(file);
}

static void plain_lines_are_paced(void)
{
    rv_progress p;
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    rv_progress_init(&p, file, 0, 50000);
    rv_summary none = {.tick = -1};
    rv_progress_show(&p, &none, 0);
    CU_ASSERT_STRING_EQUAL(read_back(file), "");
    int n_lines = 0;
    for (int64_t tick = 0; tick < 100; tick++) { /* ten ticks a second for 10 s: at 0, 5 and the evaluation */
        rv_summary s = summary(tick, 0.1 * (double)tick);
        s.n_evals = tick >= 70;
        rv_progress_show(&p, &s, 100 + 0.1 * (double)tick);
        rv_progress_show(&p, &s, 200);
    }
    for (const char *c = read_back(file); *c; c++)
        n_lines += *c == '\n';
    CU_ASSERT_EQUAL(n_lines, 3);
    CU_ASSERT(strncmp(output, "step 250/50000 ", 15) == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\nstep 12750/50000 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\nstep 17750/50000 "));
    rv_progress_end(&p);
    CU_ASSERT_PTR_NOT_NULL(strstr(read_back(file), "\nstep 25000/50000 "));
    CU_ASSERT_PTR_NULL(strchr(output, '\r'));
    fclose(file);
}

static void a_terminal_has_one_line(void)
{
    rv_progress p;
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    rv_progress_init(&p, file, 20, 50000);
    for (int64_t tick = 0; tick < 3; tick++) {
        rv_summary s = summary(tick, (double)tick);
        rv_progress_show(&p, &s, (double)tick);
    }
    CU_ASSERT_STRING_EQUAL(read_back(file), "\rstep 250/50000 | re\033[K\rstep 500/50000 | re\033[K"
                                            "\rstep 750/50000 | re\033[K");
    rv_progress_end(&p);
    CU_ASSERT_EQUAL(read_back(file)[strlen(read_back(file)) - 1], '\n');
    CU_ASSERT_EQUAL(rv_progress_width(fileno(file)), 0);
    fclose(file);
}

RV_TEST_MAIN("progress", {"the_line", the_line}, {"rates_are_of_recent_ticks", rates_are_of_recent_ticks},
             {"plain_lines_are_paced", plain_lines_are_paced}, {"a_terminal_has_one_line", a_terminal_has_one_line})
