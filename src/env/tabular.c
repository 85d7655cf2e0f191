/* tabular.c - the family of tabular.h.
 *
 * A task is a row of tasks[] and a world: a law that gives the outcomes of (state, action). Three kinds of world on a
 * grid differ in numbers alone; Taxi has a law of its own.
 * state of a simulation: number of the state; has the world changed?
 */
#include "env/tabular.h"

#include "base/memory.h"
#include "env/env_private.h"

#include <math.h>
#include <string.h>

typedef rv_tabular_outcome outcome;
typedef struct world world;

struct world {
    int (*outcomes)(const world *w, const char *cells, int state, int action, outcome *out);
    double (*start)(const world *w, int state);
    bool (*is_end)(const world *w, int state); /* does an episode end there? */
    int n_rows, n_cols;
    const char *cells;  /* (n_rows, n_cols) S start, G goal, H hole, C cliff, # wall, . free */
    const char *later;  /* the same from that age on; NULL: it never changes */
    int64_t later_from; /* age */
    const char *moves;  /* (4) direction of each action: U, D, L, R */
    double slip[3];     /* probability of the moves before, of and after the action; [1] = 1: none but its own */
    double step, goal;  /* rewards of a step, and of one onto the goal */
    enum { STAYS, MOVES, NOTHING } at_end; /* what an action does on a goal or in a hole */
};

/* ---- worlds on a grid: state = row * n_cols + column ---- */

static int move(const world *w, const char *cells, int state, int direction)
{
    int row = state / w->n_cols, col = state % w->n_cols;
    switch (w->moves[direction]) {
    case 'U':
        row -= row > 0;
        break;
    case 'D':
        row += row < w->n_rows - 1;
        break;
    case 'L':
        col -= col > 0;
        break;
    default:
        col += col < w->n_cols - 1;
    }
    int next = row * w->n_cols + col;
    return cells[next] == '#' ? state : next;
}

static int grid_begin(const world *w)
{
    return (int)(strchr(w->cells, 'S') - w->cells);
}

static outcome grid_outcome(const world *w, const char *cells, int state, int direction)
{
    const double fall = -100;
    outcome out = {.probability = 1, .reward = w->step, .next = move(w, cells, state, direction)};
    char cell = cells[out.next];
    if (cell == 'C')
        return (outcome){.probability = 1, .reward = fall, .next = grid_begin(w)};
    out.terminated = cell == 'G' || cell == 'H';
    if (cell == 'G')
        out.reward = w->goal;
    return out;
}

static int grid_outcomes(const world *w, const char *cells, int state, int action, outcome *out)
{
    char cell = cells[state];
    bool is_end = cell == 'G' || cell == 'H';
    if (cell == '#' || (is_end && w->at_end == NOTHING))
        return 0;
    if (is_end && w->at_end == STAYS) {
        out[0] = (outcome){.probability = 1, .next = state, .terminated = true};
        return 1;
    }
    int n = 0;
    for (int side = -1; side <= 1; side++) {
        double probability = w->slip[side + 1];
        if (probability == 0)
            continue;
        out[n] = grid_outcome(w, cells, state, (action + side + 4) % 4);
        out[n++].probability = probability;
    }
    return n;
}

static double grid_start(const world *w, int state)
{
    return state == grid_begin(w);
}

static bool grid_is_end(const world *w, int state)
{
    return w->cells[state] == 'G' || w->cells[state] == 'H';
}

/* ---- Taxi: state = ((row * 5 + column) * 5 + passenger) * 4 + destination; passenger 4 is in the taxi ---- */

static const int places[4][2] = {{0, 0}, {0, 4}, {4, 0}, {4, 3}};
/* what is between a column and the next */
static const char fences[5][5] = {" |  ", " |  ", "    ", "| | ", "| | "};

typedef struct ride {
    int row, col, passenger, destination;
} ride;

static ride ride_of(int state)
{
    return (ride){state / 100, state / 20 % 5, state / 4 % 5, state % 4};
}

static int place_at(int row, int col)
{
    for (int i = 0; i < 4; i++)
        if (places[i][0] == row && places[i][1] == col)
            return i;
    return -1;
}

static void drive(ride *r, int action)
{
    if (action == 0 && r->row < 4)
        r->row++;
    else if (action == 1 && r->row > 0)
        r->row--;
    else if (action == 2 && r->col < 4 && fences[r->row][r->col] == ' ')
        r->col++;
    else if (action == 3 && r->col > 0 && fences[r->row][r->col - 1] == ' ')
        r->col--;
}

static void pick_up(ride *r, outcome *out)
{
    if (r->passenger < 4 && place_at(r->row, r->col) == r->passenger)
        r->passenger = 4;
    else
        out->reward = -10;
}

static void drop_off(ride *r, outcome *out)
{
    int place = place_at(r->row, r->col);
    if (place < 0 || r->passenger != 4) {
        out->reward = -10;
        return;
    }
    r->passenger = place;
    out->terminated = place == r->destination;
    if (out->terminated)
        out->reward = 20;
}

static int taxi_outcomes(const world *w, const char *cells, int state, int action, outcome *out)
{
    ride r = ride_of(state);
    (void)w, (void)cells;
    out[0] = (outcome){.probability = 1, .reward = -1};
    if (action < 4)
        drive(&r, action);
    else if (action == 4)
        pick_up(&r, out);
    else
        drop_off(&r, out);
    out[0].next = ((r.row * 5 + r.col) * 5 + r.passenger) * 4 + r.destination;
    return 1;
}

static double taxi_start(const world *w, int state)
{
    const double n_starts = 300;
    ride r = ride_of(state);
    (void)w;
    return r.passenger < 4 && r.passenger != r.destination ? 1 / n_starts : 0;
}

static bool taxi_is_end(const world *w, int state)
{
    ride r = ride_of(state);
    (void)w;
    return r.passenger == r.destination;
}

/* ---- the table ---- */

static const world *world_of(const rv_env_spec *spec)
{
    return ((const rv_env_task *)(const void *)spec)->more;
}

static bool has_changed(const world *w, int64_t age)
{
    return w->later && age >= w->later_from;
}

static int outcomes_of(const world *w, bool is_changed, int state, int action, outcome *out)
{
    return w->outcomes(w, is_changed ? w->later : w->cells, state, action, out);
}

bool rv_tabular_is(const rv_env_spec *spec)
{
    return strcmp(spec->family, rv_env_tabular.name) == 0;
}

int rv_tabular_outcomes(const rv_env_spec *spec, int64_t age, int state, int action,
                        rv_tabular_outcome out[RV_TABULAR_OUTCOMES])
{
    const world *w = world_of(spec);
    return outcomes_of(w, has_changed(w, age), state, action, out);
}

double rv_tabular_start(const rv_env_spec *spec, int state)
{
    const world *w = world_of(spec);
    return w->start(w, state);
}

/* where rounding leaves the sum below u it is the first, as in Gymnasium */
int rv_tabular_draw_start(const rv_env_spec *spec, double u)
{
    double sum = 0;
    for (int s = 0; s < spec->n_states; s++) {
        sum += rv_tabular_start(spec, s);
        if (sum > u)
            return s;
    }
    return 0;
}

/* ---- what a learner with a model may know ---- */

static void terminated(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    const world *w = world_of(spec);
    for (int i = 0; i < n; i++)
        done[i] = w->is_end(w, rv_env_choice(spec->n_states, next_obs + (size_t)i * (size_t)spec->n_obs));
}

/* where only the goal pays: whatever the chance and the walls, next_obs says whether it was reached */
static void reward_at_goal(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                           float *reward)
{
    const world *w = world_of(spec);
    (void)act;
    for (int i = 0; i < n; i++) {
        size_t at = (size_t)i * (size_t)spec->n_obs;
        bool was_there = w->cells[rv_env_choice(spec->n_states, obs + at)] == 'G';
        bool is_there = w->cells[rv_env_choice(spec->n_states, next_obs + at)] == 'G';
        reward[i] = is_there && !was_there ? (float)w->goal : 0;
    }
}

/* where an action has one outcome */
static void reward_of_action(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                             float *reward)
{
    outcome out[RV_TABULAR_OUTCOMES];
    (void)next_obs;
    for (int i = 0; i < n; i++) {
        int state = rv_env_choice(spec->n_states, obs + (size_t)i * (size_t)spec->n_obs);
        int action = rv_env_choice(spec->n_actions, act + (size_t)i * (size_t)spec->n_act);
        rv_tabular_outcomes(spec, 0, state, action, out);
        reward[i] = (float)out[0].reward;
    }
}

/* ---- simulation ---- */

typedef struct tabular {
    const rv_env_task *task;
    int state;
    bool is_changed;
} tabular;

static rv_status create(const rv_env_task *task, void **sim_out)
{
    tabular *sim = NULL;
    RV_TRY(RV_NEW(sim, 1));
    sim->task = task;
    *sim_out = sim;
    return RV_OK;
}

static void destroy(void **sim)
{
    rv_mem_free(sim);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the family's */
static void draw(const void *sim, rv_rng *rng, int64_t age, double *pos, double *vel)
{
    const tabular *t = sim;
    (void)vel;
    pos[0] = rv_tabular_draw_start(&t->task->spec, rv_rng_uniform(rng));
    pos[1] = has_changed(t->task->more, age);
}

static rv_status load(void *sim, const double *state)
{
    tabular *t = sim;
    const rv_env_spec *spec = &t->task->spec;
    const world *w = t->task->more;
    RV_CHECK(rv_env_is_below(state[0], spec->n_states), RV_E_DATA, "%s: state %g, expected a whole number below %d",
             spec->name, state[0], spec->n_states);
    RV_CHECK(state[1] == 0 || (state[1] == 1 && w->later), RV_E_DATA, "%s: changed %g, expected 0%s", spec->name,
             state[1], w->later ? " or 1" : "");
    t->state = (int)state[0];
    t->is_changed = state[1] != 0;
    return RV_OK;
}

static rv_status start(void *sim, const double *pos, const double *vel)
{
    (void)vel;
    return load(sim, pos);
}

static rv_status step(void *sim, const double *u, rv_env_step_result *out)
{
    tabular *t = sim;
    outcome outcomes[RV_TABULAR_OUTCOMES] = {{.next = t->state, .terminated = true}};
    int n = outcomes_of(t->task->more, t->is_changed, t->state, (int)u[0], outcomes), k = 0;
    double sum = outcomes[0].probability;
    while (k < n && !(sum > u[1])) {
        k++;
        sum += k < n ? outcomes[k].probability : 0;
    }
    const outcome *o = &outcomes[k < n ? k : 0];
    t->state = o->next;
    out->reward = o->reward;
    out->terminated = o->terminated;
    return RV_OK;
}

static void observe(const void *sim, double *obs)
{
    obs[0] = ((const tabular *)sim)->state;
}

static rv_status save(void *sim, double *state)
{
    const tabular *t = sim;
    state[0] = t->state;
    state[1] = t->is_changed;
    return RV_OK;
}

/* ---- pictures ---- */

static void pose(const rv_env_task *task, const float *before, const float *obs, double *state)
{
    (void)before;
    state[0] = rv_env_choice(task->spec.n_states, obs);
}

static const char *grid(const rv_env_task *task, const double *state, int *n_rows, int *n_cols)
{
    const world *w = task->more;
    *n_rows = w->n_rows;
    *n_cols = w->n_cols;
    return state[1] != 0 ? w->later : w->cells;
}

/* ---- tasks ---- */

#define ON_A_GRID .outcomes = grid_outcomes, .start = grid_start, .is_end = grid_is_end

// clang-format off
#define LAKE_4X4 .n_rows = 4, .n_cols = 4, .cells = "S..." \
                                                    ".H.H" \
                                                    "...H" \
                                                    "H..G"
#define LAKE_8X8 .n_rows = 8, .n_cols = 8, .cells = "S......." \
                                                    "........" \
                                                    "...H...." \
                                                    ".....H.." \
                                                    "...H...." \
                                                    ".HH...H." \
                                                    ".H..H.H." \
                                                    "...H...G"
#define CLIFF .n_rows = 4, .n_cols = 12, .cells = "............" \
                                                  "............" \
                                                  "............" \
                                                  "SCCCCCCCCCCG"
#define MAZE_DYNA ".......#G" \
                  "..#....#." \
                  "S.#....#." \
                  "..#......" \
                  ".....#..." \
                  "........."
#define MAZE(ROW_3) "........G" \
                    "........." \
                    "........." \
                    ROW_3 \
                    "........." \
                    "...S....."
// clang-format on

/* a third each, to the last bit of the originals' tables */
#define THIRDS_OF_LAKE                                                                                                 \
    {                                                                                                                  \
        0x1.5555555555556p-2, 0x1.5555555555555p-2, 0x1.5555555555556p-2                                               \
    }
#define THIRDS_OF_CLIFF                                                                                                \
    {                                                                                                                  \
        1.0 / 3, 1.0 / 3, 1.0 / 3                                                                                      \
    }

static const world lake = {ON_A_GRID, LAKE_4X4, .moves = "LDRU", .slip = THIRDS_OF_LAKE, .goal = 1};
static const world lake_det = {ON_A_GRID, LAKE_4X4, .moves = "LDRU", .slip = {0, 1, 0}, .goal = 1};
static const world lake8 = {ON_A_GRID, LAKE_8X8, .moves = "LDRU", .slip = THIRDS_OF_LAKE, .goal = 1};
static const world lake8_det = {ON_A_GRID, LAKE_8X8, .moves = "LDRU", .slip = {0, 1, 0}, .goal = 1};
static const world cliff = {ON_A_GRID,  CLIFF,      .moves = "URDL", .slip = {0, 1, 0},
                            .step = -1, .goal = -1, .at_end = MOVES};
static const world cliff_slip = {ON_A_GRID,  CLIFF,      .moves = "URDL", .slip = THIRDS_OF_CLIFF,
                                 .step = -1, .goal = -1, .at_end = MOVES};
static const world taxi = {.outcomes = taxi_outcomes, .start = taxi_start, .is_end = taxi_is_end};
static const world dyna_maze = {ON_A_GRID,       .n_rows = 6,       .n_cols = 9, .cells = MAZE_DYNA,
                                .moves = "UDLR", .slip = {0, 1, 0}, .goal = 1,   .at_end = NOTHING};
static const world blocking_maze = {ON_A_GRID,
                                    .n_rows = 6,
                                    .n_cols = 9,
                                    .cells = MAZE("########."),
                                    .later = MAZE(".########"),
                                    .later_from = 1000,
                                    .moves = "UDLR",
                                    .slip = {0, 1, 0},
                                    .goal = 1,
                                    .at_end = NOTHING};
static const world shortcut_maze = {ON_A_GRID,
                                    .n_rows = 6,
                                    .n_cols = 9,
                                    .cells = MAZE(".########"),
                                    .later = MAZE(".#######."),
                                    .later_from = 3000,
                                    .moves = "UDLR",
                                    .slip = {0, 1, 0},
                                    .goal = 1,
                                    .at_end = NOTHING};

#define TASK(NAME, WORLD, STATES, ACTIONS, LIMIT, SOLVED, REWARD, HELP)                                                \
    {                                                                                                                  \
        .spec = {.name = (NAME),                                                                                       \
                 .family = "tabular",                                                                                  \
                 .help = (HELP),                                                                                       \
                 .n_obs = (STATES),                                                                                    \
                 .n_act = (ACTIONS),                                                                                   \
                 .n_states = (STATES),                                                                                 \
                 .n_actions = (ACTIONS),                                                                               \
                 .time_limit = (LIMIT),                                                                                \
                 .threshold = (SOLVED),                                                                                \
                 .terminated = terminated,                                                                             \
                 .reward = (REWARD)},                                                                                  \
        .family = &rv_env_tabular, .n_pos = 2, .n_state = 2, .n_random = 1, .more = (WORLD)                            \
    }

// clang-format off
static const rv_env_task tasks[] = {
    TASK("FrozenLake-v1", &lake, 16, 4, 100, 0.7, reward_at_goal,
         "cross a frozen lake of 4 x 4 on slippery ice"),
    TASK("FrozenLake-v1-det", &lake_det, 16, 4, 100, NAN, reward_at_goal,
         "cross a frozen lake of 4 x 4 that is not slippery"),
    TASK("FrozenLake8x8-v1", &lake8, 64, 4, 200, 0.85, reward_at_goal,
         "cross a frozen lake of 8 x 8 on slippery ice"),
    TASK("FrozenLake8x8-v1-det", &lake8_det, 64, 4, 200, NAN, reward_at_goal,
         "cross a frozen lake of 8 x 8 that is not slippery"),
    TASK("CliffWalking-v1", &cliff, 48, 4, 0, NAN, reward_of_action,
         "walk along a cliff without falling down"),
    /* a fall from the start and a step that stays on it look the same: the reward is not known from next_obs */
    TASK("CliffWalking-v1-slip", &cliff_slip, 48, 4, 0, NAN, NULL,
         "walk along a cliff on slippery ground"),
    TASK("Taxi-v4", &taxi, 500, 6, 200, 8, reward_of_action,
         "fetch a passenger and bring him to one of four places"),
    TASK("DynaMaze-v0", &dyna_maze, 54, 4, 0, NAN, reward_at_goal,
         "find the way through a maze (Sutton and Barto, example 8.1)"),
    TASK("BlockingMaze-v0", &blocking_maze, 54, 4, 0, NAN, reward_at_goal,
         "a maze whose short way closes at step 1000 (example 8.2)"),
    TASK("ShortcutMaze-v0", &shortcut_maze, 54, 4, 0, NAN, reward_at_goal,
         "a maze that gets a shorter way at step 3000 (example 8.3)"),
};
// clang-format on

const rv_env_family rv_env_tabular = {
    .name = "tabular",
    .tasks = tasks,
    .n_tasks = sizeof tasks / sizeof *tasks,
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .start = start,
    .step = step,
    .observe = observe,
    .save = save,
    .load = load,
    .pose = pose,
    .grid = grid,
};
