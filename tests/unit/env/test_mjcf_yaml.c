#include "env/mjcf.h"
#include "rv_test.h"

#define HEAD "model: a.xml\n"                          /* line 1 */
#define OBS  "observation:\n- joint_position: all\n"   /* two lines */
#define REW  "reward:\n- control: all\n  as: square\n" /* three lines */

static rv_status parse(const char *text, rv_mjcf_desc **out)
{
    return rv_mjcf_parse("a.yaml", text, strlen(text), out);
}

static void reads_everything(void)
{
    rv_mjcf_desc *d = NULL;
    RV_TEST_OK(parse("model: robots/a.xml\n"
                     "help: two words\n"
                     "frame_skip: 5\n"
                     "time_limit: 0\n"
                     "reset:\n"
                     "  keyframe: ready\n"
                     "  position: {hip: 0.25, knee: -1}\n"
                     "  velocity:\n"
                     "    hip: 3\n"
                     "  noise:\n"
                     "  - position: all\n"
                     "    except: [root, hip]\n"
                     "    uniform: 0.01\n"
                     "  - {velocity: [hip, knee], normal: 0.5}\n"
                     "observation:\n"
                     "  - joint_position: all\n"
                     "    except: root\n"
                     "  - {body_position: torso, axes: zx, minus: target, scale: 2, clip: [-1, 3]}\n"
                     "reward:\n"
                     "  - site_position: [tip]\n"
                     "    target: [1, 2, -3e-1]\n"
                     "    as: near\n"
                     "    width: 0.2\n"
                     "    weight: -4\n"
                     "  - alive: 1.5\n"
                     "  - constant: -2\n"
                     "terminated:\n"
                     "  - {body_upright: torso, low: 0.5}\n"
                     "  - {joint_position: hip, low: -1, high: 1}\n",
                     &d));
    CU_ASSERT_STRING_EQUAL(d->model, "robots/a.xml");
    CU_ASSERT_STRING_EQUAL(d->help, "two words");
    CU_ASSERT(d->frame_skip == 5 && d->time_limit == 0);
    CU_ASSERT(d->model_at.line == 1 && d->model_at.column == 1);
    CU_ASSERT_EQUAL_FATAL(d->keyframe.n, 1);
    CU_ASSERT_STRING_EQUAL(d->names[d->keyframe.first].text, "ready");
    CU_ASSERT_EQUAL_FATAL(d->position.n, 2);
    CU_ASSERT_STRING_EQUAL(d->names[d->position.first + 1].text, "knee");
    CU_ASSERT_EQUAL(d->names[d->position.first + 1].value, -1);
    CU_ASSERT(d->velocity.n == 1 && d->names[d->velocity.first].value == 3);
    CU_ASSERT_EQUAL_FATAL(d->noise.n, 2);
    const rv_mjcf_term *t = d->noise.terms;
    CU_ASSERT(t[0].quantity == RV_MJCF_JOINT_POSITION && t[0].of.is_all && t[0].except.n == 2);
    CU_ASSERT(t[0].uniform == 0.01 && t[0].normal == -1);
    CU_ASSERT(t[1].quantity == RV_MJCF_JOINT_VELOCITY && t[1].of.n == 2 && t[1].normal == 0.5 && t[1].uniform == -1);
    CU_ASSERT_EQUAL_FATAL(d->observation.n, 2);
    t = d->observation.terms;
    CU_ASSERT(t[0].of.is_all && t[0].except.n == 1 && t[0].scale == 1 && t[0].clip.n == 0 && t[0].minus.n == 0);
    CU_ASSERT(t[1].quantity == RV_MJCF_BODY_POSITION && t[1].at.line == 18 && t[1].at.column == 6);
    CU_ASSERT(t[1].scale == 2 && t[1].clip.n == 2 && t[1].clip.v[0] == -1 && t[1].clip.v[1] == 3);
    CU_ASSERT_STRING_EQUAL(t[1].axes, "zx");
    CU_ASSERT_STRING_EQUAL(d->names[t[1].minus.first].text, "target");
    CU_ASSERT(d->names[t[1].minus.first].at.line == 18 && d->names[t[1].minus.first].at.column == 45);
    CU_ASSERT_EQUAL_FATAL(d->reward.n, 3);
    t = d->reward.terms;
    CU_ASSERT(t[0].quantity == RV_MJCF_SITE_POSITION && t[0].as == RV_MJCF_NEAR && t[0].width == 0.2);
    CU_ASSERT(t[0].weight == -4 && t[0].target.n == 3 && t[0].target.v[2] == -0.3);
    CU_ASSERT(t[1].quantity == RV_MJCF_ALIVE && t[1].weight == 1.5);
    CU_ASSERT(t[2].quantity == RV_MJCF_CONSTANT && t[2].weight == -2);
    CU_ASSERT_EQUAL_FATAL(d->terminated.n, 2);
    t = d->terminated.terms;
    CU_ASSERT(t[0].low == 0.5 && t[0].high == INFINITY && t[1].low == -1 && t[1].high == 1);
    rv_mem_free(&d);
}

static void has_defaults(void)
{
    rv_mjcf_desc *d = NULL;
    RV_TEST_OK(parse(HEAD OBS REW "reset:\nterminated:\n", &d));
    CU_ASSERT(d->frame_skip == 1 && d->time_limit == 1000 && !d->help[0]);
    CU_ASSERT(d->reward.terms[0].as == RV_MJCF_SQUARE && d->reward.terms[0].weight == 1);
    CU_ASSERT(d->noise.n == 0 && d->terminated.n == 0 && d->keyframe.n == 0);
    rv_mem_free(&d);
}

static void errors_have_places(void)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        /* the file */
        {"", "a.yaml:1:1: there is no 'model'"},
        {"just text", "a.yaml:1:1: a description: expected keys, as in 'model: robot.xml'"},
        {HEAD REW, "a.yaml:1:1: there is no 'observation'"},
        {HEAD OBS, "a.yaml:1:1: there is no 'reward'"},
        {HEAD OBS "reward: []", "a.yaml:1:1: there is no 'reward'"},
        {HEAD OBS REW "---\nmodel: b", "a.yaml:7:1: a second document"},
        {"modle: a.xml", "a.yaml:1:1: no key 'modle' in the description of a task; did you mean 'model'?"},
        {HEAD "model: b.xml", "a.yaml:2:1: 'model' is given twice; first in line 1"},
        {"model: [a.xml]", "a.yaml:1:8: 'model': expected a text of at most 127 printable characters without quotes, "
                           "got a list"},
        {HEAD "frame_skip: 0", "a.yaml:2:13: 'frame_skip': expected a whole number in [1, 10000], got '0'"},
        {HEAD "time_limit: -1", "a.yaml:2:13: 'time_limit': expected"},
        {"model: &m a.xml", "a.yaml:1:8: anchors"},
        {HEAD "\tx: 1", "a.yaml:2:1: not valid YAML"},
        {HEAD "? [a]\n: b", "a.yaml:2:3: expected the name of a key"},
        /* lists and entries */
        {HEAD "observation: all", "a.yaml:2:14: 'observation': expected a list of entries"},
        {HEAD "observation:\n- joint_position", "a.yaml:3:3: an entry of 'observation': expected keys"},
        {HEAD "observation:\n- {}", "a.yaml:3:3: an entry of 'observation' without a quantity"},
        {HEAD "observation:\n- clip: 3", "a.yaml:3:3: an entry of 'observation' without a quantity"},
        {HEAD "observation:\n- joint_positon: all",
         "a.yaml:3:3: no key 'joint_positon' in an entry of 'observation'; did you mean 'joint_position'?"},
        {HEAD "observation:\n- joint_position: all\n  clp: 3", "a.yaml:4:3: no key 'clp' in an entry of 'observation'; "
                                                               "did you mean 'clip'?"},
        {HEAD "observation:\n- joint_position: all\n  weight: 3", "a.yaml:4:3: no key 'weight' in an entry of"},
        {HEAD "observation:\n- constant: 3", "a.yaml:3:3: no key 'constant' in an entry of 'observation'"},
        {HEAD "observation:\n- joint_position: all\n  joint_sin: all",
         "a.yaml:4:3: 'joint_sin' in an entry that has a quantity already (line 3)"},
        {HEAD "observation:\n- joint_position: all\n  clip: 1\n  clip: 2", "a.yaml:5:3: 'clip' is given twice"},
        {HEAD "observation:\n- joint_position: {a: 1}",
         "a.yaml:3:19: 'joint_position': expected all, a name or a list"},
        {HEAD "observation:\n- joint_position: []", "a.yaml:3:19: 'joint_position': the list is empty"},
        {HEAD "observation:\n- joint_position: [a, b, a]", "a.yaml:3:26: 'joint_position': 'a' is named twice"},
        {HEAD "observation:\n- joint_position: [[a]]", "a.yaml:3:20: 'joint_position': expected a text"},
        {HEAD "observation:\n- joint_position: ''", "a.yaml:3:19: 'joint_position': expected a name"},
        {HEAD "observation:\n- {joint_position: [a], except: b}", "a.yaml:3:3: 'except' wants 'joint_position: all'"},
        {HEAD "observation:\n- {joint_position: all, minus: b}", "a.yaml:3:3: 'minus' wants one object in"},
        {HEAD "observation:\n- {joint_position: [a, b], minus: c}", "a.yaml:3:3: 'minus' wants one object in"},
        {HEAD "observation:\n- {joint_position: a, minus: [b, c]}", "a.yaml:3:3: 'minus' wants one name"},
        {HEAD "observation:\n- {joint_position: a, minus: all, except: all}", "a.yaml:3:3: 'except' wants"},
        {HEAD "observation:\n- {joint_position: a, clip: 0}", "a.yaml:3:3: 'clip': expected a number above 0"},
        {HEAD "observation:\n- {joint_position: a, clip: [2, 1]}", "a.yaml:3:3: 'clip': expected a number above 0"},
        {HEAD "observation:\n- {joint_position: a, clip: [1, 2, 3]}", "a.yaml:3:3: 'clip': expected"},
        {HEAD "observation:\n- {joint_position: a, clip: []}", "a.yaml:3:29: 'clip': expected a number, or a list"},
        {HEAD "observation:\n- {joint_position: a, clip: [x]}", "a.yaml:3:30: 'clip': expected a number in"},
        {HEAD "observation:\n- {joint_position: a, scale: 0}", "a.yaml:3:30: 'scale': expected a number"},
        {HEAD "observation:\n- {joint_position: a, scale: nan}", "a.yaml:3:30: 'scale': expected a number"},
        /* reward, terminated */
        {HEAD "reward:\n- {control: all, as: squared}", "a.yaml:3:22: 'as': expected value or square or absolute or "
                                                        "cosine or distance or near, got 'squared'"},
        {HEAD "reward:\n- {control: all, as: near}", "a.yaml:3:3: 'as: near' wants a 'width'"},
        {HEAD "reward:\n- {control: all, width: 1}", "a.yaml:3:3: 'width' belongs to 'as: near'"},
        {HEAD "reward:\n- {control: all, target: [1,2,3,4,5,6,7,8,9]}", "a.yaml:3:26: 'target': expected at most 8"},
        {HEAD "reward:\n- alive: yes", "a.yaml:3:10: 'alive': expected a number"},
        {HEAD "reward:\n- {alive: 1, weight: 2}", "a.yaml:3:3: 'alive' is a number and takes no other key"},
        {HEAD "terminated:\n- joint_position: a", "a.yaml:3:3: expected 'low', 'high' or both"},
        {HEAD "terminated:\n- {joint_position: a, low: 2, high: 2}", "a.yaml:3:3: 'low' is 2 and must be below 'high'"},
        {HEAD "terminated:\n- alive: 1", "a.yaml:3:3: no key 'alive' in an entry of 'terminated'"},
        /* reset */
        {HEAD "reset: 3", "a.yaml:2:8: 'reset': expected keys"},
        {HEAD "reset:\n  nose: 1", "a.yaml:3:3: no key 'nose' in 'reset'; did you mean 'noise'?"},
        {HEAD "reset:\n  position: {a: b}",
         "a.yaml:3:17: 'a': expected a number in [-1000000000, 1000000000], got 'b'"},
        {HEAD "reset:\n  position: {a: 1, a: 2}", "a.yaml:3:20: 'position': 'a' is named twice"},
        {HEAD "reset:\n  noise:\n  - position: all", "a.yaml:4:5: expected one of 'uniform' and 'normal'"},
        {HEAD "reset:\n  noise:\n  - {position: all, uniform: 1, normal: 1}", "a.yaml:4:5: expected one of"},
        {HEAD "reset:\n  noise:\n  - {position: all, uniform: -1}", "a.yaml:4:30: 'uniform': expected a number in"},
        {HEAD "reset:\n  noise:\n  - {positon: all}", "a.yaml:4:6: no key 'positon' in an entry of 'noise'; did you "
                                                      "mean 'position'?"},
        {HEAD "reset:\n  noise:\n  - {position: all, velocity: all}", "a.yaml:4:21: 'velocity' in an entry that has"},
        {HEAD "reset:\n  noise:\n  - {joint_position: all}", "a.yaml:4:6: no key 'joint_position' in an entry of"},
    };
    int64_t blocks = rv_mem_blocks();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_mjcf_desc *d = NULL;
        RV_TEST_FAILS(parse(cases[i].text, &d), RV_E_CONFIG, cases[i].error);
        CU_ASSERT_PTR_NULL(d);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

static void has_limits(void)
{
    rv_mjcf_desc *d = NULL;
    char *text = NULL;
    size_t n = 0, room = 1 << 17;
    RV_TEST_OK(RV_NEW(text, room));
    RV_TEST_FAILS(rv_mjcf_parse("a.yaml", text, RV_MJCF_MAX_BYTES + 1, &d), RV_E_CONFIG, "too many");
    n = (size_t)snprintf(text, room, "%s", "terminated:\n");
    for (int i = 0; i <= RV_MJCF_MAX_TERMS; i++)
        n += (size_t)snprintf(text + n, room - n, "- {joint_position: a, low: 1}\n");
    RV_TEST_FAILS(rv_mjcf_parse("a.yaml", text, n, &d), RV_E_CONFIG, "a.yaml:66:3: 'terminated' has more than 64");
    n = (size_t)snprintf(text, room, "observation:\n- joint_position: [x");
    for (int i = 0; i < RV_MJCF_MAX_NAMES; i++)
        n += (size_t)snprintf(text + n, room - n, ",\n  j%d", i);
    n += (size_t)snprintf(text + n, room - n, "]\n");
    RV_TEST_FAILS(rv_mjcf_parse("a.yaml", text, n, &d), RV_E_CONFIG, "a.yaml:514:3: more than 512 names");
    rv_mem_free(&text);
}

RV_TEST_MAIN("mjcf_yaml", {"reads everything", reads_everything}, {"has defaults", has_defaults},
             {"errors have places", errors_have_places}, {"has limits", has_limits})
