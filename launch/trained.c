#include "launch/trained.h"

#include "base/memory.h"
#include "nn/policy_net.h"

#include <stdio.h>

static rv_status show_learner(void *unit, rv_visit visit, void *user)
{
    return rv_sac_visit(unit, visit, user);
}

rv_status rv_trained_open(const char *run, int n_overrides, char *const *overrides, rv_trained *t)
{
    char path[RV_PATH];
    RV_TRY(rv_checkpoint_newest(run, true, &t->checkpoint));
    RV_TRY(rv_path_join(run, "config.yaml", path));
    RV_TRY(rv_config_load(path, n_overrides, overrides, &t->config));
    RV_CHECK(rv_config_hash(&t->config) == t->checkpoint.config_hash, RV_E_CONFIG,
             "'%s' is not the configuration that checkpoint '%s' was made with (hash %016llx against %016llx)", path,
             t->checkpoint.folder, rv_config_hash(&t->config), (unsigned long long)t->checkpoint.config_hash);
    RV_TRY(rv_env_register(&t->config.env));
    RV_TRY(rv_env_create(t->config.env.name, &t->env));
    if (t->config.randomise.in_evaluation)
        RV_TRY(rv_env_randomise(t->env, &t->config.randomise));
    const rv_env_spec *spec = rv_env_spec_of(t->env);
    RV_TRY(rv_sac_create(&t->config.policy, spec->n_obs, spec->n_act, (uint64_t)t->config.root.seed, &t->learner));
    RV_TRY(rv_checkpoint_load_unit(&t->checkpoint, "learner", show_learner, t->learner));
    return rv_mlp_tape_create_forward(&t->learner->actor, 1, &t->tape);
}

void rv_trained_close(rv_trained *t)
{
    rv_mlp_tape_clear(&t->tape);
    rv_sac_destroy(&t->learner);
    rv_env_destroy(&t->env);
    rv_env_forget();
    rv_checkpoint_clear(&t->checkpoint);
}

void rv_trained_act(rv_trained *t, const float *obs, float *act)
{
    rv_policy_net_act(&t->learner->actor, t->learner->params, 1, obs, NULL, &t->tape, act, NULL);
}

/* ---- ensemble ---- */

static rv_status show_member(void *unit, rv_visit visit, void *user)
{
    return rv_member_visit(unit, visit, user);
}

static rv_status load_member(const rv_trained *t, int m, rv_ensemble *e)
{
    char name[RV_STATE_NAME];
    rv_member *member = NULL;
    /* two rows are the fewest that a member takes: it is fitted on none here */
    RV_TRY(rv_member_create(&t->config.model, &e->shape, (uint64_t)t->config.root.seed, m, 2, &member));
    snprintf(name, sizeof name, "member_%d", m);
    rv_status status = rv_checkpoint_load_unit(&t->checkpoint, name, show_member, member);
    if (status == RV_OK && rv_member_updates(member) == 0)
        status = rv_raise(RV_E_NOINPUT,
                          "checkpoint '%s' (step %lld) is from before the first fit of the model: train on, or render "
                          "without --imagined",
                          t->checkpoint.folder, (long long)t->checkpoint.step);
    if (status == RV_OK)
        rv_member_publish(member, e->members + m * e->shape.n_published);
    rv_member_destroy(&member);
    return status;
}

rv_status rv_ensemble_load(const rv_trained *t, rv_ensemble *out)
{
    rv_status status = RV_OK;
    double loss[RV_FIT_MEMBERS];
    const rv_env_spec *spec = rv_env_spec_of(t->env);
    rv_ensemble e = {.n_members = (int)t->config.model.members, .n_elites = (int)t->config.model.elites};
    RV_TRY(rv_member_shape_init(&t->config.model, spec->n_obs, spec->n_act, &e.shape));
    RV_TRY(RV_NEW(e.members, e.n_members * e.shape.n_published));
    for (int m = 0; m < e.n_members; m++) {
        RV_TRY_GOTO(load_member(t, m, &e), fail);
        loss[m] = (double)e.members[m * e.shape.n_published + e.shape.loss];
    }
    rv_elites(e.n_members, e.n_elites, loss, e.elites);
    *out = e;
    return RV_OK;
fail:
    rv_ensemble_clear(&e);
    return status;
}

void rv_ensemble_clear(rv_ensemble *ensemble)
{
    rv_mem_free(&ensemble->members);
}
