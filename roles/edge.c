#include "roles/edge.h"

#include "base/clock.h"
#include "roles/replay.h"

#include <stdio.h>
#include <string.h>

/* products of an edge are numbered by rv_product; traffic inside a stage follows */
enum { SHARE = RV_N_PRODUCTS, SUM = SHARE + RV_N_ROLES };

static const struct {
    rv_role_id maker;
    const rv_role *role;
} products[RV_N_PRODUCTS] = {
    [RV_REAL] = {RV_ACTOR, &rv_role_actor},
    [RV_MEMBERS] = {RV_MODEL, &rv_role_model},
    [RV_BRANCHES] = {RV_ROLLOUT, &rv_role_rollout},
    [RV_SIGNALS] = {RV_ROLLOUT, &rv_role_rollout},
    [RV_POLICY_WEIGHTS] = {RV_POLICY, &rv_role_policy},
    [RV_CRITICS] = {RV_POLICY, &rv_role_policy},
};

static int count_own(const rv_layout *layout, rv_role_id role, int rank)
{
    int n = 0;
    for (int u = 0; u < layout->n_units[role]; u++)
        n += layout->owner[role][u] == rank;
    return n;
}

int rv_edge_posts(const rv_layout *layout, const rv_world *world)
{
    int n = 2 * layout->n_ranks + 1; /* the learner, signals, critics */
    n += count_own(layout, RV_ACTOR, world->rank) * world->n_nodes;
    n += count_own(layout, RV_MODEL, world->rank) * layout->n_ranks;
    n += count_own(layout, RV_ROLLOUT, world->rank);
    return n;
}

int rv_edge_posts_within(const rv_layout *layout, const rv_world *world)
{
    return layout->n_ranks + count_own(layout, RV_POLICY, world->rank);
}

int rv_edge_most_units(const rv_layout *layout)
{
    int n = 0;
    for (int role = 0; role < RV_N_ROLES; role++)
        n = layout->n_units[role] > n ? layout->n_units[role] : n;
    return n;
}

bool rv_edge_due(const rv_context *ctx, rv_product product, const rv_tick *tick)
{
    switch (product) {
    case RV_REAL:
        return tick->last_step > tick->first_step;
    case RV_MEMBERS:
        return tick->fit;
    case RV_BRANCHES:
        return tick->imagine;
    case RV_SIGNALS:
        return tick->probe;
    case RV_CRITICS:
        return tick->n_updates > 0 && rv_schedule_card(&ctx->schedule) > 0;
    default:
        return tick->n_updates > 0;
    }
}

/* is it made by the unit 0 alone? the learner is one, whatever the number of shards */
static bool is_single(rv_product product)
{
    return product == RV_POLICY_WEIGHTS || product == RV_CRITICS || product == RV_SIGNALS;
}

/* units that make a product */
static int makers(const rv_context *ctx, rv_product product)
{
    return is_single(product) ? 1 : ctx->layout->n_units[products[product].maker];
}

static bool is_reader(const rv_context *ctx, rv_product product, int unit, int rank)
{
    const rv_layout *l = ctx->layout;
    switch (product) {
    case RV_REAL:
        return ctx->world->leader_of[ctx->world->node_of[rank]] == rank;
    case RV_MEMBERS:
        return rv_layout_hosts(l, RV_ROLLOUT, rank);
    case RV_BRANCHES:
        return l->owner[RV_POLICY][unit % l->n_units[RV_POLICY]] == rank;
    case RV_SIGNALS:
        return true;
    case RV_CRITICS:
        return l->owner[RV_ROLLOUT][0] == rank;
    default:
        return rv_layout_hosts(l, RV_ACTOR, rank) || rv_layout_hosts(l, RV_ROLLOUT, rank) ||
               rv_layout_hosts(l, RV_EVALUATOR, rank);
    }
}

rv_status rv_edge_post(rv_context *ctx, rv_product product, void *role)
{
    const int *owner = ctx->layout->owner[products[product].maker];
    int n = makers(ctx, product);
    for (int u = 0; u < n; u++) {
        if (owner[u] != ctx->world->rank)
            continue;
        size_t n_bytes = 0;
        const void *bytes = products[product].role->offer(role, product, u, &n_bytes);
        for (int rank = 0; rank < ctx->world->size; rank++)
            if (is_reader(ctx, product, u, rank))
                RV_TRY(rv_exchange_send(ctx->exchange, rank, (int)product, u, bytes, n_bytes));
    }
    return RV_OK;
}

/* one environment's rows: environments take turns in the real buffer, step by step */
static rv_status take_real(rv_context *ctx, int env, int from, const rv_tick *tick)
{
    int64_t count = ctx->cfg->env.count;
    int64_t n_rows = (tick->last_step - tick->first_step) / count;
    size_t width = (size_t)ctx->row.width;
    size_t n_bytes = (size_t)n_rows * width * sizeof(float);
    size_t got = 0;
    float *first = ctx->board.real + tick->first_step * ctx->row.width;
    float *to = count == 1 ? first : ctx->board.incoming;
    RV_TRY(rv_exchange_receive(ctx->exchange, from, RV_REAL, env, to, n_bytes, &got));
    RV_CHECK(got == n_bytes, RV_E_PROTOCOL, "env %d sent %zu bytes of real rows, expected %zu", env, got, n_bytes);
    for (int64_t k = 0; k < n_rows && count > 1; k++)
        memcpy(first + (size_t)(k * count + env) * width, to + (size_t)k * width, width * sizeof(float));
    return RV_OK;
}

static rv_status take_branches(rv_context *ctx, int block, int from)
{
    rv_imagined *imagined = ctx->board.imagined[block % ctx->layout->n_units[RV_POLICY]];
    size_t row_bytes = (size_t)ctx->row.whole * sizeof(float);
    int64_t n_fit = 0;
    size_t got = 0;
    float *to = rv_imagined_next(imagined, &n_fit);
    RV_TRY(rv_exchange_receive(ctx->exchange, from, RV_BRANCHES, block, to, (size_t)n_fit * row_bytes, &got));
    rv_imagined_commit(imagined, (int64_t)(got / row_bytes));
    return RV_OK;
}

/* what is always as long, and where it goes */
static void *place(rv_context *ctx, rv_product product, int unit, size_t *n_bytes)
{
    const int64_t n_member = ctx->member_shape.n_published;
    switch (product) {
    case RV_MEMBERS:
        *n_bytes = (size_t)n_member * sizeof(float);
        return ctx->board.members + unit * n_member;
    case RV_SIGNALS:
        *n_bytes = sizeof ctx->board.signals;
        return &ctx->board.signals;
    case RV_CRITICS:
        *n_bytes = 2 * (size_t)ctx->critic_net.n_params * sizeof(float);
        return ctx->board.critics;
    default:
        *n_bytes = (size_t)ctx->actor_net.n_params * sizeof(float);
        return ctx->board.policy;
    }
}

static rv_status take_one(rv_context *ctx, rv_product product, int unit, int from, const rv_tick *tick)
{
    size_t n = 0;
    size_t got = 0;
    char name[64];
    if (product == RV_REAL)
        return take_real(ctx, unit, from, tick);
    if (product == RV_BRANCHES)
        return take_branches(ctx, unit, from);
    void *to = place(ctx, product, unit, &n);
    RV_TRY(rv_exchange_receive(ctx->exchange, from, (int)product, unit, to, n, &got));
    rv_edge_describe((int)product, unit, name);
    RV_CHECK(got == n, RV_E_PROTOCOL, "%s: %zu bytes came, expected %zu", name, got, n);
    return RV_OK;
}

void rv_edge_choose_elites(rv_context *ctx)
{
    double loss[RV_FIT_MEMBERS];
    int n = (int)ctx->cfg->model.members;
    for (int m = 0; m < n; m++)
        loss[m] = (double)ctx->board.members[m * ctx->member_shape.n_published + ctx->member_shape.loss];
    rv_elites(n, (int)ctx->cfg->model.elites, loss, ctx->board.elites);
}

rv_status rv_edge_take(rv_context *ctx, rv_product product, const rv_tick *tick)
{
    const int *owner = ctx->layout->owner[products[product].maker];
    int n = makers(ctx, product);
    for (int s = 0; product == RV_BRANCHES && s < ctx->layout->n_units[RV_POLICY]; s++)
        if (ctx->board.imagined[s])
            rv_imagined_begin(ctx->board.imagined[s]);
    for (int u = 0; u < n; u++)
        if (is_reader(ctx, product, u, ctx->world->rank))
            RV_TRY(take_one(ctx, product, u, owner[u], tick));
    for (int s = 0; product == RV_BRANCHES && s < ctx->layout->n_units[RV_POLICY]; s++)
        if (ctx->board.imagined[s])
            rv_imagined_seal(ctx->board.imagined[s]);
    if (product == RV_REAL) {
        RV_TRY(rv_world_node_barrier(ctx->world));
        rv_replay_hash(ctx, tick->last_step);
    }
    if (product == RV_MEMBERS && ctx->board.members)
        rv_edge_choose_elites(ctx);
    return RV_OK;
}

void rv_edge_describe(int product, int unit, char out[64])
{
    static const char *const names[RV_N_PRODUCTS] = {
        [RV_REAL] = "real rows",  [RV_MEMBERS] = "weights",           [RV_BRANCHES] = "imagined rows",
        [RV_SIGNALS] = "signals", [RV_POLICY_WEIGHTS] = "the policy", [RV_CRITICS] = "the critics",
    };
    if (product >= 0 && product < RV_N_PRODUCTS && is_single((rv_product)product))
        snprintf(out, 64, "%s", names[product]);
    else if (product >= 0 && product < RV_N_PRODUCTS)
        snprintf(out, 64, "%s of %s %d", names[product], rv_unit_names[products[product].maker], unit);
    else if (product >= SHARE && product < SUM)
        snprintf(out, 64, "numbers of its units, %s %d first", rv_unit_names[product - SHARE], unit);
    else
        snprintf(out, 64, "gradients");
}

/* this rank's time so far but for its waiting */
static double busy(const rv_context *ctx)
{
    return rv_clock_now() - ctx->world->wait_s;
}

rv_status rv_edge_share(rv_context *ctx, rv_role_id role, double *values)
{
    double start = busy(ctx);
    RV_TRY(rv_exchange_share(ctx->within, SHARE + (int)role, ctx->layout->n_units[role], ctx->layout->owner[role],
                             values));
    ctx->exchange_s += busy(ctx) - start;
    return RV_OK;
}

rv_status rv_edge_sum_create(const rv_context *ctx, rv_role_id role, int64_t n_max, rv_tree_sum **out)
{
    return rv_tree_sum_create(ctx->world, ctx->shared, ctx->within, SUM, ctx->layout->n_units[role],
                              ctx->layout->owner[role], n_max, out);
}

rv_status rv_edge_sum_end(rv_context *ctx, rv_tree_sum *sum, const float **total)
{
    double start = busy(ctx);
    RV_TRY(rv_tree_sum_end(sum, total));
    ctx->exchange_s += busy(ctx) - start;
    return RV_OK;
}
