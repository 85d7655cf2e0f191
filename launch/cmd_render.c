/* cmd_render.c - `reverie render`: what a policy does, and what the model expects of it, as a film or picture. */
#include "agent/evaluate.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "launch/trained.h"
#include "run/progress.h"
#include "view/film.h"
#include "view/movie.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: reverie render RUN|NAME --out FILE.gif|mp4|png [options] [section.key=value ...]\n"
    "\n"
    "Show whole episodes: of a run, on the mean action of its newest checkpoint's policy (the episodes of `reverie "
    "eval`\n"
    "with that seed); of a task, on random actions. No display is needed. A .gif or .mp4 is a film; a .png is one "
    "sheet\n"
    "with moments of one episode. GIF and MP4 need the program ffmpeg, MuJoCo tasks the library OSMesa.\n"
    "\n"
    "  --out FILE        what to make; it is there as a whole or not at all\n"
    "  --imagined        beside each episode, the same start rolled forward in the learned model, on the mean of its\n"
    "                    elites, without chance; and below, its error over time: the root mean square over the "
    "numbers\n"
    "                    of the observation, each in standard deviations of the real data. The band spans the "
    "members,\n"
    "                    each rolled forward by itself.\n"
    "  --act-on WHICH    whose observations choose the imagined actions. real (default): the real episode's actions "
    "are\n"
    "                    repeated, so that only the model errs; imagined: the policy's own, as in training\n"
    "  --actions WHICH   of a task: random (default) or zero\n"
    "  --episodes N      how many, one after the other; default 1\n"
    "  --steps N         at most, of each episode; default: whole episodes\n"
    "  --seed S          of the starts and of random actions; the run's seed unless given\n"
    "  --size WxH        pixels of one picture; default 480x360, beside an imagined one 360x270, on a sheet 320x240\n"
    "  --every K         steps from frame to frame; default: about 25 frames per second of the task\n"
    "  --fps F           frames per second of film; default: as fast as the task's clock\n"
    "  --json            print JSON, with the error at every step\n"
    "\n"
    "examples:\n"
    "  reverie render runs/hopper-1 --out hopper.gif\n"
    "  reverie render runs/hopper-1 --out hopper.png --imagined --steps 200\n"
    "  reverie render runs/hopper-1 --out hopper.mp4 --episodes 3 --size 960x720\n"
    "  reverie render Ant-v4 --out ant.gif --actions zero --steps 100\n"
    "  reverie render Hopper-v4 --out light.gif 'randomise.mass=uniform(0.3, 0.3)'\n"
    "  reverie render remote env.address=tcp://127.0.0.1:5555 --out mine.png\n";

typedef struct options {
    int64_t episodes, steps, seed, every;
    double fps;
    int act_on, actions;
} options;

enum { ON_REAL, ON_IMAGINED };
enum { RANDOM, ZERO };

/* every and fps 0: as the task has it */
static const rv_field option_fields[] = {
    {"episodes", RV_T_I64, RV_FIELD_AT(options, episodes), "1", 1, 1000, "episodes", NULL, "", 0},
    {"steps", RV_T_I64, RV_FIELD_AT(options, steps), "10000", 1, RV_EVALUATE_MAX_STEPS, "steps", NULL, "", 0},
    {"seed", RV_T_I64, RV_FIELD_AT(options, seed), "0", 0, 9007199254740991.0, "", NULL, "", 0},
    {"every", RV_T_I64, RV_FIELD_AT(options, every), "0", 0, RV_EVALUATE_MAX_STEPS, "steps", NULL, "", 0},
    {"fps", RV_T_F64, RV_FIELD_AT(options, fps), "0", 0, 100, "frames/s", NULL, "", 0},
    {"act-on", RV_T_ENUM, RV_FIELD_AT(options, act_on), "real", 0, 0, "", "real|imagined", "", 0},
    {"actions", RV_T_ENUM, RV_FIELD_AT(options, actions), "random", 0, 0, "", "random|zero", "", 0},
    {.name = NULL},
};

enum { N_FIELDS = sizeof option_fields / sizeof *option_fields - 1, SEED = 2, ACT_ON = 5, ACTIONS = 6 };

typedef enum kind { GIF, MP4, PNG } kind;

typedef struct arguments {
    const char *subject; /* RUN or NAME */
    const char *out, *size;
    const char *values[N_FIELDS]; /* text of each of option_fields, NULL when not given */
    bool imagined, json;
    int n_settings;
    char *const *settings;
    kind kind;
    int width, height;
    options o;
} arguments;

/* ---- arguments ---- */

static rv_status read_kind(const char *path, kind *out)
{
    static const char *const ends[] = {".gif", ".mp4", ".png"};
    size_t n = strlen(path);
    for (int i = 0; i < 3; i++)
        if (n > 4 && strcmp(path + n - 4, ends[i]) == 0) {
            *out = (kind)i;
            return RV_OK;
        }
    return rv_raise(RV_E_USAGE, "render: --out must end in .gif, .mp4 or .png, not '%s'", path);
}

static rv_status read_size(const char *text, int *width, int *height)
{
    char *end = NULL;
    long w = strtol(text, &end, 10), h = *end == 'x' ? strtol(end + 1, &end, 10) : 0;
    RV_CHECK(*end == '\0' && w >= 64 && h >= 64 && w <= 2048 && h <= 2048, RV_E_USAGE,
             "render: --size: expected WxH, each from 64 to 2048, as in 480x360, got '%s'", text);
    *width = (int)w;
    *height = (int)h;
    return RV_OK;
}

static void default_size(arguments *a)
{
    a->width = a->kind == PNG ? (a->imagined ? 240 : 320) : a->imagined ? 360 : 480;
    a->height = a->width * 3 / 4;
}

/* the folder must be there before minutes are spent */
static rv_status check_folder(const char *path)
{
    char folder[RV_PATH];
    RV_CHECK(strlen(path) < RV_PATH, RV_E_USAGE, "render: --out is longer than %d characters", RV_PATH - 1);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    RV_CHECK(access(slash ? folder : ".", W_OK | X_OK) == 0, RV_E_EXISTS,
             "'%s' cannot be created: there is no folder '%s', or it takes no files", path, slash ? folder : ".");
    return RV_OK;
}

static rv_status read_arguments(const rv_words *words, arguments *a)
{
    RV_TRY(rv_options_expect("render", "RUN or NAME", 1, 1, words));
    a->subject = words->positional[0];
    a->n_settings = words->n_overrides;
    a->settings = words->overrides;
    RV_CHECK(a->out, RV_E_USAGE, "render: --out FILE is missing; see 'reverie render --help'");
    RV_TRY(read_kind(a->out, &a->kind));
    RV_TRY(rv_field_defaults(option_fields, &a->o));
    for (int i = 0; i < N_FIELDS; i++)
        if (a->values[i] && rv_field_parse(&option_fields[i], a->values[i], &a->o) != RV_OK)
            return rv_raise(RV_E_USAGE, "render: --%s: %s", option_fields[i].name, rv_error_last()->text);
    default_size(a);
    if (a->size)
        RV_TRY(read_size(a->size, &a->width, &a->height));
    RV_CHECK(a->kind != PNG || a->o.episodes == 1, RV_E_USAGE,
             "render: a .png shows one episode; use .gif or .mp4 for --episodes %lld", (long long)a->o.episodes);
    RV_CHECK(a->imagined || !a->values[ACT_ON], RV_E_USAGE, "render: --act-on needs --imagined");
    return check_folder(a->out);
}

/* ---- what is shown ---- */

/* one episode */
typedef struct reel {
    rv_track real, imagined;
    rv_foresight foresight;
    rv_film film;
    int64_t n_frames;
} reel;

typedef struct studio {
    arguments *a;
    bool is_run;
    rv_trained trained;   /* of a run */
    rv_ensemble ensemble; /* with --imagined */
    rv_env *env;          /* trained.env, or the task's own */
    bool has_own_env;
    const rv_env_spec *spec;
    int64_t age;           /* steps that the environment has lived */
    int64_t episode;       /* being recorded, */
    const rv_track *track; /* or being imagined beside */
    char title[160];
    rv_picture *picture;
    rv_canvas *canvas;
    int n_reels;
    reel *reels; /* (episodes) */
    int64_t n_frames;
    double fps;
} studio;

static void close_studio(studio *s)
{
    for (int i = 0; s->reels && i < (int)s->a->o.episodes; i++) {
        rv_track_clear(&s->reels[i].real);
        rv_track_clear(&s->reels[i].imagined);
        rv_foresight_clear(&s->reels[i].foresight);
    }
    rv_mem_free(&s->reels);
    rv_canvas_destroy(&s->canvas);
    rv_picture_destroy(&s->picture);
    rv_ensemble_clear(&s->ensemble);
    if (s->has_own_env)
        rv_env_destroy(&s->env);
    rv_trained_close(&s->trained); /* forgets users' own environments, too */
}

static rv_status open_run(studio *s)
{
    arguments *a = s->a;
    RV_CHECK(!a->values[ACTIONS], RV_E_USAGE, "render: --actions is for a task; a run acts by its policy");
    RV_TRY(rv_trained_open(a->subject, a->n_settings, a->settings, &s->trained));
    if (a->imagined)
        RV_TRY(rv_ensemble_load(&s->trained, &s->ensemble));
    if (!a->values[SEED])
        a->o.seed = s->trained.config.root.seed;
    s->env = s->trained.env;
    s->age = s->trained.checkpoint.step / s->trained.config.env.count;
    snprintf(s->title, sizeof s->title, "%s, policy after %lld steps", rv_env_spec_of(s->env)->name,
             (long long)s->trained.checkpoint.step);
    return RV_OK;
}

static rv_status open_task(studio *s)
{
    const arguments *a = s->a;
    rv_config *config = &s->trained.config;
    RV_CHECK(!a->imagined, RV_E_USAGE, "render: --imagined needs a run, which has a model; '%s' is no folder",
             a->subject);
    RV_CHECK(!strchr(a->subject, '/') || rv_env_is_own(a->subject), RV_E_NOINPUT, "no run '%s'", a->subject);
    RV_TRY(rv_config_defaults(config));
    RV_CHECK(strlen(a->subject) < sizeof config->env.name, RV_E_USAGE, "render: the task's name is too long");
    snprintf(config->env.name, sizeof config->env.name, "%s", a->subject);
    for (int i = 0; i < a->n_settings; i++)
        RV_TRY(rv_config_override(a->settings[i], config));
    RV_TRY(rv_env_register(&config->env));
    RV_TRY(rv_env_create(config->env.name, &s->env));
    s->has_own_env = true;
    RV_TRY(rv_env_randomise(s->env, &config->randomise));
    snprintf(s->title, sizeof s->title, "%s, %s actions", rv_env_spec_of(s->env)->name,
             a->o.actions == ZERO ? "zero" : "random");
    return RV_OK;
}

/* the real episode's actions */
static void act_really(void *user, int64_t step, const float *obs, float *act)
{
    studio *s = user;
    int n_act = s->spec->n_act;
    memset(act, 0, (size_t)n_act * sizeof *act);
    if (s->is_run)
        rv_trained_act(&s->trained, obs, act);
    else if (s->a->o.actions == RANDOM) {
        rv_rng rng = rv_rng_at((uint64_t)s->a->o.seed, RV_STREAM_ACTION, (uint32_t)s->episode, (uint64_t)step);
        for (int i = 0; i < n_act; i++)
            act[i] = (float)(2 * rv_rng_uniform(&rng) - 1);
    }
}

static void act_in_mind(void *user, int64_t step, const float *obs, float *act)
{
    studio *s = user;
    size_t n_act = (size_t)s->spec->n_act;
    if (s->a->o.act_on == ON_IMAGINED)
        rv_trained_act(&s->trained, obs, act);
    else
        memcpy(act, s->track->act + (size_t)(step + 1) * n_act, n_act * sizeof *act);
}

static rv_status imagine(studio *s, reel *r)
{
    const rv_foresight_source source = {.shape = &s->ensemble.shape,
                                        .spec = s->spec,
                                        .known_reward = s->trained.config.model.known_reward,
                                        .n_members = s->ensemble.n_members,
                                        .members = s->ensemble.members,
                                        .n_elites = s->ensemble.n_elites,
                                        .elites = s->ensemble.elites};
    s->track = &r->real;
    RV_TRY(rv_foresight_run(&source, r->real.n, r->real.obs, act_in_mind, s, &r->foresight));
    return rv_track_rebuild(s->env, &r->real, r->foresight.n, r->foresight.obs, r->foresight.total, &r->imagined);
}

static rv_status record(studio *s, int episode)
{
    reel *r = &s->reels[episode];
    const options *o = &s->a->o;
    rv_rng rng = rv_rng_at((uint64_t)o->seed, RV_STREAM_EVAL, (uint32_t)episode, RV_EVALUATION_BY_HAND);
    s->episode = episode;
    RV_TRY(rv_track_record(s->env, &rng, s->age, act_really, s, o->steps, &r->real));
    if (r->real.failed)
        rv_warn("episode %d: %s; it is shown up to there", episode, rv_error_last()->text);
    if (s->a->imagined)
        RV_TRY(imagine(s, r));
    r->film = (rv_film){.title = s->title,
                        .picture = s->picture,
                        .width = s->a->width,
                        .height = s->a->height,
                        .real = &r->real,
                        .imagined = s->a->imagined ? &r->imagined : NULL,
                        .foresight = s->a->imagined ? &r->foresight : NULL};
    return RV_OK;
}

/* frames: the start, every so many steps, and the end */
static void set_pace(studio *s)
{
    options *o = &s->a->o;
    double dt = s->spec->dt;
    const double usual = 25;
    if (o->every == 0)
        o->every = dt > 0 ? (int64_t)fmax(1, round(1 / (usual * dt))) : 1;
    s->fps = o->fps > 0          ? o->fps
             : dt > 0            ? fmin(fmax(1 / (dt * (double)o->every), 5), 50)
             : s->spec->n_states ? 4
                                 : usual;
    for (int i = 0; i < (int)o->episodes; i++) {
        int64_t steps = s->reels[i].real.n - 1;
        s->reels[i].n_frames = 1 + (steps + o->every - 1) / o->every;
        s->n_frames += s->reels[i].n_frames;
    }
}

static rv_status open_studio(studio *s)
{
    s->is_run = rv_file_exists(s->a->subject) && !rv_env_is_own(s->a->subject);
    RV_TRY(s->is_run ? open_run(s) : open_task(s));
    s->spec = rv_env_spec_of(s->env);
    RV_TRY(rv_picture_create(s->env, s->a->width, s->a->height, &s->picture));
    RV_TRY(RV_NEW(s->reels, s->a->o.episodes));
    for (int i = 0; i < (int)s->a->o.episodes; i++)
        RV_TRY(record(s, i));
    set_pace(s);
    int width = 0, height = 0;
    if (s->a->kind == PNG)
        rv_film_sheet_size(&s->reels[0].film, &width, &height);
    else
        rv_film_size(&s->reels[0].film, &width, &height);
    return rv_canvas_create(width, height, &s->canvas);
}

/* ---- drawing ---- */

/* frame number k of the whole film */
static rv_status draw_frame(studio *s, int64_t k)
{
    const reel *r = s->reels;
    for (; k >= r->n_frames; r++)
        k -= r->n_frames;
    int64_t t = k * s->a->o.every, last = r->real.n - 1;
    return rv_film_frame(&r->film, s->canvas, t < last ? t : last);
}

/* the line on a terminal while it draws */
static void show_progress(int64_t done, int64_t all, double start, double *shown)
{
    double now = rv_clock_now();
    if (rv_progress_width(STDERR_FILENO) == 0 || (now - *shown < 0.2 && done < all) || now - start < 1)
        return;
    double rate = (double)done / (now - start), rest = (double)(all - done) / rate;
    fprintf(stderr, done < all ? "\rframe %lld of %lld, %.1f a second, ETA %lld:%02lld " : "\r\033[K", (long long)done,
            (long long)all, rate, (long long)rest / 60, (long long)rest % 60);
    *shown = now;
}

/* the colours of the film, from frames spread over it */
static rv_status choose_palette(studio *s, char **out, size_t *n_out)
{
    const int64_t most = 24;
    rv_status status = RV_OK;
    rv_movie *movie = NULL;
    int64_t n = s->n_frames < most ? s->n_frames : most;
    RV_TRY(rv_movie_palette(s->canvas->width, s->canvas->height, &movie));
    for (int64_t i = 0; i < n && status == RV_OK; i++) {
        status = draw_frame(s, n > 1 ? i * (s->n_frames - 1) / (n - 1) : 0);
        if (status == RV_OK)
            status = rv_movie_add(movie, s->canvas);
    }
    if (status == RV_OK)
        status = rv_movie_end(movie, out, n_out);
    rv_movie_destroy(&movie);
    return status;
}

static rv_status draw_film(studio *s, char **out, size_t *n_out)
{
    rv_status status = RV_OK;
    rv_movie *movie = NULL;
    char *palette = NULL;
    size_t n_palette = 0;
    double start = rv_clock_now(), shown = 0;
    if (s->a->kind == GIF)
        RV_TRY(choose_palette(s, &palette, &n_palette));
    RV_TRY_GOTO(rv_movie_begin(s->a->kind == GIF ? RV_MOVIE_GIF : RV_MOVIE_MP4, s->canvas->width, s->canvas->height,
                               s->fps, palette, n_palette, &movie),
                done);
    for (int64_t k = 0; k < s->n_frames; k++) {
        RV_TRY_GOTO(draw_frame(s, k), done);
        RV_TRY_GOTO(rv_movie_add(movie, s->canvas), done);
        show_progress(k + 1, s->n_frames, start, &shown);
    }
    RV_TRY_GOTO(rv_movie_end(movie, out, n_out), done);
done:
    rv_movie_destroy(&movie);
    rv_mem_free(&palette);
    return status;
}

static rv_status draw_sheet(studio *s, char **out, size_t *n_out)
{
    RV_TRY(rv_film_sheet(&s->reels[0].film, s->canvas));
    return rv_canvas_png(s->canvas, out, n_out);
}

/* ---- what is said ---- */

static json_t *numbers(int64_t n, const double *x)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, json_real(x[i]));
    return list;
}

static json_t *reel_json(const reel *r)
{
    const rv_foresight *f = &r->foresight;
    json_t *json = json_pack("{s:I, s:f, s:b}", "steps", (json_int_t)(r->real.n - 1), "return",
                             r->real.total[r->real.n - 1], "terminated", r->real.terminated);
    if (json && r->film.foresight)
        json_object_set_new(json, "imagined",
                            json_pack("{s:I, s:f, s:b, s:b, s:o, s:o, s:o}", "steps", (json_int_t)(f->n - 1), "return",
                                      f->total[f->n - 1], "terminated", f->terminated, "lost", f->lost, "error",
                                      numbers(f->n, f->error), "least", numbers(f->n, f->low), "largest",
                                      numbers(f->n, f->high)));
    return json;
}

static rv_status print_json(const studio *s, size_t n_bytes)
{
    json_t *episodes = json_array();
    for (int i = 0; i < (int)s->a->o.episodes; i++)
        json_array_append_new(episodes, reel_json(&s->reels[i]));
    return rv_json_print(
        json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:I, s:f, s:I, s:o}", "out", s->a->out, "env", s->spec->name, "step",
                  (json_int_t)s->trained.checkpoint.step, "seed", (json_int_t)s->a->o.seed, "width", s->canvas->width,
                  "height", s->canvas->height, "frames", (json_int_t)(s->a->kind == PNG ? 1 : s->n_frames), "fps",
                  s->a->kind == PNG ? 0.0 : s->fps, "bytes", (json_int_t)n_bytes, "episodes", episodes));
}

/* the error at steps 1, 2, 5, 10, ... and at the last */
static void print_foresight(const rv_foresight *f)
{
    int64_t last = f->n - 1, factor = 1;
    printf("  imagined: %lld steps, return %.4f%s\n", (long long)last, f->total[last],
           f->terminated ? ", terminated"
           : f->lost     ? ", then the model lost the state"
                         : "");
    printf("  %8s %10s %10s %10s\n", "step", "error", "least", "largest");
    for (int64_t t = 1, k = 0; last > 0; k = (k + 1) % 3) {
        printf("  %8lld %10.4f %10.4f %10.4f\n", (long long)t, f->error[t], f->low[t], f->high[t]);
        if (t == last)
            return;
        factor *= k == 2 ? 10 : 1;
        int64_t next = factor * (k == 0 ? 2 : k == 1 ? 5 : 1);
        t = next < last ? next : last;
    }
}

static rv_status print_text(const studio *s, size_t n_bytes)
{
    for (int i = 0; i < (int)s->a->o.episodes; i++) {
        const reel *r = &s->reels[i];
        printf("episode %d: %lld steps, return %.4f%s\n", i, (long long)(r->real.n - 1), r->real.total[r->real.n - 1],
               r->real.terminated ? ", terminated" : "");
        if (r->film.foresight)
            print_foresight(r->film.foresight);
    }
    printf("picture: %s, %d x %d, %.2f MB", s->a->out, s->canvas->width, s->canvas->height, (double)n_bytes / 1e6);
    if (s->a->kind != PNG)
        printf(", %lld frames, %.4g a second, every %lld steps", (long long)s->n_frames, s->fps,
               (long long)s->a->o.every);
    printf("\n");
    return rv_cmd_flush();
}

static rv_status render(arguments *a)
{
    rv_status status = RV_OK;
    studio s = {.a = a};
    char *bytes = NULL;
    size_t n = 0;
    RV_TRY_GOTO(open_studio(&s), done);
    RV_TRY_GOTO(a->kind == PNG ? draw_sheet(&s, &bytes, &n) : draw_film(&s, &bytes, &n), done);
    RV_TRY_GOTO(rv_file_write(a->out, bytes, n), done);
    RV_TRY_GOTO(a->json ? print_json(&s, n) : print_text(&s, n), done);
done:
    rv_mem_free(&bytes);
    close_studio(&s);
    return status;
}

int rv_cmd_render(int argc, char **argv)
{
    arguments a = {.subject = NULL};
    rv_words words;
    const rv_option rows[] = {
        {"--out", NULL, &a.out},         {"--imagined", &a.imagined, NULL}, {"--episodes", NULL, &a.values[0]},
        {"--steps", NULL, &a.values[1]}, {"--seed", NULL, &a.values[2]},    {"--every", NULL, &a.values[3]},
        {"--fps", NULL, &a.values[4]},   {"--act-on", NULL, &a.values[5]},  {"--actions", NULL, &a.values[6]},
        {"--size", NULL, &a.size},       {"--json", &a.json, NULL},         {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, rows, true, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(usage);
    if (status == RV_OK)
        status = read_arguments(&words, &a);
    return rv_cmd_finish(status != RV_OK ? status : render(&a));
}
