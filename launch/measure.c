#include "launch/measure.h"

#include "base/json.h"
#include "launch/commands.h"
#include "launch/layout_view.h"
#include "launch/trial.h"
#include "math/kernels.h"
#include "roles/cost.h"
#include "roles/propose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTING = 96, MOST_SETTINGS = RV_N_ROLES + 1 };

/* what is known at the end */
typedef struct findings {
    const rv_config *cfg;
    const rv_words *words;
    int n_ranks;
    rv_config trial_cfg;
    rv_trial trial;
    rv_workload work;
    double as_set_s; /* seconds of a tick with the settings as they are, and with those proposed */
    double proposed_s;
    rv_layout proposed;
    int n_settings;
    char settings[MOST_SETTINGS][SETTING]; /* "layout.model_ranks=3" */
} findings;

/* costs are proposed as they are printed, so that pasting them gives what was promised */
static void write_costs(findings *f, double rounded[RV_N_ROLES])
{
    char *out = f->settings[f->n_settings++];
    int n = snprintf(out, SETTING, "layout.costs=[");
    for (int role = 0; role < RV_N_ROLES; role++) {
        char number[16];
        snprintf(number, sizeof number, "%.3g", f->trial.item_s[role]);
        rounded[role] = strtod(number, NULL);
        n += snprintf(out + n, (size_t)(SETTING - n), "%s%s", role ? "," : "", number);
    }
    snprintf(out + n, (size_t)(SETTING - n), "]");
}

/* what differs from the settings as they are */
static void write_ranks(findings *f, const rv_layout_cfg *to)
{
    const rv_layout_cfg *from = &f->cfg->layout;
    const int64_t ranks[RV_N_ROLES][2] = {{from->actor_ranks, to->actor_ranks},
                                          {from->model_ranks, to->model_ranks},
                                          {from->rollout_ranks, to->rollout_ranks},
                                          {from->policy_ranks, to->policy_ranks},
                                          {from->evaluator_ranks, to->evaluator_ranks}};
    for (int role = 0; role < RV_N_ROLES; role++)
        if (ranks[role][0] != ranks[role][1])
            snprintf(f->settings[f->n_settings++], SETTING, "layout.%s_ranks=%lld", rv_role_names[role],
                     (long long)ranks[role][1]);
}

/* the caller clears f->proposed */
static rv_status conclude(findings *f)
{
    rv_layout as_set;
    rv_config proposed = *f->cfg;
    double costs[RV_N_ROLES];
    write_costs(f, costs);
    RV_TRY(rv_workload_of(f->cfg, &f->work));
    RV_TRY(rv_layout_create(f->cfg, f->n_ranks, &as_set));
    rv_status status = rv_predict_tick(f->cfg, &as_set, costs, &f->as_set_s);
    rv_layout_clear(&as_set);
    if (status == RV_OK)
        status = rv_propose_layout(f->cfg, f->n_ranks, costs, &proposed.layout, &f->proposed_s);
    if (status != RV_OK)
        return status;
    write_ranks(f, &proposed.layout);
    return rv_layout_create(&proposed, f->n_ranks, &f->proposed);
}

/* ---- printing ---- */

static double unit_s(const findings *f, int role)
{
    return f->work.items[role] * f->trial.item_s[role];
}

/* all units of the role, on average over ticks */
static double role_s(const findings *f, int role)
{
    return f->work.due[role] * f->proposed.n_units[role] * unit_s(f, role);
}

static void print_costs(const findings *f)
{
    const rv_schedule_cfg *t = &f->trial_cfg.schedule;
    printf(
        "measured on one core in %.1f s: %lld steps of %s, %lld rows, %lld epochs, %lld branches, %lld updates a tick\n"
        "scaled to the middle of the run: ticks of %lld steps, %lld real rows, %.0f epochs a fit (a guess)\n\n",
        f->trial.seconds, (long long)t->total_steps, f->cfg->env.name, (long long)t->warmup_steps,
        (long long)f->trial_cfg.model.max_epochs, (long long)f->trial_cfg.rollout.branches,
        (long long)(t->tick_steps * t->updates_per_step), (long long)f->cfg->schedule.tick_steps,
        (long long)rv_workload_rows(f->cfg), f->work.items[RV_MODEL] / (double)rv_workload_rows(f->cfg));
    printf("%-9s  %11s  %-10s  %7s  %6s  %11s  %9s  %8s  %9s\n", "role", "measured us", "per", "samples", "spread",
           "a unit", "units", "in ticks", "s/tick");
    for (int role = 0; role < RV_N_ROLES; role++)
        printf("%-9s  %11.3f  %-10s  %7d  %4.0f %%  %9.4f s  %9d  %6.0f %%  %9.4f\n", rv_role_names[role],
               1e6 * f->trial.item_s[role], rv_cost_items[role], f->trial.n[role], 100 * f->trial.spread[role],
               unit_s(f, role), f->proposed.n_units[role], 100 * f->work.due[role], role_s(f, role));
}

static rv_status print_text(const findings *f)
{
    print_costs(f);
    printf("\npredicted for %d rank%s with a core each, without moving data:\n"
           "  the settings as they are  %9.4f s/tick\n"
           "  as proposed               %9.4f s/tick%s\n\n",
           f->n_ranks, f->n_ranks == 1 ? "" : "s", f->as_set_s, f->proposed_s,
           f->proposed_s > (1 - RV_PROPOSE_WORTH) * f->as_set_s ? ": nothing to gain" : "");
    printf("reverie train %s -n %d", f->words->positional[0], f->n_ranks);
    for (int i = 0; i < f->words->n_overrides; i++)
        printf(" '%s'", f->words->overrides[i]);
    for (int i = 0; i < f->n_settings; i++)
        printf(" '%s'", f->settings[i]);
    printf("\n\n");
    rv_layout_print(&f->proposed);
    return rv_cmd_flush();
}

static rv_status print_json(const findings *f)
{
    json_t *roles = json_object();
    json_t *settings = json_array();
    for (int role = 0; role < RV_N_ROLES; role++)
        json_object_set_new(roles, rv_role_names[role],
                            json_pack("{s:f, s:s, s:i, s:f, s:f, s:i, s:f, s:f}", "seconds_per_item",
                                      f->trial.item_s[role], "item", rv_cost_items[role], "samples", f->trial.n[role],
                                      "spread", f->trial.spread[role], "unit_seconds", unit_s(f, role), "units",
                                      f->proposed.n_units[role], "due", f->work.due[role], "seconds_per_tick",
                                      role_s(f, role)));
    for (int i = 0; i < f->n_settings; i++)
        json_array_append_new(settings, json_string(f->settings[i]));
    return rv_json_print(json_pack("{s:f, s:i, s:o, s:f, s:f, s:o, s:o}", "trial_seconds", f->trial.seconds, "n_ranks",
                                   f->n_ranks, "roles", roles, "seconds_per_tick_as_set", f->as_set_s,
                                   "seconds_per_tick_proposed", f->proposed_s, "settings", settings, "proposed",
                                   rv_layout_json(&f->proposed)));
}

/* nothing can be wrong any more with what the user asked for when the trial starts */
static rv_status prepare(findings *f)
{
    rv_layout layout;
    RV_TRY(rv_kernels_choose(&f->cfg->kernels));
    RV_TRY(rv_layout_create(f->cfg, f->n_ranks, &layout));
    rv_layout_clear(&layout);
    return rv_trial_config(f->cfg, &f->trial_cfg);
}

int rv_measure_layout(const rv_config *cfg, const rv_words *words, int n_ranks, bool json)
{
    findings f = {.cfg = cfg, .words = words, .n_ranks = n_ranks};
    rv_status status = prepare(&f);
    if (status != RV_OK)
        return rv_cmd_finish(status);
    int code = rv_trial_run(&f.trial_cfg, &f.trial);
    if (code != 0)
        return code;
    status = conclude(&f);
    if (status == RV_OK)
        status = json ? print_json(&f) : print_text(&f);
    rv_layout_clear(&f.proposed);
    return rv_cmd_finish(status);
}
