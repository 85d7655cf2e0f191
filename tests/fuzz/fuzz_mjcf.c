/* fuzz_mjcf.c - any bytes as the description of a MuJoCo task: read or refused, and what was read stays in its bounds.
 */
#include "base/memory.h"
#include "env/mjcf.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int cond)
{
    if (!cond)
        __builtin_trap();
}

static void check_names(const rv_mjcf_desc *d, const rv_mjcf_names *names)
{
    demand(names->n >= 0 && names->first >= 0 && names->first + names->n <= d->n_names);
    demand(!names->is_all || names->n == 0);
    for (int i = names->first; i < names->first + names->n; i++)
        demand(d->names[i].text[0] && strlen(d->names[i].text) < sizeof d->names[i].text && d->names[i].at.line > 0);
}

static void check_list(const rv_mjcf_desc *d, const rv_mjcf_list *list)
{
    demand(list->n >= 0 && list->n <= RV_MJCF_MAX_TERMS);
    for (int i = 0; i < list->n; i++) {
        const rv_mjcf_term *t = &list->terms[i];
        bool is_bare = rv_mjcf_quantity_of(t->quantity) == RV_MJCF_OF_NONE;
        check_names(d, &t->of);
        check_names(d, &t->except);
        check_names(d, &t->minus);
        demand(t->at.line > 0 && (is_bare || t->of.is_all || t->of.n > 0) && t->minus.n <= 1);
        demand(isfinite(t->weight) && t->scale > 0 && t->low < t->high);
        demand(t->clip.n >= 0 && t->clip.n <= 2 && t->target.n >= 0 && t->target.n <= RV_FIELD_LIST);
        demand((t->as == RV_MJCF_NEAR) == (t->width > 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rv_mjcf_desc *d = NULL;
    if (rv_mjcf_parse("fuzz", (const char *)data, size, &d) != RV_OK)
        return 0;
    demand(d->model[0] && d->frame_skip >= 1 && d->time_limit >= 0);
    demand(d->observation.n > 0 && d->reward.n > 0 && d->n_names <= RV_MJCF_MAX_NAMES);
    check_names(d, &d->keyframe);
    check_names(d, &d->position);
    check_names(d, &d->velocity);
    check_list(d, &d->noise);
    check_list(d, &d->observation);
    check_list(d, &d->reward);
    check_list(d, &d->terminated);
    rv_mem_free(&d);
    return 0;
}
