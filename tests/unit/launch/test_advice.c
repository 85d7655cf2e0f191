#include "launch/advice.h"
#include "run/config.h"
#include "rv_test.h"

/* a run without fault */
static const rv_advice_numbers good = {
    .n_updates = 10000,
    .updates_per_step = 20,
    .length = 5,
    .model_cost = 1,
    .critic_cost = 2,
    .error = 0.1,
    .naive = 0.1,
    .rank_correlation = 0.7,
    .train_error = 0.1,
    .holdout_error = 0.12,
    .fresh_error = 0.15,
    .explained = 0.99,
    .imagined_share = 0.95,
    .promised = 110,
    .achieved = 100,
    .achieved_spread = 20,
    .z_square = 1.1,
    .gate = 0.5,
    .stopped_share = 0.2,
};

/* what looks like section.key is a setting, and there is one */
static void names_settings(const char *text)
{
    const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    int n = 0;
    for (const char *dot = text; (dot = strchr(dot, '.')) != NULL; dot++) {
        char key[64];
        const rv_section *section = NULL;
        const rv_field *field = NULL;
        const char *from = dot;
        while (from > text && strchr(letters, from[-1]))
            from--;
        size_t length = (size_t)(dot - from) + 1 + strspn(dot + 1, letters);
        if (from == dot || from + length == dot + 1)
            continue;
        snprintf(key, sizeof key, "%.*s", (int)length, from);
        RV_TEST_OK(rv_config_find(key, &section, &field));
        n++;
    }
    CU_ASSERT(n > 0);
}

/* changes one number to one that is just right, then to one that is just not; that alone must be found */
#define COMPLAINS(member, still_good, bad, expected, part)                                                             \
    do {                                                                                                               \
        rv_advice advice[RV_N_ADVICE];                                                                                 \
        rv_advice_numbers numbers = good;                                                                              \
        numbers.member = (still_good);                                                                                 \
        CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 0);                                                               \
        numbers.member = (bad);                                                                                        \
        CU_ASSERT_EQUAL_FATAL(rv_advise(&numbers, advice), 1);                                                         \
        CU_ASSERT_EQUAL(advice[0].id, expected);                                                                       \
        if (!strstr(advice[0].text, part))                                                                             \
            printf("\n    %s\n", advice[0].text);                                                                      \
        CU_ASSERT_PTR_NOT_NULL(strstr(advice[0].text, part));                                                          \
        names_settings(advice[0].text);                                                                                \
        numbers.member = NAN;                                                                                          \
        CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 0);                                                               \
    } while (0)

static void each_alone(void)
{
    COMPLAINS(n_updates, 1, 0, RV_ADVICE_NOT_LEARNING, "0: policy updates so far; at least 1");
    COMPLAINS(updates_per_step, 1, 0.9, RV_ADVICE_STARVED, "0.9: policy updates per real step");
    COMPLAINS(model_cost, 2, 2.5, RV_ADVICE_HORIZON, "1.25: what the model's error costs");
    COMPLAINS(error, 0.14, 0.16, RV_ADVICE_COMPOUNDING, "1.6: open-loop error");
    COMPLAINS(rank_correlation, 0.31, -0.2, RV_ADVICE_MEMBERS, "-0.2: rank correlation");
    COMPLAINS(fresh_error, 0.23, 0.3, RV_ADVICE_STALE, "2.5: error on rows that came after");
    COMPLAINS(train_error, 0.061, 0.04, RV_ADVICE_OVERFITTING, "3: error on rows kept out");
    COMPLAINS(explained, 0.71, 0.45, RV_ADVICE_SHARE, "0.5: imagined part of a minibatch");
    COMPLAINS(explained, 0.71, -3, RV_ADVICE_SHARE, "0.95: imagined part"); /* worse than nothing explains nothing */
    COMPLAINS(promised, 129, 150, RV_ADVICE_CRITIC_HIGH, "0.5: promised less achieved");
    COMPLAINS(promised, 71, 60, RV_ADVICE_CRITIC_LATE, "0.6: promised over achieved");
    COMPLAINS(promised, 71, -5, RV_ADVICE_CRITIC_LATE, "-0.05: promised over achieved");
    COMPLAINS(promised, 71, -20, RV_ADVICE_CRITIC_LOW, "-1.2: promised less achieved");
    COMPLAINS(achieved, 120, -100, RV_ADVICE_CRITIC_HIGH, "2.1: promised less achieved");
    COMPLAINS(z_square, 1.99, 4, RV_ADVICE_OVERCONFIDENT, "4: mean squared z-score");
    COMPLAINS(z_square, 0.51, 0.1, RV_ADVICE_UNDERCONFIDENT, "0.1: mean squared z-score");
    COMPLAINS(stopped_share, 0.89, 0.95, RV_ADVICE_GATE_ALL, "0.95: part of the branches stopped");
    COMPLAINS(stopped_share, 0.02, 0, RV_ADVICE_GATE_NOTHING, "0: part of the branches stopped");
}

/* what does not apply says nothing */
static void says_nothing(void)
{
    rv_advice advice[RV_N_ADVICE];
    rv_advice_numbers numbers = rv_advice_nothing();
    CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 0);
    CU_ASSERT_EQUAL(rv_advise(&good, advice), 0);
    numbers = good;
    numbers.gate = 0; /* no gate: it stops nothing */
    numbers.stopped_share = 0;
    CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 0);
    numbers.length = 1; /* of one step the naive guess is the error itself */
    numbers.error = 1;
    CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 0);
    /* ratios of errors that are next to nothing */
    numbers = good;
    numbers.train_error = 1e-6;
    numbers.holdout_error = 1e-4;
    numbers.fresh_error = 9e-3;
    CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 0);
    numbers.fresh_error = 2e-2;
    CU_ASSERT(rv_advise(&numbers, advice) == 1 && advice[0].id == RV_ADVICE_STALE);
    /* nothing asks for the disagreement, and there is hardly an error to be ranked */
    numbers = good;
    numbers.gate = 0;
    numbers.explained = 0.995;
    numbers.rank_correlation = 0;
    CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 0);
    numbers.explained = 0.98;
    CU_ASSERT(rv_advise(&numbers, advice) == 1 && advice[0].id == RV_ADVICE_MEMBERS);
    numbers = good;
    numbers.n_updates = 0; /* and then also none per step: said once */
    numbers.updates_per_step = 0;
    CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 1);
    /* costs: a promise between 0 and them is late, one beyond them pessimistic */
    numbers = good;
    numbers.achieved = -100;
    numbers.promised = -80;
    CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 0);
    numbers.promised = -50;
    CU_ASSERT(rv_advise(&numbers, advice) == 1 && advice[0].id == RV_ADVICE_CRITIC_LATE);
    numbers.promised = -140;
    CU_ASSERT(rv_advise(&numbers, advice) == 1 && advice[0].id == RV_ADVICE_CRITIC_LOW);
    /* a return near 0 that spreads widely: the spread is the scale */
    numbers = good;
    numbers.promised = 3;
    numbers.achieved = 0;
    CU_ASSERT_EQUAL(rv_advise(&numbers, advice), 0);
}

static void all_at_once(void)
{
    rv_advice advice[RV_N_ADVICE];
    const rv_advice_numbers bad = {.n_updates = 1,
                                   .updates_per_step = 0.1,
                                   .length = 50,
                                   .model_cost = 10,
                                   .critic_cost = 1,
                                   .error = 4,
                                   .naive = 1,
                                   .rank_correlation = 0,
                                   .train_error = 1,
                                   .holdout_error = 5,
                                   .fresh_error = 50,
                                   .explained = 0.1,
                                   .imagined_share = 0.95,
                                   .promised = 900,
                                   .achieved = 100,
                                   .achieved_spread = 1,
                                   .z_square = 50,
                                   .gate = 1,
                                   .stopped_share = 1};
    const rv_advice_id expected[] = {
        RV_ADVICE_STARVED,     RV_ADVICE_HORIZON, RV_ADVICE_COMPOUNDING, RV_ADVICE_MEMBERS,       RV_ADVICE_STALE,
        RV_ADVICE_OVERFITTING, RV_ADVICE_SHARE,   RV_ADVICE_CRITIC_HIGH, RV_ADVICE_OVERCONFIDENT, RV_ADVICE_GATE_ALL};
    CU_ASSERT_EQUAL_FATAL(rv_advise(&bad, advice), 10);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(advice[i].id, expected[i]);
        CU_ASSERT(strlen(advice[i].title) > 10 && strlen(advice[i].text) < RV_ADVICE_TEXT - 1);
        names_settings(advice[i].text);
    }
}

RV_TEST_MAIN("advice", {"each alone", each_alone}, {"says nothing", says_nothing}, {"all at once", all_at_once})
