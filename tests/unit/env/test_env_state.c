/* What an environment keeps: the members of every family's simulation, and random numbers in all places of its state.
 */
#include "env/env_private.h"
#include "fields.h"

static void members(void)
{
    static const field_row of_env[] = {
        FIELD_AS(task, FIELD_GIVEN),       FIELD_AS(randomiser, FIELD_NESTED), FIELD_AS(sim, FIELD_NESTED),
        FIELD_AS(n_steps, FIELD_NESTED),   FIELD_AS(key, FIELD_NESTED),        FIELD_AS(is_running, FIELD_NESTED),
        FIELD_AS(is_begun, FIELD_SCRATCH), /* never between two ticks */
        FIELD_AS(obs, FIELD_SCRATCH),      /* observed again */
        FIELD_AS(u, FIELD_SCRATCH),        FIELD_AS(scratch, FIELD_SCRATCH),
    };
    static const field_row of_classic[] = {FIELD_AS(task, FIELD_GIVEN), FIELD_AS(model, FIELD_GIVEN),
                                           FIELD_AS(state, FIELD_NESTED)};
    static const field_row of_tabular[] = {FIELD_AS(task, FIELD_GIVEN), FIELD_AS(state, FIELD_NESTED),
                                           FIELD_AS(is_changed, FIELD_NESTED)};
    static const field_row of_mujoco[] = {FIELD_AS(task, FIELD_GIVEN), FIELD_AS(more, FIELD_GIVEN),
                                          FIELD_AS(sim, FIELD_NESTED), FIELD_AS(place, FIELD_NESTED)};
    static const field_row of_sim[] = {
        FIELD_AS(name, FIELD_GIVEN),  FIELD_AS(model, FIELD_GIVEN), /* what changes in it, the randomiser keeps */
        FIELD_AS(data, FIELD_NESTED), FIELD_AS(frame_skip, FIELD_GIVEN), FIELD_AS(has_no_contact_forces, FIELD_GIVEN),
        FIELD_AS(u, FIELD_SCRATCH),   FIELD_AS(change, FIELD_NESTED)};
    static const field_row of_mjcf[] = {FIELD_AS(task, FIELD_GIVEN), FIELD_AS(sim, FIELD_NESTED),
                                        FIELD_AS(u, FIELD_SCRATCH), FIELD_AS(values, FIELD_NESTED),
                                        FIELD_AS(marks, FIELD_NESTED)};
    static const field_row of_randomiser[] = {FIELD_AS(name, FIELD_GIVEN),   FIELD_AS(of, FIELD_GIVEN),
                                              FIELD_AS(draws, FIELD_NESTED), FIELD_AS(sim, FIELD_NESTED),
                                              FIELD_AS(n_line, FIELD_GIVEN), FIELD_AS(spare, FIELD_SCRATCH)};
    /* the state of these is their other process's */
    static const field_row of_plugin[] = {
        FIELD_AS(of, FIELD_GIVEN),       FIELD_AS(n_obs, FIELD_GIVEN),          FIELD_AS(n_act, FIELD_GIVEN),
        FIELD_AS(process, FIELD_NESTED), FIELD_AS(is_under_way, FIELD_SCRATCH), FIELD_AS(is_spoilt, FIELD_SCRATCH),
        FIELD_AS(obs, FIELD_SCRATCH),    FIELD_AS(why, FIELD_SCRATCH)};
    static const field_row of_remote[] = {FIELD_AS(task, FIELD_GIVEN),       FIELD_AS(link, FIELD_NESTED),
                                          FIELD_AS(first, FIELD_GIVEN),      FIELD_AS(obs, FIELD_SCRATCH),
                                          FIELD_AS(deadline, FIELD_SCRATCH), FIELD_AS(begun, FIELD_SCRATCH)};
#define CHECK(file, name, rows) fields_check(file, name, rows, (int)(sizeof rows / sizeof *rows))
    CHECK("src/env/env.c", "rv_env", of_env);
    CHECK("src/env/classic.c", "classic", of_classic);
    CHECK("src/env/tabular.c", "tabular", of_tabular);
    CHECK("src/env/mujoco.c", "mujoco", of_mujoco);
    CHECK("src/env/mujoco_sim.h", "rv_mujoco_sim", of_sim);
    CHECK("src/env/mjcf.c", "mjcf", of_mjcf);
    CHECK("src/env/randomise.c", "rv_randomiser", of_randomiser);
    CHECK("src/env/plugin.c", "plugin_sim", of_plugin);
    CHECK("src/env/remote.c", "remote", of_remote);
#undef CHECK
}

/* the head (steps, running, key), then numbers: all of them others than a fresh environment has */
static void fill(const rv_env_spec *spec, uint64_t key, unsigned char *state, size_t n)
{
    rv_rng rng = rv_rng_at(key, RV_STREAM_TEST, 0, 0);
    int64_t head[3] = {(int64_t)rv_rng_below(&rng, 90) + 1, (int64_t)(key % 2), (int64_t)rv_rng_u64(&rng)};
    memcpy(state, head, sizeof head);
    for (size_t i = sizeof head, k = 0; i < n; i += sizeof(double), k++) {
        double x = rv_rng_uniform(&rng) - 0.5;
        if (spec->n_states)
            x = k == 0 ? (double)rv_rng_below(&rng, (uint32_t)spec->n_states) : 0;
        memcpy(state + i, &x, sizeof x);
    }
}

static void random_states(void)
{
    int n_tasks = 0;
    const rv_env_spec *const *list = rv_env_list(&n_tasks);
    CU_ASSERT(n_tasks >= 35);
    for (int t = 0; t < n_tasks; t++)
        for (uint64_t key = 1; key <= 8; key++) {
            unsigned char state[4096];
            unsigned char again[4096];
            rv_env *env = NULL;
            float obs[1024];
            rv_rng rng = rv_rng_at(3, RV_STREAM_TEST, 0, key);
            RV_TEST_OK(rv_env_create(list[t]->name, &env));
            size_t n = rv_env_state_size(env);
            CU_ASSERT_FATAL(n <= sizeof state && list[t]->n_obs <= 1024);
            RV_TEST_OK(rv_env_reset(env, &rng, obs));
            fill(list[t], key, state, n);
            RV_TEST_OK(rv_env_state_load(env, state, n));
            rv_env_state_save(env, again);
            for (size_t i = 0; i < n; i++)
                if (state[i] != again[i]) {
                    printf("\n    %s: byte %zu of %zu is not as it was loaded\n", list[t]->name, i, n);
                    break;
                }
            CU_ASSERT_EQUAL(memcmp(state, again, n), 0);
            rv_env_destroy(&env);
        }
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("state of environments", {"members of every family", members}, {"random states", random_states})
