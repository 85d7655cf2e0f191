#include "launch/replay_view.h"

#include "base/json.h"
#include "launch/commands.h"

#include <math.h>
#include <stdio.h>

/* JSON has no NaN and no infinity */
static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *match_json(rv_reference_group group, const rv_reference_match *m)
{
    json_t *json = json_pack("{s:s, s:I, s:b, s:o}", "name", rv_reference_group_name(group), "compared",
                             (json_int_t)m->n_compared, "equal", m->is_equal, "largest", real_or_null(m->largest));
    if (json && !m->is_equal)
        json_object_set_new(json, "first",
                            json_pack("{s:I, s:I, s:s, s:o, s:o}", "t", (json_int_t)m->t, "line", (json_int_t)m->line,
                                      "column", m->column, "expected", real_or_null(m->expected), "got",
                                      real_or_null(m->got)));
    return json;
}

rv_status rv_replay_print(const rv_reference *r, const rv_reference_report *report, bool want_json)
{
    json_t *list = want_json ? json_array() : NULL;
    if (!want_json)
        printf("%s: %lld steps\n", r->env, (long long)report->n_steps);
    for (int g = 0; g < RV_REFERENCE_N_GROUPS; g++) {
        const rv_reference_match *m = &report->match[g];
        if (m->n_compared == 0)
            continue;
        if (want_json) {
            json_array_append_new(list, match_json((rv_reference_group)g, m));
            continue;
        }
        printf("%-12s %6lld values ", rv_reference_group_name((rv_reference_group)g), (long long)m->n_compared);
        if (!m->is_equal)
            printf("differ first at t=%lld column %s (line %lld): expected %.17g, got %.17g; largest difference %.3g\n",
                   (long long)m->t, m->column, (long long)m->line, m->expected, m->got, m->largest);
        else if (m->largest > 0)
            printf("equal within %g relative; largest difference %.3g\n", RV_REFERENCE_REWARD_TOLERANCE, m->largest);
        else
            printf("equal\n");
    }
    if (!want_json)
        return rv_cmd_flush();
    return rv_json_print(json_pack("{s:s, s:I, s:b, s:o}", "env", r->env, "steps", (json_int_t)report->n_steps, "equal",
                                   report->is_equal, "groups", list));
}
