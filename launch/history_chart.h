/* history_chart.h - what a run measured over time, as curves over real steps. */
#pragma once
#include "launch/chart.h"
#include "launch/history.h"

enum { RV_HISTORY_POINTS = 300 /* of a curve, at most: more are put together as means */ };

/** Begin a chart over real steps. @param[in] last_step the axis's unit follows from it @return RV_OK; RV_E_NOMEM. The
 * caller clears *out (rv_chart_clear), also after a failure of what follows. */
rv_status rv_history_chart(const char *title, const char *y_label, int n_curves, int64_t last_step, rv_chart *out);

/** Fill curve number i. @param[in] has_band from the least to the largest unit
 * @return RV_OK, also for a series without a point; RV_E_NOMEM */
rv_status rv_history_curve(const rv_series *series, const char *label, int64_t last_step, bool has_band, rv_curve *out);

/** The same as the curve's faint line. */
rv_status rv_history_faint(const rv_series *series, int64_t last_step, rv_curve *out);

/** What steps are divided by on the axis: 1, 1,000 or 1,000,000. */
double rv_history_step_unit(int64_t last_step);
