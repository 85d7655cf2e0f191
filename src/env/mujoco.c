/* mujoco.c - the MuJoCo tasks of Gymnasium (v4 and v5) and of MBPO, on libmujoco 2.2.2. A task is a row of the table at
 * the end; its body is a text in mujoco_models.c.
 *
 * After a step only position and velocity are those of its end; what the library derives from them is of its last
 * evaluation of forces ("late"; with RK4 the fourth stage of the last mj_step). The originals read it as it is, and so
 * do these tasks: what is late and goes into an observation or a reward is part of a saved state.
 */
#include "base/memory.h"
#include "env/env_private.h"
#include "env/mujoco_sim.h"

#include <math.h>
#include <string.h>

/* ---- what tells tasks apart ---- */

/* Where numbers of an observation come from; those from FROM_LATE on are late. */
typedef enum mujoco_source {
    FROM_POS,
    FROM_VEL,
    FROM_SIN, /* of a position */
    FROM_COS,
    FROM_LATE,
    FROM_INERTIA = FROM_LATE, /* cinert (nbody, 10) */
    FROM_BODY_VEL,            /* cvel (nbody, 6) */
    FROM_MOTOR,               /* qfrc_actuator (nv) */
    FROM_LIMIT,               /* qfrc_constraint (nv) */
    FROM_CONTACT,             /* cfrc_ext (nbody, 6); zero until the first step of an episode */
} mujoco_source;

/* n numbers of the observation. */
typedef struct mujoco_part {
    mujoco_source source;
    int first, n;
    double limit; /* clipped to +-limit; 0: as they are */
} mujoco_part;

enum { MAX_PARTS = 6, MAX_SUMMED = 128 };

/* What tasks with one body share. */
typedef struct mujoco_robot {
    const char *text; /* MJCF */
    int frame_skip;
    double pos_noise; /* start: uniform in +-pos_noise around the model's reference position */
    double vel_noise; /* uniform in +-vel_noise, or that many standard normals */
    bool is_vel_normal;
    /* How far it has come, as the task measures it; may be late. */
    double (*place)(const mjModel *model, const mjData *data);
} mujoco_robot;

typedef struct mujoco_task {
    const mujoco_robot *robot;
    struct {
        const char *geom; /* NULL: the model is used as it is written */
        double value;
    } friction;                   /* sliding friction of one geom */
    mujoco_part parts[MAX_PARTS]; /* of the observation, in order; up to the first of n = 0 */
    /* Has the episode ended? NULL: it never does. What is not finite is an error before it comes to that. */
    bool (*is_terminal)(const mjModel *model, const mjData *data);
    /* reward = forward (place' - place) / dt + alive - control |u|^2 - contact |cfrc_ext|^2 */
    double forward, alive, control, contact;
    double contact_limit;                                /* each force clipped to +-contact_limit; 0: as it is */
    double contact_most;                                 /* of the whole contact term; 0: no limit */
    bool is_always_alive;                                /* alive is also paid on the step that terminates */
    bool is_alive_last;                                  /* added last: the order of the original's sum */
    double (*posture)(const mjData *data, double alive); /* in place of the formula; NULL: the formula */
} mujoco_task;

typedef struct mujoco {
    const rv_env_task *task;
    const mujoco_task *more;
    rv_mujoco_sim sim;
    double place; /* of the robot at the end of the last step */
} mujoco;

/* ---- life ---- */

static void destroy(void **sim)
{
    mujoco *m = *sim;
    rv_mujoco_sim_clear(&m->sim);
    rv_mem_free(sim);
}

/* where a source's numbers are, and how many there are */
static double *source_of(const rv_mujoco_sim *sim, mujoco_source source, int *n_out)
{
    const mjModel *model = sim->model;
    const mjData *data = sim->data;
    switch (source) {
    case FROM_VEL:
        *n_out = model->nv;
        return data->qvel;
    case FROM_INERTIA:
        *n_out = 10 * model->nbody;
        return data->cinert;
    case FROM_BODY_VEL:
        *n_out = 6 * model->nbody;
        return data->cvel;
    case FROM_MOTOR:
        *n_out = model->nv;
        return data->qfrc_actuator;
    case FROM_LIMIT:
        *n_out = model->nv;
        return data->qfrc_constraint;
    case FROM_CONTACT:
        *n_out = 6 * model->nbody;
        return data->cfrc_ext;
    default:
        *n_out = model->nq;
        return data->qpos;
    }
}

static int n_parts(const mujoco_task *more)
{
    int n = 0;
    while (n < MAX_PARTS && more->parts[n].n > 0)
        n++;
    return n;
}

/* a row that does not fit its model is a mistake of ours */
static rv_status check_row(const mujoco *m)
{
    const rv_env_task *task = m->task;
    const mjModel *model = m->sim.model;
    int n_obs = 0, n_state = rv_mujoco_sim_n_state(&m->sim) + 1;
    for (int i = 0; i < n_parts(m->more); i++) {
        const mujoco_part *part = &m->more->parts[i];
        int n = 0;
        source_of(&m->sim, part->source, &n);
        RV_CHECK(part->first + part->n <= n, RV_E_INTERNAL, "%s: part %d of the observation reaches beyond %d numbers",
                 task->spec.name, i, n);
        n_obs += part->n;
        n_state += part->source >= FROM_LATE ? part->n : 0;
    }
    RV_CHECK(model->nq == task->n_pos && model->nv == task->n_vel && model->nu == task->spec.n_act, RV_E_INTERNAL,
             "%s: the model has %d positions, %d velocities and %d actuators", task->spec.name, model->nq, model->nv,
             model->nu);
    RV_CHECK(n_obs == task->spec.n_obs && n_state == task->n_state, RV_E_INTERNAL,
             "%s: an observation of %d numbers and a state of %d", task->spec.name, n_obs, n_state);
    RV_CHECK(6 * model->nbody <= MAX_SUMMED && model->nu <= MAX_SUMMED, RV_E_INTERNAL,
             "%s: a sum of more than %d numbers", task->spec.name, (int)MAX_SUMMED);
    return RV_OK;
}

static rv_status set_friction(mujoco *m)
{
    const char *geom = m->more->friction.geom;
    if (!geom)
        return RV_OK;
    int id = mj_name2id(m->sim.model, mjOBJ_GEOM, geom);
    RV_CHECK(id >= 0, RV_E_INTERNAL, "%s: the model has no geom '%s'", m->task->spec.name, geom);
    m->sim.model->geom_friction[3 * id] = m->more->friction.value;
    return RV_OK;
}

static bool wants_contact_forces(const mujoco_task *more)
{
    for (int i = 0; i < n_parts(more); i++)
        if (more->parts[i].source == FROM_CONTACT)
            return true;
    return more->contact > 0;
}

static rv_status create(const rv_env_task *task, void **sim_out)
{
    rv_status status = RV_OK;
    void *sim = NULL;
    mujoco *m = NULL;
    RV_TRY(rv_mem_alloc(1, sizeof *m, &sim));
    m = sim;
    m->task = task;
    m->more = task->more;
    RV_TRY_GOTO(rv_mujoco_sim_init(task->spec.name, NULL, m->more->robot->text, m->more->robot->frame_skip, &m->sim),
                fail);
    m->sim.has_no_contact_forces = !wants_contact_forces(m->more);
    RV_TRY_GOTO(check_row(m), fail);
    RV_TRY_GOTO(set_friction(m), fail);
    *sim_out = sim;
    return RV_OK;
fail:
    destroy(&sim);
    return status;
}

/* ---- episodes ---- */

static void draw(const void *sim, rv_rng *rng, int64_t age, double *pos, double *vel)
{
    (void)age;
    const mujoco *m = sim;
    const mujoco_robot *robot = m->more->robot;
    for (int i = 0; i < m->task->n_pos; i++)
        pos[i] = m->sim.model->qpos0[i] + robot->pos_noise * (2 * rv_rng_uniform(rng) - 1);
    for (int i = 0; i < m->task->n_vel; i++)
        vel[i] = robot->vel_noise * (robot->is_vel_normal ? rv_rng_normal(rng) : 2 * rv_rng_uniform(rng) - 1);
}

static rv_status start(void *sim, const double *pos, const double *vel)
{
    mujoco *m = sim;
    RV_TRY(rv_mujoco_sim_start(&m->sim, pos, vel));
    m->place = m->more->robot->place(m->sim.model, m->sim.data);
    return RV_OK;
}

/* as NumPy adds up to 128 numbers: eight sums side by side, then what is left over */
static double sum(int n, const double *x)
{
    double r[8] = {0}, total = 0;
    int n_even = n - n % 8;
    for (int i = 0; i < n_even; i++)
        r[i % 8] += x[i];
    if (n_even > 0)
        total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (int i = n_even; i < n; i++)
        total += x[i];
    return total;
}

/* sum of squares, of numbers clipped to +-limit; 0: as they are */
static double squares(int n, const double *x, double limit)
{
    double square[MAX_SUMMED];
    for (int i = 0; i < n; i++) {
        double y = limit > 0 ? rv_env_clip(x[i], -limit, limit) : x[i];
        square[i] = y * y;
    }
    return sum(n, square);
}

static double contact_cost(const mujoco *m)
{
    const mujoco_task *more = m->more;
    if (more->contact <= 0)
        return 0;
    double cost = more->contact * squares(6 * m->sim.model->nbody, m->sim.data->cfrc_ext, more->contact_limit);
    return more->contact_most > 0 && cost > more->contact_most ? more->contact_most : cost;
}

static double reward_of(const mujoco *m, const double *u, double before, bool is_terminated)
{
    const mujoco_task *more = m->more;
    const mjModel *model = m->sim.model;
    double alive = is_terminated && !more->is_always_alive ? 0 : more->alive;
    if (more->posture)
        return more->posture(m->sim.data, alive);
    double forward = more->forward * ((m->place - before) / (model->opt.timestep * m->sim.frame_skip));
    double control = more->control * squares(model->nu, u, 0);
    if (more->is_alive_last)
        return forward - control - contact_cost(m) + alive;
    return forward + alive - (control + contact_cost(m));
}

static rv_status step(void *sim, const double *u, rv_env_step_result *out)
{
    mujoco *m = sim;
    const mujoco_task *more = m->more;
    double before = m->place;
    RV_TRY(rv_mujoco_sim_step(&m->sim, u));
    m->place = more->robot->place(m->sim.model, m->sim.data);
    out->terminated = more->is_terminal && more->is_terminal(m->sim.model, m->sim.data);
    out->reward = reward_of(m, u, before, out->terminated);
    return RV_OK;
}

static void observe(const void *sim, double *obs)
{
    const mujoco *m = sim;
    for (int k = 0; k < n_parts(m->more); k++) {
        const mujoco_part *part = &m->more->parts[k];
        int n_all = 0;
        const double *x = source_of(&m->sim, part->source, &n_all) + part->first;
        if (part->source == FROM_SIN || part->source == FROM_COS)
            for (int i = 0; i < part->n; i++)
                obs[i] = part->source == FROM_SIN ? sin(x[i]) : cos(x[i]);
        else if (part->limit > 0)
            for (int i = 0; i < part->n; i++)
                obs[i] = rv_env_clip(x[i], -part->limit, part->limit);
        else
            memcpy(obs, x, (size_t)part->n * sizeof *obs);
        obs += part->n;
    }
}

/* ---- state: the simulation's, the place, and what is late in the observation ---- */

static rv_status save(void *sim, double *state)
{
    mujoco *m = sim;
    rv_mujoco_sim_save(&m->sim, state);
    state += rv_mujoco_sim_n_state(&m->sim);
    *state++ = m->place;
    for (int k = 0; k < n_parts(m->more); k++) {
        const mujoco_part *part = &m->more->parts[k];
        int n_all = 0;
        if (part->source < FROM_LATE)
            continue;
        memcpy(state, source_of(&m->sim, part->source, &n_all) + part->first, (size_t)part->n * sizeof *state);
        state += part->n;
    }
    return RV_OK;
}

static rv_status load(void *sim, const double *state)
{
    mujoco *m = sim;
    RV_TRY(rv_mujoco_sim_load(&m->sim, state));
    state += rv_mujoco_sim_n_state(&m->sim);
    m->place = *state++;
    for (int k = 0; k < n_parts(m->more); k++) {
        const mujoco_part *part = &m->more->parts[k];
        int n_all = 0;
        if (part->source < FROM_LATE)
            continue;
        memcpy(source_of(&m->sim, part->source, &n_all) + part->first, state, (size_t)part->n * sizeof *state);
        state += part->n;
    }
    return RV_OK;
}

static rv_mujoco_sim *physics(void *sim)
{
    return &((mujoco *)sim)->sim;
}

/* ---- pictures ---- */

/* positions as the observation shows them; those in front of the first that it shows are integrated from their
 * velocities (only sliding coordinates are hidden) */
static void pose(const rv_env_task *task, const float *before, const float *obs, double *q)
{
    const mujoco_task *more = task->more;
    const float *sines = obs;
    int at = 0, n_hidden = task->n_pos, vel_at = 0;
    for (int k = 0; k < n_parts(more); at += more->parts[k++].n) {
        const mujoco_part *part = &more->parts[k];
        if (part->source == FROM_POS && part->first < n_hidden)
            n_hidden = part->first;
        if (part->source == FROM_SIN)
            sines = obs + at;
        if (part->source == FROM_VEL)
            vel_at = at;
        for (int i = 0; i < part->n && part->source == FROM_POS; i++)
            q[part->first + i] = (double)obs[at + i];
        for (int i = 0; i < part->n && part->source == FROM_COS; i++)
            q[part->first + i] = atan2((double)sines[i], (double)obs[at + i]);
    }
    for (int i = 0; i < n_hidden; i++)
        q[i] += task->spec.dt * ((double)before[vel_at + i] + (double)obs[vel_at + i]) / 2;
}

/* ---- robots: what tasks with one body share ---- */

static double slider_x(const mjModel *model, const mjData *data)
{
    (void)model;
    return data->qpos[0];
}

static double torso_x(const mjModel *model, const mjData *data)
{
    (void)model;
    return data->xpos[3];
}

static double mass_x(const mjModel *model, const mjData *data)
{
    double moment = 0;
    for (int i = 0; i < model->nbody; i++)
        moment += model->body_mass[i] * data->xipos[3 * i];
    return moment / sum(model->nbody, model->body_mass);
}

static const mujoco_robot inverted_pendulum = {rv_mujoco_inverted_pendulum, 2, 0.01, 0.01, false, slider_x};
static const mujoco_robot double_pendulum = {rv_mujoco_inverted_double_pendulum, 5, 0.1, 0.1, true, slider_x};
static const mujoco_robot swimmer = {rv_mujoco_swimmer, 4, 0.1, 0.1, false, slider_x};
static const mujoco_robot hopper = {rv_mujoco_hopper, 4, 0.005, 0.005, false, slider_x};
static const mujoco_robot walker = {rv_mujoco_walker, 4, 0.005, 0.005, false, slider_x};
static const mujoco_robot half_cheetah = {rv_mujoco_half_cheetah, 5, 0.1, 0.1, true, slider_x};
static const mujoco_robot ant = {rv_mujoco_ant, 5, 0.1, 0.1, true, torso_x};
static const mujoco_robot humanoid = {rv_mujoco_humanoid, 5, 0.01, 0.01, false, mass_x};

/* ---- rules ---- */

/* the pole is no longer upright */
static bool inverted_pendulum_ends(const mjModel *model, const mjData *data)
{
    (void)model;
    return !(fabs(data->qpos[1]) <= 0.2);
}

/* the tip is too low; its place is late */
static bool double_pendulum_ends(const mjModel *model, const mjData *data)
{
    (void)model;
    return data->site_xpos[2] <= 1;
}

static bool hopper_ends(const mjModel *model, const mjData *data)
{
    const double *q = data->qpos, *v = data->qvel;
    for (int i = 2; i < model->nq; i++)
        if (!(fabs(q[i]) < 100))
            return true;
    for (int i = 0; i < model->nv; i++)
        if (!(fabs(v[i]) < 100))
            return true;
    return !(q[1] > 0.7 && fabs(q[2]) < 0.2);
}

static bool walker_ends(const mjModel *model, const mjData *data)
{
    (void)model;
    double z = data->qpos[1], pitch = data->qpos[2];
    return !(z > 0.8 && z < 2 && pitch > -1 && pitch < 1);
}

static bool ant_ends(const mjModel *model, const mjData *data)
{
    (void)model;
    return !(data->qpos[2] >= 0.2 && data->qpos[2] <= 1);
}

static bool humanoid_ends(const mjModel *model, const mjData *data)
{
    (void)model;
    return !(data->qpos[2] > 1 && data->qpos[2] < 2);
}

/* MBPO's: the bounds themselves are alive */
static bool humanoid_mbpo_ends(const mjModel *model, const mjData *data)
{
    (void)model;
    return data->qpos[2] < 1 || data->qpos[2] > 2;
}

static double double_pendulum_posture(const mjData *data, double alive)
{
    const double *tip = data->site_xpos, *v = data->qvel;
    double distance = 0.01 * (tip[0] * tip[0]) + (tip[2] - 2) * (tip[2] - 2);
    double speed = 1e-3 * (v[1] * v[1]) + 5e-3 * (v[2] * v[2]);
    return alive - distance - speed;
}

/* ---- the same rules inside a learned model, on observations: MBPO's where that has the task ---- */

static bool all_finite(int n, const float *x)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static void inverted_pendulum_done(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    for (int i = 0; i < n; i++) {
        const float *o = next_obs + i * spec->n_obs;
        done[i] = !all_finite(spec->n_obs, o) || fabsf(o[1]) > 0.2F;
    }
}

/* height of the tip from sines and cosines of the hinges; what is not a number is alive */
static void double_pendulum_done(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    for (int i = 0; i < n; i++) {
        const float *o = next_obs + i * spec->n_obs;
        double lower = atan2((double)o[1], (double)o[3]), upper = atan2((double)o[2], (double)o[4]);
        done[i] = 0.6 * ((double)o[3] + cos(lower + upper)) <= 1;
    }
}

/* as in MBPO, only the upper side of the bound 100 is tested; the environment tests both */
static void hopper_done(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    for (int i = 0; i < n; i++) {
        const float *o = next_obs + i * spec->n_obs;
        bool is_done = !all_finite(spec->n_obs, o) || !(o[0] > 0.7F) || !(fabsf(o[1]) < 0.2F);
        for (int j = 1; j < spec->n_obs; j++)
            is_done = is_done || o[j] >= 100;
        done[i] = is_done;
    }
}

static void walker_done(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    for (int i = 0; i < n; i++) {
        const float *o = next_obs + i * spec->n_obs;
        done[i] = !(o[0] > 0.8F && o[0] < 2 && o[1] > -1 && o[1] < 1);
    }
}

static void ant_done(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    for (int i = 0; i < n; i++) {
        const float *o = next_obs + i * spec->n_obs;
        done[i] = !all_finite(spec->n_obs, o) || o[0] < 0.2F || o[0] > 1;
    }
}

static void humanoid_done(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    for (int i = 0; i < n; i++) {
        float z = next_obs[i * spec->n_obs];
        done[i] = !(z > 1 && z < 2);
    }
}

static void humanoid_mbpo_done(const rv_env_spec *spec, int n, const float *next_obs, unsigned char *done)
{
    for (int i = 0; i < n; i++) {
        float z = next_obs[i * spec->n_obs];
        done[i] = z < 1 || z > 2;
    }
}

/* ---- rewards that are known ---- */

static void reward_one(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                       float *reward)
{
    (void)spec, (void)obs, (void)act, (void)next_obs;
    for (int i = 0; i < n; i++)
        reward[i] = 1;
}

static void reward_alive(const rv_env_spec *spec, int n, const float *obs, const float *act, const float *next_obs,
                         float *reward)
{
    (void)obs, (void)act;
    for (int i = 0; i < n; i++) {
        unsigned char done = 0;
        spec->terminated(spec, 1, next_obs + i * spec->n_obs, &done);
        reward[i] = done ? 0 : 1;
    }
}

/* ---- tasks ---- */

static const double minus_three[] = {-3}, three[] = {3};
static const double minus_one[] = {-1, -1, -1, -1, -1, -1, -1, -1}, one[] = {1, 1, 1, 1, 1, 1, 1, 1};
#define N17(x)                                                                                                         \
    {                                                                                                                  \
        x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x                                                              \
    }
static const double minus_two_fifths[] = N17(-0.4), two_fifths[] = N17(0.4);

/* of a robot: seconds of a step, actions and their range, positions, velocities */
#define INVERTED_PENDULUM 0.04, 1, minus_three, three, 2, 2
#define DOUBLE_PENDULUM   0.05, 1, minus_one, one, 3, 3
#define SWIMMER           0.04, 2, minus_one, one, 5, 5
#define HOPPER            0.008, 3, minus_one, one, 6, 6
#define WALKER            0.008, 6, minus_one, one, 9, 9
#define HALF_CHEETAH      0.05, 6, minus_one, one, 9, 9
#define ANT               0.05, 8, minus_one, one, 15, 14
#define HUMANOID          0.015, 17, minus_two_fifths, two_fifths, 24, 23

/* observations that several tasks share */
// clang-format off
#define SEE_HOPPER         {FROM_POS, 1, 5, 0}, {FROM_VEL, 0, 6, 10}
#define SEE_WALKER         {FROM_POS, 1, 8, 0}, {FROM_VEL, 0, 9, 10}
#define SEE_HALF_CHEETAH   {FROM_POS, 1, 8, 0}, {FROM_VEL, 0, 9, 0}
#define SEE_SWIMMER        {FROM_POS, 2, 3, 0}, {FROM_VEL, 0, 5, 0}
#define SEE_ANT            {FROM_POS, 2, 13, 0}, {FROM_VEL, 0, 14, 0}
#define SEE_HUMANOID       {FROM_POS, 2, 22, 0}, {FROM_VEL, 0, 23, 0}
#define SEE_PENDULUM       {FROM_POS, 0, 2, 0}, {FROM_VEL, 0, 2, 0}
#define SEE_DOUBLE         {FROM_POS, 0, 1, 0}, {FROM_SIN, 1, 2, 0}, {FROM_COS, 1, 2, 0}, {FROM_VEL, 0, 3, 10}
// clang-format on

/* one task: name, what it is, robot, numbers of the observation and how many of them are late, return that counts as
 * solved, termination and reward inside a learned model, then members of mujoco_task */
#define TASK(...) TASK_(__VA_ARGS__)
#define TASK_(name_, help_, dt_, n_act_, low_, high_, n_pos_, n_vel_, n_obs_, n_late_, solved_, done_, reward_, ...)   \
    {                                                                                                                  \
        .spec = {.name = (name_),                                                                                      \
                 .family = "mujoco",                                                                                   \
                 .help = (help_),                                                                                      \
                 .n_obs = (n_obs_),                                                                                    \
                 .n_act = (n_act_),                                                                                    \
                 .time_limit = 1000,                                                                                   \
                 .dt = (dt_),                                                                                          \
                 .threshold = (solved_),                                                                               \
                 .act_low = (low_),                                                                                    \
                 .act_high = (high_),                                                                                  \
                 .terminated = (done_),                                                                                \
                 .reward = (reward_)},                                                                                 \
        .family = &rv_env_mujoco, .n_pos = (n_pos_), .n_vel = (n_vel_),                                                \
        .n_state = (n_pos_) + 2 * (n_vel_) + 2 + (n_late_), .more = &(const mujoco_task)                               \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

static const rv_env_task tasks[] = {
    TASK("InvertedPendulum-v4", "keep a pole on a cart upright", INVERTED_PENDULUM, 4, 0, 950, inverted_pendulum_done,
         reward_one, .robot = &inverted_pendulum, .parts = {SEE_PENDULUM}, .is_terminal = inverted_pendulum_ends,
         .alive = 1, .is_always_alive = true),
    TASK("InvertedPendulum-v5", "the same; the step that ends it pays nothing", INVERTED_PENDULUM, 4, 0, 950,
         inverted_pendulum_done, reward_alive, .robot = &inverted_pendulum, .parts = {SEE_PENDULUM},
         .is_terminal = inverted_pendulum_ends, .alive = 1),

    TASK("InvertedDoublePendulum-v4", "keep two poles, one upon the other, upright on a cart", DOUBLE_PENDULUM, 11, 3,
         9100, double_pendulum_done, NULL, .robot = &double_pendulum, .parts = {SEE_DOUBLE, {FROM_LIMIT, 0, 3, 10}},
         .is_terminal = double_pendulum_ends, .posture = double_pendulum_posture, .alive = 10, .is_always_alive = true),
    TASK("InvertedDoublePendulum-v5", "the same; fewer forces seen, no 10 on the step that ends it", DOUBLE_PENDULUM, 9,
         1, 9100, double_pendulum_done, NULL, .robot = &double_pendulum, .parts = {SEE_DOUBLE, {FROM_LIMIT, 0, 1, 10}},
         .is_terminal = double_pendulum_ends, .posture = double_pendulum_posture, .alive = 10),

    TASK("Swimmer-v4", "swim forward with two joints; never terminates", SWIMMER, 8, 0, 360, NULL, NULL,
         .robot = &swimmer, .parts = {SEE_SWIMMER}, .forward = 1, .control = 1e-4),
    TASK("Swimmer-v5", "the same in every step", SWIMMER, 8, 0, 360, NULL, NULL, .robot = &swimmer,
         .parts = {SEE_SWIMMER}, .forward = 1, .control = 1e-4),

    TASK("Hopper-v4", "hop forward on one leg without falling", HOPPER, 11, 0, 3800, hopper_done, NULL,
         .robot = &hopper, .parts = {SEE_HOPPER}, .is_terminal = hopper_ends, .forward = 1, .alive = 1, .control = 1e-3,
         .is_always_alive = true),
    TASK("Hopper-v5", "the same; a fall is not paid as being alive", HOPPER, 11, 0, 3800, hopper_done, NULL,
         .robot = &hopper, .parts = {SEE_HOPPER}, .is_terminal = hopper_ends, .forward = 1, .alive = 1,
         .control = 1e-3),

    TASK("Walker2d-v4", "walk forward on two legs without falling", WALKER, 17, 0, NAN, walker_done, NULL,
         .robot = &walker, .parts = {SEE_WALKER}, .is_terminal = walker_ends, .forward = 1, .alive = 1, .control = 1e-3,
         .is_always_alive = true),
    TASK("Walker2d-v5", "the same with equal feet; a fall is not paid as being alive", WALKER, 17, 0, NAN, walker_done,
         NULL, .robot = &walker, .friction = {"right_foot", 1.9}, .parts = {SEE_WALKER}, .is_terminal = walker_ends,
         .forward = 1, .alive = 1, .control = 1e-3),

    TASK("HalfCheetah-v4", "run forward on two legs; never terminates", HALF_CHEETAH, 17, 0, 4800, NULL, NULL,
         .robot = &half_cheetah, .parts = {SEE_HALF_CHEETAH}, .forward = 1, .control = 0.1),
    TASK("HalfCheetah-v5", "the same in every step", HALF_CHEETAH, 17, 0, 4800, NULL, NULL, .robot = &half_cheetah,
         .parts = {SEE_HALF_CHEETAH}, .forward = 1, .control = 0.1),

    TASK("Ant-v4", "run forward on four legs", ANT, 27, 0, 6000, ant_done, NULL, .robot = &ant, .parts = {SEE_ANT},
         .is_terminal = ant_ends, .forward = 1, .alive = 1, .control = 0.5, .is_always_alive = true),
    TASK("Ant-v4-contact", "Ant-v4 that sees its contact forces and pays for them", ANT, 111, 84, 6000, ant_done, NULL,
         .robot = &ant, .parts = {SEE_ANT, {FROM_CONTACT, 0, 84, 1}}, .is_terminal = ant_ends, .forward = 1, .alive = 1,
         .control = 0.5, .contact = 5e-4, .contact_limit = 1, .is_always_alive = true),
    TASK("Ant-v5", "the same without the world's force; a fall is not paid as being alive", ANT, 105, 78, 6000,
         ant_done, NULL, .robot = &ant, .parts = {SEE_ANT, {FROM_CONTACT, 6, 78, 1}}, .is_terminal = ant_ends,
         .forward = 1, .alive = 1, .control = 0.5, .contact = 5e-4, .contact_limit = 1),
    TASK("AntTruncatedObs", "MBPO's Ant: contact forces are paid for but not seen", ANT, 27, 0, NAN, ant_done, NULL,
         .robot = &ant, .parts = {SEE_ANT}, .is_terminal = ant_ends, .forward = 1, .alive = 1, .control = 0.5,
         .contact = 5e-4, .contact_limit = 1, .is_always_alive = true, .is_alive_last = true),
    TASK("AntTruncatedObs-norne", "the same where contact forces count as zero", ANT, 27, 0, NAN, ant_done, NULL,
         .robot = &ant, .parts = {SEE_ANT}, .is_terminal = ant_ends, .forward = 1, .alive = 1, .control = 0.5,
         .is_always_alive = true, .is_alive_last = true),

    TASK("Humanoid-v4", "walk forward on two legs with arms and a trunk", HUMANOID, 376, 331, NAN, humanoid_done, NULL,
         .robot = &humanoid,
         .parts = {SEE_HUMANOID,
                   {FROM_INERTIA, 0, 140, 0},
                   {FROM_BODY_VEL, 0, 84, 0},
                   {FROM_MOTOR, 0, 23, 0},
                   {FROM_CONTACT, 0, 84, 0}},
         .is_terminal = humanoid_ends, .forward = 1.25, .alive = 5, .control = 0.1, .is_always_alive = true),
    TASK("Humanoid-v5", "the same without what is always zero; pays for contact, a fall is not paid as being alive",
         HUMANOID, 348, 303, NAN, humanoid_done, NULL, .robot = &humanoid,
         .parts = {SEE_HUMANOID,
                   {FROM_INERTIA, 10, 130, 0},
                   {FROM_BODY_VEL, 6, 78, 0},
                   {FROM_MOTOR, 6, 17, 0},
                   {FROM_CONTACT, 6, 78, 0}},
         .is_terminal = humanoid_ends, .forward = 1.25, .alive = 5, .control = 0.1, .contact = 5e-7,
         .contact_most = 10),
    TASK("HumanoidTruncatedObs", "MBPO's Humanoid: sees positions and velocities, pays for contact", HUMANOID, 45, 0,
         NAN, humanoid_mbpo_done, NULL, .robot = &humanoid, .parts = {SEE_HUMANOID}, .is_terminal = humanoid_mbpo_ends,
         .forward = 1.25, .alive = 5, .control = 0.1, .contact = 5e-7, .contact_most = 10, .is_always_alive = true,
         .is_alive_last = true),
    TASK("HumanoidTruncatedObs-norne", "the same where contact forces count as zero", HUMANOID, 45, 0, NAN,
         humanoid_mbpo_done, NULL, .robot = &humanoid, .parts = {SEE_HUMANOID}, .is_terminal = humanoid_mbpo_ends,
         .forward = 1.25, .alive = 5, .control = 0.1, .is_always_alive = true, .is_alive_last = true),
};

const rv_env_family rv_env_mujoco = {
    .name = "mujoco",
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
    .physics = physics,
    .pose = pose,
};
