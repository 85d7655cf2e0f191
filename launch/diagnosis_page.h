/* diagnosis_page.h - what was found out about a run, in words, tables and pictures. */
#pragma once
#include "launch/diagnosis.h"
#include "launch/page.h"

/** The whole page, but for its end (rv_page_end). @return RV_OK; what rv_page_create and rv_chart_draw return. The
 * caller owns *out. */
rv_status rv_diagnosis_page(const rv_diagnosis *diagnosis, bool has_pictures, rv_page **out);

/** Its sections on the model, which a run without one lacks. */
rv_status rv_diagnosis_model_sections(const rv_diagnosis *diagnosis, rv_page *page);

typedef struct rv_diagnosis_line {
    rv_metric metric;
    const char *label;
} rv_diagnosis_line;

/** A picture of metrics over real steps, of those that were measured.
 * @param[in] lines (n); has_band: from the least to the largest unit @return RV_OK; RV_E_NOMEM; as rv_chart_draw */
rv_status rv_diagnosis_draw(const rv_diagnosis *diagnosis, rv_page *page, const char *title, const char *y_label, int n,
                            const rv_diagnosis_line *lines, bool has_band, const char *caption);

/** The newest value of a metric; NAN: there is none. */
double rv_diagnosis_newest(const rv_diagnosis *diagnosis, rv_metric metric);
