#include "command_test.h"
#include "launch/prices.h"

static const rv_prices prices = {0.01, 0.5, "EUR"};

static rv_bill bill(double steps, double core_hours)
{
    return (rv_bill){"a", RV_MODEL_FREE, true, steps, core_hours};
}

static void costs(void)
{
    const rv_bill b = bill(1000, 3);
    CU_ASSERT_DOUBLE_EQUAL(rv_bill_cost(&b, &prices), 11.5, 1e-12);
}

/* 500 steps less for 8 core-hours more: 4 for core-hours is 0.008 a step; 5 for steps is 0.625 a core-hour */
static void breaks_even(void)
{
    const rv_bill thrifty = bill(500, 10);
    const rv_bill other = bill(1000, 2);
    rv_break_even e = rv_break_even_of(&thrifty, &other, &prices);
    CU_ASSERT_EQUAL(e.verdict, RV_V_FIRST_SPARES);
    CU_ASSERT_DOUBLE_EQUAL(e.step_price, 0.008, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(e.core_hour_price, 0.625, 1e-15);
    rv_break_even back = rv_break_even_of(&other, &thrifty, &prices);
    CU_ASSERT_EQUAL(back.verdict, RV_V_SECOND_SPARES);
    CU_ASSERT_EQUAL(back.step_price, e.step_price);
    CU_ASSERT_EQUAL(back.core_hour_price, e.core_hour_price);
    /* at those prices both cost the same, and on either side of them not */
    for (int side = -1; side <= 1; side++) {
        const rv_prices steps = {e.step_price * (1 + 0.1 * side), prices.core_hour, ""};
        const rv_prices hours = {prices.step, e.core_hour_price * (1 + 0.1 * side), ""};
        double by_step = rv_bill_cost(&other, &steps) - rv_bill_cost(&thrifty, &steps);
        double by_hour = rv_bill_cost(&other, &hours) - rv_bill_cost(&thrifty, &hours);
        CU_ASSERT(side ? by_step * side > 0 : fabs(by_step) < 1e-12);
        CU_ASSERT(side ? by_hour * side < 0 : fabs(by_hour) < 1e-12);
    }
}

static void dominates(void)
{
    const rv_bill a = bill(500, 2);
    const rv_bill more_steps = bill(600, 2);
    const rv_bill more_hours = bill(500, 3);
    const rv_bill more = bill(600, 3);
    const rv_bill *others[] = {&more_steps, &more_hours, &more};
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(rv_break_even_of(&a, others[i], &prices).verdict, RV_V_FIRST);
        CU_ASSERT_EQUAL(rv_break_even_of(others[i], &a, &prices).verdict, RV_V_SECOND);
        CU_ASSERT_EQUAL(rv_break_even_of(others[i], &a, &prices).step_price, 0);
    }
    CU_ASSERT_EQUAL(rv_break_even_of(&a, &a, &prices).verdict, RV_V_SAME);
}

/* ---- sentences ---- */

static rv_bill shown[3];
static rv_prices shown_prices;

static int print(int argc, char **argv)
{
    (void)argv;
    rv_prices_print(argc, shown, -200, &shown_prices);
    return 0;
}

static bool says(int n, const char *text)
{
    const char *const words[] = {"", "a", "a b", "a b c"};
    CU_ASSERT_EQUAL(command_run(print, words[n]), 0);
    bool found = strstr(command_output, text) != NULL;
    if (!found)
        printf("\n    expected: %s\n    got: %s\n", text, command_output);
    return found;
}

static void speaks(void)
{
    shown_prices = prices;
    shown[0] = (rv_bill){"mbpo", RV_MODEL_BASED, true, 500, 10};
    shown[1] = (rv_bill){"sac", RV_MODEL_FREE, true, 1000, 2};
    shown[2] = (rv_bill){"lost", RV_MIXED, false, 3000, 1};
    CU_ASSERT(says(3, "To a return of -200, at 0.01 EUR a real step and 0.5 EUR a core-hour:\n"));
    CU_ASSERT(says(3, "  mbpo costs 10 EUR: 500 real steps and 10 core-hours; the cheapest\n"));
    CU_ASSERT(says(3, "  sac costs 11 EUR: 1000 real steps and 2 core-hours\n"));
    CU_ASSERT(says(3, "  lost did not get there in 3000 real steps and 1 core-hours\n"));
    CU_ASSERT(says(3, "At these prices a model pays: model-based costs 10 EUR, model-free 11 EUR.\n"));
    CU_ASSERT(says(3,
                   "mbpo is cheaper than sac when a real step costs more than 0.008 EUR (at 0.5 EUR a core-hour), or "
                   "when a core-hour costs less than 0.625 EUR (at 0.01 EUR a step).\n"));
    CU_ASSERT(says(3, "lost did not reach a return of -200 in 3000 real steps: no price is known at which it is "
                      "cheaper than sac.\n"));
    shown_prices = (rv_prices){0, 0.5, ""};
    CU_ASSERT(says(2, "At these prices a model does not pay: model-based costs 5, model-free 1.\n"));
    CU_ASSERT(says(2, "when a real step costs more than 0.008 (at 0.5 a core-hour).\n"));
    shown[1].steps = 400;
    CU_ASSERT(says(2, "sac is never dearer than mbpo, whatever the prices: it needs fewer real steps and fewer "
                      "core-hours.\n"));
    shown[1].steps = 500;
    CU_ASSERT(says(2, "it needs as many real steps and fewer core-hours.\n"));
    shown[1] = shown[0];
    CU_ASSERT(says(2, "mbpo and mbpo need the same.\n"));
}

static void speaks_of_those_that_are_lost(void)
{
    shown_prices = prices;
    shown[0] = (rv_bill){"mbpo", RV_MODEL_BASED, true, 500, 10};
    shown[1] = (rv_bill){"sac", RV_MODEL_FREE, false, 1000, 2};
    CU_ASSERT(says(2, "A model pays: no model-free run got there.\n"));
    shown[0].reaches = false;
    CU_ASSERT(says(2, "neither mbpo nor sac reached a return of -200.\n"));
    CU_ASSERT_PTR_NULL(strstr(command_output, "pay"));
    shown[1].reaches = true;
    CU_ASSERT(says(2, "A model does not pay: no model-based run got there.\n"));
    CU_ASSERT(says(1, "mbpo did not get there"));
    CU_ASSERT_PTR_NULL(strstr(command_output, "Where the order changes"));
}

RV_TEST_MAIN("prices", {"costs", costs}, {"breaks even", breaks_even}, {"dominates", dominates}, {"speaks", speaks},
             {"speaks of those that are lost", speaks_of_those_that_are_lost})
