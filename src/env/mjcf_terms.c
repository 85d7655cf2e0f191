#include "env/mjcf_terms.h"

#include "base/memory.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

typedef struct object_kind {
    const char *name;
    int type; /* mjtObj */
} object_kind;

static const object_kind kinds[] = {
    [RV_MJCF_OF_NONE] = {"object", mjOBJ_UNKNOWN},   [RV_MJCF_OF_JOINT] = {"joint", mjOBJ_JOINT},
    [RV_MJCF_OF_BODY] = {"body", mjOBJ_BODY},        [RV_MJCF_OF_SITE] = {"site", mjOBJ_SITE},
    [RV_MJCF_OF_SENSOR] = {"sensor", mjOBJ_SENSOR},  [RV_MJCF_OF_ACTUATOR] = {"actuator", mjOBJ_ACTUATOR},
    [RV_MJCF_OF_KEYFRAME] = {"keyframe", mjOBJ_KEY},
};

static int count_objects(const mjModel *m, rv_mjcf_object of)
{
    const int counts[] = {0, m->njnt, m->nbody, m->nsite, m->nsensor, m->nu, m->nkey};
    return counts[of];
}

static rv_status fail_at(const rv_mjcf_desc *desc, rv_mjcf_place at, const char *text)
{
    return rv_raise(RV_E_CONFIG, "%s:%zu:%zu: %s", desc->name, at.line, at.column, text);
}

/* raises at the place of a name or entry */
#define CHECK_AT(cond, desc, at, ...)                                                                                  \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            char text_[RV_ERROR_TEXT / 2];                                                                             \
            snprintf(text_, sizeof text_, __VA_ARGS__);                                                                \
            return fail_at((desc), (at), text_);                                                                       \
        }                                                                                                              \
    } while (0)

static rv_status find_object(const rv_mjcf_desc *desc, const mjModel *m, rv_mjcf_object of, const rv_mjcf_name *name,
                             int *out)
{
    const char *nearest = NULL, *kind = kinds[of].name;
    int least = INT_MAX, n = count_objects(m, of), n_named = 0;
    int id = mj_name2id(m, kinds[of].type, name->text);
    if (id >= 0) {
        *out = id;
        return RV_OK;
    }
    for (int i = 0; i < n; i++) {
        const char *other = mj_id2name(m, kinds[of].type, i);
        n_named += other && *other;
        if (other && *other && rv_field_nearer(name->text, other, &least))
            nearest = other;
    }
    CHECK_AT(!nearest, desc, name->at, "no %s '%s' in the model; did you mean '%.100s'?", kind, name->text, nearest);
    CHECK_AT(false, desc, name->at, "no %s '%s' in the model, which has %d, %d of them with a name", kind, name->text,
             n, n_named);
}

/* ids of all objects that names says, in order. ids (at least as many as the model has); *n_out */
static rv_status find_objects(const rv_mjcf_desc *desc, const mjModel *m, const rv_mjcf_term *term, rv_mjcf_object of,
                              int *ids, int *n_out)
{
    int n = 0;
    for (int i = term->of.first; i < term->of.first + term->of.n; i++) /* all different, so no more than there are */
        RV_TRY(find_object(desc, m, of, &desc->names[i], &ids[n++]));
    for (int i = 0; term->of.is_all && i < count_objects(m, of); i++)
        ids[n++] = i;
    for (int i = term->except.first; i < term->except.first + term->except.n; i++) {
        int id = 0, kept = 0;
        RV_TRY(find_object(desc, m, of, &desc->names[i], &id));
        for (int j = 0; j < n; j++)
            if (ids[j] != id)
                ids[kept++] = ids[j];
        n = kept;
    }
    CHECK_AT(n > 0, desc, term->at, "the model has no %s%s", kinds[of].name, term->except.n ? " but the excepted" : "");
    *n_out = n;
    return RV_OK;
}

/* ---- where numbers stand ---- */

static int pos_size(int joint_type)
{
    return joint_type == mjJNT_FREE ? 7 : joint_type == mjJNT_BALL ? 4 : 1;
}

static int vel_size(int joint_type)
{
    return joint_type == mjJNT_FREE ? 6 : joint_type == mjJNT_BALL ? 3 : 1;
}

static const char *shown_name(const mjModel *m, int type, int id)
{
    const char *name = mj_id2name(m, type, id);
    return name && *name ? name : "(without a name)";
}

/* first: where the object's numbers begin in the array of its quantity; size: how many there are */
static void locate(const mjModel *m, rv_mjcf_quantity quantity, int id, int *first, int *size)
{
    *first = 3 * id;
    *size = 3;
    switch (quantity) {
    case RV_MJCF_JOINT_POSITION:
        *first = m->jnt_qposadr[id];
        *size = pos_size(m->jnt_type[id]);
        break;
    case RV_MJCF_JOINT_VELOCITY:
        *first = m->jnt_dofadr[id];
        *size = vel_size(m->jnt_type[id]);
        break;
    case RV_MJCF_JOINT_SIN:
    case RV_MJCF_JOINT_COS:
    case RV_MJCF_JOINT_RATE:
        *first = m->jnt_qposadr[id];
        *size = 1;
        break;
    case RV_MJCF_BODY_ORIENTATION:
        *first = 4 * id;
        *size = 4;
        break;
    case RV_MJCF_BODY_UPRIGHT:
        *first = 9 * id + 8;
        *size = 1;
        break;
    case RV_MJCF_SENSOR:
        *first = m->sensor_adr[id];
        *size = m->sensor_dim[id];
        break;
    case RV_MJCF_CONTACT_FORCE:
    case RV_MJCF_CONTROL:
        *first = id;
        *size = 1;
        break;
    default:
        break;
    }
}

/* may the quantity be taken of this object? */
static rv_status check_object(const rv_mjcf_desc *desc, const mjModel *m, const rv_mjcf_term *term, int id)
{
    const char *key = rv_mjcf_quantity_key(term->quantity);
    bool is_angle = term->quantity == RV_MJCF_JOINT_SIN || term->quantity == RV_MJCF_JOINT_COS;
    if (!is_angle && term->quantity != RV_MJCF_JOINT_RATE)
        return RV_OK;
    int type = m->jnt_type[id];
    CHECK_AT(type == mjJNT_HINGE || (!is_angle && type == mjJNT_SLIDE), desc, term->at,
             "'%s' is for joints of type hinge%s; '%.100s' is another (name those meant, or use 'except')", key,
             is_angle ? "" : " or slide", shown_name(m, mjOBJ_JOINT, id));
    return RV_OK;
}

/* which of size numbers the axes mean: order (RV_FIELD_STR), *n */
static rv_status find_axes(const rv_mjcf_desc *desc, const rv_mjcf_term *term, int size, int *order, int *n)
{
    const char *letters = size == 4 ? "wxyz" : "xyz";
    *n = (int)strlen(term->axes);
    CHECK_AT(size == 3 || size == 4, desc, term->at, "'axes' is for objects with 3 or 4 numbers; these have %d", size);
    for (int i = 0; i < *n; i++) {
        const char *letter = strchr(letters, term->axes[i]);
        CHECK_AT(letter, desc, term->at, "'axes': expected letters out of %s, got '%.60s'", letters, term->axes);
        CHECK_AT(!strchr(term->axes + i + 1, term->axes[i]), desc, term->at, "'axes': '%c' is there twice",
                 term->axes[i]);
        order[i] = (int)(letter - letters);
    }
    return RV_OK;
}

static bool is_rate(rv_mjcf_quantity q)
{
    return q == RV_MJCF_JOINT_RATE || q == RV_MJCF_BODY_RATE || q == RV_MJCF_COM_RATE || q == RV_MJCF_SITE_RATE;
}

static rv_mujoco_part part_of(rv_mjcf_quantity q)
{
    switch (q) {
    case RV_MJCF_BODY_POSITION:
    case RV_MJCF_BODY_ORIENTATION:
    case RV_MJCF_BODY_UPRIGHT:
    case RV_MJCF_BODY_RATE:
    case RV_MJCF_SITE_POSITION:
    case RV_MJCF_SITE_RATE:
        return RV_MUJOCO_POSES;
    case RV_MJCF_BODY_VELOCITY:
    case RV_MJCF_BODY_SPIN:
    case RV_MJCF_SITE_VELOCITY:
    case RV_MJCF_COM_POSITION:
    case RV_MJCF_COM_RATE:
        return RV_MUJOCO_VELOCITIES;
    case RV_MJCF_SENSOR:
    case RV_MJCF_CONTACT_FORCE:
        return RV_MUJOCO_FORCES;
    default:
        return RV_MUJOCO_STATE;
    }
}

/* ---- resolving ---- */

/* what is being filled, and room for it */
typedef struct resolver {
    const rv_mjcf_desc *desc;
    const mjModel *m;
    rv_mjcf_terms *out;
    int n_room; /* numbers in out->numbers */
    int *ids;   /* (most objects of a kind) */
} resolver;

static rv_status add_number(resolver *r, const rv_mjcf_term *term, int at, int minus)
{
    rv_mjcf_quantity quantity = term->quantity;
    rv_mjcf_terms *out = r->out;
    if (out->n_numbers == r->n_room) {
        int more = r->n_room ? 2 * r->n_room : 64;
        RV_TRY(rv_mem_resize((size_t)r->n_room, (size_t)more, sizeof *out->numbers, (void **)&out->numbers));
        r->n_room = more;
    }
    out->numbers[out->n_numbers++] = (rv_mjcf_number){
        .quantity = quantity,
        .at = at,
        .minus = minus,
        .mark = is_rate(quantity) ? out->n_marks++ : -1,
        .low = -INFINITY,
        .high = INFINITY,
        .line = term->at.line,
    };
    if (part_of(quantity) > out->needs)
        out->needs = part_of(quantity);
    return RV_OK;
}

static rv_status add_object(resolver *r, const rv_mjcf_term *term, int id, int minus_id)
{
    int first = 0, size = 0, minus = 0, minus_size = 0, order[RV_FIELD_STR], n = 0;
    RV_TRY(check_object(r->desc, r->m, term, id));
    locate(r->m, term->quantity, id, &first, &size);
    if (minus_id >= 0) {
        RV_TRY(check_object(r->desc, r->m, term, minus_id));
        locate(r->m, term->quantity, minus_id, &minus, &minus_size);
        CHECK_AT(minus_size == size, r->desc, term->at, "'minus': an object of %d numbers from one of %d", minus_size,
                 size);
    }
    if (!term->axes[0])
        for (n = 0; n < size; n++)
            RV_TRY(add_number(r, term, first + n, minus_id >= 0 ? minus + n : -1));
    else
        RV_TRY(find_axes(r->desc, term, size, order, &n));
    for (int i = 0; i < n && term->axes[0]; i++)
        RV_TRY(add_number(r, term, first + order[i], minus_id >= 0 ? minus + order[i] : -1));
    return RV_OK;
}

/* the numbers of an entry, behind those that are there */
static rv_status add_term(resolver *r, const rv_mjcf_term *term)
{
    rv_mjcf_object of = rv_mjcf_quantity_of(term->quantity);
    int n = 0, minus = -1;
    RV_TRY(find_objects(r->desc, r->m, term, of, r->ids, &n));
    if (term->minus.n == 1)
        RV_TRY(find_object(r->desc, r->m, of, &r->desc->names[term->minus.first], &minus));
    for (int i = 0; i < n; i++)
        RV_TRY(add_object(r, term, r->ids[i], minus));
    return RV_OK;
}

static rv_status add_observation(resolver *r)
{
    rv_mjcf_terms *out = r->out;
    for (int t = 0; t < r->desc->observation.n; t++) {
        const rv_mjcf_term *term = &r->desc->observation.terms[t];
        int first = out->n_numbers;
        RV_TRY(add_term(r, term));
        for (int i = first; i < out->n_numbers; i++) {
            out->numbers[i].with = term->scale;
            if (term->clip.n == 0)
                continue;
            out->numbers[i].low = term->clip.n == 1 ? -term->clip.v[0] : term->clip.v[0];
            out->numbers[i].high = term->clip.v[term->clip.n - 1];
        }
        CHECK_AT(out->n_numbers <= RV_MJCF_MAX_OBS, r->desc, term->at, "more than %d numbers are observed",
                 (int)RV_MJCF_MAX_OBS);
    }
    out->n_obs = out->n_numbers;
    return RV_OK;
}

static rv_status add_reward(resolver *r)
{
    rv_mjcf_terms *out = r->out;
    RV_TRY(RV_NEW(out->sums, r->desc->reward.n));
    for (int t = 0; t < r->desc->reward.n; t++) {
        const rv_mjcf_term *term = &r->desc->reward.terms[t];
        int first = out->n_numbers;
        if (rv_mjcf_quantity_of(term->quantity) == RV_MJCF_OF_NONE) {
            out->constant += term->quantity == RV_MJCF_CONSTANT ? term->weight : 0;
            out->alive += term->quantity == RV_MJCF_ALIVE ? term->weight : 0;
            continue;
        }
        RV_TRY(add_term(r, term));
        int n = out->n_numbers - first;
        CHECK_AT(term->target.n <= 1 || term->target.n == n, r->desc, term->at, "%d targets for %d numbers",
                 (int)term->target.n, n);
        for (int i = 0; i < n; i++)
            out->numbers[first + i].with = term->target.v[term->target.n > 1 ? i : 0];
        out->sums[out->n_sums++] = (rv_mjcf_sum){first, n, (rv_mjcf_as)term->as, term->weight, term->width};
    }
    out->n_rewarded = out->n_numbers;
    return RV_OK;
}

static rv_status add_conditions(resolver *r)
{
    rv_mjcf_terms *out = r->out;
    for (int t = 0; t < r->desc->terminated.n; t++) {
        const rv_mjcf_term *term = &r->desc->terminated.terms[t];
        int first = out->n_numbers;
        RV_TRY(add_term(r, term));
        for (int i = first; i < out->n_numbers; i++) {
            out->numbers[i].low = term->low;
            out->numbers[i].high = term->high;
        }
    }
    return RV_OK;
}

/* ---- reset ---- */

static rv_status set_starts(const resolver *r, const rv_mjcf_names *names, bool is_velocity, double *out)
{
    for (int i = names->first; i < names->first + names->n; i++) {
        const rv_mjcf_name *name = &r->desc->names[i];
        int id = 0;
        RV_TRY(find_object(r->desc, r->m, RV_MJCF_OF_JOINT, name, &id));
        CHECK_AT(pos_size(r->m->jnt_type[id]) == 1, r->desc, name->at,
                 "joint '%s' has more than one number; expected a hinge or a slide (a keyframe starts the others)",
                 name->text);
        out[is_velocity ? r->m->jnt_dofadr[id] : r->m->jnt_qposadr[id]] = name->value;
    }
    return RV_OK;
}

static rv_status add_noise(resolver *r)
{
    rv_mjcf_terms *out = r->out;
    const rv_mjcf_list *list = &r->desc->noise;
    RV_TRY(RV_NEW(out->noise, list->n * (r->m->nq > r->m->nv ? r->m->nq : r->m->nv)));
    for (int t = 0; t < list->n; t++) {
        const rv_mjcf_term *term = &list->terms[t];
        bool is_velocity = term->quantity == RV_MJCF_JOINT_VELOCITY, is_normal = term->normal >= 0;
        int n = 0;
        RV_TRY(find_objects(r->desc, r->m, term, RV_MJCF_OF_JOINT, r->ids, &n));
        for (int i = 0; i < n; i++) {
            int first = 0, size = 0;
            locate(r->m, term->quantity, r->ids[i], &first, &size);
            for (int k = 0; k < size; k++)
                out->noise[out->n_noise++] = (rv_mjcf_noise){.at = first + k,
                                                             .is_velocity = is_velocity,
                                                             .is_normal = is_normal,
                                                             .amount = is_normal ? term->normal : term->uniform};
        }
    }
    return RV_OK;
}

static rv_status add_reset(resolver *r)
{
    rv_mjcf_terms *out = r->out;
    const rv_mjcf_desc *desc = r->desc;
    const mjModel *m = r->m;
    RV_TRY(RV_NEW(out->pos, m->nq));
    RV_TRY(RV_NEW(out->vel, m->nv));
    memcpy(out->pos, m->qpos0, (size_t)m->nq * sizeof(double));
    if (desc->keyframe.n == 1) {
        int id = 0;
        RV_TRY(find_object(desc, m, RV_MJCF_OF_KEYFRAME, &desc->names[desc->keyframe.first], &id));
        memcpy(out->pos, m->key_qpos + (size_t)id * (size_t)m->nq, (size_t)m->nq * sizeof(double));
        memcpy(out->vel, m->key_qvel + (size_t)id * (size_t)m->nv, (size_t)m->nv * sizeof(double));
    }
    RV_TRY(set_starts(r, &desc->position, false, out->pos));
    RV_TRY(set_starts(r, &desc->velocity, true, out->vel));
    return add_noise(r);
}

static rv_status check_model(const rv_mjcf_desc *desc, const mjModel *m)
{
    CHECK_AT(m->nu > 0 && m->nv > 0, desc, desc->model_at, "the model has %s: there is nothing to control",
             m->nv > 0 ? "no actuator" : "no joint");
    CHECK_AT(!(m->opt.enableflags & mjENBL_SENSORNOISE), desc, desc->model_at,
             "the model switches on 'sensornoise', whose random numbers no seed repeats; leave it out");
    for (int i = 0; i < m->nu; i++)
        CHECK_AT(m->actuator_ctrllimited[i] && m->actuator_ctrlrange[2 * i] < m->actuator_ctrlrange[2 * i + 1], desc,
                 desc->model_at,
                 "actuator %d of the model, '%.100s', has no range of control, which the actions are scaled to; give "
                 "it ctrllimited='true' ctrlrange='LOW HIGH'",
                 i, shown_name(m, mjOBJ_ACTUATOR, i));
    return RV_OK;
}

void rv_mjcf_terms_clear(rv_mjcf_terms *terms)
{
    rv_mem_free(&terms->numbers);
    rv_mem_free(&terms->sums);
    rv_mem_free(&terms->noise);
    rv_mem_free(&terms->pos);
    rv_mem_free(&terms->vel);
    *terms = (rv_mjcf_terms){0};
}

rv_status rv_mjcf_terms_init(const rv_mjcf_desc *desc, const mjModel *model, rv_mjcf_terms *out)
{
    rv_status status = RV_OK;
    rv_mjcf_terms terms = {.n_pos = model->nq, .n_vel = model->nv, .n_act = model->nu};
    resolver r = {.desc = desc, .m = model, .out = &terms};
    int most = 0;
    for (int of = 0; of <= RV_MJCF_OF_KEYFRAME; of++)
        if (count_objects(model, (rv_mjcf_object)of) > most)
            most = count_objects(model, (rv_mjcf_object)of);
    RV_TRY(check_model(desc, model));
    RV_TRY(RV_NEW(r.ids, most));
    RV_TRY_GOTO(add_reset(&r), fail);
    RV_TRY_GOTO(add_observation(&r), fail);
    RV_TRY_GOTO(add_reward(&r), fail);
    RV_TRY_GOTO(add_conditions(&r), fail);
    rv_mem_free(&r.ids);
    *out = terms;
    return RV_OK;
fail:
    rv_mem_free(&r.ids);
    rv_mjcf_terms_clear(&terms);
    return status;
}

/* ---- episodes ---- */

void rv_mjcf_terms_draw(const rv_mjcf_terms *terms, rv_rng *rng, double *pos, double *vel)
{
    memcpy(pos, terms->pos, (size_t)terms->n_pos * sizeof(double));
    memcpy(vel, terms->vel, (size_t)terms->n_vel * sizeof(double));
    for (int i = 0; i < terms->n_noise; i++) {
        const rv_mjcf_noise *n = &terms->noise[i];
        double x = n->is_normal ? rv_rng_normal(rng) : 2 * rv_rng_uniform(rng) - 1;
        (n->is_velocity ? vel : pos)[n->at] += n->amount * x;
    }
}

static double velocity_of(const rv_mujoco_sim *sim, int type, int at, bool is_spin)
{
    double v[6]; /* rotation, translation */
    mj_objectVelocity(sim->model, sim->data, type, at / 3, v, 0);
    return v[at % 3 + (is_spin ? 0 : 3)];
}

/* the quantity as it stands in the simulation's data; of a rate, the position that it is the rate of */
static double take(const rv_mujoco_sim *sim, const double *u, rv_mjcf_quantity quantity, int at)
{
    const mjData *d = sim->data;
    switch (quantity) {
    case RV_MJCF_JOINT_POSITION:
    case RV_MJCF_JOINT_RATE:
        return d->qpos[at];
    case RV_MJCF_JOINT_VELOCITY:
        return d->qvel[at];
    case RV_MJCF_JOINT_SIN:
        return sin(d->qpos[at]);
    case RV_MJCF_JOINT_COS:
        return cos(d->qpos[at]);
    case RV_MJCF_BODY_POSITION:
    case RV_MJCF_BODY_RATE:
        return d->xpos[at];
    case RV_MJCF_BODY_ORIENTATION:
        return d->xquat[at];
    case RV_MJCF_BODY_UPRIGHT:
        return d->xmat[at];
    case RV_MJCF_BODY_VELOCITY:
        return velocity_of(sim, mjOBJ_XBODY, at, false);
    case RV_MJCF_BODY_SPIN:
        return velocity_of(sim, mjOBJ_XBODY, at, true);
    case RV_MJCF_COM_POSITION:
    case RV_MJCF_COM_RATE:
        return d->subtree_com[at];
    case RV_MJCF_SITE_POSITION:
    case RV_MJCF_SITE_RATE:
        return d->site_xpos[at];
    case RV_MJCF_SITE_VELOCITY:
        return velocity_of(sim, mjOBJ_SITE, at, false);
    case RV_MJCF_CONTACT_FORCE: {
        const double *f = d->cfrc_ext + 6 * at + 3;
        return sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2]);
    }
    case RV_MJCF_SENSOR:
        return d->sensordata[at];
    case RV_MJCF_CONTROL:
        return u[at];
    default:
        return 0;
    }
}

void rv_mjcf_terms_measure(const rv_mjcf_terms *terms, const rv_mujoco_sim *sim, const double *u, bool is_start,
                           double *marks, double *values)
{
    double dt = sim->model->opt.timestep * sim->frame_skip;
    for (int i = 0; i < terms->n_numbers; i++) {
        const rv_mjcf_number *n = &terms->numbers[i];
        double x = take(sim, u, n->quantity, n->at);
        if (n->minus >= 0)
            x -= take(sim, u, n->quantity, n->minus);
        if (n->mark >= 0) {
            double now = x;
            x = is_start ? 0 : (now - marks[n->mark]) / dt;
            marks[n->mark] = now;
        }
        if (i < terms->n_obs) {
            x *= n->with;
            x = x < n->low ? n->low : x > n->high ? n->high : x;
        }
        values[i] = x;
    }
}

bool rv_mjcf_terms_is_terminated(const rv_mjcf_terms *terms, const double *values)
{
    for (int i = terms->n_rewarded; i < terms->n_numbers; i++)
        if (!(values[i] >= terms->numbers[i].low && values[i] <= terms->numbers[i].high))
            return true;
    return false;
}

static double make(const rv_mjcf_terms *terms, const rv_mjcf_sum *sum, const double *values)
{
    double total = 0;
    for (int i = sum->first; i < sum->first + sum->n; i++) {
        double x = values[i] - terms->numbers[i].with;
        switch (sum->as) {
        case RV_MJCF_VALUE:
            total += x;
            break;
        case RV_MJCF_ABSOLUTE:
            total += fabs(x);
            break;
        case RV_MJCF_COSINE:
            total += cos(x);
            break;
        case RV_MJCF_SQUARE:
        case RV_MJCF_DISTANCE:
        case RV_MJCF_NEAR:
            total += x * x;
            break;
        }
    }
    if (sum->as == RV_MJCF_DISTANCE)
        return sqrt(total);
    return sum->as == RV_MJCF_NEAR ? exp(-total / (sum->width * sum->width)) : total;
}

double rv_mjcf_terms_reward(const rv_mjcf_terms *terms, const double *values, bool is_terminated)
{
    double reward = terms->constant + (is_terminated ? 0 : terms->alive);
    for (int i = 0; i < terms->n_sums; i++)
        reward += terms->sums[i].weight * make(terms, &terms->sums[i], values);
    return reward;
}

/* the observed number that is out of the condition's range whenever the condition's is; -1: none */
static int find_observed(const rv_mjcf_terms *terms, const rv_mjcf_number *condition)
{
    for (int i = 0; i < terms->n_obs; i++) {
        const rv_mjcf_number *n = &terms->numbers[i];
        if (n->quantity == condition->quantity && n->at == condition->at && n->minus == condition->minus &&
            (n->low < condition->low * n->with || !isfinite(condition->low)) &&
            (n->high > condition->high * n->with || !isfinite(condition->high)))
            return i;
    }
    return -1;
}

int rv_mjcf_terms_alive(const rv_mjcf_terms *terms, float *low, float *high, int *unseen)
{
    int n_found = 0;
    *unseen = -1;
    for (int i = 0; i < terms->n_obs; i++) {
        low[i] = -INFINITY;
        high[i] = INFINITY;
    }
    for (int i = terms->n_rewarded; i < terms->n_numbers; i++) {
        const rv_mjcf_number *condition = &terms->numbers[i];
        int at = find_observed(terms, condition);
        if (at < 0) {
            *unseen = *unseen < 0 ? i : *unseen;
            continue;
        }
        n_found++;
        low[at] = fmaxf(low[at], (float)(condition->low * terms->numbers[at].with));
        high[at] = fminf(high[at], (float)(condition->high * terms->numbers[at].with));
    }
    return n_found;
}
