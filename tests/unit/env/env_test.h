/* env_test.h - what the tests of environments share. */
#pragma once
#include "env/env_private.h"
#include "env/reference.h"
#include "rv_test.h"

enum { ENV_TEST_MAX = 512 };

/* a file of tests/unit/env/reference replays without any difference */
static inline void env_test_replay(const char *file, int64_t n_obs_compared)
{
    char path[512];
    rv_reference *r = NULL;
    rv_reference_report report;
    snprintf(path, sizeof path, "%s/unit/env/reference/%s", RV_TEST_DIR, file);
    RV_TEST_OK(rv_reference_read(path, &r));
    RV_TEST_OK(rv_reference_replay(r, &report));
    CU_ASSERT_EQUAL(report.match[RV_REFERENCE_OBS].n_compared, n_obs_compared);
    CU_ASSERT_EQUAL(report.match[RV_REFERENCE_REWARD].n_compared, r->n_rows);
    CU_ASSERT_EQUAL(report.match[RV_REFERENCE_TERMINATED].n_compared, r->n_rows);
    for (int g = 0; g < RV_REFERENCE_N_GROUPS; g++) {
        const rv_reference_match *m = &report.match[g];
        if (m->n_compared > 0 && !m->is_equal)
            printf("\n    %s: %s differs first at t=%lld column %s: expected %.17g, got %.17g\n", file,
                   rv_reference_group_name((rv_reference_group)g), (long long)m->t, m->column, m->expected, m->got);
    }
    CU_ASSERT(report.is_equal);
    rv_reference_destroy(&r);
    CU_ASSERT_PTR_NULL(r);
}

/* n steps with actions that depend on k alone; obs (n, n_obs), reward (n); resets after the end of an episode */
static inline void env_test_run(rv_env *env, int k, int n, float *obs, double *reward)
{
    const rv_env_spec *spec = rv_env_spec_of(env);
    for (int t = 0; t < n; t++) {
        float act[ENV_TEST_MAX];
        rv_env_step_result result;
        for (int i = 0; i < spec->n_act; i++)
            act[i] = (float)sin(0.7 * (k + t) + i);
        RV_TEST_OK(rv_env_step(env, act, obs + t * spec->n_obs, &result));
        reward[t] = result.reward;
        if (result.terminated || result.truncated) {
            rv_rng rng = rv_rng_at(5, RV_STREAM_TEST, 0, (uint64_t)(k + t));
            RV_TEST_OK(rv_env_reset(env, &rng, obs + t * spec->n_obs));
        }
    }
}
