/* prices.h - what it costs to get somewhere, and at which prices another way is cheaper.
 *
 *   cost = steps P + core_hours Q        P: price of a real step, Q: of a core-hour
 *
 * Of two ways, one that needs no more of both is cheaper at any prices. Else a, with fewer steps and more core-hours,
 * is cheaper than b where  P > P* = (h_a - h_b) Q / (s_b - s_a),  or for this P where  Q < Q* = (s_b - s_a) P / (h_a -
 * h_b).
 */
#pragma once
#include "launch/groups.h"

typedef struct rv_prices {
    double step, core_hour;
    const char *currency; /* "" or what stands behind amounts */
} rv_prices;

/** What a group needed to reach the threshold. */
typedef struct rv_bill {
    const char *label;
    rv_kind kind;
    bool reaches; /* false: it did not, and what follows is what it had used when it ended */
    double steps, core_hours;
} rv_bill;

typedef enum rv_verdict {
    RV_V_SAME,         /* both need the same */
    RV_V_FIRST,        /* the first never costs more */
    RV_V_SECOND,       /* the second never costs more */
    RV_V_FIRST_SPARES, /* it depends: the first needs fewer steps and more core-hours */
    RV_V_SECOND_SPARES,
} rv_verdict;

typedef struct rv_break_even {
    rv_verdict verdict;
    double step_price, core_hour_price; /* P*, Q*; where it depends, else 0 */
} rv_break_even;

double rv_bill_cost(const rv_bill *bill, const rv_prices *prices);

/** Of two that reach the threshold. */
rv_break_even rv_break_even_of(const rv_bill *a, const rv_bill *b, const rv_prices *prices);

/** Say what each costs, which is the cheapest, where model-based pays, and where the order of two changes, in plain
 * sentences on standard output. */
void rv_prices_print(int n, const rv_bill *bills, double threshold, const rv_prices *prices);
