#include "view/movie.h"

#include "base/memory.h"
#include "base/program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGS = 64, MAX_OUTPUT = 1 << 30 };

struct rv_movie {
    int width, height;
    pid_t child; /* 0: none, or waited for */
    int in;      /* frames go in here; -1: closed */
    int out;     /* memory: what it makes */
    int said;    /* memory: what it complains about */
    int palette; /* memory: the colours; -1: none */
};

/* ---- the program ---- */

/* the words of its command line: pointers into one text */
typedef struct command {
    char text[1024];
    size_t n;
    char *words[MAX_ARGS];
    int n_words;
} command;

/* each word of a text, parted by blanks */
static void add_words(command *c, const char *text)
{
    size_t length = strlen(text);
    if (c->n + length + 1 > sizeof c->text)
        return;
    char *at = c->text + c->n;
    memcpy(at, text, length + 1);
    c->n += length + 1;
    char *rest = NULL;
    for (char *word = strtok_r(at, " ", &rest); word && c->n_words + 1 < MAX_ARGS; word = strtok_r(NULL, " ", &rest))
        c->words[c->n_words++] = word;
}

/* frames on standard input; what it makes goes where standard output is, which it opens as a file: MP4 wants to seek */
static void compose_input(const rv_movie *m, double fps, command *c)
{
    char text[128];
    add_words(c, "ffmpeg -hide_banner -nostdin -nostats -loglevel error -y -threads 1 -f rawvideo -pix_fmt bgr0");
    snprintf(text, sizeof text, "-video_size %dx%d -framerate %.6f -i pipe:0", m->width, m->height, fps);
    add_words(c, text);
}

static void compose_output(rv_movie_format format, command *c)
{
    if (format == RV_MOVIE_GIF)
        add_words(c, "-f png_pipe -i /proc/self/fd/3 -filter_complex_threads 1 -lavfi "
                     "[0:v][1:v]paletteuse=dither=none:diff_mode=rectangle -final_delay 100 -f gif");
    else
        add_words(c, "-an -c:v libx264 -preset medium -crf 20 -pix_fmt yuv420p -threads 1 -movflags +faststart "
                     "-fflags +bitexact -flags:v +bitexact -f mp4");
    add_words(c, "/proc/self/fd/1");
}

static rv_status start(rv_movie *m, command *c)
{
    int ends[2];
    RV_TRY(rv_memory_file(NULL, 0, &m->out));
    RV_TRY(rv_memory_file(NULL, 0, &m->said));
    /* a socket and not a pipe: writing to one that nobody reads can be an error instead of a signal */
    RV_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, RV_E_OS, "cannot make a socket: %s",
             strerror(errno));
    const int files[RV_PROGRAM_FILES] = {ends[1], m->out, m->said, m->palette};
    m->in = ends[0];
    rv_status status = rv_program_start("ffmpeg", c->words, files, &m->child);
    close(ends[1]);
    return status;
}

static rv_status create(int width, int height, rv_movie **out)
{
    RV_TRY(RV_NEW(*out, 1));
    **out = (rv_movie){.width = width, .height = height, .in = -1, .out = -1, .said = -1, .palette = -1};
    return RV_OK;
}

rv_status rv_movie_begin(rv_movie_format format, int width, int height, double fps, const char *palette,
                         size_t n_palette, rv_movie **out)
{
    rv_status status = RV_OK;
    rv_movie *m = NULL;
    command c = {.n_words = 0};
    RV_CHECK(format != RV_MOVIE_MP4 || (width % 2 == 0 && height % 2 == 0), RV_E_USAGE,
             "an MP4 has even sides, this one would be %d x %d", width, height);
    RV_TRY(create(width, height, &m));
    if (format == RV_MOVIE_GIF)
        RV_TRY_GOTO(rv_memory_file(palette, n_palette, &m->palette), fail);
    compose_input(m, fps, &c);
    compose_output(format, &c);
    RV_TRY_GOTO(start(m, &c), fail);
    *out = m;
    return RV_OK;
fail:
    rv_movie_destroy(&m);
    return status;
}

rv_status rv_movie_palette(int width, int height, rv_movie **out)
{
    rv_movie *m = NULL;
    command c = {.n_words = 0};
    RV_TRY(create(width, height, &m));
    compose_input(m, 1, &c);
    add_words(&c, "-filter_threads 1 -vf palettegen=max_colors=64:reserve_transparent=1:stats_mode=full -c:v png -f "
                  "image2pipe /proc/self/fd/1");
    rv_status status = start(m, &c);
    if (status != RV_OK)
        rv_movie_destroy(&m);
    else
        *out = m;
    return status;
}

/* ---- its end ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* close its input, then wait for it */
static rv_status wait_for(rv_movie *m)
{
    pid_t child = m->child;
    close_fd(&m->in);
    m->child = 0;
    return rv_program_wait("ffmpeg", child, m->said);
}

rv_status rv_movie_add(rv_movie *m, rv_canvas *frame)
{
    size_t n = 0;
    const unsigned char *pixels = rv_canvas_pixels(frame, &n);
    RV_CHECK(frame->width == m->width && frame->height == m->height, RV_E_INTERNAL,
             "a frame of %d x %d pixels in a film of %d x %d", frame->width, frame->height, m->width, m->height);
    RV_CHECK(m->in >= 0, RV_E_INTERNAL, "a frame after the film's end");
    for (size_t done = 0; done < n;) {
        ssize_t now = send(m->in, pixels + done, n - done, MSG_NOSIGNAL);
        if (now < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            RV_TRY(wait_for(m));
            return rv_raise(RV_E_UNAVAILABLE, "ffmpeg ended before the last frame");
        }
        RV_CHECK(now >= 0 || errno == EINTR, RV_E_OS, "cannot write to ffmpeg: %s", strerror(errno));
        done += now > 0 ? (size_t)now : 0;
    }
    return RV_OK;
}

rv_status rv_movie_end(rv_movie *m, char **out, size_t *n_out)
{
    char *bytes = NULL;
    size_t n = 0;
    RV_CHECK(m->child > 0, RV_E_INTERNAL, "the film has ended already");
    RV_TRY(wait_for(m));
    RV_TRY(rv_memory_file_read(m->out, MAX_OUTPUT, &bytes, &n));
    if (n == 0) {
        rv_mem_free(&bytes);
        return rv_raise(RV_E_UNAVAILABLE, "ffmpeg made nothing");
    }
    *out = bytes;
    *n_out = n;
    return RV_OK;
}

void rv_movie_destroy(rv_movie **movie)
{
    rv_movie *m = *movie;
    if (!m)
        return;
    close_fd(&m->in);
    if (m->child > 0) {
        kill(m->child, SIGKILL);
        while (waitpid(m->child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    close_fd(&m->out);
    close_fd(&m->said);
    close_fd(&m->palette);
    rv_mem_free(movie);
}
