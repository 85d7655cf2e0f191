/* cmd_journal.c - `reverie journal`: what the journal of a run holds, and its rows for other programs. */
#include "base/json.h"
#include "data/journal_table.h"
#include "launch/commands.h"
#include "launch/options.h"
#include "run/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const char help[] =
    "usage: reverie journal RUN [--verify] [--export FILE] [--json]\n"
    "\n"
    "The real transitions of a run: its segments, the rows of each environment, episodes. Every record is read and\n"
    "checked; one that is damaged, missing or there twice is an error (65). A tail that a kill cut short is none: it "
    "is\n"
    "shown, and cut off when the run goes on. Works on a run that is going on, too.\n"
    "\n"
    "  --verify       also compare with what the newest checkpoint counts on\n"
    "  --export FILE  write all rows, by step, then environment, as safetensors: obs, act, next_obs, reward, "
    "terminated,\n"
    "                 truncated, env, episode\n"
    "  --json         print JSON\n"
    "\n"
    "examples:\n"
    "  reverie journal runs/hopper-1 --verify\n"
    "  reverie journal runs/hopper-1 --export rows.safetensors\n"
    "  python3 -c 'from safetensors.numpy import load_file as f; print(f(\"rows.safetensors\")[\"reward\"].mean())'\n";

/* ---- the file ---- */

/* one array of the file: floats of each row, or one of its labels */
typedef struct column {
    const char *name, *dtype;
    size_t size;       /* bytes of an element */
    int n;             /* elements of a row; 0: one, in one dimension */
    const float *from; /* of the first row; NULL: a label */
    size_t label;      /* its place in rv_journal_label */
} column;

enum { N_COLUMNS = 8, HEADER = 2048 };

static void list_columns(const rv_journal_table *t, column out[N_COLUMNS])
{
    const rv_row *r = &t->row;
    const column columns[N_COLUMNS] = {
        {"obs", "F32", 4, r->n_obs, t->rows, 0},
        {"act", "F32", 4, r->n_act, t->rows + r->act, 0},
        {"next_obs", "F32", 4, r->n_obs, t->rows + r->next_obs, 0},
        {"reward", "F32", 4, 0, t->rows + r->reward, 0},
        {"env", "I64", 8, 0, NULL, offsetof(rv_journal_label, env)},
        {"episode", "I64", 8, 0, NULL, offsetof(rv_journal_label, episode)},
        {"terminated", "BOOL", 1, 0, NULL, offsetof(rv_journal_label, terminated)},
        {"truncated", "BOOL", 1, 0, NULL, offsetof(rv_journal_label, truncated)},
    };
    memcpy(out, columns, sizeof columns);
}

static size_t row_bytes(const column *c)
{
    return c->size * (size_t)(c->n > 0 ? c->n : 1);
}

/* the length of the header and the header, padded so that the arrays begin at a multiple of 8 */
static size_t print_header(const rv_journal_table *t, const column columns[N_COLUMNS], char out[HEADER])
{
    int64_t n_rows = t->n_rows;
    int64_t begin = 0;
    size_t n = 8;
    n += (size_t)snprintf(out + n, HEADER - n, "{\"__metadata__\":{\"format\":\"reverie journal\",\"version\":\"1\"}");
    for (const column *c = columns; c < columns + N_COLUMNS; c++) {
        int64_t end = begin + n_rows * (int64_t)row_bytes(c);
        char of_row[16] = "";
        if (c->n > 0)
            snprintf(of_row, sizeof of_row, ",%d", c->n);
        n += (size_t)snprintf(out + n, HEADER - n,
                              ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%" PRId64 "%s],\"data_offsets\":[%" PRId64
                              ",%" PRId64 "]}",
                              c->name, c->dtype, n_rows, of_row, begin, end);
        begin = end;
    }
    out[n++] = '}';
    while (n % 8 != 0)
        out[n++] = ' ';
    uint64_t length = n - 8;
    memcpy(out, &length, sizeof length);
    return n;
}

static bool write_columns(FILE *file, const rv_journal_table *t)
{
    column columns[N_COLUMNS];
    char header[HEADER];
    list_columns(t, columns);
    size_t n = print_header(t, columns, header);
    bool ok = fwrite(header, 1, n, file) == n;
    for (const column *c = columns; c < columns + N_COLUMNS; c++)
        for (int64_t i = 0; ok && i < t->n_rows; i++) {
            const char *from =
                c->from ? (const char *)(c->from + i * t->row.width) : (const char *)&t->labels[i] + c->label;
            ok = fwrite(from, 1, row_bytes(c), file) == row_bytes(c);
        }
    return ok;
}

/* under another name until it is whole */
static rv_status write_file(const char *path, const rv_journal_table *t)
{
    char temporary[RV_PATH + 16];
    snprintf(temporary, sizeof temporary, "%s.%d.tmp", path, (int)getpid());
    FILE *file = fopen(temporary, "wb");
    RV_CHECK(file, RV_E_IO, "cannot create '%s': %s", temporary, strerror(errno));
    bool is_whole = write_columns(file, t);
    int why = errno;
    if (fclose(file) != 0 && is_whole) {
        is_whole = false;
        why = errno;
    }
    if (is_whole && rename(temporary, path) != 0) {
        is_whole = false;
        why = errno;
    }
    if (!is_whole)
        unlink(temporary);
    RV_CHECK(is_whole, RV_E_IO, "cannot write '%s': %s", path, strerror(why));
    return RV_OK;
}

static rv_status export_rows(const char *run, const rv_journal_info *info, const char *path)
{
    rv_journal_table t;
    RV_CHECK(strlen(path) < RV_PATH, RV_E_USAGE, "journal: the name of the file is longer than %d characters",
             RV_PATH - 1);
    RV_CHECK(info->n_rows > 0, RV_E_NOINPUT, "%s has no real rows yet", run);
    RV_TRY(rv_journal_table_load(run, info, &t));
    rv_status status = write_file(path, &t);
    rv_journal_table_clear(&t);
    return status;
}

/* ---- the newest checkpoint ---- */

/* out->hash is empty where there is none */
static rv_status verify(const char *run, rv_journal_shape shape, rv_checkpoint_journal *out)
{
    rv_checkpoint c;
    memset(out, 0, sizeof *out);
    rv_status status = rv_checkpoint_newest(run, true, &c);
    if (status == RV_E_NOINPUT)
        return RV_OK;
    RV_TRY(status);
    *out = c.journal;
    shape.config_hash = c.config_hash;
    status = rv_journal_verify(run, &shape, c.journal.rows, c.journal.hash);
    rv_checkpoint_clear(&c);
    return status;
}

/* ---- what people read ---- */

static int64_t bytes_of(const rv_journal_info *info)
{
    int64_t n = 0;
    for (int i = 0; i < info->n_segments; i++)
        n += info->segments[i].bytes + info->segments[i].torn;
    return n;
}

static const char *plural(int n)
{
    return n == 1 ? "" : "s";
}

static rv_status print_text(const rv_journal_info *info, const rv_checkpoint_journal *checked)
{
    printf("%" PRId64 " real rows of %d environment%s in %d segment%s, %.1f MB\n", info->n_rows, info->shape.n_envs,
           plural(info->shape.n_envs), info->n_segments, plural(info->n_segments), (double)bytes_of(info) / 1e6);
    printf("%" PRId64 " episodes: %" PRId64 " terminated, %" PRId64 " at their time limit, %" PRId64
           " going on, cut or failed\n\n",
           info->n_episodes, info->n_terminated, info->n_truncated,
           info->n_episodes - info->n_terminated - info->n_truncated);
    printf("%5s  %4s  %4s  %10s  %12s\n", "start", "rank", "part", "rows", "bytes");
    for (int i = 0; i < info->n_segments; i++) {
        const rv_journal_segment *s = &info->segments[i];
        printf("%5d  %4d  %4d  %10" PRId64 "  %12" PRId64, s->start, s->rank, s->part, s->n_rows, s->bytes);
        if (s->torn > 0)
            printf("  and %" PRId64 " of no whole row, which are cut off when the run goes on", s->torn);
        putchar('\n');
    }
    printf("\n%5s  %10s\n", "env", "rows");
    for (int e = 0; e < info->shape.n_envs; e++)
        printf("%5d  %10" PRId64 "\n", e, info->rows[e]);
    if (checked && checked->hash[0])
        printf("\nthe first %" PRId64 " rows are those of the newest checkpoint\n", checked->rows);
    else if (checked)
        printf("\nthere is no checkpoint to compare with yet\n");
    return rv_cmd_flush();
}

static rv_status print_json(const rv_journal_info *info, const rv_checkpoint_journal *checked)
{
    json_t *segments = json_array();
    json_t *envs = json_array();
    for (int i = 0; i < info->n_segments; i++) {
        const rv_journal_segment *s = &info->segments[i];
        json_array_append_new(segments, json_pack("{s:i, s:i, s:i, s:I, s:I, s:I}", "start", s->start, "rank", s->rank,
                                                  "part", s->part, "rows", (json_int_t)s->n_rows, "bytes",
                                                  (json_int_t)s->bytes, "torn", (json_int_t)s->torn));
    }
    for (int e = 0; e < info->shape.n_envs; e++)
        json_array_append_new(envs, json_integer(info->rows[e]));
    json_t *root =
        json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:o}", "rows", (json_int_t)info->n_rows, "rows_of_env", envs,
                  "episodes", (json_int_t)info->n_episodes, "terminated", (json_int_t)info->n_terminated, "truncated",
                  (json_int_t)info->n_truncated, "bytes", (json_int_t)bytes_of(info), "segments", segments);
    if (checked)
        json_object_set_new(root, "checkpoint_rows", checked->hash[0] ? json_integer(checked->rows) : json_null());
    return rv_json_print(root);
}

typedef struct options {
    bool verify, json;
    const char *file;
} options;

static rv_status show(const rv_words *words, const options *o)
{
    rv_journal_info info;
    rv_checkpoint_journal checked;
    RV_TRY(rv_options_expect("journal", "RUN", 1, 1, words));
    const char *run = words->positional[0];
    RV_CHECK(rv_file_exists(run), RV_E_NOINPUT, "no run at '%s'", run);
    RV_TRY(rv_journal_read(run, NULL, NULL, NULL, &info));
    rv_status status = o->verify ? verify(run, info.shape, &checked) : RV_OK;
    if (status == RV_OK && o->file)
        status = export_rows(run, &info, o->file);
    if (status == RV_OK)
        status = (o->json ? print_json : print_text)(&info, o->verify ? &checked : NULL);
    rv_journal_info_clear(&info);
    return status;
}

int rv_cmd_journal(int argc, char **argv)
{
    options o = {.file = NULL};
    rv_words words;
    const rv_option rows[] = {
        {"--verify", &o.verify, NULL}, {"--json", &o.json, NULL}, {"--export", NULL, &o.file}, {NULL, NULL, NULL}};
    rv_status status = rv_options_parse(argc, argv, rows, false, &words);
    if (status == RV_OK && words.wants_help)
        return rv_cmd_help(help);
    return rv_cmd_finish(status != RV_OK ? status : show(&words, &o));
}
