#include "data/journal_table.h"

#include "base/memory.h"

typedef struct loading {
    const rv_journal_info *info;
    int64_t least; /* steps that all environments have */
    int64_t n_taken;
    rv_journal_table table;
} loading;

/* rows before that one */
static int64_t place_of(const loading *l, int64_t step, int64_t env)
{
    const rv_journal_info *info = l->info;
    int64_t n = 0;
    if (step < l->least)
        return step * info->shape.n_envs + env;
    for (int64_t e = 0; e < info->shape.n_envs; e++) {
        n += info->rows[e] < step ? info->rows[e] : step;
        n += e < env && info->rows[e] > step;
    }
    return n;
}

static rv_status take(void *user, const rv_journal_record *r)
{
    loading *l = user;
    if ((int64_t)r->step >= l->info->rows[r->env]) /* it has come since they were counted */
        return RV_OK;
    int64_t at = place_of(l, (int64_t)r->step, r->env);
    int64_t width = l->table.row.width;
    memcpy(l->table.rows + at * width, r->row, (size_t)width * sizeof(float));
    l->table.labels[at] = (rv_journal_label){.env = r->env,
                                             .episode = r->episode,
                                             .begins = (r->flags & RV_ROW_BEGINS) != 0,
                                             .terminated = (r->flags & RV_ROW_TERMINATED) != 0,
                                             .truncated = (r->flags & RV_ROW_TRUNCATED) != 0};
    l->n_taken++;
    return RV_OK;
}

void rv_journal_table_clear(rv_journal_table *table)
{
    rv_mem_free(&table->rows);
    rv_mem_free(&table->labels);
    table->n_rows = 0;
}

rv_status rv_journal_table_load(const char *run_dir, const rv_journal_info *info, rv_journal_table *out)
{
    rv_status status = RV_OK;
    rv_journal_info again;
    loading l = {.info = info, .least = INT64_MAX, .table = {.n_rows = info->n_rows, .row = info->row}};
    for (int e = 0; e < info->shape.n_envs; e++)
        l.least = info->rows[e] < l.least ? info->rows[e] : l.least;
    RV_TRY_GOTO(RV_NEW(l.table.rows, info->n_rows * info->row.width), fail);
    RV_TRY_GOTO(RV_NEW(l.table.labels, info->n_rows), fail);
    RV_TRY_GOTO(rv_journal_read(run_dir, &info->shape, take, &l, &again), fail);
    rv_journal_info_clear(&again);
    RV_CHECK_GOTO(l.n_taken == info->n_rows, RV_E_DATA, fail, "%s: rows have gone while they were read", run_dir);
    *out = l.table;
    return RV_OK;
fail:
    rv_journal_table_clear(&l.table);
    return status;
}
