/* compare_view.h - a comparison for people and for other programs. */
#pragma once
#include "launch/compare.h"

/** A table on standard output, with what to know about it below. */
void rv_compare_print(const rv_comparison *comparison);

/** Three charts on standard output. @return what rv_chart_print returns */
rv_status rv_compare_print_charts(const rv_comparison *comparison);

/** Write return_steps, return_wall and return_core as .png and .svg, and curves.csv:
 *
 *   group,x_kind,x,n,iqm,low,high         x_kind: steps, wall_s, core_s; low and high are empty with one seed
 *
 * into a folder, which is made, and say so.
 * @return RV_OK; RV_E_EXISTS; RV_E_IO; RV_E_UNAVAILABLE (no gnuplot); RV_E_NOMEM */
rv_status rv_compare_write(const rv_comparison *comparison, const char *folder);
