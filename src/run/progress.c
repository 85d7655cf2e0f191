#include "run/progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double plain_pace_s = 5;
static const double terminal_pace_s = 0.1;

int rv_progress_width(int fd)
{
    struct winsize size = {.ws_col = 0};
    if (!isatty(fd))
        return 0;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void rv_progress_init(rv_progress *progress, FILE *stream, int width, int64_t total_steps)
{
    memset(progress, 0, sizeof *progress);
    progress->stream = stream;
    progress->width = width;
    progress->total_steps = total_steps;
    progress->shown = -1;
    progress->latest.tick = -1;
    progress->shown_tick = -1;
}

static void append(char out[RV_PROGRESS_TEXT], size_t *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char out[RV_PROGRESS_TEXT], size_t *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int added = vsnprintf(out + *n, RV_PROGRESS_TEXT - *n, format, args);
    va_end(args);
    *n = added > 0 && *n + (size_t)added < RV_PROGRESS_TEXT ? *n + (size_t)added : strlen(out);
}

/* "0:41", "12:05", "3:02:05" */
static void append_eta(char out[RV_PROGRESS_TEXT], size_t *n, double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9)
        return;
    int64_t s = (int64_t)(seconds + 0.5);
    if (s < 3600)
        append(out, n, " | ETA %" PRId64 ":%02" PRId64, s / 60, s % 60);
    else
        append(out, n, " | ETA %" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
}

void rv_progress_text(const rv_progress *p, char out[RV_PROGRESS_TEXT])
{
    const rv_summary *s = &p->latest;
    size_t n = 0;
    append(out, &n, "step %" PRId64 "/%" PRId64, s->step, p->total_steps);
    if (isfinite(s->eval_reward))
        append(out, &n, " | return %.1f", s->eval_reward);
    else if (isfinite(s->ep_rew_mean))
        append(out, &n, " | training return %.1f", s->ep_rew_mean);
    if (isfinite(s->holdout_loss))
        append(out, &n, " | model loss %.3g", s->holdout_loss);
    if (isfinite(s->imagined_share))
        append(out, &n, " | imagined %.0f %%", 100 * s->imagined_share);
    if (p->n_recent < 2)
        return;
    double wall = p->recent[p->n_recent - 1].wall - p->recent[0].wall;
    double updates = p->recent[p->n_recent - 1].n_updates - p->recent[0].n_updates;
    double steps = (double)(p->recent[p->n_recent - 1].step - p->recent[0].step);
    if (!(wall > 0) || !(steps > 0))
        return;
    if (!(updates > 0))
        return;
    append(out, &n, updates / wall < 100 ? " | %.3g updates/s" : " | %.0f updates/s", updates / wall);
    if (s->step < p->total_steps)
        append_eta(out, &n, (double)(p->total_steps - s->step) * wall / steps);
}

static void print_line(rv_progress *p)
{
    char text[RV_PROGRESS_TEXT];
    rv_progress_text(p, text);
    if (p->width > 0) /* the last column stays free, or the terminal would wrap */
        fprintf(p->stream, "\r%.*s\033[K", p->width - 1, text);
    else
        fprintf(p->stream, "%s\n", text);
    fflush(p->stream);
    p->shown_tick = p->latest.tick;
}

void rv_progress_show(rv_progress *p, const rv_summary *summary, double now)
{
    if (summary->tick < 0 || (p->latest.tick >= 0 && summary->tick <= p->latest.tick))
        return;
    p->latest = *summary;
    /* ticks before the first update say nothing about those that follow */
    if (p->n_recent > 0 && isfinite(summary->n_updates) && !isfinite(p->recent[0].n_updates))
        p->n_recent = 0;
    if (p->n_recent == RV_PROGRESS_TICKS)
        memmove(&p->recent[0], &p->recent[1], (size_t)--p->n_recent * sizeof *p->recent);
    p->recent[p->n_recent].wall = summary->wall;
    p->recent[p->n_recent].n_updates = summary->n_updates;
    p->recent[p->n_recent++].step = summary->step;
    bool is_eval = summary->n_evals > p->n_evals;
    double pace = p->width > 0 ? terminal_pace_s : plain_pace_s;
    if (p->shown >= 0 && !is_eval && now - p->shown < pace)
        return;
    p->n_evals = summary->n_evals;
    p->shown = now;
    print_line(p);
}

void rv_progress_end(rv_progress *p)
{
    if (p->latest.tick > p->shown_tick)
        print_line(p);
    if (p->latest.tick >= 0 && p->width > 0)
        fputc('\n', p->stream);
    fflush(p->stream);
}
