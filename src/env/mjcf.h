/* mjcf.h - a user's own MuJoCo task: a model of theirs (MJCF) and a short description of what is learned with it.
 *
 * env.name: FILE.yaml (or .yml) is the description; configs/own/mjcf/beam.yaml is one to start from.
 *
 *   model: beam.xml            the model, beside this file
 *   frame_skip: 5              simulation steps per step of the task; default 1
 *   time_limit: 200            steps until an episode is cut; 0: never; default 1000
 *   help: balance a ball       one line for people
 *   reset:                     how an episode begins; in all: in the model's reference position, at rest
 *     keyframe: ready          position and velocity of that keyframe of the model instead
 *     position: {tilt: 0.1}    of joints (hinge, slide) by name
 *     velocity: {tilt: 0}
 *     noise:                   added in this order; uniform in +-that, or normal with that standard deviation
 *       - position: all
 *         uniform: 0.01
 *       - velocity: [tilt, ball]
 *         normal: 0.1
 *   observation:               what the learner sees, in this order
 *     - joint_position: all
 *     - joint_velocity: all
 *       clip: 10
 *   reward:                    the sum of these
 *     - joint_position: ball
 *       minus: mark
 *       as: near
 *       width: 0.1
 *     - control: all
 *       as: square
 *       weight: -0.1
 *   terminated:                the task ends when one of these leaves its range
 *     - joint_position: ball
 *       low: -0.4
 *       high: 0.4
 *
 * model, observation and reward must be there. Every entry of the three lists names one quantity and the objects of the
 * model that it is taken of: a name, a list of names in the order wanted, or "all" in the model's order.
 *
 *   quantity               of        numbers each and unit
 *   joint_position         joint     hinge 1 rad, slide 1 m, ball 4 (w x y z), free 7 (x y z, w x y z)
 *   joint_velocity         joint     hinge 1 rad/s, slide 1 m/s, ball 3, free 6 (linear, then angular)
 *   joint_sin, joint_cos   joint     hinge 1
 *   joint_rate             joint     hinge, slide 1: mean velocity over the step (below)
 *   body_position          body      3 m: origin of its frame, in the world
 *   body_orientation       body      4 (w x y z): of its frame in the world
 *   body_upright           body      1: cosine of the angle between its z axis and the world's
 *   body_velocity          body      3 m/s: of the origin of its frame, along the world's axes
 *   body_spin              body      3 rad/s: about the world's axes
 *   body_rate              body      3 m/s: mean velocity of body_position over the step
 *   com_position           body      3 m: centre of mass of the body and all that hangs on it ("world": of everything)
 *   com_rate               body      3 m/s: its mean velocity over the step
 *   site_position          site      3 m: in the world
 *   site_velocity          site      3 m/s: along the world's axes
 *   site_rate              site      3 m/s: mean velocity of site_position over the step
 *   contact_force          body      1 N: length of the sum of all contact forces on it
 *   sensor                 sensor    as many as the sensor has, in its unit
 *   control                actuator  1: what the policy asked for in this step, in the actuator's unit; 0 after a reset
 *
 * and may say what is made of it:
 *
 *   except: NAMES          with all: not these
 *   axes: z                only these of 3 numbers (x y z) or of 4 (w x y z), in this order
 *   minus: NAME            the difference to the same quantity of another object, number by number
 *   observation: scale     factor, > 0; default 1
 *                clip      c or [low, high]: limits after scaling; c is [-c, c]
 *   reward:      weight    default 1
 *                target    t of the formulae below; one for all numbers, or a list; default 0
 *                as        f over the numbers x of the entry:
 *                            value (default)  sum of x - t         absolute  sum of |x - t|
 *                            square           sum of (x - t)^2     cosine    sum of cos(x - t)
 *                            distance         sqrt(sum of (x - t)^2)
 *                            near             exp(-(sum of (x - t)^2) / width^2)
 *                width     of near, > 0
 *   terminated:  low, high alive while low <= x <= high for every x; one of them at least
 *
 * A reward may also hold, without objects: "constant: c", on every step, and "alive: c", on every step that does not
 * terminate. The step that terminates is rewarded.
 *
 * Instants. A quantity belongs to the state at the end of the step (after a reset: to the start), with the step's
 * control still in force; so do sensors, and forces and accelerations are those that act then. The simulation itself
 * leaves poses and sensors of the last force evaluation behind, up to a simulation step older. Where an entry needs
 * more than joints and control they are computed anew, once per step: poses and velocities for a few percent of a
 * simulation step, sensors and contact_force for a whole force evaluation. That never changes the motion. A rate is
 * (now - at the end of the step before) / (timestep frame_skip), and 0 after a reset: "forward velocity".
 *
 * The action box is that of the actuators' ctrlrange; a model with an actuator without one is refused.
 * The reward is learned by the model of the environment (rv_env_spec.reward is NULL). Imagined branches end by the same
 * conditions as far as their numbers are observed: entries without clip, or with one beyond the range. For others the
 * run warns at its start (rv_env_spec.note).
 * Description and model must be there on every host. A state is of both files as they were: a resume refuses others
 * (files that the model names in turn are not looked at).
 * A free joint's noise is added to its quaternion too, which the library then normalises. A keyframe's activations and
 * controls are not used. Joint names of the model that this file uses: printable, without quotes.
 */
#pragma once
#include "base/field.h"
#include "base/status.h"

#include <stdint.h>

/* What may be written; numbers of the model itself are not limited. */
enum {
    RV_MJCF_MAX_BYTES = 1 << 16, /* of the description */
    RV_MJCF_MAX_TERMS = 64,      /* entries of one list */
    RV_MJCF_MAX_NAMES = 512,     /* objects named in all */
    RV_MJCF_MAX_OBS = 4096,      /* numbers of an observation */
};

/* key, kind of object */
// clang-format off
#define RV_MJCF_QUANTITY_MAP(X)                     \
    X(JOINT_POSITION,   "joint_position",   JOINT)  \
    X(JOINT_VELOCITY,   "joint_velocity",   JOINT)  \
    X(JOINT_SIN,        "joint_sin",        JOINT)  \
    X(JOINT_COS,        "joint_cos",        JOINT)  \
    X(JOINT_RATE,       "joint_rate",       JOINT)  \
    X(BODY_POSITION,    "body_position",    BODY)   \
    X(BODY_ORIENTATION, "body_orientation", BODY)   \
    X(BODY_UPRIGHT,     "body_upright",     BODY)   \
    X(BODY_VELOCITY,    "body_velocity",    BODY)   \
    X(BODY_SPIN,        "body_spin",        BODY)   \
    X(BODY_RATE,        "body_rate",        BODY)   \
    X(COM_POSITION,     "com_position",     BODY)   \
    X(COM_RATE,         "com_rate",         BODY)   \
    X(SITE_POSITION,    "site_position",    SITE)   \
    X(SITE_VELOCITY,    "site_velocity",    SITE)   \
    X(SITE_RATE,        "site_rate",        SITE)   \
    X(CONTACT_FORCE,    "contact_force",    BODY)   \
    X(SENSOR,           "sensor",           SENSOR) \
    X(CONTROL,          "control",          ACTUATOR) \
    X(CONSTANT,         "constant",         NONE)   \
    X(ALIVE,            "alive",            NONE)
// clang-format on

typedef enum rv_mjcf_quantity {
#define RV_MJCF_ENUM(id, key, object) RV_MJCF_##id,
    RV_MJCF_QUANTITY_MAP(RV_MJCF_ENUM)
#undef RV_MJCF_ENUM
        RV_MJCF_N_QUANTITIES
} rv_mjcf_quantity;

typedef enum rv_mjcf_object {
    RV_MJCF_OF_NONE,
    RV_MJCF_OF_JOINT,
    RV_MJCF_OF_BODY,
    RV_MJCF_OF_SITE,
    RV_MJCF_OF_SENSOR,
    RV_MJCF_OF_ACTUATOR,
    RV_MJCF_OF_KEYFRAME
} rv_mjcf_object;

/** What a reward entry makes of its numbers; in the order of the choices of "as". */
typedef enum rv_mjcf_as {
    RV_MJCF_VALUE,
    RV_MJCF_SQUARE,
    RV_MJCF_ABSOLUTE,
    RV_MJCF_COSINE,
    RV_MJCF_DISTANCE,
    RV_MJCF_NEAR
} rv_mjcf_as;

typedef struct rv_mjcf_place {
    size_t line, column; /* in the description, from 1 */
} rv_mjcf_place;

typedef struct rv_mjcf_name {
    char text[RV_FIELD_STR];
    rv_mjcf_place at;
    double value; /* of reset: position, velocity */
} rv_mjcf_name;

/** Names given for one key: rows of rv_mjcf_desc.names. */
typedef struct rv_mjcf_names {
    bool is_all; /* "all"; then n = 0 */
    int first, n;
} rv_mjcf_names;

/** An entry of a list; what its list does not know has the default. */
typedef struct rv_mjcf_term {
    rv_mjcf_quantity quantity; /* noise: joint_position or joint_velocity */
    rv_mjcf_place at;          /* of the quantity's key */
    rv_mjcf_names of, except, minus;
    char axes[RV_FIELD_STR]; /* "": all */
    double scale;
    rv_f64_list clip; /* c, or low and high; empty: none */
    double weight;    /* of constant and alive: their number */
    rv_f64_list target;
    int as; /* rv_mjcf_as */
    double width;
    double low, high;       /* -INFINITY, INFINITY: no limit */
    double uniform, normal; /* noise: one of them; the other is -1 */
} rv_mjcf_term;

typedef struct rv_mjcf_list {
    int n;
    rv_mjcf_term terms[RV_MJCF_MAX_TERMS];
} rv_mjcf_list;

/** A description as it was written; its names may still mean nothing to the model. */
typedef struct rv_mjcf_desc {
    const char *name; /* of the file, for messages; borrowed */
    char model[RV_FIELD_STR], help[RV_FIELD_STR];
    int64_t frame_skip, time_limit;
    rv_mjcf_place model_at;
    rv_mjcf_names keyframe, position, velocity;
    rv_mjcf_list noise, observation, reward, terminated;
    int n_names;
    rv_mjcf_name names[RV_MJCF_MAX_NAMES];
} rv_mjcf_desc;

/** Read n bytes as a description; name is the file's. The caller frees *out (rv_mem_free).
 * @return RV_OK; RV_E_CONFIG "beam.yaml:7:5: no key 'joint_positon' in observation; did you mean 'joint_position'?";
 * RV_E_NOMEM */
rv_status rv_mjcf_parse(const char *name, const char *text, size_t n, rv_mjcf_desc **out);

/** Key of a quantity, and the kind of object that it is taken of. */
const char *rv_mjcf_quantity_key(rv_mjcf_quantity quantity);
rv_mjcf_object rv_mjcf_quantity_of(rv_mjcf_quantity quantity);
