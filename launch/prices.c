#include "launch/prices.h"

#include <stdio.h>

double rv_bill_cost(const rv_bill *bill, const rv_prices *prices)
{
    return bill->steps * prices->step + bill->core_hours * prices->core_hour;
}

rv_break_even rv_break_even_of(const rv_bill *a, const rv_bill *b, const rv_prices *prices)
{
    double steps = b->steps - a->steps; /* that a spares, and the core-hours it takes for that */
    double hours = a->core_hours - b->core_hours;
    rv_break_even e = {.verdict = RV_V_SAME};
    if (steps * hours > 0) {
        e.verdict = steps > 0 ? RV_V_FIRST_SPARES : RV_V_SECOND_SPARES;
        e.step_price = hours * prices->core_hour / steps;
        e.core_hour_price = steps * prices->step / hours;
    } else if (steps > 0 || hours < 0) {
        e.verdict = RV_V_FIRST;
    } else if (steps < 0 || hours > 0) {
        e.verdict = RV_V_SECOND;
    }
    return e;
}

/* ---- sentences ---- */

static const char *space(const rv_prices *p)
{
    return p->currency[0] ? " " : "";
}

/* thrifty needs fewer steps */
static void print_trade(const rv_bill *thrifty, const rv_bill *other, const rv_break_even *e, const rv_prices *p)
{
    printf("  %s is cheaper than %s when a real step costs more than %.4g%s%s (at %.4g%s%s a core-hour)",
           thrifty->label, other->label, e->step_price, space(p), p->currency, p->core_hour, space(p), p->currency);
    if (p->step > 0)
        printf(", or when a core-hour costs less than %.4g%s%s (at %.4g%s%s a step)", e->core_hour_price, space(p),
               p->currency, p->step, space(p), p->currency);
    printf(".\n");
}

static void print_always(const rv_bill *better, const rv_bill *other)
{
    printf("  %s is never dearer than %s, whatever the prices: it needs %s real steps and %s core-hours.\n",
           better->label, other->label, better->steps < other->steps ? "fewer" : "as many",
           better->core_hours < other->core_hours ? "fewer" : "as many");
}

static void print_pair(const rv_bill *a, const rv_bill *b, double threshold, const rv_prices *p)
{
    if (!a->reaches || !b->reaches) {
        const rv_bill *lost = a->reaches ? b : a;
        const rv_bill *other = a->reaches ? a : b;
        if (other->reaches)
            printf("  %s did not reach a return of %.4g in %.0f real steps: no price is known at which it is cheaper "
                   "than %s.\n",
                   lost->label, threshold, lost->steps, other->label);
        else
            printf("  neither %s nor %s reached a return of %.4g.\n", a->label, b->label, threshold);
        return;
    }
    rv_break_even e = rv_break_even_of(a, b, p);
    switch (e.verdict) {
    case RV_V_SAME:
        printf("  %s and %s need the same.\n", a->label, b->label);
        break;
    case RV_V_FIRST:
        print_always(a, b);
        break;
    case RV_V_SECOND:
        print_always(b, a);
        break;
    case RV_V_FIRST_SPARES:
        print_trade(a, b, &e, p);
        break;
    case RV_V_SECOND_SPARES:
        print_trade(b, a, &e, p);
        break;
    }
}

/* ---- at these prices ---- */

enum { ANY = -1 };

/* of a kind, of those that reach the threshold; NULL: there is none */
static const rv_bill *cheapest(int n, const rv_bill *bills, const rv_prices *p, int kind)
{
    const rv_bill *best = NULL;
    for (int i = 0; i < n; i++)
        if (bills[i].reaches && (kind == ANY || (int)bills[i].kind == kind) &&
            (!best || rv_bill_cost(&bills[i], p) < rv_bill_cost(best, p)))
            best = &bills[i];
    return best;
}

static bool has_kind(int n, const rv_bill *bills, rv_kind kind)
{
    for (int i = 0; i < n; i++)
        if (bills[i].kind == kind)
            return true;
    return false;
}

/* where runs of both kinds are compared */
static void print_whether_it_pays(int n, const rv_bill *bills, const rv_prices *p)
{
    const rv_bill *based = cheapest(n, bills, p, RV_MODEL_BASED);
    const rv_bill *plain = cheapest(n, bills, p, RV_MODEL_FREE);
    if (!has_kind(n, bills, RV_MODEL_BASED) || !has_kind(n, bills, RV_MODEL_FREE) || (!based && !plain))
        return;
    if (!plain)
        printf("A model pays: no model-free run got there.\n");
    else if (!based)
        printf("A model does not pay: no model-based run got there.\n");
    else
        printf("At these prices a model %s: model-based costs %.4g%s%s, model-free %.4g%s%s.\n",
               rv_bill_cost(based, p) < rv_bill_cost(plain, p) ? "pays" : "does not pay", rv_bill_cost(based, p),
               space(p), p->currency, rv_bill_cost(plain, p), space(p), p->currency);
}

static void print_costs(int n, const rv_bill *bills, const rv_prices *p)
{
    const rv_bill *best = cheapest(n, bills, p, ANY);
    for (int i = 0; i < n; i++) {
        const rv_bill *b = &bills[i];
        if (b->reaches)
            printf("  %s costs %.4g%s%s: %.0f real steps and %.4g core-hours%s\n", b->label, rv_bill_cost(b, p),
                   space(p), p->currency, b->steps, b->core_hours, b == best && n > 1 ? "; the cheapest" : "");
        else
            printf("  %s did not get there in %.0f real steps and %.4g core-hours\n", b->label, b->steps,
                   b->core_hours);
    }
}

void rv_prices_print(int n, const rv_bill *bills, double threshold, const rv_prices *p)
{
    printf("To a return of %.4g, at %.4g%s%s a real step and %.4g%s%s a core-hour:\n", threshold, p->step, space(p),
           p->currency, p->core_hour, space(p), p->currency);
    print_costs(n, bills, p);
    print_whether_it_pays(n, bills, p);
    if (n > 1)
        printf("Where the order changes:\n");
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++)
            print_pair(&bills[i], &bills[j], threshold, p);
}
