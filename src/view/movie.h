/* movie.h - frames become a film: the program ffmpeg, fed through a socket, with its result held in memory.
 *
 *   GIF   256 colours for the whole film, chosen by ffmpeg from sample frames; no dithering, which keeps it small
 *   MP4   H.264, yuv420p (what browsers play)
 *
 * One thread encodes, and nothing of the machine or the time goes in: the same frames give the same bytes.
 * Whatever happens to ffmpeg, this process gets a status: no signal, no child left behind.
 */
#pragma once
#include "view/canvas.h"

typedef enum rv_movie_format { RV_MOVIE_GIF, RV_MOVIE_MP4 } rv_movie_format;

typedef struct rv_movie rv_movie;

/** Start ffmpeg. fps: frames a second, above 0.
 * @param[in] palette (n_palette) what rv_movie_palette gave; NULL for MP4
 * @return RV_OK; RV_E_USAGE (MP4 wants even sides); RV_E_UNAVAILABLE (no ffmpeg); RV_E_OS; RV_E_NOMEM */
rv_status rv_movie_begin(rv_movie_format format, int width, int height, double fps, const char *palette,
                         size_t n_palette, rv_movie **out);

/** Add a frame, width x height. @return RV_OK; RV_E_UNAVAILABLE (ffmpeg ended: its own words); RV_E_OS */
rv_status rv_movie_add(rv_movie *movie, rv_canvas *frame);

/** End it. @param[out] out n_out bytes of the film; the caller frees (rv_mem_free)
 * @return RV_OK; RV_E_UNAVAILABLE (ffmpeg failed: its own words); RV_E_OS; RV_E_NOMEM */
rv_status rv_movie_end(rv_movie *movie, char **out, size_t *n_out);

/** Free it; an ffmpeg that still runs is killed. */
void rv_movie_destroy(rv_movie **movie);

/** Start choosing the colours of a GIF: add sample frames, rv_movie_end gives the palette. @return as rv_movie_begin */
rv_status rv_movie_palette(int width, int height, rv_movie **out);
