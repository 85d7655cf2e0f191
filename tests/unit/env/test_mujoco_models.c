#include "env/mujoco_sim.h"
#include "env_test.h"

typedef struct body_model {
    const char *task, *text;
    int frame_skip, n_bodies;
    double total, mass[14]; /* of the bodies that have joints or geoms, in order */
} body_model;

#define ANT_LEG      0.039157754, 0.039157754, 0.067592205
#define WALKER_LEG   4.057890511, 2.781356696, 3.166725395
#define HUMANOID_LEG 4.751750929, 2.755696167, 1.767145868
#define HUMANOID_ARM 1.661080485, 1.229540193

static const body_model models[] = {
    {"InvertedPendulum-v4", rv_mujoco_inverted_pendulum, 2, 2, 15.490567153, {10.471975512, 5.018591641}},
    {"InvertedDoublePendulum-v4",
     rv_mujoco_inverted_double_pendulum,
     5,
     3,
     18.869452675,
     {10.471975512, 4.198738582, 4.198738582}},
    {"Swimmer-v4", rv_mujoco_swimmer, 4, 3, 106.814150222, {35.604716741, 35.604716741, 35.604716741}},
    {"Hopper-v4", rv_mujoco_hopper, 4, 4, 15.820013406, {3.665191429, 4.057890511, 2.781356696, 5.315574770}},
    {"Walker2d-v4", rv_mujoco_walker, 4, 7, 23.677136633, {3.665191429, WALKER_LEG, WALKER_LEG}},
    {"HalfCheetah-v4",
     rv_mujoco_half_cheetah,
     5,
     7,
     14,
     {6.250209205, 1.543514644, 1.587447699, 1.095397490, 1.438075314, 1.200836820, 0.884518828}},
    {"Ant-v4", rv_mujoco_ant, 5, 13, 0.910880083, {0.327249235, ANT_LEG, ANT_LEG, ANT_LEG, ANT_LEG}},
    {"Humanoid-v4",
     rv_mujoco_humanoid,
     5,
     13,
     42.116030492,
     {8.907462370, 2.261946711, 6.616194128, HUMANOID_LEG, HUMANOID_LEG, HUMANOID_ARM, HUMANOID_ARM}},
};
enum { N_MODELS = (int)(sizeof models / sizeof *models) };

static void masses(void)
{
    for (int k = 0; k < N_MODELS; k++) {
        const rv_env_spec *spec = NULL;
        rv_mujoco_sim sim;
        double total = 0;
        RV_TEST_OK(rv_env_find(models[k].task, &spec));
        RV_TEST_OK(rv_mujoco_sim_init(spec->name, NULL, models[k].text, models[k].frame_skip, &sim));
        CU_ASSERT_EQUAL_FATAL(sim.model->nbody, models[k].n_bodies + 1);
        for (int i = 0; i < models[k].n_bodies; i++) {
            CU_ASSERT_DOUBLE_EQUAL(sim.model->body_mass[i + 1], models[k].mass[i], 1e-9);
            total += sim.model->body_mass[i + 1];
        }
        CU_ASSERT_DOUBLE_EQUAL(total, models[k].total, 1e-8);
        CU_ASSERT_DOUBLE_EQUAL(spec->dt, sim.model->opt.timestep * models[k].frame_skip, 1e-15);
        CU_ASSERT_EQUAL(spec->time_limit, 1000);
        for (int i = 0; i < sim.model->nu; i++) {
            CU_ASSERT_EQUAL(spec->act_low[i], sim.model->actuator_ctrlrange[2 * i]);
            CU_ASSERT_EQUAL(spec->act_high[i], sim.model->actuator_ctrlrange[2 * i + 1]);
        }
        rv_mujoco_sim_clear(&sim);
    }
}

/* states far outside what a task reaches leave most of the simulation's stack unused */
static void stack(void)
{
    for (int k = 0; k < N_MODELS; k++) {
        rv_mujoco_sim sim;
        double pos[24], vel[23], u[17];
        int most = 0;
        RV_TEST_OK(rv_mujoco_sim_init(models[k].task, NULL, models[k].text, models[k].frame_skip, &sim));
        for (int e = 0; e < 100; e++) {
            rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, (uint32_t)k, (uint64_t)e);
            double size = pow(10, 1 - e % 3), speed = pow(10, 2 - e % 4);
            for (int i = 0; i < sim.model->nq; i++)
                pos[i] = sim.model->qpos0[i] + size * (2 * rv_rng_uniform(&rng) - 1);
            for (int i = 0; i < sim.model->nv; i++)
                vel[i] = speed * (2 * rv_rng_uniform(&rng) - 1);
            rv_status status = rv_mujoco_sim_start(&sim, pos, vel);
            for (int t = 0; t < 5 && status == RV_OK; t++) {
                for (int i = 0; i < sim.model->nu; i++)
                    u[i] = 4 * rv_rng_uniform(&rng) - 2;
                status = rv_mujoco_sim_step(&sim, u);
                most = sim.data->maxuse_stack > most ? sim.data->maxuse_stack : most;
            }
            CU_ASSERT(status == RV_OK || status == RV_E_NONFINITE);
        }
        CU_ASSERT(most > 30 && most * 10 < sim.model->nstack);
        rv_mujoco_sim_clear(&sim);
    }
}

/* the call that fills the contact forces does not alter the motion */
static void contact_forces_are_looked_at(void)
{
    for (int k = 0; k < N_MODELS; k++) {
        rv_mujoco_sim with, without;
        double u[17], most = 0;
        RV_TEST_OK(rv_mujoco_sim_init(models[k].task, NULL, models[k].text, models[k].frame_skip, &with));
        RV_TEST_OK(rv_mujoco_sim_init(models[k].task, NULL, models[k].text, models[k].frame_skip, &without));
        without.has_no_contact_forces = true;
        RV_TEST_OK(rv_mujoco_sim_start(&with, with.model->qpos0, with.data->qvel));
        RV_TEST_OK(rv_mujoco_sim_start(&without, without.model->qpos0, without.data->qvel));
        for (int t = 0; t < 60; t++) {
            for (int i = 0; i < with.model->nu; i++)
                u[i] = sin(0.3 * t + i);
            RV_TEST_OK(rv_mujoco_sim_step(&with, u));
            RV_TEST_OK(rv_mujoco_sim_step(&without, u));
            size_t nq = (size_t)with.model->nq, nv = (size_t)with.model->nv;
            CU_ASSERT(memcmp(with.data->qpos, without.data->qpos, nq * sizeof(double)) == 0);
            CU_ASSERT(memcmp(with.data->qacc_warmstart, without.data->qacc_warmstart, nv * sizeof(double)) == 0);
            for (int i = 0; i < 6 * with.model->nbody; i++) {
                most = fmax(most, fabs(with.data->cfrc_ext[i]));
                CU_ASSERT_EQUAL(without.data->cfrc_ext[i], 0);
            }
        }
        CU_ASSERT_EQUAL(most > 0.1, k >= 3); /* the first three touch nothing */
        rv_mujoco_sim_clear(&with);
        rv_mujoco_sim_clear(&without);
    }
}

RV_TEST_MAIN("mujoco_models", {"masses", masses}, {"stack", stack},
             {"contact forces are only looked at", contact_forces_are_looked_at})
