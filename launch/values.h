/* values.h - what the critics promised at the starts of real episodes, against what came of them.
 *
 * For an episode of n real rows (s_0, a_0, r_0), (s_1, a_1, r_1), ... in the run's journal:
 *   promised  Q = min_i Q_i(s_0, a_0)                                                    the newest critics
 *   achieved  G = sum_{k < n} discount^k r_k + sum_{0 < k < n} discount^k alpha h(s_k) + discount^n V(s_n)
 * h(s) = -log pi(a' | s) is what the soft value pays for entropy, with one a' drawn from the newest policy; the last
 * term is there only where the episode was cut or goes on: V(s) = mean over RV_VALUE_SAMPLES draws of a' of
 * (min_i Q_i(s, a') - alpha log pi(a' | s)). The actions were those of the policy of that time, so an episode that is
 * older than the last improvement achieves less than the newest policy would.
 */
#pragma once
#include "agent/sac.h"
#include "data/journal_table.h"

enum { RV_VALUE_SAMPLES = 16 };

typedef struct rv_value {
    int64_t at;       /* number of its first row in the table, counted from 0 */
    int64_t length;   /* rows */
    double promised;  /* Q */
    double achieved;  /* G */
    double rewards;   /* the first sum of G alone */
    double bootstrap; /* the last term of G; 0 for an episode that terminated */
} rv_value;

typedef struct rv_values {
    int n;
    rv_value *values; /* (n) by `at`; owned */
    /* over them; NAN when n is 0 */
    double promised, achieved, bootstrap; /* means */
    double spread;                        /* standard deviation of G */
} rv_values;

/** The newest episodes, at most `most`, whose first row is row number `from` or a later one. One that was cut or goes
 * on counts only from 1 / (1 - discount) rows on, because before that G is the critics' own word.
 * @param[in] seed of the draws
 * @return RV_OK; RV_E_NOMEM. The caller clears *out. */
rv_status rv_values_at_starts(const rv_sac *sac, uint64_t seed, const rv_journal_table *table, int64_t from, int most,
                              rv_values *out);
void rv_values_clear(rv_values *values);
