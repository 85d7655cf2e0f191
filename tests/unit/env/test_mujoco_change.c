#include "env/mujoco_change.h"
#include "env_test.h"

#include <math.h>
#include <mujoco/mjxmacro.h>
#include <stdlib.h>

static const rv_mujoco_factors none = {1, 1, 1, 1};

/* free, ball, hinge and slide joints, armature, a tendon, a weld, a connection, a pair, a camera and a light that
 * follow mass centres, a motor, a servo, a muscle; stat: the statistics it states */
static char *write_model(const rv_mujoco_factors *f, const char *stat)
{
    static const char text[] =
        "<mujoco>"
        "  <option timestep='0.002' density='1.2' viscosity='0.01'/>"
        "  %s"
        "  <worldbody>"
        "    <geom name='floor' type='plane' size='9 9 1' friction='%.17g %.17g %.17g'/>"
        "    <body name='ball' pos='0 1 1'><freejoint/><geom size='0.1' density='%.17g' friction='%.17g %.17g "
        "%.17g'/></body>"
        "    <body name='arm' pos='0 0 0.5'>"
        "      <joint name='shoulder' type='hinge' axis='0 1 0' damping='%.17g' armature='0.03' limited='true' "
        "range='-60 60'/>"
        "      <geom name='arm' type='capsule' fromto='0 0 0 0.4 0 0.1' size='0.04' density='%.17g' friction='%.17g "
        "%.17g %.17g'/>"
        "      <site name='a' pos='0.3 0 0.1'/>"
        "      <light mode='trackcom' pos='0 0 2'/><camera name='eye' mode='trackcom' pos='0 -2 0'/>"
        "      <body name='hand' pos='0.4 0 0.1'>"
        "        <joint name='wrist' type='ball' damping='%.17g'/>"
        "        <geom name='hand' type='box' size='0.05 0.03 0.02' mass='%.17g' friction='%.17g %.17g %.17g'/>"
        "        <site name='b' pos='0.02 0 0.05'/>"
        "      </body>"
        "    </body>"
        "    <body name='cart' pos='0 -1 0.3'>"
        "      <inertial pos='0.01 0 0.02' mass='%.17g' diaginertia='%.17g %.17g %.17g'/>"
        "      <joint name='rail' type='slide' axis='1 0 0' damping='%.17g' stiffness='3' springref='0.1'/>"
        "      <geom name='cart' type='ellipsoid' size='0.1 0.05 0.05' friction='%.17g %.17g %.17g'/>"
        "    </body>"
        "  </worldbody>"
        "  <contact><pair geom1='floor' geom2='hand' condim='6' friction='%.17g %.17g %.17g %.17g %.17g'/></contact>"
        "  <tendon><spatial name='cord' stiffness='5' damping='0.1'><site site='a'/><site site='b'/></spatial></tendon>"
        "  <equality><connect body1='ball' anchor='0.2 0 0'/><weld body1='cart' body2='hand' solref='0.5 "
        "1'/></equality>"
        "  <actuator>"
        "    <motor joint='shoulder' gear='%.17g'/>"
        "    <position joint='rail' kp='7' gear='%.17g'/>"
        "    <muscle tendon='cord' gear='%.17g' lengthrange='%.17g %.17g'/>"
        "    <general joint='wrist' gear='%.17g %.17g 0' dyntype='filter' dynprm='0.1'/>"
        "  </actuator>"
        "</mujoco>";
    char *out = NULL;
    double m = f->mass, r = f->friction, d = f->damping, g = f->gear;
    RV_TEST_OK(RV_NEW(out, sizeof text + 2000));
    snprintf(out, sizeof text + 2000, text, stat, r, 0.01 * r, 0.001 * r, 900 * m, 0.7 * r, 0.02 * r, 0.0001 * r,
             0.3 * d, 1100 * m, 0.8 * r, 0.005 * r, 0.0002 * r, 0.05 * d, 0.4 * m, 1.1 * r, 0.01 * r, 0.001 * r,
             0.9 * m, 0.01 * m, 0.02 * m, 0.015 * m, 2 * d, 0.5 * r, 0.01 * r, 0.0001 * r, 0.9 * r, 0.8 * r, 0.01 * r,
             0.001 * r, 0.002 * r, 40 * g, 1.5 * g, 1.25 * g, 0.02 * g, 0.3 * g, 2 * g, 3 * g);
    return out;
}

static void compile(const rv_mujoco_factors *f, const char *stat, rv_mujoco_sim *sim)
{
    char *text = write_model(f, stat);
    rv_status status = rv_mujoco_sim_init("model", NULL, text, 4, sim);
    if (status != RV_OK)
        printf("\n    %s\n", rv_error_last()->text);
    CU_ASSERT_EQUAL_FATAL(status, RV_OK);
    rv_mem_free(&text);
}

/* ---- models compared ---- */

/* all arrays of doubles, by name; the largest difference beside the numbers' size */
static double difference(const mjModel *a, const mjModel *b, bool is_told)
{
    double worst = 0;
    int differing = 0;
    MJMODEL_POINTERS_PREAMBLE(a)
#define mjtByte_IS_NUMBER 0
#define int_IS_NUMBER     0
#define char_IS_NUMBER    0
#define float_IS_NUMBER   0
#define mjtNum_IS_NUMBER  1
#define X(type, name, nr, nc)                                                                                          \
    for (int i = 0; type##_IS_NUMBER && i < (int)(a->nr * (nc)); i++) {                                                \
        double x = (double)a->name[i], y = (double)b->name[i];                                                         \
        double off = x == y ? 0 : fabs(x - y) / fmax(fabs(x), fabs(y));                                                \
        if (off > 1e-11 && is_told && differing++ < 9)                                                                 \
            printf("\n    " #name "[%d]: %.17g and %.17g", i, x, y);                                                   \
        worst = fmax(worst, off);                                                                                      \
    }
    MJMODEL_POINTERS
#undef X
    for (size_t i = 0; i < sizeof a->stat / sizeof(double); i++) {
        double x = ((const double *)&a->stat)[i], y = ((const double *)&b->stat)[i];
        worst = fmax(worst, x == y ? 0 : fabs(x - y) / fmax(fabs(x), fabs(y)));
    }
    return worst;
}

static bool is_same(const mjModel *a, const mjModel *b)
{
    return a->nbuffer == b->nbuffer && memcmp(a->buffer, b->buffer, (size_t)a->nbuffer) == 0 &&
           memcmp(&a->stat, &b->stat, sizeof a->stat) == 0 && memcmp(&a->opt, &b->opt, sizeof a->opt) == 0;
}

/* the changed model is what its MJCF with scaled numbers compiles to: to the bit for powers of two, which round
 * nothing, and so is what it does */
static void equals_the_scaled_description(void)
{
    static const rv_mujoco_factors factors[] = {{2, 1, 1, 1},        {1, 0.5, 1, 1}, {1, 1, 4, 1},
                                                {1, 1, 1, 0.25},     {4, 2, 0.5, 2}, {1.3, 0.77, 3.1, 0.9},
                                                {0.011, 90, 0.3, 17}};
    static const char *const stats[] = {"", "<statistic meaninertia='0.3' extent='4'/>", "<statistic meanmass='2'/>"};
    int64_t blocks = rv_mem_blocks();
    for (int k = 0; k < 3; k++) {
        rv_mujoco_sim sim;
        compile(&none, stats[k], &sim);
        RV_TEST_OK(rv_mujoco_change_create(&sim, 0));
        for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
            rv_mujoco_sim scaled;
            compile(&factors[i], stats[k], &scaled);
            CU_ASSERT(difference(sim.model, scaled.model, false) > 0.05);
            RV_TEST_OK(rv_mujoco_change_model(&sim, &factors[i]));
            double off = difference(sim.model, scaled.model, true);
            bool is_exact = i < 5;
            CU_ASSERT(is_exact ? off == 0 : off < 1e-11);
            RV_TEST_OK(rv_mujoco_sim_start(&sim, sim.model->qpos0, sim.data->qvel));
            RV_TEST_OK(rv_mujoco_sim_start(&scaled, scaled.model->qpos0, scaled.data->qvel));
            for (int t = 0; t < 60; t++) {
                const double u[] = {sin(t), 0.3, t % 2, 0.2};
                RV_TEST_OK(rv_mujoco_sim_step(&sim, u));
                RV_TEST_OK(rv_mujoco_sim_step(&scaled, u));
                if (is_exact)
                    CU_ASSERT(memcmp(sim.data->qpos, scaled.data->qpos, (size_t)sim.model->nq * sizeof(double)) == 0);
            }
            rv_mujoco_sim_clear(&scaled);
            RV_TEST_OK(rv_mujoco_change_model(&sim, &none)); /* the next one does not build on this one */
        }
        rv_mujoco_sim_clear(&sim);
    }
    CU_ASSERT_EQUAL(rv_mem_blocks(), blocks);
}

/* of every task: there and back again is the compiled model, bit for bit; a gear alone leaves inertia as it is */
static void back_to_nominal(void)
{
    int n = 0, n_checked = 0;
    const rv_env_spec *const *list = rv_env_list(&n);
    for (int i = 0; i < n; i++) {
        const rv_env_task *task = (const rv_env_task *)list[i];
        void *state = NULL;
        if (!rv_env_has_physics(list[i]))
            continue;
        RV_TEST_OK(task->family->create(task, &state));
        rv_mujoco_sim *sim = task->family->physics(state);
        mjModel *compiled = mj_copyModel(NULL, sim->model);
        RV_TEST_OK(rv_mujoco_change_create(sim, 0.1));
        CU_ASSERT(is_same(sim->model, compiled));
        for (int k = 0; k < 3; k++) {
            const rv_mujoco_factors other = {0.7 + 0.2 * k, 1.4, 0.3, 1.1};
            RV_TEST_OK(rv_mujoco_change_model(sim, &other));
            CU_ASSERT(!is_same(sim->model, compiled));
            RV_TEST_OK(rv_mujoco_change_model(sim, &none));
            CU_ASSERT(is_same(sim->model, compiled));
        }
        const rv_mujoco_factors gear = {1, 1, 1, 1 + 0x1p-52};
        RV_TEST_OK(rv_mujoco_change_model(sim, &gear));
        CU_ASSERT(memcmp(sim->model->body_invweight0, compiled->body_invweight0,
                         2 * (size_t)compiled->nbody * sizeof(double)) == 0);
        CU_ASSERT(memcmp(sim->model->dof_M0, compiled->dof_M0, (size_t)compiled->nv * sizeof(double)) == 0);
        CU_ASSERT(memcmp(&sim->model->stat, &compiled->stat, sizeof compiled->stat) == 0);
        mj_deleteModel(compiled);
        task->family->destroy(&state);
        n_checked++;
    }
    CU_ASSERT(n_checked >= 3);
}

/* ---- the delay ---- */

/* a hand-run simulation: time step T of the episode has the control of step (T - d) / frame_skip, before that 0 */
static void check_delay(int d, int frame_skip)
{
    enum { STEPS = 40 };
    rv_mujoco_sim sim, hand;
    compile(&none, "", &sim);
    compile(&none, "", &hand);
    sim.frame_skip = frame_skip;
    RV_TEST_OK(rv_mujoco_change_create(&sim, 0.03));
    CU_ASSERT_DOUBLE_EQUAL(rv_mujoco_change_delay(&sim, (d + 0.3) * 0.002), d * 0.002, 1e-15);
    RV_TEST_OK(rv_mujoco_sim_start(&sim, sim.model->qpos0, sim.data->qvel));
    for (int t = 0; t < 3; t++) { /* a start forgets what was under way */
        const double u[] = {5, 5, 5, 5};
        RV_TEST_OK(rv_mujoco_sim_step(&sim, u));
    }
    memset(sim.data->qvel, 0, (size_t)sim.model->nv * sizeof(double));
    RV_TEST_OK(rv_mujoco_sim_start(&sim, sim.model->qpos0, sim.data->qvel));
    RV_TEST_OK(rv_mujoco_sim_start(&hand, hand.model->qpos0, hand.data->qvel));
    double u[STEPS][4];
    for (int t = 0; t < STEPS; t++) {
        for (int j = 0; j < 4; j++)
            u[t][j] = sin(3 * t + j);
        RV_TEST_OK(rv_mujoco_sim_step(&sim, u[t]));
        for (int i = 0; i < frame_skip; i++) {
            int at = t * frame_skip + i - d;
            for (int j = 0; j < 4; j++)
                hand.data->ctrl[j] = at < 0 ? 0 : u[at / frame_skip][j];
            mj_step(hand.model, hand.data);
        }
        CU_ASSERT(memcmp(sim.data->qpos, hand.data->qpos, (size_t)sim.model->nq * sizeof(double)) == 0);
        CU_ASSERT(memcmp(sim.data->act, hand.data->act, (size_t)sim.model->na * sizeof(double)) == 0);
    }
    rv_mujoco_sim_clear(&sim);
    rv_mujoco_sim_clear(&hand);
}

static void delays(void)
{
    const int delay[] = {0, 1, 2, 3, 4, 5, 8, 14, 15};
    for (size_t i = 0; i < sizeof delay / sizeof *delay; i++) {
        check_delay(delay[i], 4);
        check_delay(delay[i], 1);
    }
    check_delay(7, 5);
}

RV_TEST_MAIN("mujoco_change", {"equals the scaled description", equals_the_scaled_description},
             {"back to nominal", back_to_nominal}, {"delays", delays})
