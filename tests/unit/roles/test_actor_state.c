#include "fields.h"
#include "roles/actor.c" /* what it keeps is not shown to anybody */

/* an environment some steps into an episode */
static void make_unit(env_unit *u, float *obs, uint64_t key, int n_steps)
{
    rv_rng rng = rv_rng_at(key, RV_STREAM_TEST, 0, 0);
    rv_env_step_result result;
    float act = 0.5F;
    *u = (env_unit){.episode = 1, .obs = obs};
    RV_TEST_OK(rv_env_create("Pendulum-v1", &u->env));
    u->spec = rv_env_spec_of(u->env);
    RV_TEST_OK(RV_NEW(u->env_state, rv_env_state_size(u->env)));
    RV_TEST_OK(rv_env_reset(u->env, &rng, obs));
    for (int i = 0; i < n_steps; i++)
        RV_TEST_OK(rv_env_step(u->env, &act, obs, &result));
}

static void every_field(void)
{
    float obs[2][3];
    unsigned char state[2][256];
    env_unit a;
    env_unit b;
    make_unit(&a, obs[0], 1, 5);
    make_unit(&b, obs[1], 2, 9);
    const field_row rows[] = {
        FIELD_KEEP(env_unit, episode_return), FIELD_KEEP(env_unit, episode_length),
        FIELD_KEEP(env_unit, n_failures),     FIELD_KEEP_AT(env_unit, obs, sizeof obs[0]),
        FIELD_AS(episode, FIELD_NESTED), /* below: it is never negative once there is a state */
        FIELD_AS(env, FIELD_NESTED),          FIELD_AS(number, FIELD_GIVEN),
        FIELD_AS(spec, FIELD_GIVEN),          FIELD_AS(env_state, FIELD_SCRATCH),
        FIELD_AS(act, FIELD_SCRATCH),         FIELD_AS(rows, FIELD_SCRATCH),
        FIELD_AS(n_rows, FIELD_SCRATCH),      FIELD_AS(ended, FIELD_SCRATCH), /* within a tick */
        FIELD_AS(is_open, FIELD_NESTED),                                      /* below */
        FIELD_AS(is_replayed, FIELD_SCRATCH), FIELD_AS(record, FIELD_SCRATCH),
        FIELD_AS(begun, FIELD_SCRATCH),       FIELD_AS(n_cut, FIELD_SCRATCH), /* within a tick */
    };
    enum { N = sizeof rows / sizeof *rows };
    fields_check("roles/actor.c", "env_unit", rows, N);
    a.episode = 0x123456789abcdef;
    a.is_open = true;
    fields_round_trip(rows, N, show_env, &a, &b);
    CU_ASSERT_EQUAL(b.episode, a.episode);
    CU_ASSERT_EQUAL(b.is_open, a.is_open);
    actor role = {.n_units = 1, .units = &b};
    RV_TEST_OK(actor_restored(&role));
    size_t n = rv_env_state_size(a.env);
    CU_ASSERT_FATAL(n <= sizeof state[0] && n == rv_env_state_size(b.env));
    rv_env_state_save(a.env, state[0]);
    rv_env_state_save(b.env, state[1]);
    CU_ASSERT_EQUAL(memcmp(state[0], state[1], n), 0);
    rv_env_destroy(&a.env);
    rv_env_destroy(&b.env);
    rv_mem_free(&a.env_state);
    rv_mem_free(&b.env_state);
    CU_ASSERT_EQUAL(rv_mem_blocks(), 0);
}

RV_TEST_MAIN("state of an environment's unit", {"every field", every_field})
