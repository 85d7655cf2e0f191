#include "env/reference.h"

#include "base/file.h"
#include "base/memory.h"
#include "env/env_private.h"
#include "env/tabular.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *column; /* name, or the letter before the number */
    bool is_numbered;
    const char *name;
} groups[RV_REFERENCE_N_GROUPS] = {
    [RV_REFERENCE_TIME] = {"t", false, "time"},
    [RV_REFERENCE_TERMINATED] = {"terminated", false, "terminated"},
    [RV_REFERENCE_MODEL_DONE] = {"mbpo_done", false, "model done"},
    [RV_REFERENCE_REWARD] = {"reward", false, "reward"},
    [RV_REFERENCE_ACTION] = {"a", true, "action"},
    [RV_REFERENCE_OBS] = {"o", true, "observation"},
    [RV_REFERENCE_POS] = {"q", true, "position"},
    [RV_REFERENCE_VEL] = {"v", true, "velocity"},
    [RV_REFERENCE_STATE] = {"s", true, "state"},
    [RV_REFERENCE_KIND] = {"kind", false, "kind"},
    [RV_REFERENCE_RANDOM] = {"u", false, "random numbers"},
};

/* the columns of a tabular file, and what they are called there */
static const struct {
    const char *column;
    rv_reference_group group;
} tabular_columns[] = {
    {"kind", RV_REFERENCE_KIND},
    {"t", RV_REFERENCE_TIME},
    {"action", RV_REFERENCE_ACTION},
    {"u", RV_REFERENCE_RANDOM},
    {"state", RV_REFERENCE_OBS},
    {"reward", RV_REFERENCE_REWARD},
    {"terminated", RV_REFERENCE_TERMINATED},
};
enum { N_TABULAR = (int)(sizeof tabular_columns / sizeof *tabular_columns) };

/* names in the originals' tabular files */
static const struct {
    const char *theirs, *ours;
} tabular_names[] = {
    {"FrozenLake4x4-slip", "FrozenLake-v1"},
    {"FrozenLake4x4-det", "FrozenLake-v1-det"},
    {"FrozenLake8x8-slip", "FrozenLake8x8-v1"},
    {"FrozenLake8x8-det", "FrozenLake8x8-v1-det"},
    {"CliffWalking-slip", "CliffWalking-v1-slip"},
    {"CliffWalking", "CliffWalking-v1"},
    {"Taxi", "Taxi-v4"},
};

const char *rv_reference_group_name(rv_reference_group group)
{
    return groups[group].name;
}

/* ---- parser ---- */

typedef struct parser {
    const char *name;
    const char *at, *end; /* *end is NUL */
    const char *line_start;
    int line;
} parser;

/* raise at a place of the current line */
#define FAIL(p, where, fmt, ...)                                                                                       \
    rv_raise(RV_E_DATA, "%s:%d:%d: " fmt, (p)->name, (p)->line, (int)((where) - (p)->line_start) + 1, __VA_ARGS__)

/* bytes up to the next comma, line end or end of the file */
static int field_length(const parser *p)
{
    const char *c = p->at;
    while (c < p->end && *c != ',' && *c != '\n')
        c++;
    return (int)(c - p->at);
}

static bool at_line_end(const parser *p)
{
    return p->at == p->end || *p->at == '\n';
}

static void next_line(parser *p)
{
    while (!at_line_end(p))
        p->at++;
    if (p->at < p->end)
        p->at++;
    p->line_start = p->at;
    p->line++;
}

static bool skip_text(parser *p, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, text, n) != 0)
        return false;
    p->at += n;
    return true;
}

/* bytes of a text that go into a message */
static int shown(int n)
{
    return n < 40 ? n : 40;
}

static rv_status parse_number(parser *p, double *out)
{
    int n = field_length(p);
    char *stop = NULL;
    double x = n > 0 && (int)strspn(p->at, "+-.0123456789eE") >= n ? strtod(p->at, &stop) : 0;
    if (stop != p->at + n || !isfinite(x))
        return FAIL(p, p->at, "expected a finite number, got '%.*s'", shown(n), p->at);
    *out = x;
    p->at += n;
    return RV_OK;
}

/* one "0.1,0.2" to the end of the line, appended to the start state */
static rv_status parse_start(parser *p, rv_reference *r)
{
    for (;;) {
        RV_TRY(parse_number(p, &r->start[r->n_start]));
        r->n_start++;
        if (at_line_end(p))
            return RV_OK;
        p->at++;
    }
}

static void take_tabular_name(rv_reference *r)
{
    for (size_t i = 0; i < sizeof tabular_names / sizeof *tabular_names; i++)
        if (strcmp(r->env, tabular_names[i].theirs) == 0)
            snprintf(r->env, sizeof r->env, "%s", tabular_names[i].ours);
}

/* the first line: "# env=NAME ..." or, of a tabular file, "# NAME: ..." */
static rv_status parse_env_name(parser *p, rv_reference *r)
{
    bool is_env = skip_text(p, "# env=");
    r->is_tabular = !is_env && skip_text(p, "# ");
    size_t n = strcspn(p->at, r->is_tabular ? ": \n" : " .\n");
    if ((!is_env && !r->is_tabular) || (r->is_tabular && p->at[n] != ':'))
        return FAIL(p, p->line_start, "expected '# env=NAME' or '# NAME: ...', got '%.*s'",
                    shown((int)strcspn(p->line_start, ",\n")), p->line_start);
    if (n == 0 || n >= sizeof r->env)
        return FAIL(p, p->at, "expected the name of a task of 1 to %zu characters, got %zu", sizeof r->env - 1, n);
    memcpy(r->env, p->at, n);
    if (r->is_tabular)
        take_tabular_name(r);
    next_line(p);
    return RV_OK;
}

/* the lines that start with '#' */
static rv_status parse_notes(parser *p, rv_reference *r)
{
    static const char *const keys[] = {"# init_qpos=", "# init_qvel=", "# init_state="};
    enum { QPOS, QVEL, STATE, N_KEYS };
    bool seen[N_KEYS] = {false};
    for (; p->at < p->end && *p->at == '#'; next_line(p))
        for (int k = 0; k < N_KEYS; k++) {
            const char *where = p->at;
            if (!skip_text(p, keys[k]))
                continue;
            if (seen[k] || (k == QPOS && r->n_start) || (k == QVEL && !seen[QPOS]) || (k == STATE && r->n_start))
                return FAIL(p, where, "expected init_qpos, then init_qvel, or init_state alone; got another %s",
                            keys[k] + 2);
            seen[k] = true;
            RV_TRY(parse_start(p, r));
            break;
        }
    if (!seen[QVEL] && !seen[STATE])
        return FAIL(p, p->at, "expected '# init_qpos=' and '# init_qvel=', or '# init_state=', got %s",
                    p->at < p->end ? "the first line without '#'" : "the end of the file");
    return RV_OK;
}

static rv_status skip_notes(parser *p)
{
    while (p->at < p->end && *p->at == '#')
        next_line(p);
    return RV_OK;
}

/* take the column's name when it is the next of the group */
static bool take_column(parser *p, rv_reference *r, rv_reference_group g)
{
    char want[16];
    int n = groups[g].is_numbered ? snprintf(want, sizeof want, "%s%d", groups[g].column, r->group[g].n)
                                  : snprintf(want, sizeof want, "%s", groups[g].column);
    if (field_length(p) != n || memcmp(p->at, want, (size_t)n) != 0 || (!groups[g].is_numbered && r->group[g].n))
        return false;
    if (r->group[g].n++ == 0)
        r->group[g].first = r->n_cols;
    r->n_cols++;
    p->at += n;
    return true;
}

static rv_status parse_columns(parser *p, rv_reference *r)
{
    int g = 0;
    for (;;) {
        while (g <= RV_REFERENCE_STATE && !take_column(p, r, (rv_reference_group)g))
            g++;
        if (g > RV_REFERENCE_STATE)
            return FAIL(p, p->at,
                        "unexpected column '%.*s'; expected t, terminated, mbpo_done, reward, a0.., o0.., "
                        "then q0.., v0.. or s0..",
                        shown(field_length(p)), p->at);
        if (at_line_end(p))
            break;
        p->at++;
    }
    bool is_split = r->group[RV_REFERENCE_POS].n && r->group[RV_REFERENCE_VEL].n && !r->group[RV_REFERENCE_STATE].n;
    bool is_whole = !r->group[RV_REFERENCE_POS].n && !r->group[RV_REFERENCE_VEL].n && r->group[RV_REFERENCE_STATE].n;
    for (g = 0; g <= RV_REFERENCE_OBS; g++)
        if (g != RV_REFERENCE_MODEL_DONE && r->group[g].n == 0)
            return FAIL(p, p->line_start, "no column '%s%s'", groups[g].column, groups[g].is_numbered ? "0" : "");
    if (!is_split && !is_whole)
        return FAIL(p, p->line_start, "expected columns %s", "q0.. and v0.., or s0..");
    int n = r->group[RV_REFERENCE_POS].n + r->group[RV_REFERENCE_VEL].n + r->group[RV_REFERENCE_STATE].n;
    if (n != r->n_start)
        return FAIL(p, p->line_start, "%d columns of state, but the start has %d numbers", n, r->n_start);
    next_line(p);
    return RV_OK;
}

static rv_status parse_tabular_columns(parser *p, rv_reference *r)
{
    static const char line[] = "kind,t,action,u,state,reward,terminated";
    if (!skip_text(p, line) || !at_line_end(p))
        return FAIL(p, p->line_start, "expected the columns %s", line);
    for (; r->n_cols < N_TABULAR; r->n_cols++) {
        r->group[tabular_columns[r->n_cols].group].first = r->n_cols;
        r->group[tabular_columns[r->n_cols].group].n = 1;
    }
    next_line(p);
    return RV_OK;
}

/* what the number in column c of a row must be */
static rv_status check_number(parser *p, const char *where, const rv_reference *r, const double *row, int c)
{
    const double *last = r->n_rows > 0 ? rv_reference_row(r, r->n_rows - 1) : NULL;
    double x = row[c];
    if (c == r->group[RV_REFERENCE_TIME].first && (last ? x != last[c] + 1 : x != 0 && x != 1))
        return FAIL(p, where, "expected t to count up by one from 0 or 1, got %.17g", x);
    if (c == r->group[RV_REFERENCE_TERMINATED].first && x != 0 && x != 1)
        return FAIL(p, where, "expected terminated to be 0 or 1, got %.17g", x);
    if (r->group[RV_REFERENCE_MODEL_DONE].n && c == r->group[RV_REFERENCE_MODEL_DONE].first && x != 0 && x != 1 &&
        x != -1)
        return FAIL(p, where, "expected mbpo_done to be -1, 0 or 1, got %.17g", x);
    return RV_OK;
}

/* the same of a tabular file */
static rv_status check_tabular(parser *p, const char *where, const rv_reference *r, const double *row, int c)
{
    const double *last = r->n_rows > 0 ? rv_reference_row(r, r->n_rows - 1) : NULL;
    bool is_step = row[0] != 0;
    double x = row[c], t = last ? last[c] + is_step : 0;
    switch (tabular_columns[c].group) {
    case RV_REFERENCE_TIME:
        if (x != t)
            return FAIL(p, where, "expected t to be %.17g, got %.17g", t, x);
        break;
    case RV_REFERENCE_ACTION:
        if (is_step ? x < 0 || x != rint(x) : x != -1)
            return FAIL(p, where, "expected the number of an action, or -1 where kind is reset, got %.17g", x);
        break;
    case RV_REFERENCE_RANDOM:
        if (x < 0 || x >= 1)
            return FAIL(p, where, "expected u in [0, 1), got %.17g", x);
        break;
    case RV_REFERENCE_TERMINATED:
        if (x != 0 && x != 1)
            return FAIL(p, where, "expected terminated to be 0 or 1, got %.17g", x);
        break;
    default:
        break;
    }
    return RV_OK;
}

/* "reset" as 0, "step" as 1 */
static rv_status parse_kind(parser *p, const rv_reference *r, double *out)
{
    static const char *const kinds[] = {"reset", "step"};
    int n = field_length(p), kind = 0;
    while (kind < 2 && ((size_t)n != strlen(kinds[kind]) || memcmp(p->at, kinds[kind], (size_t)n) != 0))
        kind++;
    if (kind == 2 || (kind == 1 && r->n_rows == 0))
        return FAIL(p, p->at, "expected reset%s, got '%.*s'", kind == 2 ? " or step" : " in the first row", shown(n),
                    p->at);
    *out = kind;
    p->at += n;
    return RV_OK;
}

static rv_status parse_field(parser *p, const rv_reference *r, double *row, int c)
{
    const char *where = p->at;
    if (r->is_tabular && c == r->group[RV_REFERENCE_KIND].first)
        return parse_kind(p, r, &row[c]);
    RV_TRY(parse_number(p, &row[c]));
    return r->is_tabular ? check_tabular(p, where, r, row, c) : check_number(p, where, r, row, c);
}

/* columns that no row can do without: up to the last action, and the random number behind it */
static int least_columns(const rv_reference *r)
{
    return r->group[RV_REFERENCE_ACTION].first + r->group[RV_REFERENCE_ACTION].n + r->group[RV_REFERENCE_RANDOM].n;
}

static rv_status parse_row(parser *p, rv_reference *r)
{
    double *row = r->values + r->at[r->n_rows];
    int n_least = least_columns(r), c = 0;
    for (;;) {
        RV_TRY(parse_field(p, r, row, c));
        c++;
        if (at_line_end(p) || c == r->n_cols)
            break;
        p->at++;
    }
    if (!at_line_end(p) || (c != r->n_cols && c != n_least))
        return FAIL(p, p->at, "expected %d columns, or the first %d, got %s", r->n_cols, n_least,
                    at_line_end(p) ? "fewer" : "more");
    r->n_rows++;
    r->at[r->n_rows] = r->at[r->n_rows - 1] + (size_t)c;
    return RV_OK;
}

/* or the start of an episode? */
static bool is_step(const rv_reference *r, int64_t row)
{
    rv_reference_group g = r->is_tabular ? RV_REFERENCE_KIND : RV_REFERENCE_TIME;
    return rv_reference_row(r, row)[r->group[g].first] != 0;
}

static rv_status parse_all(parser *p, size_t n, rv_reference *r)
{
    /* a number takes at least one byte and its separator */
    RV_TRY(RV_NEW(r->start, n / 2 + 1));
    RV_TRY(parse_env_name(p, r));
    RV_TRY(r->is_tabular ? skip_notes(p) : parse_notes(p, r));
    if (p->at == p->end)
        return FAIL(p, p->at, "expected the names of the columns, got %s", "the end of the file");
    RV_TRY(r->is_tabular ? parse_tabular_columns(p, r) : parse_columns(p, r));
    r->first_line = p->line;
    RV_TRY(RV_NEW(r->values, n / 2 + 1 + (size_t)r->n_cols));
    RV_TRY(RV_NEW(r->at, n / 2 + 2));
    int64_t n_whole = 0, n_steps = 0;
    for (; p->at < p->end; next_line(p)) {
        RV_TRY(parse_row(p, r));
        n_whole += rv_reference_given(r, r->n_rows - 1) == r->n_cols;
        n_steps += is_step(r, r->n_rows - 1);
    }
    if (n_steps < 1 || n_whole < 1)
        return FAIL(p, p->at, "expected at least one %s, got the end of the file",
                    n_steps < 1 ? "step" : "row of all columns");
    return RV_OK;
}

rv_status rv_reference_parse(const char *name, const char *text, size_t n, rv_reference **out)
{
    rv_status status = RV_OK;
    rv_reference *r = NULL;
    parser p = {.name = name, .at = text, .end = text + n, .line_start = text, .line = 1};
    RV_TRY(RV_NEW(r, 1));
    RV_TRY_GOTO(parse_all(&p, n, r), fail);
    *out = r;
    return RV_OK;
fail:
    rv_reference_destroy(&r);
    return status;
}

rv_status rv_reference_read(const char *path, rv_reference **out)
{
    enum { MAX_BYTES = 1 << 26 };
    char *text = NULL;
    size_t n = 0;
    RV_TRY(rv_file_read(path, MAX_BYTES, &text, &n));
    rv_status status = rv_reference_parse(path, text, n, out);
    rv_mem_free(&text);
    return status;
}

void rv_reference_destroy(rv_reference **reference)
{
    if (!*reference)
        return;
    rv_mem_free(&(*reference)->start);
    rv_mem_free(&(*reference)->values);
    rv_mem_free(&(*reference)->at);
    rv_mem_free(reference);
}

/* ---- replay ---- */

typedef struct replay {
    const rv_reference *r;
    rv_env *env;
    const rv_env_task *task;
    double *state; /* (n_state) */
    float *obs;    /* (n_obs) */
    rv_reference_report report;
} replay;

static void name_column(const rv_reference *r, rv_reference_group g, int i, char out[16])
{
    if (r->is_tabular)
        snprintf(out, 16, "%s", tabular_columns[r->group[g].first].column);
    else if (groups[g].is_numbered)
        snprintf(out, 16, "%s%d", groups[g].column, i);
    else
        snprintf(out, 16, "%s", groups[g].column);
}

/* compare with number i of the group, where the row has it */
static void compare_one(replay *a, rv_reference_group g, int64_t row, int i, double got)
{
    const rv_reference *r = a->r;
    rv_reference_match *m = &a->report.match[g];
    if (i >= r->group[g].n || r->group[g].first + i >= rv_reference_given(r, row))
        return;
    const double *values = rv_reference_row(r, row);
    double expected = values[r->group[g].first + i];
    double difference = fabs(got - expected);
    bool is_equal = g == RV_REFERENCE_REWARD ? difference <= RV_REFERENCE_REWARD_TOLERANCE * fabs(expected)
                                             : memcmp(&got, &expected, sizeof got) == 0;
    if (m->n_compared++ == 0)
        m->is_equal = true;
    if (!(difference <= m->largest))
        m->largest = difference;
    if (is_equal || !m->is_equal)
        return;
    m->is_equal = false;
    m->t = (int64_t)values[r->group[RV_REFERENCE_TIME].first];
    m->line = r->first_line + row;
    name_column(r, g, i, m->column);
    m->expected = expected;
    m->got = got;
}

/* an observation as the learner sees it */
static void as_learned(const rv_env_spec *spec, const double *raw, float *obs)
{
    memset(obs, 0, (size_t)spec->n_obs * sizeof *obs);
    if (spec->n_states)
        obs[(int)raw[0]] = 1;
    for (int i = 0; i < spec->n_obs && !spec->n_states; i++)
        obs[i] = (float)raw[i];
}

static void compare_model_done(replay *a, int64_t row)
{
    const rv_reference *r = a->r;
    const rv_env_spec *spec = &a->task->spec;
    unsigned char done = 0;
    if (!r->group[RV_REFERENCE_MODEL_DONE].n || rv_reference_row(r, row)[r->group[RV_REFERENCE_MODEL_DONE].first] < 0)
        return;
    if (spec->terminated) {
        as_learned(spec, rv_env_observation(a->env), a->obs);
        spec->terminated(spec, 1, a->obs, &done);
    }
    compare_one(a, RV_REFERENCE_MODEL_DONE, row, 0, done);
}

static void compare_row(replay *a, int64_t row, const rv_env_step_result *step)
{
    const rv_reference *r = a->r;
    const double *obs = rv_env_observation(a->env);
    compare_one(a, RV_REFERENCE_TERMINATED, row, 0, step->terminated);
    compare_one(a, RV_REFERENCE_REWARD, row, 0, step->reward);
    compare_model_done(a, row);
    for (int i = 0; i < r->group[RV_REFERENCE_OBS].n; i++)
        compare_one(a, RV_REFERENCE_OBS, row, i, obs[i]);
    rv_env_numbers(a->env, a->state);
    for (int i = 0; i < r->group[RV_REFERENCE_POS].n; i++)
        compare_one(a, RV_REFERENCE_POS, row, i, a->state[i]);
    for (int i = 0; i < r->group[RV_REFERENCE_VEL].n; i++)
        compare_one(a, RV_REFERENCE_VEL, row, i, a->state[a->task->n_pos + i]);
    for (int i = 0; i < r->group[RV_REFERENCE_STATE].n; i++)
        compare_one(a, RV_REFERENCE_STATE, row, i, a->state[i]);
}

static rv_status check_shape(const rv_reference *r, const rv_env_task *task)
{
    const int want[RV_REFERENCE_N_GROUPS] = {
        [RV_REFERENCE_ACTION] = rv_env_raw_act(&task->spec),
        [RV_REFERENCE_OBS] = rv_env_raw_obs(&task->spec),
        [RV_REFERENCE_POS] = task->n_pos,
        [RV_REFERENCE_VEL] = task->n_vel,
        [RV_REFERENCE_STATE] = task->n_pos + task->n_vel,
        [RV_REFERENCE_KIND] = r->is_tabular,
        [RV_REFERENCE_RANDOM] = task->n_random,
    };
    RV_CHECK(!r->is_tabular || rv_tabular_is(&task->spec), RV_E_DATA, "%s is no tabular task, the file is of one",
             r->env);
    for (int g = RV_REFERENCE_ACTION; g < RV_REFERENCE_N_GROUPS; g++) {
        bool is_state = g == RV_REFERENCE_POS || g == RV_REFERENCE_VEL || g == RV_REFERENCE_STATE;
        RV_CHECK(r->group[g].n == want[g] || (is_state && r->group[g].n == 0), RV_E_DATA,
                 "%s has %d columns of %s, the file has %d", r->env, want[g], groups[g].name, r->group[g].n);
    }
    return RV_OK;
}

static rv_status play_row(replay *a, int64_t row)
{
    const rv_reference *r = a->r;
    const double *values = rv_reference_row(r, row);
    rv_env_step_result step = {0};
    if (is_step(r, row)) {
        RV_TRY(rv_env_step_raw(a->env, values + r->group[RV_REFERENCE_ACTION].first, &step));
        a->report.n_steps++;
    } else if (r->is_tabular) {
        double u = values[r->group[RV_REFERENCE_RANDOM].first];
        const double pos[] = {rv_tabular_draw_start(&a->task->spec, u), 0};
        RV_TRY(rv_env_start(a->env, pos, NULL));
    }
    compare_row(a, row, &step);
    return RV_OK;
}

static rv_status run(replay *a)
{
    const rv_reference *r = a->r;
    if (!r->is_tabular)
        RV_TRY(rv_env_start(a->env, r->start, r->start + a->task->n_pos));
    for (int64_t row = 0; row < r->n_rows; row++) {
        rv_status status = play_row(a, row);
        if (status != RV_OK)
            return rv_error_prefix(status, "line %lld", (long long)(r->first_line + row));
    }
    a->report.is_equal = true;
    for (int g = 0; g < RV_REFERENCE_N_GROUPS; g++)
        if (a->report.match[g].n_compared > 0 && !a->report.match[g].is_equal)
            a->report.is_equal = false;
    return RV_OK;
}

rv_status rv_reference_replay(const rv_reference *reference, rv_reference_report *out)
{
    rv_status status = RV_OK;
    replay a = {.r = reference};
    RV_TRY_GOTO(rv_env_create(reference->env, &a.env), done);
    a.task = rv_env_task_of(a.env);
    RV_TRY_GOTO(check_shape(reference, a.task), done);
    RV_TRY_GOTO(RV_NEW(a.state, a.task->n_state), done);
    RV_TRY_GOTO(RV_NEW(a.obs, a.task->spec.n_obs), done);
    RV_TRY_GOTO(run(&a), done);
    *out = a.report;
done:
    rv_mem_free(&a.obs);
    rv_mem_free(&a.state);
    rv_env_destroy(&a.env);
    return status;
}
