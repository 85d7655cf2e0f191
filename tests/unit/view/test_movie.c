#include "rv_test.h"
#include "view/movie.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WIDTH = 64, HEIGHT = 48 };

static void paint(rv_canvas *c, int i)
{
    rv_canvas_fill_box(c, (rv_box){0, 0, WIDTH, HEIGHT}, RV_GROUND);
    rv_canvas_fill_box(c, (rv_box){4 * i, 10, 12, 12}, RV_ORANGE);
}

static rv_status make(rv_movie_format format, rv_canvas *c, char **out, size_t *n_out)
{
    rv_status status = RV_OK;
    rv_movie *m = NULL;
    char *palette = NULL;
    size_t n = 0;
    if (format == RV_MOVIE_GIF) {
        RV_TRY(rv_movie_palette(WIDTH, HEIGHT, &m));
        for (int i = 0; i < 3 && status == RV_OK; i++) {
            paint(c, i);
            status = rv_movie_add(m, c);
        }
        if (status == RV_OK)
            status = rv_movie_end(m, &palette, &n);
        rv_movie_destroy(&m);
    }
    if (status == RV_OK)
        status = rv_movie_begin(format, WIDTH, HEIGHT, 10, palette, n, &m);
    for (int i = 0; i < 5 && status == RV_OK; i++) {
        paint(c, i);
        status = rv_movie_add(m, c);
    }
    if (status == RV_OK)
        status = rv_movie_end(m, out, n_out);
    rv_movie_destroy(&m);
    rv_mem_free(&palette);
    return status;
}

static bool has_no_child(void)
{
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void makes_films(void)
{
    rv_canvas *c = NULL;
    RV_TEST_OK(rv_canvas_create(WIDTH, HEIGHT, &c));
    for (int format = RV_MOVIE_GIF; format <= RV_MOVIE_MP4; format++) {
        char *bytes[2] = {NULL, NULL};
        size_t n[2] = {0, 0};
        for (int i = 0; i < 2; i++)
            RV_TEST_OK(make((rv_movie_format)format, c, &bytes[i], &n[i]));
        CU_ASSERT_FATAL(n[0] > 200);
        bool is_gif = format == RV_MOVIE_GIF;
        CU_ASSERT_EQUAL(memcmp(bytes[0] + (is_gif ? 0 : 4), is_gif ? "GIF89a\x40\0\x30\0" : "ftyp", is_gif ? 10 : 4),
                        0);
        CU_ASSERT(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0);
        rv_mem_free(&bytes[0]);
        rv_mem_free(&bytes[1]);
    }
    CU_ASSERT(has_no_child());
    rv_canvas_destroy(&c);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

static void refuses_what_does_not_fit(void)
{
    rv_canvas *c = NULL;
    rv_movie *m = NULL;
    RV_TEST_OK(rv_canvas_create(10, 10, &c));
    RV_TEST_FAILS(rv_movie_begin(RV_MOVIE_MP4, 63, 48, 10, NULL, 0, &m), RV_E_USAGE, "even sides");
    RV_TEST_OK(rv_movie_begin(RV_MOVIE_MP4, 64, 48, 10, NULL, 0, &m));
    RV_TEST_FAILS(rv_movie_add(m, c), RV_E_INTERNAL, "10 x 10");
    rv_movie_destroy(&m); /* without an end: what it began is gone */
    CU_ASSERT(has_no_child());
    rv_canvas_destroy(&c);
}

/* a program of that name that does something else; the PATH then holds it alone, besides the usual ones */
static void put_ffmpeg(const char *folder, const char *script)
{
    char path[256];
    snprintf(path, sizeof path, "%s/ffmpeg", folder);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(script, file);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(chmod(path, 0755), 0);
}

static void says_what_ffmpeg_says(void)
{
    static const struct {
        const char *script, *part;
    } cases[] = {{"#!/bin/sh\necho 'no such codec' >&2\nexit 3\n", "ffmpeg failed (exit code 3): no such codec"},
                 {"#!/bin/sh\nkill -11 $$\n", "ffmpeg failed (signal 11)"},
                 {"#!/bin/sh\nexit 0\n", "ffmpeg"},
                 {"#!/bin/sh\ncat >/dev/null\n", "ffmpeg made nothing"}};
    char folder[] = "/tmp/reverie-test.XXXXXX", path[4096], whole[5000];
    rv_canvas *c = NULL;
    char *bytes = NULL;
    size_t n = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    RV_TEST_OK(rv_canvas_create(WIDTH, HEIGHT, &c));
    setenv("PATH", folder, 1);
    RV_TEST_FAILS(make(RV_MOVIE_MP4, c, &bytes, &n), RV_E_UNAVAILABLE, "apt-get install ffmpeg");
    RV_TEST_FAILS(make(RV_MOVIE_GIF, c, &bytes, &n), RV_E_UNAVAILABLE, "apt-get install ffmpeg");
    snprintf(whole, sizeof whole, "%s:%s", folder, path);
    setenv("PATH", whole, 1);
    for (int i = 0; i < 4; i++) {
        put_ffmpeg(folder, cases[i].script);
        for (int format = RV_MOVIE_GIF; format <= RV_MOVIE_MP4; format++)
            RV_TEST_FAILS(make((rv_movie_format)format, c, &bytes, &n), RV_E_UNAVAILABLE, cases[i].part);
        CU_ASSERT(has_no_child());
    }
    setenv("PATH", path, 1);
    CU_ASSERT_PTR_NULL(bytes);
    snprintf(path, sizeof path, "%s/ffmpeg", folder);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
    rv_canvas_destroy(&c);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("movie", {"makes films", makes_films}, {"refuses what does not fit", refuses_what_does_not_fit},
             {"says what ffmpeg says", says_what_ffmpeg_says})
